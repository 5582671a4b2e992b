"""Which server is used, as a value that travels to workers; its password is never shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Address:
    """How a server of Redis' protocol is reached.

    Attributes:
        options: arguments of `redis.Redis`, or of `redis.RedisCluster`.
        cluster: whether it is a cluster.
        embedded: whether it belongs to this program and ends with it.
    """

    options: Mapping[str, Any] = field(repr=False)
    cluster: bool = False
    embedded: bool = False

    @property
    def place(self) -> str:
        """Where it is, for people."""
        found = self.options
        return found.get("unix_socket_path") or f"{found.get('host')}:{found.get('port', 6379)}"


def configured(section: Mapping[str, Any]) -> Address:
    """Return the address that the section ``redis`` of a configuration names.

    Raises:
        ConfigurationError: it does not say where the server is.
    """
    options = {name: value for name, value in section.items() if value is not None}
    options.pop("storage_bucket", None)
    cluster = bool(options.pop("cluster", False))
    options.pop("decode_responses", None)  # state is bytes
    if "host" not in options and "unix_socket_path" not in options:
        raise ConfigurationError("the section redis needs 'host', or 'unix_socket_path'")
    return Address(options, cluster=cluster)
