"""What the plugin costs a test suite that does not use it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEAVY = ("numpy", "pandas", "google.genai", "pydantic", "soundfile", "jinja2", "websockets", "roomkit_sim.sim.world")


def test_unrelated_run_loads_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it():\n    pass\n")
    program = (
        "import sys, pytest\n"
        "assert pytest.main(['-q', '-p', 'no:hypothesispytest', '-p', 'no:cacheprovider']) == 0\n"
        f"print('LOADED', [name for name in {HEAVY!r} if name in sys.modules])\n"
        "print('PLUGIN', 'roomkit_sim.pytest_plugin' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "LOADED []" in done.stdout
    assert "PLUGIN True" in done.stdout
