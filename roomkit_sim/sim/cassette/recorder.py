"""Records the WebSocket connections of a run from their bytes, as the wire tap reads them.

It observes a network and touches nothing: neither SDK nor websockets knows of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from roomkit_sim.sim.cassette.model import Cassette, Header, Origin, Way
from roomkit_sim.sim.cassette.rules import Microphone
from roomkit_sim.sim.cassette.scrubbing import Scrubber, SecretScrubber
from roomkit_sim.sim.cassette.tap import ConnectionTap, Dialled
from roomkit_sim.sim.trace.events import Json, TraceEvent
from roomkit_sim.sim.world.connection import ObservedConnection

__all__ = ["CassetteRecorder"]


class CassetteRecorder:
    """Observes a network (``network.observers.append(recorder)``) and gives a cassette at the end.

    Args:
        now_ns: Nanoseconds on the run's clock.
        wants: Which hosts are recorded; all by default. What is no WebSocket is not recorded.
        scrubber: Sees everything before it is kept.
        microphone: What is kept of what callers said: ``audio``, or ``levels`` alone.
        in_real_time: Whether the client takes time to think, so that a replay has to be held to the recorded moments.
    """

    def __init__(
        self,
        now_ns: Callable[[], int],
        *,
        wants: Callable[[str], bool] = lambda host: True,
        scrubber: Scrubber | None = None,
        microphone: Microphone = "audio",
        in_real_time: bool = False,
    ) -> None:
        self._in_real_time = in_real_time
        self._now_ns = now_ns
        self._wants = wants
        self._scrubber = scrubber or SecretScrubber()
        self._microphone = microphone
        self._taps: dict[int, ConnectionTap] = {}
        self._origins: dict[int, Origin] = {}

    def cassette(
        self,
        provider: str,
        *,
        recorded: str,
        versions: Mapping[str, str],
        faults: Sequence[Mapping[str, Json]] = (),
    ) -> Cassette:
        """What was recorded so far.

        It is ``live`` only if every connection was a real one to another machine: that is read from the connections,
        nobody can say otherwise.

        Args:
            provider: Such as ``"gemini-live"``.
            recorded: Date and time, ISO 8601 in UTC.
            versions: Of the packages that took part.
            faults: What was let go wrong meanwhile.
        """
        # One that was given up before it asked for anything was dialled all the same.
        taps = {id: tap for id, tap in self._taps.items() if tap.is_websocket is not False}
        first_ns = min((tap.dialled.t_ns for tap in taps.values()), default=0)
        led_somewhere = [id for id, tap in taps.items() if tap.is_websocket]
        is_live = bool(led_somewhere) and all(self._origins[id] == "live" for id in led_somewhere)
        models = dict.fromkeys(model for tap in taps.values() for model in tap.models)
        origin: Origin = "live" if is_live else "simulated"
        began_ns = first_ns if self._in_real_time else None
        header = Header(origin, provider, dict(versions), tuple(models), recorded, began_ns, tuple(faults))
        connections = (tap.recorded(number, first_ns) for number, tap in enumerate(taps.values(), start=1))
        return Cassette(header, tuple(connections))

    def hear(self, event: TraceEvent) -> None:
        """Take an event of a call's trace; made for ``Recorder.listen``. What is known of the server is kept."""
        number = event.data.get("conn")
        tap = self._taps.get(number) if isinstance(number, int) and event.src == "server" else None
        if tap is not None:
            tap.note(event.kind, {key: item for key, item in event.data.items() if key != "conn"}, event.t_ns)

    # What an observer of connections is told

    def dialled(self, connection: ObservedConnection) -> None:
        """A client begins to connect."""
        if self._wants(connection.host):
            about = Dialled(connection.id, connection.owner, self._now_ns(), connection.host)
            self._taps[connection.id] = ConnectionTap(about, self._scrubber, self._microphone)
            self._origins[connection.id] = "simulated"

    def established(self, connection: ObservedConnection) -> None:
        """TCP and TLS are done."""
        if connection.id in self._taps:
            self._origins[connection.id] = "live" if connection.leaves_machine else "simulated"

    def client_sent(self, connection: ObservedConnection, data: bytes) -> None:
        """The client wrote."""
        self._feed(connection, "sent", data)

    def client_received(self, connection: ObservedConnection, data: bytes) -> None:
        """Bytes reached the client."""
        self._feed(connection, "received", data)

    def server_sent(self, connection: ObservedConnection, data: bytes) -> None:
        """Not of interest: a cassette has the client's end, as nobody sees the other of a real service."""

    def server_received(self, connection: ObservedConnection, data: bytes) -> None:
        """Not of interest."""

    def closed(self, connection: ObservedConnection, side: str, error: str | None) -> None:
        """One end is closed."""
        tap = self._taps.get(connection.id)
        if tap is None:
            return
        if side == "server":
            tap.server_ended()
        else:
            tap.lost(error, self._now_ns())

    def _feed(self, connection: ObservedConnection, way: Way, data: bytes) -> None:
        tap = self._taps.get(connection.id)
        if tap is not None:
            tap.feed(way, data, self._now_ns())
