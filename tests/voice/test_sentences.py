"""Sentences of text that is being written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit_sim.voice.tts.sentences import SentenceSplitter, sentences_of, split_stream

TEXTS = st.lists(
    st.sampled_from(
        ["Hello", " ", ". ", "! ", "?", '."', "\n", "3.50", "Dr. ", "e.g. ", "。", "你好", "x" * 130, "...", ""]
    )
    | st.text(max_size=5)
)


@given(TEXTS)
def test_sentences_put_together_are_the_text_whatever_the_pieces(pieces: list[str]) -> None:
    splitter = SentenceSplitter()
    sentences = [sentence for piece in pieces for sentence in splitter.feed(piece)] + splitter.flush()
    assert "".join(sentences) == "".join(pieces)
    assert all(sentences)


@given(TEXTS)
def test_the_pieces_in_which_a_text_comes_do_not_change_its_sentences(pieces: list[str]) -> None:
    splitter = SentenceSplitter()
    text = "".join(pieces)
    by_character = [sentence for character in text for sentence in splitter.feed(character)] + splitter.flush()
    assert by_character == sentences_of(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I will help you. What is it?", ["I will help you. ", "What is it?"]),
        ("That costs 3.50 euros. Is that fine?", ["That costs 3.50 euros. ", "Is that fine?"]),
        ("Please ask Dr. Smith about that.", ["Please ask Dr. Smith about that."]),
        ("Yes. I will help you.", ["Yes. I will help you."]),
        ('He said "certainly." Then he left.', ['He said "certainly." ', "Then he left."]),
        ("First of all, this\nThen that", ["First of all, this\n", "Then that"]),
        ("您好，我可以帮您转接到投资顾问。请稍等。", ["您好，我可以帮您转接到投资顾问。", "请稍等。"]),
        ("", []),
    ],
)
def test_where_a_sentence_ends(text: str, expected: list[str]) -> None:
    assert sentences_of(text) == expected


def test_text_without_an_end_is_cut_between_words_before_it_grows_too_long() -> None:
    text = "word " * 200
    sentences = sentences_of(text)
    assert len(sentences) > 1
    assert max(map(len, sentences)) <= 400
    assert all(sentence.endswith(" ") for sentence in sentences)


async def test_a_sentence_is_given_as_soon_as_the_next_one_begins() -> None:
    taken: list[str] = []

    async def written():
        for piece in ["I will help you", ". ", "What", " is it?"]:
            taken.append(piece)
            yield piece

    sentences = split_stream(written())
    assert await anext(sentences) == "I will help you. "
    assert taken == ["I will help you", ". ", "What"]
    assert [sentence async for sentence in sentences] == ["What is it?"]
