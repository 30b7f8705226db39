"""What a run was made with: enough to repeat it, nothing about whose machine it was."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from roomkit_sim.sim.metrics.latencies import METRIC_VERSION
from roomkit_sim.sim.report.meaning import meaning_of_latencies
from roomkit_sim.sim.trace.events import SCHEMA_VERSION, Json

__all__ = ["run_info"]

PACKAGES = ("roomkit-sim", "google-genai", "websockets", "numpy", "soxr", "soundfile", "pydantic", "pytest")


def run_info(command: str, providers: Sequence[str], kinds: Sequence[tuple[str, str]]) -> dict[str, Json]:
    """The content of ``run.json``.

    Args:
        command: What was typed.
        providers: The wires that were spoken.
        kinds: Which kinds of calls were made: clock and what answered, each.
    """
    versions: dict[str, Json] = {name: _version(name) for name in PACKAGES}
    versions["python"] = platform.python_version()
    environment: dict[str, Json] = {"versions": versions, "platform": sys.platform, "machine": platform.machine()}
    return {
        **environment,
        "fingerprint": hashlib.sha256(json.dumps(environment, sort_keys=True).encode()).hexdigest()[:16],
        "trace_version": SCHEMA_VERSION,
        "metric_version": METRIC_VERSION,
        "command": command,
        "provider": ", ".join(providers),
        "clock": ", ".join(dict.fromkeys(clock for clock, _ in kinds)),
        "latencies": meaning_of_latencies(kinds),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
