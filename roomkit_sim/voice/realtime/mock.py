"""A realtime provider and a transport that record what they are told and simulate the other side on request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from roomkit_sim.voice.audio_frame import AudioFrame
from roomkit_sim.voice.backends.mock import MockVoiceBackend
from roomkit_sim.voice.base import VoiceSession, VoiceSessionState
from roomkit_sim.voice.realtime.provider import ConnectionStep, RealtimeCapabilities, RealtimeVoiceProvider

__all__ = ["MockCall", "MockRealtimeProvider", "MockRealtimeTransport"]


@dataclass(frozen=True)
class MockCall:
    """One call of a method of the provider."""

    method: str
    args: dict[str, Any] = field(default_factory=dict)


class MockRealtimeProvider(RealtimeVoiceProvider):
    """Answers nothing by itself; tests speak for the model with the ``simulate_*`` methods.

    Args:
        capabilities: What to claim; the default claims resumption and reconfiguration with any voice.
        fail: Asked before each ``connect`` and ``reconfigure`` (by method name); an exception that it returns is
            raised instead.

    Attributes:
        calls: Every call of a method, in order.
        sent_audio: ``(session id, pcm)``.
        injected_texts: ``(session id, text, role)``.
        tool_results: ``(session id, call id, result)``.
    """

    def __init__(
        self,
        *,
        capabilities: RealtimeCapabilities | None = None,
        fail: Callable[[str], Exception | None] | None = None,
    ) -> None:
        super().__init__()
        self.calls: list[MockCall] = []
        self.sent_audio: list[tuple[str, bytes]] = []
        self.injected_texts: list[tuple[str, str, str]] = []
        self.tool_results: list[tuple[str, str, str]] = []
        self._capabilities = capabilities or RealtimeCapabilities(resumption=True, in_session_update=True)
        self._fail = fail
        self._cancelled: set[tuple[str, str]] = set()
        self._sessions: dict[str, VoiceSession] = {}

    @property
    def name(self) -> str:
        """``"mock"``."""
        return "mock"

    @property
    def capabilities(self) -> RealtimeCapabilities:
        """What was claimed at construction."""
        return self._capabilities

    def calls_of(self, method: str) -> list[MockCall]:
        """The recorded calls of one method."""
        return [call for call in self.calls if call.method == method]

    async def connect(
        self,
        session: VoiceSession,
        *,
        system_prompt: str | None = None,
        voice: str | None = None,
        tools: Sequence[dict[str, Any]] | None = None,
        temperature: float | None = None,
        input_sample_rate: int = 16000,
        output_sample_rate: int = 24000,
        server_vad: bool = True,
        provider_config: Mapping[str, Any] | None = None,
    ) -> None:
        """Activate the session."""
        self._record(
            "connect",
            session=session,
            system_prompt=system_prompt,
            voice=voice,
            tools=tools,
            temperature=temperature,
            input_sample_rate=input_sample_rate,
            output_sample_rate=output_sample_rate,
            server_vad=server_vad,
            provider_config=provider_config,
        )
        self._sessions[session.id] = session
        session.state = VoiceSessionState.ACTIVE
        session.provider_session_id = f"mock-{session.id}"
        await self._connection(session, "opened", "")

    async def send_audio(self, session: VoiceSession, audio: bytes) -> None:
        """Record ``audio``."""
        if session.id in self._sessions:
            self.sent_audio.append((session.id, audio))

    async def inject_text(self, session: VoiceSession, text: str, *, role: str = "user") -> None:
        """Record ``text``."""
        self._record("inject_text", session=session, text=text, role=role)
        self.injected_texts.append((session.id, text, role))

    async def submit_tool_result(
        self, session: VoiceSession, call_id: str, result: str, *, respond: bool = True
    ) -> None:
        """Record ``result``, unless the call was cancelled."""
        if (session.id, call_id) in self._cancelled:
            return
        self._record("submit_tool_result", session=session, call_id=call_id, result=result, respond=respond)
        self.tool_results.append((session.id, call_id, result))

    async def respond(self, session: VoiceSession) -> None:
        """Record it."""
        self._record("respond", session=session)

    async def interrupt(self, session: VoiceSession) -> None:
        """Record the interruption."""
        self._record("interrupt", session=session)

    async def truncate(self, session: VoiceSession, unplayed_ms: float) -> None:
        """Record how much was not heard."""
        self._record("truncate", session=session, unplayed_ms=unplayed_ms)

    async def disconnect(self, session: VoiceSession) -> None:
        """End the session."""
        self._record("disconnect", session=session)
        self._sessions.pop(session.id, None)
        self._cancelled = {entry for entry in self._cancelled if entry[0] != session.id}
        session.state = VoiceSessionState.ENDED

    async def reconfigure(
        self,
        session: VoiceSession,
        *,
        system_prompt: str | None = None,
        voice: str | None = None,
        tools: Sequence[dict[str, Any]] | None = None,
        temperature: float | None = None,
        provider_config: Mapping[str, Any] | None = None,
    ) -> None:
        """Record the new configuration."""
        self._record(
            "reconfigure",
            session=session,
            system_prompt=system_prompt,
            voice=voice,
            tools=tools,
            temperature=temperature,
            provider_config=provider_config,
        )
        session.state = VoiceSessionState.ACTIVE
        await self._connection(session, "resumed", "")

    async def send_event(self, session: VoiceSession, event: Mapping[str, Any]) -> None:
        """Record ``event``."""
        self._record("send_event", session=session, event=event)

    async def close(self) -> None:
        """End all sessions."""
        for session in list(self._sessions.values()):
            await self.disconnect(session)
        self._record("close")

    async def simulate_audio(self, session: VoiceSession, audio: bytes) -> None:
        """The model speaks."""
        await self._audio(session, audio)

    async def simulate_transcription(self, session: VoiceSession, text: str, role: str, is_final: bool) -> None:
        """Something was transcribed."""
        await self._transcription(session, text, role, is_final)

    async def simulate_speech_start(self, session: VoiceSession) -> None:
        """The caller begins to speak."""
        await self._speech_start(session)

    async def simulate_speech_end(self, session: VoiceSession) -> None:
        """The caller stops speaking."""
        await self._speech_end(session)

    async def simulate_tool_call(
        self, session: VoiceSession, call_id: str, name: str, arguments: dict[str, Any] | None = None
    ) -> None:
        """The model calls a tool."""
        await self._tool_call(session, call_id, name, arguments or {})

    async def simulate_tool_calls_cancelled(self, session: VoiceSession, call_ids: Sequence[str]) -> None:
        """The model takes calls back."""
        self._cancelled.update((session.id, call_id) for call_id in call_ids)
        await self._tool_calls_cancelled(session, call_ids)

    async def simulate_response_start(self, session: VoiceSession) -> None:
        """The model begins an answer."""
        await self._response_start(session)

    async def simulate_response_end(self, session: VoiceSession) -> None:
        """The model ends its answer."""
        await self._response_end(session)

    async def simulate_error(self, session: VoiceSession, code: str, message: str) -> None:
        """Something goes wrong."""
        await self._error(session, code, message)

    async def simulate_connection(self, session: VoiceSession, step: ConnectionStep, detail: str = "") -> None:
        """Something happens to the connection; ``"closed"`` ends the session, as a provider does that gives up."""
        if step == "closed":
            self._sessions.pop(session.id, None)
            session.state = VoiceSessionState.ENDED
        await self._connection(session, step, detail)

    def _record(self, method: str, **args: Any) -> None:
        self.calls.append(MockCall(method, args))
        failure = self._fail(method) if self._fail is not None and method in ("connect", "reconfigure") else None
        if failure is not None:
            raise failure


class MockRealtimeTransport(MockVoiceBackend):
    """The mock backend, with the names that realtime tests use."""

    async def simulate_client_audio(self, session: VoiceSession, audio: bytes, sample_rate: int | None = None) -> None:
        """The caller says ``audio``, PCM16 mono, at ``sample_rate`` Hz (default: the line's rate, else 16000)."""
        rate = sample_rate or int(session.metadata.get("transport_sample_rate", 16000))
        await self.simulate_audio_received(session, AudioFrame(audio, sample_rate=rate))

    async def simulate_client_disconnect(self, session: VoiceSession) -> None:
        """The caller's side goes away."""
        await self.simulate_client_disconnected(session)
