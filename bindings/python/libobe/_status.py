"""The statuses that the binding itself compares with."""

from __future__ import annotations

from . import errors

OK = 0
ARGUMENT = errors.ArgumentError.code
STATE = errors.StateError.code
REPLY = errors.ReplyError.code
TIMEOUT = errors.TimeoutError.code
CANCELLED = errors.CancelledError.code
CLOSED = errors.ClosedError.code
FORKED = errors.ForkedError.code
HANDLE = errors.HandleError.code
BUFFER_TOO_SMALL = errors.BufferError.code

# Failures of a reply that are not errors of the server: the client left or stalls, or this side closed the connection.
PEER_GONE = frozenset({errors.PeerClosedError.code, errors.ResetError.code, TIMEOUT})
LOCALLY_CLOSED = frozenset({CLOSED, CANCELLED})
