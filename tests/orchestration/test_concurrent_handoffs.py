"""Handoffs at the same time: exactly one wins, and sessions end up where the state is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from roomkit_sim.errors import ProviderError
from roomkit_sim.models.channel import ChannelBinding
from roomkit_sim.models.delivery import InboundMessage
from roomkit_sim.models.enums import HookExecution, HookTrigger
from roomkit_sim.models.event import RoomEvent, TextContent
from roomkit_sim.models.room import Room
from roomkit_sim.orchestration.graph import PipelineStage
from roomkit_sim.store.memory import InMemoryStore

Build = Callable[..., Any]


class UnhurriedStore(InMemoryStore):
    """Lets others come between, as a database does."""

    async def get_room(self, room_id: str) -> Room | None:
        await asyncio.sleep(0)
        return await super().get_room(room_id)

    async def update_room(self, room: Room) -> Room:
        await asyncio.sleep(0)
        try:
            return await super().update_room(room)
        finally:
            await asyncio.sleep(0)

    async def list_bindings(self, room_id: str) -> list[ChannelBinding]:
        await asyncio.sleep(0)
        return await super().list_bindings(room_id)

    async def add_event_auto_index(self, room_id: str, event: RoomEvent) -> RoomEvent:
        await asyncio.sleep(0)
        return await super().add_event_auto_index(room_id, event)


FORK = (
    PipelineStage(phase="triage", agent_id="triage", next="advising", can_return_to={"closing"}),
    PipelineStage(phase="advising", agent_id="advisor", next="closing", can_return_to={"triage"}),
    PipelineStage(phase="closing", agent_id="closer", next="triage"),
)


@pytest.mark.parametrize("targets", [("advisor", "closer"), ("closer", "advisor"), ("advisor", "advisor")])
async def test_of_concurrent_handoffs_in_text_exactly_one_wins(text_desk: Build, targets: tuple[str, ...]) -> None:
    desk = await text_desk(stages=FORK)
    results = await asyncio.gather(*(desk.handle("triage", target) for target in (*targets, *targets)))
    winners = [result for result in results if result.accepted]
    state = await desk.state()
    assert [winner.new_agent_id for winner in winners] == [state.active_agent_id]
    assert state.handoff_count == len(state.phase_history) == 1
    assert desk.observed.hook_names.count("on_handoff") == 1
    assert desk.observed.hook_names.count("on_handoff_rejected") == 3


async def test_of_two_handoff_calls_in_one_answer_of_a_text_model_exactly_one_wins(
    text_desk: Build, handoff_call: Callable[..., Any]
) -> None:
    desk = await text_desk(stages=FORK)
    both = handoff_call("advisor")
    both.tool_calls += handoff_call("closer", call_id="t2").tool_calls
    desk.model("triage").script = [both]
    await desk.say("hello")
    decided = desk.observed.of("handoff_decided")
    assert sorted(data["accepted"] for data in decided) == [False, True]
    assert (await desk.state()).handoff_count == 1


async def test_of_two_handoff_calls_in_one_answer_exactly_one_wins_where_the_store_takes_its_time(
    text_desk: Build, handoff_call: Callable[..., Any]
) -> None:
    desk = await text_desk(stages=FORK, store=UnhurriedStore())
    both = handoff_call("advisor")
    both.tool_calls += handoff_call("closer", call_id="t2").tool_calls
    desk.model("triage").script = [both]
    await desk.say("hello")
    state = await desk.state()
    assert [data["accepted"] for data in desk.observed.of("handoff_decided")] == [True, False]
    assert state.active_agent_id == "advisor"
    assert [(step.from_agent, step.to_agent) for step in state.phase_history] == [("triage", "advisor")]
    assert [e.metadata["to_agent"] for e in await desk.timeline() if e.metadata.get("handoff")] == ["advisor"]


async def test_of_concurrent_calls_of_one_voice_model_exactly_one_wins(voice_desk: Build) -> None:
    desk = await voice_desk(stages=FORK)
    session = await desk.call()
    calls = [await desk.begin_tool_call(session, target) for target in ("advisor", "closer", "advisor")]
    await desk.settle()
    assert [desk.told(call)["accepted"] for call in calls] == [True, False, False]
    assert len(desk.provider.calls_of("reconfigure")) == 1
    assert desk.config(session)[1] == "Voice of advisor"


async def test_of_handoffs_from_two_sessions_of_a_room_exactly_one_wins_and_both_sessions_follow(
    voice_desk: Build,
) -> None:
    desk = await voice_desk(stages=FORK)
    first, second = await desk.call(), await desk.call()
    calls = [await desk.begin_tool_call(first, "advisor"), await desk.begin_tool_call(second, "closer")]
    await desk.settle()
    assert [desk.told(call)["accepted"] for call in calls] == [True, False]
    assert [desk.config(session)[1] for session in (first, second)] == ["Voice of advisor"] * 2


async def test_a_handoff_that_is_overtaken_before_its_switch_is_left_out(voice_desk: Build) -> None:
    desk = await voice_desk(stages=FORK)
    session = await desk.call()
    first = await desk.handler.accept("call-1", "triage", {"target": "advisor"})
    second = await desk.handler.accept("call-1", "advisor", {"target": "closer"})
    await desk.handler.complete(second)
    await desk.handler.complete(first)
    assert [call.args["voice"] for call in desk.provider.calls_of("reconfigure")] == ["Voice of closer"]
    assert desk.config(session)[1] == "Voice of closer"
    assert (await desk.state()).active_agent_id == "closer"


async def test_switches_of_a_room_happen_one_after_the_other(voice_desk: Build) -> None:
    desk = await voice_desk(stages=FORK)
    session = await desk.call()
    reconfigure, gate = desk.provider.reconfigure, asyncio.Event()
    under_way: list[str] = []

    async def slow(session: Any, **config: Any) -> None:
        under_way.append(config["voice"])
        await gate.wait()
        await reconfigure(session, **config)
        under_way.remove(config["voice"])

    desk.provider.reconfigure = slow
    first = asyncio.create_task(desk.handle("triage", "advisor"))
    await desk.settle()
    second = asyncio.create_task(desk.handle("advisor", "closer"))
    await desk.settle()
    assert (await desk.state()).active_agent_id == "closer"
    assert under_way == ["Voice of advisor"]
    gate.set()
    await asyncio.gather(first, second)
    assert desk.config(session)[1] == "Voice of closer"


async def test_a_language_set_during_a_handoff_and_the_handoff_both_survive(voice_desk: Build) -> None:
    desk = await voice_desk()
    session = await desk.call()
    await asyncio.gather(desk.handle("triage", "advisor"), desk.handler.set_language("call-1", "French"))
    state = await desk.state()
    assert (state.active_agent_id, state.context["language"]) == ("advisor", "French")
    prompt, voice, _ = desk.config(session)
    assert prompt is not None
    assert prompt.startswith("You are advisor.")
    assert "Always respond in French" in prompt
    assert voice == "Voice of advisor"


async def test_a_language_set_while_a_switch_is_under_way_reaches_the_agent_that_arrives(voice_desk: Build) -> None:
    desk = await voice_desk()
    session = await desk.call()
    prepared = await desk.handler.accept("call-1", "triage", {"target": "advisor"})
    await desk.handler.set_language("call-1", "French")
    assert (desk.config(session)[0] or "").startswith("You are triage."), "not switched yet: still triage's words"
    await desk.handler.complete(prepared)
    assert "Always respond in French" in (desk.config(session)[0] or "")


async def test_handoffs_in_different_rooms_do_not_wait_for_each_other(voice_desk: Build) -> None:
    desk = await voice_desk()
    await desk.kit.create_room("call-2")
    await desk.kit.attach_channel("call-2", "voice")
    async with desk.kit.lock_manager.locked("call-1"):
        other = asyncio.create_task(desk.handle("triage", "advisor", room_id="call-2"))
        await other
    assert (await desk.state("call-2")).active_agent_id == "advisor"


async def test_a_switch_under_way_in_one_room_holds_up_no_other_room(voice_desk: Build) -> None:
    desk = await voice_desk()
    await desk.kit.create_room("call-2")
    await desk.kit.attach_channel("call-2", "voice")
    first, second = await desk.call(), await desk.call("call-2")
    reconfigure, gate = desk.provider.reconfigure, asyncio.Event()

    async def slow_for_the_first(session: Any, **config: Any) -> None:
        if session is first:
            await gate.wait()
        await reconfigure(session, **config)

    desk.provider.reconfigure = slow_for_the_first
    waiting = asyncio.create_task(desk.handle("triage", "advisor"))
    await desk.settle()
    await desk.handle("triage", "advisor", room_id="call-2")
    assert [desk.config(session)[1] for session in (first, second)] == ["Voice of triage", "Voice of advisor"]
    gate.set()
    await waiting


async def test_a_failed_switch_does_not_take_back_what_came_after_it(voice_desk: Build) -> None:
    failing = [ProviderError("line down")] * 2
    desk = await voice_desk(
        stages=FORK, fail=lambda method: failing.pop() if method == "reconfigure" and failing else None
    )
    session = await desk.call()
    later: list[Any] = []

    async def hand_on(event: Any) -> None:
        if event.data["step"] == "failed":
            later.append(await desk.handler.accept("call-1", "advisor", {"target": "closer"}))

    desk.kit.on("session_reconfigure")(hand_on)
    result = await desk.handle("triage", "advisor")
    assert not result.accepted
    assert (await desk.state()).active_agent_id == "closer"
    await desk.handler.complete(later[0])
    assert desk.config(session)[1] == "Voice of closer"


@pytest.mark.sim
@pytest.mark.parametrize("where", ["while it is stored", "while it is announced"])
async def test_a_handoff_that_is_cancelled_before_it_is_announced_leaves_the_state_as_it_was(
    text_desk: Build, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    desk = await text_desk(stages=FORK)
    before, begun, save = await desk.handler.ensure_state("call-1"), asyncio.Event(), desk.kit.store.update_room

    async def hang(*_: Any, **__: Any) -> None:
        begun.set()
        await asyncio.Event().wait()

    async def save_and_hang(room: Any) -> None:
        await save(room)
        if not begun.is_set():
            await hang()

    with monkeypatch.context() as patch:
        if where == "while it is stored":
            patch.setattr(desk.kit.store, "update_room", save_and_hang)
        else:
            patch.setattr(desk.kit, "send_event", hang)
        asked = asyncio.create_task(desk.handle("triage", "advisor"))
        await begun.wait()
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
    assert await desk.state() == before
    assert desk.observed.of("conversation_state")[-1]["why"] == "rolled_back"
    assert (await desk.handle("triage", "advisor")).accepted


@pytest.mark.parametrize("steps", range(1, 100, 2))
async def test_a_cancelled_message_leaves_state_history_notices_and_hooks_in_agreement(
    text_desk: Build, handoff_call: Callable[..., Any], steps: int
) -> None:
    desk = await text_desk(stages=FORK, store=UnhurriedStore())
    desk.model("triage").script = [handoff_call("advisor")]
    observed: list[str] = []

    @desk.kit.hook(HookTrigger.AFTER_BROADCAST, execution=HookExecution.ASYNC)
    async def mirror(event: RoomEvent, context: Any) -> None:
        observed.append(event.id)

    message = InboundMessage(channel_id="chat", sender_id="person", content=TextContent(body="hello"))
    task = asyncio.create_task(desk.kit.process_inbound(message, room_id="call-1"))
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await desk.kit.background.drain()
    state, timeline = await desk.state(), await desk.timeline()
    notices = [event for event in timeline if event.metadata.get("handoff")]
    assert [event.metadata["to_agent"] for event in notices] == [step.to_agent for step in state.phase_history]
    assert desk.observed.hook_names.count("on_handoff") == len(notices)
    assert [event.id for event in notices if event.id not in observed] == []
    assert not desk.kit.lock_manager.is_held("call-1")
    assert not (await desk.say("hello again")).blocked


async def test_a_notice_that_awaited_something_cancelled_refuses_the_handoff(
    text_desk: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = await text_desk(stages=FORK)
    before = await desk.handler.ensure_state("call-1")

    async def gone(*_: Any, **__: Any) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(desk.kit, "send_event", gone)
        result = await desk.handle("triage", "advisor")
    assert not result.accepted
    assert "announcing a handoff awaited something that was cancelled" in result.reason
    assert await desk.state() == before
