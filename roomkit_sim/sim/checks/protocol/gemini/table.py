"""The rules of Gemini Live, one a line."""

from __future__ import annotations

from roomkit_sim.sim.checks.findings import Severity
from roomkit_sim.sim.checks.protocol.gemini import contents, order, resumption, tool_calls
from roomkit_sim.sim.checks.protocol.gemini.messages import KINDS, read
from roomkit_sim.sim.checks.protocol.gemini.state import GeminiCall, GeminiConnection
from roomkit_sim.sim.checks.protocol.rules import Dialect, EndRule, Rule

__all__ = ["GEMINI_LIVE"]

WARNING = Severity.WARNING
ANY = ()
SETUP = ("setup",)
INPUT = ("realtimeInput",)
TEXT = ("clientContent",)
RESULT = ("toolResponse",)
CONTENT = ("setup", "contextUpdate", "clientContent", "realtimeInput")
TOOLS = ("setup", "contextUpdate")

RULES: tuple[Rule[GeminiConnection], ...] = (
    Rule("WIRE010", ANY, order.before_setup, "setup as the first frame"),
    Rule("WIRE011", ANY, order.before_setup_complete, "nothing but setup before setupComplete"),
    Rule("WIRE012", SETUP, order.second_setup, "one setup a connection"),
    Rule("WIRE013", ANY, order.one_message, "one known message a frame"),
    Rule("WIRE014", ANY, contents.unknown_field, "fields that the message has"),
    Rule("WIRE015", SETUP, contents.no_model, "a model as models/<name>"),
    Rule("WIRE016", SETUP, resumption.other_model, "the model that the conversation began with"),
    Rule("WIRE017", SETUP, resumption.unknown_handle, "a handle that a connection of this call was given"),
    Rule("WIRE018", SETUP, resumption.older_handle, "the last handle that was given", WARNING),
    Rule("WIRE019", SETUP, resumption.resumes_too_early, "to leave after an update with resumable: true", WARNING),
    Rule("WIRE020", RESULT, tool_calls.unknown_call, "results of calls that came on the same connection"),
    Rule("WIRE021", RESULT, tool_calls.cancelled_call, "no result after toolCallCancellation was received"),
    Rule("WIRE022", RESULT, tool_calls.answered_twice, "one result a call"),
    Rule("WIRE023", RESULT, tool_calls.other_name, "the name of the function that was called"),
    Rule("WIRE024", TEXT, tool_calls.text_while_open, "the result of the call before any text"),
    Rule("WIRE025", INPUT, contents.activity_marks, "marks that fit automaticActivityDetection in the setup"),
    Rule("WIRE026", INPUT, contents.several_inputs, "one field in a realtimeInput"),
    Rule("WIRE027", INPUT, contents.audio_format, "audio/pcm;rate=16000"),
    Rule("WIRE028", CONTENT, contents.empty_turn, "parts with something in them"),
    Rule("WIRE029", TEXT, contents.unknown_role, "the role user or model"),
    Rule("WIRE030", TOOLS, contents.bad_tools, "each function once, named by letters, digits and _ . : -"),
    Rule("WIRE031", ANY, order.ignores_go_away, "another connection before the time of goAway is up"),
    Rule("WIRE033", CONTENT, contents.control_characters, "text without control characters"),
)

END_RULES: tuple[EndRule[GeminiConnection], ...] = (
    EndRule("WIRE032", tool_calls.never_answered, "a result for every call, were it an error", WARNING),
)

GEMINI_LIVE: Dialect[GeminiConnection] = Dialect(
    hosts=("generativelanguage.googleapis.com", "aiplatform.googleapis.com"),
    kinds=KINDS,
    read=read,
    new_call=GeminiCall,
    connect=GeminiConnection,
    rules=RULES,
    end_rules=END_RULES,
)
