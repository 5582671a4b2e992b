"""The standard library's `multiprocessing.util`, as far as programs use it."""

from __future__ import annotations

from multiprocessing.util import (
    DEBUG,
    INFO,
    NOTSET,
    SUBDEBUG,
    SUBWARNING,
    Finalize,
    debug,
    get_logger,
    get_temp_dir,
    info,
    is_exiting,
    log_to_stderr,
    register_after_fork,
    sub_debug,
    sub_warning,
)

from greenlithops.multiprocessing.remote_logs import RemoteLoggingFeed, RemoteLogIOBuffer

__all__ = [
    "DEBUG",
    "INFO",
    "NOTSET",
    "SUBDEBUG",
    "SUBWARNING",
    "Finalize",
    "RemoteLogIOBuffer",
    "RemoteLoggingFeed",
    "debug",
    "get_logger",
    "get_temp_dir",
    "info",
    "is_exiting",
    "log_to_stderr",
    "register_after_fork",
    "sub_debug",
    "sub_warning",
]
