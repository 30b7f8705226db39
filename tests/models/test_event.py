"""Events survive being written as JSON and read again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from roomkit_sim.models import (
    AudioContent,
    ChannelType,
    CompositeContent,
    EventContent,
    EventSource,
    LocationContent,
    MediaContent,
    RichContent,
    RoomEvent,
    SystemContent,
    TemplateContent,
    TextContent,
    VideoContent,
)
from roomkit_sim.models.words import text_of

CONTENTS: list[EventContent] = [
    TextContent(body="hello", language="en"),
    RichContent(body="**hello**", buttons=[{"title": "yes"}]),
    MediaContent(url="https://x/1.pdf", mime_type="application/pdf"),
    AudioContent(url="https://x/1.ogg", duration_seconds=1.5),
    VideoContent(url="https://x/1.mp4"),
    LocationContent(latitude=1.5, longitude=-2),
    TemplateContent(template_id="t", parameters={"name": "Ann"}),
    SystemContent(body="ended", data={"n": [1]}),
    CompositeContent(parts=[TextContent(body="a"), CompositeContent(parts=[TextContent(body="b")])]),
]


def event(content: EventContent) -> RoomEvent:
    source = EventSource(channel_id="web", channel_type=ChannelType.WEBSOCKET)
    return RoomEvent(room_id="r", source=source, content=content)


@pytest.mark.parametrize("content", CONTENTS, ids=lambda content: content.type)
def test_every_kind_of_content_survives_json(content: EventContent) -> None:
    original = event(content)
    again = RoomEvent.model_validate_json(original.model_dump_json())
    assert again == original
    assert type(again.content) is type(content)


@given(st.text())
def test_any_words_survive_json(words: str) -> None:
    original = event(TextContent(body=words))
    assert RoomEvent.model_validate_json(original.model_dump_json()) == original


def test_the_kinds_of_content_are_told_apart_by_their_type_alone() -> None:
    adapter: TypeAdapter[EventContent] = TypeAdapter(EventContent)
    assert adapter.validate_python({"type": "system", "body": "x"}) == SystemContent(body="x")
    with pytest.raises(ValidationError, match="hologram"):
        adapter.validate_python({"type": "hologram", "body": "x"})


def test_a_composite_has_parts() -> None:
    with pytest.raises(ValidationError):
        CompositeContent(parts=[])


def test_events_are_aware_of_their_time_zone_and_have_ids_of_their_own() -> None:
    one, two = event(CONTENTS[0]), event(CONTENTS[0])
    assert one.created_at.utcoffset() is not None
    assert one.id != two.id


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (TextContent(body=""), ""),
        (AudioContent(url="u", transcript="spoken"), "spoken"),
        (MediaContent(url="u", mime_type="m", caption="shown"), "shown"),
        (LocationContent(latitude=0, longitude=0), ""),
        (CompositeContent(parts=[TextContent(body="a"), AudioContent(url="u")]), "a\nu"),
    ],
    ids=["nothing", "recording", "picture", "place", "several"],
)
def test_the_words_of_a_content_are_what_there_is_to_read(content: EventContent, words: str) -> None:
    assert text_of(content) == words
