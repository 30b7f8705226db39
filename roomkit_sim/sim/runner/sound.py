"""Makes the sound of a plan ready before the world starts: what callers say, and what the server can recognise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from roomkit_sim.errors import ScenarioError
from roomkit_sim.sim.audio.files import Clip
from roomkit_sim.sim.audio.recognition import UtteranceRecogniser
from roomkit_sim.sim.caller.speech import prepare
from roomkit_sim.sim.scenario.caller import Say
from roomkit_sim.sim.scenario.plan import Plan

__all__ = ["Sound", "prepare_sound"]


@dataclass(frozen=True)
class Sound:
    """The sound of a plan.

    Args:
        clips: For each call, its utterances by id, at the rate of the call's line.
        recogniser: Knows the utterances that the scenario lets the server know.
        transcripts: What the server reports as transcript of an utterance.
        notes: What was converted on the way, for the report.
    """

    clips: Mapping[str, Mapping[str, Clip]]
    recogniser: UtteranceRecogniser
    transcripts: Mapping[str, str]
    notes: tuple[str, ...]


def prepare_sound(plan: Plan) -> Sound:
    """Load or synthesise every utterance of ``plan``.

    Raises:
        AudioError: An utterance has no usable sound.
        ScenarioError: Two utterances are too alike to be told apart.
    """
    clips: dict[str, Mapping[str, Clip]] = {}
    templates: dict[str, Clip] = {}
    for call in plan.scenario.calls:
        says = [step for step in call.caller.script if isinstance(step, Say)]
        clips[call.name] = prepare(says, call.caller, plan.base_dir)
        templates.update({say.id: clips[call.name][say.id] for say in says if say.known})
    recogniser = UtteranceRecogniser(templates)
    _refuse_similar(recogniser, plan)
    utterances = plan.scenario.utterances()
    notes = tuple(f"{id}: {note}" for spoken in clips.values() for id, clip in spoken.items() for note in clip.notes)
    return Sound(clips, recogniser, {id: say.text for id, say in utterances.items()}, notes)


def _refuse_similar(recogniser: UtteranceRecogniser, plan: Plan) -> None:
    for pair in recogniser.similar_pairs():
        path, _, line = plan.source.rpartition(":")
        raise ScenarioError(
            f"utterances {pair.a!r} and {pair.b!r} sound too alike to be told apart (similarity {pair.score:.2f}): "
            f"reword one of them, or mark it 'known: false'",
            path=path or None,
            line=int(line) if line.isdigit() else None,
        )
