"""Numbers of persons are told from other numbers."""

from __future__ import annotations

import pytest

from roomkit_sim.sim.cassette.secrets import KnownValues, find


def kinds(text: str) -> list[tuple[str, str]]:
    return [(span.kind, text[span.start : span.end]) for span in find(text, KnownValues())]


@pytest.mark.parametrize(
    "number",
    [
        "+49 170 2345678",
        "+1 (555) 234-5678",
        "(555) 234-5678",
        "555-234-5678",
        "555.234.5678",
        "555 234 5678",
        "5552345678",
        "0170/2345678",
        "0049 170 2345678",
        "+491702345678",
        "612 345 678",
        "234-5678",
        "+49\u00a0170\u00a02345678",
    ],
)
def test_a_telephone_number_is_found_in_a_sentence(number: str) -> None:
    assert kinds(f"Ring me at {number}, please.") == [("phone", number)]


@pytest.mark.parametrize(
    "number", ["4111111111111111", "4111 1111 1111 1111", "5500-0000-0000-0004", "340000000000009"]
)
def test_a_card_is_found_by_its_prefix_length_and_last_digit(number: str) -> None:
    assert kinds(f"It is {number}.") == [("card", number)]


def test_an_account_is_found_by_its_check_digits() -> None:
    assert kinds("DE89 3704 0044 0532 0130 00") == [("account", "DE89 3704 0044 0532 0130 00")]


@pytest.mark.parametrize(
    "text",
    [
        "2030-01-01",
        "2030-01-01T00:00:00Z",
        "2030-01-01 10:15:30.123456",
        "gemini-2.5-flash-native-audio-preview-12-2025",
        "gpt-realtime-2025-08-28",
        "function-call-3225422447732038294",
        "item_5552345678",
        "085488dab2634be6beb2e2840890ae3c0cb4f2415c5e554766b3cb255c6c6a05",
        "123e4567-e89b-12d3-a456-426614174000",
        "192.168.100.200",
        "174.656795",
        "1.250.000",
        "0000000000",
        "expires at 1785217650",
        "audio/pcm;rate=24000",
        "4111111111111112",
        "41111111111111111111",
        "google-genai-sdk/3.4.0 gl-python/3.11.7",
        "0.25 0.125 1.5 2.75",
    ],
)
def test_other_numbers_stay(text: str) -> None:
    assert kinds(text) == []


def test_a_bare_number_is_a_telephone_number_when_the_words_before_it_say_so() -> None:
    assert kinds("order 8837261") == []
    assert kinds("my phone is 8837261") == [("phone", "8837261")]


def test_numbers_side_by_side_are_found_each() -> None:
    assert kinds("4111 1111 1111 1111 0170 2345678") == [("card", "4111 1111 1111 1111"), ("phone", "0170 2345678")]
