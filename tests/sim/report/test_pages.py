from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile

from roomkit_sim.sim import Run
from roomkit_sim.sim.checks.checked_call import CheckedCall
from roomkit_sim.sim.checks.findings import Finding
from roomkit_sim.sim.metrics.latencies import Latencies
from roomkit_sim.sim.report.call_page import call_page, stereo_ogg
from roomkit_sim.sim.report.index_page import dot_strip, index_page
from roomkit_sim.sim.report.lanes import PX_PER_S, lanes, waveform
from roomkit_sim.sim.report.rows import rows_of
from roomkit_sim.sim.report.run_info import run_info
from roomkit_sim.sim.report.staging import Collected
from roomkit_sim.sim.report.totals import totals
from roomkit_sim.sim.report.waterfalls import waterfalls


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for key, value in attrs if key in ("href", "src") and value]


def links(page: str) -> list[str]:
    parser = _Links()
    parser.feed(page)
    return parser.found


@pytest.fixture(scope="session")
def page(failed: Run) -> str:
    return call_page(failed.calls[0])


def test_page_of_a_call_needs_no_network(page: str) -> None:
    assert [link for link in links(page) if "://" in link] == []
    assert "http" not in re.sub(r"base64,[^\"]*", "", page)


def test_page_of_a_call_shows_findings_lanes_handoffs_and_events(page: str, failed: Run) -> None:
    for text in ("ROUTE001", "agent-triage → agent-advisor", "reconnect", "runtime.handoff_decided", "ask-advice"):
        assert text in page
    assert page.count("<tr data-src=") == len(failed.record.events)


def test_text_of_a_scenario_cannot_become_markup(failed: Run) -> None:
    evil = Finding("APP001", "<script>alert(1)</script>")
    page = call_page(CheckedCall(failed.record, (evil,)))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_sound_of_the_page_is_both_tracks_side_by_side(failed: Run) -> None:
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(stereo_ogg(failed.record))), dtype="int16")
    record = failed.record
    assert rate == record.rate_hz
    assert len(samples) == pytest.approx(len(record.caller_audio), abs=rate // 10)
    for channel, track in ((0, record.caller_audio), (1, record.agent_audio)):
        heard = np.abs(samples[:, channel].astype(int)).sum()
        assert heard == pytest.approx(np.abs(track.astype(int)).sum(), rel=0.2)


def test_call_without_sound_has_a_page_too(failed: Run) -> None:
    nothing = np.zeros(0, dtype=np.int16)
    record = replace(failed.record, caller_audio=nothing, agent_audio=nothing)
    assert stereo_ogg(record) == ""
    assert "<audio" not in call_page(CheckedCall(record, ()))


def test_lanes_place_things_where_they_happened(failed: Run) -> None:
    record = failed.record
    by_name = {lane.name: lane for lane in lanes(record)}
    assert list(by_name) == ["caller", "agents", "state", "session", "session, second", "handoffs"]
    said = next(event for event in record.events if event.name == "caller.speech_start")
    (box,) = by_name["caller"].boxes
    assert box.x == pytest.approx(said.data["start_sample"] / record.rate_hz * PX_PER_S, abs=0.1)
    assert [box.label for box in by_name["state"].boxes] == ["triage: agent-triage", "advising: agent-advisor"]
    assert by_name["state"].boxes[0].colour != by_name["state"].boxes[1].colour
    assert sum(mark.kind == "stage" for mark in by_name["handoffs"].marks) == 11


def test_waveform_is_as_high_as_the_samples() -> None:
    loud = np.full(3200, 32767, dtype=np.int16)
    assert waveform(loud, 16000).startswith("M0.0,2.0")
    assert waveform(np.zeros(10, dtype=np.int16), 16000) == ""


def test_longest_waterfall_fills_the_bar_and_all_have_one_scale(passed: Run) -> None:
    metrics = passed.handoffs[0]
    half = replace(metrics, latencies=Latencies(decide_ms=(metrics.latencies.ear_ms or 0) / 2))
    whole, short = waterfalls([metrics, half])
    assert [bar.name for bar in whole][:3] == ["decide", "legality", "commit"]
    assert sum(bar.width for bar in whole) == pytest.approx(100, abs=0.1)
    assert sum(bar.ms for bar in whole if bar.ms is not None) == pytest.approx(metrics.latencies.ear_ms)
    assert sum(bar.width for bar in short) == pytest.approx(50, abs=0.1)


def test_index_shows_every_call_and_links_those_that_are_kept(passed: Run, failed: Run) -> None:
    rows = [rows_of(call) for run in (passed, failed) for call in run.calls]
    collected = Collected(rows)
    collected.calls = [{**call, "kept": call["verdict"] == "failed"} for call in collected.calls]
    page = index_page(totals(collected), collected, run_info("pytest", [], []))
    assert f"calls/{failed.record.slug}/index.html" in links(page)
    assert f"calls/{passed.record.slug}/index.html" not in links(page)
    assert "short-call" in page
    assert [link for link in links(page) if "://" in link] == []


def test_dot_strip_has_a_dot_for_each_handoff_that_has_the_latency(passed: Run) -> None:
    handoff = {**rows_of(passed.calls[0]).handoffs[0]}
    strip = dot_strip("ear_ms", [handoff, {**handoff, "ear_ms": None}, {**handoff, "ear_ms": 1.0}])
    assert strip is not None
    assert len(strip.dots) == 2
    assert strip.low == 1.0
    assert dot_strip("ear_ms", [{**handoff, "ear_ms": None}]) is None
