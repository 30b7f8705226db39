"""Traces in files: what is written is what is read, and nothing else is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit_sim.errors import ReportError
from roomkit_sim.sim.trace.events import TraceEvent, sources
from roomkit_sim.sim.trace.files import digest, parse_line, read_trace, to_line, write_text, write_trace

# Half of a surrogate pair is a character that a model's JSON can contain, and UTF-8 cannot.
anything = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\ud83d\u2028\u0085\x00\r"), max_size=8)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | anything,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(anything, inner, max_size=3),
    max_leaves=8,
)
events = st.builds(
    TraceEvent,
    st.integers(min_value=0),
    st.integers(min_value=0),
    anything,
    st.sampled_from(sources()),
    anything,
    st.dictionaries(anything, plain, max_size=4),
)


def event(**data: Any) -> TraceEvent:
    return TraceEvent(5, 0, "call", "server", "tool_call", data)


@given(events)
def test_every_event_comes_back_from_its_line_as_it_was(original: TraceEvent) -> None:
    line = to_line(original)
    assert "\n" not in line
    assert line.encode()
    assert parse_line(line, "here:1") == original


@given(st.lists(events, max_size=4))
def test_equal_traces_have_equal_digests(trace: list[TraceEvent]) -> None:
    copies = [parse_line(to_line(item), "here:1") for item in trace]
    assert digest(trace) == digest(copies)
    assert digest(trace) != digest([*trace, event()])


def test_a_trace_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    trace = (event(text="line\nbreak \u2028 \u0085"), event(half="\ud83d"), event(nothing=None, list=[1, 2.5, True]))
    write_trace(tmp_path / "deep" / "trace.jsonl", trace)
    assert read_trace(tmp_path / "deep" / "trace.jsonl") == trace


def test_keys_are_sorted_so_that_equal_events_are_equal_bytes() -> None:
    assert to_line(event(b=1, a=2)) == to_line(event(a=2, b=1))
    assert list(json.loads(to_line(event()))) == sorted(json.loads(to_line(event())))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"bytes", object(), {1: 2, "a": 3}])
def test_what_is_not_plain_json_is_refused_with_the_events_name(value: Any) -> None:
    with pytest.raises(ReportError, match=r"event server\.tool_call number 0 of call 'call' is not plain JSON"):
        to_line(event(value=value))


def line(**changes: Any) -> str:
    return json.dumps({**json.loads(to_line(event())), **changes})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "not JSON"),
        ("[1]", "expected an event object, found list"),
        ("{}", "trace schema version None, this program reads 1"),
        (line(v=2), "trace schema version 2, this program reads 1"),
        (line(v="1"), "trace schema version '1'"),
        (line(v=True), "'v' must be int, found True"),
        (line(src="elsewhere"), "unknown source 'elsewhere'; known are caller, line"),
        (line(t_ns=1.5), "'t_ns' must be int, found 1.5"),
        (line(t_ns=True), "'t_ns' must be int, found True"),
        (line(seq=None), "'seq' must be int"),
        (line(data=[]), "'data' must be dict"),
        (line(call=7), "'call' must be str"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_a_foreign_line_is_refused_with_its_place(text: str, why: str) -> None:
    with pytest.raises(ReportError) as caught:
        parse_line(text, "trace.jsonl:3")
    assert str(caught.value).startswith("trace.jsonl:3: ")
    assert why in str(caught.value)


def test_the_place_of_a_bad_line_is_counted_from_one_with_empty_lines(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_text(f"{to_line(event())}\n\n{line(v=9)}\n")
    with pytest.raises(ReportError, match=r"trace\.jsonl:3: trace schema version 9"):
        read_trace(path)


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="cannot read the trace"):
        read_trace(tmp_path / "missing.jsonl")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(ReportError, match="cannot read the trace"):
        read_trace(tmp_path / "binary")


def test_a_file_that_cannot_be_written_completely_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    write_trace(path, [event()])
    before = path.read_bytes()
    with pytest.raises(ReportError):
        write_trace(path, [event(), event(value=object())])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path], "no parts are left behind"


def test_a_place_that_is_no_folder_is_an_error_of_the_report(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match="cannot be written"):
        write_text(tmp_path / "file" / "trace.jsonl", "text")
