"""What `FunctionExecutor` is told, as settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenlithops.config.general import LOCALHOST as _SECTION
from greenlithops.config.settings import LOCALHOST, OWN_KEYS, Settings, merged, typed

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LITHOPS_KEYS", "LOCALHOST", "OWN_KEYS", "settings"]

#: keys of the section ``localhost`` that are about functions, and Lithops'
LITHOPS_KEYS = frozenset(_SECTION.keys) - OWN_KEYS - {"storage_bucket", "root"}


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
