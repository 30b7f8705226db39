"""Who was heard when: the caller's utterances, and the voices at the caller's ear."""

from __future__ import annotations

from dataclasses import dataclass

from roomkit_sim.sim.trace.events import TraceEvent
from roomkit_sim.sim.trace.record import CallRecord

__all__ = ["Heard", "Utterance", "VoiceSpan", "agent_speech", "heard_utterances", "utterances", "voices_of_agent"]


@dataclass(frozen=True, slots=True)
class Utterance:
    """Something that the caller said. Times are nanoseconds since the start of the run, taken from the samples."""

    id: str
    start_ns: int
    end_ns: int
    seq: int


@dataclass(frozen=True, slots=True)
class VoiceSpan:
    """A stretch of sound at the caller's ear, whose voice was told from the samples.

    Args:
        voice: Name of the voice; nothing when it is none that is known, or several at once.
        persona: Who speaks: the persona that last began to speak with this voice.
        agent: The agent that the persona plays.
        start_ns: Its first audible sample.
        end_ns: The end of its last audible sample.
        mixed: The voices that talk at once, if more than one does.
    """

    voice: str | None
    persona: str | None
    agent: str | None
    start_ns: int
    end_ns: int
    mixed: tuple[str, ...] = ()

    @property
    def ms(self) -> float:
        """Its length in milliseconds."""
        return (self.end_ns - self.start_ns) / 1e6


@dataclass(frozen=True, slots=True)
class Heard:
    """A turn of the caller as the server understood it; no utterance when it understood none."""

    utterance: str | None
    t_ns: int
    conn: int | None


def utterances(record: CallRecord) -> tuple[Utterance, ...]:
    """What the caller said to the end, in order."""
    return tuple(_utterance(record, event) for event in record.events if event.name == "caller.speech_end")


def _utterance(record: CallRecord, event: TraceEvent) -> Utterance:
    end = event.data.get("end_sample")
    start = event.data.get("start_sample")
    end_ns = record.ns(end) if isinstance(end, int) else event.t_ns
    start_ns = record.ns(start) if isinstance(start, int) else end_ns
    return Utterance(str(event.data.get("utterance")), start_ns, end_ns, event.seq)


def heard_utterances(record: CallRecord) -> tuple[Heard, ...]:
    """The turns that the server heard, in order."""
    return tuple(
        Heard(_text(event.data.get("utterance")), event.t_ns, _int(event.data.get("conn")))
        for event in record.events
        if event.name == "server.heard"
    )


def agent_speech(record: CallRecord) -> tuple[VoiceSpan, ...]:
    """The voices at the caller's ear, by their start."""
    spans = [_span(record, event) for event in record.events if event.name == "line.agent_voice"]
    return tuple(sorted(spans, key=lambda span: (span.start_ns, span.end_ns)))


def _span(record: CallRecord, event: TraceEvent) -> VoiceSpan:
    start, samples = _int(event.data.get("start_sample")) or 0, _int(event.data.get("samples")) or 0
    mixed = event.data.get("mixed")
    return VoiceSpan(
        _text(event.data.get("voice")),
        _text(event.data.get("persona")),
        _text(event.data.get("agent")),
        record.ns(start),
        record.ns(start + samples),
        tuple(str(voice) for voice in mixed) if isinstance(mixed, list) else (),
    )


def voices_of_agent(record: CallRecord, agent: str) -> frozenset[str]:
    """The voices that the provider's sessions were configured with while ``agent`` was in charge of them."""
    return frozenset(
        str(event.data["voice"])
        for event in record.events
        if event.name == "server.persona" and event.data.get("agent") == agent and event.data.get("voice")
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _int(value: object) -> int | None:
    return value if isinstance(value, int) else None
