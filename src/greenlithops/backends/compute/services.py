"""What services with a deployer have in common: their options, requests to their API, waiting."""

from __future__ import annotations

import asyncio
import difflib
import json
import sys
from dataclasses import MISSING, dataclass, fields
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self, TypeVar

import aiohttp
from yarl import URL

from greenlithops.backends.compute.http.backend import LARGE, seconds_to_wait
from greenlithops.errors import (
    ConfigurationError,
    PayloadTooLarge,
    ServiceRefused,
    ServiceUnavailable,
    Throttled,
    WorkerLost,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from types import TracebackType

T = TypeVar("T")

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"  #: pickled functions need the same one
CONNECT_SECONDS = 10.0
CONTROL_SECONDS = 60.0  #: for one request to a control plane
ATTEMPTS = 4
_LATER = {429, 500, 502, 503, 504}
#: Lithops' keys that say nothing where one event loop invokes and functions travel with calls
NEEDLESS: Mapping[str, str | None] = dict.fromkeys(
    (
        "backend",
        "invoke_pool_threads",
        "remote_invoker",
        "runtime_include_function",
        "storage",
    )
)


def chosen(
    kind: type[T], service: str, given: Mapping[str, Any], others: Mapping[str, str | None]
) -> T:
    """Return options from their names, ours or Lithops'.

    Args:
        kind: the dataclass of the options.
        service: whose they are.
        given: names and values; None: not given.
        others: Lithops' names and which of ours they are; None for those that are not needed.

    Raises:
        ConfigurationError: one is unknown, missing or impossible.
    """
    own: Any = kind
    known = {one.name: one for one in fields(own)}
    others = {**NEEDLESS, **others}
    found: dict[str, Any] = {}
    for name, value in given.items():
        option = name if name in known else others.get(name, "")
        if option == "":
            near = difflib.get_close_matches(name, [*known, *others], 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            raise ConfigurationError(f"{service} has no option {name!r}; {hint}")
        if option is not None and value is not None:
            found.setdefault(option, value)
    for name, one in known.items():
        if name not in found and one.default is MISSING and one.default_factory is MISSING:
            raise ConfigurationError(f"{service}: {name!r} is missing, which it cannot do without")
    return kind(**found)


def within(service: str, name: str, value: float, least: float, most: float, unit: str) -> None:
    """Raise a `ConfigurationError` if an option is not in its range."""
    if not least <= value <= most:
        raise ConfigurationError(
            f"{service}: {name} is from {least:g} to {most:g} {unit}, not {value!r}"
        )


def variables(service: str, given: Any) -> dict[str, str]:
    """Return environment variables from a mapping, or from Lithops' list of names and values."""
    if isinstance(given, dict):
        return {str(name): str(value) for name, value in given.items()}
    try:
        return {str(one["name"]): str(one["value"]) for one in given or ()}
    except (KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{service}: env_vars is a mapping, or a list of {{name: …, value: …}}"
        ) from error


@dataclass(frozen=True, slots=True)
class Deployed:
    """A function that is there.

    Attributes:
        name: its name.
        runtime: what it runs: an image, or the name of a runtime.
        memory_mb: its memory in MB.
        timeout_seconds: what an invocation may take; None if the service does not say.
        configuration: the digest of all that it was made with; None if it does not say.
        state: in the service's own words.
        url: where it is invoked.
    """

    name: str
    runtime: str
    memory_mb: float
    timeout_seconds: float | None
    configuration: str | None
    state: str
    url: str = ""


class Request(NamedTuple):
    """What is about to be sent, as who signs it sees it."""

    method: str
    url: URL
    headers: Mapping[str, str]
    body: bytes


class Credentials(Protocol):
    """Says who asks."""

    async def headers(self, request: Request, client: aiohttp.ClientSession, /) -> dict[str, str]:
        """Return the headers that a request needs besides its own."""
        ...

    def renew(self) -> bool:
        """Forget what was refused; return whether asking again may help."""
        ...


class Answer(NamedTuple):
    """What a service answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the content of an answer in JSON; None if it is none."""
        try:
            return json.loads(self.body) if self.body else None
        except ValueError:
            return None

    def text(self) -> str:
        """Return the beginning of the content."""
        return self.body[:2000].decode("utf-8", "replace").strip()


class Client:
    """Asks a service over HTTP; opened with ``async with``.

    Args:
        service: what it is called in errors.
        base: its URL, to which paths are appended.
        credentials: who asks.
        headers: that all requests have.
        verify: whether certificates are checked.
    """

    def __init__(
        self,
        service: str,
        base: str,
        credentials: Credentials,
        headers: Mapping[str, str] | None = None,
        *,
        verify: bool = True,
    ) -> None:
        self.service = service
        self.base = base.rstrip("/")
        self._credentials = credentials
        self._headers = dict(headers or {})
        self._verify = verify
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300, ssl=self._verify),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def ask(
        self,
        method: str,
        path: str,
        content: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        accept: tuple[int, ...] = (),
    ) -> Answer:
        """Return what a control plane answers; ask again where that may help.

        Args:
            method: HTTP's.
            path: what is appended to the base, or a whole URL.
            content: what is sent as JSON; None for nothing.
            query: parameters.
            headers: further ones.
            accept: statuses from 400 that the caller wants to see.

        Raises:
            ServiceRefused: the service does not take it.
            ServiceUnavailable: it is not reached, or does not answer.
            Throttled: it goes on to refuse since there are too many requests.
        """
        body = b"" if content is None else json.dumps(content).encode()
        kind = {"Content-Type": "application/json"} if body else {}
        for attempt in range(ATTEMPTS):
            last = attempt == ATTEMPTS - 1
            try:
                async with asyncio.timeout(CONTROL_SECONDS):
                    answer = await self.send(
                        method, path, body, query=query, headers={**kind, **(headers or {})}
                    )
            except (ServiceUnavailable, WorkerLost, TimeoutError) as error:
                if last or (method == "POST" and not isinstance(error, ServiceUnavailable)):
                    raise ServiceUnavailable(
                        f"{self.service} does not answer {method} {path}: {error!r}"
                    ) from error
            else:
                # What was asked for by POST may have been done.
                again = {429, 503} if method == "POST" else _LATER
                if answer.status < 400 or answer.status in accept:  # noqa: PLR2004 - HTTP's errors
                    return answer
                if last or answer.status not in again:
                    raise self.problem(answer, f"{method} {path}")
            await asyncio.sleep(0.1 * 4**attempt)
        raise AssertionError("unreachable")

    def problem(self, answer: Answer, what: str) -> Exception:
        """Return what a control plane's refusal means."""
        said = f"{self.service} answered HTTP {answer.status} to {what}: {answer.text()}"
        if answer.status == 429:  # noqa: PLR2004 - too many requests
            return Throttled(said, retry_after=seconds_to_wait(answer.headers.get("Retry-After")))
        return ServiceUnavailable(said) if answer.status in _LATER else ServiceRefused(said)

    async def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        wait: float | None = None,
    ) -> Answer:
        """Return the answer to one request, sent once more if its credentials had expired.

        Args:
            method: HTTP's.
            path: what is appended to the base, or a whole URL.
            body: what is sent.
            query: parameters.
            headers: further ones.
            wait: seconds for which the service may be silent; None for any.

        Raises:
            ServiceUnavailable: the service is not reached.
            WorkerLost: the connection broke, or the service fell silent.
        """
        session = self._session
        if session is None:
            raise ServiceUnavailable("the backend is not open")
        url = URL(path if "://" in path else self.base + path).update_query(query or {})
        own = {**self._headers, **(headers or {})}
        for attempt in range(2):
            signed = await self._credentials.headers(Request(method, url, own, body), session)
            answer = await self._once(session, method, url, body, {**own, **signed}, wait)
            if answer.status != 401 or attempt or not self._credentials.renew():  # noqa: PLR2004
                return answer
        raise AssertionError("unreachable")

    async def _once(
        self,
        session: aiohttp.ClientSession,
        method: str,
        url: URL,
        body: bytes,
        headers: dict[str, str],
        wait: float | None,
    ) -> Answer:
        # What is large is written in pieces, so that the event loop is not held for long.
        data: Any = body if len(body) < LARGE else _pieces(body)
        if data is not body:
            headers = {**headers, "Content-Length": str(len(body))}
        limit = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=wait)
        try:
            async with session.request(
                method, url, data=data or None, headers=headers, timeout=limit
            ) as response:
                return Answer(response.status, response.headers, await response.read())
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise ServiceUnavailable(f"{self.service} is not reached: {error}") from error
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise WorkerLost(
                f"the connection to {self.service} broke, or was silent: {error!r}"
            ) from error


async def _pieces(body: bytes) -> Any:
    view = memoryview(body)
    for start in range(0, len(view), LARGE):
        yield view[start : start + LARGE]


def fits(service: str, body: bytes, most: int) -> None:
    """Raise a `PayloadTooLarge` if a message is more than a service takes."""
    if len(body) > most:
        raise PayloadTooLarge(
            f"the arguments take {len(body)} bytes, and {service} takes {most}: put them into "
            "storage, and pass a CloudObject"
        )


async def until(
    look: Callable[[], Awaitable[T | None]], what: str, *, seconds: float, first: float = 0.1
) -> T:
    """Return what a look finds, looking again until it does.

    Args:
        look: returns None as long as it is not there; raises if it will never be.
        what: what is waited for, in the words of an error.
        seconds: for how long.
        first: seconds to the second look; later ones are further apart, up to two seconds.

    Raises:
        ServiceUnavailable: the time is over.
    """
    loop = asyncio.get_running_loop()
    deadline, pause = loop.time() + seconds, first
    while (found := await look()) is None:
        if loop.time() > deadline:
            raise ServiceUnavailable(f"{what} was not ready within {seconds:g} s")
        await asyncio.sleep(pause)
        pause = min(2.0, pause * 1.5)
    return found
