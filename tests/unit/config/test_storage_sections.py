"""Lithops' configuration of each storage, as documented, selects that storage as configured."""

import pytest

import greenlithops as gl
from greenlithops.backends.storage.s3 import services
from greenlithops.backends.storage.s3.places import place
from greenlithops.config.keys import Role
from greenlithops.config.known import SECTIONS
from greenlithops.errors import UsageError
from greenlithops.storage.mapping.storages import Storages
from greenlithops.sync.config import settings, storage_choice

KEYS = {"access_key_id": "the-id", "secret_access_key": "hush"}
BUCKET = {"storage_bucket": "mine"}
ORACLE = {
    "user": "ocid1.user",
    "key_file": "/k.pem",
    "fingerprint": "aa:bb",
    "tenancy": "ocid1.tenancy",
    "region": "eu-frankfurt-1",
    "compartment_id": "ocid1.compartment",
}


def of(name, **sections):
    """Return the storage that a configuration selects."""
    return gl.Storage(config={"lithops": {"storage": name}, **sections})


@pytest.mark.parametrize(
    ("name", "sections", "endpoint", "region"),
    [
        (
            "aws_s3",
            {"aws": {"region": "eu-west-1", "account_id": "1", **KEYS}, "aws_s3": BUCKET},
            None,
            "eu-west-1",
        ),
        (
            "aws_s3",
            {
                "aws": {"region": "eu-west-1", "session_token": "hush", **KEYS},
                "aws_s3": {**BUCKET, "region": "us-east-2"},
            },
            None,
            "us-east-2",
        ),
        (
            "minio",
            {"minio": {**BUCKET, "endpoint": "http://h:9000", "session_token": "hush", **KEYS}},
            "http://h:9000",
            None,
        ),
        (
            "ceph",
            {"ceph": {**BUCKET, "endpoint": "https://h", "region": "here", **KEYS}},
            "https://h",
            "here",
        ),
        (
            "ibm_cos",
            {
                "ibm": {"iam_api_key": "hush", "region": "eu-de", "resource_group_id": "g"},
                "ibm_cos": {**BUCKET, **KEYS},
            },
            "https://s3.eu-de.cloud-object-storage.appdomain.cloud",
            "eu-de",
        ),
        (
            "ibm_cos",
            {
                "ibm_cos": {
                    **BUCKET,
                    "region": "eu-de",
                    "endpoint": "https://s3.eu-de.example.org",
                    "private_endpoint": "https://s3.private.eu-de.example.org",
                    "token": "hush",
                    **KEYS,
                }
            },
            "https://s3.eu-de.example.org",
            "eu-de",
        ),
        (
            "aliyun_oss",
            {
                "aliyun": {
                    "account_id": "1",
                    "access_key_id": "the-id",
                    "access_key_secret": "hush",
                    "role_arn": "acs:ram::1:role/r",
                    "region": "eu-central-1",
                },
                "aliyun_oss": BUCKET,
            },
            "https://s3.oss-eu-central-1.aliyuncs.com",
            "eu-central-1",
        ),
        (
            "oracle_oss",
            {"oracle": {**ORACLE, "tenancy_namespace": "ns"}, "oracle_oss": {**BUCKET, **KEYS}},
            "https://ns.compat.objectstorage.eu-frankfurt-1.oraclecloud.com",
            "eu-frankfurt-1",
        ),
        (
            "r2",
            {"r2": {**BUCKET, "account_id": "acc", **KEYS}},
            "https://acc.r2.cloudflarestorage.com",
            "auto",
        ),
        ("seaweedfs", {"seaweedfs": {**BUCKET, "endpoint": "http://h", **KEYS}}, "http://h", None),
        ("s3", {"s3": {**BUCKET, "region": "eu-west-1", **KEYS}}, None, "eu-west-1"),
    ],
)
def test_what_speaks_s3(name, sections, endpoint, region):
    storage = of(name, **sections)
    options = storage._host.storage.backend._options
    assert (storage.backend, storage.bucket) == (name, "mine")
    assert (options.name, options.endpoint, options.region) == (name, endpoint, region)
    assert options.access_key_id == "the-id"
    assert options.secret_access_key == "hush"
    assert "hush" not in repr(storage) + repr(options)


@pytest.mark.parametrize(
    ("name", "sections", "said"),
    [
        ("ibm_cos", {"ibm": {"iam_api_key": "k", "region": "eu-de"}}, "HMAC"),
        ("oracle_oss", {"oracle": ORACLE, "oracle_oss": KEYS}, "namespace"),
        ("oracle_oss", {"oracle": {**ORACLE, "tenancy_namespace": "ns"}}, "customer secret key"),
        ("aliyun_oss", {"aliyun": {"access_key_id": "a", "access_key_secret": "b"}}, "region"),
    ],
)
def test_what_s3_needs_besides_is_told(name, sections, said):
    with pytest.raises(UsageError, match=said):
        of(name, **sections)


# Which bucket's address each provider takes: in the path or in the host.
PATHS = {"minio", "ceph", "seaweedfs", "oracle_oss"}


@pytest.mark.parametrize("addressing", [None, "path", "virtual"])
@pytest.mark.parametrize("name", sorted(services.SERVICES))
def test_addresses(name, addressing):
    given = {"region": "eu-de", "endpoint": "https://s3.example.org", **KEYS}
    given |= {"addressing": addressing} if addressing else {}
    options = of(name, **{name: given})._host.storage.backend._options
    found = place(options.endpoint, "mine", options.addressing, "eu-de")
    in_path = addressing == "path" or (addressing is None and name in PATHS)
    expected = "https://s3.example.org/mine/k" if in_path else "https://mine.s3.example.org/k"
    assert str(found.url(found.of("k"), "")) == expected


@pytest.mark.parametrize("cloud", [{}, {"credentials_path": "/cloud.json", "region": "us"}])
def test_google(cloud):
    own = {**BUCKET, "region": "europe-west1", "credentials_path": "/own.json"}
    storage = of("gcp_storage", gcp={**cloud, "project_name": "p"}, gcp_storage=own)
    backend = storage._host.storage.backend
    assert (storage.backend, storage.bucket) == ("gcp_storage", "mine")
    assert backend._location == "europe-west1"
    assert str(backend._access._service_file) == "/own.json"


ACCOUNT = {"storage_account_name": "acc", "storage_account_key": "aHVzaA=="}


@pytest.mark.parametrize(
    ("name", "sections"),
    [
        (
            "azure_storage",
            {
                "azure": {"resource_group": "g", "region": "we", "subscription_id": "s"},
                "azure_storage": {**BUCKET, **ACCOUNT},
            },
        ),
        ("azure_storage", {"azure": {"region": "we", **ACCOUNT}, "azure_storage": BUCKET}),
        ("azure", {"azure": {**BUCKET, **ACCOUNT}}),
    ],
)
def test_azure(name, sections):
    storage = of(name, **sections)
    account = storage._host.storage.backend._account
    assert storage.bucket == "mine"
    assert (account.name, account.key) == ("acc", "aHVzaA==")
    assert account.endpoint == "https://acc.blob.core.windows.net"
    config = {"lithops": {"backend": "localhost", "storage": name}, **sections}
    found = settings(None, config, None, None, None, None, {}).storage
    assert (found.backend, found.bucket) == ("azure_storage", "mine")
    assert set(found.options) == ACCOUNT.keys()


def test_redis():
    section = {"host": "h", "port": 6380, "username": "u", "password": "hush", "db": 3}
    storage = of("redis", redis=section)
    assert repr(storage._host.storage.backend) == "<RedisStorage at h:6380>"
    assert "hush" not in repr(storage)


def test_localhost():
    storage = of("localhost", localhost={**BUCKET, "runtime": "python3", "worker_processes": 2})
    assert (storage.backend, storage.bucket) == ("localhost", "mine")


#: without which a storage says what it needs, not which option it does not know
NEEDED = {
    "region": "eu-de",
    "endpoint": "https://h",
    "namespace_name": "ns",
    "account_id": "1",
    "access_key_id": "a",
    "secret_access_key": "b",
    "access_key_secret": "b",
    "checksum": "md5",
    "addressing": "path",
    "connect_timeout": 1.0,
    "read_timeout": 1.0,
}


@pytest.mark.parametrize("name", sorted(services.SERVICES.keys() & SECTIONS.keys()))
def test_every_key_that_may_be_configured_is_an_option(name):
    section = SECTIONS[name]
    assert section.role is Role.STORAGE
    needed = {key: value for key, value in NEEDED.items() if key in section.keys}
    for key in section.keys.keys() - NEEDED.keys() - {"profile", "config_profile", "anonymous"}:
        value = True if key in {"as_files", "conditional_writes"} else "text"
        storage = of(name, **{name: {**needed, key: value}})
        assert storage.backend == name


def test_schemes_of_objects_mean_the_sections_of_lithops():
    sections = {"aws": {"region": "eu-west-1", **KEYS}, "aws_s3": BUCKET}
    make = storage_choice(settings(None, sections, None, None, None, None, {}))
    found = make("s3")
    assert (found.backend.name, found.bucket) == ("aws_s3", "mine")
    assert make("gcs").backend.name == "gcs"
    own = make("")
    assert own.backend.name == "aws_s3"


@pytest.mark.parametrize("name", ["", "cos", "ibm_cos", "s3"])
async def test_the_scheme_of_cos_means_its_own_storage(name):
    section = {"endpoint": "http://127.0.0.1:1", **KEYS, **BUCKET}
    sections = {"lithops": {"storage": "ibm_cos"}, "ibm_cos": section}
    storages = Storages(storage_choice(settings(None, sections, None, None, None, None, {})))
    assert await storages.find(name) == ("", storages.own)
    await storages.close()
