"""The input audio buffer of a session: what the caller says, until it is committed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roomkit_sim.sim.audio.recognition import Recognition, UtteranceRecogniser
from roomkit_sim.sim.audio.stream_resampling import StreamedRate
from roomkit_sim.sim.servers.hearing import RATE_HZ, Ear, HearingEvent
from roomkit_sim.sim.servers.openai_realtime.audio_format import AudioFormat
from roomkit_sim.sim.servers.openai_realtime.refusals import Refusal
from roomkit_sim.sim.servers.openai_realtime.session_config import SessionConfig

__all__ = ["InputAudio", "hangover_ms", "recognised"]

LEAST_COMMIT_MS = 100
_PATIENCE = {"low": 2.0, "medium": 1.0, "auto": 1.0, "high": 0.7}


def hangover_ms(detection: Mapping[str, Any] | None, semantic_ms: int) -> int | None:
    """After how much silence a turn ends.

    Args:
        detection: ``turn_detection`` of the session.
        semantic_ms: How long semantic detection waits by default. It judges the words, which a fake cannot; so it
            waits, twice as long if it shall not be eager, and a third less if it shall.
    """
    if detection is None:
        return None
    if detection["type"] == "server_vad":
        return max(20, int(detection["silence_duration_ms"]))
    return round(semantic_ms * _PATIENCE[detection["eagerness"]])


class InputAudio:
    """What a session hears.

    Args:
        recogniser: Knows the utterances.
        semantic_ms: See :func:`hangover_ms`.
    """

    def __init__(self, recogniser: UtteranceRecogniser, semantic_ms: int) -> None:
        self.ear = Ear(recogniser, None)
        self._semantic_ms = semantic_ms
        self._format: AudioFormat | None = None
        self._rate = StreamedRate(RATE_HZ, RATE_HZ)
        self._since = 0
        self._buffered_ms = 0.0

    @property
    def position_ms(self) -> int:
        """Milliseconds of audio since the session began."""
        return self.ear.position * 1000 // RATE_HZ

    def configure(self, config: SessionConfig) -> None:
        """Go on as a session is configured now."""
        if config.input_format != self._format:
            self._format = config.input_format
            self._rate = StreamedRate(self._format.rate_hz, RATE_HZ)
        self.ear.listen(hangover_ms(config.turn_detection, self._semantic_ms))

    def append(self, data: bytes) -> list[HearingEvent]:
        """Take audio in the session's format."""
        assert self._format is not None, "a session is configured before it hears"
        self._buffered_ms += len(data) * 1000 / self._format.bytes_per_second
        return self.ear.feed(self._rate.feed(self._format.decode(data)))

    def clear(self) -> None:
        """Forget what is not committed, and speech that is under way."""
        self._since = self.ear.position
        self._buffered_ms = 0.0
        self.ear.start_afresh()

    def committed(self) -> int:
        """The buffer was committed; tells how many milliseconds were in it."""
        self._since = self.ear.position
        length, self._buffered_ms = self._buffered_ms, 0.0
        return round(length)

    def commit(self) -> tuple[Recognition, int]:
        """Commit the buffer because the client says so: what was said, and how many milliseconds it took.

        Raises:
            Refusal: There is next to nothing in it.
        """
        if self._buffered_ms < LEAST_COMMIT_MS:
            raise Refusal(
                f"Error committing input audio buffer: buffer too small. Expected at least {LEAST_COMMIT_MS}ms of "
                f"audio, but buffer only has {self._buffered_ms:.2f}ms of audio.",
                "input_audio_buffer_commit_empty",
            )
        recognition = self.ear.recognise(self._since, self.ear.position)
        self.ear.start_afresh()
        return recognition, self.committed()


def recognised(data: bytes, format: AudioFormat, recogniser: UtteranceRecogniser) -> Recognition:
    """What was said in a whole recording."""
    ear = Ear(recogniser, None)
    ear.feed(StreamedRate(format.rate_hz, RATE_HZ).feed(format.decode(data)))
    return ear.recognise(0, ear.position)
