"""Imports point one way: each layer knows only what stands below it (design, section 4)."""

import ast
import sys
from pathlib import Path

import pytest

import greenlithops

ROOT = Path(greenlithops.__file__).parent

BASE = {"errors", "files", "locks", "models", "objects", "offload", "protocols"}
BELOW = {
    "errors": set(),
    "files": set(),
    "locks": set(),
    "offload": set(),
    "models": {"errors"},
    "objects": {"errors"},
    "protocols": {"errors", "models"},
    "monitoring": BASE,
    "worker": BASE | {"monitoring"},
    "energy": BASE,
    "backends": BASE | {"worker", "monitoring", "energy"},
    "registry": BASE | {"backends"},
    "hooks": BASE,
    "telemetry": BASE,
    "dispatch": BASE | {"worker", "energy", "hooks", "registry", "monitoring"},
}
BELOW["face"] = BELOW["dispatch"] | {"dispatch"}
BELOW["sync"] = BELOW["face"] | {"face", "root", "telemetry"}
BELOW["concurrent"] = BELOW["as_lithops"] = BELOW["storage_os"] = BELOW["sync"] | {"sync"}
BELOW["filesystem"] = BELOW["storage_os"]
BELOW["multiprocessing"] = BELOW["sync"] | {"sync", "backends"}  # state is a backend of its own
BELOW["joblib"] = BELOW["multiprocessing"] | {"multiprocessing"}
BELOW["testing"] = BELOW["sync"] | {"sync"}
BELOW["as_lithops"] = BELOW["as_lithops"] | {"joblib", "storage_os"}
BELOW["cli"] = BELOW["testing"] | {"as_lithops", "backends", "testing"}  # shows what these deploy
FACE = {"durable", "executor", "job", "waiting", "reduction", "config", "storage", "trials"}
# A worker of a client that has the switch on turns it on before anything else.
SWITCH = "greenlithops.as_lithops.finder.be_worker"

# The worker speaks through what it sends, and the client looks at the same constants.
VENDORS = {
    "boto3",
    "aiobotocore",
    "google",
    "gcloud",
    "azure",
    "kubernetes",
    "kubernetes_asyncio",
    "redis",
}


def layer(module):
    """Return the layer of a module's dotted name, or None if it is not ours."""
    parts = module.split(".")
    if parts[0] != "greenlithops":
        return None
    if len(parts) == 1 or parts[1].startswith("__"):
        return "root"
    return "face" if parts[1] in FACE else parts[1]


def nodes(tree, *, run_time_only):
    """Give the nodes of a module; on request without what only type checkers see."""
    for node in ast.iter_child_nodes(tree):
        if run_time_only and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        yield node
        yield from nodes(node, run_time_only=run_time_only)


def imported(tree, *, run_time_only):
    """Give the dotted names that a module imports, and the lines."""
    for node in nodes(tree, run_time_only=run_time_only):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


FILES = sorted(path.relative_to(ROOT) for path in ROOT.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_module_imports_only_what_is_below_it(path):
    own = "greenlithops." + ".".join(path.with_suffix("").parts)
    mine = layer(own.removesuffix(".__init__"))
    if mine == "root":
        return  # the package's own names are imported when they are first used
    assert mine in BELOW, f"the layer {mine!r} has no place in this test yet"
    tree = ast.parse((ROOT / path).read_text())
    for name, line in imported(tree, run_time_only=True):
        other = layer(name)
        if other is not None and other != mine:
            switch = (mine, name) == ("worker", SWITCH)
            assert switch or other in BELOW[mine], f"{path}:{line} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_only_backends_import_a_vendors_sdk(path):
    if path.parts[0] == "backends":
        return
    tree = ast.parse((ROOT / path).read_text())
    found = {name.split(".")[0] for name, _ in imported(tree, run_time_only=False)}
    assert not found & VENDORS


WORKER_MAY_IMPORT = {"cloudpickle", "greenlithops"}


@pytest.mark.parametrize("path", [path for path in FILES if path.parts[0] == "worker"], ids=str)
def test_workers_need_the_standard_library_and_cloudpickle_only(path):
    tree = ast.parse((ROOT / path).read_text())
    found = {name.split(".")[0] for name, _ in imported(tree, run_time_only=True)}
    assert found <= sys.stdlib_module_names | WORKER_MAY_IMPORT


def test_the_reading_of_imports_reads_them():
    """Proof that this file can fail."""
    hidden = "if TYPE_CHECKING:\n    from greenlithops.cli import app\n"
    tree = ast.parse("from greenlithops.sync import loop\nimport boto3\n" + hidden)
    names = dict(imported(tree, run_time_only=True))
    assert names == {"greenlithops.sync.loop": 1, "boto3": 2}
    assert layer("greenlithops.sync.loop") not in BELOW["dispatch"]
    assert len(FILES) > 40
