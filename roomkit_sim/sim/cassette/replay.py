"""Replays a cassette: a server at the recorded address that needs no model and no network."""

from __future__ import annotations

import asyncio
import itertools
import ssl as tls
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from roomkit_sim.errors import CassetteDriftError
from roomkit_sim.sim.cassette.drift import Drift, Leftover, record_anew
from roomkit_sim.sim.cassette.microphone import Matching
from roomkit_sim.sim.cassette.model import Cassette, RecordedConnection
from roomkit_sim.sim.cassette.mutation import Mutation
from roomkit_sim.sim.cassette.pace import Pace
from roomkit_sim.sim.cassette.replayed import ReplayedConnection
from roomkit_sim.sim.cassette.script import Script, mutated, server_steps
from roomkit_sim.sim.cassette.scrubbing import Scrubber, SecretScrubber
from roomkit_sim.sim.cassette.stage import Identity

__all__ = ["ReplayServer"]

BYTES_PER_SAMPLE = 2
NS_PER_S = 1_000_000_000

Identify = Callable[[tuple[str, int]], Identity]
"""From a client's address to what is known of its connection."""


class ReplayServer:
    """Serves a cassette.

    Recorded times include the way through the network, so the network of a replay has none: ``LinkPair()``.

    Args:
        cassette: What was recorded.
        matching: How the caller's audio is compared.
        scale: Multiplies all times of the recording; 0.5 is twice as fast.
        mutations: What is to be done differently.
        scrubber: As the one that recorded; the client's messages are compared after it has seen them.
        identify: Knows connections, their calls and the traces of these, into which the notes of the recording go;
            without it connections are counted, and of no call.
        on_drift: Told at once what drifts.
        disturbances: What others than this server do to the call, for people.
        now_ns: Nanoseconds since the start of the run. With it, a replay of what was recorded in real time is held to
            the recorded moments.
    """

    def __init__(
        self,
        cassette: Cassette,
        *,
        matching: Matching = "energy",
        scale: float = 1.0,
        mutations: Sequence[Mutation] = (),
        scrubber: Scrubber | None = None,
        identify: Identify | None = None,
        on_drift: Callable[[Drift], None] | None = None,
        disturbances: Sequence[str] = (),
        now_ns: Callable[[], int] | None = None,
    ) -> None:
        self._now_ns = now_ns
        self.cassette = cassette
        self.matching: Matching = matching
        self.scale = scale
        self.scrubber: Scrubber = scrubber or SecretScrubber()
        self.sessions: list[ReplayedConnection] = []
        self.drifts: list[Drift] = []
        self.is_mutated = bool(mutations or disturbances)
        self._mutations = tuple(mutations)
        self._changes = (*map(str, mutations), *disturbances)
        self._identify = identify
        self._numbers = itertools.count(1)
        self._unused = list(cassette.connections)
        self._listeners = [on_drift] if on_drift is not None else []

    @property
    def hosts(self) -> list[str]:
        """The hosts that were dialled when it was recorded."""
        return list(dict.fromkeys(connection.host for connection in self.cassette.connections))

    @property
    def host(self) -> str:
        """The first host that was dialled."""
        return self.hosts[0] if self.cassette.connections else ""

    async def serve(self, host: str, port: int, ssl: tls.SSLContext | None = None) -> asyncio.Server:
        """Listen, in the simulated network or on a real socket, whichever the running loop has."""
        return await asyncio.get_running_loop().create_server(self._accept, host, port, ssl=ssl)

    def leftovers(self) -> list[Leftover]:
        """What of the cassette was not used. Asked at the end."""
        found = [Leftover(connection.number, None, connection.line) for connection in self._unused]
        for session in self.sessions:
            left = [step for step in (*session.skipped, *session.script.left) if step.number]
            if session.recorded is not None and left:
                found.append(Leftover(session.recorded.number, len(left), left[0].event.line))
        return sorted(found, key=lambda leftover: leftover.conn)

    def raise_for_drift(self) -> None:
        """Raise the first drift, if there is one.

        Raises:
            CassetteDriftError: There is.
        """
        if self.drifts:
            raise self.drifts[0].error()

    def finish(self) -> None:
        """Hold the replay to the whole cassette. Asked at the end.

        Raises:
            CassetteDriftError: The client did something that was not recorded, or not all that was.
        """
        self.raise_for_drift()
        leftovers = self.leftovers()
        if leftovers:
            detail = "".join(f"\n  {leftover}" for leftover in leftovers)
            changes = "".join(f"\n  after {change}" for change in self._changes)
            anew = record_anew(self.cassette.header.origin)
            raise CassetteDriftError(
                f"the call ended before all that was recorded had happened:{detail}{changes}\n  what to do  see why "
                f"the client stopped, or {anew}",
                path=self.cassette.path,
                line=leftovers[0].line,
            )

    @contextmanager
    def stopping(self) -> Iterator[None]:
        """Stop the running task at the first drift, whatever the SDK makes of it.

        Raises:
            CassetteDriftError: In place of all errors that came of the drift.
        """
        task = asyncio.current_task()
        assert task is not None
        cancelled: list[bool] = []

        def stop(drift: Drift) -> None:
            if not cancelled:
                cancelled.append(task.cancel())

        self._listeners.append(stop)
        try:
            yield
        except asyncio.CancelledError:
            if cancelled and task.uncancel() == 0:
                raise self.drifts[0].error() from None
            raise
        except Exception as error:
            if self.drifts:
                raise self.drifts[0].error() from error
            raise
        finally:
            self._listeners.remove(stop)
        self.raise_for_drift()

    # What its connections need

    def identify(self, peer: tuple[str, int]) -> Identity:
        """What is known of the connection whose client has this address."""
        return self._identify(peer) if self._identify is not None else Identity(next(self._numbers))

    def claim(self, host: str, owner: str | None) -> RecordedConnection | None:
        """The next recorded connection of this host and call that was not replayed; of any if there are none such."""
        unused = [connection for connection in self._unused if not self.drifts]
        of_host = [connection for connection in unused if connection.host == host]
        known_host = any(connection.host == host for connection in self.cassette.connections)
        candidates = of_host if known_host else unused
        if any(connection.call == owner for connection in self.cassette.connections):
            candidates = [connection for connection in candidates if connection.call == owner]
        if not candidates:
            return None
        self._unused.remove(candidates[0])
        return candidates[0]

    def pace_of(self, recorded: RecordedConnection) -> Pace | None:
        """The moments to which a connection is held; nothing for a recording in virtual time."""
        began_ns = self.cassette.header.began_ns
        if began_ns is None or self._now_ns is None:
            return None
        start_ns = round(asyncio.get_running_loop().time() * NS_PER_S) - self._now_ns()
        return Pace(start_ns + round((began_ns + recorded.dialled_ns) * self.scale), self.scale)

    def script_of(self, recorded: RecordedConnection, pace: Pace | None) -> Script:
        """What the server does on a connection."""
        changes = [mutation for mutation in self._mutations if mutation.conn == recorded.number]
        steps = mutated(server_steps(recorded), changes)
        track = recorded.tracks.get("sent")
        return Script(
            steps,
            scale=self.scale,
            waits_for_audio=self.matching != "ignore",
            pace=pace,
            audio_rate=0 if track is None else track.rate_hz * BYTES_PER_SAMPLE,
        )

    def drifted(self, drift: Drift) -> None:
        """Only the first drift counts: what comes after it comes of it."""
        if self.drifts:
            return
        full = replace(
            drift,
            path=self.cassette.path,
            origin=self.cassette.header.origin,
            mutations=self._changes,
        )
        self.drifts.append(full)
        for listener in tuple(self._listeners):
            listener(full)

    def _accept(self) -> ReplayedConnection:
        session = ReplayedConnection(self)
        self.sessions.append(session)
        return session
