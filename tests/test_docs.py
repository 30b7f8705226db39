"""What the documentation says must be so."""

from __future__ import annotations

import importlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from roomkit_sim.core.hooks import DECISIONS
from roomkit_sim.models import HookTrigger
from roomkit_sim.sim import simulate
from roomkit_sim.sim.scenario.caller import Caller, HangUp, Say, Wait
from roomkit_sim.sim.scenario.expect import Budget, Expectation, HandoffExpectation, TranscriptExpectation
from roomkit_sim.sim.scenario.faults import FAULTS, AtFrame, Moment
from roomkit_sim.sim.scenario.loader import load
from roomkit_sim.sim.scenario.mind import Latency, Persona, Rule
from roomkit_sim.sim.scenario.model import LinkSpec, NetworkSpec, Scenario
from roomkit_sim.sim.scenario.service import Service
from roomkit_sim.sim.trace.vocabulary import EVENTS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "scenario-file.md").read_text()
MODELS = (
    Scenario, Caller, Say, Wait, HangUp, Persona, Rule, Latency, NetworkSpec, LinkSpec, Expectation,
    HandoffExpectation, TranscriptExpectation, Budget, Service,
)  # fmt: skip


def _keys() -> Iterator[tuple[str, str]]:
    for model in MODELS:
        for name, field in model.model_fields.items():
            yield model.__name__, field.alias or name


@pytest.mark.parametrize(("model", "key"), list(_keys()))
def test_every_key_is_on_the_page(model: str, key: str) -> None:
    assert re.search(rf"`{key}[`:]", PAGE), f"{model}.{key} is not in docs/scenario-file.md"


def test_every_key_of_faults_is_on_their_page() -> None:
    page = (ROOT / "docs" / "faults.md").read_text()
    keys = {name for model in (*FAULTS.values(), Moment, AtFrame) for name in model.model_fields}
    assert sorted(key for key in keys if not re.search(rf"`{key}[`:]|[{{ ]{key}[,:}}]", page)) == []
    assert [name for name in FAULTS if f"| `{name}` |" not in page] == []


def test_every_event_that_a_fault_can_come_after_is_on_their_page() -> None:
    page = (ROOT / "docs" / "faults.md").read_text()
    of_source = {line.split("`")[1]: line for line in page.splitlines() if re.match(r"\| `\w+\.` \|", line)}
    missing = []
    for name in EVENTS:
        source, _, kind = name.partition(".")
        if f"`{kind}`" not in of_source[f"{source}."]:
            missing.append(name)
    assert missing == []


@pytest.mark.parametrize("model", [Latency, LinkSpec, Service])
def test_defaults_on_the_page_are_those_of_the_model(model: type[BaseModel]) -> None:
    for line in PAGE.splitlines():
        names = re.findall(r"`(\w+)`", line.split("|")[1]) if line.startswith("| `") else []
        known = [name for name in names if name in model.model_fields]
        values = [model.model_fields[name].default for name in known]
        if known and known == names:
            shown = [value.strip() for value in line.split("|")[2].split(",")]
            assert shown == [_shown(value) for value in values], line


def _shown(value: float | bool | None) -> str:
    if value is None:
        return "unlimited"
    return str(value).lower() if isinstance(value, bool) else f"{value:.15g}"


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


def test_python_example_of_faults_passes_as_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    page = (ROOT / "docs" / "faults.md").read_text()
    names: dict[str, Any] = {}
    exec(re.search(r"```python\n(.*?)```", page, re.DOTALL).group(1), names)  # type: ignore[union-attr]
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


class _Doctor(BaseHTTPRequestHandler):
    """A service that hands the caller over when told to, and else says who was asked what."""

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        message: dict[str, Any] = {"role": "assistant", "content": f"You said {request['messages'][-1]['content']!r}."}
        if request["messages"][-1]["content"] == "Get me the doctor.":
            arguments = {"target": "agent-doctor", "reason": "asked for", "summary": "wants the doctor"}
            function = {"name": "handoff_conversation", "arguments": json.dumps(arguments)}
            message = {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": function}]}
        elif request["messages"][-1]["role"] == "tool":
            message = {"role": "assistant", "content": "One moment."}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        answer = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture
def service() -> Iterator[str]:
    """The base URL of a service that speaks OpenAI's chat completions."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Doctor) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join()


async def test_written_program_of_the_documentation_goes_on_in_a_second_run(service: str, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "runtime.md").read_text()
    names: dict[str, Any] = {}
    exec(re.findall(r"```python\n(.*?)```", page, re.DOTALL)[1], names)
    database = str(tmp_path / "visits.db")
    first = await names["converse"](database, ["Hello.", "Get me the doctor."], api_key="k", base_url=service)
    assert first == ["agent-nurse: You said 'Hello.'.", "agent-nurse: One moment."]
    second = await names["converse"](database, ["My head aches."], api_key="k", base_url=service)
    assert second == ["agent-doctor: You said 'My head aches.'."]


def test_names_of_the_import_table_are_where_it_says() -> None:
    page = (ROOT / "docs" / "runtime.md").read_text()
    table = page.split("| to import | from |")[1].split("\n\n")[0]
    found = 0
    for row in table.splitlines()[2:]:
        _, names, modules, _ = row.split("|")
        groups = zip(names.split(";"), modules.split(";"), strict=True)
        for group, module in groups:
            home = importlib.import_module(module.strip(" `"))
            for name in re.findall(r"`(\w+)`", group):
                assert hasattr(home, name), f"{module} has no {name}"
                found += 1
    assert found > 10


def test_hooks_that_decide_are_those_of_the_page() -> None:
    page = (ROOT / "docs" / "runtime.md").read_text()
    table = page.split("| trigger | is given | may change it to |")[1].split("\n\n")[0]
    assert {HookTrigger[name] for name in re.findall(r"^\| `(\w+)`", table, re.MULTILINE)} == DECISIONS


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "ARCHITECTURE.md"])
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert missing == []


def test_shipped_scenarios_say_what_they_show() -> None:
    for path in sorted((ROOT / "scenarios").rglob("*.scenario.yaml")):
        for source in load(path):
            assert source.scenario.description, f"{path} has no description"
