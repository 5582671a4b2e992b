"""Small files that remember how far something was: whole, or not there."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def read_record(path: Path) -> dict[str, Any] | None:
    """Return what was remembered; None if that is nothing, or was cut short."""
    try:
        state = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return state if isinstance(state, dict) else None


def write_record(path: Path, state: dict[str, Any]) -> None:
    """Remember something; others may do so at the same time."""
    new = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    try:
        new.write_text(json.dumps(state))
        new.replace(path)
    except OSError as error:
        error.filename = str(new)  # writing does not name it, as opening does
        raise
    finally:
        new.unlink(missing_ok=True)
