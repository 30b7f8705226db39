"""What the models of the OpenAI Realtime API can do.

From the SDK's types and the frames that the service sends: instructions and tools can be changed inside a session, the
voice until it has been heard (docstring of ``RealtimeAudioConfigOutput.voice``); no conversation can be resumed; what
was not played must be taken out of the conversation by the client.
"""

from __future__ import annotations

from roomkit_sim.providers.openai.realtime_config import RATE_HZ
from roomkit_sim.providers.realtime.model_table import capabilities_of
from roomkit_sim.voice.realtime.provider import RealtimeCapabilities

__all__ = ["realtime_capabilities"]

_DEFAULT = RealtimeCapabilities(
    resumption=False,
    in_session_update=True,
    voice_change=True,
    truncation=True,
    input_sample_rate=RATE_HZ,
    output_sample_rate=RATE_HZ,
    silent_results=True,
)

_TABLE: dict[str, RealtimeCapabilities] = {"gpt-realtime": _DEFAULT}
"""By the beginning of a model's name. That a model goes on talking while a tool runs is said of some, and not known."""


def realtime_capabilities(model: str) -> RealtimeCapabilities:
    """What a model can do."""
    return capabilities_of(model, _TABLE, _DEFAULT)
