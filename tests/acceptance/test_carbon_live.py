"""Live carbon intensity, waiting for a better hour, and what clouds say of a machine: over HTTP."""

import asyncio
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from greenlithops.energy import schedule
from greenlithops.energy.instance import Instance, ask_instance, instance_of
from greenlithops.energy.live import CarbonIntensityUK, ElectricityMaps, IntensityPeriod
from greenlithops.energy.schedule import best_start, wait_for_low_carbon
from greenlithops.errors import ConfigurationError, IntensityUnavailable
from support.clock import BUSY

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HTML_401 = "<!DOCTYPE html><html><body><h1>401 - Unauthorized</h1></body></html>"


@asynccontextmanager
async def serving(handler):
    """Serve every request with `handler`; give where."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield "http://{}:{}".format(*site._server.sockets[0].getsockname())
    finally:
        await runner.cleanup()


@asynccontextmanager
async def silent():
    """Accept connections and say nothing; give where."""

    async def listen(reader, writer):
        await reader.read()
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    try:
        yield "http://{}:{}".format(*server.sockets[0].getsockname())
    finally:
        server.close()
        await server.wait_closed()


def forecast_of(*grams, start=NOON, minutes=60):
    step = timedelta(minutes=minutes)
    return [
        IntensityPeriod(start + i * step, start + (i + 1) * step, value)
        for i, value in enumerate(grams)
    ]


async def test_electricity_maps_is_understood():
    asked = []

    async def answer(request):
        asked.append((request.path, dict(request.query), request.headers["auth-token"]))
        if request.path.endswith("latest"):
            return web.json_response(
                {"zone": "DE", "carbonIntensity": 302, "datetime": "2026-03-01T12:00:00.000Z",
                 "isEstimated": True}
            )  # fmt: skip
        hours = [f"2026-03-01T{12 + i}:00:00.000Z" for i in range(3)]
        rows = [{"carbonIntensity": 300 - i, "datetime": hour} for i, hour in enumerate(hours)]
        return web.json_response({"zone": "DE", "forecast": rows})

    async with serving(answer) as base:
        source = ElectricityMaps("DE", "a secret", base=base)
        now = await source.current()
        later = await source.forecast()
    assert (now.grams_per_kwh, now.region, now.year) == (302.0, "DE", 2026)
    assert now.source == "Electricity Maps, 2026-03-01 12:00 UTC, estimated"
    assert later == forecast_of(300, 299, 298)
    assert [path for path, _, _ in asked] == [
        "/v3/carbon-intensity/latest",
        "/v3/carbon-intensity/forecast",
    ]
    assert all(query["zone"] == "DE" and token == "a secret" for _, query, token in asked)
    assert "a secret" not in repr(source)


async def test_the_british_source_is_understood():
    def row(start, end, forecast, actual):
        return {
            "from": f"2026-03-01T{start}Z",
            "to": f"2026-03-01T{end}Z",
            "intensity": {"forecast": forecast, "actual": actual, "index": "moderate"},
        }

    async def answer(request):
        if request.path == "/intensity":
            return web.json_response({"data": [row("12:00", "12:30", 266, 263)]})
        assert request.path.endswith("/fw48h")
        rows = [row("12:00", "12:30", 266, 263), row("12:30", "13:00", 200, None)]
        return web.json_response({"data": rows})

    async with serving(answer) as base:
        source = CarbonIntensityUK(base=base)
        now = await source.current()
        later = await source.forecast()
    assert (now.grams_per_kwh, now.region) == (263.0, "GBR")
    assert later == forecast_of(263, 200, minutes=30)


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (401, HTML_401, "HTTP status 401"),
        (200, HTML_401, "no usable answer"),
        (200, "[1, 2]", "not a JSON object"),
        (200, "{}", "None, which is not a number"),
        (200, '{"carbonIntensity": -5, "datetime": "2026-03-01T12:00Z"}', "-5 g/kWh cannot be"),
        (200, '{"carbonIntensity": 1e9, "datetime": "2026-03-01T12:00Z"}', "cannot be"),
        (200, '{"carbonIntensity": 300, "datetime": "soon"}', "'soon' cannot be read"),
    ],
)
async def test_what_is_no_intensity_is_refused(status, body, reason):
    async def answer(_request):
        return web.Response(status=status, text=body)

    async with serving(answer) as base:
        with pytest.raises(IntensityUnavailable, match=reason):
            await ElectricityMaps("DE", "token", base=base).current()


async def test_a_source_that_does_not_answer_is_not_waited_for():
    async with silent() as base:
        source = ElectricityMaps("DE", "token", base=base, timeout=0.1)
        with pytest.raises(IntensityUnavailable, match=r"[Tt]imeout"):
            await source.current()
        # A job starts at once rather than hang on somebody else's server.
        assert await wait_for_low_carbon(source, seconds=10, deadline=100) is None
    with pytest.raises(IntensityUnavailable, match="no usable answer"):
        await ElectricityMaps("DE", "token", base="http://127.0.0.1:9", timeout=1).current()


def test_the_best_start_by_hand():
    forecast = forecast_of(400, 300, 100, 200, 50)
    # An hour's work within four hours: in the hour of 100 g.
    start = best_start(forecast, NOON, seconds=3600, deadline=4 * 3600)
    assert (start.at, start.grams_per_kwh) == (NOON + timedelta(hours=2), 100.0)
    assert start.saving == pytest.approx(0.75)
    # Two hours' work: 100 and 200 in the last two of the four, since the fifth is too late.
    start = best_start(forecast, NOON, seconds=7200, deadline=4 * 3600)
    assert (start.at, start.grams_per_kwh) == (NOON + timedelta(hours=2), 150.0)
    # With an hour more, 200 and 50 are better.
    start = best_start(forecast, NOON, seconds=7200, deadline=5 * 3600)
    assert (start.at, start.grams_per_kwh) == (NOON + timedelta(hours=3), 125.0)
    # Half past twelve, an hour and a half: from one on it would cross 300, 100.
    start = best_start(forecast, NOON + timedelta(minutes=30), seconds=5400, deadline=3.5 * 3600)
    assert (start.at, start.grams_per_kwh) == (NOON + timedelta(hours=2), pytest.approx(400 / 3))


def test_the_best_start_is_never_worse_than_any_other():
    forecast = forecast_of(310, 120, 480, 90, 95, 260, 80, 400)
    for minutes in (20, 60, 100, 185):
        best = best_start(forecast, NOON, seconds=minutes * 60, deadline=8 * 3600)
        for delay in range(0, 8 * 60 - minutes + 1, 7):
            moment = NOON + timedelta(minutes=delay)
            there = best_start(forecast, moment, seconds=minutes * 60, deadline=minutes * 60)
            assert best.grams_per_kwh <= there.grams_per_kwh + 1e-6


def test_of_equal_starts_the_earliest():
    start = best_start(forecast_of(100, 100, 100), NOON, seconds=60, deadline=3 * 3600)
    assert start.at == NOON
    assert start.saving == 0.0


def test_impossible_starts_are_refused():
    forecast = forecast_of(100, 50)
    with pytest.raises(ConfigurationError, match="cannot end within 10 s"):
        best_start(forecast, NOON, seconds=60, deadline=10)
    for nonsense in (float("nan"), float("inf"), 0, -1):
        with pytest.raises(ConfigurationError, match="cannot end within"):
            best_start(forecast, NOON, seconds=nonsense, deadline=10)
    with pytest.raises(ConfigurationError, match="cannot end within inf"):
        best_start(forecast, NOON, seconds=10, deadline=float("inf"))
    with pytest.raises(ConfigurationError, match="need a time zone"):
        IntensityPeriod(NOON.replace(tzinfo=None), NOON, 100.0)
    with pytest.raises(ConfigurationError, match="ends before it begins"):
        IntensityPeriod(NOON, NOON - timedelta(hours=1), 100.0)
    with pytest.raises(IntensityUnavailable, match="does not cover"):
        best_start(forecast, NOON, seconds=3 * 3600, deadline=9 * 3600)
    with pytest.raises(IntensityUnavailable, match="does not cover"):
        best_start([], NOON, seconds=60, deadline=3600)


class Source:
    """A forecast in which a better time comes soon."""

    def __init__(self, wait):
        self.wait = wait

    async def forecast(self):
        now = datetime.now(UTC)
        change, end = now + timedelta(seconds=self.wait), now + timedelta(hours=1)
        return [
            IntensityPeriod(now, change, 500.0),
            IntensityPeriod(change, end, 100.0),
        ]


async def test_a_source_of_ones_own_that_fails_or_hangs_delays_nothing(monkeypatch):
    class Broken:
        async def forecast(self):
            raise ConnectionResetError("gone")

    class Silent:
        async def forecast(self):
            await asyncio.Event().wait()

    assert await wait_for_low_carbon(Broken(), seconds=60, deadline=600) is None
    monkeypatch.setattr(schedule, "PATIENCE", 0.05)
    assert await wait_for_low_carbon(Silent(), seconds=60, deadline=600) is None


async def test_work_waits_for_the_better_time():
    begin = time.monotonic()
    start = await wait_for_low_carbon(Source(0.3), seconds=60, deadline=600)
    assert time.monotonic() - begin >= 0.25
    assert start.grams_per_kwh == pytest.approx(100, abs=0.5)
    assert start.saving > 0


def test_what_the_environment_says_of_the_machine():
    aws = {
        "AWS_LAMBDA_FUNCTION_NAME": "f",
        "AWS_REGION": "eu-west-3",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
    }
    assert instance_of(aws) == Instance("aws", "eu-west-3", None, 1769, "environment")
    assert instance_of({"K_SERVICE": "s"}).provider == "gcp"
    azure = {
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "WEBSITE_SITE_NAME": "s",
        "REGION_NAME": "West Europe",
    }
    assert instance_of(azure).region == "westeurope"
    assert instance_of({}) == Instance()
    assert instance_of(aws | {"AWS_REGION": HTML_401}).region is None


async def test_aws_is_asked_with_a_token():
    async def answer(request):
        if request.path == "/latest/api/token" and request.method == "PUT":
            return web.Response(text="the-token==")
        if request.headers.get("X-aws-ec2-metadata-token") != "the-token==":
            return web.Response(status=401, text=HTML_401)
        texts = {
            "/latest/meta-data/placement/region": "eu-central-1",
            "/latest/meta-data/instance-type": "m7g.large",
        }
        return web.Response(text=texts[request.path])

    async with serving(answer) as base:
        assert await ask_instance(base=base) == Instance(
            "aws", "eu-central-1", "m7g.large", None, "metadata"
        )


async def test_google_and_microsoft_are_asked_in_their_ways():
    async def google(request):
        if request.headers.get("Metadata-Flavor") != "Google":
            return web.Response(status=404)
        texts = {
            "/computeMetadata/v1/instance/machine-type": "projects/1/machineTypes/n2-standard-4",
            "/computeMetadata/v1/instance/zone": "projects/1/zones/europe-west1-b",
        }
        return web.Response(text=texts[request.path])

    async def microsoft(request):
        if request.headers.get("Metadata") != "true":
            return web.Response(status=400, text=HTML_401)
        texts = {"location": "westeurope", "vmSize": "Standard_D4s_v5"}
        return web.Response(text=texts[request.path.rpartition("/")[2]])

    async with serving(google) as base:
        found = await ask_instance(base=base)
        assert found == Instance("gcp", "europe-west1", "n2-standard-4", None, "metadata")
    async with serving(microsoft) as base:
        found = await ask_instance(base=base)
        assert found == Instance("azure", "westeurope", "Standard_D4s_v5", None, "metadata")


@pytest.mark.parametrize(
    "answer",
    [
        web.Response,  # an empty page
        lambda: web.Response(status=401, text=HTML_401),
        lambda: web.Response(status=200, text=HTML_401),
        lambda: web.Response(status=302, headers={"Location": "http://127.0.0.1:9/"}),
        lambda: web.Response(body=b"\xff" * 5000),
    ],
)
async def test_pages_are_never_taken_for_a_machine(answer):
    async def handler(_request):
        return answer()

    async with serving(handler) as base:
        assert await ask_instance(base=base) == Instance()


async def test_silent_metadata_services_are_not_waited_for():
    begin = time.monotonic()
    async with silent() as base:
        assert await ask_instance(0.2, base) == Instance()
    assert time.monotonic() - begin < BUSY
    assert await ask_instance(0.5, "http://127.0.0.1:9") == Instance()
