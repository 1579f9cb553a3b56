"""Programs that a sandbox must survive, and how each may end.

Each runs with a timeout, as the first cell of a session and as a later one. Afterwards the session's
variables must be what they were, unless the program `loses_state`.
"""

from __future__ import annotations

from dataclasses import dataclass

ALLOWED_ERROR = frozenset({"ok", "error"})


@dataclass(frozen=True, slots=True)
class HostileProgram:
    """One program."""

    code: str
    ends: frozenset[str]
    """The statuses with which it may end."""
    says: str = ""
    """A text that must be in the error or the output."""
    loses_state: bool = False
    """Whether it may kill its own snapshot too."""


def _ends(*statuses: str) -> frozenset[str]:
    return frozenset(statuses)


_TIMEOUT, _MEMORY, _ERROR, _DIED, _OK = map(_ends, ("timeout", "memory_limit", "error", "died", "ok"))
_OUTPUT, _EXIT = map(_ends, ("output_limit", "exit"))
_HARMLESS = _ends("ok", "error", "died")
_IGNORE_SIGNALS = """import signal
for s in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}: signal.signal(s, signal.SIG_IGN)
"""

TIME = {
    "loop": HostileProgram("while True: pass", _TIMEOUT),
    "swallows_everything": HostileProgram(
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass", _TIMEOUT
    ),
    "ignores_signals": HostileProgram(_IGNORE_SIGNALS + "while True: pass", _TIMEOUT),
    "loop_in_c": HostileProgram("import itertools\nsum(itertools.repeat(0))", _TIMEOUT),
    "stops_itself": HostileProgram("import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", _TIMEOUT),
    "sleep": HostileProgram("import time\ntime.sleep(1e9)", _TIMEOUT),
    "tower_of_powers": HostileProgram("x = 10**10**10", _ends("timeout", "memory_limit")),
    "str_that_loops": HostileProgram(
        "class C:\n    def __str__(self):\n        while True: pass\nprint(C())", _TIMEOUT
    ),
    "repr_that_loops": HostileProgram("class C:\n    def __repr__(self):\n        while True: pass\nC()", _TIMEOUT),
    "error_that_loops": HostileProgram(
        "class E(Exception):\n    def __str__(self):\n        while True: pass\nraise E", _TIMEOUT
    ),
    "endless_thread": HostileProgram(
        "import threading\ndef f():\n    while True: pass\nthreading.Thread(target=f).start()", _TIMEOUT
    ),
    "waits_for_itself": HostileProgram(
        "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()", _TIMEOUT
    ),
    "regex_that_backtracks": HostileProgram("import re\nre.match('(a+)+$', 'a' * 40 + 'b')", _TIMEOUT),
    "program_that_hangs": HostileProgram("import os\nos.system('sleep 98765')", _TIMEOUT),
    "reads_a_pipe_for_ever": HostileProgram("import os\nr, w = os.pipe()\nos.read(r, 1)", _TIMEOUT),
    "del_that_loops": HostileProgram("class C:\n    def __del__(self):\n        while True: pass\nC()\nNone", _TIMEOUT),
    "fork_that_hangs_and_parent_too": HostileProgram("import os, time\nos.fork()\ntime.sleep(1e9)", _TIMEOUT),
}
MEMORY = {
    "huge_list": HostileProgram("[0] * 10**10", _MEMORY, "MemoryError"),
    "growing_list": HostileProgram("x = [0]\nwhile True: x += x", _MEMORY),
    "growing_text": HostileProgram("x = 'a'\nwhile True: x += x", _MEMORY),
    "huge_bytes": HostileProgram("bytearray(10**11)", _MEMORY),
    "huge_range_to_list": HostileProgram("list(range(10**10))", _ends("memory_limit", "timeout")),
    "huge_shift": HostileProgram("1 << 10**12", _ends("memory_limit", "error")),
    "anonymous_mapping": HostileProgram("import mmap\nmmap.mmap(-1, 2**36)", _ends("error", "memory_limit")),
}
ERRORS = {
    "recursion": HostileProgram("def f(): return f()\nf()", _ERROR, "RecursionError"),
    "missing_module": HostileProgram("import nosuchmodule", _ERROR, "nosuchmodule"),
    "missing_name": HostileProgram("print(gcd(2, 4))", _ERROR, "NameError"),
    "syntax": HostileProgram("for", _ERROR, "SyntaxError"),
    "deep_syntax": HostileProgram("(" * 1000 + ")" * 1000, _ends("error", "memory_limit")),
    "null_byte": HostileProgram("x = '\0'", _ERROR, "null"),
    "shell_line": HostileProgram("!pip install sympy\n1 / 0", _ERROR, "ZeroDivisionError"),
    "exception_chain": HostileProgram(
        "e = None\nfor i in range(200):\n    n = ValueError(i)\n    n.__cause__ = e\n    e = n\nraise e", _ERROR, "199"
    ),
    "message_of_10_MB": HostileProgram("raise ValueError('x' * 10**7 + 'end')", _ERROR, "xend"),
    "input": HostileProgram("input()", _ERROR, "EOFError"),
    "descriptors": HostileProgram("import os\nfor _ in range(5000): os.dup(0)", _ERROR, "Too many open files"),
    "big_file": HostileProgram("open('f', 'wb').truncate(300 * 2**20)", _ERROR, "File too large"),
    "raised_interrupt": HostileProgram("raise KeyboardInterrupt", _ERROR, "KeyboardInterrupt"),
    "exception_without_str": HostileProgram(
        "class E(Exception):\n    def __str__(self): raise ValueError\nraise E", _ERROR, "str() failed"
    ),
    "generator_exit": HostileProgram("raise GeneratorExit", _ERROR, "GeneratorExit"),
    "exception_group": HostileProgram("raise ExceptionGroup('many', [ValueError(1)])", _ERROR, "many"),
    "wrong_type": HostileProgram("1 + 'a'", _ERROR, "TypeError"),
}
CRASHES = {
    "exit_at_once": HostileProgram("import os\nos._exit(0)", _DIED),
    "kill_of_its_group": HostileProgram("import os\nos.killpg(0, 9)", _HARMLESS, loses_state=True),
    "kill_of_itself": HostileProgram("import os\nos.kill(os.getpid(), 9)", _DIED),
    "null_dereference": HostileProgram("import ctypes\nctypes.string_at(0)", _DIED),
    "abort": HostileProgram("import os\nos.abort()", _DIED),
    "recursion_in_c": HostileProgram(
        "import sys, functools\nsys.setrecursionlimit(10**9)\nf = lambda: 0\n"
        "for _ in range(10**6): f = functools.partial(f)\nclass A: pass\na = A()\n"
        "def g(n): return g(n + 1)\ng(0)",
        _ends("died", "error", "memory_limit", "timeout"),
    ),
    "closed_descriptors": HostileProgram(
        "import os\nos.closerange(0, 256)", _ends("ok", "died", "error"), loses_state=True
    ),
    "wrong_free": HostileProgram("import ctypes\nctypes.CDLL(None).free(ctypes.c_void_p(8))", _DIED),
    "real_time_signal": HostileProgram(
        "import os\nos.kill(os.getpid(), 34)\nimport time\ntime.sleep(60)", _ends("died", "timeout")
    ),
}
ATTACKS = {
    "kill_the_parent": HostileProgram("import os\nos.kill(os.getppid(), 9)", _HARMLESS, loses_state=True),
    "kill_everyone": HostileProgram("import os\nos.kill(-1, 9)", _HARMLESS, loses_state=True),
    "trace_the_parent": HostileProgram(
        "import ctypes, os\nassert ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0) == 0", _ERROR
    ),
    "delete_the_root": HostileProgram("import shutil\nshutil.rmtree('/usr/lib')", _ERROR, "Permission"),
    "write_to_tmp": HostileProgram("open('/tmp/hostile', 'w')", _ERROR, "Permission"),
    "write_to_shared_memory": HostileProgram("open('/dev/shm/hostile', 'w')", _ERROR, "Permission"),
    "read_the_hosts_home": HostileProgram("import os\nos.listdir('/root')", _ERROR),
    "read_others_environments": HostileProgram(
        "import glob\nfor f in glob.glob('/proc/[0-9]*/environ'): open(f).read()\nopen('/proc/1/environ')", _ERROR
    ),
    "connect": HostileProgram("import socket\nsocket.create_connection(('127.0.0.1', 8000))", _ERROR),
    "listen": HostileProgram("import socket\nsocket.create_server(('127.0.0.1', 0))", _ERROR),
    "fetch": HostileProgram("import urllib.request\nurllib.request.urlopen('http://127.0.0.1:8000')", _ERROR),
    "shell": HostileProgram("import os\nos.system('echo from a shell')", _OK, "from a shell"),
    "pickle_bomb": HostileProgram(
        "import os, pickle\nclass B:\n    def __reduce__(self): return os._exit, (7,)\npickle.loads(pickle.dumps(B()))",
        _DIED,
    ),
    "garbage_on_descriptors": HostileProgram(
        "import os\nfor fd in range(3, 512):\n    try: os.write(fd, b'garbage' * 100)\n    except OSError: pass",
        _ends("ok", "died"),
        loses_state=True,
    ),
    "closes_private_descriptors": HostileProgram(
        "import os\nos.closerange(3, 1024)", _ends("ok", "died"), loses_state=True
    ),
    "becomes_root": HostileProgram("import os\nos.chroot('/')", _ERROR),
    "fork_bomb": HostileProgram(
        "import os, time\nfor _ in range(300):\n    try:\n        if os.fork() == 0: time.sleep(1e9)\n"
        "    except OSError: pass\ntime.sleep(1e9)",
        _ends("timeout", "memory_limit"),
    ),
    "program_swarm": HostileProgram(
        "import subprocess\nps = [subprocess.Popen(['sleep', '98765']) for _ in range(30)]\nlen(ps)", _OK, "30"
    ),
    "patched_runner": HostileProgram(
        "import json, sys, builtins\nbuiltins.print = None\njson.dumps = None\nsys.stdout = None\n"
        "sys.modules['aimo_solver.sandbox.inside.cell'] = None",
        _OK,
    ),
    "raised_limits": HostileProgram(
        "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (10**6, 10**6))", _ERROR
    ),
    "replaced_interpreter": HostileProgram("import os\nos.execv('/bin/sh', ['sh', '-c', 'exit 5'])", _DIED),
}
OUTPUT = {
    "flood": HostileProgram("while True: print('x' * 1000)", _OUTPUT),
    "gigabyte": HostileProgram("import os\nfor _ in range(1024): os.write(1, b'x' * 2**20)", _OUTPUT),
    "line_of_10_MB": HostileProgram("print('x' * 10**7)", _ends("ok", "output_limit")),
    "binary": HostileProgram("import os\nos.write(1, bytes(range(256)))", _OK),
    "lone_surrogate": HostileProgram("print(chr(0xd800))", _OK, "?"),
    "closed_stdout": HostileProgram("import sys\nsys.stdout.close()", _OK),
    "written_below_python": HostileProgram("import os\nos.write(1, b'below\\n')", _OK, "below"),
    "forged_status": HostileProgram("import os\nos.write(1, b'\\0\\0\\0\\x02ok')\n1 / 0", _ERROR, "ZeroDivisionError"),
}
HARMLESS = {
    "exit": HostileProgram("print('a')\nimport sys\nsys.exit(1)", _EXIT, "a"),
    "quit": HostileProgram("quit()", _ends("exit", "error")),
    "daemon": HostileProgram("import os\nos.system('setsid sleep 98765 >/dev/null 2>&1 &')", _OK),
    "double_fork": HostileProgram(
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: time.sleep(1e9)\n    os._exit(0)",
        _OK,
    ),
    "fork_that_returns": HostileProgram("import os\nif os.fork(): os.wait()", _OK),
    "threads": HostileProgram(
        "from concurrent.futures import ThreadPoolExecutor\nprint(sum(ThreadPoolExecutor(4).map(abs, range(5))))",
        _OK,
        "10",
    ),
    "asyncio": HostileProgram("import asyncio\nasync def f(): return 41\nprint(asyncio.run(f()) + 1)", _OK, "42"),
    "multiprocessing": HostileProgram(
        "import multiprocessing\nwith multiprocessing.Pool(2) as p: print(p.map(abs, [-1]))", ALLOWED_ERROR
    ),
    "unicode_names": HostileProgram("α = 3\nα", _OK, "3"),
    "huge_integer": HostileProgram("len(str(3**100000))", _OK, "47713"),
    "assignment_last": HostileProgram("x_ = 5", _OK),
    "comment_last": HostileProgram("5  # five", _OK, "5"),
    "loop_last": HostileProgram("for i in range(2): i", _OK),
    "alarm_left_behind": HostileProgram("import signal\nsignal.setitimer(signal.ITIMER_REAL, 60)", _OK),
    "changed_folder": HostileProgram(
        "import os\nos.makedirs('a/b')\nos.chdir('a/b')\nos.removedirs('.') if 0 else None", _OK
    ),
}
PROGRAMS: dict[str, HostileProgram] = {**TIME, **MEMORY, **ERRORS, **CRASHES, **ATTACKS, **OUTPUT, **HARMLESS}
