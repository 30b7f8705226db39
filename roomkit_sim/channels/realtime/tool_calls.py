"""Tool calls of the model: run, answer, and only then do what must follow the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from roomkit_sim.channels.realtime.after_result import AfterResult
from roomkit_sim.channels.realtime.room import RoomGateway
from roomkit_sim.channels.realtime.session import LiveVoiceSession
from roomkit_sim.channels.realtime.spoken_call import SpokenCall
from roomkit_sim.channels.tool_handlers import ToolHandler, call_tool_handler, result_text
from roomkit_sim.core.cancellation import cancelled_only_from_outside
from roomkit_sim.core.ids import new_id
from roomkit_sim.core.tasks import BackgroundTasks
from roomkit_sim.errors import ProviderError
from roomkit_sim.models.enums import HookTrigger
from roomkit_sim.voice.backends.base import VoiceBackend
from roomkit_sim.voice.base import VoiceSessionState
from roomkit_sim.voice.realtime.events import RealtimeToolCallEvent
from roomkit_sim.voice.realtime.provider import RealtimeVoiceProvider
from roomkit_sim.voice.realtime.tools import DeferredToolResult, NotHandled

__all__ = ["ToolCalls", "shortened"]

_SPOKEN = "spoken-"
"""Begins the ids of calls that no connection waits for."""


class ToolCalls:
    """Runs the tool calls of all sessions of a channel, each in a task of its own.

    Args:
        provider: Who is answered.
        transport: Whose callers are muted meanwhile, and told results that were shortened.
        room: For hooks and reports.
        tasks: Where they run. A call goes on when its session ends: what it does may be half done.
        handler: Gives the present handler.
        mute: Mute the caller while a tool runs.
        max_length: The longest result that the model is given, in characters.
    """

    def __init__(
        self,
        provider: RealtimeVoiceProvider,
        transport: VoiceBackend,
        room: RoomGateway,
        tasks: BackgroundTasks,
        handler: Callable[[], ToolHandler | None],
        mute: bool,
        max_length: int,
    ) -> None:
        self._provider = provider
        self._transport = transport
        self._room = room
        self._tasks = tasks
        self._handler = handler
        self._mute = mute
        self._max_length = max_length

    def start(self, live: LiveVoiceSession, call_id: str, name: str, arguments: dict[str, Any]) -> None:
        """Begin a call, unless the model has taken it back or the session ends."""
        if call_id in live.cancelled_calls or live.ending:
            return
        self._tasks.spawn(self._run(live, call_id, name, arguments), name=f"tool {name}")

    async def start_spoken(self, live: LiveVoiceSession, spoken: SpokenCall) -> None:
        """Make a call that the model pronounced instead of making it, as if it had; what it said is not put down."""
        if spoken.name in live.tools_called:
            return
        made = "it is made all the same" if spoken.arguments is not None else "its arguments cannot be read"
        error = ProviderError(f"the model pronounced a call of the tool {spoken.name!r} instead of making it: {made}")
        await self._room.report(live.session, f"tool {spoken.name}", error)
        if spoken.arguments is not None:
            self.start(live, f"{_SPOKEN}{new_id()}", spoken.name, spoken.arguments)

    async def _run(self, live: LiveVoiceSession, call_id: str, name: str, arguments: dict[str, Any]) -> None:
        self._mute_caller(live, +1)
        after = AfterResult(live)
        try:
            with after.collecting():
                text, deferred = await self._outcome(live, call_id, name, arguments)
            can_be_silent = self._provider.capabilities.silent_results
            is_last_word = deferred is not None and deferred.silent
            # What the tool changes of its session must be in force before the model goes on.
            waits = bool(after) and not is_last_word and can_be_silent
            respond = not (waits or (is_last_word and can_be_silent))
            await self._submit(live, call_id, name, text, respond=respond, is_last_word=is_last_word)
            if deferred is not None:
                await deferred.then()
            await after.run()
            if waits and not _over(live):
                await self._provider.respond(live.session)
        finally:
            self._mute_caller(live, -1)

    async def _outcome(
        self, live: LiveVoiceSession, call_id: str, name: str, arguments: dict[str, Any]
    ) -> tuple[str, DeferredToolResult | None]:
        """What the model is told, whatever happens: it waits for an answer before it speaks again."""
        deferred: DeferredToolResult | None = None
        try:
            with cancelled_only_from_outside(f"tool {name!r}"):
                result = await self._result(live, call_id, name, arguments)
            deferred = result if isinstance(result, DeferredToolResult) else None
            return result_text(result if deferred is None else deferred.result, ascii_only=False), deferred
        except Exception as error:
            await self._room.report(live.session, f"tool {name}", error)
            return result_text({"error": f"the tool {name!r} failed"}), deferred

    async def _result(self, live: LiveVoiceSession, call_id: str, name: str, arguments: dict[str, Any]) -> Any:
        handler = self._handler()
        if handler is not None:
            answer = await call_tool_handler(handler, live.session, name, arguments)
            if not isinstance(answer, NotHandled):
                return answer
        return await self._ask_hooks(live, call_id, name, arguments)

    async def _ask_hooks(self, live: LiveVoiceSession, call_id: str, name: str, arguments: dict[str, Any]) -> Any:
        event = RealtimeToolCallEvent(live.session, call_id, name, arguments)
        outcome = await self._room.decide(live.session, HookTrigger.ON_REALTIME_TOOL_CALL, event)
        if outcome is not None and not outcome.allowed:
            return {"error": outcome.reason or "the call was refused"}
        answered = event if outcome is None else outcome.event
        if "result" in getattr(answered, "metadata", {}):
            return answered.metadata["result"]
        error = ProviderError(f"nobody handles the tool {name!r}: set tool_handler, or answer in ON_REALTIME_TOOL_CALL")
        await self._room.report(live.session, f"tool {name}", error)
        return {"error": f"there is no tool {name!r}"}

    async def _submit(
        self, live: LiveVoiceSession, call_id: str, name: str, text: str, *, respond: bool, is_last_word: bool
    ) -> None:
        if _over(live) or call_id in live.cancelled_calls:
            return
        sent = shortened(text, self._max_length)
        if sent is not text:
            message = {"type": "tool_result", "call_id": call_id, "name": name, "result": text}
            await self._transport.send_message(live.session, message)
        if call_id.startswith(_SPOKEN):
            await self._tell_result(live, name, sent, is_last_word=is_last_word)
            return
        try:
            if respond:
                await self._provider.submit_tool_result(live.session, call_id, sent)
            else:
                await self._provider.submit_tool_result(live.session, call_id, sent, respond=False)
        except Exception as error:
            if _over(live):
                return
            await self._room.report(live.session, f"result of tool {name}", error)
            await self._tell_result(live, name, sent, is_last_word=is_last_word)

    async def _tell_result(self, live: LiveVoiceSession, name: str, sent: str, *, is_last_word: bool) -> None:
        """Tell the result to a connection that does not know the call: it never asked, or its predecessor did."""
        if not is_last_word:
            await self._provider.inject_text(live.session, f"[Result of {name}: {sent}]", role="user")

    def _mute_caller(self, live: LiveVoiceSession, change: int) -> None:
        if not self._mute:
            return
        live.muting_calls += change
        if (change, live.muting_calls) in ((1, 1), (-1, 0)) and not live.ending:
            self._transport.set_input_muted(live.session, change > 0)


def _over(live: LiveVoiceSession) -> bool:
    return live.ending or live.session.state is VoiceSessionState.ENDED


def shortened(text: str, max_length: int) -> str:
    """``text`` itself if it is short enough, else its beginning and a notice, ``max_length`` characters together."""
    if len(text) <= max_length:
        return text
    notice = (
        f"\n[Result truncated: it has {len(text)} characters in all. The full content was delivered to the client.]"
    )
    return (text[: max(0, max_length - len(notice))] + notice)[:max_length]
