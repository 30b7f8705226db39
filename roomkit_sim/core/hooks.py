"""Hooks: functions of the application that run at named moments.

Sync hooks run one after the other by ascending priority, global ones before a room's own at a tie; each sees the event
as changed so far, and the first that blocks ends the run. A sync hook that raises, takes too long or returns something
else is reported and skipped, unless it was registered with ``on_failure``, which then decides in its place (and blocks
when it fails too). Async hooks run all at once; their failures are reported.
"""

from __future__ import annotations

import asyncio
import difflib
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from roomkit_sim.core.cancellation import cancelled_only_from_outside
from roomkit_sim.errors import ConfigurationError
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.enums import ChannelDirection, ChannelType, HookExecution, HookTrigger
from roomkit_sim.models.event import RoomEvent
from roomkit_sim.models.hook import HookResult, InjectedEvent
from roomkit_sim.models.task import Observation, Task

__all__ = ["DECISIONS", "HookEngine", "HookFailure", "HookRegistration", "SyncHooksOutcome", "checked_moment"]

DECISIONS = frozenset(
    {
        HookTrigger.BEFORE_BROADCAST,
        HookTrigger.BEFORE_TTS,
        HookTrigger.ON_TRANSCRIPTION,
        HookTrigger.ON_REALTIME_TOOL_CALL,
    }
)
"""The moments that wait for what hooks decide. Only sync hooks run at them; at all others, hooks observe."""

HookFunction: TypeAlias = Callable[[Any, RoomContext], Awaitable[Any]]
FailureDecision: TypeAlias = Callable[[Any, RoomContext, BaseException], HookResult]


def checked_moment(trigger: HookTrigger, execution: HookExecution) -> tuple[HookTrigger, HookExecution]:
    """When an application's hook is to run, if it would ever run. Both may also be given by their values.

    Raises:
        ConfigurationError: There is no such moment, or only sync hooks run at it.
    """
    try:
        trigger = HookTrigger(trigger)
    except ValueError:
        near = difflib.get_close_matches(str(trigger), [str(each) for each in HookTrigger], n=1) or ["on_error"]
        raise ConfigurationError(
            f"there is no hook trigger {trigger!r}: use one of HookTrigger, such as {near[0]!r}"
        ) from None
    try:
        execution = HookExecution(execution)
    except ValueError:
        raise ConfigurationError(f"a hook's execution is 'sync' or 'async', not {execution!r}") from None
    if trigger in DECISIONS and execution is HookExecution.ASYNC:
        raise ConfigurationError(
            f"an async hook would never run at {trigger} whose sync hooks decide: register it with HookExecution.SYNC, "
            f"and return HookResult.allow() to observe only"
        )
    return trigger, execution


@dataclass(frozen=True, eq=False)
class HookRegistration:
    """One hook.

    Args:
        trigger: When it runs.
        function: ``async (event, context) -> HookResult`` (the result matters for sync hooks only).
        execution: Sync or async.
        priority: Ascending.
        name: For reports; the function's own name when empty.
        timeout: Seconds.
        channel_types: Only events of these types of channel.
        channel_ids: Only events of these channels.
        directions: Only events of these directions.
        on_failure: Sync hooks only: decides when the hook raises or times out.
    """

    trigger: HookTrigger
    function: HookFunction
    execution: HookExecution = HookExecution.SYNC
    priority: int = 0
    name: str = ""
    timeout: float = 30.0
    channel_types: frozenset[ChannelType] | None = None
    channel_ids: frozenset[str] | None = None
    directions: frozenset[ChannelDirection] | None = None
    on_failure: FailureDecision | None = None

    @property
    def label(self) -> str:
        """What reports call it."""
        return self.name or getattr(self.function, "__name__", "hook")

    def wants(self, event: Any) -> bool:
        """Whether the filters let ``event`` pass; what is not a room event has nothing to filter by."""
        if not isinstance(event, RoomEvent):
            return True
        source = event.source
        return (
            (self.channel_types is None or source.channel_type in self.channel_types)
            and (self.channel_ids is None or source.channel_id in self.channel_ids)
            and (self.directions is None or source.direction in self.directions)
        )


@dataclass(frozen=True)
class HookFailure:
    """A hook that did not do its work."""

    hook: str
    error: BaseException
    room_id: str | None = None


@dataclass
class SyncHooksOutcome:
    """What the sync hooks of one moment decided together."""

    event: Any
    allowed: bool = True
    blocked_by: str | None = None
    reason: str | None = None
    injected_events: list[InjectedEvent] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)
    failures: list[HookFailure] = field(default_factory=list)

    def take(self, result: HookResult, hook: str) -> None:
        """Add what one hook answered."""
        self.injected_events += result.injected_events
        self.tasks += result.tasks
        self.observations += result.observations
        if result.action == "block":
            self.allowed, self.blocked_by, self.reason = False, hook, result.reason
        elif result.action == "modify":
            self.event = result.event


class HookEngine:
    """Keeps the hooks and runs them.

    Args:
        on_failure: Told every failure: the trigger, the hook's name and the exception.
    """

    def __init__(self, on_failure: Callable[[HookTrigger, HookFailure], Awaitable[None]] | None = None) -> None:
        self._global: list[HookRegistration] = []
        self._rooms: dict[str, list[HookRegistration]] = {}
        self._on_failure = on_failure

    def register(self, hook: HookRegistration) -> None:
        """Add a hook for all rooms."""
        self._global.append(hook)

    def unregister(self, hook: HookRegistration) -> None:
        """Remove a hook of all rooms; nothing happens if it is not there."""
        if hook in self._global:
            self._global.remove(hook)

    def add_room_hook(self, room_id: str, hook: HookRegistration) -> None:
        """Add a hook for one room."""
        self._rooms.setdefault(room_id, []).append(hook)

    def remove_room_hook(self, room_id: str, name: str) -> bool:
        """Remove the hooks of one room that have this name; tells whether there was one."""
        hooks = self._rooms.get(room_id, [])
        kept = [hook for hook in hooks if hook.label != name]
        self._rooms[room_id] = kept
        if not kept:
            self._rooms.pop(room_id)
        return len(kept) < len(hooks)

    def forget_room(self, room_id: str) -> None:
        """Drop all hooks of a room."""
        self._rooms.pop(room_id, None)

    def hooks_for(self, room_id: str, trigger: HookTrigger) -> list[HookRegistration]:
        """The hooks of a moment in a room, in the order in which sync hooks run."""
        hooks: Iterable[HookRegistration] = (*self._global, *self._rooms.get(room_id, ()))
        return sorted((hook for hook in hooks if hook.trigger == trigger), key=lambda hook: hook.priority)

    async def run_sync_hooks(
        self,
        room_id: str,
        trigger: HookTrigger,
        event: Any,
        context: RoomContext,
        *,
        skip_event_filter: bool = False,
    ) -> SyncHooksOutcome:
        """Run the sync hooks one after the other.

        Args:
            room_id: The room, whose own hooks run too.
            trigger: The moment.
            event: What the hooks are shown, and may change.
            context: The room as it is.
            skip_event_filter: Run also the hooks that want only events of other channels.
        """
        outcome = SyncHooksOutcome(event)
        for hook in self.hooks_for(room_id, trigger):
            if hook.execution is not HookExecution.SYNC or not (skip_event_filter or hook.wants(outcome.event)):
                continue
            result = await self._run_sync(room_id, hook, outcome, context)
            if result is not None:
                outcome.take(result, hook.label)
            if not outcome.allowed:
                break
        return outcome

    async def run_async_hooks(self, room_id: str, trigger: HookTrigger, event: Any, context: RoomContext) -> None:
        """Run all hooks of the moment at once, those registered as sync too; they observe only."""
        hooks = [hook for hook in self.hooks_for(room_id, trigger) if hook.wants(event)]
        await asyncio.gather(*(self._observe(room_id, hook, event, context) for hook in hooks))

    async def _run_sync(
        self, room_id: str, hook: HookRegistration, outcome: SyncHooksOutcome, context: RoomContext
    ) -> HookResult | None:
        try:
            async with _limits(hook):
                return _checked(await _started(hook, outcome.event, context), hook, outcome.event)
        except Exception as error:
            outcome.failures.append(await self._report(room_id, hook, error))
            return await self._decide_failure(room_id, hook, outcome, context, error)

    async def _decide_failure(
        self, room_id: str, hook: HookRegistration, outcome: SyncHooksOutcome, context: RoomContext, error: Exception
    ) -> HookResult | None:
        if hook.on_failure is None:
            return None
        try:
            return _checked(hook.on_failure(outcome.event, context, error), hook, outcome.event)
        except Exception as second:
            outcome.failures.append(await self._report(room_id, hook, second))
            return HookResult.block(f"hook {hook.label!r} failed, and so did its decision for this case")

    async def _observe(self, room_id: str, hook: HookRegistration, event: Any, context: RoomContext) -> None:
        try:
            async with _limits(hook):
                await _started(hook, event, context)
        except Exception as error:
            await self._report(room_id, hook, error)

    async def _report(self, room_id: str, hook: HookRegistration, error: Exception) -> HookFailure:
        failure = HookFailure(hook.label, error, room_id)
        if self._on_failure is not None:
            await self._on_failure(hook.trigger, failure)
        return failure


@asynccontextmanager
async def _limits(hook: HookRegistration) -> AsyncIterator[None]:
    """What holds for every hook: it has so much time, and a cancellation within is its failure."""
    with cancelled_only_from_outside(f"hook {hook.label!r}"):
        async with asyncio.timeout(hook.timeout):
            yield


def _started(hook: HookRegistration, event: Any, context: RoomContext) -> Awaitable[Any]:
    running = hook.function(event, context)
    if not inspect.isawaitable(running):
        raise TypeError(f"hook {hook.label!r} is no async function: define it with 'async def'")
    return running


def _checked(result: Any, hook: HookRegistration, event: Any) -> HookResult:
    """What a hook returned, if it can be acted on."""
    if not isinstance(result, HookResult):
        raise TypeError(f"hook {hook.label!r} must return a HookResult, not {type(result).__name__}")
    if result.action == "modify" and not isinstance(result.event, _kinds(event)):
        kinds = " or a ".join(kind.__name__ for kind in _kinds(event))
        raise TypeError(f"hook {hook.label!r} must modify to a {kinds}, not to {type(result.event).__name__}")
    return result


def _kinds(event: Any) -> tuple[type, ...]:
    """What a hook may change ``event`` to: its own kind; to words alone also what is there for its words."""
    return (type(event), str) if hasattr(event, "text") else (type(event),)
