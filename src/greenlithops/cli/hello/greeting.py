"""`hello` with Lithops' options: one call, or several, on a backend, to see that it works."""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING, Any

from greenlithops.cli.options import print_json, set_debug
from greenlithops.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def greet(
    config: Path | None,
    backend: str | None,
    storage: str | None,
    region: str | None,
    *,
    calls: int | None,
    debug: bool,
    json: bool,
) -> None:
    """Run calls on a backend and print what they answered.

    Args:
        config: a configuration file, or None.
        backend: where to run them, or None for what is configured.
        storage: which storage, likewise.
        region: the backend's region, likewise.
        calls: how many; None for one.
        debug: print messages.
        json: print what is known as JSON.

    Raises:
        UsageError: that is no number of calls.
        GreenlithopsError: the calls did not run.
    """
    from greenlithops.sync.executors import FunctionExecutor  # noqa: PLC0415 - of this form alone

    if calls is not None and calls < 1:
        raise UsageError(f"--map must be at least 1, not {calls}")
    set_debug(debug)
    file = None if config is None else str(config)
    keywords: dict[str, Any] = {} if region is None else {"region": region}
    user = getpass.getuser()
    with FunctionExecutor(config_file=file, backend=backend, storage=storage, **keywords) as fexec:
        futures = fexec.map(_greeting, [user] * (calls or 1))
        answers = futures.get_result()
        seconds = [future.stats["worker_func_exec_time"] for future in futures]
        places = {"backend": fexec.backend, "storage": fexec.storage.backend}
    if json:
        print_json({**places, "answers": answers, "seconds": seconds})
        return
    if calls is not None:
        sys.stdout.write(f"{calls} calls answered: {answers}\n")
    where = f"The backend {places['backend']} and the storage {places['storage']} work."
    sys.stdout.write(f"{answers[0]} {where}\n")


def _greeting(user: str) -> str:
    return f"Hello {user}!"
