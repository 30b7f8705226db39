"""How identifiers stand in the database's key columns."""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

__all__ = ["Key", "lookup_key"]

DIGEST_MARK = "blake2b:"
LONGEST = 200


def lookup_key(identifier: str) -> str:
    """What an identifier is looked up by: itself where every engine takes it, else a digest of it.

    PostgreSQL keeps neither NUL in text nor more than about 2700 bytes in an index, and no encoding takes lone
    surrogates; identifiers may come from outside, so that none of this must make a message unstorable. Different
    identifiers have different keys. The identifier itself stands in the row's document.

    Args:
        identifier: Any text.
    """
    raw = identifier.encode("utf-8", "surrogatepass")
    plain = len(raw) <= LONGEST and b"\x00" not in raw and not _has_surrogates(identifier)
    if plain and not identifier.startswith(DIGEST_MARK):
        return identifier
    return DIGEST_MARK + hashlib.blake2b(raw, digest_size=32).hexdigest()


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in text)


class Key(TypeDecorator[str]):
    """A column of :func:`lookup_key`; whatever is compared with it is turned into a key too."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """The key of an identifier."""
        return None if value is None else lookup_key(value)
