package test

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"libobe/internal/systemtest/natsserver"
)

// dll is a library for Windows, with the names of its system in the tools.
type dll struct {
	bits    string
	machine uint16
	triple  string
	target  string // the name in clang
	coff    string // the name in llvm-dlltool
}

var dlls = []dll{
	{"64", pe.IMAGE_FILE_MACHINE_AMD64, triple64, "x86_64-pc-windows-msvc", "i386:x86-64"},
	{"32", pe.IMAGE_FILE_MACHINE_I386, triple32, "i686-pc-windows-msvc", "i386"},
}

// What is wrong if a library and the headers differ.
const (
	notExported = "the headers declare functions that the library does not export (is the //export line in capi missing?)"
	notDeclared = "the library exports what no header declares (run \"make generate\"; other symbols belong into capi/libobe.map)"
)

// exportedNames returns what the library exports: the functions in the headers, and the
// variable by which copies of the library find each other.
func exportedNames(t *testing.T) []string {
	t.Helper()
	names := append(declaredFunctions(t), "obe_claimed")
	slices.Sort(names)
	return names
}

// declaredFunctions returns the names of all functions in the headers, sorted.
func declaredFunctions(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, header := range []string{"obe.h", "obe_labview.h", "obe_labview_extra.h"} {
		for _, f := range functions(readInclude(t, header)) {
			names = append(names, f.name)
		}
	}
	slices.Sort(names)
	return names
}

// built runs make for a file of the target windows and returns its path.
func built(t *testing.T, name string) string {
	t.Helper()
	for _, d := range dlls {
		toolOf(t, d.triple, "gcc")
	}
	tool(t, "llvm-dlltool")
	return library(t, "windows/"+name)
}

// The format, the exports, the imports and the version resource of the DLLs.
func TestDLLs(t *testing.T) {
	t.Parallel()
	for _, d := range dlls {
		t.Run(d.bits, func(t *testing.T) {
			file, err := pe.Open(built(t, "obe"+d.bits+".dll"))
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			if file.Machine != d.machine || file.Characteristics&pe.IMAGE_FILE_DLL == 0 {
				t.Errorf("machine %#x, characteristics %#x", file.Machine, file.Characteristics)
			}
			subsystem, flags, _ := optional(t, file)
			if subsystem != pe.IMAGE_SUBSYSTEM_WINDOWS_CUI {
				t.Errorf("subsystem %d", subsystem)
			}
			const safe = pe.IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE | pe.IMAGE_DLLCHARACTERISTICS_NX_COMPAT
			if flags&safe != safe {
				t.Errorf("the DLL has no ASLR, or its data can be executed: %#x", flags)
			}
			sameNames(t, exports(t, file), exportedNames(t), notExported, notDeclared)
			imported, err := file.ImportedSymbols()
			if err != nil || len(imported) == 0 {
				t.Fatal(imported, err)
			}
			for _, symbol := range imported {
				_, from, _ := strings.Cut(symbol, ":")
				if from = strings.ToLower(from); from != "kernel32.dll" && from != "msvcrt.dll" {
					t.Errorf("the library needs %s", symbol)
				}
			}
			if file.Section(".debug_info") != nil || len(file.Symbols) > 0 {
				t.Error("the library is not stripped")
			}
			checkVersion(t, file, "obe"+d.bits+".dll")
		})
	}
}

// optional returns fields of the optional header.
func optional(t *testing.T, file *pe.File) (subsystem, flags uint16, directories [16]pe.DataDirectory) {
	t.Helper()
	switch header := file.OptionalHeader.(type) {
	case *pe.OptionalHeader64:
		return header.Subsystem, header.DllCharacteristics, header.DataDirectory
	case *pe.OptionalHeader32:
		return header.Subsystem, header.DllCharacteristics, header.DataDirectory
	}
	t.Fatalf("the file has no optional header: %T", file.OptionalHeader)
	panic("unreachable")
}

// exports returns the names that a DLL exports, sorted. debug/pe does not read them.
func exports(t *testing.T, file *pe.File) []string {
	t.Helper()
	_, _, directories := optional(t, file)
	at := directories[pe.IMAGE_DIRECTORY_ENTRY_EXPORT].VirtualAddress
	word := func(at uint32) uint32 { return binary.LittleEndian.Uint32(memory(t, file, at)) }
	count, table := word(at+24), word(at+32)
	if functions := word(at + 20); functions != count {
		t.Errorf("%d functions are exported, and %d names", functions, count)
	}
	var names []string
	for i := range count {
		name, _, _ := bytes.Cut(memory(t, file, word(table+4*i)), []byte{0})
		names = append(names, string(name))
	}
	slices.Sort(names)
	return names
}

// memory returns the bytes at an address of the loaded file, and those after it.
func memory(t *testing.T, file *pe.File, at uint32) []byte {
	t.Helper()
	for _, s := range file.Sections {
		if at >= s.VirtualAddress && at < s.VirtualAddress+s.VirtualSize {
			data, err := s.Data()
			if err != nil {
				t.Fatal(err)
			}
			return data[at-s.VirtualAddress:]
		}
	}
	t.Fatalf("no section contains %#x", at)
	panic("unreachable")
}

// checkVersion checks the version resource, which Explorer and installers show.
func checkVersion(t *testing.T, file *pe.File, name string) {
	t.Helper()
	resources := file.Section(".rsrc")
	if resources == nil {
		t.Fatal("the library has no version resource")
	}
	data, err := resources.Data()
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`#define OBE_VERSION "(.*)"`).FindStringSubmatch(readHeader(t))[1]
	for _, pair := range [][2]string{{"FileVersion", version}, {"ProductVersion", version}, {"OriginalFilename", name}} {
		if _, after, found := bytes.Cut(data, wide(pair[0]+"\x00")); !found || !bytes.HasPrefix(bytes.TrimLeft(after, "\x00"), wide(pair[1]+"\x00")) {
			t.Errorf("%s of the version resource is not %s", pair[0], pair[1])
		}
	}
	_, fixed, found := bytes.Cut(data, []byte{0xbd, 0x04, 0xef, 0xfe})
	if !found || len(fixed) < 20 {
		t.Fatal("the version resource has no numbers")
	}
	var numbers [4]uint16 // each half of two words
	for i := range numbers {
		numbers[i] = binary.LittleEndian.Uint16(fixed[4+2*(i^1):])
	}
	if got := fmt.Sprintf("%d.%d.%d", numbers[0], numbers[1], numbers[2]); got != version || numbers[3] != 0 {
		t.Errorf("the version resource's numbers are %v", numbers)
	}
}

// wide returns a text in UTF-16.
func wide(text string) []byte {
	var b []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		b = binary.LittleEndian.AppendUint16(b, unit)
	}
	return b
}

// Programs link with the import libraries, and import only the functions that they call.
func TestImportLibraries(t *testing.T) {
	t.Parallel()
	for _, d := range dlls {
		t.Run(d.bits, func(t *testing.T) {
			list, err := os.ReadFile(built(t, "obe"+d.bits+".def"))
			if err != nil {
				t.Fatal(err)
			}
			wanted := append([]string{"LIBRARY", "obe" + d.bits + ".dll", "EXPORTS"}, declaredFunctions(t)...)
			const remedy = " (run \"make windows\"; the Makefile reads the //export lines of capi)"
			sameNames(t, strings.Fields(string(list)), wanted, "obe"+d.bits+".def lacks"+remedy, "obe"+d.bits+".def has, and no header declares"+remedy)
			for _, program := range link(t, d) {
				expectImports(t, program, "obe_free", "obe_port", "obe_server_new", "obe_version")
			}
		})
	}
}

// link builds c/msvc.c with each import library: with the compiler and linker of LLVM
// instead of Microsoft's, and with those of MinGW.
func link(t *testing.T, d dll) []string {
	t.Helper()
	shipped, directory := built(t, "obe"+d.bits+".dll"), t.TempDir()
	path := func(name string) string { return filepath.Join(directory, name) }
	if err := os.Symlink(shipped, path(filepath.Base(shipped))); err != nil {
		t.Fatal(err)
	}

	// The program needs one function of Windows itself.
	kernel, entry := "ExitProcess", "start"
	if d.bits == "32" {
		kernel, entry = "ExitProcess@4", "_start"
	}
	if err := os.WriteFile(path("kernel32.def"), []byte("LIBRARY kernel32.dll\nEXPORTS\n"+kernel+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	command(t, tool(t, "llvm-dlltool"), "-k", "-m", d.coff, "-d", path("kernel32.def"), "-l", path("kernel32.lib"))
	command(t, tool(t, "clang"), "--target="+d.target, "-ffreestanding", "-Wall", "-Wextra", "-Werror", "-I../include",
		"-c", "-o", path("msvc.obj"), "c/msvc.c")
	command(t, tool(t, "lld-link"), "-entry:start", "-subsystem:console", "-nodefaultlib", "-out:"+path("msvc.exe"),
		path("msvc.obj"), path("kernel32.lib"), built(t, "obe"+d.bits+".lib"))

	built(t, "libobe"+d.bits+".dll.a")
	command(t, toolOf(t, d.triple, "gcc"), "-ffreestanding", "-nostdlib", "-Wl,--disable-auto-import", "-Wl,-e,"+entry, "-I../include",
		"-o", path("mingw.exe"), "c/msvc.c", "-L"+filepath.Dir(shipped), "-lobe"+d.bits, "-lkernel32")
	return []string{path("msvc.exe"), path("mingw.exe")}
}

// expectImports checks which functions a program imports from the library.
func expectImports(t *testing.T, program string, wanted ...string) {
	t.Helper()
	file, err := pe.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	symbols, err := file.ImportedSymbols()
	if err != nil {
		t.Fatal(err)
	}
	var imported []string
	for _, symbol := range symbols {
		if name, from, _ := strings.Cut(symbol, ":"); strings.HasPrefix(from, "obe") {
			imported = append(imported, name)
		}
	}
	sameNames(t, imported, wanted, filepath.Base(program)+" does not import", filepath.Base(program)+" imports, and does not call")
}

// The library on Windows, tested in Wine.
func TestWindows(t *testing.T) {
	wine, core := startWine(t), coreForWindows(t)
	hooked, shipped := built(t, "test/obe64.dll"), built(t, "obe64.dll")
	native := library(t, "test/libobe.so")

	programs, err := os.ReadFile("windows_programs.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(programs)) {
		call := strings.Fields(line)
		if strings.HasPrefix(line, "#") {
			continue
		}
		t.Run(call[0], func(t *testing.T) {
			t.Parallel()
			program := compileWindows(t, "gcc", []string{hooked}, append(strictWindows, "c/"+call[0]+".c")...)
			succeed(t, nil, wine, append([]string{program}, call[1:]...)...)
		})
	}

	// Loading at run time, exceptions and child processes of the program.
	t.Run("windows", func(t *testing.T) {
		t.Parallel()
		program := compileWindows(t, "gcc", nil, append(strictWindows, "c/windows.c")...)
		succeed(t, nil, wine, program, windowsPath(shipped))
	})

	t.Run("import libraries", func(t *testing.T) {
		t.Parallel()
		for _, program := range link(t, dlls[0]) {
			if got := run(t, nil, wine, program); got.status != 42 {
				t.Errorf("%s: exit status %d\n%s%s", filepath.Base(program), got.status, got.stdout, got.stderr)
			}
		}
	})

	// The library searches LabVIEW's memory manager in the modules that contain it: in the
	// run-time engines of built applications, and in the development system itself.
	for _, engine := range []string{"lvrt.dll", "lvffrt.dll"} {
		t.Run("labview with "+engine, func(t *testing.T) {
			t.Parallel()
			engine := filepath.Join(t.TempDir(), engine)
			command(t, toolOf(t, triple64, "gcc"), "-std=gnu99", "-shared", "-static", "-o", engine, "c/labview_manager.c")
			program := compileWindows(t, "gcc", []string{hooked, engine}, append(strictWindows, "c/labview.c")...)
			succeed(t, nil, wine, program)
		})
	}
	t.Run("two engines", func(t *testing.T) {
		t.Parallel()
		program := compileWindows(t, "gcc", []string{hooked}, append(strictWindows, "c/engines.c")...)
		var engines []string
		for _, name := range []string{"lvrt.dll", "other.dll"} {
			engine := filepath.Join(t.TempDir(), name)
			command(t, toolOf(t, triple64, "gcc"), "-std=gnu99", "-shared", "-static", "-o", engine, "c/labview_manager.c")
			engines = append(engines, windowsPath(engine))
		}
		succeed(t, nil, wine, append([]string{program}, engines...)...)
	})

	// A second copy of the DLL, in another folder and with another name.
	t.Run("copies", func(t *testing.T) {
		t.Parallel()
		program := compileWindows(t, "gcc", nil, append(strictWindows, "c/copies.c")...)
		for _, name := range []string{"obe64.dll", "renamed.dll"} {
			second := copyFile(t, shipped, name)
			succeed(t, nil, wine, program, windowsPath(shipped), windowsPath(second))
			succeed(t, nil, wine, program, windowsPath(shipped), windowsPath(second), "race")
		}
	})
	t.Run("labview in LabVIEW.exe", func(t *testing.T) {
		t.Parallel()
		program := compileWindows(t, "gcc", []string{hooked}, append(strictWindows, "-Wl,--export-all-symbols", "c/labview.c", "c/labview_manager.c")...)
		system := filepath.Join(filepath.Dir(program), "LabVIEW.exe")
		if err := os.Rename(program, system); err != nil {
			t.Fatal(err)
		}
		succeed(t, nil, wine, system)
	})

	// A server on Linux and its client in Wine, and the reverse.
	here := compile(t, "peer", against(native)...)
	there := compileWindows(t, "gcc", []string{hooked}, append(strictWindows, "c/peer.c")...)
	t.Run("client in Windows", func(t *testing.T) {
		t.Parallel()
		port, ended := startServer(t, nil, here, "server")
		succeed(t, nil, wine, there, "client", port)
		ended()
	})
	t.Run("server in Windows", func(t *testing.T) {
		t.Parallel()
		port, ended := startServer(t, nil, wine, there, "server")
		succeed(t, nil, here, "client", port)
		ended()
	})

	// The same with TLS.
	directory := t.TempDir()
	cert, key := filepath.Join(directory, "cert.pem"), filepath.Join(directory, "key.pem")
	command(t, tool(t, "openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
		"-keyout", key, "-out", cert, "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2")
	t.Run("client in Windows, with TLS", func(t *testing.T) {
		t.Parallel()
		port, ended := startServer(t, nil, here, "server", "tls_cert", cert, "tls_key", key)
		succeed(t, nil, wine, there, "client", port, "tls_ca", windowsPath(cert))
		ended()
	})

	// The server in Wine has one thread, so it can be traced: in Wine, lines that several
	// threads append to a file overwrite each other.
	t.Run("server in Windows, with TLS and a trace", func(t *testing.T) {
		t.Parallel()
		serverTrace, clientTrace := filepath.Join(directory, "server.jsonl"), filepath.Join(directory, "client.jsonl")
		port, ended := startServer(t, []string{"OBE_TRACE=" + windowsPath(serverTrace)}, wine, there, "server",
			"tls_cert", windowsPath(cert), "tls_key", windowsPath(key))
		succeed(t, []string{"OBE_TRACE=" + clientTrace}, here, "client", port, "tls_ca", cert)
		ended()
		server, client := traced(t, serverTrace, "server"), traced(t, clientTrace, "client")
		if len(client) < 2000 || !slices.Equal(server, client) {
			t.Errorf("the traces differ: %d messages in the server's, %d in the client's", len(server), len(client))
		}
	})

	// The same with the programs of the demo, and with a server in Python.
	find := func(name string) string { return filepath.Join("../examples/find_peak", name) }
	expectPeak := func(t *testing.T, env []string, program string, args ...string) {
		t.Helper()
		if got := run(t, env, program, args...); got.status != 0 || !strings.Contains(got.stdout, "estimate") {
			t.Fatalf("exit status %d\n%s%s", got.status, got.stdout, got.stderr)
		}
	}
	experiment := []string{"--seed", "1", "--rounds", "100", "--done", "--port"}
	t.Run("instrument in Windows", func(t *testing.T) {
		t.Parallel()
		instrument := compileWindows(t, "gcc", []string{shipped}, "-std=c99", find("instrument.c"))
		server := filepath.Join(t.TempDir(), "server")
		command(t, tool(t, "g++"), append([]string{"-std=c++11", "-O2", "-I../include", "-o", server, find("server.cpp")}, against(library(t, "libobe.so"))...)...)
		port, ended := startServer(t, nil, server, "--port", "0", "--seed", "1")
		expectPeak(t, nil, wine, append([]string{instrument}, append(experiment, port)...)...)
		ended()
	})
	t.Run("instrument in Windows, server in Python", func(t *testing.T) {
		t.Parallel()
		env := []string{"PYTHONPATH=../bindings/python", "OBE_LIBRARY=" + library(t, "libobe.so")}
		port, ended := startServer(t, env, envOr("PYTHON", "python3"), "../examples/python/peak_server.py", "--port", "0", "--seed", "1")
		instrument := compileWindows(t, "gcc", []string{shipped}, "-std=c99", "../examples/c/instrument.c")
		expectPeak(t, nil, wine, instrument, "--port", port, "--seed", "1")
		ended()
	})
	t.Run("designer in Windows", func(t *testing.T) {
		t.Parallel()
		server := compileWindows(t, "g++", []string{shipped}, "-std=c++11", find("server.cpp"))
		here := filepath.Join(t.TempDir(), "instrument")
		command(t, tool(t, envOr("CC", "cc")), append([]string{"-std=c99", "-O2", "-I../include", "-o", here, find("instrument.c"), "-lm"}, against(library(t, "libobe.so"))...)...)
		port, ended := startServer(t, nil, wine, server, "--port", "0", "--seed", "1")
		expectPeak(t, nil, here, append(experiment, port)...)
		ended()
	})

	// obe replays a trace that the other system has written.
	t.Run("replay", func(t *testing.T) {
		t.Parallel()
		here, there := library(t, "obe"), filepath.Join(t.TempDir(), "obe.exe")
		command(t, "env", slices.Concat(core, []string{envOr("GO", "go"), "build", "-C", "..", "-trimpath", "-buildvcs=false", "-o", there, "./cmd/obe"})...)
		first, second := filepath.Join(t.TempDir(), "first.jsonl"), filepath.Join(t.TempDir(), "second.jsonl")
		text := `{"trace":"obe","version":1}` + "\n"
		for _, body := range []string{`{"command": "newrun"}`, `{"command": "newdat", "y": NaN}`, `{"command": "newdat", "y": 3}`, `{"command": "done"}`} {
			text += `{"role":"server","direction":"received","body":` + body + "}\n" + `{"role":"server","direction":"sent","body":"OK"}` + "\n"
		}
		if err := os.WriteFile(first, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		replay := func(environment, client, server []string) {
			t.Helper()
			server = append(server, "--as-server", "--listen", ":0")
			at, ended := startServer(t, environment, "sh", append([]string{"-c", `exec "$@" 2>&1`, "sh"}, server...)...)
			client = append(client, "--all", "--to", at)
			if got := run(t, nil, client[0], client[1:]...); got.status != 0 || !strings.Contains(got.stderr, "4 commands to "+at) {
				t.Fatalf("%q: exit status %d\n%s", client, got.status, got.stderr)
			}
			ended()
		}
		replay([]string{"OBE_TRACE=" + windowsPath(second)}, []string{here, "replay", first}, []string{wine, there, "replay", windowsPath(first)})
		replay(nil, []string{wine, there, "replay", windowsPath(second)}, []string{here, "replay", second})
	})

	// The Go tests of the tool, which start it as a process, and NATS servers beside it.
	// Wine reports some resets of a peer as an end, so the proxy cannot pass them on. It has no
	// Unix-domain sockets, does not remove a directory whose files were open, and computes more
	// slowly. Sometimes no server can listen at the port of one that was killed, for minutes.
	t.Run("tool", func(t *testing.T) {
		t.Parallel()
		directory := t.TempDir()
		there, page, overlay := filepath.Join(directory, "obe.exe"), filepath.Join(directory, "index.html"), filepath.Join(directory, "overlay.json")
		// The page of obe watch, which needs npm, is the one that its tests expect.
		index, err := filepath.Abs("../internal/monitor/page/dist/index.html")
		if err == nil {
			err = errors.Join(os.WriteFile(page, []byte("<!doctype html><title>test</title>"), 0o600),
				os.WriteFile(overlay, fmt.Appendf(nil, `{"Replace": {%q: %q}}`, index, page), 0o600))
		}
		if err != nil {
			t.Fatal(err)
		}
		command(t, "env", slices.Concat(core, []string{envOr("GO", "go"), "build", "-C", "..", "-trimpath", "-buildvcs=false", "-overlay", overlay, "-o", there, "./cmd/obe"})...)
		if _, err := natsserver.Build("windows", "amd64"); err != nil { // Wine has no Go to build it
			t.Fatal(err)
		}
		env := append(slices.Clone(core), "CI=", "OBE_TEST_PROGRAM="+windowsPath(there))
		testInWine(t, wine, env, "-skip", "TestWhatAClientDoesAfterEachByteTheServerSees|TestWhatAServerDoesAfterEachByteTheClientSees|TestDesignOptions|TestDesignCannotRecord|TestDesignResumes$|TestDesignResumesOnAllInterfaces|TestDesignResumesFast|TestDesignKilledAtAnyMoment",
			"./internal/acceptor", "./internal/proxy", "./internal/script", "./internal/excerpt", "./cmd/obe")
	})

	// The Go tests of the core, without those of package trace in which several processes or
	// threads append to one file, and without those that measure time. CI is cleared because
	// Wine has no Python to compare with. The step cross of test/run vets all of them.
	t.Run("core", func(t *testing.T) {
		t.Parallel()
		env := append(slices.Clone(core), "CI=")
		testInWine(t, wine, env, "-skip", "^(TestEveryNumberIsReadQuickly|TestWorkOnADocumentIsLinear|TestAddMissingManyMembers)$",
			"./internal/wire", "./internal/jsondoc", "./internal/transport", "./internal/socket", "./internal/command", "./internal/session", "./internal/memory", "./internal/replay")
		testInWine(t, wine, env, "-skip", "Thread|FollowWriters", "./internal/trace")
	})
}

// testInWine runs Go tests in Wine.
func testInWine(t *testing.T, wine string, env []string, args ...string) {
	t.Helper()
	goTest := func(args ...string) result {
		return run(t, env, envOr("GO", "go"), append([]string{"test", "-C", "..", "-vet=off", "-trimpath", "-count=1", "-short", "-exec", wine}, args...)...)
	}
	got := goTest(args...)
	if names := notStarted(got.stdout); got.status != 0 && len(names) > 0 {
		t.Logf("Wine did not start a program in %q, which run again", names)
		got = goTest(append([]string{"-run", "^(" + strings.Join(names, "|") + ")$"}, args...)...)
	}
	if got.status != 0 {
		t.Errorf("exit status %d\n%s%s", got.status, got.stdout, got.stderr)
	}
}

// noStart is what a test says if Wine could not start a program, which was seen with Wine 8 on a busy machine.
var noStart = regexp.MustCompile(`Failed to load ws2_32\.dll: DLL initialization failed|fork/exec .*: Internal error\.`)

// notStarted returns the names of the tests that failed, if each of them did because Wine could not start a program.
func notStarted(output string) []string {
	var names []string
	for i, failed := range strings.Split("\n"+output, "\n--- FAIL: ") {
		if i == 0 {
			continue
		}
		if !noStart.MatchString(failed) {
			return nil
		}
		name, _, _ := strings.Cut(failed, " ")
		names = append(names, name)
	}
	return names
}

// Only what Wine has done runs again.
func TestNotStarted(t *testing.T) {
	t.Parallel()
	const wine = "--- FAIL: TestCall (2.63s)\n    call_test.go:53: panic: Failed to load ws2_32.dll: DLL initialization failed. [recovered]\n"
	const internal = "--- FAIL: TestEnd (2.40s)\n    app_test.go:304: fork/exec Z:\\obe.exe: Internal error.\n"
	const own = "--- FAIL: TestOther (0.01s)\n    other_test.go:1: 3, want 4\n"
	for output, want := range map[string][]string{
		"ok  \tlibobe/internal/wire\t0.1s\n":         nil,
		"ok  \ta\n" + wine + "FAIL\n":                {"TestCall"},
		wine + strings.ReplaceAll(wine, "Call", "X"): {"TestCall", "TestX"},
		wine + internal:                              {"TestCall", "TestEnd"},
		wine + own:                                   nil,
		own + wine:                                   nil,
	} {
		if got := notStarted(output); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", output, got, want)
		}
	}
}

// coreForWindows returns the environment in which Go builds what has no cgo for Windows. The
// experiments are those of the DLL, so that the standard library is compiled once for both.
func coreForWindows(t *testing.T) []string {
	t.Helper()
	environment := []string{"GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0"}
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile(`(?m)^NORANDOMHEAP := (\w+)$`).FindSubmatch(makefile)
	if name == nil {
		t.Fatal("the Makefile does not define NORANDOMHEAP")
	}
	experiment := "GOEXPERIMENT=" + string(name[1])
	asked := exec.Command(envOr("GO", "go"), "version")
	asked.Env = append(os.Environ(), experiment)
	if asked.Run() == nil { // this Go knows it
		environment = append(environment, experiment)
	}
	return environment
}

// traced returns the messages in the trace of a role, each with its direction, sorted. It
// omits messages that are not answered: whether the server reads them before the end depends
// on timing.
func traced(t *testing.T, path, role string) []string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var messages []string
	for lines := json.NewDecoder(file); lines.More(); {
		var line struct {
			Trace, Role, Direction, Peer string
			Size                         int
			Body                         json.RawMessage
		}
		if err := lines.Decode(&line); err != nil {
			t.Fatalf("%s, after %d messages: %v", filepath.Base(path), len(messages), err)
		}
		if line.Trace != "" {
			continue // the first line
		}
		if line.Role != role || !strings.HasPrefix(line.Peer, "127.0.0.1:") {
			t.Fatalf("role %q, peer %q in the trace of the %s", line.Role, line.Peer, role)
		}
		toServer := (line.Direction == "sent") == (role == "client")
		if !bytes.Contains(line.Body, []byte(`"hold"`)) {
			messages = append(messages, fmt.Sprint(toServer, line.Size, string(line.Body)))
		}
	}
	slices.Sort(messages)
	return messages
}

// windowsPath returns a path as Wine spells it.
func windowsPath(path string) string { return "Z:" + strings.ReplaceAll(path, "/", `\`) }
