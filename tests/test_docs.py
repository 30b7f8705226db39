"""What the documentation says must be so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from roomkit_sim.sim import simulate
from roomkit_sim.sim.scenario.caller import Caller, HangUp, Say, Wait
from roomkit_sim.sim.scenario.expect import Budget, Expectation, HandoffExpectation
from roomkit_sim.sim.scenario.loader import load
from roomkit_sim.sim.scenario.mind import Latency, Persona, Rule
from roomkit_sim.sim.scenario.model import Fault, LinkSpec, NetworkSpec, Scenario

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "scenario-file.md").read_text()
MODELS = (
    Scenario, Caller, Say, Wait, HangUp, Persona, Rule, Latency, NetworkSpec, LinkSpec, Fault, Expectation,
    HandoffExpectation, Budget,
)  # fmt: skip


def _keys() -> Iterator[tuple[str, str]]:
    for model in MODELS:
        for name, field in model.model_fields.items():
            yield model.__name__, field.alias or name


@pytest.mark.parametrize(("model", "key"), list(_keys()))
def test_every_key_is_on_the_page(model: str, key: str) -> None:
    assert re.search(rf"`{key}[`:]", PAGE), f"{model}.{key} is not in docs/scenario-file.md"


@pytest.mark.parametrize("model", [Latency, LinkSpec])
def test_defaults_on_the_page_are_those_of_the_model(model: type[BaseModel]) -> None:
    for line in PAGE.splitlines():
        names = re.findall(r"`(\w+)`", line.split("|")[1]) if line.startswith("| `") else []
        known = [name for name in names if name in model.model_fields]
        values = [model.model_fields[name].default for name in known]
        if known and known == names:
            shown = [value.strip() for value in line.split("|")[2].split(",")]
            assert shown == ["unlimited" if value is None else f"{value:g}" for value in values], line


def _first_yaml(text: str) -> str:
    return re.search(r"```yaml\n(.*?)```", text, re.DOTALL).group(1)  # type: ignore[union-attr]


def test_scenario_of_the_readme_passes_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "audio").symlink_to(ROOT / "scenarios" / "audio")
    (tmp_path / "readme.scenario.yaml").write_text(_first_yaml((ROOT / "README.md").read_text()))
    run = simulate(tmp_path / "readme.scenario.yaml")
    assert run.passed, run.findings


def test_python_example_of_the_readme_passes_as_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    readme = (ROOT / "README.md").read_text()
    code = re.search(r"```python\n(def test_.*?)```", readme, re.DOTALL).group(1)  # type: ignore[union-attr]
    names: dict[str, Any] = {}
    exec(code, names)
    (test,) = [value for name, value in names.items() if name.startswith("test_")]
    test(simulate)


def test_application_of_the_documentation_answers_a_call_as_it_stands() -> None:
    page = (ROOT / "docs" / "application.md").read_text()
    names: dict[str, Any] = {"__name__": "application"}
    exec(re.search(r"```python\n(.*?)```", page, re.DOTALL).group(1), names)  # type: ignore[union-attr]
    hours = {"opening_hours": {"day": "Saturday"}}
    scenario = {
        "scenario": "documentation",
        "caller": {
            "script": [
                {"wait": {"for": "agent_speech", "persona": "reception"}},
                {"wait": {"for": "agent_silence", "ms": 600}},
                {"say": {"id": "ask-hours", "text": "What time do you open on Saturday?"}},
                {"wait": {"for": "agent_speech", "persona": "reception"}},
                {"wait": {"for": "agent_silence", "ms": 600}},
                "hang_up",
            ]
        },
        "mind": {
            "reception": {
                "when": "Role: Receptionist",
                "rules": [
                    {"on": "asked_to_speak", "says": "Good morning."},
                    {"hears": "ask-hours", "calls": hours},
                    {"on": "tool_result", "contains": "9:00", "says": "We open at nine."},
                ],
            }
        },
        "expect": {"route": ["agent-reception"], "heard": ["ask-hours"], "handoffs": []},
    }
    scenario["caller"]["voice"] = "en-us+f3"  # type: ignore[index] - whose speech is committed
    run = simulate(scenario, app=names["answer"], base_dir=ROOT / "scenarios")
    assert run.passed, run.findings
    said = [event.data["text"] for event in run.record.events if event.name == "server.said"]
    assert said == ["Good morning.", "We open at nine."]


@pytest.mark.sim
async def test_spoken_program_of_the_documentation_runs_as_it_stands(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "runtime.md").read_text()
    names: dict[str, Any] = {}
    exec(re.search(r"```python\n(.*?)```", page, re.DOTALL).group(1), names)  # type: ignore[union-attr]
    caller = next((ROOT / "scenarios" / "audio").glob("need-nurse-*.wav"))
    said = await names["main"](str(caller), str(tmp_path / "heard.wav"))
    assert said == ["voice: I have a headache since yesterday morning.", "agent-nurse: Please come this afternoon."]
    assert (tmp_path / "heard.wav").stat().st_size > 10_000


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "ARCHITECTURE.md"])
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert missing == []


def test_shipped_scenarios_say_what_they_show() -> None:
    for path in sorted((ROOT / "scenarios").rglob("*.scenario.yaml")):
        for source in load(path):
            assert source.scenario.description, f"{path} has no description"
