"""A summary in place of the older part of a conversation."""

from __future__ import annotations

from typing import Any

import pytest

from roomkit_sim.errors import ProviderError
from roomkit_sim.memory.compacting import CompactingMemory
from roomkit_sim.memory.mock import MockMemoryProvider
from roomkit_sim.memory.sliding_window import SlidingWindowMemory
from roomkit_sim.models import AudioContent, Room, RoomContext, RoomEvent
from roomkit_sim.providers.ai.base import AIMessage, AIResponse
from roomkit_sim.providers.ai.mock import MockAIProvider

EMPTY = RoomContext(room=Room(id="r"))


class Talk:
    """A conversation that grows; its memory summarises from four events on and keeps two."""

    def __init__(self, make_event: Any, current: RoomEvent, **settings: Any) -> None:
        self.make_event = make_event
        self.current = current
        self.writer = MockAIProvider(["summary 1", "summary 2", "summary 3"])
        self.inner = MockMemoryProvider()
        settings = {"keep_recent": 2, "threshold": 4, **settings}
        self.memory = CompactingMemory(self.inner, self.writer, **settings)

    def grow(self, *words: str) -> None:
        start = self.inner.events[-1].index + 1 if self.inner.events else 0
        self.inner.events += [self.make_event(word, start + n) for n, word in enumerate(words)]

    async def remember(self, agent: str = "bot") -> tuple[list[Any], list[str]]:
        result = await self.memory.retrieve("r", self.current, EMPTY, channel_id=agent)
        return [m.content for m in result.messages], [str(getattr(e.content, "body", "")) for e in result.events]

    @property
    def asked(self) -> list[Any]:
        return [context.messages[0].content for context in self.writer.calls]


@pytest.fixture
def talk(make_event: Any, current: RoomEvent) -> Talk:
    return Talk(make_event, current)


def note(summary: str) -> str:
    return f"[Summary of the conversation so far: {summary}]"


async def test_a_short_conversation_is_left_as_it_is(talk: Talk) -> None:
    talk.grow("a", "b", "c")
    assert await talk.remember() == ([], ["a", "b", "c"])
    assert talk.writer.calls == []


async def test_the_older_part_of_a_long_conversation_becomes_a_summary(talk: Talk) -> None:
    talk.grow("a", "b", "c", "d")
    assert await talk.remember() == ([note("summary 1")], ["c", "d"])
    assert talk.asked == ["web: a\nweb: b"]


async def test_the_summary_is_kept_until_there_is_enough_to_add(talk: Talk) -> None:
    talk.grow("a", "b", "c", "d")
    await talk.remember()
    talk.grow("e")
    assert await talk.remember() == ([note("summary 1")], ["c", "d", "e"])
    assert await talk.remember() == ([note("summary 1")], ["c", "d", "e"])
    assert len(talk.writer.calls) == 1


async def test_a_new_summary_begins_with_the_one_before_so_that_nothing_is_lost(talk: Talk) -> None:
    talk.grow("a", "b", "c", "d")
    await talk.remember()
    talk.grow("e", "f")
    assert await talk.remember() == ([note("summary 2")], ["e", "f"])
    assert talk.asked[1] == "[Summary of what was said before: summary 1]\nweb: c\nweb: d"


@pytest.mark.parametrize("broken", [ProviderError("down"), AIResponse(content=" ")])
async def test_a_summary_that_cannot_be_written_leaves_the_events_and_is_tried_again(
    talk: Talk, broken: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(context: Any) -> AIResponse:
        if isinstance(broken, Exception):
            raise broken
        return broken

    talk.grow("a", "b", "c", "d")
    await talk.remember()
    talk.grow("e", "f")
    with monkeypatch.context() as patch:
        patch.setattr(talk.writer, "generate", fail)
        assert await talk.remember() == ([note("summary 1")], ["c", "d", "e", "f"])
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert await talk.remember() == ([note("summary 2")], ["e", "f"])


async def test_what_has_left_the_window_stays_in_the_summary(talk: Talk) -> None:
    talk.grow("a", "b", "c", "d")
    await talk.remember()
    del talk.inner.events[:3]
    assert await talk.remember() == ([note("summary 1")], ["d"])


async def test_each_agent_has_a_summary_of_what_it_was_shown(talk: Talk) -> None:
    talk.grow("a", "b", "c", "d")
    assert await talk.remember("bot") == ([note("summary 1")], ["c", "d"])
    talk.inner.events[0] = talk.make_event("hidden from the first", 0)
    assert await talk.remember("bot2") == ([note("summary 2")], ["c", "d"])
    assert "hidden from the first" in talk.asked[1]
    assert await talk.remember("bot") == ([note("summary 1")], ["c", "d"])


async def test_messages_of_the_inner_memory_come_first(talk: Talk) -> None:
    talk.inner.messages = [AIMessage(role="user", content="handed over by triage")]
    talk.grow("a", "b", "c", "d")
    assert (await talk.remember())[0] == ["handed over by triage", note("summary 1")]


async def test_the_words_of_a_recording_are_summarised(talk: Talk) -> None:
    talk.grow("a", "b", "c", "d")
    spoken = AudioContent(url="https://x/1.ogg", transcript="I lost my card")
    talk.inner.events[0] = talk.make_event("", 0, content=spoken)
    await talk.remember()
    assert talk.asked == ["web: I lost my card\nweb: b"]


async def test_nothing_need_be_kept_beside_the_summary(make_event: Any, current: RoomEvent) -> None:
    talk = Talk(make_event, current, keep_recent=0)
    talk.grow("a", "b", "c", "d")
    assert await talk.remember() == ([note("summary 1")], [])


async def test_more_may_be_kept_than_it_takes_to_summarise(make_event: Any, current: RoomEvent) -> None:
    talk = Talk(make_event, current, keep_recent=10)
    talk.grow("a", "b", "c", "d", "e", "f", "g", "h")
    assert await talk.remember() == ([], ["a", "b", "c", "d", "e", "f", "g", "h"])
    assert talk.writer.calls == []


async def test_a_cleared_room_is_summarised_anew(talk: Talk) -> None:
    talk.grow("a", "b", "c", "d")
    await talk.remember("bot")
    await talk.remember("bot2")
    await talk.memory.clear("r")
    assert talk.inner.cleared == ["r"]
    assert await talk.remember("bot") == ([note("summary 3")], ["c", "d"])


async def test_it_passes_on_what_happens_to_it(talk: Talk) -> None:
    event = talk.make_event("hi")
    await talk.memory.ingest("r", event)
    await talk.memory.close()
    assert (talk.inner.ingested, talk.inner.closed) == ([event], True)
    assert CompactingMemory(SlidingWindowMemory(), talk.writer).name == "Compacting(SlidingWindowMemory)"
