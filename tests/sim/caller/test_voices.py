from __future__ import annotations

from roomkit_sim.sim.audio.timbre import VoiceIdentifier, speak
from roomkit_sim.sim.caller.voices import VoiceBook, VoiceTracker
from roomkit_sim.sim.trace.events import TraceEvent


def persona(name: str, voice: str | None) -> TraceEvent:
    return TraceEvent(0, 0, "call-1", "server", "persona", {"conn": 1, "name": name, "voice": voice})


def test_book_learns_voices_from_the_trace() -> None:
    ear = VoiceIdentifier()
    book = VoiceBook(ear)
    for event in (persona("triage", "Puck"), persona("advisor", "Kore"), persona("triage", None)):
        book.hear(event)
    book.hear(TraceEvent(0, 0, "call-1", "server", "said", {"name": "x", "voice": "y"}))
    assert book.voices_of("triage") == ("Puck", "")
    assert book.voices_of("nobody") == ()
    assert book.personas_of("Kore") == ("advisor",)
    assert ear.names == ("Puck", "Kore", "")


def test_voices_that_are_too_alike_are_noted_not_raised() -> None:
    book = VoiceBook(VoiceIdentifier())
    for _ in range(2):
        book.hear(persona("one", "voice-54"))
        book.hear(persona("two", "voice-236"))
    assert len(book.conflicts) == 1
    assert "voice-236" in book.conflicts[0]


def test_tracker_notices_that_the_voice_changes_within_a_run() -> None:
    tracker = VoiceTracker(16000, VoiceIdentifier(["Puck", "Kore"]))
    first, second = speak("One moment please", "Puck", 16000), speak("Hello there", "Kore", 16000)
    at = 0
    for sound in (first, second):
        for start in range(0, len(sound), 640):
            tracker.feed(sound[start : start + 640], at + start, continues=at + start > 0)
        at += len(sound)
    assert [part.voice for part in tracker.parts] == ["Puck", "Kore"]
    assert abs(tracker.parts[1].start_sample - len(first)) <= 3200
    assert tracker.next_heard(("Kore",), 0) == tracker.parts[1].start_sample
    assert tracker.next_heard(("Puck",), 500) == 500
    assert tracker.next_heard(("Puck",), len(first) + 6400) is None


def test_tracker_forgets_what_was_dropped() -> None:
    tracker = VoiceTracker(16000, VoiceIdentifier(["Puck"]))
    tracker.feed(speak("One moment please", "Puck", 16000), 1000, continues=False)
    tracker.cut(3000)
    assert [(part.start_sample, part.end_sample) for part in tracker.parts] == [(1000, 3000)]
    tracker.cut(500)
    assert tracker.parts == []
