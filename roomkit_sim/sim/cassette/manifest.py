"""The manifest of a folder of recordings: what each file is, and its hash.

While a cassette is being replaced, the manifest knows the old file and the new one, so that whenever the process ends,
what is on the disk is one of them and valid.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from roomkit_sim.errors import CassetteError
from roomkit_sim.sim.cassette.files import replace
from roomkit_sim.sim.cassette.model import Header, Origin

__all__ = ["MANIFEST", "Entry", "Manifest", "entry_for", "read_manifest", "sha256_of", "write_manifest"]

MANIFEST = "manifest.json"
_LARGEST = 16 * 1024 * 1024
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Entry(BaseModel):
    """One cassette.

    Args:
        sha256: Of its file.
        origin: As its header says.
        provider: As its header says.
        recorded: As its header says.
        versions: As its header says.
        models: As its header says.
        audio: The SHA-256 of the samples of its tracks: the names of its FLAC files.
        replaces: The hash of the file that may still be there instead.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    sha256: Hash
    origin: Origin
    provider: str
    recorded: str
    versions: dict[str, str]
    models: list[str]
    audio: list[Hash]
    replaces: Hash | None = None


class Manifest(BaseModel):
    """All cassettes, by their file's path from the manifest's folder."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    version: Literal[1] = 1
    cassettes: dict[str, Entry] = Field(default_factory=dict)


def sha256_of(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def entry_for(header: Header, data: bytes, audio: list[str]) -> Entry:
    """The entry of a cassette."""
    return Entry(
        sha256=sha256_of(data),
        origin=header.origin,
        provider=header.provider,
        recorded=header.recorded,
        versions=dict(sorted(header.versions.items())),
        models=list(header.models),
        audio=sorted(set(audio)),
    )


def read_manifest(root: Path) -> Manifest:
    """The manifest of a folder; an empty one when there is none.

    Raises:
        CassetteError: It is no manifest.
    """
    path = root / MANIFEST
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Manifest()
    except OSError as error:
        raise CassetteError(f"cannot be read: {error.strerror}", path=path) from error
    if len(data) > _LARGEST:
        raise CassetteError(f"{len(data)} bytes: a manifest may have {_LARGEST}", path=path)
    try:
        return Manifest.model_validate(json.loads(data))
    except json.JSONDecodeError as error:
        raise CassetteError(
            f"not JSON ({error.msg}): restore it from version control", path=path, line=error.lineno
        ) from None
    except (RecursionError, UnicodeDecodeError):
        raise CassetteError("not a manifest: restore it from version control", path=path, line=1) from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "manifest"
        raise CassetteError(f"{where}: {first['msg']}: restore it from version control", path=path, line=1) from None


def write_manifest(root: Path, manifest: Manifest) -> None:
    """Write it, sorted, one field a line.

    Raises:
        CassetteError: It cannot be written.
    """
    values = manifest.model_dump(mode="json", exclude_none=True)
    values["cassettes"] = dict(sorted(values["cassettes"].items()))
    replace(root / MANIFEST, (json.dumps(values, indent=1, ensure_ascii=False) + "\n").encode())
