"""What goes wrong with an HTTP API as errors, without secrets."""

from __future__ import annotations

import httpx2
import pytest

from roomkit_sim.providers.ai.http_failures import (
    connection_error,
    http_error,
    is_below_http,
    not_understood,
    without_secrets,
)

KEY = "sk-proj-abcdefghijklmnop1234"


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
def test_statuses_that_pass_are_retryable(status: int) -> None:
    assert http_error(status, "", provider="p", doing="answering").retryable


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 501])
def test_statuses_that_stay_are_not(status: int) -> None:
    assert not http_error(status, "", provider="p", doing="answering").retryable


def test_a_message_says_who_what_and_what_to_do() -> None:
    error = http_error(401, "bad\n  key", provider="openai", doing="answering")
    assert str(error) == ("openai, while answering: HTTP 401: the API key is not accepted: check it (it says: bad key)")
    assert (error.provider, error.status_code) == ("openai", 401)


def test_a_long_text_is_cut() -> None:
    assert len(str(http_error(500, "x" * 5000, provider="p", doing="answering"))) < 500


@pytest.mark.parametrize(
    "said",
    [
        f"Incorrect API key provided: {KEY}.",
        "Incorrect API key provided: sk-proj-*****************1234. You can find it elsewhere.",
        "Incorrect API key provided: 'sk-pr...1234'",
        f"url=https://x/?key={KEY}&alt=sse",
    ],
)
def test_neither_the_key_nor_what_is_shown_of_it_remains(said: str) -> None:
    cleaned = without_secrets(said, [KEY])
    assert "[key]" in cleaned
    assert KEY not in cleaned
    assert "1234" not in cleaned


def test_other_words_remain_and_an_empty_secret_removes_nothing() -> None:
    assert without_secrets("wait... what ** is this", ["", KEY]) == "wait... what ** is this"


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (httpx2.ConnectError("refused"), "the connection failed: refused"),
        (httpx2.RemoteProtocolError(""), "the connection failed: RemoteProtocolError"),
        (httpx2.ReadTimeout("late"), "no answer in time"),
        (TimeoutError(), "no answer in time"),
        (ConnectionResetError("reset"), "the connection failed: reset"),
    ],
)
def test_what_fails_below_http_may_succeed_the_next_time(error: Exception, says: str) -> None:
    assert is_below_http(error)
    mapped = connection_error(error, provider="p", doing="answering")
    assert (str(mapped), mapped.retryable, mapped.provider) == (f"p, while answering: {says}", True, "p")


def test_what_an_error_came_of_says_more_than_the_error() -> None:
    error = RuntimeError("Connection error.")
    error.__cause__ = OSError(f"no route to https://x/?key={KEY}")
    said = str(connection_error(error, provider="p", doing="answering", secrets=[KEY]))
    assert said == "p, while answering: the connection failed: no route to https://x/?key=[key]"


def test_what_an_sdk_does_not_describe_is_no_failure_of_the_connection_and_is_named() -> None:
    error = ValueError(f"not JSON: {KEY}")
    assert not is_below_http(error)
    mapped = not_understood(error, provider="p", doing="answering", secrets=[KEY])
    assert "ValueError: not JSON: [key]" in str(mapped)
    assert not mapped.retryable
