"""The codes of the client protocol linter: 001 to 009 on every wire, 010 to 049 Gemini Live, from 050 OpenAI Realtime.

Those that say so are warnings: the service lets the frame pass, and the call does not fail because of it.
"""

from __future__ import annotations

from roomkit_sim.sim.checks.code import Code

__all__ = ["WIRE_CODES"]

WIRE_CODES = {
    "WIRE001": Code(
        "a frame is no JSON object",
        "Bytes were sent that are no message, or JSON was put together by hand.",
        "Send what json.dumps() makes of a dict, one a frame.",
    ),
    "WIRE002": Code(
        "a frame after the client's close frame",
        "Something still sends on a connection that something else closes.",
        "Stop the senders before closing; RFC 6455, 5.5.1 forbids data after a close frame.",
    ),
    "WIRE003": Code(
        "text with half a surrogate pair",
        "A string was cut in the middle of a character, or decoded with surrogateescape.",
        "Clean text where it comes in: text.encode('utf-8', 'replace').decode().",
    ),
    "WIRE010": Code(
        "Gemini: a frame before setup",
        "The connection was used before it was configured.",
        "Send setup first; the SDK's connect() does.",
    ),
    "WIRE011": Code(
        "Gemini: a frame before setupComplete",
        "Audio, text or a result was sent as soon as the socket was open.",
        "Hold what comes meanwhile, and send it when setupComplete has arrived.",
    ),
    "WIRE012": Code(
        "Gemini: setup twice on one connection",
        "A change of instructions, voice or tools was sent as another setup.",
        "Open another connection, with the resumption handle; or contextUpdate where the model takes it.",
    ),
    "WIRE013": Code(
        "Gemini: a frame with several messages, or an unknown one",
        "Messages were merged into one frame, or a key is misspelt.",
        "One of setup, clientContent, realtimeInput, toolResponse or contextUpdate a frame.",
    ),
    "WIRE014": Code(
        "Gemini: a field that the message does not have",
        "A misspelt field, or one that belongs elsewhere, such as voice at the top of setup.",
        "Compare with types.LiveClientSetup and its siblings in the SDK.",
    ),
    "WIRE015": Code(
        "Gemini: setup without a usable model",
        "The model is missing, or its name lacks models/.",
        "Give setup.model as models/<name>.",
    ),
    "WIRE016": Code(
        "Gemini: the model is changed on resume",
        "Agents with different models share a session, and the handle was kept.",
        "Begin without a handle for another model, and give it the conversation as text; python-genai #2197.",
    ),
    "WIRE017": Code(
        "Gemini: a resumption handle that this call was never given",
        "The handle of another call is used, or one was made up or kept too long.",
        "Keep handles with the session that they came on.",
    ),
    "WIRE018": Code(
        "Gemini: an older resumption handle (warning)",
        "An update was missed, or the handle was copied before the last one came.",
        "Use the newest handle that has arrived when you dial: an older one loses what was said since.",
    ),
    "WIRE019": Code(
        "Gemini: the client left while the session was not resumable (warning)",
        "The connection was closed while the model was generating or a call was open.",
        "Send the result, wait for an update with resumable: true, and leave then; what is not in the handle is lost.",
    ),
    "WIRE020": Code(
        "Gemini: the result of a call that this connection never made",
        "The result was sent after a reconnect: ids belong to the connection that they came on.",
        "Send the result before the reconnect, or give it to the new connection as text.",
    ),
    "WIRE021": Code(
        "Gemini: the result of a call that was cancelled before",
        "The tool went on after toolCallCancellation, and nobody dropped its result.",
        "Stop the tool, and forget the id, when the cancellation arrives. Results that cross it are no fault.",
    ),
    "WIRE022": Code(
        "Gemini: a call answered twice",
        "Two handlers answer the same call, or a retry sends its result again.",
        "One handler a function; willContinue only for functions declared NON_BLOCKING.",
    ),
    "WIRE023": Code(
        "Gemini: a result under another function's name",
        "Results of parallel calls were mixed up, or the name was lost on the way.",
        "Keep id and name of a call together until it is answered.",
    ),
    "WIRE024": Code(
        "Gemini: text while a call is open",
        "Context or a greeting was injected while the model waited for a result; the service closes with 1007.",
        "Answer the call first, then inject.",
    ),
    "WIRE025": Code(
        "Gemini: activity marks that do not fit the turn detection",
        "activityStart or activityEnd with automatic detection on, or audioStreamEnd with it off.",
        "Disable automaticActivityDetection in the setup to mark turns yourself.",
    ),
    "WIRE026": Code(
        "Gemini: several inputs in one realtimeInput, or none",
        "Audio, text and marks were put into one frame; their order is not defined.",
        "One field a frame, in the order in which they are meant.",
    ),
    "WIRE027": Code(
        "Gemini: audio that is not PCM at 16 kHz",
        "The MIME type lacks its rate, or has the rate of the line: what is said is heard too fast or too slow.",
        "Resample to 16 kHz and say audio/pcm;rate=16000.",
    ),
    "WIRE028": Code(
        "Gemini: a turn, or an instruction, with nothing in it",
        "An empty message of the history was sent along.",
        "Leave out turns without text.",
    ),
    "WIRE029": Code(
        "Gemini: a turn with an unknown role",
        "The roles of another API, such as assistant or system.",
        "user and model; instructions belong into systemInstruction.",
    ),
    "WIRE030": Code(
        "Gemini: tools that cannot be declared",
        "Two tools have one name, or a name has blanks or other characters.",
        "Names of letters, digits and _ . : -, beginning with a letter or _, at most 128, each once.",
    ),
    "WIRE031": Code(
        "Gemini: goAway was ignored",
        "The connection was still used after the time that goAway left: what is sent then is lost.",
        "Resume on another connection as soon as goAway arrives.",
    ),
    "WIRE032": Code(
        "Gemini: a call that was never answered (warning)",
        "The handler raised, hung or does not exist; the model waits for ever.",
        "Answer every call, with {error: ...} where there is no result.",
    ),
    "WIRE033": Code(
        "Gemini: control characters in text",
        "Text from a terminal, a PDF or a database was sent as it stands; the service closes with 1007.",
        "Remove characters below U+0020 except line breaks and tabs.",
    ),
    "WIRE050": Code(
        "OpenAI: a client event that does not exist",
        "A misspelt or missing type, or one from before GA, such as transcription_session.update.",
        "Use the events of openai.types.realtime.RealtimeClientEvent.",
    ),
    "WIRE051": Code(
        "OpenAI: a field that does not exist",
        "A misspelt field, or one of session.created that was sent back, such as id or object.",
        "Send only what you want to change; compare with openai.types.realtime.",
    ),
    "WIRE052": Code(
        "OpenAI: session.update without session.type",
        "The shape from before GA.",
        "session: {type: realtime, ...}.",
    ),
    "WIRE053": Code(
        "OpenAI: a session or response in the shape from before GA",
        "modalities, voice, input_audio_format and the like stand at its top.",
        "output_modalities; audio.input.{format, transcription, turn_detection}; audio.output.{format, voice}.",
    ),
    "WIRE054": Code(
        "OpenAI: the header of the beta",
        "OpenAI-Beta: realtime=v1 was sent; the beta is gone.",
        "Remove the header, and use client.realtime instead of client.beta.realtime.",
    ),
    "WIRE055": Code(
        "OpenAI: response.create while an answer is under way",
        "Text was injected, or a result given, while the model spoke; or the server answers by itself as well.",
        "Wait for response.done, or cancel first; conversation: none for what may run beside it.",
    ),
    "WIRE056": Code(
        "OpenAI: response.cancel with no answer under way (warning)",
        "The answer was over already. The service says so and changes nothing.",
        "Remember response.created and response.done, and cancel only between them.",
    ),
    "WIRE057": Code(
        "OpenAI: the output of a call that this connection does not know",
        "The output was sent after a reconnect: ids belong to the connection that they came on.",
        "Send it before, or put the function_call item into the new conversation first.",
    ),
    "WIRE058": Code(
        "OpenAI: a call with two outputs",
        "Two handlers answer the same call, or a retry sends its output again.",
        "One output a call_id.",
    ),
    "WIRE059": Code(
        "OpenAI: an answer is asked for while a call has no output (warning)",
        "response.create came before the outputs of all parallel calls, or one was forgotten.",
        "Put all outputs into the conversation, then one response.create.",
    ),
    "WIRE060": Code(
        "OpenAI: an item is truncated that is not there",
        "The id is from another connection, or was never one.",
        "Truncate the item whose audio was being played, on the connection that it came on.",
    ),
    "WIRE061": Code(
        "OpenAI: an item is truncated that is no spoken answer",
        "The id of the caller's item, of a function call or of a written answer.",
        "Only assistant messages with audio can be truncated.",
    ),
    "WIRE062": Code(
        "OpenAI: an answer is truncated beyond its end",
        "audio_end_ms counts from another start, at another rate, or is more than was received or is left.",
        "Count the samples of this item that were played.",
    ),
    "WIRE063": Code(
        "OpenAI: an answer is truncated twice (warning)",
        "Two barge-ins, or two listeners of one.",
        "Forget the item when it is truncated.",
    ),
    "WIRE064": Code(
        "OpenAI: the voice is changed after the model has spoken",
        "A handoff to an agent with another voice in one session; the service answers cannot_update_voice.",
        "Open another connection, set the voice first, and put the conversation in as items.",
    ),
    "WIRE065": Code(
        "OpenAI: the model is changed by session.update",
        "An agent with another model was put into the session.",
        "Open another connection with ?model=.",
    ),
    "WIRE066": Code(
        "OpenAI: tools that the service does not take",
        "A tool lacks type: function, has the nested shape of chat completions or extra keys, or its name twice.",
        "{type: function, name, description, parameters}, flat.",
    ),
    "WIRE067": Code(
        "OpenAI: an audio format that the service does not take",
        "A rate other than 24000 for PCM, or a name from before GA such as pcm16.",
        "{type: audio/pcm, rate: 24000}, {type: audio/pcmu} or {type: audio/pcma}.",
    ),
    "WIRE068": Code(
        "OpenAI: audio in another format than the session's",
        "The line's or another provider's rate was not converted: what is said is heard too fast or too slow.",
        "Resample to the session's format, 24 kHz for audio/pcm.",
    ),
    "WIRE069": Code(
        "OpenAI: a commit although the server finds the turns (warning)",
        "turn_detection is on, by default even, and the client commits too: turns are cut in two.",
        "Do not commit, or set turn_detection to null.",
    ),
    "WIRE070": Code(
        "OpenAI: an empty buffer is committed",
        "A commit without audio since the last one, or with less than 100 ms.",
        "Commit only after audio was appended.",
    ),
    "WIRE071": Code(
        "OpenAI: turn_detection is null, and nothing is ever committed (warning)",
        "Turn detection was switched off and nothing took its place: the model never hears the caller.",
        "Commit at the end of each turn of the caller, then response.create.",
    ),
    "WIRE072": Code(
        "OpenAI: an item whose content does not fit its role",
        "The history was put in with input_text for everybody, or with an unknown role.",
        "input_text for user and system, output_text for assistant.",
    ),
    "WIRE073": Code(
        "OpenAI: a call that was never answered (warning)",
        "The handler raised, hung or does not exist; the model waits for ever.",
        "Give every call an output, an error too, and then response.create.",
    ),
}
