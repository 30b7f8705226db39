"""One turn of the model: thinking, tool calls, speech in real pace."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from roomkit_sim.sim.audio.timbre import speak
from roomkit_sim.sim.scenario.mind import Rule
from roomkit_sim.sim.servers.gemini_live import server_frames as frames
from roomkit_sim.sim.servers.mind import Stimulus, why_not_callable
from roomkit_sim.sim.servers.model_wrongs import as_acted_on, as_called
from roomkit_sim.sim.servers.words import timed, words_of
from roomkit_sim.sim.trace.tool_results import unwrapped

if TYPE_CHECKING:
    from roomkit_sim.sim.servers.gemini_live.session import Session

__all__ = ["Turn"]

RATE_HZ = 24_000
MAX_ROUNDS = 8


class Turn:
    """One turn, from the moment when the model knows that it has something to do.

    Args:
        session: The connection.
        rule: What the model does first; results of tools may lead to further rules.
    """

    def __init__(self, session: Session, rule: Rule) -> None:
        self.is_generating = True
        self._session = session
        self._rule = rule
        self._results: dict[str, asyncio.Future[Any]] = {}
        self._spoken_until = 0.0
        self._spoken_bytes = 0

    @property
    def spoken_ms(self) -> int:
        """How much was spoken so far, in milliseconds of audio."""
        return round(self._spoken_bytes / 2 / RATE_HZ * 1000)

    @property
    def open_calls(self) -> list[str]:
        """Ids of the calls that wait for a result."""
        return [call_id for call_id, result in self._results.items() if not result.done()]

    def take_result(self, call_id: str, result: Any) -> bool:
        """Give a call its result; tells whether the call was open."""
        waiting = self._results.get(call_id)
        if waiting is None or waiting.done():
            return False
        waiting.set_result(result)
        return True

    async def run(self) -> None:
        """Take the turn, to its completion."""
        session = self._session
        await asyncio.sleep((session.latency.think_ms + self._rule.waits_ms) / 1000)
        await self._follow(self._rule)
        await session.send(frames.GENERATION_COMPLETE)
        self.is_generating = False
        await self._until(self._spoken_until)
        await session.send(frames.turn_complete(session.prompt_tokens(), self.spoken_ms))
        session.schedule_handle()

    async def _follow(self, rule: Rule | None) -> None:
        session = self._session
        for _ in range(MAX_ROUNDS):
            if rule is None:
                return
            rule = as_acted_on(rule, session.goes_wrong)
            if rule.says:
                await self._say(rule.says)
            if not rule.calls:
                return
            why_not = why_not_callable(rule, session.setup.functions)
            if why_not is not None:
                session.emit(
                    "mind_refused", why=why_not, persona=session.character.name, rule=session.character.number_of(rule)
                )
                await self._say(f"I cannot do that. {why_not}")
                return
            result = await self._call(rule)
            rule = session.server.mind.react(
                session.character, Stimulus(on="tool_result", text=result), session.conversation.uses
            )
            if rule is not None:
                await asyncio.sleep((session.latency.think_ms + rule.waits_ms) / 1000)

    async def _call(self, rule: Rule) -> str:
        """Make the calls of a rule at once, and wait for all results; they come back as one text."""
        session, loop = self._session, asyncio.get_running_loop()
        called = as_called(rule.calls, session.setup.functions, session.goes_wrong)
        calls = [(session.new_call_id(index), name, arguments) for index, (name, arguments) in enumerate(called)]
        self._results = {call_id: loop.create_future() for call_id, _, _ in calls}
        await session.send(frames.tool_call(calls))
        for call_id, name, arguments in calls:
            session.emit("tool_call", id=call_id, name=name, args=dict(arguments))
        texts = []
        for call_id, name, _ in calls:
            result = await self._results[call_id]
            session.emit("tool_result", id=call_id, name=name, result=result)
            texts.append(json.dumps(unwrapped(result)))
            session.conversation.turns.append(("tool", texts[-1]))
        return "\n".join(texts)

    async def _say(self, text: str) -> None:
        """Speak: audio frames in real pace, a little ahead of it, words running before them."""
        session, latency = self._session, self._session.latency
        loop = asyncio.get_running_loop()
        await asyncio.sleep(latency.speak_ms / 1000)
        voice = session.setup.voice
        pcm = speak(text, voice, RATE_HZ).tobytes()
        chunk = 2 * RATE_HZ * latency.chunk_ms // 1000
        words = timed(words_of(text), len(pcm) / 2 / RATE_HZ * 1000)
        session.emit("said", text=text, voice=voice, ms=len(pcm) * 500 // RATE_HZ)
        started = max(loop.time(), self._spoken_until)
        for index, at in enumerate(range(0, len(pcm), chunk)):
            await self._until(started + (index * latency.chunk_ms - latency.lead_ms) / 1000)
            while session.setup.transcribe_output and words and words[0][0] <= index * latency.chunk_ms:
                await session.send(frames.output_transcription(words.pop(0)[1]))
            await session.send(frames.audio(pcm[at : at + chunk]))
            self._spoken_bytes += len(pcm[at : at + chunk])
            if index == 0:
                session.emit("audio_started", voice=voice)
                session.lifetime.answer_began()
        self._spoken_until = started + len(pcm) / 2 / RATE_HZ
        session.conversation.turns.append(("model", text))

    async def _until(self, when: float) -> None:
        delay = when - asyncio.get_running_loop().time()
        if delay > 0:
            await asyncio.sleep(delay)
