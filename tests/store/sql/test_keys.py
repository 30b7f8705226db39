"""Keys: every identifier has one that both engines take, and no two share one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from roomkit_sim.store.sql.keys import DIGEST_MARK, LONGEST, lookup_key

AWKWARD = st.text(st.characters(), max_size=8) | st.text("\x00\ud800a", max_size=300) | st.just("a" * 5000)


@given(AWKWARD)
def test_every_engine_takes_a_key(identifier: str) -> None:
    key = lookup_key(identifier)
    assert "\x00" not in key
    assert len(key.encode()) <= LONGEST


@given(AWKWARD, AWKWARD)
def test_different_identifiers_have_different_keys(one: str, other: str) -> None:
    assert (lookup_key(one) == lookup_key(other)) == (one == other)


@given(AWKWARD)
def test_a_key_is_not_the_key_of_what_it_stands_for(identifier: str) -> None:
    """Nobody takes the place of an identifier by calling himself like its digest."""
    key = lookup_key(identifier)
    if key != identifier:
        assert key.startswith(DIGEST_MARK)
        assert lookup_key(key) != key


def test_usual_identifiers_stay_readable() -> None:
    for identifier in ("call-1", "+41 44 123", "", "Zürich ☎", "a" * LONGEST):
        assert lookup_key(identifier) == identifier
