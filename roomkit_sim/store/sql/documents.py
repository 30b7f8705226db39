"""Models as the JSON documents that the database keeps.

The text is ASCII: NUL, lone surrogates and everything else beyond it stand as escapes, which both engines keep as they
are (PostgreSQL's ``json`` does, its ``jsonb`` would not). Key order, large integers and floats survive exactly.
"""

from __future__ import annotations

import json
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import to_jsonable_python

from roomkit_sim.errors import StoreError

__all__ = ["decode", "encode"]

MAX_LEVELS = 200
"""Of metadata, counted from its own keys."""

Model = TypeVar("Model", bound=BaseModel)


def encode(model: BaseModel) -> str:
    """The document of a model.

    What JSON does not know becomes what pydantic makes of it: a tuple a list, a datetime in metadata its ISO text.

    Raises:
        StoreError: The model holds something that could not be read again: an object without a JSON form, a number
            that is not finite, nesting without end.
    """
    try:
        content = model.model_dump(warnings=False)
        if _is_too_deep(content):
            raise ValueError("it is nested too deeply")
        text = json.dumps(content, allow_nan=False, default=to_jsonable_python)
        type(model).model_validate(json.loads(text))
    except (ValueError, TypeError, RecursionError) as error:
        raise StoreError(
            f"a {type(model).__name__} cannot be kept: {_reason(error)}. Its fields and metadata must be JSON: text, "
            f"finite numbers, lists and dictionaries, no deeper than {MAX_LEVELS} levels"
        ) from None
    return text


def decode(kind: type[Model], text: str, **columns: Any) -> Model:
    """The model of a document.

    Args:
        kind: The class of the model.
        text: What :func:`encode` gave.
        **columns: Fields that the database keeps beside the document; they win.

    Raises:
        StoreError: The document is not one of this model; somebody else wrote it.
    """
    try:
        return kind.model_validate({**json.loads(text), **columns})
    except (ValueError, TypeError) as error:
        raise StoreError(
            f"a stored {kind.__name__} cannot be read: {_reason(error)}. Was the row written by another program, or by "
            f"a newer roomkit-sim?"
        ) from None


def _is_too_deep(content: object) -> bool:
    """Whether containers stand in one another beyond what every JSON reader takes; how much one takes differs."""
    level = [content]
    for _ in range(MAX_LEVELS + 3):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list | tuple)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True


def _reason(error: Exception) -> str:
    """Why, without the values: they are what customers said."""
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    if isinstance(error, json.JSONDecodeError):
        return error.msg
    if isinstance(error, UnicodeError):
        return f"bytes that are no {error.encoding}" if isinstance(error, UnicodeDecodeError) else "undecodable text"
    return str(error).split(":")[0]
