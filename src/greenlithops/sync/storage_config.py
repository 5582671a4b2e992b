"""Which storage the arguments of `Storage` mean; nothing is opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from greenlithops.config.files import find
from greenlithops.config.known import section_of
from greenlithops.config.settings import StorageSettings
from greenlithops.config.settings import storage_settings as settings_of_section
from greenlithops.errors import ConfigurationError
from greenlithops.storage.buckets import DEFAULT_BUCKET, MAKE_BUCKETS

BUCKET = "storage_bucket"
_USUAL = "localhost"


def storage_settings(
    config: Mapping[str, Any] | None,
    backend: str | None,
    storage_config: Mapping[str, Any] | None,
) -> StorageSettings:
    """Return the settings that the arguments of `Storage` stand for.

    Args:
        config: a configuration with sections; by default the one that is found.
        backend: the storage's name; by default the one of ``config['lithops']['storage']``.
        storage_config: the storage's part of a configuration, as `Storage.config` is.

    Raises:
        ConfigurationError: it is no configuration, or names no storage.
    """
    if storage_config:
        name = _mapping("storage_config", storage_config).get("backend")
        if not isinstance(name, str):
            raise ConfigurationError("storage_config needs 'backend': the name of a storage")
        found = _of_own(name, _mapping(f"storage_config[{name!r}]", storage_config.get(name)))
    else:
        content = find(config).content
        usual = "aws_s3" if "aws_s3" in content else _USUAL
        name = backend or content.get("lithops", {}).get("storage") or usual
        if not isinstance(name, str):
            raise ConfigurationError(f"the storage's name is text, not {name!r}")
        known = section_of(name) is not None
        found = settings_of_section(content, name) if known else _of_own(name, content.get(name))
    return StorageSettings(found.backend, usual_bucket(found), found.options)


def usual_bucket(found: StorageSettings) -> str | None:
    """Return the bucket of a storage: what is configured, or one that makes itself."""
    made = found.backend in MAKE_BUCKETS
    return found.bucket or (DEFAULT_BUCKET if made else None)


def _of_own(name: str, section: Mapping[str, Any] | None) -> StorageSettings:
    given = {key: value for key, value in (section or {}).items() if value is not None}
    return StorageSettings(name, given.pop(BUCKET, None), given)


def as_config(found: StorageSettings) -> dict[str, Any]:
    """Return the storage's part of a configuration, from which the same settings come."""
    section = {**found.options, BUCKET: found.bucket} if found.bucket else dict(found.options)
    return {"backend": found.backend, found.backend: section}


def _mapping(what: str, value: Any) -> Mapping[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise ConfigurationError(f"{what} must be a dictionary, not {type(value).__name__}")
    return value or {}
