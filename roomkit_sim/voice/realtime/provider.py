"""What a speech-to-speech model provider must be able to do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from roomkit_sim.voice.base import VoiceSession
from roomkit_sim.voice.realtime.callbacks import Callbacks

__all__ = ["ConnectionStep", "RealtimeCapabilities", "RealtimeVoiceProvider"]

ConnectionStep: TypeAlias = Literal[
    "opened", "updated", "resumed", "reseeded", "fresh", "lost", "reconnecting", "go_away", "closed"
]
"""What happened to a session's connection.

``opened``: the first one. ``lost``: it broke. ``go_away``: the provider will close it soon. ``reconnecting``: a new one
is dialled. Then one of ``resumed`` (the provider kept the conversation), ``reseeded`` (it did not; we told it again)
and ``fresh`` (there was nothing to tell). ``updated``: the session was configured anew inside its connection.
``closed``: for good; the session has ended.
"""


@dataclass(frozen=True)
class RealtimeCapabilities:
    """What a provider can do, so that nobody has to ask for its name.

    Args:
        resumption: A new connection can go on with the old one's conversation.
        in_session_update: Prompt and tools can be changed without a new connection.
        voice_change: The voice can be changed in a conversation, by whatever means.
        truncation: The provider must be told how much of an interrupted answer was played, by
            :meth:`RealtimeVoiceProvider.truncate`.
        input_sample_rate: In Hz, what the model hears best.
        output_sample_rate: In Hz, what the model speaks.
        reconfiguration: Prompt, voice and tools of a conversation can be changed at all; without it no agent can hand a
            call over.
        async_tools: The model goes on with the conversation while a tool's result is awaited.
        silent_results: A tool's result can be given without letting the model go on speaking.
    """

    resumption: bool = False
    in_session_update: bool = False
    voice_change: bool = True
    truncation: bool = False
    input_sample_rate: int = 16000
    output_sample_rate: int = 24000
    reconfiguration: bool = True
    async_tools: bool = False
    silent_results: bool = False


class RealtimeVoiceProvider(ABC):
    """Connects sessions to a speech-to-speech model.

    Audio is PCM16 little-endian mono. Callbacks may be sync or async, several may be registered, and a failing one is
    logged and does not stop the others. They are called in the order of what the provider said, each awaited before
    the next: a callback that takes long holds up the session's audio, so it should hand its work on.

    A session ends with :meth:`disconnect` and in no other way, except that the provider gives up: then it sets the
    state ``ENDED``, calls ``on_error`` with the reason and ``on_connection`` with ``"closed"``.
    """

    def __init__(self) -> None:
        self._audio = Callbacks("audio")
        self._transcription = Callbacks("transcription")
        self._speech_start = Callbacks("speech start")
        self._speech_end = Callbacks("speech end")
        self._tool_call = Callbacks("tool call")
        self._tool_calls_cancelled = Callbacks("cancelled tool calls")
        self._response_start = Callbacks("response start")
        self._response_end = Callbacks("response end")
        self._error = Callbacks("error")
        self._connection = Callbacks("connection")

    @property
    @abstractmethod
    def name(self) -> str:
        """A short name for events and errors."""

    @property
    def capabilities(self) -> RealtimeCapabilities:
        """What the provider can do."""
        return RealtimeCapabilities(reconfiguration=type(self).reconfigure is not RealtimeVoiceProvider.reconfigure)

    @abstractmethod
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
        """Open the session's connection and set ``session.state`` to ``ACTIVE``.

        Args:
            session: The session. Audio that :meth:`send_audio` is given from now on must not be lost.
            system_prompt: Instructions; ``None`` or ``""`` is none.
            voice: The provider's name of the voice; ``None`` or ``""`` is the provider's default.
            tools: Function tools: ``{"name", "description", "parameters": <JSON schema>}`` each.
            temperature: Sampling temperature.
            input_sample_rate: In Hz, of what :meth:`send_audio` is given.
            output_sample_rate: In Hz, of what ``on_audio`` is to give.
            server_vad: Whether the provider finds the ends of turns.
            provider_config: Settings that only this provider understands.

        Raises:
            ProviderConnectionError: The connection could not be made; nothing of the session is kept.
        """

    @abstractmethod
    async def send_audio(self, session: VoiceSession, audio: bytes) -> None:
        """Let the model hear ``audio``.

        Never raises for a connection that is lost or being replaced. For a session that has ended, or was never
        connected, it does nothing.
        """

    @abstractmethod
    async def inject_text(self, session: VoiceSession, text: str, *, role: str = "user") -> None:
        """Add ``text`` to the conversation and ask the model to respond to it.

        Args:
            session: The session.
            text: The words.
            role: ``"user"``, ``"assistant"`` or ``"system"``; a provider without a role takes the nearest.
        """

    @abstractmethod
    async def submit_tool_result(
        self, session: VoiceSession, call_id: str, result: str, *, respond: bool = True
    ) -> None:
        """Answer a tool call. An answer to a cancelled call is dropped.

        Args:
            session: The session.
            call_id: The call, by the id that ``on_tool_call`` gave.
            result: The result.
            respond: Whether the model is to go on speaking. Callers pass ``False`` only to providers with the
                capability ``silent_results``: where another agent is about to take over, or where the session is
                configured anew first and :meth:`respond` follows.

        Raises:
            ProviderError: The connection that asked is gone: the model of the present one does not know the call.
        """

    @abstractmethod
    async def interrupt(self, session: VoiceSession) -> None:
        """Stop the model's answer, where the provider does not do so by itself."""

    async def respond(self, session: VoiceSession) -> None:
        """Let the model go on after results that were given silently.

        Only for providers with the capability ``silent_results``; others go on by themselves.
        """
        return None

    async def truncate(self, session: VoiceSession, unplayed_ms: float) -> None:
        """Tell the model how much of what it said the caller did not hear, after an interruption.

        Only for providers with the capability ``truncation``; others know, or cannot be told.

        Args:
            session: The session.
            unplayed_ms: Of the audio that ``on_audio`` gave before the last ``on_speech_start``, how much at its end
                was not played, in milliseconds. It may reach over several answers.
        """
        return None

    @abstractmethod
    async def disconnect(self, session: VoiceSession) -> None:
        """End the session: state ``ENDED``, no further connection, no further callback. Twice does nothing."""

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
        """Change what the session is configured with. ``None`` keeps a value; ``""`` and ``()`` clear it.

        The session is never ``ENDED`` meanwhile, and no audio of the caller is lost.

        Raises:
            ProviderConnectionError: It did not succeed. The session may be without a connection, and is not ended:
                call again, with this or the former configuration, or disconnect.
            ProviderError: The provider cannot change sessions at all (the default).
        """
        from roomkit_sim.errors import ProviderError

        raise ProviderError(f"{self.name}: sessions of this provider cannot be reconfigured", provider=self.name)

    async def send_event(self, session: VoiceSession, event: Mapping[str, Any]) -> None:
        """Send a raw message of the provider's own protocol, where the provider allows it."""
        raise NotImplementedError(f"{self.name} has no raw events")

    async def close(self) -> None:
        """End all sessions."""
        return None

    def on_audio(self, callback: Callable[[VoiceSession, bytes], Any]) -> None:
        """``callback(session, pcm)``: the model speaks; at the output rate that the session was connected with."""
        self._audio.add(callback)

    def on_transcription(self, callback: Callable[[VoiceSession, str, str, bool], Any]) -> None:
        """``callback(session, text, role, is_final)``; role ``"user"`` or ``"assistant"``.

        The text of a partial transcription is everything said so far in the utterance.
        """
        self._transcription.add(callback)

    def on_speech_start(self, callback: Callable[[VoiceSession], Any]) -> None:
        """``callback(session)``: the caller began to speak; an answer that is playing is void."""
        self._speech_start.add(callback)

    def on_speech_end(self, callback: Callable[[VoiceSession], Any]) -> None:
        """``callback(session)``: the caller stopped speaking."""
        self._speech_end.add(callback)

    def on_tool_call(self, callback: Callable[[VoiceSession, str, str, dict[str, Any]], Any]) -> None:
        """``callback(session, call_id, name, arguments)``: the model calls a tool and waits for its result."""
        self._tool_call.add(callback)

    def on_tool_calls_cancelled(self, callback: Callable[[VoiceSession, Sequence[str]], Any]) -> None:
        """``callback(session, call_ids)``: the model takes calls back; one that has not begun must not be executed."""
        self._tool_calls_cancelled.add(callback)

    def on_response_start(self, callback: Callable[[VoiceSession], Any]) -> None:
        """``callback(session)``: the model begins an answer."""
        self._response_start.add(callback)

    def on_response_end(self, callback: Callable[[VoiceSession], Any]) -> None:
        """``callback(session)``: the model has ended its answer, or was interrupted."""
        self._response_end.add(callback)

    def on_error(self, callback: Callable[[VoiceSession, str, str], Any]) -> None:
        """``callback(session, code, message)``: something went wrong; the message holds no secrets."""
        self._error.add(callback)

    def on_connection(self, callback: Callable[[VoiceSession, ConnectionStep, str], Any]) -> None:
        """``callback(session, step, detail)``: something happened to the connection; see :data:`ConnectionStep`."""
        self._connection.add(callback)
