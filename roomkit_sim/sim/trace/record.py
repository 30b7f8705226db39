"""One finished call: everything that checks, metrics and reports may look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from roomkit_sim.sim.trace.events import Json, TraceEvent

__all__ = ["CallRecord"]


def _no_audio() -> NDArray[np.int16]:
    return np.zeros(0, dtype=np.int16)


@dataclass(frozen=True, eq=False)
class CallRecord:
    """A call that is over.

    Args:
        call: The call's id, as in its events.
        slug: Name of the call's folder in a report; unique in a run.
        scenario: Name of the scenario.
        provider: The wire that the application spoke, such as ``"gemini-live"``.
        clock: ``"virtual"`` or ``"real"``.
        seed: The seed of the run.
        condition: Name of the line's condition; empty when there is none.
        source: ``path:line`` of the scenario.
        rerun: The command that repeats exactly this call.
        rate_hz: Rate of both tracks; positions in events are samples at this rate since the start of the run.
        events: What happened, ordered by ``(t_ns, seq)``.
        caller_audio: What the caller said. PCM16 mono from t = 0.
        agent_audio: What the caller heard. PCM16 mono from t = 0.
        plan: The plan of the run as plain JSON. ``allowed_transitions`` ({phase: [phase, ...]} or nothing) is the
            phase graph of the application, where it could be read.
    """

    call: str
    slug: str
    scenario: str
    provider: str
    clock: str
    seed: int
    condition: str
    source: str
    rerun: str
    rate_hz: int
    events: tuple[TraceEvent, ...]
    caller_audio: NDArray[np.int16] = field(default_factory=_no_audio)
    agent_audio: NDArray[np.int16] = field(default_factory=_no_audio)
    plan: Mapping[str, Json] = field(default_factory=dict)

    @property
    def run(self) -> str:
        """Scenario, provider, seed and condition, as in the id of the pytest item; the same id is the same bytes."""
        condition = f"-{self.condition}" if self.condition else ""
        return f"{self.scenario}[{self.provider}-s{self.seed}{condition}]"

    @property
    def end_ns(self) -> int:
        """The last moment of the call: of its events and of its tracks."""
        last = self.events[-1].t_ns if self.events else 0
        return max(last, self.ns(max(len(self.caller_audio), len(self.agent_audio))))

    def ns(self, sample: int) -> int:
        """The time, in nanoseconds since the start of the run, at which a sample of a track begins."""
        return -(-sample * 1_000_000_000 // self.rate_hz)

    def sample(self, t_ns: int) -> int:
        """The sample of a track that is nearest to a time."""
        return (t_ns * self.rate_hz + 500_000_000) // 1_000_000_000
