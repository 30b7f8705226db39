"""Compares what our servers send with what the live services were recorded to send.

One comparison for both protocols: which frames there are, which fields they have in which order, which values stand in
them, and which frame follows which. Whatever differs has a line in docs/fidelity.md, with the reason; the tests hold
both to each other. The recordings lie beside the project, not in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
RECORDINGS = ROOT.parent / "shared" / "protocol"
PAGE = ROOT / "docs" / "fidelity.md"

RECORDED = (
    "gemini_message_history_seeding",
    "gemini_text_in_audio_out_turn",
    "gemini_tool_call_round",
    "openai_audio_in_server_vad_turn",
    "openai_message_history_seeding",
    "openai_text_in_audio_out_turn",
    "openai_tool_call_round",
)
"""The recordings, by name."""

NOT_COMPARED = "NOT COMPARED WITH THE SERVICES: "
needs_recordings = pytest.mark.skipif(
    not RECORDINGS.is_dir(), reason=f"{NOT_COMPARED}the recorded frames are not at {RECORDINGS}"
)

Frame = dict[str, Any]
Interactions = list[tuple[str, Frame]]

OWN = frozenset({"args", "arguments", "parameters"})
"""Below these stands what the application or the model made up."""

FREE = frozenset({
    "data", "delta", "description", "instructions", "name", "obfuscation", "output", "text", "transcript",
    "audio_start_ms", "audio_end_ms", "expires_at", "seconds",
})  # fmt: skip
"""Whose values are another call's own: words, sound, and when they were."""

COUNTS = re.compile(r"(?i)tokens?(count)?$")
IDS = re.compile(r"(?i)id$")

MIXED = frozenset({
    "serverContent.outputTranscription", "serverContent.modelTurn.inlineData",
    "response.output_audio_transcript.delta", "response.output_audio.delta",
})  # fmt: skip
"""The words and the sound of one answer: how they alternate depends on what is said."""

BESIDE = ("conversation.item.input_audio_transcription.", "serverContent.modelTurn.text+thought")
"""What runs beside an answer, or comes when the model likes."""


def recording(name: str) -> Interactions:
    """The frames of a recording, each with ``sent`` (by the client) or ``received``."""
    document = yaml.safe_load((RECORDINGS / f"{name}.yaml").read_text(encoding="utf-8"))
    return [(item["direction"], item["data"]) for item in document["interactions"]]


def received(interactions: Interactions) -> list[Frame]:
    """What the client of a recording received."""
    return [frame for direction, frame in interactions if direction == "received"]


def kind(frame: Frame) -> str:
    """The type of an OpenAI event; of a Gemini frame its keys, those of its content and of its first part."""
    if "type" in frame:
        return str(frame["type"])
    content = frame.get("serverContent", {})
    parts = content.get("modelTurn", {}).get("parts", [])
    inner = "".join(f".{'+'.join(level)}" for level in (content, *parts[:1]))
    return "+".join(f"{key}{inner}" if key == "serverContent" else key for key in frame)


def course(frames: Iterable[Frame]) -> list[str]:
    """What comes after what, from the first frame to the last; repetitions count once."""
    steps: list[str] = []
    for name in map(kind, frames):
        step = "speech" if name in MIXED else name
        if steps[-1:] != [step] and not step.startswith(BESIDE):
            steps.append(step)
    return steps


def differences(ours: list[Frame], theirs: list[Frame]) -> list[str]:
    """What one side sends and the other does not, a line each, sorted."""
    sides = {"ours": Sent(ours), "the service": Sent(theirs)}
    return sorted(
        f"{side} only: {line}"
        for side, other in (("ours", "the service"), ("the service", "ours"))
        for line in sides[side].beyond(sides[other])
    )


class Sent:
    """What was sent, taken apart.

    Args:
        frames: In order.
    """

    def __init__(self, frames: list[Frame]) -> None:
        self.sequence = [kind(frame) for frame in frames]
        self.kinds = dict.fromkeys(self.sequence)
        self.fields: dict[tuple[str, str], None] = {}
        self.values: dict[tuple[str, str, str], None] = {}
        self.shapes: dict[tuple[str, tuple[str, ...]], None] = {}
        for frame in frames:
            found = list(leaves(frame))
            paths = tuple(dict.fromkeys(path for path, _ in found))
            self.shapes[kind(frame), paths] = None
            self.fields |= dict.fromkeys((kind(frame), path) for path in paths)
            self.values |= dict.fromkeys((kind(frame), path, shown(path, value)) for path, value in found)

    def beyond(self, other: Sent) -> Iterator[str]:
        """What the other one has not."""
        for name in self.kinds:
            if name not in other.kinds:
                yield f"frame {name}"
        for name, path in self.fields:
            if name in other.kinds and (name, path) not in other.fields:
                yield f"field {name} {path}"
        for name, path, value in self.values:
            if (name, path) in other.fields and (name, path, value) not in other.values:
                yield f"value {name} {path} = {value}"
        theirs = other.known_shapes(self)
        for name, paths in self.known_shapes(other):
            if name in other.kinds and (name, paths) not in theirs:
                yield f"order of fields {name} {' '.join(paths)}"
        followed = other.follows(self)
        for one, next in self.follows(other):
            if (one, next) not in followed:
                yield f"order {one} -> {next}"

    def follows(self, other: Sent) -> dict[tuple[str, str], None]:
        """Which frame comes right after which, of those that both send."""
        shared = [name for name in self.sequence if name in other.kinds]
        return {(one, next): None for one, next in pairwise(shared) if one != next}

    def known_shapes(self, other: Sent) -> dict[tuple[str, tuple[str, ...]], None]:
        """The fields of each frame in their order, without those that the other one never has."""
        return {
            (name, tuple(path for path in paths if (name, path) in other.fields)): None for name, paths in self.shapes
        }


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every path of keys, in order, with the value where it ends. The items of a list are one."""
    if isinstance(value, dict) and path.rpartition(".")[2] not in OWN:
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}")
    elif isinstance(value, list) and value:
        for item in value:
            yield from leaves(item, f"{path}[]")
    else:
        yield path, value


def shown(path: str, value: Any) -> str:
    """A value, or what kind of one it is, where it belongs to the call."""
    key = path.rpartition(".")[2].removesuffix("[]")
    if isinstance(value, str) and IDS.search(key):
        begin = value.rstrip("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
        return f"{begin}... of {len(value)} characters"
    if value is not None and (key in FREE or key in OWN or COUNTS.search(key)):
        return "number" if isinstance(value, int | float) else type(value).__name__
    return json.dumps(value)


# The page


def check(name: str, ours: list[Frame], theirs: list[Frame]) -> None:
    """Hold what a server sent to a recording: the same course, and no difference but those on the page."""
    assert course(ours) == course(theirs)
    found, known = differences(ours, theirs), listed(name)
    news = [f"not in docs/fidelity.md: {line}" for line in found if line not in known]
    gone = [f"in docs/fidelity.md, but gone: {line}" for line in known if line not in found]
    assert not news + gone, "\n".join([f"{name}: mend it, or give the reason", *news, *gone])


def listed(recording_name: str) -> list[str]:
    """The differences that the page lists for a recording, sorted."""
    return sorted(line for lines, names, *_ in rows("Differences") if recording_name in names for line in lines)


def rows(heading: str) -> list[list[list[str]]]:
    """The table under a heading of the page: what stands in backticks in each cell of each row."""
    _, found, text = PAGE.read_text(encoding="utf-8").partition(f"# {heading}\n")
    assert found, f"{PAGE} has no heading {heading!r}"
    lines = [line for line in re.split(r"^#", text, flags=re.MULTILINE)[0].splitlines() if line.startswith("| `")]
    return [[re.findall(r"`([^`]+)`", cell) for cell in line.strip("| ").split(" | ")] for line in lines]
