"""Layers: what isolates a cell's process from the rest of the machine, each where the machine allows it.

`probe` tries every layer in its own fork and reports which hold; `apply` locks the calling process
with those, for good. Only `user` needs privileges, namely root. What each layer does:

- `limits`: limits address space, open files and file size; no core dumps;
- `user`: gives each session its own user id, so that other users' processes and files are closed to it;
- `no_new_privileges`: setuid programs give nothing back;
- `landlock`: may read Python and the system's libraries, write the scratch folder, and signal or trace
  only its own processes; models, problem files and answers are out of reach (Linux 5.13; signals 6.12);
- `seccomp`: no sockets, so no engine port and no network; no tracing, mounting or other privileged
  system calls.

Every sandbox process imports this file, so it imports only a few small modules of the standard library.
Sources: landlock(7), seccomp(2), linux/landlock.h, linux/seccomp.h.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

EFFECTS = {
    "limits": "memory, open files and file size limited",
    "user": "other users' processes and files out of reach",
    "no_new_privileges": "setuid programs powerless",
    "landlock": "files other than Python and the scratch folder, and outside processes, out of reach",
    "seccomp": "network, tracing and privileged system calls blocked",
}
LAYERS = tuple(EFFECTS)
"""In the order in which they are applied."""
ON = "on"

MAX_OPEN_FILES = 1024
MAX_FILE_BYTES = 256 * 2**20
MAX_SESSION_PROCESSES = 128
_FIRST_USER = 20_000
_USERS = 40_000

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_PDEATHSIG = 1
_SECCOMP_MODE_FILTER = 2


def tie_to(parent: int) -> None:
    """Ends this process when its parent dies; precisely, when the parent's thread that forked it ends."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # It died before the line above.
        os._exit(1)


def adopt_orphans() -> None:
    """Makes this process the parent of its orphaned descendants, so that they can be found."""
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def hide() -> None:
    """Forbids processes of the same user to trace this one or read its environment."""
    _LIBC.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def apply(layers: Sequence[str], scratch: str, memory_bytes: int) -> None:
    """Locks this process. Raises OSError if a layer does not hold."""
    for name in LAYERS:
        if name in layers:
            _APPLY[name](scratch, memory_bytes)


def probe(folder: str) -> dict[str, str]:
    """Returns "on" or the reason why not for each layer. Scratch folders will be made in `folder`."""
    return {name: _probe_in(folder, name) for name in LAYERS}


def _probe_in(folder: str, name: str) -> str:
    """Probes on its own scratch folder, as a layer may change the folder's owner."""
    scratch = os.path.join(folder, f"aimo-sandbox-probe-{os.getpid()}-{name}")
    try:
        os.mkdir(scratch, 0o700)
    except OSError as error:
        return f"off: {error.strerror} ({error.filename})"
    try:
        return _probe(name, scratch)
    finally:
        os.rmdir(scratch)


def _probe(name: str, folder: str) -> str:
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        state = ON
        try:
            if name in ("landlock", "seccomp"):
                _no_new_privileges(folder, 0)
            _APPLY[name](folder, 2**31)
            if name == "user":
                _require_usable(folder)
        except OSError as error:
            state = f"off: {error.strerror or error}" + (f" ({error.filename})" if error.filename else "")
        finally:
            os.write(write_end, state.encode()[:1000])
            os._exit(0)
    os.close(write_end)
    state = os.read(read_end, 1000).decode()
    os.close(read_end)
    os.waitpid(pid, 0)
    return state or "off: it killed the probe"


def _require_usable(folder: str) -> None:
    """Raises OSError if the new user cannot reach Python or its scratch folder."""
    os.stat(os.path.join(folder, "."))
    for path in (os.__file__, sys.executable, *(entry for entry in sys.path if os.path.exists(entry))):
        with open(path, "rb") if os.path.isfile(path) else os.scandir(path):
            pass


def _limits(scratch: str, memory_bytes: int) -> None:
    """Lets cells add `memory_bytes` to the address space that the process has now."""
    for kind, wanted in (
        (resource.RLIMIT_AS, _address_space_bytes() + memory_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, MAX_OPEN_FILES),
        (resource.RLIMIT_FSIZE, MAX_FILE_BYTES),
    ):
        _lower(kind, wanted)


def _lower(kind: int, wanted: int) -> None:
    hard = resource.getrlimit(kind)[1]
    value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(kind, (value, value))


def _address_space_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _user(scratch: str, memory_bytes: int) -> None:
    if os.geteuid() != 0:
        raise OSError(0, "only root can become another user")
    user = _FIRST_USER + os.getpid() % _USERS
    os.chown(scratch, user, user)
    _lower(resource.RLIMIT_NPROC, MAX_SESSION_PROCESSES)  # Counts the user's processes, which are this session's only.
    parent = os.getppid()
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    _LIBC.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)  # Otherwise /proc/self would belong to root.
    tie_to(parent)  # Changing the user has cleared it.


def _no_new_privileges(scratch: str, memory_bytes: int) -> None:
    _LIBC.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)  # The zygote's forks are hidden, but a cell may read its own /proc/self.
    _check(_LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def _check(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


# Landlock

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = (1 << bit for bit in range(4))
_TRUNCATE, _IOCTL_DEVICE = 1 << 14, 1 << 15
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEVICE
_SCOPED = 0b11
"""Abstract sockets and signals."""
_ACCESS_BITS = {1: 13, 2: 14, 3: 15, 4: 15}
"""Number of file access rights by version; 16 from version 5 on."""
_READABLE = (
    *("/bin", "/sbin", "/etc", "/sys/devices/system", "/dev/urandom"),
    *("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/sys"),
)
"""Of /proc only its own entry, as other environments hold secrets. A restored snapshot's entry is closed too."""
_WRITABLE = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random")
"""Without /dev/shm: what is left there cannot be traced to a session. multiprocessing pools get a PermissionError."""


def _landlock(scratch: str, memory_bytes: int) -> None:
    version = _check(_LIBC.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION))
    everything = (1 << _ACCESS_BITS.get(version, 16)) - 1
    attributes = struct.pack("QQQ", everything, 0, _SCOPED)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = _check(_LIBC.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(size), 0))
    for path in (*_READABLE, *readable_folders()):
        _allow(ruleset, path, _READ)
    for path in (*_WRITABLE, scratch):
        _allow(ruleset, path, everything)
    _check(_LIBC.syscall(_RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def readable_folders() -> tuple[str, ...]:
    """Returns the folders of Python and of libraries, which cells may read."""
    libraries = os.environ.get("LD_LIBRARY_PATH", "").split(":")
    return (*("/usr", "/lib", "/lib64", "/lib32"), sys.prefix, sys.base_prefix, *filter(None, libraries))


def _allow(ruleset: int, path: str, access: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # Not every system has every path.
        return
    if not os.path.isdir(path):
        access &= _OF_FILES
    rule = struct.pack("=Qi", access, descriptor)
    try:
        _check(_LIBC.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0))
    finally:
        os.close(descriptor)


# seccomp

_DENIED = {
    # socket ptrace process_vm_readv process_vm_writev mount umount2 pivot_root chroot unshare setns bpf
    # perf_event_open userfaultfd keyctl add_key request_key kexec_load kexec_file_load reboot init_module
    # finit_module delete_module swapon swapoff open_by_handle_at syslog acct quotactl clock_settime
    # settimeofday sethostname setdomainname; then, the same everywhere: io_uring_* open_tree move_mount
    # fsopen pidfd_getfd mount_setattr
    "x86_64": (
        0xC000003E,
        (
            *(41, 101, 310, 311, 165, 166, 155, 161, 272, 308, 321, 298, 323, 250, 248, 249, 246, 320, 169, 175),
            *(313, 176, 167, 168, 304, 103, 163, 179, 227, 164, 170, 171),
        ),
    ),
    "aarch64": (
        0xC00000B7,
        (
            *(198, 117, 270, 271, 40, 39, 41, 51, 97, 268, 280, 241, 282, 219, 217, 218, 104, 294, 142, 105),
            *(273, 106, 224, 225, 265, 116, 89, 60, 112, 170, 161, 162),
        ),
    ),
}
_DENIED_EVERYWHERE = (425, 426, 427, 428, 429, 430, 438, 442)
_LOAD, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _DENY = 0x7FFF0000, 0x00050000 | 1
"""_DENY makes the call fail with EPERM."""
_X32 = 0x40000000


def _seccomp(scratch: str, memory_bytes: int) -> None:
    if platform_name() not in _DENIED:
        raise OSError(0, f"no list of system calls for {platform_name()}")
    program = _filter(*_DENIED[platform_name()])
    buffer = ctypes.create_string_buffer(program)
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    _check(_LIBC.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, header, 0, 0))


def _filter(architecture: int, denied: tuple[int, ...]) -> bytes:
    """Returns Berkeley packet filter code: four numbers per instruction."""
    calls = (*denied, *_DENIED_EVERYWHERE)
    to_deny = len(calls) + 1  # Jumps over the remaining comparisons and the allowing return.
    lines = [
        (_LOAD, 0, 0, 4),
        (_JUMP_EQUAL, 0, to_deny + 2, architecture),
        (_LOAD, 0, 0, 0),
        (_JUMP_GREATER_EQUAL, to_deny, 0, _X32),
        *((_JUMP_EQUAL, to_deny - 1 - at, 0, call) for at, call in enumerate(calls)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _DENY),
    ]
    return b"".join(struct.pack("HBBI", *line) for line in lines)


def platform_name() -> str:
    """Returns the machine's architecture as the kernel names it."""
    return platform.machine()


_APPLY = {
    "limits": _limits,
    "user": _user,
    "no_new_privileges": _no_new_privileges,
    "landlock": _landlock,
    "seccomp": _seccomp,
}
