"""The tree of errors in the documentation is the real one."""

import builtins
import inspect
import pickle
import re

import pytest

from greenlithops import errors

LINE = re.compile(r"^( *)(?:[+\-.] )?(\w+)(?: \(([\w, ]+)\))?")


def documented():
    """Return what the module's text says: name, parent among ours, built-in bases."""
    found, above = {}, []
    text = inspect.getdoc(errors).partition("GreenlithopsError")
    for line in ("GreenlithopsError" + text[2]).splitlines():
        match = LINE.match(line)
        if not match:
            continue
        depth = len(match[1])
        above = [entry for entry in above if entry[0] < depth]
        builtin = {name.strip() for name in (match[3] or "").split(",")} - {""}
        found[match[2]] = (above[-1][1] if above else "Exception", builtin)
        above.append((depth, match[2]))
    return found


def real():
    found = {}
    for name, kind in vars(errors).items():
        if inspect.isclass(kind) and kind.__module__ == errors.__name__:
            ours = [base.__name__ for base in kind.__bases__ if base.__module__ == errors.__name__]
            others = {base.__name__ for base in kind.__bases__ if base.__module__ == "builtins"}
            found[name] = (ours[0] if ours else "Exception", others - {"Exception"})
    return found


def test_the_documented_tree_is_the_real_one():
    assert documented() == real()


@pytest.mark.parametrize("name", sorted(real()))
def test_every_error_has_a_text_and_survives_pickling(name):
    kind = getattr(errors, name)
    assert kind.__doc__
    assert str(kind()) == kind.__doc__.partition("\n")[0]
    error = kind("what happened")
    error.__notes__ = ["a note"]
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is kind
    assert str(back) == "what happened"
    assert isinstance(back, errors.GreenlithopsError)


def test_details_survive_pickling():
    lost = pickle.loads(pickle.dumps(errors.WorkerLost("x", exit_code=3, signal=9)))
    assert (lost.exit_code, lost.signal) == (3, 9)
    full = pickle.loads(pickle.dumps(errors.OutOfMemory("x", exit_code=1)))
    assert (type(full), full.exit_code) == (errors.OutOfMemory, 1)
    remote = errors.RemoteError("x", type_name="a.B", remote_traceback="lines")
    back = pickle.loads(pickle.dumps(remote))
    assert (back.type_name, back.remote_traceback) == ("a.B", "lines")


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("CallTimeout", "TimeoutError"),
        ("OutOfMemory", "MemoryError"),
        ("UsageError", "ValueError"),
        ("SerializationError", "TypeError"),
        ("ProtocolError", "ConnectionError"),
    ],
)
def test_errors_are_what_users_expect(name, base):
    assert issubclass(getattr(errors, name), getattr(builtins, base))
