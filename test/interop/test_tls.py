"""libobe's TLS, through its Python binding, against Python's ssl module: both roles, right and wrong identities."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Callable

import pytest

import libobe
import peer
import tools

BIG = "x" * 10_000_000


class Authority:
    """Creates certificates with the openssl command."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ca = directory / "ca.pem"
        self.key = directory / "ca.key"
        self.openssl("req", "-x509", *self.new_key(self.key), "-out", self.ca, "-subj", "/CN=authority", "-days", "2")

    def openssl(self, *arguments: object) -> None:
        command = [tools.path("openssl"), *map(str, arguments)]
        subprocess.run(command, check=True, capture_output=True, timeout=peer.HANGS)

    @staticmethod
    def new_key(path: Path) -> list[object]:
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", path]

    def sign(self, name: str) -> tuple[str, str]:
        """Create a certificate for a DNS name and 127.0.0.1. Returns its path and that of its key."""
        cert, key = self.directory / f"{name}.pem", self.directory / f"{name}.key"
        request, extensions = self.directory / f"{name}.csr", self.directory / f"{name}.ext"
        extensions.write_text(f"subjectAltName=DNS:{name},IP:127.0.0.1\n")
        self.openssl("req", *self.new_key(key), "-out", request, "-subj", f"/CN={name}")
        signing = ["-CA", self.ca, "-CAkey", self.key, "-CAcreateserial", "-extfile", extensions, "-days", "1"]
        self.openssl("x509", "-req", "-in", request, "-out", cert, *signing)
        return str(cert), str(key)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def background() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def options(handle: libobe.Socket, **values: object) -> None:
    for name, value in values.items():
        handle.set_option(name, str(value))


def server_with(authority: Authority, **more: object) -> libobe.Socket:
    server = libobe.Socket("server", port=0, timeout=peer.TIMEOUT)
    cert, key = authority.sign("instrument.test")
    options(server, tls_cert=cert, tls_key=key, **more)
    return server


def serve_python(context: ssl.SSLContext | None, answer: Callable[[socket.socket], None]) -> tuple[int, Future[None]]:
    """A server of one connection on Python's ssl, or on a bare socket; its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(peer.TIMEOUT)
    future: Future[None] = Future()

    def run() -> None:
        try:
            with listener:
                plain, _ = listener.accept()
            plain.settimeout(peer.TIMEOUT)
            with context.wrap_socket(plain, server_side=True) if context else plain as conn:
                answer(conn)
            future.set_result(None)
        except Exception as error:  # passed on to the test
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return listener.getsockname()[1], future


def echo_one(conn: socket.socket) -> None:
    conn.sendall(peer.frame(peer.read_message(conn)))
    assert conn.recv(1) == b""  # the client closes with a close_notify


def python_server(authority: Authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.sign("python.test"))
    return context


@pytest.mark.parametrize("body", ['"OK"', f'"{BIG}"'], ids=["small", "big"])
def test_python_client(authority: Authority, background: ThreadPoolExecutor, body: str) -> None:
    context = ssl.create_default_context(cafile=str(authority.ca))
    with server_with(authority) as server:

        def talk() -> bytes:
            with context.wrap_socket(peer.connect(server.port), server_hostname="instrument.test") as conn:
                assert conn.version() == "TLSv1.3"
                conn.sendall(peer.frame(body.encode()))
                return peer.read_message(conn)

        reply = background.submit(talk)
        message = server.receive()
        server.send(message)
        assert reply.result(peer.TIMEOUT) == body.encode()


def test_python_client_without_certificate_is_refused(authority: Authority, background: ThreadPoolExecutor) -> None:
    context = ssl.create_default_context(cafile=str(authority.ca))
    with server_with(authority, tls_ca=authority.ca) as server:

        def talk(certificate: bool) -> bytes:
            if certificate:
                context.load_cert_chain(*authority.sign("client.test"))
            with context.wrap_socket(peer.connect(server.port), server_hostname="instrument.test") as conn:
                conn.sendall(peer.frame(b"1"))
                return peer.read_message(conn)

        received = background.submit(server.receive)
        with pytest.raises(ssl.SSLError, match=r"(?i)certificate.required"):
            talk(False)
        assert peer.eventually(lambda: server.stats()["dropped_tls"] == 1)
        taken = background.submit(talk, True)
        assert received.result(peer.TIMEOUT) == 1
        server.send(2)
        assert taken.result(peer.TIMEOUT) == b"2"


@pytest.mark.parametrize("value", ["OK", BIG], ids=["small", "big"])
def test_python_server(authority: Authority, value: str) -> None:
    port, served = serve_python(python_server(authority), echo_one)
    with libobe.Socket("client", port=port, timeout=peer.TIMEOUT) as client:
        options(client, tls_ca=authority.ca, tls_server_name="python.test")
        assert client.tcmd(value) == value
    served.result(peer.TIMEOUT)


def test_python_server_that_requires_a_certificate(authority: Authority) -> None:
    for certificate in (False, True):
        context = python_server(authority)
        context.load_verify_locations(str(authority.ca))
        context.verify_mode = ssl.CERT_REQUIRED
        port, served = serve_python(context, echo_one)
        with libobe.Socket("client", port=port, timeout=peer.TIMEOUT) as client:
            options(client, tls_ca=authority.ca)
            if certificate:
                cert, key = authority.sign("client.test")
                options(client, tls_cert=cert, tls_key=key)
                assert client.tcmd("OK") == "OK"
                served.result(peer.TIMEOUT)
                continue
            with pytest.raises(libobe.errors.TlsError, match="certificate required"):
                client.tcmd("OK")
            with pytest.raises(ssl.SSLError):
                served.result(peer.TIMEOUT)


def test_wrong_names_and_unknown_authorities(authority: Authority, tmp_path: Path) -> None:
    stranger = Authority(tmp_path)
    for ca, name, message in (
        (authority.ca, "other.test", 'not for "other.test" but for "python.test"'),
        (stranger.ca, "python.test", "unknown authority"),
    ):
        port, served = serve_python(python_server(authority), echo_one)
        with libobe.Socket("client", port=port, timeout=peer.TIMEOUT) as client:
            options(client, tls_ca=ca, tls_server_name=name)
            with pytest.raises(libobe.errors.TlsError, match=message):
                client.tcmd("OK")
        with pytest.raises(ssl.SSLError, match="alert"):
            served.result(peer.TIMEOUT)


def test_a_plain_python_server_is_refused(authority: Authority) -> None:
    port, served = serve_python(None, lambda conn: conn.sendall(peer.read_message(conn)))
    with libobe.Socket("client", port=port, timeout=peer.TIMEOUT) as client:
        options(client, tls_ca=authority.ca)
        with pytest.raises(libobe.errors.TlsError, match=r"may not support TLS 1\.3"):
            client.tcmd("OK")
    with pytest.raises(ValueError, match="bad header"):
        served.result(peer.TIMEOUT)


def test_unix_socket_with_bare_peer(tmp_path: Path, background: ThreadPoolExecutor) -> None:
    path = tmp_path / "s"
    with libobe.Socket("server", ip_address=f"unix:{path}", port=0, timeout=peer.TIMEOUT) as server:
        assert path.stat().st_mode & 0o777 == 0o600

        def talk() -> bytes:
            with socket.socket(socket.AF_UNIX) as conn:
                conn.settimeout(peer.TIMEOUT)
                conn.connect(str(path))
                conn.sendall(peer.frame(b"1"))
                return peer.read_message(conn)

        reply = background.submit(talk)
        assert server.receive() == 1
        server.send(2)
        assert reply.result(peer.TIMEOUT) == b"2"
    assert not path.exists()
