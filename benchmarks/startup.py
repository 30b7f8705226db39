"""What the plugin adds to a pytest run that does not use it; how long the shipped scenarios and the matrix take."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

HANDOFF = "scenarios/finance/handoff.scenario.yaml"


def plugin_ms(rounds: int) -> tuple[float, float]:
    """Median milliseconds of an unrelated run with the plugin and without it, measured alternately."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_it.py").write_text("def test_it():\n    pass\n")
        given: list[float] = []
        without: list[float] = []
        for _ in range(rounds):
            given.append(_pytest(folder))
            without.append(_pytest(folder, "-p", "no:roomkit_sim"))
    return median(given) * 1000, median(without) * 1000


def scenarios_s() -> float:
    """Wall seconds of `pytest scenarios -n 2`, start-up included."""
    with tempfile.TemporaryDirectory() as folder:
        return _pytest(".", "scenarios", "-n", "2", "--sim-output", f"{folder}/report")


def matrix_s() -> float:
    """Wall seconds of the two-agent scenario with every fault at every stage, `-n 2`."""
    with tempfile.TemporaryDirectory() as folder:
        return _pytest(".", HANDOFF, "--sim-faults=matrix", "-n", "2", "--sim-output", f"{folder}/report")


def _pytest(folder: str, *arguments: str) -> float:
    begin = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - begin
