"""What is wrong with a configuration: unknown names with the nearest known one, wrong values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from greenlithops.config.keys import Fate, Section
from greenlithops.config.known import SECTIONS, section_of
from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Finding(NamedTuple):
    """Something about one key or section that its author should know."""

    section: str
    key: str
    text: str
    error: bool  #: whether the configuration cannot be used


_ALIKE = 0.6  #: how near a name must be to be named
_MISSPELT = 0.8  #: how near a section's name is to one that was meant


def _nearest(name: object, known: Iterable[str], alike: float) -> list[str]:
    import difflib  # noqa: PLC0415 - only for errors

    return difflib.get_close_matches(str(name), known, 1, alike)


def unknown(what: str, name: object, known: Iterable[str]) -> str:
    """Return a text that says that there is no such thing, and names the nearest one."""
    names = sorted(known)
    near = _nearest(name, names, _ALIKE)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
    return f"unknown {what} {name!r}; {hint}"


def findings(content: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    """Return everything that is to be said about a configuration, section by section."""
    found = []
    for name, values in content.items():
        section = section_of(name)
        if section is not None:
            found += _of_section(section, values)
        elif _nearest(name, SECTIONS, _MISSPELT):
            found.append(Finding(name, "", unknown("section", name, SECTIONS), error=True))
        else:  # programs keep words of their own beside Lithops', which does not mind them
            found.append(Finding(name, "", "is no section of this package's: yours", error=False))
    return found


def _of_section(section: Section, values: Mapping[str, Any]) -> list[Finding]:
    found = []
    for name, value in values.items():
        key = section.keys.get(name)
        if key is None:
            if not section.open:
                text = unknown("key", name, section.keys)
                found.append(Finding(section.name, str(name), text, error=True))
        elif problem := key.problem(value):
            found.append(Finding(section.name, name, problem, error=True))
        elif key.fate is Fate.NEEDLESS and value is not None:
            text = f"is accepted and changes nothing: {key.advice or 'it is not needed'}"
            found.append(Finding(section.name, name, text, error=False))
    return found


def require_valid(content: Mapping[str, Mapping[str, Any]], where: str) -> None:
    """Raise the errors of a configuration.

    Raises:
        ConfigurationError: something is unknown, or has a wrong value; the text names each.
    """
    wrong = [one for one in findings(content) if one.error]
    if wrong:
        texts = [" ".join(filter(None, (_place(one), one.text))) for one in wrong]
        raise ConfigurationError(f"{where}: " + "; ".join(texts))


def _place(one: Finding) -> str:
    return f"{one.section}.{one.key}" if one.key else ""
