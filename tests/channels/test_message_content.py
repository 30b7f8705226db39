"""Contents as models are shown them."""

from __future__ import annotations

from typing import Any

import pytest

from roomkit_sim.channels.message_content import message_content
from roomkit_sim.models.event import CompositeContent, MediaContent, TextContent
from roomkit_sim.providers.ai.base import AIImagePart, AITextPart

PICTURE = MediaContent(url="https://x/cat.png", mime_type="image/png", caption="a cat")
SHOWN = [AITextPart(text="a cat"), AIImagePart(url="https://x/cat.png", mime_type="image/png")]


def test_a_model_that_sees_is_shown_the_picture_and_its_caption() -> None:
    assert message_content(PICTURE, vision=True) == SHOWN


def test_a_model_that_does_not_see_is_told_the_words() -> None:
    assert message_content(PICTURE, vision=False) == "a cat"


def test_words_around_a_picture_keep_their_place() -> None:
    content = CompositeContent(parts=[TextContent(body="Look:"), PICTURE, TextContent(body="Nice?")])
    assert message_content(content, vision=True) == [AITextPart(text="Look:"), *SHOWN, AITextPart(text="Nice?")]


@pytest.mark.parametrize(
    "content",
    [
        TextContent(body="words"),
        CompositeContent(parts=[TextContent(body="words")]),
        MediaContent(url="https://x/f.pdf", mime_type="application/pdf", caption="words"),
    ],
)
def test_what_has_no_picture_is_words_for_everybody(content: Any) -> None:
    assert message_content(content, vision=True) == message_content(content, vision=False) == "words"
