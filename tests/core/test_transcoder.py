"""What a channel cannot carry reaches it as words, or not at all."""

from __future__ import annotations

import pytest

from roomkit_sim.core.transcoder import DefaultContentTranscoder
from roomkit_sim.models import (
    AudioContent,
    ChannelCapabilities,
    ChannelMediaType,
    CompositeContent,
    EventContent,
    LocationContent,
    MediaContent,
    RichContent,
    SystemContent,
    TemplateContent,
    TextContent,
    VideoContent,
)

TEXT_ONLY = ChannelCapabilities()
EVERYTHING = ChannelCapabilities(media_types=list(ChannelMediaType))
HEARING_ONLY = ChannelCapabilities(media_types=[ChannelMediaType.AUDIO])
VOICEMAIL = AudioContent(url="https://x/1.ogg", transcript="call me")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (TextContent(body="hello"), "hello"),
        (SystemContent(body="call ended"), "call ended"),
        (RichContent(body="**hello**"), "**hello**"),
        (VOICEMAIL, "call me"),
        (AudioContent(url="https://x/1.ogg"), "https://x/1.ogg"),
        (VideoContent(url="https://x/1.mp4"), "https://x/1.mp4"),
        (MediaContent(url="https://x/1.pdf", mime_type="application/pdf", caption="the bill"), "the bill"),
        (LocationContent(latitude=1, longitude=2, label="the office"), "the office"),
        (TemplateContent(template_id="t", body="Dear Ann"), "Dear Ann"),
        (CompositeContent(parts=[TextContent(body="listen:"), VOICEMAIL]), "listen:\ncall me"),
    ],
    ids=lambda value: getattr(value, "type", ""),
)
async def test_a_text_channel_gets_the_words(content: EventContent, words: str) -> None:
    assert getattr(await DefaultContentTranscoder().transcode(content, TEXT_ONLY), "body", None) == words


@pytest.mark.parametrize(
    "content",
    [
        TextContent(body="hello"),
        VOICEMAIL,
        LocationContent(latitude=1, longitude=2),
        CompositeContent(parts=[TextContent(body="listen:"), VOICEMAIL]),
    ],
    ids=lambda content: content.type,
)
async def test_content_that_a_channel_can_carry_is_left_as_it_is(content: EventContent) -> None:
    assert await DefaultContentTranscoder().transcode(content, EVERYTHING) is content


@pytest.mark.parametrize(
    ("content", "capabilities"),
    [
        (TextContent(body="hello"), HEARING_ONLY),
        (LocationContent(latitude=1, longitude=2), TEXT_ONLY),
        (TemplateContent(template_id="t"), TEXT_ONLY),
    ],
    ids=["text for ears", "a place without a name", "a template without words"],
)
async def test_content_without_a_form_for_the_channel_is_none(
    content: EventContent, capabilities: ChannelCapabilities
) -> None:
    assert await DefaultContentTranscoder().transcode(content, capabilities) is None
