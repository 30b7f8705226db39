"""What a client may send, and what is refused."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roomkit_sim.sim.servers.gemini_live.client_frames import (
    ActivityMark,
    Audio,
    Setup,
    TextTurn,
    ToolResults,
    Violation,
    parse_client_frame,
)

MODEL = "models/gemini-live"
SCHEMA = {"type": "object", "properties": {"target_agent": {"type": "string"}}, "required": ["target_agent"]}


def parse(message: Any) -> Any:
    return parse_client_frame(json.dumps(message))


def setup(**more: Any) -> dict[str, Any]:
    return {"setup": {"model": MODEL, "generationConfig": {"responseModalities": ["AUDIO"]}, **more}}


def audio(data: Any, mime: Any = "audio/pcm;rate=16000") -> dict[str, Any]:
    return {"realtime_input": {"audio": {"data": data, "mime_type": mime}}}


# Setup


def test_a_setup_as_the_sdk_writes_it_with_both_styles_of_keys() -> None:
    read = parse(
        {
            "setup": {
                "model": MODEL,
                "generationConfig": {
                    "responseModalities": ["AUDIO"],
                    "speechConfig": {"voice_config": {"prebuilt_voice_config": {"voice_name": "Aoede"}}},
                },
                "systemInstruction": {"parts": [{"text": "Role: "}, {"text": "Triage"}], "role": "user"},
                "tools": [{"functionDeclarations": [{"name": "transfer", "parameters_json_schema": SCHEMA}]}],
                "sessionResumption": {"handle": "handle-3"},
                "inputAudioTranscription": {},
                "outputAudioTranscription": {},
                "realtimeInputConfig": {
                    "automatic_activity_detection": {"disabled": False, "silence_duration_ms": 700},
                    "activity_handling": "NO_INTERRUPTION",
                },
            }
        }
    )
    assert read == Setup(
        model=MODEL,
        instructions="Role: Triage",
        voice="Aoede",
        functions={"transfer": SCHEMA},
        resumption=True,
        handle="handle-3",
        silence_ms=700,
        automatic_activity=True,
        interruptible=False,
        transcribe_input=True,
        transcribe_output=True,
    )


def test_what_a_setup_does_not_say_has_the_services_defaults() -> None:
    assert parse(setup()) == Setup(model=MODEL)


def test_a_resumption_without_a_handle_asks_for_handles() -> None:
    read = parse(setup(sessionResumption={}))
    assert (read.resumption, read.handle) == (True, None)


@pytest.mark.parametrize("key", ["parametersJsonSchema", "parameters_json_schema", "parameters"])
def test_the_keys_of_a_functions_schema_are_the_applications_own(key: str) -> None:
    read = parse(setup(tools=[{"function_declarations": [{"name": "transfer", key: SCHEMA}]}]))
    assert read.functions == {"transfer": SCHEMA}


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (setup(voice="Aoede"), "Unknown name \"voice\" at 'setup'"),
        ({"setup": {"generationConfig": {"responseModalities": ["AUDIO"]}}}, "setup.model"),
        ({"setup": {"model": "gemini-live"}}, "setup.model"),
        ({"setup": {"model": MODEL}}, "responseModalities"),
        ({"setup": {"model": MODEL, "generationConfig": {"responseModalities": ["TEXT"]}}}, "responseModalities"),
        ({"setup": {"model": MODEL, "generationConfig": []}}, '"generationConfig" must be an object'),
        (setup(sessionResumption="handle-1"), '"sessionResumption" must be an object'),
        (setup(sessionResumption=["handle-1"]), '"sessionResumption" must be an object'),
        (setup(sessionResumption={"handle": {"id": 1}}), "handle"),
        (
            setup(realtimeInputConfig={"automaticActivityDetection": {"silenceDurationMs": "long"}}),
            "silenceDurationMs",
        ),
        (setup(realtimeInputConfig={"automaticActivityDetection": {"silenceDurationMs": -1}}), "silenceDurationMs"),
        (setup(tools={"functionDeclarations": []}), '"tools" must be a list of objects'),
        (setup(tools=[{"functionDeclarations": [{"name": "no blanks"}]}]), "Invalid function name 'no blanks'"),
        (setup(tools=[{"functionDeclarations": [{}]}]), "Invalid function name None"),
        (
            setup(tools=[{"functionDeclarations": [{"name": "f"}]}, {"functionDeclarations": [{"name": "f"}]}]),
            "Duplicate function declaration found: f",
        ),
        (setup(tools=[{"functionDeclarations": [{"name": "f", "parameters": "any"}]}]), "schema"),
        (setup(tools=[{"functionDeclarations": [{"name": "f", "parameters": {"type": 5}}]}]), "schema"),
        (setup(tools=[{"functionDeclarations": [{"name": "f", "parameters": {"properties": ["x"]}}]}]), "schema"),
        (
            setup(tools=[{"functionDeclarations": [{"name": "f", "parameters": {"properties": {"x": {"enum": 1}}}}]}]),
            "schema",
        ),
        (setup(tools=[{"functionDeclarations": [{"name": "f", "parameters": {"anyOf": {}}}]}]), "schema"),
        (setup(systemInstruction={"parts": ["text"]}), '"parts" must be a list of objects'),
    ],
)
def test_a_setup_that_the_service_would_refuse_is_refused(message: dict[str, Any], why: str) -> None:
    with pytest.raises(Violation) as caught:
        parse(message)
    assert why in caught.value.reason
    assert caught.value.code == 1007


# Audio


@pytest.mark.parametrize("pcm", [b"", b"\x01\x02", b"\xff\xff\xff\xff\xff\xff", b"\xfb\xef\xbe", bytes(range(256))])
@pytest.mark.parametrize("encode", [base64.urlsafe_b64encode, base64.b64encode])
def test_audio_arrives_byte_for_byte_in_both_alphabets_of_base64(pcm: bytes, encode: Any) -> None:
    pcm = pcm + pcm
    assert parse(audio(encode(pcm).decode())) == Audio(pcm, 16000)


@given(
    st.binary(max_size=200).map(lambda data: data + data), st.sampled_from([base64.urlsafe_b64encode, base64.b64encode])
)
def test_no_audio_is_changed_on_its_way(pcm: bytes, encode: Any) -> None:
    assert parse(audio(encode(pcm).decode())).pcm == pcm


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
def test_the_rate_of_audio_is_what_its_mime_type_says(rate: int) -> None:
    assert parse(audio("AAAA" * 2, f"audio/pcm;rate={rate}")).rate_hz == rate


def test_audio_in_the_older_form_of_media_chunks_is_read() -> None:
    chunk = {"data": "AAAAAAAA", "mimeType": "audio/pcm;rate=16000"}
    assert parse({"realtimeInput": {"mediaChunks": [chunk]}}) == Audio(bytes(6), 16000)


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (audio("AAAA", "audio/pcm"), "Unsupported audio 'audio/pcm'"),
        (audio("AAAA", "audio/wav;rate=16000"), "Unsupported audio"),
        (audio("AAAA", "audio/pcm;rate=" + "9" * 5000), "Unsupported audio"),
        (audio("AAAA", None), "Unsupported audio"),
        (audio("!!!!"), "not base64"),
        (audio("AAA"), "not base64"),
        (audio("AA\u00e4A"), "not base64"),
        (audio(["AAAA"]), "not base64"),
        (audio(7), "not base64"),
        (audio("AAAA"), "even number of bytes"),
        ({"realtime_input": {"audio": "AAAA"}}, "must be a blob"),
        ({"realtime_input": {"media_chunks": []}}, "must be a blob"),
        ({"realtime_input": {}}, "realtimeInput is empty"),
        ({"realtime_input": {"vide": {}}}, "Unknown name \"vide\" at 'realtime_input'"),
    ],
)
def test_audio_that_the_service_would_refuse_is_refused(message: dict[str, Any], why: str) -> None:
    with pytest.raises(Violation) as caught:
        parse(message)
    assert why in caught.value.reason


# The rest


@pytest.mark.parametrize(
    ("key", "mark"), [("activityStart", "start"), ("activity_end", "end"), ("audioStreamEnd", "stream_end")]
)
def test_marks_of_activity(key: str, mark: str) -> None:
    assert parse({"realtime_input": {key: {}}}) == ActivityMark(mark)


def test_text_in_the_realtime_input_is_a_complete_turn() -> None:
    assert parse({"realtimeInput": {"text": "typed"}}) == TextTurn((("user", "typed"),), complete=True)


@pytest.mark.parametrize(("key", "complete"), [("turnComplete", True), ("turn_complete", False)])
def test_turns_of_text(key: str, complete: bool) -> None:
    turns = [{"role": "user", "parts": [{"text": "Hello "}, {"text": "there"}]}, {"role": "model", "parts": []}]
    read = parse({"client_content": {"turns": turns, key: complete}})
    assert read == TextTurn((("user", "Hello there"), ("model", "")), complete)


def test_results_of_tools_keep_their_keys() -> None:
    response = {"target_agent": "agent-advisor", "a_list": [{"snake_case": 1}]}
    read = parse({"tool_response": {"function_responses": [{"id": "7", "name": "f", "response": response}]}})
    assert read == ToolResults((("7", "f", response),))


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ({"hello": {}}, 'Unknown name "hello"'),
        ({}, "One message a frame"),
        ({**setup(), "realtimeInput": {}}, "One message a frame"),
        ({"setup": []}, '"setup" must be an object'),
        ([], "must be a JSON object"),
        ("text", "must be a JSON object"),
        ({"contextUpdate": {"tools": []}}, '"tools" must be an object'),
        ({"toolResponse": {}}, "without functionResponses"),
        ({"toolResponse": {"functionResponses": [{"id": "1", "response": "ok"}]}}, '"response" must be an object'),
        ({"clientContent": {"turns": [{"role": "system", "parts": []}]}}, "valid role: user, model"),
        ({"clientContent": {"turns": [{"parts": [{"text": "nul \u0000"}]}]}}, "control characters"),
        ({"clientContent": {"turns": [{"parts": [{"text": "half \ud83d"}]}]}}, "surrogate"),
        ({"realtimeInput": {"text": "bell \u0007"}}, "control characters"),
        ({"realtimeInput": {"text": {"a": 1}}}, "must be a string"),
        ({"clientContent": {"turns": "hello"}}, '"turns" must be a list of objects'),
    ],
)
def test_a_frame_that_the_service_would_refuse_is_refused(message: Any, why: str) -> None:
    with pytest.raises(Violation) as caught:
        parse(message)
    assert why in caught.value.reason


@pytest.mark.parametrize("raw", ["", "{", b"\xff\xfe", b"\x00", "nul", '{"setup":' * 2000, "9" * 5000, "[" * 100_000])
def test_what_is_not_json_is_refused(raw: str | bytes) -> None:
    with pytest.raises(Violation):
        parse_client_frame(raw)


@pytest.mark.parametrize("depth", [200, 500, 900, 990])
@pytest.mark.parametrize("place", ["setup", "clientContent", "toolResponse"])
def test_deep_nesting_is_refused_or_read_but_never_breaks_the_server(depth: int, place: str) -> None:
    raw = f'{{"{place}":' + '{"parts":[' * (depth // 2) + "]}" * (depth // 2) + "}"
    with contextlib.suppress(Violation):
        assert isinstance(parse_client_frame(raw), KINDS)


# Fuzz: structured, so that it comes past the first checks

words = st.sampled_from(
    [
        "setup", "clientContent", "client_content", "realtimeInput", "realtime_input", "toolResponse", "tool_response",
        "model", "generationConfig", "responseModalities", "speechConfig", "voiceConfig", "prebuiltVoiceConfig",
        "voiceName", "systemInstruction", "parts", "text", "role", "tools", "functionDeclarations", "name",
        "parameters", "parametersJsonSchema", "properties", "required", "enum", "anyOf", "items", "type",
        "sessionResumption", "handle", "realtimeInputConfig", "automaticActivityDetection", "silenceDurationMs",
        "disabled", "activityHandling", "turns", "turnComplete", "functionResponses", "id", "response", "audio", "data",
        "mimeType", "mime_type", "mediaChunks", "activityStart", "audioStreamEnd",
    ]
)  # fmt: skip
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 10**6),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=6),
    st.sampled_from(["models/x", "AUDIO", "user", "model", "audio/pcm;rate=16000", "AAAA", "____", "f", "OBJECT"]),
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(words | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """An object with some of these fields, each as it should be or anything at all; or no object."""
    return st.one_of(
        st.fixed_dictionaries({}, optional={key: st.one_of(field, values) for key, field in fields.items()}), values
    )


functions = some(
    name=st.just("f"),
    parameters=some(
        type=values, properties=st.dictionaries(words, values), required=values, enum=values, anyOf=values, items=values
    ),
)
setups = st.fixed_dictionaries(
    {"model": st.just("models/x"), "generationConfig": st.just({"responseModalities": ["AUDIO"]})},
    optional={
        "systemInstruction": some(parts=st.lists(some(text=values), max_size=2)),
        "tools": st.lists(some(functionDeclarations=st.lists(functions, max_size=2)), max_size=2),
        "sessionResumption": some(handle=values),
        "realtimeInputConfig": some(automaticActivityDetection=some(disabled=values, silenceDurationMs=values)),
    },
)
turns = st.lists(some(role=st.just("user"), parts=st.lists(some(text=values), max_size=2)), max_size=2)
answers = st.lists(some(id=values, name=values, response=values), max_size=2)
blobs = some(data=values, mime_type=st.just("audio/pcm;rate=16000"))
messages = st.one_of(
    st.builds(lambda body: {"setup": body}, setups),
    st.builds(lambda body: {"clientContent": body}, some(turns=turns, turnComplete=values)),
    st.builds(lambda body: {"toolResponse": body}, some(functionResponses=answers)),
    st.builds(lambda body: {"realtimeInput": body}, some(audio=blobs, mediaChunks=st.lists(blobs), text=values)),
    st.dictionaries(words, values, max_size=2),
    values,
)
KINDS = (Setup, Audio, TextTurn, ToolResults, ActivityMark)


@settings(max_examples=500, deadline=None)
@given(messages)
def test_any_json_is_read_or_refused(message: Any) -> None:
    with contextlib.suppress(Violation):
        assert isinstance(parse(message), KINDS)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=60), st.text(max_size=60)))
def test_any_bytes_are_read_or_refused(raw: str | bytes) -> None:
    with pytest.raises(Violation):
        parse_client_frame(raw)
