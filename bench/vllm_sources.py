"""`python -m bench vllm-sources`: whether our engine's names are in vLLM's official wheels, version by version.

A wheel is 280 to 430 MB, and no GPU build of it runs on a machine without a GPU. So its sources are read,
not imported: pip downloads the wheel, a few MB of `.py` files are kept under $AIMO_CACHE (or ~/.cache/aimo),
and bench/vllm_names.py looks every name up. The table goes into docs/engines.md.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from aimo_solver.errors import InputError
from bench.vllm_names import GROUPS, SourceTree, find_missing, names_used

VERSIONS: Final = ("0.19.1", "0.24.0", "0.33.0")
"""For CUDA 12.8, for CUDA 13, and the newest."""
PLATFORMS: Final = ("manylinux_2_31_x86_64", "manylinux_2_28_x86_64")
PAGE: Final = Path(__file__).parents[1] / "docs" / "engines.md"
BEGIN: Final = "<!-- python -m bench vllm-sources writes this table -->"
END: Final = "<!-- end of the table -->"
_KEPT: Final = re.compile(
    r"vllm/(\w+|(config|engine|platforms|v1/engine|v1/metrics|v1/spec_decode)/\w+|v1/worker/gpu_model_runner"
    r"|model_executor/model_loader/weight_utils|model_executor/layers/quantization/base_config"
    r"|tool_parsers/(__init__|abstract_tool_parser)|entrypoints/openai/chat_completion/protocol)\.py"
)
_METADATA: Final = re.compile(r"vllm-[^/]*\.dist-info/METADATA")


def sources_folder(version: str) -> Path:
    """Returns where a version's sources are kept."""
    cache = os.environ.get("AIMO_CACHE")
    return (Path(cache).absolute() if cache else Path.home() / ".cache" / "aimo") / "vllm-sources" / version


def fetch(version: str, wheels: Path | None = None) -> Path:
    """Returns the folder of the version's sources; downloads its wheel, or takes it from `wheels`, where need be."""
    folder = sources_folder(version)
    if folder.is_dir():
        return folder
    with tempfile.TemporaryDirectory(prefix="aimo-vllm-") as scratch:
        wheel = _find_wheel(version, wheels) if wheels is not None else _download(version, Path(scratch))
        kept = Path(scratch, "kept")
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if _KEPT.fullmatch(name):
                    archive.extract(name, kept)
                elif _METADATA.fullmatch(name):
                    kept.mkdir(exist_ok=True)
                    (kept / "METADATA").write_bytes(archive.read(name))
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = folder.with_name(f".{version}.partial")
        subprocess.run(["cp", "-r", str(kept), str(partial)], check=True)
        partial.replace(folder)
    return folder


def _find_wheel(version: str, wheels: Path) -> Path:
    found = sorted(wheels.glob(f"vllm-{version}-*.whl"))
    if not found:
        raise InputError(f"{wheels}: has no wheel of vllm {version}; leave --wheels out to download it")
    return found[0]


def _download(version: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--python-version", "3.12", "--dest", str(folder)]
    for platform in PLATFORMS:
        command += ["--platform", platform]
    done = subprocess.run([*command, f"vllm=={version}"], check=False, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise InputError(f"pip cannot download vllm {version}: {reason}")
    return _find_wheel(version, folder)


def table(versions: Sequence[str]) -> str:
    """Returns, in Markdown, which names each version lacks, and what it asks for. All sources must be there."""
    trees = [SourceTree(sources_folder(version)) for version in versions]
    used = names_used()
    lines = [f"| our engine uses | names | {' | '.join(versions)} |", f"|---|---|{'---|' * len(versions)}"]
    for group in GROUPS:
        names = [need for need in used if need.group == group]
        missing = [[need.shown for need in find_missing(names, tree)] for tree in trees]
        cells = ["all" if not gone else "all but " + ", ".join(f"`{name}`" for name in gone) for gone in missing]
        shown = ", ".join(f"`{name}`" for name in sorted({need.shown for need in names}))
        lines.append(f"| {group} | {len(names)}: {shown} | {' | '.join(cells)} |")
    for package in ("torch", "transformers"):
        lines.append(f"| asks for {package} | | {' | '.join(tree.requirement(package) for tree in trees)} |")
    written = ["yes" if tree.writes_into("speculative_config") else "no" for tree in trees]
    lines.append(f"| writes into the `speculative_config` that it is given | | {' | '.join(written)} |")
    return "\n".join(lines) + "\n"


def page_with(text: str, written: str) -> str:
    """Returns the page with this table in place of its own."""
    before, found, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise InputError(f"{PAGE}: must have the lines {BEGIN!r} and {END!r}, between which the table goes")
    return f"{before}{BEGIN}\n\n{written}\n{END}{after}"


def main(
    versions: Annotated[
        list[str] | None, typer.Argument(metavar="VERSION", help="Versions to check.", show_default="those of the page")
    ] = None,
    wheels: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of wheels that are downloaded already.")
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Write the table into docs/engines.md.")] = False,
) -> None:
    """Checks our engine's names against the sources of vLLM's official wheels. Exit code 1 when one is missing."""
    chosen = tuple(versions or VERSIONS)
    for version in chosen:
        typer.echo(f"{version}: {fetch(version, wheels)}", err=True)
    written = table(chosen)
    typer.echo(written)
    if write:
        PAGE.write_text(page_with(PAGE.read_text(encoding="utf-8"), written), encoding="utf-8")
    missing = [need for version in chosen for need in find_missing(names_used(), SourceTree(sources_folder(version)))]
    if any(not need.optional for need in missing):
        raise SystemExit(1)
