"""What went wrong in the background of a run, where nobody waited for it."""

from __future__ import annotations

import asyncio
from typing import Any

__all__ = ["Unhandled"]


class Unhandled(list[str]):
    """The messages, in order."""

    def note(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Take one; made for ``loop.set_exception_handler``."""
        error = context.get("exception")
        detail = f": {type(error).__name__}: {error}" if error is not None else ""
        self.append(f"{context.get('message', 'unhandled')}{detail}")
