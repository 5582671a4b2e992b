"""`greenlithops run` and `greenlithops test`: Lithops programs as they are, and a self-test."""

from __future__ import annotations

# ruff: noqa: PLC0415 - a command imports its own parts, so that the others start at once
import operator
import time
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from greenlithops.cli.failing import FAILED, one_line_errors
from greenlithops.cli.options import (
    AsJson,
    Backend,
    ConfigFile,
    Debug,
    Region,
    StorageName,
    content,
    print_rows,
    set_debug,
)
from greenlithops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenlithops.sync.executors import FunctionExecutor

#: for commands whose last arguments are another program's
PASSES_ON = {"allow_interspersed_args": False, "ignore_unknown_options": True}

Script = Annotated[str, typer.Argument(help="A Python script, or a folder with a __main__.py.")]
Arguments = Annotated[list[str] | None, typer.Argument(help="The script's arguments.")]


def run(script: Script, arguments: Arguments = None) -> None:
    """Run a Lithops program as it is: its `import lithops` gives greenlithops."""
    # Importing it is the switch.
    from pathlib import Path

    from greenlithops.as_lithops.script import run_script

    with one_line_errors():
        if not Path(script).exists():
            raise UsageError(f"there is no script {script!r}")
    run_script(script, list(arguments or ()))


# The self-test. Its functions travel by name, so they are here.


def _square(number: int) -> int:
    return number * number


def _fail(text: str) -> None:
    raise LookupError(text)


def _nested(number: int) -> list[int]:
    from greenlithops.sync.executors import FunctionExecutor

    with FunctionExecutor(max_workers=1) as executor:
        return list(executor.map(_square, range(number)).get_result())


def one_call(executor: FunctionExecutor) -> None:
    """Run one call."""
    _require(executor.call_async(_square, 7).result(), 49)


def many_calls(executor: FunctionExecutor) -> None:
    """Run many calls, and get their results in order."""
    _require(executor.map(_square, range(100)).get_result(), [n * n for n in range(100)])


def map_and_reduce(executor: FunctionExecutor) -> None:
    """Map, and reduce on a worker."""
    futures = executor.map_reduce(_square, range(10), sum)
    _require(executor.get_result(futures), 285)


def an_error_travels(executor: FunctionExecutor) -> None:
    """Get the original exception of a call that raised one."""
    try:
        executor.call_async(_fail, "on purpose").result()
    except LookupError as error:
        _require(error.args, ("on purpose",))
    else:
        raise AssertionError("the call should have failed")


def a_timeout_ends_a_call(executor: FunctionExecutor) -> None:
    """Stop a call that runs too long."""
    try:
        executor.call_async(time.sleep, 30, timeout=0.2).result()
    except TimeoutError:
        return
    raise AssertionError("the call should have been stopped")


def calls_make_calls(executor: FunctionExecutor) -> None:
    """Use an executor in a call."""
    _require(executor.call_async(_nested, 3).result(), [0, 1, 4])


def objects_are_kept(executor: FunctionExecutor) -> None:
    """Write, read, list and delete an object of the configured storage."""
    storage = executor.storage
    bucket = storage.own_bucket()
    key = f"greenlithops-test/{time.time_ns()}"
    storage.put_object(bucket, key, b"0123456789")
    try:
        _require(storage.get_object(bucket, key), b"0123456789")
        ranged = storage.get_object(bucket, key, extra_get_args={"Range": "bytes=1-4"})
        _require(ranged, b"1234")
        _require(storage.list_keys(bucket, key), [key])
    finally:
        storage.delete_object(bucket, key)


def _require(found: Any, expected: Any) -> None:
    if not operator.eq(found, expected):
        raise AssertionError(f"{found!r} came instead of {expected!r}")


TESTS: tuple[Callable[[FunctionExecutor], None], ...] = (
    one_call,
    many_calls,
    map_and_reduce,
    an_error_travels,
    a_timeout_ends_a_call,
    calls_make_calls,
    objects_are_kept,
)


class Verdict(NamedTuple):
    """How a test of the self-test went."""

    test: str
    result: str
    seconds: float
    reason: str


def self_test(
    name: Annotated[
        str | None, typer.Option("--test", "-t", help="Which test; 'help' lists them.")
    ] = None,
    config: ConfigFile = None,
    backend: Backend = None,
    storage: StorageName = None,
    debug: Debug = False,
    region: Region = None,
    exitfirst: Annotated[
        bool, typer.Option("--exitfirst", "-x", help="Stop after the first that fails.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Try out the configured backend and storage; the exit code is 1 if something fails."""
    from greenlithops.sync.executors import FunctionExecutor

    with one_line_errors():
        set_debug(debug)
        names = [one.__name__ for one in TESTS]
        if name == "help":
            rows = [{"Test": one.__name__, "What": one.__doc__} for one in TESTS]
            print_rows(("Test", "What"), rows, as_json=as_json, total="tests")
            return
        chosen = [one for one in TESTS if name is None or name in one.__name__]
        if not chosen:
            raise UsageError(f"there is no test {name!r}; there are {', '.join(names)}")
        found, _ = content(config, backend, storage, region)
        verdicts: list[Verdict] = []
        with FunctionExecutor(config=found) as executor:
            for one in chosen:
                verdicts.append(_verdict(one, executor))
                if exitfirst and verdicts[-1].result == "failed":
                    break
        rows = [
            {name.capitalize(): value for name, value in verdict._asdict().items()}
            for verdict in verdicts
        ]
        print_rows(("Test", "Result", "Seconds", "Reason"), rows, as_json=as_json, total="tests")
    if any(verdict.result == "failed" for verdict in verdicts):
        raise typer.Exit(FAILED)


def _verdict(one: Callable[[FunctionExecutor], None], executor: FunctionExecutor) -> Verdict:
    start = time.perf_counter()
    try:
        one(executor)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the test's verdict
        reason = f"{type(error).__name__}: {error}"
        return Verdict(one.__name__, "failed", round(time.perf_counter() - start, 3), reason)
    return Verdict(one.__name__, "passed", round(time.perf_counter() - start, 3), "")
