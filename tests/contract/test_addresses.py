"""Every way to say where Redis is: TCP, Unix socket, TLS, user, password, database, sentinels."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from penstock.broker.streams.connection import Connection
from penstock.errors import ConfigurationError, NotConnected
from tests.contract.servers import Server, free_port, running


async def answer(url: str, *command: str) -> object:
    connection = Connection(url)
    try:
        return await connection.command(*command)
    finally:
        await connection.close()


async def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    server = Server(tmp_path / "redis", "--unixsocket", str(path))
    with running(server):
        assert await answer(f"unix://{path}?db=3", "SET", "key", "three") == b"OK"
        server.admin.select(3)
        assert await answer(f"redis://{server.where}/3", "GET", "key") == b"three"
        assert await answer(f"redis://{server.where}", "GET", "key") is None
    with pytest.raises(NotConnected, match=f"can't reach Redis at {path}"):
        await answer(f"unix://{path}", "PING")


async def test_logins(tmp_path: Path) -> None:
    server = Server(tmp_path / "redis", "--requirepass", "s3cret/?", password="s3cret/?")
    with running(server):
        server.admin.acl_setuser("worker", enabled=True, passwords=["+p@ss"], commands=["+@all"])
        assert await answer(f"redis://:s3cret%2F%3F@{server.where}", "ACL", "WHOAMI") == b"default"
        assert await answer(f"redis://worker:p%40ss@{server.where}/1", "ACL", "WHOAMI") == b"worker"


async def test_sentinels_with_a_login_of_their_own(tmp_path: Path) -> None:
    server = Server(tmp_path / "redis")
    settings = f"requirepass guard\nsentinel monitor main 127.0.0.1 {server.port} 1\n"
    sentinel = Server(tmp_path / "sentinel", sentinel=settings, password="guard")
    with running(server, sentinel):
        url = f"redis+sentinel://{sentinel.where}/main/2"
        with pytest.raises(ConfigurationError, match="refuses the login"):
            await answer(url, "PING")
        assert await answer(f"{url}?sentinel_password=guard", "SET", "key", "value") == b"OK"
        assert await answer(f"redis://{server.where}/2", "GET", "key") == b"value"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """One that is signed by itself; its key stands beside it."""
    program, file = shutil.which("openssl"), tmp_path / "tls.crt"
    if program is None:
        pytest.skip("openssl isn't on PATH")
    make = [program, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(file.with_suffix(".key")), "-out", str(file)]
    subprocess.run([*make, *names, *files], check=True, capture_output=True)
    return file


async def test_tls(tmp_path: Path, certificate: Path) -> None:
    port = free_port()
    files = ("--tls-cert-file", str(certificate), "--tls-key-file", str(certificate.with_suffix(".key")))
    server = Server(tmp_path / "redis", "--tls-port", str(port), *files, "--tls-auth-clients", "no")
    with running(server):
        assert await answer(f"rediss://127.0.0.1:{port}?ssl_ca_certs={certificate}", "PING") == b"PONG"
        assert await answer(f"rediss://localhost:{port}?ssl_cert_reqs=none", "PING") == b"PONG"
        with pytest.raises(NotConnected, match="certificate verify failed"):
            await answer(f"rediss://127.0.0.1:{port}", "PING")
        with pytest.raises(NotConnected):
            await answer(f"redis://127.0.0.1:{port}", "PING")
