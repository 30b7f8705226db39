"""When a failed request is repeated, and after which pause. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from roomkit_sim.core.ids import new_id
from roomkit_sim.errors import ProviderError
from roomkit_sim.models.channel import RetryPolicy

__all__ = ["PATIENT_AS_A_PERSON", "Failure", "jitter_from_ids", "pause_seconds", "retry_after_seconds"]

PATIENT_AS_A_PERSON = RetryPolicy(max_retries=2, base_delay_seconds=0.5, max_delay_seconds=8.0)
"""For requests that somebody in a conversation waits for; a room waits 30 seconds at most."""


@dataclass(frozen=True)
class Failure:
    """A failed request.

    Args:
        error: What is raised when it is not repeated.
        retry_after_seconds: The pause that the provider asked for.
    """

    error: ProviderError
    retry_after_seconds: float | None = None


def pause_seconds(policy: RetryPolicy, failure: Failure, attempt: int, jitter: float) -> float | None:
    """The pause before the request is repeated; ``None`` when it is not.

    Half of the policy's pause is fixed and half is jittered, so that clients that failed together do not return
    together. A pause that the provider asks for is kept to the full; one beyond the policy's longest is not waited for.

    Args:
        policy: How often, and with which pauses.
        failure: What happened.
        attempt: How many repetitions there were already.
        jitter: From 0 to 1.
    """
    if not failure.error.retryable or attempt >= policy.max_retries:
        return None
    backed_off = policy.delay_seconds(attempt) * (0.5 + jitter / 2)
    asked = failure.retry_after_seconds or 0.0
    return None if asked > policy.max_delay_seconds else max(asked, backed_off)


def retry_after_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """The pause that the headers of a response ask for; ``None`` when they do not, or not legibly.

    Reads ``retry-after-ms`` (milliseconds, OpenAI) and ``retry-after`` (seconds or a date, RFC 9110 section 10.2.3).

    Args:
        headers: Names in lower case, or a mapping that does not care.
        now: The date, timezone-aware.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    seconds = _number(value)
    return seconds if seconds is not None or value is None else _until(value, now)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


def _until(date: str, now: datetime) -> float | None:
    try:
        then = parsedate_to_datetime(date)
    except ValueError:
        return None
    then = then if then.tzinfo is not None else then.replace(tzinfo=UTC)
    return max(0.0, (then - now).total_seconds())


def jitter_from_ids() -> float:
    """A number from 0 to 1, from the source of ids: random in production, seeded in a simulated world."""
    return int(new_id()[:8], 16) / 0xFFFFFFFF
