"""The submission's entry: finds the package, installs what is attached, then hands over to aimo_solver.app.kernel.

Bootstrap only. `python kernel.py --help` tells the options.
"""

import atexit
import base64
import contextlib
import io
import lzma
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

STARTED_AT = time.monotonic()
"""The limit's clock begins with the session, installs, imports and loading included."""
ARGUMENTS: list[str] = []
"""On Kaggle nobody types options: write them here, such as ["--preset", "default"]."""
PACKAGE = ""
"""`aimo package single-file` puts the package here."""
INPUTS = Path(os.environ.get("AIMO_INPUTS", "/kaggle/input"))
LOCK = "aimo-wheels.lock"
DEEPEST = 8
READ_BYTES = 16 * 2**20


def find_package() -> None:
    """Puts it on the path: from inside this file, or from beside it. Attached wheels are installed anyway."""
    if PACKAGE:
        place = tempfile.mkdtemp(prefix="aimo-package-")
        atexit.register(shutil.rmtree, place, ignore_errors=True)
        with tarfile.open(fileobj=io.BytesIO(lzma.decompress(base64.b85decode(PACKAGE)))) as archive:
            archive.extractall(place, filter="data")
        sys.path.insert(0, place)
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [place, os.environ.get("PYTHONPATH", "")]))
    elif "__file__" in globals():
        sys.path.insert(0, str(Path(__file__).resolve().parent))


def attached(wanted: Callable[[str], bool]) -> list[Path]:
    """Attached files by name, each once: a folder may be mounted twice, and links may go round."""
    found: dict[str, Path] = {}
    for folder, below, names in os.walk(INPUTS, followlinks=True):
        if len(Path(folder).relative_to(INPUTS).parts) >= DEEPEST:
            below.clear()
        for name in filter(wanted, sorted(names)):
            found.setdefault(os.path.realpath(os.path.join(folder, name)), Path(folder, name))
    return list(found.values())


def install_attached() -> None:
    """Installs the wheels of every attached folder that has a lock; nothing is fetched, nothing resolved."""
    for lock in attached(LOCK.__eq__):
        print(f"installing the wheels of {lock.parent}", flush=True)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
        command += ["--root-user-action=ignore", "--find-links", str(lock.parent), "-r", str(lock)]
        subprocess.run(command, check=True)
        print(f"installed after {time.monotonic() - STARTED_AT:.0f} s", flush=True)


def unpack_wheel() -> None:
    """Makes the package importable from its attached wheel, before that is installed."""
    for wheel in attached(lambda name: name.startswith("aimo_solver-") and name.endswith(".whl"))[:1]:
        place = tempfile.mkdtemp(prefix="aimo-wheel-")
        atexit.register(shutil.rmtree, place, ignore_errors=True)
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(place)
        sys.path.append(place)


def serve_in_front() -> None:
    """Has a contest's server up before the wheels are installed, and ends with it; returns where that cannot be."""
    unpack_wheel()
    try:
        from aimo_solver.kaggle.gateways.front import serve_in_front
        from aimo_solver.utils.exit import one_sentence_errors
    except ImportError as error:
        print(f"the server starts after the wheels are installed: {error}", flush=True)
        return
    with one_sentence_errors():
        code = serve_in_front(ARGUMENTS or sys.argv[1:], INPUTS, install_attached, STARTED_AT)
    if code is not None:
        sys.exit(code)


def read_ahead() -> None:
    """Reads attached weights once, so that they are in memory by the time the engine asks for them."""
    for path in attached(lambda name: name.endswith(".safetensors")):
        with contextlib.suppress(OSError), path.open("rb", buffering=0) as file:
            while file.read(READ_BYTES):
                pass


if __name__ == "__main__":
    threading.Thread(target=read_ahead, name="read-ahead", daemon=True).start()
    find_package()
    if attached(LOCK.__eq__):
        serve_in_front()
    install_attached()
    try:
        from aimo_solver.app.kernel import main
    except ModuleNotFoundError as error:
        sys.exit(f"error: {error.name} is not there; attach the dataset that `aimo package wheels` makes")
    main(STARTED_AT, ARGUMENTS or None)
