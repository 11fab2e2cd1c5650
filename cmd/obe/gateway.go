package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"libobe/internal/gateway"
	"libobe/internal/socket"
)

// gatewayFlags are the flags of gateway.
type gatewayFlags struct {
	nats               *natsFlags
	subject            string
	listen, to, spawn  string
	queue              string
	persistent, record bool
	idle, timeout      time.Duration
	maxMessage         int64
	allow              string
	listenTLS, toTLS   *tlsFlags
	at                 natsAddress
	tell               *events
	prefix             string
	metrics            *metricsFlag
}

func newGateway(app *app) *cobra.Command {
	f := gatewayFlags{idle: time.Hour, timeout: time.Minute}
	cmd := &cobra.Command{
		Use:   "gateway (--listen ADDRESS | --to ADDRESS | --spawn COMMAND) --nats URL --subject SUBJECT",
		Short: "Carry commands over NATS, where instruments and designers are in different places",
		Long: `Be one end of a conversation over a NATS server. Both peers speak the plain protocol, each to a
gateway on its own machine, and need no change; either may be optbayesexpt.

Beside instruments, --listen makes it a server: each command becomes a request at SUBJECT, and the
reply goes back on the connection that asked. All instruments of a gateway share a run, and the
run stays with the designer that has begun it: when that one is gone, each command gets an error
until newrun. What fails is answered with {"error": "...", "command": "..."}. How long an
instrument waits is not known, so --timeout says when such an error is the reply.

Beside a designer, --to makes it a client: requests become commands to the server at ADDRESS, one
after the other, each over its own connection; --persistent keeps one, for servers built on libobe.
A command that waited in the queue for longer than its sender did is not executed. A SUBJECT has
one designer; with --queue several share it, and each holds the run of one gateway of instruments.

SUBJECT is a name with dots, such as obe.lab1.nv3, for each experiment. Beside designers, one of
its parts may be *, as in 'obe.lab1.*': {1} in ADDRESS stands for it, as in unix:/run/obe/{1}.sock.
With --spawn the gateway starts a designer for each experiment when it is needed, and ends it after
done, or after --idle without commands. {address} in COMMAND is where that designer has to listen;
{port} is a port of 127.0.0.1, for a program that takes no address. COMMAND is run without a shell.
A run then begins with newrun, and is lost when its designer has ended.

A command is sent once: never twice, and never later, over another connection. When the connection
to NATS breaks, commands under way get an error, and later ones use the next connection.

--record writes each command and its reply to a stream of NATS; obe watch and obe replay read it.

` + natsHelp + `
--credentials and --nkey log in by file; without --tls-ca, the system's authorities count.

` + addressHelp,
		Example: `  obe gateway --listen 127.0.0.1:61981 --nats nats://hub:4222 --subject obe.lab1.nv3
  obe gateway --to 127.0.0.1:61981 --nats nats://hub:4222 --subject obe.lab1.nv3
  obe gateway --spawn "obe design {1}.toml {address}" --nats nats://hub:4222 --subject 'obe.lab1.*'`,
		DisableFlagsInUseLine: true,
		Args:                  cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "", "`ADDRESS` for instruments")
	flags.StringVar(&f.to, "to", "", "`ADDRESS` of the server that is the designer")
	flags.StringVar(&f.spawn, "spawn", "", "start a designer for each experiment with the command line `COMMAND`")
	flags.StringVar(&f.subject, "subject", "", "`SUBJECT` of the commands, if the URL has none")
	flags.StringVar(&f.queue, "queue", "", "share SUBJECT with the other designers of the queue group `NAME`")
	flags.Var((*duration)(&f.idle), "idle", "with --spawn: when a designer without commands is ended; with --queue: when it gives up its run")
	flags.BoolVar(&f.persistent, "persistent", false, "keep one connection to the server, which must be built on libobe")
	flags.Var((*duration)(&f.timeout), "timeout", "how long to wait for a reply, such as 500ms, 30s or 2m; a number alone is in seconds")
	flags.Int64Var(&f.maxMessage, "max-message", gateway.DefaultMaxMessage, "largest message in `BYTES`")
	flags.BoolVar(&f.record, "record", false, "record commands and replies in a stream of NATS")
	flags.StringVar(&f.allow, "allow", "", "with --listen: accept connections from these `ADDRESSES` only, such as 127.0.0.1,192.168.1.0/24")
	f.metrics = addMetricsFlag(flags)
	f.nats = addNATSFlags(flags, "")
	f.nats.addNATSServer(flags)
	f.listenTLS = addTLSFlags(flags, "listen-", socket.RoleServer)
	f.toTLS = addTLSFlags(flags, "to-", socket.RoleClient)
	cmd.MarkFlagsMutuallyExclusive("listen", "to", "spawn")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		f.prefix = cmd.CommandPath()
		f.tell = newEvents(app.stderr, f.prefix)
		if err := f.check(cmd); err != nil {
			return err
		}
		roomToWait()
		if f.listen != "" {
			return f.serveInstruments(app)
		}
		return f.serveDesigner(app)
	}
	return cmd
}

// roomToWait lets as many goroutines run as wait in the system at the same time, and more. One
// that waits for connections of the protocol occupies its processor of the runtime until that is
// taken away: with only two of them, a command through two gateways takes twice as long.
func roomToWait() {
	const least = 4
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(max(least, runtime.GOMAXPROCS(0)))
	}
}

// environmentOfDesigners is that of this process without the address of the NATS server, which may have a password.
func environmentOfDesigners() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return strings.EqualFold(name, natsVariable) // as in Windows
	})
}

// gatewayOnly are the flags that have an effect with some of --listen, --to and --spawn only.
var gatewayOnly = map[string]string{
	"allow": "listen", "queue": "to spawn", "persistent": "to spawn",
	"listen-tls": "listen", "to-tls": "to",
}

// check reads what the flags have in common.
func (f *gatewayFlags) check(cmd *cobra.Command) error {
	flags := cmd.Flags()
	end := ""
	for _, name := range []string{"listen", "to", "spawn"} {
		if flags.Changed(name) {
			end = name
		}
	}
	if end == "" {
		return usage(errors.New("say which end this is: --listen ADDRESS beside instruments, --to ADDRESS beside a designer, or --spawn COMMAND to start designers"))
	}
	for flag, ends := range gatewayOnly {
		used := flags.Changed(flag)
		if flag == "listen-tls" {
			used = f.listenTLS.used()
		} else if flag == "to-tls" {
			used = f.toTLS.used()
		}
		if used && !strings.Contains(ends, end) {
			return usage(fmt.Errorf("--%s is for --%s, and has no effect with --%s", flag, strings.ReplaceAll(ends, " ", " and --"), end))
		}
	}
	if flags.Changed("idle") && end != "spawn" && f.queue == "" {
		return usage(errors.New("--idle is for --spawn and --queue"))
	}
	switch {
	case flags.Changed("queue") && !validQueue(f.queue):
		return usage(errors.New("--queue is a name of letters, digits, - and _"))
	case f.timeout <= 0:
		return usage(errors.New("--timeout must be more than 0: an instrument whose command gets no reply would wait for ever"))
	case f.idle <= 0:
		return usage(errors.New("--idle must be more than 0"))
	case f.maxMessage < 1:
		return usage(errors.New("--max-message must be at least 1"))
	}
	if err := f.nats.check(cmd); err != nil {
		return err
	}
	var err error
	if f.at, err = f.nats.server(); err != nil {
		return err
	}
	if f.at.subject != "" && f.subject != "" && f.at.subject != f.subject {
		return usage(fmt.Errorf("the subject of the URL is %s, and that of --subject %s", f.at.subject, f.subject))
	}
	if f.subject == "" {
		f.subject = f.at.subject
	}
	if f.subject == "" {
		return usage(errors.New("--subject is missing: the name of the experiment, such as obe.lab1.nv3, the same at both ends"))
	}
	if err := gateway.CheckSubject(f.subject, end != "listen"); err != nil {
		return usage(fmt.Errorf("--subject: %w", err))
	}
	if end == "spawn" && !f.wildcard() {
		return usage(fmt.Errorf("--spawn starts a designer for each experiment: one part of --subject has to be *, as in 'obe.lab1.*'; for one designer, start it and use --to"))
	}
	return nil
}

// validQueue reports whether a text can be the name of a queue group.
func validQueue(name string) bool {
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
}

func (f *gatewayFlags) wildcard() bool { return strings.Contains(f.subject, "*") }

// connect connects to NATS, for an end that is described by a text.
func (f *gatewayFlags) connect(app *app, end string) (*gateway.Link, *gateway.Log, error) {
	host, _ := os.Hostname()
	config := f.nats.config(f.at, fmt.Sprintf("obe gateway %s at %s", end, host), tellNATS(f.tell))
	link, err := connectNATS(app, config)
	if err != nil || !f.record {
		return link, nil, err
	}
	role := gateway.RoleBack
	if f.listen != "" {
		role = gateway.RoleFront
	}
	config.Name += ", record"
	config.Events = nil
	log, err := gateway.OpenLog(app.ctx, gateway.LogConfig{Link: config, Subject: f.subject, Role: role, Events: tellNATS(f.tell)})
	if err != nil {
		link.Close()
		return nil, nil, usage(fmt.Errorf("--record: %w", err))
	}
	return link, log, nil
}

// closeLog ends the record, and says what it has.
func (f *gatewayFlags) closeLog(log *gateway.Log) {
	if log == nil {
		return
	}
	counts, first := log.Close(func(left int64) {
		f.tell.say("%s %s not certainly recorded yet", plural(left, "message"), isAre(left))
	})
	f.tell.say("%s recorded", plural(counts.Written, "message"))
	if counts.Lost > 0 {
		f.tell.say("%s %s missing there; the first one: %v", plural(counts.Lost, "message"), isAre(counts.Lost), first)
	}
}

// maxInstruments is how many connections of instruments may be open.
const maxInstruments = 10_000

// serveInstruments is the end of instruments, until a signal.
func (f *gatewayFlags) serveInstruments(app *app) error {
	at, err := parseAddress(f.listen)
	if err != nil {
		return usage(fmt.Errorf("--listen: %w", err))
	}
	numbers, err := f.metrics.open(app, f.tell, "gateway", map[string]address{"--listen": at})
	if err != nil {
		return err
	}
	defer numbers.close()
	server, err := socket.NewServer(at.host, at.port)
	if err != nil {
		return failure(err)
	}
	defer server.Free()
	app.sockets = append(app.sockets, server)
	if err := f.listenTLS.apply(server); err != nil {
		return err
	}
	for option, value := range map[string]string{
		"allow": f.allow, "max_message": strconv.FormatInt(f.maxMessage, 10), "max_connections": strconv.Itoa(maxInstruments),
	} {
		if err := server.SetOption(option, value); err != nil {
			return usage(fmt.Errorf("--%s: %w", flagName(option), err))
		}
	}
	// Options that do not belong together are an error of the first call that receives.
	first, err := server.ReceiveMessage(0)
	if err != nil && !errors.Is(err, socket.ErrTimeout) && app.ctx.Err() == nil {
		return usage(failure(err))
	}
	link, log, err := f.connect(app, "--listen "+server.Name())
	if err != nil {
		return err
	}
	defer link.Close()
	defer f.closeLog(log)
	host, _ := os.Hostname()
	front := gateway.NewFront(gateway.FrontConfig{
		Link: link, Subject: f.subject, Server: server, Name: host + " " + server.Name(), Timeout: f.timeout,
		MaxMessage: f.maxMessage, Log: log, Tell: tellNATS(f.tell), Replied: numbers.gatewayReplies().Observe,
	})
	numbers.Socket(server, socket.RoleServer)
	numbers.gateway(f.tell, link, log, front.Report)
	numbers.serve()
	defer link.Announce(gateway.Presence{
		Version: version, Subject: f.subject, Role: "listen", Address: server.Name(), Report: withLog(front.Report, log),
	})()
	go link.WarnOfStreams(app.ctx, f.subject)
	f.tell.say("listening on %s, for the designer at %s", server.Name(), natsAddress{servers: f.at.servers, subject: f.subject})
	defer context.AfterFunc(app.ctx, server.Free)()
	err = front.Serve(first)
	front.Close()
	f.tell.end()
	if app.ctx.Err() != nil {
		return nil // app.run returns why
	}
	return failure(err)
}

// serveDesigner is the end of a designer, until a signal.
func (f *gatewayFlags) serveDesigner(app *app) error {
	config := gateway.BackConfig{
		Subject: f.subject, Queue: f.queue, Timeout: f.timeout, MaxMessage: f.maxMessage, Idle: f.idle, Tell: tellNATS(f.tell),
	}
	others := map[string]address{}
	if to, err := parseAddress(f.to); err == nil {
		others["--to"] = to
	}
	numbers, err := f.metrics.open(app, f.tell, "gateway", others)
	if err != nil {
		return err
	}
	defer numbers.close()
	config.Replied = numbers.gatewayReplies().Observe
	server := ""
	if f.spawn != "" {
		spawner, err := gateway.NewSpawner(gateway.SpawnConfig{
			Command: f.spawn, Environment: environmentOfDesigners(), Tell: f.tellDesigner, Client: f.client,
		})
		if err != nil {
			return usage(fmt.Errorf("--spawn: %w", err))
		}
		defer spawner.Close()
		config.Spawner, server = spawner, f.spawn
	} else {
		connect, shown, err := f.connector(app)
		if err != nil {
			return err
		}
		config.Connect, server = connect, shown
	}
	link, log, err := f.connect(app, f.end())
	if err != nil {
		return err
	}
	defer link.Close()
	defer f.closeLog(log)
	config.Link, config.Log = link, log
	back := gateway.NewBack(config)
	defer back.Close()
	numbers.gateway(f.tell, link, log, back.Report)
	numbers.serve()
	if err := back.Serve(app.ctx); err != nil {
		if app.ctx.Err() != nil {
			return nil
		}
		return usage(err)
	}
	defer link.Announce(gateway.Presence{
		Version: version, Subject: f.subject, Role: "to", Address: server, Instance: back.Instance(), Report: withLog(back.Report, log),
	})()
	go link.WarnOfStreams(app.ctx, f.subject)
	f.tell.say("serving %s with %s", natsAddress{servers: f.at.servers, subject: f.subject}, server)
	<-app.ctx.Done()
	back.Close()
	f.tell.end()
	return nil
}

// end is the flag that says which end this is, with its value.
func (f *gatewayFlags) end() string {
	if f.spawn != "" {
		return "--spawn"
	}
	return "--to " + f.to
}

// withLog adds the counts of the record to a report.
func withLog(report func() gateway.Report, log *gateway.Log) func() gateway.Report {
	return func() gateway.Report {
		r := report()
		if log != nil {
			counts := log.Counts()
			r.Record = &counts
		}
		return r
	}
}

// tellDesigner tells of designers that were started. What they print is shown whole.
func (f *gatewayFlags) tellDesigner(event gateway.Event, text string) { f.tell.say("%s", text) }

// client returns a client of a designer.
func (f *gatewayFlags) client(host string, port int) (*socket.Client, error) {
	client, err := socket.NewClient(host, port)
	if err != nil {
		return nil, err
	}
	persistent := "0"
	if f.persistent {
		persistent = "1"
	}
	for option, value := range map[string]string{"persistent": persistent, "max_message": strconv.FormatInt(f.maxMessage, 10)} {
		if err := client.SetOption(option, value); err != nil {
			client.Free()
			return nil, fmt.Errorf("--%s: %w", flagName(option), err)
		}
	}
	if err := f.toTLS.apply(client); err != nil {
		client.Free()
		return nil, err
	}
	return client, nil
}

// placeOfName is what stands in --to for the part of a subject that the wildcard stands for.
const placeOfName = "{1}"

// connector returns what makes a client of the server at --to, and its address for people.
func (f *gatewayFlags) connector(app *app) (connect func(value string) (*socket.Client, error), shown string, err error) {
	if has := strings.Contains(f.to, placeOfName); has != f.wildcard() {
		if has {
			return nil, "", usage(errors.New("--to: {1} stands for the * of --subject, which has none"))
		}
		return nil, "", usage(errors.New("--to needs {1} where the address has the name that * in --subject stands for, as in unix:/run/obe/{1}.sock, so that each experiment has its own designer"))
	}
	connect = func(value string) (*socket.Client, error) {
		at, err := parseAddress(strings.ReplaceAll(f.to, placeOfName, value))
		if err != nil {
			return nil, usage(fmt.Errorf("--to: %w", err))
		}
		return f.client(at.host, at.port)
	}
	client, err := connect("1")
	if err != nil {
		return nil, "", usage(err)
	}
	if f.wildcard() {
		client.Free()
		return connect, "the servers at " + f.to, nil
	}
	app.sockets = append(app.sockets, client)
	return func(string) (*socket.Client, error) { return client, nil }, "the server at " + client.Address(), nil
}
