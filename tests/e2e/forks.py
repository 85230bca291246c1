"""Commands of the shop as processes that begin where its libraries have been read.

Reading them takes seconds of a processor and is the same for each start. So one process reads
them, and each command is a fork of it: with a folder, an environment, streams and an end of its
own, running `main` as `python -m bot` does. Where the start itself is the promise, a test starts
Python.
"""

from __future__ import annotations

import asyncio
import atexit
import gc
import json
import os
import select
import signal
import site
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
_PART: Final = 65536


class Fork:
    """A command that runs, or ran; it is asked the same questions as a process of asyncio."""

    def __init__(self, status: int) -> None:
        self._status = os.fdopen(status, "rb", buffering=0)
        self.pid = int(self._line())
        self._code: int | None = None

    @property
    def returncode(self) -> int | None:
        """The exit code as soon as it has ended; minus the signal's number if one has ended it."""
        if self._code is None and self._says_within(0):
            self._code = int(self._line())
            self._status.close()
        return self._code

    def _says_within(self, seconds: float) -> bool:
        return bool(select.select([self._status], [], [], seconds)[0])

    def _line(self) -> bytes:
        line = b""
        while not line.endswith(b"\n"):
            read = self._status.read(1)
            assert read, "the process that has read the libraries is gone"
            line += read
        return line

    def send_signal(self, number: signal.Signals) -> None:
        """Signal this very process, if it still runs."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        """Its exit code, once it is gone."""
        while (code := self.returncode) is None:
            gone = asyncio.Event()
            loop = asyncio.get_running_loop()
            loop.add_reader(self._status, gone.set)
            try:
                await gone.wait()
            finally:
                loop.remove_reader(self._status)
        return code

    def wait_for(self, seconds: float) -> int | None:
        """The same without a loop; None for one that took longer, and was ended for it."""
        if self.returncode is None and not self._says_within(seconds):
            self.kill()
            self._says_within(seconds)
            return None
        return self.returncode


class Forks:
    """The process that has read the libraries: from its first request until the tests end."""

    def __init__(self) -> None:
        self._line: socket.socket | None = None
        self._turn = threading.Lock()

    def start(
        self, *arguments: str, folder: Path, settings: Mapping[str, str], out: int, errors: int
    ) -> Fork:
        """Start `python -m bot …` in this folder with these settings alone."""
        asked = json.dumps([arguments, str(folder), dict(settings)]).encode() + b"\n"
        told, tells = os.pipe()
        # Until it has begun: requests of two threads must not be read as one.
        with self._turn:
            if self._line is None:
                self._line = self._open()
            sent = socket.send_fds(self._line, [asked], [tells, out, errors])
            self._line.sendall(asked[sent:])
            os.close(tells)
            return Fork(told)

    def _open(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-m", __name__],
                # What it is not given here, no command inherits from it.
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
                stdin=theirs.fileno(),
            )
        atexit.register(_end, ours, process)
        return ours


def _end(line: socket.socket, process: subprocess.Popen[bytes]) -> None:
    # Whatever was forked meanwhile may hold it, too.
    line.shutdown(socket.SHUT_RDWR)
    line.close()
    process.wait(20)


def _serve() -> list[str]:
    """Fork for each request; returns in each fork, with its arguments, and ends at last."""
    line = socket.socket(fileno=os.dup(0))
    # A terminal's Ctrl-C is meant for whoever asks here.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Nobody waits for the forks that wait for a command.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        asked, streams, *_ = socket.recv_fds(line, _PART, 3)
        if not asked:
            sys.exit()
        while not asked.endswith(b"\n"):
            more = line.recv(_PART)
            if not more:
                sys.exit()
            asked += more
        if os.fork() == 0:
            line.close()
            arguments, folder, settings = json.loads(asked)
            _tell_the_end_of_another_fork(*streams)
            _become(folder, settings)
            return [str(each) for each in arguments]
        for stream in streams:
            os.close(stream)


def _tell_the_end_of_another_fork(tells: int, out: int, errors: int) -> None:
    """Fork once more, and return in that fork alone; its parent tells its id and its end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    pid = os.fork()
    if pid == 0:
        os.close(tells)
        for stream, number in ((out, 1), (errors, 2)):
            os.dup2(stream, number)
            os.close(stream)
        return
    os.close(out)
    os.close(errors)
    os.write(tells, b"%d\n" % pid)
    # Told before it is reaped: until then its id is nobody else's.
    end = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert end is not None
    code = end.si_status if end.si_code == os.CLD_EXITED else -end.si_status
    os.write(tells, b"%d\n" % code)
    os._exit(0)


def _become(folder: str, settings: dict[str, str]) -> None:
    """Be in this folder with this environment, as if Python had been started there."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(settings)
    sys.path[:0] = settings.get("PYTHONPATH", "").split(os.pathsep)
    sys.modules.pop("sitecustomize", None)
    site.execsitecustomize()


if __name__ == "__main__":
    # Read here, once, and used in the forks: everything that some command imports.
    import alembic.command  # noqa: F401

    import bot.check
    import bot.handlers
    import bot.handlers.introduction
    import bot.probe
    import bot.process
    import bot.services.exports  # noqa: F401
    from bot.__main__ import main

    # Looking through all of it in each fork would copy it there, page by page.
    gc.collect()
    gc.freeze()
    sys.exit(main(_serve()))
