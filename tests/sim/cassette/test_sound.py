"""Where audio is found in messages."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from roomkit_sim.sim.cassette.hearing import Heard, MessageReader
from roomkit_sim.sim.cassette.model import Sound
from roomkit_sim.sim.cassette.sound import find_sound, rate_of, to_text

PCM = b"\xfb\xff\xfe\x01" * 10
TEXT = base64.b64encode(PCM).decode()
URL_SAFE = base64.urlsafe_b64encode(PCM).decode()
PART = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": TEXT}}
GEMINI_OUT = {"serverContent": {"modelTurn": {"parts": [PART]}}}
SENT: list[Any] = [
    {"realtime_input": {"audio": {"data": TEXT, "mime_type": "audio/pcm;rate=16000"}}},
    {"realtimeInput": {"audio": {"data": URL_SAFE, "mimeType": "audio/pcm;rate=16000"}}},
    {"type": "input_audio_buffer.append", "audio": TEXT},
]
RECEIVED: list[Any] = [
    GEMINI_OUT,
    {**GEMINI_OUT, "usageMetadata": {}},
    {"type": "response.output_audio.delta", "item_id": "i", "delta": TEXT},
]


@pytest.mark.parametrize("message", SENT)
def test_the_callers_audio(message: Any) -> None:
    found = find_sound(message, "sent")
    assert found is not None
    assert found.pcm == PCM
    assert TEXT not in json.dumps(found.like)
    assert find_sound(message, "received") is None


@pytest.mark.parametrize("message", RECEIVED)
def test_the_models_audio_comes_back_as_the_same_text(message: Any) -> None:
    found = find_sound(message, "received")
    assert found is not None
    assert json.loads(to_text(found)) == message


NONE_SENT: list[Any] = [
    {"realtime_input": {"audio": {"data": TEXT}, "text": "typed"}},
    {"realtime_input": {"audio": {"data": "not base64!"}}},
    {"type": "input_audio_buffer.append", "audio": TEXT, "more": 1},
    {"type": "input_audio_buffer.commit"},
    [],
    None,
]
NONE_RECEIVED: list[Any] = [
    {"type": "response.output_text.delta", "delta": TEXT},
    {"type": "response.output_audio.delta", "delta": URL_SAFE},
    {"type": "response.output_audio.delta", "delta": "QR=="},
    {"serverContent": {"modelTurn": {"parts": [{"text": "a thought"}]}}},
    {"serverContent": {"modelTurn": {"parts": [{"inlineData": {"mimeType": "image/png", "data": TEXT}}]}}},
    {"serverContent": {"modelTurn": {"parts": [PART, PART]}}},
]


@pytest.mark.parametrize("message", NONE_SENT)
def test_what_is_no_message_of_audio_alone(message: Any) -> None:
    assert find_sound(message, "sent") is None


@pytest.mark.parametrize("message", NONE_RECEIVED)
def test_what_would_not_come_back_as_it_was_stays_text(message: Any) -> None:
    assert find_sound(message, "received") is None


def test_the_rate_is_what_the_message_says_or_that_of_openai() -> None:
    rates = [rate_of(found) for message in SENT if (found := find_sound(message, "sent"))]
    assert rates == [16_000, 16_000, 24_000]


def test_audio_that_was_left_out_cannot_be_said() -> None:
    with pytest.raises(ValueError, match="was not recorded"):
        to_text(Sound({"audio": "<audio>"}, ("audio",), 4, None))


@pytest.mark.parametrize("message", SENT)
def test_a_reader_reads_the_second_message_of_a_kind_as_the_first(message: Any) -> None:
    reader = MessageReader()
    payload = json.dumps(message).encode()
    first, second = reader.read(payload), reader.read(payload)
    assert isinstance(first, Heard)
    assert isinstance(second, Heard)
    assert first.first is not None
    assert (second.pcm, second.first) == (PCM, None)


def test_a_reader_is_not_deceived_by_edges() -> None:
    reader = MessageReader()
    reader.read(json.dumps({"type": "input_audio_buffer.append", "audio": TEXT}).encode())
    message = {"type": "input_audio_buffer.append", "audio": 'A", "more": "B'}
    payload = b'{"type": "input_audio_buffer.append", "audio": "A", "more": "B"}'
    assert reader.read(payload) == {"type": "input_audio_buffer.append", "audio": "A", "more": "B"}
    assert reader.read(json.dumps(message).encode()) == message
