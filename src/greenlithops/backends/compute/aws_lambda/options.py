"""What a deployment on Lambda is like: one frozen value, with Lithops' names for it."""

from __future__ import annotations

import difflib
import re
import sys
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

from greenlithops.backends.storage.s3.options import Options as Access
from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PYTHON = (
    f"python{sys.version_info[0]}.{sys.version_info[1]}"  #: pickled functions need the same one
)
HANDLER = "greenlithops.worker.lambda_handler.handler"
MEMORY = (128, 10_240)  #: MB
TIMEOUT = (1, 900)  #: seconds
EPHEMERAL = (512, 10_240)  #: MB
QUEUE = (60, 21_600)  #: seconds
PROCESSES = (1, 64)
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ROLE = re.compile(r"arn:aws[a-zA-Z-]*:iam::\d{12}:role/.+")
#: Lithops' names, and which of ours they are; None for those that have no meaning here
_OTHERS: Mapping[str, str | None] = {
    "region_name": "region",
    "config_profile": "profile",
    "account_id": None,
    "user_id": None,
    "sso": None,  # botocore finds a login by the profile
    "invoke_pool_threads": None,
    "remote_invoker": None,
    "max_workers": None,
    "backend": None,
    "storage": None,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LambdaOptions:
    """A function on Lambda that runs calls.

    Attributes:
        execution_role: the ARN of the role that calls have.
        region: where; None for botocore's.
        runtime_memory: MB; CPU comes in proportion, one virtual CPU at 1,769 MB.
        runtime_timeout: seconds that an invocation may take.
        architecture: ``x86_64`` or ``arm64``.
        ephemeral_storage: MB of ``/tmp``.
        env_vars: environment variables: a mapping, or Lithops' list of names and values.
        user_tags: tags of the function.
        namespace: a part of the function's name, to tell deployments apart.
        runtime: the function's whole name, instead of one that follows from these options.
        vpc: ``subnets`` and ``security_groups``.
        efs: ``access_point`` and ``mount_path`` of each file system.
        layers: ARNs of layers, the packages of which calls may import.
        requirements: packages for the function, as pip takes them; pin their versions.
        image: the URI of a container image, which is the function then; such as what
            ``greenlithops runtime build -b aws_lambda`` makes, in the account's registry.
        concurrency: how many invocations at a time at most.
        endpoint: the service's URL; None for AWS'.
        access_key_id: the access key; None to look for credentials as botocore does.
        secret_access_key: its secret.
        session_token: of temporary credentials.
        profile: the section of AWS' configuration files to use.
        patience: seconds for which the service may be away before calls fail.
        worker_processes: how many calls of one invocation run at a time, each in a process.
        asynchronous: whether invocations are of Lambda's type ``Event``, with replies that come
            through the executor's storage.
        queue_seconds: how long such an invocation may wait for its turn.
    """

    execution_role: str
    region: str | None = None
    runtime_memory: int = 256
    runtime_timeout: int = 180
    architecture: Literal["x86_64", "arm64"] = "x86_64"
    ephemeral_storage: int = 512
    env_vars: Any = ()
    user_tags: Any = ()
    namespace: str | None = None
    runtime: str | None = None
    vpc: Mapping[str, Sequence[str]] = field(default_factory=dict)
    efs: Sequence[Mapping[str, str]] = ()
    layers: Sequence[str] = ()
    requirements: Sequence[str] = ()
    image: str | None = None
    concurrency: int = 1000
    endpoint: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    profile: str | None = None
    patience: float = 60.0
    worker_processes: int = 1
    asynchronous: bool = False
    queue_seconds: int = 3600

    def __post_init__(self) -> None:
        for name, (least, most), unit in (
            ("runtime_memory", MEMORY, "MB"),
            ("runtime_timeout", TIMEOUT, "seconds"),
            ("ephemeral_storage", EPHEMERAL, "MB"),
            ("queue_seconds", QUEUE, "seconds"),
            ("worker_processes", PROCESSES, "processes"),
        ):
            value = getattr(self, name)
            if not least <= value <= most:
                raise ConfigurationError(
                    f"aws_lambda: {name} is from {least} to {most} {unit}, not {value!r}"
                )
        if self.architecture not in ("x86_64", "arm64"):
            raise ConfigurationError(
                f"aws_lambda: architecture is 'x86_64' or 'arm64', not {self.architecture!r}"
            )
        if not _ROLE.fullmatch(self.execution_role):
            raise ConfigurationError(
                "aws_lambda: execution_role is the ARN of a role, such as "
                f"arn:aws:iam::123456789012:role/calls, not {self.execution_role!r}"
            )
        for name in ("namespace", "runtime"):
            value = getattr(self, name)
            if value is not None and not _NAME.fullmatch(value):
                raise ConfigurationError(
                    f"aws_lambda: {name} has letters, digits, - and _ only, not {value!r}"
                )
        for one in self.efs:
            if not {"access_point", "mount_path"} <= set(one):
                raise ConfigurationError(
                    "aws_lambda: efs needs access_point and mount_path of each"
                )
        if self.image is not None and (self.layers or self.requirements):
            raise ConfigurationError(
                "aws_lambda: layers and requirements are for functions without an image: build "
                "what they have into the image"
            )
        self.environment()
        self.tags()

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> LambdaOptions:
        """Return the options that are given, under our names or Lithops'.

        Raises:
            ConfigurationError: one is unknown, missing or impossible.
        """
        known = {one.name for one in fields(cls)}
        found: dict[str, Any] = {}
        for name, value in given.items():
            own = name if name in known else _OTHERS.get(name, "")
            if own == "":
                near = difflib.get_close_matches(name, [*known, *_OTHERS], 1)
                hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
                raise ConfigurationError(f"aws_lambda has no option {name!r}; {hint}")
            if own is not None and value is not None:
                found.setdefault(own, value)
        if "execution_role" not in found:
            raise ConfigurationError(
                "aws_lambda: 'execution_role' is missing: the ARN of the role that calls have"
            )
        return cls(**found)

    def environment(self) -> dict[str, str]:
        """Return the environment variables."""
        return _pairs("env_vars", self.env_vars, "name", "value")

    def tags(self) -> dict[str, str]:
        """Return the tags."""
        return _pairs("user_tags", self.user_tags, "Key", "Value")

    def access(self) -> Access:
        """Return who asks, and where."""
        return Access(
            name="aws_lambda",
            endpoint=self.endpoint,
            region=self.region,
            access_key_id=self.access_key_id,
            secret_access_key=self.secret_access_key,
            session_token=self.session_token,
            profile=self.profile,
        )


def _pairs(option: str, given: Any, name: str, value: str) -> dict[str, str]:
    """Return a mapping, or a list of names with values, as a dictionary of texts."""
    if isinstance(given, dict):
        return {str(key): str(content) for key, content in given.items()}
    try:
        return {
            str(one.get(name, one.get(name.lower()))): str(one.get(value, one.get(value.lower())))
            for one in given or ()
        }
    except (AttributeError, TypeError) as error:
        raise ConfigurationError(
            f"aws_lambda: {option} is a mapping, or a list of {{{name}: …, {value}: …}}"
        ) from error
