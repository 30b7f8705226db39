"""One kit and one voice channel for all calls, as a busy office runs them. No call may see another's handoff."""

from weakref import WeakKeyDictionary

from roomkit_sim import RealtimeVoiceChannel, RoomKit
from roomkit_sim.providers.gemini.realtime import GeminiLiveProvider
from roomkit_sim.sim import Call, PhoneLine
from roomkit_sim.voice.backends.base import VoiceBackend
from scenarios.apps.finance import agents, pipeline

_offices: WeakKeyDictionary[VoiceBackend, tuple[RoomKit, RealtimeVoiceChannel]] = WeakKeyDictionary()


def _open_office(line: PhoneLine) -> tuple[RoomKit, RealtimeVoiceChannel]:
    kit = RoomKit()
    voice = RealtimeVoiceChannel(
        "voice",
        provider=GeminiLiveProvider(api_key=line.secret("GEMINI_API_KEY")),
        transport=line.transport,
    )
    kit.register_channel(voice)
    pipeline().install(kit, agents(), voice_channel_id="voice", greet_on_handoff=True)
    return kit, voice


async def answer(line: PhoneLine) -> Call:
    if line.transport not in _offices:
        _offices[line.transport] = _open_office(line)
    kit, voice = _offices[line.transport]
    await kit.create_room(room_id=line.call_id)
    await kit.attach_channel(line.call_id, "voice")
    session = await voice.start_session(line.call_id, "caller", connection=line.connection)
    return Call(kit, session)
