"""The errors of `multiprocessing`, under the module's name that Lithops has for them."""

from __future__ import annotations

from multiprocessing.context import (
    AuthenticationError,
    BufferTooShort,
    ProcessError,
    TimeoutError,  # noqa: A004 - the standard library's name
)

__all__ = ["AuthenticationError", "BufferTooShort", "ProcessError", "TimeoutError"]
