"""Bytes in storage that only those who have the key can have written."""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
from pathlib import Path

from greenlithops.errors import ConfigurationError, ProtocolError

MAC_BYTES = 32
KEY_BYTES = 32
VARIABLE = "GREENLITHOPS_KEY"


def user_key() -> bytes:
    """Return the key by which this user's jobs know their own data.

    It is the text of the environment variable ``GREENLITHOPS_KEY``, or else a random one, made
    when it is first needed, in ``~/.config/greenlithops/key``. Who attaches to a job on another
    machine needs the same one there.

    Raises:
        ConfigurationError: the file can be read by others, or is none of ours.
    """
    if text := os.environ.get(VARIABLE):
        return text.encode()
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    path = config / "greenlithops" / "key"
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        fresh = path.with_name(f"key-{secrets.token_hex(8)}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(KEY_BYTES))
            os.link(fresh, path)  # whole, or not there: others may look at the same time
        finally:
            fresh.unlink()
    if path.stat().st_mode & 0o077:
        raise ConfigurationError(f"others can read {path}; run: chmod 600 {path}")
    key = path.read_text().strip()
    if not key:
        raise ConfigurationError(f"{path} is empty; delete it to have a new key made")
    return key.encode()


def seal(key: bytes, name: str, body: bytes) -> bytes:
    """Return bytes to be stored under a name, with what proves that they belong there."""
    return _mac(key, name, body) + body


def open_seal(key: bytes, name: str, data: bytes) -> memoryview:
    """Return what was sealed under a name.

    Raises:
        ProtocolError: it was not sealed with this key, or under another name.
    """
    view = memoryview(data)
    if not hmac.compare_digest(_mac(key, name, view[MAC_BYTES:]), view[:MAC_BYTES]):
        raise ProtocolError(
            f"{name} was not written with this key, so it is not read; a job can be attached to "
            f"with the {VARIABLE} or the key file of who started it"
        )
    return view[MAC_BYTES:]


def _mac(key: bytes, name: str, body: bytes | memoryview) -> bytes:
    code = hmac.new(key, name.encode() + b"\0", "sha256")
    code.update(body)
    return code.digest()
