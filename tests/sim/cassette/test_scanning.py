"""Files are looked through for what a scrubber would have taken out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from roomkit_sim.errors import CassetteError
from roomkit_sim.sim.cassette.rules import Rules
from roomkit_sim.sim.cassette.scanning import scan_file, scan_files

ROOT = Path(__file__).parents[3]


def found(path: Path, text: str | bytes) -> list[tuple[int, str]]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return [(leak.line, leak.kind) for leak in scan_file(path, Rules())]


def test_text_is_scanned_line_by_line(tmp_path: Path) -> None:
    assert found(tmp_path / "a.txt", "hello\njane@x.com and +49 170 2345678\n") == [(2, "email"), (2, "phone")]


def test_json_lines_are_scanned_by_field(tmp_path: Path) -> None:
    lines = [{"a": "fine"}, {"api_key": "abc"}, {"sessionResumptionUpdate": {"newHandle": "abc"}}]
    assert found(tmp_path / "a.jsonl", "\n".join(map(json.dumps, lines))) == [(2, "secret"), (3, "handle")]


def test_what_is_split_over_frames_is_found_where_it_begins(tmp_path: Path) -> None:
    pieces = ["it is 41", "11 1111", " 1111 1111", "."]
    frames = [
        {"kind": "frame", "conn": 1, "json": {"serverContent": {"outputTranscription": {"text": piece}}}}
        for piece in pieces
    ]
    assert found(tmp_path / "a.jsonl", "\n".join(map(json.dumps, frames))) == [(1, "card")]


def test_yaml_is_scanned_by_value_so_that_no_line_break_hides_anything(tmp_path: Path) -> None:
    text = "# by jane@x.com\nbody: 'call +49 170\n  2345678 today'\nheaders:\n  Authorization:\n  - abcdefgh\n"
    assert found(tmp_path / "a.yaml", text) == [(1, "email"), (2, "phone"), (6, "secret")]


def test_damaged_yaml_is_scanned_as_text(tmp_path: Path) -> None:
    assert found(tmp_path / "a.yaml", "a: [\nb: jane@x.com") == [(2, "email")]


def test_readable_parts_of_other_files_are_scanned(tmp_path: Path) -> None:
    assert found(tmp_path / "a.flac", b"\xff\xfe\x00comment=jane@example.com\x00\xff") == [(1, "email")]


def test_a_private_key_over_several_lines_is_found(tmp_path: Path) -> None:
    text = "x\n-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n"
    assert "pem" in {kind for _, kind in found(tmp_path / "a.txt", text)}


def test_a_leak_is_named_by_file_line_and_kind(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("jane@x.com")
    [leak] = scan_file(path, Rules())
    assert str(leak) == f"{path}:1: email: an email address"


def test_nothing_is_found_in_what_is_committed() -> None:
    folders = [ROOT / "recordings", ROOT / "tests/providers/cassettes"]
    assert list(scan_files(folders, lambda folder: Rules())) == []


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CassetteError, match="no such file or folder"):
        list(scan_files([tmp_path / "nowhere"], lambda folder: Rules()))
