"""Framing and cutting of a caller's audio."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit_sim.voice.audio_frame import AudioFrame
from roomkit_sim.voice.pipeline.config import AudioPipelineConfig
from roomkit_sim.voice.pipeline.framing import Framer
from roomkit_sim.voice.pipeline.listening import Level, Listener, Plain, Silence
from roomkit_sim.voice.pipeline.segmenter import SpeechAudio, SpeechEnded, SpeechSegmenter, SpeechStarted
from roomkit_sim.voice.pipeline.vad.base import VADEvent, VADEventType
from roomkit_sim.voice.pipeline.vad.mock import MockVADProvider

START, END = VADEvent(VADEventType.SPEECH_START), VADEvent(VADEventType.SPEECH_END)


@given(st.lists(st.binary(max_size=50)), st.integers(1, 20))
def test_frames_put_together_are_the_stream(pieces: list[bytes], size: int) -> None:
    framer = Framer(size)
    frames = [frame for piece in pieces for frame in framer.feed(piece)]
    assert {len(frame) for frame in frames} <= {size}
    assert b"".join(frames) + framer.pending == b"".join(pieces)


def test_a_frame_of_no_bytes_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one byte"):
        Framer(0)


@given(st.lists(st.sampled_from([None, None, None, START, END]), max_size=60), st.integers(0, 40), st.integers(10, 80))
def test_no_sample_is_lost_or_doubled_while_somebody_speaks(
    events: list[VADEvent | None], preroll: int, longest: int
) -> None:
    """Every byte of the stream has its own number, so that the utterances can be laid upon the stream."""
    segmenter = SpeechSegmenter(preroll, longest)
    utterances: list[bytearray] = []
    decided: list[int] = []
    for number, event in enumerate(events):
        frame = bytes(range(4 * number, 4 * number + 4))
        for segment in segmenter.feed(frame, event):
            if isinstance(segment, SpeechStarted):
                utterances.append(bytearray(segment.audio))
                decided.append(-1 if segment.continues else 4 * number)
            elif isinstance(segment, SpeechAudio):
                utterances[-1] += segment.audio
    covered = [byte for utterance in utterances for byte in utterance]
    assert len(set(covered)) == len(covered), "a sample is in two utterances, or twice in one"
    for utterance in utterances:
        assert list(utterance) == list(range(utterance[0], utterance[0] + len(utterance))) if utterance else True
    for utterance, at in zip(utterances, decided, strict=True):
        if at >= 0:
            assert at - preroll <= utterance[0] <= at
    speaking, expected = False, set()
    for number, event in enumerate(events):
        kind = event.type if event else None
        if speaking or kind is VADEventType.SPEECH_START:
            expected.update(range(4 * number, 4 * number + 4))
        speaking = kind is VADEventType.SPEECH_START or (speaking and kind is not VADEventType.SPEECH_END)
    assert expected <= set(covered), "a sample of speech is lost"


def test_an_utterance_begins_before_the_decision_and_a_second_one_not_within_the_first() -> None:
    segmenter = SpeechSegmenter(preroll_bytes=4, max_bytes=100)
    assert segmenter.feed(b"aa", None) == segmenter.feed(b"bb", None) == segmenter.feed(b"cc", None) == []
    assert segmenter.feed(b"dd", START) == [SpeechStarted(b"bbccdd")]
    assert segmenter.feed(b"ee", END) == [SpeechAudio(b"ee"), SpeechEnded()]
    assert segmenter.feed(b"ff", START) == [SpeechStarted(b"ff")]


def test_an_utterance_that_grows_too_long_goes_on_in_the_next_without_a_gap() -> None:
    segmenter = SpeechSegmenter(preroll_bytes=0, max_bytes=6)
    segmenter.feed(b"aa", START)
    assert segmenter.feed(b"bb", None) == [SpeechAudio(b"bb")]
    assert segmenter.feed(b"cc", None) == [
        SpeechAudio(b"cc"),
        SpeechEnded(continues=True),
        SpeechStarted(b"", continues=True),
    ]
    assert segmenter.speaking
    assert segmenter.feed(b"dd", END) == [SpeechAudio(b"dd"), SpeechEnded()]


def frame_of(milliseconds: float, rate_hz: int = 16000, channels: int = 1) -> AudioFrame:
    return AudioFrame(b"\x01\x00" * int(rate_hz * channels * milliseconds / 1000), rate_hz, channels)


def test_silence_is_told_once_after_a_while_and_counted_from_the_end_of_speech() -> None:
    vad = MockVADProvider([None, START, None, END])
    listener = Listener(AudioPipelineConfig(vad=vad, silence_notice_ms=60))
    heard = [part for _ in range(12) for part in listener.feed(frame_of(20))]
    assert [part.duration_ms for part in heard if isinstance(part, Silence)] == [60.0]
    assert listener.speech_ms == 40.0


def test_levels_come_at_most_ten_times_a_second() -> None:
    listener = Listener(AudioPipelineConfig(vad=MockVADProvider()))
    heard = [part for _ in range(50) for part in listener.feed(frame_of(20))]
    assert len([part for part in heard if isinstance(part, Level)]) == 10


def test_a_line_of_another_rate_and_two_channels_is_brought_to_the_pipelines() -> None:
    listener = Listener(AudioPipelineConfig(vad=MockVADProvider(), sample_rate=16000))
    heard = [part for _ in range(10) for part in listener.feed(frame_of(20, rate_hz=8000, channels=2))]
    assert sum(len(part.audio) for part in heard if isinstance(part, Plain)) == 2 * 16000 * 200 // 1000
    assert [frame.sample_rate for frame in listener._vad.frames] == [16000] * 10


@pytest.mark.parametrize("wrong", [{"sample_rate": 0}, {"preroll_ms": -1}, {"max_utterance_ms": 0}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        AudioPipelineConfig(**wrong)
