"""What a function on Function Compute that runs calls is like, with Lithops' names for it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from greenlithops.backends.compute.services import COMMAND, PYTHON, chosen, variables, within
from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RUNTIMES = frozenset({"3.10", "3.12"})  #: minor versions of Python that the service brings
CPU_STEP = 0.05
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
#: Lithops' names, and which of ours they are; None for those that have no meaning here
_OTHERS: Mapping[str, str | None] = {
    "max_workers": "concurrency",
    "public_endpoint": "endpoint",
    # The service has images from Alibaba's own registry by the account's rights.
    "docker_server": None,
    "docker_user": None,
    "docker_password": None,
    "docker_namespace": None,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionComputeOptions:
    """A function on Function Compute 3.0 that runs calls.

    Attributes:
        account_id: the account.
        region: where, such as ``eu-central-1``.
        access_key_id: the access key.
        access_key_secret: its secret.
        security_token: of temporary credentials.
        role_arn: the role that calls have; None for none.
        deploy_mode: ``runtime``: the service's own Python, with a package that is made here;
            ``custom-container``: an image.
        image: the image, with greenlithops and what `command` needs in it, in Alibaba's registry.
        command: what the image runs.
        code_runtime: the service's name for this program's Python, where it has one that is newer
            than this version of greenlithops knows; such as ``python3.13``.
        name: the function's name, instead of one that follows from these options.
        namespace: a part of the function's name, to tell deployments apart.
        runtime_memory: MB; a multiple of 64.
        runtime_cpu: virtual CPUs, a multiple of 0.05: at least one for every 4 GB, at most one for
            each; None for one for every 2 GB.
        runtime_timeout: seconds that an invocation may take.
        worker_processes: calls of one invocation that run at a time, each in a process.
        ephemeral_storage: MB of the disk: 512 or 10240.
        container_concurrency: invocations at a time in one instance of an image.
        env_vars: environment variables: a mapping, or Lithops' list of names and values.
        requirements: packages to bring with the package, as pip takes them; pin their versions.
        concurrency: how many invocations at a time at most.
        endpoint: the service's URL, instead of Alibaba's.
        ready_seconds: how long a function may take until it can be invoked.
        patience: seconds for which the service may be away before calls fail.
    """

    account_id: str
    region: str
    access_key_id: str
    access_key_secret: str = field(repr=False)
    security_token: str | None = field(default=None, repr=False)
    role_arn: str | None = None
    deploy_mode: Literal["runtime", "custom-container"] = "runtime"
    image: str | None = None
    command: Sequence[str] = COMMAND
    code_runtime: str | None = None
    name: str | None = None
    namespace: str | None = None
    runtime_memory: int = 256
    runtime_cpu: float | None = None
    runtime_timeout: int = 300
    worker_processes: int = 1
    ephemeral_storage: int = 512
    container_concurrency: int = 1
    env_vars: Any = ()
    requirements: Sequence[str] = ()
    concurrency: int = 300
    endpoint: str | None = None
    ready_seconds: float = 300.0
    patience: float = 60.0

    def __post_init__(self) -> None:
        within("aliyun_fc: runtime_memory", self.runtime_memory, (128, 32_768), "MB")
        within("aliyun_fc: worker_processes", self.worker_processes, (1, 64), "processes")
        within("aliyun_fc: runtime_timeout", self.runtime_timeout, (1, 86_400), "seconds")
        within("aliyun_fc: concurrency", self.concurrency, (1, 1_000_000), "invocations")
        within("aliyun_fc: container_concurrency", self.container_concurrency, (1, 200), "calls")
        if self.runtime_memory % 64:
            raise ConfigurationError(
                f"aliyun_fc: runtime_memory is a multiple of 64 MB, not {self.runtime_memory}"
            )
        cpu, memory = self.cpu(), self.runtime_memory / 1024
        if not memory / 4 <= cpu <= memory or abs(cpu / CPU_STEP - round(cpu / CPU_STEP)) > 1e-6:  # noqa: PLR2004
            raise ConfigurationError(
                f"aliyun_fc: runtime_cpu is a multiple of {CPU_STEP}, from {memory / 4:g} to "
                f"{memory:g} for {self.runtime_memory} MB, not {cpu:g}"
            )
        if self.ephemeral_storage not in {512, 10_240}:
            raise ConfigurationError(
                f"aliyun_fc: ephemeral_storage is 512 or 10240 MB, not {self.ephemeral_storage}"
            )
        self._check_mode()
        for name in ("name", "namespace"):
            value = getattr(self, name)
            if value is not None and not _NAME.fullmatch(value):
                raise ConfigurationError(
                    f"aliyun_fc: {name} has letters, digits, - and _, not {value!r}"
                )
        self.environment()

    def _check_mode(self) -> None:
        if self.deploy_mode not in {"runtime", "custom-container"}:
            raise ConfigurationError(
                "aliyun_fc: deploy_mode is 'runtime' or 'custom-container', not "
                f"{self.deploy_mode!r}"
            )
        if (self.deploy_mode == "custom-container") is not (self.image is not None):
            raise ConfigurationError(
                "aliyun_fc: deploy_mode custom-container and image go together"
            )
        if self.deploy_mode == "runtime":
            if self.code_runtime is None and PYTHON not in RUNTIMES:
                raise ConfigurationError(
                    f"aliyun_fc: the service brings Python {', '.join(sorted(RUNTIMES))}, and this "
                    f"program runs {PYTHON}: give deploy_mode 'custom-container' and image, or "
                    "code_runtime if the service has this Python by now"
                )
            if self.container_concurrency != 1:
                raise ConfigurationError("aliyun_fc: container_concurrency is for images")

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> FunctionComputeOptions:
        """Return the options that are given, under our names or Lithops'.

        Raises:
            ConfigurationError: one is unknown, missing or impossible.
        """
        container = given.get("deploy_mode") == "custom-container"
        others = {**_OTHERS, "runtime": "image" if container else "name"}
        return chosen(cls, "aliyun_fc", given, others)

    def environment(self) -> dict[str, str]:
        """Return the environment variables of calls."""
        return variables("aliyun_fc", self.env_vars)

    def cpu(self) -> float:
        """Return the virtual CPUs."""
        if self.runtime_cpu is not None:
            return self.runtime_cpu
        return round(math.ceil(self.runtime_memory / 2048 / CPU_STEP) * CPU_STEP, 2)

    def base(self) -> str:
        """Return the URL of the API."""
        host = f"https://{self.account_id}.{self.region}.fc.aliyuncs.com"
        return f"{(self.endpoint or host).rstrip('/')}/2023-03-30/functions"
