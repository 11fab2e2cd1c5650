"""Serves each command of the protocol, and sends each of them as a client in Python.

With the path of a program in argv[1], the program is the client, and is called with the port.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any

from libobe import Client, Server

REPLIES: dict[str, Any] = {
    "newrun newdat": None,
    "optset goodset": [2.5, 1],
    "getmean getstd getwgt": [1.0, float("nan")],
    "getcon": [],
    "getcov getpar getset": [[1.0, 0.5], [0.5, 2.0]],
}


def client(port: int) -> None:
    with Client(port=port, timeout=20) as client:
        for fields in {}, {"instrument": "left"}:
            client.fields = fields
            client.wait_ready()
            client.ready()
            client.newrun()
            client.newrun(lolim=2.8, steps=200)
            client.optset()
            for pickiness in None, 4, 2.5:
                client.goodset(pickiness)
            client.newdat(2.5, 1, 0.1)
            client.newdat([2.5, 1.0], [1.0, 2.0], [0.1, float("inf")])
            for get in (
                client.getmean,
                client.getstd,
                client.getwgt,
                client.getcon,
                client.getcov,
                client.getpar,
                client.getset,
            ):
                get()
        client.done()


def main() -> None:
    with Server(port=0) as server:
        for names, value in REPLIES.items():
            for name in names.split():
                server.command(name)(lambda value=value, **members: value)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            if len(sys.argv) > 1:
                subprocess.run([sys.argv[1], str(server.port)], check=True)
            else:
                client(server.port)
        finally:
            server.stop()
            thread.join()


if __name__ == "__main__":
    main()
