"""Memory that the library writes texts and messages to."""

from __future__ import annotations

import ctypes

SIZE = 64 * 1024  # bytes; a message that fits is received without an allocation


class Buffer:
    """Memory for one text, and the length of the text in it."""

    def __init__(self, size: int) -> None:
        self.memory = bytearray(size)
        self.size = size
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        self.length = ctypes.c_int64()
        # The arguments of a C function: the buffer, its capacity, and where to store the length.
        self.arguments = (
            ctypes.c_void_p.from_param(self.address),
            ctypes.c_int64.from_param(size),
            ctypes.byref(self.length),
        )

    def view(self) -> memoryview:
        return memoryview(self.memory)[: self.length.value]


class BufferPool:
    """Keeps one buffer for the next call. A buffer that was acquired has one user, a thread or a signal handler.

    `release` is an assignment to `free`, so that callers can do it without a call.
    """

    def __init__(self) -> None:
        self.free: list[Buffer] = []

    def acquire(self) -> Buffer:
        try:
            buffer = self.free.pop()  # atomic
        except IndexError:
            return Buffer(SIZE)
        buffer.length.value = 0
        return buffer

    def release(self, buffer: Buffer) -> None:
        if buffer.size == SIZE:
            self.free = [buffer]
