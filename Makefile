# libobe: the library, its generated files, its tests and its demo.
# "make help" lists the targets.

GO     ?= go
CC     ?= cc
PYTHON ?= python3
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
MANDIR ?= $(PREFIX)/share/man
DOCDIR ?= $(PREFIX)/share/doc/libobe
BUILD  := build

# The name of a directory may contain spaces. For make they have a backslash in a target
# and in a prerequisite: OUT. Make's functions for file names would take them apart, so
# the shell has the others.
empty :=
space := $(empty) $(empty)
comma := ,
OUT   := $(subst $(space),\$(space),$(BUILD))
BUILD_PATH = $(shell realpath -m -- "$(BUILD)")

# capi/version.go has the versioning policy.
SONAME  := libobe.so.0
VERSION := $(shell sed -n 's/^\#define OBE_VERSION "\(.*\)"/\1/p' include/obe.h)
LIBFILE := libobe.so.$(VERSION)

# cgo does not pass a version script or a SONAME, so they go to the external linker
# directly. The path of the script must be absolute.
EXTLD   := '-extldflags=\"-Wl,--version-script=$(CURDIR)/capi/libobe.map\" -Wl,-soname,$(SONAME) -Wl,-z,relro,-z,now,-z,noexecstack'
# An overflow of a buffer in the C parts ends the process.
HARDENED := -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
CGO_CFLAGS ?= -O2 -g
# Go 1.26 starts its heap at a random place in the first 64 MiB that it reserves. In one
# process of sixteen little of them is left, and if the system has no more memory, Go's
# next small block ends the host program. Without randomization internal/memory detects
# the shortage first (TestAddressSpaceRunsOut). Randomization would hide the address of
# Go's heap from an attacker who already controls the host program. Other versions of Go
# may not know this experiment, so it is set only if Go accepts it.
NORANDOMHEAP := norandomizedheapbase64
EXPERIMENT = $(shell GOEXPERIMENT=$(NORANDOMHEAP) "$(GO)" version >/dev/null 2>&1 && echo $(NORANDOMHEAP))
# Copies of the functions of these packages, which make errors and texts, and the records of
# a handshake of TLS, would be 2 % of the library's file. docs/performance.md has what it costs.
UNINLINED := errors fmt vendor/golang.org/x/crypto/cryptobyte
GCFLAGS   := $(foreach package,$(UNINLINED),-gcflags=$(package)=-l)
GOBUILD   := GOWORK=off GOEXPERIMENT=$(EXPERIMENT) CGO_ENABLED=1 CGO_CFLAGS="$(CGO_CFLAGS) $(HARDENED)" "$(GO)" build -trimpath -buildvcs=false $(GCFLAGS) -buildmode=c-shared
SOURCES := go.mod go.sum include/obe.h capi/libobe.map $(shell find capi internal -name '*.go' -o -name '*.[ch]' -o -name '*.tmpl' -o -name '*.bin')

# The sentences about a missing compiler, Go or Python. What has nothing to build does not
# need them.
TOOLCHAIN = @GO="$(GO)" CC="$(CC)" CXX="$(CXX)" PYTHON="$(PYTHON)" test/toolchain
# For test/venv, which takes a Python that the user has named as it is.
USER_PYTHON = $(if $(filter file,$(origin PYTHON)),,$(PYTHON))
RUN_TESTS = BUILD="$(BUILD_PATH)" PYTHON="$(USER_PYTHON)" CC="$(CC)" CXX="$(CXX)" GO="$(GO)" test/run

.PHONY: all library tool obe page always windows generate setup check test toolchain fuzz soak bench bench-quick study demo gallery install install-files install-library install-development install-suppressions install-tool install-manual install-documents uninstall dist clean help

all: library tool ## build the library and the tool obe, what make install installs (the default)

library: $(OUT)/libobe.so $(OUT)/obe64.so ## build build/libobe.so

tool: $(OUT)/obe $(addprefix $(OUT)/completions/,bash zsh fish)

$(OUT)/$(LIBFILE): $(SOURCES)
	$(TOOLCHAIN) go cc
	@mkdir -p "$(BUILD)"
	$(GOBUILD) -ldflags "-s -w -buildid= $(EXTLD)" -o "$@" ./capi
	@rm -f "$(BUILD)/$(basename $(LIBFILE)).h"

# The library with the hooks that tests need.
$(OUT)/test/libobe.so: $(SOURCES)
	$(TOOLCHAIN) go cc
	@mkdir -p "$(BUILD)/test"
	$(GOBUILD) -tags obetest -ldflags "-buildid= $(EXTLD)" -o "$@" ./capi
	@ln -sf libobe.so "$(BUILD)/test/$(SONAME)"

$(OUT)/libobe.so: $(OUT)/$(LIBFILE)
	@ln -sf $(LIBFILE) "$(BUILD)/$(SONAME)"
	@ln -sf $(SONAME) "$@"

# The name by which LabVIEW on Linux finds the library named obe*.* in its nodes.
$(OUT)/obe64.so: $(OUT)/libobe.so
	@ln -sf $(SONAME) "$@"

# The command-line tool. It is static and does not need the library.
TOOL_SOURCES := go.mod go.sum $(shell find cmd internal -name '*.go' -o -name '*.tmpl')
# For Windows, tool and DLL share what is compiled of Go's standard library if both have the
# same experiments and flags. Elsewhere the library is compiled as position-independent code.
GOTOOL := GOWORK=off $(if $(filter windows,$(GOOS)),GOEXPERIMENT=$(EXPERIMENT)) CGO_ENABLED=0 "$(GO)" build -trimpath -buildvcs=false $(if $(filter windows,$(GOOS)),$(GCFLAGS)) -ldflags "-s -w -buildid="

obe: $(OUT)/obe ## build build/obe, the command-line tool

# The page of obe watch, built only if its source has changed. If it cannot be built, the tool
# is without it. The recipe runs each time, but the file changes only when the page does.
$(OUT)/page.state: always
	@mkdir -p "$(BUILD)"
	@BUILD="$(BUILD_PATH)" GO="$(GO)" packaging/page "$@"

always:

$(OUT)/obe: $(TOOL_SOURCES) $(OUT)/page.state
	$(TOOLCHAIN) go
	@mkdir -p "$(BUILD)"
	$(GOTOOL) -o "$@" ./cmd/obe

page: ## build the page of obe watch; make obe does it, too, if npm is there
	$(TOOLCHAIN) go
	@BUILD="$(BUILD_PATH)" GO="$(GO)" packaging/page

# What completes its command lines, written by the tool, which is run here. build/obe may
# be for another machine.
$(OUT)/completions/%: $(TOOL_SOURCES)
	@mkdir -p "$(BUILD)/completions"
	GOOS= GOARCH= CGO_ENABLED=0 GOWORK=off "$(GO)" run -trimpath -buildvcs=false ./cmd/obe completion $* > "$@.new"
	@mv "$@.new" "$@"

# Windows, 64 and 32 bits: the library, which depends only on parts of Windows, and
# import libraries for the compilers of Microsoft and MinGW.
WINDOWS   := $(OUT)/windows
GOARCH_64 := amd64
GOARCH_32 := 386
MINGW_64  := x86_64-w64-mingw32
MINGW_32  := i686-w64-mingw32
COFF_64   := i386:x86-64
COFF_32   := i386
GODLL      = GOOS=windows GOARCH=$(GOARCH_$*) CC=$(MINGW_$*)-gcc CGO_LDFLAGS=-O2 $(GOBUILD)
DLLFLAGS   = -ldflags "-s -w -buildid= '-extldflags=-static -Wl,--no-insert-timestamp,--dynamicbase,--nxcompat \"$(BUILD_PATH)/windows/obe$*.rc.o\"'"
EXPORTS   := $(filter-out capi/testhooks.go,$(wildcard capi/*.go))

windows: $(foreach bits,64 32,$(addprefix $(WINDOWS)/,obe$(bits).dll obe$(bits).def obe$(bits).lib libobe$(bits).dll.a)) ## cross-build the DLLs for Windows and their import libraries

$(WINDOWS)/obe%.dll: $(SOURCES) $(WINDOWS)/obe%.rc.o
	$(TOOLCHAIN) go
	$(GODLL) $(DLLFLAGS) -o "$@" ./capi
	@rm -f "$(BUILD)/windows/obe$*.h"

# With the hooks that tests need.
$(WINDOWS)/test/obe%.dll: $(SOURCES) $(WINDOWS)/obe%.rc.o
	@mkdir -p "$(BUILD)/windows/test"
	$(GODLL) -tags obetest $(DLLFLAGS) -o "$@" ./capi

$(WINDOWS)/obe%.rc.o: packaging/obe.rc.in include/obe.h
	@mkdir -p "$(BUILD)/windows"
	sed -e 's/@NAME@/obe$*/' -e 's/@VERSION@/$(VERSION)/' -e 's/@NUMBERS@/$(subst .,$(comma),$(VERSION)),0/' $< | $(MINGW_$*)-windres -O coff -o "$@"

$(WINDOWS)/obe%.def: $(EXPORTS)
	@mkdir -p "$(BUILD)/windows"
	{ echo 'LIBRARY obe$*.dll'; echo EXPORTS; sed -n 's|^//export \(obe_\)|    \1|p' $^ | LC_ALL=C sort; } > "$@"

$(WINDOWS)/obe%.lib: $(WINDOWS)/obe%.def
	llvm-dlltool -m $(COFF_$*) -d "$<" -l "$@"

$(WINDOWS)/libobe%.dll.a: $(WINDOWS)/obe%.def
	cd "$(BUILD)/windows" && $(MINGW_$*)-dlltool -d obe$*.def -l libobe$*.dll.a

.SECONDARY:

generate: ## regenerate include/obe.h and the other generated files
	$(TOOLCHAIN) go
	cd internal/codepage && "$(GO)" run ./generate
	cd capi && "$(GO)" run ./generate
	"$(GO)" run ./cmd/obe manual packaging/man

setup: ## install every tool that tests and packages need, on Debian or Ubuntu
	test/setup

# The first prerequisite of what needs all of them, so that every sentence comes before the
# long work.
toolchain:
	$(TOOLCHAIN) $(if $(wildcard $(OUT)/$(LIBFILE)),,go) cc c++ python

check: toolchain library ## the quick tests and linters, in a minute
	@$(RUN_TESTS) check

# Several steps use these at once, so they are built before.
test: toolchain all $(OUT)/test/libobe.so ## every test and linter that needs this system only, in ten minutes; test/run long has the others
	@$(RUN_TESTS)

fuzz: ## fuzz for FUZZTIME (60s) each: every fuzz target in Go, and the C ABI
	$(TOOLCHAIN) go
	BUILD="$(BUILD_PATH)" PYTHON="$(PYTHON)" GO="$(GO)" FUZZTIME="$(FUZZTIME)" test/fuzz/run

# timeout ends a soak that hangs. In the foreground Ctrl-C reaches the soak.
SOAK_SECONDS = 600
soak: $(OUT)/soak/soak ## both roles under load and faults for SOAK_SECONDS (600): nothing is lost, nothing grows
	timeout --foreground $$(($(SOAK_SECONDS) + 240)) "$(BUILD_PATH)/soak/soak" $(SOAK_SECONDS) $(SEED)

$(OUT)/soak/soak: $(wildcard test/soak/*.[ch] test/c/*.h include/*.h) $(OUT)/test/libobe.so
	@mkdir -p "$(BUILD)/soak"
	$(CC) -std=c99 -O2 -g -Wall -Wextra -Wpedantic -Werror -Iinclude -Itest/c -pthread -o "$@" test/soak/soak.c "$(BUILD)/test/libobe.so" -Wl,-rpath,"$(BUILD_PATH)/test"

bench: library $(OUT)/obe ## measure against hand-written C, in less than 4 minutes (see BENCHMARKS.md)
	$(TOOLCHAIN) cc python
	BUILD="$(BUILD_PATH)" "$(PYTHON)" bench/run.py

bench-quick: library $(OUT)/obe ## the same in half a minute
	$(TOOLCHAIN) cc python
	BUILD="$(BUILD_PATH)" "$(PYTHON)" bench/run.py --quick

# The whole takes some hours of two cores. STUDY has options of test/study, such as
# "-samples 100", and "-results FILE", which keeps what was done, so that the study continues after an interruption.
study: ## how far the designer's results can be trusted, in hours; with OPTBAYESEXPT=CHECKOUT beside it, with a PYTHON that has numpy
	$(TOOLCHAIN) go
	"$(GO)" run ./test/study -optbayesexpt "$(OPTBAYESEXPT)" -python "$(PYTHON)" $(STUDY)

# WATCH=1 shows the run in the browser while it is measured, by build/obe.
WATCHED := $(filter-out 0 no,$(WATCH))

demo: toolchain library $(if $(WATCHED),$(OUT)/obe) ## run the experiment of examples/find_peak: a server in C++, an instrument in C, a figure; with WATCH=1 in the browser
	$(CXX) -std=c++11 -O3 -Wall -Wextra -Iinclude -o "$(BUILD)/find_peak_server" examples/find_peak/server.cpp -L"$(BUILD)" -lobe -Wl,-rpath,"$(BUILD_PATH)"
	$(CC) -std=c99 -O2 -Wall -Wextra -Iinclude -o "$(BUILD)/find_peak_instrument" examples/find_peak/instrument.c -L"$(BUILD)" -lobe -lm -Wl,-rpath,"$(BUILD_PATH)"
	@python=$$(BUILD="$(BUILD_PATH)" PYTHON="$(USER_PYTHON)" test/venv demo); [ -n "$$python" ] || exit; \
	    "$$python" examples/demo.py --programs "$(BUILD_PATH)" --output "$(BUILD_PATH)" $(if $(WATCHED),--watch)

gallery: $(OUT)/obe ## draw the figures of docs/gallery.md again, in a minute
	packaging/gallery "$(BUILD_PATH)/obe" docs/images/gallery

# install-files puts the files into DESTDIR and is all that a package needs. install does
# that in another directory first, to record what it then adds to the system.
INSTALL := DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" LIBDIR="$(LIBDIR)" MANDIR="$(MANDIR)" DOCDIR="$(DOCDIR)" VERSION=$(VERSION) packaging/install.sh

install: all ## install below DESTDIR: PREFIX (/usr/local), LIBDIR (PREFIX/lib), MANDIR, DOCDIR
	@$(INSTALL) check
	@tree=$$(mktemp -d "$(BUILD_PATH)/install.XXXXXX") || exit; trap 'rm -rf "$$tree"' EXIT; trap 'exit 130' HUP INT TERM; umask 022; \
	    $(MAKE) -s --no-print-directory install-files DESTDIR="$$tree" && $(INSTALL) install "$$tree"

uninstall: ## remove what make install has put below DESTDIR and PREFIX
	@$(INSTALL) uninstall

install-files: install-library install-development install-suppressions install-tool install-manual install-documents

install-library: library
	install -d "$(DESTDIR)$(LIBDIR)"
	install -m 755 "$(BUILD)/$(LIBFILE)" "$(DESTDIR)$(LIBDIR)/"
	ln -sf $(LIBFILE) "$(DESTDIR)$(LIBDIR)/$(SONAME)"
	ln -sf $(SONAME) "$(DESTDIR)$(LIBDIR)/libobe.so"
	ln -sf $(SONAME) "$(DESTDIR)$(LIBDIR)/obe64.so"

# The pkg-config and CMake files find PREFIX relative to LIBDIR. LIBRARY is the name
# that a program links with.
LIBRARY = obe
SUBSTITUTE = sed -e 's|@UP@|$(shell realpath -m --relative-to="$(LIBDIR)" "$(PREFIX)")|' -e 's|@VERSION@|$(VERSION)|' -e 's|@LIBRARY@|$(LIBRARY)|' -e 's|@LIBFILE@|$(LIBFILE)|' -e 's|@SONAME@|$(SONAME)|'

install-development:
	install -d "$(DESTDIR)$(PREFIX)/include" "$(DESTDIR)$(LIBDIR)/pkgconfig" "$(DESTDIR)$(LIBDIR)/cmake/obe"
	install -m 644 include/*.h* "$(DESTDIR)$(PREFIX)/include/"
	$(SUBSTITUTE) packaging/libobe.pc.in > "$(DESTDIR)$(LIBDIR)/pkgconfig/libobe.pc"
	$(SUBSTITUTE) packaging/obe-config.cmake.in > "$(DESTDIR)$(LIBDIR)/cmake/obe/obe-config.cmake"
	$(SUBSTITUTE) packaging/obe-config-version.cmake.in > "$(DESTDIR)$(LIBDIR)/cmake/obe/obe-config-version.cmake"

# For valgrind.
SUPPRESSIONS := $(wildcard packaging/*.supp)

install-suppressions:
	install -d "$(DESTDIR)$(PREFIX)/share/libobe"
	$(if $(SUPPRESSIONS),install -m 644 $(SUPPRESSIONS) "$(DESTDIR)$(PREFIX)/share/libobe/")

install-tool: tool
	install -d "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(MANDIR)/man1"
	install -m 755 "$(BUILD)/obe" "$(DESTDIR)$(PREFIX)/bin/"
	install -m 644 packaging/man/*.1 "$(DESTDIR)$(MANDIR)/man1/"
	install -D -m 644 "$(BUILD)/completions/bash" "$(DESTDIR)$(PREFIX)/share/bash-completion/completions/obe"
	install -D -m 644 "$(BUILD)/completions/zsh" "$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_obe"
	install -D -m 644 "$(BUILD)/completions/fish" "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/obe.fish"

# The page of each function is a link to the page of its group.
install-manual:
	install -d "$(DESTDIR)$(MANDIR)/man3" "$(DESTDIR)$(MANDIR)/man7"
	install -m 644 packaging/man/*.3 "$(DESTDIR)$(MANDIR)/man3/"
	install -m 644 packaging/man/*.7 "$(DESTDIR)$(MANDIR)/man7/"
	for page in packaging/man/*.3; do \
	    for function in $$(sed -n 's/^\.SS \(obe_\)/\1/p' $$page); do \
	        ln -sf $$(basename $$page) "$(DESTDIR)$(MANDIR)/man3/$$function.3" || exit; \
	    done; \
	done

install-documents:
	DESTDIR="$(DESTDIR)" DOCDIR="$(DOCDIR)" INCLUDE="$(PREFIX)/include" packaging/documents.sh

dist: ## build all packages in build/dist
	VERSION=$(VERSION) BUILD="$(BUILD_PATH)" MAKE="$(MAKE)" GO="$(GO)" PYTHON="$(PYTHON)" packaging/dist

clean: ## remove build products
	rm -rf "$(BUILD)" bindings/python/build
	find internal/monitor/page/dist -type f ! -name README.txt -delete

help: ## list the targets, and how to run a single test
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 14
	@echo
	@echo 'A step of the tests, after make: test/run STEP. test/run help lists the steps. A single test:'
	@echo '  Go          go test ./internal/wire -run TestName'
	@echo '  C           go test ./test -run TestPrograms/message          test/c/message.c'
	@echo '  C++         go test ./test -run TestCppPrograms               test/cpp'
	@echo '  Python      export PYTHONPATH=bindings/python; $$(test/venv test) -m pytest bindings/python/tests -k NAME'
	@echo '  LabVIEW     the same with bindings/labview/tests'
