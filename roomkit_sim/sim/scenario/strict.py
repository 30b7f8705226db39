"""The base of all models that a scenario file is made of."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

__all__ = ["Strict", "nearest"]


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint for a misspelt word: the nearest known one, or else all of them."""
    candidates = list(known)
    same = [name for name in candidates if name.casefold() == word.casefold()]
    close = same or difflib.get_close_matches(word, candidates, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(candidates)}" if candidates else "none is known"


class Strict(BaseModel):
    """An immutable model in which an unknown key is an error that names the nearest known one."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, value: Any) -> Any:
        if isinstance(value, dict):
            known = [*(field.alias or name for name, field in cls.model_fields.items()), *cls._shorthands()]
            for key in value:
                if key not in known and key not in cls.model_fields:
                    raise PydanticCustomError(
                        "unknown_key",
                        "unknown key '{key}': {hint}",
                        {"key": str(key), "hint": nearest(str(key), known)},
                    )
        return value

    @classmethod
    def _shorthands(cls) -> tuple[str, ...]:
        """Keys that a subclass rewrites before its fields are read."""
        return ()
