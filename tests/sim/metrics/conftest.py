"""Calls of ten seconds, written by hand, whose caller's audio is accounted for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from roomkit_sim.sim.trace.events import TraceEvent
from roomkit_sim.sim.trace.record import CallRecord

RATE_HZ = 16_000
Made = Callable[..., CallRecord]


@pytest.fixture
def call() -> Made:
    """``call(arrived=[(start_ms, end_ms)], also=[(ms, name, data)])``: set up at 0, hung up at 10 s."""

    def make(
        arrived: list[tuple[int, int]] | None, also: list[tuple[int, str, dict[str, Any]]] | None = None
    ) -> CallRecord:
        told: list[tuple[int, str, dict[str, Any]]] = [
            (0, "line.connected", {}),
            (0, "wire.dial", {"conn": 1}),
            (0, "wire.received", {"conn": 1, "frame": "setupComplete"}),
            *(also or []),
        ]
        if not any(name in ("caller.hang_up", "line.disconnected") for _, name, _ in told):
            told.append((10_000, "caller.hang_up", {}))
        for start_ms, end_ms in arrived or []:
            start, samples = start_ms * RATE_HZ // 1000, (end_ms - start_ms) * RATE_HZ // 1000
            told.append(
                (
                    10_000,
                    "server.audio_received",
                    {"conn": 1, "reference_start": start, "received_start": 0, "samples": samples},
                )
            )
        events = []
        for seq, (ms, name, data) in enumerate(sorted(told, key=lambda item: item[0])):
            src, _, kind = name.partition(".")
            events.append(TraceEvent(ms * 1_000_000, seq, "call", src, kind, data))  # type: ignore[arg-type]
        track = np.zeros(10 * RATE_HZ, np.int16)
        names = ("call", "call", "scenario", "gemini-live", "virtual")
        return CallRecord(*names, 0, "", "a:1", "run", RATE_HZ, tuple(events), track, track)

    return make
