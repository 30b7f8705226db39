"""What the latencies of a run mean: said wherever they are shown."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["meaning_of_latencies"]

_MEANINGS = {
    "virtual": "virtual time: latencies are those of the modelled network and provider, not of a real provider",
    "real": "real time over loopback: latencies are those of the scripted provider and of this machine, without a "
    "network; not of a real provider",
    "replay": "replayed calls: latencies are those of the recording and of the code under test",
    "live": "live calls: latencies are those of the service, the network and the code under test, on this occasion",
}


def meaning_of_latencies(kinds: Iterable[tuple[str, str]]) -> str:
    """One sentence for each kind of call.

    Args:
        kinds: Clock and what answered, each.
    """
    meanings = (_MEANINGS[clock if against == "fake" else against] for clock, against in kinds)
    return "; ".join(dict.fromkeys(meanings))
