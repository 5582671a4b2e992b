"""Names of backends and where they are; none is imported before it is chosen."""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import TYPE_CHECKING, Any

from greenlithops.errors import BackendNotFound
from greenlithops.offload import off_loop

if TYPE_CHECKING:
    from greenlithops.protocols import SupportsWorkers

ENTRY_POINTS = "greenlithops.compute"

#: name: module, class, how to install what it needs
COMPUTE = {
    "inline": ("greenlithops.backends.compute.inline", "InlineBackend", None),
    "localhost": ("greenlithops.backends.compute.localhost", "LocalhostBackend", None),
}


async def compute_backend(name: str) -> SupportsWorkers:
    """Return a new compute backend.

    Raises:
        BackendNotFound: no backend has this name, or what it needs is not installed.
    """
    if name in COMPUTE:
        module, attribute, hint = COMPUTE[name]
        try:
            factory: Any = getattr(import_module(module), attribute)
        except ModuleNotFoundError as error:
            if hint is None:
                raise
            raise BackendNotFound(f"the backend {name!r} needs {error.name}: {hint}") from error
    else:
        factory = await off_loop(_entry_point, name)  # it looks at every installed package
    backend: SupportsWorkers = factory()
    return backend


def _entry_point(name: str) -> Any:
    from importlib.metadata import entry_points  # noqa: PLC0415 - only for names of others

    found = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if name in found:
        return found[name].load()
    known = sorted({*COMPUTE, *found})
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
    raise BackendNotFound(f"there is no compute backend {name!r}; {hint}")
