#!/bin/sh
# Prints the licences of everything linked into the library or the tool: Go's own code, the
# modules, and what the page of obe watch contains, which has to be built before. Each binary
# package must contain them.
set -eu
echo "libobe, which is a library and the tool obe, contains third-party code under the following licences."
{
    echo "Go $(${GO:-go} env GOROOT)"
    for system in linux windows darwin; do
        CGO_ENABLED=1 GOOS=$system ${GO:-go} list -deps \
            -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Dir}}{{end}}{{end}}' ./capi ./cmd/obe
    done | sort -u
} | while read -r module directory; do
    printf '\n\n==== %s ====\n\n' "$module"
    cat "$directory"/LICENSE*
    # The Apache licence wants it passed on.
    [ ! -e "$directory/NOTICE" ] || cat "$directory/NOTICE"
    # LICENSE of github.com/golang/freetype is a choice, of which this is what libobe uses.
    [ ! -e "$directory/licenses/ftl.txt" ] || cat "$directory/licenses/ftl.txt"
    # github.com/prometheus/client_golang contains a package of another project.
    gddo=$directory/internal/github.com/golang/gddo/LICENSE
    [ ! -e "$gddo" ] || cat "$gddo"
done
printf '\n\n==== the page of obe watch ====\n\n'
cat internal/monitor/page/dist/licenses.txt
