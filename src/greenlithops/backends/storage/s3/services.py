"""The S3 of each provider: where it is, and what its names and Lithops' options mean to it."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field, fields
from functools import partial
from typing import TYPE_CHECKING, Any

from greenlithops.backends.storage.s3.backend import S3Storage
from greenlithops.backends.storage.s3.options import Options
from greenlithops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

OWN = {option.name for option in fields(Options)} - {"name"}


@dataclass(frozen=True, slots=True)
class Service:
    """What is particular to a provider.

    Attributes:
        endpoint: its URL, with the names of options in braces; None if it has to be given.
        needs: options that have to be given, and why.
        defaults: of options.
        others: names of options besides ours, and which of ours they are, or what of the
            endpoint; None for those that say nothing to S3.
    """

    endpoint: str | None = None
    needs: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    others: Mapping[str, str | None] = field(default_factory=dict)


# Lithops names the bucket beside the storage's own options; here it is AsyncStorage's.
_BUCKET: dict[str, str | None] = {"storage_bucket": None}
_OWN_SERVER = {"endpoint": "the URL of the server, such as http://127.0.0.1:9000"}
_HMAC = "create an access key for S3 (HMAC), and give access_key_id and secret_access_key"

SERVICES: dict[str, Service] = {
    "s3": Service(),
    "aws_s3": Service(
        others={**_BUCKET, "region_name": "region", "config_profile": "profile", "account_id": None}
    ),
    "minio": Service(
        needs=_OWN_SERVER,
        defaults={"addressing": "path"},
        others={**_BUCKET, "region_name": "region"},
    ),
    "ceph": Service(
        needs=_OWN_SERVER,
        # Releases before Squid do not know CRC-32C.
        defaults={"addressing": "path", "checksum": "md5", "as_ceph": True},
        others={**_BUCKET, "region_name": "region"},
    ),
    "seaweedfs": Service(
        needs=_OWN_SERVER,
        defaults={"addressing": "path", "conditional_writes": True, "as_files": True},
    ),
    "r2": Service(
        endpoint="https://{account_id}.r2.cloudflarestorage.com",
        needs={"account_id": "Cloudflare's, or give the endpoint"},
        defaults={"region": "auto", "checksum": "md5", "conditional_writes": True},
        others={**_BUCKET, "account_id": "account_id"},
    ),
    "ibm_cos": Service(
        endpoint="https://s3.{region}.cloud-object-storage.appdomain.cloud",
        needs={"region": "such as eu-de, or give the endpoint", "access_key_id": _HMAC},
        defaults={"checksum": "md5"},
        others={
            **_BUCKET,
            # Reached from IBM's cloud alone, while the other one is reached from everywhere.
            "private_endpoint": None,
            "api_key": None,
            "iam_api_key": None,
            "service_instance_id": None,
            "ibm_api_key": None,
            "token": None,
            "token_expiry_time": None,
        },
    ),
    "aliyun_oss": Service(
        endpoint="https://s3.oss-{region}.aliyuncs.com",
        needs={"region": "such as eu-central-1, or give the endpoint"},
        defaults={"addressing": "virtual", "checksum": "md5"},
        others={
            **_BUCKET,
            "access_key_secret": "secret_access_key",
            "account_id": None,
            "public_endpoint": None,
            "internal_endpoint": None,
        },
    ),
    "oracle_oss": Service(
        endpoint="https://{namespace_name}.compat.objectstorage.{region}.oraclecloud.com",
        needs={
            "region": "such as eu-frankfurt-1, or give the endpoint",
            "namespace_name": "the tenancy's Object Storage namespace, or give the endpoint",
            "access_key_id": "create a customer secret key, and give access_key_id and "
            "secret_access_key: S3 does not take the API signing key",
        },
        defaults={"addressing": "path", "checksum": "md5"},
        others={
            **_BUCKET,
            "namespace_name": "namespace_name",
            "tenancy_namespace": "namespace_name",
            "user": None,
            "key_file": None,
            "fingerprint": None,
            "tenancy": None,
            "compartment_id": None,
        },
    ),
}


def options_of(name: str, given: Mapping[str, Any]) -> Options:
    """Return how a service is reached.

    Raises:
        UsageError: an option is unknown, missing, or of no use.
    """
    service = SERVICES[name]
    known = {*OWN, *service.others}
    values: dict[str, Any] = dict(service.defaults)
    for option, value in given.items():
        if option not in known:
            near = difflib.get_close_matches(option, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(known))}"
            raise UsageError(f"the storage {name!r} has no option {option!r}; {hint}")
        own = service.others.get(option, option)
        if own is not None and value is not None:
            values[own] = value
    in_endpoint = [
        option for option in service.needs if f"{{{option}}}" in (service.endpoint or "")
    ]
    for option, meaning in service.needs.items():
        spared = option in in_endpoint and values.get("endpoint")
        if not spared and not values.get(option):
            raise UsageError(f"the storage {name!r} needs {option}: {meaning}")
    if service.endpoint is not None and "endpoint" not in values:
        values["endpoint"] = service.endpoint.format(**values)
    return Options(name=name, **{option: values[option] for option in OWN & values.keys()})


def storage(name: str, /, **options: Any) -> S3Storage:
    """Return the storage of a service.

    Args:
        name: one of `SERVICES`.
        options: as in `Options`, and those that the service has besides.

    Raises:
        UsageError: an option is unknown, missing, or of no use.
    """
    return S3Storage(options_of(name, options))


# The registry finds them by these names.
s3 = partial(storage, "s3")
aws_s3 = partial(storage, "aws_s3")
minio = partial(storage, "minio")
ceph = partial(storage, "ceph")
seaweedfs = partial(storage, "seaweedfs")
r2 = partial(storage, "r2")
ibm_cos = partial(storage, "ibm_cos")
aliyun_oss = partial(storage, "aliyun_oss")
oracle_oss = partial(storage, "oracle_oss")
