"""Everything that is measured of the handoffs of a call."""

from __future__ import annotations

from dataclasses import dataclass

from roomkit_sim.sim.metrics.caller_audio import CallerAudio, account
from roomkit_sim.sim.metrics.latencies import Latencies, latencies_of
from roomkit_sim.sim.trace.handoffs import Handoff, handoffs
from roomkit_sim.sim.trace.record import CallRecord

__all__ = ["HandoffMetrics", "measure"]


@dataclass(frozen=True, slots=True)
class HandoffMetrics:
    """One handoff and its numbers.

    Args:
        handoff: What happened.
        latencies: The waterfall.
        caller_lost_ms: The caller's audio, from H2 until the new agent was heard, that reached no session; nothing
            where audio is not accounted for.
        caller_doubled_ms: What of it arrived more than once.
    """

    handoff: Handoff
    latencies: Latencies
    caller_lost_ms: float | None
    caller_doubled_ms: float | None


def measure(record: CallRecord) -> tuple[HandoffMetrics, ...]:
    """Measure every handoff of a call, in order."""
    audio = account(record)
    return tuple(_measure(handoff, audio) for handoff in handoffs(record))


def _measure(handoff: Handoff, audio: CallerAudio | None) -> HandoffMetrics:
    start, end = handoff.t_ns, handoff.stages.get("H11", handoff.until_ns)
    return HandoffMetrics(
        handoff,
        latencies_of(handoff.stages),
        None if audio is None else audio.lost_ms(start, end),
        None if audio is None else audio.doubled_ms(start, end),
    )
