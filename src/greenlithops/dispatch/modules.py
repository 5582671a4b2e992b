"""Which modules are the user's own, and so travel by value with the functions that use them."""

from __future__ import annotations

import functools
import site
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

_HEAP_TYPE = 1 << 9  #: Py_TPFLAGS_HEAPTYPE of the C interface
_OWN_NAME = __name__.partition(".")[0]


@functools.cache
def _installed_roots() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    roots = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    roots.update(site.getsitepackages())
    roots.add(site.getusersitepackages())
    roots.add(str(Path(__file__).resolve().parents[1]))
    resolved = {str(Path(root).resolve()) for root in roots}
    return tuple(root + "/" for root in roots | resolved)


@functools.cache
def _is_installed(file: str) -> bool:
    return file.startswith(_installed_roots()) or str(Path(file).resolve()).startswith(
        _installed_roots()
    )


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


def local_modules() -> tuple[ModuleType, ...]:
    """Return the imported modules that must travel by value."""
    return tuple(
        module
        for name, module in list(sys.modules.items())
        if isinstance(module, ModuleType) and module.__name__ == name and is_local(module)
    )


def travels_by_value(cls: type) -> bool:
    """Return whether a class cannot, or must not, be imported by workers."""
    if not cls.__flags__ & _HEAP_TYPE:
        return False  # a type of the interpreter's, whatever it calls itself
    module = sys.modules.get(cls.__module__)
    if module is None or cls.__module__ == "__main__" or is_local(module):
        return True
    found: object = module
    for part in cls.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is not cls
