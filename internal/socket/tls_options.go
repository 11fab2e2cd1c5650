package socket

import "strings"

// optionNames are the options that set what package transport, which knows no options,
// calls the CA file and so on.
var optionNames = [][2]string{
	{"certificate file", "tls_cert"}, {"private key file", "tls_key"}, {"CA file", "tls_ca"}, {"server name", "tls_server_name"},
}

// withOptionNames adds the names of options to the text of an error about TLS.
func withOptionNames(err error) error {
	text := err.Error()
	for _, option := range optionNames {
		text = strings.ReplaceAll(text, option[0], option[0]+" ("+option[1]+")")
	}
	if text == err.Error() {
		return err
	}
	return &rewordedError{err, text}
}
