"""What the server understands of the audio that reaches it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from roomkit_sim.sim.audio.files import Clip
from roomkit_sim.sim.audio.recognition import Heard as Recognised
from roomkit_sim.sim.audio.recognition import UtteranceRecogniser
from roomkit_sim.sim.audio.timbre import speak
from roomkit_sim.sim.servers.hearing import RATE_HZ, Ear, Heard, HearingEvent, SpeechBegan

Pcm = NDArray[np.int16]
SENTENCES = {
    "ask": "I would like some advice about my savings.",
    "thanks": "Thank you, goodbye.",
    "apples": "Three boxes of apples for the harbour, please.",
}
SPOKEN: dict[str, Pcm] = {id: speak(text, "the caller", RATE_HZ) for id, text in SENTENCES.items()}


def quiet(ms: int) -> Pcm:
    return np.zeros(RATE_HZ * ms // 1000, np.int16)


def new_ear(*known: str, hangover_ms: int = 500) -> Ear:
    templates = {id: Clip(SPOKEN[id], RATE_HZ, ()) for id in known or SPOKEN}
    return Ear(UtteranceRecogniser(templates), hangover_ms)


def listen(ear: Ear, *pieces: Pcm, chunk: int = 640) -> list[HearingEvent]:
    pcm = np.concatenate(pieces).tobytes()
    return [event for at in range(0, len(pcm), chunk) for event in ear.feed(pcm[at : at + chunk])]


def names(events: list[HearingEvent]) -> list[str | None]:
    """The utterances that were heard; nothing for one that is not known."""
    recognised = [event.recognition for event in events if isinstance(event, Heard)]
    return [item.id if isinstance(item, Recognised) else None for item in recognised]


def test_an_utterance_begins_and_is_then_heard() -> None:
    began, heard = listen(new_ear(), quiet(300), SPOKEN["ask"], quiet(700))
    assert isinstance(began, SpeechBegan)
    assert abs(began.start_sample - RATE_HZ * 300 // 1000) <= RATE_HZ // 50
    assert names([heard]) == ["ask"]


def test_utterances_after_one_another_are_heard_one_by_one() -> None:
    events = listen(new_ear(), SPOKEN["ask"], quiet(800), SPOKEN["thanks"], quiet(800), SPOKEN["apples"], quiet(800))
    assert names(events) == ["ask", "thanks", "apples"]
    assert [isinstance(event, SpeechBegan) for event in events] == [True, False] * 3


@pytest.mark.parametrize("lead_ms", [0, 20, 50, 100, 1000])
@pytest.mark.parametrize("id", SENTENCES)
def test_speech_at_the_very_start_of_a_connection_is_understood(id: str, lead_ms: int) -> None:
    assert names(listen(new_ear(), quiet(lead_ms), SPOKEN[id], quiet(700))) == [id]


@pytest.mark.parametrize("chunk", [2, 320, 640, 6400, 10**6])
def test_what_is_heard_does_not_depend_on_how_the_audio_is_cut(chunk: int) -> None:
    events = listen(new_ear(), quiet(300), SPOKEN["ask"], quiet(700), chunk=chunk)
    assert names(events) == ["ask"]


def test_what_is_not_known_is_heard_as_nothing() -> None:
    assert names(listen(new_ear("ask", "thanks"), quiet(300), SPOKEN["apples"], quiet(700))) == [None]


def test_two_sentences_in_one_breath_are_neither_of_them() -> None:
    events = listen(new_ear("ask", "thanks"), quiet(300), SPOKEN["ask"], quiet(100), SPOKEN["thanks"], quiet(700))
    assert names(events) == [None]


def test_a_sentence_with_a_hole_in_it_is_not_the_sentence() -> None:
    holed = SPOKEN["ask"].copy()
    third = len(holed) // 3
    assert names(listen(new_ear(), quiet(300), np.delete(holed, slice(third, 2 * third)), quiet(700))) == [None]


def test_speech_without_an_end_is_not_heard_yet() -> None:
    [began] = listen(new_ear(), SPOKEN["ask"], quiet(200))
    assert isinstance(began, SpeechBegan)


def test_a_longer_hangover_waits_through_a_pause() -> None:
    pieces = (SPOKEN["ask"], quiet(700), SPOKEN["thanks"], quiet(1500))
    assert len(names(listen(new_ear(hangover_ms=400), *pieces))) == 2
    assert len(names(listen(new_ear(hangover_ms=1000), *pieces))) == 1


def test_everything_that_was_received_is_kept() -> None:
    ear = new_ear()
    listen(ear, quiet(300), SPOKEN["ask"], quiet(123), chunk=777)
    assert bytes(ear.received) == np.concatenate([quiet(300), SPOKEN["ask"], quiet(123)]).tobytes()


def test_speech_that_lasts_for_minutes_is_recognised_by_its_last_part_only() -> None:
    drone = np.tile(speak("and so on and so on and so on", "the caller", RATE_HZ), 30)
    assert len(drone) > 40 * RATE_HZ
    assert names(listen(new_ear(), drone, quiet(700))) == [None]


def test_where_speech_was_is_told_in_samples_of_the_connection() -> None:
    began, heard = listen(new_ear(), quiet(300), SPOKEN["ask"], quiet(700))
    assert isinstance(heard, Heard)
    assert isinstance(began, SpeechBegan)
    spoken_until = RATE_HZ * 300 // 1000 + len(SPOKEN["ask"])
    assert began.start_sample == heard.start_sample
    assert abs(heard.end_sample - spoken_until - RATE_HZ // 2) <= RATE_HZ // 10


def test_an_ear_without_a_hangover_looks_for_no_speech_and_recognises_what_it_is_asked_for() -> None:
    ear = Ear(UtteranceRecogniser({id: Clip(pcm, RATE_HZ, ()) for id, pcm in SPOKEN.items()}), None)
    assert listen(ear, SPOKEN["thanks"], quiet(1300), SPOKEN["ask"], quiet(1700)) == []
    heard = ear.recognise(len(SPOKEN["thanks"]) + 1000, ear.position)
    assert isinstance(heard, Recognised)
    assert heard.id == "ask"


def test_what_ends_with_its_last_word_is_recognised() -> None:
    ear = Ear(UtteranceRecogniser({"ask": Clip(SPOKEN["ask"], RATE_HZ, ())}), None)
    listen(ear, SPOKEN["ask"])
    assert isinstance(ear.recognise(0, ear.position), Recognised)


def test_in_silence_an_ear_recognises_nothing() -> None:
    ear = Ear(UtteranceRecogniser({"ask": Clip(SPOKEN["ask"], RATE_HZ, ())}), None)
    listen(ear, quiet(1000))
    assert not isinstance(ear.recognise(0, ear.position), Recognised)


def test_speech_found_after_another_hangover_was_set_lies_where_it_was() -> None:
    ear = new_ear()
    listen(ear, quiet(1000))
    ear.listen(300)
    [began, heard] = listen(ear, SPOKEN["ask"], quiet(700))
    assert isinstance(heard, Heard)
    assert abs(heard.start_sample - RATE_HZ) <= RATE_HZ // 50
    assert names([began, heard]) == ["ask"]


def test_speech_under_way_is_forgotten_when_the_ear_starts_afresh() -> None:
    ear = new_ear()
    listen(ear, SPOKEN["ask"])
    ear.start_afresh()
    assert listen(ear, quiet(700)) == []
