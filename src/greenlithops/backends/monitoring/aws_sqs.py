"""News through SQS: a queue for each topic, which is there as long as somebody listens.

A message goes to one of those who listen to its topic. Who needs all of them listens alone.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from greenlithops.backends.storage.s3.account import Account
from greenlithops.backends.storage.s3.options import Options
from greenlithops.errors import ChannelError, ChannelUnavailable
from greenlithops.monitoring.inbox import inbox
from greenlithops.monitoring.patience import insist
from greenlithops.monitoring.texts import as_text, batches, of_text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from types import TracebackType

    from greenlithops.monitoring.inbox import Inbox

TURN = 20  #: seconds that a request waits for messages; SQS' most
BATCH = 10  #: messages of a request; SQS' most
BATCH_BYTES = 256 << 10  #: of all texts of a request
KEPT_SECONDS = 3600  #: that a message waits for somebody who does not come back
_LATER = {"Throttling", "ThrottlingException", "RequestThrottled", "ServiceUnavailable"}
# A name is free again a minute after its queue was deleted.
_LATER |= {"InternalError", "AWS.SimpleQueueService.QueueDeletedRecently", "QueueDeletedRecently"}
_NOBODY = {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}


class SqsChannel:
    """News through Amazon SQS.

    Args:
        region: where the queues are.
        access_key_id: the key's name; None: credentials are found as AWS' own tools find them.
        secret_access_key: the key.
        session_token: of temporary credentials.
        endpoint: another place that speaks SQS.
    """

    name = "aws_sqs"
    limit = 190_000  #: 256 KiB as text in base 64

    def __init__(
        self,
        *,
        region: str,
        access_key_id: str | None = None,
        secret_access_key: str | None = None,
        session_token: str | None = None,
        endpoint: str | None = None,
    ) -> None:
        options = Options(
            name="aws_sqs",
            region=region,
            access_key_id=access_key_id,
            secret_access_key=secret_access_key,
            session_token=session_token,
            endpoint=endpoint,
        )
        self._account = Account(options, "sqs")
        self._region = region
        self._urls: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        await self._account.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._account.close()

    async def send(self, topic: str, messages: Sequence[bytes]) -> None:
        """Send messages: see `greenlithops.monitoring.channel.Channel`."""
        texts = [as_text(message) for message in messages]
        for batch in batches(texts, BATCH, BATCH_BYTES):
            entries = [{"Id": str(i), "MessageBody": text} for i, text in enumerate(batch)]
            if not await self.ask(topic, "send_message_batch", Entries=entries):
                return

    @asynccontextmanager
    async def listen(self, topic: str) -> AsyncIterator[Inbox]:
        """Listen: see `greenlithops.monitoring.channel.Channel`."""
        await self._make(topic)
        try:
            async with inbox(lambda: self._read(topic)) as subscription:
                yield subscription
        finally:
            await self.ask(topic, "delete_queue")
            self._urls.pop(topic, None)

    async def _make(self, topic: str) -> None:
        attributes = {"MessageRetentionPeriod": str(KEPT_SECONDS)}

        async def make(client: Any) -> None:
            made = await client.create_queue(QueueName=_queue(topic), Attributes=attributes)
            self._urls[topic] = made["QueueUrl"]

        await self._insist(make)

    async def _read(self, topic: str) -> list[bytes]:
        amount = {"MaxNumberOfMessages": BATCH, "WaitTimeSeconds": TURN}
        while True:
            answer = await self.ask(topic, "receive_message", **amount)
            if answer is None:
                await self._make(topic)  # somebody has deleted the queue
                return []
            if found := answer.get("Messages"):
                entries = [
                    {"Id": str(i), "ReceiptHandle": one["ReceiptHandle"]}
                    for i, one in enumerate(found)
                ]
                await self.ask(topic, "delete_message_batch", Entries=entries)
                return [of_text(one["Body"]) for one in found]

    async def ask(self, topic: str, operation: str, **arguments: Any) -> Any:
        """Return what SQS answers about a topic's queue; None if there is none."""
        answer: Any = None

        async def attempt(client: Any) -> None:
            nonlocal answer
            answer = None
            try:
                if topic not in self._urls:
                    found = await client.get_queue_url(QueueName=_queue(topic))
                    self._urls[topic] = found["QueueUrl"]
                answer = await getattr(client, operation)(QueueUrl=self._urls[topic], **arguments)
            except ClientError as error:
                if error.response["Error"]["Code"] not in _NOBODY:
                    raise
                self._urls.pop(topic, None)

        await self._insist(attempt)
        return answer

    async def _insist(self, attempt: Callable[[Any], Awaitable[None]]) -> None:
        async def translated() -> None:
            try:
                await attempt(await self._account.client())
            except (TimeoutError, ClientError, BotoCoreError, OSError) as error:
                raise self._failed(error) from error

        await insist(translated)

    def _failed(self, error: Exception) -> ChannelError:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] not in _LATER:
            return ChannelError(f"SQS in {self._region} refuses: {error}")
        return ChannelUnavailable(f"SQS in {self._region} is not reached: {error}")


def _queue(topic: str) -> str:
    return f"greenlithops-{topic}"
