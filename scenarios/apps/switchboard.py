"""One kit and one voice channel for all calls, as a busy office runs them. No call may see another's handoff."""

from weakref import WeakKeyDictionary

from roomkit_sim import Agent, RealtimeVoiceChannel, RoomKit
from roomkit_sim.providers.gemini.realtime import GeminiLiveProvider
from roomkit_sim.providers.openai.realtime import OpenAIRealtimeProvider
from roomkit_sim.sim import Call, PhoneLine
from roomkit_sim.voice.backends.base import VoiceBackend
from roomkit_sim.voice.realtime.provider import RealtimeVoiceProvider
from scenarios.apps.finance import agents, pipeline

_offices: WeakKeyDictionary[VoiceBackend, tuple[RoomKit, RealtimeVoiceChannel]] = WeakKeyDictionary()


def _open_office(
    transport: VoiceBackend, provider: RealtimeVoiceProvider, staff: list[Agent]
) -> tuple[RoomKit, RealtimeVoiceChannel]:
    kit = RoomKit()
    voice = RealtimeVoiceChannel("voice", provider=provider, transport=transport)
    kit.register_channel(voice)
    pipeline().install(kit, staff, voice_channel_id="voice", greet_on_handoff=True)
    return kit, voice


async def answer(line: PhoneLine) -> Call:
    if line.transport not in _offices:
        provider = GeminiLiveProvider(api_key=line.secret("GEMINI_API_KEY"))
        _offices[line.transport] = _open_office(line.transport, provider, agents())
    return await _answer(line)


async def answer_with_openai(line: PhoneLine) -> Call:
    if line.transport not in _offices:
        provider = OpenAIRealtimeProvider(api_key=line.secret("OPENAI_API_KEY"))
        staff = agents(receptionist="marin", advisor="cedar")
        _offices[line.transport] = _open_office(line.transport, provider, staff)
    return await _answer(line)


async def _answer(line: PhoneLine) -> Call:
    kit, voice = _offices[line.transport]
    await kit.create_room(room_id=line.call_id)
    await kit.attach_channel(line.call_id, "voice")
    session = await voice.start_session(line.call_id, "caller", connection=line.connection)
    return Call(kit, session)
