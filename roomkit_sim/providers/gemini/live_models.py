"""What the models of Gemini Live can do.

A conversation is resumed with any prompt, voice and tools. The SDK can change prompt and tools inside a connection too
(``send_context_update``), but users report that models differ in whether they take it, and nothing acknowledges it: so
no model is taken to, unless the application says that its model does. Functions may be declared non-blocking; that a
model then goes on talking is not known for any here.
"""

from __future__ import annotations

from roomkit_sim.providers.realtime.model_table import capabilities_of
from roomkit_sim.voice.realtime.provider import RealtimeCapabilities

__all__ = ["live_capabilities"]

_DEFAULT = RealtimeCapabilities(
    resumption=True,
    in_session_update=False,
    voice_change=True,
    truncation=False,
    input_sample_rate=16_000,
    output_sample_rate=24_000,
)

_TABLE: dict[str, RealtimeCapabilities] = {"gemini-": _DEFAULT}
"""By the beginning of a model's name."""


def live_capabilities(model: str) -> RealtimeCapabilities:
    """What a model can do."""
    return capabilities_of(model, _TABLE, _DEFAULT)
