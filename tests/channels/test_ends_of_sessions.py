"""Sessions of both voice channels end in full, whoever is cancelled or closes the kit meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from roomkit_sim.channels.realtime_voice import RealtimeVoiceChannel
from roomkit_sim.channels.voice import VoiceChannel
from roomkit_sim.core.framework import RoomKit
from roomkit_sim.errors import ProviderConnectionError, SessionNotFoundError
from roomkit_sim.models.enums import HookExecution, HookTrigger
from roomkit_sim.voice.backends.mock import MockVoiceBackend
from roomkit_sim.voice.base import VoiceSession, VoiceSessionState
from roomkit_sim.voice.realtime.mock import MockRealtimeProvider, MockRealtimeTransport
from roomkit_sim.voice.stt.mock import MockSTTProvider

pytestmark = pytest.mark.sim


class _SlowLine(MockRealtimeTransport):
    """Takes a while to hang up, as a telephony service does."""

    async def disconnect(self, session: VoiceSession) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        await super().disconnect(session)


@dataclass
class Switchboard:
    """A kit with one voice channel, and the parts of the channel in the order in which they are closed."""

    kit: RoomKit
    voice: Any
    line: MockVoiceBackend
    parts: tuple[Any, ...]
    ended: list[str] = field(default_factory=list)

    def count_endings(self) -> None:
        @self.kit.hook(HookTrigger.ON_SESSION_ENDED, execution=HookExecution.ASYNC)
        async def ended(session: VoiceSession, context: Any) -> None:
            self.ended.append(session.id)

    async def dial(self) -> VoiceSession:
        session: VoiceSession = await self.voice.start_session("call-1", "caller", None)
        return session

    def hung_up(self) -> int:
        return sum(call.method == "disconnect" for call in self.line.calls)


@pytest.fixture(params=["speech to speech", "by way of text"])
async def board(request: pytest.FixtureRequest) -> AsyncIterator[Switchboard]:
    line = _SlowLine()
    voice: Any
    parts: tuple[Any, ...]
    if request.param == "speech to speech":
        parts = (MockRealtimeProvider(), line)
        voice = RealtimeVoiceChannel("voice", provider=parts[0], transport=line)
    else:
        parts = (line, MockSTTProvider())
        voice = VoiceChannel("voice", stt=parts[1], backend=line)
    board = Switchboard(RoomKit(), voice, line, parts)
    board.kit.register_channel(voice)
    await board.kit.create_room("call-1")
    await board.kit.attach_channel("call-1", "voice")
    yield board
    await board.kit.close()


async def _after(steps: int, task: asyncio.Task[Any]) -> None:
    """Cancel a task after so many steps of the loop, and wait until it and what it left behind have ended."""
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.sleep(1)


@pytest.mark.parametrize("steps", range(1, 16))
async def test_a_session_ends_although_who_ends_it_is_cancelled(board: Switchboard, steps: int) -> None:
    board.count_endings()
    session = await board.dial()
    await _after(steps, asyncio.create_task(board.voice.end_session(session)))
    assert board.hung_up() == 1
    assert board.ended == [session.id]
    assert session.state is VoiceSessionState.ENDED
    assert board.voice.session_rooms == {}


@pytest.mark.parametrize("steps", range(1, 16))
async def test_a_session_that_nobody_is_given_is_ended(board: Switchboard, steps: int) -> None:
    may_begin = asyncio.Event()

    @board.kit.hook(HookTrigger.ON_SESSION_STARTED, execution=HookExecution.ASYNC)
    async def look_the_caller_up(event: Any, context: Any) -> None:
        await may_begin.wait()

    await _after(steps, asyncio.create_task(board.dial()))
    assert board.voice.session_rooms == {}
    assert board.hung_up() == sum(call.method == "accept" for call in board.line.calls)


@pytest.mark.parametrize("gone", ["before the line is open", "when the line is open"])
@pytest.mark.parametrize("way", ["detached", "hung up"])
async def test_a_session_that_ends_while_its_line_is_opened_leaves_nothing_open(
    board: Switchboard, monkeypatch: pytest.MonkeyPatch, gone: str, way: str
) -> None:
    accept = board.line.accept

    async def end(session: VoiceSession) -> None:
        if way == "detached":
            await board.kit.detach_channel("call-1", "voice")
        else:
            await board.line.simulate_client_disconnected(session)
        await asyncio.sleep(1)

    async def accept_slowly(session: VoiceSession, connection: Any) -> None:
        if gone == "before the line is open":
            await end(session)
        await accept(session, connection)
        if gone == "when the line is open":
            await end(session)

    monkeypatch.setattr(board.line, "accept", accept_slowly)
    with pytest.raises(SessionNotFoundError):
        await board.dial()
    await asyncio.sleep(1)
    for part in (part for part in board.parts if not isinstance(part, MockSTTProvider)):
        assert part.calls[-1].method == "disconnect"
    assert board.voice.session_rooms == {}


@pytest.mark.parametrize("gone", ["before the model is called", "while it is called", "when it has been called"])
async def test_a_caller_who_hangs_up_while_a_model_is_called_again_leaves_no_model_behind(
    monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    model, line = MockRealtimeProvider(), MockRealtimeTransport()
    voice, connect = RealtimeVoiceChannel("voice", provider=model, transport=line), model.connect
    async with RoomKit() as kit:
        kit.register_channel(voice)
        await kit.create_room("call-1")
        await kit.attach_channel("call-1", "voice")
        session = await voice.start_session("call-1", "caller", None)
        await voice.release_provider(session)

        async def hang_up() -> None:
            await line.simulate_client_disconnected(session)
            await asyncio.sleep(1)

        async def connect_slowly(session: VoiceSession, **settings: Any) -> None:
            if gone == "while it is called":
                await hang_up()
                raise ProviderConnectionError("the session has ended")
            await connect(session, **settings)
            await hang_up()

        @kit.on("session_reconfigure")
        async def slow(event: Any) -> None:
            if gone == "before the model is called" and event.data["step"] == "started":
                await hang_up()

        monkeypatch.setattr(model, "connect", connect_slowly)
        with pytest.raises((SessionNotFoundError, ProviderConnectionError)):
            await voice.reconfigure_session(session, system_prompt="You are back.")
        assert model.calls[-1].method == "disconnect"
        assert session.state is VoiceSessionState.ENDED


@pytest.mark.parametrize("hangs_up", [True, False])
async def test_the_kit_can_be_closed_when_a_session_has_ended(board: Switchboard, hangs_up: bool) -> None:
    closed: list[bool] = []

    @board.kit.hook(HookTrigger.ON_SESSION_ENDED, execution=HookExecution.ASYNC)
    async def close(session: VoiceSession, context: Any) -> None:
        await board.kit.close()
        closed.append(True)

    session = await board.dial()
    if hangs_up:
        await board.line.simulate_client_disconnected(session)
    else:
        await board.voice.end_session(session)
    await asyncio.sleep(1)
    assert closed == [True]
    assert board.line.calls[-1].method == "close"


async def test_what_comes_next_is_closed_although_a_part_cannot_be(board: Switchboard) -> None:
    errors: list[str] = []
    closed: list[str] = []
    board.kit.on("error")(lambda event: errors.append(event.data["where"]))

    def closing(name: str) -> Any:
        async def close() -> None:
            closed.append(name)
            raise OSError("connection lost")

        return close

    for part in board.parts:
        part.close = closing(type(part).__name__)
    await board.voice.close()
    assert closed == [type(part).__name__ for part in board.parts]
    assert errors == [f"closing {name}" for name in closed]
