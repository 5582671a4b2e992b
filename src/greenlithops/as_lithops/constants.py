"""The constants that programs import from `lithops.constants`."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from greenlithops.config.keys import Role
from greenlithops.config.known import SECTIONS, named

__version__ = "3.8.0"  #: the Lithops that greenlithops is compatible with

LOCALHOST = "localhost"
SERVERLESS = "serverless"
STANDALONE = "standalone"
MODE_DEFAULT = SERVERLESS
SERVERLESS_BACKEND_DEFAULT = "aws_lambda"
STANDALONE_BACKEND_DEFAULT = "aws_ec2"
STORAGE_BACKEND_DEFAULT = "aws_s3"
_MODES = {name: SECTIONS[name].mode for name in named(Role.COMPUTE) if name in SECTIONS}
SERVERLESS_BACKENDS = tuple(name for name, mode in _MODES.items() if mode == SERVERLESS)
STANDALONE_BACKENDS = tuple(name for name, mode in _MODES.items() if mode == STANDALONE)

CPU_COUNT = os.cpu_count()
WORKER_PROCESSES_DEFAULT = 1
WORKER_ENV = "LITHOPS_WORKER"

LOGGER_LEVEL = "info"
LOGGER_STREAM = "ext://sys.stderr"
LOGGER_FORMAT = "%(asctime)s [%(levelname)s] %(filename)s:%(lineno)s -- %(message)s"
LOGGER_FORMAT_SHORT = "[%(levelname)s] %(filename)s:%(lineno)s -- %(message)s"
LOGGER_LEVEL_CHOICES = ("debug", "info", "warning", "error", "critical")

JOBS_PREFIX = "lithops.jobs"
TEMP_PREFIX = "lithops.jobs/tmp"
LOGS_PREFIX = "lithops.logs"
RUNTIMES_PREFIX = "lithops.runtimes"

# Paths that programs put files of their own below; none is made by importing this.
TEMP_DIR = os.path.realpath(tempfile.gettempdir())
USER_TEMP_DIR = f"lithops-{os.environ.get('USER', 'root')}"
LITHOPS_TEMP_DIR = str(Path(TEMP_DIR, USER_TEMP_DIR))
JOBS_DIR = str(Path(LITHOPS_TEMP_DIR, "jobs"))
LOGS_DIR = str(Path(LITHOPS_TEMP_DIR, "logs"))
FN_LOG_FILE = str(Path(LITHOPS_TEMP_DIR, "functions.log"))

HOME_DIR = str(Path.home())
CONFIG_DIR = str(Path(HOME_DIR, ".lithops"))
CACHE_DIR = str(Path(CONFIG_DIR, "cache"))
CONFIG_FILE = str(Path(CONFIG_DIR, "config"))
CONFIG_FILE_GLOBAL = "/etc/lithops/config"
SA_CONFIG_FILE = "/opt/lithops/config"
