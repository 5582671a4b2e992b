"""Whether a server heeds conditions on writes: some ignore them, and overwrite without a word.

Nothing in an answer tells. So, unless it is known, three writes to a probe object find out, once
for each storage, before the first conditional write; parts are finished by other code of a
server, and have a probe of their own.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Literal

from greenlithops.errors import (
    AccessDenied,
    NoSuchKey,
    NotSupported,
    PreconditionFailed,
    StorageError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from greenlithops.objects import PutOptions

    Write = Callable[[str, str, dict[str, str]], Awaitable[object]]

Way = Literal["put", "finish"]
ABSENT = {"if-none-match": "*"}
NEVER = {"if-match": '"00000000000000000000000000000000"'}
ADVICE = (
    "this storage ignores conditions on writes (If-None-Match, If-Match) and would overwrite; "
    "take a lock elsewhere, or write under a key that nobody else has"
)


def condition(options: PutOptions, *, bare: bool) -> dict[str, str]:
    """Return the headers for the condition of a write; `bare` etags have no quotes."""
    if options.if_absent:
        return dict(ABSENT)
    if options.if_match:
        return {"if-match": options.if_match if bare else f'"{options.if_match}"'}
    return {}


class Conditions:
    """What is known of a server.

    Args:
        known: whether it heeds conditions; None to find out.
        write: writes an object, of a bucket, a key, and headers for a condition.
        finish: does the same in parts.
        delete: deletes it.
    """

    def __init__(
        self,
        known: bool | None,
        write: Write,
        finish: Write,
        delete: Callable[[str, str], Awaitable[object]],
    ) -> None:
        self._known: dict[Way, bool | None] = {"put": known, "finish": known}
        self._writes: dict[Way, Write] = {"put": write, "finish": finish}
        self._delete = delete
        self._probing = asyncio.Lock()

    def open(self) -> None:
        """Serve the running event loop from now on."""
        self._probing = asyncio.Lock()

    async def check(self, way: Way, bucket: str, key: str) -> None:
        """Return if a condition will be heeded.

        Args:
            way: ``"put"``, or ``"finish"`` for an upload in parts.
            bucket: of the object that is to be written.
            key: its name; that of the probe begins with it, so that who may write the one may
                write the other.

        Raises:
            NotSupported: it would be ignored, or a probe may not be written.
        """
        if self._known[way] is None:
            async with self._probing:
                if self._known[way] is None:
                    self._known[way] = await self._probe(way, bucket, key)
        if not self._known[way]:
            raise NotSupported(ADVICE, bucket=bucket, key=key)

    async def _probe(self, way: Way, bucket: str, key: str) -> bool:
        probe = f"{key[:128]}.greenlithops-probe-{os.urandom(8).hex()}"
        write = self._writes[way]
        try:
            await self._writes["put"](bucket, probe, {})
        except AccessDenied as error:
            raise NotSupported(
                "it is not known whether this storage heeds conditions on writes, and a probe "
                "object may not be written; say so with conditional_writes=True",
                bucket=bucket,
                key=key,
            ) from error
        try:
            return await self._refused(write, bucket, probe)
        finally:
            await self._forget(bucket, probe)

    async def _refused(self, write: Write, bucket: str, probe: str) -> bool:
        for headers in (ABSENT, NEVER):
            try:
                await write(bucket, probe, dict(headers))
            except (PreconditionFailed, NoSuchKey):
                continue
            except NotSupported:
                return False
            return False
        return True

    async def _forget(self, bucket: str, probe: str) -> None:
        try:
            await self._delete(bucket, probe)
        except AccessDenied:
            return  # who may write but not delete keeps an empty object
        except StorageError as error:
            error.add_note(f"the probe object {probe} may still be there")
            raise
