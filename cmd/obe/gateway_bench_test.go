package main

import (
	"io"
	"net"
	"regexp"
	"testing"

	"libobe/internal/systemtest/natsserver"
)

// BenchmarkGateway measures what two gateways and a NATS server add to an exchange over kept
// connections. Client, gateways, NATS server and server are five processes, and each exchange
// through them follows one without them.
func BenchmarkGateway(b *testing.B) {
	nats := natsserver.Start(b)
	server := background(b, "listen", ":0", "--quiet", "--stay")
	backgroundUntil(b, regexp.MustCompile(`(serving) `), "gateway", "--to", server, "--persistent", "--nats", nats.URL(), "--subject", "obe.bench")
	front := background(b, "gateway", "--listen", ":0", "--nats", nats.URL(), "--subject", "obe.bench")
	request, reply := []byte(framed(`{"command": "goodset", "pickiness": 4}`)), make([]byte, len(framed(`"OK"`)))
	talk := func(conn net.Conn) {
		if _, err := conn.Write(request); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(conn, reply); err != nil {
			b.Fatal(err)
		}
	}
	var ends [2]net.Conn
	for i, at := range []string{server, front} {
		conn, err := net.Dial("tcp", at)
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		ends[i] = conn
	}
	pairs(b, func() { talk(ends[0]) }, func() { talk(ends[1]) })
}
