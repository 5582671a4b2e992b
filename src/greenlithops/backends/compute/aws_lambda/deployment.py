"""Functions on Lambda: made, brought up to date, listed and deleted by its control plane."""

from __future__ import annotations

import asyncio
import hashlib
import io
import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from greenlithops.backends.compute.aws_lambda.options import HANDLER, PYTHON
from greenlithops.errors import (
    ConfigurationError,
    PayloadTooLarge,
    ServiceRefused,
    ServiceUnavailable,
)
from greenlithops.offload import LARGE, off_loop
from greenlithops.worker.service import KEY_VARIABLE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from greenlithops.backends.compute.aws_lambda.options import LambdaOptions
    from greenlithops.backends.compute.package import Package

PACKAGE_VARIABLE = "GREENLITHOPS_PACKAGE"
PREFIX = "greenlithops-"
MOST_ARCHIVE = 50 << 20  #: bytes of a zip that a request may carry
READY_SECONDS = 300.0
_FIRST_LOOK, _LONGEST_LOOK = 0.1, 2.0


@dataclass(frozen=True, slots=True)
class Deployed:
    """A function that is there.

    Attributes:
        name: the function's.
        arn: its full name.
        python: the minor version of Python that it runs, such as ``3.12``; None of an image.
        memory_mb: its memory setting.
        architecture: ``x86_64`` or ``arm64``.
        timeout_seconds: what an invocation may take.
        package: the digest of its code; None if it is none of ours.
        modified: when it was changed last, as Lambda tells it.
        key: what messages to it are authenticated with.
    """

    name: str
    arn: str
    python: str | None
    memory_mb: int
    architecture: str
    timeout_seconds: int
    package: str | None
    modified: str
    key: str | None = field(repr=False, default=None)


def function_name(options: LambdaOptions, package: Package) -> str:
    """Return the name of the function that has these options.

    Another version of the code has another name, so that two of them never take turns.
    """
    if options.runtime is not None:
        return options.runtime
    content = repr((package.digest, tuple(options.layers))).encode()
    digest = hashlib.sha256(content).hexdigest()[:10]
    space = f"{options.namespace}-" if options.namespace else ""
    python = PYTHON.replace("python", "py").replace(".", "")
    arch = options.architecture.partition("_")[0]
    name = f"{PREFIX}{space}{python}-{arch}-{options.runtime_memory}-{digest}"
    if len(name) > 64:  # noqa: PLR2004 - Lambda's limit
        raise ConfigurationError(f"aws_lambda: namespace is too long: {options.namespace!r}")
    return name


async def ensure(client: Any, options: LambdaOptions, package: Package) -> Deployed:
    """Return the function with these options, made or brought up to date if need be.

    Raises:
        ConfigurationError: a function of another kind has the name, or the code cannot be made.
        ServiceRefused: Lambda does not take it.
        ServiceUnavailable: it does not become ready.
    """
    name = function_name(options, package)
    client.meta.events.register("before-send.lambda", _in_pieces, unique_id="in-pieces")
    found = await _configuration(client, name)
    if found is None:
        found = await _create(client, name, options, package)
    found = await _ready(client, name, found)
    variables = found.get("Environment", {}).get("Variables", {})
    key = variables.get(KEY_VARIABLE)
    if key is None:
        raise ConfigurationError(
            f"the function {name} exists and is none of greenlithops: give another runtime name"
        )
    if variables.get(PACKAGE_VARIABLE) != package.digest:
        code = await _code(options, package)
        async with _asking(f"update the code of {name}"):
            await client.update_function_code(
                FunctionName=name, Architectures=[options.architecture], **code
            )
        found = await _ready(client, name)
    wanted = configuration(options, package, key)
    if _differs(found, wanted):
        async with _asking(f"update {name}"):
            await client.update_function_configuration(FunctionName=name, **wanted)
        found = await _ready(client, name)
    if options.asynchronous:
        async with _asking(f"set how {name} is invoked"):
            await client.put_function_event_invoke_config(
                FunctionName=name,
                MaximumRetryAttempts=0,  # whether calls run again is for their retries to say
                MaximumEventAgeInSeconds=options.queue_seconds,
            )
    return deployed(found)


def _in_pieces(request: Any, **_: Any) -> None:
    """Have large code written in pieces, so that the event loop is not held for long."""
    if isinstance(request.body, bytes) and len(request.body) > LARGE:
        request.body = io.BytesIO(request.body)


def configuration(options: LambdaOptions, package: Package, key: str) -> dict[str, Any]:
    """Return a function's configuration as Lambda takes it."""
    own = {KEY_VARIABLE: key, PACKAGE_VARIABLE: package.digest}
    wanted: dict[str, Any] = {
        "Role": options.execution_role,
        "MemorySize": options.runtime_memory,
        "Timeout": options.runtime_timeout,
        "EphemeralStorage": {"Size": options.ephemeral_storage},
        "Environment": {"Variables": options.environment() | own},
        "VpcConfig": {
            "SubnetIds": list(options.vpc.get("subnets", ())),
            "SecurityGroupIds": list(options.vpc.get("security_groups", ())),
        },
        "FileSystemConfigs": [
            {"Arn": one["access_point"], "LocalMountPath": one["mount_path"]} for one in options.efs
        ],
    }
    if options.image is None:
        wanted |= {"Runtime": PYTHON, "Handler": HANDLER, "Layers": list(options.layers)}
    else:
        wanted["ImageConfig"] = {"Command": [HANDLER]}
    return wanted


def _differs(found: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Return whether a function has another configuration than the one that is wanted."""
    layers = [layer["Arn"] for layer in found.get("Layers") or ()]
    files = [
        {"Arn": one["Arn"], "LocalMountPath": one["LocalMountPath"]}
        for one in found.get("FileSystemConfigs") or ()
    ]
    vpc = found.get("VpcConfig") or {}
    has = {
        "Layers": layers,
        "FileSystemConfigs": files,
        "VpcConfig": {key: list(vpc.get(key) or ()) for key in ("SubnetIds", "SecurityGroupIds")},
        "EphemeralStorage": found.get("EphemeralStorage") or {"Size": 512},
        "ImageConfig": found.get("ImageConfigResponse", {}).get("ImageConfig"),
        "Environment": {"Variables": found.get("Environment", {}).get("Variables", {})},
    }
    return any(has.get(name, found.get(name)) != value for name, value in wanted.items())


async def _create(
    client: Any, name: str, options: LambdaOptions, package: Package
) -> dict[str, Any] | None:
    code = await _code(options, package)
    wanted = configuration(options, package, secrets.token_hex(32))
    if not options.vpc:
        del wanted["VpcConfig"]
    about = f"Runs calls of greenlithops on {PYTHON}"
    try:
        async with _asking(f"create {name}"):
            made: dict[str, Any] = await client.create_function(
                FunctionName=name,
                Code=code,
                Description=about,
                Architectures=[options.architecture],
                PackageType="Zip" if options.image is None else "Image",
                Tags={"greenlithops": package.digest} | options.tags(),
                **wanted,
            )
            return made
    except ServiceRefused as error:
        if "ResourceConflictException" in str(error):  # somebody else was faster
            return None
        raise


async def _code(options: LambdaOptions, package: Package) -> dict[str, Any]:
    """Return a function's code as Lambda takes it."""
    if options.image is not None:
        return {"ImageUri": options.image}
    archive = await off_loop(package.archive)
    if len(archive) > MOST_ARCHIVE:
        raise PayloadTooLarge(
            f"the function's code takes {len(archive)} bytes, and Lambda takes {MOST_ARCHIVE}: put "
            "large requirements into a layer, or build an image"
        )
    return {"ZipFile": archive}


async def _ready(client: Any, name: str, found: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a function's configuration when it can be invoked and changed."""
    pause, deadline = _FIRST_LOOK, asyncio.get_running_loop().time() + READY_SECONDS
    while True:
        found = found or await _configuration(client, name)
        if found is None:
            raise ServiceRefused(f"the function {name} was deleted while it was made")
        state, update = found.get("State"), found.get("LastUpdateStatus")
        if state == "Failed" or update == "Failed":
            reason = found.get("StateReason") or found.get("LastUpdateStatusReason")
            raise ServiceRefused(f"Lambda could not make the function {name}: {reason}")
        if state in {"Active", "Inactive", None} and update in {"Successful", None}:
            return found
        if asyncio.get_running_loop().time() > deadline:
            raise ServiceUnavailable(
                f"the function {name} was not ready in {READY_SECONDS:g} s: it is {state}, and "
                f"its update {update}"
            )
        await asyncio.sleep(pause)
        pause, found = min(_LONGEST_LOOK, pause * 1.5), None


async def _configuration(client: Any, name: str) -> dict[str, Any] | None:
    try:
        async with _asking(f"look at {name}"):
            found: dict[str, Any] = await client.get_function_configuration(FunctionName=name)
            return found
    except ServiceRefused as error:
        if "ResourceNotFoundException" in str(error):
            return None
        raise


async def functions(client: Any) -> AsyncIterator[Deployed]:
    """Give the functions of greenlithops in this account and region."""
    marker: dict[str, str] = {}
    while True:
        async with _asking("list functions"):
            page = await client.list_functions(**marker)
        for one in page.get("Functions", ()):
            if KEY_VARIABLE in one.get("Environment", {}).get("Variables", {}):
                yield deployed(one)
        if not page.get("NextMarker"):
            return
        marker = {"Marker": page["NextMarker"]}


async def delete(client: Any, name: str) -> None:
    """Delete a function; a missing one is fine."""
    try:
        async with _asking(f"delete {name}"):
            await client.delete_function(FunctionName=name)
    except ServiceRefused as error:
        if "ResourceNotFoundException" not in str(error):
            raise


def deployed(found: dict[str, Any]) -> Deployed:
    """Return a function from its configuration."""
    variables = found.get("Environment", {}).get("Variables", {})
    return Deployed(
        name=found["FunctionName"],
        arn=found["FunctionArn"],
        python=(found.get("Runtime") or "").removeprefix("python") or None,
        memory_mb=found["MemorySize"],
        architecture=(found.get("Architectures") or ["x86_64"])[0],
        timeout_seconds=found["Timeout"],
        package=variables.get(PACKAGE_VARIABLE),
        modified=str(found.get("LastModified", "")),
        key=variables.get(KEY_VARIABLE),
    )


@asynccontextmanager
async def _asking(what: str) -> AsyncIterator[None]:
    """Turn botocore's errors into ours."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - imported by then

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        raise ServiceRefused(f"Lambda refused to {what}: {code}: {error}") from error
    except BotoCoreError as error:
        raise ServiceUnavailable(f"Lambda could not be asked to {what}: {error}") from error
