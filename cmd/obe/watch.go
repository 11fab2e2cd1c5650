package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"libobe/internal/experiment"
	"libobe/internal/monitor"
	"libobe/internal/monitor/page"
	"libobe/internal/proxy"
	"libobe/internal/trace"
)

// watchFlags are the flags of watch.
type watchFlags struct {
	listen, to, out, page, experiment string
	noOpen                            bool
	metrics                           *metricsFlag
	nats                              recordFlags
}

func newWatch(app *app) *cobra.Command {
	f := watchFlags{}
	cmd := &cobra.Command{
		Use:   "watch FILE|nats://HOST/SUBJECT|--listen ADDRESS [--to ADDRESS] [--out FILE]",
		Short: "Watch a run in a browser",
		Long: `Serve a live page of a run: measurements, chosen settings, the mean and the standard deviation of
each parameter, the rate, the last error. The address of the page is printed on the standard
output, and opened in the browser if there is a display.

FILE is a trace of obe record or OBE_TRACE. It is followed while it is written, also when it is
empty so far or is renamed because it is full. With --listen the messages between clients and a
server are watched as they are forwarded, as in obe record, and recorded if there is an --out.
Ctrl-C ends it, and with --listen the run's connections, too.

` + recordHelp + ` It is followed, too.

Only programs on this machine can read the page. With a --page on another interface others can
that know the address: it contains a token, is new each time, and is not encrypted. Beside the
page there are snapshot, the same as JSON, and run.csv, the measurements of a run.

ADDRESS is host:port, :port on this machine, or for --listen and --to also unix:/path. With :0
the system chooses the port.`,
		Example: `  obe watch run.jsonl
  obe watch --listen :61981 --to :61982 --out run.jsonl
  obe watch nats://hub/obe.lab1.nv3`,
		DisableFlagsInUseLine: true,
		Args:                  cobra.MaximumNArgs(1),
	}
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "", "watch a run that is forwarded: `ADDRESS` for the clients")
	flags.StringVar(&f.to, "to", defaultAddress.String(), "with --listen: `ADDRESS` of the server")
	flags.StringVar(&f.out, "out", "", "with --listen: append the messages to the trace `FILE`")
	flags.StringVar(&f.page, "page", "127.0.0.1:0", "`ADDRESS` of the page")
	flags.StringVar(&f.experiment, "experiment", "", "take names and units from the experiment `FILE`, unless the server describes itself")
	flags.BoolVar(&f.noOpen, "no-open", false, "do not open the browser")
	f.metrics = addMetricsFlag(flags)
	f.nats = addRecordFlags(flags, "")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := f.check(cmd, args); err != nil {
			return usage(err)
		}
		return f.do(app, cmd, args)
	}
	return cmd
}

// check refuses flags that do not go together.
func (f *watchFlags) check(cmd *cobra.Command, args []string) error {
	switch isProxy := cmd.Flags().Changed("listen"); {
	case isProxy && len(args) > 0:
		return errors.New("a FILE and --listen exclude each other: watch a trace, or a run that is forwarded")
	case isProxy:
		if err := f.nats.check(cmd, ""); err != nil {
			return err
		}
		return noEmptyPath(cmd, "out")
	case len(args) == 0:
		return errors.New("say what to watch: a trace, such as run.jsonl, or with --listen a run that is forwarded")
	case args[0] == "":
		return errors.New("FILE is empty, and needs the name of a trace")
	}
	for _, flag := range []string{"to", "out"} {
		if cmd.Flags().Changed(flag) {
			return fmt.Errorf("--%s is for --listen", flag)
		}
	}
	return f.nats.check(cmd, args[0])
}

// source is what is watched.
type source struct {
	model *monitor.Model
	what  string // for people
	run   func() // returns when the program ends
}

func (f *watchFlags) do(app *app, cmd *cobra.Command, args []string) error {
	tell := newEvents(app.stderr, cmd.CommandPath())
	files, built := page.Files()
	if !built {
		return usage(errors.New("this obe was built without the page: build it with make obe, which needs npm, from Node.js"))
	}
	at, err := parseAddress(f.page)
	if err == nil && strings.HasPrefix(at.host, unixPrefix) {
		err = &mistake{f.page, 0, "a browser needs a host and a port"}
	}
	if err != nil {
		return usage(fmt.Errorf("--page: %w", err))
	}
	if f.listen != "" && at.port > 0 {
		// The server may begin later, and would find its address taken.
		if server, err := parseAddress(f.to); err == nil && server.String() == at.String() {
			return usage(fmt.Errorf("--page and --to are both %s; the page needs an address of its own, such as --page :0", at))
		}
	}
	listener, err := listenOn(at, "--page :0")
	if err != nil {
		return err
	}
	describe, err := f.description(cmd)
	if err != nil {
		listener.Close()
		return usage(err)
	}
	numbers, err := f.metrics.open(app, tell, "watch", f.addresses(at))
	if err != nil {
		listener.Close()
		return err
	}
	defer numbers.close()
	watched, err := f.open(app, tell, numbers, args, describe)
	if err != nil {
		listener.Close()
		return err
	}
	numbers.watched(watched.model)
	numbers.serve()
	f.serve(app, tell, files, listener, watched)
	return nil // app.run returns why it has ended
}

// addresses returns the addresses of the program that are not for the metrics. One that is not valid is
// an error later.
func (f *watchFlags) addresses(page address) map[string]address {
	all := map[string]address{"--page": page}
	if f.listen != "" {
		for flag, text := range map[string]string{"--listen": f.listen, "--to": f.to} {
			if at, err := parseAddress(text); err == nil {
				all[flag] = at
			}
		}
	}
	return all
}

// description returns the names and units of an experiment, as a reply of describe.
func (f *watchFlags) description(cmd *cobra.Command) ([]byte, error) {
	if !cmd.Flags().Changed("experiment") {
		return []byte("{}"), nil
	}
	if err := noEmptyPath(cmd, "experiment"); err != nil {
		return nil, err
	}
	e, err := experiment.Load(f.experiment)
	if err != nil {
		return nil, experimentError(f.experiment, err)
	}
	return json.Marshal(e.Describe())
}

// serve serves the page until the program ends.
func (f *watchFlags) serve(app *app, tell *events, files fs.FS, listener net.Listener, watched *source) {
	host, token := hostOf(f.page, listener.Addr()), ""
	if !isLoopback(listener.Addr()) {
		token = rand.Text()
	}
	url := addressOf(host, listener.Addr(), token)
	server := monitor.NewServer(monitor.Config{
		Model: watched.model, Files: files, Listener: listener, Token: token, Host: host,
		Tell: func(text string) { tell.tell("faults of the page", "the page: "+text) },
	})
	var running sync.WaitGroup
	running.Go(func() {
		if err := server.Serve(); err != nil {
			tell.say("the page has ended: %v", err)
		}
	})
	context.AfterFunc(app.ctx, server.Close)
	fmt.Fprintln(app.stdout, url)
	tell.say("watching %s; Ctrl-C ends it", watched.what)
	if token != "" {
		tell.say("programs on other machines can read the page if they know its address; it is not encrypted")
	}
	if !f.noOpen && hasDisplay() {
		go func() {
			if err := openBrowser(url); err != nil {
				tell.say("the browser could not be opened (%v): open the address yourself", err)
			}
		}()
	}
	watched.run()
	running.Wait()
}

// open opens what is to be watched.
func (f *watchFlags) open(app *app, tell *events, numbers *metricsServer, args []string, describe []byte) (*source, error) {
	if len(args) == 0 {
		return f.forward(app, tell, numbers, describe)
	}
	at, isRecord, shown, err := parseRecord(args[0])
	if err != nil {
		return nil, err
	}
	if !isRecord {
		return follow(app, tell, args[0], describe)
	}
	reader, err := openHistory(app, tell, f.nats, at)
	if err != nil {
		return nil, err
	}
	model := monitor.New(at.subject, nil)
	model.Describe(describe)
	return followed(app, tell, model, reader, shown)
}

// follow watches a trace.
func follow(app *app, tell *events, path string, describe []byte) (*source, error) {
	if info, err := os.Stat(path); err == nil && info.Mode()&fs.ModeNamedPipe != 0 {
		tell.say("%s is a pipe: the page begins when a program opens it to write; Ctrl-C ends it", path)
	}
	reader, err := trace.Open(path)
	if err != nil {
		return nil, usage(traceError(path, err))
	}
	model := monitor.New(filepath.Base(path), nil)
	model.Describe(describe)
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
		return followed(app, tell, model, reader, path)
	}
	first := make(chan error, 1)
	// A signal does not end a read from a pipe, so the program does not wait for the end of feed.
	go feed(app.ctx, tell, model, reader, first)
	go func() { // the first line of a pipe may come much later
		if err := <-first; err != nil {
			tell.say("the page shows nothing: %v", traceError(path, err))
		}
	}()
	return &source{model, path, func() { <-app.ctx.Done() }}, nil
}

// followed feeds a model with a trace of which something is there, or can be read at once. what is its name, for people.
func followed(app *app, tell *events, model *monitor.Model, reader traceReader, what string) (*source, error) {
	first := make(chan error, 1)
	go feed(app.ctx, tell, model, reader, first)
	select {
	case err := <-first:
		if err != nil {
			return nil, usage(traceError(what, err))
		}
	case <-app.ctx.Done():
	}
	return &source{model, what, func() { <-app.ctx.Done() }}, nil
}

// feed feeds a model with a trace, until the context ends. It sends once what is at the
// beginning of the trace: nil, also if there is nothing so far, or why it cannot be read.
func feed(ctx context.Context, tell *events, model *monitor.Model, reader traceReader, first chan<- error) {
	defer reader.Close()
	entry, err := reader.Next()
	if err != nil && err != io.EOF {
		first <- err
		model.End(err)
		return
	}
	first <- nil
	isLive := false
	for ctx.Err() == nil {
		model.SetDamaged(reader.Damaged())
		switch {
		case err == nil:
			model.Add(entry, isLive)
		case err == io.EOF && !isLive: // what was there is read, and what follows is live
			isLive = true
		case err == io.EOF: // of a pipe
			model.End(nil)
			tell.say("the trace has ended, and the page stays; Ctrl-C ends it")
			return
		default:
			model.End(err)
			tell.say("the page shows nothing new: %v", err)
			return
		}
		if isLive {
			entry, err = reader.Follow(ctx)
		} else {
			entry, err = reader.Next()
		}
	}
}

// forward watches what a proxy forwards.
func (f *watchFlags) forward(app *app, tell *events, numbers *metricsServer, describe []byte) (*source, error) {
	// One for the messages while the other one encodes a frame: with one, an exchange takes 25 ms
	// instead of 0.2 ms while a browser saves a table.
	leaveRoom(2)
	proxied, err := newForwarder(app, f.listen, f.to)
	if err != nil {
		return nil, err
	}
	write, where := func(records []trace.Record) (int, error) { return len(records), nil }, ""
	if f.out != "" {
		if write, where, err = traceTo(app, f.out); err != nil {
			proxied.listener.Close()
			return nil, err
		}
	}
	what := fmt.Sprintf("%s → %s", nameOf(proxied.listener.Addr()), proxied.server)
	model := monitor.New(what, func() (open, total int64) { return proxied.proxy.Open(), proxied.proxy.Connections() })
	model.Describe(describe)
	// The recorder has a queue, so that neither the disk nor the model delays a message.
	proxied.begin(tell, numbers, func(records []trace.Record) (int, error) {
		for i := range records {
			model.Add(trace.EntryOf(records[i]), true)
		}
		return write(records)
	}, func(event proxy.Event, text string) {
		tell.tell(eventNames[event], text)
		model.Tell("obe", text)
	}, func(text string) { model.Tell("obe", text) })
	if where == "" {
		tell.say("the run is not recorded; --out FILE records it")
	} else {
		numbers.recorder(proxied.recorder.Counts)
	}
	return &source{model, what, func() { proxied.serve(app, tell, where) }}, nil
}

func isLoopback(address net.Addr) bool {
	at, err := netip.ParseAddrPort(address.String())
	return err == nil && at.Addr().Unmap().IsLoopback()
}

// hostOf returns the host of the page's address, for people: the one that they named, or for
// all interfaces an address of this machine that others can reach.
func hostOf(page string, listening net.Addr) string {
	at, err := netip.ParseAddrPort(listening.String())
	if err != nil || !at.Addr().IsUnspecified() {
		if host, _, err := net.SplitHostPort(page); err == nil && host != "" {
			return host
		}
		return at.Addr().String()
	}
	interfaces, _ := net.InterfaceAddrs()
	for _, each := range interfaces {
		if network, ok := each.(*net.IPNet); ok && network.IP.IsGlobalUnicast() && network.IP.To4() != nil {
			return network.IP.String()
		}
	}
	return "127.0.0.1"
}

// addressOf returns the address of the page.
func addressOf(host string, listening net.Addr, token string) string {
	_, port, _ := net.SplitHostPort(listening.String())
	address := "http://" + net.JoinHostPort(host, port) + "/"
	if token != "" {
		address += token + "/"
	}
	return address
}
