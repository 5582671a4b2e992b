import warnings
from pathlib import Path

import pytest

import greenlithops as gl
from support.clock import soon
from support.clouds.kubernetes import Cluster

IMAGE = "registry.example.com/me/calls:1"


@pytest.fixture(scope="session")
def kubernetes_imported():
    """What takes seconds, and warns, is imported before a test is blamed for it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import kubernetes_asyncio.client  # noqa: PLC0415 - see above
        import kubernetes_asyncio.config  # noqa: F401, PLC0415 - see above


@pytest.fixture
async def cluster(kubernetes_imported, tmp_path):
    """An API server that starts processes in place of pods."""
    one = Cluster(tmp_path)
    await one.start()
    yield one
    await one.close()


@pytest.fixture
def options(cluster, valkey):
    return {
        "image": IMAGE,
        "redis": valkey.endpoint,
        "kubeconfig": str(cluster.kubeconfig),
        "max_workers": 2,
        "lease_seconds": 2,
        "grace_seconds": 0,
    }


@pytest.fixture
async def executor(options):
    async with soon(50), gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        yield executor
        for job in executor.jobs:  # a test that failed shall not wait for its calls
            job.cancel()


def pytest_collection_modifyitems(items):
    """Leave time for the import of the cluster's client, which has a thousand modules."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.timeout(240))
