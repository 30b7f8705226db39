"""What every :class:`~roomkit_sim.voice.realtime.provider.RealtimeVoiceProvider` must do, as tests for your own.

Subclass the contract in a test module. Say how to make a provider, and how the model at the other end speaks, calls a
function and goes away; the far end is yours, a fake of the service as a rule::

    from roomkit_sim.testing.realtime_provider_contract import RealtimeProviderContract

    class TestMyProvider(RealtimeProviderContract):
        @asynccontextmanager
        async def provider(self, request) -> AsyncIterator[RealtimeVoiceProvider]:
            async with my_fake_service() as self.service:
                yield MyProvider(self.service.url)

        async def model_speaks(self, provider, session) -> None:
            await self.service.speak(...)

The tests are coroutines: pytest-asyncio must run in auto mode, or the subclass be marked with ``pytest.mark.asyncio``
(or ``pytest.mark.sim``, for services in the simulated network).
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

import pytest

from roomkit_sim.errors import RoomkitSimError
from roomkit_sim.voice.base import VoiceSession, VoiceSessionState
from roomkit_sim.voice.realtime.provider import RealtimeVoiceProvider

__all__ = ["RealtimeProviderContract"]

_FRAME = bytes(640)
_PATIENCE_S = 10.0
_TOOL = {
    "name": "look_up",
    "description": "Looks a word up.",
    "parameters": {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]},
}


class RealtimeProviderContract(ABC):
    """The tests. Each gets a provider of its own from :meth:`provider`."""

    voices: tuple[str, str] = ("voice-a", "voice-b")
    """Two voices of the service."""

    @abstractmethod
    def provider(self, request: pytest.FixtureRequest) -> AbstractAsyncContextManager[RealtimeVoiceProvider]:
        """A provider whose service is there as long as the context."""

    @abstractmethod
    async def model_speaks(self, provider: RealtimeVoiceProvider, session: VoiceSession) -> None:
        """Let the model give one whole spoken answer, with its transcript, on the session's present connection."""

    @abstractmethod
    async def model_calls(self, provider: RealtimeVoiceProvider, session: VoiceSession, call_id: str) -> None:
        """Let the model call ``look_up`` with the argument ``word`` = ``"bond"``."""

    async def service_ends(self, provider: RealtimeVoiceProvider, session: VoiceSession) -> None:
        """Let the service end the session for good."""
        pytest.skip("its service does not end sessions")

    @pytest.fixture
    async def made(self, request: pytest.FixtureRequest) -> AsyncIterator[RealtimeVoiceProvider]:
        """The provider under test, closed afterwards."""
        async with self.provider(request) as provider:
            yield provider
            await provider.close()

    @pytest.fixture
    def session(self) -> VoiceSession:
        """A session that is not connected."""
        return VoiceSession(room_id="room", participant_id="caller", channel_id="voice")

    async def test_it_has_a_name_and_says_what_it_can_do(self, made: RealtimeVoiceProvider) -> None:
        """Nobody has to know it by its name."""
        assert made.name
        assert made.capabilities.input_sample_rate > 0
        assert made.capabilities.output_sample_rate > 0

    async def test_connecting_activates_the_session_and_is_told(
        self, made: RealtimeVoiceProvider, session: VoiceSession
    ) -> None:
        """The step is ``opened``."""
        steps: list[str] = []
        made.on_connection(lambda of, step, detail: steps.append(step))
        await self._connect(made, session)
        assert session.state is VoiceSessionState.ACTIVE
        assert steps == ["opened"]

    async def test_an_answer_is_told_from_its_start_to_its_end(
        self, made: RealtimeVoiceProvider, session: VoiceSession
    ) -> None:
        """Start, then audio and what was said, then the end; whole samples, with the session that they belong to."""
        told = _Told(made)
        await self._connect(made, session)
        await self.model_speaks(made, session)
        await told.until("response_end")
        kinds = [kind for kind, _ in told.events]
        assert kinds[0] == "response_start"
        assert kinds[-1] == "response_end"
        assert "audio" in kinds
        assert all(arguments[0] is session for _, arguments in told.events)
        assert all(len(arguments[1]) % 2 == 0 for kind, arguments in told.events if kind == "audio")
        finals = [arguments for kind, arguments in told.events if kind == "transcription" and arguments[3]]
        assert [role for _, _, role, _ in finals] == ["assistant"]

    async def test_a_failing_callback_stops_no_other(self, made: RealtimeVoiceProvider, session: VoiceSession) -> None:
        """It is logged."""

        def fail(*arguments: Any) -> None:
            raise RuntimeError("on purpose")

        made.on_response_end(fail)
        told = _Told(made)
        await self._connect(made, session)
        await self.model_speaks(made, session)
        await told.until("response_end")
        assert session.state is VoiceSessionState.ACTIVE

    async def test_a_call_is_told_with_its_arguments_and_takes_its_result(
        self, made: RealtimeVoiceProvider, session: VoiceSession
    ) -> None:
        """The arguments come as a dictionary."""
        told = _Told(made)
        await self._connect(made, session)
        await self.model_calls(made, session, "call-1")
        _, call_id, name, arguments = await told.until("tool_call")
        assert (name, arguments) == ("look_up", {"word": "bond"})
        await made.submit_tool_result(session, call_id, '{"found": true}')
        assert session.state is VoiceSessionState.ACTIVE

    async def test_text_and_interruption_are_taken(self, made: RealtimeVoiceProvider, session: VoiceSession) -> None:
        """In every role, and an interruption or a truncation where there is nothing to interrupt."""
        await self._connect(made, session)
        for role in ("user", "assistant", "system"):
            await made.inject_text(session, "Please say hello.", role=role)
        await made.interrupt(session)
        await made.truncate(session, 100.0)
        assert session.state is VoiceSessionState.ACTIVE

    async def test_a_session_is_reconfigured_and_never_ended_meanwhile(
        self, made: RealtimeVoiceProvider, session: VoiceSession
    ) -> None:
        """Another prompt and voice; audio goes on being taken; the step says how it was done."""
        if not made.capabilities.reconfiguration:
            pytest.skip("it cannot reconfigure sessions, and says so")
        steps: list[str] = []
        states: list[VoiceSessionState] = []
        made.on_connection(lambda of, step, detail: steps.append(step))
        made.on_connection(lambda of, step, detail: states.append(of.state))
        await self._connect(made, session)
        await self.model_speaks(made, session)
        changing = asyncio.ensure_future(
            made.reconfigure(session, system_prompt="Somebody else", voice=self.voices[1], tools=())
        )
        for _ in range(20):
            await made.send_audio(session, _FRAME)
            await asyncio.sleep(0)
        async with asyncio.timeout(_PATIENCE_S):
            await changing
        assert session.state is VoiceSessionState.ACTIVE
        assert VoiceSessionState.ENDED not in states
        assert steps[-1] in ("updated", "resumed", "reseeded", "fresh")
        await self.model_speaks(made, session)

    async def test_a_session_ends_once_and_what_is_late_is_no_error(
        self, made: RealtimeVoiceProvider, session: VoiceSession
    ) -> None:
        """Afterwards audio is dropped, and nothing more is told."""
        told = _Told(made)
        await self._connect(made, session)
        await made.disconnect(session)
        assert session.state is VoiceSessionState.ENDED
        heard = len(told.events)
        await made.disconnect(session)
        await made.send_audio(session, _FRAME)
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(told.events) == heard

    async def test_audio_before_the_connection_is_no_error(
        self, made: RealtimeVoiceProvider, session: VoiceSession
    ) -> None:
        """It is dropped: nobody has asked for a model."""
        await made.send_audio(session, _FRAME)
        assert session.state is not VoiceSessionState.ENDED

    async def test_two_sessions_have_nothing_to_do_with_each_other(self, made: RealtimeVoiceProvider) -> None:
        """The end of one leaves the other alone."""
        first, second = (VoiceSession(room_id=name, participant_id=name, channel_id="voice") for name in ("a", "b"))
        await self._connect(made, first)
        await self._connect(made, second)
        await made.disconnect(first)
        assert (first.state, second.state) == (VoiceSessionState.ENDED, VoiceSessionState.ACTIVE)

    async def test_a_provider_that_gives_up_says_so_and_ends_the_session(
        self, made: RealtimeVoiceProvider, session: VoiceSession
    ) -> None:
        """An error with the reason, then the step ``closed``, then the state."""
        told = _Told(made)
        closed = asyncio.Event()
        made.on_connection(lambda of, step, detail: closed.set() if step == "closed" else None)
        await self._connect(made, session)
        await self.service_ends(made, session)
        async with asyncio.timeout(_PATIENCE_S):
            await closed.wait()
        for _ in range(20):
            await asyncio.sleep(0)
        assert session.state is VoiceSessionState.ENDED
        assert [kind for kind, _ in told.events][-1:] == ["error"]

    async def test_closing_twice_does_nothing(self, made: RealtimeVoiceProvider, session: VoiceSession) -> None:
        """Channels and applications both close what they were given."""
        await self._connect(made, session)
        await made.close()
        assert session.state is VoiceSessionState.ENDED
        assert await made.close() is None  # type: ignore[func-returns-value]

    async def test_what_it_refuses_it_refuses_with_an_error_of_the_project(
        self, made: RealtimeVoiceProvider, session: VoiceSession
    ) -> None:
        """A text or a result for a session that has ended; doing nothing is as good."""
        await self._connect(made, session)
        await made.disconnect(session)
        for late in (made.inject_text(session, "late"), made.submit_tool_result(session, "call-9", "{}")):
            with suppress(RoomkitSimError):
                await late
        assert session.state is VoiceSessionState.ENDED

    async def _connect(self, made: RealtimeVoiceProvider, session: VoiceSession) -> None:
        await made.connect(session, system_prompt="Be brief.", voice=self.voices[0], tools=[_TOOL])


class _Told:
    """What callbacks are told, in order."""

    def __init__(self, provider: RealtimeVoiceProvider) -> None:
        self.events: list[tuple[str, tuple[Any, ...]]] = []
        self._news = asyncio.Event()
        provider.on_audio(self._on("audio"))
        provider.on_transcription(self._on("transcription"))
        provider.on_tool_call(self._on("tool_call"))
        provider.on_response_start(self._on("response_start"))
        provider.on_response_end(self._on("response_end"))
        provider.on_error(self._on("error"))

    def _on(self, kind: str) -> Callable[..., None]:
        def take(*arguments: Any) -> None:
            self.events.append((kind, arguments))
            self._news.set()

        return take

    async def until(self, kind: str) -> tuple[Any, ...]:
        """Wait for the first event of a kind; its arguments."""
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                for found, arguments in self.events:
                    if found == kind:
                        return arguments
                self._news.clear()
                await self._news.wait()
