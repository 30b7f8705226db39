"""Two agents behind a real SDK hand a written conversation over, in virtual time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from roomkit_sim import Agent, ConversationPipeline, PipelineStage, RoomKit, get_conversation_state
from roomkit_sim.channels.websocket import WebSocketChannel
from roomkit_sim.models.channel import RetryPolicy
from roomkit_sim.models.delivery import InboundMessage
from roomkit_sim.models.event import TextContent
from roomkit_sim.models.words import text_of
from roomkit_sim.sim.servers.http_models import HttpModelServer, ModelAnswer, ModelCall, ModelRefusal, ModelRequest
from roomkit_sim.sim.world.world import World
from tests.providers.conftest import HOSTS, make_provider


def receptionist_and_advisor() -> Callable[[ModelRequest], ModelAnswer | ModelRefusal]:
    """Transfers whoever wants to invest; the advisor's service is busy once."""
    busy = [ModelRefusal(503, "overloaded")]

    def answer(request: ModelRequest) -> ModelAnswer | ModelRefusal:
        text = json.dumps(request.body)
        if "ADVISOR" in text:
            return busy.pop() if busy else ModelAnswer(("Buy ", "an index fund."), first_ms=200)
        if "tool_call_id" in text or "functionResponse" in text:
            return ModelAnswer(("One moment.",), first_ms=100)
        arguments = {"target": "advisor", "reason": "wants to invest", "summary": "has 1000 francs"}
        made_id = "call_1" if request.api == "openai" else None
        signature = "c2lnbmVk" if request.api == "gemini" else None
        call = ModelCall("handoff_conversation", arguments, made_id, signature)
        return ModelAnswer(calls=(call,), first_ms=300)

    return answer


async def conversation(kit: RoomKit, api: str) -> tuple[list[tuple[str, str]], Any]:
    policy = RetryPolicy(max_retries=1, base_delay_seconds=2.0)
    agents = [
        Agent(name, provider=make_provider(api, model="gemini-3-pro" if api == "gemini" else "gpt-4o", retry=policy),
              role=name, system_prompt=f"You are the {name.upper()}.")
        for name in ("triage", "advisor")
    ]  # fmt: skip
    kit.register_channel(WebSocketChannel("chat"))
    for agent in agents:
        kit.register_channel(agent)
    stages = [
        PipelineStage(phase="first", agent_id="triage", next="then"),
        PipelineStage(phase="then", agent_id="advisor"),
    ]
    ConversationPipeline(stages=stages).install(kit, agents)
    await kit.create_room("r")
    for channel in ("chat", "triage", "advisor"):
        await kit.attach_channel("r", channel)
    for words in ("I want to invest.", "Well?"):
        message = InboundMessage(channel_id="chat", sender_id="p", content=TextContent(body=words))
        await kit.process_inbound(message, room_id="r")
    events = await kit.store.list_events("r", limit=100)
    said = [(event.source.channel_id, text_of(event.content)) for event in events if event.type == "message"]
    return said, get_conversation_state(await kit.get_room("r"))


@pytest.mark.parametrize("api", ["gemini", "openai"])
def test_a_handoff_between_agents_of_a_real_sdk(api: str) -> None:
    world = World(seed=5)
    errors: list[Any] = []

    async def main() -> Any:
        server = HttpModelServer(receptionist_and_advisor())
        for host in HOSTS.values():
            world.network.add_host(host)
            await server.serve(host, 443)
        kit = RoomKit()
        kit.on("error")(lambda event: errors.append(event.data))
        said, state = await conversation(kit, api)
        await kit.close()
        await server.close()
        await asyncio.sleep(0)
        return said, state, len(server.requests)

    said, state, requests = world.run(main)
    assert errors == []
    assert (state.active_agent_id, state.phase, state.handoff_count) == ("advisor", "then", 1)
    assert said == [
        ("chat", "I want to invest."),
        ("triage", "One moment."),
        ("chat", "Well?"),
        ("advisor", "Buy an index fund."),
    ]
    assert requests == 4, "the call, its result, the advisor refused once, the advisor"
    assert world.now_ns / 1e6 == pytest.approx(300 + 100 + 2000 + 200)
