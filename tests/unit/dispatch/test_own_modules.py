"""Which modules are the user's own."""

import collections
import importlib
import json
import sys
import types

import cloudpickle
import numpy as np
import pytest

import greenlithops
import support.disasters
from greenlithops.dispatch import modules


@pytest.mark.parametrize(
    "module",
    [json, collections, sys, np, cloudpickle, pytest, greenlithops, modules, types],
    ids=lambda module: module.__name__,
)
def test_installed_modules_are_not(module):
    assert not modules.is_local(module)


def test_modules_of_a_program_are():
    assert modules.is_local(support.disasters)
    assert modules.is_local(sys.modules[__name__])
    assert support.disasters in modules.OWN.modules()


def test_the_main_module_is_pickled_by_value_anyway():
    assert not modules.is_local(sys.modules["__main__"])


def test_modules_made_at_run_time_are():
    assert modules.is_local(types.ModuleType("made"))


def test_a_module_in_a_folder_is_and_extension_modules_are_not(tmp_path, monkeypatch):
    (tmp_path / "gl_in_folder.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module("gl_in_folder")
    assert modules.is_local(module)
    assert module in modules.OWN.modules()
    del sys.modules["gl_in_folder"]
    assert module not in modules.OWN.modules()
    extension = types.ModuleType("extension")
    extension.__file__ = str(tmp_path / "extension.so")
    extension.__spec__ = object()
    assert not modules.is_local(extension)


def test_one_module_for_another_is_noticed(monkeypatch):
    """The number of modules says nothing about which they are."""
    first, second = types.ModuleType("gl_first_made"), types.ModuleType("gl_second_made")
    monkeypatch.setitem(sys.modules, "gl_first_made", first)
    assert first in modules.OWN.modules()
    monkeypatch.delitem(sys.modules, "gl_first_made")
    monkeypatch.setitem(sys.modules, "gl_second_made", second)
    assert second in modules.OWN.modules()
    assert first not in modules.OWN.modules()


def test_a_module_of_the_users_in_the_place_of_an_installed_one_is_noticed(monkeypatch):
    assert json not in modules.OWN.modules()
    mine = types.ModuleType("json")
    monkeypatch.setitem(sys.modules, "json", mine)
    assert mine in modules.OWN.modules()
    monkeypatch.undo()
    assert json not in modules.OWN.modules()
