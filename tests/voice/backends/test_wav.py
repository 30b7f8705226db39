"""Callers from WAV files."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit_sim.errors import ConfigurationError
from roomkit_sim.voice.audio_frame import AudioFrame
from roomkit_sim.voice.backends.track import PlayoutTrack
from roomkit_sim.voice.backends.wav import WavBackend, WavCall
from roomkit_sim.voice.base import VoiceSession
from roomkit_sim.voice.wav_file import read_wav, write_wav

RATE = 8000


@pytest.fixture
def caller_file(tmp_path: Path) -> Path:
    """Half a second in which every sample has its own number."""
    path = tmp_path / "caller.wav"
    write_wav(path, RATE, np.arange(1, RATE // 2 + 1, dtype="<i2").tobytes())
    return path


def heard_by(backend: WavBackend) -> list[AudioFrame]:
    frames: list[AudioFrame] = []
    backend.on_audio_received(lambda session, frame: frames.append(frame))
    return frames


@pytest.mark.sim
async def test_the_file_is_heard_at_the_pace_of_speech_every_sample_once_and_then_silence(caller_file: Path) -> None:
    backend = WavBackend(caller_file)
    frames = heard_by(backend)
    session = VoiceSession()
    await backend.accept(session, None)
    assert session.metadata["transport_sample_rate"] == RATE
    await asyncio.sleep(0.251)
    assert len(frames) == 12
    await asyncio.sleep(0.5)
    samples = np.frombuffer(b"".join(frame.data for frame in frames), "<i2")
    assert samples[: RATE // 2].tolist() == list(range(1, RATE // 2 + 1))
    assert not samples[RATE // 2 :].any()
    await backend.disconnect(session)
    heard = len(frames)
    await asyncio.sleep(1)
    assert len(frames) == heard


@pytest.mark.sim
async def test_what_the_caller_hears_is_written_where_it_was_heard(caller_file: Path, tmp_path: Path) -> None:
    backend = WavBackend()
    session = VoiceSession()
    await backend.accept(session, WavCall(caller_file, tmp_path / "agent.wav"))
    await asyncio.sleep(0.1)
    await backend.send_audio(session, b"\x01\x00" * 800)
    await backend.send_audio(session, b"\x02\x00" * 800)
    await asyncio.sleep(0.15)
    backend.interrupt(session)
    await asyncio.sleep(0.05)
    await backend.send_audio(session, b"\x03\x00" * 80)
    await backend.wait_played(session)
    await backend.disconnect(session)
    await backend.disconnect(session)
    rate_hz, pcm = read_wav(tmp_path / "agent.wav")
    assert rate_hz == RATE
    expected = [0] * 800 + [1] * 800 + [2] * 400 + [0] * 400 + [3] * 80
    assert np.frombuffer(pcm, "<i2").tolist() == expected


@pytest.mark.sim
async def test_a_caller_hangs_up_after_silence_of_both_sides(caller_file: Path) -> None:
    backend = WavBackend(caller_file, hang_up_after_ms=200)
    loop, gone = asyncio.get_running_loop(), []
    backend.on_client_disconnected(lambda session: gone.append(loop.time() - began))
    session = VoiceSession()
    began = loop.time()
    await backend.accept(session, None)
    await asyncio.sleep(0.6)
    await backend.send_audio(session, b"\x01\x00" * (RATE // 2))
    await asyncio.sleep(2)
    assert gone == [pytest.approx(0.6 + 0.5 + 0.2, abs=0.02)]
    await backend.close()


@pytest.mark.sim
async def test_who_is_told_of_a_hang_up_can_disconnect_the_line_in_a_task_of_its_own(caller_file: Path) -> None:
    backend = WavBackend(caller_file, hang_up_after_ms=100)
    done: list[bool] = []

    async def end(session: VoiceSession) -> None:
        await backend.disconnect(session)
        await asyncio.sleep(0.01)
        done.append(True)

    backend.on_client_disconnected(lambda session: asyncio.create_task(end(session)))
    await backend.accept(VoiceSession(), None)
    await asyncio.sleep(2)
    assert done == [True]


@pytest.mark.sim
async def test_a_muted_caller_is_not_heard_and_the_file_goes_on(caller_file: Path) -> None:
    backend = WavBackend(caller_file)
    frames = heard_by(backend)
    session = VoiceSession()
    await backend.accept(session, None)
    backend.set_input_muted(session, True)
    await asyncio.sleep(0.201)
    backend.set_input_muted(session, False)
    await asyncio.sleep(0.02)
    assert [np.frombuffer(frame.data, "<i2")[0] for frame in frames] == [1601]
    await backend.close()


@pytest.mark.sim
async def test_a_callback_that_fails_does_not_end_the_call(caller_file: Path, caplog: pytest.LogCaptureFixture) -> None:
    backend = WavBackend(caller_file)

    def fail(session: VoiceSession, frame: AudioFrame) -> None:
        raise ValueError("broken")

    backend.on_audio_received(fail)
    frames = heard_by(backend)
    await backend.accept(VoiceSession(), None)
    await asyncio.sleep(0.1)
    assert len(frames) >= 4
    assert "callback of a voice backend failed" in caplog.text
    await backend.close()


async def test_a_line_without_a_file_or_with_a_wrong_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="needs a file"):
        await WavBackend().accept(VoiceSession(), None)
    with pytest.raises(ConfigurationError, match="no WAV file"):
        await WavBackend(tmp_path / "missing.wav").accept(VoiceSession(), None)
    with wave.open(str(tmp_path / "wide.wav"), "wb") as file:
        file.setparams((1, 4, RATE, 0, "NONE", ""))
        file.writeframes(bytes(40))
    with pytest.raises(ConfigurationError, match="32 bits"):
        read_wav(tmp_path / "wide.wav")


def test_two_channels_are_mixed(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "two.wav"), "wb") as file:
        file.setparams((2, 2, RATE, 0, "NONE", ""))
        file.writeframes(np.array([10, 20, -4, 0], "<i2").tobytes())
    assert read_wav(tmp_path / "two.wav") == (RATE, np.array([15, -2], "<i2").tobytes())


@given(st.lists(st.tuples(st.sampled_from(["send", "cut"]), st.integers(0, 20), st.integers(0, 30))))
def test_a_track_holds_what_was_sent_where_it_was_played(steps: list[tuple[str, int, int]]) -> None:
    """Against a model: a list of samples, in which every sample sent has its own number."""
    track, model, now, number = PlayoutTrack(), [], 0, 1
    for step, pause, length in steps:
        now += pause
        if step == "cut":
            assert track.cut(now) == max(0, len(model) - now)
            del model[now:]
        else:
            samples = list(range(number, number + length))
            number += length
            track.append(np.array(samples, "<i2").tobytes(), now)
            model += [0] * max(0, now - len(model)) + samples
        assert track.end == len(model)
    assert np.frombuffer(track.pcm(now), "<i2").tolist() == (model + [0] * now)[:now]


@pytest.mark.parametrize(("channels", "whole"), [(1, 4), (2, 3)])
def test_a_file_that_was_cut_off_in_the_middle_of_a_sample_plays_to_the_sample_before(
    tmp_path: Path, channels: int, whole: int
) -> None:
    path = tmp_path / "cut.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, RATE, 0, "NONE", "not compressed"))
        file.writeframes(b"\x01\x00" * (5 if channels == 1 else 8))
    path.write_bytes(path.read_bytes()[:-1])
    assert read_wav(path) == (RATE, b"\x01\x00" * whole)


async def test_a_recording_that_could_not_be_written_is_refused_before_the_call(
    caller_file: Path, tmp_path: Path
) -> None:
    call = WavCall(caller_file, tmp_path / "no-such-folder" / "heard.wav")
    with pytest.raises(ConfigurationError, match=r"heard\.wav cannot be written: there is no folder .*no-such-folder"):
        await WavBackend().accept(VoiceSession(), call)
