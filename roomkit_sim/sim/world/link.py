"""The properties of a way through the network."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random

__all__ = ["Link", "LinkPair", "Slowdown"]


@dataclass(frozen=True, slots=True)
class Link:
    """One direction.

    Args:
        latency_ns: That every segment takes.
        jitter_ns: Up to so much more, evenly distributed. TCP keeps the order, so a late segment holds up those behind.
        bandwidth_bytes_per_s: ``None`` is unlimited.
        loss: Probability that a segment is lost once. TCP repeats it: the stream stalls.
        stall_ns: For how long.
    """

    latency_ns: int = 0
    jitter_ns: int = 0
    bandwidth_bytes_per_s: float | None = None
    loss: float = 0.0
    stall_ns: int = 200_000_000

    def delay_ns(self, rng: Random) -> int:
        """How long one segment is under way, its transmission not counted."""
        delay = self.latency_ns
        if self.jitter_ns:
            delay += int(rng.random() * self.jitter_ns)
        if self.loss and rng.random() < self.loss:
            delay += self.stall_ns
        return delay

    def transmission_ns(self, size: int) -> int:
        """How long ``size`` bytes occupy the link."""
        return 0 if self.bandwidth_bytes_per_s is None else int(size * 1e9 / self.bandwidth_bytes_per_s)


@dataclass(frozen=True, slots=True)
class LinkPair:
    """Both directions between a client and a server.

    Args:
        up: Towards the server.
        down: Towards the client.
        tls_round_trips: That a TLS handshake adds to that of TCP; TLS 1.3 needs one.
        dns_ns: That a name look-up takes.
    """

    up: Link = field(default_factory=Link)
    down: Link = field(default_factory=Link)
    tls_round_trips: int = 1
    dns_ns: int = 0


@dataclass(frozen=True, slots=True)
class Slowdown:
    """A bad while of one direction.

    Args:
        until_ns: When it is over, on the run's clock.
        latency_ns: That every segment takes longer.
        bandwidth_bytes_per_s: No more passes; the link's own limit when absent.
    """

    until_ns: int
    latency_ns: int = 0
    bandwidth_bytes_per_s: float | None = None

    def of(self, link: Link, now_ns: int) -> Link:
        """The link as it is now."""
        if now_ns >= self.until_ns:
            return link
        limits = [limit for limit in (link.bandwidth_bytes_per_s, self.bandwidth_bytes_per_s) if limit is not None]
        latency_ns = link.latency_ns + self.latency_ns
        return replace(link, latency_ns=latency_ns, bandwidth_bytes_per_s=min(limits, default=None))
