"""Messages out of the bytes of a connection, however they are cut."""

from __future__ import annotations

import zlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from roomkit_sim.sim.trace.websocket import Closing, Direction, Message, Upgrade

Item = Upgrade | Message | Closing

HEAD = b"GET /live HTTP/1.1\r\nHost: service.test\r\nX-Thing:  spaced \r\n\r\n"
ANSWER = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA


def frame(opcode: int, payload: bytes, *, final: bool = True, mask: bytes | None = None, rsv1: bool = False) -> bytes:
    """One frame of RFC 6455, with the shortest length field."""
    first = opcode | (0x80 if final else 0) | (0x40 if rsv1 else 0)
    masked = 0x80 if mask is not None else 0
    size = len(payload)
    if size < 126:
        head = bytes([first, masked | size])
    elif size < 1 << 16:
        head = bytes([first, masked | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([first, masked | 127]) + size.to_bytes(8, "big")
    if mask is None:
        return head + payload
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


def read(*pieces: bytes, direction: Direction | None = None) -> list[Item]:
    direction = direction or Direction()
    return [item for piece in pieces for item in direction.feed(piece)]


def message(payload: bytes) -> Message:
    return Message(payload, len(payload))


def test_the_head_gives_its_first_line_and_its_headers_in_lower_case() -> None:
    [head] = read(HEAD)
    assert head == Upgrade("GET /live HTTP/1.1", {"host": "service.test", "x-thing": "spaced"})
    assert isinstance(head, Upgrade)
    assert head.status is None


@pytest.mark.parametrize(("line", "status"), [("HTTP/1.1 101 OK", 101), ("HTTP/1.1 403", 403), ("HTTP/1.1 x", None)])
def test_the_status_of_an_answer(line: str, status: int | None) -> None:
    assert Upgrade(line, {}).status == status


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
@pytest.mark.parametrize("mask", [None, b"\x00\x00\x00\x00", b"\x01\x02\x03\xff"])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_messages_of_every_length_are_unmasked(size: int, mask: bytes | None, opcode: int) -> None:
    payload = bytes(index % 251 for index in range(size))
    assert read(ANSWER, frame(opcode, payload, mask=mask))[1:] == [message(payload)]


def test_a_message_in_fragments_is_one_message_also_with_a_ping_between_them() -> None:
    data = (
        frame(TEXT, b"one ", final=False)
        + frame(PING, b"?")
        + frame(0, b"two ", final=False)
        + frame(PONG, b"!")
        + frame(0, b"three")
    )
    assert read(ANSWER, data)[1:] == [message(b"one two three")]


def test_a_close_between_fragments_is_seen() -> None:
    data = frame(TEXT, b"one ", final=False) + frame(CLOSE, (1001).to_bytes(2, "big") + b"going away")
    assert read(ANSWER, data)[1:] == [Closing(1001, "going away")]


@pytest.mark.parametrize(
    ("payload", "closing"),
    [
        (b"", Closing(1005, "")),
        (b"\x03", Closing(1005, "")),
        (b"\x03\xe8", Closing(1000, "")),
        (b"\x03\xf0invalid handle", Closing(1008, "invalid handle")),
        (b"\x03\xe8\xff", Closing(1000, "\ufffd")),
    ],
)
def test_the_code_and_the_reason_of_a_close(payload: bytes, closing: Closing) -> None:
    assert read(ANSWER, frame(CLOSE, payload, mask=b"abcd"))[1:] == [closing]


CONVERSATION = (
    HEAD
    + frame(TEXT, b'{"setup":{}}', mask=b"\x11\x22\x33\x44")
    + frame(BINARY, bytes(300), mask=b"\x00\xff\x00\xff")
    + frame(PING, b"ping", mask=b"abcd")
    + frame(TEXT, b"frag", final=False, mask=b"efgh")
    + frame(0, b"ment", mask=b"ijkl")
    + frame(TEXT, bytes(70_000))
    + frame(CLOSE, b"\x03\xe8bye", mask=b"mnop")
)


def test_a_connection_that_is_split_at_any_byte_reads_the_same() -> None:
    whole = read(CONVERSATION)
    assert len(whole) == 6
    edge = 600
    places = [*range(1, edge), *range(len(CONVERSATION) - 30, len(CONVERSATION))]
    assert all(read(CONVERSATION[:at], CONVERSATION[at:]) == whole for at in places)


def test_a_connection_that_comes_byte_by_byte_reads_the_same() -> None:
    short = CONVERSATION[:500]
    assert read(*(short[at : at + 1] for at in range(len(short)))) == read(short)


fragments = st.lists(st.binary(max_size=300), min_size=1, max_size=4)
masks = st.none() | st.binary(min_size=4, max_size=4)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(fragments, masks, st.booleans()), max_size=6), st.data())
def test_any_messages_in_any_portions_come_out_whole_and_in_order(
    talk: list[tuple[list[bytes], bytes | None, bool]], data: st.DataObject
) -> None:
    wire, expected = bytearray(ANSWER), []
    for parts, mask, ping in talk:
        for number, part in enumerate(parts):
            wire += frame(0 if number else TEXT, part, final=number == len(parts) - 1, mask=mask)
            if ping:
                wire += frame(PING, b"x" * number)
        expected.append(message(b"".join(parts)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=8)))
    pieces = [bytes(wire[start:end]) for start, end in pairwise([0, *cuts, len(wire)])]
    assert read(*pieces)[1:] == expected


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=80), max_size=6), st.booleans(), st.booleans())
def test_no_bytes_disturb_the_listener(pieces: list[bytes], upgraded: bool, deflate: bool) -> None:
    direction = Direction()
    if deflate:
        direction.use_deflate(keep_context=True)
    items = read(*([ANSWER] if upgraded else []), *pieces, direction=direction)
    assert all(isinstance(item, Upgrade | Message | Closing) for item in items)


def test_what_is_no_websocket_is_given_up_and_not_kept() -> None:
    direction = Direction()
    assert read(b"x" * 100_000, HEAD, direction=direction) == []


@pytest.mark.parametrize("body", [b"(no such service)", b"hello", b"\x81\x05hello", b"\x88\x02\x03\xe8"])
def test_the_body_of_a_refused_upgrade_is_not_taken_for_frames(body: bytes) -> None:
    head = b"HTTP/1.1 404 Not Found\r\nContent-Length: 99\r\n\r\n"
    [refusal] = read(head + body, body * 40)
    assert isinstance(refusal, Upgrade)
    assert refusal.status == 404


def deflated(payload: bytes, compressor: zlib._Compress) -> bytes:
    data = compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH)
    return frame(TEXT, data[:-4], rsv1=True)


@pytest.mark.parametrize("keep_context", [True, False])
def test_compressed_messages_are_inflated(keep_context: bool) -> None:
    direction, compressor = Direction(), zlib.compressobj(wbits=-15)
    direction.use_deflate(keep_context=keep_context)
    payloads = [b"again and again and again", b"again and again and again", b""]
    wire = bytearray(ANSWER)
    for payload in payloads:
        wire += deflated(payload, compressor if keep_context else zlib.compressobj(wbits=-15))
    wire += frame(TEXT, b"plain")
    found = [item.payload for item in read(bytes(wire), direction=direction) if isinstance(item, Message)]
    assert found == [*payloads, b"plain"]


def test_what_cannot_be_inflated_is_given_up_quietly() -> None:
    direction = Direction()
    direction.use_deflate(keep_context=True)
    assert read(ANSWER + frame(TEXT, b"\xff\xff\xff", rsv1=True), direction=direction)[1:] == [Message(b"", 3)]
    assert read(frame(TEXT, b"more"), direction=direction) == []


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=400), max_size=6), st.booleans())
def test_what_the_websockets_library_writes_is_read(texts: list[str], compression: bool) -> None:
    client_extensions = [ClientPerMessageDeflateFactory()] if compression else None
    server_extensions = [ServerPerMessageDeflateFactory()] if compression else None
    client = ClientProtocol(parse_uri("ws://service.test/live"), extensions=client_extensions)
    server = ServerProtocol(extensions=server_extensions)
    client.send_request(client.connect())
    to_server = b"".join(client.data_to_send())
    server.receive_data(to_server)
    [request] = server.events_received()
    assert isinstance(request, Request)
    server.send_response(server.accept(request))
    to_client = b"".join(server.data_to_send())
    client.receive_data(to_client)
    up, down = Direction(), Direction()
    assert [type(item) for item in read(to_server, direction=up)] == [Upgrade]
    [answer] = read(to_client, direction=down)
    assert isinstance(answer, Upgrade)
    assert ("sec-websocket-extensions" in answer.headers) is compression
    if compression:
        up.use_deflate(keep_context=True)
        down.use_deflate(keep_context=True)
    for text in texts:
        client.send_text(text.encode())
        server.send_text(text.encode())
    for ours, direction in ((client, up), (server, down)):
        found = read(b"".join(ours.data_to_send()), direction=direction)
        assert [item.payload.decode() for item in found if isinstance(item, Message)] == texts
