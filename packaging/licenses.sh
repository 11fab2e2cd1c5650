#!/bin/sh
# Prints the licences of what is linked into the library: Go's own code and modules
# of others. A binary has to be accompanied by them.
set -eu
echo "The libobe library contains code of others, under the licences that follow."
{
    echo "Go $(${GO:-go} env GOROOT)"
    for system in linux windows; do
        CGO_ENABLED=1 GOOS=$system ${GO:-go} list -deps \
            -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Dir}}{{end}}{{end}}' ./capi
    done | sort -u
} | while read -r module folder; do
    printf '\n\n==== %s ====\n\n' "$module"
    cat "$folder/LICENSE"
done
