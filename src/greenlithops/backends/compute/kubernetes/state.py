"""What the cluster does with a session's pods, as its watches tell it, and what that means."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from greenlithops.backends.compute.kubernetes import failures
from greenlithops.backends.compute.kubernetes.naming import ROLE, ROLE_POOL

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenlithops.backends.compute.kubernetes.failures import Trouble
    from greenlithops.backends.compute.kubernetes.naming import Manifest

#: events that say why a pod went; or why it does not start yet
_TELLING = {"Preempted", "Evicted", "TaintManagerEviction", "NodeNotReady", "NodeShutdown"}
_HINDERED = {"FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "NetworkNotReady"}
_WAITED_FOR = ("place", "lost")  #: troubles that may pass

#: the annotation that says which index of a Job a pod has
INDEX = "batch.kubernetes.io/job-completion-index"

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Role:
    """The pods that take calls from one stream.

    Attributes:
        running: the names of those whose workers run.
        troubles: why others do not, by name; ``""`` for why none is made.
        since: when there was something to do, but no pod to do it, by the monotonic clock.
        hint: what else was heard.
    """

    running: set[str] = field(default_factory=set)
    troubles: dict[str, Trouble] = field(default_factory=dict)
    since: float | None = None
    hint: str = ""


class Pods:
    """The pods of a session.

    Args:
        prefix: what the names of all its objects begin with.
        lost: told of a pod whose calls will not be answered: its name, role, why, and the moment
            before which its workers had started (None if it does not matter).
        changed: told of a role whose state is another one.
    """

    def __init__(
        self,
        prefix: str,
        lost: Callable[[str, str, Trouble, float | None], None],
        changed: Callable[[str], None],
    ) -> None:
        self.roles: dict[str, Role] = {}
        self.nodes: dict[str, str] = {}  #: on which each pod is
        #: told of a pod that has ended well: its name and role
        self.done: Callable[[str, str], None] = lambda *_: None
        self._indices: dict[str, int] = {}  #: of pods of indexed Jobs
        self._prefix = prefix
        self._lost = lost
        self._changed = changed
        self._restarts: dict[str, int] = {}
        self._told: set[str] = set()
        self._reasons: dict[str, str] = {}

    def role(self, name: str) -> Role:
        """Return the state of a role."""
        return self.roles.setdefault(name, Role())

    def forget(self, name: str) -> None:
        """A role has nothing more to do."""
        self.roles.pop(name, None)

    def pod(self, kind: str, pod: Manifest) -> None:
        """Take note of a pod's state."""
        metadata = pod["metadata"]
        name, role_name = metadata["name"], metadata["labels"].get(ROLE, ROLE_POOL)
        role = self.role(role_name)
        if kind == "DELETED":
            self.nodes.pop(name, None)
            self._indices.pop(name, None)
            role.running.discard(name)
            role.troubles.pop(name, None)
            self._restarts.pop(name, None)
            if name not in self._told:
                self._end(name, role_name, self._gone(name))
            self._told.discard(name)
            self._reasons.pop(name, None)
            self._changed(role_name)
            return
        if node := pod.get("spec", {}).get("nodeName"):
            self.nodes[name] = node
        if index := (metadata.get("annotations") or {}).get(INDEX):
            self._indices[name] = int(index)
        if failures.runs(pod):
            role.running.add(name)
            role.troubles.clear()
            role.since = None
        else:
            role.running.discard(name)
        self._look(name, role_name, role, pod)
        self._changed(role_name)

    def _look(self, name: str, role_name: str, role: Role, pod: Manifest) -> None:
        count, last, since = failures.restarted(pod)
        if count > self._restarts.get(name, 0):
            self._restarts[name] = count
            if last is not None:
                self._end(name, role_name, last, _moment(since))
        trouble = failures.pod_trouble(pod)
        if trouble is None:
            if failures.well(pod) and name not in self._told:
                self._told.add(name)
                self.done(name, role_name)
            return
        if trouble.kind in ("start", *_WAITED_FOR):
            if name not in role.troubles:
                _log.warning("%s", trouble.text)
            role.troubles[name] = trouble
        elif name not in self._told and failures.over(pod):
            self._told.add(name)
            self._end(name, role_name, trouble)

    def index_of(self, pod: str) -> int:
        """Return which of a Job's invocations a pod has."""
        return self._indices.get(pod, 0)

    def _end(self, name: str, role: str, why: Trouble, before: float | None = None) -> None:
        _log.info("%s", why.text)
        self._lost(name, role, why, before)

    def _gone(self, name: str) -> Trouble:
        said = self._reasons.get(name)
        text = f"the pod {name} was deleted"
        return failures.Trouble("taken", f"{text} ({said})" if said else text)

    def event(self, _: str, event: Manifest) -> None:
        """Take note of what the cluster says."""
        about = event.get("involvedObject", {})
        name, reason = str(about.get("name", "")), event.get("reason", "")
        if not name.startswith(self._prefix):
            return
        if about.get("kind") == "Pod":
            if reason in _TELLING:
                self._reasons[name] = f"{reason}: {event.get('message', '')}"
            elif reason in _HINDERED:
                self._hinder(f"{reason}: {event.get('message', '')}")
            return
        if (trouble := failures.creation_trouble(event)) is not None:
            job = name.removeprefix(f"{self._prefix}-") if about.get("kind") == "Job" else None
            self._not_made(f"job-{job}" if job else ROLE_POOL, trouble)

    def _hinder(self, hint: str) -> None:
        """Take note of what a pod waits for: it may still come, but people should know."""
        if any(role.hint != hint for role in self.roles.values()):
            _log.warning("a pod does not start yet: %s", hint)
        for role in self.roles.values():
            role.hint = hint

    def deployment(self, _: str, found: Manifest) -> None:
        """Take note of whether the pods of the pool can be made."""
        for one in found.get("status", {}).get("conditions", ()):
            if one["type"] == "ReplicaFailure" and one["status"] == "True":
                trouble = failures.creation_trouble(one)
                if trouble is not None:
                    self._not_made(ROLE_POOL, trouble)
                return
        role = self.role(ROLE_POOL)
        if role.troubles.pop("", None):
            self._changed(ROLE_POOL)

    def _not_made(self, name: str, trouble: Trouble) -> None:
        role = self.role(name)
        if role.troubles.get("") != trouble:
            _log.warning("%s", trouble.text)
            role.troubles[""] = trouble
            self._changed(name)

    def verdict(
        self, name: str, *, busy: bool, unschedulable: float, start: float
    ) -> Trouble | None:
        """Return why the calls of a role cannot be run; None if they can, or may soon.

        Args:
            name: the role.
            busy: whether there are calls.
            unschedulable: seconds for which pods may wait for a place, or for the node on which
                they are to give a sign again, while none runs.
            start: seconds in which a first one must run.
        """
        role = self.role(name)
        if role.running or not busy:
            role.since = None
            return None
        now = time.monotonic()
        if role.since is None:
            role.since = now
        waited = []
        for trouble in role.troubles.values():
            if trouble.kind not in _WAITED_FOR:
                return trouble
            waited.append(trouble)
        if waited and now - role.since >= unschedulable:
            return waited[0]
        if now - role.since >= start:
            said = f": {role.hint}" if role.hint else ""
            return failures.Trouble("start", f"no pod has started in {start:g} s{said}")
        return None


def _moment(text: Any) -> float | None:
    """Return a moment of the cluster's as seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp() if text else None
