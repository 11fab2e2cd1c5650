package jsondoc

import (
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
)

// No byte before a text or after it is read, and none after the numbers is written: the pages there cannot be accessed.
func TestVectorsStayInside(t *testing.T) {
	if !hasVectors {
		t.Skip("this processor has no AVX2")
	}
	page := os.Getpagesize()
	memory, err := syscall.Mmap(-1, 0, 3*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Munmap(memory)
	for _, outside := range [][]byte{memory[:page], memory[2*page:]} {
		if err := syscall.Mprotect(outside, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	inside := memory[page : 2*page]
	random := rand.New(rand.NewPCG(19, 20))
	for range 5_000 {
		text := randomNumbers(random, 20+random.IntN(300))
		for _, place := range [][]byte{inside[:len(text)], inside[page-len(text):]} {
			copy(place, text)
			compareReading(t, place)
			compareVectors(t, place, random.IntN(len(text)+1))
		}
	}
}
