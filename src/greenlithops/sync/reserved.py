"""The parameters ``ibm_cos`` and ``rabbitmq``, which functions get in the worker, as in Lithops."""

from __future__ import annotations

import inspect
import pickle
from contextlib import AsyncExitStack, ExitStack
from importlib import import_module
from typing import TYPE_CHECKING, Any

from greenlithops.dispatch import plan
from greenlithops.dispatch.wrappers import names_none
from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from greenlithops.storage.async_storage import AsyncStorage

COS, RABBITMQ = "ibm_cos", "rabbitmq"
_FILLED = {plan.NUMBER, plan.STORAGE, COS, RABBITMQ}
_CONNECTIONS = "greenlithops.backends.monitoring.rabbitmq_connections"


def connected(
    function: Callable[..., Any],
    config: Mapping[str, Mapping[str, Any]],
    storage: Callable[[str], AsyncStorage],
) -> Callable[..., Any]:
    """Return a function that gets the connections for which it has parameters.

    ``ibm_cos`` is what `Storage.get_client` gives, of the storage of that name; ``rabbitmq`` is a
    `pika.BlockingConnection`. A coroutine function gets an `AsyncStorage` and a connection of
    aio-pika. What has a default value keeps it where nothing is configured.

    Args:
        function: the user's.
        config: the executor's configuration, by section.
        storage: what makes the storage of a name.

    Raises:
        ConfigurationError: the configuration has no such section.
    """
    names = _wanted(function, config)
    if not names:
        return function
    coroutine = plan.is_async(function)
    cos = None
    if COS in names:
        made = storage(COS)
        face = made if coroutine else import_module("greenlithops.sync.storage").Storage.like(made)
        cos = pickle.dumps(face)
    url = config[RABBITMQ]["amqp_url"] if RABBITMQ in names else None
    return Connected(function, cos, url, coroutine=coroutine)


def _wanted(
    function: Callable[..., Any], config: Mapping[str, Mapping[str, Any]]
) -> frozenset[str]:
    """Return which parameters of a function are filled; as with ``storage``, not its only one."""
    if names_none(function, plan.UNAVAILABLE):
        return frozenset()
    if not callable(function) or inspect.isbuiltin(function) or isinstance(function, type):
        return frozenset()
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # some built-ins do not tell
        return frozenset()
    named = {
        name
        for name in plan.UNAVAILABLE & parameters.keys()
        if len(parameters) > 1 and parameters[name].kind is not inspect.Parameter.POSITIONAL_ONLY
    }
    there = {COS} & config.keys()
    if config.get(RABBITMQ, {}).get("amqp_url"):
        there.add(RABBITMQ)
    for name in sorted(named - there):
        if parameters[name].default is inspect.Parameter.empty:
            what = COS if name == COS else "rabbitmq.amqp_url"
            raise ConfigurationError(
                f"{plan.describe(function)} has a parameter {name!r}, which is filled from "
                f"{what!r} of the configuration, and there is none; configure it, or give the "
                "parameter a default value or another name"
            )
    return frozenset(named & there)


def lone(function: Callable[..., Any], elements: list[Any]) -> Callable[..., Any]:
    """Return a function whose only parameter is filled, if it is reserved and elements are empty.

    Otherwise the only parameter gets the element, whatever its name is.
    """
    if not elements or any(not isinstance(one, (tuple, dict)) or one for one in elements):
        return function
    if not callable(function) or inspect.isbuiltin(function) or isinstance(function, type):
        return function
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # it does not tell
        return function
    return Lone(function) if len(names) == 1 and names[0] in _FILLED else function


class Lone:
    """A function that takes nothing from elements: its one parameter is not the only one any more.

    Args:
        func: the user's function.
    """

    def __init__(self, func: Callable[..., Any]) -> None:
        self.func = func  # by this name, its own name and kind are found

    @property
    def __signature__(self) -> inspect.Signature:
        """The parameter, and another one that is never given."""
        (own,) = inspect.signature(self.func).parameters.values()
        named = own.replace(kind=own.KEYWORD_ONLY)
        return inspect.Signature([named, inspect.Parameter("_more", named.VAR_KEYWORD)])

    def __call__(self, **filled: Any) -> Any:
        """Call the function with what was filled in."""
        return self.func(**filled)


class Connected:
    """Fills the parameters in the worker, and closes what it has opened when the call ends.

    Args:
        func: the user's function.
        cos: a pickled storage for ``ibm_cos``; None if there is no such parameter.
        amqp_url: where the connection of ``rabbitmq`` leads; None if there is no such parameter.
        coroutine: whether it is a coroutine function.
    """

    def __init__(
        self, func: Callable[..., Any], cos: bytes | None, amqp_url: str | None, *, coroutine: bool
    ) -> None:
        self.func = func  # by this name, its own name and kind are found
        self._cos = cos
        self._url = amqp_url
        self._coroutine = coroutine

    @property
    def __signature__(self) -> inspect.Signature:
        """What elements give values to."""
        whole = inspect.signature(self.func)
        filled = {COS} if self._cos is not None else set()
        filled |= {RABBITMQ} if self._url is not None else set()
        given = [p for name, p in whole.parameters.items() if name not in filled]
        return whole.replace(parameters=given)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function with connections of this call."""
        if self._coroutine:
            return self._awaited(args, kwargs)
        with ExitStack() as opened:
            more: dict[str, Any] = {}
            if self._cos is not None:
                more[COS] = pickle.loads(self._cos).get_client()
            if self._url is not None:
                blocking = import_module(_CONNECTIONS).blocking
                more[RABBITMQ] = opened.enter_context(blocking(self._url))
            return self._run(args, kwargs, more)

    async def _awaited(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        async with AsyncExitStack() as opened:
            more: dict[str, Any] = {}
            if self._cos is not None:
                from greenlithops.storage.mapping.shared import shared  # noqa: PLC0415 - in workers

                more[COS] = opened.enter_context(shared(self._cos))
            if self._url is not None:
                on_loop = import_module(_CONNECTIONS).on_loop
                more[RABBITMQ] = await opened.enter_async_context(on_loop(self._url))
            return await self._run(args, kwargs, more)

    def _run(self, args: tuple[Any, ...], kwargs: dict[str, Any], more: dict[str, Any]) -> Any:
        given = self.__signature__.bind(*args, **kwargs).arguments
        values: Any = given | more  # in no order: it is the signature that has one
        bound = inspect.BoundArguments(inspect.signature(self.func), values)
        return self.func(*bound.args, **bound.kwargs)
