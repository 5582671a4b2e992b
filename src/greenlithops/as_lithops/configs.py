"""The functions that programs import from `lithops.config`."""

from __future__ import annotations

import os as _os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenlithops.as_lithops import constants
from greenlithops.config import files
from greenlithops.config.merging import merged, with_cloud

if TYPE_CHECKING:
    from collections.abc import Mapping

Config = dict[str, Any]


def load_yaml_config(config_filename: str) -> Config:
    """Return the content of a YAML file; nothing if it is not there."""
    path = Path(config_filename)
    return dict(files.read_yaml(path)) if path.is_file() else {}


def dump_yaml_config(config_filename: str, data: Mapping[str, Any]) -> None:
    """Write a configuration to a YAML file, with its folder."""
    import yaml  # noqa: PLC0415 - only where files are written

    path = Path(config_filename)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(dict(data), default_flow_style=False), encoding="utf-8")


def get_default_config_filename() -> str | None:
    """Return the file that is read when nothing names one, or None."""
    named = _os.environ.get(files.FILE_VARIABLE)
    if named:
        return named
    return next((str(path) for path in files.places() if path.is_file()), None)


def load_config(config_file: str | None = None, log: bool = True) -> Config:  # noqa: ARG001 - Lithops' parameter
    """Return the configuration in force, as it was written."""
    found = files.find(None, config_file).content
    place = {"mode": "localhost", "backend": "localhost", "storage": "localhost"}
    return dict(found) or {"lithops": place}


def default_config(
    config_file: str | None = None,
    config_data: Mapping[str, Any] | None = None,
    config_overwrite: Mapping[str, Any] | None = None,
    load_storage_config: bool = True,  # noqa: ARG001 - it is always there
) -> Config:
    """Return the configuration in force with everything filled in.

    Args:
        config_file: a file, instead of those that are looked for.
        config_data: a configuration, instead of a file.
        config_overwrite: with ``"lithops"`` and ``"backend"``: what stands over the section
            ``lithops`` and over the compute backend's.
        load_storage_config: accepted.
    """
    over = dict(config_overwrite or {})
    general = dict(over.get("lithops") or {})
    content = files.find(config_data, config_file).content
    content["lithops"] = {**content.get("lithops", {}), **general}
    result, _ = merged(config=content, keywords=over.get("backend"))
    filled: Config = {name: dict(values) for name, values in result.items()}
    filled["lithops"].setdefault("monitoring", "storage")
    filled["lithops"].setdefault("execution_timeout", 1800)
    filled["lithops"].setdefault("telemetry", False)
    if filled["lithops"]["storage"] == constants.LOCALHOST:
        filled.setdefault("localhost", {}).setdefault("storage_bucket", "storage")
    return filled


def default_storage_config(
    config_file: str | None = None,
    config_data: Mapping[str, Any] | None = None,
    backend: str | None = None,
) -> Config:
    """Return the configuration in force, filled in, with a storage chosen."""
    over = {"lithops": {"storage": backend}} if backend else {}
    return default_config(config_file, config_data, over)


def extract_storage_config(config: Mapping[str, Any]) -> Config:
    """Return the storage's part of a configuration, as `Storage(storage_config=…)` takes it."""
    backend = config["lithops"]["storage"]
    section = with_cloud(config, backend)
    if backend == constants.LOCALHOST:
        section = {k: section[k] for k in ("root", "storage_bucket") if k in section}
    return {"backend": backend, backend: section}


def extract_localhost_config(config: Mapping[str, Any]) -> Config:
    """Return the section of this machine."""
    return dict(config.get(constants.LOCALHOST) or {})


def extract_serverless_config(config: Mapping[str, Any]) -> Config:
    """Return the serverless backend's part of a configuration."""
    backend = config["lithops"]["backend"]
    return {"backend": backend, backend: with_cloud(config, backend)}


def extract_standalone_config(config: Mapping[str, Any]) -> Config:
    """Return the part of a configuration that is about virtual machines."""
    general = dict(config.get(constants.STANDALONE) or {})
    storage = {"storage": config["lithops"].get("storage")}
    return general | extract_serverless_config(config) | storage


def get_log_info(
    config_file: str | None = None, config_data: Mapping[str, Any] | None = None
) -> tuple[Any, Any, Any, Any]:
    """Return level, format, stream and file of the log."""
    general = files.find(config_data, config_file).content.get("lithops", {})
    return (
        general.get("log_level", constants.LOGGER_LEVEL),
        general.get("log_format", constants.LOGGER_FORMAT),
        general.get("log_stream", constants.LOGGER_STREAM),
        general.get("log_filename"),
    )
