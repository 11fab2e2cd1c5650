package transport

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

const (
	byteOrderMark = "\ufeff"
	beginOfBlock  = "-----BEGIN "

	certificateBlock = "CERTIFICATE"
	keyBlock         = "PRIVATE KEY"
)

// parsePEM returns the blocks of a PEM file in the form that crypto/tls and crypto/x509
// expect, which drop others without an error. One block at least has to be as wanted:
// certificateBlock or keyBlock. Files joined to one may each begin with a byte order
// mark, and need no line end at their ends.
func parsePEM(text []byte, wanted string) ([]byte, error) {
	if err := isText(text); err != nil {
		return nil, err
	}
	text = bytes.ReplaceAll(text, []byte(byteOrderMark), nil)
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	text = bytes.ReplaceAll(text, []byte("\r"), []byte("\n"))
	var blocks bytes.Buffer
	found, encrypted, others := false, false, others{}
	for at, next := nextBlock(text, 0), 0; at >= 0; at = next {
		next = nextBlock(text, at+len(beginOfBlock))
		end := next
		if next < 0 {
			end = len(text)
		}
		fail := func(err error) ([]byte, error) {
			return nil, fmt.Errorf("the block that begins in line %d %w", bytes.Count(text[:at], []byte("\n"))+1, err)
		}
		block, _ := pem.Decode(text[at:end])
		if block == nil {
			return fail(errors.New("is damaged or cut off; copy the file again"))
		}
		isKey := strings.HasSuffix(block.Type, keyBlock)
		switch {
		case isKey && (strings.HasPrefix(block.Type, "ENCRYPTED") || block.Headers["DEK-Info"] != ""):
			encrypted = true
			continue
		case isKey && wanted == keyBlock && !found:
			if err := checkKey(block); err != nil {
				return fail(err)
			}
		case block.Type == "TRUSTED CERTIFICATE":
			return fail(errors.New("is of OpenSSL's own kind TRUSTED CERTIFICATE; convert it: openssl x509 -in FILE -out NEW"))
		case block.Type == "X509 CERTIFICATE":
			block.Type = certificateBlock
		}
		if block.Type == certificateBlock {
			if _, err := x509.ParseCertificate(block.Bytes); err != nil {
				return fail(fmt.Errorf("is no valid certificate: %s", strings.TrimPrefix(err.Error(), "x509: ")))
			}
		}
		found = found || block.Type == wanted || isKey && wanted == keyBlock
		others.note(block.Type)
		block.Headers = nil // x509 drops certificates with headers
		if err := pem.Encode(&blocks, block); err != nil {
			return fail(err)
		}
	}
	switch {
	case found:
		return blocks.Bytes(), nil
	case encrypted && wanted == keyBlock:
		return nil, errors.New("the key is encrypted, and its password cannot be asked for; give one that is not (openssl pkey -in FILE -out NEW), readable by this user alone")
	}
	return nil, fmt.Errorf("the file has no PEM block %s%s", wanted, others)
}

// nextBlock returns where the next block begins at or after from, -1 if none does. It
// begins a line, or comes directly after the end of the one before.
func nextBlock(text []byte, from int) int {
	for {
		i := bytes.Index(text[from:], []byte(beginOfBlock))
		if i < 0 {
			return -1
		}
		from += i
		before := bytes.TrimRight(text[:from], " \t\v\f\r") // no further: a line may be the whole file
		if len(before) == 0 || before[len(before)-1] == '\n' || bytes.HasSuffix(before, []byte("-----")) {
			return from
		}
		from += len(beginOfBlock)
	}
}

// isText reports what else the file is.
func isText(text []byte) error {
	switch {
	case len(text) == 0:
		return errors.New("the file is empty")
	case bytes.HasPrefix(text, []byte("\xff\xfe")), bytes.HasPrefix(text, []byte("\xfe\xff")), bytes.Count(text, []byte{0}) >= (len(text)+2)/3 && bytes.IndexByte(text, '-') >= 0:
		return errors.New("the file is text in UTF-16, as some editors and shells of Windows write it; save it as ASCII or UTF-8")
	case text[0] == derSequence && !bytes.Contains(text, []byte(beginOfBlock)):
		return errors.New("the file is binary (DER, or PKCS #12), and not PEM; convert it: openssl x509, openssl pkey or openssl pkcs12")
	}
	return nil
}

// derSequence is the first byte of every certificate and key in DER.
const derSequence = 0x30

// checkKey reports whether a key can be used, as far as that shows without its
// certificate.
func checkKey(block *pem.Block) error {
	if block.Type == "OPENSSH PRIVATE KEY" {
		return errors.New("is a key of OpenSSH's own kind; convert it: ssh-keygen -p -m PKCS8 -f FILE")
	}
	if _, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		return nil
	}
	if _, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return nil
	}
	if _, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return nil
	}
	return errors.New("is no valid private key, or one of a kind that TLS 1.3 does not have (RSA, ECDSA and Ed25519 are good)")
}

// others is what a file has that was not asked for.
type others struct{ certificate, request, privateKey, publicKey bool }

func (o *others) note(kind string) {
	switch {
	case kind == certificateBlock:
		o.certificate = true
	case strings.HasSuffix(kind, "CERTIFICATE REQUEST"):
		o.request = true
	case strings.HasSuffix(kind, keyBlock):
		o.privateKey = true
	case strings.HasSuffix(kind, "PUBLIC KEY"):
		o.publicKey = true
	}
}

func (o others) String() string {
	switch {
	case o.request:
		return "; it has a certificate request, which an authority has to sign first"
	case o.privateKey:
		return "; it has a private key, which belongs into tls_key"
	case o.publicKey:
		return "; it has a public key"
	case o.certificate:
		return "; it has a certificate, which belongs into tls_cert or tls_ca"
	}
	return ""
}
