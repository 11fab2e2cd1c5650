"""Blocking calls that cannot be cut in slices, made on a helper thread so that the main thread can take signals."""

from __future__ import annotations

import os
import threading
from queue import SimpleQueue
from typing import Any, Callable

_WAIT = 0.1

# A helper thread waits for its next job on a queue of its own and lists the queue here while it is free.
_idle: list[SimpleQueue[Callable[[], None]]] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_idle.clear)  # threads do not survive a fork


def _help(jobs: SimpleQueue[Callable[[], None]]) -> None:
    while True:
        jobs.get()()
        _idle.append(jobs)


class _Job:
    """One call, and what became of it."""

    def __init__(self, call: Callable[[], int]) -> None:
        self._call = call
        self.begun = self.abandoned = self.ended = False
        self.status = 0
        self.error: BaseException | None = None
        self.done = threading.Lock()
        self.done.acquire()

    def __call__(self) -> None:
        # Begun is set before abandoned is read, and the main thread does the two the other way round, so a job that it
        # sees as not begun never makes its call.
        self.begun = True
        try:
            if not self.abandoned:
                self.status = self._call()
        except BaseException as error:
            self.error = error
        finally:
            self.ended = True
            self.done.release()


def run(call: Callable[[], int], cancel: Callable[[], Any]) -> int:
    """Make the call on a helper thread; if a signal handler raises meanwhile, cancel the call and pass that on."""
    job = _Job(call)
    try:
        try:
            jobs = _idle.pop()
        except IndexError:
            jobs = SimpleQueue()
            try:
                threading.Thread(target=_help, args=(jobs,), name="obe helper", daemon=True).start()
            except RuntimeError:  # no more threads, as when the interpreter is shutting down
                return call()
        jobs.put(job)
        while not job.done.acquire(timeout=_WAIT):
            pass
    except BaseException:
        job.abandoned = True
        while job.begun and not job.ended:
            cancel()  # more than once: it spares a call that enters the library after it
            job.done.acquire(timeout=_WAIT / 2)
        raise
    if job.error is not None:
        raise job.error
    return job.status
