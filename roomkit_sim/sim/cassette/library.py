"""The folder of recordings: reads cassettes, and writes them so that the previous one stays whole until the end."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from roomkit_sim.errors import CassetteError
from roomkit_sim.sim.cassette.files import locked, replace
from roomkit_sim.sim.cassette.lines import TrackLine
from roomkit_sim.sim.cassette.manifest import (
    MANIFEST,
    Entry,
    Manifest,
    entry_for,
    read_manifest,
    sha256_of,
    write_manifest,
)
from roomkit_sim.sim.cassette.model import Cassette
from roomkit_sim.sim.cassette.rules import RULES_FILE, read_rules
from roomkit_sim.sim.cassette.scanning import scan_lines
from roomkit_sim.sim.cassette.text import LARGEST_FILE, parse, render
from roomkit_sim.sim.cassette.tracks import FOLDER, digest, encode, read_track, track_path

__all__ = ["FILE", "Library", "open_cassette"]

FILE = "cassette.jsonl"
_MOST_LEAKS = 10
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,150}")


@dataclass(frozen=True)
class Library:
    """Recordings: ``<root>/<provider>/<name>/cassette.jsonl`` with its audio beside it, and ``<root>/manifest.json``.

    Args:
        root: The folder.
    """

    root: Path

    def path(self, provider: str, name: str) -> Path:
        """Where a cassette is, or would be.

        Raises:
            CassetteError: A name that is none: it could lead out of the folder.
        """
        for part in (provider, name):
            if not _NAME.fullmatch(part):
                raise CassetteError(
                    f"{part!r} cannot be part of a cassette's path: letters, digits, '.', '_' and '-' can, and it "
                    f"begins with a letter or a digit",
                    path=self.root,
                )
        return self.root / provider / name / FILE

    def has(self, provider: str, name: str) -> bool:
        """Whether there is such a cassette, whole or not."""
        return self.path(provider, name).is_file()

    def load(self, provider: str, name: str) -> Cassette:
        """Read a cassette.

        Raises:
            CassetteError: It is not there, is damaged, or is not what the manifest says.
        """
        path = self.path(provider, name)
        try:
            if path.stat().st_size > LARGEST_FILE:
                raise CassetteError(f"{path.stat().st_size} bytes: a cassette may have {LARGEST_FILE}", path=path)
            data = path.read_bytes()
        except OSError as error:
            raise CassetteError(f"cannot be read: {error.strerror}", path=path) from error
        # Damage is named by its line; the hash comes after it and says only that there is some.
        cassette = parse(data, path, lambda line: _load_track(path, line))
        self._check(path, data, cassette)
        return cassette

    def save(self, provider: str, name: str, cassette: Cassette) -> Path:
        """Write a cassette in place of what is there under this name.

        Whenever the process ends, there is the old cassette or the new one, and the manifest knows it.

        Returns:
            Its file.

        Raises:
            CassetteError: It cannot be written, or has secrets; what was there is as it was.
        """
        path = self.path(provider, name)
        text = render(cassette)
        self._refuse_leaks(path, text)
        data = text.encode()
        tracks = {
            digest(track.pcm): (track.pcm, track.rate_hz)
            for connection in cassette.connections
            for track in connection.tracks.values()
            if track.pcm is not None
        }
        with locked(self.root):
            for sha256, (pcm, rate_hz) in tracks.items():
                replace(track_path(path, sha256), encode(pcm, rate_hz))
            key = self._key(path)
            manifest = read_manifest(self.root)
            entry = entry_for(cassette.header, data, list(tracks))
            old = sha256_of(path.read_bytes()) if path.is_file() else None
            # Only what the manifest knew stays valid: a damaged file does not become whole by being replaced.
            known = old if key in manifest.cassettes and old in _hashes(manifest.cassettes[key]) else None
            write_manifest(self.root, _with(manifest, key, entry.model_copy(update={"replaces": known})))
            replace(path, data)
            write_manifest(self.root, _with(manifest, key, entry))
            for file in sorted((path.parent / FOLDER).glob("*.flac")):
                if file.stem not in tracks:
                    file.unlink()
        return path

    def _refuse_leaks(self, path: Path, text: str) -> None:
        leaks = scan_lines(path, text, read_rules(self.root, os.environ))
        if leaks:
            shown = "".join(f"\n  {leak}" for leak in leaks[:_MOST_LEAKS])
            raise CassetteError(
                f"is not written, because secrets or persons would be in it:{shown}\n  what to do  record with a "
                f"SecretScrubber; what belongs to nobody may be listed in {self.root / RULES_FILE}, 'keep'",
                path=path,
            )

    def _key(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def _check(self, path: Path, data: bytes, cassette: Cassette) -> None:
        manifest = self.root / MANIFEST
        entry = read_manifest(self.root).cassettes.get(self._key(path))
        if entry is None:
            raise CassetteError(f"the manifest {manifest} does not list it: record it anew, or restore both", path=path)
        line = _line_of(manifest, self._key(path))
        if sha256_of(data) not in _hashes(entry):
            raise CassetteError(
                f"{path} is not the file that was recorded (its sha256 is {sha256_of(data)[:12]}..., here it is "
                f"{entry.sha256[:12]}...): it was edited or damaged. restore it, or record it anew",
                path=manifest,
                line=line,
            )
        if sha256_of(data) == entry.sha256 and cassette.header.origin != entry.origin:
            raise CassetteError(
                f"{path} says that it is {cassette.header.origin}, the manifest that it is {entry.origin}: restore "
                f"both from version control, or record it anew",
                path=manifest,
                line=line,
            )


def open_cassette(path: Path) -> Cassette:
    """Read a cassette from wherever it is: its file or its folder, in a folder of recordings.

    Raises:
        CassetteError: There is none, it is damaged, or is not what the manifest says.
    """
    file = path / FILE if path.is_dir() else path
    if not file.is_file():
        raise CassetteError(f"there is no cassette here: expected a folder with {FILE}, or that file", path=path)
    folder, here = file.resolve().parent, Path.cwd()
    root = folder.parents[1]
    near = root.relative_to(here) if root.is_relative_to(here) else root
    return Library(near).load(folder.parent.name, folder.name)


def _hashes(entry: Entry) -> tuple[str | None, ...]:
    return (entry.sha256,) if entry.replaces is None else (entry.sha256, entry.replaces)


def _with(manifest: Manifest, key: str, entry: Entry) -> Manifest:
    return manifest.model_copy(update={"cassettes": {**manifest.cassettes, key: entry}})


def _load_track(path: Path, line: TrackLine) -> bytes:
    assert line.sha256 is not None
    return read_track(track_path(path, line.sha256), line.sha256, line.samples)


def _line_of(manifest: Path, key: str) -> int:
    """Where the manifest speaks of a cassette."""
    for at, text in enumerate(manifest.read_text().splitlines(), start=1):
        if f'"{key}"' in text:
            return at
    return 1
