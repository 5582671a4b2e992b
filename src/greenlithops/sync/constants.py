"""When a wait returns: Lithops' three names for a percentage of the calls."""

from __future__ import annotations

ALL_COMPLETED = 100  #: when every call has ended
ANY_COMPLETED = -1  #: when one has
ALWAYS = 0  #: at once
