"""What happened in a call: event types, the recorder, files, the wiretap, and views on all of it."""

from roomkit_sim.sim.trace.connections import ConnectionView, connections
from roomkit_sim.sim.trace.events import Json, Source, TraceEvent
from roomkit_sim.sim.trace.files import digest, read_trace, write_trace
from roomkit_sim.sim.trace.handoffs import Handoff, handoffs
from roomkit_sim.sim.trace.record import CallRecord
from roomkit_sim.sim.trace.recorder import Recorder, TraceSink
from roomkit_sim.sim.trace.route import PathStep, phases, route
from roomkit_sim.sim.trace.speech import Heard, Utterance, VoiceSpan, agent_speech, heard_utterances, utterances
from roomkit_sim.sim.trace.wiretap import Wiretap

__all__ = [
    "CallRecord",
    "ConnectionView",
    "Handoff",
    "Heard",
    "Json",
    "PathStep",
    "Recorder",
    "Source",
    "TraceEvent",
    "TraceSink",
    "Utterance",
    "VoiceSpan",
    "Wiretap",
    "agent_speech",
    "connections",
    "digest",
    "handoffs",
    "heard_utterances",
    "phases",
    "read_trace",
    "route",
    "utterances",
    "write_trace",
]
