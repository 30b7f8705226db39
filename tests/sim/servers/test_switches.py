"""Every switch of the Gemini Live server, seen on the wire by a client that speaks the protocol by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from websockets.exceptions import InvalidStatus

from roomkit_sim.sim.scenario.mind import Persona, Rule
from roomkit_sim.sim.scenario.service import Service
from roomkit_sim.sim.scenario.switches import switches_of
from roomkit_sim.sim.servers.model_wrongs import sample
from roomkit_sim.sim.servers.schema import mismatch

if TYPE_CHECKING:
    from conftest import Client, Stage

MakeStage = Callable[..., "Stage"]
TRANSFER = {"name": "transfer", "parameters": {"type": "OBJECT", "properties": {"to": {"type": "STRING"}}}}
TOOLS = [{"functionDeclarations": [TRANSFER, {"name": "note", "parameters": {"type": "OBJECT"}}]}]
SPEAKS = {"on": "asked_to_speak", "says": "Hello, this is the triage desk of your bank, what can I do for you today?"}
CALLS = {"hears": "ask", "calls": {"transfer": {"to": "advisor"}}}
THEIR_WORDS, MODELS_WORDS = "serverContent.inputTranscription", "serverContent.outputTranscription"
AUDIO, COMPLETE = "serverContent.modelTurn", "serverContent.turnComplete+usageMetadata"


def play(stage: Stage, main: Callable[[], Awaitable[Any]], *switches: str) -> Any:
    """Run; every switch must have been noted in the trace."""
    result = stage.run(main)
    assert {event.data["switch"] for event in stage.events("misbehaved")} == set(switches)
    return result


async def spoken_to(stage: Stage, **setup: Any) -> Client:
    """A connection whose caller has asked and been answered."""
    client = await stage.open(tools=TOOLS, **setup)
    await client.say("ask")
    await client.turn()
    return client


async def resume(stage: Stage, client: Client, *, count: int = 1, close: bool = True, **setup: Any) -> Client:
    """Another connection that asks for the same conversation; it may be closed instead of set up."""
    handle = await client.handle(count)
    if close:
        await client.socket.close()
    second = await stage.dial()
    instructions = setup.pop("instructions", "Role: Triage")
    await second.setup(instructions, sessionResumption={"handle": handle}, **setup)
    return second


# The upgrade


@pytest.mark.parametrize("status", [401, 403, 429, 503])
def test_an_upgrade_is_refused_with_the_status_of_the_switch(make_stage: MakeStage, status: int) -> None:
    stage = make_stage(switches=[f"any.upgrade_{status}"])

    async def main() -> int:
        with pytest.raises(InvalidStatus) as refused:
            await stage.dial()
        return refused.value.response.status_code

    assert play(stage, main, f"any.upgrade_{status}") == status
    assert stage.server.sessions == []


def test_a_switch_that_is_flipped_while_the_server_runs_counts_from_then_on(make_stage: MakeStage) -> None:
    stage = make_stage()

    async def main() -> None:
        await stage.open()
        stage.server.switches.flip("any.upgrade_503")
        with pytest.raises(InvalidStatus):
            await stage.dial()
        stage.server.switches.flip("any.upgrade_503", on=False)
        await stage.open()

    play(stage, main, "any.upgrade_503")


# Resuming


def test_a_resumed_session_keeps_the_old_voice(make_stage: MakeStage) -> None:
    stage = make_stage(SPEAKS, switches=["gemini.resume_keeps_voice"])

    async def main() -> None:
        second = await resume(stage, await stage.open(voice="Kore"), voice="Puck")
        await second.text(("user", "Go on."))
        await second.turn()

    play(stage, main, "gemini.resume_keeps_voice")
    assert [event.data["voice"] for event in stage.events("persona")] == ["Kore", "Kore"]
    assert stage.events("said")[0].data["voice"] == "Kore"


def test_a_voice_that_stays_is_no_misbehaviour(make_stage: MakeStage) -> None:
    stage = make_stage(switches=["gemini.resume_keeps_voice"])

    async def main() -> None:
        second = await resume(stage, await stage.open(voice="Kore"), voice="Kore")
        await second.until("setupComplete")

    play(stage, main)
    assert stage.server.switches.acted == ()


def test_audio_breaks_off_in_the_first_answer_after_a_resume_only(make_stage: MakeStage) -> None:
    stage = make_stage(SPEAKS, switches=["gemini.resume_cuts_audio"])

    async def main() -> tuple[list[int], Client]:
        first = await stage.open()
        await first.text(("user", "Begin."))
        await first.turn()
        second = await resume(stage, first)
        lengths = [len(first.pcm())]
        for count in (1, 2):
            await second.text(("user", "Go on."))
            await second.turn(count)
            lengths.append(len(second.pcm()) - sum(lengths[1:]))
        return lengths, second

    (whole, cut, again), second = play(stage, main, "gemini.resume_cuts_audio")
    assert cut == 24_000
    assert whole == again > 2 * cut
    assert second.of("serverContent", "generationComplete") == [True, True]


@pytest.mark.parametrize(
    ("switch", "known", "reaction"),
    [
        ("", 6, "Where were we?"),
        ("gemini.resume_loses_most_context", 2, "Where were we?"),
        ("gemini.resume_loses_context", 0, "Welcome."),
    ],
)
def test_context_is_lost_by_a_resume(make_stage: MakeStage, switch: str, known: int, reaction: str) -> None:
    rules = ({"on": "connected", "says": "Welcome."}, {"on": "resumed", "says": "Where were we?"})
    stage = make_stage(*rules, switches=[switch] if switch else [])

    async def main() -> str:
        first = await stage.open()
        await first.turn()
        await first.text(("user", "One."), ("model", "Two."), complete=False)
        await first.text(("user", "Three."))
        await first.say("ask")
        await first.turn(2)
        second = await resume(stage, first, count=first_handles(first) + 1)
        await second.turn()
        return second.words()

    assert play(stage, main, *([switch] if switch else [])) == reaction
    assert stage.events("resumed")[0].data["turns"] == known


def first_handles(client: Client) -> int:
    return len(client.of("sessionResumptionUpdate", "newHandle"))


@pytest.mark.parametrize(
    ("switch", "code", "settings"),
    [
        ("gemini.handle_expired", 1008, {}),
        ("gemini.handle_other_model", 1007, {}),
        ("gemini.old_socket_open", 1008, {"close": False}),
        ("gemini.resume_rejects_long_instructions", 1007, {"instructions": "Role: Triage." + " Be kind." * 300}),
        ("gemini.session_limit", 1011, {}),
    ],
)
def test_a_resume_is_turned_away(make_stage: MakeStage, switch: str, code: int, settings: dict[str, Any]) -> None:
    stage = make_stage()

    async def main() -> Client:
        first = await stage.open()
        stage.server.switches.flip(switch)
        second = await resume(stage, first, **settings)
        await second.closed()
        return second

    second = play(stage, main, switch)
    assert (second.code, second.of("setupComplete")) == (code, [])
    assert stage.events("turned_away")[0].data["code"] == code
    assert stage.events("refused") == []


@pytest.mark.parametrize(
    ("switch", "acts"), [("gemini.old_socket_open", True), ("gemini.resume_rejects_long_instructions", False)]
)
def test_a_resume_that_meets_no_condition_of_the_switch_is_taken(
    make_stage: MakeStage, switch: str, acts: bool
) -> None:
    stage = make_stage(switches=[switch])

    async def main() -> None:
        second = await resume(stage, await stage.open())
        await second.until("setupComplete")

    play(stage, main, *([switch] if acts else []))


# Handles


def test_a_server_that_never_resumes_says_so_where_a_handle_would_be(make_stage: MakeStage) -> None:
    stage = make_stage(CALLS | {"calls": {}, "says": "Certainly."}, switches=["gemini.not_resumable"])

    async def main() -> Client:
        client = await spoken_to(stage)
        await asyncio.sleep(1)
        return client

    client = play(stage, main, "gemini.not_resumable")
    assert client.of("sessionResumptionUpdate") == [{"resumable": False}] * 3


def test_the_first_connection_drops_before_it_has_a_handle(make_stage: MakeStage) -> None:
    stage = make_stage(CALLS | {"calls": {}, "says": "Certainly."}, switches=["gemini.no_handle_yet"])

    async def main() -> tuple[Client, Client]:
        first = await stage.open()
        with pytest.raises(Exception, match="no close frame"):
            await first.say("ask")
        await first.closed()
        second = await spoken_to(stage)
        await second.handle()
        return first, second

    first, _ = play(stage, main, "gemini.no_handle_yet")
    assert first.code == 1006
    assert first.of("sessionResumptionUpdate") == []


# Ends


def test_the_deadline_closes_a_conversation_and_spoils_its_handles(make_stage: MakeStage) -> None:
    stage = make_stage(switches=["gemini.close_58_min"], service=Service(deadline_ms=5_000))

    async def main() -> tuple[float, Client, Client]:
        first = await stage.open()
        await first.closed()
        at_ms = stage.now_ms
        second = await resume(stage, first)
        await second.closed()
        return at_ms, first, second

    at_ms, first, second = play(stage, main, "gemini.close_58_min")
    assert (first.code, second.code) == (1011, 1007)
    assert "Deadline expired" in first.reason
    assert 5_000 <= at_ms <= 5_100


def test_a_resumed_conversation_keeps_its_age(make_stage: MakeStage) -> None:
    stage = make_stage(switches=["gemini.close_58_min"], service=Service(deadline_ms=5_000))

    async def main() -> float:
        first = await stage.open()
        await asyncio.sleep(3)
        second = await resume(stage, first)
        await second.closed()
        return stage.now_ms

    assert 5_000 <= play(stage, main, "gemini.close_58_min") <= 5_100


def test_go_away_comes_in_the_middle_of_an_answer(make_stage: MakeStage) -> None:
    stage = make_stage(SPEAKS, switches=["gemini.go_away"], service=Service(go_away_ms=1_000))

    async def main() -> Client:
        client = await stage.open()
        await client.text(("user", "Begin."))
        await client.closed()
        return client

    client = play(stage, main, "gemini.go_away")
    [(told_ms, said)] = client.timed("goAway")
    (first_audio_ms, _), *more = client.timed("serverContent", "modelTurn")
    assert said == {"timeLeft": "1s"}
    assert first_audio_ms <= told_ms < more[-1][0]
    assert (client.code, client.of("serverContent", "turnComplete")) == (1001, [])


def test_nothing_comes_after_a_go_away_that_falls_silent(make_stage: MakeStage) -> None:
    stage = make_stage(SPEAKS, switches=["gemini.go_away_silence"])

    async def main() -> tuple[Client, bool]:
        client = await stage.open()
        await client.text(("user", "Begin."))
        await client.until("goAway")
        await asyncio.sleep(30)
        still_open = client.code is None
        await client.socket.close()
        second = await stage.open()
        await second.text(("user", "Begin."))
        await second.turn()
        return client, still_open

    client, still_open = play(stage, main, "gemini.go_away_silence")
    assert still_open
    assert client.kinds()[-1] == "goAway"


def test_a_connection_is_told_to_go_before_its_time_is_up(make_stage: MakeStage) -> None:
    stage = make_stage(service=Service(connection_ms=5_000, go_away_ms=2_000))

    async def main() -> tuple[Client, float]:
        client = await stage.open()
        await client.closed()
        return client, stage.now_ms

    client, closed_ms = play(stage, main)
    [(told_ms, said)] = client.timed("goAway")
    assert (said, client.code) == ({"timeLeft": "2s"}, 1001)
    assert (round(told_ms / 100), round(closed_ms / 100)) == (31, 51)


@pytest.mark.parametrize(("compression", "code"), [(None, 1008), ({"slidingWindow": {}}, None)])
def test_a_conversation_ends_after_its_time_unless_its_context_is_compressed(
    make_stage: MakeStage, compression: dict[str, Any] | None, code: int | None
) -> None:
    stage = make_stage(service=Service(session_ms=4_000))

    async def main() -> tuple[int | None, int | None]:
        first = await stage.open(contextWindowCompression=compression)
        await asyncio.sleep(5)
        second = await resume(stage, first, contextWindowCompression=compression)
        await asyncio.sleep(1)
        codes = first.code, second.code
        await second.socket.close()
        return codes

    assert play(stage, main) == ((1000, None) if code is None else (code, code))


def test_no_more_connections_are_set_up_than_the_service_allows(make_stage: MakeStage) -> None:
    stage = make_stage(service=Service(sessions=1))

    async def main() -> list[int | None]:
        first = await stage.open()
        second = await stage.dial()
        await second.setup("Role: Triage")
        await second.closed()
        await first.socket.close()
        third = await stage.open()
        return [second.code, third.code]

    assert play(stage, main) == [1011, None]


# Changes inside a connection


@pytest.mark.parametrize(
    ("service", "switches", "code"),
    [
        (Service(), (), 1007),
        (Service(context_update=True), (), None),
        (Service(context_update=True), ("gemini.rejects_context_update",), 1007),
    ],
)
def test_instructions_change_inside_a_connection_where_the_model_allows_it(
    make_stage: MakeStage, service: Service, switches: tuple[str, ...], code: int | None
) -> None:
    personas = {"triage": Persona(when="Role: Triage"), "advisor": Persona(when="Advisor", rules=(Rule(**SPEAKS),))}
    stage = make_stage(personas=personas, service=service, switches=switches)

    async def main() -> tuple[Client, int | None]:
        client = await stage.open(voice="Kore")
        content = {"parts": [{"text": "Role: Advisor"}], "role": "user"}
        update = {"systemInstruction": content, "tools": {"tools": TOOLS}}
        await client.send({"contextUpdate": update})
        await client.text(("user", "Go on."))
        await (client.turn() if code is None else client.closed())
        return client, client.code

    client, closed = play(stage, main, *switches)
    assert closed == code
    if code is None:
        assert stage.events("persona")[-1].data == {
            "conn": 1, "name": "advisor", "agent": "agent-advisor", "voice": "Kore"
        }  # fmt: skip
        assert list(stage.session.setup.functions) == ["transfer", "note"]
        assert client.words() == SPEAKS["says"]


# Frames


def test_the_first_frame_is_not_the_one_that_connect_waits_for(make_stage: MakeStage) -> None:
    stage = make_stage(switches=["gemini.first_frame_lost"])

    async def main() -> Client:
        return await stage.open()

    assert play(stage, main, "gemini.first_frame_lost").kinds() == ["sessionResumptionUpdate", "setupComplete"]


@pytest.mark.parametrize(("switch", "frame"), [("unknown_key", "serviceNotice"), ("empty_frame", "")])
def test_a_strange_frame_comes_once(make_stage: MakeStage, switch: str, frame: str) -> None:
    stage = make_stage(SPEAKS, switches=[f"gemini.{switch}"])

    async def main() -> Client:
        client = await stage.open()
        for count in (1, 2):
            await client.text(("user", "Begin."))
            await client.turn(count)
        return client

    client = play(stage, main, f"gemini.{switch}")
    assert client.kinds().count(frame) == 1
    assert client.words() == SPEAKS["says"] * 2


def test_what_comes_in_two_frames_comes_in_one(make_stage: MakeStage) -> None:
    rules = (CALLS, {"on": "tool_result", "says": "Done."})

    async def main(stage: Stage) -> Client:
        client = await stage.open(tools=TOOLS)
        await client.say("ask")
        await client.answer((await client.until("toolCall", "functionCalls"))[0]["id"], {}, "transfer")
        await client.turn()
        await client.handle()
        return client

    plain, odd = make_stage(*rules), make_stage(*rules, switches=["gemini.merged_frames"])
    ordinary = play(plain, lambda: main(plain))
    merged = play(odd, lambda: main(odd), "gemini.merged_frames")
    assert "sessionResumptionUpdate+toolCall" in merged.kinds()
    assert "serverContent.outputTranscription+modelTurn" in merged.kinds()
    assert (merged.words(), merged.pcm()) == (ordinary.words(), ordinary.pcm())
    assert not {"sessionResumptionUpdate+toolCall"} & set(ordinary.kinds())


@pytest.mark.parametrize("switch", ["any.fragmented_frames", "any.slow_frames", "any.segmented_frames"])
def test_frames_in_parts_are_the_same_frames(make_stage: MakeStage, switch: str) -> None:
    plain, odd = make_stage(SPEAKS), make_stage(SPEAKS, switches=[switch])
    arrivals: dict[str, int] = {"plain": 0, "odd": 0}

    def count(stage: Stage, name: str) -> None:
        class Counts:
            def client_received(self, connection: Any, data: bytes) -> None:
                arrivals[name] += 1

            def __getattr__(self, other: str) -> Any:
                return lambda *args: None

        stage.world.network.observers.append(Counts())  # type: ignore[arg-type]

    async def main(stage: Stage) -> Client:
        client = await stage.open()
        await client.text(("user", "Begin."))
        await client.turn()
        await client.handle()
        return client

    count(plain, "plain")
    count(odd, "odd")
    ordinary, parts = play(plain, lambda: main(plain)), play(odd, lambda: main(odd), switch)
    assert [frame for _, frame in parts.frames] == [frame for _, frame in ordinary.frames]
    assert arrivals["odd"] > 2 * arrivals["plain"]


def test_an_interruption_leaves_no_half_frame_behind(make_stage: MakeStage) -> None:
    stage = make_stage(SPEAKS, {"hears": "ask", "says": "Certainly."}, switches=["any.slow_frames"])

    async def main() -> Client:
        client = await stage.open()
        await client.text(("user", "Begin."))
        await client.until("serverContent", "modelTurn")
        await client.say("ask")
        await client.turn(2)
        return client

    client = play(stage, main, "any.slow_frames")
    assert client.of("serverContent", "interrupted") == [True]
    assert client.words().endswith("Certainly.")


# Tool calls


def test_a_tool_call_comes_twice(make_stage: MakeStage) -> None:
    stage = make_stage(CALLS, switches=["gemini.duplicate_call_ids"])

    async def main() -> Client:
        client = await stage.open(tools=TOOLS)
        await client.say("ask")
        first, second = [await client.until("toolCall", "functionCalls", count=count) for count in (1, 2)]
        assert first == second
        await client.answer(first[0]["id"], {}, "transfer")
        await client.turn()
        return client

    assert len(play(stage, main, "gemini.duplicate_call_ids").of("toolCall")) == 2
    assert len(stage.events("tool_call")) == 1


def test_all_calls_have_one_id(make_stage: MakeStage) -> None:
    stage = make_stage(CALLS, switches=["gemini.reused_call_ids"])

    async def main() -> list[str]:
        client = await stage.open(tools=TOOLS)
        ids = []
        for count in (1, 2):
            await client.say("ask")
            [call] = await client.until("toolCall", "functionCalls", count=count)
            await client.answer(call["id"], {}, "transfer")
            await client.turn(count)
            ids.append(call["id"])
        return ids

    assert len(set(play(stage, main, "gemini.reused_call_ids"))) == 1


def test_a_call_comes_together_with_another_one(make_stage: MakeStage) -> None:
    stage = make_stage(CALLS, switches=["any.parallel_tools"])

    async def main() -> list[dict[str, Any]]:
        client = await stage.open(tools=TOOLS)
        await client.say("ask")
        calls = await client.until("toolCall", "functionCalls")
        for call in reversed(calls):
            await client.answer(call["id"], {}, call["name"])
        await client.turn()
        return list(calls)

    first, second = play(stage, main, "any.parallel_tools")
    assert (first["name"], second["name"]) == ("transfer", "note")
    assert first["id"] != second["id"]


def test_a_call_stays_alone_where_no_other_tool_is_declared(make_stage: MakeStage) -> None:
    stage = make_stage(CALLS, switches=["any.parallel_tools"])

    async def main() -> Client:
        client = await stage.open(tools=[{"functionDeclarations": [TRANSFER]}])
        await client.say("ask")
        await client.until("toolCall")
        return client

    [[call]] = play(stage, main).of("toolCall", "functionCalls")
    assert call["name"] == "transfer"


@pytest.mark.parametrize(
    ("switch", "words"),
    [
        ("any.talks_instead_of_tool", "I am transferring you now."),
        ("any.speaks_the_call", 'call:transfer{"to": "advisor"}'),
    ],
)
def test_words_come_instead_of_a_call(make_stage: MakeStage, switch: str, words: str) -> None:
    stage = make_stage(CALLS, switches=[switch])

    async def main() -> Client:
        return await spoken_to(stage)

    client = play(stage, main, switch)
    assert (client.words(), client.of("toolCall")) == (words, [])


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "OBJECT", "properties": {"a": {"type": "STRING"}, "b": {"type": "INTEGER"}}, "required": ["a", "b"]},
        {"type": "object", "properties": {"on": {"type": "boolean"}, "l": {"type": "array"}}, "required": ["on", "l"]},
        {"anyOf": [{"type": "number"}, {"type": "null"}]},
        {"type": ["null", "string"]},
        {"type": "string", "enum": ["x", "y"]},
    ],
)
def test_made_up_arguments_are_what_the_schema_allows(schema: dict[str, Any]) -> None:
    assert mismatch(sample(schema), schema) is None


# Transcripts


async def asked_and_answered(stage: Stage) -> list[str]:
    return (await spoken_to(stage)).kinds()


@pytest.mark.parametrize(
    ("switch", "kinds"),
    [
        ("", [THEIR_WORDS, MODELS_WORDS, AUDIO]),
        ("gemini.transcripts_late", [AUDIO, THEIR_WORDS, AUDIO]),
        ("gemini.transcripts_out_of_order", [MODELS_WORDS, AUDIO]),
        ("gemini.transcripts_missing", [AUDIO]),
    ],
)
def test_words_come_when_the_switch_lets_them(make_stage: MakeStage, switch: str, kinds: list[str]) -> None:
    stage = make_stage({"hears": "ask", "says": "Certainly."}, switches=[switch] if switch else [])
    seen = play(stage, lambda: asked_and_answered(stage), *([switch] if switch else []))
    content = [kind for kind in seen if kind.startswith("serverContent")]
    assert content[: len(kinds)] == kinds
    at_end = content[content.index(COMPLETE) - 1 :]
    match switch:
        case "gemini.transcripts_late":
            assert at_end == [MODELS_WORDS, COMPLETE]
        case "gemini.transcripts_out_of_order":
            assert at_end[1:] in ([COMPLETE], [COMPLETE, THEIR_WORDS])
        case "gemini.transcripts_missing":
            assert not {THEIR_WORDS, MODELS_WORDS} & set(content)


def test_words_of_the_caller_come_late_after_the_call_that_they_led_to(make_stage: MakeStage) -> None:
    stage = make_stage(CALLS, switches=["gemini.transcripts_late"])

    async def main() -> Client:
        client = await stage.open(tools=TOOLS)
        await client.say("ask")
        await client.answer((await client.until("toolCall", "functionCalls"))[0]["id"], {}, "transfer")
        await client.turn()
        return client

    kinds = play(stage, main, "gemini.transcripts_late").kinds()
    assert kinds.index("toolCall") + 1 == kinds.index(THEIR_WORDS)


def test_every_switch_is_named_in_this_file() -> None:
    text = Path(__file__).read_text()
    names = [switch.name for switch in switches_of("gemini-live")]
    shown = [name for name in names if name in text or name.partition(".")[2] in text or "upgrade_" in name]
    assert shown == names
