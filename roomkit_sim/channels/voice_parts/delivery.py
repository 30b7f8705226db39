"""Brings words to callers: asks the hooks, chooses the voice, and has them spoken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from roomkit_sim.channels.realtime.room import RoomGateway
from roomkit_sim.channels.voice_parts.call import CallRegistry, LiveCall
from roomkit_sim.channels.voice_parts.speech import Speaker
from roomkit_sim.channels.voice_parts.spoken_stream import SpokenStream
from roomkit_sim.channels.voice_parts.synthesis import Synthesis
from roomkit_sim.channels.voice_parts.words import spoken_words
from roomkit_sim.errors import SessionNotFoundError
from roomkit_sim.models.enums import HookTrigger
from roomkit_sim.models.event import RoomEvent
from roomkit_sim.models.stream import Pause
from roomkit_sim.voice.base import VoiceSession
from roomkit_sim.voice.tts.sentences import SentenceSplitter

__all__ = ["Delivery"]


class Delivery:
    """Speaks texts in the sessions of a channel.

    Args:
        calls: The sessions.
        room: For hooks.
        speaker: Says one thing at a time to each caller.
        synthesis: Makes audio of texts.
        text_filter: The last to change a text.
    """

    def __init__(
        self,
        calls: CallRegistry,
        room: RoomGateway,
        speaker: Speaker,
        synthesis: Synthesis,
        text_filter: Callable[[str], str] | None,
    ) -> None:
        self._calls = calls
        self._room = room
        self._speaker = speaker
        self._synthesis = synthesis
        self._text_filter = text_filter

    async def event(self, event: RoomEvent) -> None:
        """Begin to speak a message to the callers of its room; the hooks are asked once."""
        words = spoken_words(event)
        calls = self._listeners(event.room_id)
        if not (words and calls and self._synthesis.available):
            return
        voice = self._synthesis.voice_of(event.source.channel_id)
        text = await self._before_tts(calls[0].session, words)
        if text is not None:
            # Who has hung up, or may not hear any more, while the hooks were asked is not spoken to.
            for call in [call for call in calls if call.hears]:
                self._speaker.start(call, self._synthesis.text(text, voice, call.session), voice=voice)

    async def stream(self, pieces: AsyncIterator[str], room_id: str, channel_id: str) -> str:
        """Speak a text that is being written.

        Returns:
            What was written: all of it, or what there was when the last caller had stopped it or hung up.
        """
        calls = self._listeners(room_id) if self._synthesis.available else []
        spoken = SpokenStream(calls, self._speaker, self._synthesis, self._synthesis.voice_of(channel_id))
        written: list[str] = []
        reading = asyncio.create_task(self._speak_as_written(pieces, spoken, calls, written))
        leaving = asyncio.create_task(spoken.unheard.wait())
        try:
            await asyncio.wait({reading, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                reading.result()
        except asyncio.CancelledError:
            # The text will not be in the timeline; not more of it is said than has been.
            spoken.stop("cancelled")
            raise
        finally:
            reading.cancel()
            leaving.cancel()
            await asyncio.gather(reading, leaving, return_exceptions=True)
            spoken.end()
        return "".join(written)

    async def _speak_as_written(
        self, pieces: AsyncIterator[str], spoken: SpokenStream, calls: Sequence[LiveCall], written: list[str]
    ) -> None:
        """The hooks are asked here, while the room is held: a handoff stops what is written after it, and only that."""
        splitter = SentenceSplitter()
        async for piece in pieces:
            written.append(piece)
            for sentence in splitter.feed(piece):
                await self._say_sentence(sentence, spoken, calls)
            if isinstance(piece, Pause):
                spoken.say(piece)
        for sentence in splitter.flush():
            await self._say_sentence(sentence, spoken, calls)

    async def _say_sentence(self, sentence: str, spoken: SpokenStream, calls: Sequence[LiveCall]) -> None:
        allowed = await self._before_tts(calls[0].session, sentence) if calls else None
        if allowed is not None:
            spoken.say(allowed)

    async def say(self, session: VoiceSession, text: str, voice: str | None) -> bool:
        """Say a text to one caller; tells whether all of it was sent to the line."""
        tts = self._synthesis.require()
        self._calls.require(session)
        allowed = await self._before_tts(session, text)
        if allowed is None:
            return False
        chosen = voice or tts.default_voice
        call = self._calls.require(session)
        speech = self._speaker.start(call, self._synthesis.text(allowed, chosen, session), voice=chosen, awaited=True)
        return await speech.sent

    async def say_to_room(self, room_id: str, text: str, voice: str | None) -> bool:
        """Say a text to all callers who hear the room; tells whether all of them were sent it."""
        said = await asyncio.gather(*(self._say_if_live(call, text, voice) for call in self._listeners(room_id)))
        return bool(said) and all(said)

    async def _say_if_live(self, call: LiveCall, text: str, voice: str | None) -> bool:
        try:
            return await self.say(call.session, text, voice)
        except SessionNotFoundError:
            return False

    def _listeners(self, room_id: str) -> list[LiveCall]:
        return [call for call in self._calls.of_room(room_id) if call.hears]

    async def _before_tts(self, session: VoiceSession, text: str) -> str | None:
        """The text as it may be spoken; ``None`` when a hook blocked it, or nothing is left of it."""
        outcome = await self._room.decide(session, HookTrigger.BEFORE_TTS, text)
        if outcome is not None:
            if not outcome.allowed:
                return None
            text = outcome.event if isinstance(outcome.event, str) else text
        if self._text_filter is not None:
            text = self._text_filter(text)
        return text if text.strip() else None
