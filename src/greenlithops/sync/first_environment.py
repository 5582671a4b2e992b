"""What a worker does before it loads anything: numerical libraries read the environment once."""

from __future__ import annotations

import os
import pickle
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def begin(environment: Mapping[str, str], content: bytes) -> None:
    """Set environment variables, and only then unpickle and call a function."""
    os.environ.update(environment)
    pickle.loads(content)()  # it was authenticated on its way, as an initializer's argument
