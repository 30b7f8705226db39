"""A module that is there, and cannot be imported."""

from __future__ import annotations

import nowhere  # type: ignore[import-not-found]  # noqa: F401
