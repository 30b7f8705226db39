"""What was said against what was heard, written down and remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Story

WORDS = "I would like some advice."


def said(story: Story, at_s: float, ms: int, *, conn: int = 2, text: str = "Hello.") -> None:
    story.tell(at_s, "server.said", conn=conn, voice="agent-b", text=text, ms=ms)


# Remembering


def test_a_model_that_knows_what_was_said_is_right(good_call: Story) -> None:
    good_call.tell(5, "server.heard", conn=1, utterance="ask", score=0.9, words=WORDS)
    good_call.tell(6.2, "server.knows", conn=2, heard=f"Good morning.  {WORDS} Go on.")
    assert good_call.codes() == []


def test_a_model_that_does_not_know_what_was_said_is_found_with_what_it_forgot(good_call: Story) -> None:
    good_call.tell(3, "server.heard", conn=1, utterance="hello", score=0.9, words="Good morning.")
    good_call.tell(5, "server.heard", conn=1, utterance="ask", score=0.9, words=WORDS)
    good_call.tell(6.2, "server.knows", conn=2, heard="Good morning.")
    (finding,) = good_call.findings()
    assert (finding.code, finding.actual) == ("INV010", "hello")
    assert "did not know that the caller had said 'ask'" in finding.message


def test_what_is_said_later_need_not_be_known_before(good_call: Story) -> None:
    good_call.tell(6.2, "server.knows", conn=2, heard="")
    good_call.tell(9, "server.heard", conn=2, utterance="ask", score=0.9, words=WORDS)
    assert good_call.codes() == []


# Answers


def test_an_answer_that_is_heard_to_its_end_is_right(good_call: Story) -> None:
    said(good_call, 6.4, 2_050)
    assert good_call.codes() == []


def test_an_answer_that_breaks_off_is_found_with_its_words(good_call: Story) -> None:
    said(good_call, 6.4, 3_500)
    (finding,) = good_call.findings()
    assert (finding.code, finding.expected, finding.actual) == ("AUDIO004", "3500 ms of voice agent-b", "2000 ms")
    assert "agent-b was heard for 2000 ms of an answer of 3500 ms: 'Hello.'" in finding.message


def test_two_sentences_in_a_row_are_one_answer(good_call: Story) -> None:
    said(good_call, 6.4, 900)
    said(good_call, 7.1, 1_050)
    assert good_call.codes() == []


@pytest.mark.parametrize("event", ["server.interrupted", "wire.close"])
def test_an_answer_that_is_cut_short_may_break_off(good_call: Story, event: str) -> None:
    said(good_call, 6.4, 3_500)
    good_call.tell(8.5, event, conn=2, calls=[], code=1001, reason="", by="server")
    assert "AUDIO004" not in good_call.codes()


def test_an_answer_need_not_be_heard_after_the_hang_up(good_call: Story) -> None:
    good_call.voice(17, "agent-b", 1.0)
    said(good_call, 16.9, 5_000)
    assert good_call.codes() == []


def test_a_pause_in_an_answer_that_the_hang_up_cuts_short_is_no_break(good_call: Story) -> None:
    good_call.voice(14, "agent-b", 1.5).voice(16.2, "agent-b", 1.8)
    said(good_call, 13.9, 2_000)
    said(good_call, 15.9, 3_000)
    assert good_call.codes() == []


def test_an_answer_that_had_broken_off_before_the_hang_up_is_found(good_call: Story) -> None:
    good_call.voice(15, "agent-b", 0.5)
    said(good_call, 14.9, 5_000)
    (finding,) = good_call.findings()
    assert (finding.code, finding.actual) == ("AUDIO004", "500 ms")


# Words

TOLD = {"transcripts": [{"caller": "ask"}, {"agent": "advisor"}]}


@pytest.mark.parametrize(
    ("told", "actual"),
    [
        ([("user", WORDS), ("assistant", "I am the advisor.")], None),
        ([("assistant", "I am the advisor."), ("user", WORDS)], "agent: I am the advisor."),
        ([("user", "I would like"), ("assistant", "I am the advisor.")], "caller: I would like"),
        ([("user", WORDS)], "no more transcripts"),
        ([("user", WORDS), ("assistant", "I am the advisor."), ("user", "Oh.")], "caller: Oh."),
    ],
)
def test_words_are_told_in_the_order_in_which_they_were_said(
    good_call: Story, told: list[tuple[str, str]], actual: str | None
) -> None:
    good_call.tell(5, "server.heard", conn=1, utterance="ask", score=0.9, words=WORDS)
    for index, (role, text) in enumerate(told):
        good_call.tell(7 + index, "line.transcript", role=role, text=text)
    expect: dict[str, Any] = TOLD
    found = good_call.findings(**expect)
    assert [finding.actual for finding in found if finding.code == "AUDIO005"] == ([] if actual is None else [actual])
    assert good_call.codes() == []


# Switches


def test_a_switch_that_never_had_its_moment_is_invalid(good_call: Story) -> None:
    good_call.plan["idle_switches"] = ["gemini.go_away"]
    (finding,) = good_call.findings()
    assert (finding.code, finding.severity.value) == ("INVALID010", "invalid")
