"""Push: the real `kaggle` command against a stub of Kaggle's API, and every way it can end."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from aimo_solver.errors import InputError
from aimo_solver.kaggle.attached_sources import ASK_SECONDS, MAX_ASKS
from aimo_solver.kaggle.kernel_metadata import read_kernel_metadata
from aimo_solver.kaggle.push import (
    MAX_FAILED_POLLS,
    MAX_UNSEEN_POLLS,
    POLL_SECONDS,
    UNSEEN_POLL_SECONDS,
    KernelVersion,
    describe_kernel,
    fetch,
    follow,
    push,
    submit,
)
from tests.helpers.kaggle_stub import KaggleStub, kaggle_stub, pulled_kernel

GOOD_METADATA = {
    "id": "me/my-solver",
    "title": "My solver",
    "code_file": "kernel.py",
    "language": "python",
    "kernel_type": "script",
    "enable_gpu": True,
    "enable_internet": False,
    "machine_shape": "NvidiaH100",
    "competition_sources": ["ai-mathematical-olympiad-progress-prize-3"],
    "dataset_sources": ["me/aimo-wheels"],
    "model_sources": ["me/my-model/transformers/fp8/1"],
}
PUSHED = KernelVersion("me/my-solver", 4, "https://www.kaggle.com/code/me/my-solver")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KAGGLE_API_TOKEN", "a-token")
    (tmp_path / "kernel-metadata.json").write_text(json.dumps(GOOD_METADATA))
    (tmp_path / "kernel.py").write_text("print('π')\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KaggleStub]:
    """Kaggle as far as the command can tell: a push is answered with `reply`, a pull with the sources in `attached`."""
    with kaggle_stub(lambda name, fields: pulled_kernel(attached) if name == "GetKernel" else reply) as stub:
        for name, value in {
            "KAGGLE_API_ENVIRONMENT": "LOCALHOST",
            "KAGGLE_USERNAME": "dummy",
            "KAGGLE_KEY": "a-secret",
            "KAGGLE_API_TOKEN": "",
            "KAGGLE_CONFIG_DIR": str(tmp_path),
            "http_proxy": f"http://127.0.0.1:{stub.port}",
            "no_proxy": "",
            "NO_PROXY": "",
        }.items():
            monkeypatch.setenv(name, value)
        reply.clear()
        attached.clear()
        attached.update({name: GOOD_METADATA[name] for name in GOOD_METADATA if name.endswith("_sources")})
        yield stub


reply: dict[str, Any] = {}
attached: dict[str, Any] = {}
NEW_VERSION = {"versionNumber": 4, "url": "https://www.kaggle.com/code/me/my-solver"}


def no_wait(seconds: float) -> None:
    """Tests do not sleep."""


def test_the_real_command_sends_every_field(folder: Path, kaggle: KaggleStub) -> None:
    reply.update(NEW_VERSION)
    assert push(folder, max_seconds=900) == PUSHED
    sent = kaggle.of("SaveKernel")
    assert sent == sent | {
        "slug": "me/my-solver",
        "newTitle": "My solver",
        "text": "print('π')\n",
        "language": "python",
        "kernelType": "script",
        "datasetDataSources": ["me/aimo-wheels"],
        "competitionDataSources": ["ai-mathematical-olympiad-progress-prize-3"],
        "modelDataSources": ["me/my-model/transformers/fp8/1"],
        "isPrivate": True,
        "enableGpu": True,
        "enableInternet": False,
        "machineShape": "NvidiaH100",
        "sessionTimeoutSeconds": 900,
    }


def test_a_relative_folder_is_sent(folder: Path, kaggle: KaggleStub, monkeypatch: pytest.MonkeyPatch) -> None:
    reply.update(NEW_VERSION)
    monkeypatch.chdir(folder.parent)
    assert push(Path(folder.name)) == PUSHED
    assert kaggle.of("SaveKernel")["text"] == "print('π')\n"


def test_a_refusal_by_the_server_is_reported_although_the_command_exits_with_0(
    folder: Path, kaggle: KaggleStub
) -> None:
    reply.update({"error": "Maximum weekly GPU quota reached"})
    with pytest.raises(InputError, match=r"Kaggle refused the kernel: .*Maximum weekly GPU quota"):
        push(folder)


def test_a_source_that_kaggle_drops_is_reported(folder: Path, kaggle: KaggleStub) -> None:
    reply.update({"versionNumber": 4, "url": "https://x", "invalidDatasetSources": ["me/aimo-wheels"]})
    with pytest.raises(InputError, match=r"Kaggle dropped what it does not know: .*dataset sources.*aimo-wheels"):
        push(folder)


def test_a_model_that_kaggle_drops_without_a_word_is_reported(folder: Path, kaggle: KaggleStub) -> None:
    reply.update(NEW_VERSION | {"invalidModelSources": ["me/my-model/transformers/fp8/1"]})
    attached["model_sources"] = []
    waits = list[float]()
    fault = r"me/my-model/transformers/fp8/1 \(model_sources\) is not attached to version 4"
    with pytest.raises(InputError, match=f"Kaggle dropped what it does not know: {fault}"):
        push(folder, sleep=waits.append)
    assert waits == [ASK_SECONDS] * (MAX_ASKS - 1)


def test_a_pull_that_still_shows_the_version_before_is_asked_again(folder: Path, kaggle: KaggleStub) -> None:
    reply.update(NEW_VERSION)
    attached["model_sources"] = ["me/older-model/transformers/fp8/1"]

    def appear(seconds: float) -> None:
        attached["model_sources"] = GOOD_METADATA["model_sources"]

    assert push(folder, sleep=appear) == PUSHED


def test_attached_sources_that_cannot_be_asked_for_are_not_believed(folder: Path) -> None:
    def run(arguments: Sequence[str]) -> str:
        if arguments[1] == "pull":
            raise InputError("kaggle kernels pull: 502 Bad Gateway")
        return "Kernel version 4 successfully pushed.  Please check progress at https://x"

    with pytest.raises(InputError, match=r"version 4 is pushed, but Kaggle does not say what is attached .*502"):
        push(folder, run, sleep=no_wait)


def test_bad_metadata_is_refused_before_anything_is_sent(folder: Path, kaggle: KaggleStub) -> None:
    path = folder / "kernel-metadata.json"
    path.write_text(path.read_text().replace("false", "true"))
    with pytest.raises(InputError, match="enable_internet must be false"):
        push(folder)
    assert kaggle.calls == []


def test_what_will_be_sent_is_shown_without_secrets(folder: Path, kaggle: KaggleStub) -> None:
    lines = describe_kernel(read_kernel_metadata(folder))
    assert any("me/my-model/transformers/fp8/1" in line for line in lines)
    assert any("NvidiaH100; internet off" in line for line in lines)
    assert "a-secret" not in "\n".join(lines)


def printing(*outputs: str) -> tuple[list[list[str]], Any]:
    """Returns the calls so far, and a command that prints these outputs, one per call."""
    script, calls = iter(outputs), list[list[str]]()

    def run(arguments: Sequence[str]) -> str:
        calls.append(list(arguments))
        return next(script)

    return calls, run


def test_a_run_is_followed_to_its_end() -> None:
    waits, lines = list[float](), list[str]()
    form = 'me/my-solver has status "KernelWorkerStatus.{}"\n'
    _, run = printing(*[form.format(status) for status in ("QUEUED", "RUNNING", "RUNNING", "COMPLETE")])
    follow(PUSHED, lines.append, kaggle=run, sleep=waits.append)
    assert lines == ["version 4: queued", "version 4: running", "version 4: complete"]
    assert waits == [POLL_SECONDS] * 3


def test_a_failed_run_is_reported_with_kaggles_reason() -> None:
    _, run = printing(
        'me/my-solver has status "KernelWorkerStatus.RUNNING"\n',
        'me/my-solver has status "KernelWorkerStatus.ERROR"\nFailure message: "Your notebook ran out of memory"\n',
    )
    with pytest.raises(InputError, match=r"version 4 of me/my-solver ended with error .*out of memory.*; see https"):
        follow(PUSHED, lambda line: None, kaggle=run, sleep=no_wait)


def test_a_status_that_cannot_be_read_ends_the_wait() -> None:
    _, run = printing(*["502 Bad Gateway"] * (MAX_FAILED_POLLS + 1))
    with pytest.raises(InputError, match="does not report the status of me/my-solver: 502 Bad Gateway"):
        follow(PUSHED, lambda line: None, kaggle=run, sleep=lambda seconds: None)


def test_a_single_failed_poll_does_not_end_the_wait() -> None:
    lines, script = list[str](), iter(["RUNNING", None, "COMPLETE"])

    def run(arguments: Sequence[str]) -> str:
        status = next(script)
        if status is None:
            raise InputError("kaggle kernels status: connection reset")
        return f'me/my-solver has status "KernelWorkerStatus.{status}"'

    follow(PUSHED, lines.append, kaggle=run, sleep=lambda seconds: None)
    assert lines == ["version 4: running", "version 4: complete"]


@pytest.mark.parametrize("end", ["COMPLETE", "ERROR", "CANCEL_ACKNOWLEDGED"])
def test_the_end_of_the_version_before_is_not_taken_for_this_ones(end: str) -> None:
    form = 'me/my-solver has status "KernelWorkerStatus.{}"'
    calls, run = printing(*[form.format(status) for status in (end, end, end, end, "RUNNING", "COMPLETE")])
    lines, waits = list[str](), list[float]()
    follow(PUSHED, lines.append, kaggle=run, sleep=waits.append)
    assert lines[0] == f"version 4: not shown yet; {end.lower()} may be the version before"
    assert lines[1:] == ["version 4: running", "version 4: complete"]
    assert len(calls) == 6
    assert waits == [UNSEEN_POLL_SECONDS] * 4 + [POLL_SECONDS]


def test_a_version_that_fails_before_it_was_seen_running_is_reported_in_the_end() -> None:
    calls, run = printing(*['me/my-solver has status "KernelWorkerStatus.ERROR"'] * (MAX_UNSEEN_POLLS + 1))
    with pytest.raises(InputError, match="version 4 of me/my-solver ended with error"):
        follow(PUSHED, lambda line: None, kaggle=run, sleep=no_wait)
    assert len(calls) == MAX_UNSEEN_POLLS + 1


def test_a_finished_version_is_submitted() -> None:
    calls, run = printing("Successfully submitted to AIMO")
    submit(PUSHED, competition="aimo-3", message="first", kaggle=run)
    assert calls == [
        "competitions submit aimo-3 -k me/my-solver -v 4 -f submission.parquet -m first".split(),
    ]


def test_aimo1_submits_the_file_its_gateway_leaves() -> None:
    calls, run = printing("Successfully submitted to AIMO")
    submit(PUSHED, competition="ai-mathematical-olympiad-prize", message="first", kaggle=run)
    assert calls[0][-3:] == ["submission.csv", "-m", "first"]


def test_a_refused_submission_is_reported() -> None:
    _, run = printing("You have exceeded your daily submission limit.\n")
    with pytest.raises(InputError, match=r"did not accept the submission: .*daily submission limit"):
        submit(PUSHED, competition="aimo-3", message="first", kaggle=run)


def test_a_run_folder_is_fetched(tmp_path: Path) -> None:
    def run(arguments: Sequence[str]) -> str:
        place = Path(arguments[arguments.index("-p") + 1], "runs", "one")
        place.mkdir(parents=True)
        (place / "trajectories.jsonl").touch()
        return ""

    assert fetch(PUSHED, tmp_path / "out", run) == [tmp_path / "out/runs/one"]
