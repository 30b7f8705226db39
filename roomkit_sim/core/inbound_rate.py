"""How many messages may come in: a limit for each sender, so that one who floods keeps nobody else out."""

from __future__ import annotations

from collections import OrderedDict, deque

from roomkit_sim.models.channel import RateLimit

__all__ = ["InboundRate"]

_SECOND_NS = 1_000_000_000
_MOST_SENDERS = 10_000


class InboundRate:
    """Counts what came in, in windows that end now.

    A message that is refused does not count. Of more than 10 000 senders the one not heard for longest is forgotten.

    Args:
        limit: How many may pass in each second, minute and hour.
    """

    def __init__(self, limit: RateLimit) -> None:
        windows = ((limit.max_per_second, 1), (limit.max_per_minute, 60), (limit.max_per_hour, 3600))
        # A limit below one in a window is one in a longer window.
        self._windows = [
            (max(1, int(most)), round(seconds * _SECOND_NS * max(1.0, 1 / most)))
            for most, seconds in windows
            if most is not None and most > 0
        ]
        self._closed = any(most is not None and most <= 0 for most, _ in windows)
        self._longest_ns = max((window_ns for _, window_ns in self._windows), default=0)
        self._came: OrderedDict[tuple[str, str], deque[int]] = OrderedDict()

    def admits(self, channel_id: str, sender_id: str, now_ns: int) -> bool:
        """Whether a message that comes now may pass; if so, it counts.

        Args:
            channel_id: Where it came.
            sender_id: Who sent it.
            now_ns: Of a monotonic clock, in nanoseconds.
        """
        if self._closed:
            return False
        if not self._windows:
            return True
        came = self._came.setdefault((channel_id, sender_id), deque())
        self._came.move_to_end((channel_id, sender_id))
        if len(self._came) > _MOST_SENDERS:
            self._came.popitem(last=False)
        while came and came[0] <= now_ns - self._longest_ns:
            came.popleft()
        for most, window_ns in self._windows:
            if len(came) >= most and came[-most] > now_ns - window_ns:
                return False
        came.append(now_ns)
        return True
