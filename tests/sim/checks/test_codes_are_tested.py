from __future__ import annotations

from pathlib import Path

from roomkit_sim.sim.checks.codes import CODES

TESTS = Path(__file__).parents[2]


def test_every_code_appears_in_a_test() -> None:
    tests = "\n".join(path.read_text() for path in sorted(TESTS.rglob("test_*.py")))
    assert [code for code in CODES if f'"{code}"' not in tests] == []
