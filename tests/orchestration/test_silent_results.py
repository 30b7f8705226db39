"""Who speaks after a tool's result, where the model can be given one without being asked to go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from roomkit_sim.voice.realtime.mock import MockRealtimeProvider
from roomkit_sim.voice.realtime.provider import RealtimeCapabilities

Build = Callable[..., Any]
ROOM = "call-1"


def provider(**capabilities: bool) -> MockRealtimeProvider:
    return MockRealtimeProvider(capabilities=RealtimeCapabilities(in_session_update=True, **capabilities))


def answers(mock: MockRealtimeProvider) -> list[tuple[str, Any]]:
    """What was done to the model, in order: results with whether it is to respond, reconfigurations, requests."""
    wanted = ("submit_tool_result", "reconfigure", "respond")
    return [(call.method, call.args.get("respond")) for call in mock.calls if call.method in wanted]


async def test_an_agent_that_hands_over_is_not_asked_to_go_on(voice_desk: Build) -> None:
    mock = provider(silent_results=True)
    desk = await voice_desk(provider=mock)
    assert (await desk.tool_call(await desk.call(), "advisor"))["accepted"] is True
    assert answers(mock)[:2] == [("submit_tool_result", False), ("reconfigure", None)]
    assert "respond" not in [method for method, _ in answers(mock)]


async def test_an_agent_whose_handoff_is_refused_is_asked_to_go_on(voice_desk: Build) -> None:
    mock = provider(silent_results=True)
    desk = await voice_desk(provider=mock)
    assert (await desk.tool_call(await desk.call(), "nobody"))["accepted"] is False
    assert answers(mock) == [("submit_tool_result", True)]


def changes_language(desks: list[Any]) -> dict[str, Any]:
    """A tool of the application that changes the language of the call in which it runs."""

    async def run(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        await desks[0].handler.set_language(ROOM, "French", channel_id="voice")
        return {"language": "French"}

    return {"tools": [{"name": "set_language", "parameters": {"type": "object"}}], "tool_handler": run}


async def use_tool(voice_desk: Build, mock: MockRealtimeProvider) -> None:
    desks: list[Any] = []
    desks.append(await voice_desk(provider=mock, channel=changes_language(desks)))
    session = await desks[0].call()
    await mock.simulate_tool_call(session, "c1", "set_language", {})
    await desks[0].settle()


async def test_what_a_tool_changes_of_its_session_is_in_force_before_the_model_goes_on(voice_desk: Build) -> None:
    mock = provider(silent_results=True)
    await use_tool(voice_desk, mock)
    assert answers(mock) == [("submit_tool_result", False), ("reconfigure", None), ("respond", None)]


async def test_a_model_that_goes_on_by_itself_is_given_its_result_as_ever(voice_desk: Build) -> None:
    mock = provider()
    await use_tool(voice_desk, mock)
    assert answers(mock) == [("submit_tool_result", True), ("reconfigure", None)]
