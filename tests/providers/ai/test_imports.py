"""The SDKs are loaded when a provider first asks its model, not before."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["gemini.ai", "openai.ai"])
def test_a_provider_can_be_made_without_its_sdk(module: str) -> None:
    code = f"""
import sys
sys.modules["google.genai"] = sys.modules["openai"] = sys.modules["httpx2"] = None
from roomkit_sim.providers.{module} import *
config = [value for name, value in globals().items() if name.endswith("Config")][0]
provider = [value for name, value in globals().items() if name.endswith("AIProvider")][0]
print(provider(config(api_key="k")).model_name)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()
