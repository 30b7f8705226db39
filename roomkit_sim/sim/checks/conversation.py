"""Checks what was said against what was heard, written down and remembered."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

from roomkit_sim.sim.checks.findings import Finding
from roomkit_sim.sim.checks.subject import Subject
from roomkit_sim.sim.scenario.expect import TranscriptExpectation
from roomkit_sim.sim.trace.answers import Answer, answers
from roomkit_sim.sim.trace.events import TraceEvent

__all__ = ["check_answers", "check_context", "check_transcripts"]

LEAST_BROKEN_OFF_MS = 300.0
"""Less than this may be a drop-out, or a stretch in which voices could not be told apart."""


def check_context(subject: Subject) -> Iterator[Finding]:
    """A model that answers knows all that the caller had said before, on whichever connection it was said."""
    said: list[tuple[str, str]] = []
    for event in subject.record.events:
        words = _plain(event.data.get("words"))
        if event.name == "server.heard" and words:
            said.append((str(event.data.get("utterance")), words))
        elif event.name == "server.knows":
            known = _plain(event.data.get("heard"))
            forgotten = [utterance for utterance, spoken in said if spoken not in known]
            if forgotten:
                yield Finding(
                    "INV010",
                    f"the model on connection {event.data.get('conn')} answered and did not know that the caller had "
                    f"said {', '.join(map(repr, forgotten))}",
                    at_ns=event.t_ns,
                    where=subject.record.source,
                    expected=f"all of {', '.join(utterance for utterance, _ in said)}",
                    actual=", ".join(utterance for utterance, _ in said if utterance not in forgotten) or "nothing",
                    evidence={"forgotten": [*forgotten]},
                )


def _plain(words: object) -> str:
    return " ".join(words.split()) if isinstance(words, str) else ""


def check_answers(subject: Subject) -> Iterator[Finding]:
    """What an agent says is heard to its end, unless it is interrupted or the connection ends."""
    for answer in answers(subject.record):
        missing_ms = answer.spoken_ms - answer.heard_ms
        if not answer.cut_short and missing_ms > LEAST_BROKEN_OFF_MS:
            yield Finding(
                "AUDIO004",
                f"{answer.agent or 'an agent'} was heard for {answer.heard_ms:.0f} ms of an answer of "
                f"{answer.spoken_ms:.0f} ms: {_quoted(answer)}",
                at_ns=answer.t_ns,
                where=subject.record.source,
                expected=f"{answer.spoken_ms:.0f} ms of voice {answer.voice}",
                actual=f"{answer.heard_ms:.0f} ms",
            )


def _quoted(answer: Answer) -> str:
    return repr(answer.text if len(answer.text) <= 80 else f"{answer.text[:77]}...")


def check_transcripts(subject: Subject) -> Iterator[Finding]:
    """The client is told what was said, in the order in which it was said."""
    expected = subject.expect.transcripts
    if expected is None:
        return
    told = [event for event in subject.record.events if event.name == "line.transcript"]
    heard = (event for event in subject.record.events if event.name == "server.heard")
    words = {str(event.data.get("utterance")): _plain(event.data.get("words")) for event in heard}
    for index, (wanted, got) in enumerate(zip_longest(expected, told)):
        if wanted is not None and got is not None and _is(wanted, got, words):
            continue
        yield Finding(
            "AUDIO005",
            f"transcript {index + 1} is not the one expected",
            at_ns=subject.record.end_ns if got is None else got.t_ns,
            where=subject.expected_at("transcripts", index) if wanted else subject.expected_at("transcripts"),
            expected="no more transcripts" if wanted is None else _wanted(wanted, words),
            actual="no more transcripts" if got is None else f"{_speaker(got)}: {got.data.get('text')}",
        )
        return


def _is(wanted: TranscriptExpectation, got: TraceEvent, words: dict[str, str]) -> bool:
    text = _plain(got.data.get("text"))
    if wanted.caller is not None:
        return _speaker(got) == "caller" and text == words.get(wanted.caller)
    return _speaker(got) == "agent" and _plain(wanted.agent) in text


def _speaker(told: TraceEvent) -> str:
    return "caller" if told.data.get("role") == "user" else "agent"


def _wanted(wanted: TranscriptExpectation, words: dict[str, str]) -> str:
    if wanted.caller is not None:
        return f"caller: {words.get(wanted.caller) or f'{wanted.caller} (not heard)'}"
    return f"agent: {wanted.agent}"
