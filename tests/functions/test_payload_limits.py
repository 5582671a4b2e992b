"""What passes a service's limits is told before it is sent, or instead of being returned."""

import pytest

import greenlithops as gl
from greenlithops.backends.compute.aliyun_fc.backend import aliyun_fc
from greenlithops.backends.compute.azure_containers.backend import azure_containers
from greenlithops.backends.compute.azure_functions.backend import azure_functions
from greenlithops.backends.compute.gcp_cloudrun.backend import gcp_cloudrun
from greenlithops.backends.compute.gcp_functions.backend import gcp_functions
from greenlithops.backends.compute.hosted import HostedBackend, Service
from greenlithops.backends.compute.http.refusals import refusal
from greenlithops.backends.compute.oracle_f.backend import oracle_f
from greenlithops.backends.compute.services import PYTHON
from greenlithops.errors import PayloadTooLarge
from greenlithops.offload import off_loop
from support.clock import soon

KEY = "the key of these tests"
MIB = 1 << 20
AZURE = {
    "resource_group": "calls",
    "region": "westeurope",
    "storage_account_name": "mine",
    "storage_account_key": "a2V5",
}
ORACLE = {
    "runtime": "fra.ocir.io/mine/calls:1",
    "compartment_id": "ocid1.compartment.oc1..calls",
    "tenancy": "ocid1.tenancy.oc1..mine",
    "user": "ocid1.user.oc1..me",
    "fingerprint": "00:11",
    "key_content": "none",
    "region": "eu-frankfurt-1",
}
ALIYUN = {
    "account_id": "1",
    "region": "eu-central-1",
    "access_key_id": "me",
    "access_key_secret": "mine",
    "deploy_mode": "custom-container",
    "image": "calls:1",
}
#: arguments and results of an invocation at most, as the services' documentation has it
LIMITS = {
    "gcp_functions": (gcp_functions, {"region": "europe-west1"}, 32 * MIB, 32 * MIB),
    "gcp_cloudrun": (gcp_cloudrun, {"region": "europe-west1"}, 32 * MIB, 32 * MIB),
    "azure_functions": (azure_functions, AZURE, 100 * MIB, None),
    "azure_containers": (azure_containers, AZURE, 100 * MIB, None),
    "oracle_f": (oracle_f, ORACLE, 6 * MIB, 6 * MIB),
    "aliyun_fc": (aliyun_fc, ALIYUN, 32 * MIB, 32 * MIB),
}


class Here:
    """A deployer of a service that is there already."""

    def __init__(self, url):
        self._url = url

    async def open(self):
        pass

    async def close(self):
        pass

    async def ensure(self):
        return Service("here", self._url, PYTHON, key=KEY)

    async def headers(self):
        return {}

    def meaning(self, status, headers, text):
        return refusal(status, headers, text)


@pytest.mark.parametrize("name", sorted(LIMITS))
async def test_what_passes_the_limits_of_a_service(serve, name):
    factory, options, most, returned = LIMITS[name]
    limits = factory(**options).limits
    assert (limits.payload_bytes, limits.reply_bytes) == (most, returned)
    server = await off_loop(serve)
    backend = HostedBackend(name, Here(server.url), limits=limits)
    async with soon(90), gl.AsyncExecutor(backend) as executor:
        with pytest.raises(PayloadTooLarge, match="CloudObject"):
            await executor.submit(len, bytes(most))
        if returned is not None:
            with pytest.raises(PayloadTooLarge, match="CloudObject"):
                await executor.submit(bytes, returned)
        assert await executor.submit(len, bytes(MIB)) == MIB
