"""What the framework tells about itself: its events, and the failures that nobody awaits."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from roomkit_sim.core import observers
from roomkit_sim.core.aftermath import open_aftermath
from roomkit_sim.core.cancellation import cancelled_only_from_outside
from roomkit_sim.core.hooks import HookFailure
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.enums import ChannelType, EventType, HookTrigger
from roomkit_sim.models.event import EventSource, RoomEvent, SystemContent
from roomkit_sim.models.framework_event import FrameworkEvent

if TYPE_CHECKING:
    from roomkit_sim.core.framework import RoomKit

__all__ = ["Reports", "system_event"]

_log = logging.getLogger(__name__)
_app_log = logging.getLogger("roomkit_sim")


class Reports:
    """Brings framework events to observers and handlers, and errors to the ON_ERROR hooks of their room.

    An error for which nobody listens, neither observer, handler nor hook, is logged under the name ``roomkit_sim``.

    Args:
        kit: The kit that reports.
    """

    def __init__(self, kit: RoomKit) -> None:
        self._kit = kit
        self._handlers: dict[str, list[Callable[[FrameworkEvent], Any]]] = {}

    def add_handler(self, event_type: str, handler: Callable[[FrameworkEvent], Any]) -> None:
        """Call ``handler`` with the events of a type; ``"*"`` is all of them."""
        self._handlers.setdefault(event_type, []).append(handler)

    async def emit(self, event: FrameworkEvent) -> bool:
        """Tell observers, then handlers. A handler that fails stops nobody and is reported.

        Returns:
            Whether there was anybody to tell.
        """
        observed = observers.notify(event)
        handlers = (*self._handlers.get(event.type, ()), *self._handlers.get("*", ()))
        for handler in handlers:
            try:
                result = handler(event)
                if inspect.isawaitable(result):
                    with cancelled_only_from_outside(f"handler of {event.type}"):
                        await result
            except Exception as error:
                await self._handler_failed(event, error)
        return observed or bool(handlers)

    async def error(self, where: str, error: BaseException, room_id: str | None, channel_id: str | None) -> None:
        """Tell of an error now, and run the ON_ERROR hooks of its room as soon as nobody around this holds it.

        Raises nothing: nobody awaits an error that is reported.
        """
        event = _error_event(where, error, room_id, channel_id)
        if not (await self.emit(event) or self._has_error_hooks(room_id)):
            _log_unheard(event)
        if room_id is None:
            return
        notice = system_event(room_id, f"{where} failed", metadata=event.data)
        try:
            await self._tell_room(notice)
        except Exception as failure:
            # Of a store that fails, say, which may be what there is to report. Whoever reports goes on.
            await self.emit(_error_event("telling the ON_ERROR hooks", failure, room_id, channel_id))

    async def _tell_room(self, notice: RoomEvent) -> None:
        """Run the hooks of the room now, or as soon as it is given up."""
        room_id = notice.room_id
        if await self._kit.store.get_room(room_id) is None:
            return
        aftermath = open_aftermath(self._kit, room_id)
        if aftermath is not None:
            aftermath.error_notices.append(notice)
        elif self._kit.lock_manager.is_held(room_id):
            self._kit.background.spawn(self._run_error_hooks(notice), name=f"error hooks of room {room_id}")
        else:
            await self._run_error_hooks(notice)

    async def hook_failed(self, trigger: HookTrigger, failure: HookFailure) -> None:
        """Tell of a hook that failed; the failure of an ON_ERROR hook does not run the ON_ERROR hooks again."""
        where = f"hook {failure.hook} ({trigger})"
        if trigger is HookTrigger.ON_ERROR:
            await self._emit_or_log(_error_event(where, failure.error, failure.room_id, None))
        else:
            await self.error(where, failure.error, failure.room_id, None)

    async def _run_error_hooks(self, notice: RoomEvent) -> None:
        room = await self._kit.store.get_room(notice.room_id)
        if room is None:
            return
        context = RoomContext(room=room, bindings=await self._kit.store.list_bindings(room.id))
        await self._kit.hook_engine.run_async_hooks(room.id, HookTrigger.ON_ERROR, notice, context)

    async def _emit_or_log(self, error: FrameworkEvent) -> None:
        """For an error of which no hook is told."""
        if not await self.emit(error):
            _log_unheard(error)

    def _has_error_hooks(self, room_id: str | None) -> bool:
        """Whether hooks are told of an error; outside a room none are."""
        return room_id is not None and bool(self._kit.hook_engine.hooks_for(room_id, HookTrigger.ON_ERROR))

    async def _handler_failed(self, event: FrameworkEvent, error: Exception) -> None:
        """Tell the handlers of errors; one of those that fails itself is shown to observers and the log only."""
        failure = _error_event(f"handler of {event.type}", error, event.room_id, event.channel_id)
        if event.type != "error":
            await self._emit_or_log(failure)
            return
        observers.notify(failure)
        _log.error("a handler of error events failed with %s", type(error).__name__)


def system_event(room_id: str, body: str, metadata: dict[str, Any] | None = None) -> RoomEvent:
    """A notice of the framework, for hooks; it enters no timeline."""
    return RoomEvent(
        room_id=room_id,
        type=EventType.SYSTEM,
        source=EventSource(channel_id="system", channel_type=ChannelType.SYSTEM),
        content=SystemContent(body=body),
        visibility="internal",
        metadata=metadata or {},
    )


def _log_unheard(error: FrameworkEvent) -> None:
    """An agent that stays silent because its key is wrong must not be a riddle to who has registered nothing yet."""
    _app_log.error(
        '%s failed%s: %s: %s (kit.on("error") or an ON_ERROR hook takes such errors in place of this log)',
        error.data["where"],
        "" if error.room_id is None else f" in room {error.room_id!r}",
        error.data["exception"],
        error.data["message"],
    )


def _error_event(where: str, error: BaseException, room_id: str | None, channel_id: str | None) -> FrameworkEvent:
    data = {"where": where, "message": str(error) or type(error).__name__, "exception": type(error).__name__}
    return FrameworkEvent(type="error", room_id=room_id, channel_id=channel_id, data=data)
