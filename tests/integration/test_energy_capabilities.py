"""A program that loses its privileges: another method, with its reason, and the same results."""

import json
import os
import shutil
import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("setpriv") is None,
        reason="only root can take capabilities away, with setpriv",
    ),
]

PROGRAM = """
import asyncio, json
import greenlithops as gl
from greenlithops.energy.sharing import shared_sampler

def work(n):
    return sum(i * i for i in range(n))

async def main():
    async with gl.AsyncExecutor(max_workers=2) as executor:
        job = executor.map(work, [100_000] * 6)
        found = await job
        async with shared_sampler() as sampler:
            sources = sampler.cpu_sources
            tried = [refusal.name for refusal in sources.refusals]
            reasons = all(refusal.reason for refusal in sources.refusals)
        report = job.energy
    same = found == [work(100_000)] * 6
    parts = report.joules + (report.idle_joules or 0) + report.other_joules
    whole = abs(parts - report.machine_joules) < 1e-6 * report.machine_joules
    print(json.dumps([same, whole, report.kind, sources.trees.name, tried, reasons]))

asyncio.run(main())
"""


def run(*drop):
    command = [sys.executable, "-c", PROGRAM]
    if drop:
        lost = ",".join(f"-{name}" for name in drop)
        command = ["setpriv", f"--bounding-set={lost}", f"--inh-caps={lost}", *command]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_privileges_change_the_method_and_never_the_run():
    same, whole, _, source, tried, reasons = run()
    assert same
    assert whole
    assert reasons
    best = source
    same, whole, _, source, tried, reasons = run("bpf", "perfmon", "sys_admin")
    assert same
    assert whole
    assert reasons
    assert "ebpf" in tried
    assert source != "ebpf"
    same, whole, kind, source, tried, reasons = run("all")
    assert same
    assert whole
    assert reasons
    assert kind in {"measured", "estimated"}
    assert "ebpf" in tried
    assert best in {"ebpf", source, "cgroup"}
