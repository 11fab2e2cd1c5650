package socket_test

import (
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"libobe/internal/socket"
	"libobe/internal/systemtest"
)

// mark is the byte order mark that editors on Windows write at the start of a file.
const mark = "\ufeff"

func inUTF16(text string, littleEndian bool) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(text)) {
		if littleEndian {
			b.WriteString(string([]byte{byte(unit), byte(unit >> 8)}))
		} else {
			b.WriteString(string([]byte{byte(unit >> 8), byte(unit)}))
		}
	}
	return b.String()
}

func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	return string(text)
}

// However files were saved and joined, no authority in them is ignored: a server whose
// certificate was signed by either of the two is trusted.
func TestBundlesOfAuthorities(t *testing.T) {
	dir := systemtest.TempDir(t)
	first, second := newAuthority(t), newAuthority(t)
	one, other := content(t, first.file), content(t, second.file)
	servers := []testSocket{newServer(t, first.sign(nil).options()...), newServer(t, second.sign(nil).options()...)}
	crlf := strings.NewReplacer("\n", "\r\n")
	for name, bundle := range map[string]string{
		"plain":                      one + other,
		"a mark before each":         mark + one + mark + other,
		"a mark in the middle":       one + mark + other,
		"two marks":                  mark + mark + one + mark + mark + other,
		"no line end between":        strings.TrimSpace(one) + other,
		"a mark and no line end":     mark + strings.TrimSpace(one) + mark + strings.TrimSpace(other),
		"lines of Windows":           mark + crlf.Replace(one+mark+other),
		"lines of old Macs":          strings.ReplaceAll(one+other, "\n", "\r"),
		"text around":                "subject=x\n" + one + "the -----BEGIN of it\n\x00\xff\n" + other + "\x1a",
		"indented":                   "  " + one + "\t" + other,
		"headers":                    strings.Replace(one, "-----\n", "-----\nName: one\n\n", 1) + other,
		"the old name":               strings.ReplaceAll(one, " CERTIFICATE", " X509 CERTIFICATE") + other,
		"a key and a revocation too": content(t, first.sign(nil).key) + one + "-----BEGIN X509 CRL-----\nMTIz\n-----END X509 CRL-----\n" + other,
	} {
		path := filepath.Join(dir, "bundle")
		must(t, os.WriteFile(path, []byte(bundle), 0o600))
		for i, s := range servers {
			s := s.(*socket.Server)
			c := newClient(t, s.Addr())
			if err := c.SetOption("tls_ca", path); err != nil {
				t.Errorf("%s: %v", name, err)
				break
			}
			done := startTcmd(c, "1")
			if m, err := s.ReceiveMessage(testTimeout); err != nil {
				t.Errorf("%s: the server of authority %d: %v, its client: %v", name, i+1, err, await(t, done).err)
			} else {
				reply(t, m, "[1]")
				await(t, done).expect(t, "[1]")
			}
			c.Free()
		}
	}
}

// Certificate and key have marks as well, and may be in one file.
func TestPEMWithByteOrderMark(t *testing.T) {
	a := newAuthority(t)
	i := a.sign(nil)
	both := filepath.Join(systemtest.TempDir(t), "both.pem")
	must(t, os.WriteFile(both, []byte(mark+content(t, i.key)+mark+content(t, i.cert)), 0o600))
	s := newServer(t, "tls_cert="+both, "tls_key="+both)
	c := newClient(t, s.Addr(), "tls_ca="+a.file)
	done := startTcmd(c, "1")
	reply(t, expectMessage(t, s, "1"), "[1]")
	await(t, done).expect(t, "[1]")
}

// The error names what a file is instead of PEM, or which of its blocks is wrong.
func TestWrongPEMFiles(t *testing.T) {
	a := newAuthority(t)
	i := a.sign(nil)
	cert, key := content(t, i.cert), content(t, i.key)
	der, _ := pem.Decode([]byte(cert))
	lines := strings.Count(cert, "\n")
	damaged := strings.Replace(cert, "\n", "\n!", 1)
	block := func(kind string) string {
		return fmt.Sprintf("-----BEGIN %s-----\nMTIz\n-----END %[1]s-----\n", kind)
	}
	for _, test := range []struct{ option, text, message string }{
		{"tls_ca", "", "empty"},
		{"tls_ca", mark, "no PEM block CERTIFICATE"},
		{"tls_ca", "hello\n", "no PEM block CERTIFICATE"},
		{"tls_ca", "\xff\xfe" + inUTF16(cert, true), "UTF-16"},
		{"tls_ca", "\xfe\xff" + inUTF16(cert, false), "UTF-16"},
		{"tls_cert", inUTF16(cert, true), "UTF-16"},
		{"tls_key", inUTF16(key, false), "UTF-16"},
		{"tls_cert", string(der.Bytes), "binary (DER"},
		{"tls_ca", damaged + cert, "line 1 is damaged"},
		{"tls_ca", cert + damaged, fmt.Sprintf("line %d is damaged", lines+1)},
		{"tls_ca", cert + mark + damaged + cert, fmt.Sprintf("line %d is damaged", lines+1)},
		{"tls_ca", cert + strings.TrimSuffix(cert, "-----\n"), fmt.Sprintf("line %d is damaged", lines+1)},
		{"tls_ca", cert[:len(cert)/2] + cert, "line 1 is damaged"},
		{"tls_ca", strings.Replace(cert, "END CERT", "END OTHER", 1) + cert, "line 1 is damaged"},
		{"tls_cert", cert + block("CERTIFICATE"), fmt.Sprintf("line %d is not a valid certificate", lines+1)},
		{"tls_ca", block("TRUSTED CERTIFICATE"), "openssl x509"},
		{"tls_cert", block("NEW CERTIFICATE REQUEST"), "request"},
		{"tls_cert", key, "belongs in the private key file"},
		{"tls_key", cert, "belongs in the certificate file"},
		{"tls_key", block("PUBLIC KEY"), "public key"},
		{"tls_key", block("OPENSSH PRIVATE KEY"), "ssh-keygen"},
		{"tls_key", block("PRIVATE KEY"), "not a valid private key"},
		{"tls_key", block("ENCRYPTED PRIVATE KEY"), "encrypted"},
		{"tls_key", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nMTIz\n-----END RSA PRIVATE KEY-----\n", "encrypted"},
	} {
		path := filepath.Join(systemtest.TempDir(t), "file")
		must(t, os.WriteFile(path, []byte(test.text), 0o600))
		expectSaid(t, newServer(t).SetOption(test.option, path), socket.ErrArgument, test.message)
	}

	// An encrypted key is ignored where another one is good, or none is needed.
	path := filepath.Join(systemtest.TempDir(t), "file")
	must(t, os.WriteFile(path, []byte(block("ENCRYPTED PRIVATE KEY")+key+cert), 0o600))
	newServer(t, "tls_cert="+path, "tls_key="+path)
}

// Reading a file that is not PEM is not slower, also if it is a single line.
func TestLongLineInPEM(t *testing.T) {
	file := filepath.Join(systemtest.TempDir(t), "line")
	must(t, os.WriteFile(file, []byte(strings.Repeat("x-----BEGIN ", 80_000)), 0o600))
	c, err := socket.NewClient("", 1)
	must(t, err)
	defer c.Free()
	began := time.Now()
	if err := c.SetOption("tls_ca", file); !errors.Is(err, socket.ErrArgument) {
		t.Error(err)
	}
	if took := time.Since(began); took > soon {
		t.Errorf("it took %v", took)
	}
}
