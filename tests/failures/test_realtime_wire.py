"""Failures that realtime users met on the way to the model: connections, tool calls, configurations, errors."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from openai import AsyncOpenAI  # noqa: F401 - loaded before time is simulated
from pydantic import SecretStr

from roomkit_sim.models.enums import HookExecution, HookTrigger
from roomkit_sim.providers.ai.base import AIContext, AIMessage, AITool
from roomkit_sim.providers.openai.ai import OpenAIAIProvider
from roomkit_sim.providers.openai.ai_config import OpenAIConfig
from roomkit_sim.sim.servers.http_models import HttpModelServer, ModelAnswer
from roomkit_sim.voice.base import VoiceSessionState
from roomkit_sim.voice.realtime.mock import MockRealtimeProvider, MockRealtimeTransport
from roomkit_sim.voice.realtime.provider import RealtimeCapabilities
from tests.failures.live_service import Connection, ScriptedService, StrictService, live_provider
from tests.failures.realtime_line import TO_ADVISOR, a_while, line, two_agents

HANDOFF = "handoff_conversation"
LOOKUP = {"name": "lookup", "description": "Looks up.", "parameters": {"type": "object", "properties": {}}}
SPEECH = b"\x10\x00" * 4800
pytestmark = pytest.mark.sim


async def hand_over(provider: MockRealtimeProvider, session: Any, call_id: str = "c1", **arguments: Any) -> None:
    await provider.simulate_tool_call(session, call_id, HANDOFF, {**TO_ADVISOR, **arguments})


async def test_45_handoff_on_a_provider_that_cannot_reconfigure_is_refused_and_the_call_goes_on() -> None:
    provider = MockRealtimeProvider(capabilities=RealtimeCapabilities(reconfiguration=False))
    async with line(provider) as made:
        session = await made.call()
        await hand_over(provider, session)
        await a_while()
        [(_, _, result)] = provider.tool_results
        assert json.loads(result)["accepted"] is False
        assert "cannot be given to another agent" in json.loads(result)["reason"]
        assert (await made.state()).active_agent_id == "triage"
        assert session.state is VoiceSessionState.ACTIVE
        assert provider.calls_of("reconfigure") == []


async def test_46_connection_that_drops_during_a_handoff_is_replaced_once(world: Any) -> None:
    service = ScriptedService()

    async def then(connection: Connection) -> None:
        if len(service.connections) == 1:
            await connection.offer_handle("before")
            await connection.call("c1", HANDOFF, TO_ADVISOR)

    service.then = then
    async with service.serving(world), line(live_provider()) as made:
        made.kit.on("handoff_decided")(lambda _: asyncio.get_running_loop().call_later(0.5, world.network.cut, 1))
        session = await made.call()
        await a_while(30)
        assert service.dials == 2
        assert session.state is VoiceSessionState.ACTIVE
        assert "Advisor" in str(service.connections[1].setup["systemInstruction"])


async def test_47_text_for_the_model_waits_for_its_tool_call_and_its_speech_and_is_clean(world: Any) -> None:
    rules: list[dict[str, Any]] = [
        {"on": "asked_to_speak", "contains": "first", "calls": {"lookup": {}}},
        {"on": "tool_result", "says": "I have looked it up, and this takes quite a while to say out loud."},
        {"on": "asked_to_speak", "contains": "second", "says": "Hello again."},
    ]
    service = StrictService(world, {"triage": ("Receptionist", rules)})

    async def lookup(name: str, arguments: dict[str, Any]) -> str:
        await a_while(2)
        return "found"

    channel = {"tools": [LOOKUP], "tool_handler": lookup}
    async with service.serving(), line(live_provider(), channel=channel) as made:
        session = await made.call()
        await made.voice.inject_text(session, "first")
        await a_while()
        await made.voice.inject_text(session, "sec\x00ond\ud800 text")
        await a_while(20)
        assert service.of("refused") == []
        assert service.connections == 1
        assert made.errors == []
        [looked_up, again] = service.of("said")
        assert looked_up["text"].startswith("I have looked it up")
        assert again["text"] == "Hello again."
        assert service.of("interrupted") == []


async def test_47_text_that_waits_for_one_agent_is_not_said_to_the_next(world: Any) -> None:
    service = ScriptedService()

    async def then(connection: Connection) -> None:
        if len(service.connections) == 1:
            await connection.offer_handle("before")
            await connection.speak(SPEECH)

    service.then = then
    async with service.serving(world), line(live_provider()) as made:
        session = await made.call()
        await a_while()
        await made.voice.inject_text(session, "only for the receptionist")
        await made.voice.reconfigure_session(session, system_prompt="You are the advisor.")
        await service.connections[1].content(turnComplete=True)
        await a_while()
        await made.voice.inject_text(session, "for the advisor")
        await a_while()
        [said] = service.connections[1].of("client_content", "turns")
        assert "for the advisor" in str(said)
        assert "only for the receptionist" not in str([connection.frames for connection in service.connections])


@pytest.mark.parametrize("code", [1007, 1008, 1011])
async def test_48_permanent_close_is_followed_by_one_attempt_and_the_end_of_the_call(world: Any, code: int) -> None:
    service = ScriptedService()
    service.admit = lambda number: None if number == 1 else (code, "not like this")

    async def then(connection: Connection) -> None:
        await connection.socket.close(code, "not like this")

    service.then = then
    async with service.serving(world), line(live_provider()) as made:
        session = await made.call()
        await a_while(60)
        assert service.dials == 2
        assert session.state is VoiceSessionState.ENDED
        assert any("not like this" in error for error in made.errors)
        assert made.of("session_ended")[0]["reason"] == "provider_closed"


async def test_49_nothing_is_dialled_after_the_caller_has_hung_up(world: Any) -> None:
    service = ScriptedService()
    service.admit = lambda number: None if number == 1 else (1013, "try again later")

    async def then(connection: Connection) -> None:
        await connection.socket.close(1013, "try again later")

    service.then = then
    async with service.serving(world), line(live_provider()) as made:
        session = await made.call()
        await a_while(1.0)
        dialled_before = service.dials
        assert (session.state, dialled_before) == (VoiceSessionState.CONNECTING, 3)
        await made.transport.simulate_client_disconnect(session)
        await a_while(60)
        assert service.dials == dialled_before
        assert session.state is VoiceSessionState.ENDED
        assert made.of("session_ended")[0]["reason"] == "hang_up"


async def test_50_tool_call_that_is_pronounced_is_made_and_not_written_down() -> None:
    provider = MockRealtimeProvider()
    async with line(provider) as made:
        session = await made.call()
        pronounced = 'call:handoff_conversation{target: "advisor", reason: "advice", summary: "wants bonds"}'
        await provider.simulate_transcription(session, pronounced, "assistant", True)
        await a_while()
        assert (await made.state()).active_agent_id == "advisor"
        assert provider.calls_of("reconfigure")[-1].args["voice"] == "Charon"
        assert provider.tool_results == [], "no connection waits for the result of this call"
        assert not any("call:" in entry for entry in await made.timeline())
        assert any("pronounced a call of the tool 'handoff_conversation'" in error for error in made.errors)


@pytest.mark.parametrize(
    "pronounced",
    [
        'call:delete_everything{"sure": true}',
        "call:handoff_conversation{to whom it may concern}",
        'call:handoff_conversation{"target": "nobody"}',
        "You could call: me back {later}",
    ],
)
async def test_50_pronounced_call_passes_the_same_gates_as_a_real_one(pronounced: str) -> None:
    provider = MockRealtimeProvider()
    asked: list[str] = []

    def handler(name: str, arguments: dict[str, Any]) -> str:
        asked.append(name)
        return "done"

    async with line(provider, channel={"tools": [LOOKUP], "tool_handler": handler}) as made:
        session = await made.call()
        await provider.simulate_transcription(session, pronounced, "assistant", True)
        await a_while()
        assert (await made.state()).active_agent_id == "triage"
        assert provider.calls_of("reconfigure") == []
        assert asked == []


async def test_50_pronounced_call_is_made_once_and_its_result_told_in_words() -> None:
    provider = MockRealtimeProvider()
    async with line(provider, channel={"tools": [LOOKUP], "tool_handler": lambda name, arguments: "found"}) as made:
        session = await made.call()
        await provider.simulate_response_start(session)
        await provider.simulate_transcription(session, "call:lookup{}", "assistant", True)
        await a_while()
        assert [text for _, text, _ in provider.injected_texts] == ["[Result of lookup: found]"]
        await provider.simulate_response_start(session)
        await provider.simulate_tool_call(session, "c1", "lookup")
        await provider.simulate_transcription(session, "call:lookup{}", "assistant", True)
        await a_while()
        assert [call_id for _, call_id, _ in provider.tool_results] == ["c1"]
        assert len(provider.injected_texts) == 1
        await provider.simulate_response_start(session)
        await provider.simulate_transcription(session, "call:lookup{}", "assistant", True)
        await a_while()
        assert len(provider.injected_texts) == 2


async def test_51_handoff_tool_reaches_openai_in_the_form_that_it_demands(world: Any) -> None:
    server = HttpModelServer(lambda request: ModelAnswer(("Certainly.",)))
    world.network.add_host("api.openai.com")
    await server.serve("api.openai.com", 443)
    async with line() as made:
        session = await made.call()
        [dump] = made.voice.session_config(session).tools or ()
        tool = AITool.model_validate({**dump, "strict": True, "title": "an extra key"})
    provider = OpenAIAIProvider(OpenAIConfig(api_key=SecretStr("simulated")))
    answer = await provider.generate(AIContext(messages=[AIMessage(role="user", content="Hello.")], tools=[tool]))
    await provider.close()
    await server.close()
    assert answer.content == "Certainly."
    [sent] = server.requests[0].body["tools"]
    assert (sent["type"], set(sent["function"])) == ("function", {"name", "description", "parameters"})
    assert sent["function"]["parameters"]["required"] == dump["parameters"]["required"]


async def test_52_audio_names_its_rate_and_is_played_at_24_khz_where_the_model_names_none(world: Any) -> None:
    service = ScriptedService()

    async def then(connection: Connection) -> None:
        await connection.speak(SPEECH, mime_type="audio/pcm")

    service.then = then
    transport = MockRealtimeTransport(transport_sample_rate=24_000)
    async with service.serving(world), line(live_provider(), transport=transport) as made:
        session = await made.call()
        await transport.simulate_client_audio(session, b"\x00\x01" * 960, 48_000)
        await a_while()
        assert b"".join(pcm for _, pcm in transport.sent_audio) == SPEECH
        [heard] = service.connections[0].of("realtime_input", "audio")
        assert heard["mime_type"] == "audio/pcm;rate=16000"


async def test_53_tool_with_an_optional_parameter_can_be_called(world: Any) -> None:
    parameters = {"type": "object", "properties": {"city": {"anyOf": [{"type": "string"}, {"type": "null"}]}}}
    tool = {"name": "weather", "description": "The weather.", "parameters": parameters}
    rules: list[dict[str, Any]] = [
        {"on": "asked_to_speak", "calls": {"weather": {"city": None}}},
        {"on": "tool_result", "says": "Sunny."},
    ]
    service = StrictService(world, {"triage": ("Receptionist", rules)})
    asked: list[dict[str, Any]] = []

    def weather(name: str, arguments: dict[str, Any]) -> str:
        asked.append(arguments)
        return "sunny"

    async with service.serving(), line(live_provider(), channel={"tools": [tool], "tool_handler": weather}) as made:
        session = await made.call()
        await made.voice.inject_text(session, "How is the weather?")
        await a_while(10)
        assert asked == [{"city": None}]
        assert [said["text"] for said in service.of("said")] == ["Sunny."]
        assert service.of("refused") == []


async def test_54_tool_that_nobody_handles_is_an_error_for_the_model_and_for_the_operator() -> None:
    provider = MockRealtimeProvider()
    async with line(provider, channel={"tools": [LOOKUP]}) as made:
        made.voice.tool_handler = None
        session = await made.call()
        await provider.simulate_tool_call(session, "c1", "lookup")
        await a_while()
        [(_, call_id, result)] = provider.tool_results
        assert (call_id, json.loads(result)) == ("c1", {"error": "there is no tool 'lookup'"})
        assert any("nobody handles the tool 'lookup'" in error for error in made.errors)


async def test_55_caller_who_hangs_up_during_the_handoff_leaves_state_and_provider_alone() -> None:
    provider = MockRealtimeProvider()
    async with line(provider, greet_on_handoff=True) as made:
        session = await made.call()
        await hand_over(provider, session)
        await made.voice.end_session(session, reason="hang_up")
        await a_while()
        assert (await made.state()).active_agent_id == "triage"
        assert [call.method for call in provider.calls] == ["connect", "disconnect"]
        assert made.errors == []


async def test_55_caller_who_hangs_up_while_the_handoff_takes_effect_is_not_called_back() -> None:
    provider = MockRealtimeProvider()
    async with line(provider, greet_on_handoff=True) as made:
        session = await made.call()

        @made.kit.hook(HookTrigger.ON_HANDOFF, execution=HookExecution.ASYNC)
        async def hang_up(event: Any, context: Any) -> None:
            await made.voice.end_session(session, reason="hang_up")

        await hand_over(provider, session)
        await a_while()
        assert [call.method for call in provider.calls] == ["connect", "submit_tool_result", "disconnect"]
        assert [data["agent"] for data in made.of("agent_routed")] == ["triage"]
        assert made.errors == []


async def test_56_tools_of_the_session_stay_after_handoff_and_change_of_language() -> None:
    provider = MockRealtimeProvider()
    async with line(provider, human_handoff=False) as made:
        session = await made.call(tools=[LOOKUP])
        await hand_over(provider, session)
        await a_while()
        await made.handler.set_language("call-1", "French")
        tools = [call.args["tools"] for call in provider.calls if call.method in ("connect", "reconfigure")]
        assert [[tool["name"] for tool in given] for given in tools] == [["lookup", HANDOFF], ["lookup"], ["lookup"]]


async def test_57_greeting_of_an_agent_named_by_an_alias_is_in_the_conversations_language() -> None:
    provider = MockRealtimeProvider()
    agents = two_agents(language="German")
    async with line(provider, agents=agents, greet_on_handoff=True, agent_aliases={"expert": "advisor"}) as made:
        session = await made.call()
        await made.handler.set_language("call-1", "French")
        await hand_over(provider, session, target="expert")
        await a_while()
        [(_, greeting, _)] = provider.injected_texts
        assert greeting.startswith("[Respond in French] ")
        assert "Advisor" in greeting
        assert "French" in provider.calls_of("reconfigure")[-1].args["system_prompt"]
        assert json.loads(provider.tool_results[0][2])["new_agent_id"] == "advisor"


async def test_58_error_of_the_provider_reaches_events_and_hooks() -> None:
    provider = MockRealtimeProvider()
    async with line(provider) as made:
        noticed: list[str] = []

        @made.kit.hook(HookTrigger.ON_ERROR, execution=HookExecution.ASYNC)
        async def notice(event: Any, context: Any) -> None:
            noticed.append(event.metadata["message"])

        session = await made.call()
        await provider.simulate_error(session, "quota", "the quota is used up")
        await a_while()
        assert made.errors == ["provider: quota: the quota is used up"]
        assert noticed == ["the quota is used up"]
