"""The submission's entry: finds the package, then hands over to aimo_solver.entry.

Bootstrap only. `python kernel.py --help` tells the options.
"""

import sys
import time
from pathlib import Path

STARTED_AT = time.monotonic()
"""The limit's clock begins with the session, imports and loading included."""

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    from aimo_solver.entry import main

    main(STARTED_AT)
