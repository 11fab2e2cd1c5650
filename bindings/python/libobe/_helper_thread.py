"""Blocking calls on a helper thread, so that signal handlers run on the main thread while it waits for them."""

from __future__ import annotations

import os
import threading
from queue import SimpleQueue
from typing import Any, Callable

_WAIT = 0.1  # seconds; the longest that a signal handler has to wait where an acquire is not interrupted

# Each helper thread waits for jobs on its own queue. The queue is in this list while the thread has no job.
_idle: list[SimpleQueue[Callable[[], None]]] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_idle.clear)  # threads do not survive a fork


def _work(jobs: SimpleQueue[Callable[[], None]]) -> None:
    while True:
        jobs.get()()
        _idle.append(jobs)


class _Job:
    """One call and its outcome."""

    def __init__(self, call: Callable[[], int]) -> None:
        self._call = call
        self.begun = self.abandoned = self.ended = False
        self.status = 0
        self.error: BaseException | None = None
        self.done = threading.Lock()
        self.done.acquire()

    def __call__(self) -> None:
        # The helper thread sets begun and then reads abandoned. The main thread sets abandoned and then reads begun. So
        # a job that the main thread sees as not begun never makes its call.
        self.begun = True
        try:
            if not self.abandoned:
                self.status = self._call()
        except BaseException as error:
            self.error = error
        finally:
            self.ended = True
            self.done.release()


def run_in_helper(call: Callable[[], int], cancel: Callable[[], Any]) -> int:
    """Make the call on a helper thread. If a signal handler raises in the meantime, cancel the call and reraise."""
    job = _Job(call)
    try:
        try:
            jobs = _idle.pop()
        except IndexError:
            jobs = SimpleQueue()
            try:
                threading.Thread(target=_work, args=(jobs,), name="libobe helper", daemon=True).start()
            except RuntimeError:  # Python starts no more threads, for instance while it shuts down
                return call()
        jobs.put(job)
        while not job.done.acquire(timeout=_WAIT):
            pass
    except BaseException:
        job.abandoned = True
        while job.begun and not job.ended:
            cancel()  # repeatedly, because it does not affect a call that enters the library after it
            job.done.acquire(timeout=_WAIT / 2)
        raise
    if job.error is not None:
        raise job.error
    return job.status
