"""A socket that must not be used by a server that libobe has rebuilt."""

from __future__ import annotations

import socket
from typing import Any


class Socket:
    def __init__(self, role: str, ip_address: str = "127.0.0.1", port: int = 61981) -> None:
        self.role, self.ip_address, self.port = role, ip_address, port
        self.connection = None
        if role == "server":
            self.server = socket.create_server((ip_address, port))

    def receive(self) -> Any:
        raise AssertionError("the original's socket is in use")

    def send(self, contents: Any) -> None:
        raise AssertionError("the original's socket is in use")

    def close(self) -> None:
        raise AssertionError("the original's socket is in use")
