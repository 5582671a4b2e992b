"""Grams of CO2 equivalent: of joules by intensity and PUE, of hardware by its share of a life."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache

from greenlithops.errors import ConfigurationError

#: Joules in a kilowatt-hour.
JOULES_PER_KWH = 3.6e6

#: What says which region's electricity is used, when the program does not.
REGION_VARIABLE = "GREENLITHOPS_REGION"

#: The functions below take a year for so many seconds: 365.25 days.
SECONDS_PER_YEAR = 31_557_600.0


@dataclass(frozen=True, slots=True)
class CarbonIntensity:
    """What a kilowatt-hour emits somewhere: location-based, a yearly average.

    Attributes:
        grams_per_kwh: grams of CO2 equivalent per kilowatt-hour.
        region: the three-letter code of a country, a cloud's region, or ``world``.
        year: the year of the figure, or None for one that the user gave.
        source: who published it.
    """

    grams_per_kwh: float
    region: str
    year: int | None
    source: str

    def __str__(self) -> str:
        year = f", {self.year}" if self.year else ""
        return f"{self.grams_per_kwh:g} gCO2e/kWh ({self.region}{year}; {self.source})"


def grams_co2e(
    joules: float | None, intensity: CarbonIntensity | None, *, pue: float = 1.0
) -> float | None:
    """Return the grams of CO2 equivalent of an amount of energy, or None when either is unknown.

    Args:
        joules: the energy, as it is measured in the machine.
        intensity: the electricity.
        pue: power usage effectiveness: what the site burns for each joule that its machines do.
            1.0 for a machine that stands in a room; Cloud Carbon Footprint gives 1.135 for AWS,
            1.1 for Google Cloud, 1.185 for Azure and 1.58 for an average data centre.

    Raises:
        ConfigurationError: the PUE is less than 1.
    """
    if not pue >= 1:
        raise ConfigurationError(f"a PUE is at least 1, since the machines are in it, not {pue}")
    if joules is None or intensity is None:
        return None
    return joules / JOULES_PER_KWH * intensity.grams_per_kwh * pue


def pue_of(provider: str) -> float:
    """Return the power usage effectiveness of a provider's data centres.

    Args:
        provider: ``aws``, ``gcp``, ``azure``, ``alibaba``, or ``data centre`` for an average one.

    Raises:
        ConfigurationError: the provider is not in the table.
    """
    from greenlithops.energy.carbon_table import PUE  # noqa: PLC0415 - needed on request only

    found = PUE.get(provider.lower())
    if found is None:
        raise ConfigurationError(f"no PUE of {provider!r} is known; there are {', '.join(PUE)}")
    return found


def embodied_grams(
    seconds: float,
    *,
    share: float,
    server_kg: float = 1000.0,
    lifetime_years: float = 4.0,
) -> float:
    """Return the grams of CO2 equivalent of making the hardware, for its use: the ``M`` of the SCI.

    ``M = TE * (TiR / EL) * (RR / ToR)`` (Green Software Foundation, SCI 1.1). It comes on top of
    what the energy emits, and is no part of `grams_co2e`.

    Args:
        seconds: how long the hardware was reserved.
        share: the reserved part of the server: vCPUs reserved of the vCPUs that it has.
        server_kg: emissions of making the whole server, in kilograms. The default is what the Cloud
            Carbon Footprint methodology takes for a rack server with one CPU, before extra memory,
            disks and accelerators; take your manufacturer's figure if you have it.
        lifetime_years: how long the server is used; four years in the same methodology.

    Raises:
        ConfigurationError: an argument is out of its range.
    """
    if seconds < 0 or not 0 <= share <= 1 or server_kg < 0 or lifetime_years <= 0:
        raise ConfigurationError(
            "embodied emissions need seconds and server_kg of at least 0, a share from 0 to 1 and "
            f"a positive lifetime, not {seconds=}, {share=}, {server_kg=}, {lifetime_years=}"
        )
    return server_kg * 1000.0 * share * seconds / (lifetime_years * SECONDS_PER_YEAR)


def carbon_intensity(region: str | None = None) -> CarbonIntensity:
    """Look up the carbon intensity of a region's electricity.

    Args:
        region: a country by its ISO code of two or three letters, a region of AWS, Azure or Google
            Cloud, or ``world``. By default what ``GREENLITHOPS_REGION`` says, else the world's
            average; the result says which it was.

    Raises:
        ConfigurationError: the region is unknown.
    """
    asked = region or os.environ.get(REGION_VARIABLE)
    if not asked:
        return _world()
    found = _table().get(asked.lower())
    if found is None:
        raise ConfigurationError(
            f"The carbon intensity of {asked!r} is not known: give a country's ISO code (ES, ESP), "
            f"a region of AWS, Azure or Google Cloud, or 'world'.{_nearest(asked.lower())}"
        )
    return found


def _world() -> CarbonIntensity:
    from greenlithops.energy.carbon_table import EMBER, WORLD  # noqa: PLC0415 - see below

    grams, year = WORLD
    return CarbonIntensity(grams, "world", year, EMBER)


@cache
def _table() -> dict[str, CarbonIntensity]:
    """Return all regions by lower-case name."""
    from greenlithops.energy.carbon_table import (  # noqa: PLC0415 - large, and needed once
        AWS_REGIONS,
        AZURE_REGIONS,
        COUNTRIES,
        EMBER,
        GOOGLE,
        GOOGLE_REGIONS,
        GOOGLE_YEAR,
    )

    table = {"world": _world()}
    for year, rows in COUNTRIES.items():
        for two, three, value in _rows(rows):
            country = CarbonIntensity(float(value), three, year, EMBER)
            table[two.lower()] = table[three.lower()] = country
    for name, value in _rows(GOOGLE_REGIONS):
        table[name] = CarbonIntensity(float(value), name, GOOGLE_YEAR, GOOGLE)
    for two, *names in _rows(AWS_REGIONS) + _rows(AZURE_REGIONS):
        table.update(dict.fromkeys(names, table[two.lower()]))
    return table


def _rows(text: str) -> list[list[str]]:
    return [row.split() for row in text.split(";") if row.strip()]


def _nearest(asked: str) -> str:
    import difflib  # noqa: PLC0415 - only for the text of an error

    near = difflib.get_close_matches(asked, _table(), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
