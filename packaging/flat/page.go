package main

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"path"
	"regexp"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
)

// pageTemplate has its style inside, so that a page is one file.
var pageTemplate = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{{.Title}}</title>
<style>
body { font: 11pt/1.45 "Segoe UI", sans-serif; margin: 2em auto; max-width: 56em; padding: 0 1em; }
h1 { font-size: 18pt; } h2 { font-size: 14pt; border-bottom: 1px solid #888; margin-top: 2em; } h3 { font-size: 12pt; }
code, pre { font-family: Consolas, monospace; font-size: 10pt; background: #f3f3f3; }
pre { padding: .6em; overflow-x: auto; } img { max-width: 100%; }
table { border-collapse: collapse; margin: .6em 0; } th, td { border: 1px solid #888; padding: .2em .5em; text-align: left; vertical-align: top; }
th { background: #eee; }
@media print { body { margin: 0; max-width: none; font-size: 9pt; } }
</style>
</head>
<body>
{{.Body}}</body>
</html>
`))

// page returns a page in Markdown as HTML, with links to the files in names.
func page(source []byte, file string, names names) ([]byte, error) {
	markdown := goldmark.New(goldmark.WithExtensions(extension.Table), goldmark.WithRendererOptions(html.WithUnsafe()))
	context := parser.NewContext(parser.WithIDs(&sections{}))
	markdown.Parser().AddOptions(parser.WithAutoHeadingID())
	document := markdown.Parser().Parse(text.NewReader(source), parser.WithContext(context))
	title, err := adapt(document, source, file, names)
	if err != nil {
		return nil, err
	}
	var body, out bytes.Buffer
	if err := markdown.Renderer().Render(&body, source, document); err != nil {
		return nil, err
	}
	err = pageTemplate.Execute(&out, map[string]any{"Title": title, "Body": template.HTML(body.String())})
	return out.Bytes(), err
}

// adapt changes the links of a document to the names that files have in the directory, and
// returns the text of its first heading. A link in HTML, which it would not change, is an error.
func adapt(document ast.Node, source []byte, file string, names names) (title string, err error) {
	var plain []ast.Node
	err = ast.Walk(document, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		var destination *[]byte
		switch n := n.(type) {
		case *ast.HTMLBlock:
			if n.HTMLBlockType == ast.HTMLBlockType2 { // a comment
				break
			}
			return ast.WalkStop, errors.New("has a block of HTML, which is not supported")
		case *ast.RawHTML:
			if tag := n.Segments.Value(source); attribute.Match(tag) {
				return ast.WalkStop, fmt.Errorf("has %s; write its links in Markdown", tag)
			}
		case *ast.Heading:
			if title == "" {
				title = plainText(n, source)
			}
		case *ast.Link:
			destination = &n.Destination
		case *ast.Image:
			destination = &n.Destination
		}
		if destination == nil || elsewhere.Match(*destination) {
			return ast.WalkContinue, nil
		}
		link, section, _ := strings.Cut(string(*destination), "#")
		name, found := names[path.Join(path.Dir(file), link)]
		if !found {
			plain = append(plain, n)
		} else if *destination = []byte(name); section != "" {
			*destination = []byte(name + "#" + section)
		}
		if plainText(n, source) == path.Base(link) && found { // its text is the name of the file, which has changed
			n.RemoveChildren(n)
			n.AppendChild(n, ast.NewString([]byte(name)))
		}
		return ast.WalkContinue, nil
	})
	for _, n := range plain {
		for child := n.FirstChild(); child != nil; child = n.FirstChild() {
			n.Parent().InsertBefore(n.Parent(), n, child)
		}
		n.Parent().RemoveChild(n.Parent(), n)
	}
	return title, err
}

// attribute matches a tag of HTML that may have a link, which is one with attributes.
var attribute = regexp.MustCompile(`=`)

// elsewhere matches a link to the same page and one that does not lead to a file.
var elsewhere = regexp.MustCompile(`^(#|[a-z]+:)`)

// plainText is the text of a node and all in it.
func plainText(n ast.Node, source []byte) string {
	var out strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if t, ok := n.(*ast.Text); ok && entering {
			out.Write(t.Segment.Value(source))
		}
		return ast.WalkContinue, nil
	})
	return out.String()
}

// sections gives headings the ids that GitHub gives them, to which the documents link.
// goldmark's own leave out every character that is not ASCII, and the underscore.
type sections struct{ taken map[string]bool }

func (s *sections) Generate(heading []byte, _ ast.NodeKind) []byte {
	id := strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r):
			return unicode.ToLower(r)
		}
		return -1
	}, linked.ReplaceAllString(strings.TrimSpace(string(heading)), "$1"))
	unique := id
	for n := 1; s.taken[unique]; n++ {
		unique = fmt.Sprintf("%s-%d", id, n)
	}
	s.Put([]byte(unique))
	return []byte(unique)
}

func (s *sections) Put(id []byte) {
	if s.taken == nil {
		s.taken = map[string]bool{}
	}
	s.taken[string(id)] = true
}

// linked matches a link in a heading.
var linked = regexp.MustCompile(`\[([^]]*)\]\([^)]*\)`)
