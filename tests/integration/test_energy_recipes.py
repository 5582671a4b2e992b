"""What the recipes for Kubernetes rely on: a node's meter, and pods that may only follow it."""

import json
import os
import subprocess
import sys
import time

import pytest

from greenlithops.testing.meters import LiveMachine, LivePowercap
from support import scripts
from support.folders import open_to_all

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        LivePowercap.impossible() is not None,
        reason=f"the kernel or the machine does not allow it: {LivePowercap.impossible()}",
    ),
]

ENERGY = (sys.executable, "-c", "from greenlithops.cli import main; main()", "energy")
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
WITHOUT_CAPABILITIES = ["--bounding-set=-all", "--inh-caps=-all"]


@pytest.fixture
def node(tmp_path):
    """Run the DaemonSet's command as its container would; give the folder that pods mount."""
    open_to_all(tmp_path)
    shared = tmp_path / "run"
    shared.mkdir(mode=0o755)
    with LivePowercap(tmp_path / "sys", LiveMachine()) as sysfs:
        environment = {"GREENLITHOPS_SYSFS": str(sysfs), "GREENLITHOPS_RUNTIME_DIR": str(shared)}
        command = ["setpriv", *WITHOUT_CAPABILITIES, *ENERGY, "watch", "--interval", "0.2"]
        watch = subprocess.Popen(
            command, env=os.environ | environment, stdout=subprocess.PIPE, text=True
        )
        assert "measured (powercap)" in watch.stdout.readline()
        deadline = time.monotonic() + scripts.LIMIT
        while not (shared / "meter.page").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        yield shared
        watch.terminate()
        watch.communicate()


@pytest.mark.parametrize("user", [NOBODY, ["setpriv"]], ids=["nobody", "root"])
def test_a_pod_without_any_right_follows_the_nodes_meter(node, user):
    mount = f'mount --bind {node} {node} && mount -o remount,ro,bind {node} && exec "$@"'
    command = ["unshare", "--mount", "sh", "-c", mount, "sh", *user, *WITHOUT_CAPABILITIES]
    environment = os.environ | {"GREENLITHOPS_RUNTIME_DIR": str(node), "HOME": "/tmp"}
    done = subprocess.run(
        [*command, *ENERGY, "probe", "--require", "measured", "--json"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=scripts.LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert (found["meter"], found["kind"]) == ("node:powercap", "measured")
    assert found["watts_now"] > 15  # 20 W idle, and more
