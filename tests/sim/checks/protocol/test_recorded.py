"""The client side of sessions that were recorded against the live services keeps to the protocol."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sim.servers.fidelity import RECORDED, needs_recordings, recording

pytestmark = needs_recordings

HOSTS = {"gemini": "generativelanguage.googleapis.com", "openai": "api.openai.com"}


def played(wire: Any, name: str, host: str) -> Any:
    wire.host = host
    wire.dial(7)
    for direction, frame in recording(name):
        (wire.sent if direction == "sent" else wire.received)(frame, 7)
    return wire


@pytest.mark.parametrize("name", RECORDED)
@pytest.mark.parametrize("known_by_host", [True, False])
def test_recorded_client_has_no_findings(gemini: Any, name: str, known_by_host: bool) -> None:
    wire = played(gemini, name, HOSTS[name.partition("_")[0]] if known_by_host else "127.0.0.1")
    assert wire.findings() == []


@pytest.mark.parametrize("name", [name for name in RECORDED if "tool_call" in name])
def test_recorded_client_that_forgot_to_be_asked_is_found(gemini: Any, name: str) -> None:
    wire = played(gemini, name, "127.0.0.1")
    asks = ("toolCall", "response.output_item.added", "conversation.item.added", "response.output_item.done",
            "conversation.item.done", "response.function_call_arguments.done")  # fmt: skip
    wire.events = [event for event in wire.events if event.data.get("frame") not in asks]
    assert wire.codes() == ["WIRE020" if name.startswith("gemini") else "WIRE057"]
