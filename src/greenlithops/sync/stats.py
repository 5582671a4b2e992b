"""A call's statistics: a dictionary in which what is not known counts as not given."""

from __future__ import annotations

from math import isnan
from typing import Any


class Stats(dict[str, Any]):
    """Statistics under Lithops' keys.

    Programs that print ``stats.get(key, 0)`` with a format for numbers were written where each key
    has one, so `get` gives the default for what is not known of a call. ``stats[key]`` says None
    for energy that is not known, and ``nan`` for what is a number of every call in Lithops.
    """

    def get(self, key: str, default: Any = None, /) -> Any:
        """Return what is known under a key, or the default."""
        value = super().get(key)
        unknown = value is None or (isinstance(value, float) and isnan(value))
        return default if unknown else value
