"""The page of one call: what was found, its lanes with sound, its handoffs, its events."""

from __future__ import annotations

import base64
import io
import json

import numpy as np

from roomkit_sim.sim.checks.checked_call import CheckedCall
from roomkit_sim.sim.checks.codes import CODES
from roomkit_sim.sim.metrics.latencies import METRIC_VERSION
from roomkit_sim.sim.metrics.waterfall import measure
from roomkit_sim.sim.report.lanes import LANE_HEIGHT, PX_PER_S, lanes
from roomkit_sim.sim.report.meaning import meaning_of_latencies
from roomkit_sim.sim.report.pages import render
from roomkit_sim.sim.report.waterfalls import waterfalls
from roomkit_sim.sim.trace.record import CallRecord

__all__ = ["call_page", "stereo_ogg"]

_BLOCK = 48_000


def call_page(checked: CheckedCall) -> str:
    """The page as HTML."""
    record = checked.record
    metrics = measure(record)
    return render(
        "call.html.j2",
        checked=checked,
        codes=CODES,
        record=record,
        lanes=lanes(record),
        lane_height=LANE_HEIGHT,
        px_per_s=PX_PER_S,
        seconds=record.end_ns / 1e9,
        handoffs=[(item, bars) for item, bars in zip(metrics, waterfalls(metrics), strict=True)],
        events=[(event, json.dumps(dict(event.data), ensure_ascii=False)) for event in record.events],
        sound=stereo_ogg(record),
        metric_version=METRIC_VERSION,
        meaning=meaning_of_latencies([(record.clock, str(record.plan.get("against", "fake")))]),
    )


def stereo_ogg(record: CallRecord) -> str:
    """Both tracks as one Ogg Opus file, caller left and agents right, in base64."""
    import soundfile

    length = max(len(record.caller_audio), len(record.agent_audio))
    if not length:
        return ""
    both = np.zeros((length, 2), dtype=np.int16)
    both[: len(record.caller_audio), 0] = record.caller_audio
    both[: len(record.agent_audio), 1] = record.agent_audio
    target = io.BytesIO()
    with soundfile.SoundFile(target, "w", record.rate_hz, 2, format="OGG", subtype="OPUS") as file:
        # libsndfile 1.2 overflows its stack when it is given long Ogg audio at once.
        for start in range(0, length, _BLOCK):
            file.write(both[start : start + _BLOCK])
    return base64.b64encode(target.getvalue()).decode("ascii")
