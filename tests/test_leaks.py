"""Calls and rooms that have ended leave nothing behind: not in a map, not as a task, not in memory."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections import Counter, OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any
from weakref import WeakKeyDictionary

import pytest
from pydantic import BaseModel

from roomkit_sim import (
    Agent,
    ConversationPipeline,
    InboundMessage,
    MockAIProvider,
    MockRealtimeProvider,
    MockRealtimeTransport,
    MockSTTProvider,
    MockTTSProvider,
    MockVoiceBackend,
    PipelineStage,
    RealtimeVoiceChannel,
    RoomKit,
    TextContent,
    VoiceChannel,
    WebSocketChannel,
)
from roomkit_sim.core.locks import InMemoryLockManager
from roomkit_sim.voice.audio_frame import AudioFrame

STAGES = [
    PipelineStage(phase="triage", agent_id="triage", next="advising"),
    PipelineStage(phase="advising", agent_id="advisor", can_return_to={"triage"}),
]
MAY_GROW = 1.001
forget_looked_up_attributes: Callable[[], None] = getattr(sys, "_clear_internal_caches", None) or sys._clear_type_cache
CONTAINERS = (dict, OrderedDict, list, set, frozenset, tuple, deque, WeakKeyDictionary)


@dataclass(frozen=True)
class Footprint:
    """What there is at a moment."""

    sizes: Counter[str]
    tasks: int
    blocks: int
    """Of memory, as the interpreter counts them: exact, and without the slowness of tracing each."""


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """The attributes of an object of this package."""
    kind = type(value)
    if not kind.__module__.startswith("roomkit_sim") or isinstance(value, BaseModel | Enum | type):
        return
    names = [*getattr(value, "__dict__", ()), *(n for base in kind.__mro__ for n in getattr(base, "__slots__", ()))]
    for name in names:
        yield f"{kind.__name__}.{name}", getattr(value, name, None)


def sizes_of(*roots: Any) -> Counter[str]:
    """How many entries the containers have that can be reached from ``roots``, by class and attribute."""
    found: Counter[str] = Counter()
    seen: set[int] = set()
    waiting: list[tuple[str, Any]] = [("root", root) for root in roots]
    while waiting:
        name, value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, CONTAINERS):
            found[name] += len(value)
            items: Iterable[Any] = value.values() if isinstance(value, dict | WeakKeyDictionary) else value
            waiting += [(name, item) for item in items]
        else:
            waiting += _parts(value)
    return found


async def footprint(*roots: Any) -> Footprint:
    for _ in range(20):
        await asyncio.sleep(0)
    ending = asyncio.all_tasks() - {asyncio.current_task()}
    if ending:
        # What ends a call may still be at it; what never ends is counted.
        await asyncio.wait(ending, timeout=5)
    gc.collect()
    # The interpreter remembers attributes that it has looked up, by the address of their names, and with them the
    # names; ``match`` makes the name ``__match_args__`` anew each time, so that this table of 4096 fills by and by.
    forget_looked_up_attributes()
    return Footprint(sizes_of(*roots), len(asyncio.all_tasks()), sys.getallocatedblocks())


async def rounds(work: Callable[[], Awaitable[None]], number: int, *roots: Any) -> tuple[Footprint, Footprint]:
    """Do ``work`` again and again: what there is after a fifth of it, and at its end."""
    for _ in range(number // 5):
        await work()
    early = await footprint(*roots)
    for _ in range(number - number // 5):
        await work()
    return early, await footprint(*roots)


def assert_flat(early: Footprint, late: Footprint) -> None:
    grown = {name: (early.sizes[name], size) for name, size in late.sizes.items() if size > early.sizes[name]}
    assert grown == {}
    assert late.tasks == early.tasks
    assert late.blocks <= early.blocks * MAY_GROW


def forget(*mocks: Any) -> None:
    """Mocks record everything: that is their work, and no leak."""
    for mock in mocks:
        for name in ("calls", "sent_audio", "sent_messages", "injected_texts", "tool_results"):
            getattr(mock, name, []).clear()


async def test_ten_thousand_calls_leave_nothing_behind() -> None:
    kit = RoomKit()
    provider, transport = MockRealtimeProvider(), MockRealtimeTransport()
    voice = RealtimeVoiceChannel("voice", provider=provider, transport=transport)
    kit.register_channel(voice)
    agents = [Agent("triage", system_prompt="Greet."), Agent("advisor", system_prompt="Advise.")]
    ConversationPipeline(STAGES).install(kit, agents, voice_channel_id="voice")
    await kit.create_room("r")
    await kit.attach_channel("r", "voice")
    number = 0

    async def call() -> None:
        nonlocal number
        number += 1
        session = await voice.start_session("r", "caller", None)
        if number % 2:
            await voice.end_session(session)
        else:
            await transport.simulate_client_disconnect(session)
            await asyncio.sleep(0)
        forget(provider, transport)

    assert_flat(*await rounds(call, 10_000, kit))
    await kit.close()


async def test_ten_thousand_rooms_with_a_message_leave_nothing_behind() -> None:
    kit = RoomKit()
    kit.register_channel(WebSocketChannel("chat"))

    async def write() -> None:
        room = await kit.create_room()
        await kit.attach_channel(room.id, "chat")
        message = InboundMessage(channel_id="chat", sender_id="p", content=TextContent(body="hello"))
        await kit.process_inbound(message, room_id=room.id)
        await kit.close_room(room.id)
        await kit.store.delete_room(room.id)

    assert_flat(*await rounds(write, 10_000, kit))
    await kit.close()


async def test_rooms_with_agents_that_hand_over_leave_nothing_behind() -> None:
    kit = RoomKit(lock_manager=InMemoryLockManager(max_locks=50))
    models = [MockAIProvider(["Hello."]), MockAIProvider(["Yes?"])]
    triage, advisor = (Agent(name, provider=m) for name, m in zip(("triage", "advisor"), models, strict=True))
    _, handler = ConversationPipeline(STAGES).install(kit, [triage, advisor])
    for channel in (WebSocketChannel("chat"), triage, advisor):
        kit.register_channel(channel)

    async def converse() -> None:
        room = await kit.create_room()
        for channel_id in ("chat", "triage", "advisor"):
            await kit.attach_channel(room.id, channel_id)
        message = InboundMessage(channel_id="chat", sender_id="p", content=TextContent(body="hello"))
        await kit.process_inbound(message, room_id=room.id)
        await handler.handle(room.id, "triage", {"target": "advisor", "reason": "x", "summary": "y"})
        await kit.close_room(room.id)
        await kit.store.delete_room(room.id)
        forget(*models)

    assert_flat(*await rounds(converse, 500, kit))
    await kit.close()


async def test_five_thousand_calls_over_recognition_and_synthesis_leave_nothing_behind() -> None:
    kit = RoomKit()
    model, stt, tts, backend = (
        MockAIProvider(["Hello."]),
        MockSTTProvider(["hello"]),
        MockTTSProvider(),
        MockVoiceBackend(),
    )
    voice = VoiceChannel("voice", stt=stt, tts=tts, backend=backend)
    agent = Agent("triage", provider=model)
    kit.register_channel(voice)
    kit.register_channel(agent)
    await kit.create_room("r")
    await kit.attach_channel("r", "voice")

    async def call() -> None:
        session = await voice.start_session("r", "caller", None)
        for pcm in [b"\x00\x20\x00\xe0" * 160] * 3 + [b"\0\0" * 320]:
            await backend.simulate_audio_received(session, AudioFrame(pcm))
        await voice.say(session, "Goodbye.")
        await voice.end_session(session)
        forget(model, stt, tts, backend)

    assert_flat(*await rounds(call, 5000, kit))
    await kit.close()


async def test_what_is_kept_is_found() -> None:
    kept: list[bytes] = []
    kit = RoomKit()
    kit.kept = kept  # type: ignore[attr-defined]

    async def keep() -> None:
        kept.append(bytes(64))

    early, late = await rounds(keep, 1000, kit)
    assert (early.sizes["RoomKit.kept"], late.sizes["RoomKit.kept"]) == (200, 1000)
    with pytest.raises(AssertionError, match=r"RoomKit\.kept"):
        assert_flat(early, late)


async def test_what_is_kept_where_nobody_looks_is_found_too() -> None:
    kept: list[bytes] = []

    async def keep() -> None:
        kept.append(bytes(64))

    with pytest.raises(AssertionError, match="blocks"):
        assert_flat(*await rounds(keep, 10_000))
