"""A shipped call with a handoff: recorded from the fake service, replayed without it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import scenarios.apps.finance as finance
from roomkit_sim import Agent, RealtimeVoiceChannel, RoomKit
from roomkit_sim.errors import CassetteDriftError
from roomkit_sim.providers.gemini.realtime import GeminiLiveProvider
from roomkit_sim.sim import Call, PhoneLine
from roomkit_sim.sim.cassette.library import Library
from roomkit_sim.sim.cassette.model import Cassette, Frame, Origin, Sound
from roomkit_sim.sim.cassette.mutation import Mutation
from roomkit_sim.sim.runner.application import Answer
from tests.sim.cassette.stage import Played, plan_of, record, replay

PLAN = plan_of()


@pytest.fixture(scope="module")
def recorded() -> Played:
    return record(PLAN)


@pytest.fixture(scope="module")
def library(recorded: Played, tmp_path_factory: pytest.TempPathFactory) -> Library:
    made = Library(tmp_path_factory.mktemp("recordings"))
    made.save("gemini-live", "triage", recorded.cassette())
    return made


@pytest.fixture(scope="module")
def cassette(library: Library) -> Cassette:
    return library.load("gemini-live", "triage")


def events_of(played: Played) -> Iterator[tuple[Any, ...]]:
    """All that happened, but how many bytes a frame had: handles have other lengths than their labels."""
    for event in played.events:
        yield event.t_ns, event.name, {key: value for key, value in event.data.items() if key not in ("bytes", "where")}


def without_handles(events: Iterator[tuple[Any, ...]]) -> list[str]:
    return [re.sub(r"<?handle-\d+>?", "(handle)", str(event)) for event in events]


def test_the_call_happens_again_at_the_same_times_in_both_connections(recorded: Played, cassette: Cassette) -> None:
    replayed, server = replay(PLAN, cassette, matching="content")
    server.finish()
    assert [connection.number for connection in cassette.connections] == [1, 2]
    for one, other in zip(recorded.cassette().connections, replayed.cassette().connections, strict=True):
        assert (one.dialled_ns, one.opened_ns) == (other.dialled_ns, other.opened_ns)
        assert [event.t_ns for event in one.events] == [event.t_ns for event in other.events]
        assert one.tracks == other.tracks
    assert without_handles(events_of(replayed)) == without_handles(events_of(recorded))


def test_the_caller_hears_and_says_the_same(recorded: Played, cassette: Cassette) -> None:
    replayed, _ = replay(PLAN, cassette)
    assert replayed.agent_pcm == recorded.agent_pcm
    assert replayed.caller_pcm == recorded.caller_pcm
    assert any(recorded.agent_pcm)


def test_what_is_replayed_is_recorded_as_the_same_cassette(recorded: Played, cassette: Cassette) -> None:
    replayed, _ = replay(PLAN, cassette)
    assert replayed.cassette() == cassette == recorded.cassette()


def test_what_a_session_received_is_what_the_caller_said(cassette: Cassette) -> None:
    _, server = replay(PLAN, cassette)
    heard = [connection.tracks["sent"].pcm for connection in cassette.connections]
    assert [session.received for session in server.sessions] == heard


def test_a_recording_is_short_and_has_no_handle(library: Library) -> None:
    text = library.path("gemini-live", "triage").read_text()
    assert len(text.splitlines()) < 250
    assert "<handle-1>" in text
    assert not re.search(r'"handle-\d', text)


def application(
    *, prompt: str = "Ask what they need.", voice: str = "Charon", tools: Any = None, first: str = ""
) -> Answer:
    """The finance line, with something changed."""

    async def answer(line: PhoneLine) -> Call:
        kit = RoomKit()
        provider = GeminiLiveProvider(api_key=line.secret("GEMINI_API_KEY"))
        channel = RealtimeVoiceChannel("voice", provider=provider, transport=line.transport, tools=tools)
        kit.register_channel(channel)
        triage = Agent(
            "agent-triage",
            role="Triage receptionist",
            description="Routes callers to the right specialist",
            system_prompt=f"Greet callers. {prompt} Under 30 words.",
            voice="Aoede",
            greeting="Greet the caller and ask how you can help.",
        )
        advisor = Agent(
            "agent-advisor",
            role="Portfolio advisor",
            description="Provides financial and investment advice",
            system_prompt="Give concise financial advice. Under 50 words.",
            voice=voice,
        )
        _, handler = finance.pipeline().install(
            kit, [triage, advisor], voice_channel_id="voice", greet_on_handoff=True, human_handoff=True
        )
        await kit.create_room(room_id=line.call_id)
        await kit.attach_channel(line.call_id, "voice")
        session = await channel.start_session(line.call_id, "caller", connection=line.connection)
        if first:
            await channel.inject_text(session, first)
        await handler.send_greeting(line.call_id)
        return Call(kit, session)

    return answer


def test_an_application_that_is_the_same_does_not_drift(cassette: Cassette) -> None:
    _, server = replay(PLAN, cassette, application())
    server.finish()


WEATHER = {"name": "weather", "description": "The weather.", "parameters": {"type": "object", "properties": {}}}


@pytest.mark.parametrize(
    ("changes", "conn", "path"),
    [
        ({"prompt": "Ask nothing."}, 1, "setup.systemInstruction.parts[0].text"),
        ({"voice": "Kore"}, 2, "setup.generationConfig.speechConfig.voiceConfig.prebuiltVoiceConfig.voiceName"),
        ({"tools": [WEATHER]}, 1, "setup.tools"),
        ({"first": "Be brief."}, 1, "clientContent.turns[0].parts[0].text"),
    ],
    ids=["prompt", "voice", "tool", "order"],
)
def test_a_change_drifts_and_is_shown(cassette: Cassette, changes: dict[str, Any], conn: int, path: str) -> None:
    with pytest.raises(CassetteDriftError) as caught:
        replay(PLAN, cassette, application(**changes))
    message = str(caught.value)
    assert caught.value.path == cassette.path
    assert f"differs     {path}" in message
    assert f"at          connection {conn}, client message" in message
    assert "--sim-record=all" in message
    assert caught.value.line is not None
    line = Path(str(cassette.path)).read_text().splitlines()[caught.value.line - 1]
    assert '"dir": "sent"' in line
    assert path.partition(".")[0].replace("clientContent", "client_content") in line


@pytest.mark.parametrize(
    ("origin", "how"), [("live", "--sim-provider=live --sim-record=all"), ("simulated", "--sim-record=all")]
)
def test_a_drift_names_the_way_in_which_the_recording_was_made(cassette: Cassette, origin: Origin, how: str) -> None:
    of_it = replace(cassette, header=replace(cassette.header, origin=origin))
    with pytest.raises(CassetteDriftError, match=f"record anew: {how}"):
        replay(PLAN, of_it, application(voice="Kore"))
    _, server = replay(PLAN, of_it, hangs_up_at_once)
    with pytest.raises(CassetteDriftError, match=f"record anew: {how}"):
        server.finish()


def test_both_frames_stand_side_by_side(cassette: Cassette) -> None:
    with pytest.raises(CassetteDriftError) as caught:
        replay(PLAN, cassette, application(voice="Kore"))
    assert re.search(r'"voiceName": "Charon" +\| +"voiceName": "Kore"', str(caught.value))


def test_a_caller_who_says_something_else_drifts_by_content(cassette: Cassette) -> None:
    [connection, *rest] = cassette.connections
    track = connection.tracks["sent"]
    assert track.pcm is not None
    backwards = memoryview(track.pcm).cast("h")[::-1].tobytes()
    other = replace(connection, tracks={**connection.tracks, "sent": replace(track, pcm=backwards)})
    with pytest.raises(CassetteDriftError, match="the caller is heard differently"):
        replay(PLAN, replace(cassette, connections=(other, *rest)), matching="content")


def test_a_call_that_ends_early_leaves_something_over(cassette: Cassette) -> None:
    _, server = replay(PLAN, cassette, hangs_up_at_once)
    with pytest.raises(CassetteDriftError, match="connection 2 was never dialled"):
        server.finish()


async def hangs_up_at_once(line: PhoneLine) -> Call:
    raise RuntimeError("nobody is here")


def frames_of(cassette: Cassette, conn: int) -> list[Frame]:
    events = cassette.connections[conn - 1].events
    return [event for event in events if isinstance(event, Frame) and event.way == "received"]


def test_a_dropped_tool_call_never_comes(recorded: Played, cassette: Cassette) -> None:
    texts = [str(frame.body) for frame in frames_of(cassette, 1)]
    number = 1 + next(index for index, text in enumerate(texts) if "functionCalls" in text)
    replayed, server = replay(PLAN, cassette, mutations=[Mutation("drop", 1, number)])
    assert recorded.of("runtime.handoff_requested")
    assert not replayed.of("runtime.handoff_requested")
    with pytest.raises(CassetteDriftError) as caught:
        server.finish()
    assert "connection 2 was never dialled" in str(caught.value)
    assert f"after drop at server frame {number} of connection 1" in str(caught.value)


def test_a_repeated_piece_of_audio_is_heard_twice(recorded: Played, cassette: Cassette) -> None:
    frames = frames_of(cassette, 2)
    number = 1 + next(index for index, frame in enumerate(frames) if isinstance(frame.body, Sound))
    replayed, server = replay(PLAN, cassette, mutations=[Mutation("repeat", 2, number)])
    assert len(frames_of(replayed.cassette(), 2)) == len(frames) + 1
    assert not server.drifts


def test_a_delayed_frame_comes_later_and_all_else_when_it_did(cassette: Cassette) -> None:
    replayed, _ = replay(PLAN, cassette, mutations=[Mutation("delay", 1, 3, delay_ms=50)])
    before, after = frames_of(cassette, 1), frames_of(replayed.cassette(), 1)
    shifts = [later.t_ns - earlier.t_ns for earlier, later in zip(before, after, strict=True)]
    assert shifts[:3] == [0, 0, 50_000_000]
    assert set(shifts[3:]) == {0}
