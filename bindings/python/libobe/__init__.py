"""Clients and servers of the OBE socket protocol, which experiment-design servers use.

For example:

    from libobe import Socket

    client = Socket("client", "127.0.0.1", 61981)
    client.wait_ready(10)
    setting = client.tcmd({"command": "optset"})
"""

from . import errors
from ._abi import DEFAULT_PORT, VERSION
from ._client import Client
from ._command import command
from ._deadline import DEFAULT
from ._server import Server
from ._socket import Connection, Listener, Request, Socket
from .errors import Error

__all__ = [
    "DEFAULT",
    "DEFAULT_PORT",
    "Client",
    "Connection",
    "Error",
    "Listener",
    "Request",
    "Server",
    "Socket",
    "__version__",
    "command",
    "errors",
]
__version__ = VERSION
