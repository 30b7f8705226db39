"""From a model's name to what it can do. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from roomkit_sim.voice.realtime.provider import RealtimeCapabilities

__all__ = ["capabilities_of"]


def capabilities_of(
    model: str, table: Mapping[str, RealtimeCapabilities], default: RealtimeCapabilities
) -> RealtimeCapabilities:
    """The entry whose key is the longest beginning of the model's name.

    Args:
        model: The name, with or without a path such as ``models/`` before it.
        table: Beginnings of names.
        default: For a model that is in no entry: what every model of the service is known to do, and no more.
    """
    name = model.rpartition("/")[2]
    known = [prefix for prefix in table if name.startswith(prefix)]
    return table[max(known, key=len)] if known else default
