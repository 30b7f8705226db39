"""The sound card, with a stand-in for sounddevice: machines that test have no sound."""

from __future__ import annotations

import asyncio
import builtins
import sys
import threading
from types import ModuleType
from typing import Any

import pytest

from roomkit_sim.errors import ConfigurationError
from roomkit_sim.voice.audio_frame import AudioFrame
from roomkit_sim.voice.backends.local import LocalAudioBackend
from roomkit_sim.voice.base import VoiceSession


class PortAudioError(Exception):
    pass


class FakeStream:
    """A stream whose callback the test calls from a thread, as PortAudio does."""

    opened: list[FakeStream]
    broken: bool

    def __init__(self, **settings: Any) -> None:
        if settings["device"] == "missing":
            raise ValueError("No device matching 'missing'")
        if settings["device"] == "busy":
            raise PortAudioError("Device unavailable")
        self.settings = settings
        self.running = False
        self.closed = False
        FakeStream.opened.append(self)

    def start(self) -> None:
        self.running = True

    def stop(self) -> None:
        self.running = False

    def close(self) -> None:
        self.closed = True

    def call(self, data: bytearray) -> bytes:
        thread = threading.Thread(target=self.settings["callback"], args=(memoryview(data), len(data) // 2, None, None))
        thread.start()
        thread.join()
        return bytes(data)


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> list[FakeStream]:
    """Microphone and loudspeaker, once opened."""
    module = ModuleType("sounddevice")
    module.RawInputStream = module.RawOutputStream = FakeStream  # type: ignore[attr-defined]
    module.PortAudioError = PortAudioError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    FakeStream.opened = []
    return FakeStream.opened


async def delivered() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_nothing_is_opened_before_a_session_begins(streams: list[FakeStream]) -> None:
    backend = LocalAudioBackend(input_sample_rate=24000, output_sample_rate=24000)
    assert streams == []
    session = VoiceSession()
    await backend.accept(session, None)
    assert [(stream.settings["samplerate"], stream.settings["blocksize"], stream.running) for stream in streams] == [
        (24000, 480, True)
    ] * 2
    assert session.metadata["transport_sample_rate"] == 24000
    await backend.close()
    assert [(stream.running, stream.closed) for stream in streams] == [(False, True)] * 2


async def test_what_the_microphone_hears_arrives_in_order_and_is_not_the_reused_buffer(
    streams: list[FakeStream],
) -> None:
    backend = LocalAudioBackend()
    frames: list[AudioFrame] = []
    backend.on_audio_received(lambda session, frame: frames.append(frame))
    await backend.accept(VoiceSession(), None)
    buffer = bytearray(b"\x01\x00")
    streams[0].call(buffer)
    buffer[:] = b"\x02\x00"
    streams[0].call(buffer)
    await delivered()
    assert [(frame.data, frame.sample_rate) for frame in frames] == [(b"\x01\x00", 16000), (b"\x02\x00", 16000)]
    await backend.close()


async def test_what_is_sent_is_played_once_and_then_silence(streams: list[FakeStream]) -> None:
    backend = LocalAudioBackend()
    session = VoiceSession()
    await backend.accept(session, None)
    await backend.send_audio(session, b"\x01\x00\x02\x00\x03\x00")
    waiting = asyncio.create_task(backend.wait_played(session))
    await delivered()
    assert streams[1].call(bytearray(4)) == b"\x01\x00\x02\x00"
    await delivered()
    assert not waiting.done()
    assert streams[1].call(bytearray(4)) == b"\x03\x00\x00\x00"
    await waiting
    assert streams[1].call(bytearray(4)) == bytes(4)
    await backend.close()


async def test_an_interruption_drops_what_is_not_played_and_ends_the_waiting(streams: list[FakeStream]) -> None:
    backend = LocalAudioBackend()
    session = VoiceSession()
    await backend.accept(session, None)
    await backend.send_audio(session, b"\x01\x00" * 100)
    waiting = asyncio.create_task(backend.wait_played(session))
    await delivered()
    backend.interrupt(session)
    await waiting
    assert streams[1].call(bytearray(4)) == bytes(4)
    await backend.close()


async def test_the_microphone_can_be_muted_always_or_while_something_plays(streams: list[FakeStream]) -> None:
    backend = LocalAudioBackend(mute_mic_during_playback=True)
    frames: list[bytes] = []
    backend.on_audio_received(lambda session, frame: frames.append(frame.data))
    session = VoiceSession()
    await backend.accept(session, None)
    await backend.send_audio(session, b"\x05\x00")
    streams[0].call(bytearray(b"\x01\x00"))
    streams[1].call(bytearray(2))
    streams[0].call(bytearray(b"\x02\x00"))
    await delivered()
    backend.set_input_muted(session, True)
    streams[0].call(bytearray(b"\x03\x00"))
    await delivered()
    assert frames == [b"\x00\x00", b"\x02\x00"]
    await backend.close()


async def test_the_sound_card_carries_one_session_and_the_next_one_after_it(streams: list[FakeStream]) -> None:
    backend = LocalAudioBackend()
    first, second = VoiceSession(), VoiceSession()
    await backend.accept(first, None)
    with pytest.raises(ConfigurationError, match="one session at a time"):
        await backend.accept(second, None)
    await backend.disconnect(first)
    await backend.disconnect(first)
    await backend.accept(second, None)
    await backend.close()


@pytest.mark.parametrize("device", ["missing", "busy"])
@pytest.mark.parametrize("side", ["input_device", "output_device"])
async def test_a_device_that_cannot_be_opened_is_a_clear_error_and_can_be_tried_again(
    streams: list[FakeStream], device: str, side: str
) -> None:
    backend = LocalAudioBackend(**{side: device})
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="python -m sounddevice"):
            await backend.accept(VoiceSession(), None)
    assert all(stream.closed for stream in streams)


async def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(ConfigurationError, match=r"roomkit-sim\[local\]"):
        await LocalAudioBackend().accept(VoiceSession(), None)


async def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def without_portaudio(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "sounddevice":
            raise OSError("PortAudio library not found")
        return real_import(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(builtins, "__import__", without_portaudio)
    with pytest.raises(ConfigurationError, match="libportaudio2"):
        await LocalAudioBackend().accept(VoiceSession(), None)
