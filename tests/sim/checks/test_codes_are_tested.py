from __future__ import annotations

from pathlib import Path

from roomkit_sim.sim.checks.codes import CODES

HERE = Path(__file__).parent


def test_every_code_appears_in_a_test_of_the_checks() -> None:
    tests = "\n".join(path.read_text() for path in sorted(HERE.glob("test_*.py")))
    assert [code for code in CODES if f'"{code}"' not in tests] == []
