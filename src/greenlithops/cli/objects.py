"""`greenlithops storage`: objects from the command line."""

from __future__ import annotations

# ruff: noqa: PLC0415 - a command imports its own parts, so that the others start at once
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from greenlithops.cli.failing import one_line_errors
from greenlithops.cli.options import (
    AsJson,
    ConfigFile,
    Debug,
    StorageBackend,
    content,
    out,
    print_json,
    print_rows,
    set_debug,
)
from greenlithops.errors import UsageError

if TYPE_CHECKING:
    from greenlithops.sync.storage import Storage

app = typer.Typer(no_args_is_help=True, help="Objects.")

Bucket = Annotated[str, typer.Argument(help="The bucket.")]
Prefix = Annotated[str | None, typer.Option("--prefix", "-p", help="How their keys begin.")]


def _storage(config: Path | None, backend: str | None, debug: bool) -> Storage:
    from greenlithops.sync.storage import Storage

    set_debug(debug)
    found, _ = content(config, storage=backend)
    return Storage(config=found)


def _say(text: str, as_json: bool, **facts: object) -> None:
    if as_json:
        print_json(facts)
    else:
        out().print(text, markup=False)


@app.command()
def put(
    filename: Annotated[Path, typer.Argument(help="The file.")],
    bucket: Bucket,
    key: Annotated[str | None, typer.Option("--key", "-k", help="The object's key.")] = None,
    backend: StorageBackend = None,
    debug: Debug = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Upload a file; its key is its name unless it is given."""
    with one_line_errors():
        storage = _storage(config, backend, debug)
        name = key or filename.name
        with filename.open("rb") as file:
            storage.put_object(bucket, name, file)
        size = filename.stat().st_size
        _say(
            f"Uploaded {filename} to {storage.backend}://{bucket}/{name} ({size:,} bytes)",
            as_json,
            bucket=bucket,
            key=name,
            bytes=size,
        )


@app.command()
def get(
    bucket: Bucket,
    key: Annotated[str, typer.Argument(help="The object's key.")],
    output: Annotated[
        Path | None, typer.Option("--out", "-o", help="The file; by default the key's last part.")
    ] = None,
    backend: StorageBackend = None,
    debug: Debug = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Download an object."""
    with one_line_errors():
        storage = _storage(config, backend, debug)
        path = output or Path(Path(key).name)
        storage.head_object(bucket, key)  # before a file is made
        stream = storage.get_object(bucket, key, stream=True)
        with path.open("wb") as file:
            while part := stream.read(1 << 20):
                file.write(part)
        size = path.stat().st_size
        _say(
            f"Downloaded {storage.backend}://{bucket}/{key} to {path} ({size:,} bytes)",
            as_json,
            bucket=bucket,
            key=key,
            file=str(path),
            bytes=size,
        )


@app.command()
def delete(
    bucket: Bucket,
    key: Annotated[str | None, typer.Argument(help="The object's key.")] = None,
    prefix: Prefix = None,
    backend: StorageBackend = None,
    debug: Debug = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Delete an object, or all whose keys begin with a prefix."""
    with one_line_errors():
        if (key is None) == (prefix is None):
            raise UsageError("say which object to delete: its key, or --prefix for several")
        storage = _storage(config, backend, debug)
        if key is not None:
            storage.head_object(bucket, key)  # so that deleting nothing is told
        keys = [key] if key is not None else storage.list_keys(bucket, prefix)
        storage.delete_objects(bucket, keys)
        _say(f"Deleted objects: {len(keys)}", as_json, bucket=bucket, deleted=len(keys))


@app.command()
def empty(
    bucket: Bucket,
    backend: StorageBackend = None,
    debug: Debug = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Delete all objects of a bucket."""
    with one_line_errors():
        storage = _storage(config, backend, debug)
        keys = storage.list_keys(bucket)
        storage.delete_objects(bucket, keys)
        _say(f"Deleted objects: {len(keys)}", as_json, bucket=bucket, deleted=len(keys))


@app.command("list")
def list_(
    bucket: Bucket,
    prefix: Prefix = None,
    backend: StorageBackend = None,
    debug: Debug = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """List objects."""
    with one_line_errors():
        storage = _storage(config, backend, debug)
        columns = ("Key", "LastModified", "Size")
        print_rows(columns, storage.list_objects(bucket, prefix), as_json=as_json, total="objects")
