package main

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"libobe/internal/socket"
	"libobe/internal/transport"
)

const unixPrefix = "unix:"

// addressHelp explains an address in the help of a subcommand.
const addressHelp = `ADDRESS is host:port, :port on this machine, or unix:/path; 127.0.0.1:61981 if it is
missing. An IPv6 address has brackets: [::1]:61981.`

// address is a parsed ADDRESS, as NewClient and NewServer take it.
type address struct {
	host string // "" is the loopback address; unix:/path for a Unix-domain socket
	port int
}

// defaultAddress is that of a command line without an ADDRESS.
var defaultAddress = address{port: socket.DefaultPort}

func (a address) String() string {
	parsed, err := transport.ParseAddress(a.host, a.port)
	if err != nil {
		return a.host
	}
	return parsed.String()
}

// parseAddress reads host:port, :port, [ipv6]:port or unix:/path. An error is a *mistake.
func parseAddress(text string) (address, error) {
	if strings.HasPrefix(text, unixPrefix) {
		if _, err := transport.ParseAddress(text, 0); err != nil {
			return address{}, &mistake{text, len(unixPrefix), err.Error()}
		}
		return address{host: text}, nil
	}
	host, digits, err := net.SplitHostPort(text)
	var split *net.AddrError
	switch {
	case errors.As(err, &split) && strings.Count(text, ":") > 1 && !strings.HasPrefix(text, "["):
		return address{}, &mistake{text, 0, fmt.Sprintf("an IPv6 address needs brackets and a port: [%s]:%d", text, socket.DefaultPort)}
	case errors.As(err, &split) && strings.HasPrefix(text, "[") && !strings.Contains(text, "]"):
		return address{}, &mistake{text, len(text), "the bracket ] of the IPv6 address is missing"}
	case errors.As(err, &split) && (!strings.Contains(text, ":") || strings.HasSuffix(text, "]")):
		if text != "" && strings.Trim(text, "0123456789") == "" {
			return address{}, &mistake{text, 0, "an address has a colon before its port: write :" + text}
		}
		return address{}, &mistake{text, len(text), fmt.Sprintf("an address has a port: write %s:%d", text, socket.DefaultPort)}
	case err != nil:
		return address{}, &mistake{text, 0, "not an address, which is host:port, :port or unix:/path"}
	}
	port, err := strconv.Atoi(digits)
	if err != nil || port < 0 || port > 65535 || strings.Trim(digits, "0123456789") != "" {
		return address{}, &mistake{text, len(text) - len(digits), "the port is a number from 0 to 65535"}
	}
	if _, err := transport.ParseAddress(host, port); err != nil {
		return address{}, &mistake{text, 0, err.Error()}
	}
	return address{host, port}, nil
}

// optionalAddress is parseAddress for the first of at most one argument.
func optionalAddress(args []string) (address, error) {
	if len(args) == 0 {
		return defaultAddress, nil
	}
	at, err := parseAddress(args[0])
	if err != nil {
		return at, usage(err)
	}
	return at, nil
}

// tlsFlags are the flags with the names of the library's options tls_*, with dashes.
type tlsFlags struct {
	prefix string
	flags  *pflag.FlagSet
}

// addTLSFlags adds the TLS flags of one role. A subcommand with two sockets tells them
// apart with a prefix, such as "to-".
func addTLSFlags(flags *pflag.FlagSet, prefix string, role socket.Role) *tlsFlags {
	flags.Bool(prefix+"tls", false, "encrypt with TLS 1.3; the other tls flags imply it")
	for _, option := range socket.Options {
		if !strings.HasPrefix(option.Name, "tls_") || role == socket.RoleServer && strings.HasPrefix(option.Doc, "Client: ") {
			continue
		}
		// The part in quotes is the name of the value in the help.
		usage := strings.ReplaceAll(quoteOnce(firstSentence(option.Doc), "file", "name"), "--tls", "--"+prefix+"tls")
		flags.String(prefix+flagName(option.Name), "", usage)
	}
	return &tlsFlags{prefix, flags}
}

// flagName returns the name of the flag of an option.
func flagName(option string) string { return strings.ReplaceAll(option, "_", "-") }

// tlsWords returns the names of the TLS options, each followed by that of its flag.
func tlsWords() (words []string) {
	for _, option := range socket.Options {
		if strings.HasPrefix(option.Name, "tls_") {
			words = append(words, option.Name, "--"+flagName(option.Name))
		}
	}
	return words
}

// firstSentence returns the first sentence of an option's description as the usage of a flag.
func firstSentence(doc string) string {
	doc, _, _ = strings.Cut(strings.TrimPrefix(doc, "Client: "), ". ")
	doc = strings.NewReplacer(tlsWords()...).Replace(strings.TrimSuffix(doc, "."))
	return strings.ToLower(doc[:1]) + doc[1:]
}

// quoteOnce puts the first of some words that a text has into backquotes.
func quoteOnce(text string, words ...string) string {
	for _, word := range words {
		if strings.Contains(text, " "+word+" ") {
			return strings.Replace(text, " "+word+" ", " `"+word+"` ", 1)
		}
	}
	return text
}

// used reports whether one of the flags was.
func (t *tlsFlags) used() (any bool) {
	t.flags.Visit(func(flag *pflag.Flag) {
		_, option := t.option(flag)
		any = any || option && flag.Value.String() != "false"
	})
	return any
}

// option returns the name of the option of a flag, with dashes, if it is one of these flags.
func (t *tlsFlags) option(flag *pflag.Flag) (name string, ok bool) {
	name, ok = strings.CutPrefix(flag.Name, t.prefix)
	return name, ok && (name == "tls" || strings.HasPrefix(name, "tls-"))
}

// apply sets the options of the flags that were used.
func (t *tlsFlags) apply(s socket.Socket) (err error) {
	t.flags.Visit(func(flag *pflag.Flag) {
		name, ok := t.option(flag)
		if !ok || err != nil {
			return
		}
		value := flag.Value.String()
		if name == "tls" {
			value = "0"
			if flag.Value.String() == "true" {
				value = "1"
			}
		}
		if set := s.SetOption(strings.ReplaceAll(name, "-", "_"), value); set != nil {
			err = usage(fmt.Errorf("--%s: %w", flag.Name, set))
		}
	})
	return err
}
