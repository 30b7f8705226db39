"""The pieces in which words are sent."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from roomkit_sim.sim.servers.words import timed, tokens_of, words_of


def test_words_but_the_first_bring_their_blank() -> None:
    assert words_of("Good morning,  Ada.") == ["Good", " morning,", " Ada."]


def test_tokens_are_words_and_punctuation_marks() -> None:
    assert tokens_of("It's 12 degrees. OK?") == ["It's", " 12", " degrees", ".", " OK", "?"]


@given(st.text())
def test_tokens_put_together_are_the_text(text: str) -> None:
    assert "".join(tokens_of(text)) == text


def test_words_run_before_their_sound() -> None:
    assert timed(["a", " b", " c", " d"], 1000, ahead_ms=300) == [(-300, "a"), (-50, " b"), (200, " c"), (450, " d")]


def test_nothing_said_takes_no_words() -> None:
    assert timed(words_of("  "), 1000) == []
