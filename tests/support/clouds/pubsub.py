"""A stand-in for Pub/Sub: requests are held to its discovery document, and filters filter."""

import asyncio
import collections
import itertools
import re
import time
from pathlib import Path

from aiohttp import web

from support.clouds.discovery import Api, Wrong
from support.clouds.instances import serve

#: where Google's package google-cloud-cli-pubsub-emulator has its program; none of the registries
#: that the other servers come from has it, so what is tested with it runs only where it is
EMULATOR = Path("/usr/lib/google-cloud-sdk/platform/pubsub-emulator/bin/cloud-pubsub-emulator")
TURN = 1.0  #: seconds for which a pull waits
_FILTER = re.compile(r'attributes\.topic = "([^"]*)"')
_ids = itertools.count(1)


class _Subscription:
    """What one subscription has not had acknowledged."""

    def __init__(self, body):
        self.topic = body["topic"]
        self.wanted = _FILTER.fullmatch(body["filter"])[1]
        self.patience = body["ackDeadlineSeconds"]
        self.waiting = collections.deque()
        self.given = {}  #: by the id of an acknowledgement: a message, and when it comes again
        self.news = asyncio.Event()

    def offer(self, message):
        if message.get("attributes", {}).get("topic") == self.wanted:
            self.waiting.append(message)
            self.news.set()

    async def pull(self, most):
        now = time.monotonic()
        for key in [key for key, (_, until) in self.given.items() if until < now]:
            self.waiting.append(self.given.pop(key)[0])
        if not self.waiting:
            self.news.clear()
            try:
                await asyncio.wait_for(self.news.wait(), TURN)
            except TimeoutError:
                return []
        found = []
        while self.waiting and len(found) < most:
            message, key = self.waiting.popleft(), f"ack-{next(_ids)}"
            self.given[key] = message, now + self.patience
            found.append({"ackId": key, "message": message})
        return found


class PubsubStandIn:
    """A project's topics and subscriptions; use it in ``async with``."""

    def __init__(self):
        self.topics, self.subscriptions = set(), {}
        self.endpoint = ""
        self._api = Api("pubsub", "v1")
        self._runner = None

    async def __aenter__(self):
        app = web.Application(client_max_size=10 << 20)
        app.router.add_route("*", "/{path:.*}", self._asked)
        # A pull ends with who waits for it.
        self._runner, self.endpoint = await serve(app, handler_cancellation=True)
        return self

    async def __aexit__(self, *_):
        await self._runner.cleanup()

    async def _asked(self, request):
        body = await request.json() if request.can_read_body else None
        try:
            name, (place,) = self._api.find(request.method, request.match_info["path"])
            self._api.check(name, request.query, body)
        except Wrong as error:
            return web.json_response({"error": str(error)}, status=400)
        if name.endswith("create"):
            return self._create(place, body)
        if place not in self.topics and place not in self.subscriptions:
            return web.json_response({"error": "NOT_FOUND"}, status=404)
        answer = {}
        match name.removeprefix("pubsub.projects."):
            case "topics.publish":
                answer = self._publish(place, body["messages"])
            case "subscriptions.pull":
                found = await self.subscriptions[place].pull(body["maxMessages"])
                answer = {"receivedMessages": found} if found else {}
            case "subscriptions.acknowledge":
                for key in body["ackIds"]:
                    self.subscriptions[place].given.pop(key, None)
            case "subscriptions.delete":
                del self.subscriptions[place]
        return web.json_response(answer)

    def _create(self, place, body):
        if place in self.topics or place in self.subscriptions:
            return web.json_response({"error": "ALREADY_EXISTS"}, status=409)
        if "topic" not in body:
            self.topics.add(place)
        elif body["topic"] not in self.topics:
            return web.json_response({"error": "NOT_FOUND"}, status=404)
        else:
            self.subscriptions[place] = _Subscription(body)
        return web.json_response({"name": place})

    def _publish(self, place, messages):
        found = [{**message, "messageId": str(next(_ids))} for message in messages]
        for one in self.subscriptions.values():
            if one.topic == place:
                for message in found:
                    one.offer(message)
        return {"messageIds": [message["messageId"] for message in found]}
