"""How an element of the input becomes the arguments of a call: Lithops' rules, as a pure plan.

A tuple is spread over the positional parameters, a dictionary names parameters, any other value
is the one positional argument. A parameter called ``id`` gets the number of the call, and one
called ``storage`` is filled in the worker.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from greenlithops.dispatch.wrappers import names_none, needs_names
from greenlithops.errors import UsageError

#: what travels: positional arguments, or positional and keyword arguments
Arguments = tuple[Any, ...] | list[Any]
Binder = Callable[[Any, int], Arguments]

NUMBER = "id"
STORAGE = "storage"
OBJECT = "obj"
#: what Lithops fills from its configuration, as `greenlithops.FunctionExecutor` does
UNAVAILABLE = frozenset({"ibm_cos", "rabbitmq"})
_FILLED = frozenset({OBJECT, STORAGE})
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def call_arguments(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Arguments:
    """Return explicit arguments in the form in which they travel."""
    return [args, dict(kwargs)] if kwargs else args


def passed_on(arguments: Arguments, _: int) -> Arguments:
    """Bind arguments that are in their final form already."""
    return arguments


Extra = tuple[Any, ...] | Mapping[str, Any] | None


def with_extra(bind: Binder, extra: Extra) -> Binder:
    """Return a plan that adds the same further arguments to every element.

    Raises:
        UsageError: `extra` is neither a tuple nor a mapping.
    """
    extend = extension(extra)
    if extend is None:
        return bind
    return lambda element, number: bind(extend(element), number)


def extension(extra: Extra) -> Callable[[Any], Any] | None:
    """Return what adds further arguments to an element; None if there are none.

    Raises:
        UsageError: `extra` is neither a tuple nor a mapping.
    """
    if not extra:
        return None
    if isinstance(extra, tuple):
        more = extra

        def add(element: Any) -> Any:
            if isinstance(element, dict):
                raise UsageError("extra_args must be a mapping where elements are dictionaries")
            spread = element if isinstance(element, tuple) else (element,)
            return (*spread, *more)

        return add
    if not isinstance(extra, Mapping):
        raise UsageError(f"extra_args must be a tuple or a mapping, not {type(extra).__name__}")
    named = dict(extra)

    def name(element: Any) -> Any:
        if not isinstance(element, dict):
            raise UsageError("extra_args must be a tuple where elements are not dictionaries")
        return {**element, **named}

    return name


def describe(function: Callable[..., Any]) -> str:
    """Return the name of a callable for people: in errors, logs and reports."""
    inner = function
    while not hasattr(inner, "__qualname__") and hasattr(inner, "func"):
        inner = inner.func
    return getattr(inner, "__qualname__", None) or type(inner).__qualname__


def is_async(function: Callable[..., Any]) -> bool:
    """Return whether calling it gives a coroutine: functions, partials, methods, callables."""
    inner = inspect.unwrap(function)
    while hasattr(inner, "func") and not inspect.isroutine(inner):
        inner = inner.func
    return inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(
        getattr(inner, "__call__", None)  # noqa: B004 - the method itself is looked at
    )


def binder(function: Callable[..., Any]) -> Binder:
    """Return the plan that turns ``(element, number of the call)`` into arguments.

    The returned function raises `UsageError` for an element that the function cannot take.

    Raises:
        UsageError: `function` is not callable, or needs something that is not there.
    """
    if not callable(function):
        raise UsageError(f"a function is needed, not {function!r} ({type(function).__name__})")
    try:
        parameters = dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # some built-ins do not tell
        return _Plan(describe(function), {}, variable=True, numbered=False).bind
    given, numbered = _given(parameters, _reserved(function, parameters))
    for name in UNAVAILABLE & parameters.keys():
        if parameters[name].default is inspect.Parameter.empty and len(parameters) > 1:
            raise UsageError(
                f"{describe(function)} has a parameter {name!r}, which FunctionExecutor fills from "
                "its configuration; here, give it a default value or another name"
            )
    plan = _Plan(describe(function), given, variable=False, numbered=numbered)
    kept = 0 if needs_names(function) else _place_of_filled(parameters, given)
    return plan.bind if kept is None else _by_name(plan.bind, kept, given)


def _given(
    parameters: Mapping[str, inspect.Parameter], filled: frozenset[str]
) -> tuple[dict[str, inspect.Parameter], bool]:
    """Return the parameters that elements give values to, and whether the call's number is one.

    The other ones are named in `filled`.
    """
    numbered = NUMBER in parameters and len(parameters) > 1
    others = (filled - {OBJECT}) | ({NUMBER} if numbered else frozenset())
    return {name: p for name, p in parameters.items() if name not in others}, numbered


def _place_of_filled(
    parameters: Mapping[str, inspect.Parameter], given: Mapping[str, inspect.Parameter]
) -> int | None:
    """Return where a parameter stands that is filled by name before others given by position."""
    order = [name for name, p in parameters.items() if p.kind in _POSITIONAL]
    filled = [place for place, name in enumerate(order) if name not in given]
    return filled[0] if filled and any(name in given for name in order[filled[0] :]) else None


def _by_name(bind: Binder, kept: int, given: Mapping[str, inspect.Parameter]) -> Binder:
    """Return a plan that gives all but the first `kept` positional arguments by their names."""
    names = [name for name, p in given.items() if p.kind in _POSITIONAL]

    def bound(element: Any, number: int) -> Arguments:
        arguments = bind(element, number)
        args, kwargs = (arguments, {}) if isinstance(arguments, tuple) else arguments
        if len(args) > len(names):
            raise UsageError(
                f"what comes before *args cannot be reserved: put {NUMBER!r} and {STORAGE!r} last"
            )
        named = dict(zip(names[kept:], args[kept:], strict=False))
        return [args[:kept], named | kwargs]

    return bound


def reserved(function: Callable[..., Any]) -> frozenset[str]:
    """Return which parameters of a function are filled in the worker: ``obj``, ``storage``.

    As with ``id``, the only parameter of a function gets the element, except for ``obj``. What
    built-ins such as `len` call their parameters means nothing.
    """
    if names_none(function, _FILLED):
        return frozenset()
    try:
        return _reserved(function, inspect.signature(function).parameters)
    except (TypeError, ValueError):  # it does not tell
        return frozenset()


def _reserved(
    function: Callable[..., Any], parameters: Mapping[str, inspect.Parameter]
) -> frozenset[str]:
    if inspect.isbuiltin(function) or isinstance(function, type):
        return frozenset()
    named = {name for name, p in parameters.items() if p.kind is not p.POSITIONAL_ONLY}
    return frozenset(named & ({OBJECT, STORAGE} if len(parameters) > 1 else {OBJECT}))


def places(function: Callable[..., Any], name: str) -> tuple[int | None, int | None]:
    """Return at which position a parameter is taken by a call, and given by a tuple element.

    None: it is taken by name only.
    """
    parameters = inspect.signature(function).parameters
    given, _ = _given(parameters, _reserved(function, parameters))
    taken = [n for n, p in parameters.items() if p.kind in _POSITIONAL]
    told = [n for n, p in given.items() if p.kind in _POSITIONAL]
    if name not in taken:
        return None, None
    return taken.index(name), told.index(name)


class _Plan:
    """What is known of a signature, so that binding an element costs a few comparisons."""

    def __init__(
        self,
        name: str,
        parameters: dict[str, inspect.Parameter],
        *,
        variable: bool,
        numbered: bool,
    ) -> None:
        self._name = name
        self._numbered = numbered
        self._parameters = parameters
        empty = inspect.Parameter.empty
        values = parameters.values()
        positional = [p for p in values if p.kind in _POSITIONAL]
        self._least = sum(p.default is empty for p in positional)
        self._most: float = len(positional)
        self._var_args = next((p.name for p in values if p.kind is p.VAR_POSITIONAL), None)
        self._var_kwargs = next((p.name for p in values if p.kind is p.VAR_KEYWORD), None)
        if variable or self._var_args:
            self._most = float("inf")
        self._open = variable or self._var_kwargs is not None
        self._named_only = [
            p.name for p in values if p.kind is p.KEYWORD_ONLY and p.default is empty
        ]
        self._one_fits = self._least <= 1 <= self._most and not self._named_only

    def bind(self, element: Any, number: int) -> Arguments:
        """Return the arguments of one call."""
        if isinstance(element, tuple):
            if not self._least <= len(element) <= self._most or self._named_only:
                raise self._misfit(f"the {len(element)} values of the tuple {_short(element)}")
            args: tuple[Any, ...] = tuple(element)
        elif isinstance(element, dict):
            return self._bind_names(element, number)
        else:
            if not self._one_fits:
                raise self._misfit(f"the single value {_short(element)}")
            args = (element,)
        return [args, {NUMBER: number}] if self._numbered else args

    def _bind_names(self, element: dict[Any, Any], number: int) -> Arguments:
        known = self._parameters
        named = dict(element)
        args: tuple[Any, ...] = ()
        if self._var_kwargs in named and isinstance(named[self._var_kwargs], dict):
            named |= named.pop(self._var_kwargs)
        if self._var_args in named:
            extra = named.pop(self._var_args)
            if not isinstance(extra, (list, tuple)):
                raise self._misfit(f"{_short(extra)} for *{self._var_args}, which is no list")
            extra = tuple(extra)
            if extra:
                # What comes before *args must be given by position too.
                before = [p.name for p in known.values() if p.kind in _POSITIONAL]
                args = tuple(named.pop(name) for name in before if name in named) + extra
        else:
            only = [p.name for p in known.values() if p.kind is p.POSITIONAL_ONLY]
            args = tuple(named.pop(name) for name in only if name in named)
        missing = [
            p.name
            for p in known.values()
            if p.default is inspect.Parameter.empty
            and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
            and p.name not in element
        ]
        unknown = [] if self._open else [name for name in named if name not in known]
        strange = [name for name in named if not isinstance(name, str)]
        if missing or unknown or strange:
            what = f"the dictionary with the keys {list(element)}: a dictionary names parameters"
            raise self._misfit(f"{what} (to pass one as a value, wrap it in a tuple: (value,))")
        if self._numbered:
            named[NUMBER] = number
        return [args, named] if named else args

    def _misfit(self, what: str) -> UsageError:
        names = ", ".join(str(p) for p in self._parameters.values())
        return UsageError(f"{self._name}({names}) cannot take {what}")


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - the text is only for the error that is on its way
        text = f"(a {type(value).__name__} that cannot be shown)"
    return text if len(text) <= 80 else text[:77] + "..."  # noqa: PLR2004 - a line's worth
