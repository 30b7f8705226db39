"""From the events of the Realtime API to what happened in the conversation. Pure.

Events are told apart by their ``type`` alone; one that is not known is passed over. ``rate_limits.updated`` is optional
and says nothing that is acted upon.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from roomkit_sim.providers.openai.realtime_config import RATE_HZ, interruptible, transcribes
from roomkit_sim.providers.openai.realtime_failures import service_error
from roomkit_sim.providers.openai.realtime_ledger import Cut, PlayedLedger
from roomkit_sim.providers.openai.realtime_order import SpokenOrder
from roomkit_sim.providers.realtime.events import (
    AudioOut,
    LiveEvent,
    ResponseEnded,
    ResponseStarted,
    SpeechEnded,
    SpeechStarted,
    ToolCalled,
    Transcript,
    Trouble,
    WireEvent,
)
from roomkit_sim.providers.realtime.settings import LiveSettings

__all__ = ["BadCall", "RealtimeNormaliser", "SessionState"]

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SessionState(WireEvent):
    """``session.created`` or ``session.updated``: what the session is configured with now."""

    session: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BadCall(WireEvent):
    """The model called a function with arguments that are no JSON object."""

    call_id: str
    name: str
    arguments: str


class RealtimeNormaliser:
    """Follows one connection's events.

    Args:
        settings: What the session is configured with.
    """

    def __init__(self, settings: LiveSettings) -> None:
        self.ledger = PlayedLedger(RATE_HZ)
        self.order = SpokenOrder()
        self.asked: str | None = None
        """The ``event_id`` with which an answer was asked for that has not begun."""
        self.spoke = False
        self._active: str | None = None
        self._cut_response: str | None = None
        self._sounding: str | None = None
        self._speaking = False
        self._said: dict[str, list[str]] = {}
        self._heard: dict[str, list[str]] = {}
        self._names: dict[str, str] = {}
        self._told_calls: dict[str, None] = {}
        self.configured(settings)

    def configured(self, settings: LiveSettings) -> None:
        """The session is configured anew."""
        self._interruptible = interruptible(settings)
        self._transcribes = transcribes(settings)

    @property
    def is_answering(self) -> bool:
        """Whether the model has begun an answer and not ended it."""
        return self._active is not None

    @property
    def responding(self) -> bool:
        """Whether an answer is open, or asked for, or has not been told to its end."""
        return self._active is not None or self.asked is not None or self.order.holds_events

    @property
    def attending(self) -> bool:
        """Whether the caller speaks, or has said something that is not transcribed yet."""
        return self._speaking or self.order.expects_words

    def feed(self, event: Event) -> list[LiveEvent]:
        """What ``event`` says, in the order in which it happened."""
        handle = _HANDLERS.get(event["type"])
        return [] if handle is None else list(handle(self, event))

    def end(self) -> list[LiveEvent]:
        """The connection is left: what was said on it is final, and its turn is over."""
        told = self.order.release()
        for text in [_joined(pieces) for pieces in self._heard.values()]:
            told += [Transcript("user", text, True)] if text else []
        self._heard.clear()
        told += self._all_said()
        if self._active is not None:
            self._active = None
            told.append(ResponseEnded())
        if self._speaking:
            self._speaking = False
            told.append(SpeechEnded())
        return told

    def cancelled(self) -> Cut | None:
        """We cancel the answer that is open: what still comes of it is for nobody.

        Returns:
            Where it is cut off, if any of its audio was given to the line.
        """
        self.ledger.mark()
        self._cut_response = self._active
        return self.ledger.given_of(self._sounding) if self._sounding is not None else None

    # The caller

    def _speech_started(self, event: Event) -> Iterable[LiveEvent]:
        if not self._interruptible:
            return []
        self._speaking = True
        self.ledger.mark()
        # What still comes of the answer that is being cancelled is for nobody.
        self._cut_response = self._active
        return [SpeechStarted()]

    def _speech_stopped(self, event: Event) -> Iterable[LiveEvent]:
        was_speaking, self._speaking = self._speaking, False
        return [SpeechEnded()] if was_speaking else []

    def _committed(self, event: Event) -> Iterable[LiveEvent]:
        if self._transcribes:
            self.order.committed(event["item_id"])
        return []

    def _heard_piece(self, event: Event) -> Iterable[LiveEvent]:
        pieces = self._heard.setdefault(event["item_id"], [])
        pieces.append(event.get("delta") or "")
        text = _joined(pieces)
        return [Transcript("user", text, False)] if text else []

    def _heard_all(self, event: Event) -> Iterable[LiveEvent]:
        self._heard.pop(event["item_id"], None)
        return self.order.transcribed(event["item_id"], event.get("transcript") or "")

    def _not_heard(self, event: Event) -> Iterable[LiveEvent]:
        text = _joined(self._heard.pop(event["item_id"], []))
        error = event.get("error") or {}
        said = error.get("message") or error.get("code") or "no reason given"
        trouble = Trouble("transcription_failed", f"openai: the caller's words were not transcribed: {said}")
        return [trouble, *self.order.transcribed(event["item_id"], text)]

    # The model

    def _response_created(self, event: Event) -> Iterable[LiveEvent]:
        told = self.order.release() if self.order.holds_events else []
        self.asked = None
        if self._active is None:
            told.append(ResponseStarted())
        self._active = event["response"]["id"]
        self._sounding = None
        return told

    def _audio(self, event: Event) -> Iterable[LiveEvent]:
        item_id, response_id = event["item_id"], event.get("response_id")
        if self.ledger.is_cut(item_id) or (response_id is not None and response_id == self._cut_response):
            return []
        pcm = b64decode(event["delta"])
        self.spoke = True
        self._sounding = item_id
        self.ledger.given(item_id, int(event.get("content_index") or 0), len(pcm))
        return [AudioOut(pcm, RATE_HZ)] if pcm else []

    def _said_piece(self, event: Event) -> Iterable[LiveEvent]:
        pieces = self._said.setdefault(event["item_id"], [])
        pieces.append(event.get("delta") or "")
        text = _joined(pieces)
        return [Transcript("assistant", text, False)] if text else []

    def _said_all(self, event: Event) -> Iterable[LiveEvent]:
        pieces = self._said.pop(event["item_id"], [])
        text = str(event.get("transcript") or event.get("text") or "").strip() or _joined(pieces)
        return self.order.after(Transcript("assistant", text, True)) if text else []

    def _item_added(self, event: Event) -> Iterable[LiveEvent]:
        item = event["item"]
        if item.get("type") == "function_call":
            self._names[item["call_id"]] = item.get("name") or ""
        return []

    def _arguments(self, event: Event) -> Iterable[LiveEvent]:
        return self._called(event["call_id"], event.get("name") or "", event.get("arguments") or "")

    def _item_done(self, event: Event) -> Iterable[LiveEvent]:
        item = event["item"]
        if item.get("type") != "function_call" or item.get("status") == "incomplete":
            return []
        if item["call_id"] in self._told_calls:
            return []
        return self._called(item["call_id"], item.get("name") or "", item.get("arguments") or "")

    def _called(self, call_id: str, name: str, arguments: str) -> Iterable[LiveEvent]:
        self._told_calls[call_id] = None
        name = name or self._names.get(call_id, "")
        try:
            parsed = json.loads(arguments) if arguments.strip() else {}
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict):
            return self.order.after(BadCall(call_id, name, arguments))
        return self.order.after(ToolCalled(call_id, name, parsed))

    def _response_done(self, event: Event) -> Iterable[LiveEvent]:
        response = event["response"]
        if self._active is None or response["id"] != self._active:
            return []
        self._active = None
        told: list[LiveEvent] = list(_response_trouble(response))
        for final in self._all_said():
            told += self.order.after(final)
        return [*told, *self.order.after(ResponseEnded())]

    # The connection

    def _session(self, event: Event) -> Iterable[LiveEvent]:
        return [SessionState(event["session"])]

    def _error(self, event: Event) -> Iterable[LiveEvent]:
        error = service_error(event)
        if error.is_busy or (error.about is not None and error.about == self.asked):
            self.asked = None
        return [error]

    # Small parts

    def _all_said(self) -> list[LiveEvent]:
        """What was said and not finished, which the cancellation of an answer leaves behind."""
        texts = [_joined(pieces) for pieces in self._said.values()]
        self._said.clear()
        return [Transcript("assistant", text, True) for text in texts if text]


def _response_trouble(response: dict[str, Any]) -> Iterable[Trouble]:
    status, details = response.get("status"), response.get("status_details") or {}
    if status == "failed":
        error = details.get("error") or {}
        said = error.get("message") or error.get("code") or error.get("type") or "no reason given"
        yield Trouble(str(error.get("code") or "response_failed"), f"openai: the answer failed: {said}")
    elif status == "incomplete":
        yield Trouble("response_incomplete", f"openai: the answer is incomplete: {details.get('reason') or 'unsaid'}")


def _joined(pieces: Iterable[str]) -> str:
    return "".join(pieces).strip()


_HANDLERS: dict[str, Callable[[RealtimeNormaliser, Event], Iterable[LiveEvent]]] = {
    "session.created": RealtimeNormaliser._session,
    "session.updated": RealtimeNormaliser._session,
    "error": RealtimeNormaliser._error,
    "input_audio_buffer.speech_started": RealtimeNormaliser._speech_started,
    "input_audio_buffer.speech_stopped": RealtimeNormaliser._speech_stopped,
    "input_audio_buffer.committed": RealtimeNormaliser._committed,
    "conversation.item.input_audio_transcription.delta": RealtimeNormaliser._heard_piece,
    "conversation.item.input_audio_transcription.completed": RealtimeNormaliser._heard_all,
    "conversation.item.input_audio_transcription.failed": RealtimeNormaliser._not_heard,
    "response.created": RealtimeNormaliser._response_created,
    "response.output_item.added": RealtimeNormaliser._item_added,
    "response.output_item.done": RealtimeNormaliser._item_done,
    "response.output_audio.delta": RealtimeNormaliser._audio,
    "response.output_audio_transcript.delta": RealtimeNormaliser._said_piece,
    "response.output_audio_transcript.done": RealtimeNormaliser._said_all,
    "response.output_text.delta": RealtimeNormaliser._said_piece,
    "response.output_text.done": RealtimeNormaliser._said_all,
    "response.function_call_arguments.done": RealtimeNormaliser._arguments,
    "response.done": RealtimeNormaliser._response_done,
}
