"""What was recorded comes back from the file as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roomkit_sim.sim.cassette.folding import fold, unfold
from roomkit_sim.sim.cassette.lines import AudioLine, as_text, read_line
from roomkit_sim.sim.cassette.model import (
    Cassette,
    Close,
    Event,
    Frame,
    Header,
    Loss,
    Note,
    Opaque,
    Plain,
    RecordedConnection,
    Sound,
    Track,
    Way,
)
from roomkit_sim.sim.cassette.text import parse, render
from roomkit_sim.sim.cassette.tracks import padded

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
LIKES = [{"audio": "<audio>"}, {"type": "a", "audio": "<audio>"}]
BODIES = (
    JSON.map(Plain)
    | st.binary(max_size=20).map(Opaque)
    | st.builds(lambda like, pcm: Sound(like, ("audio",), len(pcm), pcm), st.sampled_from(LIKES), st.binary(max_size=9))
)
WAYS = st.sampled_from(("sent", "received"))


@st.composite
def event_sequences(draw: st.DrawFn) -> list[Event]:
    events: list[Event] = []
    t_ns = 0
    for _ in range(draw(st.integers(0, 30))):
        t_ns += draw(st.sampled_from((1, 20_000_000, 123_456_789)))
        kinds = st.builds(Frame, WAYS, st.just(t_ns), st.booleans(), BODIES)
        ends = st.builds(Close, WAYS, st.just(t_ns), st.integers(1000, 4999), st.text(max_size=40))
        notes = st.builds(Note, st.just(t_ns), st.just("heard"), st.dictionaries(st.text(), JSON, max_size=2))
        losses = st.builds(Loss, st.just(t_ns), st.sampled_from(("client", "server")), st.none() | st.text())
        events.append(draw(st.one_of(kinds, kinds, kinds, ends, notes, losses)))
    return events


def cassette_of(events: list[Event]) -> Cassette:
    audio: dict[Way, bytes] = {}
    for event in events:
        if isinstance(event, Frame) and isinstance(event.body, Sound):
            audio[event.way] = audio.get(event.way, b"") + (event.body.pcm or b"")
    tracks = {way: Track(24_000, len(padded(pcm)) // 2, padded(pcm)) for way, pcm in audio.items()}
    connection = RecordedConnection(
        1, "call", 0, "service.test", "/live", 101, 5_000_001, {"user-agent": "é"}, {}, tuple(events), tracks
    )
    return Cassette(Header("simulated", "test", {"sdk": "1"}, ("model",), "2030-01-01T00:00:00Z"), (connection,))


@settings(max_examples=40)
@given(event_sequences())
def test_any_sequence_of_events_comes_back_as_it_was(events: list[Event]) -> None:
    cassette = cassette_of(events)
    tracks = cassette.connections[0].tracks
    text = render(cassette)
    assert parse(text.encode(), Path("c.jsonl"), lambda line: tracks[line.dir].pcm or b"") == cassette


@settings(max_examples=40)
@given(event_sequences())
def test_each_line_is_one_line_of_text_and_says_the_same_again(events: list[Event]) -> None:
    for line in fold(1, events):
        text = as_text(line)
        assert text.splitlines() == [text]
        assert read_line(text) == line


def spoken(way: Way, t_ms: float, pcm: bytes = b"abcd", like: Any = None) -> Frame:
    return Frame(way, round(t_ms * 1e6), False, Sound(like or LIKES[0], ("audio",), len(pcm), pcm))


def test_a_minute_of_audio_both_ways_is_two_lines() -> None:
    events = sorted(
        [spoken(way, 20 * n + shift) for n in range(3000) for way, shift in (("sent", 0), ("received", 7))],
        key=lambda frame: frame.t_ns,
    )
    lines = fold(1, events)
    assert [(line.dir, line.frames) for line in lines if isinstance(line, AudioLine)] == [
        ("sent", 3000),
        ("received", 3000),
    ]
    assert lines[0].sizes == [(4, 3000)]  # type: ignore[union-attr]
    assert lines[0].gaps_ms == [(20.0, 2999)]  # type: ignore[union-attr]


def test_another_message_ends_the_runs_of_both_directions() -> None:
    said = Frame("received", 25_000_000, False, Plain({"x": 1}))
    lines = fold(1, [spoken("sent", 0), spoken("received", 10), spoken("sent", 20), said, spoken("sent", 40)])
    assert [(line.kind, getattr(line, "frames", None)) for line in lines] == [
        ("audio", 2),
        ("audio", 1),
        ("frame", None),
        ("audio", 1),
    ]


def test_audio_in_another_form_is_another_line() -> None:
    assert len(fold(1, [spoken("sent", 0), spoken("sent", 20, like=LIKES[1])])) == 2


def test_lines_point_at_their_place_in_the_file_when_they_are_unfolded() -> None:
    events = [spoken("sent", 0), spoken("sent", 20)]
    unfolded = list(unfold([(7, fold(1, events)[0])], {"sent": b"abcdabcd"}))
    assert [event.line for event in unfolded] == [7, 7]


def test_half_a_surrogate_pair_survives() -> None:
    events: list[Event] = [Frame("sent", 0, False, Plain({"text": "\ud83d"}))]
    text = render(cassette_of(events))
    assert parse(text.encode(), Path("c.jsonl"), lambda line: b"").connections[0].events == tuple(events)


@pytest.mark.parametrize("t_ns", [0, 1, 999_999, 86_399_999_999_999])
def test_times_are_exact_to_the_nanosecond(t_ns: int) -> None:
    [line] = fold(1, [Close("sent", t_ns, 1000, "")])
    [event] = unfold([(1, line)], {})
    assert event.t_ns == t_ns
