"""The command by which Prefect's worker starts a flow run: in the warm process where there is one, else anew.

Nothing but the standard library is imported, so that it starts in a few hundredths of a second.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from typing import NoReturn

SOCKET = "CMDB_WARM_SOCKET"
"""The variable that names the socket of `deployments.warm`."""

MOST = 1 << 16


def main() -> NoReturn:
    """Carry out the flow run that the environment names, and exit as it does."""
    path = os.environ.get(SOCKET)
    if path:
        try:
            sys.exit(_warm(path))
        except (ConnectionError, FileNotFoundError):
            sys.stderr.write("The warm process does not answer; the run is started anew.\n")
    os.execv(sys.executable, [sys.executable, "-m", "prefect.engine"])  # noqa: S606  # it becomes the program


def _warm(path: str) -> int:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        asked = json.dumps({"environment": dict(os.environ), "folder": os.getcwd()}).encode() + b"\n"  # noqa: PTH109
        sent = socket.send_fds(connection, [asked[:MOST]], [1, 2])
        connection.sendall(asked[sent:])
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, _: connection.sendall(bytes([number])))
        code = connection.recv(2)
    # The warm process was killed, and the run with it.
    return int.from_bytes(code, "big", signed=True) if len(code) == 2 else 1


if __name__ == "__main__":
    main()
