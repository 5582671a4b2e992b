"""What a function on Oracle's cloud that runs calls is like, with Lithops' names for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from greenlithops.backends.compute.services import chosen, variables, within
from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MEMORY = (128, 256, 512, 1024, 2048, 3072)  #: MB that the service offers
SHAPES = ("GENERIC_X86", "GENERIC_ARM", "GENERIC_X86_ARM")
#: Lithops' names, and which of ours they are; None for those that have no meaning here
_OTHERS: Mapping[str, str | None] = {
    "max_workers": "concurrency",
    # The service has images from Oracle's own registry by its policies; the name says where.
    "docker_server": None,
    "docker_user": None,
    "docker_password": None,
    "docker_namespace": None,
    "tenancy_namespace": None,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleOptions:
    """A function on Oracle Functions that runs calls.

    Attributes:
        runtime: the image in Oracle's registry, with greenlithops and Oracle's ``fdk`` in it.
        compartment_id: the OCID of the compartment.
        tenancy: the OCID of the tenancy.
        user: the OCID of the user.
        fingerprint: of the user's key.
        key_file: the file with the private key, in PEM; or `key_content`.
        key_content: the key itself.
        pass_phrase: of the key, if it has one.
        region: where, such as ``eu-frankfurt-1``.
        application_name: the application in which functions are; it is made if there is none.
        subnet_id: the OCID of the subnet, for an application that is made; or several.
        shape: the machines of an application that is made: ``GENERIC_X86``, ``GENERIC_ARM`` or
            ``GENERIC_X86_ARM``.
        name: the function's name, instead of one that follows from these options.
        runtime_memory: MB: 128, 256, 512, 1024, 2048 or 3072.
        runtime_timeout: seconds that an invocation may take, 300 at most.
        worker_processes: calls of one invocation that run at a time, each in a process.
        env_vars: environment variables: a mapping, or Lithops' list of names and values.
        concurrency: how many invocations at a time at most.
        endpoint: the service's URL, instead of Oracle's.
        logging_endpoint: that of its logging service.
        ready_seconds: how long an application or a function may take until it is there.
        patience: seconds for which the service may be away before calls fail.
        vcpus: CPUs that an invocation has; Oracle does not say, so without it energy is not
            estimated.
    """

    runtime: str
    compartment_id: str
    tenancy: str
    user: str
    fingerprint: str
    region: str
    key_file: str | None = None
    key_content: str | None = field(default=None, repr=False)
    pass_phrase: str | None = field(default=None, repr=False)
    application_name: str = "greenlithops"
    subnet_id: str | Sequence[str] | None = None
    shape: Literal["GENERIC_X86", "GENERIC_ARM", "GENERIC_X86_ARM"] = "GENERIC_X86"
    name: str | None = None
    runtime_memory: int = 256
    runtime_timeout: int = 300
    worker_processes: int = 1
    env_vars: Any = ()
    concurrency: int = 300
    endpoint: str | None = None
    logging_endpoint: str | None = None
    ready_seconds: float = 300.0
    patience: float = 60.0
    vcpus: float | None = None

    def __post_init__(self) -> None:
        within("oracle_f: worker_processes", self.worker_processes, (1, 64), "processes")
        within("oracle_f: runtime_timeout", self.runtime_timeout, (5, 300), "seconds")
        within("oracle_f: concurrency", self.concurrency, (1, 1_000_000), "invocations")
        if self.runtime_memory not in MEMORY:
            raise ConfigurationError(
                f"oracle_f: runtime_memory is one of {', '.join(map(str, MEMORY))} MB, not "
                f"{self.runtime_memory}"
            )
        if self.shape not in SHAPES:
            raise ConfigurationError(
                f"oracle_f: shape is one of {', '.join(SHAPES)}, not {self.shape!r}"
            )
        if (self.key_file is None) is (self.key_content is None):
            raise ConfigurationError("oracle_f: give key_file, or key_content")
        size = sum(len(f"{name}{value}".encode()) for name, value in self.environment().items())
        if size > 3800:  # noqa: PLR2004 - the service's 4 KiB, less our own
            raise ConfigurationError(
                f"oracle_f: env_vars take {size} bytes, and the service takes 3800"
            )

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> OracleOptions:
        """Return the options that are given, under our names or Lithops'.

        Raises:
            ConfigurationError: one is unknown, missing or impossible.
        """
        return chosen(cls, "oracle_f", given, _OTHERS)

    def environment(self) -> dict[str, str]:
        """Return the environment variables of calls."""
        return variables("oracle_f", self.env_vars)

    def subnets(self) -> list[str]:
        """Return the subnets."""
        if isinstance(self.subnet_id, str):
            return [self.subnet_id]
        return list(self.subnet_id or ())
