"""The rules of OpenAI Realtime, one a line."""

from __future__ import annotations

from roomkit_sim.sim.checks.findings import Severity
from roomkit_sim.sim.checks.protocol.openai import audio_input, contents, responses, settings, truncation
from roomkit_sim.sim.checks.protocol.openai.messages import KINDS, read
from roomkit_sim.sim.checks.protocol.openai.state import OpenAICall, OpenAIConnection
from roomkit_sim.sim.checks.protocol.rules import Dialect, EndRule, Rule

__all__ = ["OPENAI_REALTIME"]

WARNING = Severity.WARNING
ANY = ()
OPEN = ("open",)
APPEND = ("input_audio_buffer.append",)
COMMIT = ("input_audio_buffer.commit",)
UPDATE = ("session.update",)
CREATE = ("response.create",)
CANCEL = ("response.cancel",)
ITEM = ("conversation.item.create",)
TRUNCATE = ("conversation.item.truncate",)
SETTINGS = ("session.update", "response.create")

RULES: tuple[Rule[OpenAIConnection], ...] = (
    Rule("WIRE050", ANY, contents.unknown_event, "an event that the service knows"),
    Rule("WIRE051", ANY, contents.unknown_field, "fields that the event has"),
    Rule("WIRE052", UPDATE, settings.no_type, "session.type: realtime"),
    Rule("WIRE053", SETTINGS, settings.beta_shape, "the GA shape: output_modalities, audio.input, audio.output"),
    Rule("WIRE054", OPEN, settings.beta_header, "no OpenAI-Beta header"),
    Rule("WIRE055", CREATE, responses.second_response, "response.done of the answer before"),
    Rule("WIRE056", CANCEL, responses.cancel_of_nothing, "response.cancel while an answer is under way", WARNING),
    Rule("WIRE057", ITEM, responses.unknown_call, "outputs of calls that came, or were put, on the same connection"),
    Rule("WIRE058", ITEM, responses.output_twice, "one output a call"),
    Rule("WIRE059", CREATE, responses.unanswered_call, "the outputs of all calls first", WARNING),
    Rule("WIRE060", TRUNCATE, truncation.unknown_item, "an item of this connection"),
    Rule("WIRE061", TRUNCATE, truncation.not_spoken, "a spoken answer of the model"),
    Rule("WIRE062", TRUNCATE, truncation.beyond_the_end, "no more than was received and is left"),
    Rule("WIRE063", TRUNCATE, truncation.truncated_twice, "one truncation an answer", WARNING),
    Rule("WIRE064", SETTINGS, settings.voice_change, "the voice that the model has spoken with"),
    Rule("WIRE065", UPDATE, settings.other_model, "the model that was dialled"),
    Rule("WIRE066", SETTINGS, settings.bad_tools, "type: function, name, description and parameters, each name once"),
    Rule("WIRE067", SETTINGS, settings.unknown_format, "audio/pcm with rate 24000, audio/pcmu or audio/pcma"),
    Rule("WIRE068", APPEND, audio_input.other_pace, "audio in the session's input format"),
    Rule("WIRE069", COMMIT, audio_input.needless_commit, "no commit while turn_detection is on", WARNING),
    Rule("WIRE070", COMMIT, audio_input.commit_of_nothing, "100 ms of audio or more"),
    Rule("WIRE072", ITEM, contents.wrong_content, "input_text of user and system, output_text of the assistant"),
)

END_RULES: tuple[EndRule[OpenAIConnection], ...] = (
    EndRule("WIRE071", audio_input.never_committed, "a commit after each turn of the caller", WARNING),
    EndRule("WIRE073", responses.never_answered, "an output for every call, were it an error", WARNING),
)

OPENAI_REALTIME: Dialect[OpenAIConnection] = Dialect(
    hosts=("api.openai.com",),
    kinds=KINDS,
    read=read,
    new_call=OpenAICall,
    connect=OpenAIConnection,
    rules=RULES,
    end_rules=END_RULES,
)
