"""What options of pods may be: each is checked before anything is asked of a cluster."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from greenlithops.backends.compute.kubernetes.values import environment, meter_place, quantity
from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenlithops.backends.compute.kubernetes.options import KubernetesOptions

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
#: the least that numbers may be: of pods and the like, and of seconds
_LEAST_COUNT: Mapping[str, int] = {
    "min_workers": 0,
    "max_workers": 1,
    "worker_processes": 1,
    "attempts": 1,
    "more_memory": 0,
    "gpu": 0,
}
_LEAST_SECONDS: Mapping[str, float] = {
    "idle_seconds": 0,
    "lease_seconds": 1,
    "client_seconds": 5,
    "unschedulable_seconds": 0,
    "start_seconds": 1,
    "grace_seconds": 0,
    "runtime_timeout": 0.001,
    "patience": 0,
}
_CHOICES: Mapping[str, tuple[Any, ...]] = {
    "mode": ("pool", "jobs"),
    "architecture": ("amd64", "arm64", None),
    "image_pull_policy": ("Always", "IfNotPresent", "Never", None),
    "provider": ("AWS", "Azure", "GCP", None),
}
_MAPPINGS = (
    *("node_selector", "affinity", "labels", "annotations"),
    *("pod_security_context", "container_security_context"),
)
_TEXTS_IN_LISTS = ("image_pull_secrets",)
_MAPPINGS_IN_LISTS = ("tolerations", "volumes", "volume_mounts")
_REGISTRY = ("docker_server", "docker_user", "docker_password")


def check(options: KubernetesOptions) -> None:
    """Hold options against what they may be.

    Raises:
        ConfigurationError: one is impossible; the text names it.
    """
    _numbers(options)
    _structures(options)
    for name, choices in _CHOICES.items():
        if getattr(options, name) not in choices:
            said = ", ".join(repr(one) for one in choices if one is not None)
            raise _refusal(name, f"one of {said}", getattr(options, name))
    for name in ("cpu", "cpu_limit", "memory", "memory_limit"):
        quantity(name, getattr(options, name))
    for name in ("namespace", "pool"):
        value = getattr(options, name)
        if value is not None and not (isinstance(value, str) and _LABEL.fullmatch(value)):
            raise ConfigurationError(
                f"kubernetes: {name} has small letters, digits and '-' only, not {value!r}"
            )
    environment(options.env)
    meter_place(options.node_energy)
    given = [name for name in _REGISTRY if getattr(options, name)]
    if given and len(given) < len(_REGISTRY):
        missing = ", ".join(name for name in _REGISTRY if name not in given)
        raise ConfigurationError(
            f"kubernetes: {', '.join(given)} without {missing}: give all three"
        )
    if not options.image and options.pool is None and options.pod_template is None:
        raise ConfigurationError(
            "kubernetes: 'image' is missing: an image with this program's Python and "
            "greenlithops; `greenlithops runtime build` makes one"
        )


def _numbers(options: KubernetesOptions) -> None:
    for name, least in _LEAST_COUNT.items():
        value = getattr(options, name)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise _refusal(name, f"a whole number of at least {least}", value)
    for name, seconds in _LEAST_SECONDS.items():
        value = getattr(options, name)
        if value is None and name == "runtime_timeout":
            continue
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not (number and math.isfinite(value) and value >= seconds):
            raise _refusal(name, f"a number of at least {seconds:g}", value)
    if options.min_workers > options.max_workers:
        raise ConfigurationError(
            f"kubernetes: min_workers, {options.min_workers}, is more than max_workers, "
            f"{options.max_workers}"
        )


def _structures(options: KubernetesOptions) -> None:
    for name in _MAPPINGS:
        value = getattr(options, name)
        if value is not None and not isinstance(value, Mapping):
            raise _refusal(name, "a mapping", value)
    text: Callable[[Any], bool] = lambda one: isinstance(one, str)  # noqa: E731 - used once
    mapping: Callable[[Any], bool] = lambda one: isinstance(one, Mapping)  # noqa: E731 - the same
    for names, kind, said in (
        (_TEXTS_IN_LISTS, text, "names"),
        (_MAPPINGS_IN_LISTS, mapping, "mappings"),
    ):
        for name in names:
            value = getattr(options, name)
            listed = isinstance(value, Sequence) and not isinstance(value, str)
            if not (listed and all(map(kind, value))):
                raise _refusal(name, f"a list of {said}", value)
    if not isinstance(options.kubeconfig, (str, os.PathLike, type(None))):
        raise _refusal("kubeconfig", "the path of a file", options.kubeconfig)


def _refusal(name: str, wanted: str, value: Any) -> ConfigurationError:
    return ConfigurationError(f"kubernetes: {name} is {wanted}, not {value!r}")
