"""From the SDK's messages to what happened in the conversation. Pure.

The order inside a message and between messages is what the rest of the runtime relies on: the caller's words are
final before the reply or the tool call that answers them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from roomkit_sim.providers.realtime.events import (
    AudioOut,
    GoAway,
    LiveEvent,
    ResponseEnded,
    ResponseStarted,
    SpeechEnded,
    SpeechStarted,
    ToolCalled,
    ToolsCancelled,
    Transcript,
    WireEvent,
)
from roomkit_sim.providers.realtime.history import Role

if TYPE_CHECKING:
    from google.genai import types

__all__ = ["HandleUpdate", "LiveNormaliser", "go_away_ns"]


@dataclass(frozen=True, slots=True)
class HandleUpdate(WireEvent):
    """Whether the session can be resumed now, and with which handle."""

    handle: str | None
    resumable: bool


class LiveNormaliser:
    """Follows one connection's messages.

    Args:
        default_rate_hz: Rate of audio whose MIME type names none.
        interruptible: False where the model talks on when the caller speaks: then the caller's speech is not reported
            as a start of speech, which would silence the answer.
    """

    def __init__(self, *, default_rate_hz: int = 24000, interruptible: bool = True) -> None:
        self._default_rate_hz = default_rate_hz
        self._interruptible = interruptible
        self._said: dict[Role, list[str]] = {"user": [], "assistant": []}
        self._responding = False
        self._speaking = False

    @property
    def responding(self) -> bool:
        """Whether the model's turn is open."""
        return self._responding

    @property
    def attending(self) -> bool:
        """Whether the caller speaks, or has said something that is not answered yet."""
        return self._speaking or bool(self._said["user"])

    def feed(self, message: types.LiveServerMessage) -> list[LiveEvent]:
        """What ``message`` says, in the order in which it happened."""
        events: list[LiveEvent] = []
        if (update := message.session_resumption_update) is not None:
            handle = update.new_handle or None
            events.append(HandleUpdate(handle, bool(update.resumable) and handle is not None))
        if message.voice_activity is not None:
            events += self._voice_activity(str(message.voice_activity.voice_activity_type))
        if message.server_content is not None:
            events += self._content(message.server_content)
        if message.tool_call is not None:
            events += self._tool_calls(message.tool_call.function_calls or ())
        if message.tool_call_cancellation is not None:
            events.append(ToolsCancelled(tuple(message.tool_call_cancellation.ids or ())))
        if message.go_away is not None:
            events.append(GoAway(go_away_ns(message.go_away.time_left)))
        return events

    def end(self) -> list[LiveEvent]:
        """The connection is gone: what was said on it is final, and its turn is over."""
        return [*self._flush("user"), *self._flush("assistant"), *self._end_response(), *self._end_speech()]

    def _content(self, content: types.LiveServerContent) -> Iterator[LiveEvent]:
        if content.input_transcription is not None:
            yield from self._heard("user", content.input_transcription)
        if content.interrupted:
            yield from self._flush("assistant")
            yield from self._start_speech()
            yield from self._end_response()
        if content.model_turn is not None:
            yield from self._start_response()
            yield from self._audio(content.model_turn.parts or ())
        if content.output_transcription is not None:
            yield from self._start_response()
            yield from self._heard("assistant", content.output_transcription)
        if content.turn_complete:
            yield from self._flush("user")
            yield from self._flush("assistant")
            yield from self._end_response()

    def _audio(self, parts: Iterable[types.Part]) -> Iterator[LiveEvent]:
        # Text parts are the model's thoughts: neither spoken nor part of the transcript.
        for part in parts:
            blob = part.inline_data
            if blob is not None and blob.data and (blob.mime_type or "audio/").startswith("audio/"):
                yield AudioOut(blob.data, _rate(blob.mime_type, self._default_rate_hz))

    def _tool_calls(self, calls: Iterable[types.FunctionCall]) -> Iterator[LiveEvent]:
        yield from self._start_response()
        yield from self._flush("assistant")
        for call in calls:
            yield ToolCalled(call.id or "", call.name or "", dict(call.args or {}))

    def _voice_activity(self, kind: str) -> Iterator[LiveEvent]:
        if kind.endswith("ACTIVITY_START"):
            yield from self._start_speech()
        elif kind.endswith("ACTIVITY_END"):
            yield from self._flush("user")
            yield from self._end_speech()

    def _heard(self, role: Role, piece: types.Transcription) -> Iterator[LiveEvent]:
        if piece.text:
            self._said[role].append(piece.text)
            yield Transcript(role, "".join(self._said[role]).strip(), False)
        if piece.finished:
            yield from self._flush(role)

    def _flush(self, role: Role) -> Iterator[LiveEvent]:
        text = "".join(self._said[role]).strip()
        self._said[role].clear()
        if text:
            yield Transcript(role, text, True)

    def _start_response(self) -> Iterator[LiveEvent]:
        if not self._responding:
            self._responding = True
            yield from self._flush("user")
            yield from self._end_speech()
            yield ResponseStarted()

    def _end_response(self) -> Iterator[LiveEvent]:
        if self._responding:
            self._responding = False
            yield ResponseEnded()

    def _start_speech(self) -> Iterator[LiveEvent]:
        if not self._speaking and self._interruptible:
            self._speaking = True
            yield SpeechStarted()

    def _end_speech(self) -> Iterator[LiveEvent]:
        if self._speaking:
            self._speaking = False
            yield SpeechEnded()


def go_away_ns(time_left: str | None) -> int | None:
    """The duration that the protocol writes as seconds with an ``s``, such as ``"10s"`` or ``"1.5s"``."""
    try:
        return max(0, round(float((time_left or "").removesuffix("s")) * 1e9))
    except ValueError:
        return None


def _rate(mime_type: str | None, default: int) -> int:
    _, found, rate = (mime_type or "").partition("rate=")
    digits = rate.split(";")[0].strip()
    return int(digits) if found and digits.isdigit() else default
