"""A resolver that knows a few senders."""

from __future__ import annotations

from roomkit_sim.identity.mock import MockIdentityResolver
from roomkit_sim.models import IdentificationStatus, Identity, InboundMessage, TextContent


def message(sender: str) -> InboundMessage:
    return InboundMessage(channel_id="web", sender_id=sender, content=TextContent(body="hello"))


async def test_a_known_sender_is_identified() -> None:
    ann = Identity(id="person-1", display_name="Ann")
    result = await MockIdentityResolver({"ann": ann}).resolve(message("ann"))
    assert (result.status, result.identity) == (IdentificationStatus.IDENTIFIED, ann)


async def test_an_unknown_sender_is_unknown_and_was_asked_about() -> None:
    resolver = MockIdentityResolver()
    result = await resolver.resolve(message("eve"))
    assert (result.status, result.identity) == (IdentificationStatus.UNKNOWN, None)
    assert resolver.asked == ["eve"]
