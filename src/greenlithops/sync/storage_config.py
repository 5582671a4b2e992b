"""Which storage a configuration in Lithops' words means; pure, nothing is opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from greenlithops.errors import ConfigurationError
from greenlithops.sync.config import LITHOPS_KEYS, LOCALHOST, OWN_KEYS

BUCKET = "storage_bucket"
DEFAULT_BUCKET = "storage"  #: of the storages that make their buckets themselves
#: where a bucket is made by the first object in it, as in Lithops
MAKE_BUCKETS = frozenset({"localhost", "memory", "redis"})
#: the section whose keys are those of the backend's too, and which of them
_CLOUDS = {
    "aws_s3": ("aws", "region region_name access_key_id secret_access_key session_token"),
    "ibm_cos": ("ibm", "region iam_api_key api_key"),
    "gcp_storage": ("gcp", "region credentials_path"),
    "aliyun_oss": ("aliyun", "region account_id access_key_id access_key_secret"),
    "oracle_oss": ("oracle", "region compartment_id user key_file tenancy fingerprint"),
}
#: of a section for functions and for objects, what is about functions
_OF_FUNCTIONS = LITHOPS_KEYS | OWN_KEYS


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """What a `Storage` needs to know.

    Attributes:
        backend: the storage's name.
        bucket: where objects without a bucket of their own go, or None.
        options: arguments of `AsyncStorage`.
        config: the same in Lithops' words, from which it can be made again.
    """

    backend: str
    bucket: str | None
    options: Mapping[str, Any]
    config: dict[str, Any]

    def __repr__(self) -> str:
        return f"StorageSettings({self.backend!r}, {self.bucket!r})"  # options may be secrets


def storage_settings(
    config: Mapping[str, Any] | None,
    backend: str | None,
    storage_config: Mapping[str, Any] | None,
) -> StorageSettings:
    """Return the settings that the arguments of `Storage` stand for.

    Args:
        config: a configuration with sections.
        backend: the storage's name; by default the one of ``config['lithops']['storage']``.
        storage_config: the storage's part of a configuration, as `Storage.config` is.

    Raises:
        ConfigurationError: it is no configuration, or names no storage.
    """
    if storage_config:
        name = _mapping("storage_config", storage_config).get("backend")
        if not isinstance(name, str):
            raise ConfigurationError("storage_config needs 'backend': the name of a storage")
        section = dict(_mapping(f"storage_config[{name!r}]", storage_config.get(name)))
    else:
        sections = _mapping("config", config)
        name = backend or _mapping("config['lithops']", sections.get("lithops")).get("storage")
        name = name or LOCALHOST
        if not isinstance(name, str):
            raise ConfigurationError(f"the storage's name is text, not {name!r}")
        section = _section(sections, name)
    if name in MAKE_BUCKETS:
        section.setdefault(BUCKET, DEFAULT_BUCKET)
    options = {key: value for key, value in section.items() if value is not None and key != BUCKET}
    return StorageSettings(name, section.get(BUCKET), options, {"backend": name, name: section})


def _section(sections: Mapping[str, Any], name: str) -> dict[str, Any]:
    own = dict(_mapping(f"config[{name!r}]", sections.get(name)))
    if name == LOCALHOST:
        own = {key: value for key, value in own.items() if key not in _OF_FUNCTIONS}
    cloud, shared = _CLOUDS.get(name, ("", ""))
    above = _mapping(f"config[{cloud!r}]", sections.get(cloud))
    merged = {key: above[key] for key in shared.split() if key in above} | own
    if "region_name" in merged:
        merged["region"] = merged.pop("region_name")
    return merged


def _mapping(what: str, value: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise ConfigurationError(f"{what} must be a dictionary, not {type(value).__name__}")
    return value or {}
