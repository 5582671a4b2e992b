"""The function that programs import from `lithops.util.joblib`."""

from __future__ import annotations


def register_lithops() -> None:
    """Make greenlithops known to joblib as ``"lithops"``."""
    from greenlithops.joblib import register  # noqa: PLC0415 - joblib is an extra

    register("lithops")
