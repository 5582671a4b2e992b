"""Carbon intensity as it is now and will be: a pluggable source, and two that speak HTTP.

    source = ElectricityMaps("DE", token)
    intensity = await source.current()

Nothing here is asked unless a program asks: figures of calls use the yearly table.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from greenlithops.energy.carbon import CarbonIntensity
from greenlithops.errors import ConfigurationError, IntensityUnavailable
from greenlithops.offload import off_loop

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_GRAMS = 2000.0  #: no grid emits more for a kilowatt-hour; coal alone is at about 1,000
MOST_BYTES = 1 << 20  #: an answer is a few kilobytes


@dataclass(frozen=True, slots=True)
class IntensityPeriod:
    """What a kilowatt-hour will emit between two moments.

    Attributes:
        start: when the period begins; with its time zone.
        end: when it ends.
        grams_per_kwh: grams of CO2 equivalent per kilowatt-hour.

    Raises:
        ConfigurationError: a moment has no time zone, or it ends before it begins.
    """

    start: datetime
    end: datetime
    grams_per_kwh: float

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ConfigurationError(
                f"a period's moments need a time zone, such as datetime.UTC: {self.start}"
            )
        if self.end < self.start:
            raise ConfigurationError(f"a period ends before it begins: {self.start}, {self.end}")


class IntensitySource(Protocol):
    """Knows the carbon intensity of one place."""

    async def current(self) -> CarbonIntensity:
        """Return the intensity of now.

        Raises:
            IntensityUnavailable: the source did not answer, or not with what can be used.
        """
        ...

    async def forecast(self) -> Sequence[IntensityPeriod]:
        """Return what is expected, in order, from now on.

        Raises:
            IntensityUnavailable: as for `current`.
        """
        ...


class ElectricityMaps:
    """The Electricity Maps API, version 3, or what speaks like it.

    Args:
        zone: the zone: ``DE``, ``US-CAL-CISO`` …
        token: the API's token.
        base: where the API is.
        timeout: seconds that an answer may take.
    """

    def __init__(
        self,
        zone: str,
        token: str,
        *,
        base: str = "https://api.electricitymaps.com",
        timeout: float = 10.0,
    ) -> None:
        self._zone = zone
        self._headers = {"auth-token": token}
        self._base = base.rstrip("/")
        self._timeout = timeout

    async def current(self) -> CarbonIntensity:
        """Return the latest hour's intensity."""
        answer = await self._get("latest")
        grams = checked_grams(answer.get("carbonIntensity"))
        moment = _moment(answer.get("datetime"))
        estimated = ", estimated" if answer.get("isEstimated") else ""
        return CarbonIntensity(
            grams,
            self._zone,
            moment.year,
            f"Electricity Maps, {moment:%Y-%m-%d %H:%M} UTC{estimated}",
        )

    async def forecast(self) -> Sequence[IntensityPeriod]:
        """Return the expected hours."""
        rows = (await self._get("forecast")).get("forecast")
        return periods(
            [(_moment(row["datetime"]), row["carbonIntensity"]) for row in _dictionaries(rows)]
        )

    async def _get(self, what: str) -> dict[str, Any]:
        url = f"{self._base}/v3/carbon-intensity/{what}"
        # Never the zone of the caller's address instead of an unknown one.
        query = {"zone": self._zone, "shouldUseFallbackCallerLookup": "false"}
        return await get_json(url, query, self._headers, self._timeout)


class CarbonIntensityUK:
    """The carbon intensity API of Great Britain's system operator, or what speaks like it.

    Args:
        base: where the API is.
        timeout: seconds that an answer may take.
    """

    def __init__(
        self, *, base: str = "https://api.carbonintensity.org.uk", timeout: float = 10.0
    ) -> None:
        self._base = base.rstrip("/")
        self._timeout = timeout

    async def current(self) -> CarbonIntensity:
        """Return this half-hour's intensity: the actual one, else the forecast."""
        answer = await get_json(f"{self._base}/intensity", {}, {}, self._timeout)
        rows = _dictionaries(answer.get("data"))
        if not rows:
            raise IntensityUnavailable("the source's answer has no data")
        (start, grams) = _british(rows[0])
        return CarbonIntensity(
            checked_grams(grams),
            "GBR",
            start.year,
            f"carbonintensity.org.uk, {start:%Y-%m-%d %H:%M} UTC",
        )

    async def forecast(self) -> Sequence[IntensityPeriod]:
        """Return the half-hours of the next two days."""
        now = datetime.now(UTC)
        url = f"{self._base}/intensity/{now:%Y-%m-%dT%H:%MZ}/fw48h"
        answer = await get_json(url, {}, {}, self._timeout)
        return periods([_british(row) for row in _dictionaries(answer.get("data"))])


async def get_json(
    url: str,
    query: dict[str, str],
    headers: dict[str, str],
    timeout: float,  # noqa: ASYNC109 - of the whole exchange
) -> dict[str, Any]:
    """Return the JSON object that a server answers with.

    Raises:
        IntensityUnavailable: it did not answer in time, not with 200, or not with a JSON object.
        ConfigurationError: aiohttp is not installed.
    """
    try:
        aiohttp = await off_loop(import_module, "aiohttp")  # optional, and slow to import
    except ImportError as error:
        raise ConfigurationError(
            "live carbon intensity needs aiohttp: pip install 'greenlithops[carbon]'"
        ) from error
    try:
        limit = aiohttp.ClientTimeout(total=timeout)
        async with (
            aiohttp.ClientSession(timeout=limit) as session,
            session.get(url, params=query, headers=headers) as response,
        ):
            if response.status != 200:  # noqa: PLR2004 - OK
                raise IntensityUnavailable(f"{url} answered with HTTP status {response.status}")
            if (response.content_length or 0) > MOST_BYTES:
                raise IntensityUnavailable(f"{url} answered with too much")
            answer = await response.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        what = str(error) or type(error).__name__
        raise IntensityUnavailable(f"{url} gave no usable answer: {what}") from error
    if not isinstance(answer, dict):
        raise IntensityUnavailable(f"{url} answered with something that is not a JSON object")
    return answer


def checked_grams(value: Any) -> float:
    """Return grams per kilowatt-hour.

    Raises:
        IntensityUnavailable: it is not a number that an electricity grid can have.
    """
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise IntensityUnavailable(f"the source's intensity is {value!r}, which is not a number")
    if not 0 <= value <= MOST_GRAMS:
        raise IntensityUnavailable(f"the source's intensity of {value} g/kWh cannot be")
    return float(value)


def periods(rows: Sequence[tuple[datetime, Any]]) -> list[IntensityPeriod]:
    """Return periods from their beginnings: each lasts until the next, the last as the one before.

    Raises:
        IntensityUnavailable: there are fewer than two, or they are not in order.
    """
    if len(rows) < 2:  # noqa: PLR2004 - one does not tell how long it lasts
        raise IntensityUnavailable("the source's forecast has fewer than two periods")
    starts = [start for start, _ in rows]
    ends = [*starts[1:], starts[-1] + (starts[-1] - starts[-2])]
    if any(end <= start for start, end in zip(starts, ends, strict=True)):
        raise IntensityUnavailable("the source's forecast is not in order")
    return [
        IntensityPeriod(start, end, checked_grams(grams))
        for (start, grams), end in zip(rows, ends, strict=True)
    ]


def _dictionaries(rows: Any) -> list[dict[str, Any]]:
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise IntensityUnavailable("the source's answer has no list of periods")
    return rows


def _british(row: dict[str, Any]) -> tuple[datetime, Any]:
    intensity = row.get("intensity")
    if not isinstance(intensity, dict):
        raise IntensityUnavailable("the source's answer has no intensity")
    actual = intensity.get("actual")
    return _moment(row.get("from")), intensity.get("forecast") if actual is None else actual


def _moment(text: Any) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise IntensityUnavailable(f"the source's time {text!r} cannot be read") from error
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
