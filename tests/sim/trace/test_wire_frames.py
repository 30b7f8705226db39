"""What a message is called, and what of it a trace may hold."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roomkit_sim.sim.servers.gemini_live import server_frames
from roomkit_sim.sim.trace.wire_frames import HandleLabels, WireFrame, read_frame

AUDIO = base64.b64encode(bytes(range(256)) * 3).decode()


def name(message: Any) -> str:
    return read_frame(json.dumps(message).encode(), HandleLabels()).name


def shown(message: Any) -> Any:
    return read_frame(json.dumps(message).encode(), HandleLabels()).json


@pytest.mark.parametrize(
    ("message", "called"),
    [
        ({"setup": {"model": "m"}}, "setup"),
        ({"setupComplete": {}}, "setupComplete"),
        ({"realtime_input": {"text": "x"}}, "realtime_input.text"),
        ({"realtimeInput": {"activityStart": {}}}, "realtime_input.activityStart"),
        ({"serverContent": {"interrupted": True}}, "serverContent.interrupted"),
        ({"serverContent": {"turnComplete": True}, "usageMetadata": {}}, "serverContent.turnComplete+usageMetadata"),
        ({"serverContent": {"a": 1, "b": 2}}, "serverContent.a+serverContent.b"),
        ({"serverContent": {}}, "serverContent"),
        ({"type": "response.done", "response": {}}, "response.done"),
        ({}, "empty"),
        ([1], "unreadable"),
        ("text", "unreadable"),
    ],
)
def test_the_name_of_a_message(message: Any, called: str) -> None:
    assert name(message) == called


@pytest.mark.parametrize("payload", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_cannot_be_read_is_called_unreadable(payload: bytes) -> None:
    assert read_frame(payload, HandleLabels()) == WireFrame("unreadable")


@pytest.mark.parametrize("key", ["realtime_input", "realtimeInput"])
def test_audio_of_the_client_is_told_from_its_first_bytes(key: str) -> None:
    payload = json.dumps({key: {"audio": {"data": AUDIO, "mime_type": "audio/pcm;rate=16000"}}}).encode()
    assert read_frame(payload, HandleLabels()) == WireFrame("realtime_input.audio", audio=True)


@pytest.mark.parametrize("event_id", [{}, {"event_id": "e1"}])
def test_audio_for_openai_is_told_from_its_first_bytes(event_id: dict[str, str]) -> None:
    payload = json.dumps({"type": "input_audio_buffer.append", "audio": AUDIO, **event_id}).encode()
    assert read_frame(payload, HandleLabels()) == WireFrame("input_audio_buffer.append", audio=True)


def test_audio_of_openai_is_told_from_its_first_bytes() -> None:
    ids = {"event_id": "e", "response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
    delta = {"type": "response.output_audio.delta", **ids, "delta": AUDIO}
    assert read_frame(json.dumps(delta).encode(), HandleLabels()) == WireFrame(
        "response.output_audio.delta", audio=True
    )
    other = read_frame(json.dumps({**delta, "more": "text"}).encode(), HandleLabels())
    assert not other.audio
    assert isinstance(other.json, dict)
    assert other.json["delta"] == f"<{len(AUDIO) * 3 // 4} bytes>"


@pytest.mark.parametrize("role_first", [True, False])
def test_audio_of_the_server_may_have_a_role(role_first: bool) -> None:
    role, parts = {"role": "model"}, {"parts": [{"inlineData": {"mimeType": "audio/pcm", "data": AUDIO}}]}
    turn = {**role, **parts} if role_first else {**parts, **role}
    frame = read_frame(json.dumps({"serverContent": {"modelTurn": turn}}).encode(), HandleLabels())
    assert frame == WireFrame("serverContent.modelTurn", audio=True)


def test_audio_of_the_fake_server_is_told_from_its_first_bytes() -> None:
    frame = read_frame(server_frames.audio(bytes(960)), HandleLabels())
    assert frame == WireFrame("serverContent.modelTurn", audio=True)


@pytest.mark.parametrize(
    "message",
    [
        {"serverContent": {"modelTurn": {"parts": [{"text": "**Thinking**", "thought": True}]}}},
        {
            "serverContent": {
                "modelTurn": {"parts": [{"inlineData": {"mimeType": "audio/pcm", "data": AUDIO}}]},
                "turnComplete": True,
            }
        },
        {
            "serverContent": {
                "modelTurn": {"parts": [{"inlineData": {"mimeType": "audio/pcm", "data": AUDIO}}, {"text": "words"}]}
            }
        },
        {"realtime_input": {"audio": {"data": AUDIO, "mime_type": "audio/pcm"}, "text": "words"}},
    ],
)
def test_a_message_with_more_than_audio_is_not_audio(message: Any) -> None:
    frame = read_frame(json.dumps(message).encode(), HandleLabels())
    assert not frame.audio
    assert frame.json is not None


def test_handles_get_names_in_the_order_in_which_they_pass_and_keep_them() -> None:
    labels = HandleLabels()

    def handle(message: Any) -> Any:
        return read_frame(json.dumps(message).encode(), labels).json

    assert handle({"sessionResumptionUpdate": {"newHandle": "Zk9-secret"}})["sessionResumptionUpdate"] == {
        "newHandle": "handle-1"
    }
    assert handle({"sessionResumptionUpdate": {"newHandle": "Aa1-secret"}})["sessionResumptionUpdate"] == {
        "newHandle": "handle-2"
    }
    assert handle({"setup": {"sessionResumption": {"handle": "Zk9-secret"}}})["setup"]["sessionResumption"] == {
        "handle": "handle-1"
    }


@pytest.mark.parametrize(
    "key",
    ["api_key", "x-goog-api-key", "apiKey", "Authorization", "client_secret", "token", "access_token", "password"],
)
def test_secrets_are_taken_out_at_any_depth(key: str) -> None:
    assert "hunter2" not in json.dumps(shown({"setup": {"deep": [{key: "hunter2"}]}}))


@pytest.mark.parametrize("key", ["promptTokenCount", "monkey", "text"])
def test_what_is_no_secret_stays(key: str) -> None:
    assert shown({"setup": {key: "value"}}) == {"setup": {key: "value"}}


def test_audio_inside_other_messages_is_named_by_its_size() -> None:
    message = {"item": {"audio": AUDIO, "transcript": "hello", "data": "short"}, "type": "x"}
    assert shown(message)["item"] == {"audio": f"<{len(AUDIO) * 3 // 4} bytes>", "transcript": "hello", "data": "short"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)


@settings(max_examples=200, deadline=None)
@given(json_values | st.dictionaries(st.sampled_from(["serverContent", "realtime_input", "setup"]), json_values))
def test_any_json_gets_a_name(message: Any) -> None:
    frame = read_frame(json.dumps(message).encode(), HandleLabels())
    assert frame.name
    assert (frame.json is None) == (frame.name == "unreadable" or frame.audio)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=50))
def test_any_bytes_get_a_name(payload: bytes) -> None:
    assert read_frame(payload, HandleLabels()).name
