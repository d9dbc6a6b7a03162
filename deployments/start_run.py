"""The command by which Prefect's worker starts a flow run: in the warm process where there is one, else in a new one.

Nothing but the standard library is imported, so that it starts in a few hundredths of a second.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from typing import NoReturn

from deployments.limits import Limits, watched

SOCKET = "CMDB_WARM_SOCKET"
"""The variable that names the socket of `deployments.warm`."""

MOST = 1 << 16


def main() -> NoReturn:
    """Carry out the flow run that the environment names, and exit as it does."""
    code, reason = _carried_out()
    if reason or _was_killed(code):
        # Prefect would say that the process was killed, and neither why nor what became of the data.
        arguments = [reason] if reason else []
        # The worker may still ask this process to end, as for a run that is cancelled: it ends once all is said.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        subprocess.run([sys.executable, "-m", "deployments.report_end", *arguments], check=False)
    sys.exit(code)


def _was_killed(code: int) -> bool:
    """Whether a process was ended by a signal other than those by which a run is cancelled."""
    return code < 0 and -code not in (signal.SIGTERM, signal.SIGINT)


def _carried_out() -> tuple[int, str | None]:
    path = os.environ.get(SOCKET)
    if path:
        try:
            return _warm(path)
        except (ConnectionError, FileNotFoundError):
            sys.stderr.write("The warm process does not answer; the run is started in a new process.\n")
    return _anew()


def _warm(path: str) -> tuple[int, str | None]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        asked = json.dumps({"environment": dict(os.environ), "folder": os.getcwd()}).encode() + b"\n"  # noqa: PTH109
        sent = socket.send_fds(connection, [asked[:MOST]], [1, 2])
        connection.sendall(asked[sent:])
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, _: connection.sendall(bytes([number])))
        answer = b""
        while more := connection.recv(MOST):
            answer += more
    # Without an answer the warm process was killed, and the run with it.
    code = int.from_bytes(answer[:2], "big", signed=True) if len(answer) >= 2 else -signal.SIGKILL
    return code, answer[2:].decode() or None


def _anew() -> tuple[int, str | None]:
    """Start Prefect's engine in a child, which is watched."""
    limits = Limits.of(os.environ)
    pid = os.fork()
    if pid == 0:
        limits.restrict()
        os.execv(sys.executable, [sys.executable, "-m", "prefect.engine"])  # noqa: S606  # it becomes the program
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: os.kill(pid, number))
    return watched(pid, limits)


if __name__ == "__main__":
    main()
