"""The names and labels of what belongs to an executor in a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Manifest = dict[str, Any]

SESSION = "greenlithops.io/session"  #: the label of everything that belongs to one executor
UNTIL = "greenlithops.io/until"  #: the annotation that says when an anchor may be deleted
ROLE = "greenlithops.io/role"
ROLE_POOL, ROLE_ANCHOR = "pool", "anchor"
WORKER = "worker"  #: the container in which calls run


def labels(session: str, role: str | None = None) -> dict[str, str]:
    """Return the labels of what belongs to a session."""
    own = {
        "app.kubernetes.io/name": "greenlithops",
        "app.kubernetes.io/managed-by": "greenlithops",
        SESSION: session,
    }
    return own if role is None else own | {ROLE: role}


def name_of(session: str) -> str:
    """Return the name of a session's objects."""
    return f"greenlithops-{session}"


def owned_by(anchor: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the metadata by which an object goes when another one does."""
    if anchor is None:
        return {}
    reference = {
        "apiVersion": anchor["apiVersion"],
        "kind": anchor["kind"],
        "name": anchor["metadata"]["name"],
        "uid": anchor["metadata"]["uid"],
        "controller": False,
        "blockOwnerDeletion": False,
    }
    return {"ownerReferences": [reference]}
