"""instrument.c in Python."""

import sys

from libobe import Client

with Client(port=int(sys.argv[1]), timeout=60) as server:
    server.wait_ready(60)
    server.newrun()
    for _ in range(int(sys.argv[2])):
        setting = server.goodset()
        print(*setting, flush=True)
        channels, *numbers = sys.stdin.readline().split()
        values = [float(number) for number in numbers]
        server.newdat(setting, values[: int(channels)], values[int(channels) :])
    print(*server.getmean())
    print(*server.getstd())
    server.done()
