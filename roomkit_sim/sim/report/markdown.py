"""The summary of a run for a CI page. Headings begin at the third level, so that it fits into a larger page."""

from __future__ import annotations

from collections.abc import Iterator

from roomkit_sim.sim.checks.codes import CODES
from roomkit_sim.sim.checks.findings import Severity
from roomkit_sim.sim.report.heat_map import heat_map_markdown
from roomkit_sim.sim.report.rows import Row
from roomkit_sim.sim.report.staging import Collected
from roomkit_sim.sim.report.terminal import milliseconds, verdict_line
from roomkit_sim.sim.report.totals import ScenarioTotals, Totals, quantile
from roomkit_sim.sim.scenario.switches import SWITCHES
from roomkit_sim.sim.trace.events import Json

__all__ = ["codes_markdown", "summary_markdown", "switches_markdown"]


_CODES_HEAD = """\
# Findings

Every finding has a code. `INVALID` codes fail a call too, and say that it proves nothing: a precondition did not hold.
`WIRE` codes are of the client protocol linter: what the client sent is not what the protocol allows, even if the fake
server took it. Those whose title ends in "(warning)" are shown and do not fail the call: the service lets them pass.
A scenario can waive an invariant (`INV`) with a reason, `expect: {waive: {INV002: "known, see ticket 12"}}`; a waiver
that is not needed any more is a finding itself. This page is made by `roomkit-sim explain --all`."""


_SWITCHES_HEAD = """\
# Known misbehaviours

What services were seen or reported to get wrong, and what nothing keeps them from. All are off; a scenario switches
them on by name, and the service then behaves so from the beginning:

```yaml
switches: [gemini.resume_keeps_voice]
```

A switch whose moment never comes makes the call invalid (INVALID010 in [findings.md](findings.md)). `gemini` and
`openai` are switches of one provider, `any` of every one. *Reported*: an issue thread says so, and it was not
reproduced. *Seen*: the reaction of the real SDK was observed. *Assumed*: nothing forbids it. The texts of HTTP answers
and of close frames are ours; the codes are those of the reports. What sets a limit, such as the 58 minutes, stands in
the scenario's `service` block ([scenario-file.md](scenario-file.md)). That packets vanish is no switch but a fault of
the network.

This page is made by `roomkit-sim explain --switches`."""


def summary_markdown(totals: Totals, collected: Collected, info: dict[str, Json]) -> str:
    """The text of ``summary.md``."""
    return "\n".join(_lines(totals, collected, info)) + "\n"


def _lines(totals: Totals, collected: Collected, info: dict[str, Json]) -> Iterator[str]:
    good = totals.passed == totals.calls
    yield f"### {'✅' if good else '❌'} Simulated calls: {verdict_line(totals)}"
    yield ""
    shown = [row for row in collected.findings if row["severity"] != Severity.WAIVED]
    if shown:
        yield "| call | finding | at | where |"
        yield "|---|---|---|---|"
        for row in shown:
            yield _finding(row)
        yield ""
    yield from heat_map_markdown(totals.heat_maps)
    yield "<details><summary>All scenarios</summary>"
    yield ""
    yield "| scenario | calls | handoffs completed | refused | ear p50 ms | p90 | max | verdict |"
    yield "|---|--:|--:|--:|--:|--:|--:|---|"
    for scenario in totals.scenarios:
        yield _scenario(scenario)
    yield ""
    yield "</details>"
    yield ""
    yield f"Latencies: {info['latencies']}. Metric set v{info['metric_version']}."


def _finding(row: Row) -> str:
    at = f"{row['at_ns'] / 1e9:.3f} s" if isinstance(row["at_ns"], int) else ""
    mark = " (warning)" if row["severity"] == Severity.WARNING else ""
    cells = (f"{row['call']} s{row['seed']}", f"**{row['code']}** {row['message']}{mark}", at, row["where"])
    return f"| {' | '.join(map(_cell, cells))} |"


def _scenario(scenario: ScenarioTotals) -> str:
    ears = " | ".join(milliseconds(quantile(scenario.ears_ms, share)) for share in (0.5, 0.9, 1.0))
    verdict = "passed" if not scenario.failed else f"**{scenario.failed} failed**: {', '.join(scenario.codes)}"
    handoffs = f"{scenario.completed} of {scenario.handoffs}"
    return f"| {scenario.name} | {scenario.calls} | {handoffs} | {scenario.refused} | {ears} | {verdict} |"


def _cell(value: Json) -> str:
    """Text that keeps a table's row in one line and one cell."""
    return str(value).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def codes_markdown() -> str:
    """The page of all finding codes, docs/findings.md."""
    lines = [_CODES_HEAD]
    for code, known in CODES.items():
        lines += ["", f"## {code}: {known.title}", "", f"**Cause.** {known.cause}", "", f"**Cure.** {known.cure}"]
    return "\n".join(lines) + "\n"


def switches_markdown() -> str:
    """The page of all misbehaviours, docs/misbehaviours.md."""
    lines = [_SWITCHES_HEAD, "", "| switch | what the service then does | known from |", "|---|---|---|"]
    lines += [f"| `{switch.name}` | {_row(switch.does)} | {_row(switch.basis)} |" for switch in SWITCHES.values()]
    return "\n".join(lines) + "\n"


def _row(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
