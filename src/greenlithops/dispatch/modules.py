"""Which modules are the user's own, and so travel by value with the functions that use them."""

from __future__ import annotations

import functools
import os
import site
import sys
import sysconfig
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING

from greenlithops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_HEAP_TYPE = 1 << 9  #: Py_TPFLAGS_HEAPTYPE of the C interface
_OWN_NAME = __name__.partition(".")[0]
#: modules that have been found to be installed, by name: a program may have thousands, and every
#: function that is sent asks for those that are not
_known_installed: dict[str, ModuleType] = {}


@functools.cache
def _installed_roots() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    roots = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    roots.update(site.getsitepackages())
    roots.add(site.getusersitepackages())
    roots.add(os.path.realpath(f"{__file__}/../.."))
    resolved = {os.path.realpath(root) for root in roots}
    return tuple(root + "/" for root in roots | resolved)


@functools.cache
def _is_installed(file: str) -> bool:
    roots = _installed_roots()
    return file.startswith(roots) or os.path.realpath(file).startswith(roots)


def is_local(module: ModuleType) -> bool:
    """Return whether a module is part of the user's program rather than of an installation."""
    name = module.__name__
    if name == "__main__" or name.partition(".")[0] == _OWN_NAME:
        return False
    if name in sys.builtin_module_names:
        return False
    file = getattr(module, "__file__", None)
    if file is None:
        # Made at run time, or a namespace package, which holds nothing itself.
        return getattr(module, "__spec__", None) is None and not hasattr(module, "__path__")
    return file.endswith((".py", ".pyc")) and not _is_installed(file)


@dataclass(frozen=True, slots=True)
class ModuleChoice:
    """Which modules travel by value with functions that use them; workers import the others.

    `choose_modules` makes one from what users say.

    Args:
        include: names of modules and packages that are imported here. Empty: the user's own
            modules; None: no modules.
        exclude: names of modules and packages of the user's own that do not travel; ignored
            where `include` names modules.
        folders: where workers find more modules to import.
    """

    include: tuple[str, ...] | None = ()
    exclude: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()

    def takes(self, module: ModuleType) -> bool:
        """Return whether a module travels."""
        if self.include is None:
            return False
        if self.include:
            return _is_among(module.__name__, self.include)
        return is_local(module) and not _is_among(module.__name__, self.exclude)

    def modules(self) -> tuple[ModuleType, ...]:
        """Return the modules that travel."""
        if self.include:
            return tuple(sys.modules[name] for name in self.include if name in sys.modules)
        if self.include is None:
            return ()
        mine = []
        for name, module in list(sys.modules.items()):
            if _known_installed.get(name) is module:
                continue
            if not isinstance(module, ModuleType) or module.__name__ != name:
                continue
            if not is_local(module):
                _known_installed[name] = module
            elif not _is_among(name, self.exclude):
                mine.append(module)
        return tuple(mine)


#: the user's own modules travel
OWN = ModuleChoice()


def choose_modules(include: Sequence[str] | None, exclude: Sequence[str] = ()) -> ModuleChoice:
    """Return the choice that Lithops' two arguments mean; it looks at files, and imports.

    Args:
        include: names of modules and packages, or paths of ``.py`` and ``.so`` files, which
            workers import from where they are. Empty: the user's own modules; None: none.
        exclude: names of modules and packages of the user's own that do not travel.

    Raises:
        UsageError: there is no such module or file.
    """
    if include is None:
        return ModuleChoice(None)
    from pathlib import Path  # noqa: PLC0415 - it takes long, and most programs come not here

    files = [name for name in include if "/" in name or name.endswith((".py", ".so"))]
    names = [name for name in include if name not in files]
    for name in names:
        _require_module(name)
    folders = []
    for name in files:
        path = Path(name).expanduser().resolve()
        if not path.exists():
            raise UsageError(f"include_modules: there is no file {name!r}")
        folders.append(str(path.parent))
    chosen = None if files and not names else tuple(dict.fromkeys(names))
    return ModuleChoice(chosen, tuple(dict.fromkeys(exclude)), tuple(dict.fromkeys(folders)))


def _require_module(name: str) -> None:
    try:
        known = name in sys.modules or find_spec(name) is not None
    except ModuleNotFoundError:  # nor its package
        known = False
    if not known:
        raise UsageError(f"include_modules: there is no module {name!r} to include")
    import_module(name)


def _is_among(module: str, names: tuple[str, ...]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in names)


def travels_by_value(cls: type, choice: ModuleChoice = OWN) -> bool:
    """Return whether a class cannot, or must not, be imported by workers."""
    if not cls.__flags__ & _HEAP_TYPE:
        return False  # a type of the interpreter's, whatever it calls itself
    module = sys.modules.get(cls.__module__)
    if module is None or cls.__module__ == "__main__" or choice.takes(module):
        return True
    found: object = module
    for part in cls.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is not cls
