"""Makes the messages of a replayed server out of recorded ones."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from roomkit_sim.sim.cassette.ids import IdMap
from roomkit_sim.sim.cassette.model import Body, Opaque, Plain, Sound
from roomkit_sim.sim.cassette.script import ServerStep
from roomkit_sim.sim.cassette.sound import to_text, with_value
from roomkit_sim.sim.trace.events import Json

__all__ = ["MessageWriter"]

_MARK = "\x00audio\x00"


@dataclass
class MessageWriter:
    """Writes the messages of one connection.

    Args:
        conn: Its number, for the ids of events.
        ids: What the client calls what it made up.
    """

    conn: int
    ids: IdMap
    _edges: dict[int, tuple[bytes, bytes]] = field(default_factory=dict)

    def write(self, body: Body, step: ServerStep) -> bytes:
        """One message.

        Args:
            body: As recorded.
            step: Which one it is, and whether it is to be cut.

        Raises:
            ValueError: Its audio was left out of the recording.
        """
        text = self._whole(body, step.number)
        # Half of it, and no half of a character: websockets takes no text that is not UTF-8.
        return text[: len(text) // 2].decode("utf-8", "ignore").encode() if step.truncated else text

    def _whole(self, body: Body, number: int) -> bytes:
        match body:
            case Opaque():
                return body.data
            case Plain():
                self.ids.given(body.json)
                text = to_text(Plain(self.ids.replayed(body.json)))
                return self._numbered(text, body.json, number)
            case Sound():
                return self._numbered(self._spoken(body), body.like, number)

    def _spoken(self, body: Sound) -> bytes:
        if body.pcm is None:
            return to_text(body)
        # All messages of a line share one template, which lives as long as the cassette.
        edges = self._edges.get(id(body.like))
        if edges is None:
            marked = to_text(Plain(with_value(self.ids.replayed(body.like), body.path, _MARK)))
            head, _, tail = marked.partition(b"\\u0000audio\\u0000")
            edges = self._edges[id(body.like)] = (head, tail)
        return edges[0] + base64.b64encode(body.pcm) + edges[1]

    def _numbered(self, text: bytes, message: Json, number: int) -> bytes:
        """With an event id, as every event of OpenAI's has one; recordings leave it out."""
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            return text
        return b'{"event_id":"event_%d_%d",' % (self.conn, number) + text[1:]
