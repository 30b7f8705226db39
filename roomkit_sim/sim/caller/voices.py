"""Who is heard: which voice each persona speaks with, and which voice plays on a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from roomkit_sim.errors import AudioError
from roomkit_sim.sim.audio.pcm import Samples
from roomkit_sim.sim.trace.events import TraceEvent

__all__ = ["ConfiguredVoice", "Ear", "VoiceBook", "VoicePart", "VoiceTracker"]

_FIRST_MS = 100
_AGAIN_MS = 400
_LOOK_MS = 60


class Ear(Protocol):
    """Names the voice of a piece of sound."""

    def add(self, name: str) -> None:
        """A voice that may be heard from now on. Raises ``AudioError`` if it cannot be told from another."""

    def dominant(self, samples: Samples, rate_hz: int) -> str | None:
        """The voice in PCM16 mono; nothing if it is none of them."""
        ...


class ConfiguredVoice:
    """An ear for voices that nobody knows the sound of: whoever was configured last is whom one hears.

    Between the configuration of a new agent and the last word of the old one it is mistaken.
    """

    def __init__(self) -> None:
        self._voice: str | None = None

    def add(self, name: str) -> None:
        """This voice is configured now."""
        self._voice = name

    def dominant(self, samples: Samples, rate_hz: int) -> str | None:
        """The voice that was configured last."""
        return self._voice


class VoiceBook:
    """Learns from a trace which voices the personas of a server speak with.

    Args:
        ear: Names voices.

    Attributes:
        conflicts: Voices that could not be learnt because they are too like another one; say so to the user.
    """

    def __init__(self, ear: Ear) -> None:
        self.ear = ear
        self.conflicts: list[str] = []
        self._voices: dict[str, list[str]] = {}

    def hear(self, event: TraceEvent) -> None:
        """Take an event of the trace; made for ``Recorder.listen``. Only ``server.persona`` matters."""
        if event.name != "server.persona":
            return
        voice = str(event.data.get("voice") or "")
        voices = self._voices.setdefault(str(event.data.get("name")), [])
        if voice not in voices:
            voices.append(voice)
        try:
            self.ear.add(voice)
        except AudioError as error:
            if str(error) not in self.conflicts:
                self.conflicts.append(str(error))

    def voices_of(self, persona: str) -> tuple[str, ...]:
        """The voices that a persona has had so far."""
        return tuple(self._voices.get(persona, ()))

    def personas_of(self, voice: str) -> tuple[str, ...]:
        """The personas that have had a voice so far."""
        return tuple(persona for persona, voices in self._voices.items() if voice in voices)


@dataclass(slots=True)
class VoicePart:
    """A stretch of a playout in which one voice was found, or none that is known."""

    voice: str | None
    start_sample: int
    end_sample: int


class VoiceTracker:
    """Names the voice of audible audio while it is sent: from the first 100 ms, then again every 400 ms.

    This is what a caller can go by during a call. For the exact bounds of voices, identify the whole track afterwards.

    Args:
        rate_hz: Rate of the line.
        ear: Names voices.
    """

    def __init__(self, rate_hz: int, ear: Ear) -> None:
        self.parts: list[VoicePart] = []
        self._rate_hz = rate_hz
        self._ear = ear
        self._collected: list[Samples] = []
        self._start = 0
        self._count = 0
        self._wanted = self._samples(_FIRST_MS)

    def feed(self, samples: Samples, start: int, *, continues: bool) -> None:
        """Take audible samples.

        Args:
            samples: PCM16 mono.
            start: The position of the first.
            continues: Whether they belong to the audible run before.
        """
        if not continues:
            self._forget(_FIRST_MS)
        if not self._collected:
            self._start = start
        self._collected.append(samples)
        self._count += len(samples)
        if self._count >= self._wanted:
            self._name(start + len(samples))

    def cut(self, position: int) -> None:
        """Forget what lies after ``position``: it was dropped."""
        self._forget(_FIRST_MS)
        self.parts = [part for part in self.parts if part.start_sample < position]
        if self.parts:
            self.parts[-1].end_sample = min(self.parts[-1].end_sample, position)

    def next_heard(self, voices: tuple[str, ...], since: int) -> int | None:
        """The first position at or after ``since`` at which one of ``voices`` is heard, as far as is known."""
        positions = (
            max(since, part.start_sample) for part in self.parts if part.end_sample > since and part.voice in voices
        )
        return next(positions, None)

    def _name(self, end: int) -> None:
        recent = np.concatenate(self._collected)[-self._samples(_LOOK_MS) :]
        voice = self._ear.dominant(recent, self._rate_hz)
        goes_on = self._wanted == self._samples(_AGAIN_MS)
        if goes_on and self.parts[-1].voice == voice:
            self.parts[-1].end_sample = end
        else:
            # Within a run the other voice began somewhere since the last look: certain is only what was looked at.
            self.parts.append(VoicePart(voice, end - len(recent) if goes_on else self._start, end))
        self._forget(_AGAIN_MS)

    def _forget(self, wanted_ms: int) -> None:
        self._collected = []
        self._count = 0
        self._wanted = self._samples(wanted_ms)

    def _samples(self, ms: int) -> int:
        return self._rate_hz * ms // 1000
