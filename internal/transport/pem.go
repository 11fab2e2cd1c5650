package transport

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

const (
	byteOrderMark = "\ufeff"
	blockBegin    = "-----BEGIN "

	certificateBlock = "CERTIFICATE"
	keyBlock         = "PRIVATE KEY"
)

// File is a PEM file that was read. The zero value is no file.
type File struct {
	Path string
	text []byte
}

// maxPEMSize is larger than any file of certificates.
const maxPEMSize = 4 << 20

// ReadPEM reads a PEM file with at least one block whose type ends in wanted, which is
// CERTIFICATE or PRIVATE KEY. An empty path returns the zero File. No error contains the
// path, which may be a key that was pasted by mistake, nor any part of the file.
func ReadPEM(path, wanted string) (File, error) {
	if path == "" {
		return File{}, nil
	}
	if strings.Contains(path, "-----BEGIN") {
		return File{}, errors.New("the value must be the path of a PEM file, not its text")
	}
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a regular file")
	}
	if err == nil && info.Size() > maxPEMSize {
		err = fmt.Errorf("it is larger than %d bytes", maxPEMSize)
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		var pathError *fs.PathError
		if errors.As(err, &pathError) {
			err = pathError.Err
		}
		return File{}, fmt.Errorf("the PEM file cannot be read: %w", err)
	}
	if text, err = parsePEM(text, wanted); err != nil {
		return File{}, err
	}
	return File{path, text}, nil
}

// parsePEM returns the blocks of a PEM file in the form that crypto/tls and crypto/x509
// expect, which skip other blocks without an error. At least one block has to be of the
// wanted type, certificateBlock or keyBlock. In a concatenation of files each may begin
// with a byte order mark, and a line end between two is not required.
func parsePEM(text []byte, wanted string) ([]byte, error) {
	if err := checkText(text); err != nil {
		return nil, err
	}
	text = bytes.ReplaceAll(text, []byte(byteOrderMark), nil)
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	text = bytes.ReplaceAll(text, []byte("\r"), []byte("\n"))
	var blocks bytes.Buffer
	found, encrypted, others := false, false, otherBlocks{}
	for at, next := nextBlock(text, 0), 0; at >= 0; at = next {
		next = nextBlock(text, at+len(blockBegin))
		end := next
		if next < 0 {
			end = len(text)
		}
		fail := func(err error) ([]byte, error) {
			return nil, fmt.Errorf("the block that begins on line %d %w", bytes.Count(text[:at], []byte("\n"))+1, err)
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
			return fail(errors.New("has OpenSSL's own type TRUSTED CERTIFICATE; convert it: openssl x509 -in FILE -out NEW"))
		case block.Type == "X509 CERTIFICATE":
			block.Type = certificateBlock
		}
		if block.Type == certificateBlock {
			if _, err := x509.ParseCertificate(block.Bytes); err != nil {
				return fail(fmt.Errorf("is not a valid certificate: %s", strings.TrimPrefix(err.Error(), "x509: ")))
			}
		}
		found = found || block.Type == wanted || isKey && wanted == keyBlock
		others.add(block.Type)
		block.Headers = nil // x509 skips certificates with headers
		if err := pem.Encode(&blocks, block); err != nil {
			return fail(err)
		}
	}
	switch {
	case found:
		return blocks.Bytes(), nil
	case encrypted && wanted == keyBlock:
		return nil, errors.New("the private key is encrypted, and the library cannot prompt for a passphrase; decrypt it (openssl pkey -in FILE -out NEW), readable only by this user")
	}
	return nil, fmt.Errorf("the file contains no PEM block %s%s", wanted, others)
}

// nextBlock returns where the next block begins, at or after from, or -1. A block begins
// at the start of a line, or directly after the end of the previous block.
func nextBlock(text []byte, from int) int {
	for {
		i := bytes.Index(text[from:], []byte(blockBegin))
		if i < 0 {
			return -1
		}
		from += i
		before := bytes.TrimRight(text[:from], " \t\v\f\r") // no further: a line may be the whole file
		if len(before) == 0 || before[len(before)-1] == '\n' || bytes.HasSuffix(before, []byte("-----")) {
			return from
		}
		from += len(blockBegin)
	}
}

// checkText returns an error for a file that is not PEM text, with what it is instead.
func checkText(text []byte) error {
	switch {
	case len(text) == 0:
		return errors.New("the file is empty")
	case bytes.HasPrefix(text, []byte("\xff\xfe")), bytes.HasPrefix(text, []byte("\xfe\xff")), bytes.Count(text, []byte{0}) >= (len(text)+2)/3 && bytes.IndexByte(text, '-') >= 0:
		return errors.New("the file is UTF-16 text, which some editors and shells of Windows write; save it as ASCII or UTF-8")
	case text[0] == derSequence && !bytes.Contains(text, []byte(blockBegin)):
		return errors.New("the file is binary (DER or PKCS #12), not PEM; convert it: openssl x509, openssl pkey or openssl pkcs12")
	}
	return nil
}

// derSequence is the first byte of every certificate and key in DER.
const derSequence = 0x30

// checkKey returns an error for a key that TLS cannot use, as far as that can be seen
// without its certificate.
func checkKey(block *pem.Block) error {
	if block.Type == "OPENSSH PRIVATE KEY" {
		return errors.New("is a key in OpenSSH's own format; convert it: ssh-keygen -p -m PKCS8 -f FILE")
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
	return errors.New("is not a valid private key, or has a type that TLS 1.3 does not support (use RSA, ECDSA or Ed25519)")
}

// otherBlocks are the kinds of blocks in a file, for the error if the wanted one is missing.
type otherBlocks struct{ certificate, request, privateKey, publicKey bool }

func (o *otherBlocks) add(kind string) {
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

func (o otherBlocks) String() string {
	switch {
	case o.request:
		return "; it contains a certificate request, which an authority has to sign first"
	case o.privateKey:
		return "; it contains a private key, which belongs in the private key file"
	case o.publicKey:
		return "; it contains a public key"
	case o.certificate:
		return "; it contains a certificate, which belongs in the certificate file or the CA file"
	}
	return ""
}
