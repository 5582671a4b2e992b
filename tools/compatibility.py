"""Writes docs/compatibility.md from the signatures of Lithops and of greenlithops.

    python tools/compatibility.py --wheel lithops-3.8.0-py3-none-any.whl   # reads Lithops anew
    python tools/compatibility.py                                          # writes the page

What is read of Lithops, names and parameters, is kept in docs/lithops-3.8.0.json.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

from greenlithops.as_lithops.table import ABSENT, TABLE, advice_on

ROOT = Path(__file__).parents[1]
FACTS = ROOT / "docs" / "lithops-3.8.0.json"
PAGE = ROOT / "docs" / "compatibility.md"
NOTES = ROOT / "docs" / "compatibility-notes.json"

#: the modules whose public names are the interface; the others are Lithops' inner works
MODULES = [
    "executors",
    "retries",
    "future",
    "wait",
    "utils",
    "config",
    "constants",
    "plots",
    "storage.storage",
    "storage.utils",
    "storage.cloud_proxy",
    "worker.utils",
    "concurrent.futures",
    "util.joblib",
]
#: where a module of Lithops is looked up here, if it is an alias
ALIASED = {"concurrent.futures": "greenlithops.concurrent.futures"}

Facts = dict[str, dict[str, Any]]


def read_wheel(path: Path) -> Facts:
    """Return, for each module, its public names with their parameters and defaults."""
    facts: Facts = {}
    with zipfile.ZipFile(path) as wheel:
        files = set(wheel.namelist())
        for module in MODULES:
            stem = f"lithops/{module.replace('.', '/')}"
            name = next(n for n in (f"{stem}.py", f"{stem}/__init__.py") if n in files)
            facts[module] = public(ast.parse(wheel.read(name)))
    return facts


def public(tree: ast.Module) -> dict[str, Any]:
    """Return the public names that a module defines."""
    found: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            found[node.name] = parameters(node)
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            found[node.name] = {
                "members": members(node),
                "bases": list(map(ast.unparse, node.bases)),
            }
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if not name.startswith("_") and name != "logger":
                found[name] = None
    return found


def members(node: ast.ClassDef) -> dict[str, Any]:
    """Return the public methods and properties of a class, and how it is made."""
    found: dict[str, Any] = {}
    for part in node.body:
        if isinstance(part, ast.FunctionDef) and (part.name == "__init__" or part.name[0] != "_"):
            decorators = {ast.unparse(one) for one in part.decorator_list}
            found[part.name] = None if "property" in decorators else parameters(part)
    return found


def parameters(node: ast.FunctionDef) -> dict[str, str | None]:
    """Return the parameters of a function, with their defaults as source; None for none."""
    given = node.args
    names = [argument.arg for argument in (*given.posonlyargs, *given.args)]
    defaults: list[ast.expr | None] = [None] * (len(names) - len(given.defaults))
    found = {
        name: None if default is None else ast.unparse(default)
        for name, default in zip(names, [*defaults, *given.defaults], strict=True)
    }
    for argument, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        found[argument.arg] = None if default is None else ast.unparse(default)
    for more in (given.vararg, given.kwarg):
        if more is not None:
            found[f"*{more.arg}"] = None
    found.pop("self", None)
    return found


def ours(module: str, name: str) -> Any:
    """Return what stands for a name of Lithops.

    Raises:
        LookupError: nothing does.
    """
    if module in ALIASED:
        found = getattr(importlib.import_module(ALIASED[module]), name, None)
    else:
        target = TABLE.get(module, {}).get(name)
        found = getattr(importlib.import_module(target), name) if target else None
    if found is None:
        raise LookupError(name)
    return found


def difference(theirs: dict[str, str | None], own: Any) -> str:
    """Return how parameters differ; nothing if all of Lithops' are there, with their defaults."""
    try:
        mine = dict(inspect.signature(own).parameters)
    except (TypeError, ValueError):
        return ""
    mine.pop("self", None)
    open_ended = any(p.kind is p.VAR_KEYWORD for p in mine.values())
    missing = [n for n in theirs if not n.startswith("*") and n not in mine and not open_ended]
    other = []
    for name, default in theirs.items():
        if default is None or name not in mine:
            continue
        try:
            value = ast.literal_eval(default)
        except ValueError:
            continue  # a constant of Lithops', by name
        if mine[name].default != value:
            other.append(f"{name}={mine[name].default!r}, not {value!r}")
    texts = []
    if missing:
        texts.append(f"without {', '.join(missing)}")
    return "; ".join(texts + other)


def rows(facts: Facts, notes: dict[str, str]) -> list[tuple[str, str, str]]:
    """Return name, verdict and remark for everything public in Lithops."""
    found = []
    for module, names in facts.items():
        for name, what in names.items():
            path = f"{module}.{name}"
            try:
                own = ours(module, name)
            except LookupError:
                found.append((path, "absent", reason(path, notes)))
                continue
            if isinstance(what, dict) and "members" in what:
                found += of_class(path, what["members"], own, notes)
            else:
                found.append(verdict(path, difference(what, own) if what else "", notes))
    return found


def of_class(
    path: str, members: dict[str, Any], own: Any, notes: dict[str, str]
) -> list[tuple[str, str, str]]:
    """Return the rows of a class."""
    found = [verdict(path, difference(members.get("__init__") or {}, own), notes)]
    for name, theirs in members.items():
        if name == "__init__":
            continue
        place = f"{path}.{name}"
        if not hasattr(own, name) and name not in getattr(own, "__slots__", ()):
            found.append((place, "absent", reason(place, notes)))
        else:
            gap = difference(theirs, getattr(own, name)) if theirs is not None else ""
            found.append(verdict(place, gap, notes))
    return found


def verdict(path: str, gap: str, notes: dict[str, str]) -> tuple[str, str, str]:
    """Return the row of a name that is there."""
    note = notes.get(path, "")
    if gap and not note:
        return path, "differs", gap
    return path, "better" if note else "same", note


def reason(path: str, notes: dict[str, str]) -> str:
    """Return why a name is absent; nothing if nobody has said so."""
    parts = path.split(".")
    known = any(".".join(parts[:n]) in ABSENT for n in range(1, len(parts) + 1))
    if known:
        return advice_on(path).partition(": ")[2]
    return notes.get(path, "")


def page(facts: Facts, notes: dict[str, str]) -> str:
    """Return the page."""
    table = rows(facts, notes)
    counts = {kind: sum(row[1] == kind for row in table) for kind in ("same", "better", "absent")}
    head = f"""# Compatibility with Lithops 3.8

Every public name of Lithops 3.8.0 that programs import, and what stands for it under
[the switch](migrating.md): **same** (the same name, parameters and defaults), **better** (the same,
and what is better about it), or **absent**, with what to use instead. `tools/compatibility.py`
writes this page from the signatures of both packages.

{counts["same"]} names are the same, {counts["better"]} are better, {counts["absent"]} are absent.
"""
    lines = [head]
    for module in facts:
        lines.append(f"\n## lithops.{module}\n\n| name | | remark |\n|---|---|---|")
        for path, kind, remark in table:
            if (
                path.startswith(f"{module}.")
                and path.removeprefix(f"{module}.").partition(".")[0] in facts[module]
            ):
                name = path.removeprefix(f"{module}.")
                lines.append(f"| `{name}` | {kind} | {remark} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wheel", type=Path, help="Lithops' wheel, to read it anew")
    parser.add_argument(
        "--check", action="store_true", help="only tell whether the page is current"
    )
    arguments = parser.parse_args()
    if arguments.wheel:
        facts = read_wheel(arguments.wheel)
        FACTS.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    facts = json.loads(FACTS.read_text(encoding="utf-8"))
    notes = json.loads(NOTES.read_text(encoding="utf-8"))
    text = page(facts, notes)
    if arguments.check:
        return int(PAGE.read_text(encoding="utf-8") != text)
    PAGE.write_text(text, encoding="utf-8")
    for path, kind, remark in rows(facts, notes):
        if kind == "differs" or (kind == "absent" and not remark):
            sys.stderr.write(f"{path}: {kind} {remark}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
