"""The real nginx with the configuration of the documentation, in front of servers of a test."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.certificates import self_signed
from tests.conftest import needs
from tests.waiting import wait_until

GUIDE = Path(__file__).parents[1] / "docs" / "how-to" / "deploy.md"

HOST = "127.0.0.1"

_MAIN = """
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {documented}
}}
"""


@dataclass(frozen=True)
class Proxy:
    """A proxy on a port of this machine; whoever uses it trusts its certificate."""

    port: int
    certificate: Path

    @property
    def address(self) -> str:
        """Its address, without a path."""
        return f"https://{HOST}:{self.port}"

    @property
    def trust(self) -> ssl.SSLContext:
        """What a client needs to trust it."""
        return ssl.create_default_context(cafile=str(self.certificate))


def documented() -> str:
    """Return the configuration of the documentation."""
    [block] = re.findall(r"^```nginx\n(.+?)^```$", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return str(block)


@contextmanager
def nginx(folder: Path, port: int, *, api: str, prefect: str) -> Iterator[Proxy]:
    """Run nginx on a port while this lasts, in front of the API and of Prefect's server."""
    program = needs("nginx")
    certificate, key = self_signed(folder)
    changes = {
        "listen 443 ssl;": f"listen {HOST}:{port} ssl;",
        "server_name network.example.com;": f"server_name {HOST};",
        "/etc/ssl/network-chain.pem": str(certificate),
        "/etc/ssl/network-key.pem": str(key),
        "http://127.0.0.1:8400;": f"{api};",
        "http://127.0.0.1:4200;": f"{prefect};",
    }
    text = documented()
    for before, after in changes.items():
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    (folder / "nginx.conf").write_text(_MAIN.format(folder=folder, documented=text))
    written = folder / "log"
    command = [program, "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    with written.open("wb") as log, subprocess.Popen(command, stderr=log) as process:
        try:

            def listens() -> bool:
                assert process.poll() is None, written.read_text()
                with socket.socket() as tried:
                    return tried.connect_ex((HOST, port)) == 0

            wait_until(listens)
            yield Proxy(port, certificate)
        finally:
            process.terminate()
