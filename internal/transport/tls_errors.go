package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"libobe/internal/excerpt"
)

// tlsError converts an error of crypto/tls into an ErrTLS whose text describes the
// problem and how to fix it.
func tlsError(err error, server bool) error {
	peer, remedy := "the server's certificate", "set the CA file to the certificate of the authority that signed it"
	if server {
		peer, remedy = "the client's certificate", "the CA file does not contain it"
	}
	var wrongName x509.HostnameError
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var noTLS tls.RecordHeaderError
	var refused *net.OpError
	switch {
	case errors.As(err, &wrongName):
		return fmt.Errorf("%w: %s is not for %s but for %s; connect by that name, or set the server name to it",
			ErrTLS, peer, excerpt.Quote(wrongName.Host), certificateNames(wrongName.Certificate))
	case errors.As(err, &unknown):
		return fmt.Errorf("%w: %s is signed by an unknown authority; %s", ErrTLS, peer, remedy)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("%w: %s is valid from %s to %s, and it is %s now; renew it, or set the clock", ErrTLS, peer,
			invalid.Cert.NotBefore.UTC().Format(validityFormat), invalid.Cert.NotAfter.UTC().Format(validityFormat), time.Now().UTC().Format(validityFormat))
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return fmt.Errorf("%w: %s is not valid for this use (wrong extended key usage)", ErrTLS, peer)
	case errors.As(err, &noTLS):
		return fmt.Errorf("%w: the peer does not support TLS 1.3", ErrTLS)
	case errors.As(err, &refused) && refused.Op == "remote error":
		alert := strings.TrimPrefix(refused.Err.Error(), "tls: ")
		return fmt.Errorf("%w: the peer refused: %s%s", ErrTLS, alert, alertHint(alert, server))
	}
	return fmt.Errorf("%w: %s", ErrTLS, strings.TrimPrefix(err.Error(), "tls: "))
}

const validityFormat = "2006-01-02 15:04 MST"

// alertHint returns what a client can do about an alert of its server.
func alertHint(alert string, server bool) string {
	switch {
	case server:
		return ""
	case alert == "certificate required":
		return " (the server requires a client certificate; set the certificate file and the private key file)"
	case strings.Contains(alert, "certificate"):
		return " (the server does not accept this client's certificate)"
	case alert == "protocol version not supported":
		return " (it does not support TLS 1.3)"
	}
	return ""
}

// certificateNames lists the names and addresses that a certificate is for.
func certificateNames(c *x509.Certificate) string {
	var list []string
	for _, name := range c.DNSNames {
		list = append(list, excerpt.Quote(name))
	}
	for _, ip := range c.IPAddresses {
		if a, ok := netip.AddrFromSlice(ip); ok {
			list = append(list, a.Unmap().String())
		}
	}
	const maxNames = 5
	switch {
	case len(list) == 0:
		return "no name at all"
	case len(list) > maxNames:
		list = append(list[:maxNames], "others")
	}
	return strings.Join(list, ", ")
}
