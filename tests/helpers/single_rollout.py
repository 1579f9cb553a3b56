"""One rollout of a scripted model, on a virtual clock."""

from __future__ import annotations

from aimo_solver.config.policy_settings import NemoSkillsSettings
from aimo_solver.config.settings import RolloutSettings
from aimo_solver.engine.base import Sampling
from aimo_solver.engine.scripted import Reply
from aimo_solver.policies.nemoskills import NemoSkillsPolicy
from aimo_solver.problems.problem import ANY_INTEGER, AnswerRule
from aimo_solver.rollouts.trajectory import Trajectory
from aimo_solver.simulation.virtual_clock import run_virtual
from tests.helpers.fakes import InProcessSandbox, SolverHarness

ONE_ROLLOUT = NemoSkillsPolicy(NemoSkillsSettings(rollouts=1, concurrent=1, base_seconds=60.0))
SETTINGS = RolloutSettings(max_tokens=400, flush_seconds=2.0)


def run_one(
    *turns: Reply | str,
    settings: RolloutSettings = SETTINGS,
    sandbox: InProcessSandbox | None = None,
    rule: AnswerRule = ANY_INTEGER,
    context_tokens: int = 4096,
) -> Trajectory:
    """Runs one rollout whose model generates `turns` one after another."""
    script = iter(turns)

    async def story() -> Trajectory:
        def reply(text: str, sampling: Sampling) -> Reply:
            turn = next(script)
            return turn if isinstance(turn, Reply) else Reply(turn)

        harness = SolverHarness(
            reply, settings, ONE_ROLLOUT, rule, sandbox=sandbox or InProcessSandbox(), context_tokens=context_tokens
        )
        solution = await harness.solve()
        assert harness.sandbox.open_sessions == 0
        assert not harness.engine.active_requests
        return solution.trajectories[0]

    return run_virtual(story())


def attempt(settings: RolloutSettings, *turns: str) -> tuple[Trajectory, list[str]]:
    """Runs a rollout that generates `turns`; returns what preceded each of them too."""
    seen: list[str] = []

    def reply(text: str, sampling: Sampling) -> Reply:
        seen.append(text)
        return Reply(turns[len(seen) - 1])

    async def story() -> Trajectory:
        return (await SolverHarness(reply, settings, ONE_ROLLOUT).solve()).trajectories[0]

    return run_virtual(story()), seen
