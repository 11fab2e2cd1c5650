package test

import (
	"debug/elf"
	"slices"
	"strings"
	"testing"
)

// The library has no page that is writable and executable, its table of addresses is
// read-only after loading, and its parts in C check their stack.
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
			t.Errorf("there is no %v", want)
		}
	}
	imports, err := f.ImportedSymbols()
	if err != nil {
		t.Fatal(err)
	}
	for what, want := range map[string]string{"stack protector": "__stack_chk_fail", "_FORTIFY_SOURCE": "_chk"} {
		if !slices.ContainsFunc(imports, func(s elf.ImportedSymbol) bool { return strings.HasSuffix(s.Name, want) }) {
			t.Errorf("it is built without %s: no function %s is called", what, want)
		}
	}
}
