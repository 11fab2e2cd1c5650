// Command generate writes what follows from the export files and the tables:
// include/obe.h, the Python signature table, capi/abi.c, the manual pages, LabVIEW's headers,
// node table and error file, and the tables in README.md. With -check it writes
// nothing and fails if one of them is stale.
//
// An export file belongs to a group, by the comment
//
//	//obe:group 2 Talk
//
// under which may stand what its functions have in common, and each of its functions has the directive //export and a doc comment, which
// is printed as it is. The files of LabVIEW's functions have //obe:labview, for what
// its import wizard is to see, and //obe:extra for the rest.
package main

import (
	"bytes"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"text/template"

	"libobe/capi/status"
	"libobe/internal/jsondoc"
	"libobe/internal/socket"
)

//go:embed obe.h.tmpl
var headerTemplate string

//go:embed abi.py.tmpl
var pythonTemplate string

//go:embed abi.c.tmpl
var abiTemplate string

// parameter is a parameter of an exported function, with its type as C spells
// it: "const char *", "int64_t".
type parameter struct{ Name, Type string }

func (p parameter) String() string {
	if p.Name == "" || strings.HasSuffix(p.Type, "*") {
		return p.Type + p.Name
	}
	if element, ok := strings.CutSuffix(p.Type, "[]"); ok {
		return element + " " + p.Name + "[]"
	}
	return p.Type + " " + p.Name
}

type function struct {
	Name       string
	Doc        []string // lines
	Result     string
	Parameters []parameter
}

// documentType is a type of a JSON value.
type documentType struct {
	Name  string
	Value int
}

func documentTypes() (types []documentType) {
	for t := jsondoc.Object; t <= jsondoc.Null; t++ {
		types = append(types, documentType{"OBE_" + strings.ToUpper(t.String()), int(t)})
	}
	return types
}

type group struct {
	Order     int
	Title     string
	Doc       []string // lines; may be empty
	Functions []function
}

// library is all that the templates know.
type library struct {
	Major, Minor, Patch int
	Port, MaxDepth      int
	Groups              []group
	LabVIEW             []group // what the import wizard sees
	LabVIEWExtra        []group // what it does not
	Statuses            []status.Status
	Types               []documentType
	Options             []socket.Option // those that are documented
	Stats               []socket.Stat
}

func main() {
	check := flag.Bool("check", false, "only report whether the generated files are up to date")
	flag.Parse()
	if err := run("..", *check); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// run generates the files below root, the project's folder.
func run(root string, check bool) error {
	lib, err := read(filepath.Join(root, "capi"))
	if err != nil {
		return err
	}
	files, err := render(root, lib)
	if err != nil {
		return err
	}
	var stale []string
	for _, name := range sortedKeys(files) {
		path := filepath.Join(root, name)
		old, err := os.ReadFile(path)
		if err == nil && bytes.Equal(old, files[name]) {
			continue
		}
		if check {
			stale = append(stale, name)
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, files[name], 0o644); err != nil {
			return err
		}
	}
	if len(stale) > 0 {
		return fmt.Errorf("stale, run make generate: %s", strings.Join(stale, ", "))
	}
	return nil
}

func sortedKeys(m map[string][]byte) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// read takes the functions out of the export files of folder.
func read(folder string) (*library, error) {
	lib := &library{Port: socket.DefaultPort, MaxDepth: jsondoc.MaxDepth,
		Statuses: status.Table, Types: documentTypes(), Options: documented(socket.Options), Stats: socket.Stats}
	files := token.NewFileSet()
	groups, err := readGroups(files, filepath.Join(folder, "export_*.go"))
	if err != nil {
		return nil, err
	}
	forLabVIEW, err := readGroups(files, filepath.Join(folder, "labview_*.go"))
	if err != nil {
		return nil, err
	}
	lib.Groups, lib.LabVIEW, lib.LabVIEWExtra = groups["group"], forLabVIEW["labview"], forLabVIEW["extra"]
	return lib, readVersion(files, filepath.Join(folder, "version.go"), lib)
}

// documented leaves out the options that only the bindings use.
func documented(options []socket.Option) []socket.Option {
	return slices.DeleteFunc(slices.Clone(options), func(o socket.Option) bool { return o.Private })
}

// byDefault tells an option's default value, or that it is read-only.
func byDefault(o socket.Option) string {
	if o.ReadOnly {
		return "read-only"
	}
	return o.Default
}

// readGroups reads the files of a pattern, and returns their groups in order, by
// the directives that they have: those after "//obe:".
func readGroups(files *token.FileSet, pattern string) (map[string][]group, error) {
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		return nil, errors.Join(err, fmt.Errorf("no files %s", pattern))
	}
	groups := map[string][]group{}
	for _, name := range names {
		file, err := parser.ParseFile(files, name, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		directive, g, err := readGroup(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		groups[directive] = append(groups[directive], g)
	}
	for _, gs := range groups {
		sort.Slice(gs, func(i, j int) bool { return gs[i].Order < gs[j].Order })
	}
	return groups, nil
}

func readVersion(files *token.FileSet, name string, lib *library) error {
	file, err := parser.ParseFile(files, name, nil, 0)
	if err != nil {
		return err
	}
	into := map[string]*int{"versionMajor": &lib.Major, "versionMinor": &lib.Minor, "versionPatch": &lib.Patch}
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || into[spec.Names[0].Name] == nil {
			return true
		}
		*into[spec.Names[0].Name], err = strconv.Atoi(spec.Values[0].(*ast.BasicLit).Value)
		found++
		return true
	})
	if err == nil && found != len(into) {
		err = fmt.Errorf("%s: not all of the version is there", name)
	}
	return err
}

var groupComment = regexp.MustCompile(`(?m)^//obe:(group|labview|extra) (\d+) (.+)$`)

func readGroup(file *ast.File) (directive string, g group, err error) {
	for _, block := range file.Comments {
		if m := groupComment.FindStringSubmatch(block.List[0].Text); m != nil {
			directive, g.Title = m[1], m[3]
			g.Order, _ = strconv.Atoi(m[2])
			if text := strings.TrimSpace(block.Text()); text != "" {
				g.Doc = docLines(text)
			}
		}
	}
	if g.Title == "" {
		return "", g, errors.New("no //obe:group comment")
	}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || !exported(f) {
			continue
		}
		fn, err := readFunction(f)
		if err != nil {
			return "", g, fmt.Errorf("%s: %w", f.Name.Name, err)
		}
		g.Functions = append(g.Functions, fn)
	}
	return directive, g, nil
}

// docLines are the lines of a comment. What gofmt indents by a tab is an example.
func docLines(text string) []string {
	return strings.Split(strings.ReplaceAll(text, "\t", "  "), "\n")
}

func exported(f *ast.FuncDecl) bool {
	if f.Doc == nil {
		return false
	}
	for _, c := range f.Doc.List {
		if c.Text == "//export "+f.Name.Name {
			return true
		}
	}
	return false
}

func readFunction(f *ast.FuncDecl) (function, error) {
	fn := function{Name: f.Name.Name, Result: "void"}
	text := strings.TrimSpace(f.Doc.Text())
	if !strings.HasPrefix(text, fn.Name+" ") {
		return fn, errors.New("the doc comment must begin with the function's name")
	}
	fn.Doc = docLines(text)
	var err error
	if f.Type.Results != nil {
		if fn.Result, err = cType(f.Type.Results.List[0].Type); err != nil {
			return fn, err
		}
	}
	for _, field := range f.Type.Params.List {
		t, err := cType(field.Type)
		if err != nil {
			return fn, err
		}
		for _, name := range field.Names {
			// An underscore in front keeps a name apart from a word of Go.
			fn.Parameters = append(fn.Parameters, parameter{strings.TrimPrefix(name.Name, "_"), t})
		}
	}
	return fn, nil
}

// cType spells a cgo type as C does.
func cType(e ast.Expr) (string, error) {
	switch e := e.(type) {
	case *ast.Ident:
		if spelled, ok := addresses[e.Name]; ok {
			return spelled, nil
		}
	case *ast.StarExpr:
		inner, err := cType(e.X)
		return strings.TrimSuffix(inner, " ") + map[bool]string{true: "*", false: " *"}[strings.HasSuffix(inner, "*")], err
	case *ast.SelectorExpr:
		x, ok := e.X.(*ast.Ident)
		if ok && x.Name == "C" {
			if spelled, ok := typedefs[e.Sel.Name]; ok {
				return spelled, nil
			}
			return e.Sel.Name, nil
		}
	}
	return "", fmt.Errorf("a type that is not of C: %T", e)
}

// typedefs are those of capi.h which stand for what cgo cannot spell.
var typedefs = map[string]string{"obe_cchar": "const char"}

// addresses are the Go types of address.go, which are integers, as the headers spell
// them.
var addresses = map[string]string{
	"inText": "const char *", "outText": "char *", "inDoubles": "const double *", "outDoubles": "double *",
	"outInt64": "int64_t *", "outInt32": "int32_t *", "outSocket": "obe_socket *", "outMessage": "obe_message *",
	"anyHandle": "const void *", "handlerFunc": "obe_handler", "opaque": "void *",
	"lvBuffer": "char[]", "lvArray": "double[]", "outInt": "int *", "outDouble": "double *", "lvHandle": "void *", "lvSlot": "void **",
}

// integral is the function as Go exports it: with integers where the header has
// pointers.
func integral(f function) function {
	f.Parameters = slices.Clone(f.Parameters)
	for i, p := range f.Parameters {
		if strings.HasSuffix(p.Type, "*") || strings.HasSuffix(p.Type, "[]") || p.Type == "obe_handler" {
			f.Parameters[i].Type = "GoUintptr"
		}
	}
	return f
}

// render makes the contents of all generated files, by their names below root.
func render(root string, lib *library) (map[string][]byte, error) {
	out := map[string][]byte{}
	functions := template.FuncMap{
		"prototype": prototype, "comment": comment, "row": row, "python": pythonType, "quote": strconv.Quote,
		"byDefault": byDefault, "macro": macro, "result": func(f function) string { return pythonType(f.Result) }, "integral": integral,
	}
	for name, text := range map[string]string{"include/obe.h": headerTemplate, "bindings/python/libobe/_abi.py": pythonTemplate, "capi/abi.c": abiTemplate} {
		t, err := template.New(name).Funcs(functions).Parse(text)
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		if err := t.Execute(&b, lib); err != nil {
			return nil, err
		}
		out[name] = b.Bytes()
	}
	pages, err := manual(lib, out["include/obe.h"])
	if err != nil {
		return nil, err
	}
	maps.Copy(out, pages)
	forLabVIEW, err := labviewFiles(lib)
	if err != nil {
		return nil, err
	}
	maps.Copy(out, forLabVIEW)
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		return nil, err
	}
	for section, text := range map[string]string{"statuses": statusTable(lib), "options": optionTable(lib), "functions": functionTable(lib)} {
		if readme, err = replaceSection(readme, section, text); err != nil {
			return nil, err
		}
	}
	out["README.md"] = readme
	return out, nil
}

// replaceSection puts text between the marks of a generated section.
func replaceSection(page []byte, name, text string) ([]byte, error) {
	begin, end := "<!-- generated: "+name+" -->\n", "<!-- end of generated: "+name+" -->"
	before, rest, ok := bytes.Cut(page, []byte(begin))
	_, after, closed := bytes.Cut(rest, []byte(end))
	if !ok || !closed {
		return nil, fmt.Errorf("README.md has no section %q", name)
	}
	return []byte(string(before) + begin + text + end + string(after)), nil
}

func statusTable(lib *library) string {
	var b strings.Builder
	b.WriteString("| code | status | meaning | Python, besides `libobe.Error` |\n|---|---|---|---|\n")
	for _, s := range lib.Statuses {
		python := ""
		if s.Python != "" {
			python = "`" + s.Python + "`"
		}
		fmt.Fprintf(&b, "| %d | `%s` | %s | %s |\n", s.Code, s.Name, s.Text, python)
	}
	return b.String()
}

func optionTable(lib *library) string {
	var b strings.Builder
	b.WriteString("| option | default | meaning |\n|---|---|---|\n")
	for _, o := range lib.Options {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", o.Name, byDefault(o), o.Doc)
	}
	b.WriteString("\n| counter | meaning |\n|---|---|\n")
	for _, s := range lib.Stats {
		fmt.Fprintf(&b, "| `%s` | %s |\n", s.Name, s.Doc)
	}
	return b.String()
}

func functionTable(lib *library) string {
	var b strings.Builder
	b.WriteString("| group | functions |\n|---|---|\n")
	for _, g := range lib.Groups {
		var names []string
		for _, f := range g.Functions {
			names = append(names, "`"+f.Name+"`")
		}
		fmt.Fprintf(&b, "| %s | %s |\n", strings.ToLower(g.Title[:1])+g.Title[1:], strings.Join(names, " "))
	}
	return b.String()
}

const lineWidth = 79

// prototype prints a function's declaration, with the parameters that do not fit
// below the first one.
func prototype(f function) string {
	head := parameter{f.Name, f.Result}.String() + "("
	indent := strings.Repeat(" ", len(head))
	line, lines := head, []string(nil)
	if len(f.Parameters) == 0 {
		return head + "void);"
	}
	for i, p := range f.Parameters {
		text := p.String() + ","
		if i == len(f.Parameters)-1 {
			text = p.String() + ");"
		}
		switch {
		case i == 0:
			line += text
		case len(line)+1+len(text) > lineWidth:
			lines = append(lines, line)
			line = indent + text
		default:
			line += " " + text
		}
	}
	return strings.Join(append(lines, line), "\n")
}

// comment prints the lines of a doc comment as a block of C.
func comment(lines []string) string {
	var b strings.Builder
	for i, line := range lines {
		mark := " * "
		if i == 0 {
			mark = "/* "
		}
		b.WriteString(strings.TrimRight(mark+line, " ") + "\n")
	}
	return b.String() + " */"
}

// macro defines a name of an option or a counter as a constant.
func macro(width int, prefix, name string) string {
	return fmt.Sprintf("#define %-*s %q", width, prefix+strings.ToUpper(name), name)
}

// row prints an entry of a list in a comment: a name, and a text that is folded
// beside it.
func row(width int, name, text string) string {
	var b strings.Builder
	line := fmt.Sprintf(" *   %-*s", width, name)
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > lineWidth {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			line = fmt.Sprintf(" *   %-*s", width, "")
		}
		line += " " + word
	}
	return b.String() + line
}

var pythonTypes = map[string]string{
	"obe_status": "c_int32", "int32_t": "c_int32", "int64_t": "c_int64", "double": "c_double",
	"obe_socket": "c_size_t", "obe_message": "c_size_t", "uintptr_t": "c_size_t",
	"const char *": "c_char_p", "char *": "c_void_p", "void *": "c_void_p", "const void *": "c_size_t", "const double *": "POINTER(c_double)",
	"int32_t *": "POINTER(c_int32)", "int64_t *": "POINTER(c_int64)", "double *": "POINTER(c_double)",
	"obe_socket *": "POINTER(c_size_t)", "obe_message *": "POINTER(c_size_t)", "obe_handler": "c_void_p",
}

// pythonType spells a C type as ctypes does.
func pythonType(t string) string {
	python, ok := pythonTypes[t]
	if !ok {
		panic("no ctypes spelling for " + t)
	}
	return python
}
