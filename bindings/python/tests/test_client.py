"""The client with the protocol's commands, requests that are answered later, and numpy arrays."""

from __future__ import annotations

import array
import concurrent.futures
import contextlib
import gc
import json
import math
import threading
from typing import Any

import pytest

import peer
from libobe import Client, Request, Socket, errors

ANSWERS: dict[str, Any] = {
    "optset": [2.5],
    "goodset": [2.75],
    "getmean": [1, 2.0],
    "getstd": [0.25, math.inf],
    "getcov": [[1.0, 0.5], [0.5, 2.0]],
    "getpar": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]],
    "getset": [[1.5, 2.5]],
    "getwgt": [0.5, 0.5],
    "getcon": [],
}


class Served:
    """A server on a thread that answers from a table and records the messages it received."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.asked: list[Any] = []
        self.server = Socket("server", port=0)
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self) -> None:
        self.server.serve(self.answer)

    def answer(self, request: Request) -> None:
        command = request.value
        self.asked.append(command)
        request.reply(self.answers.get(command["command"], "OK"))
        if command["command"] == "done":
            self.server.cancel()

    def client(self) -> Client:
        return Client(port=self.server.port, timeout=10)


@pytest.fixture
def served() -> Any:
    it = Served(dict(ANSWERS))
    yield it
    it.server.cancel()  # ends serve, unless `done` has
    it.thread.join(10)
    assert not it.thread.is_alive()
    it.server.free()


def test_requests_and_results_of_every_command(served: Served) -> None:
    client = served.client()
    client.ready()
    client.newrun(lolim=2.0, hilim=3.0, steps=25)
    for command, answer in ANSWERS.items():
        got = getattr(client, command)()
        assert (got.tolist() if hasattr(got, "tolist") else got) == answer, command
    client.goodset(4)
    client.newdat(2.45, [0.98], 0.005)
    client.newdat(array.array("d", [1.0, 2.0]), (3.0,), [4])
    client.done()
    assert served.asked == [
        {"command": "ready"},
        {"command": "newrun", "lolim": 2.0, "hilim": 3.0, "steps": 25},
        *({"command": command} for command in ANSWERS),
        {"command": "goodset", "pickiness": 4},
        {"command": "newdat", "x": [2.45], "y": [0.98], "s": [0.005]},
        {"command": "newdat", "x": [1.0, 2.0], "y": [3.0], "s": [4]},
        {"command": "done"},
    ]
    assert type(served.asked[1]["steps"]) is int


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("ready", "no"),
        ("newrun", None),
        ("getmean", "OK"),
        ("getmean", [1, "x"]),
        ("getmean", [[1.0], [2.0]]),
        ("getcov", [1.0, 2.0]),
        ("getcov", [[1.0], [True]]),
        ("optset", {"error": "no run"}),
    ],
)
def test_an_unexpected_reply_is_an_error_that_contains_it(served: Served, command: str, answer: Any) -> None:
    served.answers[command] = answer
    with pytest.raises(errors.ReplyError) as caught:
        getattr(served.client(), command)()
    assert command in str(caught.value)
    assert json.dumps(answer) in str(caught.value)


def test_threads_that_share_a_client_get_their_own_replies() -> None:
    """Also replies of different sizes, and commands whose answer is "OK"; the main thread takes part."""
    with Socket("server", port=0) as server:

        def answer(request: Request) -> None:
            command = request.value
            request.reply("OK" if command["command"] == "newrun" else [command.get("pickiness", 0)] * 1000)

        def serve() -> None:
            with contextlib.suppress(errors.ClosedError, errors.HandleError):
                server.serve(answer)

        def work(number: int) -> None:
            for i in range(50):
                client.newrun(number=number)
                pickiness = 1000 * number + i
                assert set(client.goodset(pickiness)) == {pickiness}

        serving = threading.Thread(target=serve)
        serving.start()
        client = Client(port=server.port, timeout=peer.TIMEOUT)
        for persistent in (False, True):
            client.set_option("persistent", persistent)
            with concurrent.futures.ThreadPoolExecutor() as pool:
                others = [pool.submit(work, number) for number in range(1, 5)]
                work(0)
                for other in others:
                    other.result()
        server.free()
        serving.join(peer.TIMEOUT)


def test_measurements_are_sent_as_they_are(served: Served) -> None:
    """Integers stay integers, of any size, and what is not a list becomes one."""
    client = served.client()
    client.newdat(5, [2**60, 3.0], [[1, 2], (3, 4)])
    client.newdat("a", [], None)
    assert [repr(list(request.values())) for request in served.asked] == [
        "['newdat', [5], [1152921504606846976, 3.0], [[1, 2], [3, 4]]]",
        "['newdat', ['a'], [], [None]]",
    ]


@pytest.mark.parametrize("numpy", [False, True])
@pytest.mark.parametrize("pickiness", [None, 4])
def test_numbers_that_are_no_numpy_array(served: Served, numpy: bool, pickiness: int | None) -> None:
    """Integers that no double can represent, and rows of different lengths, are returned as lists."""
    client = served.client()
    if numpy:
        pytest.importorskip("numpy")
    client._has_numpy = numpy
    served.answers.update(goodset=[10**400, 1], getset=[[1.0], [2.0, 3.0]])
    assert client.goodset(pickiness) == [10**400, 1]
    assert client.getset() == [[1.0], [2.0, 3.0]]


def test_without_numpy_numbers_keep_their_types(served: Served) -> None:
    client = served.client()
    client._has_numpy = False
    served.answers.update(optset=[1, 2.0], getcov=[[3, 4.5]])
    assert [type(number) for number in client.optset()] == [int, float]
    assert [type(number) for number in client.getcov()[0]] == [int, float]
    for answer in ("OK", [True], [[1.0]], [None]):
        served.answers["optset"] = answer
        with pytest.raises(errors.ReplyError) as caught:
            client.optset()
        assert "optset" in str(caught.value)
        assert json.dumps(answer) in str(caught.value)


def test_a_run_with_a_field_named_command(served: Served) -> None:
    with pytest.raises(TypeError, match="command"):
        served.client().newrun(command="done")
    assert served.asked == []


def test_numpy_goes_both_ways(served: Served) -> None:
    numpy = pytest.importorskip("numpy")
    values = numpy.concatenate([numpy.linspace(-1, 1, 1000), [0.1, 5e-324, math.nan, math.inf, -math.inf, -0.0]])
    matrix = numpy.arange(600.0).reshape(20, 30)
    served.answers["echo"] = {
        "v": values,
        "m": matrix.T,
        "text": "x",
        "~/": numpy.arange(3),
        "mixed": [1, None],
        "e": [],
    }
    served.answers["echo"]["e"] = []
    client = served.client()
    got = client.tcmd({"command": "echo", "v": values, "i": numpy.int64(3)}, arrays="numpy")
    assert served.asked[0]["i"] == 3
    assert numpy.array(served.asked[0]["v"]).tobytes()[: 8 * 1002] == values.tobytes()[: 8 * 1002]
    assert got["v"].tobytes() == values.tobytes()
    assert (got["m"] == matrix.T).all()
    assert got["~/"].tolist() == [0, 1, 2]
    assert got["mixed"] == [1, None]
    assert got["text"] == "x"
    assert got["e"].shape == (0,)
    assert isinstance(client.getmean(), numpy.ndarray)
    with pytest.raises(ValueError, match="arrays"):
        client.tcmd({"command": "echo"}, arrays="list")  # type: ignore[arg-type]


def test_requests_are_answered_in_any_order_from_any_thread() -> None:
    with Socket("server", port=0) as server:
        clients = [Client(port=server.port, timeout=10) for _ in range(3)]
        for i, client in enumerate(clients):
            client.send({"command": "n", "i": i})
        requests = [server.receive_request() for _ in clients]
        threads = [threading.Thread(target=r.reply, args=(r.value["i"],)) for r in reversed(requests)]
        for thread in threads:
            thread.start()
        assert [client.receive() for client in clients] == [0, 1, 2]
        for thread in threads:
            thread.join()
        with pytest.raises(errors.StateError):
            requests[0].reply(1)


def test_a_request_that_is_dropped_does_not_leave_its_client_waiting() -> None:
    with Socket("server", port=0) as server:
        first, second = Client(port=server.port, timeout=10), Client(port=server.port, timeout=10)
        first.send(1)
        request = server.receive_request()
        assert request.arrays() == 1
        del request
        gc.collect()
        second.send(2)
        assert server.receive_request().value == 2
        with pytest.raises(errors.PeerClosedError):
            first.receive()


def test_an_exception_of_the_handler_ends_serve() -> None:
    with Socket("server", port=0) as server:
        Client(port=server.port, timeout=10).send(1)
        with pytest.raises(ZeroDivisionError):
            server.serve(lambda request: request.value / 0)


@pytest.mark.parametrize("size", [1, 10_000_000])
def test_a_client_that_leaves_does_not_end_serve(size: int) -> None:
    replied: list[bool] = []
    with Socket("server", port=0, timeout=10) as server:
        conn = peer.connect(server.port)
        peer.whole(conn, b"1")

        def answer(request: Request) -> None:
            peer.reset(conn)
            replied.append(request.reply("x" * size))
            server.cancel()

        server.serve(answer)
    assert replied == [False] or (size == 1 and replied == [True])  # the system may still have accepted a small one


def test_a_reply_to_a_client_that_left_is_not_an_error() -> None:
    with Socket("server", port=0) as server:
        client = Client(port=server.port, timeout=10)
        client.send(1)
        request = server.receive_request()
        client.close()
        Client(port=server.port, timeout=10).send(2)
        server.receive_request()  # the server has seen by then that the first one left
        assert request.reply("x" * 10_000_000) is False
