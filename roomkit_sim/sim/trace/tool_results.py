"""What a tool answered, as a mind reads it. Pure."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["unwrapped"]


def unwrapped(result: Any) -> Any:
    """The application's own result: SDKs wrap one that is no object, ``{"output": ...}`` or ``{"result": ...}``."""
    if isinstance(result, dict) and len(result) == 1:
        ((key, value),) = result.items()
        if key in ("output", "result"):
            try:
                return json.loads(value) if isinstance(value, str) else value
            except ValueError:
                return value
    return result
