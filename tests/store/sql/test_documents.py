"""Documents: a model comes back exactly, and what could not come back is refused when it is given."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit_sim.errors import StoreError
from roomkit_sim.models import LocationContent, Room
from roomkit_sim.store.sql.documents import decode, encode
from tests.store.sql.burst import event

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)
ZONES = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.dictionaries(st.text(), JSON), st.datetimes(timezones=ZONES | st.just(UTC)))
def test_any_metadata_and_any_time_come_back(metadata: dict[str, Any], created_at: datetime) -> None:
    room = Room(metadata=metadata, created_at=created_at)
    found = decode(Room, encode(room))
    assert found == room
    assert repr(found.metadata) == repr(metadata)  # tells 1 from 1.0 and from True, and the order of keys
    assert found.created_at.utcoffset() == created_at.utcoffset()


@given(st.text(st.characters()))
def test_documents_are_ascii_whatever_was_said(body: str) -> None:
    text = encode(event(body))
    assert text.isascii()
    assert decode(type(event()), text).content == event(body).content


def test_what_json_does_not_know_becomes_what_it_does() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    found = decode(Room, encode(Room(metadata={"at": at, "pair": (1, 2), "by number": {7: "seven"}})))
    assert found.metadata == {"at": "2026-01-02T03:04:05.000006Z", "pair": [1, 2], "by number": {"7": "seven"}}


def _nested(levels: int) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for _ in range(levels):
        nested = {"deeper": nested}
    return nested


def test_deep_metadata_comes_back() -> None:
    assert decode(Room, encode(Room(metadata=_nested(200)))).metadata == _nested(200)


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), object(), b"\xff", _nested(5000)],
    ids=["nan", "inf", "object", "bytes", "deep"],
)
def test_metadata_that_could_not_be_read_again_is_refused(value: Any) -> None:
    with pytest.raises(StoreError, match=r"a Room cannot be kept: .*must be JSON"):
        encode(Room(metadata={"x": value}))


def test_an_unreadable_event_is_refused_before_it_spoils_its_room() -> None:
    """A latitude that is no number would make every later listing of the room fail."""
    nowhere = event().model_copy(update={"content": LocationContent(latitude=float("nan"), longitude=0)})
    wrong = event().model_copy(update={"chain_depth": "deep"})
    with pytest.raises(StoreError, match="cannot be kept"):
        encode(nowhere)
    with pytest.raises(StoreError, match="chain_depth: Input should be a valid integer"):
        encode(wrong)


@pytest.mark.parametrize("text", ["[]", "{", '{"metadata": "my card is 4711"}', '{"status": "4711"}'])
def test_a_foreign_document_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(StoreError, match="a stored Room cannot be read") as caught:
        decode(Room, text)
    assert "4711" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_columns_win_over_the_document() -> None:
    assert decode(Room, json.dumps({"id": "r", "event_count": 1}), event_count=5).event_count == 5
