"""Executors whose kind of backend their name tells, as Lithops has them."""

from __future__ import annotations

# ruff: noqa: PLR0917 - the parameters are Lithops'
from typing import TYPE_CHECKING, Any

from greenlithops.config.merging import LOCALHOST
from greenlithops.sync.executors import FunctionExecutor

if TYPE_CHECKING:
    from collections.abc import Mapping


class LocalhostExecutor(FunctionExecutor):
    """A `FunctionExecutor` that runs calls on this machine."""

    def __init__(
        self,
        config: Mapping[str, Any] | None = None,
        config_file: str | None = None,
        storage: str | None = None,
        monitoring: str | None = None,
        log_level: str | bool | None = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            config=config,
            config_file=config_file,
            backend=LOCALHOST,
            storage=storage or LOCALHOST,
            monitoring=monitoring,
            log_level=log_level,
            **kwargs,
        )


class ServerlessExecutor(FunctionExecutor):
    """A `FunctionExecutor` that runs calls as functions or containers of a cloud.

    Raises:
        ConfigurationError: the backend is of another kind, or not available in this version.
    """

    def __init__(
        self,
        config: Mapping[str, Any] | None = None,
        config_file: str | None = None,
        backend: str | None = None,
        storage: str | None = None,
        monitoring: str | None = None,
        log_level: str | bool | None = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            "serverless",
            config,
            config_file,
            backend,
            storage,
            monitoring,
            log_level,
            **kwargs,
        )


class StandaloneExecutor(FunctionExecutor):
    """A `FunctionExecutor` that runs calls on virtual machines.

    Raises:
        ConfigurationError: the backend is of another kind, or not available in this version.
    """

    def __init__(
        self,
        config: Mapping[str, Any] | None = None,
        config_file: str | None = None,
        backend: str | None = None,
        storage: str | None = None,
        monitoring: str | None = None,
        log_level: str | bool | None = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            "standalone",
            config,
            config_file,
            backend,
            storage,
            monitoring,
            log_level,
            **kwargs,
        )
