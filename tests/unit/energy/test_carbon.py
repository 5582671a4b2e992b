"""Grams of CO2 equivalent, by hand."""

import pytest

from greenlithops.energy.carbon import (
    CarbonIntensity,
    carbon_intensity,
    embodied_grams,
    grams_co2e,
    pue_of,
)
from greenlithops.errors import ConfigurationError


@pytest.fixture(autouse=True)
def _no_region(monkeypatch):
    monkeypatch.delenv("GREENLITHOPS_REGION", raising=False)


def test_a_kilowatt_hour_in_spain():
    spain = carbon_intensity("ESP")
    assert (spain.grams_per_kwh, spain.region, spain.year) == (174.05, "ESP", 2023)
    assert grams_co2e(3.6e6, spain) == pytest.approx(174.05)
    assert grams_co2e(12.3, spain) == pytest.approx(12.3 / 3_600_000 * 174.05)
    assert grams_co2e(3.6e6, spain, pue=1.58) == pytest.approx(275.0, abs=0.01)


def test_unknown_stays_unknown():
    assert grams_co2e(None, carbon_intensity()) is None
    with pytest.raises(ConfigurationError, match="at least 1"):
        grams_co2e(1.0, carbon_intensity(), pue=0.5)
    assert grams_co2e(1.0, None) is None


@pytest.mark.parametrize(
    ("name", "region", "grams", "year"),
    [
        ("es", "ESP", 174.05, 2023),
        ("FR", "FRA", 56.039, 2023),
        ("de", "DEU", 380.95, 2023),
        ("US", "USA", 369.473, 2023),
        ("IS", "ISL", 27.68, 2022),
        ("world", "world", 481.0, 2023),
        ("europe-southwest1", "europe-southwest1", 89.04, 2024),
        ("us-east1", "us-east1", 575.77, 2024),  # Google's, South Carolina
        ("us-east-1", "USA", 369.473, 2023),  # Amazon's, by its country
        ("eu-west-3", "FRA", 56.039, 2023),
        ("westeurope", "NLD", 267.622, 2023),  # Microsoft's, by its country
        ("EastUS", "USA", 369.473, 2023),
    ],
)
def test_regions(name, region, grams, year):
    found = carbon_intensity(name)
    assert (found.region, found.grams_per_kwh, found.year) == (region, grams, year)
    assert found.source


def test_where_the_region_comes_from(monkeypatch):
    assert carbon_intensity().region == "world"
    monkeypatch.setenv("GREENLITHOPS_REGION", "se")
    assert carbon_intensity().region == "SWE"
    assert carbon_intensity("NO").region == "NOR"


def test_an_unknown_region_is_an_error():
    with pytest.raises(ConfigurationError, match=r"'eu-wst-3' is not known.*mean 'eu-west-3'"):
        carbon_intensity("eu-wst-3")


def test_it_says_what_it_is():
    assert str(carbon_intensity("ES")).startswith("174.05 gCO2e/kWh (ESP, 2023; Ember")
    assert str(CarbonIntensity(20, "home", None, "my solar roof")) == (
        "20 gCO2e/kWh (home; my solar roof)"
    )


def test_power_usage_effectiveness_by_provider():
    assert pue_of("aws") == 1.135
    assert pue_of("GCP") == 1.1
    assert pue_of("azure") == 1.185
    with pytest.raises(ConfigurationError, match="no PUE of 'ibm'"):
        pue_of("ibm")


def test_the_embodied_share_by_hand():
    # A server of 1,000 kg for 4 years, a quarter of it for a day: 1,000,000 g / 1,461 / 4.
    assert embodied_grams(86_400, share=0.25) == pytest.approx(171.116, abs=1e-3)
    assert embodied_grams(86_400, share=0.25, server_kg=500, lifetime_years=8) == pytest.approx(
        171.116 / 4, abs=1e-3
    )
    assert embodied_grams(0, share=1) == 0.0
    with pytest.raises(ConfigurationError, match="a share from 0 to 1"):
        embodied_grams(1, share=2)
