"""An agent that reads a room and answers in it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from roomkit_sim.channels.base import Channel
from roomkit_sim.channels.message_content import message_content
from roomkit_sim.channels.speakers import name_of_speaker
from roomkit_sim.channels.streamed_answer import StreamedAnswer
from roomkit_sim.channels.tool_handlers import ToolHandler, call_tool_handler
from roomkit_sim.channels.tool_loop import StreamedToolLoop, run_tool_loop
from roomkit_sim.core.cancellation import cancelled_only_from_outside
from roomkit_sim.core.event_router import may_send
from roomkit_sim.memory.base import MemoryProvider
from roomkit_sim.memory.sliding_window import SlidingWindowMemory
from roomkit_sim.models.channel import ChannelBinding, ChannelOutput
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.enums import ChannelCategory, ChannelDirection, ChannelType, EventType
from roomkit_sim.models.event import EventSource, RoomEvent, TextContent
from roomkit_sim.models.words import text_of
from roomkit_sim.providers.ai.base import AIContext, AIMessage, AIProvider, AITool, AIToolCall

__all__ = ["AIChannel", "text_of"]


class AIChannel(Channel):
    """Answers the messages of a room with a model.

    Where a channel of the room speaks while words are written, and the model streams, the answer is given as a stream:
    the words of all rounds of tools. Elsewhere it is given whole: the words of the last round.

    ``binding.metadata`` may override ``system_prompt``, ``temperature``, ``max_tokens`` and ``tools`` for one room.

    Args:
        channel_id: Its id.
        provider: The model.
        system_prompt: Its instructions.
        memory: What it remembers; the newest messages when absent.
        tool_handler: Runs the tools that it calls.
        tools: Tools of its own.
        temperature: Of the model.
        max_tokens: Of an answer.
        max_context_events: How many messages the default memory keeps.
        max_tool_rounds: After so many rounds of tool calls an answer is cut off and reported.
        tool_loop_timeout_seconds: The same for time.
    """

    channel_type = ChannelType.AI
    category = ChannelCategory.INTELLIGENCE

    def __init__(
        self,
        channel_id: str,
        provider: AIProvider,
        *,
        system_prompt: str | None = None,
        memory: MemoryProvider | None = None,
        tool_handler: ToolHandler | None = None,
        tools: list[AITool] | None = None,
        temperature: float = 0.7,
        max_tokens: int = 1024,
        max_context_events: int = 50,
        max_tool_rounds: int = 200,
        tool_loop_timeout_seconds: float = 300.0,
    ) -> None:
        super().__init__(channel_id)
        self.provider = provider
        self.tool_handler = tool_handler
        self.extra_tools: list[AITool] = list(tools or [])
        self.memory = memory or SlidingWindowMemory(max_context_events)
        self._system_prompt = system_prompt
        self._temperature = temperature
        self._max_tokens = max_tokens
        self._max_tool_rounds = max_tool_rounds
        self._timeout = tool_loop_timeout_seconds

    @property
    def system_prompt(self) -> str | None:
        """The model's instructions."""
        return self._system_prompt

    async def deliver(self, event: RoomEvent, binding: ChannelBinding, context: RoomContext) -> ChannelOutput:
        """Nothing: an agent has nobody behind it."""
        return ChannelOutput.empty()

    async def on_event(self, event: RoomEvent, binding: ChannelBinding, context: RoomContext) -> ChannelOutput:
        """Answer a message. A model that fails is reported; its error text is not shown to the room."""
        if event.type is not EventType.MESSAGE or not may_send(binding):
            return ChannelOutput.empty()
        if (
            self.provider.supports_streaming
            and self.kit is not None
            and self.kit.streams_reply(event, binding, context)
        ):
            return ChannelOutput(responded=True, response_stream=self._streamed(event, binding, context))
        try:
            with cancelled_only_from_outside(f"agent {self.channel_id!r}"):
                async with asyncio.timeout(self._timeout):
                    outcome = await run_tool_loop(
                        self.provider,
                        await self.build_context(event, binding, context),
                        self._run_tool,
                        max_rounds=self._max_tool_rounds,
                    )
        except Exception as error:
            await self._report(f"agent {self.channel_id}", error, event.room_id)
            return ChannelOutput.empty()
        if outcome.capped:
            await self._report_capped(outcome.rounds, event.room_id)
        if not outcome.response.content.strip():
            await self._report_unsaid(outcome.response.finish_reason, event.room_id)
            return ChannelOutput.empty()
        reply = self._reply(event, outcome.response.content, outcome.response.usage)
        await self._remember(reply)
        return ChannelOutput(responded=True, response_events=[reply])

    async def build_context(self, event: RoomEvent, binding: ChannelBinding, context: RoomContext) -> AIContext:
        """What the model is given to answer ``event``: its instructions, memory, and the event once, at the end."""
        remembered = await self.memory.retrieve(event.room_id, event, context, channel_id=self.channel_id)
        messages = [*remembered.messages, *(self._as_message(past, context) for past in remembered.events)]
        settings = binding.metadata
        tools = [*self.extra_tools, *(AITool.model_validate(tool) for tool in settings.get("tools", ()))]
        return AIContext(
            messages=[*messages, self._as_users(event, context)],
            system_prompt=self.prompt_for(settings.get("system_prompt", self._system_prompt), context),
            temperature=settings.get("temperature", self._temperature),
            max_tokens=settings.get("max_tokens", self._max_tokens),
            tools=tools,
        )

    def prompt_for(self, prompt: str | None, context: RoomContext) -> str | None:
        """The instructions in a room; subclasses add to them."""
        return prompt

    async def close(self) -> None:
        """Release memory and model."""
        try:
            await self.memory.close()
        finally:
            await self.provider.close()

    def _as_message(self, event: RoomEvent, context: RoomContext) -> AIMessage:
        if event.source.channel_id == self.channel_id:
            return AIMessage(role="assistant", content=text_of(event.content))
        return self._as_users(event, context)

    def _as_users(self, event: RoomEvent, context: RoomContext) -> AIMessage:
        return AIMessage(
            role="user",
            content=message_content(event.content, vision=self.provider.supports_vision),
            name=name_of_speaker(event, context, self.channel_id),
        )

    def _reply(self, event: RoomEvent, text: str, usage: dict[str, int]) -> RoomEvent:
        return RoomEvent(
            room_id=event.room_id,
            source=EventSource(
                channel_id=self.channel_id, channel_type=self.channel_type, direction=ChannelDirection.OUTBOUND
            ),
            content=TextContent(body=text),
            chain_depth=event.chain_depth + 1,
            parent_event_id=event.id,
            metadata={"usage": usage} if usage else {},
        )

    def _streamed(self, event: RoomEvent, binding: ChannelBinding, context: RoomContext) -> StreamedAnswer:
        async def prepare() -> StreamedToolLoop:
            deadline = asyncio.get_running_loop().time() + self._timeout
            async with asyncio.timeout_at(deadline):
                shown = await self.build_context(event, binding, context)
            return StreamedToolLoop(
                self.provider, shown, self._run_tool, max_rounds=self._max_tool_rounds, deadline=deadline
            )

        async def report(answer: StreamedAnswer, error: Exception | None) -> None:
            loop = answer.loop
            if error is not None:
                await self._report(f"agent {self.channel_id}", error, event.room_id)
            elif loop is not None and loop.capped:
                await self._report_capped(loop.rounds, event.room_id)
            if error is None and loop is not None and not loop.has_spoken:
                await self._report_unsaid(loop.finish_reason, event.room_id)

        return StreamedAnswer(prepare, report, self._remember)

    async def _remember(self, reply: RoomEvent) -> None:
        """Tell the memory. If it fails the reply is given all the same: it may have been spoken already."""
        try:
            await self.memory.ingest(reply.room_id, reply, channel_id=self.channel_id)
        except Exception as error:
            await self._report(f"memory of agent {self.channel_id}", error, reply.room_id)

    async def _run_tool(self, call: AIToolCall) -> Any:
        if self.tool_handler is None:
            return json.dumps({"error": f"unknown tool {call.name!r}"})
        return await call_tool_handler(self.tool_handler, None, call.name, call.arguments)

    async def _report_capped(self, rounds: int, room_id: str) -> None:
        cap = RuntimeError(f"stopped after {rounds} rounds of tool calls without an answer")
        await self._report(f"tool loop of agent {self.channel_id}", cap, room_id)

    async def _report_unsaid(self, finish_reason: str | None, room_id: str) -> None:
        """Silence that the model did not choose is not passed over in silence."""
        if finish_reason in ("content_filter", "length"):
            unsaid = RuntimeError(f"the model ended without a word ({finish_reason})")
            await self._report(f"agent {self.channel_id}", unsaid, room_id)

    async def _report(self, where: str, error: BaseException, room_id: str) -> None:
        if self.kit is None:
            raise error
        await self.kit.report_error(where, error, room_id=room_id, channel_id=self.channel_id)
