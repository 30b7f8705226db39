"""Rules about the order of messages: setup first and once, then everything else, until the service goes away."""

from __future__ import annotations

from collections.abc import Iterator

from roomkit_sim.sim.checks.protocol.frames import Frame
from roomkit_sim.sim.checks.protocol.gemini.messages import CLIENT_MESSAGES
from roomkit_sim.sim.checks.protocol.gemini.state import GeminiConnection

__all__ = ["before_setup", "before_setup_complete", "ignores_go_away", "one_message", "second_setup"]

GO_AWAY_GRACE_NS = 500_000_000
"""The deadline is not exact, and what is on its way at the time is not the client's fault."""


def before_setup(connection: GeminiConnection, frame: Frame) -> Iterator[str]:
    """Setup comes first."""
    if connection.setup is None and "setup" not in frame.kinds:
        yield "sent before setup"


def before_setup_complete(connection: GeminiConnection, frame: Frame) -> Iterator[str]:
    """Everything else waits for ``setupComplete``."""
    if connection.setup is not None and not connection.ready and "setup" not in frame.kinds:
        yield "sent before setupComplete was received"


def second_setup(connection: GeminiConnection, frame: Frame) -> Iterator[str]:
    """A connection is set up once."""
    if connection.setup is not None:
        yield "setup, for the second time"


def one_message(connection: GeminiConnection, frame: Frame) -> Iterator[str]:
    """A frame is one of the messages that a client may send."""
    if frame.name == "unreadable":
        return
    unknown = [kind for kind in frame.kinds if kind not in CLIENT_MESSAGES]
    if unknown:
        yield f"unknown message {unknown[0] or 'without a key'!a}"
    elif len(frame.kinds) > 1:
        yield f"{' and '.join(frame.kinds)} in one frame"


def ignores_go_away(connection: GeminiConnection, frame: Frame) -> Iterator[str]:
    """A connection that will be closed is left in time."""
    deadline_ns = connection.gone_ns
    if deadline_ns is not None and frame.until_ns > deadline_ns + GO_AWAY_GRACE_NS + connection.reaction_ns:
        yield f"sent {(frame.until_ns - deadline_ns) / 1e6:.0f} ms after the time that goAway left"
