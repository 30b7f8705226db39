"""The causal order of a recorded connection: what the server does, and what it waits for before. Pure.

A recording tells what the client had sent before each thing that the server did. In a replay the server does it when
the client has sent all of that again, and as much later as it was then: after the client's last message by as much as
in the recording, and after its last audio by as much, whichever comes later. What the client itself does at another
time shifts all that follows from it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from roomkit_sim.sim.cassette.model import Close, Event, Frame, Loss, RecordedConnection, Sound
from roomkit_sim.sim.cassette.mutation import Mutation
from roomkit_sim.sim.cassette.pace import LATE_NS, Pace

__all__ = ["ClientStep", "Script", "ServerStep", "client_steps", "mutated", "server_steps"]

NO_CLOSE_FRAME = 1006
_MS = 1_000_000
_NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class ServerStep:
    """Something that the server does.

    Args:
        event: What.
        number: Which frame of the server on this connection it is, from 1, audio included; 0 for an end.
        messages: How many messages of the client came before it.
        since_message_ns: How long before it the last of them left; the opening counts as one.
        audio_bytes: How much of the client's audio left before it.
        since_audio_ns: How long before it the last of that left.
        extra_ns: How much later it is to come than it did.
        truncated: Whether only half of its text is to come.
    """

    event: Event
    number: int
    messages: int
    since_message_ns: int
    audio_bytes: int
    since_audio_ns: int
    extra_ns: int = 0
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class ClientStep:
    """A message or the close frame of the client, its audio left out.

    Args:
        event: What.
        number: Which message of the client it is, from 1, audio left out.
    """

    event: Frame | Close
    number: int


def client_steps(connection: RecordedConnection) -> list[ClientStep]:
    """What the client has to do, in order."""
    told = [event for event in connection.events if _is_message(event)]
    return [ClientStep(event, number) for number, event in enumerate(told, 1) if isinstance(event, Frame | Close)]


def server_steps(connection: RecordedConnection) -> list[ServerStep]:
    """What the server does, in order."""
    steps: list[ServerStep] = []
    messages, message_ns, number = 0, connection.opened_ns, 0
    audio, earlier_audio = _Heard(), _Heard()
    for event in connection.events:
        if _is_audio(event):
            assert isinstance(event, Frame)
            assert isinstance(event.body, Sound)
            if event.t_ns > audio.t_ns:
                earlier_audio = audio
            audio = _Heard(audio.size + event.body.size, event.t_ns)
        elif _is_message(event):
            messages, message_ns = messages + 1, event.t_ns
        elif not (isinstance(event, Loss) and event.by == "client"):
            number += isinstance(event, Frame)
            # Audio of the same instant is no cause: nothing answers it within no time.
            heard = earlier_audio if audio.t_ns == event.t_ns else audio
            numbered = number if isinstance(event, Frame) else 0
            since_audio_ns = event.t_ns - heard.t_ns
            steps.append(ServerStep(event, numbered, messages, event.t_ns - message_ns, heard.size, since_audio_ns))
    return steps


@dataclass(frozen=True, slots=True)
class _Heard:
    """So much of the client's audio, the last of it at this time."""

    size: int = 0
    t_ns: int = -1


def _is_audio(event: Event) -> bool:
    return isinstance(event, Frame) and event.way == "sent" and isinstance(event.body, Sound)


def _is_message(event: Event) -> bool:
    return isinstance(event, Frame | Close) and event.way == "sent" and not _is_audio(event)


def mutated(steps: Sequence[ServerStep], mutations: Iterable[Mutation]) -> list[ServerStep]:
    """The steps with changes; those at frames that there are not change nothing."""
    result = list(steps)
    for mutation in mutations:
        at = next((index for index, step in enumerate(result) if step.number == mutation.frame), None)
        if at is not None:
            result[at:] = _changed(result[at:], mutation)
    return result


def _changed(steps: list[ServerStep], mutation: Mutation) -> list[ServerStep]:
    step, rest = steps[0], steps[1:]
    match mutation.do:
        case "drop":
            return rest
        case "repeat":
            return [step, *steps]
        case "truncate":
            return [replace(step, truncated=True), *rest]
        case "delay":
            return [replace(step, extra_ns=step.extra_ns + round(mutation.delay_ms * _MS)), *rest]
        case "reorder":
            if not rest or not rest[0].number:
                return steps
            later = rest[0]
            first = replace(step, event=later.event, number=later.number)
            return [first, replace(later, event=step.event, number=step.number), *rest[1:]]
        case "close":
            return _closed(step, mutation)


def _closed(step: ServerStep, mutation: Mutation) -> list[ServerStep]:
    t_ns = step.event.t_ns
    if mutation.code == NO_CLOSE_FRAME:
        return [replace(step, event=Loss(t_ns, "server", None), number=0)]
    close = replace(step, event=Close("received", t_ns, mutation.code, mutation.reason), number=0)
    # The client answers with a close frame of its own; then the server ends TCP.
    gone = replace(step, event=Loss(t_ns, "server", None), number=0, messages=step.messages + 1, since_message_ns=0)
    return [close, gone]


class Script:
    """A connection while it is replayed.

    Args:
        steps: What the server does.
        scale: Multiplies all times of the recording; 0.5 is twice as fast.
        waits_for_audio: Whether the client's audio counts as a cause.
        pace: The moments of the recording, where the replay is held to these.
        audio_rate: Bytes of the client's audio in a second.
    """

    def __init__(
        self,
        steps: Sequence[ServerStep],
        *,
        scale: float = 1.0,
        waits_for_audio: bool = True,
        pace: Pace | None = None,
        audio_rate: int = 0,
    ) -> None:
        self._pace = pace
        self._ahead_bytes = round(audio_rate * LATE_NS / _NS_PER_S)
        self._steps = steps
        self._scale = scale
        self._waits_for_audio = waits_for_audio
        self._next = 0
        self._messages_ns: list[int] = []
        # How much audio had arrived, and when.
        self._heard_bytes: list[int] = []
        self._heard_ns: list[int] = []
        self._last_ns = 0

    @property
    def left(self) -> Sequence[ServerStep]:
        """What the server has not done yet."""
        return self._steps[self._next :]

    @property
    def is_open(self) -> bool:
        """Whether the handshake is done."""
        return bool(self._messages_ns)

    def opened(self, now_ns: int) -> None:
        """The handshake is done."""
        self._messages_ns.append(now_ns)
        self.heard(0, now_ns)

    def told(self, now_ns: int) -> None:
        """The client's next message came, as recorded."""
        self._messages_ns.append(now_ns)

    def skip_before(self, messages: int) -> list[ServerStep]:
        """Leave out what the server did before the client had sent so many messages; gives what was left out."""
        begin = self._next
        while self._next < len(self._steps) and self._steps[self._next].messages < messages:
            self._next += 1
        return list(self._steps[begin : self._next])

    def deafen(self) -> None:
        """The client says nothing more: do not wait for sound."""
        self._waits_for_audio = False

    def heard(self, size: int, now_ns: int) -> None:
        """So many bytes of the client's audio came."""
        self._heard_bytes.append(size + (self._heard_bytes[-1] if self._heard_bytes else 0))
        self._heard_ns.append(now_ns)

    def _audio_ns(self, size: int) -> int | None:
        """When so much audio had arrived; nothing while it has not."""
        place = bisect_left(self._heard_bytes, size)
        return self._heard_ns[place] if place < len(self._heard_ns) else None

    def due_ns(self) -> int | None:
        """When the next step is to be done; nothing while the client has to do something before, or at the end."""
        if self._next == len(self._steps):
            return None
        step = self._steps[self._next]
        if step.messages >= len(self._messages_ns):
            return None
        due = self._caused_ns(step, 0)
        likely = due if due is not None or self._pace is None else self._caused_ns(step, self._ahead_bytes)
        if self._pace is not None and likely is not None:
            held = self._pace.held(likely, step.event.t_ns)
            due = due if held is None else max(held, self._messages_ns[step.messages])
        return None if due is None else max(due + step.extra_ns, self._last_ns)

    def _caused_ns(self, step: ServerStep, ahead: int) -> int | None:
        """When a step is due by its causes; nothing while there is less audio, but for so many bytes that will come."""
        due = self._messages_ns[step.messages] + self._scaled(step.since_message_ns)
        if not self._waits_for_audio or not step.audio_bytes:
            return due
        heard_ns = self._audio_ns(step.audio_bytes - min(ahead, step.audio_bytes))
        if heard_ns is None:
            return None
        return max(due, heard_ns + (LATE_NS if ahead else 0) + self._scaled(step.since_audio_ns))

    def take(self, now_ns: int) -> ServerStep:
        """The next step is done now."""
        step = self._steps[self._next]
        self._next += 1
        self._last_ns = now_ns
        return step

    def _scaled(self, ns: int) -> int:
        return round(ns * self._scale)
