package gateway

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"libobe/internal/systemtest/natsserver"
)

// The round trip of a command, and of nats.go's own request between the same servers, in turn, so that what else the
// machine does affects both.
func BenchmarkRoundTrip(b *testing.B) {
	server := natsserver.Start(b)
	for _, size := range []int{20, 4 << 10, 100 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			body := make([]byte, size)
			asker, answerer := newLink(b, server), newLink(b, server)
			echo(b, answerer, "obe.link")
			plain, responder := connect(b, server), connect(b, server)
			if _, err := responder.QueueSubscribe("obe.plain", "obe", func(m *nats.Msg) { _ = m.Respond(m.Data) }); err != nil {
				b.Fatal(err)
			}
			if err := responder.Flush(); err != nil {
				b.Fatal(err)
			}
			var link, raw []time.Duration
			for b.Loop() {
				begin := time.Now()
				if _, err := asker.Ask(context.Background(), Ask{Subject: "obe.link", Body: body, Deadline: begin.Add(time.Minute)}); err != nil {
					b.Fatal(err)
				}
				middle := time.Now()
				if _, err := plain.Request("obe.plain", body, time.Minute); err != nil {
					b.Fatal(err)
				}
				link, raw = append(link, middle.Sub(begin)), append(raw, time.Since(middle))
			}
			for name, times := range map[string][]time.Duration{"link": link, "nats": raw} {
				slices.Sort(times)
				b.ReportMetric(float64(times[len(times)/2].Microseconds()), name+"-p50-µs")
				b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), name+"-p99-µs")
			}
		})
	}
}

// Many commands at the same time.
func BenchmarkParallel(b *testing.B) {
	server := natsserver.Start(b)
	asker, answerer := newLink(b, server), newLink(b, server)
	echo(b, answerer, "obe.bench")
	body := make([]byte, 100)
	b.SetParallelism(32)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := asker.Ask(context.Background(), Ask{Subject: "obe.bench", Body: body, Deadline: time.Now().Add(time.Minute)}); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// A large reply in parts.
func BenchmarkLargeReply(b *testing.B) {
	server := natsserver.Start(b)
	asker, answerer := newLink(b, server), newLink(b, server)
	large := make([]byte, 16<<20)
	serve(b, answerer, "obe.bench", func(r *Request) { go func() { _ = r.Respond(large) }() })
	b.SetBytes(int64(len(large)))
	for b.Loop() {
		if _, err := asker.Ask(context.Background(), Ask{Subject: "obe.bench", Deadline: time.Now().Add(time.Minute)}); err != nil {
			b.Fatal(err)
		}
	}
}
