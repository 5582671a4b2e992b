"""A call's statistics: a dictionary in which what is not known counts as not given."""

from __future__ import annotations

from typing import Any


class Stats(dict[str, Any]):
    """Statistics under Lithops' keys, where None is what is not known of a call.

    Programs that print ``stats.get(key, 0)`` with a format for numbers were written where each key
    has one, so `get` gives the default for None, too; ``stats[key]`` says None.
    """

    def get(self, key: str, default: Any = None, /) -> Any:
        """Return what is known under a key, or the default."""
        value = super().get(key)
        return default if value is None else value
