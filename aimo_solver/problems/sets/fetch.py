"""Fetch: a set's rows from the Hugging Face hub, as a problem file in the cache.

Guarantees: a file in the cache is whole and agrees with its manifest; a failure is one sentence. Files
that were downloaded before are not requested again (huggingface_hub's own cache).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from aimo_solver.errors import InputError
from aimo_solver.problems.problem import Problem
from aimo_solver.problems.problem_set import ProblemSet, join_sets, load_problem_set, problem_row
from aimo_solver.problems.sets.check import Verdict, check_set
from aimo_solver.problems.sets.manifest import Manifest, load_manifest
from aimo_solver.problems.sets.rows import correct, to_problems
from aimo_solver.utils.files import json_line, make_folder, write_text
from aimo_solver.utils.paths import DEMO_SET

CACHE_VARIABLE: Final = "AIMO_CACHE"


def cached_path(name: str) -> Path:
    """Returns where a fetched set is kept: under $AIMO_CACHE, or ~/.cache/aimo."""
    root = os.environ.get(CACHE_VARIABLE)
    return (Path(root) if root else Path.home() / ".cache" / "aimo") / "sets" / f"{name}.jsonl"


def fetch_set(manifest: Manifest) -> Verdict:
    """Downloads, reads, corrects and checks the set, and puts it into the cache. Raises InputError."""
    return _save(manifest, to_problems(manifest, _downloaded_rows(manifest)), "the hub")


def adopt_set(manifest: Manifest, path: Path) -> Verdict:
    """Puts a local copy of the set into the cache. Raises InputError."""
    return _save(manifest, local_problems(manifest, path), str(path))


def local_problems(manifest: Manifest, path: Path) -> list[Problem]:
    """Reads the problems of a local copy, corrected. Raises InputError."""
    return correct(load_problem_set(path).problems, manifest.corrections)


DEMO: Final = "demo"
"""The set that needs no fetching."""


def find_problem_set(name_or_file: str) -> ProblemSet:
    """Reads a problem file, `demo`, or a set by name that was fetched before. Raises InputError."""
    if name_or_file == DEMO:
        return load_problem_set(DEMO_SET)
    path = Path(name_or_file)
    if path.exists() or path.suffix:
        return load_problem_set(path)
    manifest = load_manifest(name_or_file)
    path = cached_path(manifest.name)
    if not path.exists():
        raise InputError(
            f"{manifest.name}: has not been fetched yet; aimo sets fetch {manifest.name}, or --from a local copy"
        )
    return load_problem_set(path)


def find_problems(names_or_files: Sequence[str] | None, max_problems: int | None = None) -> ProblemSet:
    """Returns several sets as one, the demo set if none is named, and of it the first problems. Raises InputError."""
    whole = join_sets([find_problem_set(name) for name in names_or_files or [str(DEMO_SET)]])
    return whole if max_problems is None else replace(whole, problems=whole.problems[:max_problems])


def _save(manifest: Manifest, problems: Sequence[Problem], origin: str) -> Verdict:
    verdict = check_set(manifest, problems)
    if not verdict.same:
        raise InputError(f"{manifest.name}, from {origin}: {verdict.text}; nothing was saved")
    path = cached_path(manifest.name)
    make_folder(path.parent)
    write_text(path, "".join(json_line(problem_row(problem)) for problem in problems))
    return verdict


def _downloaded_rows(manifest: Manifest) -> Iterator[Mapping[str, Any]]:
    hub = manifest.hub
    if hub is None:
        raise InputError(f"{manifest.name}: its manifest names no source; give a local copy with --from")
    # They take half a second to import, and only this needs them.
    import polars as pl
    from huggingface_hub import snapshot_download  # pyright: ignore[reportUnknownVariableType]  # of its tqdm
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    where = f"{hub.dataset} at {hub.revision}"
    try:
        folder = Path(
            snapshot_download(hub.dataset, repo_type="dataset", revision=hub.revision, allow_patterns=[hub.files])
        )
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        first_line = str(error).strip().split("\n")[0]
        raise InputError(
            f"{manifest.name}: {where} cannot be downloaded ({first_line}); try again, or give a local copy with --from"
        ) from None
    readers = {".parquet": pl.read_parquet, ".jsonl": pl.read_ndjson, ".json": pl.read_json, ".csv": pl.read_csv}
    files = sorted(path for path in folder.rglob("*") if path.suffix in readers and path.match(Path(hub.files).name))
    if not files:
        raise InputError(f"{manifest.name}: {where} has no file like {hub.files}; has it changed?")
    for path in files:
        yield from readers[path.suffix](path).iter_rows(named=True)
