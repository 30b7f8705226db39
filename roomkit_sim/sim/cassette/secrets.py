"""Where secrets and persons are in a text: by their form, by what stands before them, by value. Pure."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, quote_plus, unquote

from roomkit_sim.sim.cassette.numbers import find_numbers
from roomkit_sim.sim.cassette.span import Span, apart, masked

__all__ = ["KINDS", "KnownValues", "find", "secret_values"]

KINDS: Mapping[str, str] = {
    "secret": "a value that was named as secret, or that follows the name of one",
    "key": "a key or token of a known service, by its form",
    "bearer": "credentials of an Authorization header",
    "jwt": "a JSON Web Token",
    "pem": "a private key in PEM",
    "login": "user name and password in a URL",
    "handle": "a handle that resumes a session",
    "email": "an email address",
    "phone": "a telephone number",
    "card": "the number of a payment card",
    "account": "an IBAN",
    "custom": "a pattern of scrubbing.toml",
}

_SHORTEST_KNOWN = 8
_DEEPEST_ENCODING = 2
_ENV_NAME = re.compile(
    r"(?:^|_)(?:API_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|AUTH|DSN)(?:_|$)", re.IGNORECASE
)

_SERVICE_KEY = "|".join(
    (
        r"AIza[0-9A-Za-z_-]{30,}",
        r"ya29\.[0-9A-Za-z_-]{16,}",
        r"auth_tokens/[0-9A-Za-z_-]{8,}",
        r"(?:sk|ek|rk|pk)[-_][0-9A-Za-z_-]{16,}",
        r"(?:sk|rk|pk|whsec)_(?:live|test)?_?[0-9A-Za-z]{16,}",
        r"(?:AKIA|ASIA)[0-9A-Z]{16}",
        r"gh[oprsu]_[0-9A-Za-z]{20,}",
        r"github_pat_[0-9A-Za-z_]{20,}",
        r"glpat-[0-9A-Za-z_-]{16,}",
        r"xox[abeoprs]-[0-9A-Za-z-]{10,}",
        r"hf_[0-9A-Za-z]{20,}",
        r"npm_[0-9A-Za-z]{30,}",
        r"pypi-[0-9A-Za-z_-]{30,}",
        r"SG\.[0-9A-Za-z_-]{16,}\.[0-9A-Za-z_-]{16,}",
        r"(?:AC|SK)[0-9a-f]{32}",
    )
)
_NAMES = (
    r"api[-_ ]?key|x-goog-api-key|access[-_ ]?key(?:[-_ ]?id)?|secret(?:[-_ ]?(?:access[-_ ]?)?key)?|client[-_ ]?secret"
    r"|(?:access|auth|refresh|bearer|id|session|security)[-_ ]?token|token|authorization|cookie|passwor[dt]|passwd|pwd"
    r"|passphrase|passcode|private[-_ ]?key|credentials?"
)
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("pem", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL)),
    ("jwt", re.compile(r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?")),
    ("key", re.compile(rf"(?<![0-9A-Za-z])(?:{_SERVICE_KEY})")),
    ("bearer", re.compile(r"\b(?:bearer|basic)(?:\s|%20|\+)+(?P<value>[\w.~+/%-]{12,}=*)", re.IGNORECASE)),
    ("login", re.compile(r"(?<=://)[^\s/@:<>\"']+:[^\s/@<>\"']+(?=@)")),
    (
        "secret",
        re.compile(
            rf"(?<![0-9A-Za-z])(?:{_NAMES})(?:\\*[\"'])?\s*(?:=|:|%3[AaDd])\s*(?:\\*[\"'])?"
            rf"(?P<value>[^\s\"'\\<>,;&{{}}()\[\]]{{4,}})",
            re.IGNORECASE,
        ),
    ),
    (
        "secret",
        re.compile(
            rf"\b(?:{_NAMES}|pin)\s+(?:is|was)\s+[\"']?(?P<value>(?=[^\s<>]*\d)[^\s<>\"',;]{{4,}})", re.IGNORECASE
        ),
    ),
)
_HOLLOW = re.compile(
    r"(?:true|false|null|none|undefined|string|required|optional|object|auto|\*+|\.{3,})[.!?]?", re.IGNORECASE
)
_WORD = re.compile(r"[A-Za-z]{1,11}[.!?]?")
_BASE64 = re.compile(r"(?<![0-9A-Za-z+/_-])[0-9A-Za-z+/_-]{10,}(?:=|%3[Dd]){0,2}")
_HEX = re.compile(r"(?<![0-9A-Za-z])(?:[0-9a-fA-F]{2}){7,}(?![0-9A-Za-z])")
# No pattern may begin anywhere in a long word and read on to its end: that is the square of its length.
_AT = re.compile(r"@|%40")
_BEFORE_AT = re.compile(r"[^\W_](?:[\w.+-]|%2[Bb])*$")
_AFTER_AT = re.compile(r"[^\W_][\w-]{0,62}(?:\.[^\W_][\w-]{0,62}){0,8}\.[^\W\d_]{2,24}")
_LONGEST_LOCAL_PART = 64
_PERCENT = re.compile(r"(?<![^\s\"'<>&=])[^\s\"'<>&=]*%[0-9A-Fa-f]{2}[^\s\"'<>&=]*")


def secret_values(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The values of variables whose names look like secrets.

    Args:
        environment: Such as ``os.environ``.
    """
    values = (value for name, value in sorted(environment.items()) if _ENV_NAME.search(name))
    # A path leads to a secret, and is none; a short value would be found where it means something else.
    return tuple(value for value in values if len(value) >= _SHORTEST_KNOWN and not value.startswith(("/", "~", ".")))


class KnownValues:
    """Values that are secret wherever they stand, in the encodings in which they may stand there.

    Args:
        values: Each with its kind.
    """

    def __init__(self, values: Iterable[tuple[str, str]] = ()) -> None:
        self._kinds: dict[str, tuple[str, str]] = {}
        self._pattern: re.Pattern[str] | None = None
        for value, kind in values:
            self.add(value, kind)

    def add(self, value: str, kind: str) -> bool:
        """Know one more; gives whether it was new."""
        if value in self._kinds or len(value) < _SHORTEST_KNOWN:
            return False
        for form in _forms(value):
            self._kinds.setdefault(form, (kind, value))
        longest_first = sorted(self._kinds, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(re.escape, longest_first)))
        return True

    def value_of(self, form: str) -> str:
        """The value that stands here in some encoding."""
        return self._kinds[form][1] if form in self._kinds else form

    def spans(self, text: str) -> Iterator[Span]:
        """Where they stand."""
        for found in self._pattern.finditer(text) if self._pattern is not None else ():
            yield Span(found.start(), found.end(), self._kinds[found[0]][0])


def find(text: str, known: KnownValues, custom: Mapping[str, re.Pattern[str]] | None = None) -> list[Span]:
    """All places that are to be taken out, apart from each other, in order.

    With labels in their stead there is nothing left to find.

    Args:
        text: Any text.
        known: Values that are secret.
        custom: Patterns of the project, by name.
    """
    return _find(text, known, custom or {}, 0)


def _find(text: str, known: KnownValues, custom: Mapping[str, re.Pattern[str]], depth: int) -> list[Span]:
    spans: list[Span] = []
    while True:
        rest = masked(text, spans)
        more = apart(span for span in _candidates(rest, known, custom, depth) if "<" not in rest[span.start : span.end])
        if not more:
            return sorted(spans, key=lambda span: span.start)
        spans += more


def _candidates(text: str, known: KnownValues, custom: Mapping[str, re.Pattern[str]], depth: int) -> Iterator[Span]:
    yield from known.spans(text)
    for pattern in custom.values():
        yield from (Span(one.start(), one.end(), "custom") for one in pattern.finditer(text))
    for kind, pattern in _PATTERNS:
        for found in pattern.finditer(text):
            group = "value" if "value" in pattern.groupindex else 0
            if kind != "secret" or not _is_prose(text, found.start(group), found[group]):
                yield Span(found.start(group), found.end(group), kind)
    yield from _addresses(text)
    yield from find_numbers(text)
    if depth < _DEEPEST_ENCODING:
        yield from _encoded(text, known, custom, depth)


def _addresses(text: str) -> Iterator[Span]:
    """Email addresses."""
    for at in _AT.finditer(text):
        near = text[max(0, at.start() - _LONGEST_LOCAL_PART) : at.start()]
        before, after = _BEFORE_AT.search(near), _AFTER_AT.match(text, at.end())
        if before is not None and after is not None:
            yield Span(at.start() - len(before[0]), after.end(), "email")


def _is_prose(text: str, start: int, value: str) -> bool:
    """Whether what follows the name of a secret is a sentence about it."""
    return bool(_HOLLOW.fullmatch(value)) or (text[start - 1].isspace() and _WORD.fullmatch(value) is not None)


def _encoded(text: str, known: KnownValues, custom: Mapping[str, re.Pattern[str]], depth: int) -> Iterator[Span]:
    """Tokens in which something would be found if they were decoded."""
    for pattern, decoded in ((_BASE64, _from_base64), (_HEX, _from_hex), (_PERCENT, unquote)):
        for token in pattern.finditer(text):
            inside = decoded(token[0])
            if inside is None or inside == token[0]:
                continue
            found = _find(inside, known, custom, depth + 1)
            if found:
                yield Span(token.start(), token.end(), found[0].kind)


def _from_base64(token: str) -> str | None:
    plain = unquote(token).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return _readable(base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True))
    except (binascii.Error, ValueError):
        return None


def _from_hex(token: str) -> str | None:
    return _readable(bytes.fromhex(token))


def _readable(data: bytes) -> str | None:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return text if all(character.isprintable() or character in "\r\n\t" for character in text) else None


def _forms(value: str) -> Iterator[str]:
    """A value as it may be written."""
    data = value.encode()
    yield value
    yield from (quote(value, safe=""), quote(value), quote_plus(value))
    yield json.dumps(value)[1:-1]
    yield from (base64.b64encode(data).decode().rstrip("="), base64.urlsafe_b64encode(data).decode().rstrip("="))
    yield from (data.hex(), data.hex().upper())
