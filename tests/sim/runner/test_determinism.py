"""The same scenario and seed give the same bytes: twice in a process, and in processes that hash differently."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from roomkit_sim.sim import simulate
from roomkit_sim.sim.trace.files import digest
from tests.sim.runner.finance_line import ROOT, SCENARIOS

PROGRAM = """
from pathlib import Path
from roomkit_sim.sim import simulate
from roomkit_sim.sim.trace.files import digest
for path in sorted(Path("scenarios").rglob("*.scenario.yaml")):
    for call in simulate(path).calls:
        print(call.record.call, digest(call.record.events))
"""


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
    runs = [simulate(path.relative_to(ROOT)) for path in sorted(SCENARIOS.rglob("*.scenario.yaml"))]
    here = [f"{call.record.call} {digest(call.record.events)}" for run in runs for call in run.calls]
    there = [process.communicate()[0].splitlines() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert len(here) >= 11
    assert there[0] == here
    assert there[1] == here
