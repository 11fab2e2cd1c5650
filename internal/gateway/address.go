package gateway

import (
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/nats-io/nats.go"

	"libobe/internal/excerpt"
)

// parseURL returns the servers for nats.go, without user and password, the same for people, and the options that say
// who the user is. No error has a part of the address: it may be part of a password.
func parseURL(text string) (servers, address string, user []nats.Option, err error) {
	const form = "the form is nats://[user:password@]host[:port], with more after commas; in a user or password, write @ as %40, / as %2F, : as %3A, # as %23 and % as %25"
	var hosts, addresses []string
	var who *url.Userinfo
	secure := false
	all := strings.Split(text, ",")
	for i, one := range all {
		what := "the address of the NATS server"
		if len(all) > 1 {
			what = fmt.Sprintf("address %d of the NATS servers", i+1)
		}
		one = strings.TrimSpace(one)
		if !strings.Contains(one, "://") {
			one = "nats://" + one
		}
		u, err := url.Parse(one)
		if err != nil || u.Hostname() == "" || strings.ContainsAny(u.Host, "@%") {
			return "", "", nil, failf(ErrArgument, "%s cannot be read: %s", what, form)
		}
		switch {
		case u.Scheme != "nats" && u.Scheme != "tls":
			return "", "", nil, failf(ErrArgument, "%s begins with neither nats:// nor tls://: %s", what, form)
		case u.Path != "" && u.Path != "/", u.RawQuery != "", u.Fragment != "":
			return "", "", nil, failf(ErrArgument, "%s has something after host and port: %s", what, form)
		}
		if u.User != nil {
			if i > 0 && who == nil {
				return "", "", nil, failf(ErrArgument, "%s has a user, the first has none: write the user in the first; a comma in a password is %%2C", what)
			}
			if who != nil && who.String() != u.User.String() {
				return "", "", nil, failf(ErrArgument, "%s has another user than one before it: there is one user for all", what)
			}
			who = u.User
		}
		secure = secure || u.Scheme == "tls"
		if u.Port() == "" {
			u.Host = strings.TrimSuffix(u.Host, ":") + ":4222"
		}
		hosts = append(hosts, u.Scheme+"://"+u.Host)
		addresses = append(addresses, u.Host)
	}
	if who != nil {
		if password, found := who.Password(); found {
			user = append(user, nats.UserInfo(who.Username(), password))
		} else {
			user = append(user, nats.Token(who.Username()))
		}
	}
	if secure {
		user = append(user, nats.Secure())
	}
	return strings.Join(hosts, ","), strings.Join(addresses, ","), user, nil
}

// checkInboxPrefix says what is wrong with the first names of the subjects of replies.
func checkInboxPrefix(prefix string) error {
	if CheckSubject(strings.TrimLeft(prefix, "_"), false) != nil {
		return failf(ErrArgument, "the prefix of inboxes %s is not possible: it is names with dots between them, such as _INBOX_lab1", excerpt.Quote(prefix))
	}
	return nil
}

// fileOptions returns the options that files are for, and an error if a file cannot be used.
func fileOptions(c Config) ([]nats.Option, error) {
	unusable := func(what, path string, err error) error {
		return failf(ErrArgument, "%s %s: %s", what, excerpt.Quote(path), reason(err))
	}
	var options []nats.Option
	if c.Credentials != "" && c.NKey != "" {
		return nil, failf(ErrArgument, "a credentials file and an nkey are given: use one of them")
	}
	if c.Credentials != "" {
		text, err := os.ReadFile(c.Credentials)
		if err != nil {
			return nil, unusable("credentials file", c.Credentials, err)
		}
		if !strings.Contains(string(text), "BEGIN NATS USER JWT") || !strings.Contains(string(text), "BEGIN USER NKEY SEED") {
			return nil, failf(ErrArgument, "%s is no credentials file of NATS: it needs a user's JWT and its seed", excerpt.Quote(c.Credentials))
		}
		options = append(options, nats.UserCredentials(c.Credentials))
	}
	if c.NKey != "" {
		option, err := nats.NkeyOptionFromSeed(c.NKey)
		if err != nil {
			return nil, unusable("file of the nkey", c.NKey, err)
		}
		options = append(options, option)
	}
	if c.TLSCA != "" {
		options = append(options, nats.RootCAs(c.TLSCA))
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return nil, failf(ErrArgument, "a certificate for TLS needs its key, and a key its certificate")
	}
	if c.TLSCert != "" {
		options = append(options, nats.ClientCert(c.TLSCert, c.TLSKey))
	}
	// The files are read by these options; nats.go would report them in the words of a failed connection.
	trial := nats.GetDefaultOptions()
	for _, option := range options {
		if err := option(&trial); err != nil {
			return nil, failf(ErrArgument, "files for TLS: %s", reason(err))
		}
	}
	return options, nil
}
