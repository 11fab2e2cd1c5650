# libobe: the library, its generated files, its tests and its demo.
# "make help" lists the targets.

GO     ?= go
CC     ?= cc
PYTHON ?= python3
PREFIX ?= /usr/local
BUILD  := build

# The SONAME changes only when the ABI breaks.
SONAME  := libobe.so.1
VERSION := $(shell sed -n 's/^\#define OBE_VERSION "\(.*\)"/\1/p' include/obe.h)
REAL    := libobe.so.$(VERSION)

# cgo passes no version script and no SONAME on, so they go to the external
# linker directly; the script's path must be absolute.
EXTLD   := '-extldflags=\"-Wl,--version-script=$(CURDIR)/capi/libobe.map\" -Wl,-soname,$(SONAME)'
GOBUILD := CGO_ENABLED=1 $(GO) build -trimpath -buildmode=c-shared
SOURCES := go.mod go.sum include/obe.h capi/libobe.map $(shell find capi internal -name '*.go' -o -name '*.[ch]' -o -name '*.tmpl')

.PHONY: all generate test bench bench-quick demo install clean help

all: $(BUILD)/libobe.so ## build build/libobe.so (the default)

$(BUILD)/$(REAL): $(SOURCES)
	@mkdir -p $(BUILD)
	$(GOBUILD) -ldflags "-s -w -buildid= $(EXTLD)" -o $@ ./capi
	@rm -f $(BUILD)/$(basename $(REAL)).h $(BUILD)/*.h

# The library with the hooks that tests need.
$(BUILD)/test/libobe.so: $(SOURCES)
	@mkdir -p $(BUILD)/test
	$(GOBUILD) -tags obetest -ldflags "-buildid= $(EXTLD)" -o $@ ./capi
	@ln -sf libobe.so $(BUILD)/test/$(SONAME)

$(BUILD)/libobe.so: $(BUILD)/$(REAL)
	@ln -sf $(REAL) $(BUILD)/$(SONAME)
	@ln -sf $(SONAME) $@

generate: ## write include/obe.h and the other generated files anew
	cd capi && $(GO) run ./generate

test: all $(BUILD)/test/libobe.so ## run every test and linter
	PYTHON="$(PYTHON)" CC="$(CC)" GO="$(GO)" test/run

bench: all ## measure against hand-written C, in less than 4 minutes (see BENCHMARKS.md)
	$(PYTHON) bench/run.py

bench-quick: all ## the same in half a minute
	$(PYTHON) bench/run.py --quick

demo: all ## run the demo: a server in Python, an instrument in C
	@mkdir -p $(BUILD)
	$(CC) -std=c99 -O2 -Wall -Wextra -Iinclude -o $(BUILD)/instrument examples/c/instrument.c -L$(BUILD) -lobe -lm -Wl,-rpath,"$(CURDIR)/$(BUILD)"
	$(PYTHON) examples/demo.py

install: all ## install library, header and pkg-config file below DESTDIR and PREFIX
	install -d "$(DESTDIR)$(PREFIX)/lib/pkgconfig" "$(DESTDIR)$(PREFIX)/include"
	install -m 755 $(BUILD)/$(REAL) "$(DESTDIR)$(PREFIX)/lib/"
	ln -sf $(REAL) "$(DESTDIR)$(PREFIX)/lib/$(SONAME)"
	ln -sf $(SONAME) "$(DESTDIR)$(PREFIX)/lib/libobe.so"
	install -m 644 include/obe.h "$(DESTDIR)$(PREFIX)/include/"
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' capi/libobe.pc.in > "$(DESTDIR)$(PREFIX)/lib/pkgconfig/libobe.pc"

clean: ## remove what was built
	rm -rf $(BUILD) bindings/python/build

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 14
