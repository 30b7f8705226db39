"""One call while it is made: the caller, its line, and what the application answered."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from roomkit_sim.core.clock import Clock, use_clock
from roomkit_sim.core.ids import use_ids
from roomkit_sim.errors import AppError, RealNetworkError
from roomkit_sim.sim.adapters.base import Adapter
from roomkit_sim.sim.audio.files import Clip
from roomkit_sim.sim.caller.exchange import Exchange
from roomkit_sim.sim.caller.line import LineTransport, PhoneLine, simulated_secret
from roomkit_sim.sim.caller.player import Player
from roomkit_sim.sim.caller.voices import Ear, VoiceBook
from roomkit_sim.sim.runner.application import Answer
from roomkit_sim.sim.scenario.model import Call
from roomkit_sim.sim.trace.events import Json
from roomkit_sim.sim.trace.recorder import Recorder
from roomkit_sim.sim.world.network import connection_owner
from roomkit_sim.sim.world.places import place
from roomkit_sim.sim.world.seeds import SeedTree

__all__ = ["LiveCall"]

SETTLE_S = 0.5
"""Virtual time after the hang-up in which closing handshakes and background work come to their end."""


class LiveCall:
    """One call of a run. It survives the run, however the run ends.

    Args:
        id: The call's id.
        spec: What the scenario says of it.
        clips: The caller's utterances.
        exchange: Where its line is added.
        seeds: Of the run.
        now_ns: Nanoseconds since the start of the run.
        ear: Names the voices that the caller hears.
        secrets: Where the application gets its secrets from.
        patience_ms: How long the caller goes on asking where nobody answers in time.
    """

    def __init__(
        self,
        id: str,
        spec: Call,
        clips: Mapping[str, Clip],
        *,
        exchange: Exchange,
        seeds: SeedTree,
        now_ns: Callable[[], int],
        ear: Ear,
        secrets: Callable[[str], str] = simulated_secret,
        patience_ms: int = 0,
    ) -> None:
        self.id = id
        self.spec = spec
        self.recorder = Recorder(id, now_ns)
        self.voices = VoiceBook(ear)
        self.recorder.listen(self.voices.hear)
        self.facts: Mapping[str, Json] = {}
        self.line = LineTransport(
            call_id=id,
            rate_hz=spec.caller.sample_rate_hz,
            now_ns=now_ns,
            noise=seeds.generator("line.noise", id),
            sink=self.recorder,
            ear=ear,
        )
        exchange.add(self.line)
        self.phone = PhoneLine(id, exchange, spec.caller.sample_rate_hz, self.line.connection, secrets)
        self._clips = clips
        self._patience_ms = patience_ms
        self._ids = seeds.stream("ids", id)
        self._answered: Any = None

    async def run(self, answer: Answer, adapter: Adapter, clock: Clock) -> None:
        """Make the call, from dialling to what follows the hang-up. An application that fails fails the call only."""
        with self._surroundings(adapter, clock):
            await asyncio.sleep(self.spec.starts_at_ms / 1000)
            await self._guarded(self._talk(answer, adapter))
            # After a failure the caller is still on the line.
            await self._guarded(self.line.hang_up())
            await asyncio.sleep(SETTLE_S)

    async def close(self, adapter: Adapter, clock: Clock) -> None:
        """Release what the application built for this call."""
        if self._answered is not None:
            with self._surroundings(adapter, clock):
                await self._guarded(adapter.close(self._answered))

    @contextmanager
    def _surroundings(self, adapter: Adapter, clock: Clock) -> Iterator[None]:
        """The world's clock, the call's ids, its trace and its name on connections."""
        owner = connection_owner.set(self.id)
        try:
            with (
                use_clock(clock),
                use_ids(lambda: f"{self._ids.getrandbits(128):032x}"),
                adapter.observing(self.recorder),
            ):
                yield
        finally:
            connection_owner.reset(owner)

    def stop(self, why: str, message: str) -> None:
        """End the call and its record here: the run hangs."""
        self.recorder.emit("world", why, message=message)
        self.line.stop()
        self.recorder.close()

    def note(self, kind: str, message: str) -> None:
        """Record what the world saw, also after the end."""
        self.recorder.append_after_end("world", kind, message=message)

    def app_raised(self, error: BaseException) -> None:
        """Record that the application failed."""
        places: list[Json] = [*map(place, traceback.extract_tb(error.__traceback__)[-4:])]
        self.recorder.emit("runtime", "app_raised", exception=type(error).__name__, message=str(error), where=places)

    async def _talk(self, answer: Answer, adapter: Adapter) -> None:
        player = Player(
            caller=self.spec.caller,
            clips=self._clips,
            line=self.line,
            recorder=self.recorder,
            voices_of=self.voices.voices_of,
            patience_ms=self._patience_ms,
        )
        caller = asyncio.create_task(player.run(), name=f"caller of {self.id}")
        try:
            answered = await answer(self.phone)
            if not adapter.recognises(answered):
                raise AppError(
                    f"the application returned {answered!r}; it must return Call(kit, session) from roomkit_sim.sim"
                )
            self._answered = answered
            self.facts = adapter.facts(answered)
            if not self.line.connected and not self.line.ended:
                raise AppError(
                    "the application returned without connecting the line: give the channel transport=line.transport "
                    "and call start_session(..., connection=line.connection)"
                )
            await caller
            await adapter.end(answered)
        finally:
            caller.cancel()

    async def _guarded(self, work: Awaitable[None]) -> None:
        """Record what the application raises, its own ``CancelledError`` and ``SystemExit`` included."""
        try:
            await work
        except RealNetworkError:
            # The world reports it, whoever catches it.
            return
        except (Exception, SystemExit) as error:
            self.app_raised(error)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            self.app_raised(error)
