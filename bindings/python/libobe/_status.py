"""The statuses that the binding itself compares with."""

from __future__ import annotations

from . import errors

OK = 0
ARGUMENT = errors.CODES["OBE_E_ARGUMENT"]
STATE = errors.CODES["OBE_E_STATE"]
REPLY = errors.CODES["OBE_E_REPLY"]
TIMEOUT = errors.CODES["OBE_E_TIMEOUT"]
CANCELLED = errors.CODES["OBE_E_CANCELLED"]
CLOSED = errors.CODES["OBE_E_CLOSED"]
FORKED = errors.CODES["OBE_E_FORKED"]
BUFFER_TOO_SMALL = errors.CODES["OBE_E_BUFFER"]

# Failures of a reply that are not errors of the server: the client left or stalls, or this side closed the connection.
PEER_GONE = frozenset({errors.CODES["OBE_E_PEER_CLOSED"], errors.CODES["OBE_E_RESET"], TIMEOUT})
LOCALLY_CLOSED = frozenset({CLOSED, CANCELLED})
