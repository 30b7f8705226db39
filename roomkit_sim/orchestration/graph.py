"""The stages of a pipeline as a graph: which phase leads where, and to whom it belongs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ConfigDict, Field

from roomkit_sim.errors import PipelineError

__all__ = ["PipelineStage", "StageGraph"]


class PipelineStage(BaseModel):
    """One stage: a phase and the agent that owns it. Unknown settings are refused.

    Args:
        phase: The phase's name.
        agent_id: The agent in charge of it.
        next: The phase that follows; ``None`` ends the pipeline.
        can_return_to: Phases to which this one may go back.
        description: Shown to the agents that can hand over to it.
    """

    model_config = ConfigDict(extra="forbid")

    phase: str
    agent_id: str
    next: str | None = None
    can_return_to: set[str] = Field(default_factory=set)
    description: str | None = None


class StageGraph:
    """The stages of a pipeline.

    Args:
        stages: In order.
        default_phase: Where a conversation starts; the first stage's phase when absent.

    Raises:
        PipelineError: A stage leads to a phase that no stage has.
    """

    def __init__(self, stages: Iterable[PipelineStage], default_phase: str | None = None) -> None:
        self.stages = tuple(stages)
        self.phases = tuple(dict.fromkeys(stage.phase for stage in self.stages))
        self.default_phase = default_phase or (self.phases[0] if self.phases else None)
        for stage in self.stages:
            for target in self._exits(stage):
                self._require_phase(target, f"stage {stage.phase!r} leads to {target!r}, which")

    def _require_phase(self, phase: str, who: str) -> None:
        if phase not in self.phases:
            raise PipelineError(f"{who} is not a valid phase of this pipeline; its phases are {', '.join(self.phases)}")

    @staticmethod
    def _exits(stage: PipelineStage) -> list[str]:
        forward = [stage.next] if stage.next is not None else []
        return [*forward, *sorted(stage.can_return_to - set(forward))]

    def exits(self, phase: str) -> list[str]:
        """The phases that may follow ``phase``, the next one first."""
        found = (target for stage in self.stages if stage.phase == phase for target in self._exits(stage))
        return list(dict.fromkeys(found))

    def transitions(self) -> dict[str, set[str]]:
        """Phase to the phases that may follow it."""
        return {phase: set(self.exits(phase)) for phase in self.phases}

    def owners(self, phase: str) -> list[str]:
        """The agents of a phase."""
        return list(dict.fromkeys(stage.agent_id for stage in self.stages if stage.phase == phase))

    def phases_of(self, agent_id: str) -> list[str]:
        """The phases of an agent, in order."""
        return list(dict.fromkeys(stage.phase for stage in self.stages if stage.agent_id == agent_id))

    def agent_ids(self) -> list[str]:
        """All agents, in the order of their first stages."""
        return list(dict.fromkeys(stage.agent_id for stage in self.stages))

    def rightful_agent(self, phase: str, active_agent_id: str | None) -> str | None:
        """Who leads a conversation in ``phase``: its owner, where the agent in charge is nobody or owns other phases.

        An agent that has no stage was put in charge by the application, and stays.
        """
        owners = self.owners(phase)
        stays = active_agent_id is not None and (active_agent_id in owners or not self.phases_of(active_agent_id))
        return active_agent_id if stays or not owners else owners[0]

    def default_agent(self) -> str | None:
        """The agent with whom a conversation starts."""
        owners = self.owners(self.default_phase) if self.default_phase is not None else []
        return owners[0] if owners else None

    def targets(self, agent_id: str) -> dict[str, str | None]:
        """To whom an agent can hand over, from any of its phases: agent id to the description of the stage."""
        found: dict[str, str | None] = {}
        for phase in self.phases_of(agent_id):
            for follower in self.exits(phase):
                for stage in self.stages:
                    if stage.phase == follower and stage.agent_id != agent_id:
                        found.setdefault(stage.agent_id, stage.description)
        return found

    def phase_for(self, agent_id: str, current_phase: str) -> str | None:
        """The phase that a conversation enters when ``agent_id`` takes over: a reachable one if it owns one."""
        owned = self.phases_of(agent_id)
        reachable = [phase for phase in self.exits(current_phase) if phase in owned]
        return next(iter(reachable or owned), None)

    def phase_map(self) -> Mapping[str, str]:
        """Agent to its phase; with several, the last."""
        return {stage.agent_id: stage.phase for stage in self.stages}
