"""What the installed SDKs put on the wire is what was committed, header by header and frame by frame."""

from __future__ import annotations

import pytest

from tests.sim.wire_contract.goldens import CLIENTS, difference, golden, installed
from tests.sim.wire_contract.service import KEY, scrubbed


@pytest.mark.parametrize("name", CLIENTS)
def test_the_wire_is_as_committed(name: str) -> None:
    changes = difference(name)
    assert not changes, (
        f"with {installed()} the client sends something else than {golden(name).name} has. If our servers, the wire "
        f"parser and the linter understand it, commit what `make goldens` writes.\n{changes}"
    )


@pytest.mark.parametrize("name", CLIENTS)
def test_no_secret_is_committed(name: str) -> None:
    text = golden(name).read_text(encoding="utf-8")
    assert KEY not in text
    assert "<key>" in text


def test_values_that_change_by_themselves_are_scrubbed() -> None:
    assert scrubbed("Sec-WebSocket-Key", "abc") == "<nonce>"
    assert scrubbed("Authorization", f"Bearer {KEY}") == "Bearer <key>"
    assert scrubbed("user-agent", "google-genai-sdk/3.4.0 gl-python/3.11.7") == (
        "google-genai-sdk/<version> gl-python/<version>"
    )
    assert scrubbed("X-Stainless-OS", "Linux") == "<machine>"
