"""One connection: reads the client's frames, listens, and lets the mind take its turns."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from roomkit_sim.sim.scenario.mind import Latency, Rule
from roomkit_sim.sim.servers.background import Background
from roomkit_sim.sim.servers.closing import INTERNAL_ERROR, as_close_reason
from roomkit_sim.sim.servers.framing import send_frame
from roomkit_sim.sim.servers.gemini_live import server_frames as frames
from roomkit_sim.sim.servers.gemini_live.client_frames import (
    ActivityMark,
    Audio,
    ClientFrame,
    ContextUpdate,
    Setup,
    TextTurn,
    ToolResults,
    Violation,
    parse_client_frame,
)
from roomkit_sim.sim.servers.gemini_live.conversation import Conversation
from roomkit_sim.sim.servers.gemini_live.lifetime import Lifetime
from roomkit_sim.sim.servers.gemini_live.misbehaviour import Outgoing
from roomkit_sim.sim.servers.gemini_live.resuming import TurnedAway, resumed
from roomkit_sim.sim.servers.gemini_live.turn import Turn
from roomkit_sim.sim.servers.hearing import RATE_HZ, Ear, Heard, SpeechBegan, understood
from roomkit_sim.sim.servers.mind import Character, Stimulus
from roomkit_sim.sim.servers.words import words_of
from roomkit_sim.sim.servers.wrongs import Wrongs
from roomkit_sim.sim.trace.events import Json
from roomkit_sim.sim.trace.recorder import TraceSink

if TYPE_CHECKING:
    from roomkit_sim.sim.servers.gemini_live.server import GeminiLiveServer

__all__ = ["Session", "Socket"]


class Socket(Protocol):
    """The part of a WebSocket that a session needs."""

    transport: Any

    async def send(self, message: Any) -> None:
        """Send a frame, or the fragments of one."""

    async def recv(self) -> str | bytes:
        """The next frame."""
        ...

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close."""


class Session:
    """One connection.

    Args:
        server: What its connections share.
        socket: The WebSocket.
        conn: The connection's number in its call.
        sink: The call's trace.
    """

    def __init__(self, server: GeminiLiveServer, socket: Socket, conn: int, sink: TraceSink) -> None:
        self.server = server
        self.conn = conn
        self.setup = Setup("")
        self.conversation = Conversation("")
        self.character = Character("", None, None)
        self.ear: Ear | None = None
        self.background = Background()
        self.goes_wrong = Wrongs(server.switches, self.emit)
        self.outgoing = Outgoing(self.goes_wrong)
        self.lifetime = Lifetime(self)
        self._socket = socket
        self._sink = sink
        self._turn: Turn | None = None
        self._turn_task: asyncio.Task[None] | None = None
        self._rules: deque[Rule] = deque()
        self._cancelled_calls: set[str] = set()
        self._closed = False

    @property
    def latency(self) -> Latency:
        """How long things take."""
        return self.server.latency

    def emit(self, kind: str, **data: Json) -> None:
        """Put an event into the call's trace."""
        self._sink.emit("server", kind, conn=self.conn, **data)

    async def send(self, frame: bytes) -> None:
        """Send a frame, as far as the switches let it pass."""
        for passed in self.outgoing.feed(frame):
            await send_frame(self._socket, passed, self.goes_wrong)

    async def close(self, code: int, reason: str) -> None:
        """Close the connection."""
        await self._socket.close(code, as_close_reason(reason))

    def drop(self) -> None:
        """Lose the connection, without a close frame."""
        self._socket.transport.abort()

    # The life of a connection

    async def run(self) -> None:
        """Serve the connection until it closes."""
        try:
            await self._begin()
            while True:
                await self._on_frame(parse_client_frame(await self._socket.recv()))
        except Violation as violation:
            self.emit("refused", why=violation.reason, code=violation.code)
            await self.close(violation.code, violation.reason)
        except TurnedAway as turned_away:
            self.emit("turned_away", why=turned_away.reason, code=turned_away.code)
            await self.close(turned_away.code, turned_away.reason)
        finally:
            await self._stop()

    async def _begin(self) -> None:
        asked = parse_client_frame(await self._socket.recv())
        if not isinstance(asked, Setup):
            raise Violation("The first message must be setup.")
        if not asked.automatic_activity:
            raise Violation("This server finds the turns itself: automaticActivityDetection must not be disabled.")
        self.lifetime.admit()
        self.setup, self.conversation = self._found(asked)
        self.conversation.voice = self.setup.voice
        self.ear = Ear(self.server.recogniser, asked.silence_ms or self.latency.hangover_ms)
        self.character = self.server.mind.character(asked.instructions)
        await asyncio.sleep((self.latency.resume_ms if asked.handle else self.latency.setup_ms) / 1000)
        if asked.handle:
            self.outgoing.resumed = True
            self.emit("resumed", handle=asked.handle, turns=len(self.conversation.turns))
        await self.send(frames.SETUP_COMPLETE)
        self._tell_persona()
        self.lifetime.begin()
        if asked.resumption and not asked.handle:
            self.schedule_handle()
        self._react(Stimulus(on="resumed" if self.setup.handle else "connected"))

    def _found(self, asked: Setup) -> tuple[Setup, Conversation]:
        now_s = asyncio.get_running_loop().time()
        if asked.handle is None:
            return asked, Conversation(asked.model, began_s=now_s)
        kept = self.server.handles.find(asked)
        return resumed(asked, kept, self.server.service, now_s, self.goes_wrong)

    def _tell_persona(self) -> None:
        instructions = self.setup.instructions[:160]
        unknown: dict[str, Json] = {"instructions": instructions} if self.character.persona is None else {}
        self.emit("persona", name=self.character.name, agent=self.character.agent, voice=self.setup.voice, **unknown)

    async def _stop(self) -> None:
        self._closed = True
        if self._turn_task is not None:
            self._turn_task.cancel()
            await asyncio.gather(self._turn_task, return_exceptions=True)
        await self.background.stop()

    def announce_end(self, time_left_ms: int) -> None:
        """Announce that the connection will be closed, and close it when the time is up."""
        self.lifetime.announce_end(time_left_ms)

    @property
    def received(self) -> bytes | None:
        """All audio that arrived, PCM16 mono at 16 kHz; nothing before the setup."""
        return None if self.ear is None else bytes(self.ear.received)

    @property
    def is_open(self) -> bool:
        """Whether the connection still stands."""
        return not self._closed

    @property
    def is_set_up(self) -> bool:
        """Whether it stands, and the service has taken its setup."""
        return self.ear is not None and not self._closed

    # What the client sends

    async def _on_frame(self, frame: ClientFrame) -> None:
        match frame:
            case Audio():
                await self._hear(frame)
            case ToolResults():
                self._take_results(frame)
            case TextTurn():
                await self._take_text(frame)
            case ContextUpdate():
                self._take_context(frame)
            case ActivityMark(mark):
                if mark != "stream_end":
                    raise Violation(
                        "Explicit activity control is not supported when automatic activity detection is enabled."
                    )
            case Setup():
                raise Violation("setup may be sent once only.")

    async def _hear(self, audio: Audio) -> None:
        assert self.ear is not None
        if audio.rate_hz != RATE_HZ:
            raise Violation(f"Audio at {audio.rate_hz} Hz: this model hears audio/pcm;rate={RATE_HZ}.")
        for event in self.ear.feed(audio.pcm):
            if isinstance(event, SpeechBegan):
                await self._on_speech()
            else:
                await self._on_utterance(event)

    async def _on_speech(self) -> None:
        self.emit("speech_started")
        if self.setup.interruptible:
            await self._interrupt()

    async def _on_utterance(self, heard: Heard) -> None:
        self.emit("turn_committed")
        recognition = heard.recognition
        utterance, outcome = understood(recognition)
        words = self.server.transcripts.get(utterance, "") if utterance else ""
        self.emit("heard", utterance=utterance, score=round(recognition.score, 3), outcome=outcome, words=words)
        self.conversation.turns.append(("user", words or "(not understood)"))
        if self.setup.transcribe_input:
            for piece in words_of(words):
                await self.send(frames.input_transcription(piece))
        if self.lifetime.drops_now():
            self.drop()
            return
        if self.setup.interruptible:
            # A turn that began while the caller was speaking already.
            await self._interrupt()
        self._react(Stimulus(hears=utterance or "unknown"))

    def _take_results(self, results: ToolResults) -> None:
        for call_id, _, result in results.results:
            if call_id in self._cancelled_calls:
                # It crossed the cancellation on its way; no client can prevent that.
                self.emit("tool_result_ignored", id=call_id)
                continue
            if self._turn is None or not self._turn.take_result(call_id, result):
                raise Violation(f"toolResponse for a call that is not open: {call_id!r}.")

    async def _take_text(self, text: TextTurn) -> None:
        if self._turn is not None and self._turn.open_calls:
            raise Violation("Request contains an invalid argument: clientContent while a tool call is open.")
        self.conversation.turns += text.turns
        if text.complete:
            await self._interrupt()
            words = " ".join(words for role, words in text.turns if role == "user")
            self._react(Stimulus(on="asked_to_speak", text=words))

    def _take_context(self, update: ContextUpdate) -> None:
        if not self.server.service.context_update or self.goes_wrong("gemini.rejects_context_update"):
            raise Violation("contextUpdate is not supported by this model.")
        if update.instructions is not None:
            self.setup = replace(self.setup, instructions=update.instructions)
            self.character = self.server.mind.character(update.instructions)
        if update.functions is not None:
            self.setup = replace(self.setup, functions=update.functions)
        self._tell_persona()

    # What the model does

    def _react(self, stimulus: Stimulus) -> None:
        rule = self.server.mind.react(self.character, stimulus, self.conversation.uses)
        if rule is None:
            return
        self._rules.append(rule)
        if self._turn_task is None or self._turn_task.done():
            self._next_turn()

    def _next_turn(self) -> None:
        if self._closed or not self._rules:
            return
        if self._turn is None:
            self.emit("knows", heard=self.conversation.heard)
        self._turn = Turn(self, self._rules.popleft())
        if self.setup.resumption:
            self.background.start(lambda: self.send(frames.not_resumable()))
        self._turn_task = asyncio.get_running_loop().create_task(self._turn.run(), name=f"model turn on {self.conn}")
        self._turn_task.add_done_callback(self._turn_ended)

    def _turn_ended(self, task: asyncio.Task[None]) -> None:
        from websockets.exceptions import ConnectionClosed

        error = None if task.cancelled() else task.exception()
        if error is None and task is self._turn_task and not task.cancelled():
            self._next_turn()
        elif error is not None and not isinstance(error, ConnectionClosed):
            # A defect of this server must not look like a model that has nothing to say.
            context = {"message": f"the fake service broke in {task.get_name()}", "exception": error, "task": task}
            task.get_loop().call_exception_handler(context)
            self.background.start(lambda: self.close(INTERNAL_ERROR, "Internal error encountered."))

    async def _interrupt(self) -> None:
        """Stop the turn that is being taken, if there is one."""
        self._rules.clear()
        turn, task = self._turn, self._turn_task
        if turn is None or task is None or task.done():
            return
        # Before the turn is cancelled: that cancels the futures of its calls too, and they would not be open any more.
        calls = turn.open_calls
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self._turn = None
        self._cancelled_calls.update(calls)
        self.emit("interrupted", calls=list(calls))
        if calls:
            await self.send(frames.tool_call_cancellation(calls))
        await self.send(frames.INTERRUPTED)
        await self.send(frames.turn_complete(self.prompt_tokens(), turn.spoken_ms))
        self.schedule_handle()

    def schedule_handle(self) -> None:
        """Issue a fresh resumption handle after a while, if the client wants handles and nothing is under way then."""
        if self.setup.resumption:
            self.background.later(self.latency.handle_ms / 1000, self._issue_handle)

    def _issue_handle(self) -> None:
        generating = self._turn is not None and self._turn.is_generating
        if self._closed or generating or self.lifetime.withholds_handles():
            return
        if self.goes_wrong("gemini.not_resumable"):
            self.background.start(lambda: self.send(frames.not_resumable()))
            return
        handle = self.server.handles.issue(self.conversation, lambda: self.is_open)
        self.background.start(lambda: self.send(frames.resumable(handle)))

    def new_call_id(self, index: int) -> str:
        """The id of a tool call, the ``index``-th of its batch."""
        return f"function-call-{index}" if self.goes_wrong("gemini.reused_call_ids") else self.server.new_call_id()

    def prompt_tokens(self) -> int:
        """About what the conversation costs as a prompt."""
        return 20 + sum(len(words) // 4 for _, words in self.conversation.turns)
