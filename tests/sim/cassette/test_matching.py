"""What counts as the same message, the same address, the same sound."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit_sim.sim.audio.timbre import speak
from roomkit_sim.sim.cassette.canonical import address, canonical
from roomkit_sim.sim.cassette.difference import ABSENT, around, differences, side_by_side
from roomkit_sim.sim.cassette.ids import IdMap
from roomkit_sim.sim.cassette.microphone import MicrophoneMatcher, Mismatch
from roomkit_sim.sim.cassette.model import Track
from roomkit_sim.sim.cassette.tracks import levels
from tests.sim.cassette.test_folding import JSON

SAME: list[tuple[Any, Any]] = [
    ({"realtime_input": {"audio_stream_end": True}}, {"realtimeInput": {"audioStreamEnd": True}}),
    ({"arguments": '{\n "city":  "Rome" }'}, {"arguments": '{"city":"Rome"}'}),
    ({"output": '{"a": 1, "b": 2}'}, {"output": '{"b":2,"a":1}'}),
    ({"b": 1, "a": 2}, {"a": 2, "b": 1}),
    ({"n": 1}, {"n": 1.0}),
]
OTHER: list[tuple[Any, Any]] = [
    ({"setup": {"tools": [{"args": {"my_key": 1}}]}}, {"setup": {"tools": [{"args": {"myKey": 1}}]}}),
    ({"parametersJsonSchema": {"properties": {"a_b": {}}}}, {"parametersJsonSchema": {"properties": {"aB": {}}}}),
    ({"arguments": "plain"}, {"arguments": "plain "}),
    ({"text": '{"a": 1}'}, {"text": '{"a":1}'}),
    ({"a": [1, 2]}, {"a": [2, 1]}),
    ({"a": None}, {}),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_said_in_another_way(one: Any, other: Any) -> None:
    assert canonical(one) == canonical(other)
    assert not list(differences(canonical(one), canonical(other)))


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_something_else(one: Any, other: Any) -> None:
    assert canonical(one) != canonical(other)
    assert list(differences(canonical(one), canonical(other)))


@given(JSON)
def test_a_message_is_the_same_as_itself(message: Any) -> None:
    assert canonical(canonical(message)) == canonical(message)
    assert not list(differences(message, message))


@given(JSON, JSON)
def test_differences_are_found_where_there_are_any(one: Any, other: Any) -> None:
    if one != other:
        assert list(differences(one, other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("//ws/google.v1.Generative.Bidi", "/ws/google.v1beta.Generative.Bidi"),
        ("/v1/realtime?model=a&x=", "/v2/realtime?x=&model=a"),
    ],
)
def test_the_same_address(one: str, other: str) -> None:
    assert address(one) == address(other)


@pytest.mark.parametrize("other", ["/v1/realtime", "/v1/realtime?model=b", "/v1/other?model=a", "/realtime/v1?model=a"])
def test_another_address(other: str) -> None:
    assert address("/v1/realtime?model=a") != address(other)


def test_a_difference_names_its_path_and_both_values() -> None:
    one: Any = {"a": [{"b": 1}, {"c": 2}], "gone": True}
    other: Any = {"a": [{"b": 1}, {"c": 3}], "new": False}
    found = [(item.path, item.recorded, item.actual) for item in differences(one, other)]
    assert found == [("a[1].c", 2, 3), ("gone", True, ABSENT), ("new", ABSENT, False)]


def test_of_long_texts_the_place_is_shown_where_they_part() -> None:
    [difference] = differences("x" * 100 + "yes" + "z" * 100, "x" * 100 + "no" + "z" * 100)
    one, other = around(difference)
    assert one == '"...' + "x" * 40 + "yes" + "z" * 37 + '..."'
    assert other.startswith('"...' + "x" * 40 + "no")


def test_what_is_equal_is_shortened_side_by_side() -> None:
    one: Any = {f"k{n}": n for n in range(20)}
    rows = side_by_side(one, {**one, "k10": "other"})
    [marked] = [row.split() for row in rows if "|" in row]
    assert marked == ['"k10":', "10,", "|", '"k10":', '"other",']
    assert len(rows) < 14


def test_a_long_list_of_rows_is_cut() -> None:
    assert side_by_side(list(range(100)), [-n for n in range(1, 101)])[-1] == "..."


def test_an_id_of_the_server_must_come_back_as_it_was() -> None:
    ids = IdMap()
    ids.given({"item": {"id": "server_1"}})
    ids.learn({"item_id": "server_1"}, {"item_id": "other"})
    assert ids.replayed({"item_id": "server_1"}) == {"item_id": "server_1"}


def test_an_id_of_the_client_may_be_another_wherever_it_stands() -> None:
    ids = IdMap()
    ids.learn({"item": [{"id": "mine"}]}, {"item": [{"id": "yours"}]})
    assert ids.replayed({"a": [{"item_id": "mine"}], "text": "mine"}) == {"a": [{"item_id": "yours"}], "text": "mine"}


def test_what_applications_call_id_is_data() -> None:
    ids = IdMap()
    ids.learn({"response": {"id": "customer-1"}}, {"response": {"id": "customer-2"}})
    assert ids.replayed({"response": {"id": "customer-1"}}) == {"response": {"id": "customer-1"}}


RATE_HZ = 16_000
SPEECH = speak("I would like some advice about my savings.", "the caller", RATE_HZ).tobytes()
OTHER_WORDS = (speak("Where is the nearest station, please?", "somebody else", RATE_HZ).tobytes() * 3)[: len(SPEECH)]
NOISE = (np.random.default_rng(0).normal(0, 12, RATE_HZ)).astype(np.int16).tobytes()
OTHER_NOISE = (np.random.default_rng(1).normal(0, 12, RATE_HZ)).astype(np.int16).tobytes()
QUIET = bytes(2 * RATE_HZ)


def track(pcm: bytes, *, with_audio: bool = True) -> Track:
    measured = None if with_audio else levels(pcm, RATE_HZ)
    return Track(RATE_HZ, len(pcm) // 2, pcm if with_audio else None, measured)


def first_mismatch(matcher: MicrophoneMatcher, pcm: bytes, portion: int = 640) -> Mismatch | None:
    for at in range(0, len(pcm), portion):
        mismatch = matcher.feed(pcm[at : at + portion])
        if mismatch is not None:
            return mismatch
    return None


@pytest.mark.parametrize("matching", ["content", "energy"])
@pytest.mark.parametrize("late_ms", [0, 20, 130, 250])
def test_the_same_words_a_little_later_over_another_noise_match(matching: Any, late_ms: int) -> None:
    matcher = MicrophoneMatcher(track(NOISE + SPEECH + NOISE + QUIET), matching)
    late = OTHER_NOISE[: late_ms * RATE_HZ // 1000 * 2]
    assert first_mismatch(matcher, OTHER_NOISE + late + SPEECH + OTHER_NOISE + QUIET) is None


@pytest.mark.parametrize("matching", ["content", "energy"])
def test_silence_where_there_was_speech(matching: Any) -> None:
    mismatch = first_mismatch(MicrophoneMatcher(track(QUIET + SPEECH + QUIET), matching), bytes(8 * RATE_HZ))
    assert mismatch is not None
    assert (mismatch.recorded, mismatch.actual) == ("speech", "silence")
    assert 900 <= mismatch.at_ms <= 1500


@pytest.mark.parametrize("matching", ["content", "energy"])
def test_speech_where_there_was_silence(matching: Any) -> None:
    mismatch = first_mismatch(MicrophoneMatcher(track(bytes(8 * RATE_HZ)), matching), QUIET + SPEECH + QUIET)
    assert mismatch is not None
    assert (mismatch.recorded, mismatch.actual) == ("silence", "speech")


def test_other_words_of_the_same_length_are_found_by_content_alone() -> None:
    one, other = QUIET + SPEECH + QUIET, QUIET + OTHER_WORDS + QUIET
    content = first_mismatch(MicrophoneMatcher(track(one), "content"), other)
    assert content is not None
    assert (content.recorded, content.actual) == ("a sound", "another sound")


@pytest.mark.parametrize("matching", ["amount", "ignore"])
def test_nothing_is_compared_when_that_is_chosen(matching: Any) -> None:
    assert first_mismatch(MicrophoneMatcher(track(QUIET + SPEECH), matching), bytes(8 * RATE_HZ)) is None


def test_a_recording_without_the_callers_sound_is_compared_by_its_levels() -> None:
    recorded = track(QUIET + SPEECH + QUIET, with_audio=False)
    assert first_mismatch(MicrophoneMatcher(recorded, "content"), QUIET + OTHER_WORDS + QUIET) is None
    assert first_mismatch(MicrophoneMatcher(recorded, "content"), bytes(8 * RATE_HZ)) is not None


@given(st.lists(st.integers(2, 5000), min_size=1, max_size=20))
def test_it_does_not_matter_how_sound_is_cut(portions: list[int]) -> None:
    said = QUIET + SPEECH + QUIET
    matcher = MicrophoneMatcher(track(bytes(8 * RATE_HZ)), "energy")
    found: list[Mismatch] = []
    at = 0
    while at < len(said) and not found:
        size = portions[len(found) % len(portions)] * 7
        mismatch = matcher.feed(said[at : at + size])
        at += size
        found += [mismatch] if mismatch is not None else []
    assert found == [first_mismatch(MicrophoneMatcher(track(bytes(8 * RATE_HZ)), "energy"), said)]
