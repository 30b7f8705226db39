"""The answers of agents: how much there was to be said, and how much of it was heard."""

from __future__ import annotations

import math
from dataclasses import dataclass

from roomkit_sim.sim.trace.connections import connections
from roomkit_sim.sim.trace.events import TraceEvent
from roomkit_sim.sim.trace.record import CallRecord
from roomkit_sim.sim.trace.speech import VoiceSpan, agent_speech

__all__ = ["Answer", "answers"]

PAUSE_NS = 1_000_000_000
"""What is said within this time after something else is one answer with it."""

ON_ITS_WAY_NS = 1_000_000_000
"""What is spoken may take so long to be heard to its end."""

BREATH_NS = 250_000_000
"""An agent who fell silent so shortly before the call ended may have been drawing breath."""

_ENDS_OF_CALLS = ("caller.hang_up", "caller.cut_off", "line.disconnected")


@dataclass(frozen=True, slots=True)
class Answer:
    """What an agent said at one go, from one connection.

    Args:
        t_ns: When the provider began to speak.
        agent: Who spoke.
        voice: With which voice.
        text: The words.
        spoken_ms: How long the provider's speech is, as far as the call lasted.
        heard_ms: How much of this voice was heard from then on, until it began its next answer.
        cut_short: Whether the caller interrupted, or the connection or the call ended, while it was heard.
    """

    t_ns: int
    agent: str | None
    voice: str
    text: str
    spoken_ms: float
    heard_ms: float
    cut_short: bool


@dataclass(slots=True)
class _Speech:
    said: list[TraceEvent]

    @property
    def conn(self) -> object:
        return self.said[0].data.get("conn")

    @property
    def voice(self) -> str:
        return str(self.said[0].data.get("voice"))

    @property
    def ms(self) -> float:
        return sum(_ms(event) for event in self.said)

    @property
    def end_ns(self) -> int:
        """When all of it would have been spoken, had it been spoken at once."""
        return max(self.said[0].t_ns + round(self.ms * 1e6), self.said[-1].t_ns + round(_ms(self.said[-1]) * 1e6))


def answers(record: CallRecord) -> tuple[Answer, ...]:
    """Every answer whose length the provider's side tells, in order."""
    speeches = _speeches(record)
    spans = agent_speech(record)
    ends = (event.t_ns for event in record.events if event.name in _ENDS_OF_CALLS)
    end_ns = next(ends, record.end_ns)
    views = {view.conn: view for view in connections(record.events)}
    found: list[Answer] = []
    for index, speech in enumerate(speeches):
        later = [other.said[0].t_ns for other in speeches[index + 1 :] if other.voice == speech.voice]
        first = speech.said[0]
        heard = _heard(spans, speech.voice, first.t_ns, min(later, default=math.inf))
        left_ms = (end_ns - heard[0].start_ns) / 1e6 if heard else 0.0
        view = views.get(speech.conn) if isinstance(speech.conn, int) else None
        spell = view.persona_at(first.t_ns) if view is not None else None
        found.append(
            Answer(
                first.t_ns,
                spell.agent if spell is not None else None,
                speech.voice,
                " ".join(str(event.data.get("text")) for event in speech.said),
                min(speech.ms, left_ms) if speech.end_ns + ON_ITS_WAY_NS > end_ns else speech.ms,
                sum(span.ms for span in heard),
                _is_cut_short(record, speech, end_ns) or _lasted_until(end_ns, heard),
            )
        )
    return tuple(found)


def _speeches(record: CallRecord) -> list[_Speech]:
    speeches: list[_Speech] = []
    for event in record.events:
        if event.name != "server.said" or not _ms(event):
            continue
        last = speeches[-1] if speeches else None
        same = last is not None and (last.conn, last.voice) == (event.data.get("conn"), str(event.data.get("voice")))
        if last is not None and same and event.t_ns <= last.end_ns + PAUSE_NS:
            last.said.append(event)
        else:
            speeches.append(_Speech([event]))
    return speeches


def _heard(spans: tuple[VoiceSpan, ...], voice: str, start_ns: int, end_ns: float) -> list[VoiceSpan]:
    return [span for span in spans if start_ns <= span.start_ns < end_ns and voice in (span.voice or "", *span.mixed)]


def _lasted_until(end_ns: int, heard: list[VoiceSpan]) -> bool:
    """Whether the agent was speaking when the call ended: pauses in what was heard then count for nothing."""
    return bool(heard) and heard[-1].end_ns + BREATH_NS >= end_ns


def _is_cut_short(record: CallRecord, speech: _Speech, end_ns: int) -> bool:
    until_ns = min(speech.end_ns + ON_ITS_WAY_NS, end_ns)
    return any(
        event.name in ("server.interrupted", "wire.close") and event.data.get("conn") == speech.conn
        for event in record.events
        if speech.said[0].t_ns <= event.t_ns < until_ns
    )


def _ms(event: TraceEvent) -> float:
    length = event.data.get("ms")
    return float(length) if isinstance(length, int | float) else 0.0
