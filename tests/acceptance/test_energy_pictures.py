"""Plots and the report: real energy of real calls, drawn, looked into, and never fetched."""

import asyncio
import base64
import dataclasses
import html.parser
import io
import itertools
import re
import time
from xml.etree import ElementTree as ET

import pytest
from test_energy_log import record
from test_stats_of_calls import spin

import greenlithops as gl
from greenlithops.energy import plots
from greenlithops.energy.log import record_of_call, record_of_report
from greenlithops.energy.report import html_report, summarize
from greenlithops.energy.trace import PowerTrace
from greenlithops.errors import EnergyError, NotEnoughEvidence

# matplotlib keeps the fonts open that it has drawn with once, and its import blocks.
plots.compare_methods({"first": 1.0}).savefig(io.BytesIO(), format="png")


def sample(at, joules=20.0, idle=5.0):
    return record(
        "machine", joules, what="sample", start=at, window_s=0.5, idle_joules=idle, scope="machine"
    )


SAMPLES = [sample(100.0 + i / 2) for i in range(8)]
CALLS = [record("a", 1.0, start=100.0 + i / 4, window_s=0.5) for i in range(6)]


async def test_a_trace_sees_the_load():
    async with PowerTrace(0.05) as trace, gl.AsyncExecutor(max_workers=1) as executor:
        begun = time.time()
        job = executor.map(spin, [0.1] * 5)
        await job
    during = [s for s in trace.samples if s.start > begun + 0.1]
    assert len(during) >= 4
    assert max(s.busy_cpus for s in during) > 0.5
    assert all(s.watts > 0 for s in trace.samples)
    for before, after in itertools.pairwise(trace.samples):
        assert after.start == pytest.approx(before.start + before.seconds)  # without gaps
    calls = [
        record_of_call(f.energy, name="spin", start=f.stats.start, index=f.index)
        for f in job.futures
    ]
    samples = [s.as_record() for s in trace.samples]
    figure = await asyncio.to_thread(plots.timeline, samples, calls)  # not on the loop
    assert len(figure.axes) == 2
    assert figure.axes[0].get_ylabel().startswith("watts")


async def test_without_a_meter_there_is_no_trace():
    with pytest.raises(EnergyError, match="no energy meter: energy is switched off"):
        async with PowerTrace(0.01, "off"):
            await asyncio.sleep(0.05)


def test_the_timeline_puts_calls_into_as_few_rows_as_there_is_room_for():
    figure = plots.timeline(SAMPLES, CALLS)
    below = figure.axes[1]
    rows = {round(bar.get_y() + bar.get_height() / 2) for bar in below.patches if bar.get_width()}
    assert rows == {0, 1}  # half-second calls that begin every quarter of a second
    heights = [patch.get_data().values for patch in figure.axes[0].patches]
    assert list(heights[0]) == [40.0] * 8  # 20 J in half a second
    assert list(heights[1]) == [10.0] * 8


def test_functions_are_drawn_with_their_sums():
    figure = plots.by_function([*CALLS, record("b", 10.0, kind="measured"), record("c", None)])
    bars = figure.axes[0].patches
    assert [bar.get_width() for bar in bars] == [6.0, 10.0]
    assert [bar.get_hatch() for bar in bars] == ["//", None]
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["a, 6 (estimated)", "b, 1 (measured)"]


def test_parallelism_is_drawn_by_medians():
    jobs = [
        record("j", j, what="job", workers=w, idle_joules=i, window_s=s, calls=4)
        for w, j, i, s in [(1, 10, 8, 4.0), (1, 12, 8, 4.2), (1, 90, 8, 9.0), (2, 11, 4, 2.0)]
    ]
    figure = plots.against_parallelism(jobs)
    (energy,) = figure.axes[0].get_lines()
    (seconds,) = figure.axes[1].get_lines()
    assert list(energy.get_xydata().flatten()) == [1, 20, 2, 15]
    assert list(seconds.get_ydata()) == [4.2, 2.0]


def test_methods_are_compared_and_unknown_is_not_zero():
    figure = plots.compare_methods({"a": 10.0, "b": None, "c": 50.0}, truth=12.0)
    assert [bar.get_width() for bar in figure.axes[0].patches] == [10.0, 50.0]
    assert [text.get_text() for text in figure.axes[0].texts] == [" unknown"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("sh -c 'kill -9 $$'", "sh -c 'kill -9 $$'"),  # no formula
        (
            "python -c '\nfor i in range(10):\n  work(i)'",
            "python -c ' for i in range(10): work(i)'",
        ),
        ("_hidden", " _hidden"),
        ("x" * 50, "x" * 39 + "…"),
    ],
    ids=["dollars", "lines", "underscore", "long"],
)
def test_names_are_shown_as_they_are(name, shown, tmp_path):
    calls = [dataclasses.replace(call, name=name) for call in CALLS]
    for figure in (plots.by_function(calls), plots.timeline(SAMPLES, calls),
                   plots.compare_methods({name: 1.0})):  # fmt: skip
        plots.save(figure, tmp_path / "figure.svg")
        legend = figure.axes[-1].get_legend()
        texts = figure.axes[-1].get_yticklabels() + (legend.get_texts() if legend else [])
        assert any(text.get_text().replace(r"\$", "$").startswith(shown) for text in texts)


def test_what_cannot_be_drawn_is_refused():
    for draw in (plots.timeline, plots.by_function, plots.against_parallelism):
        with pytest.raises(NotEnoughEvidence):
            draw([])
    with pytest.raises(NotEnoughEvidence):
        plots.compare_methods({"a": None})


def test_pictures_are_saved(tmp_path):
    path = tmp_path / "calls.png"
    plots.save(plots.timeline(SAMPLES, CALLS), path)
    assert path.read_bytes().startswith(b"\x89PNG")


class Page(html.parser.HTMLParser):
    """What a page refers to, and whether its tags are in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.sources, self.cells = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.sources += [found[name] for name in ("src", "href") if name in found]
        if tag not in {"meta", "img"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.cells.append(data)


def test_the_report_is_whole_and_fetches_nothing():
    job = record(
        "a", 6.0, what="job", workers=2, calls=6, idle_joules=3.0, other_joules=1.0,
        machine_joules=10.0, job="x-1", reason="coefficients: EPYC",
    )  # fmt: skip
    evil = record("<script>alert(1)</script>", None, ok=False)
    text = html_report([*SAMPLES, *CALLS, job, evil], title="Tuesday & co")
    page = Page(text)
    assert page.open == []
    assert "<script>" not in text
    assert "Tuesday & co" in page.cells
    assert "unknown" in page.cells
    assert "coefficients: EPYC" in page.cells
    assert len(page.sources) == 2  # the timeline and the functions; one number of workers only
    for source in page.sources:
        assert source.startswith("data:image/svg+xml;base64,")
        picture = ET.fromstring(base64.b64decode(source.partition(",")[2]))
        for element in picture.iter():
            for name, value in element.attrib.items():
                if name.endswith("href"):
                    assert value.startswith(("#", "data:"))
    assert not re.search(r"(?:https?:)?//", re.sub(r"base64,[^\"]*", "", text))


def test_sums_by_function_are_exact():
    entries = [record("a", 1.0), record("a", 2.0, ok=False), record("b", None)]
    first, second = summarize(entries)
    assert (first.name, first.calls, first.failed, first.joules) == ("a", 2, 1, 3.0)
    assert (first.joules_low, first.joules_high) == (1.5, 6.0)
    assert (second.name, second.joules, second.gco2e) == ("b", None, None)


def test_an_empty_log_has_no_report():
    with pytest.raises(NotEnoughEvidence):
        html_report([])


async def test_a_job_of_an_executor_becomes_a_line():
    async with gl.AsyncExecutor(max_workers=1) as executor:
        job = executor.map(spin, [0.02] * 3)
        await job
    line = record_of_report(job.energy, name=job.name, start=job[0].stats.start, job=job.id)
    assert (line.what, line.calls, line.job) == ("job", 3, job.id)
    assert line.joules == job.energy.joules
