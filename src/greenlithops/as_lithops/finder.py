"""Makes `lithops` and its submodules importable: each is a view of names of greenlithops."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType

TYPE_CHECKING = False  # workers import this at their start
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

ROOT = "lithops"
WORKER_MARK = "LITHOPS_WORKER"


class View(ModuleType):
    """A module of Lithops' name; its attributes are looked up when they are first used."""

    def __getattr__(self, name: str) -> Any:
        from greenlithops.as_lithops.table import TABLE, advice_on, submodules  # noqa: PLC0415 - see below

        path = self.__name__.partition(".")[2]
        target = TABLE[path].get(name)
        if target is not None:
            value = _value(target, name)
            self.__dict__[name] = value
            return value
        if name in submodules(path):
            return import_module(f"{self.__name__}.{name}")
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        raise AttributeError(advice_on(f"{path}.{name}".strip(".")), name=name, obj=self)

    def __setattr__(self, name: str, value: Any) -> None:
        # Importing lithops.wait, the module, must not hide lithops.wait, the function.
        if isinstance(value, ModuleType) and self.__name__ == ROOT and name == "wait":
            return
        super().__setattr__(name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        return import_module, (self.__name__,)

    def __dir__(self) -> list[str]:
        from greenlithops.as_lithops.table import TABLE, submodules  # noqa: PLC0415 - see below

        path = self.__name__.partition(".")[2]
        return sorted({*self.__dict__, *TABLE[path], *submodules(path)})


def _value(target: str, name: str) -> Any:
    return getattr(import_module(target), name)


class _Loader:
    """Makes views, and gives modules of greenlithops their name of Lithops."""

    @staticmethod
    def create_module(spec: ModuleSpec) -> ModuleType | None:
        from greenlithops.as_lithops.table import TABLE  # noqa: PLC0415 - see below

        return View(spec.name) if spec.name.partition(".")[2] in TABLE else None

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        # The table is long; a worker that never imports lithops does not read it.
        from greenlithops.as_lithops.table import ALIASES, TABLE  # noqa: PLC0415 - see above

        path = module.__name__.partition(".")[2]
        alias = _alias(path, ALIASES)
        if alias is not None:
            sys.modules[module.__name__] = import_module(alias)  # importlib takes it from there
            return
        if not path:
            # Programs rely on what Lithops imports by the way, through requests.
            import_module("urllib.request")
        names = TABLE[path]
        module.__dict__.update(
            __all__=[name for name in names if not name.startswith("_")],
            __doc__=f"greenlithops under the name {module.__name__}.",
            __file__=import_module("greenlithops").__file__,
        )


class Finder:
    """Finds `lithops` and what is in it, before any installed one."""

    @staticmethod
    def find_spec(
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG004 - the import system's parameter
        target: ModuleType | None = None,  # noqa: ARG004 - the import system's parameter
    ) -> ModuleSpec | None:
        """Return how to import a module of Lithops' name; None for others.

        Raises:
            ImportError: greenlithops has no such module or name; the text has the advice.
        """
        if name != ROOT and not name.startswith(f"{ROOT}."):
            return None
        from greenlithops.as_lithops.table import ALIASES, TABLE, advice_on  # noqa: PLC0415 - see above

        inner = name.partition(".")[2]
        if inner not in TABLE:
            alias = _alias(inner, ALIASES)
            if alias is None or not _is_there(alias):
                # Also what `from lithops.x import y` ends in when there is no y.
                raise ModuleNotFoundError(advice_on(inner))
        # Every one is a package, so that names that it lacks are asked for here, too.
        spec = ModuleSpec(name, _Loader(), is_package=True)  # type: ignore[arg-type]  # a protocol
        spec.submodule_search_locations = []
        return spec


def _alias(path: str, aliases: dict[str, str]) -> str | None:
    for prefix, target in aliases.items():
        if path == prefix or path.startswith(f"{prefix}."):
            return target + path[len(prefix) :]
    return None


def _is_there(name: str) -> bool:
    from importlib.util import find_spec  # noqa: PLC0415 - only for aliases

    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def install() -> None:
    """Switch: from now on, `import lithops` gives greenlithops in this process and its workers.

    Raises:
        ImportError: Lithops itself has been imported already.
    """
    if any(isinstance(finder, Finder) for finder in sys.meta_path):
        return
    if ROOT in sys.modules:
        raise ImportError(
            "lithops was imported before greenlithops.as_lithops; import greenlithops.as_lithops "
            "first, or run the program with 'greenlithops run script.py'"
        )
    sys.meta_path.insert(0, Finder())


def be_worker() -> None:
    """Switch in a worker, and tell programs in Lithops' way that this is one."""
    install()
    os.environ[WORKER_MARK] = "True"
