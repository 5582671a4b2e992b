"""What a function has logged, from CloudWatch."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from greenlithops.backends.storage.s3.account import Account
from greenlithops.errors import ServiceRefused, ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from greenlithops.backends.compute.aws_lambda.options import LambdaOptions


async def lines(options: LambdaOptions, name: str, seconds: float) -> AsyncIterator[str]:
    """Give the lines of a function's log of the last seconds, oldest first.

    Raises:
        ServiceRefused: CloudWatch does not give them.
        ServiceUnavailable: it is not reached.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - imported by then

    account = Account(options.access(), "logs")
    await account.open()
    try:
        client = await account.client()
        start = int((time.time() - seconds) * 1000)
        more: dict[str, str] = {}
        while True:
            page = await client.filter_log_events(
                logGroupName=f"/aws/lambda/{name}", startTime=start, **more
            )
            for event in page.get("events", ()):
                yield event["message"].rstrip("\n")
            if not page.get("nextToken"):
                return
            more = {"nextToken": page["nextToken"]}
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "ResourceNotFoundException":
            return  # nothing was logged yet
        raise ServiceRefused(f"CloudWatch does not give the logs of {name}: {error}") from error
    except BotoCoreError as error:
        raise ServiceUnavailable(f"CloudWatch is not reached: {error}") from error
    finally:
        await account.close()
