"""What the cluster says, and what that means for calls: pure functions of its answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from greenlithops.backends.compute.http.refusals import seconds_to_wait
from greenlithops.backends.compute.kubernetes.naming import WORKER
from greenlithops.errors import (
    ConfigurationError,
    GreenlithopsError,
    OutOfMemory,
    ServiceRefused,
    ServiceUnavailable,
    Throttled,
    WorkerLost,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: a container that waits for one of these does not start by waiting longer
_NEVER = {
    "CreateContainerConfigError": "its configuration is wrong",
    "CreateContainerError": "it cannot be made",
    "ErrImageNeverPull": "its image is not on the node, and must not be pulled",
    "ErrImagePull": "its image cannot be pulled",
    "ImageInspectError": "its image cannot be read",
    "ImagePullBackOff": "its image cannot be pulled",
    "InvalidImageName": "its image has no valid name",
    "RegistryUnavailable": "the registry of its image does not answer",
    "RunContainerError": "it cannot be run",
    "StartError": "it cannot be run",
}
#: pods end for these reasons through no fault of their calls
_TAKEN = {
    "ContainerStatusUnknown", "Evicted", "NodeAffinity", "NodeLost", "NodeShutdown", "OutOfcpu",
    "OutOfmemory", "OutOfpods", "Preempting", "Preempted", "Shutdown", "Terminated",
    "UnexpectedAdmissionError",
}  # fmt: skip
#: events about the making of pods
_NOT_MADE = {"FailedCreate", "ReplicaSetCreateError", "FailedMount"}


class Gone(ServiceUnavailable):
    """The server does not know a resource version any more: begin anew."""


class NotThere(ServiceRefused):
    """There is no such object."""


class Exists(ServiceRefused):
    """There is an object of this name already."""


_ADVICE_ON_QUOTA = "ask for less cpu, memory or max_workers, or for more quota"
_MEANING: Mapping[int, tuple[type[GreenlithopsError], str]] = {
    401: (ServiceRefused, "; the credentials of the configuration are not accepted"),
    403: (ServiceRefused, "; docs/kubernetes.md says which rights are needed"),
    404: (NotThere, ""),
    410: (Gone, ""),
}


class Trouble(NamedTuple):
    """Why a pod does not run, or does not run any more.

    Attributes:
        kind: ``start``: it will never run; ``place``: no node has room for it; ``lost``: its node
            gives no sign; ``taken``: it was ended through no fault of its calls; ``memory``: it
            used too much; ``ended``: it ended.
        text: what the cluster says.
        exit_code: of the container, where it has ended.
    """

    kind: str
    text: str
    exit_code: int | None = None

    def error(self) -> GreenlithopsError:
        """Return what calls fail with that cannot be run, or were run."""
        if self.kind == "memory":
            return OutOfMemory(self.text, exit_code=self.exit_code)
        if self.kind in ("start", "place"):
            return ServiceRefused(self.text)
        return WorkerLost(self.text, exit_code=self.exit_code)


def refusal(status: int, headers: Mapping[str, str], text: str, what: str) -> GreenlithopsError:
    """Return what an HTTP status other than success means.

    Args:
        status: the status.
        headers: of the answer.
        text: its body.
        what: what was asked.
    """
    try:
        content: Any = json.loads(text)
    except ValueError:
        content = {}
    content = content if isinstance(content, dict) else {}
    said = f"Kubernetes, asked to {what}, answered {status}: {content.get('message') or text[:500]}"
    retry_after = seconds_to_wait(headers.get("Retry-After"))
    if status == 409:  # noqa: PLR2004 - conflict
        return (
            Exists(said) if content.get("reason") == "AlreadyExists" else ServiceUnavailable(said)
        )
    if status in (400, 422):
        return ConfigurationError(f"kubernetes: {said}")
    if status == 429:  # noqa: PLR2004 - too many requests
        return Throttled(said, retry_after=retry_after)
    if status >= 500:  # noqa: PLR2004 - a server error
        return ServiceUnavailable(said, retry_after=retry_after)
    if status == 403 and "exceeded quota" in said:  # noqa: PLR2004 - forbidden
        return ServiceRefused(f"{said}; {_ADVICE_ON_QUOTA}")
    kind, advice = _MEANING.get(status, (ServiceRefused, ""))
    return kind(f"{said}{advice}")


def pod_trouble(pod: Mapping[str, Any]) -> Trouble | None:
    """Return why a pod does not run; None if it does, or may soon."""
    status, name = pod.get("status", {}), pod["metadata"]["name"]
    for one in _containers(status):
        waiting = one.get("state", {}).get("waiting") or {}
        if waiting.get("reason") == "CrashLoopBackOff" and (last := _last(one, name)):
            return Trouble("start", f"{last.text}, again and again (CrashLoopBackOff)")
        if because := _NEVER.get(waiting.get("reason", "")):
            said = waiting.get("message", "")
            image = one.get("image", "")
            return Trouble(
                "start",
                f"the pod {name} does not start: {because} ({waiting['reason']}, {image}): {said}",
            )
    if ended := end_of(pod):
        return ended
    if cut_off(pod):
        return Trouble("lost", f"the node of the pod {name} gives no sign (NodeNotReady)")
    for condition in status.get("conditions", ()):
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "Unschedulable":
            said = condition.get("message", "no node has room")
            return Trouble("place", f"the pod {name} finds no place (Unschedulable): {said}")
    return None


def end_of(pod: Mapping[str, Any]) -> Trouble | None:
    """Return how a pod ended; None if it has not, or if its calls had nothing to do with it."""
    status, metadata = pod.get("status", {}), pod["metadata"]
    name, reason = metadata["name"], status.get("reason", "")
    ends = [one["state"]["terminated"] for one in _containers(status) if _over(one)]
    found = [why for ended in ends if (why := _how(ended, name))]
    if memory := [why for why in found if why.kind == "memory"]:
        return memory[0]
    if reason in _TAKEN or (reason and status.get("phase") == "Failed" and not ends):
        said = status.get("message", "")
        return Trouble("taken", f"the pod {name} was ended ({reason}): {said}")
    if metadata.get("deletionTimestamp"):
        return Trouble("taken", f"the pod {name} was deleted") if ends else None
    return found[0] if found else None


def restarted(pod: Mapping[str, Any]) -> tuple[int, Trouble | None, str | None]:
    """Return how often a pod's workers were started again, why last, and since when they run."""
    for one in pod.get("status", {}).get("containerStatuses") or ():
        if one["name"] == WORKER:
            running = one.get("state", {}).get("running") or {}
            last = _last(one, pod["metadata"]["name"])
            return one.get("restartCount", 0), last, running.get("startedAt")
    return 0, None, None


def cut_off(pod: Mapping[str, Any]) -> bool:
    """Return whether the node of a pod gives no sign, as far as the cluster knows.

    It then says that the pod is not ready, for no reason, though its containers are said to be.
    """
    found = {one.get("type"): one for one in pod.get("status", {}).get("conditions") or ()}
    ready, inside = found.get("Ready", {}), found.get("ContainersReady", {})
    said = ready.get("status") == "False" and not ready.get("reason")
    return bool(said and inside.get("status") == "True")


def runs(pod: Mapping[str, Any]) -> bool:
    """Return whether the workers of a pod run, and are not about to end."""
    if pod["metadata"].get("deletionTimestamp") or cut_off(pod):
        return False
    there = pod.get("status", {}).get("containerStatuses") or ()
    return any(one["name"] == WORKER and "running" in one.get("state", {}) for one in there)


def creation_trouble(event: Mapping[str, Any]) -> Trouble | None:
    """Return why pods are not made, as an event or a condition says; None if it does not."""
    reason, said = event.get("reason", ""), event.get("message", "")
    if reason in _NOT_MADE and reason != "FailedMount":
        advice = f"; {_ADVICE_ON_QUOTA}" if "exceeded quota" in said else ""
        return Trouble("start", f"the cluster makes no pods ({reason}): {said}{advice}")
    return None


def _containers(status: Mapping[str, Any]) -> Iterator[Any]:
    yield from status.get("initContainerStatuses") or ()
    yield from status.get("containerStatuses") or ()


def _over(container: Mapping[str, Any]) -> bool:
    return bool(container.get("state", {}).get("terminated"))


def _last(container: Mapping[str, Any], name: str) -> Trouble | None:
    ended = container.get("lastState", {}).get("terminated")
    return _how(ended, name) if ended else None


def _how(ended: Mapping[str, Any], name: str) -> Trouble | None:
    code, reason = ended.get("exitCode"), ended.get("reason", "")
    if reason == "OOMKilled":
        return Trouble(
            "memory", f"the pod {name} used all its memory (OOMKilled); give more memory", code
        )
    if reason == "ContainerStatusUnknown":
        return Trouble("taken", f"the node of the pod {name} was lost ({reason})", code)
    if code:
        said = ended.get("message", "").strip()[-1000:]
        return Trouble("ended", f"the pod {name} ended with {code} ({reason}): {said}", code)
    return None


def well(pod: Mapping[str, Any]) -> bool:
    """Return whether a pod has ended by itself, and without an error."""
    if pod["metadata"].get("deletionTimestamp"):
        return False  # it may have been told to end before its call had
    return bool(pod.get("status", {}).get("phase") == "Succeeded")


def over(pod: Mapping[str, Any]) -> bool:
    """Return whether nothing in a pod runs any more, nor will."""
    return pod.get("status", {}).get("phase") in ("Failed", "Succeeded")
