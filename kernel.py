"""The submission's entry: finds the package, installs what is attached, then hands over to aimo_solver.entry.

Bootstrap only. `python kernel.py --help` tells the options.
"""

import atexit
import base64
import io
import lzma
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

STARTED_AT = time.monotonic()
"""The limit's clock begins with the session, installs, imports and loading included."""
ARGUMENTS: list[str] = []
"""On Kaggle nobody types options: write them here, such as ["--preset", "default"]."""
PACKAGE = ""
"""`aimo package single-file` puts the package here."""
INPUTS = Path(os.environ.get("AIMO_INPUTS", "/kaggle/input"))
LOCK = "aimo-wheels.lock"


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


def install_attached() -> None:
    """Installs the wheels of every attached folder that has a lock; nothing is fetched, nothing resolved."""
    for folder, _, names in os.walk(INPUTS, followlinks=True):
        if LOCK not in names:
            continue
        print(f"installing the wheels of {folder}", flush=True)
        pip = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-index",
            "--no-deps",
            "--root-user-action=ignore",
        ]
        subprocess.run([*pip, "--find-links", folder, "-r", str(Path(folder, LOCK))], check=True)
        print(f"installed after {time.monotonic() - STARTED_AT:.0f} s", flush=True)


if __name__ == "__main__":
    find_package()
    install_attached()
    try:
        from aimo_solver.entry import main
    except ModuleNotFoundError as error:
        sys.exit(f"error: {error.name} is not there; attach the dataset that `aimo package wheels` makes")
    main(STARTED_AT, ARGUMENTS or None)
