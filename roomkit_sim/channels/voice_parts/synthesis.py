"""From words to audio: which way a text is synthesised, and in which voice it falls back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from roomkit_sim.channels.realtime.room import RoomGateway
from roomkit_sim.channels.voice_parts.iteration import closing
from roomkit_sim.channels.voice_parts.patience import Patience
from roomkit_sim.channels.voice_parts.speech import Source
from roomkit_sim.errors import ConfigurationError
from roomkit_sim.models.stream import Pause
from roomkit_sim.voice.base import AudioChunk, VoiceSession
from roomkit_sim.voice.tts.base import TTSProvider
from roomkit_sim.voice.tts.sentences import sentences_of

__all__ = ["Synthesis"]


class Synthesis:
    """Speaks for all sessions of a channel.

    Args:
        tts: The synthesiser.
        streaming: Whether speech may begin before a text is synthesised, or written, to its end.
        room: For reports.
        timeout_s: A synthesiser that has text and gives no audio for so long has failed; ``None`` waits for ever.
    """

    def __init__(
        self,
        tts: TTSProvider | None,
        streaming: bool,
        room: RoomGateway,
        timeout_s: float | None,
    ) -> None:
        self._tts = tts
        self._streaming = streaming
        self._room = room
        self._timeout_s = timeout_s
        self.voice_map: dict[str, str] = {}

    def voice_of(self, channel_id: str | None) -> str | None:
        """The voice of an agent; the synthesiser's default voice where the map names none."""
        mapped = self.voice_map.get(channel_id) if channel_id is not None else None
        return mapped or (self._tts.default_voice if self._tts is not None else None)

    def update(self, voices: Mapping[str, str]) -> None:
        """Add voices to the map, in place of those it has of the same agents."""
        self.voice_map.update(voices)

    @property
    def available(self) -> bool:
        """Whether the channel has a synthesiser."""
        return self._tts is not None

    def require(self) -> TTSProvider:
        """The synthesiser.

        Raises:
            ConfigurationError: The channel has none.
        """
        if self._tts is None:
            raise ConfigurationError("the voice channel has no synthesiser: pass tts= to VoiceChannel")
        return self._tts

    async def text(self, text: str, voice: str | None, session: VoiceSession) -> Source:
        """A text for a caller.

        As a whole where the synthesiser streams, else sentence by sentence, else (not streaming) at once.
        """
        tts = self.require()
        by_sentence = self._streaming and not tts.supports_streaming
        for part in sentences_of(text) if by_sentence else [text]:
            yield part
            async with closing(self._audio(tts, part, voice, session)) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def stream(self, sentences: AsyncIterator[str], voice: str | None, session: VoiceSession) -> Source:
        """A text for a caller that is being written, sentence by sentence.

        Where the synthesiser takes text as it is written, it gets the sentences as one stream.
        """
        tts = self.require()
        if self._streaming and tts.supports_streaming_input:
            async with closing(self._as_it_is_written(tts, sentences, voice, session)) as parts:
                async for part in parts:
                    yield part
            return
        async for sentence in sentences:
            if isinstance(sentence, Pause):
                continue
            yield sentence
            async with closing(self._audio(tts, sentence, voice, session)) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def _as_it_is_written(
        self, tts: TTSProvider, sentences: AsyncIterator[str], voice: str | None, session: VoiceSession
    ) -> Source:
        """One stream in the voice; if that fails before it has said anything, what it took and the rest in another."""
        taken: list[str] = []
        unspoken: list[str] = []
        source = self._written(tts, sentences, taken, unspoken, voice)
        begun = False
        try:
            async with closing(_with_texts(source, unspoken)) as parts:
                async for part in parts:
                    begun = True
                    yield part
            return
        except Exception as error:
            if begun or voice is None or voice == tts.default_voice:
                raise
            await self._room.report(session, f"voice {voice!r} of {tts.name}", error)
        unspoken = []
        source = self._written(tts, _again(taken, sentences), [], unspoken, tts.default_voice)
        async with closing(_with_texts(source, unspoken)) as parts:
            async for part in parts:
                yield part

    def _written(
        self,
        tts: TTSProvider,
        sentences: AsyncIterator[str],
        taken: list[str],
        unspoken: list[str],
        voice: str | None,
    ) -> AsyncIterator[AudioChunk]:
        patience = Patience(tts.name, self._timeout_s)
        noted = _noting(sentences, taken, unspoken, patience)
        return patience.chunks(tts.synthesize_stream_input(noted, voice=voice))

    async def _audio(
        self, tts: TTSProvider, text: str, voice: str | None, session: VoiceSession
    ) -> AsyncIterator[AudioChunk]:
        """Audio in the voice, or in the default one if that voice fails before it has said anything."""
        begun = False
        try:
            async with closing(self._spoken(tts, text, voice)) as chunks:
                async for chunk in chunks:
                    begun = True
                    yield chunk
            return
        except Exception as error:
            if begun or voice is None or voice == tts.default_voice:
                raise
            await self._room.report(session, f"voice {voice!r} of {tts.name}", error)
        async with closing(self._spoken(tts, text, tts.default_voice)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _spoken(self, tts: TTSProvider, text: str, voice: str | None) -> AsyncIterator[AudioChunk]:
        if not text.strip():
            return
        patience = Patience(tts.name, self._timeout_s)
        if not self._streaming:
            yield await patience.wait_for(tts.synthesize(text, voice=voice))
            return
        async with closing(patience.chunks(tts.synthesize_stream(text, voice=voice))) as chunks:
            async for chunk in chunks:
                yield chunk


async def _noting(
    sentences: AsyncIterator[str], taken: list[str], unspoken: list[str], patience: Patience
) -> AsyncIterator[str]:
    while True:
        with patience.without_text():
            try:
                sentence = await anext(sentences)
            except StopAsyncIteration:
                return
        taken.append(sentence)
        if not isinstance(sentence, Pause):
            unspoken.append(sentence)
        yield sentence


async def _again(taken: list[str], sentences: AsyncIterator[str]) -> AsyncIterator[str]:
    for sentence in taken:
        yield sentence
    async for sentence in sentences:
        yield sentence


async def _with_texts(source: AsyncIterator[AudioChunk], unspoken: list[str]) -> Source:
    """The audio, and before it the sentences that were taken for it."""
    async with closing(source) as chunks:
        async for chunk in chunks:
            while unspoken:
                yield unspoken.pop(0)
            yield chunk
