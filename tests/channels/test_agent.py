"""Agents: identity, configuration only, and greetings of their own accord."""

from __future__ import annotations

from typing import Any

import pytest

from roomkit_sim.channels.agent import Agent
from roomkit_sim.channels.ai import AIChannel, text_of
from roomkit_sim.channels.websocket import WebSocketChannel
from roomkit_sim.core.framework import RoomKit
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.delivery import InboundMessage
from roomkit_sim.models.enums import HookTrigger
from roomkit_sim.models.event import TextContent
from roomkit_sim.models.session_event import SessionStartedEvent
from roomkit_sim.orchestration.state import ConversationState, set_conversation_state
from roomkit_sim.providers.ai.base import AIContext
from roomkit_sim.providers.ai.mock import MockAIProvider


def test_the_identity_block_has_a_line_for_each_field_that_is_set() -> None:
    agent = Agent("a", role="Advisor", description="Advises", scope="Money only", language="French")
    assert agent.build_identity_block() == (
        "\n--- Agent Identity ---\nRole: Advisor\nDescription: Advises\nScope: Money only\n"
        "Language: Always respond in French"
    )


def test_an_empty_field_counts_as_set_and_an_absent_one_does_not() -> None:
    assert Agent("a", role="").build_identity_block() == "\n--- Agent Identity ---\nRole: "


def test_an_agent_without_identity_has_no_block() -> None:
    assert Agent("a", system_prompt="Greet.", voice="Aoede").build_identity_block() is None


def test_the_conversations_language_goes_before_the_agents() -> None:
    block = Agent("a", language="French").build_identity_block("German")
    assert block == "\n--- Agent Identity ---\nLanguage: Always respond in German"


async def test_an_agent_without_a_model_is_a_configuration_that_cannot_answer() -> None:
    agent = Agent("a", system_prompt="Greet.", voice="Aoede", greeting="Hi")
    assert isinstance(agent, AIChannel)
    assert agent.is_config_only
    assert (agent.system_prompt, agent.voice, agent.greeting) == ("Greet.", "Aoede", "Hi")
    with pytest.raises(RuntimeError, match="no AI provider"):
        await agent.provider.generate(AIContext())


def test_an_agent_with_a_model_is_more_than_a_configuration() -> None:
    assert not Agent("a", provider=MockAIProvider()).is_config_only


async def room_with(agent: Agent, **state: Any) -> RoomKit:
    kit = RoomKit()
    kit.register_channel(WebSocketChannel("chat"))
    kit.register_channel(agent)
    await kit.create_room("r")
    await kit.attach_channel("r", "chat")
    await kit.attach_channel("r", agent.channel_id)
    if state:
        room = set_conversation_state(await kit.get_room("r"), ConversationState(**state))
        await kit.store.update_room(room)
    return kit


async def say(kit: RoomKit, text: str, room_id: str | None = "r") -> None:
    message = InboundMessage(channel_id="chat", sender_id="person", content=TextContent(body=text))
    await kit.process_inbound(message, room_id=room_id)


async def test_the_prompt_of_a_text_agent_ends_with_its_identity() -> None:
    provider = MockAIProvider()
    await say(await room_with(Agent("a", provider=provider, role="Advisor", system_prompt="Be brief.")), "hello")
    assert provider.calls[0].system_prompt == "Be brief.\n--- Agent Identity ---\nRole: Advisor"


async def test_the_prompt_of_a_text_agent_names_the_language_of_the_room() -> None:
    provider = MockAIProvider()
    await say(await room_with(Agent("a", provider=provider), context={"language": "French"}), "bonjour")
    assert provider.calls[0].system_prompt == "\n--- Agent Identity ---\nLanguage: Always respond in French"


async def test_an_agent_without_identity_has_its_prompt_alone() -> None:
    provider = MockAIProvider()
    await say(await room_with(Agent("a", provider=provider, system_prompt="Be brief.")), "hello")
    assert provider.calls[0].system_prompt == "Be brief."


async def test_a_configuration_that_is_attached_to_a_text_room_is_reported_and_says_nothing() -> None:
    kit = await room_with(Agent("a"))
    errors: list[str] = []
    kit.on("error")(lambda event: errors.append(event.data["message"]))
    await say(kit, "hello")
    assert len(errors) == 1
    assert "no AI provider" in errors[0]


async def greetings(kit: RoomKit, room_id: str) -> list[str]:
    events = await kit.store.list_events(room_id, limit=100)
    return [text_of(event.content) for event in events if event.metadata.get("auto_greeting")]


async def start_text_session(kit: RoomKit, room_id: str = "r") -> None:
    context = RoomContext(room=await kit.get_room(room_id), bindings=await kit.store.list_bindings(room_id))
    started = SessionStartedEvent(room_id, "chat")
    await kit.hook_engine.run_async_hooks(room_id, HookTrigger.ON_SESSION_STARTED, started, context)


async def test_an_agent_greets_by_itself_once_a_room() -> None:
    kit = await room_with(Agent("a", provider=MockAIProvider(), greeting="Welcome!"))
    await start_text_session(kit)
    await start_text_session(kit)
    assert await greetings(kit, "r") == ["Welcome!"]


async def test_the_greeting_is_the_agents_own_words_in_later_prompts() -> None:
    provider = MockAIProvider()
    kit = await room_with(Agent("a", provider=provider, greeting="Welcome!"))
    await start_text_session(kit)
    await say(kit, "hello")
    assert [(message.role, message.content) for message in provider.calls[0].messages] == [
        ("assistant", "Welcome!"),
        ("user", "hello"),
    ]


@pytest.mark.parametrize("settings", [{"greeting": "Welcome!", "auto_greet": False}, {"greeting": ""}, {}])
async def test_an_agent_that_is_not_to_greet_is_silent(settings: dict[str, Any]) -> None:
    kit = await room_with(Agent("a", provider=MockAIProvider(), **settings))
    await start_text_session(kit)
    assert await greetings(kit, "r") == []


async def test_an_agent_does_not_greet_in_rooms_that_it_is_not_in() -> None:
    kit = await room_with(Agent("a", provider=MockAIProvider(), greeting="Welcome!"))
    await kit.create_room("other")
    await kit.attach_channel("other", "chat")
    errors: list[str] = []
    kit.on("error")(lambda event: errors.append(event.data["message"]))
    await start_text_session(kit, "other")
    assert await greetings(kit, "other") == []
    assert errors == []
