"""Random conversations against a small model of them.

State, history, notices and the configuration of every live session never disagree, whatever is asked and by whom.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from roomkit_sim import (
    Agent,
    ConversationPipeline,
    FrameworkEvent,
    InboundMessage,
    MockAIProvider,
    MockRealtimeProvider,
    MockRealtimeTransport,
    PipelineStage,
    RealtimeVoiceChannel,
    RoomKit,
    TextContent,
    VoiceSession,
    WebSocketChannel,
    get_conversation_state,
    set_conversation_state,
)
from roomkit_sim.errors import ProviderError, RoomError
from roomkit_sim.models.event import RoomEvent
from roomkit_sim.providers.ai.base import AIResponse, AIToolCall
from roomkit_sim.voice.base import VoiceSessionState

T = TypeVar("T")
REPEATABLE = settings(derandomize=True, deadline=None, database=None, max_examples=40, stateful_step_count=25)

EXITS = {"triage": ("advising",), "advising": ("closing", "triage"), "closing": ()}
OWNERS = {"triage": "triage", "advising": "advisor", "closing": "closer"}
PHASES = {agent: phase for phase, agent in OWNERS.items()}
ALIASES = {"expert": "advisor"}
STAGES = [
    PipelineStage(phase="triage", agent_id="triage", next="advising"),
    PipelineStage(phase="advising", agent_id="advisor", next="closing", can_return_to={"triage"}),
    PipelineStage(phase="closing", agent_id="closer"),
]
ROOMS = ("r0", "r1")

rooms = st.sampled_from(ROOMS)
# Wrong targets are as likely as right ones.
targets = st.sampled_from(("triage", "advisor", "closer", "expert", "human", "nobody", "", None))
phases = st.sampled_from((None, None, None, *EXITS, "nowhere"))
languages = st.sampled_from(("French", "German", "English"))


@dataclass
class Conversation:
    """What must be so in one room."""

    phase: str = "triage"
    agent: str | None = "triage"
    language: str | None = None
    history: list[tuple[str, str, str | None, str | None]] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    sessions: dict[str, str | None] = field(default_factory=dict)
    """Live session to the agent that it is configured for; ``None`` where a person speaks."""
    said: list[str] = field(default_factory=list)

    def may_hand_over(self, caller: str, target: str | None, phase: str | None) -> bool:
        """Whether a handoff is legal; the agent in charge goes to an owner of a phase that follows, or to a person."""
        if self.agent is None or caller != self.agent or not target:
            return False
        to_agent = ALIASES.get(target, target)
        if to_agent == "human":
            return True
        wanted = phase or PHASES.get(to_agent)
        return to_agent != caller and wanted in EXITS[self.phase] and OWNERS[wanted] == to_agent

    def hand_over(self, target: str, phase: str | None) -> None:
        """Carry a legal handoff out."""
        to_agent = ALIASES.get(target, target)
        to_phase = self.phase if to_agent == "human" else phase or PHASES[to_agent]
        after = None if to_agent == "human" else to_agent
        self.notices.append(f"[Handoff: {self.agent} -> {to_agent}]")
        self.history.append((self.phase, to_phase, self.agent, after))
        self.phase, self.agent = to_phase, after
        self.sessions = dict.fromkeys(self.sessions, after)


def prompt_of(agent: str, language: str | None) -> str:
    spoken = f"\nLanguage: Always respond in {language}" if language else ""
    return f"You are {agent}.\n--- Agent Identity ---\nRole: {agent}{spoken}"


def tools_of(agent: str) -> list[list[str]]:
    exits = [OWNERS[phase] for phase in EXITS[PHASES[agent]]]
    return [exits] if exits else []


def agents(**models: MockAIProvider) -> list[Agent]:
    return [
        Agent(name, provider=models.get(name), role=name, system_prompt=f"You are {name}.", voice=f"voice of {name}")
        for name in PHASES
    ]


def target_lists(tools: Any) -> list[list[str]]:
    return [list(tool["parameters"]["properties"]["target"]["enum"]) for tool in tools or ()]


class Conversations(RuleBasedStateMachine):
    """What text and voice have in common: a kit, its rooms, and the model of each."""

    kit: RoomKit

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.rooms = {room_id: Conversation() for room_id in ROOMS}
        self.events: list[FrameworkEvent] = []

    def run_async(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def teardown(self) -> None:
        if hasattr(self, "kit"):
            self.run_async(self.kit.close())
        self.runner.close()

    def watch(self) -> None:
        self.kit.on("*")(self.events.append)

    async def stored(self, room_id: str) -> tuple[Any, list[RoomEvent]]:
        state = get_conversation_state(await self.kit.get_room(room_id))
        return state, await self.kit.store.list_events(room_id, limit=10_000)

    @invariant()
    def stored_state_is_that_of_the_model(self) -> None:
        for room_id, conversation in self.rooms.items():
            state, _ = self.run_async(self.stored(room_id))
            if not state.phase_history and state.active_agent_id is None and not conversation.history:
                continue  # nothing has happened in the room: it is seeded at the first event
            assert (state.phase, state.active_agent_id) == (conversation.phase, conversation.agent)
            assert state.context.get("language") == conversation.language

    @invariant()
    def history_and_count_are_those_of_the_model(self) -> None:
        for room_id, conversation in self.rooms.items():
            state, _ = self.run_async(self.stored(room_id))
            history = [(r.from_phase, r.to_phase, r.from_agent, r.to_agent) for r in state.phase_history]
            assert history == conversation.history
            assert state.handoff_count == len(history)
            assert state.previous_agent_id == (history[-1][2] if history else None)

    @invariant()
    def notices_of_the_timeline_are_those_of_the_model(self) -> None:
        for room_id, conversation in self.rooms.items():
            _, events = self.run_async(self.stored(room_id))
            notices = [e for e in events if e.metadata.get("handoff") or e.metadata.get("handoff_failed")]
            told = [e.content.body.partition("]")[0] + "]" for e in notices if isinstance(e.content, TextContent)]
            assert told == conversation.notices
            assert [event.index for event in events] == list(range(len(events)))

    @invariant()
    def nothing_failed_that_was_not_made_to_fail(self) -> None:
        assert [event.data for event in self.events if event.type == "error"] == []


class VoiceConversations(Conversations):
    """Calls with speech-to-speech agents on one channel."""

    @initialize()
    def open(self) -> None:
        self.run_async(self._open())

    async def _open(self) -> None:
        self.kit = RoomKit()
        self.failures = 0
        self.sessions: dict[str, VoiceSession] = {}
        self.calls = 0
        self.provider = MockRealtimeProvider(fail=self._failure)
        self.transport = MockRealtimeTransport()
        self.voice = RealtimeVoiceChannel("voice", provider=self.provider, transport=self.transport)
        self.kit.register_channel(self.voice)
        self.watch()
        pipeline = ConversationPipeline(STAGES)
        _, self.handler = pipeline.install(self.kit, agents(), agent_aliases=ALIASES, voice_channel_id="voice")
        assert self.handler.realtime is not None
        self.handler.realtime.policy = replace(self.handler.realtime.policy, pause_seconds=0.0)
        for room_id in ROOMS:
            await self.kit.create_room(room_id)
            await self.kit.attach_channel(room_id, "voice")

    def _failure(self, method: str) -> Exception | None:
        if method != "reconfigure" or not self.failures:
            return None
        self.failures -= 1
        return ProviderError("the line is bad")

    async def settle(self) -> None:
        """Until nothing that a test began is under way."""
        while True:
            for _ in range(30):
                await asyncio.sleep(0)
            busy = [task for task in asyncio.all_tasks() if task.get_name().startswith(("tool ", "end after"))]
            if not busy:
                return
            await asyncio.gather(*busy, return_exceptions=True)

    def live(self) -> list[VoiceSession]:
        return [self.sessions[sid] for conversation in self.rooms.values() for sid in conversation.sessions]

    def talking(self) -> list[VoiceSession]:
        """The sessions that have a model."""
        return [s for s in self.live() if self.rooms[s.room_id].sessions[s.id] is not None]

    def take_decisions(self, since: int) -> None:
        """Bring the model to where what was decided leads; and what was decided must be right."""
        asked = [e for e in self.events[since:] if e.type == "handoff_requested"]
        decided = [e for e in self.events[since:] if e.type == "handoff_decided"]
        assert len(asked) == len(decided)
        for event in decided:
            conversation = self.rooms[event.room_id or ""]
            target, phase = event.data["to_agent"], event.data["to_phase"] or self.phase_asked
            legal = conversation.may_hand_over(event.data["from_agent"], target, self.phase_asked)
            assert event.data["accepted"] == legal, event.data
            if legal:
                conversation.hand_over(target, None if target == "human" else phase)

    async def ask(self, session: VoiceSession, target: str | None, phase: str | None) -> str:
        self.calls += 1
        arguments = {"target": target, "reason": "because", "summary": "so far", "next_phase": phase}
        await self.provider.simulate_tool_call(session, f"c{self.calls}", "handoff_conversation", arguments)
        return f"c{self.calls}"

    def told(self, call_id: str) -> dict[str, Any]:
        [text] = [result for _, called, result in self.provider.tool_results if called == call_id]
        result: dict[str, Any] = json.loads(text)
        return result

    @rule(room_id=rooms)
    def a_caller_calls(self, room_id: str) -> None:
        conversation = self.rooms[room_id]
        if conversation.agent is None:
            try:
                self.run_async(self.voice.start_session(room_id, "caller", None))
            except RoomError:
                return
            raise AssertionError("a call in the hands of a person was given an agent")
        session = self.run_async(self.voice.start_session(room_id, "caller", None))
        self.sessions[session.id] = session
        conversation.sessions[session.id] = conversation.agent

    @precondition(lambda self: self.live())
    @rule(data=st.data(), how=st.sampled_from(("hang up", "end")))
    def a_call_ends(self, data: st.DataObject, how: str) -> None:
        session = data.draw(st.sampled_from(self.live()))

        async def end() -> None:
            if how == "end":
                await self.voice.end_session(session)
            else:
                await self.transport.simulate_client_disconnect(session)
                await self.settle()

        self.run_async(end())
        del self.rooms[session.room_id].sessions[session.id]

    @precondition(lambda self: self.talking())
    @rule(data=st.data(), wanted=targets, phase=phases)
    def a_model_asks_for_a_handoff(self, data: st.DataObject, wanted: str | None, phase: str | None) -> None:
        session = data.draw(st.sampled_from(self.talking()))
        conversation = self.rooms[session.room_id]
        legal = conversation.may_hand_over(conversation.sessions[session.id] or "", wanted, phase)
        before, self.phase_asked = len(self.events), phase

        async def ask() -> str:
            call_id = await self.ask(session, wanted, phase)
            await self.settle()
            return call_id

        told = self.told(self.run_async(ask()))
        assert told["accepted"] == legal
        assert legal or len(told["reason"]) > 10
        self.take_decisions(before)

    @precondition(lambda self: self.talking())
    @rule(data=st.data(), wanted=st.lists(targets, min_size=2, max_size=4))
    def models_ask_for_handoffs_at_once(self, data: st.DataObject, wanted: list[str | None]) -> None:
        before, self.phase_asked = len(self.events), None
        asking = [(data.draw(st.sampled_from(self.talking())), target) for target in wanted]

        async def ask() -> None:
            for session, target in asking:
                await self.ask(session, target, None)
            await self.settle()

        self.run_async(ask())
        self.take_decisions(before)

    @precondition(lambda self: self.talking())
    @rule(data=st.data(), wanted=targets)
    def a_caller_hangs_up_during_a_handoff(self, data: st.DataObject, wanted: str | None) -> None:
        session = data.draw(st.sampled_from(self.talking()))
        before, self.phase_asked = len(self.events), None

        async def ask() -> None:
            await self.ask(session, wanted, None)
            await asyncio.sleep(0)
            await self.transport.simulate_client_disconnect(session)
            await self.settle()

        self.run_async(ask())
        self.take_decisions(before)
        del self.rooms[session.room_id].sessions[session.id]

    @precondition(lambda self: self.talking())
    @rule(data=st.data(), wanted=targets, times=st.integers(1, 2))
    def a_handoff_meets_a_bad_line(self, data: st.DataObject, wanted: str | None, times: int) -> None:
        session = data.draw(st.sampled_from(self.talking()))
        conversation = self.rooms[session.room_id]
        legal = conversation.may_hand_over(conversation.sessions[session.id] or "", wanted, None)
        was = replace(conversation, history=list(conversation.history), sessions=dict(conversation.sessions))
        before, self.phase_asked = len(self.events), None
        self.failures = times

        async def ask() -> None:
            await self.ask(session, wanted, None)
            await self.settle()

        self.run_async(ask())
        self.failures = 0
        self.take_decisions(before)
        if legal and times == 2 and wanted != "human":
            # Twice is once too often: the agent before is back, and the room is told so.
            taken_back = f"[Handoff failed: {was.agent} -> {conversation.agent}]"
            self.rooms[session.room_id] = replace(was, notices=[*conversation.notices, taken_back])

    @rule(room_id=rooms, language=languages)
    def the_language_changes(self, room_id: str, language: str) -> None:
        self.run_async(self.handler.set_language(room_id, language))
        self.rooms[room_id].language = language

    @precondition(lambda self: self.talking())
    @rule(data=st.data(), role=st.sampled_from(("user", "assistant")))
    def somebody_says_something(self, data: st.DataObject, role: str) -> None:
        session = data.draw(st.sampled_from(self.talking()))
        text = f"words {len(self.events)}"

        async def say() -> None:
            await self.provider.simulate_transcription(session, text, role, True)
            await self.settle()

        self.run_async(say())
        self.rooms[session.room_id].said.append(text)

    @rule(room_id=rooms)
    def a_person_gives_the_conversation_back(self, room_id: str) -> None:
        conversation = self.rooms[room_id]
        if conversation.agent is not None or conversation.sessions:
            return
        self.run_async(self._set_agent(room_id, OWNERS[conversation.phase]))
        conversation.agent = OWNERS[conversation.phase]
        conversation.history.append((conversation.phase, conversation.phase, None, conversation.agent))

    async def _set_agent(self, room_id: str, agent: str) -> None:
        room = await self.kit.get_room(room_id)
        state = get_conversation_state(room)
        await self.kit.store.update_room(set_conversation_state(room, state.transition(state.phase, agent)))

    def _configured(self, session_id: str) -> dict[str, Any]:
        config: dict[str, Any] = {}
        for call in self.provider.calls:
            if call.method in ("connect", "reconfigure") and call.args["session"].id == session_id:
                config.update({key: call.args[key] for key in ("system_prompt", "voice", "tools")})
        return config

    @invariant()
    def every_session_has_the_configuration_of_its_agent(self) -> None:
        for conversation in self.rooms.values():
            for session_id, agent in conversation.sessions.items():
                session = self.sessions[session_id]
                if agent is None:
                    assert session.state is VoiceSessionState.PAUSED, "a person speaks"
                    continue
                config = self._configured(session_id)
                assert agent == conversation.agent
                assert session.state is VoiceSessionState.ACTIVE
                assert config["system_prompt"] == prompt_of(agent, conversation.language)
                assert config["voice"] == f"voice of {agent}"
                assert target_lists(config["tools"]) == tools_of(agent)

    @invariant()
    def the_channel_has_the_sessions_of_the_model(self) -> None:
        live = {sid: room_id for room_id, c in self.rooms.items() for sid in c.sessions}
        assert self.voice.session_rooms == live

    @invariant()
    def what_was_said_is_in_the_timeline_in_order(self) -> None:
        for room_id, conversation in self.rooms.items():
            _, events = self.run_async(self.stored(room_id))
            said = [e.content.body for e in events if e.metadata.get("role") and isinstance(e.content, TextContent)]
            assert said == conversation.said


class TextConversations(Conversations):
    """Rooms with text agents that hand over with their tool while they answer."""

    @initialize()
    def open(self) -> None:
        self.run_async(self._open())

    async def _open(self) -> None:
        self.kit = RoomKit()
        self.models = {name: MockAIProvider() for name in PHASES}
        self.agents = agents(**self.models)
        self.watch()
        pipeline = ConversationPipeline(STAGES)
        _, self.handler = pipeline.install(self.kit, self.agents, agent_aliases=ALIASES, human_handoff=True)
        for channel in (WebSocketChannel("chat"), *self.agents):
            self.kit.register_channel(channel)
        for room_id in ROOMS:
            await self.kit.create_room(room_id)
            for channel_id in self.kit.channels:
                await self.kit.attach_channel(room_id, channel_id)

    async def write(self, room_id: str, *wanted: tuple[str | None, str | None]) -> None:
        """A person writes; whoever is in charge calls the handoff tool once for each of ``wanted``, then answers."""
        calls = [
            AIToolCall(
                id=f"c{number}",
                name="handoff_conversation",
                arguments={"target": target, "next_phase": phase, "reason": "because", "summary": "so far"},
            )
            for number, (target, phase) in enumerate(wanted)
        ]
        for name, model in self.models.items():
            model.calls.clear()
            answer = AIResponse(content=f"{name} answers")
            model.responses = [AIResponse(tool_calls=calls), answer] if calls else [answer]
        message = InboundMessage(channel_id="chat", sender_id="person", content=TextContent(body="hello"))
        result = await self.kit.process_inbound(message, room_id=room_id)
        assert not result.blocked
        await self.kit.background.drain()

    def answered(self, room_id: str, rounds: int) -> None:
        """Exactly the agent in charge was asked, in the language of the room."""
        conversation = self.rooms[room_id]
        asked = {name: len(model.calls) for name, model in self.models.items() if model.calls}
        assert asked == ({} if conversation.agent is None else {conversation.agent: rounds})
        for model in self.models.values():
            for context in model.calls:
                assert context.system_prompt == prompt_of(conversation.agent or "", conversation.language)

    @rule(room_id=rooms)
    def a_person_writes(self, room_id: str) -> None:
        self.run_async(self.write(room_id))
        self.answered(room_id, 1)

    @rule(room_id=rooms, wanted=targets, phase=phases)
    def an_agent_hands_over_while_it_answers(self, room_id: str, wanted: str | None, phase: str | None) -> None:
        conversation = self.rooms[room_id]
        self.run_async(self.write(room_id, (wanted, phase)))
        self.answered(room_id, 2)
        if conversation.may_hand_over(conversation.agent or "", wanted, phase):
            conversation.hand_over(wanted or "", phase)

    @rule(room_id=rooms, wanted=st.lists(targets, min_size=2, max_size=4))
    def an_agent_asks_for_several_handoffs_in_one_answer(self, room_id: str, wanted: list[str | None]) -> None:
        conversation = self.rooms[room_id]
        before, caller = len(self.events), conversation.agent
        self.run_async(self.write(room_id, *((target, None) for target in wanted)))
        self.answered(room_id, 2)
        decided = [event.data for event in self.events[before:] if event.type == "handoff_decided"]
        assert len(decided) == (0 if caller is None else len(wanted))
        for data in decided:
            legal = conversation.may_hand_over(caller or "", data["to_agent"], None)
            assert data["accepted"] == legal
            if legal:
                conversation.hand_over(data["to_agent"], None)

    @rule(room_id=rooms, caller=st.sampled_from(sorted(PHASES)), wanted=targets, phase=phases)
    def anybody_asks_the_handler(self, room_id: str, caller: str, wanted: str | None, phase: str | None) -> None:
        conversation = self.rooms[room_id]
        legal = conversation.may_hand_over(caller, wanted, phase)
        arguments = {"target": wanted, "next_phase": phase, "reason": "because", "summary": "so far"}
        result = self.run_async(self.handler.handle(room_id, caller, arguments))
        assert result.accepted == legal
        if legal:
            conversation.hand_over(wanted or "", phase)

    @rule(room_id=rooms, language=languages)
    def the_language_changes(self, room_id: str, language: str) -> None:
        self.run_async(self.handler.set_language(room_id, language))
        self.rooms[room_id].language = language

    @rule(room_id=rooms)
    def a_person_gives_the_conversation_back(self, room_id: str) -> None:
        conversation = self.rooms[room_id]
        if conversation.agent is not None:
            return

        async def give_back() -> None:
            room = await self.kit.get_room(room_id)
            state = get_conversation_state(room)
            moved = state.transition(state.phase, OWNERS[conversation.phase])
            await self.kit.store.update_room(set_conversation_state(room, moved))

        self.run_async(give_back())
        conversation.agent = OWNERS[conversation.phase]
        conversation.history.append((conversation.phase, conversation.phase, None, conversation.agent))


TestVoiceConversations = VoiceConversations.TestCase
TestVoiceConversations.settings = REPEATABLE
TestTextConversations = TextConversations.TestCase
TestTextConversations.settings = REPEATABLE
