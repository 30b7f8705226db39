"""What is taken out before anything is kept."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from roomkit_sim.sim.cassette.scrubbing import REMOVED, FieldScrubber
from roomkit_sim.sim.trace.events import Json
from roomkit_sim.sim.world.world import World
from tests.sim.cassette.exchange import dial, hear, record, replay, say
from tests.sim.cassette.test_folding import JSON

SECRET = "s3cr3t-value"


@pytest.mark.parametrize(
    "name",
    ["x-goog-api-key", "Authorization", "api_key", "apiKey", "client_secret", "access_token", "token", "cookie", "key"],
)
def test_a_value_is_taken_out_by_the_name_of_its_field(name: str) -> None:
    scrubber = FieldScrubber()
    assert scrubber.headers({name: SECRET}) == {name: REMOVED}
    assert scrubber.frame("sent", {"a": [{name: SECRET}]}) == {"a": [{name: REMOVED}]}
    assert scrubber.url(f"/live?{name}={SECRET}&model=m") == f"/live?{name}=<removed>&model=m"


@pytest.mark.parametrize("name", ["keyword", "tokens", "max_output_tokens", "promptTokenCount", "keyboard"])
def test_what_only_sounds_like_a_secret_stays(name: str) -> None:
    assert FieldScrubber().frame("sent", {name: "value"}) == {name: "value"}


def test_handles_get_labels_in_the_order_in_which_they_come() -> None:
    scrubber = FieldScrubber()
    frames: list[Json] = [{"newHandle": "aaa"}, {"newHandle": "bbb"}, {"sessionResumption": {"handle": "aaa"}}]
    assert [scrubber.frame("received", frame) for frame in frames] == [
        {"newHandle": "<handle-1>"},
        {"newHandle": "<handle-2>"},
        {"sessionResumption": {"handle": "<handle-1>"}},
    ]


def test_a_label_stays_whatever_its_number() -> None:
    assert FieldScrubber().frame("sent", {"handle": "<handle-3>"}) == {"handle": "<handle-3>"}


@given(JSON)
def test_what_is_scrubbed_already_stays_as_it_is(message: Any) -> None:
    once = FieldScrubber().frame("sent", {"handle": "x", "token": "y", "rest": message})
    assert FieldScrubber().frame("sent", once) == once


def test_an_address_with_two_slashes_keeps_its_path() -> None:
    assert FieldScrubber().url("//ws/google.v1.Bidi?key=abc") == "/ws/google.v1.Bidi?key=<removed>"


class Everything:
    """Finds a word anywhere, and notes what it was shown."""

    def __init__(self) -> None:
        self.shown: list[Any] = []

    def url(self, path: str) -> str:
        return self._clean(path)

    def headers(self, headers: Any) -> dict[str, str]:
        return {name: self._clean(value) for name, value in headers.items()}

    def frame(self, way: Any, message: Any) -> Any:
        if isinstance(message, dict):
            return {key: self.frame(way, item) for key, item in message.items()}
        return self._clean(message) if isinstance(message, str) else message

    def text(self, text: str) -> str:
        return self._clean(text)

    def _clean(self, text: str) -> str:
        self.shown.append(text)
        return text.replace(SECRET, "(gone)")


def test_everything_passes_a_scrubber_before_it_is_kept_and_before_it_is_compared() -> None:
    async def service(socket: Any) -> None:
        await say(socket, type="hello", user=SECRET)
        await socket.send(f"no json {SECRET}")
        await hear(socket)
        await socket.close(4000, f"bye {SECRET}")

    async def client(world: World) -> str:
        async with dial(f"/{SECRET}/live?user={SECRET}", user_agent_header=SECRET) as socket:
            heard = str((await hear(socket))["user"])
            await socket.recv()
            await say(socket, type="ask", user=SECRET)
            await socket.wait_closed()
        return heard

    heard, cassette = record(service, client, scrubber=Everything())
    assert heard == SECRET
    assert SECRET not in repr(cassette)
    # Path, query, user agent, three messages, and the reason of the close frames of both sides.
    assert repr(cassette).count("(gone)") == 8
    again, server = replay(cassette, client, scrubber=Everything())
    assert again == "(gone)"
    server.finish()
