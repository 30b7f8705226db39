"""Where cassettes are kept, and what is there when a process ends while it writes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile

from roomkit_sim.errors import CassetteError
from roomkit_sim.sim.cassette import files, library
from roomkit_sim.sim.cassette.library import Library
from roomkit_sim.sim.cassette.manifest import MANIFEST, read_manifest
from roomkit_sim.sim.cassette.model import Cassette, Close, Header
from tests.sim.cassette.test_folding import cassette_of, spoken

OLD = cassette_of([spoken("sent", 0)])
NEW = cassette_of([spoken("sent", 0, b"efgh"), Close("sent", 1_000_000, 1000, "")])


class EndedError(BaseException):
    """The process ends here."""


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    shelf = Library(tmp_path)
    path = shelf.save("test", "call", OLD)
    assert path == tmp_path / "test/call/cassette.jsonl"
    assert shelf.load("test", "call") == OLD
    assert shelf.load("test", "call").path == path


def test_the_audio_lies_beside_it_as_flac(tmp_path: Path) -> None:
    path = Library(tmp_path).save("test", "call", OLD)
    [file] = (path.parent / "audio").iterdir()
    samples, rate_hz = soundfile.read(file, dtype="int16")
    assert (samples.tobytes(), rate_hz) == (b"abcd", 24_000)


def test_the_manifest_says_what_it_is(tmp_path: Path) -> None:
    Library(tmp_path).save("test", "call", OLD)
    [entry] = read_manifest(tmp_path).cassettes.values()
    assert (entry.origin, entry.provider, entry.recorded) == ("simulated", "test", "2030-01-01T00:00:00Z")
    assert (entry.versions, entry.models) == ({"sdk": "1"}, ["model"])
    assert entry.replaces is None
    assert len(entry.audio) == 1


def test_cassettes_stand_in_the_manifest_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        Library(tmp_path).save("test", name, OLD)
    assert list(json.loads((tmp_path / MANIFEST).read_text())["cassettes"]) == [
        f"test/{name}/cassette.jsonl" for name in "abc"
    ]


def test_audio_that_nothing_uses_any_more_is_removed(tmp_path: Path) -> None:
    shelf = Library(tmp_path)
    shelf.save("test", "call", OLD)
    path = shelf.save("test", "call", NEW)
    assert len(list((path.parent / "audio").iterdir())) == 1
    assert shelf.load("test", "call") == NEW


def steps_until_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Save NEW over OLD, ending the process before each of its writes in turn."""
    for survived in range(20):
        shelf = Library(tmp_path / str(survived))
        shelf.save("test", "call", OLD)
        writes = 0

        def ending(path: Path, data: bytes, limit: int = survived) -> None:
            nonlocal writes
            if writes == limit:
                raise EndedError
            writes += 1
            files.replace(path, data)

        with monkeypatch.context() as patch:
            patch.setattr(library, "replace", ending)
            patch.setattr("roomkit_sim.sim.cassette.manifest.replace", ending)
            try:
                shelf.save("test", "call", NEW)
            except EndedError:
                yield survived
            else:
                return
    raise AssertionError("it never comes to an end")


def test_whenever_the_process_ends_the_old_cassette_or_the_new_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for survived in steps_until_the_end(tmp_path, monkeypatch):
        cassette = Library(tmp_path / str(survived)).load("test", "call")
        found.append("old" if cassette == OLD else "new" if cassette == NEW else "neither")
    # Audio, the manifest that knows both, the cassette, the manifest that knows the new one.
    assert found == ["old", "old", "old", "new"]


def test_after_such_an_end_it_can_be_recorded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for survived in list(steps_until_the_end(tmp_path, monkeypatch)):
        shelf = Library(tmp_path / str(survived))
        shelf.save("test", "call", NEW)
        assert shelf.load("test", "call") == NEW
        [entry] = read_manifest(shelf.root).cassettes.values()
        assert entry.replaces is None


def test_nothing_is_left_beside_when_it_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "test").write_text("a file where a folder must be")
    with pytest.raises(CassetteError, match="cannot be written"):
        Library(tmp_path).save("test", "call", OLD)
    assert not list(tmp_path.rglob("*.part"))
    assert not (tmp_path / MANIFEST).exists()


def test_a_damaged_file_is_not_made_valid_by_being_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Library(tmp_path)
    path = shelf.save("test", "call", OLD)
    path.write_text(path.read_text().replace('"status": 101', '"status": 102'))

    def ending(target: Path, data: bytes) -> None:
        if target == path:
            raise EndedError
        files.replace(target, data)

    monkeypatch.setattr(library, "replace", ending)
    with pytest.raises(EndedError):
        shelf.save("test", "call", NEW)
    with pytest.raises(CassetteError, match="is not the file that was recorded"):
        shelf.load("test", "call")


def test_a_live_cassette_says_so_in_both_places(tmp_path: Path) -> None:
    shelf = Library(tmp_path)
    header = Header("live", "test", {}, (), "2030-01-01T00:00:00Z")
    path = shelf.save("test", "call", Cassette(header, OLD.connections))
    assert '"origin": "live"' in path.read_text().splitlines()[0]
    assert read_manifest(tmp_path).cassettes["test/call/cassette.jsonl"].origin == "live"


def test_silence_at_two_rates_is_one_file_and_loads(tmp_path: Path) -> None:
    silent = cassette_of([spoken("sent", 0, bytes(8)), spoken("received", 5, bytes(8))])
    [connection] = silent.connections
    tracks = {**connection.tracks, "sent": replace(connection.tracks["sent"], rate_hz=16_000)}
    both = Cassette(silent.header, (replace(connection, tracks=tracks),))  # type: ignore[arg-type]
    path = Library(tmp_path).save("test", "call", both)
    assert len(list((path.parent / "audio").iterdir())) == 1
    assert Library(tmp_path).load("test", "call") == both
