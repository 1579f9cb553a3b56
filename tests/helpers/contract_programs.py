"""Programs that every sandbox must stop or report: endless ones, errors and crashes."""

from __future__ import annotations

ENDLESS = {
    "loop": "while True: pass",
    "swallowed_interrupt": (
        "while True:\n    try:\n        while True:\n            n = 1\n    except BaseException:\n        pass"
    ),
    "ignored_signals": (
        "import signal\nfor s in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:\n"
        "    signal.signal(s, signal.SIG_IGN)\nwhile True: pass"
    ),
    "c_loop_that_checks_no_signals": "import itertools\nsum(itertools.repeat(0))",
    "stopped_by_itself": "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
    "sleep": "import time\ntime.sleep(1e9)",
    "program_that_hangs": "import os\nos.system('sleep 98765')",
    "repr_that_loops": "class C:\n    def __repr__(self):\n        while True: pass\nC()",
    "error_message_that_loops": ("class E(Exception):\n    def __str__(self):\n        while True: pass\nraise E"),
    "thread": "import threading\ndef f():\n    while True: pass\nthreading.Thread(target=f).start()",
}
ERRORS = {
    "missing_name": ("print(gcd(3, 4))", "NameError: name 'gcd' is not defined"),
    "missing_module": ("import nosuchmodule", "ModuleNotFoundError: No module named 'nosuchmodule'"),
    "recursion": ("def f(): return f()\nf()", "RecursionError: maximum recursion depth exceeded"),
    "syntax": ("x = 1\nfor", "SyntaxError: invalid syntax"),
    "null_byte": ("x = '\0'", "source code string cannot contain null bytes"),
    "assignment_to_nothing": ("x = ", "SyntaxError: invalid syntax"),
    "input": ("input()", "EOFError: EOF when reading a line"),
    "exception_chain": (
        "e = None\nfor i in range(200):\n    n = ValueError(i)\n    n.__cause__ = e\n    e = n\nraise e",
        "ValueError: 199",
    ),
    "long_message": ("raise ValueError('x' * 10**7 + 'end')", "xend"),
    "descriptors": ("import os\nwhile True: os.dup(0)", "Too many open files"),
    "big_file": ("open('f', 'wb').truncate(300 * 2**20)", "File too large"),
    "raised_interrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
}
CRASHES = {
    "exit_of_the_process": "import os\nos._exit(3)",
    "kill_of_its_group": "import os\nos.killpg(0, 9)",
    "null_dereference": "import ctypes\nctypes.string_at(0)",
    "abort": "import os\nos.abort()",
}
