"""The transcripts of what the caller said. They are made beside the responses, and come when they come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from roomkit_sim.sim.servers.openai_realtime.items import Item
from roomkit_sim.sim.servers.words import tokens_of

if TYPE_CHECKING:
    from roomkit_sim.sim.servers.openai_realtime.session import Session

__all__ = ["Transcriber"]

BEGINS_AFTER_MS = 100
TOKEN_MS = 20
LATE_MS = 3000
HELD_MS = 5000


@dataclass(frozen=True)
class _Job:
    item: Item
    words: str
    seconds: int


class Transcriber:
    """Sends the transcripts of one session.

    Args:
        session: The connection.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._held: _Job | None = None

    def take(self, item: Item, words: str, audio_ms: int) -> None:
        """Transcribe a committed item.

        Args:
            item: The user's message.
            words: What was said; empty for what was not understood.
            audio_ms: How long it was.
        """
        goes_wrong = self._session.goes_wrong
        if goes_wrong("openai.transcripts_missing"):
            return
        job = _Job(item, words, -(-audio_ms // 1000))
        if self._held is None and goes_wrong("openai.transcripts_out_of_order"):
            self._held = job
            self._start(self._release, HELD_MS)
            return
        late_ms = LATE_MS if goes_wrong("openai.transcripts_late") else 0
        self._start(lambda: self._transcribe(job), BEGINS_AFTER_MS + late_ms)

    def _start(self, work: Callable[[], Awaitable[None]], after_ms: int) -> None:
        def due() -> None:
            self._session.background.start(work, "transcript")

        self._session.background.later(after_ms / 1000, due)

    async def _transcribe(self, job: _Job) -> None:
        place = {"item_id": job.item.id, "content_index": 0}
        # The recogniser begins with a blank, which the whole transcript does not have.
        for token in tokens_of(f" {job.words}" if job.words else ""):
            self._session.send_delta("conversation.item.input_audio_transcription.delta", place, token)
            await asyncio.sleep(TOKEN_MS / 1000)
        job.item.body["content"] = [{"type": "input_audio", "transcript": job.words}]
        self._session.send(
            "conversation.item.input_audio_transcription.completed",
            **place,
            transcript=job.words,
            usage={"type": "duration", "seconds": job.seconds},
        )
        await self._release()

    async def _release(self) -> None:
        job, self._held = self._held, None
        if job is not None:
            await self._transcribe(job)
