"""The library in its process: loaded repeatedly, and a complete measurement with the functions for LabVIEW only."""

from __future__ import annotations

import os
import random
import subprocess
import sys

import peer
from clfn import TIMEOUT_MS, Diagram
from conftest import LIBRARY, ROOT

RELOAD = """
import _ctypes, ctypes, sys

path = sys.argv[1]
handle, port = ctypes.c_int(), ctypes.c_int()
for round in range(20):
    library = ctypes.CDLL(path)
    if round == 0:
        assert library.obe_lv_server_new(b"", 0, ctypes.byref(handle)) == 0
    # The server of the first round is still open: the library was not unloaded.
    assert library.obe_lv_port(handle, ctypes.byref(port)) == 0 and port.value > 0
    client = ctypes.c_int()
    assert library.obe_lv_client_new(b"", port, ctypes.byref(client)) == 0
    assert library.obe_lv_send(client, b'"' + str(round).encode() + b'"', 20000) == 0
    assert library.obe_lv_receive(handle, None, 20000) == 0
    text = ctypes.create_string_buffer(16)
    assert library.obe_lv_get_text(handle, text, 16, None) == 0
    assert text.value == b'"' + str(round).encode() + b'"', text.value
    assert library.obe_lv_send(handle, b'"OK"', 20000) == 0
    assert library.obe_lv_receive(client, None, 20000) == 0
    assert library.obe_lv_free(client) == 0
    _ctypes.dlclose(library._handle)
assert ctypes.CDLL(path).obe_lv_free_all() == 0
"""


def test_reload() -> None:
    """LabVIEW unloads a library when the last VI that uses it is closed, and loads it again."""
    subprocess.run([sys.executable, "-c", RELOAD, str(LIBRARY)], check=True, timeout=peer.HANGS)


LOW, HIGH, CENTRE, DEPTH, WIDTH, NOISE = 2840.0, 2900.0, 2871.3, 0.1, 3.0, 0.005


def measure(frequency: float, noise: random.Random) -> float:
    """One measurement of the dip that the server searches."""
    return 1.0 - DEPTH / (((frequency - CENTRE) * 2.0 / WIDTH) ** 2 + 1.0) + noise.gauss(0.0, NOISE)


def test_complete_measurement(lv: Diagram) -> None:
    """The measurement of the example VI."""
    noise = random.Random(7)
    environment = dict(os.environ, PYTHONPATH=str(ROOT / "bindings" / "python"), OBE_LIBRARY=str(LIBRARY))
    command = [sys.executable, str(ROOT / "examples" / "python" / "peak_server.py"), "--port", "0", "--seed", "7"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline().split()[-1])
            h = lv.ok("obe_lv_client_new", port=port).handle
            lv.ok("obe_lv_wait_ready", handle=h, timeout_ms=TIMEOUT_MS)
            lv.ok("obe_lv_newrun", handle=h, fields=f'{{"lolim": {LOW}, "hilim": {HIGH}}}'.encode(), timeout_ms=-2)
            for _ in range(100):
                got = lv.ok("obe_lv_goodset", handle=h, pickiness=4.0, setting_cap=8, timeout_ms=-2)
                x = got.setting[: got.setting_count]
                y = [measure(x[0], noise)]
                lv.ok(
                    "obe_lv_newdat", handle=h, x=x, x_count=len(x), y=y, y_count=1, s=[NOISE], s_count=1, timeout_ms=-2
                )
            mean = lv.ok("obe_lv_getmean", handle=h, mean_cap=8, timeout_ms=-2).mean[0]
            deviation = lv.ok("obe_lv_getstd", handle=h, deviation_cap=8, timeout_ms=-2).deviation[0]
            assert deviation < 0.5, "the server has learned nothing"
            assert abs(mean - CENTRE) < 5 * deviation
            lv.ok("obe_lv_done", handle=h, timeout_ms=-2)
            lv.ok("obe_lv_free", handle=h)
            assert server.wait(TIMEOUT_MS / 1000) == 0
        finally:
            server.kill()
