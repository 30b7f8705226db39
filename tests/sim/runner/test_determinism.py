"""The same scenario and seed give the same bytes: twice in a process, and in processes that hash differently."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from roomkit_sim.sim import simulate
from roomkit_sim.sim.scenario.loader import load
from roomkit_sim.sim.trace.files import digest
from tests.sim.runner.finance_line import ROOT

PROGRAM = """
from pathlib import Path
from tests.sim.runner.test_determinism import digests
print(*digests(Path("scenarios")), sep="\\n")
"""


def digests(folder: Path) -> list[str]:
    """Of every call of every scenario with each of its providers."""
    return [
        f"{provider} {call.record.call} {digest(call.record.events)}"
        for path in sorted(folder.rglob("*.scenario.yaml"))
        for [source] in [load(path)]
        for provider in source.scenario.apps
        for call in simulate(source, provider=provider).calls
    ]


def _in_a_process(hash_seed: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )


def test_shipped_scenarios_give_the_same_traces_twice_and_under_two_hash_seeds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    processes = [_in_a_process(hash_seed) for hash_seed in ("1", "2")]
    here = digests(Path("scenarios"))
    there = [process.communicate()[0].splitlines() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    for wire in ("gemini-live", "openai-realtime"):
        assert sum(line.startswith(wire) for line in here) >= 13
    assert len(set(here)) == len(here)
    assert there[0] == here
    assert there[1] == here
