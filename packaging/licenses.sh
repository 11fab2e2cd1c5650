#!/bin/sh
# Prints the licences of everything linked into the library or the tool: Go's own code and
# the modules. Each binary package must contain them.
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
done
