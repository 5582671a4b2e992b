"""What an account has on Lambda: functions to deploy, list, delete, and their logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlithops.backends.compute.aws_lambda import deployment
from greenlithops.backends.compute.package import of_image, package
from greenlithops.backends.storage.s3.account import Account
from greenlithops.offload import off_loop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from greenlithops.backends.compute.aws_lambda.options import LambdaOptions


class Control:
    """Lambda's control plane, for one account and region.

    Args:
        options: who asks, and what the function is like that is to be deployed.

    Attributes:
        account: whose functions they are; open between `open` and `close`.
    """

    def __init__(self, options: LambdaOptions) -> None:
        self.account = Account(options.access(), "lambda")
        self._options = options

    async def open(self) -> None:
        """Find the credentials."""
        await self.account.open()

    async def close(self) -> None:
        """Close the connections."""
        await self.account.close()

    async def ensure(self) -> deployment.Deployed:
        """Return the function with these options, made or brought up to date if need be."""
        options = self._options
        client = await self.account.client()
        if options.image is not None:
            wanted = of_image(options.image, options.architecture)
        else:
            wanted = await off_loop(package, tuple(options.requirements), options.architecture)
        return await deployment.ensure(client, options, wanted)

    async def services(self) -> AsyncIterator[deployment.Deployed]:
        """Give all functions of greenlithops in this account and region."""
        async for one in deployment.functions(await self.account.client()):
            yield one

    async def delete(self, name: str) -> None:
        """Delete a function; a missing one is fine."""
        await deployment.delete(await self.account.client(), name)

    async def logs(self, name: str, seconds: float) -> AsyncIterator[str]:
        """Give the lines that a function has logged in the last seconds, oldest first."""
        from greenlithops.backends.compute.aws_lambda.logs import lines  # noqa: PLC0415 - rare

        async for line in lines(self._options, name, seconds):
            yield line
