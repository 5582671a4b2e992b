"""CloudStorage: a storage with the configured bucket, under Lithops' names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenlithops.config.files import read_yaml
from greenlithops.sync.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Mapping


class CloudStorage(Storage):
    """A `Storage` that also has the functions of its own bucket.

    Args:
        config: a configuration with sections, the storage's part of one, or the path of a
            configuration file; None for the one that is found.
    """

    def __init__(self, config: str | Mapping[str, Any] | None = None) -> None:
        if isinstance(config, str):
            super().__init__(read_yaml(Path(config)))
        elif config is not None and "lithops" not in config and "backend" in config:
            super().__init__(storage_config=config)
        else:
            super().__init__(config)

    def put_data(self, key: str, data: Any) -> None:
        """Write an object in the configured bucket."""
        self.put_object(self.own_bucket(), key, data)

    def get_data(self, key: str) -> bytes:
        """Return an object of the configured bucket."""
        data: bytes = self.get_object(self.own_bucket(), key)
        return data

    def delete_data(self, key: str) -> None:
        """Delete an object of the configured bucket."""
        self.delete_object(self.own_bucket(), key)

    def list_bucket_keys(self, prefix: str | None = None) -> list[str]:
        """Return the keys of the configured bucket."""
        return self.list_keys(self.own_bucket(), prefix)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.config,)
