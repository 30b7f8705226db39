"""What is taken out before anything is kept."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import pytest
from hypothesis import given

from roomkit_sim.sim.cassette.canonical import canonical
from roomkit_sim.sim.cassette.model import Frame, Plain
from roomkit_sim.sim.cassette.rules import Rules
from roomkit_sim.sim.cassette.scrubbing import REMOVED, SecretScrubber
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
    scrubber = SecretScrubber()
    assert scrubber.headers({name: SECRET}) == {name: REMOVED}
    assert scrubber.frame("sent", {"a": [{name: SECRET}]}) == {"a": [{name: REMOVED}]}
    assert scrubber.url(f"/live?{name}={SECRET}&model=m") == f"/live?{name}=<removed>&model=m"


@pytest.mark.parametrize("name", ["keyword", "tokens", "max_output_tokens", "promptTokenCount", "keyboard"])
def test_what_only_sounds_like_a_secret_stays(name: str) -> None:
    assert SecretScrubber().frame("sent", {name: "value"}) == {name: "value"}


def test_handles_get_labels_in_the_order_in_which_they_come() -> None:
    scrubber = SecretScrubber()
    frames: list[Json] = [{"newHandle": "aaa"}, {"newHandle": "bbb"}, {"sessionResumption": {"handle": "aaa"}}]
    assert [scrubber.frame("received", frame) for frame in frames] == [
        {"newHandle": "<handle-1>"},
        {"newHandle": "<handle-2>"},
        {"sessionResumption": {"handle": "<handle-1>"}},
    ]


def test_a_label_stays_whatever_its_number() -> None:
    assert SecretScrubber().frame("sent", {"handle": "<handle-3>"}) == {"handle": "<handle-3>"}


@given(JSON)
def test_what_is_scrubbed_already_stays_as_it_is(message: Any) -> None:
    once = SecretScrubber().frame("sent", {"handle": "x", "token": "y", "rest": message})
    assert SecretScrubber().frame("sent", once) == once


def test_an_address_with_two_slashes_keeps_its_path() -> None:
    assert SecretScrubber().url("//ws/google.v1.Bidi?key=abc") == "/ws/google.v1.Bidi?key=<removed>"


def scrubbed(message: Any, rules: Rules | None = None) -> Any:
    return SecretScrubber(rules).frame("received", message)


def test_the_same_value_has_the_same_label_however_it_is_written() -> None:
    assert scrubbed(["+49 170 2345678", "+49-170-2345678", "0171 2345678", "Jane@x.com", "jane@x.com"]) == [
        "<phone-1>",
        "<phone-1>",
        "<phone-2>",
        "<email-1>",
        "<email-1>",
    ]


def test_keys_are_scrubbed_and_none_is_lost() -> None:
    assert scrubbed({"jane@x.com": 1, "JANE@x.com": 2}) == {"<email-1>": 1, "<email-1>'": 2}


@pytest.mark.parametrize(
    ("message", "clean"),
    [
        ({"phone_number": 491702345678}, {"phone_number": "<phone-1>"}),
        ({"mobile": "12 34 56"}, {"mobile": "<phone-1>"}),
        ({"phone": "unknown"}, {"phone": "unknown"}),
        ({"card": 4111111111111111}, {"card": "<card-1>"}),
        ({"pin": 4711}, {"pin": REMOVED}),
        ({"expires_at": 1785217650, "t": 1735689600123}, {"expires_at": 1785217650, "t": 1735689600123}),
        ({"password": {"type": "string"}}, {"password": {"type": "string"}}),
        ({"client_secret": {"value": "abc", "expires_at": 5}}, {"client_secret": {"value": REMOVED, "expires_at": 5}}),
    ],
)
def test_numbers_and_objects_of_secret_fields(message: Any, clean: Any) -> None:
    assert scrubbed(message) == clean


def test_json_inside_of_json_stays_json() -> None:
    inner = {"to": {"card": 4111111111111111, "token": "abc"}, "n": 1}
    clean = scrubbed({"arguments": json.dumps({"x": json.dumps(inner)})})
    assert json.loads(json.loads(clean["arguments"])["x"]) == {"to": {"card": "<card-1>", "token": REMOVED}, "n": 1}


def test_text_without_a_secret_keeps_every_byte() -> None:
    text = '{ "a":1,   "b" : [ ] }'
    assert scrubbed({"arguments": text}) == {"arguments": text}


def test_what_a_field_called_secret_is_secret_in_every_message_of_the_connection() -> None:
    async def service(socket: Any) -> None:
        await say(socket, type="a", text="it is Xk29dLq8vNw3Tz71 indeed")
        await say(socket, type="b", access_token="Xk29dLq8vNw3Tz71")
        await socket.wait_closed()

    async def client(world: World) -> None:
        async with dial() as socket:
            await hear(socket)
            await hear(socket)

    _, cassette = record(service, client)
    assert "Xk29" not in repr(cassette)


def test_a_number_in_pieces_is_found_when_they_are_read_together() -> None:
    pieces = ["My number", " is 0170 ", "234", " 5678", " thanks"]

    async def service(socket: Any) -> None:
        for piece in pieces:
            await say(socket, type="response.output_audio_transcript.delta", item_id="i", delta=piece)
        await say(socket, type="response.output_audio_transcript.done", transcript="".join(pieces))
        await socket.wait_closed()

    async def client(world: World) -> None:
        async with dial() as socket:
            for _ in range(6):
                await hear(socket)

    _, cassette = record(service, client)
    [connection] = cassette.connections
    said = [
        event.body.json for event in connection.events if isinstance(event, Frame) and isinstance(event.body, Plain)
    ]
    assert [message.get("delta") for message in said[:5]] == ["My number", " is <phone-1>", "", "", " thanks"]
    assert said[5]["transcript"] == "My number is <phone-1> thanks"


def test_what_is_kept_by_a_rule_stays() -> None:
    rules = Rules(keep=frozenset({"+1 555 010 0100"}))
    assert scrubbed(["+1-555-010-0100", "+1 555 010 0101"], rules) == ["+1-555-010-0100", "<phone-1>"]


def test_patterns_and_fields_of_the_project_are_scrubbed() -> None:
    rules = Rules(fields=frozenset({"nickname"}), patterns={"customer": re.compile(r"KD-\d+")})
    assert scrubbed({"nickname": "Bo", "text": "I am KD-17."}, rules) == {
        "nickname": REMOVED,
        "text": "I am <custom-1>.",
    }


def test_what_a_model_knows_is_hashed_so_that_what_it_heard_can_be_found_in_it() -> None:
    scrubber = SecretScrubber(Rules(transcripts="hash"))
    said = [str(scrubber.note("heard", {"words": words})["words"]) for words in ("I want bonds.", "No.")]
    known = str(scrubber.note("knows", {"heard": "I want bonds. No. [You know the advisor.]"})["heard"])
    assert all(one in known for one in said)
    assert len(known.split()) == 3
    assert "bonds" not in known
    assert "know" not in known


def test_transcripts_can_be_hashes_and_what_quotes_them_as_well() -> None:
    def words(text: str) -> str:
        return f"<words-{hashlib.sha256(text.encode()).hexdigest()[:12]}>"

    scrubber = SecretScrubber(Rules(transcripts="hash"))
    heard = [
        scrubber.frame("received", {"serverContent": {"inputTranscription": {"text": text}}})
        for text in ("I am", " Jane Doe.")
    ]
    labels = [words("I am"), words(" Jane Doe.")]
    assert [frame["serverContent"]["inputTranscription"]["text"] for frame in heard] == labels
    told = scrubber.frame("sent", {"text": "Before: I am Jane Doe. Go on."})
    assert told == {"text": f"Before: {labels[0]}{labels[1]} Go on."}
    assert scrubber.frame("sent", told) == told
    assert scrubber.note("said", {"text": "I am Jane Doe.", "ms": 3}) == {"text": "".join(labels), "ms": 3}
    done = scrubber.frame("received", {"item": {"content": [{"transcript": "I am Jane Doe."}]}})
    assert done == {"item": {"content": [{"transcript": "".join(labels)}]}}


def test_numbers_of_labels_are_not_compared() -> None:
    assert canonical({"a": "<phone-1>", "arguments": '{"b": "<email-2>"}', "h": "<handle-1>"}) == canonical(
        {"a": "<phone-2>", "arguments": '{"b": "<email-1>"}', "h": "<handle-1>"}
    )
    assert canonical({"h": "<handle-1>"}) != canonical({"h": "<handle-2>"})


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

    def note(self, kind: str, data: Any) -> Any:
        return self.frame("received", dict(data))

    def whole(self, events: Any) -> Any:
        return tuple(events)

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
