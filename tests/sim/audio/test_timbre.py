import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roomkit_sim.errors import AudioError
from roomkit_sim.sim.audio.noise import line_noise
from roomkit_sim.sim.audio.resampling import resample
from roomkit_sim.sim.audio.timbre import VoiceIdentifier, VoiceSpan, speak

GEMINI = [
    "Puck", "Charon", "Kore", "Fenrir", "Aoede", "Leda", "Orus", "Zephyr",
    "Autonoe", "Umbriel", "Erinome", "Laomedeia", "Schedar", "Achird", "Sadachbia", "Enceladus",
    "Algieba", "Algenib", "Achernar", "Gacrux", "Zubenelgenubi", "Sadaltager", "Callirrhoe", "Iapetus",
    "Despina", "Rasalgethi", "Alnilam", "Pulcherrima", "Vindemiatrix", "Sulafat",
]  # fmt: skip
OPENAI = ["alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"]
SENTENCE = "Good morning, this is the finance line. How can I help you?"


@given(text=st.text(max_size=80), voice=st.text(max_size=12), rate_hz=st.sampled_from([8000, 16000, 24000]))
@settings(max_examples=60, deadline=None)
def test_any_text_in_any_voice_is_audible_from_its_first_to_its_last_5_ms(text: str, voice: str, rate_hz: int) -> None:
    sound = speak(text, voice, rate_hz)
    edge = rate_hz // 200
    assert len(sound) >= rate_hz // 5
    assert min(np.abs(sound[:edge]).max(), np.abs(sound[-edge:]).max()) > 100
    assert np.array_equal(sound, speak(text, voice, rate_hz))


def test_length_follows_the_text() -> None:
    assert len(speak("x" * 140 + "a", "Puck", 16000)) == pytest.approx(160000, rel=0.05)


def test_voices_of_the_providers_are_all_told_apart() -> None:
    assert len(VoiceIdentifier([*GEMINI, *OPENAI, ""]).names) == 41


@pytest.mark.parametrize("rate_hz", [8000, 16000, 24000])
def test_each_voice_is_identified_among_all_others(rate_hz: int) -> None:
    identifier = VoiceIdentifier([*GEMINI, *OPENAI])
    for voice in (*GEMINI[:8], *OPENAI[:4]):
        spans = identifier.identify(speak("Hello there my friend", voice, rate_hz), rate_hz)
        assert {span.voice for span in spans} == {voice}


@pytest.mark.parametrize("rate_hz", [8000, 16000])
def test_voice_survives_resampling_from_24_khz(rate_hz: int) -> None:
    sound = resample(speak(SENTENCE, "Kore", 24000), 24000, rate_hz)
    spans = VoiceIdentifier(["Kore", "Puck", "Charon"]).identify(sound, rate_hz)
    assert {span.voice for span in spans} == {"Kore"}


def test_change_of_voice_after_silence_is_located_to_5_ms() -> None:
    first, second = speak("One moment please", "Puck", 16000), speak("Hello", "Kore", 16000)
    gap = np.zeros(16000 * 437 // 1000, np.int16)
    spans = VoiceIdentifier(["Puck", "Kore"]).identify(np.concatenate([first, gap, second]), 16000)
    assert [span.voice for span in spans] == ["Puck", "Kore"]
    assert abs(spans[0].end_sample - len(first)) <= 80
    assert abs(spans[1].start_sample - len(first) - len(gap)) <= 80


@pytest.mark.parametrize("cut", [9000, 9333, 15000])
def test_change_of_voice_without_silence_is_located_to_15_ms(cut: int) -> None:
    first, second = speak("One moment please, I will put you through", "Puck", 16000), speak("Hello", "Kore", 16000)
    spans = VoiceIdentifier(["Puck", "Kore"]).identify(np.concatenate([first[:cut], second]), 16000)
    assert [span.voice for span in spans] == ["Puck", "Kore"]
    assert spans[0].end_sample == spans[1].start_sample
    assert abs(spans[0].end_sample - cut) <= 240


def test_two_voices_at_once_are_flagged() -> None:
    first, second = speak("One moment please, I will connect you", "Puck", 16000), speak("Hello there", "Kore", 16000)
    both = first.copy()
    both[8000 : 8000 + len(second)] += second
    spans = VoiceIdentifier(["Puck", "Kore", "Aoede"]).identify(both, 16000)
    mixed = [span for span in spans if span.mixed]
    assert {span.mixed for span in mixed} == {("Puck", "Kore")}
    overlap = sum(span.end_sample - span.start_sample for span in mixed)
    assert overlap == pytest.approx(len(second), abs=1600)
    assert all(span.voice is None for span in mixed)


def test_unknown_voice_and_noise_are_nobodys() -> None:
    identifier = VoiceIdentifier(["Puck", "Kore"])
    noise = line_noise(np.random.default_rng(1), 16000, -25)
    assert {span.voice for span in identifier.identify(speak(SENTENCE, "Charon", 16000), 16000)} == {None}
    assert {span.voice for span in identifier.identify(noise, 16000)} == {None}
    assert identifier.dominant(noise, 16000) is None
    assert VoiceIdentifier().identify(noise, 16000) == [VoiceSpan(None, 0, 16000)]


def test_silence_belongs_to_no_span() -> None:
    assert VoiceIdentifier(["Puck"]).identify(np.zeros(16000, np.int16), 16000) == []


@pytest.mark.parametrize("start", [0, 4000, 12000])
def test_100_ms_suffice_to_name_a_voice(start: int) -> None:
    identifier = VoiceIdentifier(GEMINI)
    for voice in GEMINI[:6]:
        assert identifier.dominant(speak(SENTENCE, voice, 16000)[start : start + 1600], 16000) == voice


def test_voices_that_are_too_alike_are_refused() -> None:
    with pytest.raises(AudioError, match="cannot be told apart"):
        VoiceIdentifier(["voice-54", "voice-236"])


def test_known_voice_is_added_once() -> None:
    identifier = VoiceIdentifier(["Puck", "Puck"])
    identifier.add("Puck")
    assert identifier.names == ("Puck",)


def test_rate_under_8_khz_is_refused() -> None:
    with pytest.raises(AudioError, match="8000"):
        speak("Hello", "Puck", 4000)
