from __future__ import annotations

import pytest

from roomkit_sim.sim.report import frames
from tests.pytest_plugin.conftest import scenario_text


def test_fixture_plays_a_scenario_given_as_values(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        test_calls="""
        import yaml
        from pathlib import Path
        from line import application, short_call

        def test_caller_reaches_the_advisor(simulate):
            run = simulate(short_call(), app=application())
            assert run.handoffs[0].latencies.ear_ms < 3000
        """
    )
    suite.runpytest().assert_outcomes(passed=1)
    (call,) = frames.calls(suite.path / "reports" / "latest").to_dict("records")
    assert call["rerun"] == 'pytest "test_calls.py::test_caller_reaches_the_advisor"'
    assert call["source"] == "test_calls.py:5"


def test_fixture_fails_the_test_with_the_findings(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        test_calls="""
        from line import application, short_call

        def test_it(simulate):
            simulate(short_call(expect={"route": ["agent-triage"]}), app=application())
        """
    )
    result = suite.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*ROUTE001 agent-advisor came where*", '*replay*pytest "test_calls.py::test_it"'])


def test_findings_can_be_asserted_on_instead(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        test_calls="""
        from line import application, short_call

        def test_it(simulate):
            run = simulate(short_call(expect={"route": ["agent-triage"]}), app=application(), check=False)
            assert [finding.code for finding in run.findings] == ["ROUTE001"]
        """
    )
    suite.runpytest().assert_outcomes(passed=1)


def test_fixture_plays_a_file_and_several_runs_of_a_test_are_kept_apart(suite: pytest.Pytester) -> None:
    suite.makefile(".scenario.yaml", good=scenario_text())
    suite.makepyfile(
        test_calls="""
        from pathlib import Path

        def test_seeds(simulate):
            for seed in (0, 0, 1):
                simulate(Path(__file__).with_name("good.scenario.yaml"), seed=seed)
        """
    )
    suite.runpytest("test_calls.py").assert_outcomes(passed=1)
    assert sorted(frames.calls(suite.path / "reports" / "latest")["seed"]) == [0, 0, 1]


def test_async_test_marked_sim_runs_in_virtual_time(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        test_async="""
        import asyncio, socket, uuid
        import pytest

        pytestmark = pytest.mark.asyncio

        @pytest.mark.sim(budget_ms=100_000_000)
        async def test_a_day_passes(world):
            await asyncio.sleep(86_400)
            assert world.now_ns == 86_400 * 10**9

        @pytest.mark.sim(seed=5)
        async def test_entropy_is_seeded(world):
            assert world.seeds.seed == 5
            drawn = world.seeds.bytes_source("entropy", "bytes")(16)
            assert uuid.uuid4() == uuid.UUID(bytes=drawn, version=4)

        @pytest.mark.sim
        @pytest.mark.xfail(strict=True)
        async def test_real_network_is_refused():
            socket.create_connection(("192.0.2.1", 9), timeout=0.01)

        async def test_other_tests_keep_their_loop():
            assert type(asyncio.get_running_loop()).__name__ != "VirtualTimeLoop"
        """
    )
    suite.runpytest("-W", "error").assert_outcomes(passed=3, xfailed=1)


def test_async_test_below_scenarios_is_simulated_without_a_mark(suite: pytest.Pytester) -> None:
    folder = suite.mkdir("scenarios")
    (folder / "test_async.py").write_text(
        "import asyncio\nimport pytest\n\n@pytest.mark.asyncio\nasync def test_it():\n    await asyncio.sleep(3000)\n"
    )
    suite.runpytest().assert_outcomes(passed=1)


def test_world_outside_a_simulated_test_is_refused_with_the_reason(suite: pytest.Pytester) -> None:
    suite.makepyfile(test_plain="def test_it(world):\n    pass\n")
    result = suite.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*for async tests that are marked @pytest.mark.sim*"])
