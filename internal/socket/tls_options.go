package socket

import "strings"

// optionNames adds the names of options to the words of package transport, which does
// not know the options that set its credentials.
var optionNames = strings.NewReplacer(
	"a certificate file", "a certificate file (tls_cert)",
	"no certificate file", "no certificate file (tls_cert)",
	"the certificate file", "the certificate file (tls_cert)",
	"a private key file", "a private key file (tls_key)",
	"no private key file", "no private key file (tls_key)",
	"the private key file", "the private key file (tls_key)",
	"the CA file", "the CA file (tls_ca)",
	"the server name", "the server name (tls_server_name)",
)

// withOptionNames adds the names of options to the text of an error about TLS.
func withOptionNames(err error) error {
	text := optionNames.Replace(err.Error())
	if text == err.Error() {
		return err
	}
	return &rewordedError{err, text}
}
