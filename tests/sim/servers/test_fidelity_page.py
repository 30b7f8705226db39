"""docs/fidelity.md says what is assumed and not recorded, and what is not compared; the comparison sees all else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from google.genai.types import LiveServerContent, LiveServerMessage
from openai.types.realtime import RealtimeServerEvent
from pydantic.alias_generators import to_camel

from tests.sim.servers.fidelity import (
    FREE,
    OWN,
    PAGE,
    RECORDINGS,
    ROOT,
    differences,
    needs_recordings,
    received,
    recording,
    rows,
)

SERVERS = ROOT / "roomkit_sim" / "sim" / "servers"
GEMINI, OPENAI = SERVERS / "gemini_live", SERVERS / "openai_realtime"


def first_cells(heading: str) -> list[str]:
    return sorted(name for row in rows(heading) for name in row[0])


def nodes(folder: Path) -> Iterator[ast.AST]:
    for path in sorted(folder.glob("*.py")):
        yield from ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def words(folder: Path) -> frozenset[str]:
    """Every word that stands in a string of the folder's modules: names of frames among them."""
    found: list[str] = []
    for node in nodes(folder):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            text = node.value if isinstance(node.value, str) else node.value.decode()
            found += "".join(letter if letter.isalnum() or letter in "._" else " " for letter in text).split()
    return frozenset(found)


def event_types(annotation: Any) -> Iterator[str]:
    """The types of the events of a union."""
    for member in get_args(annotation):
        if hasattr(member, "model_fields"):
            yield from get_args(member.model_fields["type"].annotation)
        else:
            yield from event_types(member)


def frames_of_gemini() -> frozenset[str]:
    """The keys of frames that the server knows, of those that the SDK has."""
    keys = {to_camel(name): to_camel(name) for name in LiveServerMessage.model_fields if name != "server_content"}
    inner = {to_camel(name): f"serverContent.{to_camel(name)}" for name in LiveServerContent.model_fields}
    known = words(GEMINI)
    return frozenset(name for key, name in (keys | inner).items() if key in known)


def recorded_frames() -> Iterator[str]:
    for path in RECORDINGS.glob("*.yaml"):
        for frame in received(recording(path.stem)):
            yield from [frame["type"]] if "type" in frame else frame
            yield from (f"serverContent.{key}" for key in frame.get("serverContent", {}))


@needs_recordings
def test_frames_that_no_recording_has_are_on_the_page() -> None:
    sent = frames_of_gemini() | (words(OPENAI) & frozenset(event_types(RealtimeServerEvent)))
    assert len(sent) > 35
    assert sorted(sent - frozenset(recorded_frames())) == first_cells("Frames")


def test_codes_of_errors_are_on_the_page() -> None:
    codes = {
        "".join(part.value if isinstance(part, ast.Constant) else "..." for part in parts)
        for node in nodes(OPENAI)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Refusal"
        for code in node.args[1:2]
        for parts in [code.values if isinstance(code, ast.JoinedStr) else [code]]
    }
    assert sorted(codes) == first_cells("Errors of OpenAI Realtime")


def test_close_codes_are_on_the_page() -> None:
    codes = {node.value for node in nodes(GEMINI) if isinstance(node, ast.Constant) and type(node.value) is int}
    assert sorted(str(code) for code in codes if 1001 <= code <= 1015) == first_cells("Close codes of Gemini Live")


def test_what_is_not_compared_is_on_the_page() -> None:
    assert sorted(FREE | OWN) == first_cells("Not compared")


def test_every_difference_has_a_reason_and_names_a_recording() -> None:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if " only: " in line]
    assert len(lines) == len(rows("Differences"))
    for line in lines:
        *_, reason = line.strip("| ").split(" | ")
        assert len(reason) > 40, line


@needs_recordings
def test_recordings_of_the_page_are_there() -> None:
    names = {name for row in rows("Differences") for name in row[1]}
    assert names <= {path.stem for path in RECORDINGS.glob("*.yaml")}


SESSION = {"type": "session.created", "event_id": "event_abc", "session": {"voice": "alloy", "tools": []}}
DELTA = {"type": "response.output_text.delta", "event_id": "event_def", "delta": "Hello"}
DONE = {"type": "response.done", "event_id": "event_ghi", "response": {"usage": {"total_tokens": 7}}}


@pytest.mark.parametrize(
    ("ours", "line"),
    [
        ([SESSION, DELTA, DELTA, DONE], None),
        ([SESSION, {**DELTA, "event_id": "event_xyz", "delta": "Good day"}, DONE], None),
        ([SESSION, DONE], "the service only: frame response.output_text.delta"),
        ([SESSION, {**DELTA, "more": 1}, DONE], "ours only: field response.output_text.delta .more"),
        ([{**SESSION, "session": {"voice": "alloy"}}, DELTA, DONE],
         "the service only: field session.created .session.tools"),
        ([{**SESSION, "session": {"voice": "marin", "tools": []}}, DELTA, DONE],
         'ours only: value session.created .session.voice = "marin"'),
        ([{**SESSION, "session": {"voice": "alloy", "tools": None}}, DELTA, DONE],
         "ours only: value session.created .session.tools = null"),
        ([SESSION, {**DELTA, "event_id": "evt_abcde"}, DONE],
         "ours only: value response.output_text.delta .event_id = evt_... of 9 characters"),
        ([SESSION, {**DELTA, "delta": None}, DONE], "ours only: value response.output_text.delta .delta = null"),
        ([SESSION, dict(reversed(DELTA.items())), DONE],
         "ours only: order of fields response.output_text.delta .delta .event_id .type"),
        ([SESSION, DONE, DELTA], "ours only: order session.created -> response.done"),
    ],
)  # fmt: skip
def test_the_comparison_sees(ours: list[dict[str, Any]], line: str | None) -> None:
    found = differences(ours, [SESSION, DELTA, DONE])
    assert found == [] if line is None else line in found
