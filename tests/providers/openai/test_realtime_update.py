"""Another agent inside the connection: ``session.update``."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit_sim.sim.world.world import World
from tests.providers.openai.realtime_service import TOOL, Served, calling

pytestmark = pytest.mark.sim


async def test_prompt_and_tools_change_inside_the_connection_while_the_voice_stays(world: World) -> None:
    async with calling(world) as call:
        served = await call.connect(system_prompt="Triage", voice="marin", tools=[TOOL])
        await served.answer("r1", "Hello")
        await served.call("r2", ("c1", "look_up", "{}"))
        await call.told.until(lambda it: it.of("tool_call"))
        await call.provider.submit_tool_result(call.session, "c1", "{}", respond=False)
        await call.provider.reconfigure(call.session, system_prompt="Advise", voice="marin", tools=())
        await call.provider.inject_text(call.session, "greet")
        await served.until(lambda it: it.of("response.create"))
        assert call.told.steps == ["opened", "updated"]
        assert (served.prompt, served.session["tools"]) == ("Advise", [])
        assert "voice" not in served.of("session.update")[1]["session"]["audio"]["output"]
        assert served.kinds[1:] == [
            "conversation.item.create",
            "session.update",
            "conversation.item.create",
            "response.create",
        ]
        assert call.service.dials == 1


async def test_the_voice_changes_inside_the_connection_until_it_has_been_heard(world: World) -> None:
    async with calling(world) as call:
        served = await call.connect(voice="marin")
        await call.provider.reconfigure(call.session, voice="cedar")
        assert (served.voice, call.service.dials) == ("cedar", 1)
        await call.provider.reconfigure(call.session, voice="")
        assert (served.voice, call.service.dials) == ("alloy", 1)


async def test_an_update_that_is_refused_takes_another_connection(world: World) -> None:
    async with calling(world) as call:
        first = await call.connect(voice="marin")
        await first.answer("r1", "Hello")

        async def refuse(served: Served, update: dict[str, Any]) -> None:
            if served is first:
                await served.error("cannot_update_voice", about=update["event_id"])
            else:
                await call.service.accept(served, update)

        call.service.on_update = refuse
        await call.provider.reconfigure(call.session, system_prompt="Advise")
        second = await call.service.connection(1)
        assert (second.prompt, second.voice) == ("Advise", "marin")
        assert call.told.error_codes == ["cannot_update_voice"]


async def test_an_update_that_is_not_acknowledged_takes_another_connection(world: World) -> None:
    async with calling(world) as call:
        first = await call.connect(voice="marin")

        async def ignore(served: Served, update: dict[str, Any]) -> None:
            if served is not first:
                await call.service.accept(served, update)

        call.service.on_update = ignore
        await call.provider.reconfigure(call.session, system_prompt="Advise")
        assert (await call.service.connection(1)).prompt == "Advise"


async def test_a_format_that_falls_back_after_an_update_takes_another_connection(world: World) -> None:
    async with calling(world) as call:
        first = await call.connect(voice="marin")

        async def reset(served: Served, update: dict[str, Any]) -> None:
            if served is first:
                update["session"]["audio"]["output"]["format"] = {"type": "audio/pcmu"}
            await call.service.accept(served, update)

        call.service.on_update = reset
        await call.provider.reconfigure(call.session, system_prompt="Advise")
        assert call.told.error_codes == ["update_not_applied"]
        assert (await call.service.connection(1)).prompt == "Advise"


async def test_an_answer_that_is_open_is_waited_for_and_then_cancelled_before_an_update(world: World) -> None:
    async with calling(world, response_wait_s=0.4) as call:
        served = await call.connect(voice="marin")
        await served.begin("r1")
        await call.told.until(lambda it: it.of("response_start"))
        pending = asyncio.create_task(call.provider.reconfigure(call.session, system_prompt="Advise"))
        await served.until(lambda it: it.of("response.cancel"))
        assert len(served.of("session.update")) == 1
        await served.done("r1", "cancelled", reason="client_cancelled")
        await pending
        assert served.prompt == "Advise"


async def test_what_was_asked_for_the_former_agent_is_not_asked_of_the_next(world: World) -> None:
    async with calling(world) as call:
        served = await call.connect(tools=[TOOL])
        await served.call("r1", ("c1", "look_up", "{}"), end=False)
        await call.told.until(lambda it: it.of("tool_call"))
        await call.provider.submit_tool_result(call.session, "c1", "{}", respond=False)
        await call.provider.inject_text(call.session, "for the first agent")
        pending = asyncio.create_task(call.provider.reconfigure(call.session, system_prompt="Advise"))
        await asyncio.sleep(0.05)
        await served.done("r1")
        await pending
        await call.provider.inject_text(call.session, "for the second agent")
        await served.until(lambda it: it.of("response.create"))
        texts = [item["content"][0]["text"] for item in served.items if item["type"] == "message"]
        assert texts == ["for the second agent"]
        assert len(served.of("response.create")) == 1


async def test_calls_that_come_with_a_handoff_are_not_answered_by_the_former_agent(world: World) -> None:
    async with calling(world) as call:
        served = await call.connect(tools=[TOOL])
        await served.call("r1", ("c1", "hand_over", "{}"), ("c2", "look_up", "{}"))
        await call.told.until(lambda it: len(it.of("tool_call")) == 2)
        await call.provider.submit_tool_result(call.session, "c1", "{}", respond=False)
        await call.provider.reconfigure(call.session, system_prompt="Advise")
        await call.provider.submit_tool_result(call.session, "c2", "found")
        await asyncio.sleep(0.1)
        assert served.of("response.create") == []
        await call.provider.inject_text(call.session, "greet")
        await served.until(lambda it: it.of("response.create"))
        assert served.kinds[-2:] == ["conversation.item.create", "response.create"]
        assert len(served.of("response.create")) == 1


async def test_a_tool_that_changes_the_prompt_is_answered_under_the_new_one(world: World) -> None:
    async with calling(world) as call:
        served = await call.connect(tools=[TOOL])
        await served.call("r1", ("c1", "speak_french", "{}"), end=False)
        await call.told.until(lambda it: it.of("tool_call"))
        await call.provider.submit_tool_result(call.session, "c1", "{}")
        pending = asyncio.create_task(call.provider.reconfigure(call.session, system_prompt="Parlez"))
        await served.done("r1")
        await pending
        await served.until(lambda it: it.of("response.create"))
        assert served.kinds[-2:] == ["session.update", "response.create"]
