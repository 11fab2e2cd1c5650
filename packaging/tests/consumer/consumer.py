"""The same as consumer.c, in Python; it also prints which files it used."""

import libobe

with libobe.Socket("server", port=0, timeout=30) as server, libobe.Client(port=server.port, timeout=30) as client:
    client.send({"command": "optset"})
    server.receive()
    server.send([2.87])
    print(client.receive(), libobe.__version__)
print(libobe.__file__)
with open("/proc/self/maps") as maps:
    print(next(line.split()[-1] for line in maps if "libobe" in line))
