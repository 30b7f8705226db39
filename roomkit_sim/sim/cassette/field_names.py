"""What the name of a field says of its value. Pure."""

from __future__ import annotations

import re

__all__ = ["kind_of_field"]

_SECRET = re.compile(
    r"api[-_]?key|authorization|secret(?!ar)|cookie|passwor[dt]|passwd|passphrase|credential|private[-_]?key|key[-_]?id$"
    r"|^(access|auth|bearer|refresh|ephemeral|id|security|session)?[-_]?token$|^key$|^pwd$|^(x-amz-)?signature$|^sig$",
    re.IGNORECASE,
)
_HANDLES = frozenset({"handle", "newHandle", "new_handle"})
_NUMBER = r"(?:[-_ ]?(?:number|num|no|nr))?"
_PERSONS = (
    ("phone", re.compile(rf"(?:^|[-_])(?:phone|telephone|tel|mobile|cell|fax|msisdn){_NUMBER}$", re.IGNORECASE)),
    ("phone", re.compile(r"(?:[pP]hone|[mM]obile|[fF]ax)(?:Number|No)?$")),
    ("email", re.compile(r"(?:^|[-_])e?mail(?:[-_]?address)?$", re.IGNORECASE)),
    (
        "card",
        re.compile(rf"(?:credit|debit|payment)[-_ ]?card{_NUMBER}$|card[-_ ]?(?:number|no)$|^pan$", re.IGNORECASE),
    ),
    (
        "secret",
        re.compile(r"^(?:cvv|cvc|cvv2|pin|pin[-_]?code|otp|one[-_]?time[-_]?(?:code|password))$", re.IGNORECASE),
    ),
    ("account", re.compile(r"^iban$", re.IGNORECASE)),
)


def kind_of_field(name: str) -> str | None:
    """What a field of this name holds: a kind of secret, or nothing of the kind."""
    if name in _HANDLES:
        return "handle"
    if _SECRET.search(name):
        return "secret"
    return next((kind for kind, pattern in _PERSONS if pattern.search(name)), None)
