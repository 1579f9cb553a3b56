"""Programs that a sandbox must survive, and how each may end.

Each runs with a short timeout, as the first cell of a session and as a later one. `KEEPS_STATE` are
the statuses after which a session's variables must be what they were.
"""

from __future__ import annotations

from dataclasses import dataclass

ALLOWED_ERROR = frozenset({"ok", "error"})


@dataclass(frozen=True, slots=True)
class Hostile:
    """One program."""

    code: str
    ends: frozenset[str]
    """Statuses it may end with."""
    says: str = ""
    """Must be in the error text or the output."""
    loses_state: bool = False
    """It may take its own snapshot down with it."""


def _ends(*statuses: str) -> frozenset[str]:
    return frozenset(statuses)


_TIMEOUT, _MEMORY, _ERROR, _DIED, _OK = map(_ends, ("timeout", "memory_limit", "error", "died", "ok"))
_OUTPUT, _EXIT = map(_ends, ("output_limit", "exit"))
_HARMLESS = _ends("ok", "error", "died")
_IGNORE_SIGNALS = """import signal
for s in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}: signal.signal(s, signal.SIG_IGN)
"""

TIME = {
    "loop": Hostile("while True: pass", _TIMEOUT),
    "swallows_everything": Hostile(
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass", _TIMEOUT
    ),
    "ignores_signals": Hostile(_IGNORE_SIGNALS + "while True: pass", _TIMEOUT),
    "loop_in_c": Hostile("import itertools\nsum(itertools.repeat(0))", _TIMEOUT),
    "stops_itself": Hostile("import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", _TIMEOUT),
    "sleep": Hostile("import time\ntime.sleep(1e9)", _TIMEOUT),
    "tower_of_powers": Hostile("x = 10**10**10", _ends("timeout", "memory_limit")),
    "str_that_loops": Hostile("class C:\n    def __str__(self):\n        while True: pass\nprint(C())", _TIMEOUT),
    "repr_that_loops": Hostile("class C:\n    def __repr__(self):\n        while True: pass\nC()", _TIMEOUT),
    "error_that_loops": Hostile(
        "class E(Exception):\n    def __str__(self):\n        while True: pass\nraise E", _TIMEOUT
    ),
    "endless_thread": Hostile(
        "import threading\ndef f():\n    while True: pass\nthreading.Thread(target=f).start()", _TIMEOUT
    ),
    "waits_for_itself": Hostile("import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()", _TIMEOUT),
    "regex_that_backtracks": Hostile("import re\nre.match('(a+)+$', 'a' * 40 + 'b')", _TIMEOUT),
    "program_that_hangs": Hostile("import os\nos.system('sleep 98765')", _TIMEOUT),
    "reads_a_pipe_for_ever": Hostile("import os\nr, w = os.pipe()\nos.read(r, 1)", _TIMEOUT),
    "del_that_loops": Hostile("class C:\n    def __del__(self):\n        while True: pass\nC()\nNone", _TIMEOUT),
    "fork_that_hangs_and_parent_too": Hostile("import os, time\nos.fork()\ntime.sleep(1e9)", _TIMEOUT),
}
MEMORY = {
    "huge_list": Hostile("[0] * 10**10", _MEMORY, "MemoryError"),
    "growing_list": Hostile("x = [0]\nwhile True: x += x", _MEMORY),
    "growing_text": Hostile("x = 'a'\nwhile True: x += x", _MEMORY),
    "huge_bytes": Hostile("bytearray(10**11)", _MEMORY),
    "huge_range_to_list": Hostile("list(range(10**10))", _ends("memory_limit", "timeout")),
    "huge_shift": Hostile("1 << 10**12", _ends("memory_limit", "error")),
    "anonymous_mapping": Hostile("import mmap\nmmap.mmap(-1, 2**36)", _ends("error", "memory_limit")),
}
ERRORS = {
    "recursion": Hostile("def f(): return f()\nf()", _ERROR, "RecursionError"),
    "missing_module": Hostile("import nosuchmodule", _ERROR, "nosuchmodule"),
    "missing_name": Hostile("print(gcd(2, 4))", _ERROR, "NameError"),
    "syntax": Hostile("for", _ERROR, "SyntaxError"),
    "deep_syntax": Hostile("(" * 1000 + ")" * 1000, _ends("error", "memory_limit")),
    "null_byte": Hostile("x = '\0'", _ERROR, "null"),
    "shell_line": Hostile("!pip install sympy", _ERROR, "SyntaxError"),
    "exception_chain": Hostile(
        "e = None\nfor i in range(200):\n    n = ValueError(i)\n    n.__cause__ = e\n    e = n\nraise e", _ERROR, "199"
    ),
    "message_of_10_MB": Hostile("raise ValueError('x' * 10**7 + 'end')", _ERROR, "xend"),
    "input": Hostile("input()", _ERROR, "EOFError"),
    "descriptors": Hostile("import os\nfor _ in range(5000): os.dup(0)", _ERROR, "Too many open files"),
    "big_file": Hostile("open('f', 'wb').truncate(300 * 2**20)", _ERROR, "File too large"),
    "raised_interrupt": Hostile("raise KeyboardInterrupt", _ERROR, "KeyboardInterrupt"),
    "exception_without_str": Hostile(
        "class E(Exception):\n    def __str__(self): raise ValueError\nraise E", _ERROR, "str() failed"
    ),
    "generator_exit": Hostile("raise GeneratorExit", _ERROR, "GeneratorExit"),
    "exception_group": Hostile("raise ExceptionGroup('many', [ValueError(1)])", _ERROR, "many"),
    "wrong_type": Hostile("1 + 'a'", _ERROR, "TypeError"),
}
CRASHES = {
    "exit_at_once": Hostile("import os\nos._exit(0)", _DIED),
    "kill_of_its_group": Hostile("import os\nos.killpg(0, 9)", _HARMLESS, loses_state=True),
    "kill_of_itself": Hostile("import os\nos.kill(os.getpid(), 9)", _DIED),
    "null_dereference": Hostile("import ctypes\nctypes.string_at(0)", _DIED),
    "abort": Hostile("import os\nos.abort()", _DIED),
    "recursion_in_c": Hostile(
        "import sys, functools\nsys.setrecursionlimit(10**9)\nf = lambda: 0\n"
        "for _ in range(10**6): f = functools.partial(f)\nclass A: pass\na = A()\n"
        "def g(n): return g(n + 1)\ng(0)",
        _ends("died", "error", "memory_limit", "timeout"),
    ),
    "closed_descriptors": Hostile("import os\nos.closerange(0, 256)", _ends("ok", "died", "error"), loses_state=True),
    "wrong_free": Hostile("import ctypes\nctypes.CDLL(None).free(ctypes.c_void_p(8))", _DIED),
    "real_time_signal": Hostile(
        "import os\nos.kill(os.getpid(), 34)\nimport time\ntime.sleep(60)", _ends("died", "timeout")
    ),
}
ATTACKS = {
    "kill_the_parent": Hostile("import os\nos.kill(os.getppid(), 9)", _HARMLESS, loses_state=True),
    "kill_everyone": Hostile("import os\nos.kill(-1, 9)", _HARMLESS, loses_state=True),
    "trace_the_parent": Hostile(
        "import ctypes, os\nassert ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0) == 0", _ERROR
    ),
    "delete_the_root": Hostile("import shutil\nshutil.rmtree('/usr/lib')", _ERROR, "Permission"),
    "write_to_tmp": Hostile("open('/tmp/hostile', 'w')", _ERROR, "Permission"),
    "write_to_shared_memory": Hostile("open('/dev/shm/hostile', 'w')", _ERROR, "Permission"),
    "read_the_hosts_home": Hostile("import os\nos.listdir('/root')", _ERROR),
    "read_others_environments": Hostile(
        "import glob\nfor f in glob.glob('/proc/[0-9]*/environ'): open(f).read()\nopen('/proc/1/environ')", _ERROR
    ),
    "connect": Hostile("import socket\nsocket.create_connection(('127.0.0.1', 8000))", _ERROR),
    "listen": Hostile("import socket\nsocket.create_server(('127.0.0.1', 0))", _ERROR),
    "fetch": Hostile("import urllib.request\nurllib.request.urlopen('http://127.0.0.1:8000')", _ERROR),
    "shell": Hostile("import os\nos.system('echo from a shell')", _OK, "from a shell"),
    "pickle_bomb": Hostile(
        "import os, pickle\nclass B:\n    def __reduce__(self): return os._exit, (7,)\npickle.loads(pickle.dumps(B()))",
        _DIED,
    ),
    "garbage_on_descriptors": Hostile(
        "import os\nfor fd in range(3, 512):\n    try: os.write(fd, b'garbage' * 100)\n    except OSError: pass",
        _ends("ok", "died"),
        loses_state=True,
    ),
    "closes_private_descriptors": Hostile("import os\nos.closerange(3, 1024)", _ends("ok", "died"), loses_state=True),
    "becomes_root": Hostile("import os\nos.chroot('/')", _ERROR),
    "fork_bomb": Hostile(
        "import os, time\nfor _ in range(300):\n    try:\n        if os.fork() == 0: time.sleep(1e9)\n"
        "    except OSError: pass\ntime.sleep(1e9)",
        _ends("timeout", "memory_limit"),
    ),
    "program_swarm": Hostile(
        "import subprocess\nps = [subprocess.Popen(['sleep', '98765']) for _ in range(30)]\nlen(ps)", _OK, "30"
    ),
    "patched_runner": Hostile(
        "import json, sys, builtins\nbuiltins.print = None\njson.dumps = None\nsys.stdout = None\n"
        "sys.modules['aimo_solver.sandbox.inside.cell'] = None",
        _OK,
    ),
    "raised_limits": Hostile("import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (10**6, 10**6))", _ERROR),
    "replaced_interpreter": Hostile("import os\nos.execv('/bin/sh', ['sh', '-c', 'exit 5'])", _DIED),
}
OUTPUT = {
    "flood": Hostile("while True: print('x' * 1000)", _OUTPUT),
    "gigabyte": Hostile("import os\nfor _ in range(1024): os.write(1, b'x' * 2**20)", _OUTPUT),
    "line_of_10_MB": Hostile("print('x' * 10**7)", _ends("ok", "output_limit")),
    "binary": Hostile("import os\nos.write(1, bytes(range(256)))", _OK),
    "lone_surrogate": Hostile("print(chr(0xd800))", _OK, "?"),
    "closed_stdout": Hostile("import sys\nsys.stdout.close()", _OK),
    "written_below_python": Hostile("import os\nos.write(1, b'below\\n')", _OK, "below"),
    "forged_status": Hostile("import os\nos.write(1, b'\\0\\0\\0\\x02ok')\n1 / 0", _ERROR, "ZeroDivisionError"),
}
HARMLESS = {
    "exit": Hostile("print('a')\nimport sys\nsys.exit(1)", _EXIT, "a"),
    "quit": Hostile("quit()", _ends("exit", "error")),
    "daemon": Hostile("import os\nos.system('setsid sleep 98765 >/dev/null 2>&1 &')", _OK),
    "double_fork": Hostile(
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: time.sleep(1e9)\n    os._exit(0)",
        _OK,
    ),
    "fork_that_returns": Hostile("import os\nif os.fork(): os.wait()", _OK),
    "threads": Hostile(
        "from concurrent.futures import ThreadPoolExecutor\nprint(sum(ThreadPoolExecutor(4).map(abs, range(5))))",
        _OK,
        "10",
    ),
    "asyncio": Hostile("import asyncio\nasync def f(): return 41\nprint(asyncio.run(f()) + 1)", _OK, "42"),
    "multiprocessing": Hostile(
        "import multiprocessing\nwith multiprocessing.Pool(2) as p: print(p.map(abs, [-1]))", ALLOWED_ERROR
    ),
    "unicode_names": Hostile("α = 3\nα", _OK, "3"),
    "huge_integer": Hostile("len(str(3**100000))", _OK, "47713"),
    "assignment_last": Hostile("x_ = 5", _OK),
    "comment_last": Hostile("5  # five", _OK, "5"),
    "loop_last": Hostile("for i in range(2): i", _OK),
    "alarm_left_behind": Hostile("import signal\nsignal.setitimer(signal.ITIMER_REAL, 60)", _OK),
    "changed_folder": Hostile("import os\nos.makedirs('a/b')\nos.chdir('a/b')\nos.removedirs('.') if 0 else None", _OK),
}
PROGRAMS: dict[str, Hostile] = {**TIME, **MEMORY, **ERRORS, **CRASHES, **ATTACKS, **OUTPUT, **HARMLESS}
