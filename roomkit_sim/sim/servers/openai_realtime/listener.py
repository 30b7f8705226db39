"""How a session listens: it finds the caller's turns, or lets the client say where they are."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from roomkit_sim.sim.audio.recognition import Recognition, Unheard
from roomkit_sim.sim.servers.hearing import RATE_HZ, Heard, SpeechBegan, understood
from roomkit_sim.sim.servers.mind import Stimulus
from roomkit_sim.sim.servers.openai_realtime.audio_format import audio_bytes
from roomkit_sim.sim.servers.openai_realtime.input_audio import InputAudio
from roomkit_sim.sim.servers.openai_realtime.items import Item
from roomkit_sim.sim.servers.openai_realtime.refusals import Refusal
from roomkit_sim.sim.servers.openai_realtime.transcription import Transcriber

if TYPE_CHECKING:
    from roomkit_sim.sim.servers.openai_realtime.session import Session

__all__ = ["Listener"]

PREFIX_PADDING_MS = 300


class Listener:
    """Listens for one session.

    Args:
        session: The connection.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._input = InputAudio(session.server.recogniser, session.latency.hangover_ms)
        self._transcriber = Transcriber(session)
        self._speaking: str | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._idle_since_ms = 0
        self.configure()

    @property
    def received(self) -> bytes:
        """All audio that arrived, PCM16 mono at 16 kHz."""
        return bytes(self._input.ear.received)

    def configure(self) -> None:
        """Go on as the session is configured now."""
        self._input.configure(self._session.config)

    def append(self, audio: Any) -> None:
        """Take audio as a client sends it.

        Raises:
            Refusal: It is none.
        """
        for event in self._input.append(audio_bytes(audio, "audio", self._session.config.input_format)):
            if isinstance(event, SpeechBegan):
                self._began(event)
            else:
                self._ended(event)

    def commit(self) -> None:
        """The client says that a turn ends here. It asks for a response by itself.

        Raises:
            Refusal: There is next to nothing in the buffer.
        """
        recognition, audio_ms = self._input.commit()
        item_id, self._speaking = self._speaking, None
        self._add(item_id or self._session.ids.new("item"), recognition, audio_ms)

    def clear(self) -> None:
        """Forget what is not committed."""
        self._input.clear()
        self._speaking = None
        self._session.send("input_audio_buffer.cleared")

    def wait_for_speech(self) -> None:
        """The model has done: if the session wants it, wait so long for the caller and no longer."""
        detection = self._session.config.turn_detection or {}
        timeout_ms = detection.get("idle_timeout_ms")
        if timeout_ms is not None and self._speaking is None and self._session.responses.active is None:
            left_s = self._session.speech_left_s()
            self._idle_since_ms = self._input.position_ms + round(left_s * 1000)
            self._idle = self._session.background.later(left_s + timeout_ms / 1000, self._nobody_spoke)

    def wait_no_longer(self) -> None:
        """Somebody speaks, or will."""
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _began(self, event: SpeechBegan) -> None:
        session, detection = self._session, self._session.config.turn_detection or {}
        self.wait_no_longer()
        session.emit("speech_started")
        self._speaking = session.ids.new("item")
        padding_ms = detection.get("prefix_padding_ms", PREFIX_PADDING_MS)
        start_ms = max(0, event.start_sample * 1000 // RATE_HZ - padding_ms)
        session.send("input_audio_buffer.speech_started", audio_start_ms=start_ms, item_id=self._speaking)
        if detection.get("interrupt_response"):
            session.responses.interrupt()
            # Also what was sent, and whose response is done, is not played any further.
            session.silence()

    def _ended(self, event: Heard) -> None:
        session, detection = self._session, self._session.config.turn_detection or {}
        item_id, self._speaking = self._speaking or session.ids.new("item"), None
        end_ms = event.end_sample * 1000 // RATE_HZ
        session.send("input_audio_buffer.speech_stopped", audio_end_ms=end_ms, item_id=item_id)
        self._input.committed()
        self._add(item_id, event.recognition, (event.end_sample - event.start_sample) * 1000 // RATE_HZ)
        if detection.get("create_response"):
            if detection.get("interrupt_response"):
                # A response that the client asked for while the caller was speaking already.
                session.responses.interrupt()
            self._respond()

    def _nobody_spoke(self) -> None:
        session, item_id = self._session, self._session.ids.new("item")
        start_ms, end_ms = self._idle_since_ms, self._input.position_ms
        session.send(
            "input_audio_buffer.timeout_triggered", audio_start_ms=start_ms, audio_end_ms=end_ms, item_id=item_id
        )
        self._input.committed()
        self._add(item_id, Unheard(None, 0.0), max(0, end_ms - start_ms))
        self._respond()

    def _respond(self) -> None:
        try:
            self._session.responses.create({})
        except Refusal as refusal:
            self._session.refuse(refusal, None)

    def _add(self, item_id: str, recognition: Recognition, audio_ms: int) -> None:
        session = self._session
        session.emit("turn_committed")
        utterance, outcome = understood(recognition)
        words = session.server.transcripts.get(utterance, "") if utterance else ""
        session.emit("heard", utterance=utterance, score=round(recognition.score, 3), outcome=outcome, words=words)
        body = {"id": item_id, "type": "message", "status": "completed", "role": "user"}
        item = Item({**body, "content": [{"type": "input_audio", "transcript": None}]}, audio_ms, words)
        item.stimulus = Stimulus(hears=utterance or "unknown")
        previous = session.conversation.add(item)
        session.send("input_audio_buffer.committed", previous_item_id=previous, item_id=item_id)
        session.show(item, previous)
        if session.config.transcribes:
            self._transcriber.take(item, words, audio_ms)
