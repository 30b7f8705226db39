"""From the exceptions of the SDK and of websockets to ours."""

from __future__ import annotations

import pytest
from google.genai.errors import APIError
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close

from roomkit_sim.errors import ProviderConnectionError, ProviderProtocolError
from roomkit_sim.providers.gemini.failures import to_provider_error


@pytest.mark.parametrize(("code", "retryable"), [(1011, False), (1008, False), (1001, True), (1006, True)])
def test_a_close_that_the_sdk_tells_of_has_its_code(code: int, retryable: bool) -> None:
    error = to_provider_error(APIError(code, {"error": {"message": "gone"}}), "receiving")
    assert isinstance(error, ProviderConnectionError)
    assert (error.status_code, error.retryable) == (code, retryable)


def test_a_close_that_comes_while_sending_is_mapped_without_a_warning() -> None:
    closed = ConnectionClosedError(Close(1011, "internal"), None)
    error = to_provider_error(closed, "sending text")
    assert isinstance(error, ProviderConnectionError)
    assert error.status_code == 1011


def test_what_the_sdk_does_not_understand_is_a_breach_of_the_protocol() -> None:
    assert isinstance(to_provider_error(TypeError("x"), "receiving"), ProviderProtocolError)
