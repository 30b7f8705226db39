"""A planned replacement opens the new connection before the old one closes."""

from __future__ import annotations

import asyncio

import pytest

from roomkit_sim.errors import ProviderConnectionError
from roomkit_sim.voice.base import VoiceSession, VoiceSessionState

FRAME = bytes(640)


@pytest.fixture
def session() -> VoiceSession:
    return VoiceSession(room_id="room", participant_id="caller", channel_id="voice")


@pytest.mark.parametrize("overlap", [True, False])
async def test_the_old_connection_is_open_while_the_new_one_is_dialled_if_they_may_overlap(
    server, make_provider, session, overlap: bool
):
    provider = make_provider(overlap=overlap)
    await provider.connect(session, voice="Aoede")
    first = await server.connection(0)
    await first.offer_handle("handle-1")
    open_at_dial: list[bool] = []
    server.admit = lambda number, setup: open_at_dial.append(not first.closed.is_set())
    await provider.reconfigure(session, voice="Charon")
    second = await server.connection(1)
    assert open_at_dial == [overlap]
    assert (second.voice, second.handle) == ("Charon", "handle-1")
    await asyncio.wait_for(first.closed.wait(), 5)


async def test_the_state_says_that_the_session_is_active_all_the_time(server, make_provider, session):
    provider = make_provider()
    await provider.connect(session, voice="Aoede")
    await (await server.connection(0)).offer_handle("handle-1")
    states: list[VoiceSessionState] = []
    server.admit = lambda number, setup: states.append(session.state)
    await provider.reconfigure(session, voice="Charon")
    assert [*states, session.state] == [VoiceSessionState.ACTIVE] * 2


async def test_a_service_that_resumes_nothing_beside_an_open_connection_is_asked_again_alone(
    server, make_provider, told, session
):
    """And from then on the old connection is closed first."""
    provider = make_provider()
    told.listen_to(provider)
    await provider.connect(session, voice="Aoede")
    first = await server.connection(0)
    await first.offer_handle("handle-1")
    present = [first]

    def admit(number: int, setup: object) -> tuple[int, str] | None:
        return None if present[-1].closed.is_set() else (1008, "the session is in use")

    server.admit = admit
    await provider.reconfigure(session, voice="Charon")
    second = await server.connection(1)
    assert (server.dials, second.handle, second.voice) == (3, "handle-1", "Charon")
    present.append(second)
    await second.offer_handle("handle-2")
    await second.speak(FRAME)
    await told.until(lambda it: it.of("audio"))
    await second.say(serverContent={"turnComplete": True})
    await provider.reconfigure(session, voice="Aoede")
    third = await server.connection(2)
    assert (server.dials, third.handle) == (4, "handle-2")
    assert told.steps.count("resumed") == 2


async def test_a_dial_that_fails_leaves_the_old_connection_in_use(server, make_provider, told, session):
    provider = make_provider()
    told.listen_to(provider)
    await provider.connect(session, system_prompt="Triage", voice="Aoede")
    first = await server.connection(0)
    await first.offer_handle("handle-1")
    server.admit = lambda number, setup: (1013, "try again later")
    with pytest.raises(ProviderConnectionError, match="1013"):
        await provider.reconfigure(session, voice="Charon")
    assert session.state is VoiceSessionState.ACTIVE
    await provider.send_audio(session, FRAME)
    await first.until(lambda it: len(it.audio) == 640)
    await provider.reconfigure(session, system_prompt="Triage", voice="Aoede")
    assert server.dials == 2
    assert told.steps == ["opened", "reconnecting"]


async def test_an_announced_close_is_forestalled_without_a_gap(server, make_provider, told, session):
    provider = make_provider()
    told.listen_to(provider)
    await provider.connect(session)
    first = await server.connection(0)
    await first.offer_handle("handle-1")
    open_at_dial: list[bool] = []
    server.admit = lambda number, setup: open_at_dial.append(not first.closed.is_set())
    await first.say(goAway={"timeLeft": "60s"})
    await told.until(lambda it: "resumed" in it.steps)
    assert open_at_dial == [True]
    assert told.steps == ["opened", "go_away", "reconnecting", "resumed"]


async def test_a_replacement_that_fails_before_an_announced_close_is_tried_again_when_it_comes(
    server, make_provider, told, session
):
    provider = make_provider()
    told.listen_to(provider)
    await provider.connect(session)
    first = await server.connection(0)
    await first.offer_handle("handle-1")
    server.admit = lambda number, setup: (1013, "try again later") if number <= 5 else None
    await first.say(goAway={"timeLeft": "60s"})
    await told.until(lambda it: "replacement_failed" in it.error_codes)
    await provider.send_audio(session, FRAME)
    await first.until(lambda it: len(it.audio) == 640)
    await first.socket.close(1001)
    await told.until(lambda it: "resumed" in it.steps)
    assert session.state is VoiceSessionState.ACTIVE
