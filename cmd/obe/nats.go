package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"libobe/internal/gateway"
)

// natsVariable is the environment variable that stands for --nats, so that a password need
// not be on a command line, which every user of the machine can read.
const natsVariable = "OBE_NATS"

// natsHelp explains the address of a NATS server in the help of a subcommand.
const natsHelp = `The address of the NATS server is nats://host:port, with :4222 if there is no port; tls:// in its
place insists on TLS. Several servers of a cluster are separated by commas. A user and a password
go before the host, nats://user:password@host, and better into the variable ` + natsVariable + `, which
stands for --nats: a command line can be read by all users of a machine.`

// natsSchemes are the beginnings of an address of NATS.
var natsSchemes = []string{"nats://", "tls://"}

// natsAddress is where a NATS server is, and the subject if the address has one, as in
// nats://hub:4222/obe.lab1.nv3.
type natsAddress struct {
	url     string // of all servers of the cluster; it may have a password
	servers string // the same without user and password, for people
	subject string // "" if the address has none
}

// String returns the address without user and password.
func (a natsAddress) String() string {
	if a.subject == "" {
		return a.servers
	}
	return a.servers + "/" + a.subject
}

// isNATS reports whether an argument is an address of NATS, and not that of a file or of a
// server of the protocol.
func isNATS(text string) bool {
	return slices.ContainsFunc(natsSchemes, func(scheme string) bool {
		return len(text) >= len(scheme) && strings.EqualFold(text[:len(scheme)], scheme)
	})
}

// parseNATS reads nats://[user:password@]host[:port][,…][/subject]. An error never contains
// what may be a password.
func parseNATS(text string) (natsAddress, error) {
	if !isNATS(text) {
		shown := ""
		if !strings.Contains(text, "@") {
			shown = ": write nats://" + cmp.Or(printable(strings.TrimPrefix(text, "//")), "hub:4222")
			if strings.Contains(text, "://") {
				shown = ", and not " + printable(text[:strings.Index(text, "://")+3])
			}
		}
		return natsAddress{}, errors.New("the address of a NATS server begins with nats:// or tls://" + shown)
	}
	scheme, rest, _ := strings.Cut(text, "://")
	hosts, subject, hasSubject := strings.Cut(rest, "/")
	a := natsAddress{subject: subject}
	if strings.Contains(subject, "@") {
		return natsAddress{}, errors.New("in a user or a password of a NATS server, / is written %2F")
	}
	if strings.Contains(subject, "/") {
		return natsAddress{}, errors.New("the address of a NATS server has one / after the host, and then the subject, which is names with dots between them, such as obe.lab1.nv3")
	}
	if hasSubject && subject != "" {
		if err := gateway.CheckSubject(subject, false); err != nil {
			return a, err
		}
	}
	var urls, shown []string
	var user *url.Userinfo
	for i, host := range strings.Split(hosts, ",") {
		u, err := url.Parse(strings.ToLower(scheme) + "://" + host)
		if err != nil || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(u.Hostname(), " @") {
			return a, fmt.Errorf("the address of the NATS server is not valid: it is nats://host:port, and the %s host of it is missing or has a character that must be written as %%XX", ordinal(i+1))
		}
		if port := u.Port(); port == "" {
			u.Host = net.JoinHostPort(u.Hostname(), "4222")
		} else if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return a, fmt.Errorf("the port of %s is not a number from 1 to 65535", printable(u.Hostname()))
		}
		// Without this, only the first server of the cluster would get them.
		switch {
		case u.User == nil:
			u.User = user
		case i > 0 && user == nil:
			return a, errors.New("the first of several NATS servers has the user and the password; in them, a comma is written %2C")
		default:
			user = u.User
		}
		urls, shown = append(urls, u.String()), append(shown, u.Host)
	}
	a.url, a.servers = strings.Join(urls, ","), strings.ToLower(scheme)+"://"+strings.Join(shown, ",")
	return a, nil
}

// ordinal returns 1st, 2nd and so on, for the few servers of a cluster.
func ordinal(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		suffix = [...]string{"th", "st", "nd", "rd", "th", "th", "th", "th", "th", "th"}[n%10]
	}
	return strconv.Itoa(n) + suffix
}

// natsFlags are the flags of a connection to a NATS server.
type natsFlags struct {
	url                    string
	credentials, nkey      string
	prefix                 string // of the names of those of TLS
	tlsCA, tlsCert, tlsKey string
}

// addNATSFlags adds the flags. A subcommand that has TLS flags for another connection
// tells them apart with a prefix, such as "nats-".
func addNATSFlags(flags *pflag.FlagSet, prefix string) *natsFlags {
	f := &natsFlags{prefix: prefix}
	flags.StringVar(&f.credentials, "credentials", "", "log in to the NATS server with the credentials `FILE` (.creds)")
	flags.StringVar(&f.nkey, "nkey", "", "log in to the NATS server with the seed in `FILE`")
	flags.StringVar(&f.tlsCA, prefix+"tls-ca", "", "PEM `FILE` with the authorities that sign the NATS server's certificate")
	flags.StringVar(&f.tlsCert, prefix+"tls-cert", "", "PEM `FILE` with this side's certificate for the NATS server")
	flags.StringVar(&f.tlsKey, prefix+"tls-key", "", "PEM `FILE` with the private key of that certificate")
	return f
}

// addNATSServer adds the flag --nats, for a subcommand whose arguments have no such address.
// The variable is not its default: the help would print the password.
func (f *natsFlags) addNATSServer(flags *pflag.FlagSet) {
	flags.StringVar(&f.url, "nats", "", "`URL` of the NATS server, such as nats://hub:4222; without it, the variable "+natsVariable)
}

// server returns the address that --nats or its variable has.
func (f *natsFlags) server() (natsAddress, error) {
	from, text := "--nats", f.url
	if text == "" {
		from, text = natsVariable, os.Getenv(natsVariable)
	}
	if text == "" {
		return natsAddress{}, usage(errors.New("--nats is missing, and so is the variable " + natsVariable + ": where is the NATS server? For one on this machine write --nats nats://127.0.0.1:4222"))
	}
	at, err := parseNATS(text)
	if err != nil {
		return at, usage(fmt.Errorf("%s: %w", from, err))
	}
	return at, nil
}

// config returns the configuration of a connection. name is how the NATS server lists it, and
// events gets what people should know.
func (f *natsFlags) config(at natsAddress, name string, events func(gateway.Event, string)) gateway.Config {
	return gateway.Config{
		URL: at.url, Name: name, Credentials: f.credentials, NKey: f.nkey,
		TLSCA: f.tlsCA, TLSCert: f.tlsCert, TLSKey: f.tlsKey, Events: events,
	}
}

// names returns the names of the flags, but of --nats.
func (f *natsFlags) names() []string {
	return []string{"credentials", "nkey", f.prefix + "tls-ca", f.prefix + "tls-cert", f.prefix + "tls-key"}
}

// check refuses empty names of files, and flags that do not belong together.
func (f *natsFlags) check(cmd *cobra.Command) error {
	for _, name := range f.names() {
		if err := noEmptyPath(cmd, name); err != nil {
			return err
		}
	}
	switch {
	case f.credentials != "" && f.nkey != "":
		return usage(errors.New("--credentials and --nkey exclude each other"))
	case (f.tlsCert == "") != (f.tlsKey == ""):
		return usage(fmt.Errorf("--%stls-cert and --%[1]stls-key belong together: the certificate, and its private key", f.prefix))
	}
	return nil
}

// connectNATS connects. A NATS server that is not there is no error. The exit status of an
// error is 2 if the command line or a file of it is wrong or refused.
func connectNATS(app *app, config gateway.Config) (*gateway.Link, error) {
	link, err := gateway.Connect(app.ctx, config)
	if err != nil && app.ctx.Err() != nil {
		return nil, err // app.run returns why
	}
	if err != nil {
		return nil, usage(err)
	}
	return link, nil
}

// natsEvents are the kinds of events of a connection to a NATS server, for many of them.
var natsEvents = map[gateway.Event]string{
	gateway.EventUnreachable:  "failed attempts to reach the NATS server",
	gateway.EventConnected:    "first connections to the NATS server",
	gateway.EventDisconnected: "ends of the connection to the NATS server",
	gateway.EventReconnected:  "new connections to the NATS server",
	gateway.EventPermission:   "refusals of the NATS server",
	gateway.EventStream:       "streams that acknowledge commands",
	gateway.EventForeign:      "replies that belong to no waiting command",
	gateway.EventIncomplete:   "large messages of which parts are missing",
	gateway.EventExpired:      "commands that were not executed, because their senders had stopped waiting",
	gateway.EventRecord:       "changes of where the record is kept",
	gateway.EventLost:         "times that messages are missing in the record",
	gateway.EventCut:          "kinds of messages that are cut in the record",
	gateway.EventError:        "other errors of the connection to the NATS server",
	gateway.EventFailed:       "commands that got an error as their reply",
	gateway.EventUnread:       "replies that were not taken",
	gateway.EventBusy:         "commands that were refused because too many waited",
	gateway.EventServer:       "commands that the server did not answer as it should",
	gateway.EventRival:        "designers that serve the same subject",
}

// tellNATS returns what tells people of the events of a connection. One without a text is only
// counted.
func tellNATS(tell *events) func(gateway.Event, string) {
	return func(event gateway.Event, text string) {
		if text == "" {
			tell.add(natsEvents[event])
		} else {
			tell.tell(natsEvents[event], text)
		}
	}
}
