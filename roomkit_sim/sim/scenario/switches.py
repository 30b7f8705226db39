"""The known misbehaviours of the services, by name: all off by default, switched on by a scenario or a fault plan.

*Reported* means that an issue thread says so and it was not reproduced; *seen* that the SDK's reaction was observed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["SWITCHES", "Switch", "switches_of"]


@dataclass(frozen=True)
class Switch:
    """A misbehaviour of a provider.

    Args:
        name: Provider family and what it is: ``gemini.resume_keeps_voice``; ``any.`` is for every provider.
        does: What the server then does.
        basis: Where it is known from.
    """

    name: str
    does: str
    basis: str

    def concerns(self, provider: str) -> bool:
        """Whether a server of this provider (``gemini-live``, ``openai-realtime``) has the switch."""
        family = self.name.partition(".")[0]
        return family == "any" or provider.startswith(f"{family}-")


def _switches(*switches: Switch) -> Mapping[str, Switch]:
    return {switch.name: switch for switch in switches}


SWITCHES: Mapping[str, Switch] = _switches()


def switches_of(provider: str) -> tuple[Switch, ...]:
    """The switches that a server of this provider has, in the order of the table."""
    return tuple(switch for switch in SWITCHES.values() if switch.concerns(provider))
