"""What the specification's pages name, each class, method, property, parameter and default, does what they say."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest

from roomkit_sim import (
    HANDOFF_TOOL,
    Agent,
    AIChannel,
    ConversationPhase,
    ConversationPipeline,
    ConversationRouter,
    ConversationState,
    HandoffHandler,
    HandoffMemoryProvider,
    HandoffRequest,
    HandoffResult,
    HookExecution,
    HookResult,
    HookTrigger,
    InboundMessage,
    MemoryProvider,
    MockAIProvider,
    MockRealtimeProvider,
    MockRealtimeTransport,
    MockSTTProvider,
    MockTTSProvider,
    MockVoiceBackend,
    PhaseTransition,
    PipelineStage,
    RealtimeVoiceChannel,
    Room,
    RoomContext,
    RoomEvent,
    RoomKit,
    RoutingConditions,
    RoutingRule,
    SlidingWindowMemory,
    TextContent,
    VoiceChannel,
    VoiceSession,
    WebSocketChannel,
    build_handoff_tool,
    get_conversation_state,
    set_conversation_state,
    setup_handoff,
)
from roomkit_sim.channels.agent import _NullAIProvider
from roomkit_sim.core.event_router import EventRouter
from roomkit_sim.core.room_context import current_room_id
from roomkit_sim.errors import ProviderError
from roomkit_sim.models.channel import ChannelBinding
from roomkit_sim.models.enums import ChannelCategory, ChannelType
from roomkit_sim.models.event import EventSource
from roomkit_sim.providers.ai.base import AIContext, AITool
from roomkit_sim.providers.gemini.realtime import GeminiLiveProvider
from roomkit_sim.voice.backends.local import LocalAudioBackend
from roomkit_sim.voice.realtime.provider import RealtimeVoiceProvider

STAGES = [
    PipelineStage(phase="triage", agent_id="triage", next="advising"),
    PipelineStage(phase="advising", agent_id="advisor", can_return_to={"triage"}),
]


def model(agent: AIChannel) -> MockAIProvider:
    assert isinstance(agent.provider, MockAIProvider)
    return agent.provider


def question(body: str = "hello", **metadata: Any) -> RoomEvent:
    source = EventSource(channel_id="chat", channel_type=ChannelType.WEBSOCKET)
    return RoomEvent(room_id="r", source=source, content=TextContent(body=body), metadata=metadata)


def room_of(*agents: str, state: ConversationState | None = None) -> RoomContext:
    room = Room(id="r")
    bindings = [
        ChannelBinding(channel_id=name, room_id="r", channel_type=ChannelType.AI, category=ChannelCategory.INTELLIGENCE)
        for name in agents
    ]
    return RoomContext(room=room if state is None else set_conversation_state(room, state), bindings=bindings)


async def text_room(*agents: Agent) -> RoomKit:
    kit = RoomKit()
    for channel in (WebSocketChannel("chat"), *agents):
        kit.register_channel(channel)
    await kit.create_room("r")
    for channel_id in list(kit.channels):
        await kit.attach_channel("r", channel_id)
    return kit


async def say(kit: RoomKit, text: str) -> None:
    await kit.process_inbound(
        InboundMessage(channel_id="chat", sender_id="p", content=TextContent(body=text)), room_id="r"
    )


async def said_by(kit: RoomKit, channel_id: str) -> list[str]:
    events = await kit.store.list_events("r", limit=100)
    return [e.content.body for e in events if e.source.channel_id == channel_id and isinstance(e.content, TextContent)]


class VoiceDesk:
    """A kit with the channel ``voice``, not yet with a pipeline."""

    def __init__(self) -> None:
        self.kit = RoomKit()
        self.provider = MockRealtimeProvider()
        self.transport = MockRealtimeTransport()
        self.voice = RealtimeVoiceChannel("voice", provider=self.provider, transport=self.transport)
        self.kit.register_channel(self.voice)

    async def call(self) -> VoiceSession:
        await self.kit.create_room(room_id="r")
        await self.kit.attach_channel("r", "voice")
        return await self.voice.start_session("r", "caller", connection=None)


# Agents


def test_an_agent_goes_by_its_channel_id() -> None:
    assert Agent("agent-triage").channel_id == "agent-triage"
    assert Agent(channel_id="agent-triage").channel_id == "agent-triage"


async def test_keyword_arguments_of_an_agent_are_those_of_the_channel() -> None:
    kwargs = {"system_prompt": "Be brief.", "temperature": 0.1, "max_tokens": 64, "memory": SlidingWindowMemory(3)}
    agent = Agent("a", provider=MockAIProvider(["Hi."]), **kwargs)  # type: ignore[arg-type]
    await say(await text_room(agent), "hello")
    [context] = model(agent).calls
    assert (context.system_prompt, context.temperature, context.max_tokens) == ("Be brief.", 0.1, 64)
    with pytest.raises(TypeError):
        Agent("a", no_such_argument=1)


@pytest.mark.parametrize("auto_greet", [True, False])
async def test_an_agent_greets_in_its_own_words_unless_it_is_told_not_to(auto_greet: bool) -> None:
    agent = Agent("a", provider=MockAIProvider(["Hi."]), greeting="Welcome.", auto_greet=auto_greet)
    speech = MockTTSProvider()
    kit = RoomKit()
    voice = VoiceChannel("voice", stt=MockSTTProvider(), tts=speech, backend=MockVoiceBackend())
    kit.register_channel(voice)
    kit.register_channel(agent)
    await kit.create_room("r")
    await kit.attach_channel("r", "voice")
    await kit.attach_channel("r", "a")
    await voice.start_session("r", "caller", connection=None)
    await kit.background.drain()
    await voice.wait_playback_done("r")
    assert [call["text"] for call in speech.calls] == (["Welcome."] if auto_greet else [])
    assert model(agent).calls == [], "it is spoken as it stands"
    await kit.close()


async def test_the_voice_of_an_agent_is_wired_into_the_voice_map_by_install() -> None:
    agents = [
        Agent("triage", provider=MockAIProvider(["Hi."]), voice="Aoede"),
        Agent("advisor", provider=MockAIProvider()),
    ]
    kit = RoomKit()
    channel = VoiceChannel("voice", stt=MockSTTProvider(), tts=MockTTSProvider(), backend=MockVoiceBackend())
    kit.register_channel(channel)
    ConversationPipeline(STAGES).install(kit, agents, voice_channel_id="voice")
    assert channel.voice_of("triage") == "Aoede"
    assert channel.voice_of("advisor") == MockTTSProvider().default_voice


async def test_a_configuration_only_agent_cannot_generate() -> None:
    agent = Agent("agent-triage", role="Triage", system_prompt="...")
    assert isinstance(agent, AIChannel)
    assert isinstance(agent.provider, _NullAIProvider)
    with pytest.raises(RuntimeError, match="no AI provider"):
        await agent.provider.generate(AIContext())


# Routing


def test_a_router_takes_rules_a_default_and_a_supervisor() -> None:
    empty = ConversationRouter()
    assert (empty.rules, empty.default_agent_id, empty.supervisor_id) == ([], None, None)
    rules = [RoutingRule(agent_id="a")]
    router = ConversationRouter(rules=rules, default_agent_id="b", supervisor_id="c")
    assert (router.rules, router.default_agent_id, router.supervisor_id) == (rules, "b", "c")


def test_an_agent_is_selected_by_stickiness_then_rules_then_default() -> None:
    rule = RoutingRule(agent_id="ruled", conditions=RoutingConditions(intents={"billing"}))
    router = ConversationRouter([rule], default_agent_id="default")
    in_charge = ConversationState(active_agent_id="sticky")
    context = room_of("sticky", "ruled", "default")
    selected = router.select_agent(event=question(intent="billing"), context=context, state=in_charge)
    assert selected == "sticky"
    without = room_of("ruled", "default")
    assert router.select_agent(question(intent="billing"), without, in_charge) == "ruled"
    assert router.select_agent(question(), without, in_charge) == "default"


def test_rules_with_lower_priority_are_evaluated_first() -> None:
    assert RoutingRule(agent_id="a").priority == 0
    rules = [RoutingRule(agent_id="plain"), RoutingRule(agent_id="first", priority=-1)]
    assert ConversationRouter(rules).select_agent(question(), room_of(), ConversationState()) == "first"


@pytest.mark.parametrize(
    ("conditions", "selected"),
    [
        ({}, "a"),
        ({"phases": {"intake"}, "intents": {"billing"}}, "a"),
        ({"phases": {"intake"}, "intents": {"sales"}}, None),
        ({"channel_types": {ChannelType.SMS}}, None),
        ({"source_channel_ids": {"chat"}, "custom": lambda event, context, state: True}, "a"),
    ],
)
def test_all_conditions_of_a_rule_must_hold(conditions: dict[str, Any], selected: str | None) -> None:
    rule = RoutingRule(agent_id="a", conditions=RoutingConditions(**conditions))
    event = question(intent="billing")
    assert ConversationRouter([rule]).select_agent(event, room_of(), ConversationState()) == selected


async def test_a_router_installs_routing_and_handoff_in_one_call() -> None:
    triage, advisor = (Agent(name, provider=MockAIProvider([name])) for name in ("triage", "advisor"))
    kit = await text_room(triage, advisor)
    handler = ConversationRouter(default_agent_id="triage").install(
        kit=kit,
        agents=[triage, advisor],
        agent_aliases={"expert": "advisor"},
        phase_map={"advisor": "advising"},
        hook_priority=-7,
    )
    [hook] = kit.hook_engine.hooks_for("r", HookTrigger.BEFORE_BROADCAST)
    assert hook.priority == -7
    assert [tool.name for tool in advisor.extra_tools] == ["handoff_conversation"]
    result = await handler.handle("r", "triage", {"target": "expert", "reason": "x", "summary": "y"})
    assert (result.new_agent_id, result.new_phase) == ("advisor", "advising")
    await say(kit, "hello")
    assert (len(model(triage).calls), len(model(advisor).calls)) == (0, 1)


async def test_the_hook_of_a_router_stamps_whom_an_event_is_for() -> None:
    hook = ConversationRouter(default_agent_id="triage").as_hook()
    result = await hook(question(), room_of("triage"))
    assert isinstance(result.event, RoomEvent)
    assert result.event.metadata["_routed_to"] == "triage"


async def test_an_event_that_is_routed_to_one_agent_is_answered_by_no_other() -> None:
    agents = [Agent(name, provider=MockAIProvider([name])) for name in ("triage", "advisor")]
    kit = await text_room(*agents)
    context = RoomContext(room=await kit.get_room("r"), bindings=await kit.store.list_bindings("r"))
    broadcast = await EventRouter(kit.channels).broadcast(question(_routed_to="advisor"), context)
    assert [reply.source.channel_id for reply in broadcast.replies] == ["advisor"]


# State


def test_every_field_of_a_state_has_a_default() -> None:
    state = ConversationState()
    assert (state.phase, state.active_agent_id, state.previous_agent_id) == ("intake", None, None)
    assert (state.handoff_count, state.phase_history, state.context) == (0, [], {})


def test_a_transition_makes_a_new_state_and_records_what_was_asked() -> None:
    old = ConversationState(active_agent_id="triage")
    new = old.transition(to_phase="advising", to_agent="advisor", reason="advice", metadata={"urgent": True})
    assert (new.phase, new.active_agent_id, new.previous_agent_id) == ("advising", "advisor", "triage")
    [record] = new.phase_history
    assert isinstance(record, PhaseTransition)
    assert (record.from_phase, record.to_phase, record.from_agent, record.to_agent) == (
        "intake",
        "advising",
        "triage",
        "advisor",
    )
    assert (record.reason, record.metadata) == ("advice", {"urgent": True})
    assert (old.phase, old.phase_history) == ("intake", [])
    bare = old.transition("x").phase_history[-1]
    assert (bare.to_agent, bare.reason, bare.metadata) == (None, "", {})


def test_phases_are_built_in_and_any_other_text() -> None:
    assert list(ConversationPhase) == ["intake", "qualification", "handling", "escalation", "resolution", "followup"]
    assert isinstance(ConversationPhase.INTAKE, str)
    assert ConversationState(phase="anything at all").phase == "anything at all"


def test_a_state_is_read_from_a_room_and_written_to_a_copy() -> None:
    room = Room(id="r", metadata={"topic": "bonds"})
    assert get_conversation_state(room=room).phase == "intake"
    copy = set_conversation_state(room=room, state=ConversationState(phase="advising"))
    assert get_conversation_state(copy).phase == "advising"
    assert copy.metadata["topic"] == "bonds"
    assert room.metadata == {"topic": "bonds"}, "the room itself is not changed"


# Pipeline


def test_a_pipeline_starts_in_its_default_phase() -> None:
    assert ConversationPipeline(stages=STAGES).to_router().default_agent_id == "triage"
    pipeline = ConversationPipeline(stages=STAGES, default_phase="advising", supervisor_id="boss")
    router = pipeline.to_router()
    assert (router.default_agent_id, router.supervisor_id) == ("advisor", "boss")
    pipeline.stages.clear()
    assert pipeline.stages == STAGES, "a copy is given out"


async def test_a_pipeline_is_installed_with_every_argument() -> None:
    desk = VoiceDesk()
    agents = [Agent("triage", role="Receptionist"), Agent("advisor", role="Advisor")]
    router, handler = ConversationPipeline(STAGES).install(
        kit=desk.kit,
        agents=agents,
        agent_aliases={"expert": "advisor"},
        hook_priority=-7,
        greet_on_handoff=True,
        voice_channel_id="voice",
        greeting_prompt="Say your name.",
        farewell_prompt=None,
    )
    assert isinstance(router, ConversationRouter)
    [hook] = desk.kit.hook_engine.hooks_for("r", HookTrigger.BEFORE_BROADCAST)
    assert hook.priority == -7
    await desk.call()
    await handler.handle("r", "triage", {"target": "expert", "reason": "x", "summary": ""})
    assert [text for _, text, _ in desk.provider.injected_texts] == ["Say your name."]
    with pytest.raises(ValueError, match="voice_channel_id"):
        ConversationPipeline(STAGES).install(RoomKit(), agents, greet_on_handoff=True)
    await desk.kit.close()


@pytest.mark.parametrize("stage", [{"next": "nowhere"}, {"can_return_to": {"nowhere"}}])
def test_a_stage_that_leads_to_no_phase_is_refused(stage: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not a valid phase"):
        ConversationPipeline(stages=[PipelineStage(phase="triage", agent_id="triage", **stage)])


async def test_handoffs_are_hooked_into_what_is_said() -> None:
    desk = VoiceDesk()
    kit, seen = desk.kit, []

    @kit.hook(HookTrigger.ON_HANDOFF, execution=HookExecution.ASYNC)
    async def on_handoff(event: RoomEvent, context: RoomContext) -> None:
        seen.append(event.metadata["to_agent"])

    _, handler = ConversationPipeline(STAGES).install(
        kit, [Agent("triage"), Agent("advisor")], voice_channel_id="voice"
    )
    await desk.call()
    await handler.handle("r", "triage", {"target": "advisor", "reason": "x", "summary": "y"})
    assert seen == ["advisor"]

    speech = MockTTSProvider()
    line = VoiceChannel("line", stt=MockSTTProvider(), tts=speech, backend=MockVoiceBackend())
    kit.register_channel(line)
    await kit.create_room("r2")
    await kit.attach_channel("r2", "line")

    @kit.hook(HookTrigger.BEFORE_TTS, execution=HookExecution.SYNC)
    async def before_tts(text: Any, context: RoomContext) -> HookResult:
        return HookResult.block("handoff pending")

    await line.say(await line.start_session("r2", "caller", connection=None), "Not to be heard.")
    assert speech.calls == []
    await kit.close()


# Handoff


async def test_the_generic_handoff_tool_is_that_of_the_page(run_printed: Any) -> None:
    names = await run_printed("handoff_tool", AITool=AITool)
    assert names["HANDOFF_TOOL"] == HANDOFF_TOOL


def test_a_handoff_tool_takes_the_listed_targets_only() -> None:
    tool = build_handoff_tool(targets=[("advisor", "Gives advice"), ("closer", None)])
    assert isinstance(tool, AITool)
    target = tool.parameters["properties"]["target"]
    assert target["enum"] == ["advisor", "closer"]
    assert "Gives advice" in target["description"]
    assert build_handoff_tool([]) is HANDOFF_TOOL


async def test_a_handler_takes_every_argument_of_the_page() -> None:
    desk = VoiceDesk()
    completed: list[tuple[str, HandoffResult]] = []

    async def on_complete(room_id: str, result: HandoffResult) -> None:
        completed.append((room_id, result))

    handler = HandoffHandler(
        kit=desk.kit,
        router=ConversationRouter(default_agent_id="triage"),
        agent_aliases={"expert": "advisor"},
        phase_map={"advisor": "advising"},
        allowed_transitions={"intake": {"advising"}, "advising": set()},
        known_agents={"triage", "advisor"},
        on_handoff_complete=on_complete,
        event_channel_id="voice",
    )
    await desk.call()
    arguments = {"target": "expert", "reason": "advice", "summary": "wants bonds"}
    accepted = await handler.handle(room_id="r", calling_agent_id="triage", arguments=arguments)
    assert (accepted.accepted, accepted.new_agent_id, accepted.new_phase) == (True, "advisor", "advising")
    assert completed == [("r", accepted)]
    notice = (await desk.kit.store.list_events("r", limit=100))[-1]
    assert (notice.source.channel_id, notice.content.body) == ("voice", "[Handoff: triage -> advisor] advice")  # type: ignore[union-attr]
    refused = await handler.handle("r", "advisor", {"target": "triage", "reason": "", "summary": ""})
    assert "is not allowed" in refused.reason
    unknown = await handler.handle("r", "advisor", {"target": "nobody", "reason": "", "summary": ""})
    assert "not found in room" in unknown.reason


async def test_greetings_agents_and_the_callback_can_be_replaced_later() -> None:
    handler = HandoffHandler(RoomKit(), ConversationRouter())
    assert (handler.greeting_map, handler.agents, handler.on_handoff_complete) == ({}, {}, None)
    advisor = Agent("advisor", language="French")
    handler.greeting_map = {"advisor": "Bonjour."}
    handler.agents = {"advisor": advisor}
    assert handler.get_room_language(room=Room(id="r"), agent_id="advisor") == "French"
    spoken = set_conversation_state(Room(id="r"), ConversationState(context={"language": "German"}))
    assert handler.get_room_language(spoken, "advisor") == "German"
    assert handler.get_room_language(Room(id="r"), "nobody") is None


async def test_the_agent_in_charge_is_asked_to_greet_and_to_change_its_language() -> None:
    desk = VoiceDesk()
    agents = [Agent("triage", greeting="Welcome the caller."), Agent("advisor")]
    _, handler = ConversationPipeline(STAGES).install(desk.kit, agents, voice_channel_id="voice")
    await desk.call()
    await handler.send_greeting(room_id="r", channel_id="voice")
    await handler.set_language(room_id="r", language="French", channel_id="voice")
    await handler.send_greeting("r")
    texts = [text for _, text, _ in desk.provider.injected_texts]
    assert texts == ["Welcome the caller.", "[Respond in French] Welcome the caller."]
    [change] = desk.provider.calls_of("reconfigure")
    assert change.args["system_prompt"].endswith("Language: Always respond in French")
    await desk.kit.close()


def test_requests_and_results_have_the_defaults_that_callers_rely_on() -> None:
    request = HandoffRequest(target_agent_id="advisor")
    assert (request.reason, request.summary, request.context) == ("", "", {})
    assert (request.channel_escalation, request.urgent) == (None, False)
    result = HandoffResult()
    assert (result.accepted, result.new_agent_id, result.new_phase) == (True, None, None)
    assert (result.message, result.reason) == ("", "")


async def test_the_summary_of_a_handoff_stands_before_the_memory() -> None:
    memory = HandoffMemoryProvider(inner=SlidingWindowMemory())
    assert isinstance(memory, MemoryProvider)
    triage = Agent("triage", provider=MockAIProvider(["triage"]))
    advisor = Agent("advisor", provider=MockAIProvider(["advisor"]), memory=memory)
    kit = await text_room(triage, advisor)
    _, handler = ConversationPipeline(STAGES).install(kit, [triage, advisor])
    await handler.handle("r", "triage", {"target": "advisor", "reason": "x", "summary": "wants bonds"})
    await say(kit, "Well?")
    [context] = model(advisor).calls
    assert "wants bonds" in str(context.messages[0].content)


async def test_an_agent_is_given_the_handoff_tool_once() -> None:
    agents = [Agent(name, provider=MockAIProvider([name])) for name in ("triage", "advisor")]
    kit = await text_room(*agents)
    handler = HandoffHandler(kit, ConversationRouter(default_agent_id="triage"))
    mine = build_handoff_tool([("advisor", None)])
    setup_handoff(channel=agents[0], handler=handler, tool=mine)
    setup_handoff(agents[1], handler)
    assert (agents[0].extra_tools, agents[1].extra_tools) == ([mine], [HANDOFF_TOOL])
    with pytest.raises(RuntimeError, match="already called"):
        setup_handoff(agents[0], handler)
    assert agents[0].tool_handler is not None
    # A test before this one may have left a conversation in the context that tests share.
    current_room_id.set(None)
    answer = await agents[0].tool_handler("handoff_conversation", {"target": "advisor"})  # type: ignore[call-arg,misc,arg-type]
    assert "error" in json.loads(answer), "outside a conversation no room is known"


# Speech to speech


async def test_the_calls_of_the_quick_start_take_these_arguments() -> None:
    provider, transport = MockRealtimeProvider(), MockRealtimeTransport()
    voice = RealtimeVoiceChannel("voice", provider=provider, transport=transport)
    kit = RoomKit()
    kit.register_channel(voice)
    room = await kit.create_room(room_id="call-1")
    binding = await kit.attach_channel("call-1", "voice")
    session = await voice.start_session("call-1", "caller-1", connection="the line")
    assert (room.id, binding.room_id, session.participant_id) == ("call-1", "call-1", "caller-1")
    [accepted] = transport.calls_of("accept")
    assert accepted.args["connection"] == "the line"
    assert [call.method for call in provider.calls] == ["connect"]
    await kit.close()


async def test_a_session_is_reconfigured_with_what_is_given_and_keeps_the_rest() -> None:
    desk = VoiceDesk()
    session = await desk.call()
    tools = [{"name": "look_up", "description": "", "parameters": {"type": "object", "properties": {}}}]
    await desk.voice.reconfigure_session(session=session, system_prompt="Advise.", voice="Charon", tools=tools)
    await desk.voice.reconfigure_session(session, voice="Kore")
    config = desk.voice.session_config(session)
    assert (config.system_prompt, config.voice, config.tools) == ("Advise.", "Kore", tuple(tools))
    await desk.kit.close()


async def test_a_provider_is_told_every_value_of_a_new_configuration() -> None:
    parameters = inspect.signature(RealtimeVoiceProvider.reconfigure).parameters
    desk = VoiceDesk()
    session = await desk.call()
    values: dict[str, Any] = {
        "system_prompt": "Advise.",
        "voice": "Charon",
        "tools": [],
        "temperature": 0.3,
        "provider_config": {"top_p": 0.9},
    }
    await desk.provider.reconfigure(session=session, **values)
    [call] = desk.provider.calls_of("reconfigure")
    assert {name: call.args[name] for name in values} == values
    assert set(parameters) == {"self", "session", *values}
    with pytest.raises(ProviderError, match="cannot be reconfigured"):
        await RealtimeVoiceProvider.reconfigure(desk.provider, session)


def test_gemini_live_takes_a_key_and_resumes_but_cannot_change_a_connection() -> None:
    provider = GeminiLiveProvider(api_key="none")
    assert (provider.capabilities.resumption, provider.capabilities.in_session_update) == (True, False)


def test_the_sound_card_takes_both_rates_and_is_opened_later() -> None:
    assert LocalAudioBackend(input_sample_rate=24000, output_sample_rate=24000).name == "local"
