"""The pure parts of the Realtime provider: configuration, order of words, truncation, items, failures, capabilities."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit_sim.errors import ConfigurationError
from roomkit_sim.providers.openai.realtime_config import can_be_updated, interruptible, session_object, transcribes
from roomkit_sim.providers.openai.realtime_events import RealtimeNormaliser
from roomkit_sim.providers.openai.realtime_failures import service_error, to_provider_error
from roomkit_sim.providers.openai.realtime_items import seed_items
from roomkit_sim.providers.openai.realtime_ledger import Cut, PlayedLedger
from roomkit_sim.providers.openai.realtime_models import realtime_capabilities
from roomkit_sim.providers.openai.realtime_order import SpokenOrder
from roomkit_sim.providers.realtime.events import ResponseEnded, Transcript
from roomkit_sim.providers.realtime.failures import FailureKind, classify
from roomkit_sim.providers.realtime.history import Turn
from roomkit_sim.providers.realtime.settings import LiveSettings

MS = 48
"""Bytes of a millisecond at 24 kHz."""


def configured(**extra: Any) -> dict[str, Any]:
    return session_object(LiveSettings("Be brief.", provider_config=extra))


# Configuration


def test_formats_turn_detection_and_tools_are_always_named() -> None:
    session = session_object(LiveSettings())
    assert session["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24000}
    assert session["audio"]["input"]["turn_detection"] == {
        "type": "server_vad",
        "create_response": True,
        "interrupt_response": True,
    }
    assert session["audio"]["input"]["transcription"] == {"model": "gpt-4o-mini-transcribe"}
    assert session["tools"] == []
    assert "instructions" not in session
    assert session_object(LiveSettings(), update=True)["instructions"] == ""


def test_semantic_turn_detection_has_an_eagerness_and_server_turn_detection_has_levels() -> None:
    semantic = configured(turn_detection="semantic_vad", eagerness="low", no_interruption=True)
    assert semantic["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "low",
        "create_response": True,
        "interrupt_response": False,
    }
    server = configured(silence_duration_ms=700, threshold=0.6)
    assert server["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 700


def test_other_settings_have_their_places() -> None:
    session = configured(
        transcription="gpt-realtime-whisper",
        language="fr",
        transcription_prompt="bonds",
        noise_reduction="near_field",
        speed=1.2,
        max_output_tokens=512,
        tool_choice="required",
    )
    audio = session["audio"]
    assert audio["input"]["transcription"] == {"model": "gpt-realtime-whisper", "language": "fr", "prompt": "bonds"}
    assert audio["input"]["noise_reduction"] == {"type": "near_field"}
    assert audio["output"]["speed"] == 1.2
    assert (session["max_output_tokens"], session["tool_choice"]) == (512, "required")


def test_without_turn_detection_and_transcription_both_are_null() -> None:
    settings = LiveSettings(server_vad=False, provider_config={"transcription": None})
    audio = session_object(settings)["audio"]["input"]
    assert (audio["turn_detection"], audio["transcription"]) == (None, None)
    assert not transcribes(settings)


@pytest.mark.parametrize(
    "extra",
    [
        {"vad": "server"},
        {"speed": 3.0},
        {"eagerness": "low"},
        {"turn_detection": "semantic_vad", "threshold": 0.5},
        {"turn_detection": "none"},
        {"turn_detection": "semantic_vad", "eagerness": "very"},
        {"noise_reduction": "loud"},
    ],
)
def test_what_cannot_be_is_refused(extra: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        configured(**extra)


def test_a_temperature_is_refused_for_the_api_has_none() -> None:
    with pytest.raises(ConfigurationError, match="temperature"):
        session_object(LiveSettings(temperature=0.5))


def test_an_update_cannot_take_a_setting_back() -> None:
    plain, slow = LiveSettings(), LiveSettings(provider_config={"speed": 0.9})
    assert can_be_updated(plain, slow)
    assert not can_be_updated(slow, plain)
    assert not can_be_updated(plain, LiveSettings(server_vad=False))


def test_an_answer_that_goes_on_is_not_interruptible() -> None:
    assert interruptible(LiveSettings())
    assert not interruptible(LiveSettings(provider_config={"no_interruption": True}))
    assert not interruptible(LiveSettings(provider_config={"interrupt_response": False}))


# Truncation


def test_an_item_is_cut_where_the_line_stopped() -> None:
    ledger = PlayedLedger(24_000)
    ledger.given("a", 0, 1000 * MS)
    assert ledger.cut_off(300.4) == [Cut("a", 0, 699, 1000)]


def test_an_unplayed_answer_is_cut_at_its_beginning_and_the_one_before_it_in_its_middle() -> None:
    ledger = PlayedLedger(24_000)
    ledger.given("a", 0, 1000 * MS)
    ledger.given("b", 1, 200 * MS)
    assert ledger.cut_off(500) == [Cut("b", 1, 0, 200), Cut("a", 0, 700, 1000)]


def test_what_was_played_to_its_end_is_not_cut() -> None:
    ledger = PlayedLedger(24_000)
    ledger.given("a", 0, 1000 * MS)
    assert ledger.cut_off(0.0) == []


def test_two_interruptions_at_once_cut_an_item_once() -> None:
    ledger = PlayedLedger(24_000)
    ledger.given("a", 0, 1000 * MS)
    ledger.mark()
    assert ledger.cut_off(300)
    ledger.mark()
    assert ledger.cut_off(300) == []


def test_what_comes_after_the_interruption_does_not_count() -> None:
    ledger = PlayedLedger(24_000)
    ledger.given("a", 0, 1000 * MS)
    ledger.mark()
    ledger.given("b", 0, 500 * MS)
    assert ledger.cut_off(300) == [Cut("a", 0, 700, 1000)]
    assert (ledger.is_cut("a"), ledger.is_cut("b")) == (True, False)


def test_a_long_call_keeps_few_items() -> None:
    ledger = PlayedLedger(24_000)
    for number in range(1000):
        ledger.given(f"item {number}", 0, MS)
    assert len(ledger.cut_off(10_000)) == 32


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=6), st.floats(0, 10_000))
def test_what_was_played_and_what_was_not_make_the_whole(lengths: list[int], unplayed_ms: float) -> None:
    ledger = PlayedLedger(24_000)
    for number, length in enumerate(lengths):
        ledger.given(f"item {number}", 0, length * MS)
    cuts = ledger.cut_off(unplayed_ms)
    cut_ms = sum(cut.total_ms - cut.audio_end_ms for cut in cuts)
    assert all(0 <= cut.audio_end_ms <= cut.total_ms for cut in cuts)
    assert min(unplayed_ms, sum(lengths)) <= cut_ms + 1e-6 <= unplayed_ms + len(cuts) + 1e-3


def piece(response: str, item: str, milliseconds: int) -> dict[str, Any]:
    delta = b64encode(bytes(MS * milliseconds)).decode()
    return {"type": "response.output_audio.delta", "response_id": response, "item_id": item, "delta": delta}


def test_what_still_comes_of_an_interrupted_answer_is_for_nobody() -> None:
    normaliser = RealtimeNormaliser(LiveSettings())
    normaliser.feed({"type": "response.created", "response": {"id": "r1"}})
    assert len(normaliser.feed(piece("r1", "a1", 100))) == 1
    normaliser.feed({"type": "input_audio_buffer.speech_started", "item_id": "u1"})
    assert normaliser.feed(piece("r1", "a1", 100)) == []
    assert normaliser.ledger.cut_off(30) == [Cut("a1", 0, 70, 100)]


def test_an_answer_that_begins_before_the_interruption_is_told_of_is_not_cut() -> None:
    normaliser = RealtimeNormaliser(LiveSettings())
    normaliser.feed({"type": "response.created", "response": {"id": "r1"}})
    normaliser.feed(piece("r1", "a1", 100))
    normaliser.feed({"type": "response.done", "response": {"id": "r1", "status": "completed"}})
    normaliser.feed({"type": "input_audio_buffer.speech_started", "item_id": "u1"})
    normaliser.feed({"type": "response.created", "response": {"id": "r2"}})
    assert len(normaliser.feed(piece("r2", "a2", 100))) == 1
    assert normaliser.ledger.cut_off(30) == [Cut("a1", 0, 70, 100)]


# Order


def test_what_follows_the_callers_words_waits_for_them() -> None:
    order = SpokenOrder()
    order.committed("u1")
    assert order.after(Transcript("assistant", "Hello", True)) == []
    assert order.after(ResponseEnded()) == []
    assert order.holds_events
    assert order.transcribed("u1", " Hi ") == [
        Transcript("user", "Hi", True),
        Transcript("assistant", "Hello", True),
        ResponseEnded(),
    ]
    assert not order.expects_words


def test_words_that_do_not_come_are_waited_for_until_the_wait_is_given_up() -> None:
    order = SpokenOrder()
    order.committed("u1")
    order.after(ResponseEnded())
    assert order.release() == [ResponseEnded()]
    assert order.transcribed("u1", "late") == [Transcript("user", "late", True)]


def test_no_words_is_no_transcript() -> None:
    order = SpokenOrder()
    order.committed("u1")
    assert order.transcribed("u1", "  ") == []
    assert order.after(ResponseEnded()) == [ResponseEnded()]


# Items, failures, capabilities


def test_a_history_is_told_in_the_roles_of_the_api_and_within_bounds() -> None:
    turns = tuple(Turn("user" if number % 2 else "assistant", "x" * 1000) for number in range(100))
    items = seed_items(turns)
    assert len(items) == 32
    assert items[-1] == {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": "x" * 1000}],
    }
    assert items[-2]["content"][0]["type"] == "output_text"
    assert len(seed_items((Turn("user", "y" * 100_000),))) == 1


def test_errors_without_a_code_are_known_by_their_type() -> None:
    error = service_error({"type": "error", "error": {"type": "server_error", "message": "oops"}})
    assert (error.code, error.is_passing, error.is_denial) == ("server_error", True, False)
    assert service_error({"error": {"type": "x", "code": "invalid_api_key"}}).is_denial


def test_a_lost_connection_may_be_dialled_again() -> None:
    class Closed(Exception):
        rcvd = None

    assert classify(to_provider_error(Closed(), "receiving")) is FailureKind.TRANSIENT
    assert classify(to_provider_error(TimeoutError(), "connecting")) is FailureKind.TRANSIENT
    assert classify(to_provider_error(OSError("no route"), "connecting")) is FailureKind.TRANSIENT


@pytest.mark.parametrize("model", ["gpt-realtime", "gpt-realtime-2025-08-28", "something-new"])
def test_models_are_known_by_the_beginning_of_their_names(model: str) -> None:
    capabilities = realtime_capabilities(model)
    assert capabilities.in_session_update
    assert capabilities.truncation
    assert not capabilities.resumption
    assert capabilities.input_sample_rate == 24000
