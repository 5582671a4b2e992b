"""Which cloud, region and machine type this is, told by the environment or, on request, asked.

Nothing is asked unless a program says so, nothing waits longer than it allows, and no answer is
kept that is not of the form of what was asked for: the metadata services of clouds answer errors
with pages of text.
"""

from __future__ import annotations

import asyncio
import functools
import os
import re
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from greenlithops.offload import off_loop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from aiohttp import ClientSession

    _Ask = Callable[..., Awaitable[str | None]]

_REGION = re.compile(r"[a-z]{2}[a-z0-9-]{2,30}\d?")
_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,60}")
_TOKEN = re.compile(r"[\x21-\x7e]{1,512}")
_PATH = re.compile(r"projects/[\w/.-]{1,200}")
_METADATA = "http://169.254.169.254"


@dataclass(frozen=True, slots=True)
class Instance:
    """Where this process runs; None for what is not known.

    Attributes:
        provider: ``aws``, ``gcp`` or ``azure``.
        region: the provider's region.
        machine_type: the provider's name of the machine: ``m7g.large``, ``Standard_D4s_v5`` …
        function_mb: memory of the cloud function that this process is, in megabytes.
        told_by: ``environment`` or ``metadata``.
    """

    provider: str | None = None
    region: str | None = None
    machine_type: str | None = None
    function_mb: int | None = None
    told_by: str | None = None


def instance_of(environment: Mapping[str, str] | None = None) -> Instance:
    """Return what the environment variables tell; nothing is asked and nothing can block.

    Args:
        environment: the variables; by default this process' own.
    """
    env = os.environ if environment is None else environment
    if "AWS_LAMBDA_FUNCTION_NAME" in env or "AWS_EXECUTION_ENV" in env:
        region = _formed(_REGION, env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION"))
        memory = env.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
        size = int(memory) if memory.isdecimal() else None
        return Instance("aws", region, None, size, "environment")
    if "K_SERVICE" in env or "CLOUD_RUN_JOB" in env:
        region = _formed(_REGION, env.get("GOOGLE_CLOUD_REGION") or env.get("CLOUD_RUN_REGION"))
        return Instance("gcp", region, None, None, "environment")
    if "FUNCTIONS_WORKER_RUNTIME" in env and "WEBSITE_SITE_NAME" in env:
        name = env.get("REGION_NAME", "").replace(" ", "").lower()
        return Instance("azure", _formed(_REGION, name), None, None, "environment")
    return Instance()


async def ask_instance(timeout: float = 1.0, base: str = _METADATA) -> Instance:  # noqa: ASYNC109 - of all that is asked
    """Ask the metadata services of the three clouds, at once and not longer than `timeout` seconds.

    Args:
        timeout: seconds for everything.
        base: where the services are.

    Returns:
        What the first that answered properly said; an `Instance` of None otherwise. Errors, pages
        of text, redirects and silence all mean that nothing is known.
    """
    try:
        aiohttp = await off_loop(import_module, "aiohttp")  # optional, and slow to import
    except ImportError:
        return Instance()
    limit = aiohttp.ClientTimeout(total=timeout)
    async with aiohttp.ClientSession(base, timeout=limit, trust_env=False) as session:
        ask = functools.partial(_ask, session)
        found = await asyncio.gather(_aws(ask), _gcp(ask), _azure(ask))
    return next((instance for instance in found if instance.provider), Instance())


async def _ask(
    session: ClientSession,
    path: str,
    headers: Mapping[str, str],
    form: re.Pattern[str],
    method: str = "GET",
) -> str | None:
    """Return the answer if it is of the given form, else None."""
    from aiohttp import ClientError  # noqa: PLC0415 - an optional dependency, slow to import

    try:
        async with session.request(method, path, headers=headers, allow_redirects=False) as answer:
            if answer.status != 200:  # noqa: PLR2004 - OK
                return None
            text = (await answer.content.read(1024)).decode("ascii", "replace")
    except (ClientError, TimeoutError, OSError):  # no such service, or none that answers
        return None
    return _formed(form, text)


async def _aws(ask: _Ask) -> Instance:
    # Version 2 only: version 1 answers anybody who can make this host send a request.
    seconds = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
    token = await ask("/latest/api/token", seconds, _TOKEN, "PUT")
    if token is None:
        return Instance()
    header = {"X-aws-ec2-metadata-token": token}
    region = await ask("/latest/meta-data/placement/region", header, _REGION)
    kind = await ask("/latest/meta-data/instance-type", header, _TYPE)
    return _found("aws", region, kind)


async def _gcp(ask: _Ask) -> Instance:
    header, path = {"Metadata-Flavor": "Google"}, "/computeMetadata/v1/instance/"
    kind = await ask(path + "machine-type", header, _PATH)
    zone = await ask(path + "zone", header, _PATH)
    region = _formed(_REGION, _last(zone).rpartition("-")[0])
    return _found("gcp", region, _formed(_TYPE, _last(kind)))


async def _azure(ask: _Ask) -> Instance:
    header, tail = {"Metadata": "true"}, "?api-version=2021-02-01&format=text"
    path = "/metadata/instance/compute/"
    region = await ask(path + "location" + tail, header, _REGION)
    kind = await ask(path + "vmSize" + tail, header, _TYPE)
    return _found("azure", region, kind)


def _last(path: str | None) -> str:
    return (path or "").rpartition("/")[2]


def _found(provider: str, region: str | None, kind: str | None) -> Instance:
    known = region is not None or kind is not None
    return Instance(provider, region, kind, None, "metadata") if known else Instance()


def _formed(form: re.Pattern[str], text: str | None) -> str | None:
    text = (text or "").strip()
    return text if form.fullmatch(text) else None
