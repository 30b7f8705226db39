"""Secrets of twelve kinds, made up, and the ways in which they come into a call."""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus

LETTERS = string.ascii_letters + string.digits


@dataclass(frozen=True)
class Planted:
    """One secret.

    Args:
        kind: What it is.
        value: What nobody may read.
        said: How it stands in a text.
    """

    kind: str
    value: str
    said: str

    def forms(self) -> Iterator[bytes]:
        """All that must not be in a file."""
        data = self.value.encode()
        yield data
        yield from (quote(self.value, safe="").encode(), quote_plus(self.value).encode())
        yield json.dumps(self.value)[1:-1].encode()
        yield data.hex().encode()
        for offset in range(3):
            # What base64 makes of it wherever it stands in what is encoded; the edges depend on the neighbours.
            whole = base64.b64encode(b"\0" * offset + data).decode().rstrip("=")
            core = whole[4 if offset else 0 : -4] if len(whole) > 16 else whole
            yield from (core.encode(), core.replace("+", "-").replace("/", "_").encode())
        digits = "".join(filter(str.isdigit, self.value))
        if self.kind in ("card", "phone"):
            yield digits.encode()


def _token(draw: random.Random, length: int, letters: str = LETTERS) -> str:
    return "".join(draw.choice(letters) for _ in range(length))


def _luhn(prefix: str, length: int, draw: random.Random) -> str:
    digits = prefix + _token(draw, length - len(prefix) - 1, string.digits)
    total = sum(sum(divmod(int(digit) * (2 - place % 2), 10)) for place, digit in enumerate(reversed(digits)))
    return digits + str(-total % 10)


def _card(draw: random.Random) -> str:
    digits = _luhn(draw.choice(("4", "51", "55", "6011")), 16, draw)
    apart = draw.choice(("", " ", "-"))
    return apart.join(digits[place : place + 4] for place in range(0, 16, 4))


def _phone(draw: random.Random) -> str:
    digits = lambda count: _token(draw, count, "23456789")  # noqa: E731
    return draw.choice(
        (
            f"+49 17{digits(1)} {digits(7)}",
            f"+1 ({digits(3)}) {digits(3)}-{digits(4)}",
            f"0{digits(3)} {digits(7)}",
            f"{digits(3)}-{digits(3)}-{digits(4)}",
            f"0044{digits(10)}",
            f"{digits(3)}.{digits(3)}.{digits(4)}",
        )
    )


def _account(draw: random.Random) -> str:
    body = _token(draw, 18, string.digits)
    check = 98 - int(f"{body}131400") % 97
    return f"DE{check:02}{body}"


def _jwt(draw: random.Random) -> str:
    head = base64.urlsafe_b64encode(b'{"alg":"HS256"}').decode().rstrip("=")
    body = base64.urlsafe_b64encode(json.dumps({"sub": _token(draw, 12)}).encode()).decode().rstrip("=")
    return f"{head}.{body}.{_token(draw, 43)}"


def _email(draw: random.Random) -> str:
    name = f"{_token(draw, 5, string.ascii_lowercase)}.{_token(draw, 6, string.ascii_lowercase)}"
    return f"{name}@{_token(draw, 7, string.ascii_lowercase)}.{draw.choice(('com', 'de', 'co.uk'))}"


MAKERS: dict[str, Callable[[random.Random], tuple[str, str]]] = {}


def _makes(kind: str, made: Callable[[random.Random], str], said: str = "{}") -> None:
    MAKERS[kind] = lambda draw: (value := made(draw), said.format(value))


_makes("google-key", lambda draw: f"AIza{_token(draw, 35)}")
_makes("openai-key", lambda draw: f"sk-proj-{_token(draw, 40)}")
_makes("ephemeral", lambda draw: f"ek_{_token(draw, 32)}")
_makes("bearer", lambda draw: _token(draw, 40), "Bearer {}")
_makes("jwt", _jwt)
_makes("handle", lambda draw: _token(draw, 48))
_makes("email", _email)
_makes("phone", _phone)
_makes("card", _card)
_makes("account", _account)
_makes("password", lambda draw: f"{_token(draw, 9)}!{_token(draw, 4)}7", "password={}")
_makes("configured", lambda draw: f"{_token(draw, 6)}/{_token(draw, 6)}+{_token(draw, 6)}")


def planted(count: int = 200, seed: int = 5) -> list[Planted]:
    """So many, all kinds in turn."""
    draw = random.Random(seed)
    kinds = list(MAKERS)
    return [Planted(kind := kinds[at % len(kinds)], *MAKERS[kind](draw)) for at in range(count)]


class Unscrubbed:
    """Takes nothing out."""

    def url(self, path: str) -> str:
        return path

    def headers(self, headers: Any) -> dict[str, str]:
        return dict(headers)

    def frame(self, way: Any, message: Any) -> Any:
        return message

    def text(self, text: str) -> str:
        return text

    def note(self, kind: str, data: Any) -> Any:
        return dict(data)

    def whole(self, events: Any) -> Any:
        return tuple(events)
