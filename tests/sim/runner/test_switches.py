"""The short call on each wire while the service misbehaves as any may; and that no switch is without such a call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from roomkit_sim.errors import ScenarioError
from roomkit_sim.sim.runner import stage
from roomkit_sim.sim.scenario.model import Provider
from roomkit_sim.sim.scenario.switches import SWITCHES, switches_of
from roomkit_sim.sim.servers.switchboard import Switchboard
from tests.sim.runner.switched_calls import (
    ADVISOR,
    ASK,
    GEMINI,
    OPENAI,
    QUIET,
    TOLD,
    WIRES,
    codes,
    message,
    note_taking,
    play,
    said,
    script,
    struck,
)

Patch = pytest.MonkeyPatch
on_each_wire = pytest.mark.parametrize("wire", WIRES)


@on_each_wire
def test_a_call_in_which_nothing_misbehaves_is_green(wire: Provider) -> None:
    run = play(wire, expect=TOLD)
    assert codes(run) == []
    assert struck(run) == []


@on_each_wire
@pytest.mark.parametrize(
    ("switch", "text"),
    [
        ("any.upgrade_401", "the API key is not accepted"),
        ("any.upgrade_403", "may not use this model"),
        ("any.upgrade_429", "too many requests"),
        ("any.upgrade_503", "503"),
    ],
)
def test_an_upgrade_that_is_refused_fails_the_application_and_says_why(wire: Provider, switch: str, text: str) -> None:
    run = play(wire, switch)
    assert codes(run)[0] == "APP001"
    assert text in message(run, "APP001")


@pytest.mark.parametrize(("status", "refusals", "survives"), [(503, 1, True), (429, 1, True), (503, 9, False)])
def test_a_refusal_at_the_handoff_is_tried_again(
    status: int, refusals: int, survives: bool, monkeypatch: Patch
) -> None:
    class AfterTheFirst(Switchboard):
        asked = 0

        def is_on(self, name: str) -> bool:
            if not name.startswith("any.upgrade"):
                return super().is_on(name)
            self.asked += name.endswith(str(status))
            return name.endswith(str(status)) and 1 < self.asked <= 1 + refusals

    monkeypatch.setattr(stage, "Switchboard", AfterTheFirst)
    run = play(GEMINI)
    assert (codes(run) == []) is survives
    if not survives:
        assert {"ROUTE003", "CALLER001"} & set(codes(run))


# The model


@on_each_wire
def test_a_model_that_only_says_that_it_transfers_leaves_the_caller_waiting(wire: Provider) -> None:
    run = play(wire, "any.talks_instead_of_tool")
    assert {"CALLER001", "ROUTE002"} <= set(codes(run))
    assert said(run) == ["I am transferring you now."]


@on_each_wire
def test_a_call_that_is_spoken_is_made_all_the_same_and_reported(wire: Provider) -> None:
    run = play(wire, "any.speaks_the_call", caller=script(ASK, ADVISOR, QUIET))
    assert codes(run) == ["APP005"]
    assert "pronounced a call of the tool 'handoff_conversation'" in message(run, "APP005")
    assert run.handoffs[0].handoff.completed


@on_each_wire
def test_a_handoff_waits_for_another_tool_of_its_batch(wire: Provider) -> None:
    assert codes(play(wire, "any.parallel_tools", app=note_taking(wire, 1.0))) == []


def test_a_tool_that_takes_long_beside_a_handoff_is_not_waited_for_where_its_connection_is_left() -> None:
    run = play(GEMINI, "any.parallel_tools", app=note_taking(GEMINI, 9.0))
    assert "APP005" in codes(run)
    assert "waits for the result of call" in message(run, "APP005")


def test_a_tool_that_takes_long_beside_a_handoff_keeps_the_caller_waiting_where_the_connection_stays() -> None:
    run = play(OPENAI, "any.parallel_tools", app=note_taking(OPENAI, 9.0))
    assert codes(run) == ["CALLER001", "ROUTE005"]
    assert message(run, "CALLER001").endswith("for agent_speech of persona advisor")


# Frames in parts: what a WebSocket library does for a client


async def _fragment_by_fragment(self: Any, decode: bool | None = None) -> Any:
    waiting = self.__dict__.setdefault("fragments", [])
    if not waiting:
        waiting += [fragment async for fragment in self.recv_streaming(decode=False)]
    return waiting.pop(0)


@on_each_wire
@pytest.mark.parametrize("switch", ["any.fragmented_frames", "any.slow_frames"])
def test_a_frame_in_fragments_is_one_frame(wire: Provider, switch: str, monkeypatch: Patch) -> None:
    from websockets.asyncio.client import ClientConnection

    assert codes(play(wire, switch)) == []
    monkeypatch.setattr(ClientConnection, "recv", _fragment_by_fragment)
    assert "APP001" in codes(play(wire, switch))


@on_each_wire
def test_a_frame_in_segments_is_one_frame(wire: Provider, monkeypatch: Patch) -> None:
    from websockets.asyncio.client import ClientConnection

    assert codes(play(wire, "any.segmented_frames")) == []
    received = ClientConnection.data_received

    def segment_by_segment(self: Any, data: bytes) -> None:
        # Text goes on here: no frame of the server begins with a printable character.
        if data.startswith(b"HTTP/") or not data[:1].isascii():
            received(self, data)

    monkeypatch.setattr(ClientConnection, "data_received", segment_by_segment)
    assert not play(wire, "any.segmented_frames").passed


# Switches as such


@on_each_wire
def test_a_switch_that_does_nothing_makes_the_call_invalid(wire: Provider) -> None:
    run = play(wire, "any.parallel_tools")
    assert codes(run) == ["INVALID010"]
    assert "the moment of any.parallel_tools never came" in message(run, "INVALID010")
    assert run.calls[0].verdict == "invalid"


@pytest.mark.parametrize(
    ("wire", "name", "hint"),
    [
        (GEMINI, "gemini.go_awy", "unknown switch 'gemini.go_awy': did you mean 'gemini.go_away'?"),
        (OPENAI, "openai.silent_closing", "did you mean 'openai.silent_close'?"),
        (GEMINI, "upgrade_429", "did you mean 'any.upgrade_429'?"),
    ],
)
def test_a_misspelt_switch_is_told_the_nearest_name(wire: Provider, name: str, hint: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        play(wire, name)
    assert hint in str(raised.value)


@pytest.mark.parametrize(("wire", "name"), [(GEMINI, "openai.silent_close"), (OPENAI, "gemini.go_away")])
def test_a_switch_of_the_other_provider_is_refused(wire: Provider, name: str) -> None:
    with pytest.raises(ScenarioError, match=f"'{name}' is no switch of {wire}"):
        play(wire, name)


def test_a_switch_that_stands_twice_is_refused() -> None:
    with pytest.raises(ScenarioError, match=r"switches\.1: switch 'gemini\.go_away' stands here twice"):
        play(GEMINI, "gemini.go_away", "gemini.go_away")


def calls_of(family: str) -> str:
    """The tests that have a call for each switch of a family; those of ``any`` play it on each wire."""
    here = Path(__file__)
    return (here if family == "any" else here.with_name(f"test_switches_{family}.py")).read_text()


@pytest.mark.parametrize("name", [switch.name for wire in WIRES for switch in switches_of(wire)])
def test_every_switch_has_its_call(name: str) -> None:
    assert f'"{name}"' in calls_of(name.partition(".")[0])


def test_every_switch_is_of_a_wire_that_is_played_here() -> None:
    assert {switch.name for wire in WIRES for switch in switches_of(wire)} == set(SWITCHES)
