"""Recorded HTTP conversations through the real SDKs, played in virtual time as they were spoken."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from roomkit_sim.providers.ai.base import AIContext, AIMessage, AIProvider
from roomkit_sim.sim.servers.http_models import HttpModelServer, ModelAnswer
from roomkit_sim.sim.world.world import World
from roomkit_sim.testing.http_cassette import TIMING_HEADER, http_cassette
from tests.providers.conftest import KEY, on_loopback, script
from tests.providers.recordings import CASSETTES, RECORDINGS, WORDS, record, timed_stream, with_provider


def cassette_of(api: str, name: str) -> Path:
    return CASSETTES / f"{api}_{name}.yaml"


def interactions(path: Path) -> list[dict[str, Any]]:
    found = yaml.safe_load(path.read_text())["interactions"]
    assert isinstance(found, list)
    return found


def timing(interaction: dict[str, Any]) -> dict[str, Any]:
    [text] = interaction["response"]["headers"][TIMING_HEADER]
    found = json.loads(text)
    assert isinstance(found, dict)
    return found


def last_ms(interaction: dict[str, Any]) -> float:
    return float(timing(interaction)["pieces"][-1][0])


def play(api: str, name: str, how: Callable[[AIProvider], Any] | None = None) -> tuple[Any, float]:
    """What the application got, and the virtual milliseconds that it took."""
    world = World(seed=1)

    async def main() -> Any:
        with http_cassette(cassette_of(api, name)) as cassette:
            result = await with_provider(api, cassette, how or RECORDINGS[name].play)
            assert cassette.all_played or how is not None
            return result

    return world.run(main), world.now_ns / 1_000_000


def test_an_answer_that_took_800_ms_takes_them_again(api: str) -> None:
    answer, took_ms = play(api, "words")
    [interaction] = interactions(cassette_of(api, "words"))
    assert answer.content == "".join(WORDS)
    assert took_ms == pytest.approx(last_ms(interaction), abs=0.001)
    assert 800 <= took_ms < 1600


def test_pieces_of_a_stream_come_when_they_came(api: str) -> None:
    pieces, _ = play(api, "stream")
    [interaction] = interactions(cassette_of(api, "stream"))
    recorded = timing(interaction)["pieces"]
    # OpenAI's API begins with a piece that names the role and ends with two that hold no words.
    words = recorded if api == "gemini" else recorded[1:-2]
    assert [text for _, text in pieces] == list(WORDS)
    assert [when for when, _ in pieces] == pytest.approx([when for when, _ in words], abs=0.001)
    gaps = [later - earlier for (earlier, _), (later, _) in itertools.pairwise(pieces)]
    assert all(gap > 100 for gap in gaps)


def test_recorded_pieces_are_those_of_the_body(api: str) -> None:
    [interaction] = interactions(cassette_of(api, "stream"))
    body = interaction["response"]["body"]["string"].encode()
    sizes = [int(size) for _, size in timing(interaction)["pieces"]]
    assert sum(sizes) == len(body)
    ends = [sum(sizes[: place + 1]) for place in range(len(sizes))]
    assert all(body[:end].endswith(b"\n\n") for end in ends)


def test_a_round_of_tools_is_played(api: str) -> None:
    (calls, answer), took_ms = play(api, "tools")
    assert [call.arguments["city"] for call in calls] == ["Rome", "Oslo"]
    assert len({call.id for call in calls}) == 2
    assert answer.content == "".join(WORDS)
    assert took_ms == pytest.approx(sum(map(last_ms, interactions(cassette_of(api, "tools")))), abs=0.001)


def test_a_refusal_and_the_pause_that_it_asks_for_are_played(api: str) -> None:
    answer, took_ms = play(api, "busy")
    recorded = interactions(cassette_of(api, "busy"))
    assert answer.content == "".join(WORDS)
    assert [one["response"]["status"]["code"] for one in recorded] == [429, 200]
    assert took_ms == pytest.approx(sum(map(last_ms, recorded)) + 60, abs=0.001)


def test_playing_twice_is_the_same_to_the_nanosecond(api: str) -> None:
    assert play(api, "stream") == play(api, "stream")


def test_a_request_that_was_not_recorded_is_named_and_nothing_is_sent(api: str) -> None:
    async def ask_otherwise(provider: AIProvider) -> None:
        await provider.generate(AIContext(messages=[AIMessage(role="user", content="something else")]))

    # The simulated world refuses real sockets and has no hosts: anything sent would fail in another way.
    with pytest.raises(AssertionError, match="a request is not in the cassette"):
        play(api, "words", ask_otherwise)


def test_a_recorded_answer_is_given_once(api: str) -> None:
    async def ask_twice(provider: AIProvider) -> None:
        await RECORDINGS["words"].play(provider)
        await RECORDINGS["words"].play(provider)

    with pytest.raises(AssertionError, match="a request is not in the cassette"):
        play(api, "words", ask_twice)


@pytest.mark.parametrize("name", RECORDINGS)
async def test_cassettes_are_what_the_server_and_the_sdks_say_today(api: str, name: str, tmp_path: Path) -> None:
    await record(api, name, tmp_path, delays=False)
    old, new = interactions(cassette_of(api, name)), interactions(tmp_path / f"{api}_{name}.yaml")
    for interaction in (*old, *new):
        del interaction["response"]["headers"][TIMING_HEADER]
    assert [_legible(one) for one in new] == [_legible(one) for one in old]


def _legible(interaction: dict[str, Any]) -> Any:
    """The body is compared as JSON: its layout is the SDK's affair."""
    request = {**interaction["request"], "body": json.loads(interaction["request"]["body"])}
    return {**interaction, "request": request}


def test_every_cassette_says_where_it_is_from_and_holds_no_key() -> None:
    paths = sorted(CASSETTES.glob("*.yaml"))
    assert len(paths) == 2 * len(RECORDINGS)
    for path in paths:
        text = path.read_text()
        assert text.startswith("# Recorded from roomkit_sim's own HTTP server")
        assert "NOT recorded from the service" in text
        for secret in (KEY, "authorization", "x-goog-api-key", "key="):
            assert secret not in text.lower()


async def test_secrets_in_queries_and_headers_are_not_recorded(tmp_path: Path) -> None:
    path = tmp_path / "cassette.yaml"
    async with on_loopback(HttpModelServer(script([ModelAnswer(("hi",))]))) as url:
        with http_cassette(path, mode="all") as cassette:
            async with httpx2.AsyncClient(transport=cassette.transport()) as http:
                reply = await http.post(
                    f"{url}/v1/chat/completions?key=query-secret&alt=json",
                    headers={"authorization": "Bearer header-secret", "x-goog-api-key": "other-secret"},
                    json={"model": "m", "messages": []},
                )
                assert reply.status_code == 200
    text = path.read_text()
    assert "secret" not in text
    assert "alt=json" in text


async def test_a_recording_says_the_same_as_its_playing(tmp_path: Path, api: str) -> None:
    recorded = await record(api, "stream", tmp_path, delays=False)
    with http_cassette(tmp_path / f"{api}_stream.yaml") as cassette:
        played = await with_provider(api, cassette, timed_stream)
    assert [text for _, text in recorded] == [text for _, text in played]
