"""The recipes for Kubernetes: strict validation accepts them, and their commands exist."""

import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"
OBJECTS = [
    pytest.param(found, id=f"{path.stem}-{found['kind']}")
    for path in sorted(FOLDER.glob("energy-*.yaml"))
    for found in yaml.safe_load_all(path.read_text())
]
GREENLITHOPS = (sys.executable, "-c", "from greenlithops.cli import main; main()")


def pod_of(found):
    """Return the specification of an object's pods, or None."""
    if found["kind"] == "Pod":
        return found["spec"]
    return found["spec"]["template"]["spec"] if "template" in found.get("spec", {}) else None


@pytest.mark.parametrize("found", OBJECTS)
@pytest.mark.parametrize("version", ["1.31", kubernetes_validate.latest_version()])
def test_strict_validation_accepts_them(found, version):
    kubernetes_validate.validate(found, version, strict=True)


@pytest.mark.parametrize("found", OBJECTS)
def test_containers_ask_for_as_little_as_can_be(found):
    spec = pod_of(found)
    if spec is None:
        return
    assert spec["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
    for container in spec["containers"]:
        context = container["securityContext"]
        assert context["privileged"] is False
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert all(
            mount["readOnly"] for mount in container["volumeMounts"] if mount["name"] == "sys"
        )
        assert {"requests", "limits"} <= container["resources"].keys()


@pytest.mark.parametrize("found", OBJECTS)
def test_their_commands_exist(found):
    spec = pod_of(found)
    for container in spec["containers"] if spec else ():
        program, *arguments = container["command"]
        assert program == "greenlithops"
        # Options that do not exist are refused before help is shown.
        command = [*GREENLITHOPS, *arguments, "--help"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_there_are_recipes_and_the_checks_can_fail():
    kinds = [param.values[0]["kind"] for param in OBJECTS]
    assert sorted(kinds) == ["DaemonSet", "Namespace", "Pod"]
    wrong = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "wrong"},
        # `privileged` belongs to containers; API servers that are not strict drop it silently.
        "spec": {"securityContext": {"privileged": True}, "containers": [{"name": "a"}]},
    }
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.31", strict=True)
    command = [*GREENLITHOPS, "energy", "watch", "--no-such-option", "--help"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode != 0
