"""What `FunctionExecutor` is told, as settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenlithops.config.general import LOCALHOST as _SECTION
from greenlithops.config.inherited import inherit
from greenlithops.config.keys import Role
from greenlithops.config.known import named
from greenlithops.config.merging import LOCALHOST, merged, with_cloud
from greenlithops.config.settings import OWN_KEYS, Settings, of_functions, storage_settings, typed
from greenlithops.sync.storage_config import usual_bucket

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from greenlithops.storage.async_storage import AsyncStorage

__all__ = [
    "LITHOPS_KEYS",
    "LOCALHOST",
    "OWN_KEYS",
    "handing_down",
    "of_functions",
    "settings",
    "storage_choice",
]

#: keys of the section ``localhost`` that are about functions, and Lithops'
LITHOPS_KEYS = frozenset(_SECTION.keys) - OWN_KEYS - {"storage_bucket", "root"}


#: the sections of what schemes of objects name
_IN_LITHOPS = {"s3": "aws_s3", "gcs": "gcp_storage", "azure": "azure_storage"}


def settings(  # noqa: PLR0917 - the arguments of FunctionExecutor, in their order
    mode: str | None,
    config: Mapping[str, Any] | None,
    config_file: str | None,
    backend: str | None,
    storage: str | None,
    monitoring: str | None,
    keywords: Mapping[str, Any],
) -> Settings:
    """Return the settings that the arguments of `FunctionExecutor` stand for.

    Raises:
        ConfigurationError: something is not known, not possible here, or contradicts itself.
        FileNotFoundError: the configuration file is not there.
    """
    return typed(*merged(mode, config, config_file, backend, storage, monitoring, keywords))


def handing_down(found: Settings) -> dict[str, Any]:
    """Return options of an executor in whose workers executors get the same configuration."""
    options = dict(found.options)
    if of_functions(found.backend):  # they have no initializer, and configurations hold secrets
        return options
    own = {"initializer", "initargs", "hooks"}  # of this executor alone
    given = {
        name: {key: value for key, value in section.items() if key not in own}
        for name, section in found.config.items()
    }
    options["initargs"] = (given, options.get("initializer"), options.get("initargs", ()))
    options["initializer"] = inherit
    return options


def storage_choice(found: Settings) -> Callable[[str], AsyncStorage]:
    """Return what makes storages for an executor, as the configuration has them."""

    def make(name: str) -> AsyncStorage:
        from greenlithops.storage.async_storage import AsyncStorage  # noqa: PLC0415 - if needed

        other = _IN_LITHOPS.get(name, name)
        if name not in found.config and other in _IN_LITHOPS.values():
            name = other if with_cloud(found.config, other) else name
        if name and name not in named(Role.STORAGE):
            return AsyncStorage(name)  # another package's, or a scheme that no section has
        chosen = storage_settings(found.config, name) if name else found.storage
        bucket = usual_bucket(chosen)
        return AsyncStorage(chosen.backend, bucket=bucket, **chosen.options)

    return make
