"""What the caller's audio sets going: utterances, hooks, and the interruption of the agent."""

from __future__ import annotations

import asyncio
from math import inf
from typing import Any

from roomkit_sim.channels.realtime.room import RoomGateway
from roomkit_sim.channels.voice_parts.call import LiveCall
from roomkit_sim.channels.voice_parts.recognition import Recognition
from roomkit_sim.channels.voice_parts.speech import Speaker
from roomkit_sim.models.enums import HookTrigger
from roomkit_sim.voice.audio_frame import AudioFrame
from roomkit_sim.voice.events import BargeInEvent, VADAudioLevelEvent, VADSilenceEvent
from roomkit_sim.voice.interruption import InterruptionConfig
from roomkit_sim.voice.pipeline.config import AudioPipelineConfig
from roomkit_sim.voice.pipeline.listening import Heard, Level, Listener, Plain, Silence
from roomkit_sim.voice.pipeline.segmenter import SpeechAudio, SpeechEnded, SpeechStarted

__all__ = ["Hearing"]


class Hearing:
    """Listens to the callers of a channel.

    Args:
        config: How.
        recognition: Gets the utterances.
        speaker: Is interrupted.
        room: For hooks.
        interruption: When a caller who speaks stops the agent.
        dictation: Whether utterances end on request only, and not where the caller pauses.
        max_frames_per_second: Frames beyond this rate are dropped.
    """

    def __init__(
        self,
        config: AudioPipelineConfig,
        recognition: Recognition,
        speaker: Speaker,
        room: RoomGateway,
        interruption: InterruptionConfig,
        *,
        dictation: bool,
        max_frames_per_second: int | None,
    ) -> None:
        self._config = config
        self._recognition = recognition
        self._speaker = speaker
        self._room = room
        self._interruption = interruption
        self._dictation = dictation
        self._endless = config.vad is None and not dictation
        self._max_frames_per_second = max_frames_per_second
        recognition.on_words = lambda call: self._interrupt_if_due(call, speech_ms=inf)

    def from_caller(self, call: LiveCall, frame: AudioFrame) -> None:
        """Take a frame of the line. Never blocks."""
        if not call.is_heard or self._is_flood(call):
            return
        for heard in call.listener.feed(frame):
            self._take(call, heard)
        if call.barge_in_pending:
            self._interrupt_if_due(call, call.listener.speech_ms)

    def stop(self, call: LiveCall) -> None:
        """The caller is not listened to any more; when that begins again, what was said before is forgotten."""
        if call.listener.speaking:
            self._tell(call, HookTrigger.ON_SPEECH_END, call.session)
        call.stop_hearing()
        call.listener.close()
        call.listener = Listener(self._config)

    def barge_in(self, call: LiveCall) -> None:
        """The caller speaks into what is being said: it stops."""
        call.barge_in_pending = False
        if call.speech is None:
            return
        state = call.speech.state(call.session.id)
        event = BargeInEvent(call.session, state.text, state.position_ms, state.played_text)
        self._tell(call, HookTrigger.ON_BARGE_IN, event)
        self._speaker.stop(call, "barge_in")

    def _take(self, call: LiveCall, heard: Heard) -> None:
        match heard:
            case Plain(audio):
                if self._dictation or self._endless:
                    self._append_plain(call, audio)
            case SpeechStarted(audio, continues):
                self._speech_started(call, audio, continues)
            case SpeechAudio(audio):
                if call.utterance is not None and not self._dictation:
                    call.utterance.append(audio)
            case SpeechEnded(audio, continues):
                self._speech_ended(call, audio, continues)
            case Level(level_db, is_speech):
                self._tell(call, HookTrigger.ON_VAD_AUDIO_LEVEL, VADAudioLevelEvent(call.session, level_db, is_speech))
                level = {"rms": 10 ** (level_db / 20), "dbfs": level_db}
                self._tell(call, HookTrigger.ON_INPUT_AUDIO_LEVEL, level)
            case Silence(duration_ms):
                self._tell(call, HookTrigger.ON_VAD_SILENCE, VADSilenceEvent(call.session, duration_ms))

    def _speech_started(self, call: LiveCall, audio: bytes, continues: bool) -> None:
        if not self._dictation:
            call.utterance = self._recognition.open(call, self._config.sample_rate)
            if call.utterance is not None:
                call.utterance.append(audio)
        if not continues:
            call.cancel_timer()
            call.barge_in_pending = True
            self._tell(call, HookTrigger.ON_SPEECH_START, call.session)

    def _speech_ended(self, call: LiveCall, audio: bytes | None, continues: bool) -> None:
        if not continues:
            call.barge_in_pending = False
            self._tell(call, HookTrigger.ON_SPEECH_END, call.session)
        if call.utterance is not None and not self._dictation:
            call.utterance.end(audio)
            call.utterance = None

    def _append_plain(self, call: LiveCall, audio: bytes) -> None:
        if call.utterance is None:
            if self._endless and asyncio.get_running_loop().time() < call.deaf_until_s:
                return
            call.utterance = self._recognition.open(
                call, self._config.sample_rate, endless=self._endless, streamed=self._endless
            )
        if call.utterance is not None:
            call.utterance.append(audio)

    def _interrupt_if_due(self, call: LiveCall, speech_ms: float) -> None:
        if call.speech is None:
            return
        played_ms = call.speech.state(call.session.id).position_ms
        if self._interruption.interrupts(speech_ms=speech_ms, played_ms=played_ms):
            self.barge_in(call)

    def _tell(self, call: LiveCall, trigger: HookTrigger, event: Any) -> None:
        if self._room.has_hooks(call.session, trigger):
            call.events.put(lambda: self._room.observe(call.session, trigger, event))

    def _is_flood(self, call: LiveCall) -> bool:
        if self._max_frames_per_second is None:
            return False
        second = int(asyncio.get_running_loop().time())
        if second != call.window_second:
            call.window_second, call.window_frames = second, 0
        call.window_frames += 1
        return call.window_frames > self._max_frames_per_second
