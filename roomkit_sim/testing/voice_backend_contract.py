"""What every :class:`~roomkit_sim.voice.backends.base.VoiceBackend` must do, as tests to run against your own.

Subclass the contract in a test module and say how to make a backend, and how its caller speaks and hangs up::

    from roomkit_sim.testing.voice_backend_contract import VoiceBackendContract

    class TestMyBackend(VoiceBackendContract):
        def make_backend(self) -> VoiceBackend:
            return MyBackend(...)

        async def caller_speaks(self, backend: VoiceBackend, session: VoiceSession) -> None:
            await self.my_client.send(...)

The tests are coroutines: pytest-asyncio must run in auto mode, or the subclass be marked with ``pytest.mark.asyncio``
(or ``pytest.mark.sim``, for backends that live in the loop's time).
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import Any

import pytest

from roomkit_sim.voice.audio_frame import AudioFrame
from roomkit_sim.voice.backends.base import VoiceBackend
from roomkit_sim.voice.base import VoiceSession

__all__ = ["VoiceBackendContract"]

_TONE = b"\x00\x10\x00\xf0" * 240


class VoiceBackendContract(ABC):
    """The tests. Each gets a backend of its own from :meth:`make_backend`."""

    @abstractmethod
    def make_backend(self) -> VoiceBackend:
        """A backend that can take a caller."""

    @abstractmethod
    async def caller_speaks(self, backend: VoiceBackend, session: VoiceSession) -> None:
        """Let the caller send at least one frame; it must have been delivered soon after this returns."""

    async def caller_hangs_up(self, backend: VoiceBackend, session: VoiceSession) -> None:
        """Let the caller's side go away."""
        pytest.skip("its callers do not hang up")

    def connection(self) -> Any:
        """What ``accept`` is given."""
        return None

    @pytest.fixture
    async def backend(self) -> AsyncIterator[VoiceBackend]:
        """The backend under test, closed afterwards."""
        backend = self.make_backend()
        yield backend
        await backend.close()

    @pytest.fixture
    async def session(self, backend: VoiceBackend) -> VoiceSession:
        """A session whose caller the backend has taken."""
        session = VoiceSession(room_id="room", participant_id="caller", channel_id="voice")
        await backend.accept(session, self.connection())
        return session

    async def test_it_has_a_name(self, backend: VoiceBackend) -> None:
        """Reports call it by its name."""
        assert backend.name

    async def test_the_rate_it_announces_is_one(self, session: VoiceSession) -> None:
        """``transport_sample_rate`` is a positive number where it is set."""
        rate = session.metadata.get("transport_sample_rate")
        assert rate is None or (isinstance(rate, int) and rate > 0)

    async def test_the_callers_frames_are_delivered_with_their_session(self, backend: VoiceBackend) -> None:
        """To everybody who has registered, as whole samples, whether the callbacks are sync or async."""
        sync: list[tuple[VoiceSession, AudioFrame]] = []
        awaited: list[AudioFrame] = []

        async def hear(session: VoiceSession, frame: AudioFrame) -> None:
            awaited.append(frame)

        backend.on_audio_received(lambda session, frame: sync.append((session, frame)))
        backend.on_audio_received(hear)
        session = VoiceSession(room_id="room", participant_id="caller", channel_id="voice")
        await backend.accept(session, self.connection())
        await self.caller_speaks(backend, session)
        await _soon()
        assert sync
        assert all(of is session for of, _ in sync)
        assert all(frame.data and len(frame.data) % 2 == 0 and frame.sample_rate > 0 for _, frame in sync)
        assert awaited[: len(sync)] == [frame for _, frame in sync][: len(awaited)]

    async def test_sending_returns_at_once_and_can_be_interrupted(
        self, backend: VoiceBackend, session: VoiceSession
    ) -> None:
        """A minute of audio is taken without waiting until it is played; after an interruption nothing is left."""
        async with asyncio.timeout(5):
            for _ in range(100):
                await backend.send_audio(session, _TONE * 30)
            backend.interrupt(session)
            await backend.wait_played(session)

    async def test_optional_calls_are_taken(self, backend: VoiceBackend, session: VoiceSession) -> None:
        """Where there is nothing to do, nothing is done."""
        backend.end_of_response(session)
        backend.set_input_muted(session, True)
        backend.set_input_muted(session, False)
        assert await backend.send_message(session, {"type": "speaking"}) is None  # type: ignore[func-returns-value]

    async def test_hanging_up_twice_does_nothing_and_audio_after_it_is_dropped(
        self, backend: VoiceBackend, session: VoiceSession
    ) -> None:
        """What is late is no error."""
        await backend.disconnect(session)
        await backend.disconnect(session)
        await backend.send_audio(session, _TONE)
        backend.interrupt(session)
        async with asyncio.timeout(5):
            await backend.wait_played(session)

    async def test_a_hang_up_is_told_once(self, backend: VoiceBackend) -> None:
        """With the session; afterwards it can still be disconnected."""
        gone: list[VoiceSession] = []
        backend.on_client_disconnected(gone.append)
        session = VoiceSession(room_id="room", participant_id="caller", channel_id="voice")
        await backend.accept(session, self.connection())
        await self.caller_hangs_up(backend, session)
        await _soon()
        assert gone == [session]
        await backend.disconnect(session)

    async def test_closing_twice_does_nothing(self, backend: VoiceBackend, session: VoiceSession) -> None:
        """Channels and applications both close what they were given."""
        await backend.close()
        assert await backend.close() is None  # type: ignore[func-returns-value]


async def _soon() -> None:
    for _ in range(20):
        await asyncio.sleep(0)
