"""When a failed request is repeated, and after which pause."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit_sim.core.ids import use_ids
from roomkit_sim.errors import ProviderError
from roomkit_sim.models.channel import RetryPolicy
from roomkit_sim.providers.ai.retry import Failure, jitter_from_ids, pause_seconds, retry_after_seconds

NOW = datetime(2030, 1, 1, 12, 0, 0, tzinfo=UTC)
POLICY = RetryPolicy(max_retries=3, base_delay_seconds=1.0, max_delay_seconds=5.0, exponential_base=2.0)


def failure(*, retryable: bool = True, asked: float | None = None) -> Failure:
    return Failure(ProviderError("no", retryable=retryable), asked)


def test_pauses_grow_up_to_the_longest_and_end_with_the_attempts() -> None:
    policy = RetryPolicy(max_retries=4, base_delay_seconds=1.0, max_delay_seconds=5.0)
    assert [pause_seconds(policy, failure(), attempt, 1.0) for attempt in range(5)] == [1.0, 2.0, 4.0, 5.0, None]


def test_half_of_a_pause_is_jittered() -> None:
    assert [pause_seconds(POLICY, failure(), 0, jitter) for jitter in (0.0, 0.5, 1.0)] == [0.5, 0.75, 1.0]


def test_what_will_fail_again_is_not_repeated() -> None:
    assert pause_seconds(POLICY, failure(retryable=False), 0, 0.0) is None


def test_a_pause_that_is_asked_for_is_kept_to_the_full_and_a_longer_one_of_ours_wins() -> None:
    assert pause_seconds(POLICY, failure(asked=3.0), 0, 0.0) == 3.0
    assert pause_seconds(POLICY, failure(asked=0.1), 2, 1.0) == 4.0


def test_a_pause_beyond_the_longest_is_not_waited_for() -> None:
    assert pause_seconds(POLICY, failure(asked=600.0), 0, 0.0) is None


@given(st.integers(0, 10), st.floats(0, 1), st.one_of(st.none(), st.floats(0, 100)))
def test_a_pause_is_never_shorter_than_asked_nor_longer_than_the_policy_allows(
    attempt: int, jitter: float, asked: float | None
) -> None:
    pause = pause_seconds(POLICY, failure(asked=asked), attempt, jitter)
    if pause is not None:
        assert (asked or 0.0) <= pause <= POLICY.max_delay_seconds
        assert attempt < POLICY.max_retries


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "Tue, 01 Jan 2030 12:00:09 GMT"}, 9.0),
        ({"retry-after": "Tue, 01 Jan 2030 11:00:00 GMT"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
    ],
)
def test_the_pause_in_headers_is_read(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_seconds(headers, NOW) == seconds


@given(st.text(max_size=40))
def test_headers_that_are_not_legible_ask_for_nothing_and_break_nothing(value: str) -> None:
    asked = retry_after_seconds({"retry-after": value}, NOW)
    assert asked is None or asked >= 0


def test_jitter_comes_from_the_source_of_ids() -> None:
    with use_ids(lambda: "00000000" + "f" * 24):
        assert jitter_from_ids() == 0.0
    with use_ids(lambda: "ffffffff" + "0" * 24):
        assert jitter_from_ids() == 1.0
