"""A provider whose SDK is not installed says so in its first request, and names the extra."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable

import pytest
from pydantic import SecretStr

from roomkit_sim.errors import ConfigurationError
from roomkit_sim.providers.ai.base import AIContext, AIMessage
from roomkit_sim.providers.gemini.ai import GeminiAIProvider, GeminiConfig
from roomkit_sim.providers.gemini.realtime import GeminiLiveProvider
from roomkit_sim.providers.openai.ai import OpenAIAIProvider, OpenAIConfig
from roomkit_sim.providers.openai.realtime import OpenAIRealtimeProvider
from roomkit_sim.providers.sdk import require_sdk
from roomkit_sim.voice.base import VoiceSession

QUESTION = AIContext(messages=[AIMessage(role="user", content="Hello")])


def key() -> SecretStr:
    return SecretStr("k")


REQUESTS: list[tuple[str, str, Callable[[], Awaitable[object]]]] = [
    ("google.genai", "gemini", lambda: GeminiLiveProvider(api_key="k").connect(VoiceSession())),
    ("openai", "openai", lambda: OpenAIRealtimeProvider(api_key="k").connect(VoiceSession())),
    ("websockets", "openai", lambda: OpenAIRealtimeProvider(api_key="k").connect(VoiceSession())),
    ("google.genai", "gemini", lambda: GeminiAIProvider(GeminiConfig(api_key=key())).generate(QUESTION)),
    ("openai", "openai", lambda: OpenAIAIProvider(OpenAIConfig(api_key=key())).generate(QUESTION)),
]


@pytest.mark.parametrize(("module", "extra", "ask"), REQUESTS)
async def test_a_missing_sdk_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, module: str, extra: str, ask: Callable[[], Awaitable[object]]
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigurationError, match=rf"pip install 'roomkit-sim\[{extra}\]'"):
        await ask()


def test_a_module_whose_parent_is_missing_is_missing() -> None:
    with pytest.raises(ConfigurationError, match="NoProvider needs the package no-such-parent"):
        require_sdk("no_such_parent.child", "no-such-parent", "gemini", "NoProvider")
