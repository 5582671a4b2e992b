"""The logger of greenlithops, for programs that ask Lithops for a log level."""

from __future__ import annotations

import logging


def set_log_level(level: str | bool | None) -> None:
    """Set the level; with none, nothing is logged. Messages go to stderr if nobody takes them."""
    logger = logging.getLogger("greenlithops")
    if not level:
        logger.setLevel(logging.CRITICAL + 1)
        return
    logger.setLevel(level.upper() if isinstance(level, str) else logging.INFO)
    if not logging.getLogger().handlers and not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s [%(levelname)s] %(message)s"))
        logger.addHandler(handler)
