"""Ids that the client makes up are others in a replay: what the recording says of them is said of the new ones."""

from __future__ import annotations

from roomkit_sim.sim.cassette.canonical import USER_DATA
from roomkit_sim.sim.trace.events import Json

__all__ = ["IdMap"]

_ID_KEYS = frozenset({"id", "item_id", "previous_item_id", "call_id", "response_id", "itemId", "callId"})


class IdMap:
    """From the ids of a recording to those of a replay, for one connection.

    An id that the server gave out is the same in both, because the replay gives it out again; a client that sends
    another one in its place has changed.
    """

    def __init__(self) -> None:
        self._given: set[str] = set()
        self._replayed: dict[str, str] = {}

    def given(self, message: Json) -> None:
        """The server says this: its ids are known from now on."""
        self._given.update(text for key, text in _ids(message))

    def learn(self, recorded: Json, actual: Json) -> None:
        """Pair the ids of two messages at the same places, where the client made them up."""
        if isinstance(recorded, dict) and isinstance(actual, dict):
            for key, one in recorded.items():
                other = actual.get(key)
                if key in USER_DATA:
                    continue
                if key in _ID_KEYS and isinstance(one, str) and isinstance(other, str):
                    if one not in self._given and other not in self._given:
                        self._replayed.setdefault(one, other)
                else:
                    self.learn(one, other)
        elif isinstance(recorded, list) and isinstance(actual, list):
            for one, other in zip(recorded, actual, strict=False):
                self.learn(one, other)

    def replayed(self, message: Json) -> Json:
        """A recorded message with the ids of the replay."""
        if not self._replayed:
            return message
        if isinstance(message, dict):
            return {key: self._replaced(key, item) for key, item in message.items()}
        return [self.replayed(item) for item in message] if isinstance(message, list) else message

    def _replaced(self, key: str, item: Json) -> Json:
        if key in _ID_KEYS and isinstance(item, str):
            return self._replayed.get(item, item)
        return item if key in USER_DATA else self.replayed(item)


def _ids(message: Json) -> list[tuple[str, str]]:
    if isinstance(message, list):
        return [pair for item in message for pair in _ids(item)]
    if not isinstance(message, dict):
        return []
    own = [(key, item) for key, item in message.items() if key in _ID_KEYS and isinstance(item, str)]
    return own + [pair for item in message.values() for pair in _ids(item)]
