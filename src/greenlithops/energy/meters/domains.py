"""The names of what counters count, in one order, and which of them add up to the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

#: from the most to the least important; records show them in this order
ORDER = ("package", "psys", "dram", "core", "uncore", "gpu")
INSIDE_PACKAGE = ("core", "uncore")


def in_order(domains: Iterable[str]) -> tuple[str, ...]:
    """Return domains in the order in which records show them."""
    return tuple(sorted(domains, key=ORDER.index))


def totals(domains: Iterable[str]) -> tuple[str, ...]:
    """Return the domains that add up to the machine.

    ``core`` and ``uncore`` lie within ``package``; ``dram`` does not (Intel SDM vol. 3B, 15.10).
    """
    return tuple(domain for domain in domains if domain not in INSIDE_PACKAGE)


def counted(domains: Iterable[str]) -> tuple[str, ...]:
    """Return the domains worth counting: ``psys`` covers the others, so it is taken without them.

    Empty when there is neither a package nor ``psys``: parts of a package are not a machine.
    """
    found = set(domains)
    if "package" in found:
        return in_order(found - {"psys"})
    return ("psys",) if "psys" in found else ()
