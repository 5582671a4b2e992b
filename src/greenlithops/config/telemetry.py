"""Where metrics go, as the configuration says it."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any, NamedTuple

from greenlithops.config.known import SECTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

_INSTANCE = "LITHOPS_TELEMETRY_INSTANCE"  #: names this machine


class TelemetrySettings(NamedTuple):
    """A destination of metrics.

    Attributes:
        kind: ``"prometheus"`` or ``"otlp"``.
        interval: seconds between exports.
        section: its section, filled in.
    """

    kind: str
    interval: float
    section: Mapping[str, Any]


def telemetry_settings(content: Mapping[str, Mapping[str, Any]]) -> TelemetrySettings | None:
    """Return where the metrics of a checked configuration go; None for nowhere."""
    general = content.get("lithops", {})
    chosen = general.get("telemetry")
    if chosen in {None, False, "none"}:
        return None
    kind = "prometheus" if chosen is True else str(chosen)
    keys = SECTIONS[kind].keys
    filled = {name: key.default for name, key in keys.items() if key.default is not None}
    given = {name: value for name, value in content.get(kind, {}).items() if value is not None}
    if "apigateway" in given:
        given.setdefault("gateway", given.pop("apigateway"))
    # The host's name is the same in every run: gateways keep what they were told for ever.
    instance = {"instance": os.environ.get(_INSTANCE) or socket.gethostname()}
    interval = general.get("telemetry_interval")
    if interval is None:
        interval = SECTIONS["lithops"].keys["telemetry_interval"].default
    return TelemetrySettings(kind, float(interval), {**filled, **instance, **given})
