package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"libobe/internal/proxy"
	"libobe/internal/trace"
	"libobe/internal/transport"
)

func newRecord(app *app) *cobra.Command {
	var listen, to, out string
	cmd := &cobra.Command{
		Use:   "record --listen ADDRESS [--to ADDRESS] [--out FILE]",
		Short: "Record a run: a proxy between a client and a server",
		Long: `Listen for clients, forward what they send to a server and its replies back, and write
every message to a trace, one JSON line each. Neither side is changed, and either may be
optbayesexpt.

Bytes are forwarded as they come, whether or not they are messages. What one side does to its
connection, the other side sees: an end, a reset, half a message, silence. A connection to the
server is made when the first byte of a client arrives.

An existing FILE is continued, if it is a trace. Without --out the lines go to the standard
output. Ctrl-C ends the proxy; what could not be recorded, such as when the disk is full, is told
then.

` + addressHelp + ` With :0 the system chooses
the port, and the address is printed. Connections with TLS are forwarded, but cannot be read.`,
		Example:               "  obe record --listen :61981 --to :61982 --out run.jsonl\n  obe record --listen :0 --to lab3:61981 | grep newdat",
		DisableFlagsInUseLine: true,
		Args:                  cobra.NoArgs,
	}
	cmd.Flags().StringVar(&listen, "listen", "", "`ADDRESS` for the clients")
	cmd.Flags().StringVar(&to, "to", defaultAddress.String(), "`ADDRESS` of the server")
	cmd.Flags().StringVar(&out, "out", "", "append to the trace `FILE` instead of the standard output")
	metrics := addMetricsFlag(cmd.Flags())
	_ = cmd.MarkFlagRequired("listen")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := noEmptyPath(cmd, "out"); err != nil {
			return err
		}
		return record(app, cmd.CommandPath(), listen, to, out, metrics)
	}
	return cmd
}

// eventNames are the kinds of events of a proxy, for many of them.
var eventNames = map[proxy.Event]string{
	proxy.ServerMissing: "connections that the server did not accept",
	proxy.NotFrames:     "directions of connections with bytes that are not messages",
	proxy.NotJSON:       "messages that are not JSON",
	proxy.Cut:           "messages that ended early",
	proxy.AcceptFailed:  "failed attempts to accept a connection",
	proxy.Loop:          "connections to this proxy itself",
}

func record(app *app, prefix, listen, to, out string, metrics *metricsFlag) error {
	tell := newEvents(app.stderr, prefix)
	least := 1
	if metrics.given() {
		least = 2 // one for the messages while the other one reads the metrics
	}
	leaveRoom(least)
	f, err := newForwarder(app, listen, to)
	if err != nil {
		return err
	}
	numbers, err := metrics.open(app, tell, "record", map[string]address{"--listen": f.from, "--to": f.server})
	if err != nil {
		f.listener.Close()
		return err
	}
	defer numbers.close()
	write, where, err := traceTo(app, out)
	if err != nil {
		f.listener.Close()
		return err
	}
	f.begin(tell, numbers, write, func(event proxy.Event, text string) { tell.tell(eventNames[event], text) }, func(string) {})
	numbers.recorder(f.recorder.Counts)
	numbers.serve()
	f.serve(app, tell, where)
	return nil
}

// forwarder is a proxy between clients and a server, and what records its messages.
type forwarder struct {
	from     address // for the clients, as it was given
	server   address
	dial     func(context.Context) (net.Conn, error)
	listener net.Listener
	proxy    *proxy.Proxy
	recorder *proxy.Recorder
}

// newForwarder listens for the clients of a server.
func newForwarder(app *app, listen, to string) (*forwarder, error) {
	from, err := parseAddress(listen)
	if err != nil {
		return nil, usage(fmt.Errorf("--listen: %w", err))
	}
	server, err := parseAddress(to)
	if err != nil {
		return nil, usage(fmt.Errorf("--to: %w", err))
	}
	if server.port == 0 && !strings.HasPrefix(server.host, unixPrefix) {
		return nil, usage(errors.New("--to: port 0 is for --listen; the proxy needs the port of the server"))
	}
	if from.String() == server.String() && !strings.HasSuffix(from.String(), ":0") {
		return nil, usage(fmt.Errorf("--listen and --to are both %s; the proxy needs an address of its own, such as --listen :0", from))
	}
	dial, err := dialer(app.ctx, server)
	if err != nil {
		return nil, failure(fmt.Errorf("--to %s: %w", server, err))
	}
	listener, err := listenOn(from, "--listen :0")
	if err != nil {
		return nil, err
	}
	return &forwarder{from: from, server: server, dial: dial, listener: listener}, nil
}

// begin makes the proxy, which passes its messages to write, and its events to report. lost is
// called, after it was told, with why the first message was not recorded.
func (f *forwarder) begin(tell *events, numbers *metricsServer, write func([]trace.Record) (int, error), report func(proxy.Event, string), lost func(text string)) {
	f.recorder = proxy.NewRecorder(write, func(err error) {
		text := notRecorded + err.Error()
		tell.say("%s", text)
		lost(text)
	})
	f.proxy = proxy.New(proxy.Config{Listener: f.listener, Dial: f.dial, Record: numbers.forwarded(f.recorder.Record), Tell: report})
	numbers.connections(f.proxy)
	numbers.problems(tell, proxyProblems)
	tell.say("listening on %s, forwarding to %s", nameOf(f.listener.Addr()), f.server)
}

// serve forwards until the program ends, and tells what became of the messages. where is where
// they are recorded, for people, or "".
func (f *forwarder) serve(app *app, tell *events, where string) {
	context.AfterFunc(app.ctx, f.proxy.Close)
	f.proxy.Serve()
	f.proxy.Close()
	written, lost, first := f.recorder.Close(func(left int64) {
		tell.say("%s takes the messages too slowly: up to %s %s missing there", cmp.Or(where, "the page"), plural(left, "message"), isAre(left))
	})
	tell.end()
	connections := plural(f.proxy.Connections(), "connection")
	if where == "" {
		tell.say("%s of %s were forwarded, and not recorded", plural(written, "message"), connections)
		return
	}
	tell.say("%s of %s %s in %s", plural(written, "message"), connections, isAre(written), where)
	if lost > 0 {
		tell.say("%s %s missing there; the first one: %v", plural(lost, "message"), isAre(lost), first)
	}
}

// leaveRoom leaves half of the processors to the client and the server, and uses at least so
// many. With all of them, the runtime wakes a second thread for each exchange, which takes turns
// with these two on a small machine: that makes an exchange through the proxy 20 µs longer on two
// processors.
func leaveRoom(least int) {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(max(least, (runtime.GOMAXPROCS(0)+1)/2))
	}
}

func isAre(n int64) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// traceTo returns what writes messages to a trace, and where that is, for people. The file
// is never renamed: a record of a run is whole.
func traceTo(app *app, out string) (write func([]trace.Record) (int, error), where string, err error) {
	if out == "" {
		stream := trace.Stream{To: lossy{app.stdout}}
		return func(records []trace.Record) (int, error) {
			for i, r := range records {
				if err := stream.Write(r); err != nil {
					return i, err
				}
			}
			return len(records), nil
		}, "the standard output", nil
	}
	path, err := filepath.Abs(out)
	if err == nil {
		err = trace.CheckContinue(path)
	}
	if err != nil {
		return nil, "", usage(fmt.Errorf("--out: %w", err))
	}
	return func(records []trace.Record) (int, error) { return writeAll(app.ctx, path, records) }, out, nil
}

// The connections of a busy proxy may have all descriptors of the process, and one for the
// file is free again when one of them has ended. Until then the messages wait.
const (
	descriptorPause = 10 * time.Millisecond
	lastAttempts    = 5 // when the program ends, which closes the connections
)

func writeAll(ctx context.Context, path string, records []trace.Record) (written int, err error) {
	for left := lastAttempts; ; time.Sleep(descriptorPause) {
		n, err := trace.WriteAll(path, math.MaxInt64, records[written:])
		written += n
		if ctx.Err() != nil {
			left--
		}
		if !trace.IsOutOfDescriptors(err) || left == 0 {
			return written, err
		}
	}
}

// lookupTimeout bounds how long the name of a server is looked up.
const lookupTimeout = 10 * time.Second

// dialer returns what connects to a server. Its name is looked up once.
func dialer(ctx context.Context, to address) (func(context.Context) (net.Conn, error), error) {
	at, err := transport.ParseAddress(to.host, to.port)
	if err != nil {
		return nil, err
	}
	if at.Path != "" {
		return proxy.Dialer("unix", at.Path), nil
	}
	found, err := at.Resolve(transport.Wait{Deadline: time.Now().Add(lookupTimeout)}, ctx.Done())
	if err != nil {
		return nil, err
	}
	var addresses []string
	for _, address := range found {
		addresses = append(addresses, address.String())
	}
	return proxy.Dialer("tcp", addresses...), nil
}

// listenOn listens on an address. The error names it, and says what to try: anyPort is how the
// user asks for any free port.
func listenOn(at address, anyPort string) (net.Listener, error) {
	parsed, err := transport.ParseAddress(at.host, at.port)
	if err != nil {
		return nil, usage(err)
	}
	l, err := parsed.ListenNet()
	switch {
	case errors.Is(err, transport.ErrInUse) && parsed.Path == "":
		return nil, usage(fmt.Errorf("another program uses %s already: end it, or let the system choose a free port with %s", at, anyPort))
	case errors.Is(err, transport.ErrInUse):
		return nil, usage(fmt.Errorf("another program already listens on %s, or a file has that name: end it, remove it, or choose another path", at))
	case errors.Is(err, transport.ErrUnreachable):
		return nil, usage(fmt.Errorf("listen on %s: %w (this machine has no such address)", at, err))
	case err != nil:
		return nil, usage(fmt.Errorf("listen on %s: %w", at, err))
	}
	return l, nil
}

// nameOf returns the address of a listener as text.
func nameOf(address net.Addr) string {
	if address.Network() == "unix" {
		return unixPrefix + address.String()
	}
	return address.String()
}
