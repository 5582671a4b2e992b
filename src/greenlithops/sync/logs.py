"""The logger of greenlithops, for programs that ask Lithops for a log level."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greenlithops.config.settings import LogSettings

FORMAT = "%(asctime)s [%(levelname)s] %(message)s"
_STREAMS = {"ext://sys.stdout": "stdout", "ext://sys.stderr": "stderr"}


def set_up_logging(settings: LogSettings, level: str | bool | None) -> None:
    """Set the logger up as an executor's `log_level` and its configuration say.

    Args:
        settings: what the configuration says.
        level: the argument; False for what the configuration says, None for no messages.
    """
    if level is False:
        level = settings.level
        if level == "":
            return
    set_log_level(level, settings.format, settings.stream, settings.filename)


def set_log_level(
    level: str | bool | None,
    text_format: str | None = None,
    stream: str | None = None,
    filename: str | None = None,
) -> None:
    """Set the level; with none, nothing is logged.

    Messages go to a stream or a file if one is named, else to stderr if nobody takes them.
    """
    logger = logging.getLogger("greenlithops")
    if not level:
        logger.setLevel(logging.CRITICAL + 1)
        return
    logger.setLevel(level.upper() if isinstance(level, str) else logging.INFO)
    if logger.handlers or (logging.getLogger().handlers and not (stream or filename)):
        return
    handler: logging.Handler
    if filename:
        handler = logging.FileHandler(Path(filename).expanduser(), delay=True)
    else:
        handler = logging.StreamHandler(getattr(sys, _STREAMS.get(stream or "", "stderr")))
    handler.setFormatter(logging.Formatter(text_format or FORMAT))
    logger.addHandler(handler)
