"""Frames that something else recorded become cassettes, and are replayed to a client that sends what theirs sent."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from websockets.asyncio.client import connect

from roomkit_sim.errors import CassetteDriftError, CassetteError
from roomkit_sim.providers.gemini.realtime import GeminiLiveProvider
from roomkit_sim.providers.openai.realtime import OpenAIRealtimeProvider
from roomkit_sim.sim.cassette.acts import Answered, Done, acts_of
from roomkit_sim.sim.cassette.acts import Told as WrittenText
from roomkit_sim.sim.cassette.canonical import canonical
from roomkit_sim.sim.cassette.conversation import Said, conversation_of
from roomkit_sim.sim.cassette.difference import differences
from roomkit_sim.sim.cassette.drift import Drift
from roomkit_sim.sim.cassette.importing import import_messages
from roomkit_sim.sim.cassette.library import Library
from roomkit_sim.sim.cassette.model import Cassette, Frame, Plain, Way
from roomkit_sim.sim.cassette.replay import ReplayServer
from roomkit_sim.sim.cassette.scrubbing import SecretScrubber
from roomkit_sim.sim.cassette.tap import without_noise
from roomkit_sim.sim.world.link import LinkPair
from roomkit_sim.sim.world.world import World
from roomkit_sim.voice.base import VoiceSession
from tests.providers.told import Told
from tests.sim.servers.fidelity import RECORDED, RECORDINGS, needs_recordings


def interactions(name: str) -> list[dict[str, Any]]:
    found = yaml.safe_load((RECORDINGS / f"{name}.yaml").read_text())["interactions"]
    assert isinstance(found, list)
    return found


def imported(name: str) -> Cassette:
    return import_messages(RECORDINGS / f"{name}.yaml", SecretScrubber())


@needs_recordings
def test_all_files_are_known() -> None:
    assert tuple(sorted(path.stem for path in RECORDINGS.glob("*.yaml"))) == RECORDED


@needs_recordings
@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_session_is_imported_saved_and_replayed_to_the_client_it_was_recorded_with(
    name: str, tmp_path: Path
) -> None:
    provider = "gemini-live" if name.startswith("gemini") else "openai-realtime"
    Library(tmp_path).save(provider, name, imported(name))
    cassette = Library(tmp_path).load(provider, name)
    assert cassette.header.origin == "imported"
    world = World(seed=0, links=LinkPair())
    server = ReplayServer(cassette)

    async def client() -> list[Any]:
        heard = []
        async with world.hosting(server.host, server.serve):
            with server.stopping():
                async with connect(f"wss://{server.host}/live", compression=None, proxy=None) as socket:
                    for interaction in interactions(name):
                        if interaction["direction"] == "sent":
                            await socket.send(json.dumps(interaction["data"]))
                        else:
                            heard.append(json.loads(await socket.recv()))
        return heard

    heard = world.run(client)
    server.finish()
    scrubber = SecretScrubber()
    said = [one["data"] for one in interactions(name) if one["direction"] == "received"]
    assert [canonical(without_noise(message)) for message in heard] == [
        canonical(scrubber.frame("received", without_noise(message))) for message in said
    ]


# What our providers send otherwise than the client with which the files were recorded.


def settings_of(cassette: Cassette) -> dict[str, Any]:
    """The instructions and tools that the recorded client asked for, as our providers are given them."""
    setup: Any = next(
        event.body.json
        for event in cassette.connections[0].events
        if isinstance(event, Frame) and event.way == "sent" and isinstance(event.body, Plain)
    )
    if "setup" in setup:
        parts = setup["setup"].get("systemInstruction", {}).get("parts", [])
        declared = [one for tool in setup["setup"].get("tools", []) for one in tool["functionDeclarations"]]
        tools = [{"name": one["name"], "description": one["description"], "parameters": {}} for one in declared]
        return {"system_prompt": parts[0]["text"] if parts else None, "tools": tools}
    session = setup["session"]
    tools = [{key: one[key] for key in ("name", "description", "parameters")} for one in session.get("tools", [])]
    return {"system_prompt": session.get("instructions"), "tools": tools}


def frames_of(cassette: Cassette, way: Way) -> list[Frame]:
    [connection] = cassette.connections
    return [event for event in connection.events if isinstance(event, Frame) and event.way == way]


@dataclass
class Driven:
    """What came of our provider where the other client was.

    Args:
        drifts: Where it sent something else; that was taken for the recorded message, and all began again.
        told: What the provider told at last.
        left: What of the recording was not played at last.
    """

    drifts: list[Drift]
    told: Told
    left: int


def driven(name: str) -> Driven:
    cassette, drifts = imported(name), []
    while True:
        told = Told()
        server = drive(cassette, told)
        if not server.drifts:
            return Driven(drifts, told, len(server.leftovers()))
        [drift] = server.drifts
        assert drift.frame not in [earlier.frame for earlier in drifts], drift.details()
        drifts.append(drift)
        cassette = with_client_message(cassette, drift)


def drive(cassette: Cassette, told: Told) -> ReplayServer:
    world = World(seed=0, links=LinkPair(), budget_ns=60_000_000_000)
    server = ReplayServer(cassette, matching="ignore")
    is_gemini = cassette.header.provider == "gemini-live"
    provider: Any = (GeminiLiveProvider if is_gemini else OpenAIRealtimeProvider)(api_key="simulated")
    told.listen_to(provider)
    session = VoiceSession(id="s", room_id="r", participant_id="p", channel_id="c")
    moments = conversation_of(cassette)
    typed = [moment.what.text for moment in moments if isinstance(moment.what, WrittenText) and moment.what.text]
    results = [moment.what.result for moment in moments if isinstance(moment.what, Answered)]
    received = [frame.body.json for frame in frames_of(cassette, "received") if isinstance(frame.body, Plain)]
    ends = sum(isinstance(act, Done) for message in received for act in acts_of("received", message))

    async def call() -> None:
        await provider.connect(session, **settings_of(cassette))
        track = cassette.connections[0].tracks.get("sent")
        if track is not None and track.pcm is not None:
            await provider.send_audio(session, track.pcm)
        for text in typed:
            await provider.inject_text(session, text)
        for result in results:
            await told.until(lambda told: bool(told.of("tool_call")))
            text = result if isinstance(result, str) else json.dumps(result)
            await provider.submit_tool_result(session, told.of("tool_call")[0][0], text)
        await told.until(lambda told: len(told.of("response_end")) >= ends)

    async def main() -> None:
        async with world.hosting(server.host, server.serve):
            with suppress(CassetteDriftError), server.stopping():
                await call()
            await provider.close()

    world.run(main)
    return server


def with_client_message(cassette: Cassette, drift: Drift) -> Cassette:
    [connection] = cassette.connections
    number, events = 0, []
    for event in connection.events:
        if isinstance(event, Frame) and event.way == "sent" and isinstance(event.body, Plain):
            number += 1
            event = replace(event, body=Plain(drift.actual)) if number == drift.frame else event
        events.append(event)
    return replace(cassette, connections=(replace(connection, events=tuple(events)),))


GEMINI = {"setup.contextWindowCompression", "setup.model", "setup.sessionResumption"}
OPENAI = {"session.audio.input.transcription.model"}
DECLARED = "setup.tools[0].functionDeclarations[0]"
DIFFERENCES: dict[str, set[str]] = {
    "gemini_text_in_audio_out_turn": GEMINI,
    # The tool's schema is in another of the two fields that take one.
    "gemini_tool_call_round": GEMINI | {f"{DECLARED}.parameters", f"{DECLARED}.parametersJsonSchema"},
    # No tools are said to be none.
    "openai_audio_in_server_vad_turn": OPENAI | {"session.tools"},
    "openai_text_in_audio_out_turn": OPENAI | {"session.tools"},
    # It was to answer in writing.
    "openai_tool_call_round": OPENAI | {"session.outputModalities[0]"},
}


@needs_recordings
@pytest.mark.parametrize("name", DIFFERENCES)
def test_our_provider_has_the_recorded_conversation_and_differs_in_its_setup_alone(name: str) -> None:
    result = driven(name)
    [setup] = result.drifts
    assert setup.frame == 1
    assert {difference.path for difference in differences(setup.recorded, setup.actual)} == DIFFERENCES[name]
    said = [moment.what for moment in conversation_of(imported(name)) if isinstance(moment.what, Said)]
    assert [text for role, text in result.told.finals if role == "assistant"] == [
        one.words for one in said if one.who == "agent"
    ]
    assert result.left == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version: 2\ninteractions: []", "version: Input should be 1"),
        ("version: 1\ninteractions: []", "at least 1 item"),
        ("version: 1\ninteractions: [{direction: up, data: {}}]", "interactions.0.direction: Input should be"),
        ("version: 1\ninteractions: [{direction: sent, data: 3}]", "interactions.0.data: Input should be a valid dict"),
        ("a: [", r":1: not YAML|:2: not YAML"),
        ("a: &x [1]\nb: *x", "YAML aliases"),
        ("!!python/object/apply:os.getcwd []", "not YAML"),
        ("[" * 100 + "]" * 100, "nested"),
    ],
)
def test_what_is_no_file_of_messages_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(CassetteError, match=message) as caught:
        import_messages(path, SecretScrubber())
    assert str(path) in str(caught.value)


def test_secrets_are_scrubbed_and_the_origin_is_imported(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("version: 1\ninteractions:\n- {direction: sent, data: {setup: {x: jane@example.com}}}\n")
    cassette = import_messages(path, SecretScrubber())
    assert "jane" not in repr(cassette)
    assert (cassette.header.origin, cassette.header.provider) == ("imported", "gemini-live")
