"""What the models of these tests know to say and to call, and the tools of their sessions."""

from __future__ import annotations

from typing import Any

PARAMETERS = {
    "type": "object",
    "properties": {"target": {"type": "string", "enum": ["advisor"]}},
    "required": ["target"],
}
TOOLS = [
    {"type": "function", "name": "transfer", "description": "Hand over.", "parameters": PARAMETERS},
    {"type": "function", "name": "note"},
]
TRANSFER: dict[str, Any] = {"hears": "ask", "calls": {"transfer": {"target": "advisor"}}}
SPEAKS = {"on": "asked_to_speak", "says": "Hello, this is triage."}
LONG = "This is a long explanation of everything that one could possibly want to know about savings and bonds."
LONG_ANSWER = {"on": "asked_to_speak", "says": LONG}
