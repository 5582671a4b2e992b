"""A proxy that breaks connections at random, between a client and a real server.

It forwards HTTP/1.1 message by message, headers and all as they come (signatures cover Host), or
plain bytes. Which fault comes when is up to a generator with a seed; each is counted.
"""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, fields

from support.messages import PIECE, Side, corrupted


@dataclass(frozen=True)
class Faults:
    """How probable each fault is: of each request over HTTP, of each piece over plain TCP.

    Attributes:
        reset_before: the connection is reset before anything reaches the server.
        reset_request: the connection is reset amid the request.
        reset_answered: the server has done it, but its answer is lost.
        reset_response: the connection is reset amid the response.
        truncate: the response ends early, and the connection is closed in order.
        stall: nothing comes for `stall_seconds` amid the response.
        busy: 503 with Retry-After, from the proxy. HTTP only.
        throttle: 429 with Retry-After, from the proxy. HTTP only.
        corrupt: one byte of the response's body is another one. HTTP only.
        corrupt_request: one byte of the request's body is another one. HTTP only.
    """

    reset_before: float = 0.0
    reset_request: float = 0.0
    reset_answered: float = 0.0
    reset_response: float = 0.0
    truncate: float = 0.0
    stall: float = 0.0
    busy: float = 0.0
    throttle: float = 0.0
    corrupt: float = 0.0
    corrupt_request: float = 0.0

    def roll(self, chance):
        """Return the name of a fault, or None."""
        point = chance.random()
        for one in fields(self):
            point -= getattr(self, one.name)
            if point < 0:
                return one.name
        return None


#: A bit of everything that does not change what arrives: about every seventh request fails.
EVERYTHING = Faults(
    reset_before=0.02,
    reset_request=0.02,
    reset_answered=0.02,
    reset_response=0.02,
    truncate=0.02,
    stall=0.01,
    busy=0.02,
    throttle=0.02,
)
#: What can happen to a plain stream.
STREAM = Faults(
    reset_before=0.002, reset_request=0.002, reset_answered=0.002, truncate=0.002, stall=0.001
)


class FaultProxy:
    """A proxy on loopback; use it in ``async with``.

    Args:
        port: the server's, on loopback.
        faults: how probable each is.
        seed: of the random generator.
        http: forward HTTP messages; otherwise plain bytes.
        stall_seconds: how long a stall is.
        retry_after: what Retry-After asks for, in seconds.

    Attributes:
        port: where clients connect.
        counts: how often each fault happened.
        faults: may be replaced at any time, for instance to let an end be checked undisturbed.
    """

    def __init__(
        self, port, faults=EVERYTHING, *, seed=1, http=True, stall_seconds=0.5, retry_after=0
    ):
        self.faults = faults
        self.counts = Counter()
        self.port = None
        self._target = port
        self._chance = random.Random(seed)
        self._serve = self._serve_http if http else self._serve_stream
        self._stall_seconds = stall_seconds
        self._retry_after = retry_after
        self._tasks = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error):
        self._server.close()
        for _ in range(3):  # what was accepted just now gets its task in the loop's next rounds
            await asyncio.sleep(0)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def endpoint(self, server):
        """Return a server's URL as seen through the proxy."""
        return server.endpoint.replace(f":{self._target}", f":{self.port}")

    async def _accepted(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        client = Side(reader, writer)
        server = None
        try:
            server = Side(*await asyncio.open_connection("127.0.0.1", self._target))
            await self._serve(client, server)
        except (OSError, EOFError, asyncio.CancelledError):
            client.reset()
        finally:
            self._tasks.discard(task)
            for side in (client, server):
                if side:
                    await side.close()

    def _roll(self):
        fault = self.faults.roll(self._chance)
        if fault:
            self.counts[fault] += 1
        return fault

    async def _reset(self):
        raise ConnectionResetError

    # HTTP.

    async def _serve_http(self, client, server):
        while head := await client.head():
            fault = self._roll()
            if fault == "reset_before":
                await self._reset()
            elif fault in {"busy", "throttle"}:
                if not await self._refuse(client, head, 503 if fault == "busy" else 429):
                    return
            elif not await self._exchange(client, server, head, fault):
                return

    async def _refuse(self, client, head, status):
        """Answer in the server's place; return whether the connection can be used again."""
        waits = head.value("expect") is not None
        if not waits:
            async for _ in client.body(head, "PUT"):
                pass
        text = f"<Error><Code>SlowDown</Code><Message>{status}</Message></Error>"
        last = "close" if waits else "keep-alive"
        client.writer.write(
            f"HTTP/1.1 {status} Slow Down\r\nRetry-After: {self._retry_after}\r\n"
            f"Content-Type: application/xml\r\nContent-Length: {len(text)}\r\n"
            f"Connection: {last}\r\n\r\n".encode()
        )
        if head.method != "HEAD":
            client.writer.write(text.encode())
        await client.writer.drain()
        return not waits

    async def _exchange(self, client, server, head, fault):
        server.writer.write(head.raw)
        sending = asyncio.create_task(self._send(client, server, head, fault))
        try:
            while (answer := await self._answer(server, sending)).status < 200:
                client.writer.write(answer.raw)  # 100: the client may send its body
            if fault == "reset_answered":
                await self._reset()
            whole = await self._give(client, server, head, answer, fault)
            if not sending.done():
                return False  # it was refused before all of it had been sent
            await sending
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        closes = "close" in (head.value("connection"), answer.value("connection"))
        return whole and not closes

    async def _answer(self, server, sending):
        """Return the head of the next response, unless the request cannot be sent."""
        reading = asyncio.create_task(server.head())
        try:
            await asyncio.wait({reading, sending}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
            answer = await reading
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        if answer is None:
            await self._reset()
        return answer

    async def _send(self, client, server, head, fault):
        if fault == "reset_request" and not head.length:
            await self._reset()
        left = head.length // 2
        body = client.body(head, head.method)
        async for piece in corrupted(body) if fault == "corrupt_request" else body:
            if fault == "reset_request" and left < len(piece):
                server.writer.write(piece[:left])
                await server.writer.drain()
                await self._reset()
            left -= len(piece)
            server.writer.write(piece)
            await server.writer.drain()

    async def _give(self, client, server, head, answer, fault):
        """Pass on a response; return whether all of it was."""
        cuts = fault in {"reset_response", "truncate", "stall"}
        # Of a response without a body, a part of the head is what can be cut off.
        if cuts and (head.method == "HEAD" or not answer.length):
            client.writer.write(answer.raw[: len(answer.raw) // 2])
            if await self._cut(client, fault):
                return False
            client.writer.write(answer.raw[len(answer.raw) // 2 :])
            cuts = False
        else:
            client.writer.write(answer.raw)
        left = answer.length // 2
        body = server.body(answer, head.method)
        async for piece in corrupted(body) if fault == "corrupt" else body:
            if cuts and left < len(piece):
                client.writer.write(piece[:left])
                if await self._cut(client, fault):
                    return False
                client.writer.write(piece[left:])
                cuts = False
            else:
                client.writer.write(piece)
            left -= len(piece)
            await client.writer.drain()
        await client.writer.drain()
        return answer.ends or head.method == "HEAD"

    async def _cut(self, client, fault):
        """Break a response at this point; return whether it ends here."""
        await client.writer.drain()
        if fault == "stall":
            await asyncio.sleep(self._stall_seconds)
        elif fault == "reset_response":
            await asyncio.sleep(0.01)  # a reset overtakes what the client has not read yet
            await self._reset()
        return fault == "truncate"

    # Plain bytes.

    async def _serve_stream(self, client, server):
        directions = {
            asyncio.create_task(self._pump(*sides))
            for sides in [(client, server), (server, client)]
        }
        try:
            done, _ = await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in directions:
                task.cancel()
            await asyncio.gather(*directions, return_exceptions=True)

    async def _pump(self, source, target):
        while piece := await source.reader.read(PIECE):
            fault = self._roll()
            if fault in {"reset_before", "reset_answered"}:
                await self._reset()
            if fault in {"reset_request", "reset_response", "truncate"}:
                target.writer.write(piece[: len(piece) // 2])
                await target.writer.drain()
                if fault == "truncate":
                    return
                await self._reset()
            if fault == "stall":
                await asyncio.sleep(self._stall_seconds)
            target.writer.write(piece)
            await target.writer.drain()
