"""CodeTool: runs the code a turn asks for, within the settings, and returns what the model is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aimo_solver.config.names import CodeMode
from aimo_solver.config.settings import RolloutSettings
from aimo_solver.dialects.calls import Call
from aimo_solver.dialects.dialect import Dialect, shown_output
from aimo_solver.errors import SandboxError
from aimo_solver.sandbox.base import ExecutionResult, ExecutionStatus, Session

CLOSE_SECONDS = 2.0
"""Closing a session takes at most this long; after that it is left to the sandbox's own clean-up."""
DISABLED = "code execution is disabled"
NO_MORE_CODE = "no more code can be run"
"""The reply to a call whose rollout is asked for its answer instead."""
NO_CODE = "there is no code to run: write a whole block first"


class CodeTool:
    """The model's Python tool, as its dialect and the settings define it."""

    def __init__(self, dialect: Dialect, settings: RolloutSettings) -> None:
        self.timeout_seconds = settings.code_timeout_seconds or dialect.tool.timeout_seconds
        """For each cell."""
        self.output_chars = settings.output_chars or dialect.tool.output_chars
        """Of a cell's output that the model is shown, at most."""
        self._disabled = settings.code is CodeMode.DISABLED

    async def run(
        self, call: Call | None, execute: Callable[[str], Awaitable[ExecutionResult]]
    ) -> tuple[str, ExecutionStatus]:
        """Returns what the model is shown, and how the run ended. `call` is None where a turn holds no code.

        Raises what `execute` raises.
        """
        if call is None:
            return NO_CODE, ExecutionStatus.ERROR
        if self._disabled:
            return DISABLED, ExecutionStatus.ERROR
        if call.code is None:
            return call.error or NO_CODE, ExecutionStatus.ERROR
        result = await execute(call.code)
        return shown_output(result, self.output_chars), result.status


async def close_quietly(session: Session) -> None:
    """Closes the session, or leaves it to the sandbox if it does not close: no answer is lost for it."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await session.close()
    except (TimeoutError, SandboxError):
        pass  # The sandbox ends its sessions when it closes.
