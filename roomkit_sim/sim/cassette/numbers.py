"""Numbers that belong to persons, found in text: payment cards, bank accounts, telephones. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from roomkit_sim.sim.cassette.span import Span

__all__ = ["digits_of", "find_numbers", "is_card"]

_APART = r"[ \u00a0\u202f().\-\u2010-\u2013/]"
_RUN = re.compile(rf"(?<![\w+.])\+?\(?\d(?:{_APART}*\d){{6,}}(?!\w|[.,]\d)")
_AFTER_LETTERS = re.compile(r"[A-Za-z][-_]$")
_DATE = re.compile(r"\d{4}[-/.]\d\d?[-/.]\d\d?(?:\D|$)|\d\d?[-/.]\d\d?[-/.]\d{4}(?:\D|$)")
_THOUSANDS = re.compile(r"\d{1,3}(?:\.\d{3})+")
_DECIMAL = re.compile(r"\d+\.\d+")
_QUAD = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_CALLING = re.compile(
    r"(?:phone|mobile|cell|call|tel|fax|reach|dial|sms|whatsapp|number)[^<>\d\n]{0,20}$", re.IGNORECASE
)
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d\d(?:[ -]?[A-Z0-9]){11,30}(?!\w)")
_CARD = re.compile(r"(?<!\d)\d(?:[ \u00a0-]?\d){12,18}(?!\d)")
_BRANDS = (
    (r"4", (13, 16, 19)),
    (r"3[47]", (15,)),
    (r"5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)", (16,)),
    (r"6(?:011|4[4-9]|5)", (16, 17, 18, 19)),
    (r"3(?:0[0-5]|6|8|9)", (14, 16, 17, 18, 19)),
    (r"35(?:2[89]|[3-8])", (16, 17, 18, 19)),
    (r"5[06-8]|6[0-79]", (13, 14, 15, 16, 17, 18, 19)),
)
_BRAND_PATTERNS = tuple((re.compile(prefix), lengths) for prefix, lengths in _BRANDS)
_FEWEST, _MOST = 7, 15
_LONGEST_CARD = 19
_MOST_GROUPS = 10


def digits_of(text: str) -> str:
    """Its decimal digits, of any script, as 0 to 9."""
    return "".join(str(int(character)) for character in text if character.isdecimal())


def is_card(digits: str) -> bool:
    """Whether it can be the number of a payment card.

    The prefixes and lengths are those that the networks issue (ISO/IEC 7812); the last digit is Luhn's.
    """
    if not any(prefix.match(digits) and len(digits) in lengths for prefix, lengths in _BRAND_PATTERNS):
        return False
    total = 0
    for place, character in enumerate(reversed(digits)):
        value = int(character) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def find_numbers(text: str) -> Iterator[Span]:
    """Numbers of persons in a text; they may overlap, the first ones count."""
    for found in _CARD.finditer(text):
        if is_card(digits_of(found[0])):
            yield Span(found.start(), found.end(), "card")
    for found in _IBAN.finditer(text):
        if _is_account(found[0]):
            yield Span(found.start(), found.end(), "account")
    for found in _RUN.finditer(text):
        if not _AFTER_LETTERS.search(text, max(0, found.start() - 2), found.start()):
            yield from _in_run(text, found.start(), found.end())


def _is_account(text: str) -> bool:
    """An IBAN: ISO 13616, remainder 1 of 97."""
    plain = re.sub(r"[ -]", "", text)
    try:
        return int("".join(str(int(character, 36)) for character in plain[4:] + plain[:4])) % 97 == 1
    except ValueError:
        return False


def _in_run(text: str, start: int, end: int) -> Iterator[Span]:
    """Cards and telephones among groups of digits that stand in a row, the longest first."""
    groups = [(start + one.start(), start + one.end()) for one in re.finditer(r"[^ \u00a0\u202f]+", text[start:end])]
    counts = [len(digits_of(text[begin:finish])) for begin, finish in groups]
    first = 0
    while first < len(groups):
        for last in range(min(len(groups), first + _MOST_GROUPS), first, -1):
            span = (groups[first][0], groups[last - 1][1])
            is_long_enough = _FEWEST <= sum(counts[first:last]) <= _LONGEST_CARD
            kind = _kind(text, *span) if is_long_enough else None
            if kind is not None:
                yield Span(*span, kind)
                first = last
                break
        else:
            first += 1


def _kind(text: str, start: int, end: int) -> str | None:
    run = text[start:end].rstrip("(.-/")
    digits = digits_of(run)
    if is_card(digits):
        return "card"
    if not _FEWEST <= len(digits) <= _MOST or _is_other(run):
        return None
    groups = [group for group in re.split(r"\D+", run) if group]
    is_international = run.startswith(("+", "00", "(+", "(00"))
    is_national = run.startswith(("0", "(")) and len(digits) >= 8
    is_grouped = (len(groups) >= 3 and len(digits) >= 9) or re.fullmatch(r"\d{3}-\d{4}", run) is not None
    is_american = re.fullmatch(r"1?[2-9]\d{2}[2-9]\d{6}", digits) is not None and len(groups) <= 4
    is_announced = _CALLING.search(text, max(0, start - 30), start) is not None
    return "phone" if is_international or is_national or is_grouped or is_american or is_announced else None


def _is_other(run: str) -> bool:
    """A date, an amount, a fraction, an address of the Internet protocol."""
    if _DATE.match(run) or len(set(digits_of(run))) == 1:
        return True
    if _QUAD.fullmatch(run):
        return all(int(part) < 256 for part in run.split("."))
    return _THOUSANDS.fullmatch(run) is not None or any(_DECIMAL.fullmatch(part) for part in run.split())
