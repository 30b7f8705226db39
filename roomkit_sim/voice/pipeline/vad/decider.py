"""From frames that are speech or not to starts and ends of speech. Pure."""

from __future__ import annotations

from roomkit_sim.voice.pipeline.vad.base import VADEvent, VADEventType

__all__ = ["SpeechDecider"]


class SpeechDecider:
    """A start needs speech without a break, an end needs a hangover without speech.

    The hangover must exceed the pauses within a sentence; 500 ms is usual, and below 350 ms turns are cut in two.

    Args:
        frame_ms: Length of a frame.
        start_ms: So much speech starts it.
        hangover_ms: So much silence ends it.

    Raises:
        ValueError: A length is not positive.
    """

    def __init__(self, frame_ms: int, start_ms: int, hangover_ms: int) -> None:
        if min(frame_ms, start_ms, hangover_ms) <= 0:
            raise ValueError(f"lengths must be positive: frame {frame_ms}, start {start_ms}, hangover {hangover_ms} ms")
        self._frame_ms = frame_ms
        self._start_frames = -(-start_ms // frame_ms)
        self._hangover_frames = -(-hangover_ms // frame_ms)
        self.reset()

    @property
    def speaking(self) -> bool:
        """Whether speech has started and not ended."""
        return self._speaking

    def reset(self) -> None:
        """Forget the stream so far."""
        self._speaking = False
        self._run = 0
        self._spoken = 0

    def feed(self, is_speech: bool) -> VADEvent | None:
        """Take the judgement of the next frame."""
        # Of speech while nobody speaks, of silence while somebody does: what counts towards the next change.
        self._run = self._run + 1 if is_speech is not self._speaking else 0
        if self._speaking:
            self._spoken += 1
            return self._end() if self._run >= self._hangover_frames else None
        return self._start() if self._run >= self._start_frames else None

    def _start(self) -> VADEvent:
        self._speaking, self._spoken, self._run = True, self._run, 0
        return VADEvent(VADEventType.SPEECH_START)

    def _end(self) -> VADEvent:
        duration_ms = float((self._spoken - self._run) * self._frame_ms)
        self._speaking, self._run = False, 0
        return VADEvent(VADEventType.SPEECH_END, duration_ms=duration_ms)
