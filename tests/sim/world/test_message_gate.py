from __future__ import annotations

import pytest

from roomkit_sim.sim.trace.websocket import Closing, Direction, Message
from roomkit_sim.sim.world.message_gate import Alteration, MessageGate, close_message

HEAD = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"


def frame(payload: bytes, opcode: int = 1, final: bool = True) -> bytes:
    first = (0x80 if final else 0) | opcode
    size = len(payload)
    length = bytes([size]) if size < 126 else bytes([126]) + size.to_bytes(2, "big")
    return bytes([first]) + length + payload


def passed(gate: MessageGate, *portions: bytes) -> list[bytes | str]:
    """What a client would read, payloads of messages and names of closings."""
    direction = Direction()
    read: list[bytes | str] = []
    for portion in (HEAD, *portions):
        for item in direction.feed(gate.feed(portion)):
            if isinstance(item, Message):
                read.append(item.payload)
            elif isinstance(item, Closing):
                read.append(f"close {item.code} {item.reason}")
    return read


def altered(alteration: Alteration) -> list[bytes | str]:
    gate = MessageGate()
    gate.alter_next(alteration)
    return passed(gate, frame(b"one") + frame(b"two"), frame(b"three"))


@pytest.mark.parametrize("size", [1, 3, 7, 10_000])
def test_bytes_pass_unchanged_whatever_portions_they_come_in(size: int) -> None:
    stream = HEAD + frame(b"a") + frame(b"b" * 300) + frame(b"", 9) + frame(b"c")
    gate = MessageGate()
    assert b"".join(gate.feed(stream[at : at + size]) for at in range(0, len(stream), size)) == stream


def test_a_dropped_message_is_missing() -> None:
    assert altered("drop") == [b"two", b"three"]


def test_a_doubled_message_comes_twice() -> None:
    assert altered("duplicate") == [b"one", b"one", b"two", b"three"]


def test_a_swapped_message_comes_after_the_next() -> None:
    assert altered("reorder") == [b"two", b"one", b"three"]


def test_a_message_that_waits_for_the_next_comes_before_the_close() -> None:
    gate = MessageGate()
    gate.alter_next("reorder")
    assert passed(gate, frame(b"one"), close_message(1000, "bye")) == [b"one", "close 1000 bye"]


def test_damaged_messages_are_no_json_or_half_of_it() -> None:
    assert altered("no_json")[0] == b"service temporarily unavailable"
    assert altered("truncated")[0] == b"o"


def test_a_bad_frame_has_an_opcode_that_nobody_knows() -> None:
    gate = MessageGate()
    gate.alter_next("bad_frame")
    assert gate.feed(HEAD + frame(b"one"))[len(HEAD)] & 0x0F == 0x3


def test_messages_in_several_frames_are_altered_as_one_and_control_frames_pass_between() -> None:
    gate = MessageGate()
    gate.alter_next("drop")
    assert gate.feed(HEAD + frame(b"on", final=False) + frame(b"", 9) + frame(b"e", 0)) == HEAD + frame(b"", 9)
    assert gate.feed(frame(b"two")) == frame(b"two")


def test_whoever_counts_is_asked_before_a_message_passes_and_may_alter_it() -> None:
    seen: list[tuple[int, bytes]] = []

    def arriving(number: int, payload: bytes) -> None:
        seen.append((number, payload))
        if number == 2:
            gate.alter_next("drop", lambda: seen.append((0, b"happened")))

    gate = MessageGate(arriving)
    assert passed(gate, frame(b"one") + frame(b"two") + frame(b"three")) == [b"one", b"three"]
    assert seen == [(1, b"one"), (2, b"two"), (0, b"happened"), (3, b"three")]


def test_after_a_close_nothing_of_the_server_passes() -> None:
    gate = MessageGate()
    gate.feed(HEAD)
    assert gate.close(1011, "broken") == close_message(1011, "broken")
    assert gate.feed(frame(b"one")) == b""


def test_a_refused_upgrade_passes_as_it_is() -> None:
    refusal = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3\r\n\r\nno\n"
    assert MessageGate().feed(refusal) == refusal
