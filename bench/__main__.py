"""`python -m bench`: runs every benchmark but the soak and the GPU's, or one by name; and checks vLLM's sources."""

from __future__ import annotations

import typer

from bench import engine_rate, gateway_rate, sandbox_rate, sandbox_soak, simulation_rate, vllm_sources
from bench.gpu import bench as gpu_bench

app = typer.Typer(help="Benchmarks.", add_completion=False, pretty_exceptions_enable=False)
app.command("engine")(engine_rate.main)
app.command("gateway")(gateway_rate.main)
app.command("gpu")(gpu_bench.main)
app.command("sandbox")(sandbox_rate.main)
app.command("simulation")(simulation_rate.main)
app.command("soak")(sandbox_soak.main)
app.command("vllm-sources")(vllm_sources.main)


@app.callback(invoke_without_command=True)
def run_all(context: typer.Context) -> None:
    """Runs simulation, gateway, sandbox and engine if no benchmark is named."""
    if context.invoked_subcommand is None:
        simulation_rate.main()
        gateway_rate.main()
        sandbox_rate.main()
        engine_rate.main()


if __name__ == "__main__":  # vLLM spawns processes that import this file again.
    app()
