"""Randomness by name: independent streams, all from one seed.

A draw in one stream never moves another, so adding one to the code leaves all else as it was.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

__all__ = ["SeedTree"]


class SeedTree:
    """Gives out named streams of one seed.

    Args:
        seed: The seed of a run.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def number(self, *names: str) -> int:
        """256 bits that depend on the seed and the names only (BLAKE2b)."""
        key = str(self.seed).encode()
        if len(key) > hashlib.blake2b.MAX_KEY_SIZE:
            key = hashlib.blake2b(key).digest()
        digest = hashlib.blake2b(digest_size=32, key=key)
        for name in names:
            encoded = name.encode()
            digest.update(len(encoded).to_bytes(4, "big") + encoded)
        return int.from_bytes(digest.digest(), "big")

    def stream(self, *names: str) -> random.Random:
        """A generator of its own for these names; asked for twice, it starts twice at the same point."""
        return random.Random(self.number(*names))

    def generator(self, *names: str) -> np.random.Generator:
        """The same for arrays."""
        import numpy as np

        return np.random.default_rng(self.number(*names))

    def bytes_source(self, *names: str) -> Callable[[int], bytes]:
        """A function that gives so many bytes."""
        return self.stream(*names).randbytes
