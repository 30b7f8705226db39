"""Pictures by address and in their address."""

from __future__ import annotations

import pytest

from roomkit_sim.errors import ConfigurationError
from roomkit_sim.providers.ai.base import AIImagePart
from roomkit_sim.providers.ai.images import InlineImage, inline_image, mime_type_of


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://x/cat.png", None),
        ("data:image/png;base64,iVBOdw==", InlineImage(b"\x89PNw", "image/png")),
        ("data:image/svg+xml,%3Csvg/%3E", InlineImage(b"<svg/>", "image/svg+xml")),
        ("data:;base64,AAAA", InlineImage(b"\0\0\0", "image/jpeg")),
    ],
)
def test_a_picture_in_its_address_is_taken_out(url: str, expected: InlineImage | None) -> None:
    assert inline_image(AIImagePart(url=url)) == expected


@pytest.mark.parametrize("url", ["data:image/png;base64", "data:image/png;base64,%%%"])
def test_an_illegible_address_is_said_to_be_one(url: str) -> None:
    with pytest.raises(ConfigurationError, match="data: address"):
        inline_image(AIImagePart(url=url))


@pytest.mark.parametrize(
    ("image", "mime_type"),
    [
        (AIImagePart(url="https://x/cat.png"), "image/png"),
        (AIImagePart(url="https://x/cat.webp?size=2"), "image/webp"),
        (AIImagePart(url="https://x/cat"), "image/jpeg"),
        (AIImagePart(url="https://x/cat.png", mime_type="image/gif"), "image/gif"),
    ],
)
def test_the_type_is_as_given_or_as_the_address_says(image: AIImagePart, mime_type: str) -> None:
    assert mime_type_of(image) == mime_type
