"""Takes away from asyncdl what Windows does not have, so that its fallbacks are what runs.

Modules of POSIX cannot be imported by asyncdl, nor by filelock; ``os`` and ``signal``, as
asyncdl sees them, lack what they lack on Windows; a file that is open is neither renamed nor
removed by asyncdl; and the event loops receive as those of Windows do (``overlapped.py``).
Everything else (pytest, aiohttp, the standard library) keeps what it is made for.
"""

from __future__ import annotations

import asyncio
import builtins
import errno
import importlib
import os
import signal
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

VARIABLE = "ASYNCDL_WITHOUT_POSIX"
"""In the environment of processes that do without, and of their children."""

MODULES = frozenset(
    ["fcntl", "grp", "posix", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty"]
)
_OF_OS = """
O_ACCMODE O_ASYNC O_CLOEXEC O_DIRECT O_DIRECTORY O_DSYNC O_LARGEFILE O_NDELAY O_NOATIME
O_NOCTTY O_NOFOLLOW O_NONBLOCK O_PATH O_RSYNC O_SYNC O_TMPFILE ST_NOSUID ST_RDONLY
chown chroot confstr ctermid fchdir fchmod fchown fdatasync fork forkpty fpathconf fstatvfs
getegid geteuid getgid getgroups getloadavg getpgid getpgrp getpriority getresgid getresuid
getsid getuid getxattr killpg lchown listxattr lockf major makedev mkfifo mknod openpty
pathconf pipe2 posix_fadvise posix_fallocate pread preadv pwrite pwritev readv removexattr
sched_getaffinity sendfile setpriority setxattr splice statvfs sync sysconf tcgetpgrp uname
wait wait3 wait4 writev
"""
_OF_SIGNAL = """
SIGALRM SIGBUS SIGCHLD SIGCONT SIGHUP SIGIO SIGKILL SIGPIPE SIGPROF SIGQUIT SIGSTOP SIGTSTP
SIGTTIN SIGTTOU SIGUSR1 SIGUSR2 SIGVTALRM SIGWINCH alarm pause pthread_kill
pthread_sigmask setitimer siginterrupt sigpending sigtimedwait sigwait sigwaitinfo
"""
LACKED = {"os": frozenset(_OF_OS.split()), "signal": frozenset(_OF_SIGNAL.split())}
"""What these modules do not have on Windows."""
WITHOUT_MODULES = ("asyncdl", "filelock")


def is_on() -> bool:
    """Whether this process does without."""
    return bool(os.environ.get(VARIABLE))


class Lacking(ModuleType):
    """A module without some of its names; the rest is looked up each time."""

    def __init__(self, module: ModuleType, **other: object) -> None:
        super().__init__(module.__name__)
        self.__dict__.update(other, _module=module, _lacked=LACKED[module.__name__])

    def __getattr__(self, name: str) -> Any:
        if name in self._lacked:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r} here")
        return getattr(self._module, name)


def take_away() -> None:
    """Take it all away; once, before asyncdl is imported."""
    if any(name.partition(".")[0] == "asyncdl" for name in sys.modules):
        raise RuntimeError("asyncdl is imported already")
    os.environ[VARIABLE] = "1"
    builtins.__import__ = _import_without(builtins.__import__)
    for name in ("replace", "rename", "unlink", "remove"):
        setattr(os, name, _refusing_open_files(getattr(os, name)))
    with warnings.catch_warnings():
        # It says that it has other locks here than on Windows.
        warnings.simplefilter("ignore")
        importlib.import_module("filelock")
    from tests.portable.overlapped import OverlappedLoop

    policy: Any = asyncio.DefaultEventLoopPolicy
    policy._loop_factory = OverlappedLoop
    asyncio.SelectorEventLoop = OverlappedLoop


def _import_without(importing: Callable[..., ModuleType]) -> Callable[..., ModuleType]:
    instead = {
        "os": Lacking(os, name="nt"),
        "signal": Lacking(signal),
    }

    def import_(
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> ModuleType:
        importer = str((globals or {}).get("__name__", "")).partition(".")[0]
        if importer in WITHOUT_MODULES and name in MODULES:
            raise ModuleNotFoundError(f"no module named {name!r} here", name=name)
        if importer == "asyncdl" and level == 0 and name in instead:
            return instead[name]
        return importing(name, globals, locals, fromlist, level)

    return import_


def _refusing_open_files(call: Callable[..., None]) -> Callable[..., None]:
    def refuse(path: Any, *rest: Any, **named: Any) -> None:
        if _is_called_by_asyncdl():
            for each in (path, *rest):
                if _is_open(each):
                    raise PermissionError(errno.EACCES, "it is open in this process", str(each))
        call(path, *rest, **named)

    return refuse


def _is_called_by_asyncdl() -> bool:
    frame = sys._getframe(2)
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("pathlib"):
        frame = frame.f_back
    return str(frame.f_globals.get("__name__", "")).startswith("asyncdl.")


def _is_open(path: object) -> bool:
    """Tell whether a descriptor of this process is that of a file."""
    if not isinstance(path, str | Path):
        return False
    try:
        found = os.lstat(path)
    except OSError:
        return False
    for number in os.listdir("/proc/self/fd"):
        try:
            if os.path.samestat(os.fstat(int(number)), found):
                return True
        except OSError:
            continue
    return False
