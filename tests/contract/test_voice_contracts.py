"""The recognisers, synthesisers and lines of the project keep the contracts that those of others are held to."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path

import pytest

from roomkit_sim.testing.stt_contract import STTContract
from roomkit_sim.testing.tts_contract import TTSContract
from roomkit_sim.testing.voice_backend_contract import VoiceBackendContract
from roomkit_sim.voice.audio_frame import AudioFrame
from roomkit_sim.voice.backends.base import VoiceBackend
from roomkit_sim.voice.backends.mock import MockVoiceBackend
from roomkit_sim.voice.backends.wav import WavBackend
from roomkit_sim.voice.base import AudioChunk, VoiceSession
from roomkit_sim.voice.stt.base import STTProvider
from roomkit_sim.voice.stt.mock import MockSTTProvider
from roomkit_sim.voice.stt.pocketsphinx_provider import PocketSphinxSTTProvider
from roomkit_sim.voice.tts.base import TTSProvider
from roomkit_sim.voice.tts.mock import MockTTSProvider
from roomkit_sim.voice.tts.pyttsx3_provider import Pyttsx3TTSProvider

AUDIO = Path(__file__).parents[2] / "scenarios" / "audio"


def recording(name: str) -> AudioChunk:
    with wave.open(str(next(AUDIO.glob(f"{name}-*.wav")))) as file:
        return AudioChunk(file.readframes(file.getnframes()), file.getframerate())


class TestMockSTT(STTContract):
    def make_stt(self) -> STTProvider:
        return MockSTTProvider(["I have a headache."], streaming=True)

    def speech(self) -> tuple[AudioChunk, str]:
        return recording("need-nurse"), "a headache"


class TestPocketSphinxSTT(STTContract):
    def make_stt(self) -> STTProvider:
        phrases = ["what are your opening hours", "i have a headache since yesterday morning"]
        return PocketSphinxSTTProvider(phrases=phrases)

    def speech(self) -> tuple[AudioChunk, str]:
        return recording("need-nurse"), "headache"


class TestMockTTS(TTSContract):
    def make_tts(self) -> TTSProvider:
        return MockTTSProvider()


class TestPyttsx3TTS(TTSContract):
    def make_tts(self) -> TTSProvider:
        return Pyttsx3TTSProvider()


class TestMockBackend(VoiceBackendContract):
    def make_backend(self) -> VoiceBackend:
        return MockVoiceBackend()

    async def caller_speaks(self, backend: VoiceBackend, session: VoiceSession) -> None:
        assert isinstance(backend, MockVoiceBackend)
        await backend.simulate_audio_received(session, AudioFrame(b"\x01\x00" * 320))

    async def caller_hangs_up(self, backend: VoiceBackend, session: VoiceSession) -> None:
        assert isinstance(backend, MockVoiceBackend)
        await backend.simulate_client_disconnected(session)


@pytest.mark.sim
class TestWavBackend(VoiceBackendContract):
    def make_backend(self) -> VoiceBackend:
        return WavBackend(next(AUDIO.glob("need-nurse-*.wav")), hang_up_after_ms=100)

    async def caller_speaks(self, backend: VoiceBackend, session: VoiceSession) -> None:
        await asyncio.sleep(0.1)

    async def caller_hangs_up(self, backend: VoiceBackend, session: VoiceSession) -> None:
        await asyncio.sleep(20)


@pytest.mark.parametrize(
    ("contract", "missing"), [(STTContract, "make_stt"), (TTSContract, "make_tts"), (VoiceBackendContract, "speaks")]
)
def test_a_contract_asks_for_what_it_tests(contract: type, missing: str) -> None:
    with pytest.raises(TypeError, match=missing):
        contract()
