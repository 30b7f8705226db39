"""What a project wants scrubbed: ``scrubbing.toml`` beside the recordings, and the environment."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from roomkit_sim.errors import CassetteError
from roomkit_sim.sim.cassette.secrets import secret_values

__all__ = ["RULES_FILE", "Microphone", "Rules", "Transcripts", "nearest_rules", "read_rules"]

RULES_FILE = "scrubbing.toml"

Transcripts = Literal["text", "hash"]
"""What is kept of what both sides said, where the service writes it down: the words, or a hash of them."""


Microphone = Literal["audio", "levels"]
"""What is kept of what the caller said: the sound, or how loud it was."""


@dataclass(frozen=True)
class Rules:
    """What is scrubbed beyond what is known by its form.

    Args:
        values: Texts that are secret wherever they stand.
        fields: Names of fields whose values are.
        patterns: Patterns of the project, by name.
        keep: Texts that stay although they look like a secret: numbers that belong to nobody.
        transcripts: What is kept of transcripts.
        microphone: What is kept of the caller's sound.
    """

    values: tuple[str, ...] = ()
    fields: frozenset[str] = frozenset()
    patterns: Mapping[str, re.Pattern[str]] = field(default_factory=dict)
    keep: frozenset[str] = frozenset()
    transcripts: Transcripts = "text"
    microphone: Microphone = "audio"


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    variables: list[str] = Field(default_factory=list)
    fields: list[str] = Field(default_factory=list)
    patterns: dict[str, Annotated[str, Field(max_length=500)]] = Field(default_factory=dict)
    keep: list[str] = Field(default_factory=list)
    transcripts: Transcripts = "text"
    microphone: Microphone = "audio"


def read_rules(root: Path, environment: Mapping[str, str]) -> Rules:
    """The rules of a folder of recordings; those of every folder when it has no file of them.

    Args:
        root: The folder.
        environment: Such as ``os.environ``: variables whose names look like secrets, and those that the file names.

    Raises:
        CassetteError: The file is wrong.
    """
    path = root / RULES_FILE
    known = secret_values(environment)
    try:
        said = _File.model_validate(tomllib.loads(path.read_text()))
        patterns = {name: re.compile(pattern) for name, pattern in said.patterns.items()}
    except (FileNotFoundError, NotADirectoryError):
        return Rules(values=known)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CassetteError(f"cannot be read: {error}", path=path) from error
    except re.error as error:
        raise CassetteError(f"patterns: {error.pattern!r} is no regular expression ({error.msg})", path=path) from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CassetteError(f"{where}: {first['msg']}", path=path) from None
    named = tuple(environment[name] for name in said.variables if environment.get(name))
    return Rules(
        values=(*known, *named),
        fields=frozenset(said.fields),
        patterns=patterns,
        keep=frozenset(said.keep),
        transcripts=said.transcripts,
        microphone=said.microphone,
    )


def nearest_rules(folder: Path, environment: Mapping[str, str]) -> Rules:
    """The rules of a folder or of the nearest one around it that has some.

    Raises:
        CassetteError: Their file is wrong.
    """
    around = (folder.resolve(), *folder.resolve().parents)
    return read_rules(next((each for each in around if (each / RULES_FILE).is_file()), folder), environment)
