package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
)

// Credentials are this side's identity in TLS and the authorities that it trusts, from
// which Client and Server build a tls.Config. It is a value: a copy is independent.
type Credentials struct {
	On          bool   // use TLS even if nothing else is set
	ServerName  string // that the server's certificate must be for; empty: its address
	Certificate File
	Key         File
	Authorities File // empty: those that the system trusts
}

// Enabled reports whether any part asks for TLS.
func (c Credentials) Enabled() bool {
	return c.On || c.ServerName != "" || c.Certificate.Path != "" || c.Key.Path != "" || c.Authorities.Path != ""
}

// CheckKeyPair returns an error if certificate and key are both set and do not match.
func (c Credentials) CheckKeyPair() error {
	_, err := c.keyPair()
	return err
}

func (c Credentials) keyPair() ([]tls.Certificate, error) {
	if c.Certificate.Path == "" || c.Key.Path == "" {
		return nil, nil
	}
	pair, err := tls.X509KeyPair(c.Certificate.text, c.Key.text)
	if err != nil {
		return nil, fmt.Errorf("certificate and private key: %s (the first certificate in the certificate file must be that of the key)", strings.TrimPrefix(err.Error(), "tls: "))
	}
	return []tls.Certificate{pair}, nil
}

// CheckRoots returns an error if the file of authorities is set and contains no valid
// certificate.
func (c Credentials) CheckRoots() error {
	_, err := c.roots()
	return err
}

// roots returns nil, which is the system's, if there is no file of authorities.
func (c Credentials) roots() (*x509.CertPool, error) {
	if c.Authorities.Path == "" {
		return nil, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(c.Authorities.text) {
		return nil, errors.New("the CA file contains no valid certificate")
	}
	return pool, nil
}

func (c Credentials) config() (*tls.Config, *x509.CertPool, error) {
	switch {
	case c.Key.Path != "" && c.Certificate.Path == "":
		return nil, nil, errors.New("there is a private key file and no certificate file; set both")
	case c.Key.Path == "" && c.Certificate.Path != "":
		return nil, nil, errors.New("there is a certificate file and no private key file; set both")
	}
	if err := sysRandom(); err != nil {
		return nil, nil, err
	}
	pair, err := c.keyPair()
	if err != nil {
		return nil, nil, err
	}
	roots, err := c.roots()
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: pair, DynamicRecordSizingDisabled: true}, roots, err
}

// Client returns the configuration of a client of the server at an address.
func (c Credentials) Client(address Address) (*tls.Config, error) {
	config, roots, err := c.config()
	if err != nil {
		return nil, err
	}
	config.RootCAs = roots
	config.ServerName = c.ServerName
	if config.ServerName == "" {
		config.ServerName = address.certificateName()
	}
	if config.ServerName == "" {
		return nil, errors.New("the server name is missing; set it, because the path of a socket does not name the host that the certificate must be for")
	}
	// Makes the handshake of a client that connects for each command cheaper from the
	// second one on.
	config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	return config, nil
}

// certificateName returns the name or IP address that the server's certificate must be
// for; empty if the address has none.
func (a Address) certificateName() string {
	if at, ok := a.literal(); ok && a.Path == "" {
		return at.Addr().WithZone("").String()
	}
	return a.Host
}

// Server returns the configuration of a server. If there is a file of authorities, it
// accepts only clients with a certificate that one of these signed.
func (c Credentials) Server() (*tls.Config, error) {
	config, roots, err := c.config()
	if err == nil && len(config.Certificates) == 0 {
		err = errors.New("a server with TLS needs a certificate file and a private key file")
	}
	if err != nil {
		return nil, err
	}
	if roots != nil {
		config.ClientCAs, config.ClientAuth = roots, tls.RequireAndVerifyClientCert
	}
	return config, nil
}
