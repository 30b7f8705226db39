"""A scenario: one or more calls to an application, the scripted provider behind it, and what must come of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from roomkit_sim.sim.scenario.caller import Caller, Say
from roomkit_sim.sim.scenario.expect import Expectation
from roomkit_sim.sim.scenario.faults import Fault
from roomkit_sim.sim.scenario.mind import Latency, Persona
from roomkit_sim.sim.scenario.service import Service
from roomkit_sim.sim.scenario.strict import Strict, nearest

__all__ = ["Call", "LinkSpec", "NetworkSpec", "Provider", "Scenario"]


Provider = Literal["gemini-live", "openai-realtime"]
"""A wire that is simulated."""


def _check_name(value: str) -> str:
    if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9-]*", value):
        raise ValueError(f"{value!r} is no name: use letters, digits and dashes, and begin with a letter or digit")
    return value


Name = Annotated[str, AfterValidator(_check_name)]
"""A name that can stand in a file's name and in a pytest id."""


class LinkSpec(Strict):
    """One direction of the way between the application and the provider.

    Args:
        latency_ms: Milliseconds that every segment takes.
        jitter_ms: Up to this much more, evenly distributed; order is kept.
        loss: Probability that a segment is lost once, which stalls the stream for ``stall_ms``.
        stall_ms: How long a lost segment stalls the stream.
        bandwidth_kbps: Kilobits per second; unlimited when absent.
    """

    latency_ms: float = Field(default=40, ge=0)
    jitter_ms: float = Field(default=10, ge=0)
    loss: float = Field(default=0, ge=0, lt=1)
    stall_ms: float = Field(default=200, ge=0)
    bandwidth_kbps: float | None = Field(default=None, gt=0)


class NetworkSpec(Strict):
    """The network between the application and the provider: up is towards the provider."""

    up: LinkSpec = LinkSpec()
    down: LinkSpec = LinkSpec()


class Call(Strict):
    """One call of a scenario: who calls, when, and what must come of it."""

    name: Name = "call"
    starts_at_ms: int = Field(default=0, ge=0)
    caller: Caller
    expect: Expectation = Expectation()


class Scenario(Strict):
    """A scenario.

    A file with one call writes ``caller`` and ``expect`` at the top; one with several writes ``calls``.

    Args:
        scenario: Its name: letters, digits, dashes.
        description: What it shows, for people.
        app: ``package.module:function``, the application under test; or one for each provider, which are all played.
        provider: The wire that the application speaks, where there is one application.
        calls: The calls.
        mind: Persona name to persona.
        latency: How long the scripted provider takes.
        network: The network in between.
        service: What the service allows.
        switches: Names of the service's misbehaviours that are on from the beginning.
        faults: What goes wrong.
        budget_ms: Virtual time after which the run is stopped as hung.
    """

    scenario: Name
    description: str = ""
    app: str | dict[Provider, str]
    provider: Provider = "gemini-live"
    calls: tuple[Call, ...] = Field(min_length=1)
    mind: dict[str, Persona] = Field(default_factory=dict)
    latency: Latency = Latency()
    network: NetworkSpec = NetworkSpec()
    service: Service = Service()
    switches: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    budget_ms: int = Field(default=180_000, gt=0)

    @model_validator(mode="before")
    @classmethod
    def _single_call(cls, value: Any) -> Any:
        if isinstance(value, dict) and "caller" in value:
            if "calls" in value:
                raise ValueError("write 'caller' and 'expect' for one call, or 'calls' for several, not both")
            rest = {key: item for key, item in value.items() if key not in ("caller", "expect")}
            return {**rest, "calls": ({"caller": value["caller"], "expect": value.get("expect") or {}},)}
        return value

    @classmethod
    def _shorthands(cls) -> tuple[str, ...]:
        return ("caller", "expect")

    @field_validator("app", mode="before")
    @classmethod
    def _is_one_name_or_one_for_each_provider(cls, value: Any) -> Any:
        """Says itself what is wrong: pydantic would name the first of the two types, whichever was meant."""
        providers = get_args(Provider)
        if not isinstance(value, str | dict):
            raise ValueError(f"'app' is 'package.module:function', or one such name for each of {', '.join(providers)}")
        for provider, name in value.items() if isinstance(value, dict) else ():
            if provider not in providers:
                context = {"key": str(provider), "hint": nearest(str(provider), providers)}
                raise PydanticCustomError("unknown_key", "unknown provider '{key}': {hint}", context)
            if not isinstance(name, str):
                raise ValueError(f"{name!r} is not of the form 'package.module:function'")
        return value

    @field_validator("app")
    @classmethod
    def _names_functions(cls, value: str | dict[Provider, str]) -> str | dict[Provider, str]:
        if not value:
            raise ValueError("name an application for at least one provider")
        for name in [value] if isinstance(value, str) else value.values():
            if not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", name):
                raise ValueError(f"{name!r} is not of the form 'package.module:function'")
        return value

    @model_validator(mode="after")
    def _one_way_to_name_providers(self) -> Scenario:
        if isinstance(self.app, dict) and "provider" in self.model_fields_set:
            raise ValueError("'app' names the providers already: leave 'provider' out")
        return self

    @property
    def apps(self) -> Mapping[Provider, str]:
        """The application for each provider that the scenario is played with, in the order of the file."""
        return self.app if isinstance(self.app, dict) else {self.provider: self.app}

    def agent_of(self, persona: str) -> str:
        """The id of the agent that ``persona`` plays."""
        return self.mind[persona].agent or f"agent-{persona}"

    def utterances(self) -> dict[str, Say]:
        """Every utterance of every caller by its id, in script order."""
        return {step.id: step for call in self.calls for step in call.caller.script if isinstance(step, Say)}
