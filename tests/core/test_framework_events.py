"""What the framework tells: to observers of the context first, then to handlers of the kit."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit_sim.core.framework import RoomKit
from roomkit_sim.core.observers import observe
from roomkit_sim.errors import StoreError
from roomkit_sim.models import (
    FrameworkEvent,
    HookExecution,
    HookResult,
    HookTrigger,
    RoomContext,
    RoomEvent,
)


async def test_handlers_of_one_type_and_of_all_types_are_called() -> None:
    kit, one, every = RoomKit(), list[str](), list[str]()
    kit.on("greeted")(lambda event: one.append(event.type))
    kit.on("*")(lambda event: every.append(event.type))
    await kit.emit_framework_event("greeted", room_id="r", data={"by": "ann"})
    await kit.emit_framework_event("left")
    assert one == ["greeted"]
    assert every == ["greeted", "left"]


async def test_handlers_may_be_coroutines() -> None:
    kit, seen = RoomKit(), list[FrameworkEvent]()

    @kit.on("greeted")
    async def note(event: FrameworkEvent) -> None:
        await asyncio.sleep(0)
        seen.append(event)

    await kit.emit_framework_event("greeted", room_id="r", channel_id="c", session_id="s", data={"by": "ann"})
    [event] = seen
    assert (event.room_id, event.channel_id, event.session_id, event.data) == ("r", "c", "s", {"by": "ann"})


async def test_a_failing_handler_stops_no_other_and_is_told_to_the_handlers_of_errors() -> None:
    kit, seen, errors = RoomKit(), list[str](), list[FrameworkEvent]()

    @kit.on("greeted")
    def fail(event: FrameworkEvent) -> None:
        raise LookupError("broken")

    kit.on("greeted")(lambda event: seen.append(event.type))
    kit.on("error")(errors.append)
    await kit.emit_framework_event("greeted", room_id="r")
    assert seen == ["greeted"]
    [error] = errors
    assert error.room_id == "r"
    assert error.data == {"where": "handler of greeted", "message": "broken", "exception": "LookupError"}


async def test_a_failing_handler_of_errors_is_logged_and_ends_there(caplog: pytest.LogCaptureFixture) -> None:
    kit, seen = RoomKit(), list[str]()

    @kit.on("*")
    def fail(event: FrameworkEvent) -> None:
        seen.append(event.type)
        raise LookupError("secret words")

    await kit.emit_framework_event("greeted")
    assert seen == ["greeted", "error"]
    assert "LookupError" in caplog.text
    assert "secret words" not in caplog.text


async def test_observers_see_an_event_before_handlers_do() -> None:
    kit, order = RoomKit(), list[str]()
    kit.on("greeted")(lambda event: order.append("handler"))
    with observe(lambda event: order.append("observer")):
        await kit.emit_framework_event("greeted")
    await kit.emit_framework_event("greeted")
    assert order == ["observer", "handler", "handler"]


async def test_observers_see_the_events_of_every_kit_in_their_context() -> None:
    seen: list[str | None] = []
    with observe(lambda event: seen.append(event.room_id)):
        await RoomKit().emit_framework_event("x", room_id="one")
        await asyncio.create_task(RoomKit().emit_framework_event("x", room_id="two"))
    assert seen == ["one", "two"]


async def test_observers_do_not_see_other_contexts() -> None:
    seen: list[str] = []
    go = asyncio.Event()

    async def elsewhere() -> None:
        await go.wait()
        await RoomKit().emit_framework_event("elsewhere")

    task = asyncio.create_task(elsewhere())
    with observe(lambda event: seen.append(event.type)):
        go.set()
        await task
    assert seen == []


async def test_nested_observers_all_see_an_event() -> None:
    outer: list[str] = []
    inner: list[str] = []
    with observe(lambda event: outer.append(event.type)):
        with observe(lambda event: inner.append(event.type)):
            await RoomKit().emit_framework_event("both")
        await RoomKit().emit_framework_event("outer only")
    assert (outer, inner) == (["both", "outer only"], ["both"])


async def test_the_data_of_an_event_is_a_copy_of_what_was_given() -> None:
    kit, seen, given = RoomKit(), list[FrameworkEvent](), {"n": 1}
    kit.on("x")(seen.append)
    await kit.emit_framework_event("x", data=given)
    given["n"] = 2
    assert seen[0].data == {"n": 1}


async def test_a_failed_background_task_reaches_error_handlers_observers_and_hooks(kit: RoomKit) -> None:
    handled: list[FrameworkEvent] = []
    observed: list[FrameworkEvent] = []
    kit.on("error")(handled.append)

    async def fail() -> None:
        raise LookupError("nobody awaits me")

    with observe(observed.append):
        kit.background.spawn(fail(), name="greeting")
        await kit.background.drain()
    expected = {"where": "greeting", "message": "nobody awaits me", "exception": "LookupError"}
    assert [event.data for event in handled] == [event.data for event in observed] == [expected]


async def test_background_work_begun_inside_a_room_that_fails_later_still_runs_the_error_hooks(
    kit: RoomKit, say: Any, pause: Any
) -> None:
    go = asyncio.Event()
    seen: list[str] = []

    async def fail() -> None:
        await go.wait()
        await kit.report_error("late work", LookupError("broken"), room_id="r")

    @kit.hook(HookTrigger.BEFORE_BROADCAST)
    async def begin(event: RoomEvent, context: RoomContext) -> HookResult:
        kit.background.spawn(fail(), name="late work")
        return HookResult.allow()

    @kit.hook(HookTrigger.ON_ERROR)
    async def note(event: RoomEvent, context: RoomContext) -> None:
        seen.append(event.metadata["where"])

    await say("hello")
    assert seen == []
    go.set()
    await kit.background.drain()
    assert seen == ["late work"]


async def test_an_error_of_a_room_runs_its_error_hooks_with_the_room_as_it_is(kit: RoomKit, people: Any) -> None:
    seen: list[tuple[RoomEvent, RoomContext]] = []

    @kit.hook(HookTrigger.ON_ERROR)
    async def note(event: RoomEvent, context: RoomContext) -> None:
        seen.append((event, context))

    await kit.report_error("somewhere", LookupError("broken"), room_id="r", channel_id="people")
    [(event, context)] = seen
    assert event.metadata == {"where": "somewhere", "message": "broken", "exception": "LookupError"}
    assert [binding.channel_id for binding in context.bindings] == ["people"]


async def test_an_error_without_words_is_named_by_its_type() -> None:
    kit, seen = RoomKit(), list[FrameworkEvent]()
    kit.on("error")(seen.append)
    await kit.report_error("somewhere", TimeoutError())
    assert seen[0].data["message"] == "TimeoutError"


async def test_an_error_of_a_room_that_is_gone_is_still_told(kit: RoomKit) -> None:
    seen: list[FrameworkEvent] = []
    kit.on("error")(seen.append)
    await kit.store.delete_room("r")
    await kit.report_error("somewhere", LookupError("broken"), room_id="r")
    assert [event.room_id for event in seen] == ["r"]


async def test_reporting_raises_nothing_though_the_store_fails(kit: RoomKit, monkeypatch: pytest.MonkeyPatch) -> None:
    async def down(room_id: str) -> None:
        raise StoreError("the database is down")

    seen: list[tuple[str, str]] = []
    kit.on("error")(lambda event: seen.append((event.data["where"], event.data["exception"])))
    monkeypatch.setattr(kit.store, "get_room", down)
    await kit.report_error("somewhere", LookupError("broken"), room_id="r")
    assert seen == [("somewhere", "LookupError"), ("telling the ON_ERROR hooks", "StoreError")]


async def test_a_failing_error_hook_does_not_run_the_error_hooks_again(kit: RoomKit) -> None:
    calls: list[str] = []
    seen: list[str] = []
    kit.on("error")(lambda event: seen.append(event.data["where"]))

    @kit.hook(HookTrigger.ON_ERROR, name="broken")
    async def fail(event: RoomEvent, context: RoomContext) -> None:
        calls.append("called")
        raise LookupError("broken")

    await kit.report_error("somewhere", LookupError("first"), room_id="r")
    assert calls == ["called"]
    assert seen == ["somewhere", "hook broken (on_error)"]


async def test_an_error_that_nobody_listens_for_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    kit = RoomKit()
    await kit.create_room(room_id="r")
    await kit.report_error("agent a", LookupError("no such model"), room_id="r", channel_id="a")
    [record] = caplog.records
    assert (record.name, record.levelname) == ("roomkit_sim", "ERROR")
    assert record.getMessage() == (
        "agent a failed in room 'r': LookupError: no such model (kit.on(\"error\") or an ON_ERROR hook takes such "
        "errors in place of this log)"
    )


async def test_an_error_that_somebody_listens_for_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    listening, watching, hooked, observed = RoomKit(), RoomKit(), RoomKit(), RoomKit()
    listening.on("error")(lambda event: None)
    watching.on("*")(lambda event: None)

    @hooked.hook(HookTrigger.ON_ERROR, execution=HookExecution.ASYNC)
    async def note(event: RoomEvent, context: RoomContext) -> None:
        pass

    await hooked.create_room(room_id="r")
    for kit in (listening, watching, hooked):
        await kit.report_error("agent a", LookupError("no such model"), room_id="r")
    with observe(lambda event: None):
        await observed.report_error("agent a", LookupError("no such model"), room_id="r")
    assert caplog.records == []


async def test_a_failing_error_hook_that_nobody_listens_for_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    kit = RoomKit()
    await kit.create_room(room_id="r")

    @kit.hook(HookTrigger.ON_ERROR, execution=HookExecution.ASYNC)
    async def fail(event: RoomEvent, context: RoomContext) -> None:
        raise LookupError("broken")

    await kit.report_error("agent a", ValueError("no such model"), room_id="r")
    [record] = caplog.records
    assert record.getMessage().startswith("hook fail (on_error) failed in room 'r': LookupError: broken")
