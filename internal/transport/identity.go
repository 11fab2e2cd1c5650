package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"libobe/internal/excerpt"
)

// Credentials is who one is in TLS, and whom one trusts: the material of a
// tls.Config, gathered piece by piece. It is a value: a copy is independent.
type Credentials struct {
	On          bool // even if nothing else is set
	ServerName  string
	Certificate File
	Key         File
	Authorities File
}

// File is a PEM file that was read. The zero value is none.
type File struct {
	Path string
	text []byte
}

// mostPEM is more than any file of certificates has.
const mostPEM = 4 << 20

// ReadPEM reads a PEM file that has a block whose type ends as wanted, which is
// CERTIFICATE or PRIVATE KEY; the path "" is no file. No error repeats the path, which
// may be a key pasted in its place, nor anything of the file.
func ReadPEM(path, wanted string) (File, error) {
	if path == "" {
		return File{}, nil
	}
	if strings.Contains(path, "-----BEGIN") {
		return File{}, errors.New("the value must be the path of a PEM file, not its text")
	}
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no regular file")
	}
	if err == nil && info.Size() > mostPEM {
		err = fmt.Errorf("it has more than %d bytes", mostPEM)
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		var failure *fs.PathError
		if errors.As(err, &failure) {
			err = failure.Err
		}
		return File{}, fmt.Errorf("the PEM file cannot be read: %w", err)
	}
	if text, err = parsePEM(text, wanted); err != nil {
		return File{}, err
	}
	return File{path, text}, nil
}

// Pair reports whether certificate and key, once both are there, belong together.
func (i Credentials) CheckKeyPair() error {
	_, err := i.pair()
	return err
}

func (i Credentials) pair() ([]tls.Certificate, error) {
	if i.Certificate.Path == "" || i.Key.Path == "" {
		return nil, nil
	}
	pair, err := tls.X509KeyPair(i.Certificate.text, i.Key.text)
	if err != nil {
		return nil, fmt.Errorf("tls_cert and tls_key: %s (the first certificate of tls_cert must be that of the key)", strings.TrimPrefix(err.Error(), "tls: "))
	}
	return []tls.Certificate{pair}, nil
}

// Roots reports whether the file of authorities has a certificate.
func (i Credentials) CheckRoots() error {
	_, err := i.roots()
	return err
}

// roots returns nil, the system's, if there is no file.
func (i Credentials) roots() (*x509.CertPool, error) {
	if i.Authorities.Path == "" {
		return nil, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(i.Authorities.text) {
		return nil, errors.New("tls_ca: the file has no valid certificate")
	}
	return pool, nil
}

// Wanted reports whether anything asks for TLS.
func (i Credentials) Enabled() bool {
	return i.On || i.ServerName != "" || i.Certificate.Path != "" || i.Key.Path != "" || i.Authorities.Path != ""
}

func (i Credentials) config() (*tls.Config, *x509.CertPool, error) {
	if (i.Certificate.Path == "") != (i.Key.Path == "") {
		return nil, nil, errors.New("tls_cert and tls_key belong together; one is missing")
	}
	if err := sysRandom(); err != nil {
		return nil, nil, err
	}
	pair, err := i.pair()
	if err != nil {
		return nil, nil, err
	}
	roots, err := i.roots()
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: pair, DynamicRecordSizingDisabled: true}, roots, err
}

// Client returns the configuration of a client of the server at an address.
func (i Credentials) Client(address Address) (*tls.Config, error) {
	config, roots, err := i.config()
	if err != nil {
		return nil, err
	}
	config.RootCAs = roots
	config.ServerName = i.ServerName
	if config.ServerName == "" {
		config.ServerName = address.name()
	}
	if config.ServerName == "" {
		return nil, errors.New("tls_server_name is needed: a path says nothing about whose certificate to expect")
	}
	// A connection for each command is then cheaper from the second one on.
	config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	return config, nil
}

// name is what a certificate must be for.
func (a Address) name() string {
	if at, ok := a.literal(); ok && a.Path == "" {
		return at.Addr().WithZone("").String()
	}
	return a.Host
}

// Server returns the configuration of a server.
func (i Credentials) Server() (*tls.Config, error) {
	config, roots, err := i.config()
	if err == nil && len(config.Certificates) == 0 {
		err = errors.New("a server needs tls_cert and tls_key")
	}
	if err != nil {
		return nil, err
	}
	if roots != nil {
		config.ClientCAs, config.ClientAuth = roots, tls.RequireAndVerifyClientCert
	}
	return config, nil
}

// tlsError gives an error of crypto/tls its sentence: what is wrong, and what to
// do about it.
func tlsError(err error, server bool) error {
	peer, authority := "the server's certificate", "set tls_ca to the certificate of the authority that signed it"
	if server {
		peer, authority = "the client's certificate", "tls_ca has none that signed it"
	}
	var wrongName x509.HostnameError
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var noTLS tls.RecordHeaderError
	var refused *net.OpError
	switch {
	case errors.As(err, &wrongName):
		return fmt.Errorf("%w: %s is not for %s but for %s; connect by that name, or set tls_server_name to it",
			ErrTLS, peer, excerpt.Quote(wrongName.Host), names(wrongName.Certificate))
	case errors.As(err, &unknown):
		return fmt.Errorf("%w: %s is of an unknown authority; %s", ErrTLS, peer, authority)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("%w: %s is valid from %s to %s, and it is %s now; renew it, or set the clock", ErrTLS, peer,
			invalid.Cert.NotBefore.UTC().Format(day), invalid.Cert.NotAfter.UTC().Format(day), time.Now().UTC().Format(day))
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return fmt.Errorf("%w: %s is not made for this use (its extended key usage)", ErrTLS, peer)
	case errors.As(err, &noTLS):
		return fmt.Errorf("%w: the peer speaks no TLS 1.3", ErrTLS)
	case errors.As(err, &refused) && refused.Op == "remote error":
		alert := strings.TrimPrefix(refused.Err.Error(), "tls: ")
		return fmt.Errorf("%w: the peer refused: %s%s", ErrTLS, alert, remedyOf(alert, server))
	}
	return fmt.Errorf("%w: %s", ErrTLS, strings.TrimPrefix(err.Error(), "tls: "))
}

// day is how the validity of a certificate is written.
const day = "2006-01-02 15:04 MST"

// remedyOf says what one may do about an alert.
func remedyOf(alert string, server bool) string {
	switch {
	case server:
		return ""
	case alert == "certificate required":
		return " (set tls_cert and tls_key: the server wants to know who its client is)"
	case strings.Contains(alert, "certificate"):
		return " (the server does not take the certificate of tls_cert)"
	case alert == "protocol version not supported":
		return " (it speaks no TLS 1.3)"
	}
	return ""
}

// names lists what a certificate is for.
func names(c *x509.Certificate) string {
	var list []string
	for _, name := range c.DNSNames {
		list = append(list, excerpt.Quote(name))
	}
	for _, ip := range c.IPAddresses {
		if a, ok := netip.AddrFromSlice(ip); ok {
			list = append(list, a.Unmap().String())
		}
	}
	const most = 5
	switch {
	case len(list) == 0:
		return "no name at all"
	case len(list) > most:
		list = append(list[:most], "others")
	}
	return strings.Join(list, ", ")
}
