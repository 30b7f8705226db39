"""The known misbehaviours of the services, by name: all off by default, switched on by a scenario or a fault plan.

*Reported* means that an issue thread says so and it was not reproduced; *seen* that the SDK's reaction was observed;
*assumed* that nothing forbids it. docs/misbehaviours.md is made from this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["SWITCHES", "Switch", "switches_of"]


@dataclass(frozen=True)
class Switch:
    """A misbehaviour of a provider.

    Args:
        name: Provider family and what it is: ``gemini.resume_keeps_voice``; ``any.`` is for every provider.
        does: What the server then does.
        basis: Where it is known from.
    """

    name: str
    does: str
    basis: str

    def concerns(self, provider: str) -> bool:
        """Whether a server of this provider (``gemini-live``, ``openai-realtime``) has the switch."""
        family = self.name.partition(".")[0]
        return family == "any" or provider.startswith(f"{family}-")


def _switches(*switches: Switch) -> Mapping[str, Switch]:
    return {switch.name: switch for switch in switches}


_ANY = (
    Switch("any.upgrade_401", "refuses the WebSocket upgrade with HTTP 401", "seen: raw InvalidStatus from websockets"),
    Switch("any.upgrade_403", "refuses the WebSocket upgrade with HTTP 403", "seen: raw InvalidStatus from websockets"),
    Switch("any.upgrade_429", "refuses the WebSocket upgrade with HTTP 429", "reported (for xAI)"),
    Switch("any.upgrade_503", "refuses the WebSocket upgrade with HTTP 503", "assumed: any server behind a proxy may"),
    Switch(
        "any.talks_instead_of_tool",
        "the model says that it transfers the caller, and calls no tool",
        "reported, [dograh #584](https://github.com/dograh-hq/dograh/issues/584)",
    ),
    Switch(
        "any.speaks_the_call",
        'the model speaks the tool call as text, `call:name{"argument": ...}`, and calls no tool',
        "reported, [dograh #584](https://github.com/dograh-hq/dograh/issues/584)",
    ),
    Switch(
        "any.parallel_tools",
        "a tool call comes in one batch with a call of another tool that the session declares",
        "reported, [livekit/agents #7320](https://github.com/livekit/agents/issues/7320), "
        "[#5150](https://github.com/livekit/agents/issues/5150)",
    ),
    Switch("any.fragmented_frames", "every frame comes in three WebSocket fragments", "allowed by RFC 6455, 5.4"),
    Switch(
        "any.slow_frames",
        "every frame comes in three WebSocket fragments, with 4 ms between them",
        "allowed by RFC 6455, 5.4",
    ),
    Switch("any.segmented_frames", "every frame comes in several TCP segments", "allowed by TCP"),
)

_GEMINI = (
    Switch(
        "gemini.resume_keeps_voice",
        "a resumed session ignores the new voice and speaks with the old one",
        "reported, [js-genai #625](https://github.com/googleapis/js-genai/issues/625)",
    ),
    Switch(
        "gemini.resume_cuts_audio",
        "the audio of the first answer after a resume breaks off after half a second; its end is announced as ever",
        "reported, [js-genai #695](https://github.com/googleapis/js-genai/issues/695)",
    ),
    Switch(
        "gemini.resume_loses_context",
        "a resume is accepted, and nothing is known of the conversation: it begins as a fresh one does",
        "reported, [js-genai #1513](https://github.com/googleapis/js-genai/issues/1513), "
        "[agents-js #2346](https://github.com/livekit/agents-js/issues/2346)",
    ),
    Switch(
        "gemini.resume_loses_most_context",
        "a resume is accepted, and two of three turns are forgotten",
        "reported, [agents-js #2507](https://github.com/livekit/agents-js/pull/2507)",
    ),
    Switch(
        "gemini.resume_rejects_long_instructions",
        "a resume with long instructions (`service.long_instructions`) is closed with 1007",
        "reported, cookbook #1197",
    ),
    Switch(
        "gemini.handle_other_model",
        "every handle is taken for one of another model: a resume is closed with 1007",
        "reported, [python-genai #2197](https://github.com/googleapis/python-genai/issues/2197)",
    ),
    Switch("gemini.handle_expired", "every handle has expired: a resume is closed with 1008 before its setup", "seen"),
    Switch(
        "gemini.old_socket_open",
        "a resume is closed with 1008 while the connection that the handle came from is open",
        "reported, [sip-to-ai #14](https://github.com/aicc2025/sip-to-ai/pull/14)",
    ),
    Switch(
        "gemini.no_handle_yet",
        "the first connection gets no handle, and drops without a close frame when the caller has been understood",
        "reported, [pipecat #4328](https://github.com/pipecat-ai/pipecat/pull/4328), "
        "[#4355](https://github.com/pipecat-ai/pipecat/pull/4355)",
    ),
    Switch(
        "gemini.not_resumable",
        "no handle is ever issued: the server says `resumable: false` each time (it always says so while it "
        "generates or a tool call is open)",
        "SDK types",
    ),
    Switch(
        "gemini.close_58_min",
        "a conversation is closed with 1011 after 58 minutes (`service.deadline_ms`), and its handles then fail "
        "with 1007",
        "reported, [forum thread](https://discuss.ai.google.dev/t/gemini-3-8-live-live-sessions-are-closed-at-exactly-"
        "58-00-with-1011-deadline-expired-resumption-afterwards-fails-with-1007/186392)",
    ),
    Switch(
        "gemini.go_away",
        "goAway in the middle of the first answer of each connection, which is closed `service.go_away_ms` later",
        "reported, [pydantic-ai #7188](https://github.com/pydantic/pydantic-ai/issues/7188)",
    ),
    Switch(
        "gemini.go_away_silence",
        "goAway in the middle of the first answer of the first connection, then nothing at all, not even a close",
        "reported, [tau2 #461](https://github.com/sierra-research/tau2-bench/pull/461)",
    ),
    Switch(
        "gemini.rejects_context_update",
        "contextUpdate is closed with 1007, also where `service.context_update` says that the model takes it",
        "reported, LiveKit #5496, #5752",
    ),
    Switch("gemini.session_limit", "the limit of sessions counts as reached: a setup is closed with 1011", "assumed"),
    Switch(
        "gemini.first_frame_lost",
        "another frame comes before setupComplete, and the SDK's connect() swallows it",
        "seen",
    ),
    Switch(
        "gemini.unknown_key",
        "a frame with nothing but an unknown top-level key, once a connection: the SDK's receive() dies of a TypeError",
        "seen",
    ),
    Switch("gemini.empty_frame", "a frame `{}`, once a connection", "assumed"),
    Switch(
        "gemini.merged_frames",
        "what ordinarily comes in two frames comes in one: two top-level keys, or words and audio together",
        "SDK types: any key may be present, several may share a frame",
    ),
    Switch("gemini.duplicate_call_ids", "every toolCall frame comes twice, with the same ids", "assumed"),
    Switch("gemini.reused_call_ids", "all tool calls of a connection have the same id", "assumed"),
    Switch(
        "gemini.transcripts_late",
        "the caller's words come after the tool call or the answer that they led to, the model's at the turn's end",
        "reported for several providers: transcription runs beside the model",
    ),
    Switch(
        "gemini.transcripts_out_of_order",
        "the caller's words come after the model's turn is complete",
        "reported for several providers: transcription runs beside the model",
    ),
    Switch("gemini.transcripts_missing", "no words at all, although they were asked for", "assumed"),
)

_OPENAI = (
    Switch(
        "openai.cannot_update_voice",
        "once there is audio of the model, an update that names a voice is refused, also the voice in use (another one "
        "is refused in any case)",
        "SDK docstring for another voice; for the same one assumed, after "
        "[openai-agents-python #1661](https://github.com/openai/openai-agents-python/issues/1661)",
    ),
    Switch(
        "openai.voice_ignored",
        "a voice is accepted and echoed, and the session speaks with the default one",
        "assumed, after what is reported of Gemini",
    ),
    Switch(
        "openai.format_reset",
        "an update that does not repeat the audio formats sets them back from G.711 to PCM16",
        "reported, [openai-agents-js #122](https://github.com/openai/openai-agents-js/issues/122), "
        "[#168](https://github.com/openai/openai-agents-js/issues/168), "
        "[openai-agents-python #1632](https://github.com/openai/openai-agents-python/issues/1632)",
    ),
    Switch(
        "openai.silent_close",
        "the first connection on which a response is done is closed with 1001, without an event: the SDK's iteration "
        "just ends",
        "seen",
    ),
    Switch(
        "openai.session_expires",
        "a session expires ten seconds after its beginning: error `session_expired`, then close",
        "documented for 60 minutes",
    ),
    Switch(
        "openai.unknown_event",
        "an event of a new type follows each response.created: the SDK gives it an arbitrary class",
        "seen",
    ),
    Switch("openai.duplicate_call_ids", "all function calls of a connection have the id of the first", "assumed"),
    Switch(
        "openai.transcripts_late",
        "the caller's words come three seconds later than they would",
        "SDK docstring: transcription runs beside the responses, and may come before or after their events",
    ),
    Switch(
        "openai.transcripts_out_of_order",
        "the words of one turn of the caller come after those of the next",
        "SDK docstring: transcription runs beside the responses",
    ),
    Switch("openai.transcripts_missing", "the caller's words never come, although they were asked for", "assumed"),
)

SWITCHES: Mapping[str, Switch] = _switches(*_ANY, *_GEMINI, *_OPENAI)


def switches_of(provider: str) -> tuple[Switch, ...]:
    """The switches that a server of this provider has, in the order of the table."""
    return tuple(switch for switch in SWITCHES.values() if switch.concerns(provider))
