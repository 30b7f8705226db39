"""Findings from traces: routing, phases, latency, audio, invariants, and whether the call proves anything."""
