"""HTTP cassettes: record modes, scrubbing, the times of a stream's pieces, and names as pytest-recording has them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from roomkit_sim.errors import CassetteError
from roomkit_sim.sim.cassette.rules import Rules
from roomkit_sim.sim.cassette.scrubbing import SecretScrubber
from roomkit_sim.sim.world.world import World
from roomkit_sim.testing.http_cassette import TIMING_HEADER, HttpCassette, http_cassette
from roomkit_sim.testing.http_scrubbing import clean_body, moved, plain_body
from tests.sim.cassette.planted import MAKERS, planted

RULES = Rules(values=tuple(one.value for one in planted(200) if one.kind == "configured"))
Answer = Callable[[bytes], list[bytes]]


@asynccontextmanager
async def serving(answer: Answer, header: str = "content-type: text/event-stream") -> AsyncIterator[str]:
    """A server that sends its answer in pieces, and the address of it."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")), 0)
        body = await reader.readexactly(length)
        writer.write(f"HTTP/1.1 200 OK\r\n{header}\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n".encode())
        for piece in answer(body):
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def ask(cassette: HttpCassette, url: str, **message: Any) -> list[bytes]:
    transport = cassette.transport()
    async with httpx2.AsyncClient(transport=transport) as http, http.stream("POST", url, json=message) as reply:
        return [piece async for piece in reply.aiter_raw()]


def event(**message: Any) -> bytes:
    return f"data: {json.dumps(message)}\n\n".encode()


def said(*pieces: str) -> list[bytes]:
    return [event(choices=[{"delta": {"content": piece}}]) for piece in pieces]


def recorded(path: Path, answer: Answer, mode: Any = "all", **message: Any) -> None:
    async def main() -> None:
        async with serving(answer) as url:
            with http_cassette(path, mode=mode) as cassette:
                await ask(cassette, f"{url}/v1/chat", **message)

    asyncio.run(main())


def timing_of(path: Path) -> list[list[float]]:
    [interaction] = yaml.safe_load(path.read_text())["interactions"]
    pieces = json.loads(interaction["response"]["headers"][TIMING_HEADER][0])["pieces"]
    assert isinstance(pieces, list)
    return pieces


def play(path: Path, how: Callable[[HttpCassette], Awaitable[Any]]) -> tuple[Any, float]:
    world = World(seed=0)

    async def main() -> Any:
        with http_cassette(path) as cassette:
            return await how(cassette)

    return world.run(main), world.now_ns / 1e6


def test_a_secret_split_over_the_events_of_a_stream_is_taken_out_and_the_pieces_keep_their_times(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.yaml"
    recorded(path, lambda body: said("ring 0170 ", "234 5678", " now"))
    assert "234" not in path.read_text()
    # The pieces are put at times that no machine has by chance.
    timing = timing_of(path)
    times = [100.0 * number for number in range(1, len(timing) + 1)]
    text = path.read_text()
    made = json.dumps({"head_ms": 50.0, "pieces": [[at, size] for at, (_, size) in zip(times, timing, strict=True)]})
    values = yaml.safe_load(text)
    values["interactions"][0]["response"]["headers"][TIMING_HEADER] = [made]
    path.write_text(yaml.safe_dump(values))

    async def timed(cassette: HttpCassette) -> list[tuple[float, bytes]]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        url, transport = "https://api.test/v1/chat", cassette.transport()
        async with httpx2.AsyncClient(transport=transport) as http, http.stream("POST", url, json={}) as reply:
            return [(round((loop.time() - began) * 1000, 3), piece) async for piece in reply.aiter_raw()]

    pieces, took_ms = play(path, timed)
    assert b"".join(piece for _, piece in pieces) == b"".join(said("ring <phone-1>", "", " now"))
    assert [at for at, _ in pieces] == times
    assert took_ms == times[-1]


@pytest.mark.parametrize("kind", MAKERS)
async def test_no_planted_secret_is_in_an_http_cassette(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    secrets = [one for one in planted(200) if one.kind == kind]

    def answer(body: bytes) -> list[bytes]:
        one = next(one for one in secrets if json.dumps(one.said)[1:-1].encode() in body or kind == "handle")
        return [
            *([] if kind == "handle" else said(*(one.said[at : at + 4] for at in range(0, len(one.said), 4)))),
            event(choices=[{"message": {"content": f"It is {one.said}."}}], token=one.value, handle=one.value),
        ]

    async with serving(answer) as url:
        with http_cassette(path, mode="all", rules=RULES) as cassette:
            for one in secrets:
                await ask(cassette, f"{url}/v1/chat?key={one.value[:8]}", handle=one.value, text=f"so: {one.said}")
    data = path.read_bytes()
    assert [form for one in secrets for form in one.forms() if form in data] == []
    with http_cassette(path, rules=RULES) as cassette:
        for one in secrets:
            await ask(cassette, "https://api.test/v1/chat?key=other", handle=one.value, text=f"so: {one.said}")
        assert cassette.all_played


def test_once_records_what_is_not_there_and_plays_it_after_that(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    recorded(path, lambda body: said("first"), "once")
    recorded(path, lambda body: said("second"), "once")
    pieces, _ = play(path, lambda cassette: ask(cassette, "https://api.test/v1/chat"))
    assert b"".join(pieces) == b"".join(said("first"))


def test_new_episodes_adds_what_is_not_in_it(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    recorded(path, lambda body: said("one"), "new_episodes", ask=1)
    recorded(path, lambda body: said("two"), "new_episodes", ask=2)
    recorded(path, lambda body: said("never"), "new_episodes", ask=1)
    assert len(yaml.safe_load(path.read_text())["interactions"]) == 2
    assert b"one" in b"".join(play(path, lambda cassette: ask(cassette, "https://api.test/v1/chat", ask=1))[0])


def test_a_recording_that_fails_leaves_the_previous_one(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    recorded(path, lambda body: said("first"))
    before = path.read_text()

    def fails(body: bytes) -> list[bytes]:
        raise ZeroDivisionError

    with pytest.raises(httpx2.RemoteProtocolError):
        recorded(path, fails)
    assert path.read_text() == before
    assert [file.name for file in sorted(tmp_path.iterdir())] == ["a.yaml"]


def test_what_is_not_recorded_cannot_be_played(tmp_path: Path) -> None:
    with pytest.raises(CassetteError, match="there is no such cassette"), http_cassette(tmp_path / "a.yaml"):
        pass


def test_sizes_of_pieces_follow_the_text(tmp_path: Path) -> None:
    scrubber = SecretScrubber()
    events = said("a", "mail jane@example.com please", "Grüße", "b")
    body = b"".join(events)
    clean, places = clean_body(scrubber, body)
    sizes = [len(piece) for piece in events]
    assert [len(piece) for piece in said("a", "mail <email-1> please", "Grüße", "b")] == moved(sizes, places)
    # Pieces that end inside of what was replaced.
    halves = [5, len(events[0]) + 30 - 5, len(body) - len(events[0]) - 30]
    assert sum(moved(halves, places)) == len(clean)
    assert all(size >= 0 for size in moved(halves, places))
    assert clean_body(scrubber, clean)[0] == clean


def test_a_body_that_is_compressed_is_looked_into_or_refused() -> None:
    import gzip

    assert plain_body(gzip.compress(b"text"), "gzip") == b"text"
    with pytest.raises(CassetteError, match="cannot be scrubbed"):
        plain_body(b"text", "br")
    with pytest.raises(CassetteError, match="is said to be gzip"):
        plain_body(b"text", "gzip")


def test_cassettes_are_named_as_pytest_recording_names_them(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
    pytester.makeconftest('pytest_plugins = ["roomkit_sim.testing.http_recording"]')
    pytester.makepyfile(
        test_calls="""
        import pytest
        from roomkit_sim.testing.http_recording import tape_path

        @pytest.mark.parametrize("x", ["a/b"])
        def test_one(request, x):
            assert tape_path(request.node).as_posix().endswith("/cassettes/test_calls/test_one[a-b].yaml")

        class TestMore:
            def test_two(self, request):
                assert tape_path(request.node).name == "TestMore.test_two.yaml"

        @pytest.mark.default_cassette("other.yaml")
        def test_three(request):
            assert tape_path(request.node).name == "other.yaml"

        def test_four(http_tape):
            pass
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:randomly")
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(["*there is no such cassette*"])
