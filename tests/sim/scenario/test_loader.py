from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from roomkit_sim.errors import ScenarioError
from roomkit_sim.sim.scenario.caller import HangUp, Say, Wait
from roomkit_sim.sim.scenario.loader import load, parse

GOOD = """\
scenario: reach-the-advisor
app: apps.finance:answer
caller:
  script:
    - say: {id: ask, text: "Advice please."}
    - wait: {for: agent_speech, persona: advisor, within_ms: 5000}
    - hang_up
mind:
  triage:
    when: "Role: Triage"
    rules:
      - hears: ask
        calls: {handoff_conversation: {target: agent-advisor, reason: r, summary: s}}
  advisor:
    when: "Role: Advisor"
    rules:
      - on: asked_to_speak
        says: Hello.
expect:
  route: [agent-triage, agent-advisor]
  handoffs:
    - {from: agent-triage, to: agent-advisor, budget: {ear_ms: 2500}}
"""


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "call.scenario.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_scenario_with_one_call_is_read(written: Callable[[str], Path]) -> None:
    (source,) = load(written(GOOD))
    script = source.scenario.calls[0].caller.script
    assert [type(step) for step in script] == [Say, Wait, HangUp]
    assert source.scenario.mind["advisor"].rules[0].on == "asked_to_speak"
    assert source.scenario.calls[0].expect.handoffs[0].budget.limits() == {"ear_ms": 2500}
    assert source.line == 1


def test_several_scenarios_in_a_file_have_their_own_lines(written: Callable[[str], Path]) -> None:
    second = GOOD.replace("reach-the-advisor", "again")
    sources = load(written(f"{GOOD}---\n{second}"))
    assert [(source.scenario.scenario, source.line) for source in sources] == [("reach-the-advisor", 1), ("again", 24)]


def test_two_scenarios_of_one_name_are_refused(written: Callable[[str], Path]) -> None:
    with pytest.raises(ScenarioError, match=r":24: two scenarios of this file are named 'reach-the-advisor'"):
        load(written(f"{GOOD}---\n{GOOD}"))


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("caller:", "calller:", 3, "unknown key 'calller': did you mean 'caller'?"),
        ("within_ms: 5000", "within: 5000", 6, "unknown key 'within': did you mean 'within_ms'?"),
        ("within_ms: 5000", "within_ms: soon", 6, "valid integer"),
        ("- wait:", "- wiat:", 6, "nothing is called 'wiat' here: did you mean 'wait'?"),
        ("persona: advisor", "persona: adviser", 6, "no persona 'adviser' in 'mind': did you mean 'advisor'?"),
        ("hears: ask", "hears: aks", 12, "no caller says 'aks': did you mean 'ask'?"),
        ("route: [agent-triage, agent-advisor]", "route: [agent-triage, agent-adviser]", 20, "'agent-advisor'?"),
        ("{from: agent-triage,", "{from: agent-tirage,", 22, "no persona plays an agent 'agent-tirage'"),
        ("ear_ms: 2500", "eer_ms: 2500", 22, "unknown key 'eer_ms': did you mean 'ear_ms'?"),
        ("app: apps.finance:answer", "app: apps.finance", 2, "is not of the form 'package.module:function'"),
        ("app: apps.finance:answer\n", "", 1, "app: is missing"),
        ('when: "Role: Advisor"', "when: /(/", 15, "is not a regular expression"),
        ("- on: asked_to_speak", "- on: spoken_to", 17, "Input should be"),
        ("text: ", "txt: ", 5, "unknown key 'txt': did you mean 'text'?"),
        ('text: "Advice please."', 'text: " "', 5, "needs 'text' to be spoken or 'file' to be played"),
        ("scenario: reach", "scenario: x\nscenario: reach", 2, "stands here and in line 1"),
        ("caller:", "switches: [gemini.go_awy]\ncaller:", 3, "did you mean 'gemini.go_away'?"),
        ("caller:", "service: {connection_ms: 5, go_away_ms: 9}\ncaller:", 3, "'go_away_ms' is longer"),
        ("route: [", "transcripts: [{caller: aks}]\n  route: [", 20, "no caller says 'aks': did you mean 'ask'?"),
        ("route: [", "transcripts: [{}]\n  route: [", 20, "one of 'caller' and 'agent'"),
        ("- hang_up", "- hang_up\n    - wait: {for: time}", 8, "the caller has hung up before this step"),
    ],
)
def test_an_error_names_file_line_and_cure(
    written: Callable[[str], Path], old: str, new: str, line: int, message: str
) -> None:
    assert old in GOOD
    path = written(GOOD.replace(old, new, 1))
    with pytest.raises(ScenarioError) as raised:
        load(path)
    assert message in str(raised.value)
    assert str(raised.value).startswith(f"{path}:{line}: ")


def test_broken_yaml_names_the_line(written: Callable[[str], Path]) -> None:
    with pytest.raises(ScenarioError, match=r":3: not valid YAML"):
        load(written("scenario: x\napp: [a\ncaller: ]]"))


@pytest.mark.parametrize("text", ["", "---\n", "- just\n- a list\n"])
def test_a_file_without_a_scenario_is_refused(written: Callable[[str], Path], text: str) -> None:
    with pytest.raises(ScenarioError, match=r"no scenario|a scenario is a mapping"):
        load(written(text))


def test_a_missing_file_is_a_scenario_error(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="cannot read the file"):
        load(tmp_path / "none.scenario.yaml")


def test_plain_values_make_a_scenario_without_a_file() -> None:
    scenario = parse(
        {
            "scenario": "x",
            "app": "a:b",
            "caller": {"script": [Say(id="hi", text="Hi."), "hang_up"]},
            "mind": {"triage": {"when": "Role"}},
        }
    )
    assert scenario.agent_of("triage") == "agent-triage"
    assert list(scenario.utterances()) == ["hi"]


def test_caller_and_calls_exclude_each_other() -> None:
    with pytest.raises(ScenarioError, match="not both"):
        parse({"scenario": "x", "app": "a:b", "caller": {"script": ["hang_up"]}, "calls": []})


@pytest.mark.parametrize(
    ("app", "message"),
    [
        ("\n  open-ai-realtime: a:b", r":3: app.open-ai-realtime: unknown provider .*did you mean 'openai-realtime'"),
        ("[a:b]", r":2: app: 'app' is 'package.module:function', or one such name for each of gemini-live, openai"),
        ("\n  gemini-live: [a:b]", r":2: app: \['a:b'\] is not of the form 'package.module:function'"),
    ],
)
def test_a_wrong_application_is_told_by_what_was_meant(written: Callable[[str], Path], app: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        load(written(f"scenario: x\napp: {app}\n"))


def test_a_single_value_where_a_list_belongs_is_told_in_the_words_of_the_file(written: Callable[[str], Path]) -> None:
    rest = "mind: {p: {when: x}}\ncalls: [{name: c, caller: {script: [hang_up]}}]\n"
    with pytest.raises(ScenarioError, match=r":3: switches: expected a list \(got 'any.slow_frames'\)"):
        load(written(f"scenario: x\napp: a:b\nswitches: any.slow_frames\n{rest}"))
