"""An agent with an identity: role, description, scope, voice, greeting, language."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from roomkit_sim.channels.ai import AIChannel
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.enums import ChannelCategory, ChannelDirection, EventStatus, HookExecution, HookTrigger
from roomkit_sim.models.event import TextContent
from roomkit_sim.models.session_event import SessionStartedEvent
from roomkit_sim.providers.ai.base import AIContext, AIProvider, AIResponse

if TYPE_CHECKING:
    from roomkit_sim.core.framework import RoomKit

__all__ = ["Agent"]


class _NullAIProvider(AIProvider):
    """Stands where an agent has no model: it cannot answer."""

    @property
    def model_name(self) -> str:
        """A placeholder."""
        return "none"

    async def generate(self, context: AIContext) -> AIResponse:
        """Refuse.

        Raises:
            RuntimeError: Always.
        """
        raise RuntimeError(
            "this agent has no AI provider: it configures a speech-to-speech session and cannot answer text; give it "
            "provider= to attach it to a room"
        )


class Agent(AIChannel):
    """An agent, with a model of its own or as the configuration of a speech-to-speech session.

    Args:
        channel_id: Its id.
        provider: Its model; without one the agent is a configuration only.
        role: What it is; goes into the prompt, as do description and scope.
        description: What it does; also shown to agents that can hand over to it.
        scope: What it may talk about.
        voice: Its voice, by the name that the voice provider knows.
        greeting: What it says first.
        language: In which it answers, unless the conversation has another.
        auto_greet: Greet by itself when a session begins.
        **kwargs: As for :class:`AIChannel`.
    """

    def __init__(
        self,
        channel_id: str,
        *,
        provider: AIProvider | None = None,
        role: str | None = None,
        description: str | None = None,
        scope: str | None = None,
        voice: str | None = None,
        greeting: str | None = None,
        language: str | None = None,
        auto_greet: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(channel_id, provider or _NullAIProvider(), **kwargs)
        self.role = role
        self.description = description
        self.scope = scope
        self.voice = voice
        self.greeting = greeting
        self.language = language
        self.auto_greet = auto_greet
        self.is_in_charge: Callable[[str, str], Awaitable[bool]] | None = None
        """Whether this agent leads a conversation; set by an orchestration. Without one every agent may greet."""

    @property
    def is_config_only(self) -> bool:
        """Whether the agent has no model of its own."""
        return isinstance(self.provider, _NullAIProvider)

    def build_identity_block(self, language: str | None = None) -> str | None:
        """The lines about the agent that are appended to its prompt; ``None`` when nothing is known of it.

        Args:
            language: The conversation's language; the agent's own when ``None``.
        """
        spoken = self.language if language is None else language
        fields = (
            ("Role: ", self.role),
            ("Description: ", self.description),
            ("Scope: ", self.scope),
            ("Language: Always respond in ", spoken),
        )
        lines = [f"{label}{value}" for label, value in fields if value is not None]
        return "\n".join(["\n--- Agent Identity ---", *lines]) if lines else None

    def prompt_for(self, prompt: str | None, context: RoomContext) -> str | None:
        """The prompt with the identity block, in the conversation's language."""
        from roomkit_sim.orchestration.state import get_conversation_state

        language = get_conversation_state(context.room).context.get("language")
        block = self.build_identity_block(language)
        return prompt if block is None else (prompt or "") + block

    def on_registered(self, kit: RoomKit) -> None:
        """Greet at the beginning of sessions, if the agent greets by itself."""
        super().on_registered(kit)
        if self.greeting and self.auto_greet:
            kit.hook(
                HookTrigger.ON_SESSION_STARTED,
                execution=HookExecution.ASYNC,
                name=f"_agent_auto_greet:{self.channel_id}",
            )(self._greet)

    async def _greet(self, event: Any, context: RoomContext) -> None:
        """Say the greeting when a conversation begins: once a room in text, once a session on a spoken line."""
        if not isinstance(event, SessionStartedEvent) or self.kit is None:
            return
        if context.get_binding(self.channel_id) is None:
            return
        if self.is_in_charge is not None and not await self.is_in_charge(event.room_id, self.channel_id):
            return
        if event.session is not None:
            greeted = event.session.metadata.setdefault("greeted_by", self.channel_id)
            if greeted != self.channel_id or event.session.metadata.setdefault("greeted", False):
                return
            event.session.metadata["greeted"] = True
        elif await self._has_greeted(event.room_id):
            return
        await self.kit.send_event(
            room_id=event.room_id,
            channel_id=self.channel_id,
            content=TextContent(body=self.greeting or ""),
            # Whoever has begun is greeted; others in the room, a caller among them, have not. Agents know what was
            # said.
            visibility=",".join([event.channel_id, *_intelligences(context)]),
            metadata={"auto_greeting": True},
        )

    async def _has_greeted(self, room_id: str) -> bool:
        assert self.kit is not None
        return any(
            past.source.channel_id == self.channel_id
            and past.source.direction is ChannelDirection.OUTBOUND
            and past.status is not EventStatus.BLOCKED
            and past.metadata.get("auto_greeting")
            for past in await self.kit.store.list_events(room_id, limit=20)
        )


def _intelligences(context: RoomContext) -> list[str]:
    return [binding.channel_id for binding in context.bindings if binding.category is ChannelCategory.INTELLIGENCE]
