"""Recognises what callers say, utterance by utterance."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from roomkit_sim.channels.realtime.room import RoomGateway
from roomkit_sim.channels.voice_parts.call import LiveCall
from roomkit_sim.channels.voice_parts.iteration import closing
from roomkit_sim.channels.voice_parts.turns import Turns
from roomkit_sim.channels.voice_parts.utterance import Utterance
from roomkit_sim.core.cancellation import cancelled_only_from_outside
from roomkit_sim.errors import ProviderError
from roomkit_sim.voice.base import TranscriptionResult
from roomkit_sim.voice.stt.base import STTProvider

__all__ = ["Recognition"]

_PAUSE_AFTER_FAILURE_S = 1.0


class Recognition:
    """Recognises for all sessions of a channel.

    A stream that fails is not the end of an utterance: it is recognised once more as a whole.

    Args:
        stt: The recogniser.
        turns: Told what was understood.
        room: For reports.
        streaming: Whether audio is recognised while it comes, where the recogniser can.
        timeout_s: After the end of an utterance a recogniser that has not answered for so long has failed.
    """

    def __init__(
        self, stt: STTProvider | None, turns: Turns, room: RoomGateway, *, streaming: bool, timeout_s: float
    ) -> None:
        self._stt = stt
        self._turns = turns
        self._room = room
        self._streaming = streaming and stt is not None and stt.supports_streaming
        self._timeout_s = timeout_s
        self.on_words: Callable[[LiveCall], None] = lambda call: None
        """Told that a caller whom no detector listens to is speaking."""

    @property
    def streams(self) -> bool:
        """Whether audio is recognised while it comes."""
        return self._streaming

    def open(self, call: LiveCall, rate_hz: int, *, endless: bool = False, streamed: bool = True) -> Utterance | None:
        """The caller begins to say something; ``None`` if nobody could understand it."""
        if self._stt is None:
            return None
        utterance = Utterance(rate_hz, streamed=self._streaming and streamed, endless=endless)
        call.recognitions.put(utterance)
        return utterance

    async def recognise(self, call: LiveCall, utterance: Utterance) -> None:
        """Recognise one utterance, from its beginning to after its end. Runs in the session's ordered worker."""
        assert self._stt is not None
        result = None
        call.recognised = utterance
        try:
            if utterance.streamed:
                result = await self._while_it_comes(call, self._stt, utterance)
            if result is None and not utterance.endless:
                result = await self._as_a_whole(call, self._stt, utterance)
        finally:
            call.recognised = None
            if utterance.endless:
                self._release(call, utterance)
        if not utterance.endless:
            self._understood(call, utterance, result or TranscriptionResult(""))

    async def _while_it_comes(
        self, call: LiveCall, stt: STTProvider, utterance: Utterance
    ) -> TranscriptionResult | None:
        finals: list[TranscriptionResult] = []
        try:
            with cancelled_only_from_outside(f"recogniser {stt.name}"):
                stream = stt.transcribe_stream(utterance.chunks())
                async with asyncio.timeout(None) as limit, closing(stream) as results:
                    utterance.on_end = lambda: limit.reschedule(_deadline(self._timeout_s))
                    if utterance.ended.is_set():
                        utterance.on_end()
                    async for result in results:
                        self._take(call, utterance, result, finals)
        except Exception as error:
            if not utterance.aborted:
                await self._room.report(call.session, f"recogniser {stt.name}", _as_provider_error(error, stt))
            return None
        finally:
            utterance.on_end = None
        return _joined(finals)

    def _take(
        self, call: LiveCall, utterance: Utterance, result: TranscriptionResult, finals: list[TranscriptionResult]
    ) -> None:
        if utterance.aborted:
            return
        if utterance.endless and result.text.strip():
            self.on_words(call)
        if result.is_final and utterance.endless:
            self._understood(call, utterance, result)
        elif result.is_final:
            finals.append(result)
        else:
            so_far = _joined([*finals, result])
            call.events.put(lambda: self._turns.partial(call, so_far))

    async def _as_a_whole(self, call: LiveCall, stt: STTProvider, utterance: Utterance) -> TranscriptionResult | None:
        await utterance.ended.wait()
        audio = utterance.audio
        if utterance.aborted or not audio.data:
            return None
        try:
            with cancelled_only_from_outside(f"recogniser {stt.name}"):
                async with asyncio.timeout(self._timeout_s):
                    return await stt.transcribe(audio)
        except Exception as error:
            await self._room.report(call.session, f"recogniser {stt.name}", _as_provider_error(error, stt))
            return None

    def _understood(self, call: LiveCall, utterance: Utterance, result: TranscriptionResult) -> None:
        if utterance.aborted:
            return

        async def tell() -> None:
            text = ""
            try:
                text = await self._turns.final(call, result)
            finally:
                if utterance.understood is not None and not utterance.understood.done():
                    utterance.understood.set_result(text)

        call.events.put(tell)

    def _release(self, call: LiveCall, utterance: Utterance) -> None:
        """An endless stream has ended after all; the next one waits a little, lest a broken recogniser is flooded."""
        utterance.abort()
        if call.utterance is utterance:
            call.utterance = None
            call.deaf_until_s = _deadline(_PAUSE_AFTER_FAILURE_S)


def _deadline(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


def _joined(results: list[TranscriptionResult]) -> TranscriptionResult:
    """Several results of one utterance as one; the confidence is that of the least sure."""
    sure = [result.confidence for result in results if result.confidence is not None]
    return TranscriptionResult(
        " ".join(filter(None, (result.text.strip() for result in results))),
        is_final=all(result.is_final for result in results),
        confidence=min(sure) if sure else None,
        language=next((result.language for result in results if result.language), None),
    )


def _as_provider_error(error: Exception, stt: STTProvider) -> Exception:
    if isinstance(error, TimeoutError):
        return ProviderError(f"the recogniser {stt.name} did not answer in time", retryable=True, provider=stt.name)
    return error
