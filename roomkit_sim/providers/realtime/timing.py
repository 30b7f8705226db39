"""How long a session waits for what."""

from __future__ import annotations

from dataclasses import dataclass, field

from roomkit_sim.providers.realtime.reconnect_policy import Dial, ReconnectLimits

__all__ = ["LiveTiming"]


@dataclass(frozen=True)
class LiveTiming:
    """How long to wait for what. A provider ignores what its service does not need.

    Args:
        connect_timeout_s: For a connection to be usable.
        replace_timeout_s: The same where a caller waits for it, in a conversation that goes on on another connection:
            a handoff, or after a loss. A dial that nobody answers so long is repeated at once, and once, with what is
            left of ``connect_timeout_s``: a service that is slow is given as long in all as one that is new. After a
            loss, further attempts get ``connect_timeout_s`` each. A set-up takes four round trips (TCP, TLS, upgrade,
            setup) and what the service needs: 3 s leave 0.6 s for each of them, or allow for a packet that TCP sends
            again after 1 s. A message that was lost above TCP never comes, however long it is waited for.
        handle_wait_s: For a resumption handle that covers the last tool result, before a planned reconnect.
        ring_ms: How much of the caller's audio is kept while there is no connection.
        go_away_margin_s: How long before an announced close the connection is replaced at the latest.
        go_away_notice_s: How long before an end that is known from the beginning a quiet moment is looked for.
        settle_s: How long the conversation must have been quiet before it is replaced early.
        response_wait_s: For an answer that is under way, before the session is changed under it.
        transcript_wait_s: For the transcript of the caller's words, before what followed them is told without it.
        update_timeout_s: For the acknowledgement of a change inside a connection.
        overlap: Open the new connection before the old one closes (make-before-break), wherever a replacement is
            planned. Without it the old one is closed first.
        limits: How hard to try to reconnect after a loss.
    """

    connect_timeout_s: float = 10.0
    replace_timeout_s: float = 3.0
    handle_wait_s: float = 2.0
    ring_ms: int = 15_000
    go_away_margin_s: float = 1.0
    go_away_notice_s: float = 120.0
    settle_s: float = 0.25
    response_wait_s: float = 3.0
    transcript_wait_s: float = 1.0
    update_timeout_s: float = 3.0
    overlap: bool = True
    limits: ReconnectLimits = field(default_factory=ReconnectLimits)

    def timeout_s(self, step: Dial) -> float:
        """How long a dial may take, in seconds."""
        short_s = min(self.replace_timeout_s, self.connect_timeout_s)
        match step.deadline:
            case "short":
                return short_s
            case "rest":
                return max(short_s, self.connect_timeout_s - short_s)
            case "whole":
                return self.connect_timeout_s
