package test

import (
	"debug/pe"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// strictCpp are the compiler flags for every C++ program. No compiler warns of
// anything, in any standard.
var strictCpp = []string{"-g1", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wsign-conversion", "-Wshadow",
	"-Wold-style-cast", "-Woverloaded-virtual", "-Werror", "-I../include", "-pthread"}

// cppSources returns the C++ sources of a directory. It reads them, so that Go does
// not reuse a test result after they change.
func cppSources(t *testing.T, dir string) []string {
	t.Helper()
	headers, _ := filepath.Glob(filepath.Join(dir, "*.hpp"))
	sources, _ := filepath.Glob(filepath.Join(dir, "*.cpp"))
	for _, path := range append(headers, sources...) {
		if _, err := os.Stat(path); err != nil {
			t.Fatal(err)
		}
	}
	if len(sources) == 0 {
		t.Fatalf("no sources in %s", dir)
	}
	return sources
}

// compileCpp builds a program from its sources and returns its path. The first args
// are the compiler and the standard.
func compileCpp(t *testing.T, args ...string) string {
	t.Helper()
	cppSources(t, "cpp")
	program := filepath.Join(t.TempDir(), "program")
	command(t, tool(t, args[0]), slices.Concat([]string{"-std=" + args[1]}, strictCpp, []string{"-o", program}, args[2:])...)
	return program
}

// cppBuilds are the programs in C++ that run: how they are compiled, with the compiler and the
// standard first.
var cppBuilds = []struct {
	name     string
	args     []string
	programs []string
}{
	{"g++ c++11, sanitizers", append([]string{"g++", "c++11"}, sanitizers...), []string{"exchanges", "handles", "messages", "serve"}},
	{"clang++ c++2b, sanitizers", append([]string{"clang++", "c++2b"}, sanitizers...), []string{"exchanges", "handles", "messages", "serve"}},
	{"g++ c++20, optimised, without RTTI", []string{"g++", "c++20", "-O2", "-fno-rtti"}, []string{"messages", "serve"}},
}

// The header compiles without a warning in every standard, by both compilers, with
// every member and every argument type in use. Where TestCppPrograms compiles messages.cpp,
// this test does not.
func TestCppHeader(t *testing.T) {
	t.Parallel()
	cppSources(t, "cpp")
	for _, compiler := range []string{"g++", "clang++"} {
		for _, standard := range []string{"c++11", "c++14", "c++17", "c++20", "c++2b"} {
			t.Run(compiler+" "+standard, func(t *testing.T) {
				t.Parallel()
				args := append([]string{"-std=" + standard, "-fsyntax-only"}, strictCpp...)
				args = append(args, "cpp/every_member.cpp")
				for _, build := range cppBuilds {
					if build.args[0] == compiler && build.args[1] == standard && slices.Contains(build.programs, "messages") {
						command(t, tool(t, compiler), args...)
						return
					}
				}
				command(t, tool(t, compiler), append(args, "cpp/messages.cpp")...)
			})
		}
	}
}

func TestCppPrograms(t *testing.T) {
	t.Parallel()
	hooked := library(t, "test/libobe.so")
	for _, build := range cppBuilds {
		for _, name := range build.programs {
			t.Run(build.name+", "+name, func(t *testing.T) {
				t.Parallel()
				args := append(slices.Clone(build.args), filepath.Join("cpp", name+".cpp"))
				program := compileCpp(t, append(args, against(hooked)...)...)
				succeed(t, []string{"ASAN_OPTIONS=detect_leaks=1"}, program)
			})
		}
	}
}

// Translation units that include the header link with each other, even in different
// language standards.
func TestCppLinking(t *testing.T) {
	t.Parallel()
	hooked := library(t, "test/libobe.so")
	for _, pair := range [][2]string{{"c++11", "c++11"}, {"c++11", "c++20"}, {"c++20", "c++11"}} {
		t.Run(pair[0]+" "+pair[1], func(t *testing.T) {
			t.Parallel()
			object := filepath.Join(t.TempDir(), "other.o")
			command(t, tool(t, "g++"), append(slices.Clone(strictCpp), "-std="+pair[1], "-fsanitize=address,undefined", "-c", "-o", object, "cpp/linking_other.cpp")...)
			args := append([]string{"g++", pair[0], "-fsanitize=address,undefined", "cpp/linking.cpp", object}, against(hooked)...)
			succeed(t, nil, compileCpp(t, args...))
		})
	}
}

// callRecorder builds a library that has every function of the header and only records
// its call.
func callRecorder(t *testing.T) string {
	t.Helper()
	var c strings.Builder
	c.WriteString(`#include "obe.h"
#include <stdlib.h>
#include <string.h>
const char *obe_called[100];
int obe_called_count, obe_abort_on_call;
obe_status obe_get_doubles_status;
int32_t obe_type_stored;
static char socket_object, message_object; /* handles point to them */
static void record(const char *name)
{
    if (obe_abort_on_call)
        abort();
    for (int i = 0; i < obe_called_count; i++)
        if (strcmp(obe_called[i], name) == 0)
            return;
    obe_called[obe_called_count++] = name;
}
`)
	result := regexp.MustCompile(`obe_(socket|message) \*(\w+)`)
	for _, f := range functions(readHeader(t)) {
		if f.parameters == "void" || f.name == "obe_strerror" {
			fmt.Fprintf(&c, "const char *%s(%s) { record(\"%[1]s\"); return \"text\"; }\n", f.name, f.parameters)
			continue
		}
		fmt.Fprintf(&c, "obe_status %s(%s) { record(\"%[1]s\");", f.name, f.parameters)
		switch f.name {
		case "obe_get_doubles":
			c.WriteString(" return obe_get_doubles_status; }\n")
			continue
		case "obe_get_type":
			c.WriteString(" *type = obe_type_stored;")
		}
		for _, m := range result.FindAllStringSubmatch(f.parameters, -1) {
			fmt.Fprintf(&c, " *%s = (obe_%s)&%[2]s_object;", m[2], m[1])
		}
		c.WriteString(" return OBE_OK; }\n")
	}
	path := filepath.Join(t.TempDir(), "recorder.c")
	if err := os.WriteFile(path, []byte(c.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	object := filepath.Join(t.TempDir(), "recorder.o")
	command(t, tool(t, envOr("CC", "cc")), "-std=c99", "-I../include", "-c", "-o", object, path)
	return object
}

// The header calls every function of the library except notCalledByCpp. In a forked
// child it calls none.
func TestCppCalls(t *testing.T) {
	t.Parallel()
	program := compileCpp(t, "g++", "c++11", "cpp/every_member.cpp", callRecorder(t))

	called, replaced := strings.Fields(run(t, nil, program).stdout), notCalledByCpp(t)
	var wanted []string
	for _, f := range functions(readHeader(t)) {
		if !slices.Contains(replaced, f.name) {
			wanted = append(wanted, f.name)
		}
	}
	sameNames(t, called, wanted, "include/obe.hpp, or cpp/every_member.cpp with it, does not call (add a member, or the name to notCalledByCpp)",
		"include/obe.hpp calls, and notCalledByCpp has")

	got := run(t, nil, program, "forked")
	if got.status != 0 || !strings.HasSuffix(got.stdout, " calls were refused\n") {
		t.Errorf("exit status %d\n%s%s", got.status, got.stdout, got.stderr)
	}
}

var (
	detailNamespace = regexp.MustCompile(`(?ms)^namespace detail \{.*?^\} // namespace detail$`)
	memberName      = regexp.MustCompile(`^    (?:[^ /}#:(][^(]*[ *&])?(\w+)\(`)
	functionName    = regexp.MustCompile(`^(?:inline|constexpr|template) [^(]*[ *&](\w+)\(`)
)

// publicNames returns the functions and members of obe.hpp that a program can call.
func publicNames(t *testing.T) []string {
	names := map[string]bool{}
	inClass, public := false, false
	for line := range strings.Lines(detailNamespace.ReplaceAllString(readInclude(t, "obe.hpp"), "")) {
		pattern := memberName
		switch strings.TrimSuffix(line, "\n") {
		case "public:":
			inClass, public = true, true
		case "private:", "protected:":
			public = false
		case "};":
			inClass = false
		}
		if !inClass {
			pattern = functionName
		}
		if m := pattern.FindStringSubmatch(line); m != nil && (public || !inClass) && !strings.Contains(line, "= delete") {
			names[m[1]] = true
		}
	}
	for _, name := range []string{"static_assert", "operator", "bool"} {
		delete(names, name)
	}
	return slices.Sorted(maps.Keys(names))
}

// every_member.cpp uses each of them.
func TestConsistentCppMembers(t *testing.T) {
	text, err := os.ReadFile("cpp/every_member.cpp")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range bareCommands(t) {
		text = append(text, " "+c.name...)
	}
	names := publicNames(t)
	if len(names) < 60 {
		t.Errorf("found only %q", names)
	}
	for _, name := range names {
		if !regexp.MustCompile(`\b` + name + `\b`).Match(text) {
			t.Errorf("cpp/every_member.cpp does not use %s; add a call", name)
		}
	}
}

// notCalledByCpp are the functions that the C++ header replaces: obe_tcmd by
// obe_tcmd_message, and those that read numbers into an array of the caller by
// obe_query, whose reply always fits and belongs to the thread that sent the command.
// serve is a loop, so that an exception of the handler passes through C++ alone.
func notCalledByCpp(t *testing.T) []string {
	names := []string{"obe_tcmd", "obe_serve", "obe_goodset"}
	for _, c := range bareCommands(t) {
		if c.array != "" {
			names = append(names, "obe_"+c.name)
		}
	}
	return names
}

// The assertions of obe.hpp.
const (
	badHandler         = `obe: a handler is called with a const obe::request &`
	bracesAreNoCommand = `obe: braces are not a command; use its name, or obe::command(name).set(key, value)`
	noCommand          = `obe: a command is its name, an obe::command(name).set(key, value), another obe::message, an obe::json_text, or a map with texts as keys`
	bracesAreNoValue   = `obe: these braces are not a list of values of one type; for an object use obe::message("{}").set(key, value), for rows an obe::matrix`
	enumerator         = `obe: an enumerator is not a value; use static_cast<int>`
	aPointer           = `obe: a pointer is not a value; use obe::double_span(pointer, count), or what it points to`
	aCharacter         = `obe: a character is not a value; use a std::string for a text in UTF-8, or int for a number`
	noValue            = `obe: a value is a bool, a number, a text, nullptr, an obe::message, obe::json_text or obe::matrix, or a std::optional, a list or a map of them`
	noResultCharacter  = `obe: a character is not a value; get std::string for a text in UTF-8, or int for a number`
	borrowed           = `obe: the result has to own its characters; get std::string`
	noResult           = `obe: get returns a bool, an integer or floating-point type, std::string, obe::message, obe::json_text or obe::matrix, or a std::optional, vector, array or map of them; a map has std::string as keys`
)

// refused are likely mistakes, each with the assertion that fails and with what is right
// instead; some are refused by their types alone, in the compiler's words.
type mistake struct{ wrong, reason, right string }

var refused = []mistake{
	{`obe::client copy(client);`, "", `obe::client moved(std::move(client));`},
	{`client = obe::client(0);`, "", `client = obe::client("", 0);`},
	{`server = obe::server(0);`, "", `server = obe::server("", 0);`},
	{`message.count(0);`, "", `message.count("/0");`},
	{`client.receive(5000);`, "", `client.receive(std::chrono::milliseconds(5000));`},
	{`message = "1";`, "", `message = obe::message("1");`},
	{`obe::message(obe::adopt, client.release());`, "", `obe::client(obe::adopt, client.release());`},
	{`obe::server(obe::adopt, message.release());`, "", `obe::message(obe::adopt, message.release());`},
	{`obe_free(message.native_handle());`, "", `obe_message_free(message.native_handle());`},
	{`server.serve([](const obe::request &r) { obe::request kept(std::move(r)); });`, "",
		`server.serve([](const obe::request &r) { r.reply("1"); });`},
	{`server.serve([](const obe::request &) {}, true);`, "", `server.serve([](const obe::request &) {}, stop);`},
	{`server.serve([](const obe::request &) {}, 0);`, "", `server.serve([](const obe::request &) {});`},
	{`obe::message m({{"command", "optset"}});`, "", `obe::message m(R"({"command": "optset"})");`},
	{`message.set({{"a", "b"}}, 1);`, "", `message.set("a", 1);`},
	{`client.newrun({{"lolim", 1.5}});`, "", `client.newrun(obe::message("{}").set("lolim", 1.5));`},

	{`server.serve([](obe::request &r) { r.reply("1"); });`, badHandler,
		`server.serve([](const obe::message &m) { m.json(); });`},
	{`client.tcmd({{"command", "optset"}});`, bracesAreNoCommand, `client.tcmd("optset");`},
	{`client.tcmd({{"command", "scan"}, {"from", 1.5}, {"to", {1, 2}}});`, bracesAreNoCommand,
		`client.tcmd(obe::command("scan").set("from", 1.5));`},
	{`client.tcmd({"optset"});`, bracesAreNoCommand, `client.tcmd(std::string("optset"));`},
	{`client.send({{"command", "optset"}});`, bracesAreNoCommand, `client.send("optset");`},
	{`client.tcmd(5);`, noCommand, `client.tcmd(obe::json_text("5"));`},
	{`client.send(std::vector<double>());`, noCommand, `client.send(obe::to_json(std::vector<double>()));`},
	{`client.tcmd(std::map<std::string, custom>());`, noValue, `client.tcmd(std::map<std::string, int>{{"a", 1}});`},
	{`request.reply({{"error", "no"}});`, bracesAreNoValue, `request.reply(std::map<std::string, int>());`},
	{`request.reply({1, "two"});`, bracesAreNoValue, `request.reply({1, 2});`},
	{`server.send({{1, 2}, {3, 4}});`, bracesAreNoValue, `server.send(obe::matrix(2, 2));`},
	{`obe::to_json({{"a", 1}});`, bracesAreNoValue, `obe::to_json({1.5, 2.0});`},
	{`message.set("x", {{"a", 1}});`, bracesAreNoValue, `message.set("x", {1, 2.5});`},
	{`obe::command("c").set("x", {{"a", 1}});`, bracesAreNoValue, `obe::command("c").set("x", {"a", "b"});`},
	{`message.set("x", one);`, enumerator, `message.set("x", static_cast<int>(one));`},
	{`message.set("x", other::two);`, enumerator, `message.set("x", static_cast<int>(other::two));`},
	{`message.set("x", {one, one});`, enumerator, `message.set("x", {true, false});`},
	{`message.set("x", std::vector<other>());`, enumerator, `message.set("x", std::vector<int>());`},
	{`message.set("x", pointer);`, aPointer, `message.set("x", obe::double_span(pointer, 1));`},
	{`message.set("x", 'c');`, aCharacter, `message.set("x", "c");`},
	{`message.set("x", L"wide");`, aCharacter, `message.set("x", "narrow");`},
	{`message.set("x", std::vector<char>());`, aCharacter, `message.set("x", std::vector<signed char>());`},
	{`message.set("x", custom());`, noValue, `message.set("x", custom().number);`},
	{`message.set("x", std::map<int, int>());`, noValue, `message.set("x", std::map<std::string, std::vector<int>>());`},
	{`message.set("x", std::chrono::seconds(1));`, noValue, `message.set("x", std::chrono::seconds(1).count());`},
	{`message.set("x", std::filesystem::path());`, noValue, `message.set("x", std::filesystem::path().string());`},
	{`request.reply(custom());`, noValue, `request.reply(std::optional<bool>());`},
	{`obe::to_json(std::vector<custom>());`, noValue, `obe::to_json(std::list<std::array<bool, 2>>());`},
	{`message.get<char>("/x");`, noResultCharacter, `message.get<signed char>("/x");`},
	{`message.get<const char *>("/x");`, borrowed, `message.get<std::string>("/x");`},
	{`message.get<std::string_view>("/x");`, borrowed, `message.get("/x", "none");`},
	{`message.get<std::vector<const char *>>("/x");`, borrowed, `message.get<std::vector<std::string>>("/x");`},
	{`message.get<custom>("/x");`, noResult, `message.get<float>("/x");`},
	{`message.get<std::vector<custom>>("/x");`, noResult, `message.get<std::vector<float>>("/x");`},
	{`message.get<std::map<std::string_view, int>>("/x");`, noResult, `message.get<std::map<std::string, int>>("/x");`},
	{`message.get<std::multimap<std::string, int>>("/x");`, noResult, `message.get<std::map<std::string, obe::message>>("/x");`},
	{`message.get<std::span<double>>("/x");`, noResult, `double numbers[2]; message.read("/x", std::span<double>(numbers));`},
	{`message.get("/x", one);`, noResult, `message.get("/x", 1);`},
	{`message.find<custom>("/x");`, noResult, `message.find<std::deque<int>>("/x");`},
	{`custom c; message.read("/x", c);`, noResult, `std::vector<int> v; message.read("/x", v);`},
}

// refusedBatches returns the mistakes in batches that are compiled together: those that
// no assertion refuses, and then batches in which each assertion fails once. A second
// failure may be an instantiation that the compiler has already reported.
func refusedBatches() [][]mistake {
	batches := [][]mistake{nil}
	times := map[string]int{}
	for _, m := range refused {
		if m.reason != "" {
			times[m.reason]++
		}
		if times[m.reason] == len(batches) {
			batches = append(batches, nil)
		}
		batches[times[m.reason]] = append(batches[times[m.reason]], m)
	}
	return batches
}

// Likely mistakes do not compile, and the reason is one line.
func TestCppRefused(t *testing.T) {
	t.Parallel()
	for _, compiler := range []string{"g++", "clang++"} {
		t.Run(compiler, func(t *testing.T) {
			t.Parallel()
			// The headers are compiled once.
			dir := t.TempDir()
			prelude, compiled := filepath.Join(dir, "prelude.hpp"), filepath.Join(dir, "prelude.hpp.gch")
			text := "#include \"obe.hpp\"\n#include <deque>\n#include <filesystem>\n#include <list>\n#include <map>\n" +
				"enum { one }; enum class other { two }; struct custom { int number; };\n"
			if err := os.WriteFile(prelude, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			flags := []string{"-std=c++20", "-Wall", "-Wextra", "-I../include"}
			use := []string{"-include", prelude}
			if compiler == "clang++" {
				use = []string{"-include-pch", compiled, "-ferror-limit=0"}
			}
			command(t, tool(t, compiler), slices.Concat(flags, []string{"-x", "c++-header", "-o", compiled, prelude})...)
			compile := func(statements []string, more ...string) (bool, string) {
				path := filepath.Join(dir, "refused.cpp")
				text := "#line 1 \"parameters\"\n" +
					"void use(obe::client &, obe::server &, obe::message &, obe::request &, double *, volatile std::sig_atomic_t &);\n" +
					"void use(obe::client &client, obe::server &server, obe::message &message, obe::request &request,\n" +
					"         double *pointer, volatile std::sig_atomic_t &stop)\n" +
					"{\n(void)client; (void)server; (void)message; (void)request; (void)pointer; (void)stop;\n" +
					"#line 1 \"statement\"\n{ " + strings.Join(statements, " }\n{ ") + " }\n}\n"
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
				out, err := exec.Command(tool(t, compiler), slices.Concat(flags, more, []string{"-fsyntax-only", path})...).CombinedOutput()
				return err == nil, string(out)
			}
			var right []string
			for _, m := range refused {
				right = append(right, m.right)
			}
			if ok, out := compile(right, use...); !ok {
				t.Errorf("what is right does not compile\n%s", out)
			}
			for i, batch := range refusedBatches() {
				var wrong, wanted []string
				for _, m := range batch {
					wrong, wanted = append(wrong, m.wrong), append(wanted, m.reason)
				}
				_, out := compile(wrong, use...)
				if i == 0 {
					for line, statement := range wrong {
						if !regexp.MustCompile(fmt.Sprintf(`(?m)^statement:%d:\d+: error: `, line+1)).MatchString(out) {
							t.Errorf("%s compiles", statement)
						}
					}
					continue
				}
				slices.Sort(wanted)
				if said := errorsIn(out); !slices.Equal(said, wanted) {
					t.Errorf("the compiler says\n%s\nwanted one line for each of\n%s", strings.Join(said, "\n"), strings.Join(wrong, "\n"))
				}
			}
			ok, out := compile(nil, "-fno-exceptions", "-include", "obe.hpp")
			if ok || !strings.Contains(out, "obe.h works without them") {
				t.Errorf("without exceptions the compiler says\n%s", out)
			}
		})
	}
}

// errorsIn returns the compiler's errors; of a failed assertion, what it says.
func errorsIn(out string) (said []string) {
	for _, line := range regexp.MustCompile(`(?m)^.* error: .*$`).FindAllString(out, -1) {
		if at := strings.Index(line, "obe: "); at >= 0 {
			line = strings.ReplaceAll(strings.TrimSuffix(line[at:], `"`), `\"`, `"`)
		}
		said = append(said, line)
	}
	slices.Sort(said)
	return said
}

// On Windows, programs link with an import library that is generated from the list of
// functions, and the header compiles after windows.h.
func TestCppWindows(t *testing.T) {
	t.Parallel()
	var names []string
	for _, f := range functions(readHeader(t)) {
		names = append(names, f.name)
	}
	for _, target := range []struct{ prefix, library, standard string }{
		{"x86_64-w64-mingw32", "obe64.dll", "c++20"},
		{"i686-w64-mingw32", "obe32.dll", "c++11"},
	} {
		t.Run(target.library, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			list, imports := filepath.Join(dir, "obe.def"), filepath.Join(dir, "libobe.a")
			text := "LIBRARY " + target.library + "\nEXPORTS\n" + strings.Join(names, "\n") + "\n"
			if err := os.WriteFile(list, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			command(t, tool(t, target.prefix+"-dlltool"), "-d", list, "-l", imports)
			compile := append([]string{"-std=" + target.standard, "-include", "windows.h"}, strictCpp...)
			command(t, tool(t, target.prefix+"-g++"), append(slices.Clone(compile), "-fsyntax-only", "cpp/messages.cpp")...)
			for _, name := range []string{"server", "instrument"} {
				program := filepath.Join(dir, name+".exe")
				command(t, tool(t, target.prefix+"-g++"), append(slices.Clone(compile), "-static", "-Wl,--disable-auto-import",
					"-o", program, "../examples/cpp/"+name+".cpp", imports)...)
				checkImports(t, program, target.library, names)
			}
		})
	}
}

// checkImports checks that a program for Windows imports functions of the library, and
// only existing ones.
func checkImports(t *testing.T, program, library string, names []string) {
	t.Helper()
	file, err := pe.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	imported, err := file.ImportedSymbols()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, symbol := range imported {
		name, from, _ := strings.Cut(symbol, ":")
		if from != library {
			continue
		}
		found++
		if !slices.Contains(names, name) {
			t.Errorf("%s imports %s", filepath.Base(program), symbol)
		}
	}
	if found < 10 {
		t.Errorf("%s imports only %d functions of %s", filepath.Base(program), found, library)
	}
}

// The instrument finds the dip with the server, which exits after the command done.
func TestCppExamples(t *testing.T) {
	t.Parallel()
	cppSources(t, "../examples/cpp")
	shipped := library(t, "libobe.so")
	server := compileCpp(t, append([]string{"g++", "c++11", "-O2", "../examples/cpp/server.cpp"}, against(shipped)...)...)
	instrument := compileCpp(t, append([]string{"g++", "c++11", "-O2", "../examples/cpp/instrument.cpp"}, against(shipped)...)...)

	serving := startExample(t, server)
	serving.tellsWhatIsWrong(t)
	if got := run(t, nil, instrument, "--port", fmt.Sprint(serving.port), "--seed", "1"); got.status != 0 || !strings.Contains(got.stdout, "estimate") {
		t.Fatalf("exit status %d\n%s%s", got.status, got.stdout, got.stderr)
	}
	serving.ends(t)

	// A signal ends it too.
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		idle := startExample(t, server)
		if err := idle.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		idle.ends(t)
	}

	for _, program := range []string{server, instrument} {
		explainsItsCommandLine(t, program)
	}

	// A failure is reported with the library's error message.
	if got := run(t, nil, instrument, "--port", "0"); got.status != 1 || !strings.Contains(got.stderr, ": client_new: ") {
		t.Errorf("exit status %d\n%s", got.status, got.stderr)
	}
}
