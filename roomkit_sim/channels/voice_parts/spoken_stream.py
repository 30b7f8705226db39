"""A text that is spoken to callers while it is being written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from roomkit_sim.channels.voice_parts.call import LiveCall
from roomkit_sim.channels.voice_parts.speech import Speaker, Speech
from roomkit_sim.channels.voice_parts.synthesis import Synthesis
from roomkit_sim.models.stream import Pause

__all__ = ["SpokenStream"]


class _Listener:
    """One caller, and how far the text goes for this one."""

    def __init__(self, call: LiveCall) -> None:
        self.call = call
        self.speech: Speech | None = None
        self.sentences: asyncio.Queue[str | None] = asyncio.Queue()
        self.has_left = False
        self.is_deaf = False

    def note(self) -> None:
        """Draw the conclusion from a speech that was stopped, and from a caller who has gone or may not hear."""
        if not self.call.hears:
            self.has_left = True
        if self.speech is None or not self.speech.over.is_set():
            return
        match self.speech.stopped_by:
            case "error":
                self.is_deaf = True
            case "new_tts":
                # Something was said in between; the text goes on after it, as a whole one would have come after it.
                self.speech = None
            case _:
                self.has_left = True


class SpokenStream:
    """Speaks to every caller sentence by sentence. A caller hears nothing begin before there is a sentence.

    Args:
        calls: The callers.
        speaker: Says one thing at a time to each.
        synthesis: Makes audio of sentences.
        voice: In which voice.

    Attributes:
        unheard: Set when every caller has stopped the text or hung up.
    """

    def __init__(self, calls: Sequence[LiveCall], speaker: Speaker, synthesis: Synthesis, voice: str | None) -> None:
        self._listeners = [_Listener(call) for call in calls]
        self._speaker = speaker
        self._synthesis = synthesis
        self._voice = voice
        self.unheard = asyncio.Event()

    def say(self, sentence: str) -> None:
        """Add a sentence, or a pause between two."""
        for listener in self._listeners:
            listener.note()
            if listener.has_left or listener.is_deaf:
                continue
            if listener.speech is None and not isinstance(sentence, Pause):
                self._begin(listener)
            if listener.speech is not None:
                listener.sentences.put_nowait(sentence)
        self._note_who_left()

    def end(self) -> None:
        """The text is complete."""
        for listener in self._listeners:
            listener.sentences.put_nowait(None)

    def stop(self, reason: str) -> None:
        """Fall silent."""
        for listener in self._listeners:
            if listener.speech is not None and listener.call.speech is listener.speech:
                self._speaker.stop(listener.call, reason)

    def _begin(self, listener: _Listener) -> None:
        listener.sentences = asyncio.Queue()
        source = self._synthesis.stream(_emptied(listener.sentences), self._voice, listener.call.session)
        listener.speech = self._speaker.start(listener.call, source, voice=self._voice)
        listener.speech.sent.add_done_callback(lambda _: self._look_round())

    def _look_round(self) -> None:
        for listener in self._listeners:
            listener.note()
        self._note_who_left()

    def _note_who_left(self) -> None:
        if self._listeners and all(listener.has_left for listener in self._listeners):
            self.unheard.set()


async def _emptied(queue: asyncio.Queue[str | None]) -> AsyncIterator[str]:
    while (piece := await queue.get()) is not None:
        yield piece
