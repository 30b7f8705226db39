"""The wire as it was when somebody last looked: one file a client. ``make goldens`` writes them anew."""

from __future__ import annotations

import json
from collections.abc import Callable
from difflib import unified_diff
from importlib.metadata import version
from pathlib import Path

from tests.sim.wire_contract import gemini, openai
from tests.sim.wire_contract.service import Frame

FOLDER = Path(__file__).parent
CLIENTS: dict[str, Callable[[], list[Frame]]] = {
    "gemini_sdk": gemini.from_sdk,
    "gemini_provider": gemini.from_provider,
    "openai_sdk": openai.from_sdk,
    "openai_provider": openai.from_provider,
}
PACKAGES = ("google-genai", "openai", "websockets")


def captured(name: str) -> str:
    """What a client sends today, as text."""
    return json.dumps({"connections": CLIENTS[name]()}, indent=1, ensure_ascii=False) + "\n"


def golden(name: str) -> Path:
    return FOLDER / f"{name}.json"


def difference(name: str) -> str:
    """What is not as in the golden; empty when nothing is."""
    known = golden(name).read_text(encoding="utf-8") if golden(name).exists() else ""
    lines = unified_diff(known.splitlines(), captured(name).splitlines(), "golden", "sent today", lineterm="", n=4)
    return "\n".join(lines)


def installed() -> str:
    return ", ".join(f"{package} {version(package)}" for package in PACKAGES)


def main() -> None:
    for name in CLIENTS:
        changes = difference(name)
        if changes:
            golden(name).write_text(captured(name), encoding="utf-8")
        print(f"{golden(name).relative_to(Path.cwd())}: {'changed' if changes else 'as it was'}")  # noqa: T201


if __name__ == "__main__":
    main()
