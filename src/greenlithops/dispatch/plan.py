"""How an element of the input becomes the arguments of a call: Lithops' rules, as a pure plan.

A tuple is spread over the positional parameters, a dictionary names parameters, any other value
is the one positional argument. A parameter called ``id`` gets the number of the call.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from greenlithops.errors import UsageError

#: what travels: positional arguments, or positional and keyword arguments
Arguments = tuple[Any, ...] | list[Any]
Binder = Callable[[Any, int], Arguments]

NUMBER = "id"
UNAVAILABLE = frozenset({"storage", "ibm_cos", "rabbitmq", "obj"})
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def call_arguments(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Arguments:
    """Return explicit arguments in the form in which they travel."""
    return [args, dict(kwargs)] if kwargs else args


def passed_on(arguments: Arguments, _: int) -> Arguments:
    """Bind arguments that are in their final form already."""
    return arguments


def with_extra(bind: Binder, extra: tuple[Any, ...] | Mapping[str, Any] | None) -> Binder:
    """Return a plan that adds the same further arguments to every element.

    Raises:
        UsageError: `extra` is neither a tuple nor a mapping.
    """
    if not extra:
        return bind
    if isinstance(extra, tuple):
        more = extra

        def add(element: Any, number: int) -> Arguments:
            if isinstance(element, dict):
                raise UsageError("extra_args must be a mapping where elements are dictionaries")
            spread = element if isinstance(element, tuple) else (element,)
            return bind((*spread, *more), number)

        return add
    if not isinstance(extra, Mapping):
        raise UsageError(f"extra_args must be a tuple or a mapping, not {type(extra).__name__}")
    named = dict(extra)

    def name(element: Any, number: int) -> Arguments:
        if not isinstance(element, dict):
            raise UsageError("extra_args must be a tuple where elements are not dictionaries")
        return bind({**element, **named}, number)

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
    numbered = NUMBER in parameters and len(parameters) > 1
    if numbered:
        del parameters[NUMBER]
    for name in UNAVAILABLE & parameters.keys():
        if parameters[name].default is inspect.Parameter.empty and len(parameters) > 1:
            raise UsageError(
                f"{describe(function)} has a parameter {name!r}, which Lithops reserves and this "
                "version cannot fill; give it a default value or another name"
            )
    return _Plan(describe(function), parameters, variable=False, numbered=numbered).bind


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
