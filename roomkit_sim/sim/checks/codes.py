"""Every code that a finding may have, with its usual cause and its cure. docs/findings.md is made from this table."""

from __future__ import annotations

from roomkit_sim.sim.checks.code import Code
from roomkit_sim.sim.checks.wire_codes import WIRE_CODES

__all__ = ["CODES", "Code"]

CODES = {
    "ROUTE001": Code(
        "the call went another way than expected",
        "The model handed over to another agent, the router chose another one, or a handoff was refused.",
        "Compare the two paths; the first divergence is marked. Then read the handoffs around it in the trace.",
    ),
    "ROUTE002": Code(
        "an expected handoff was never asked for",
        "The caller was not understood, or the session did not declare the handoff tool.",
        "Look for server.heard and server.mind_refused before the place where the handoff should be.",
    ),
    "ROUTE003": Code(
        "a handoff is not the one expected",
        "It came from or went to another agent, or was accepted where it had to be refused or the reverse.",
        "Read the reason of runtime.handoff_decided; check the stages' next and can_return_to.",
    ),
    "ROUTE004": Code(
        "a handoff that nobody expected",
        "A rule of the mind applies more often than meant, or an agent that should be silent still calls tools.",
        "Give the rule 'times', or list the handoff under expect.handoffs.",
    ),
    "ROUTE005": Code(
        "a handoff was accepted, and the new agent was never heard",
        "The session was not reconfigured, the new session was lost, or nobody asked the new agent to speak.",
        "See which of the stages H4 to H11 is missing; install with greet_on_handoff=True.",
    ),
    "PHASE001": Code(
        "an illegal transition took place",
        "State was written around the handoff handler, or the pipeline's graph was not enforced.",
        "Change phases through handoffs; check that the pipeline was installed on this channel.",
    ),
    "PHASE002": Code(
        "the conversation went through other phases than expected",
        "Another handoff happened, or a stage has another phase than the scenario thinks.",
        "Compare the two paths; the first divergence is marked.",
    ),
    "LAT001": Code(
        "a handoff took longer than its budget",
        "In virtual time: more round trips or waits than before, a retry, a slower modelled network.",
        "Look at the waterfall of the handoff: the stage that grew is the one to look at.",
    ),
    "LAT002": Code(
        "a budget could not be checked",
        "A stage that the latency is measured between did not happen.",
        "See which stage is missing; a handoff without a reconnect has no H6 to H9, for example.",
    ),
    "AUDIO001": Code(
        "the provider understood other utterances than expected",
        "The caller's audio arrived damaged, at the wrong rate, late, or not at all.",
        "Listen to the caller's track; look at server.heard with its score, and at lost audio (INV004).",
    ),
    "AUDIO002": Code(
        "the caller heard sound that is no agent's voice",
        "The application damaged the audio: wrong sample rate, lost or reordered bytes.",
        "Listen to the agent's track at that time; check the rates of provider and transport.",
    ),
    "AUDIO003": Code(
        "an agent went on speaking over the caller",
        "The provider's interruption did not reach the line: audio that was sent ahead is still played.",
        "Interrupt the transport when the provider says that the caller speaks; look at server.interrupted.",
    ),
    "AUDIO004": Code(
        "an answer broke off, and nobody had interrupted it",
        "The provider stopped sending audio in the middle (gemini.resume_cuts_audio), or the application dropped some.",
        "Compare server.said, which has the length of the answer, with what the caller heard; look at line.effect.",
    ),
    "AUDIO005": Code(
        "the words that the client is told are not those that were said, or not in their order",
        "The provider's transcripts came late, in another order or not at all, or a hook changed them.",
        "Compare line.transcript with server.heard and server.said; nothing that matters should hang on transcripts.",
    ),
    "INV001": Code(
        "two agents were audible at once",
        "The old session's audio was still played when the new one began.",
        "Interrupt the transport before the new agent speaks.",
    ),
    "INV002": Code(
        "the old agent was heard after the new one had begun",
        "Audio of the old session was queued and played later, or the old session was not closed.",
        "Drop what the old session still sends after the handoff was decided.",
    ),
    "INV003": Code(
        "the state names another agent than the session runs",
        "The state was committed but the session not reconfigured, or the reverse.",
        "Look at runtime.state, runtime.reconfigure and server.persona around that time.",
    ),
    "INV004": Code(
        "audio of the caller was lost",
        "Frames were dropped while no session was there, or sent to one that was closing.",
        "Hold the caller's audio during a reconnect and send it when the new session is set up.",
    ),
    "INV005": Code(
        "audio of the caller arrived twice",
        "Held audio was sent again although the old session had taken it.",
        "Send only what was captured after the last frame that the old session got.",
    ),
    "INV006": Code(
        "a refused handoff changed something",
        "State was written, or the session touched, before the decision.",
        "Decide first; write and reconfigure only when the handoff is accepted.",
    ),
    "INV007": Code(
        "an agent went on after a person had taken over",
        "The model's session was left open, or its audio still played.",
        "Release the provider when a handoff to a person is accepted; see HandoffHandler and release_provider().",
    ),
    "INV008": Code(
        "a session runs an agent with a voice that is not its own",
        "The voice was not switched at the handoff, or the channel's default took its place.",
        "Compare the agent's voice with the setup frame of the connection.",
    ),
    "INV009": Code(
        "a model was asked to speak twice in a row",
        "Two parts of the application greet: the pipeline and a hook, or a handler that is registered twice.",
        "Find the two client_content frames in the trace; one of them must go.",
    ),
    "INV010": Code(
        "a model answered without knowing what the caller had said",
        "The provider resumed a session without its context, or the application opened a new one and did not tell it "
        "the conversation again.",
        "Look at runtime.connection: 'resumed' with a handle that covers all, or 'reseeded'? Seed the history as turns "
        "when a connection begins fresh; waive it where forgetting is meant.",
    ),
    **WIRE_CODES,
    "CALLER001": Code(
        "the caller waited in vain",
        "The agent did not speak (or fall silent) in time, or another persona spoke.",
        "Look at what the server heard and said before. At the start of a call: does anybody ask the first agent to "
        "speak (handler.send_greeting)? Raise within_ms only if the wait is legitimate.",
    ),
    "CALLER002": Code(
        "the application hung up on the caller",
        "The session was ended before the script was over.",
        "Look for runtime.session_ended and its reason.",
    ),
    "INVALID001": Code(
        "nobody is in charge of a session: no persona matches its instructions",
        "The instructions that reached the provider contain no persona's 'when'.",
        "Compare the setup frame's system instruction with the 'when' of the personas.",
    ),
    "INVALID002": Code(
        "a fault never struck",
        "Its moment never came, there was nothing to strike any more, or it cannot happen in such a run.",
        "The finding says which, why, and where it stands: choose another moment, or fix what it belongs to.",
    ),
    "INVALID003": Code(
        "the scripted model could not do what its rule says",
        "The session does not declare the tool, or its schema does not allow the arguments.",
        "Fix the application's tools, or write 'hallucinate: true' if the model is meant to err.",
    ),
    "INVALID004": Code(
        "the provider heard nothing of a caller who spoke",
        "No audio arrived, or none that is speech.",
        "Check transport, rates and that the session was started with the line's connection.",
    ),
    "INVALID005": Code(
        "voices that cannot be told apart",
        "Two agents' configured voices give too like a timbre.",
        "Give one of the agents another voice name.",
    ),
    "INVALID006": Code(
        "a waiver was not needed",
        "What it allows did not happen any more.",
        "Remove the waiver, so that the check guards again.",
    ),
    "INVALID007": Code(
        "the moment at which the caller hangs up never came",
        "The event that the step waits for did not happen.",
        "Look at the trace for the event that should have happened, and at what happened instead.",
    ),
    "INVALID008": Code(
        "the caller never spoke over an agent",
        "The agent had finished, or had not begun, when the caller spoke.",
        "Let the caller wait for the agent's speech and then for a shorter time, or the agent say more.",
    ),
    "INVALID009": Code(
        "the machine could not keep up with real time",
        "With --sim-clock=real, something held the event loop up: other work on the machine, too many processes "
        "(-n), or blocking code in the application.",
        "Run it again with fewer processes. If the application blocks, it does so for its callers too.",
    ),
    "INVALID010": Code(
        "a switch did nothing",
        "The moment at which the service would misbehave never came: no resume, no tool call, no long instructions.",
        "docs/misbehaviours.md says when it would; change the scenario so that it comes, or remove the switch.",
    ),
    "FAULT001": Code(
        "a fault corrupted the call",
        "The application did not get over a lost connection, a refusal or a damaged message: the caller talks to "
        "nobody with the line open, or something that must always hold does not.",
        "The finding says what; docs/faults.md has the fault and what counts as corrupted. Then read the trace from "
        "world.fault on.",
    ),
    "WIRE080": Code(
        "the application did something that was not recorded",
        "A prompt, a voice, a tool or the order of things has changed since the call was recorded.",
        "The finding shows both messages. If the change is meant, record anew: --sim-record=all, or new_episodes.",
    ),
    "WIRE081": Code(
        "the call ended before all that was recorded had happened (warning)",
        "The caller or the application ended the call earlier than in the recording.",
        "See why it ended early, or record anew.",
    ),
    "APP001": Code(
        "the application raised",
        "An exception left answer(), or came up while the call was ended.",
        "The places are in the finding; run the scenario alone with -x.",
    ),
    "APP002": Code(
        "the provider refused what the application sent",
        "A frame that the service does not allow, such as audio before the setup or an unknown tool call id.",
        "The reason is the service's; see the last wire.sent before it.",
    ),
    "APP003": Code(
        "the run hung",
        "Every task waits and no timer is set, the time was used up, or tasks go on though they were cancelled.",
        "The waiting tasks are named with file and line.",
    ),
    "APP004": Code(
        "the real network was touched",
        "Something connected outside the event loop, or from another thread.",
        "The place is named; use asyncio's connections.",
    ),
    "APP005": Code(
        "an error in the background",
        "A background task failed, or an exception was never retrieved.",
        "The runtime reports where; nothing else told the caller.",
    ),
    "APP006": Code(
        "the scenario could not be played",
        "The application cannot be imported or called, an utterance has no usable sound, or the scenario is wrong.",
        "The message says what is missing, where it is named, and what to do.",
    ),
}
