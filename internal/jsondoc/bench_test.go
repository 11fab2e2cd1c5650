package jsondoc

import (
	"fmt"
	"strings"
	"testing"
)

// small is a message like those that instruments and servers exchange.
const small = `{"command": "newdat", "x": [2.45, 25.0], "y": [1.5], "s": [0.1], "label": "run 7", "n": 12}`

func BenchmarkSmall(b *testing.B) {
	b.Run("build", func(b *testing.B) {
		x := []float64{2.45, 25}
		for b.Loop() {
			d, err := newCommand("newdat")
			if err != nil {
				b.Fatal(err)
			}
			_ = d.SetDoubles("x", x)
			_ = d.SetDouble("y", 1.5)
			_ = d.SetInt("n", 12)
			_ = d.SetString("label", "run 7")
			_ = d.Text()
		}
	})
	b.Run("read", func(b *testing.B) {
		text := []byte(small)
		var x [2]float64
		for b.Loop() {
			d := FromValid(text)
			if n, err := d.Int("/n"); n != 12 || err != nil {
				b.Fatal(n, err)
			}
			_, _ = d.Doubles("/x", x[:])
			_, _ = d.Double("/y/0")
			_, _ = d.String("/label")
		}
	})
	b.Run("change", func(b *testing.B) {
		d := FromValid([]byte(small))
		for b.Loop() {
			if err := d.SetDouble("y", 2.5); err != nil {
				b.Fatal(err)
			}
			_ = d.Text()
		}
	})
	b.Run("read 4 KB", func(b *testing.B) {
		d := FromValid([]byte(`{"command": "x", "data": [` + strings.Repeat("1.25, ", 600) + `0], "n": 12}`))
		for b.Loop() {
			if n, err := d.Int("/n"); n != 12 || err != nil {
				b.Fatal(n, err)
			}
		}
	})
	b.Run("build 40 members", func(b *testing.B) {
		var keys [40]string
		for i := range keys {
			keys[i] = fmt.Sprint("member ", i)
		}
		for b.Loop() {
			d := FromValid([]byte("{}"))
			for _, k := range keys {
				_ = d.SetDouble(k, 1.5)
			}
			_ = d.Text()
		}
	})
}

func BenchmarkValidate(b *testing.B) {
	for name, text := range map[string]string{
		"small":   small,
		"numbers": string(AppendDoubles(nil, randomDoubles(100_000))),
		"plain":   `"` + strings.Repeat("0123456789abcdef", 1<<16) + `"`,
		"strings": "[" + strings.Repeat(`"a line of text, é", {"key": "value"}, `, 5000) + "null]",
	} {
		b.Run(name, func(b *testing.B) {
			bytes := []byte(text)
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if err := Validate(bytes); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkArray(b *testing.B) {
	const rows, cols = 100, 1000
	values := randomDoubles(rows * cols)
	b.Run("doubles", func(b *testing.B) {
		d := FromValid(AppendDoubles(nil, values))
		for b.Loop() {
			if _, err := d.Doubles("", values); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("matrix", func(b *testing.B) {
		d := FromValid(AppendMatrix(nil, values, rows, cols))
		for b.Loop() {
			if _, _, err := d.Matrix("", values); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("short", func(b *testing.B) {
		d := FromValid([]byte("[1.25, 2.5, 3e-5]"))
		for b.Loop() {
			if _, err := d.Doubles("", values); err != nil {
				b.Fatal(err)
			}
		}
	})
}
