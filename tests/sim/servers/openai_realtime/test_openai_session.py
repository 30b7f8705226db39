"""Setting a session up, changing it, its end, and what is refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from websockets.exceptions import InvalidStatus

from roomkit_sim.sim.scenario.mind import Latency, Persona
from roomkit_sim.sim.scenario.service import Service

if TYPE_CHECKING:
    from conftest import Client, Stage

MakeStage = Callable[..., "Stage"]
TOOL: dict[str, Any] = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}
SPEAKS = {"on": "asked_to_speak", "says": "Hello, this is triage."}


# The handshake


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/v1/realtime?model=gpt-realtime", {}, 401),
        ("/v1/realtime?model=gpt-realtime", {"Authorization": "simulated"}, 401),
        ("/v1/realtime", {"Authorization": "Bearer simulated"}, 400),
        ("/v1/chat/completions", {"Authorization": "Bearer simulated"}, 404),
    ],
)
def test_a_handshake_needs_path_key_and_model(
    make_stage: MakeStage, path: str, headers: dict[str, str], status: int
) -> None:
    stage = make_stage()

    async def main() -> tuple[int, Any]:
        with pytest.raises(InvalidStatus) as caught:
            await stage.dial(path, headers)
        assert caught.value.response.headers.get_all("Content-Type") == ["application/json"]
        return caught.value.response.status_code, json.loads(caught.value.response.body or b"{}")

    refused, body = stage.run(main)
    assert refused == status
    assert body["error"]["type"] == "invalid_request_error"


def test_no_more_sessions_are_taken_than_the_service_allows(make_stage: MakeStage) -> None:
    stage = make_stage(service=Service(sessions=1))

    async def main() -> int:
        first = await stage.open()
        with pytest.raises(InvalidStatus) as caught:
            await stage.dial()
        await first.socket.close()
        await asyncio.sleep(1)
        await stage.open()
        return caught.value.response.status_code

    assert stage.run(main) == 429


# Beginning


def test_a_session_begins_unasked_after_its_latency_and_expires_in_an_hour_of_the_worlds_time(
    make_stage: MakeStage,
) -> None:
    stage = make_stage(latency=Latency(setup_ms=80))

    async def main() -> Client:
        client = await stage.dial("/v1/realtime?model=gpt-realtime-mini")
        await client.until("session.created")
        return client

    client = stage.run(main)
    [(at, created)] = client.frames
    assert at == 80
    assert created["session"]["model"] == "gpt-realtime-mini"
    assert created["session"]["expires_at"] == 1893456000 + 3600
    assert stage.traced("persona") == []


def test_the_persona_is_told_at_the_first_update_and_when_instructions_or_voice_change(make_stage: MakeStage) -> None:
    stage = make_stage(personas={"triage": Persona(when="Role: Triage"), "advisor": Persona(when="/adv[io]sor/")})

    async def main() -> None:
        client = await stage.open()
        await client.update(tools=[TOOL])
        await client.update(instructions="You are the advisor.")
        await client.update(audio={"output": {"voice": "marin"}})
        await client.until("session.updated", 4)

    stage.run(main)
    assert [event.data for event in stage.traced("persona")] == [
        {"conn": 1, "name": "triage", "agent": "agent-triage", "voice": "alloy"},
        {"conn": 1, "name": "advisor", "agent": "agent-advisor", "voice": "alloy"},
        {"conn": 1, "name": "advisor", "agent": "agent-advisor", "voice": "marin"},
    ]


def test_a_session_that_was_never_configured_has_an_unknown_persona_which_says_so(make_stage: MakeStage) -> None:
    stage = make_stage(SPEAKS)

    async def main() -> Client:
        client = await stage.dial()
        await client.ask()
        await client.done()
        return client

    assert stage.run(main).words() == "I do not know who I am supposed to be."
    [persona] = stage.traced("persona")
    assert persona.data["name"] == "unknown"
    assert "helpful" in str(persona.data["instructions"])


def test_a_rule_may_speak_when_the_session_is_configured_first(make_stage: MakeStage) -> None:
    stage = make_stage({"on": "connected", "says": "Welcome."})

    async def main() -> Client:
        client = await stage.open()
        await client.done()
        await client.update(tools=[TOOL])
        await client.until("session.updated", 2)
        await asyncio.sleep(2)
        return client

    client = stage.run(main)
    assert client.words() == "Welcome."
    assert client.kinds()[:3] == ["session.created", "session.updated", "response.created"]


def test_a_new_connection_begins_empty(make_stage: MakeStage) -> None:
    stage = make_stage(SPEAKS)

    async def main() -> Client:
        first = await stage.open(audio={"output": {"voice": "marin"}}, tools=[TOOL])
        await first.ask()
        await first.done()
        await first.socket.close()
        second = await stage.dial()
        await second.until("session.created")
        return second

    session = stage.run(main).of("session.created")[0]["session"]
    assert (session["audio"]["output"]["voice"], session["tools"]) == ("alloy", [])
    assert stage.session.conversation.items == []


# Updates


@pytest.mark.parametrize(
    ("update", "code", "param"),
    [
        ({}, "missing_required_parameter", "session.type"),
        ({"type": "transcription"}, "invalid_value", "session.type"),
        ({"type": "realtime", "voice": "marin"}, "unknown_parameter", "session.voice"),
        ({"type": "realtime", "instructions": 5}, "invalid_type", "session.instructions"),
        ({"type": "realtime", "instructions": "\ud800"}, "invalid_value", "session.instructions"),
        ({"type": "realtime", "model": "another"}, "invalid_value", "session.model"),
        ({"type": "realtime", "output_modalities": ["text", "audio"]}, "invalid_value", "session.output_modalities"),
        ({"type": "realtime", "output_modalities": ["video"]}, "invalid_value", "session.output_modalities[0]"),
        ({"type": "realtime", "max_output_tokens": 5000}, "invalid_value", "session.max_output_tokens"),
        ({"type": "realtime", "tool_choice": "maybe"}, "invalid_value", "session.tool_choice"),
        ({"type": "realtime", "audio": {"output": {"voice": "Kore"}}}, "invalid_value", "session.audio.output.voice"),
        ({"type": "realtime", "audio": {"output": {"speed": 2}}}, "invalid_value", "session.audio.output.speed"),
        (
            {"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcm", "rate": 16000}}}},
            "invalid_value",
            "session.audio.input.format.rate",
        ),
        (
            {"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcm"}}}},
            "missing_required_parameter",
            "session.audio.input.format.rate",
        ),
        (
            {"type": "realtime", "audio": {"output": {"format": {"type": "audio/pcmu", "rate": 8000}}}},
            "unknown_parameter",
            "session.audio.output.format.rate",
        ),
        (
            {"type": "realtime", "audio": {"output": {"format": "g711_ulaw"}}},
            "invalid_type",
            "session.audio.output.format",
        ),
        (
            {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": True}}}},
            "invalid_type",
            "session.audio.input.turn_detection.threshold",
        ),
        (
            {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "server_vad", "eagerness": "low"}}}},
            "unknown_parameter",
            "session.audio.input.turn_detection.eagerness",
        ),
        ({"type": "realtime", "turn_detection": None}, "unknown_parameter", "session.turn_detection"),
    ],
)
def test_an_update_is_checked_strictly_and_the_session_goes_on(
    make_stage: MakeStage, update: dict[str, Any], code: str, param: str
) -> None:
    client = _refused(make_stage, update)
    [error] = [event["error"] for event in client.of("error")]
    assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", code, param)
    assert error["event_id"] == "mine"
    created, after = client.of("session.created")[0]["session"], client.of("session.updated")[0]["session"]
    assert created == after


def _refused(make_stage: MakeStage, update: dict[str, Any]) -> Client:
    stage = make_stage()

    async def main() -> Client:
        client = await stage.dial()
        await client.send("session.update", session=update, event_id="mine")
        await client.update()
        await client.until("session.updated")
        return client

    client: Client = stage.run(main)
    [refused] = stage.traced("refused")
    assert refused.data["code"] == client.of("error")[0]["error"]["code"]
    return client


@pytest.mark.parametrize(
    ("tools", "code", "param"),
    [
        ([{"name": "f"}], "missing_required_parameter", "session.tools[0].type"),
        ([{"type": "function"}], "missing_required_parameter", "session.tools[0].name"),
        ([{"type": "mcp", "server_label": "x"}], "invalid_value", "session.tools[0].type"),
        ([{**TOOL, "target": "agent-advisor"}], "unknown_parameter", "session.tools[0].target"),
        ([{**TOOL, "strict": True}], "unknown_parameter", "session.tools[0].strict"),
        ([{**TOOL, "name": "has blank"}], "invalid_value", "session.tools[0].name"),
        ([TOOL, TOOL], "invalid_value", "session.tools[1].name"),
        ([{**TOOL, "parameters": []}], "invalid_type", "session.tools[0].parameters"),
        ([{**TOOL, "parameters": {"type": "string"}}], "invalid_function_parameters", "session.tools[0].parameters"),
        ([{**TOOL, "parameters": {}}], "invalid_function_parameters", "session.tools[0].parameters"),
        ([{**TOOL, "parameters": {"type": "OBJECT"}}], "invalid_function_parameters", "session.tools[0].parameters"),
        (
            [{**TOOL, "parameters": {"type": "object", "properties": {"a": {"type": "STRING"}}}}],
            "invalid_function_parameters",
            "session.tools[0].parameters",
        ),
        (
            [{**TOOL, "parameters": {"type": "object", "required": "a"}}],
            "invalid_function_parameters",
            "session.tools[0].parameters",
        ),
    ],
)
def test_tools_are_checked_strictly(make_stage: MakeStage, tools: list[Any], code: str, param: str) -> None:
    [error] = [event["error"] for event in _refused(make_stage, {"type": "realtime", "tools": tools}).of("error")]
    assert (error["code"], error["param"]) == (code, param)


def test_what_an_update_does_not_name_stays(make_stage: MakeStage) -> None:
    stage = make_stage()

    async def main() -> Client:
        client = await stage.open(tools=[TOOL], audio={"output": {"voice": "cedar"}})
        await client.update(audio={"input": {"turn_detection": {"type": "server_vad", "threshold": 0.9}}})
        await client.until("session.updated", 2)
        return client

    before, after = (event["session"] for event in stage.run(main).of("session.updated"))
    detection = after["audio"]["input"].pop("turn_detection")
    assert detection == {**before["audio"]["input"].pop("turn_detection"), "threshold": 0.9}
    assert after == before


def test_another_kind_of_turn_detection_begins_with_its_own_defaults(make_stage: MakeStage) -> None:
    stage = make_stage()

    async def main() -> Client:
        client = await stage.open(audio={"input": {"turn_detection": {"type": "semantic_vad"}}})
        await client.update(audio={"input": {"turn_detection": None, "transcription": None}})
        await client.update(audio={"input": {"turn_detection": {"type": "server_vad"}}})
        await client.until("session.updated", 3)
        return client

    inputs = [event["session"]["audio"]["input"] for event in stage.run(main).of("session.updated")]
    semantic = {"type": "semantic_vad", "eagerness": "auto", "create_response": True, "interrupt_response": True}
    assert inputs[0]["turn_detection"] == semantic
    assert inputs[1]["turn_detection"] is inputs[1]["transcription"] is None
    assert inputs[2]["turn_detection"]["silence_duration_ms"] == 200


@pytest.mark.parametrize(
    ("event", "param"),
    [
        ("session.update", "session.audio.output.voice"),
        ("response.create", "response.audio.output.voice"),
    ],
)
def test_the_voice_is_locked_once_the_session_has_spoken(make_stage: MakeStage, event: str, param: str) -> None:
    stage = make_stage(SPEAKS)

    async def main() -> Client:
        client = await stage.open(audio={"output": {"voice": "marin"}})
        await client.ask()
        await client.done()
        key, base = ("session", {"type": "realtime"}) if event == "session.update" else ("response", {})
        await client.send(event, **{key: {**base, "audio": {"output": {"voice": "cedar"}}}})
        await client.error()
        await client.send(event, **{key: {**base, "audio": {"output": {"voice": "marin"}}}})
        await client.ask() if event == "session.update" else None
        await client.done(2)
        return client

    client = stage.run(main)
    [error] = [event["error"] for event in client.of("error")]
    assert (error["code"], error["param"]) == ("cannot_update_voice", param)
    assert error["message"] == "Cannot update a conversation's voice if assistant audio is present."
    assert {event.data["voice"] for event in stage.traced("audio_started")} == {"marin"}


def test_the_voice_may_change_until_the_session_has_spoken(make_stage: MakeStage) -> None:
    stage = make_stage(SPEAKS)

    async def main() -> Client:
        client = await stage.open(output_modalities=["text"])
        await client.ask()
        await client.done()
        await client.update(output_modalities=["audio"], audio={"output": {"voice": "cedar"}})
        await client.ask()
        await client.done(2)
        return client

    assert stage.run(main).of("error") == []
    assert [event.data["voice"] for event in stage.traced("audio_started")] == ["cedar"]


# What is no event


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", "invalid_json"),
        ("[]", "invalid_json"),
        ('{"type":"input_audio_buffer.append","audio":NaN}', "invalid_json"),
        (b'{"type":"input_audio_buffer.clear"}', "invalid_message"),
        ('{"audio":"AAAA"}', "missing_required_parameter"),
        ('{"type":"session.destroy","event_id":"mine"}', "invalid_value"),
        ('{"type":["session.update"]}', "invalid_value"),
        ('{"type":"input_audio_buffer.commit","now":true}', "unknown_parameter"),
        ('{"type":"session.update"}', "missing_required_parameter"),
        ('{"type":"session.update","session":' + "[" * 3000 + "]" * 3000 + "}", "invalid_json"),
        ('{"type":"session.update","session":' + '{"a":' * 100 + "1" + "}" * 100 + "}", "invalid_json"),
        ('{"type":"input_audio_buffer.append","audio":' + "1" * 5000 + "}", "invalid_json"),
    ],
)
def test_what_is_no_event_is_an_error_and_the_session_goes_on(
    make_stage: MakeStage, message: str | bytes, code: str
) -> None:
    stage = make_stage()

    async def main() -> Client:
        client = await stage.dial()
        await client.socket.send(message)
        await client.update()
        await client.until("session.updated")
        return client

    [error] = [event["error"] for event in stage.run(main).of("error")]
    assert error["code"] == code
    assert error["event_id"] == ("mine" if "mine" in str(message) else None)


def test_a_message_that_is_too_large_closes_the_connection(make_stage: MakeStage) -> None:
    stage = make_stage()

    async def main() -> Any:
        client = await stage.dial()
        await client.socket.send("x" * (24 * 1024 * 1024 + 1))
        return await client.closed()

    assert stage.run(main)[0] == 1009


# The end


def test_a_session_expires_after_an_hour(make_stage: MakeStage) -> None:
    stage = make_stage(budget_s=4000)

    async def main() -> Client:
        client = await stage.open()
        await client.closed()
        return client

    client = stage.run(main)
    [error] = [event["error"] for event in client.of("error")]
    assert error["code"] == "session_expired"
    assert error["message"] == "Your session hit the maximum duration of 60 minutes."
    assert (client.code, stage.session.is_open) == (1001, False)
    assert 3_600_000 <= stage.now_ms <= 3_601_000


def test_a_scenario_may_let_sessions_end_earlier(make_stage: MakeStage) -> None:
    stage = make_stage(service=Service(connection_ms=20_000))

    async def main() -> int:
        client = await stage.open()
        await client.closed()
        return int(client.of("session.created")[0]["session"]["expires_at"])

    assert stage.run(main) == 1893456000 + 20
    assert 20_000 <= stage.now_ms <= 21_000


def test_an_end_is_not_announced_to_the_client(make_stage: MakeStage) -> None:
    stage = make_stage()

    async def main() -> Client:
        client = await stage.open()
        stage.session.announce_end(3000)
        await client.closed()
        return client

    client = stage.run(main)
    assert client.kinds() == ["session.created", "session.updated"]
    assert (client.code, client.reason) == (1001, "")
    assert stage.traced("go_away")[0].data["time_left_ms"] == 3000


def test_a_defect_of_the_service_closes_the_connection_and_is_reported(make_stage: MakeStage) -> None:
    stage = make_stage(SPEAKS)

    async def main() -> Any:
        client = await stage.open()
        stage.session.reserve_speech = lambda length_s: 1 / 0  # type: ignore[method-assign, assignment, return-value]
        await client.ask()
        return await client.closed()

    with pytest.raises(AssertionError, match="the fake service broke in response on 1: ZeroDivisionError"):
        stage.run(main)


def test_one_seed_gives_the_same_bytes_twice(make_stage: MakeStage) -> None:
    def events(seed: int) -> str:
        stage = make_stage(SPEAKS, seed=seed)

        async def main() -> Client:
            client = await stage.open()
            await client.ask()
            await client.done()
            return client

        return json.dumps(stage.run(main).frames)

    assert events(3) == events(3)
    assert events(3) != events(4)
