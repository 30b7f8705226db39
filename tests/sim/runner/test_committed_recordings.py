"""The committed recordings of the shipped scenarios, made over loopback sockets, happen again without any server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from roomkit_sim.sim import Run, simulate
from roomkit_sim.sim.cassette.comparing import compare
from roomkit_sim.sim.cassette.library import Library
from roomkit_sim.sim.cassette.manifest import read_manifest
from roomkit_sim.sim.cassette.model import Cassette, Loss, Note
from roomkit_sim.sim.cassette.scenario_files import write_scenario
from roomkit_sim.sim.cassette.tracks import digest as digest_of_sound
from roomkit_sim.sim.runner import simulate as simulating
from roomkit_sim.sim.runner import stage
from roomkit_sim.sim.runner.recordings import tape_for
from roomkit_sim.sim.runner.simulate import run_plan
from roomkit_sim.sim.scenario.loader import load
from roomkit_sim.sim.scenario.mode import Mode
from roomkit_sim.sim.scenario.plan import Plan, plans
from roomkit_sim.sim.trace.files import digest
from tests.sim.runner.finance_line import ROOT

RECORDINGS = ROOT / "recordings"
LIBRARY = Library(RECORDINGS)
MODE = Mode(against="replay", recordings=RECORDINGS)
SHIPPED = [
    plan
    for file in sorted((ROOT / "scenarios").rglob("*.scenario.yaml"))
    for source in load(file)
    for plan in plans(source, (0,), file.relative_to(ROOT).as_posix(), MODE)
]
RECORDED = [plan for plan in SHIPPED if LIBRARY.has(plan.provider, plan.slug)]
MOST_APART_NS = 1_000_000
LARGEST_BYTES = 8_000_000
"""Of the whole folder. What a line noises over is most of it, and cannot be compressed."""


def recorded(plan: Plan) -> Cassette:
    return LIBRARY.load(plan.provider, plan.slug)


@dataclass
class Replayed:
    """A replay.

    Args:
        run: What came of it.
        cassette: It, recorded in its turn.
    """

    run: Run
    cassette: Cassette


@pytest.fixture
def replay(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Replays a plan without a server of ours, and records the replay."""

    def refuse(provider: str) -> Any:
        raise AssertionError("a replay needs no server")

    kept: list[Cassette] = []
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(stage, "server_class", refuse)
    monkeypatch.setattr(simulating, "tape_for", lambda plan: replace(tape_for(plan), records=True))
    monkeypatch.setattr(simulating, "keep", lambda plan, cassette: kept.append(cassette))

    def play(plan: Plan) -> Replayed:
        run = run_plan(plan)
        assert kept, run.findings
        return Replayed(run, kept.pop())

    return play


def server_moments(cassette: Cassette) -> Iterator[tuple[int, str, int]]:
    """What a server did: on which connection, what, and when in the run."""
    began_ns = cassette.header.began_ns or 0
    for connection in cassette.connections:
        if connection.status is None:
            # Given up before there was TCP, which a replay's network has at once.
            continue
        dialled_ns = began_ns + connection.dialled_ns
        yield connection.number, "answered the handshake", dialled_ns + connection.opened_ns
        for event in connection.events:
            if isinstance(event, Note) or (isinstance(event, Loss) and event.by == "client"):
                continue
            if isinstance(event, Loss) or event.way == "received":
                yield connection.number, type(event).__name__, dialled_ns + event.t_ns


def one_side(cassette: Cassette, way: str) -> Cassette:
    """A cassette with what one side said and nothing else."""
    connections = tuple(
        replace(connection, events=tuple(event for event in connection.events if getattr(event, "way", "") == way))
        for connection in cassette.connections
    )
    return replace(cassette, connections=connections)


def sounds(cassette: Cassette) -> list[str | None]:
    """The hash of what each connection's agent said."""
    tracks = [connection.tracks.get("received") for connection in cassette.connections]
    return [None if track is None or track.pcm is None else digest_of_sound(track.pcm) for track in tracks]


def notes(cassette: Cassette, kind: str) -> list[Any]:
    """What the server knew beside its messages, in order."""
    return [
        (connection.number, dict(event.data))
        for connection in cassette.connections
        for event in connection.events
        if isinstance(event, Note) and event.kind == kind
    ]


def test_at_least_ten_scenarios_are_recorded_on_both_wires() -> None:
    names = {provider: {plan.scenario.scenario for plan in RECORDED if plan.provider == provider} for provider in WIRES}
    assert len(names["gemini-live"] & names["openai-realtime"]) >= 10
    telling = {"short-handoff", "caller-speaks-over-the-receptionist", "human-takes-over"}
    assert telling <= names["gemini-live"] & names["openai-realtime"]


WIRES = ("gemini-live", "openai-realtime")


def test_every_recording_is_of_a_shipped_scenario_and_says_that_it_was_made_with_our_own_server_in_real_time() -> None:
    manifest = read_manifest(RECORDINGS)
    files = [LIBRARY.path(plan.provider, plan.slug).relative_to(RECORDINGS).as_posix() for plan in RECORDED]
    assert sorted(manifest.cassettes) == sorted(files)
    assert {entry.origin for entry in manifest.cassettes.values()} == {"simulated"}
    for plan in RECORDED:
        header = recorded(plan).header
        assert (header.origin, header.began_ns is not None) == ("simulated", True)


def test_a_handoff_in_band_is_recorded_on_one_connection() -> None:
    [plan] = [plan for plan in RECORDED if plan.id == "two-calls-at-once[openai-realtime-s0]"]
    in_charge = [(number, data["agent"]) for number, data in notes(recorded(plan), "persona")]
    assert len({agent for number, agent in in_charge if number == 1}) > 1


def test_the_recordings_are_small() -> None:
    assert sum(path.stat().st_size for path in RECORDINGS.rglob("*") if path.is_file()) < LARGEST_BYTES


@pytest.mark.parametrize("plan", RECORDED, ids=lambda plan: plan.id)
def test_a_replay_goes_as_recorded_to_the_millisecond_in_every_connection(plan: Plan, replay: Any) -> None:
    original, again = recorded(plan), replay(plan)
    assert again.run.passed, [finding.message for finding in again.run.findings]
    assert [finding.code for finding in again.run.findings if finding.code == "WIRE081"] == []
    for kind in ("persona", "handoff", "heard", "tool_call"):
        assert notes(again.cassette, kind) == notes(original, kind), kind
    # Each side by itself: a client that takes no time to think may speak before the server and not after it.
    for way in ("sent", "received"):
        difference = compare(one_side(original, way), one_side(again.cassette, way))
        # Where in its frame the caller begins to speak is left to the machine's clock.
        assert difference == [] or difference[0].startswith("the caller's sound")
    assert sounds(again.cassette) == sounds(original)
    now, then = [*server_moments(again.cassette)], [*server_moments(original)]
    assert [moment[:2] for moment in now] == [moment[:2] for moment in then]
    apart = [abs(one[2] - other[2]) for one, other in zip(now, then, strict=True)]
    assert max(apart) <= MOST_APART_NS


@pytest.mark.parametrize("plan", RECORDED, ids=lambda plan: plan.id)
def test_two_replays_leave_the_same_trace(plan: Plan, replay: Any) -> None:
    traces = [[digest(call.record.events) for call in replay(plan).run.calls] for _ in range(2)]
    assert traces[0] == traces[1]
    assert Path.cwd() == ROOT


@pytest.mark.parametrize(
    "plan",
    [plan for plan in RECORDED if plan.scenario.scenario in ("short-handoff", "human-takes-over")],
    ids=lambda plan: plan.id,
)
def test_a_scenario_that_is_made_of_a_recording_is_passed_by_the_application_that_was_recorded(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    made = tmp_path / "made.scenario.yaml"
    write_scenario(recorded(plan), made, plan.scenario.apps[plan.provider])
    run = simulate(made)
    assert run.findings == ()
    assert len(run.handoffs) == len(plan.scenario.calls[0].expect.handoffs or ())
