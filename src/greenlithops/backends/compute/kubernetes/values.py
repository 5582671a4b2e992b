"""Amounts, environment variables and places as users write them, and as Kubernetes does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

QUANTITY = re.compile(r"([0-9]*\.?[0-9]+)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|e-?[0-9]+)?")


def quantity(name: str, value: float | str | None) -> str | None:
    """Return an amount as Kubernetes writes it: CPUs, or MiB where it is memory.

    Raises:
        ConfigurationError: it is none.
    """
    if value is None:
        return None
    if isinstance(value, str) and QUANTITY.fullmatch(value):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0:
        if name.startswith("memory"):
            return f"{int(value * 1024)}Ki" if value != int(value) else f"{int(value)}Mi"
        return f"{round(value * 1000)}m" if value != int(value) else str(int(value))
    raise ConfigurationError(
        f"kubernetes: {name} is a number or a quantity such as '500m' or '2Gi', not {value!r}"
    )


_SUFFIXES: Mapping[str, float] = {
    "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    **{f"{letter}i": 1024.0**power for power, letter in enumerate("KMGTPE", 1)},
}  # fmt: skip


def amount(text: str | float) -> float:
    """Return what a quantity stands for: CPUs or bytes.

    Raises:
        ConfigurationError: it is none.
    """
    found = QUANTITY.fullmatch(str(text))
    if found is None:
        raise ConfigurationError(f"kubernetes: {text!r} is no quantity")
    number, suffix = found.groups()
    if suffix and suffix[0] == "e":
        return float(f"{number}{suffix}")
    return float(number) * _SUFFIXES.get(suffix or "", 1.0)


def meter_place(given: Any) -> str | None:
    """Return where the node's sysfs is, if pods read its counters themselves.

    Raises:
        ConfigurationError: it is neither a path nor true or false.
    """
    if isinstance(given, str) and given.startswith("/"):
        return given
    if isinstance(given, bool):
        return None
    raise ConfigurationError(
        "kubernetes: node_energy is true, false, or where the node's sysfs is, such as '/sys', "
        f"not {given!r}"
    )


def environment(given: Any) -> list[dict[str, Any]]:
    """Return environment variables as a container has them.

    Raises:
        ConfigurationError: they are neither a mapping nor such a list.
    """
    if isinstance(given, dict):
        told = {str(name): "" if value is None else str(value) for name, value in given.items()}
        return [{"name": name, "value": value} for name, value in told.items()]
    known: Callable[[Any], bool] = lambda one: isinstance(one, dict) and "name" in one  # noqa: E731 - used once
    if isinstance(given, (list, tuple)) and all(map(known, given)):
        return [dict(one) for one in given]
    raise ConfigurationError(
        "kubernetes: env is a mapping, or a list of {name: …, value: …} or {name: …, valueFrom: …}"
    )
