"""Metric set v2: the handoff waterfall and the caller's audio, as functions of a trace."""

from roomkit_sim.sim.metrics.caller_audio import CallerAudio, Stretch, account
from roomkit_sim.sim.metrics.latencies import ADDITIVE, METRIC_VERSION, Latencies, latencies_of
from roomkit_sim.sim.metrics.waterfall import HandoffMetrics, measure

__all__ = [
    "ADDITIVE",
    "METRIC_VERSION",
    "CallerAudio",
    "HandoffMetrics",
    "Latencies",
    "Stretch",
    "account",
    "latencies_of",
    "measure",
]
