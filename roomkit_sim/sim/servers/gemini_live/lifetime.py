"""How long a connection lasts, and how it ends: by the service's limits, by a goAway, by misbehaviour."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from roomkit_sim.sim.servers.gemini_live import server_frames as frames
from roomkit_sim.sim.servers.gemini_live.resuming import TOO_LONG, TurnedAway

if TYPE_CHECKING:
    from roomkit_sim.sim.servers.gemini_live.session import Session

__all__ = ["Lifetime"]

GOING_AWAY = 1001
POLICY_VIOLATION = 1008
INTERNAL_ERROR = 1011


class Lifetime:
    """The end of one connection.

    Args:
        session: The connection.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._went_away = False
        self._is_first_to_drop = False

    def admit(self) -> None:
        """Take the connection in, if there is room for it.

        Raises:
            TurnedAway: There is none.
        """
        session = self._session
        if session.server.is_full or session.goes_wrong("gemini.session_limit"):
            # The reason is ours: that of the service is not known.
            raise TurnedAway("Quota exceeded: too many concurrent sessions", INTERNAL_ERROR)

    def begin(self) -> None:
        """Arrange the end of a connection that is set up."""
        session, service = self._session, self._session.server.service
        age_s = asyncio.get_running_loop().time() - session.conversation.began_s
        later = session.background.later
        later((service.connection_ms - service.go_away_ms) / 1000, lambda: self.announce_end(service.go_away_ms))
        if not session.setup.compression:
            later(service.session_ms / 1000 - age_s, lambda: self._close(POLICY_VIOLATION, TOO_LONG))
        later(service.deadline_ms / 1000 - age_s, self._meet_deadline)

    def announce_end(self, time_left_ms: int) -> None:
        """Announce that the connection will be closed, and close it when the time is up."""
        session = self._session
        session.emit("go_away", time_left_ms=time_left_ms)
        session.background.start(lambda: session.send(frames.go_away(time_left_ms)))
        session.background.later(time_left_ms / 1000, lambda: self._close(GOING_AWAY, "going away"))

    def answer_began(self) -> None:
        """The model is audible: the moment at which a goAway hurts most."""
        session, time_left_ms = self._session, self._session.server.service.go_away_ms
        if self._went_away:
            return
        if self._is_the_first("gemini.go_away_silence"):
            self._went_away = session.outgoing.falls_silent = True
            session.emit("go_away", time_left_ms=time_left_ms)
            session.background.start(lambda: session.send(frames.go_away(time_left_ms)))
        elif session.goes_wrong("gemini.go_away"):
            self._went_away = True
            self.announce_end(time_left_ms)

    def withholds_handles(self) -> bool:
        """Whether this connection is the one that drops before it gets a handle."""
        if not self._is_first_to_drop:
            self._is_first_to_drop = self._is_the_first("gemini.no_handle_yet")
        return self._is_first_to_drop

    def drops_now(self) -> bool:
        """Whether the connection is lost now that the caller has been understood."""
        return self._is_first_to_drop

    def _is_the_first(self, switch: str) -> bool:
        """Whether a misbehaviour that strikes one connection only strikes this one."""
        struck = self._session.server.struck
        if switch in struck or not self._session.goes_wrong(switch):
            return False
        struck[switch] = None
        return True

    def _meet_deadline(self) -> None:
        if self._session.goes_wrong("gemini.close_58_min"):
            self._close(INTERNAL_ERROR, "Deadline expired before operation could complete.")

    def _close(self, code: int, reason: str) -> None:
        self._session.background.start(lambda: self._session.close(code, reason))
