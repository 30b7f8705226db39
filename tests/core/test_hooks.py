"""Hooks: order, blocking, changing, failing, filters."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import ValidationError

from roomkit_sim.core.framework import RoomKit
from roomkit_sim.core.hooks import HookEngine, HookFailure, HookRegistration
from roomkit_sim.errors import ConfigurationError, WorkCancelledError
from roomkit_sim.models import (
    ChannelDirection,
    ChannelType,
    EventSource,
    FrameworkEvent,
    HookExecution,
    HookResult,
    HookTrigger,
    Room,
    RoomContext,
    RoomEvent,
    TextContent,
)

BEFORE = HookTrigger.BEFORE_BROADCAST
CONTEXT = RoomContext(room=Room(id="r"))


def event(body: str = "hello", **source: Any) -> RoomEvent:
    said_by = {"channel_id": "people", "channel_type": ChannelType.WEBSOCKET, **source}
    return RoomEvent(room_id="r", source=EventSource(**said_by), content=TextContent(body=body))


def add_word(word: str) -> Callable[[RoomEvent, RoomContext], Awaitable[HookResult]]:
    async def hook(event: RoomEvent, context: RoomContext) -> HookResult:
        assert isinstance(event.content, TextContent)
        changed = TextContent(body=f"{event.content.body} {word}")
        return HookResult.modify(event.model_copy(update={"content": changed}))

    return hook


async def allow(event: RoomEvent, context: RoomContext) -> HookResult:
    return HookResult.allow()


async def fail(event: RoomEvent, context: RoomContext) -> HookResult:
    raise LookupError("broken")


async def hang(event: RoomEvent, context: RoomContext) -> HookResult:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


async def await_what_is_cancelled(event: RoomEvent, context: RoomContext) -> HookResult:
    gone = asyncio.get_running_loop().create_future()
    gone.cancel()
    await gone
    raise AssertionError("unreachable")


class Engine(HookEngine):
    """An engine that remembers the failures that it reports."""

    def __init__(self) -> None:
        super().__init__(self.note)
        self.reported: list[tuple[HookTrigger, HookFailure]] = []

    async def note(self, trigger: HookTrigger, failure: HookFailure) -> None:
        self.reported.append((trigger, failure))

    def add(self, function: Callable[..., Awaitable[Any]], **settings: Any) -> None:
        self.register(HookRegistration(settings.pop("trigger", BEFORE), function, **settings))

    async def body_after(self, given: RoomEvent | None = None) -> str:
        outcome = await self.run_sync_hooks("r", BEFORE, given or event(), CONTEXT)
        return str(outcome.event.content.body)


@pytest.fixture
def engine() -> Engine:
    return Engine()


async def test_sync_hooks_run_by_ascending_priority_each_on_the_event_as_changed_so_far(engine: Engine) -> None:
    engine.add(add_word("late"), priority=10)
    engine.add(add_word("early"), priority=-10)
    engine.add(add_word("middle"))
    assert await engine.body_after() == "hello early middle late"


async def test_equal_priorities_keep_the_order_of_registration_with_global_hooks_first(engine: Engine) -> None:
    engine.add_room_hook("r", HookRegistration(BEFORE, add_word("room")))
    engine.add(add_word("first"))
    engine.add(add_word("second"))
    assert await engine.body_after() == "hello first second room"


async def test_a_room_hook_of_lower_priority_runs_before_global_ones(engine: Engine) -> None:
    engine.add(add_word("global"))
    engine.add_room_hook("r", HookRegistration(BEFORE, add_word("room"), priority=-1))
    assert await engine.body_after() == "hello room global"


async def test_the_first_hook_that_blocks_ends_the_run(engine: Engine) -> None:
    seen: list[str] = []

    async def block(event: RoomEvent, context: RoomContext) -> HookResult:
        return HookResult.block("too rude")

    async def after(event: RoomEvent, context: RoomContext) -> HookResult:
        seen.append("after")
        return HookResult.allow()

    engine.add(block, name="moderation")
    engine.add(after, priority=1)
    outcome = await engine.run_sync_hooks("r", BEFORE, event(), CONTEXT)
    assert (outcome.allowed, outcome.blocked_by, outcome.reason) == (False, "moderation", "too rude")
    assert seen == []


@pytest.mark.parametrize(
    ("broken", "kind"),
    [(fail, LookupError), (hang, TimeoutError), (await_what_is_cancelled, WorkCancelledError)],
    ids=["raises", "takes too long", "awaits what is cancelled"],
)
async def test_a_failing_sync_hook_is_reported_and_skipped(engine: Engine, broken: Any, kind: type[Exception]) -> None:
    engine.add(add_word("before"), priority=-1)
    engine.add(broken, name="broken", timeout=0.01)
    engine.add(add_word("after"), priority=1)
    assert await engine.body_after() == "hello before after"
    [(trigger, failure)] = engine.reported
    assert (trigger, failure.hook, failure.room_id) == (BEFORE, "broken", "r")
    assert isinstance(failure.error, kind)


@pytest.mark.parametrize(
    "answer", [None, "block", True, HookResult.modify("words")], ids=["None", "str", "bool", "modify to a str"]
)
async def test_a_sync_hook_with_a_wrong_answer_is_reported_and_skipped(engine: Engine, answer: Any) -> None:
    async def careless(event: RoomEvent, context: RoomContext) -> Any:
        return answer

    engine.add(careless)
    engine.add(add_word("after"))
    assert await engine.body_after() == "hello after"
    [(_, failure)] = engine.reported
    assert failure.hook == "careless"
    assert isinstance(failure.error, TypeError)


async def test_what_is_no_room_event_may_be_changed_to_words(engine: Engine) -> None:
    async def spell(text: str, context: RoomContext) -> HookResult:
        return HookResult.modify(text.replace("EUR", "euros"))

    engine.add(spell, trigger=HookTrigger.BEFORE_TTS)
    outcome = await engine.run_sync_hooks("r", HookTrigger.BEFORE_TTS, "5 EUR", CONTEXT)
    assert outcome.event == "5 euros"
    assert outcome.failures == []


@pytest.mark.parametrize("broken", [fail, hang])
async def test_a_hook_registered_with_on_failure_decides_though_it_failed(engine: Engine, broken: Any) -> None:
    def decide(event: RoomEvent, context: RoomContext, error: BaseException) -> HookResult:
        return HookResult.block(f"closed after {type(error).__name__}")

    engine.add(broken, timeout=0.01, on_failure=decide)
    outcome = await engine.run_sync_hooks("r", BEFORE, event(), CONTEXT)
    assert not outcome.allowed
    assert outcome.reason is not None
    assert outcome.reason.startswith("closed after ")
    assert len(engine.reported) == 1


async def test_a_failing_on_failure_blocks(engine: Engine) -> None:
    def decide(event: RoomEvent, context: RoomContext, error: BaseException) -> HookResult:
        raise ValueError("broken too")

    engine.add(fail, name="router", on_failure=decide)
    outcome = await engine.run_sync_hooks("r", BEFORE, event(), CONTEXT)
    assert not outcome.allowed
    assert [type(failure.error) for failure in outcome.failures] == [LookupError, ValueError]


async def test_sync_hooks_do_not_swallow_the_cancellation_of_their_caller(engine: Engine) -> None:
    engine.add(hang)
    task = asyncio.create_task(engine.run_sync_hooks("r", BEFORE, event(), CONTEXT))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert engine.reported == []


async def test_async_hooks_run_at_the_same_time(engine: Engine) -> None:
    met = asyncio.Barrier(3)
    arrived: list[int] = []

    async def meet(event: RoomEvent, context: RoomContext) -> None:
        arrived.append(await met.wait())

    for _ in range(3):
        engine.add(meet, execution=HookExecution.ASYNC, trigger=HookTrigger.AFTER_BROADCAST, timeout=5)
    await engine.run_async_hooks("r", HookTrigger.AFTER_BROADCAST, event(), CONTEXT)
    assert sorted(arrived) == [0, 1, 2]


async def test_one_failing_async_hook_stops_no_other(engine: Engine) -> None:
    seen: list[str] = []

    async def observe(event: RoomEvent, context: RoomContext) -> None:
        seen.append(event.room_id)

    for hook in (fail, observe, hang, observe):
        engine.add(hook, execution=HookExecution.ASYNC, trigger=HookTrigger.AFTER_BROADCAST, timeout=0.01)
    await engine.run_async_hooks("r", HookTrigger.AFTER_BROADCAST, event(), CONTEXT)
    assert seen == ["r", "r"]
    assert sorted(failure.hook for _, failure in engine.reported) == ["fail", "hang"]


async def test_sync_registered_hooks_of_an_observed_moment_run_too(engine: Engine) -> None:
    seen: list[str] = []

    async def observe(event: RoomEvent, context: RoomContext) -> HookResult:
        seen.append("sync")
        return HookResult.block("nothing to block any more")

    engine.add(observe, trigger=HookTrigger.ON_HANDOFF)
    await engine.run_async_hooks("r", HookTrigger.ON_HANDOFF, event(), CONTEXT)
    assert seen == ["sync"]


async def test_async_hooks_take_no_part_in_decisions(engine: Engine) -> None:
    async def block(event: RoomEvent, context: RoomContext) -> HookResult:
        return HookResult.block("no")

    engine.add(block, execution=HookExecution.ASYNC)
    assert (await engine.run_sync_hooks("r", BEFORE, event(), CONTEXT)).allowed


@pytest.mark.parametrize(
    ("wanted", "matching"),
    [
        ({"channel_ids": frozenset({"people"})}, True),
        ({"channel_ids": frozenset({"other"})}, False),
        ({"channel_types": frozenset({ChannelType.WEBSOCKET})}, True),
        ({"channel_types": frozenset({ChannelType.SMS})}, False),
        ({"directions": frozenset({ChannelDirection.INBOUND})}, True),
        ({"directions": frozenset({ChannelDirection.OUTBOUND})}, False),
        ({"channel_ids": frozenset()}, False),
        ({"channel_ids": frozenset({"people"}), "channel_types": frozenset({ChannelType.SMS})}, False),
    ],
)
async def test_filters_choose_the_events_of_a_hook(engine: Engine, wanted: dict[str, Any], matching: bool) -> None:
    engine.add(add_word("hooked"), **wanted)
    assert await engine.body_after() == ("hello hooked" if matching else "hello")


async def test_filters_can_be_skipped(engine: Engine) -> None:
    engine.add(add_word("hooked"), channel_ids=frozenset({"other"}))
    outcome = await engine.run_sync_hooks("r", BEFORE, event(), CONTEXT, skip_event_filter=True)
    assert outcome.event.content.body == "hello hooked"


async def test_hooks_of_one_room_or_another_moment_do_not_run_here(engine: Engine) -> None:
    engine.add_room_hook("other", HookRegistration(BEFORE, add_word("other room")))
    engine.add(add_word("other moment"), trigger=HookTrigger.AFTER_BROADCAST)
    assert await engine.body_after() == "hello"


async def test_a_removed_room_hook_runs_no_more(engine: Engine) -> None:
    engine.add_room_hook("r", HookRegistration(BEFORE, add_word("room"), name="mine"))
    engine.add_room_hook("r", HookRegistration(BEFORE, add_word("kept"), name="kept"))
    assert engine.remove_room_hook("r", "mine") is True
    assert engine.remove_room_hook("r", "mine") is False
    assert engine.remove_room_hook("nowhere", "mine") is False
    assert await engine.body_after() == "hello kept"


async def test_an_unregistered_hook_runs_no_more(engine: Engine) -> None:
    hook = HookRegistration(BEFORE, add_word("global"))
    engine.register(hook)
    engine.unregister(hook)
    engine.unregister(hook)
    assert await engine.body_after() == "hello"


async def test_what_several_hooks_make_is_gathered(engine: Engine) -> None:
    from roomkit_sim.models import InjectedEvent, Observation, Task

    async def one(event: RoomEvent, context: RoomContext) -> HookResult:
        return HookResult.allow(tasks=[Task(room_id="r", title="call back")])

    async def two(event: RoomEvent, context: RoomContext) -> HookResult:
        seen = Observation(room_id="r", channel_id="people", content="angry")
        return HookResult.block("rude", observations=[seen], injected_events=[InjectedEvent(event=event)])

    engine.add(one)
    engine.add(two)
    outcome = await engine.run_sync_hooks("r", BEFORE, event(), CONTEXT)
    assert [task.title for task in outcome.tasks] == ["call back"]
    assert [seen.content for seen in outcome.observations] == ["angry"]
    assert len(outcome.injected_events) == 1


def test_a_block_needs_a_reason_and_a_change_needs_its_event() -> None:
    with pytest.raises(ValidationError, match="reason"):
        HookResult(action="block")
    with pytest.raises(ValidationError, match="modified event"):
        HookResult(action="modify")


async def test_the_kits_decorator_registers_and_gives_the_function_back(kit: RoomKit, say: Any, people: Any) -> None:
    @kit.hook(BEFORE, name="censor", priority=5, channel_ids={"people"})
    async def censor(event: RoomEvent, context: RoomContext) -> HookResult:
        return HookResult.block("no words today")

    assert censor.__name__ == "censor"
    result = await say("hello")
    assert (result.blocked, result.reason, result.event.blocked_by) == (True, "no words today", "censor")


async def test_a_room_hook_of_the_kit_is_gone_after_its_room_has_closed(kit: RoomKit) -> None:
    kit.add_room_hook("r", BEFORE, HookExecution.SYNC, allow, name="mine")
    await kit.close_room("r")
    assert kit.remove_room_hook("r", "mine") is False


async def test_a_failing_hook_becomes_an_error_event_of_its_room(kit: RoomKit, say: Any) -> None:
    errors: list[FrameworkEvent] = []
    kit.on("error")(errors.append)
    kit.hook(BEFORE, name="broken")(fail)
    assert not (await say("hello")).blocked
    [error] = errors
    assert (error.room_id, error.data["exception"], error.data["message"]) == ("r", "LookupError", "broken")
    assert "broken" in error.data["where"]


def ignored(event: RoomEvent, context: RoomContext) -> HookResult:
    return HookResult.allow()


async def test_a_hook_that_is_no_async_function_is_told_so(engine: Engine) -> None:
    engine.add(ignored)  # type: ignore[arg-type]
    engine.add(ignored, trigger=HookTrigger.AFTER_BROADCAST)  # type: ignore[arg-type]
    await engine.run_sync_hooks("r", BEFORE, event(), CONTEXT)
    await engine.run_async_hooks("r", HookTrigger.AFTER_BROADCAST, event(), CONTEXT)
    told = "hook 'ignored' is no async function: define it with 'async def'"
    assert [str(failure.error) for _, failure in engine.reported] == [told, told]


@dataclass(frozen=True)
class Words:
    text: str


@pytest.mark.parametrize(
    ("shown", "changed", "accepted"),
    [
        ("hello", "goodbye", True),
        ("hello", TextContent(body="goodbye"), False),
        (Words("hello"), Words("goodbye"), True),
        (Words("hello"), "goodbye", True),
        (Words("hello"), {"text": "goodbye"}, False),
        (3, 4, True),
        (3, "4", False),
    ],
)
async def test_a_hook_can_change_what_it_is_shown_only_to_something_of_its_kind(
    engine: Engine, shown: Any, changed: Any, accepted: bool
) -> None:
    async def change(event: Any, context: RoomContext) -> HookResult:
        return HookResult.modify(changed)

    engine.add(change)
    outcome = await engine.run_sync_hooks("r", BEFORE, shown, CONTEXT)
    assert outcome.event == (changed if accepted else shown)
    assert [f"not to {type(changed).__name__}" in str(failure.error) for failure in outcome.failures] == (
        [] if accepted else [True]
    )


def test_a_misspelt_trigger_is_refused_with_the_one_that_was_meant() -> None:
    with pytest.raises(ConfigurationError, match=r"no hook trigger 'before_brodcast'.*'before_broadcast'"):
        RoomKit().hook("before_brodcast")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "trigger",
    [BEFORE, HookTrigger.BEFORE_TTS, HookTrigger.ON_TRANSCRIPTION, HookTrigger.ON_REALTIME_TOOL_CALL],
)
async def test_an_async_hook_is_refused_at_moments_of_which_only_sync_hooks_are_told(
    kit: RoomKit, trigger: HookTrigger
) -> None:
    with pytest.raises(ConfigurationError, match=rf"{trigger} .*HookExecution.SYNC"):
        kit.hook(trigger, execution=HookExecution.ASYNC)
    with pytest.raises(ConfigurationError, match=rf"{trigger} .*HookExecution.SYNC"):
        kit.add_room_hook("r", trigger, HookExecution.ASYNC, allow)


async def test_trigger_and_execution_may_be_given_by_their_values(kit: RoomKit, say: Any) -> None:
    kit.hook("before_broadcast", execution="sync")(add_word("dear"))  # type: ignore[arg-type]
    result = await say("hello")
    assert result.event.content.body == "hello dear"
