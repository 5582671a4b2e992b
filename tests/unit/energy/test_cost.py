"""Bills, by hand."""

import pytest

from greenlithops.energy.cost import Bill, Meter, Tariff, price, tariff, usage
from greenlithops.errors import ConfigurationError


def test_a_lambda_bill_by_hand():
    # 3,000,000 calls of 120 ms with 1,536 MB, the example of many a handbook:
    used = usage("lambda-x86", [0.120] * 3_000, memory_mb=1536)
    used = {unit: amount * 1000 for unit, amount in used.items()}
    assert used == {"requests": 3e6, "gb_seconds": pytest.approx(540_000)}
    # By hand: (540,000 - 400,000) * 0.0000166667 + (3,000,000 - 1,000,000) * 0.20 / 1,000,000
    assert price("lambda-x86", used) == pytest.approx(2.333338 + 0.40, abs=1e-6)
    assert price("lambda-x86", used, free_tier=False) == pytest.approx(9.000018 + 0.60, abs=1e-6)
    # Arm: 140,000 * 0.0000133334 + 0.40
    assert price("lambda-arm", used) == pytest.approx(1.866676 + 0.40, abs=1e-6)


@pytest.mark.parametrize(
    ("memory", "seconds", "gb_seconds"),
    [(512, 1.0, 0.5), (1769, 1.0, 1.7275390625), (10_240, 2.5, 25.0), (128, 0.0001, 0.000125)],
)
def test_lambda_rounds_each_call_up_to_a_millisecond(memory, seconds, gb_seconds):
    used = usage("lambda-x86", [seconds], memory_mb=memory)
    assert used["gb_seconds"] == pytest.approx(gb_seconds, rel=1e-12)


def test_what_is_whole_is_not_rounded_up():
    for milliseconds in range(1, 2000):
        used = usage("lambda-x86", [milliseconds / 1000], memory_mb=1024)
        assert used["gb_seconds"] == milliseconds / 1000


def test_the_free_tier_is_given_once_a_month():
    used = usage("lambda-x86", [1.0] * 1000, memory_mb=1024)
    used = {unit: amount * 500 for unit, amount in used.items()}  # 500,000 GB-s, half a million
    bill = Bill("lambda-x86")
    bill.add(used, month="2026-01")
    assert bill.total("2026-01") == pytest.approx(100_000 * 0.0000166667)
    bill.add(used, month="2026-01")
    assert bill.used("2026-01") == {"requests": 1e6, "gb_seconds": 1e6}
    assert bill.total("2026-01") == pytest.approx(600_000 * 0.0000166667)
    bill.add(used, month="2026-02")
    assert bill.total("2026-02") == pytest.approx(100_000 * 0.0000166667)
    assert bill.total() == pytest.approx(700_000 * 0.0000166667)
    assert bill.total("2026-03") == 0.0
    assert "2026-01: $10.0000" in str(bill)
    # What came second in the month costs what it added.
    assert price("lambda-x86", used, before=used) == pytest.approx(500_000 * 0.0000166667)


def test_tiers_of_the_month():
    used = {"requests": 0.0, "gb_seconds": 16e9}
    paid = 16e9 - 400_000
    by_hand = 6e9 * 0.0000166667 + 9e9 * 0.000015 + (paid - 15e9) * 0.0000133334
    assert price("lambda-x86", used) == pytest.approx(by_hand)


def test_fargate_bills_a_minute_at_least():
    # 0.25 vCPU and 512 MB for 10 s: a minute of each.
    used = usage("fargate-x86", [10.0], memory_mb=512, vcpus=0.25)
    assert used == {"vcpu_seconds": 15.0, "gb_seconds": 30.0}
    assert price("fargate-x86", used) == pytest.approx(
        0.25 / 60 * 0.04048 + 0.5 / 60 * 0.004445, rel=1e-9
    )
    assert usage("fargate-arm", [60.2], memory_mb=1024)["vcpu_seconds"] == 61.0


def test_cloud_run_rounds_to_tenths_of_a_second():
    used = usage("cloud-run", [0.201, 0.3], memory_mb=512, vcpus=1)
    assert used == {"requests": 2.0, "vcpu_seconds": pytest.approx(0.6), "gb_seconds": 0.3}
    month = {unit: amount * 5_000_000 for unit, amount in used.items()}
    by_hand = (10e6 - 2e6) * 0.40e-6 + (3e6 - 180_000) * 0.000024 + (1.5e6 - 360_000) * 0.0000025
    assert price("cloud-run", month) == pytest.approx(by_hand)
    assert usage("cloud-run-jobs", [1.0], memory_mb=1024) == {
        "vcpu_seconds": 60.0,
        "gb_seconds": 60.0,
    }


def test_azure_rounds_memory_up():
    # 160 MB count as 256, and 20 ms as 100.
    used = usage("azure-functions", [0.020], memory_mb=160)
    assert used == {"requests": 1.0, "gb_seconds": pytest.approx(0.025)}
    # 3,000,000 executions of a second with 1.5 GB: (4,500,000 - 400,000) * 0.000016 + 2 * 0.20
    month = {"requests": 3e6, "gb_seconds": 4.5e6}
    assert price("azure-functions", month) == pytest.approx(65.60 + 0.40)


def test_a_tariff_of_ones_own():
    mine = Tariff(
        "my cluster", "2026-05", "here", "the invoice",
        (Meter("vcpu_seconds", ((float("inf"), 0.01),), free=10.0),), step_seconds=1.0,
    )  # fmt: skip
    assert price(mine, usage(mine, [7.2], memory_mb=1, vcpus=2)) == pytest.approx(0.06)


def test_every_tariff_says_when_and_where():
    for name in ("lambda-x86", "lambda-arm", "fargate-x86", "fargate-arm", "cloud-run",
                 "cloud-run-jobs", "azure-functions"):  # fmt: skip
        terms = tariff(name)
        assert terms.date[:3] == "202"
        assert terms.region
        assert "." in terms.source


def test_nonsense_is_refused():
    with pytest.raises(ConfigurationError, match=r"no prices of 'lamda'.*lambda-x86"):
        usage("lamda", [1.0], memory_mb=128)
    with pytest.raises(ConfigurationError, match="must be positive"):
        usage("lambda-x86", [1.0], memory_mb=0)
    with pytest.raises(ConfigurationError, match="cannot take -1"):
        usage("lambda-x86", [-1.0], memory_mb=128)
    with pytest.raises(ConfigurationError, match="at most 1536 MB"):
        usage("azure-functions", [1.0], memory_mb=2048)
    with pytest.raises(ConfigurationError, match="'2026-03', not 'March'"):
        Bill("lambda-x86").add({}, month="March")
    with pytest.raises(ConfigurationError, match="at most 10240 MB"):
        usage("lambda-x86", [1.0], memory_mb=20_000)
    with pytest.raises(ConfigurationError, match="must be positive"):
        usage("lambda-x86", [1.0], memory_mb=float("nan"))
    with pytest.raises(ConfigurationError, match="bills requests, gb_seconds, not 'gb_secs'"):
        Bill("lambda-x86").add({"gb_secs": 1.0}, month="2026-03")
    with pytest.raises(ConfigurationError, match="bills vcpu_seconds, gb_seconds, not 'requests'"):
        price("fargate-x86", {"requests": 1.0})
    with pytest.raises(ConfigurationError, match="gb_seconds must be 0 or more, not -5"):
        price("lambda-x86", {"gb_seconds": -5})
