"""A machine's idle watts, which ``greenlithops energy calibrate --idle`` keeps for all programs.

A program that learns them must first see the load vary; one that finds them kept knows from its
first call what the machine would have burned anyway. They are kept by machine and by where its
counters are, with the meter that they were measured by and when.
"""

from __future__ import annotations

import os
from hashlib import sha256
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from greenlithops.energy.meters import sysfs
from greenlithops.energy.opening import IDLE_VARIABLE, idle_folders
from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenlithops.protocols import EnergyMeter

VARIABLE = IDLE_VARIABLE
_RAPL = ("perf", "powercap")  # two ways to the same counters


class KeptIdle(NamedTuple):
    """What was measured.

    Attributes:
        watts: that the machine burns doing nothing, by domain of the meter.
        errors: of `watts`, half the width of their 95 % intervals.
        meter: that measured them.
        measured: when, in UTC (ISO 8601).
        seconds: for how long.
        r2: how much of the power's variance the load explained, from 0 to 1.
        cpus: hardware threads of the machine.
        machine: a digest of what tells it from others.
    """

    watts: Mapping[str, float]
    errors: Mapping[str, float]
    meter: str
    measured: str
    seconds: float
    r2: float
    cpus: int
    machine: str

    def __str__(self) -> str:
        return f"measured by {self.meter} on {self.measured[:10]}"


def machine_key() -> str:
    """Return a digest that tells this machine, seen through this sysfs, from others."""
    try:
        name = Path("/etc/machine-id").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        name = ""
    system = os.uname()
    facts = (name or system.nodename, system.machine, str(os.cpu_count()), sysfs())
    return sha256("\n".join(("greenlithops idle", *facts)).encode()).hexdigest()[:16]


def idle_path() -> Path:
    """Return the file in which this user's programs keep the idle watts of this machine."""
    if given := os.environ.get(VARIABLE):
        return Path(given)
    return Path(idle_folders()[0], f"idle-{machine_key()}.json")


def keep_idle(found: KeptIdle, path: Path | None = None) -> Path:
    """Write it to where programs look for it, and return where that is.

    Raises:
        OSError: it cannot be written.
        ConfigurationError: ``GREENLITHOPS_IDLE`` is ``off``.
    """
    if os.environ.get(VARIABLE) == "off" and path is None:
        raise ConfigurationError(f"{VARIABLE} is off: idle watts are not kept")
    import json  # noqa: PLC0415 - as below

    place = path or idle_path()
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(f".{place.name}.{os.getpid()}")
    part.write_text(json.dumps(found._asdict(), indent=2) + "\n", encoding="utf-8")
    part.replace(place)
    return place


def kept_idle(meter: EnergyMeter | None) -> tuple[KeptIdle | None, str | None]:
    """Return the idle watts that are kept of what a meter counts, or why they are not used.

    Neither is returned where none were kept, and for meters that know their own.
    """
    if meter is None or meter.kind != "measured" or meter.idle_watts is not None:
        return None, None
    if (given := os.environ.get(VARIABLE)) == "off":
        return None, None
    places = [idle_path()]
    if not given:
        places.append(Path(idle_folders()[1], places[0].name))
    for place in places:
        try:
            found = _read(place)
        except FileNotFoundError:
            continue
        except (OSError, ValueError, TypeError, KeyError) as error:
            return None, f"{place} cannot be used: {error}"
        reason = _unfit(found, meter)
        return (None, f"{place} {reason}") if reason else (found, None)
    return None, f"{VARIABLE} names {given}, which is not there" if given else None


def _read(place: Path) -> KeptIdle:
    text = place.read_text(encoding="utf-8")
    # Here, since most programs find no file, and these take a fifth of the time to open a meter.
    import json  # noqa: PLC0415 - see above
    from datetime import datetime  # noqa: PLC0415 - see above

    row: dict[str, Any] = json.loads(text)
    found = KeptIdle(**row)
    for watts in found.watts.values():
        if not (isfinite(watts) and watts >= 0):
            raise ValueError(f"{watts} W cannot be")
    datetime.fromisoformat(found.measured)
    return found


def _unfit(found: KeptIdle, meter: EnergyMeter) -> str | None:
    name = meter.name.removeprefix("node:")
    if found.machine != machine_key():
        return "is of another machine"
    if name != found.meter and not (name in _RAPL and found.meter in _RAPL):
        return f"was measured by {found.meter}, and {name} is read here"
    if missing := [domain for domain in meter.domains if domain not in found.watts]:
        return f"has nothing of {', '.join(missing)}"
    return None
