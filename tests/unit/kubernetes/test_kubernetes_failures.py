"""What the cluster says means for calls: answers as a real server gives them."""

import pytest

from greenlithops.backends.compute.kubernetes import failures
from greenlithops.backends.compute.kubernetes.state import Pods
from greenlithops.errors import (
    ConfigurationError,
    OutOfMemory,
    ServiceRefused,
    ServiceUnavailable,
    Throttled,
    WorkerLost,
)


def pod(*, phase="Running", state=None, last=None, restarts=0, name="greenlithops-a-1", **more):
    status = {"name": "worker", "image": "calls:1", "restartCount": restarts}
    status["state"] = {"running": {"startedAt": "2026-01-01T00:00:00Z"}} if state is None else state
    if last:
        status["lastState"] = {"terminated": last}
    meta = {"name": name, "labels": {"greenlithops.io/role": "pool"}, "uid": name}
    meta |= more.pop("metadata", {})
    return {"metadata": meta, "status": {"phase": phase, "containerStatuses": [status], **more}}


def waiting(reason, message=""):
    return {"waiting": {"reason": reason, "message": message}}


def ended(code, reason="Error", message=""):
    return {"terminated": {"exitCode": code, "reason": reason, "message": message}}


UNSCHEDULABLE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/1 nodes are available: 1 Insufficient cpu.",
}
DELETED = {"deletionTimestamp": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("found", "kind", "text"),
    [
        (pod(state=waiting("ErrImagePull", "not found")), "start", "cannot be pulled.*not found"),
        (pod(state=waiting("ImagePullBackOff")), "start", "ImagePullBackOff"),
        (pod(state=waiting("InvalidImageName")), "start", "no valid name"),
        (pod(state=waiting("CreateContainerConfigError", "runAsNonRoot")), "start", "runAsNonRoot"),
        (
            pod(
                state=waiting("CrashLoopBackOff"), last=ended(1, message="no module")["terminated"]
            ),
            "start",
            "no module.*again and again",
        ),
        (pod(phase="Failed", state=ended(137, "OOMKilled")), "memory", "OOMKilled"),
        (pod(phase="Failed", state=ended(3)), "ended", "ended with 3"),
        (pod(phase="Failed", reason="Evicted", message="disk"), "taken", "Evicted.*disk"),
        (pod(phase="Failed", reason="Preempting"), "taken", "Preempting"),
        (pod(phase="Failed", reason="NodeLost", state=ended(137)), "taken", "NodeLost"),
        (pod(phase="Failed", state=ended(143), metadata=DELETED), "taken", "was deleted"),
        (pod(phase="Failed", state=ended(137, "ContainerStatusUnknown")), "taken", "node"),
        (pod(phase="Pending", conditions=[UNSCHEDULABLE], state={}), "place", "Insufficient cpu"),
    ],
)
def test_why_a_pod_does_not_run(found, kind, text):
    trouble = failures.pod_trouble(found)
    assert trouble.kind == kind
    with pytest.raises(
        {"memory": OutOfMemory, "start": ServiceRefused, "place": ServiceRefused}.get(
            kind, WorkerLost
        ),
        match=text,
    ):
        raise trouble.error()


@pytest.mark.parametrize(
    "found",
    [
        pod(),
        pod(phase="Pending", state=waiting("ContainerCreating")),
        pod(phase="Succeeded", state=ended(0, "Completed")),
        pod(metadata=DELETED),
    ],
    ids=["runs", "starts", "done", "is ending"],
)
def test_pods_without_trouble(found):
    assert failures.pod_trouble(found) is None


@pytest.mark.parametrize(
    ("status", "message", "error", "text"),
    [
        (401, "Unauthorized", ServiceRefused, "credentials"),
        (403, "cannot create resource", ServiceRefused, "rights"),
        (403, "exceeded quota: none", ServiceRefused, "more quota"),
        (404, "not found", failures.NotThere, "not found"),
        (409, "the object has been modified", ServiceUnavailable, "modified"),
        (410, "too old resource version", failures.Gone, "too old"),
        (422, "Invalid value", ConfigurationError, "Invalid value"),
        (429, "slow down", Throttled, "slow down"),
        (500, "etcd", ServiceUnavailable, "etcd"),
        (302, "?", ServiceRefused, "302"),
    ],
)
def test_refusals_of_the_server(status, message, error, text):
    found = failures.refusal(status, {"Retry-After": "7"}, f'{{"message": "{message}"}}', "GET /x")
    assert type(found) is error
    assert text in str(found)
    if isinstance(found, Throttled):
        assert found.retry_after == 7


class Heard:
    def __init__(self):
        self.lost, self.changed = [], []
        self.pods = Pods(
            "greenlithops-a", lambda *what: self.lost.append(what), self.changed.append
        )

    def verdict(self, **limits):
        return self.pods.verdict(
            "pool", **{"busy": True, "unschedulable": 60, "start": 60} | limits
        )


def test_a_pod_that_was_deleted_has_not_ended_well():
    pod = {"metadata": {"name": "a"}, "status": {"phase": "Succeeded"}}
    assert failures.well(pod)
    pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert not failures.well(pod)


def test_a_pod_that_goes_is_told_once():
    heard = Heard()
    heard.pods.pod("ADDED", pod())
    heard.pods.pod("MODIFIED", pod(phase="Failed", state=ended(143), metadata=DELETED))
    heard.pods.pod("DELETED", pod(phase="Failed", state=ended(143), metadata=DELETED))
    assert [(name, why.kind) for name, _, why, _ in heard.lost] == [("greenlithops-a-1", "taken")]


def test_the_reason_of_a_deletion_is_told():
    heard = Heard()
    heard.pods.pod("ADDED", pod())
    about = {"kind": "Pod", "name": "greenlithops-a-1"}
    heard.pods.event("ADDED", {"involvedObject": about, "reason": "Preempted", "message": "by x"})
    heard.pods.pod("DELETED", pod(metadata=DELETED))
    assert "Preempted: by x" in heard.lost[0][2].text


def test_workers_that_are_started_again_are_told_with_the_moment():
    heard = Heard()
    heard.pods.pod("ADDED", pod())
    heard.pods.pod("MODIFIED", pod(restarts=1, last=ended(137, "OOMKilled")["terminated"]))
    heard.pods.pod("MODIFIED", pod(restarts=1, last=ended(137, "OOMKilled")["terminated"]))
    ((_, role, why, before),) = heard.lost
    assert (role, why.kind, before) == ("pool", "memory", 1767225600.0)


def test_calls_wait_for_places_for_a_while_and_not_for_images():
    heard = Heard()
    heard.pods.pod("ADDED", pod(phase="Pending", conditions=[UNSCHEDULABLE], state={}))
    assert heard.verdict() is None
    assert "Insufficient cpu" in heard.verdict(unschedulable=0).text
    assert heard.verdict(busy=False, unschedulable=0) is None
    heard.pods.pod("MODIFIED", pod(phase="Pending", state=waiting("ErrImagePull")))
    assert heard.verdict().kind == "start"
    heard.pods.pod("ADDED", pod(name="greenlithops-a-2"))
    assert heard.verdict(unschedulable=0) is None, "another one runs"


def test_a_node_that_gives_no_sign_is_waited_for_for_a_while():
    """As a server of 1.20 said it of a node whose kubelet was killed."""
    heard = Heard()
    heard.pods.pod("ADDED", pod())
    assert heard.pods.role("pool").running
    ready = {"type": "Ready", "status": "False"}
    heard.pods.pod(
        "MODIFIED", pod(conditions=[ready, {"type": "ContainersReady", "status": "True"}])
    )
    assert heard.verdict(unschedulable=60) is None
    verdict = heard.verdict(unschedulable=0)
    assert isinstance(verdict.error(), WorkerLost)
    assert "gives no sign (NodeNotReady)" in verdict.text
    assert not heard.lost, "they may go on running there"
    heard.pods.pod("MODIFIED", pod())
    assert heard.verdict(unschedulable=0) is None


@pytest.mark.parametrize(
    "conditions",
    [
        [{"type": "Ready", "status": "False", "reason": "ReadinessGatesNotReady"},
         {"type": "ContainersReady", "status": "True"}],
        [{"type": "Ready", "status": "False", "reason": "ContainersNotReady"},
         {"type": "ContainersReady", "status": "False"}],
        [{"type": "Ready", "status": "True"}, {"type": "ContainersReady", "status": "True"}],
    ],
    ids=["gate", "sidecar", "ready"],
)  # fmt: skip
def test_pods_that_are_not_ready_for_another_reason_run(conditions):
    assert failures.runs(pod(conditions=conditions))


def test_nothing_is_waited_for_for_ever(caplog):
    heard = Heard()
    heard.pods.pod("ADDED", pod(phase="Pending", state=waiting("ContainerCreating")))
    about = {"kind": "Pod", "name": "greenlithops-a-1"}
    for _ in range(2):  # the cluster says it again and again
        event = {"involvedObject": about, "reason": "FailedMount", "message": "nfs"}
        heard.pods.event("ADDED", event)
    assert caplog.messages == ["a pod does not start yet: FailedMount: nfs"]
    assert "no pod has started in 0 s: FailedMount: nfs" in heard.verdict(start=0).text


def test_events_of_others_are_not_ours():
    heard = Heard()
    about = {"kind": "ReplicaSet", "name": "greenlithops-b-1"}
    heard.pods.event("ADDED", {"involvedObject": about, "reason": "FailedCreate", "message": "x"})
    assert heard.verdict() is None
    about = {"kind": "Job", "name": "greenlithops-a-7"}
    heard.pods.event("ADDED", {"involvedObject": about, "reason": "FailedCreate", "message": "x"})
    assert heard.pods.verdict("job-7", busy=True, unschedulable=0, start=60).kind == "start"
