"""The pure parts that realtime providers share."""

from __future__ import annotations

import pytest

from roomkit_sim.providers.realtime.failures import (
    PERMANENT_CLOSES,
    FailureKind,
    classify,
    closed_by_server,
    connection_failure,
)
from roomkit_sim.providers.realtime.history import ConversationHistory, Turn
from roomkit_sim.providers.realtime.model_table import capabilities_of
from roomkit_sim.providers.realtime.pending_calls import PendingCalls
from roomkit_sim.providers.realtime.reconnect_policy import Dial, GiveUp, ReconnectLimits, after_failure, first_step
from roomkit_sim.voice.realtime.provider import RealtimeCapabilities

LIMITS = ReconnectLimits(max_attempts=2)


def test_a_refusal_beside_an_open_connection_is_tried_again_without_it_and_then_without_the_handle() -> None:
    cycle, step = first_step("h", LIMITS, overlapping=True)
    assert step == Dial("h", 0.0, 1)
    cycle, second = after_failure(cycle, FailureKind.REFUSED)
    assert second == Dial("h", 0.0, 1, alone=True)
    cycle, third = after_failure(cycle, FailureKind.REFUSED)
    assert third == Dial(None, 0.0, 1)
    assert cycle.handle_refused
    assert isinstance(after_failure(cycle, FailureKind.REFUSED)[1], GiveUp)


def test_a_refusal_without_a_handle_is_one_of_the_configuration_and_costs_no_open_connection() -> None:
    cycle, _ = first_step(None, LIMITS, overlapping=True)
    assert isinstance(after_failure(cycle, FailureKind.REFUSED)[1], GiveUp)


def test_what_passes_is_tried_again_beside_the_open_connection() -> None:
    cycle, _ = first_step("h", LIMITS, overlapping=True)
    _, step = after_failure(cycle, FailureKind.TRANSIENT)
    assert step == Dial("h", 0.5, 2)


def test_what_nobody_answers_is_repeated_at_once_and_once_without_counting_as_a_failure() -> None:
    cycle, _ = first_step("h", ReconnectLimits(max_attempts=1), overlapping=True)
    cycle, step = after_failure(cycle, FailureKind.UNANSWERED)
    assert step == Dial("h", 0.0, 2, deadline="rest")
    assert isinstance(after_failure(cycle, FailureKind.UNANSWERED)[1], GiveUp)


def test_a_service_that_does_not_answer_twice_gets_more_time() -> None:
    cycle, _ = first_step("h", LIMITS)
    cycle, _ = after_failure(cycle, FailureKind.UNANSWERED)
    _, step = after_failure(cycle, FailureKind.UNANSWERED)
    assert step == Dial("h", 0.5, 3, deadline="whole")


def test_a_failure_that_came_of_no_answer_in_time_is_told_apart() -> None:
    for cause, kind in ((TimeoutError(), FailureKind.UNANSWERED), (OSError(), FailureKind.TRANSIENT)):
        error = connection_failure(cause, "gemini", "connecting")
        error.__cause__ = cause
        assert classify(error) is kind


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (1000, FailureKind.CLOSED),
        (1001, FailureKind.TRANSIENT),
        (1007, FailureKind.REFUSED),
        (1008, FailureKind.REFUSED),
        (1011, FailureKind.TRANSIENT),
        (1013, FailureKind.TRANSIENT),
    ],
)
def test_a_close_says_by_its_code_whether_the_same_may_succeed(code: int, kind: FailureKind) -> None:
    error = closed_by_server(code, "enough", "p", "receiving")
    assert classify(error) is kind
    assert str(error) == f"p, while receiving: the server closed the connection with code {code} (enough)"


def test_a_service_may_have_further_codes_after_which_the_same_is_refused() -> None:
    error = closed_by_server(1011, None, "p", "receiving", permanent=PERMANENT_CLOSES | {1011})
    assert classify(error) is FailureKind.REFUSED
    assert str(error).endswith("1011")


def test_a_call_that_is_told_of_twice_is_one_until_the_model_goes_on_or_its_connection_is_gone() -> None:
    calls = PendingCalls()
    assert calls.opened("c", "look_up", {}) == "new"
    assert calls.opened("c", "look_up", {}) == "again"
    assert calls.answered("c") == "look_up"
    assert calls.opened("c", "look_up", {}) == "again"
    assert calls.opened("c", "look_up", {"word": "b"}) == "new"
    calls.model_went_on()
    assert calls.answered("c") == "look_up"
    calls.model_went_on()
    assert calls.opened("c", "look_up", {"word": "b"}) == "new"
    calls.connection_gone()
    assert calls.opened("c", "look_up", {}) == "new"


def test_another_call_under_the_id_of_one_that_waits_is_told_apart() -> None:
    calls = PendingCalls()
    calls.opened("c", "look_up", {"word": "a"})
    assert calls.opened("c", "look_up", {"word": "b"}) == "conflict"
    assert calls.opened("c", "write_down", {"word": "a"}) == "conflict"


def test_consecutive_utterances_of_one_side_are_one_turn() -> None:
    history = ConversationHistory()
    for role, text in (("user", "a"), ("user", "b"), ("assistant", "c")):
        history.add(role, text)  # type: ignore[arg-type]
    assert history.turns == (Turn("user", "a b"), Turn("assistant", "c"))


def test_what_was_said_since_a_mark_can_be_told_alone() -> None:
    history = ConversationHistory()
    history.add("user", "a")
    mark = history.mark
    assert history.since(mark) == ()
    history.add("user", "b")
    history.add("assistant", "c")
    assert history.since(mark) == (Turn("user", "b"), Turn("assistant", "c"))
    assert history.turns[0] == Turn("user", "a b")


def test_a_mark_survives_what_a_long_history_forgets() -> None:
    history = ConversationHistory()
    for number in range(1_500):
        history.add("user" if number % 2 else "assistant", str(number))
    mark = history.mark
    history.add("user", "last")
    assert history.since(mark) == (Turn("user", "last"),)
    assert len(history.since(0)) <= 1_000
    assert len(history.turns) == 200


def test_the_longest_beginning_of_a_models_name_counts() -> None:
    default, older, newer = (RealtimeCapabilities(input_sample_rate=rate) for rate in (1, 2, 3))
    table = {"gemini-2": older, "gemini-2.5-flash": newer}
    assert capabilities_of("models/gemini-2.5-flash-native", table, default) is newer
    assert capabilities_of("gemini-2.0-live", table, default) is older
    assert capabilities_of("other", table, default) is default
