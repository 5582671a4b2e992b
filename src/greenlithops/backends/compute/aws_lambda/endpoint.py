"""Lambda's data plane: signed requests that invoke one function, and what their answers mean."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from greenlithops.backends.compute.aws_lambda.failures import EXPIRED, error_type, failure, refusal
from greenlithops.backends.compute.aws_lambda.report import log_tail
from greenlithops.backends.compute.http.client import Answered, Client
from greenlithops.backends.storage.s3.places import checked_endpoint
from greenlithops.backends.storage.s3.sigv4 import Target
from greenlithops.offload import LARGE, off_loop

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenlithops.backends.storage.s3.account import Account

_JSON = {"content-type": "application/json"}
_ASK = _JSON | {"x-amz-invocation-type": "RequestResponse", "x-amz-log-type": "Tail"}
_LEAVE = _JSON | {"x-amz-invocation-type": "Event"}


class Endpoint:
    """Where a function is invoked.

    Args:
        account: who asks.
        url: Lambda's, in one region.
        name: the function's.
        seconds: without a byte, until a reply is not waited for any longer.
    """

    def __init__(self, account: Account, url: str, name: str, *, seconds: float) -> None:
        self._account = account
        self._name = name
        place = checked_endpoint(url)
        self._host = place.host_port_subcomponent or ""
        self._path = f"/2015-03-31/functions/{name}/invocations"
        self._client = Client(f"{place.origin()}{self._path}", seconds, {}, place="Lambda")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def ask(self, event: dict[str, Any]) -> tuple[bytes, Mapping[str, str]]:
        """Invoke the function; return what it answers, and the headers of the answer."""
        return await self._invoke(event, _ASK)

    async def leave(self, event: dict[str, Any]) -> None:
        """Have the function invoked when it is its turn."""
        await self._invoke(event, _LEAVE)

    async def _invoke(
        self, event: dict[str, Any], kind: Mapping[str, str]
    ) -> tuple[bytes, Mapping[str, str]]:
        large = any(isinstance(value, str) and len(value) > LARGE for value in event.values())
        data = await off_loop(_dumped, event) if large else _dumped(event)
        for attempt in range(2):
            status, headers, reply = answer = await self._post(*data, kind)
            if status in {200, 202}:
                if "X-Amz-Function-Error" in headers:
                    raise failure(reply, log_tail(headers.get("X-Amz-Log-Result")))
                return reply, headers
            if attempt or error_type(headers, answer.text()) not in EXPIRED:
                raise refusal(status, headers, answer.text(), self._name)
            await self._account.renew()
        raise AssertionError("unreachable")

    async def _post(self, data: bytes, digest: str, kind: Mapping[str, str]) -> Answered:
        signer = await self._account.signer(self._account.region)
        assert signer is not None  # noqa: S101 - never anonymous
        target = Target("POST", self._host, self._path)
        return await self._client.ask(data, signer.sign(target, kind, digest))


def _dumped(event: dict[str, Any]) -> tuple[bytes, str]:
    """Return an event as it is sent, and its SHA-256."""
    data = json.dumps(event).encode()
    return data, hashlib.sha256(data).hexdigest()
