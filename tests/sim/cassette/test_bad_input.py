"""Whatever stands in a cassette's place: a clear error that names file and line, and nothing is touched."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit_sim.errors import CassetteError
from roomkit_sim.sim.cassette.library import Library
from roomkit_sim.sim.cassette.manifest import MANIFEST
from roomkit_sim.sim.cassette.model import Cassette, Event, Frame, Sound
from roomkit_sim.sim.cassette.text import LARGEST_FILE, parse, render
from tests.sim.cassette.test_folding import cassette_of, spoken

EVENTS: list[Event] = [spoken("sent", 0), spoken("sent", 20), spoken("received", 30, b"efgh")]


@pytest.fixture
def library(tmp_path: Path) -> Library:
    library = Library(tmp_path)
    library.save("test", "call", cassette_of(EVENTS))
    return library


@pytest.fixture
def path(library: Library) -> Path:
    return library.path("test", "call")


def everything_below(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def refusal(library: Library) -> CassetteError:
    """The error of loading the cassette; the files are as before."""
    before = everything_below(library.root)
    with pytest.raises(CassetteError) as caught:
        library.load("test", "call")
    assert everything_below(library.root) == before
    return caught.value


def test_the_cassette_is_good_before_it_is_damaged(library: Library) -> None:
    assert library.load("test", "call") == cassette_of(EVENTS)


def replace_in_line(path: Path, kind: str, old: str, new: str) -> int:
    """Edit the first line of a kind; gives its number."""
    lines = path.read_text().splitlines(keepends=True)
    at = next(index for index, line in enumerate(lines) if f'"kind": "{kind}"' in line)
    assert old in lines[at]
    lines[at] = lines[at].replace(old, new)
    path.write_text("".join(lines))
    return at + 1


@pytest.mark.parametrize(
    ("kind", "old", "new", "message"),
    [
        ("cassette", '"format": 1', '"format": 2', "cassette format 2; this version of roomkit-sim reads format 1"),
        (
            "cassette",
            '"origin": "simulated"',
            '"origin": "true"',
            "origin: Input should be 'live', 'simulated' or 'imported'",
        ),
        ("dial", '"host": "service.test"', '"host": 7', "host: Input should be a valid string"),
        ("dial", '"conn": 1', '"conn": 2', "connection 2 is dialled here; the next is 1"),
        ("handshake", '"status": 101', '"status": 101, "exec": "rm"', "exec: Extra inputs are not permitted"),
        ("handshake", '"conn": 1', '"conn": 7', "connection 7 was not dialled above"),
        ("track", '"sha256": "', '"sha256": "../../../etc/', "sha256: String should match pattern"),
        ("audio", '"frames": 2', '"frames": 3', "sizes and gaps_ms do not add up to 3 frames"),
        ("audio", '"frames": 2', '"frames": 1000001', "frames: Input should be less than or equal to 1000000"),
        ("audio", '"offset": 0', '"offset": 2', "bytes 2 to 10 of a track that has 8"),
        ("audio", '"offset": 0', '"offset": -1', "offset: Input should be greater than or equal to 0"),
        ("audio", '"t_ms": 0.0', '"t_ms": 1e99', "t_ms: Input should be less than or equal to"),
        ("audio", '"kind": "audio"', '"kind": "os.system"', "kind"),
        ("end", '"lines": 8', '"lines": 9', "the 'end' line counts 9 lines"),
    ],
)
def test_a_wrong_value_is_named_with_its_line(
    library: Library, path: Path, kind: str, old: str, new: str, message: str
) -> None:
    line = replace_in_line(path, kind, old, new)
    error = refusal(library)
    assert (error.path, error.line) == (path, line)
    assert message in str(error)
    assert str(error).startswith(f"{path}:{line}: ")


def test_a_hash_that_is_not_that_of_the_frames_audio(library: Library, path: Path) -> None:
    [found] = re.findall(r'"frames": 2, "sha256": "(\w{16})"', path.read_text())
    line = replace_in_line(path, "audio", found, "0" * 16)
    assert refusal(library).line == line


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9])
def test_a_file_that_is_cut_short(library: Library, path: Path, keep: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    error = refusal(library)
    assert error.line == path.read_bytes().count(b"\n") + 1
    assert "the file is cut short" in str(error)


def test_a_file_that_lacks_its_last_line(library: Library, path: Path) -> None:
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    assert "its 'end' line is missing" in str(refusal(library))


@pytest.mark.parametrize("data", [b"", b"\n", b"\x00\xff\xfe" * 1000, b"{}\n", b"[]\n", b'"cassette"\n', b"null\n"])
def test_what_is_no_cassette_at_all(library: Library, path: Path, data: bytes) -> None:
    path.write_bytes(data)
    assert refusal(library).line == 1


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_megabytes_of_nested_json(library: Library, path: Path, opening: str) -> None:
    lines = path.read_text().splitlines(keepends=True)
    lines.insert(3, opening * 1_000_000 + "\n")
    path.write_text("".join(lines))
    error = refusal(library)
    assert error.line == 4
    assert "nested too deeply" in str(error)


def test_json_that_is_nested_a_little_too_deeply(library: Library, path: Path) -> None:
    frame = '{"kind": "frame", "conn": 1, "dir": "sent", "t_ms": 0.0, "op": "text", "json": %s}\n'
    lines = path.read_text().splitlines(keepends=True)
    lines.insert(3, frame % ("[" * 200 + "]" * 200))
    path.write_text("".join(lines))
    assert "nested more than 64 levels deep" in str(refusal(library))


def test_a_file_that_is_too_large_is_not_read(library: Library, path: Path) -> None:
    with path.open("ab") as file:
        file.truncate(LARGEST_FILE + 1)
    with pytest.raises(CassetteError, match=f"a cassette may have {LARGEST_FILE}"):
        library.load("test", "call")


def test_a_billion_frames_in_one_line_are_not_unfolded(library: Library, path: Path) -> None:
    line = replace_in_line(path, "audio", '"sizes": [[4, 2]]', '"sizes": [[0, 1000000000]]')
    assert refusal(library).line == line


def test_a_million_frames_in_each_of_two_lines_are_too_many(library: Library, path: Path) -> None:
    million = '"frames": 1000000'
    replace_in_line(path, "audio", '"frames": 2', million)
    path.write_text(path.read_text().replace('"frames": 1,', f"{million},"))
    assert "more than 1000000 frames" in str(refusal(library))


def test_an_edit_that_reads_well_is_found_by_its_hash(library: Library, path: Path) -> None:
    replace_in_line(path, "cassette", '"origin": "simulated"', '"origin": "live"')
    error = refusal(library)
    assert error.path == library.root / MANIFEST
    assert '"test/call/cassette.jsonl"' in (library.root / MANIFEST).read_text().splitlines()[(error.line or 0) - 1]
    assert f"{path} is not the file that was recorded" in str(error)


def test_a_simulated_cassette_cannot_be_called_live_by_its_manifest(library: Library) -> None:
    manifest = library.root / MANIFEST
    manifest.write_text(manifest.read_text().replace('"origin": "simulated"', '"origin": "live"'))
    assert "says that it is simulated, the manifest that it is live" in str(refusal(library))


def test_a_cassette_that_the_manifest_does_not_list(library: Library, path: Path) -> None:
    (library.root / MANIFEST).write_text('{"version": 1, "cassettes": {}}')
    error = refusal(library)
    assert error.path == path
    assert "does not list it" in str(error)


@pytest.mark.parametrize(
    ("text", "line"),
    [('{\n "version": 1,\n "cassettes": {', 3), ('{"version": 2, "cassettes": {}}', 1), ("[" * 100_000, 1), ("[]", 1)],
    ids=["cut", "version", "nested", "list"],
)
def test_a_manifest_that_is_none(library: Library, text: str, line: int) -> None:
    (library.root / MANIFEST).write_text(text)
    error = refusal(library)
    assert (error.path, error.line) == (library.root / MANIFEST, line)


def track_line(path: Path) -> tuple[int, Path]:
    lines = path.read_text().splitlines()
    at = next(index for index, line in enumerate(lines) if '"kind": "track"' in line)
    return at + 1, path.parent / "audio" / f"{json.loads(lines[at])['sha256']}.flac"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (Path.unlink, "is missing"),
        (lambda file: file.write_bytes(b""), "cannot be read as FLAC"),
        (lambda file: file.write_bytes(b"\x00" * 5000), "cannot be read as FLAC"),
        (lambda file: file.write_bytes(file.read_bytes()[:-8]), "audio/"),
    ],
    ids=["missing", "empty", "garbage", "cut"],
)
def test_audio_that_is_damaged(library: Library, path: Path, damage: Callable[[Path], None], message: str) -> None:
    line, file = track_line(path)
    damage(file)
    error = refusal(library)
    assert (error.path, error.line) == (path, line)
    assert message in str(error)


def test_audio_of_another_recording(library: Library, path: Path) -> None:
    other = [Frame("sent", 0, False, Sound({"audio": "<audio>"}, ("audio",), 8, b"12345678"))]
    library.save("test", "other", cassette_of([*other]))
    line, file = track_line(path)
    file.write_bytes(track_line(library.path("test", "other"))[1].read_bytes())
    error = refusal(library)
    assert error.line == line
    assert "is not the audio that was recorded" in str(error)


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "/etc", ".hidden", "a\x00b", "a b", "x" * 200])
def test_a_name_that_leads_elsewhere(library: Library, name: str) -> None:
    for provider, cassette in ((name, "call"), ("test", name)):
        with pytest.raises(CassetteError, match="cannot be part of a cassette's path"):
            library.path(provider, cassette)


def test_a_cassette_that_is_not_there(library: Library) -> None:
    with pytest.raises(CassetteError, match="cannot be read: No such file"):
        library.load("test", "nothing")


TEXT = render(cassette_of(EVENTS)).encode()


@given(st.integers(0, len(TEXT) - 1), st.binary(min_size=1, max_size=3), st.booleans())
def test_whatever_is_changed_in_it_the_reader_raises_our_error_or_none(at: int, new: bytes, cut: bool) -> None:
    tracks = cassette_of(EVENTS).connections[0].tracks
    data = TEXT[:at] + new + (b"" if cut else TEXT[at + 1 :])
    result: object
    try:
        result = parse(data, Path("c.jsonl"), lambda line: tracks[line.dir].pcm or b"")
    except CassetteError as error:
        result = error.line
    assert isinstance(result, Cassette | int)
