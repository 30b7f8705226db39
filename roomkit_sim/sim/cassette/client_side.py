"""Holds what a client sends against what the recorded client sent. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from roomkit_sim.sim.cassette.canonical import address, canonical
from roomkit_sim.sim.cassette.hearing import Heard, MessageReader
from roomkit_sim.sim.cassette.ids import IdMap
from roomkit_sim.sim.cassette.microphone import Matching, MicrophoneMatcher
from roomkit_sim.sim.cassette.model import Close, Frame, Opaque, Plain, RecordedConnection, Sound
from roomkit_sim.sim.cassette.script import ClientStep, client_steps
from roomkit_sim.sim.cassette.scrubbing import Scrubber, clean_bytes
from roomkit_sim.sim.cassette.tolerance import with_tolerance
from roomkit_sim.sim.trace.events import Json

__all__ = ["AsRecorded", "Audio", "ClientSide", "Deviation", "Verdict", "other_address"]


@dataclass(frozen=True, slots=True)
class AsRecorded:
    """It is the next thing that the recorded client sent."""


@dataclass(frozen=True, slots=True)
class Audio:
    """It is so many bytes of audio."""

    size: int


@dataclass(frozen=True, slots=True)
class Deviation:
    """It is something else.

    Args:
        what: For people.
        recorded: What was to come, if anything.
        actual: What came.
        step: Where that stands in the recording.
    """

    what: str
    recorded: Json
    actual: Json
    step: ClientStep | None = None


Verdict: TypeAlias = AsRecorded | Audio | Deviation


def other_address(recorded: RecordedConnection, path: str) -> Deviation | None:
    """Whether the client dials another address than the recorded one; ``path`` is scrubbed.

    The recorded one may have been given up before it said what it wanted.
    """
    if not recorded.path:
        return None
    before, now = address(recorded.path), address(path)
    return None if before == now else Deviation("the client dialled another address", before, now)


class ClientSide:
    """The client's side of one connection.

    Args:
        recorded: The recorded connection.
        matching: How its audio is compared.
        scrubber: As the one that recorded.
        ids: Learns what the client calls what it makes up.
        is_tolerant: Whether it was recorded in real time, in which milliseconds are left to chance.
    """

    def __init__(
        self,
        recorded: RecordedConnection,
        matching: Matching,
        scrubber: Scrubber,
        ids: IdMap,
        *,
        is_tolerant: bool = False,
    ) -> None:
        self._is_tolerant = is_tolerant
        self.told = 0
        self.audio = bytearray()
        self._scrubber = scrubber
        self._ids = ids
        self._expected = client_steps(recorded)
        self._reader = MessageReader()
        self._form = _form_of_audio(recorded)
        track = recorded.tracks.get("sent")
        self._matcher = None if track is None else MicrophoneMatcher(track, matching)

    @property
    def next(self) -> ClientStep | None:
        """What the recorded client sent next."""
        return self._expected[self.told] if self.told < len(self._expected) else None

    @property
    def expects_close(self) -> bool:
        """Whether the recorded client closed the connection next."""
        return self.next is not None and isinstance(self.next.event, Close)

    def message(self, payload: bytes) -> Verdict:
        """A message came."""
        message = self._reader.read(payload)
        if isinstance(message, Heard):
            return self._heard(message)
        step = self.next
        actual: Json = repr(payload[:60]) if message is None else self._scrubber.frame("sent", message)
        if step is None or isinstance(step.event, Close):
            what = "the client sent a message where the recording has none"
            return self._deviation(what, step, actual)
        if not self._is_same(step.event, payload, actual):
            return self._deviation("the client sent another message than was recorded", step, actual)
        self.told += 1
        return AsRecorded()

    def closed(self, code: int) -> Verdict:
        """A close frame came. Its code is not compared."""
        step = self.next
        if step is not None and not isinstance(step.event, Close):
            return self._deviation("the client closed the connection before it had sent this", step, {"close": code})
        self.told += 1
        return AsRecorded()

    def _heard(self, heard: Heard) -> Verdict:
        if heard.first is not None and self._form is not None and canonical(heard.first.like) != self._form:
            return Deviation("the client sent audio in another form than was recorded", self._form, heard.first.like)
        self.audio += heard.pcm
        mismatch = None if self._matcher is None else self._matcher.feed(heard.pcm)
        if mismatch is None:
            return Audio(len(heard.pcm))
        place = f"{mismatch.at_ms / 1000:.1f} s into the audio of this connection"
        return Deviation(f"the caller is heard differently, {place}", mismatch.recorded, mismatch.actual)

    def _is_same(self, recorded: Frame, payload: bytes, actual: Json) -> bool:
        match recorded.body:
            case Plain(message):
                self._ids.learn(message, actual)
                expected = canonical(self._ids.replayed(message))
                return expected == self._canonical(expected, actual)
            case Opaque(data):
                return data == clean_bytes(self._scrubber, payload)
            case Sound():
                return False

    def _deviation(self, what: str, step: ClientStep | None, actual: Json) -> Deviation:
        recorded = None if step is None else canonical(self._ids.replayed(_as_json(step)))
        return Deviation(what, recorded, self._canonical(recorded, actual), step)

    def _canonical(self, recorded: Json, actual: Json) -> Json:
        message = canonical(actual)
        return with_tolerance(recorded, message) if self._is_tolerant else message


def _as_json(step: ClientStep) -> Json:
    match step.event:
        case Close(code=code):
            return {"close": code}
        case Frame(body=Plain(message)):
            return message
        case Frame(body=Opaque(data)):
            return repr(data[:60])
        case _:
            return None


def _form_of_audio(recorded: RecordedConnection) -> Json:
    """In which form the recorded client sent its audio."""
    for event in recorded.events:
        if isinstance(event, Frame) and event.way == "sent" and isinstance(event.body, Sound):
            return canonical(event.body.like)
    return None
