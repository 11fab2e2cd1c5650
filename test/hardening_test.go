package test

import (
	"debug/elf"
	"slices"
	"strings"
	"testing"
)

// The library has no page that is both writable and executable, its address table is
// read-only after loading (RELRO), and its C code is built with the stack protector and
// _FORTIFY_SOURCE.
func TestHardening(t *testing.T) {
	f, err := elf.Open(library(t, "libobe.so"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if flags, err := f.DynValue(elf.DT_FLAGS); err != nil || len(flags) != 1 || elf.DynFlag(flags[0])&elf.DF_BIND_NOW == 0 || elf.DynFlag(flags[0])&elf.DF_TEXTREL != 0 {
		t.Errorf("the flags are %v, %v", flags, err)
	}
	var kinds []elf.ProgType
	for _, segment := range f.Progs {
		kinds = append(kinds, segment.Type)
		if segment.Flags&elf.PF_W != 0 && segment.Flags&elf.PF_X != 0 {
			t.Errorf("%v is writable and executable", segment.Type)
		}
	}
	for _, want := range []elf.ProgType{elf.PT_GNU_STACK, elf.PT_GNU_RELRO} {
		if !slices.Contains(kinds, want) {
			t.Errorf("the library has no segment %v", want)
		}
	}
	imports, err := f.ImportedSymbols()
	if err != nil {
		t.Fatal(err)
	}
	for what, want := range map[string]string{"stack protector": "__stack_chk_fail", "_FORTIFY_SOURCE": "_chk"} {
		if !slices.ContainsFunc(imports, func(s elf.ImportedSymbol) bool { return strings.HasSuffix(s.Name, want) }) {
			t.Errorf("the library is built without %s: it does not import %s", what, want)
		}
	}
}
