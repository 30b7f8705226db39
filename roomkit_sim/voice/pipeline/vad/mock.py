"""A detector for tests: says what it was told to say, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence

from roomkit_sim.voice.audio_frame import AudioFrame
from roomkit_sim.voice.pipeline.vad.base import VADEvent, VADProvider

__all__ = ["MockVADProvider"]


class MockVADProvider(VADProvider):
    """Scripted events; all sessions share the script.

    Args:
        events: What to answer to the first frame, the second, and so on; nothing when they are used up.

    Attributes:
        frames: Every frame, in order.
        resets: How often it was reset.
    """

    __test__ = False

    def __init__(self, events: Sequence[VADEvent | None] = ()) -> None:
        self._events = list(events)
        self.frames: list[AudioFrame] = []
        self.resets = 0

    @property
    def name(self) -> str:
        """``"mock"``."""
        return "mock"

    def for_session(self) -> MockVADProvider:
        """This one, so that a test can look at it."""
        return self

    def process(self, frame: AudioFrame) -> VADEvent | None:
        """The next event."""
        self.frames.append(frame)
        return self._events.pop(0) if self._events else None

    def reset(self) -> None:
        """Count; the script goes on."""
        self.resets += 1
