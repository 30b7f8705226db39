"""Pictures as models take them. Pure."""

from __future__ import annotations

import base64
import binascii
import mimetypes
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from roomkit_sim.errors import ConfigurationError
from roomkit_sim.providers.ai.base import AIImagePart

__all__ = ["InlineImage", "inline_image", "mime_type_of"]

DEFAULT_MIME_TYPE = "image/jpeg"


@dataclass(frozen=True)
class InlineImage:
    """A picture that came in its address.

    Args:
        data: The file.
        mime_type: Its type.
    """

    data: bytes
    mime_type: str


def mime_type_of(image: AIImagePart) -> str:
    """The type of a picture: as given, as the ending of its address says, else JPEG."""
    guessed = mimetypes.guess_type(image.url.partition("?")[0])[0]
    return image.mime_type or guessed or DEFAULT_MIME_TYPE


def inline_image(image: AIImagePart) -> InlineImage | None:
    """The picture in a ``data:`` address (RFC 2397); ``None`` when the address is another.

    Raises:
        ConfigurationError: The address is not a legible ``data:`` address.
    """
    if not image.url.startswith("data:"):
        return None
    head, comma, payload = image.url[len("data:") :].partition(",")
    if not comma:
        raise ConfigurationError("an image's data: address has no comma before its data")
    try:
        encoded = head.endswith(";base64")
        data = base64.b64decode(payload, validate=True) if encoded else unquote_to_bytes(payload)
    except binascii.Error as error:
        raise ConfigurationError(f"an image's data: address is not valid base64: {error}") from None
    return InlineImage(data, image.mime_type or head.partition(";")[0] or DEFAULT_MIME_TYPE)
