"""Grams of CO2 equivalent for joules: kilowatt-hours times intensity times PUE, nothing else."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache

from greenlithops.errors import ConfigurationError

#: Joules in a kilowatt-hour.
JOULES_PER_KWH = 3.6e6

#: What says which region's electricity is used, when the program does not.
REGION_VARIABLE = "GREENLITHOPS_REGION"


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
    """
    if joules is None or intensity is None:
        return None
    return joules / JOULES_PER_KWH * intensity.grams_per_kwh * pue


def carbon_intensity(region: str | None = None) -> CarbonIntensity:
    """Look up the carbon intensity of a region's electricity.

    Args:
        region: a country by its ISO code of two or three letters, a region of AWS or Google Cloud,
            or ``world``. By default what ``GREENLITHOPS_REGION`` says, else the world's average;
            the result says which it was.

    Raises:
        ConfigurationError: the region is unknown.
    """
    asked = region or os.environ.get(REGION_VARIABLE)
    if not asked:
        return _table()["world"]
    found = _table().get(asked.lower())
    if found is None:
        raise ConfigurationError(
            f"The carbon intensity of {asked!r} is not known: give a country's ISO code (ES, ESP), "
            f"a region of AWS or Google Cloud, or 'world'.{_nearest(asked.lower())}"
        )
    return found


@cache
def _table() -> dict[str, CarbonIntensity]:
    """Return all regions by lower-case name."""
    from greenlithops.energy.carbon_table import (  # noqa: PLC0415 - large, and needed once
        AWS_REGIONS,
        COUNTRIES,
        EMBER,
        GOOGLE,
        GOOGLE_REGIONS,
        GOOGLE_YEAR,
        WORLD,
    )

    grams, year = WORLD
    table = {"world": CarbonIntensity(grams, "world", year, EMBER)}
    for year, rows in COUNTRIES.items():
        for two, three, value in _rows(rows):
            country = CarbonIntensity(float(value), three, year, EMBER)
            table[two.lower()] = table[three.lower()] = country
    for name, value in _rows(GOOGLE_REGIONS):
        table[name] = CarbonIntensity(float(value), name, GOOGLE_YEAR, GOOGLE)
    for two, *names in _rows(AWS_REGIONS):
        table.update(dict.fromkeys(names, table[two.lower()]))
    return table


def _rows(text: str) -> list[list[str]]:
    return [row.split() for row in text.split(";") if row.strip()]


def _nearest(asked: str) -> str:
    import difflib  # noqa: PLC0415 - only for the text of an error

    near = difflib.get_close_matches(asked, _table(), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
