"""What to install for telemetry."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def needed(package: str, extra: str = "greenlithops[telemetry]") -> Iterator[None]:
    """Turn the error of an import into one that says what to install.

    Raises:
        ConfigurationError: something that is imported inside is not there.
    """
    try:
        yield
    except ImportError as error:
        raise ConfigurationError(
            f"this telemetry needs {package}: pip install '{extra}'"
        ) from error
