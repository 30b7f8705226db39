"""The provider against a scripted server, through the real SDK and real sockets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit_sim.errors import ConfigurationError, ProviderConnectionError, ProviderError, SessionNotFoundError
from roomkit_sim.voice.base import VoiceSession, VoiceSessionState

FRAME = bytes(640)


def frame(number: int) -> bytes:
    return number.to_bytes(2, "little") * 320


@pytest.fixture
def session() -> VoiceSession:
    return VoiceSession(room_id="room", participant_id="caller", channel_id="voice")


async def test_connect_configures_the_model_and_activates_the_session(server, make_provider, told, session):
    provider = make_provider()
    told.listen_to(provider)
    tool = {"name": "look_up", "description": "Looks up", "parameters": {"type": "object", "properties": {}}}
    await provider.connect(session, system_prompt="Greet.", voice="Aoede", tools=[tool], temperature=0.5)
    connection = await server.connection(0)
    assert session.state is VoiceSessionState.ACTIVE
    assert (connection.prompt, connection.voice, connection.handle) == ("Greet.", "Aoede", None)
    assert connection.setup["tools"][0]["functionDeclarations"][0]["name"] == "look_up"
    assert told.steps == ["opened"]


async def test_callers_audio_reaches_the_server_with_its_rate(server, make_provider, session):
    provider = make_provider()
    await provider.connect(session, input_sample_rate=8000)
    connection = await server.connection(0)
    await provider.send_audio(session, frame(7))
    await connection.until(lambda it: len(it.audio) == 640)
    assert connection.audio == frame(7)
    assert connection.of("realtime_input")[0]["audio"]["mime_type"] == "audio/pcm;rate=8000"


async def test_a_turn_is_told_in_order_without_thoughts(server, make_provider, told, session):
    provider = make_provider()
    told.listen_to(provider)
    await provider.connect(session)
    connection = await server.connection(0)
    await connection.say(serverContent={"inputTranscription": {"text": "Hello"}})
    await connection.say(serverContent={"inputTranscription": {"text": " there"}})
    await connection.say(serverContent={"modelTurn": {"parts": [{"text": "**Crafting**", "thought": True}]}})
    await connection.say(serverContent={"outputTranscription": {"text": "Good"}})
    await connection.speak(b"\1\0\2\0")
    await connection.say(serverContent={"outputTranscription": {"text": " day"}})
    await connection.say(serverContent={"generationComplete": True})
    await connection.say(serverContent={"turnComplete": True})
    await told.until(lambda it: it.of("response_end"))
    kinds = [event[0] for event in told.events if event[0] != "connection"]
    assert kinds == [
        "transcription",
        "transcription",
        "transcription",
        "response_start",
        "transcription",
        "audio",
        "transcription",
        "transcription",
        "response_end",
    ]
    assert told.finals == [("user", "Hello there"), ("assistant", "Good day")]
    assert told.of("audio") == [(b"\1\0\2\0",)]


async def test_receiving_goes_on_after_a_complete_turn(server, make_provider, told, session):
    provider = make_provider()
    told.listen_to(provider)
    await provider.connect(session)
    connection = await server.connection(0)
    for _ in range(3):
        await connection.speak(b"\0\0")
        await connection.say(serverContent={"turnComplete": True})
    await told.until(lambda it: len(it.of("response_end")) == 3)
    assert len(told.of("audio")) == 3


async def test_the_answer_reaches_the_connection_that_asked_before_the_handoff_replaces_it(
    server, make_provider, told, session
):
    provider = make_provider()
    told.listen_to(provider)
    await provider.connect(session, system_prompt="Triage", voice="Aoede")
    first = await server.connection(0)
    await first.call("fc-1", "handoff_conversation", target="advisor")
    await told.until(lambda it: it.of("tool_call"))
    await provider.submit_tool_result(session, "fc-1", '{"accepted": true}')
    await first.until(lambda it: it.of("tool_response"))
    reconfiguring = asyncio.create_task(provider.reconfigure(session, system_prompt="Advise", voice="Charon", tools=()))
    await first.offer_handle("handle-1")
    await reconfiguring
    second = await server.connection(1)
    response = first.of("tool_response")[0]["functionResponses"][0]
    assert (response["id"], response["name"], response["response"]) == (
        "fc-1",
        "handoff_conversation",
        {"accepted": True},
    )
    assert (second.handle, second.prompt, second.voice) == ("handle-1", "Advise", "Charon")
    await asyncio.wait_for(first.closed.wait(), 5)
    assert told.steps == ["opened", "reconnecting", "resumed"]
    assert session.state is VoiceSessionState.ACTIVE


async def test_a_handle_from_before_the_tool_result_is_not_used_while_a_newer_one_may_come(
    server, make_provider, told, session
):
    provider = make_provider(handle_wait_s=5.0)
    told.listen_to(provider)
    await provider.connect(session)
    first = await server.connection(0)
    await first.offer_handle("old")
    await first.call("fc-1", "handoff_conversation")
    await told.until(lambda it: it.of("tool_call"))
    await provider.submit_tool_result(session, "fc-1", "{}")
    await first.until(lambda it: it.of("tool_response"))
    reconfiguring = asyncio.create_task(provider.reconfigure(session, voice="Charon"))
    await first.say(sessionResumptionUpdate={"resumable": False})
    await first.offer_handle("new")
    await reconfiguring
    assert (await server.connection(1)).handle == "new"


async def test_callers_audio_during_a_handoff_is_neither_lost_nor_doubled(server, make_provider, told, session):
    provider = make_provider(handle_wait_s=5.0)
    told.listen_to(provider)
    await provider.connect(session)
    first = await server.connection(0)
    for number in range(5):
        await provider.send_audio(session, frame(number))
    await first.until(lambda it: len(it.audio) == 5 * 640)
    reconfiguring = asyncio.create_task(provider.reconfigure(session, voice="Charon"))
    await asyncio.sleep(0)
    for number in range(5, 20):
        await provider.send_audio(session, frame(number))
    await first.offer_handle("handle-1")
    await reconfiguring
    for number in range(20, 25):
        await provider.send_audio(session, frame(number))
    second = await server.connection(1)
    await second.until(lambda it: len(it.audio) == 20 * 640)
    assert first.audio + second.audio == b"".join(frame(number) for number in range(25))


async def test_audio_that_could_not_be_kept_is_reported(server, make_provider, told, session):
    provider = make_provider(ring_ms=100, handle_wait_s=5.0)
    told.listen_to(provider)
    await provider.connect(session)
    first = await server.connection(0)
    reconfiguring = asyncio.create_task(provider.reconfigure(session, voice="Charon"))
    await asyncio.sleep(0)
    for number in range(10):
        await provider.send_audio(session, frame(number))
    await first.offer_handle("handle-1")
    await reconfiguring
    second = await server.connection(1)
    await second.until(lambda it: len(it.audio) == 5 * 640)
    assert second.audio == b"".join(frame(number) for number in range(5, 10))
    assert told.of("error") == [("audio_dropped", "gemini: 100 ms of the caller's audio could not be kept")]


async def test_none_keeps_what_the_session_is_configured_with(server, make_provider, session):
    provider = make_provider()
    await provider.connect(
        session, system_prompt="Triage", voice="Aoede", temperature=0.3, provider_config={"silence_duration_ms": 700}
    )
    await (await server.connection(0)).offer_handle("handle-1")
    await provider.reconfigure(session, system_prompt="Advise")
    second = await server.connection(1)
    assert (second.prompt, second.voice) == ("Advise", "Aoede")
    assert second.setup["generationConfig"]["temperature"] == 0.3
    assert second.setup["realtimeInputConfig"]["automatic_activity_detection"]["silence_duration_ms"] == 700


async def test_empty_values_clear_what_the_predecessor_had(server, make_provider, session):
    provider = make_provider()
    await provider.connect(session, system_prompt="Triage", voice="Aoede")
    await (await server.connection(0)).offer_handle("handle-1")
    await provider.reconfigure(session, system_prompt="", voice="")
    second = await server.connection(1)
    assert (second.prompt, second.voice) == (None, None)


async def test_without_a_handle_the_conversation_is_told_again(server, make_provider, told, session):
    provider = make_provider()
    told.listen_to(provider)
    await provider.connect(session)
    first = await server.connection(0)
    await first.say(serverContent={"inputTranscription": {"text": "I want to invest"}})
    await first.say(serverContent={"outputTranscription": {"text": "Certainly"}})
    await first.say(serverContent={"turnComplete": True})
    await told.until(lambda it: it.of("response_end"))
    await provider.reconfigure(session, voice="Charon")
    second = await server.connection(1)
    await second.until(lambda it: it.of("client_content"))
    (seed,) = second.of("client_content")
    assert seed["turns"] == [
        {"role": "user", "parts": [{"text": "I want to invest"}]},
        {"role": "model", "parts": [{"text": "Certainly"}]},
    ]
    assert seed["turnComplete"] is False
    assert told.of("connection")[-1] == ("reseeded", "2 turns told again")


@pytest.mark.parametrize(("overlap", "dials"), [(False, 3), (True, 4)])
async def test_a_refused_handle_leads_to_one_fresh_connection(
    server, make_provider, told, session, overlap: bool, dials: int
):
    server.admit = lambda number, setup: (1008, "Invalid session handle") if setup["sessionResumption"] else None
    provider = make_provider(overlap=overlap)
    told.listen_to(provider)
    await provider.connect(session)
    first = await server.connection(0)
    await first.offer_handle("expired")
    await provider.reconfigure(session, voice="Charon")
    assert server.dials == dials
    assert (await server.connection(1)).handle is None
    assert told.steps[-1] == "fresh"


async def test_a_reconfiguration_that_fails_leaves_a_session_that_can_be_restored(server, make_provider, told, session):
    server.admit = lambda number, setup: (1007, "bad voice") if "Wrong" in str(setup) else None
    provider = make_provider()
    told.listen_to(provider)
    await provider.connect(session, voice="Aoede")
    await (await server.connection(0)).offer_handle("handle-1")
    with pytest.raises(ProviderConnectionError, match="1007"):
        await provider.reconfigure(session, voice="Wrong")
    assert session.state is VoiceSessionState.CONNECTING
    await provider.send_audio(session, FRAME)
    await provider.reconfigure(session, voice="Aoede")
    restored = await server.connection(1)
    await restored.until(lambda it: len(it.audio) == 640)
    assert session.state is VoiceSessionState.ACTIVE


async def test_a_lost_connection_is_resumed(server, make_provider, told, session):
    provider = make_provider()
    told.listen_to(provider)
    await provider.connect(session, voice="Aoede")
    first = await server.connection(0)
    await first.offer_handle("handle-1")
    await first.say(serverContent={"inputTranscription": {"text": "half a sen"}})
    await told.until(lambda it: it.of("transcription"))
    first.socket.transport.abort()
    second = await server.connection(1)
    await told.until(lambda it: "resumed" in it.steps)
    assert (second.handle, second.voice) == ("handle-1", "Aoede")
    assert told.steps == ["opened", "lost", "reconnecting", "resumed"]
    assert told.finals == [("user", "half a sen")]


async def test_attempts_are_bounded_and_the_end_is_told(server, make_provider, told, session):
    provider = make_provider()
    told.listen_to(provider)
    await provider.connect(session)
    first = await server.connection(0)
    server.admit = lambda number, setup: (1013, "try again later")
    await first.socket.close(1012, "restart")
    await told.until(lambda it: "closed" in it.steps)
    assert server.dials == 1 + 5
    assert told.error_codes == ["max_reconnects"]
    assert session.state is VoiceSessionState.ENDED


@pytest.mark.parametrize("code", [1007, 1008, 1011])
async def test_after_a_permanent_close_one_attempt_is_made(server, make_provider, told, session, code):
    provider = make_provider()
    told.listen_to(provider)
    await provider.connect(session)
    first = await server.connection(0)
    server.admit = lambda number, setup: (code, "no")
    await first.socket.close(code, "no")
    await told.until(lambda it: "closed" in it.steps)
    assert server.dials == 2
    assert session.state is VoiceSessionState.ENDED


async def test_a_clean_close_ends_the_session_and_says_so(server, make_provider, told, session):
    provider = make_provider()
    told.listen_to(provider)
    await provider.connect(session)
    await (await server.connection(0)).socket.close(1000)
    await told.until(lambda it: "closed" in it.steps)
    assert told.error_codes == ["connection_closed"]
    assert session.state is VoiceSessionState.ENDED
    assert server.dials == 1


async def test_an_announced_close_is_forestalled_when_the_conversation_is_quiet(server, make_provider, told, session):
    provider = make_provider()
    told.listen_to(provider)
    await provider.connect(session)
    first = await server.connection(0)
    await first.offer_handle("handle-1")
    await first.speak(b"\0\0")
    await first.say(goAway={"timeLeft": "60s"})
    await told.until(lambda it: "go_away" in it.steps)
    assert server.dials == 1
    await first.say(serverContent={"turnComplete": True})
    assert (await server.connection(1)).handle == "handle-1"
    await told.until(lambda it: "resumed" in it.steps)
    assert "lost" not in told.steps


async def test_go_away_during_a_handoff_makes_one_reconnect(server, make_provider, told, session):
    provider = make_provider(handle_wait_s=5.0)
    told.listen_to(provider)
    await provider.connect(session)
    first = await server.connection(0)
    await first.call("fc-1", "handoff_conversation")
    await told.until(lambda it: it.of("tool_call"))
    await provider.submit_tool_result(session, "fc-1", "{}")
    await first.until(lambda it: it.of("tool_response"))
    reconfiguring = asyncio.create_task(provider.reconfigure(session, voice="Charon"))
    await first.say(goAway={"timeLeft": "1s"})
    await first.say(serverContent={"turnComplete": True})
    await told.until(lambda it: "go_away" in it.steps)
    await first.offer_handle("handle-1")
    await reconfiguring
    second = await server.connection(1)
    await second.speak(b"\0\0")
    await told.until(lambda it: it.of("audio"))
    assert (server.dials, second.voice, told.steps.count("resumed")) == (2, "Charon", 1)


async def test_a_loss_during_a_handoff_makes_one_reconnect(server, make_provider, told, session):
    provider = make_provider(handle_wait_s=5.0)
    told.listen_to(provider)
    await provider.connect(session)
    first = await server.connection(0)
    await first.offer_handle("handle-1")
    await first.call("fc-1", "handoff_conversation")
    await told.until(lambda it: it.of("tool_call"))
    await provider.submit_tool_result(session, "fc-1", "{}")
    await first.until(lambda it: it.of("tool_response"))
    reconfiguring = asyncio.create_task(provider.reconfigure(session, voice="Charon"))
    first.socket.transport.abort()
    await reconfiguring
    second = await server.connection(1)
    await second.speak(b"\0\0")
    await told.until(lambda it: it.of("audio"))
    assert (server.dials, second.voice) == (2, "Charon")
    assert told.of("connection")[-1] == ("resumed", "the handle does not cover the last exchange")


async def test_what_was_said_after_the_handle_was_issued_is_told_to_the_resumed_connection(
    server, make_provider, told, session
):
    provider = make_provider()
    told.listen_to(provider)
    await provider.connect(session)
    first = await server.connection(0)
    await first.say(serverContent={"inputTranscription": {"text": "before"}})
    await first.say(serverContent={"turnComplete": True})
    await told.until(lambda it: len(it.finals) == 1)
    await first.offer_handle("h1")
    await first.say(sessionResumptionUpdate={"resumable": False})
    await first.say(serverContent={"inputTranscription": {"text": "my name is Ann"}})
    await first.say(serverContent={"turnComplete": True})
    await told.until(lambda it: len(it.finals) == 2)
    first.socket.transport.abort()
    second = await server.connection(1)
    await second.until(lambda it: bool(it.of("client_content")))
    assert second.handle == "h1"
    (content,) = second.of("client_content")
    assert [turn["parts"][0]["text"] for turn in content["turns"]] == ["my name is Ann"]
    assert content["turnComplete"] is False


async def test_interruption_voids_the_answer(server, make_provider, told, session):
    provider = make_provider()
    told.listen_to(provider)
    await provider.connect(session)
    connection = await server.connection(0)
    await connection.say(serverContent={"outputTranscription": {"text": "As I was"}})
    await connection.say(serverContent={"interrupted": True})
    await connection.say(serverContent={"turnComplete": True})
    await connection.speak(b"\0\0")
    await told.until(lambda it: it.of("audio"))
    kinds = [event[0] for event in told.events if event[0] != "connection"]
    assert kinds == [
        "response_start",
        "transcription",
        "transcription",
        "speech_start",
        "response_end",
        "speech_end",
        "response_start",
        "audio",
    ]


async def test_a_cancelled_call_is_told_and_its_result_is_not_sent(server, make_provider, told, session):
    provider = make_provider()
    told.listen_to(provider)
    await provider.connect(session)
    connection = await server.connection(0)
    await connection.call("fc-1", "slow_tool")
    await connection.say(toolCallCancellation={"ids": ["fc-1"]})
    await told.until(lambda it: it.of("tool_calls_cancelled"))
    await provider.submit_tool_result(session, "fc-1", "{}")
    await provider.send_audio(session, FRAME)
    await connection.until(lambda it: it.audio)
    assert connection.of("tool_response") == []


async def test_a_result_for_a_connection_that_is_gone_is_refused(server, make_provider, told, session):
    provider = make_provider()
    told.listen_to(provider)
    await provider.connect(session)
    first = await server.connection(0)
    await first.offer_handle("handle-1")
    await first.call("fc-1", "slow_tool")
    await told.until(lambda it: it.of("tool_call"))
    first.socket.transport.abort()
    await told.until(lambda it: "resumed" in it.steps)
    with pytest.raises(ProviderError, match="fc-1"):
        await provider.submit_tool_result(session, "fc-1", "{}")


async def test_text_waits_until_the_model_has_spoken(server, make_provider, told, session):
    provider = make_provider()
    told.listen_to(provider)
    await provider.connect(session)
    connection = await server.connection(0)
    await connection.speak(b"\0\0")
    await told.until(lambda it: it.of("audio"))
    await provider.inject_text(session, "Say\x00 hello\ud800", role="system")
    await provider.send_audio(session, FRAME)
    await connection.until(lambda it: it.audio)
    assert connection.of("client_content") == []
    await connection.say(serverContent={"turnComplete": True})
    await connection.until(lambda it: it.of("client_content"))
    assert connection.of("client_content") == [
        {"turns": [{"role": "user", "parts": [{"text": "Say hello?"}]}], "turnComplete": True}
    ]


async def test_text_that_waits_is_not_said_to_the_next_agent(server, make_provider, told, session):
    provider = make_provider()
    told.listen_to(provider)
    await provider.connect(session)
    first = await server.connection(0)
    await first.speak(b"\0\0")
    await told.until(lambda it: it.of("audio"))
    await provider.inject_text(session, "for the first agent")
    await provider.reconfigure(session, voice="Charon")
    second = await server.connection(1)
    await provider.inject_text(session, "for the second agent")
    await second.until(lambda it: it.of("client_content"))
    texts = [content["turns"][0]["parts"][0]["text"] for content in second.of("client_content")]
    assert texts == ["for the second agent"]


async def test_an_unknown_frame_is_reported_and_skipped(server, make_provider, told, session):
    provider = make_provider()
    told.listen_to(provider)
    await provider.connect(session)
    connection = await server.connection(0)
    await connection.say(brandNewThing={"x": 1})
    await connection.speak(b"\0\0")
    await told.until(lambda it: it.of("audio"))
    assert told.error_codes == ["protocol_error"]


async def test_a_first_frame_that_is_not_setup_complete_is_reported_and_nothing_is_sent_before_that(
    server, make_provider, told, session
):
    server.first_frame = {"sessionResumptionUpdate": {"resumable": False}}
    provider = make_provider()
    told.listen_to(provider)
    connecting = asyncio.create_task(provider.connect(session))
    connection = await server.connection(0)
    await provider.send_audio(session, FRAME)
    await connection.say(goAway={"timeLeft": "60s"})
    assert (connection.frames, connecting.done()) == ([], False)
    await connection.say(setupComplete={})
    await connecting
    assert told.error_codes == ["first_frame_lost"]
    await connection.until(lambda it: bool(it.frames))


async def test_a_connection_that_is_never_set_up_is_given_up_and_closed(server, make_provider, session):
    server.first_frame = {"sessionResumptionUpdate": {"resumable": False}}
    provider = make_provider(connect_timeout_s=0.05)
    with pytest.raises(ProviderConnectionError, match="no answer in time"):
        await provider.connect(session)
    await (await server.connection(0)).closed.wait()


@pytest.mark.parametrize(("status", "retryable"), [(401, False), (403, False), (429, True)])
async def test_a_refused_upgrade_is_a_connection_error(server, make_provider, session, status, retryable):
    server.http_status = status
    provider = make_provider()
    with pytest.raises(ProviderConnectionError) as caught:
        await provider.connect(session)
    assert (caught.value.status_code, caught.value.retryable) == (status, retryable)
    assert "test-key" not in str(caught.value)
    await provider.send_audio(session, FRAME)
    with pytest.raises(SessionNotFoundError):
        await provider.inject_text(session, "anybody?")


async def test_nothing_is_dialled_after_the_session_has_ended(server, make_provider, told, session):
    provider = make_provider()
    told.listen_to(provider)
    await provider.connect(session)
    first = await server.connection(0)
    await provider.disconnect(session)
    await provider.disconnect(session)
    await asyncio.wait_for(first.closed.wait(), 5)
    assert session.state is VoiceSessionState.ENDED
    assert (server.dials, told.steps) == (1, ["opened"])


async def test_hang_up_stops_a_reconfiguration(server, make_provider, told, session):
    provider = make_provider(handle_wait_s=60.0)
    told.listen_to(provider)
    await provider.connect(session)
    reconfiguring = asyncio.create_task(provider.reconfigure(session, voice="Charon"))
    await asyncio.sleep(0)
    await provider.disconnect(session)
    with pytest.raises(SessionNotFoundError):
        await reconfiguring
    assert server.dials == 1


async def test_a_misspelt_setting_is_refused_before_anything_is_dialled(server, make_provider, session):
    provider = make_provider()
    with pytest.raises(ConfigurationError, match="silence_durations_ms"):
        await provider.connect(session, provider_config={"silence_durations_ms": 500})
    assert server.dials == 0


async def test_output_comes_at_the_rate_that_was_asked_for(server, make_provider, told, session: VoiceSession):
    provider = make_provider()
    told.listen_to(provider)
    await provider.connect(session, output_sample_rate=8000)
    connection = await server.connection(0)
    await connection.speak(bytes(2 * 480))
    await told.until(lambda it: it.of("audio"))
    audio: Any = told.of("audio")[0][0]
    assert len(audio) == 2 * 160
