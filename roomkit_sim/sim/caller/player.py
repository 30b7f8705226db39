"""Plays the script of a caller on a phone line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from roomkit_sim.sim.audio.files import Clip
from roomkit_sim.sim.caller.line import LineTransport
from roomkit_sim.sim.caller.speech import speech_bounds
from roomkit_sim.sim.scenario.caller import Caller, HangUp, Say, Step, Wait
from roomkit_sim.sim.trace.events import Json, TraceEvent
from roomkit_sim.sim.trace.recorder import Recorder

__all__ = ["Player"]

_MS = 1_000_000
NOTICE_MS = 100
"""So long an agent has been heard when the caller notices: as much sound as it takes to tell a voice."""


class Player:
    """A caller on a line. Its frames keep the line's clock whatever the script does.

    Emits ``caller`` events: ``step`` {n, step, ...}, ``speech_start`` {utterance, start_sample}, ``speech_end``
    {utterance, start_sample, end_sample} at the last audible sample, ``wait_timeout`` {step, for, within_ms, persona},
    ``cut_off`` {step} when the application hangs up on the caller, and ``hang_up`` {at_sample}.

    Args:
        caller: The script.
        clips: The sound of each utterance, at the line's rate.
        line: The line; the application must answer it.
        recorder: The trace of the call.
        voices_of: The voices that a persona has had so far, for waits that name one.
        patience_ms: How long in all the caller waits for an agent to speak: when ``within_ms`` is over, what was said
            last is said again (``repeat`` {utterance, step}), as people do. None: the caller gives up at once.
    """

    def __init__(
        self,
        *,
        caller: Caller,
        clips: Mapping[str, Clip],
        line: LineTransport,
        recorder: Recorder,
        voices_of: Callable[[str], tuple[str, ...]],
        patience_ms: int = 0,
    ) -> None:
        self._caller = caller
        self._clips = clips
        self._line = line
        self._recorder = recorder
        self._voices_of = voices_of
        self._patience = patience_ms * line.rate_hz // 1000
        self._said: Say | None = None
        self._step = 0

    async def run(self) -> None:
        """Play the script, from when the application has answered until somebody has hung up."""
        if not await self._line.wait_connected():
            return
        frames = asyncio.create_task(self._line.carry(), name=f"frames of {self._line.connection.call_id}")
        try:
            await self._play()
            if self._line.ended:
                self._recorder.emit("caller", "cut_off", step=self._step)
            else:
                self._recorder.emit("caller", "hang_up", at_sample=self._line.position)
                await self._line.hang_up()
            # A frame that is being delivered is finished: the call ends between frames.
            await frames
        finally:
            frames.cancel()

    async def _play(self) -> None:
        """Play step by step, until one ends the call or comes to nothing."""
        for number, step in enumerate(self._caller.script, start=1):
            self._step = number
            self._recorder.emit("caller", "step", n=number, **_shown(step))
            if self._line.ended or not await self._perform(step):
                return

    async def _perform(self, step: Step) -> bool:
        """Whether the script goes on after this step."""
        match step:
            case Say():
                self._said = step
                return await self._say(step)
            case Wait():
                return await self._wait(step)
            case HangUp():
                await self._before_hang_up(step)
                return False

    async def _say(self, step: Say) -> bool:
        clip = self._clips[step.id]
        bounds = speech_bounds(clip)
        start = self._line.speak(clip.samples)
        first, end = start + bounds.start_sample, start + bounds.end_sample
        if not await self._reach(first):
            return False
        self._recorder.emit("caller", "speech_start", utterance=step.id, start_sample=first)
        if not await self._reach(end):
            return False
        self._recorder.emit("caller", "speech_end", utterance=step.id, start_sample=first, end_sample=end)
        return await self._reach(start + len(clip.samples))

    async def _wait(self, step: Wait) -> bool:
        if step.for_ == "time":
            return await self._reach(self._line.position + step.ms * self._line.rate_hz // 1000)
        if step.for_ == "agent_silence":
            happened = await self._line.wait_silence(step.ms * _MS, step.within_ms * _MS)
        else:
            happened = await self._wait_speech(step)
            if happened:
                return await self._reach(self._line.position + NOTICE_MS * self._line.rate_hz // 1000)
        if not happened and not self._line.ended:
            self._timed_out(step.for_, step.within_ms, step.persona)
        return happened

    async def _wait_speech(self, step: Wait) -> bool:
        persona = step.persona
        voices = None if persona is None else lambda: self._voices_of(persona)
        until = self._line.position + self._patience
        while not await self._line.wait_speech(voices, step.within_ms * _MS):
            if self._line.ended or self._line.position >= until:
                return False
            if self._said is not None:
                self._recorder.emit("caller", "repeat", utterance=self._said.id, step=self._step)
                if not await self._say(self._said):
                    return False
        return True

    async def _before_hang_up(self, step: HangUp) -> None:
        if step.after_ms and not await self._reach(self._line.position + step.after_ms * self._line.rate_hz // 1000):
            return
        if step.on is not None and not await self._event(step.on, step.within_ms) and not self._line.ended:
            self._timed_out(step.on, step.within_ms, None)

    async def _event(self, name: str, within_ms: int) -> bool:
        """Wait for the next trace event of this name."""
        happened: list[TraceEvent] = []

        def watch(event: TraceEvent) -> None:
            if event.name == name and not happened:
                happened.append(event)
                self._line.notice_change()

        stop = self._recorder.listen(watch)
        try:
            return await self._line.until(lambda now: now if happened else None, within_ms * _MS)
        finally:
            stop()

    async def _reach(self, position: int) -> bool:
        """Wait for a position; false if the call ended before."""
        return await self._line.reach(position)

    def _timed_out(self, awaited: str, within_ms: int, persona: str | None) -> None:
        data: dict[str, Json] = {"for": awaited, "within_ms": within_ms, "persona": persona, "step": self._step}
        self._recorder.emit("caller", "wait_timeout", **data)


def _shown(step: Step) -> dict[str, Json]:
    """What the trace says of a step."""
    match step:
        case Say():
            return {"step": "say", "utterance": step.id}
        case Wait():
            return {"step": "wait", "for": step.for_, "persona": step.persona, "ms": step.ms}
        case HangUp():
            return {"step": "hang_up", "on": step.on}
