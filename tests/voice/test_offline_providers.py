"""Speech without a network: espeak speaks, pocketsphinx hears it."""

from __future__ import annotations

import asyncio
import errno
import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from roomkit_sim.core.clock import now
from roomkit_sim.errors import ConfigurationError, ProviderError
from roomkit_sim.voice.base import AudioChunk
from roomkit_sim.voice.pipeline.level import dbfs
from roomkit_sim.voice.stt.pocketsphinx_provider import PocketSphinxSTTProvider
from roomkit_sim.voice.stt.pocketsphinx_worker import normalised
from roomkit_sim.voice.tts import pyttsx3_worker
from roomkit_sim.voice.tts.pyttsx3_provider import Pyttsx3TTSProvider

PHRASES = ["I want to invest my money.", "Please connect me to a nurse.", "Goodbye!"]


@pytest.fixture(params=[True, False], ids=["inline", "own process"])
async def stt(request: pytest.FixtureRequest) -> AsyncIterator[PocketSphinxSTTProvider]:
    provider = PocketSphinxSTTProvider(phrases=PHRASES, inline=request.param)
    yield provider
    await provider.close()


@pytest.fixture
def tts() -> Pyttsx3TTSProvider:
    return Pyttsx3TTSProvider(inline=True)


async def test_what_espeak_says_pocketsphinx_understands(tts: Pyttsx3TTSProvider, stt: PocketSphinxSTTProvider) -> None:
    for phrase in PHRASES[:2]:
        assert (await stt.transcribe(await tts.synthesize(phrase))).text == phrase


@pytest.mark.parametrize("inline", [True, False])
async def test_a_text_gives_speech_of_its_length_and_the_same_bytes_every_time(inline: bool) -> None:
    tts = Pyttsx3TTSProvider(sample_rate=16000, inline=inline)
    first, again = await tts.synthesize(PHRASES[0]), await tts.synthesize(PHRASES[0])
    assert first == again
    assert first.sample_rate == 16000
    assert 1.0 < len(first.data) / 32000 < 3.0
    assert dbfs(first.data) > -35


async def test_a_voice_with_breath_gives_the_same_bytes_at_any_time() -> None:
    """The library seeds its random numbers with the time in seconds: the last one is spoken in a later second."""
    tts = Pyttsx3TTSProvider("en-us+f3", inline=True)
    spoken, started = set[bytes](), [int(now().timestamp())]
    while started[-1] == started[0]:
        started.append(int(now().timestamp()))
        spoken.add((await tts.synthesize("Goodbye!")).data)
    assert len(spoken) == 1


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted in /proc")
def test_speech_and_settings_come_from_one_thread(tmp_path: Path) -> None:
    """In a thread of its own the library lost the rate of about one text in a hundred."""
    script = """
import json, os, runpy, sys
worker = runpy.run_path(sys.argv[1])
worker["_load_library"]()
complaint = worker["_speak"](json.loads(sys.argv[2]))
os.write(2, f"{complaint} {len(os.listdir('/proc/self/task'))}".encode())
os._exit(0)
"""
    order = {"text": "Goodbye!", "voice": "en-us", "rate_wpm": 175, "pitch": 50, "volume": 1.0}
    arguments = [pyttsx3_worker.__file__, json.dumps({**order, "path": str(tmp_path / "speech.wav")})]
    command = [sys.executable, "-P", "-c", script, *arguments]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=True)
    assert done.stderr == "None 1"


async def test_the_rate_is_the_one_that_is_asked_for() -> None:
    slow, usual, fast = [
        len((await Pyttsx3TTSProvider(rate_wpm=rate, inline=True).synthesize(PHRASES[0])).data)
        for rate in (120, 175, 300)
    ]
    assert slow > 1.3 * usual
    assert usual > 1.3 * fast


async def test_a_voice_changes_the_sound(tts: Pyttsx3TTSProvider) -> None:
    assert await tts.synthesize("Hello") != await tts.synthesize("Hello", voice="en-us+f3")


async def test_an_unknown_voice_is_an_error_and_not_another_voice(tts: Pyttsx3TTSProvider) -> None:
    with pytest.raises(ProviderError, match="no voice 'en-us\\+nope'") as caught:
        await tts.synthesize("a secret", voice="en-us+nope")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("inline", [True, False])
async def test_synthesis_that_takes_too_long_is_ended(inline: bool) -> None:
    with pytest.raises(ProviderError, match="longer than") as caught:
        await Pyttsx3TTSProvider(timeout_seconds=0.001, inline=inline).synthesize("Hello")
    assert caught.value.retryable


async def test_white_space_gives_no_audio(tts: Pyttsx3TTSProvider) -> None:
    assert await tts.synthesize(" \n") == AudioChunk(b"", 24000, is_final=True)


async def test_silence_is_no_words(stt: PocketSphinxSTTProvider) -> None:
    assert (await stt.transcribe(AudioChunk(b"", 16000))).text == ""
    silence = np.zeros(8000, "<i2").tobytes()
    assert (await stt.transcribe(AudioChunk(silence, 16000))).text in ("", *PHRASES)


async def test_a_word_that_the_dictionary_lacks_is_named() -> None:
    for inline in (True, False):
        stt = PocketSphinxSTTProvider(phrases=["qwrtz please"], inline=inline)
        with pytest.raises(ProviderError, match="dictionary has no qwrtz"):
            await stt.transcribe(AudioChunk(b"\0\0" * 1600, 16000))
        await stt.close()


async def test_a_process_that_died_is_replaced_and_costs_the_utterance_in_which_it_died_at_most(
    tts: Pyttsx3TTSProvider,
) -> None:
    stt = PocketSphinxSTTProvider(phrases=PHRASES)
    spoken = await tts.synthesize(PHRASES[0])
    await stt.transcribe(spoken)
    assert stt._process is not None
    os.kill(stt._process.pid, signal.SIGKILL)
    await stt._process.wait()
    assert (await stt.transcribe(spoken)).text == PHRASES[0]
    os.kill(stt._process.pid, signal.SIGKILL)
    with pytest.raises(ProviderError, match="process has ended") as caught:
        await stt.transcribe(spoken)
    assert caught.value.retryable
    assert (await stt.transcribe(spoken)).text == PHRASES[0]
    await stt.close()
    await stt.close()


@pytest.mark.parametrize(
    ("provider", "use"),
    [
        (PocketSphinxSTTProvider, lambda stt: stt.transcribe(AudioChunk(b"\0\0" * 1600, 16000))),
        (Pyttsx3TTSProvider, lambda tts: tts.synthesize("a secret")),
    ],
)
async def test_a_process_that_cannot_be_started_is_an_error_of_the_provider(
    monkeypatch: pytest.MonkeyPatch, provider: Any, use: Any
) -> None:
    async def refuse(*command: str, **_: object) -> None:
        raise OSError(errno.E2BIG, os.strerror(errno.E2BIG), command[-1])

    monkeypatch.setattr(asyncio, "create_subprocess_exec", refuse)
    asked = use(provider())
    with pytest.raises(ProviderError, match="Argument list too long") as caught:
        await asked
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("provider", "extra"), [(Pyttsx3TTSProvider, "tts"), (PocketSphinxSTTProvider, "stt")])
def test_a_missing_package_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, provider: type[Pyttsx3TTSProvider | PocketSphinxSTTProvider], extra: str
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=rf"roomkit-sim\[{extra}\]"):
        provider()


def test_phrases_are_looked_up_without_punctuation() -> None:
    assert normalised("I'd like to invest, please!") == "i'd like to invest please"
