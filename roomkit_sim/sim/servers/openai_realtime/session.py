"""One connection: does what the client's events ask, or says why not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from roomkit_sim.sim.scenario.mind import Latency
from roomkit_sim.sim.servers.background import Background
from roomkit_sim.sim.servers.closing import GOING_AWAY, INTERNAL_ERROR
from roomkit_sim.sim.servers.hearing import understood
from roomkit_sim.sim.servers.mind import Character, Stimulus
from roomkit_sim.sim.servers.openai_realtime import client_events as events
from roomkit_sim.sim.servers.openai_realtime.audio_format import DEFAULT_FORMAT, audio_bytes
from roomkit_sim.sim.servers.openai_realtime.conversation import Conversation, result_of
from roomkit_sim.sim.servers.openai_realtime.input_audio import recognised
from roomkit_sim.sim.servers.openai_realtime.items import Item, checked_item
from roomkit_sim.sim.servers.openai_realtime.listener import Listener
from roomkit_sim.sim.servers.openai_realtime.outbox import Outbox, Socket
from roomkit_sim.sim.servers.openai_realtime.refusals import Refusal
from roomkit_sim.sim.servers.openai_realtime.responses import Responses
from roomkit_sim.sim.servers.openai_realtime.server_events import Ids, event, obfuscation
from roomkit_sim.sim.servers.openai_realtime.session_config import SessionConfig, cannot_update_voice
from roomkit_sim.sim.servers.wrongs import Wrongs
from roomkit_sim.sim.trace.events import Json
from roomkit_sim.sim.trace.recorder import TraceSink

if TYPE_CHECKING:
    from roomkit_sim.sim.servers.openai_realtime.server import OpenAIRealtimeServer

__all__ = ["Session"]

DEFAULT_VOICE = "alloy"
SHORT_SESSION_S = 10


class Session:
    """One connection.

    Args:
        server: What its connections share.
        socket: The WebSocket.
        conn: The connection's number.
        sink: The call's trace.
        ids: Makes the ids of the connection.
        config: The session before anything is configured.
    """

    def __init__(
        self,
        server: OpenAIRealtimeServer,
        socket: Socket,
        conn: int,
        sink: TraceSink,
        *,
        ids: Ids,
        config: SessionConfig,
    ) -> None:
        self.server = server
        self.conn = conn
        self.ids = ids
        self.config = config
        self.conversation = Conversation()
        self.conversation_id = ids.new("conv")
        self.background = Background(self._broke)
        self.goes_wrong = Wrongs(server.switches, self.emit)
        self.responses = Responses(self)
        self.listener = Listener(self)
        self._socket = socket
        self._sink = sink
        self._outbox = Outbox(socket, self.goes_wrong)
        self._expired = False
        self._closed = False
        self._began = asyncio.get_running_loop().time()
        self._configured = False
        self._charge: tuple[str, str] | None = None
        self._voice = DEFAULT_VOICE
        self._spoken_until = 0.0

    @property
    def latency(self) -> Latency:
        """How long things take."""
        return self.server.latency

    @property
    def is_open(self) -> bool:
        """Whether the connection still stands."""
        return not self._closed

    @property
    def received(self) -> bytes | None:
        """All audio that arrived, PCM16 mono at 16 kHz."""
        return self.listener.received

    # What goes out

    def emit(self, kind: str, **data: Json) -> None:
        """Put an event into the call's trace."""
        self._sink.emit("server", kind, conn=self.conn, **data)

    def send(self, type: str, **fields: Any) -> None:
        """Send an event, with these fields in this order."""
        self._outbox.put(event(type, self.ids.new("event"), fields))

    def send_delta(self, type: str, place: Mapping[str, Any], delta: str) -> None:
        """Send a piece of text."""
        self.send(type, **place, delta=delta, obfuscation=obfuscation(delta, self.ids))

    def send_text(self, message: str) -> None:
        """Send an event that is written already."""
        self._outbox.put(message)

    def show(self, item: Item, previous: str | None) -> None:
        """Tell the client of an item that was added, and is whole."""
        self.send("conversation.item.added", previous_item_id=previous, item=item.body)
        self.send("conversation.item.done", previous_item_id=previous, item=item.body)

    def refuse(self, refusal: Refusal, event_id: str | None) -> None:
        """Tell the client that something is not done."""
        self.emit("refused", why=refusal.message, code=refusal.code)
        error = {
            "type": "invalid_request_error",
            "code": refusal.code,
            "message": refusal.message,
            "param": refusal.param,
            "event_id": event_id,
        }
        self.send("error", error=error)

    # The life of a connection

    async def run(self) -> None:
        """Serve the connection until it closes."""
        self.background.start(self._outbox.run, f"outbox of {self.conn}")
        try:
            await asyncio.sleep(self.latency.setup_ms / 1000)
            self.send("session.created", session=self.config.body)
            longest_s = self.server.longest_session_s
            self.background.later(longest_s, lambda: self._expire(longest_s))
            while True:
                self._take(await self._socket.recv())
        finally:
            self._closed = True
            await self.background.stop()

    def announce_end(self, time_left_ms: int) -> None:
        """Close the connection after a while, with 1001. The service has no event that would announce it."""
        self.emit("go_away", time_left_ms=time_left_ms)
        self.background.later(time_left_ms / 1000, lambda: self._outbox.close(GOING_AWAY))

    def _expire(self, longest_s: float) -> None:
        if not self._expired:
            self._expired = True
            message = f"Your session hit the maximum duration of {longest_s / 60:g} minutes."
            self.refuse(Refusal(message, "session_expired"), None)
            self._outbox.close(GOING_AWAY)

    def _age_s(self) -> float:
        return asyncio.get_running_loop().time() - self._began

    def maybe_close_silently(self) -> None:
        """A response is done; where the service is known to hang up then, hang up. It does so once in a run."""
        if "silent_close" not in self.server.struck and self.goes_wrong("openai.silent_close"):
            self.server.struck["silent_close"] = None
            self._outbox.close(GOING_AWAY)

    def _broke(self) -> None:
        self._outbox.close(INTERNAL_ERROR, "The server had an error while processing your request.")

    # What the client sends

    def _take(self, raw: str | bytes) -> None:
        if self._age_s() >= SHORT_SESSION_S and self.goes_wrong("openai.session_expires"):
            self._expire(SHORT_SESSION_S)
            return
        event_id = None
        try:
            message = events.loaded(raw)
            event_id = events.event_id_of(message)
            self._act(events.read(message), event_id)
        except Refusal as refusal:
            self.refuse(refusal, event_id)

    def _act(self, event: events.ClientEvent, event_id: str | None) -> None:
        match event:
            case events.AudioAppend(audio):
                self.listener.append(audio)
            case events.SessionUpdate(update):
                self._update(update)
            case events.ItemCreate(given, after):
                self._create(given, after, event_id)
            case events.ResponseCreate(overrides):
                self.responses.create(overrides)
            case events.ResponseCancel(id):
                self.responses.cancel(id)
            case events.ItemTruncate(id, content_index, audio_end_ms):
                self.conversation.truncate(id, content_index, audio_end_ms)
                self.silence()
                self.emit("truncated", item=id, audio_end_ms=audio_end_ms)
                place = {"item_id": id, "content_index": content_index, "audio_end_ms": audio_end_ms}
                self.send("conversation.item.truncated", **place)
            case events.ItemDelete(id):
                self.conversation.delete(id)
                self.send("conversation.item.deleted", item_id=id)
            case events.ItemRetrieve(id):
                self.send("conversation.item.retrieved", item=self.conversation.find(id, "retrieve").body)
            case events.AudioCommit():
                self.listener.commit()
            case events.AudioClear():
                self.listener.clear()

    def _update(self, update: Any) -> None:
        has_spoken = self.conversation.has_spoken
        config = self.config.updated(update, voice_is_locked=has_spoken)
        names_voice = "voice" in (update.get("audio") or {}).get("output", {})
        if has_spoken and names_voice and self.goes_wrong("openai.cannot_update_voice"):
            raise cannot_update_voice("session.audio.output.voice")
        self.config = self._with_formats_lost(update, config)
        self.listener.configure()
        self.send("session.updated", session=self.config.body)
        self.take_charge(self.config.instructions, self.config.voice)
        if not self._configured:
            self._configured = True
            self.responses.greet()

    def _with_formats_lost(self, update: Mapping[str, Any], config: SessionConfig) -> SessionConfig:
        given = update.get("audio") or {}
        lost = [
            side
            for side, described in config.body["audio"].items()
            if "format" not in given.get(side, {}) and described["format"] != DEFAULT_FORMAT
        ]
        if not lost or not self.goes_wrong("openai.format_reset"):
            return config
        return config.with_formats(**dict.fromkeys(lost, DEFAULT_FORMAT))

    def _create(self, given: Any, after: str | None, event_id: str | None) -> None:
        body = checked_item(given, "item", self.ids.new)
        item = Item(body)
        self._listen_to(item)
        if item.type != "function_call_output":
            self.show(item, self.conversation.add(item, after))
            return
        # The service takes the output of a call only when the response that made the call is done.
        self.responses.when_free(lambda: self._refusing(event_id, lambda: self._answer(item, after)))

    def _refusing(self, event_id: str | None, action: Callable[[], None]) -> None:
        try:
            action()
        except Refusal as refusal:
            self.refuse(refusal, event_id)

    def _answer(self, item: Item, after: str | None) -> None:
        self.show(item, self.conversation.add(item, after))
        call_id = item.body["call_id"]
        name = self.conversation.calls[call_id].name
        self.emit("tool_result", id=call_id, name=name, result=result_of(item.body["output"]))

    def _listen_to(self, item: Item) -> None:
        """Take in what was said in a message that brings its audio along. The service does not give it back."""
        for index, part in enumerate(item.body.get("content") or ()):
            if part["type"] == "input_audio":
                format = self.config.input_format
                data = audio_bytes(part.pop("audio"), f"item.content[{index}].audio", format)
                part.setdefault("transcript", None)
                utterance, _ = understood(recognised(data, format, self.server.recogniser))
                item.spoken = self.server.transcripts.get(utterance, "") if utterance else ""
                item.stimulus = Stimulus(hears=utterance or "unknown")

    # What the model is

    def take_charge(self, instructions: str, voice: str) -> Character:
        """Who is in charge with these instructions; the trace is told when they or the voice are new."""
        character = self.server.mind.character(instructions)
        if self._charge != (instructions, voice):
            self._charge = (instructions, voice)
            unknown: dict[str, Json] = {"instructions": instructions[:160]} if character.persona is None else {}
            self.emit("persona", name=character.name, agent=character.agent, voice=voice, **unknown)
        return character

    def spoken_voice(self, configured: str) -> str:
        """The voice that is heard when this one is configured. A session that has spoken keeps its voice."""
        if not self.conversation.has_spoken:
            ignored = configured != DEFAULT_VOICE and self.goes_wrong("openai.voice_ignored")
            self._voice = DEFAULT_VOICE if ignored else configured
        return self._voice

    def new_call_id(self) -> str:
        """The id of a function call."""
        known = next(reversed(self.conversation.calls), None)
        if known is not None and self.goes_wrong("openai.duplicate_call_ids"):
            return known
        return self.ids.new("call", 16)

    def reserve_speech(self, length_s: float) -> float:
        """When speech of this length begins to be heard: now, or when what was said before has been heard."""
        starts = max(asyncio.get_running_loop().time(), self._spoken_until)
        self._spoken_until = starts + length_s
        return starts

    def silence(self) -> None:
        """What was said is not heard any further."""
        self._spoken_until = 0.0

    def speech_left_s(self) -> float:
        """How long what was said will still be heard, in seconds."""
        return max(0.0, self._spoken_until - asyncio.get_running_loop().time())
