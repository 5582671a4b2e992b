"""What docs/energy.md names is there."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

import greenlithops.energy
from greenlithops.cli.energy.commands import app
from greenlithops.energy import plots
from greenlithops.energy.cpu_time.sources import SOURCES as CPU_SOURCES
from greenlithops.energy.meters import BY_NAME, SOURCES

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "energy.md").read_text()


def test_functions_and_classes():
    names = set(re.findall(r"\benergy\.([A-Za-z_]\w*)", TEXT)) - {"jsonl", "joules", "md"}
    assert len(names) > 15
    for name in names - {"plots", "as_stats"}:
        assert getattr(greenlithops.energy, name), name
    for name in ("timeline", "by_function", "against_parallelism", "compare_methods"):
        assert f"`{name}`" in TEXT
        assert callable(getattr(plots, name))


def test_commands_and_their_options():
    commands = get_command(app).commands
    mentioned = set(re.findall(r"greenlithops energy ([a-z]+)", TEXT))
    assert mentioned == set(commands)
    options = {
        option
        for command in commands.values()
        for parameter in command.params
        for option in parameter.opts
    }
    of_commands = re.findall(r"greenlithops energy [^`\n]*", TEXT)
    used = {word for line in of_commands for word in re.findall(r"(?<= )--[a-z]+", line)}
    assert used <= options


@pytest.mark.parametrize("name", [*SOURCES, *BY_NAME])
def test_meters(name):
    assert f"| `{name}` |" in TEXT


@pytest.mark.parametrize("name", CPU_SOURCES)
def test_cpu_sources(name):
    assert f"`{name}`" in TEXT


def test_links():
    for target in re.findall(r"\]\((?!http|#)([^)]+)\)", TEXT):
        assert (ROOT / "docs" / target).resolve().exists() or (
            ROOT / "deploy" / "kubernetes" / target
        ).exists(), target
