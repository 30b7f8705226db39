"""Takes the audio out of a client's messages, fast: after the first of a kind only its edges are compared."""

from __future__ import annotations

from dataclasses import dataclass, field

from roomkit_sim.sim.cassette.model import Sound
from roomkit_sim.sim.cassette.sound import decode, find_sound, value_at
from roomkit_sim.sim.cassette.tap import read_json
from roomkit_sim.sim.trace.events import Json

__all__ = ["Heard", "MessageReader"]


@dataclass(frozen=True, slots=True)
class Heard:
    """Audio.

    Args:
        pcm: PCM16 mono.
        first: The message, when it is the first of its kind.
    """

    pcm: bytes
    first: Sound | None = None


@dataclass
class MessageReader:
    """Reads the messages of one client."""

    _edges: list[tuple[bytes, bytes]] = field(default_factory=list)

    def read(self, payload: bytes) -> Heard | dict[str, Json] | None:
        """A message: its audio, or its JSON; nothing when it is no JSON object."""
        for head, tail in self._edges:
            if payload.startswith(head) and payload.endswith(tail):
                try:
                    return Heard(decode(payload[len(head) : -len(tail)]))
                except ValueError:
                    break
        message = read_json(payload)
        if message is None:
            return None
        sound = find_sound(message, "sent")
        if sound is None:
            return message
        assert sound.pcm is not None
        head, found, tail = payload.partition(f'"{value_at(message, sound.path)}"'.encode())
        if found and sound.pcm:
            self._edges.append((head + b'"', b'"' + tail))
        return Heard(sound.pcm, sound)
