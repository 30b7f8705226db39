"""Two hundred secrets of twelve kinds go through a call by every way there is. None is in a file afterwards."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from roomkit_sim.errors import CassetteError
from roomkit_sim.sim.cassette.library import Library
from roomkit_sim.sim.cassette.model import Cassette
from roomkit_sim.sim.cassette.rules import Rules
from roomkit_sim.sim.cassette.scanning import scan_files
from roomkit_sim.sim.cassette.scrubbing import SecretScrubber
from roomkit_sim.sim.cassette.text import render
from roomkit_sim.sim.world.world import World
from tests.sim.cassette.exchange import dial, record, replay
from tests.sim.cassette.planted import MAKERS, Planted, Unscrubbed, planted

ALL = planted()
RULES = Rules(values=tuple(one.value for one in ALL if one.kind == "configured"))

Way = Callable[[Planted], Any]


def _nested(one: Planted) -> str:
    return json.dumps({"result": json.dumps({"found": [one.said]})})


MESSAGES: dict[str, Way] = {
    "a value": lambda one: {"type": "a", "item": {"text": one.said}},
    "the middle of a text": lambda one: {"type": "b", "item": {"text": f"It is {one.said}, as I said."}},
    "a key": lambda one: {"type": "c", "metadata": {one.said: 1}},
    "a list": lambda one: {"type": "d", "items": [["x", [one.said]]]},
    "arguments of a tool": lambda one: {"toolCall": {"functionCalls": [{"name": "f", "args": {"what": one.said}}]}},
    "arguments as text": lambda one: {"type": "g", "arguments": json.dumps({"what": {"it": one.said}})},
    "the result of a tool": lambda one: {"item": {"type": "function_call_output", "output": _nested(one)}},
    "a named field": lambda one: {"session": {"client_secret": {"value": one.value}, "api_key": one.value}},
    "base64": lambda one: {"blob": base64.b64encode(f"it is {one.said}".encode()).decode()},
    "base64 for URLs": lambda one: {"blob": base64.urlsafe_b64encode(one.said.encode()).decode().rstrip("=")},
    "percent signs": lambda one: {"link": f"https://a.test/?q={quote(one.said, safe='')}"},
    "hexadecimal": lambda one: {"blob": one.said.encode().hex()},
    "a URL": lambda one: {"link": f"https://a.test/{quote(one.said)}?token={quote(one.value)}"},
}


def pieces(text: str) -> list[dict[str, Any]]:
    """A text in pieces of three characters, as OpenAI and as Gemini send them."""
    cut = [text[at : at + 3] for at in range(0, len(text), 3)]
    openai = [{"type": "response.output_audio_transcript.delta", "item_id": "i", "delta": piece} for piece in cut]
    gemini = [{"serverContent": {"inputTranscription": {"text": piece}}} for piece in cut]
    arguments = json.dumps({"what": text})
    cut = [arguments[at : at + 4] for at in range(0, len(arguments), 4)]
    calls = [{"type": "response.function_call_arguments.delta", "call_id": "c", "delta": piece} for piece in cut]
    return [*openai, *gemini, *calls, {"serverContent": {"turnComplete": True}}]


def messages_of(one: Planted) -> list[Any]:
    known = [{"sessionResumptionUpdate": {"newHandle": one.value}}] if one.kind == "handle" else []
    told = [
        message(one)
        for way, message in MESSAGES.items()
        # Nothing in the bytes tells that these are secret but a name or a value that was seen before.
        if one.kind != "handle" or way != "a key"
    ]
    return [*known, *told, *([] if one.kind == "handle" else pieces(f"Well, {one.said} it is. "))]


def call_with(secrets: list[Planted]) -> tuple[Any, Any]:
    """A connection for each."""

    async def service(socket: Any) -> None:
        one = secrets[int(socket.request.path.split("/")[1])]
        for message in messages_of(one):
            await socket.send(json.dumps(message))
        if one.kind != "handle":
            await socket.send(f"no JSON: {one.said}")
            await socket.send(b"\xff\xfe\x00 " + one.said.encode() + b" \x00\xff")
        for _ in MESSAGES:
            await socket.recv()
        await socket.close(4000, one.said[:100] if one.kind != "handle" else "")

    async def client(world: World) -> None:
        for at, one in enumerate(secrets):
            asked = quote(one.said, safe="") if one.kind != "handle" else "x"
            path = f"/{at}/live/{asked}?what={asked}&key={quote(one.value, safe='')}"
            async with dial(path, user_agent_header=f"app ({one.said})") as socket:
                for _ in range(len(messages_of(one)) + (2 if one.kind != "handle" else 0)):
                    await socket.recv()
                for message in MESSAGES.values():
                    await socket.send(json.dumps(message(one)))
                await socket.wait_closed()

    return service, client


def of_kind(kind: str) -> list[Planted]:
    return [one for one in ALL if one.kind == kind]


@pytest.fixture(scope="module")
def cassettes() -> dict[str, Cassette]:
    made = {}
    for kind in MAKERS:
        service, client = call_with(of_kind(kind))
        _, made[kind] = record(service, client, scrubber=SecretScrubber(RULES))
    return made


def test_there_are_two_hundred_of_twelve_kinds() -> None:
    assert len({one.value for one in ALL}) == 200
    assert len({one.kind for one in ALL}) == len(MAKERS) == 12


def survivors(kind: str, data: bytes) -> list[bytes]:
    return [form for one in of_kind(kind) for form in one.forms() if form in data]


@pytest.mark.parametrize("kind", MAKERS)
def test_no_planted_secret_is_in_a_file(cassettes: dict[str, Cassette], kind: str, tmp_path: Path) -> None:
    Library(tmp_path).save("test", kind, cassettes[kind])
    data = b"".join(path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file())
    assert len(data) > 10_000
    assert survivors(kind, data) == []


@pytest.mark.parametrize("kind", ["phone", "google-key", "configured"])
def test_each_would_be_there_without_a_scrubber(kind: str, tmp_path: Path) -> None:
    service, client = call_with(of_kind(kind))
    _, cassette = record(service, client, scrubber=Unscrubbed())
    data = render(cassette).encode()
    assert all(one.value.encode() in data or json.dumps(one.value)[1:-1].encode() in data for one in of_kind(kind))
    with pytest.raises(CassetteError, match="is not written, because secrets or persons would be in it"):
        Library(tmp_path).save("test", kind, cassette)
    assert not list(tmp_path.rglob("*.jsonl"))


@pytest.mark.parametrize("kind", MAKERS)
def test_a_call_with_secrets_is_replayed_with_the_secrets_of_the_client(
    cassettes: dict[str, Cassette], kind: str
) -> None:
    _, client = call_with(of_kind(kind))
    _, server = replay(cassettes[kind], client, scrubber=SecretScrubber(RULES))
    server.finish()


@pytest.mark.parametrize("kind", MAKERS)
def test_the_scanner_names_the_line_and_never_the_secret(kind: str, tmp_path: Path) -> None:
    lines = [json.dumps(message) for one in of_kind(kind) for message in messages_of(one)[:6]]
    (tmp_path / "raw.jsonl").write_text("\n".join(lines))
    leaks = list(scan_files([tmp_path], lambda folder: RULES))
    found = {leak.line for leak in leaks}
    # A handle is known by its field alone.
    assert found == {line for line in range(1, len(lines) + 1) if kind != "handle" or line % 6 == 1}
    assert survivors(kind, "\n".join(map(str, leaks)).encode()) == []
