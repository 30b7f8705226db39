"""Which frames of a client are words, and which of them ask for an answer."""

from __future__ import annotations

import pytest

from roomkit_sim.sim.trace.events import Json, TraceEvent
from roomkit_sim.sim.trace.text_turns import text_turns

USER = {"type": "conversation.item.create", "item": {"type": "message", "role": "user"}}
RESULT = {"type": "conversation.item.create", "item": {"type": "function_call_output"}}
ASK = {"type": "response.create"}


def turns(*messages: Json, kind: str = "sent") -> list[tuple[int, bool]]:
    events = [TraceEvent(n, n, "c", "wire", kind, {"conn": 1, "json": message}) for n, message in enumerate(messages)]
    return [(turn.event.seq, turn.complete) for turn in text_turns(events)]


@pytest.mark.parametrize(
    ("content", "complete"),
    [({"turnComplete": False}, False), ({"turn_complete": False}, False), ({"turnComplete": True}, True), ({}, True)],
)
def test_gemini_is_told_in_the_turn_itself_whether_to_answer(content: dict[str, Json], complete: bool) -> None:
    assert turns({"client_content": content}) == [(0, complete)]
    assert turns({"clientContent": content}) == [(0, complete)]


def test_openai_is_asked_to_answer_the_words_before_the_question() -> None:
    assert turns(USER, USER, USER, ASK) == [(0, False), (1, False), (3, True)]


def test_words_that_nobody_asks_about_are_history() -> None:
    assert turns(USER, USER) == [(0, False), (1, False)]


def test_going_on_after_a_tools_result_is_no_turn_of_words() -> None:
    assert turns(RESULT, ASK) == []


def test_words_and_questions_of_different_connections_are_kept_apart() -> None:
    events = [
        TraceEvent(0, 0, "c", "wire", "sent", {"conn": 1, "json": USER}),
        TraceEvent(1, 1, "c", "wire", "sent", {"conn": 2, "json": ASK}),
    ]
    assert [(turn.conn, turn.complete) for turn in text_turns(events)] == [(1, False)]


@pytest.mark.parametrize("message", [None, {"setup": {}}, {"client_content": "?"}, {"type": "session.update"}])
def test_everything_else_is_no_turn(message: Json) -> None:
    assert turns(message) == []


def test_what_the_server_says_is_no_turn_of_the_client() -> None:
    assert turns({"client_content": {}}, USER, ASK, kind="received") == []
