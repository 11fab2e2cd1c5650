package codepage

import (
	"bytes"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

var encodings = map[uint64]encoding.Encoding{
	874:  charmap.Windows874,
	932:  japanese.ShiftJIS,
	936:  simplifiedchinese.GBK,
	949:  korean.EUCKR,
	950:  traditionalchinese.Big5,
	1250: charmap.Windows1250,
	1251: charmap.Windows1251,
	1252: charmap.Windows1252,
	1253: charmap.Windows1253,
	1254: charmap.Windows1254,
	1255: charmap.Windows1255,
	1256: charmap.Windows1256,
	1257: charmap.Windows1257,
	1258: charmap.Windows1258,
}

// get returns a page, which exists.
func get(t testing.TB, number uint64) *Page {
	p := Get(number)
	if p == nil {
		t.Fatalf("there is no code page %d", number)
	}
	return p
}

// decodeAsText decodes with golang.org/x/text.
func decodeAsText(e encoding.Encoding, text []byte) (decoded []byte, ok bool) {
	decoded, err := e.NewDecoder().Bytes(text)
	return decoded, err == nil && !bytes.ContainsRune(decoded, utf8.RuneError)
}

// Every text of one and two bytes, and every character: each is converted as by
// golang.org/x/text.
func TestEveryCharacter(t *testing.T) {
	for number, e := range encodings {
		p := get(t, number)
		check := func(text ...byte) {
			got, ok := p.Decode(text)
			want, valid := decodeAsText(e, text)
			if ok != valid || ok && !bytes.Equal(got, want) {
				t.Errorf("%d: %x is %q, %v, not %q, %v", number, text, got, ok, want, valid)
			}
		}
		for first := range 0x100 {
			check(byte(first))
			for second := range 0x100 {
				check(byte(first), byte(second))
			}
		}
		encoder := e.NewEncoder()
		for r := rune(utf8.RuneSelf); r <= utf8.MaxRune; r++ {
			got, ok := p.Encode(nil, r)
			want, err := encoder.Bytes([]byte(string(r)))
			valid := err == nil && r != utf8.RuneError && utf8.ValidRune(r)
			if ok != valid || ok && !bytes.Equal(got, want) {
				t.Fatalf("%d: U+%04X is %x, %v, not %x, %v", number, r, got, ok, want, err)
			}
		}
	}
}

func TestTextsOfAnyLength(t *testing.T) {
	p := get(t, 932)
	for _, text := range []string{"", "a", "\x95\x5c", "a\x95\x5cb\xb1", "\x95\x5c\x95"} {
		got, ok := p.Decode([]byte(text))
		want, valid := decodeAsText(encodings[932], []byte(text))
		if ok != valid || ok && !bytes.Equal(got, want) {
			t.Errorf("%q is %q, %v, not %q, %v", text, got, ok, want, valid)
		}
	}
}

func TestUnknownPage(t *testing.T) {
	if p := Get(437); p != nil {
		t.Error(p.number)
	}
	if got, ok := get(t, 1252).Encode([]byte("a"), -1); ok || string(got) != "a" {
		t.Errorf("%q, %v", got, ok)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(uint16(932), []byte("\x95\x5c a\x80"))
	f.Add(uint16(950), []byte("\x88\x62\xa1"))
	f.Add(uint16(1258), []byte("\xfe \xb0"))
	f.Fuzz(func(t *testing.T, number uint16, text []byte) {
		e, found := encodings[uint64(number)]
		if !found {
			return
		}
		got, ok := get(t, uint64(number)).Decode(text)
		want, valid := decodeAsText(e, text)
		if ok != valid || ok && !bytes.Equal(got, want) {
			t.Fatalf("%d: %x is %q, %v, not %q, %v", number, text, got, ok, want, valid)
		}
	})
}

func BenchmarkExpand(b *testing.B) {
	for b.Loop() {
		expand(936)
	}
}
