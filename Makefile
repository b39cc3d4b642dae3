# SPDX-License-Identifier: Apache-2.0
# The front door. The build itself is Meson's: see meson.build.
BUILD  ?= build
PREFIX ?= /usr/local
CNI_BIN ?= /opt/cni/bin
DESTDIR ?=
DURATION ?= 60
# For the lab:
export PILUS_BUILD = $(abspath $(BUILD))

all: $(BUILD)/build.ninja ## build everything into build/
	@ninja -C $(BUILD)
	@scripts/compile-db $(BUILD)

deps: ## install what building, testing and showing needs (apt)
	@scripts/deps

demo: all ## two nodes, two pods, and the story of one ping between them
	@scripts/as-root lab/demo

check: all ## all tests: unit, sanitize, fuzz, check, truth, packet, tools, e2e, e2e-etcd, oldest; some: make check SUITES="unit e2e"
	@scripts/check $(SUITES)

check-sanitize: all ## the unit tests under the address and undefined behaviour sanitizers
	@scripts/check sanitize

fuzz: all ## all that reads outside input, fed with nonsense: DURATION=60 seconds for each of the targets
	@FUZZ_SECONDS=$(DURATION) scripts/check fuzz

check-kernels: all ## part of the tests on Debian's kernels 6.1, 6.12 and newest, in QEMU; minutes each
	@scripts/check kernel-6.1 kernel-6.12 kernel-newest tools-6.1 tools-6.12 tools-newest

check-packages: $(BUILD)/deps.stamp ## install, upgrade and remove the Debian packages in a Debian of their own
	@scripts/as-root tests/packages/run

bench: all ## Pilus beside other networks, on this machine; make bench LONG=1 takes a quarter of an hour
	@scripts/as-root bench/bench $(if $(LONG),--long) $(ARGS)

install: all ## install to DESTDIR/PREFIX, the CNI plugin to DESTDIR/CNI_BIN
	@meson configure $(BUILD) -Dprefix=$(PREFIX) -Dcni_bin=$(CNI_BIN)
	@ninja -C $(BUILD)
	@meson install -C $(BUILD) --no-rebuild $(if $(DESTDIR),--destdir $(abspath $(DESTDIR)))

deb: $(BUILD)/deps.stamp ## build Debian packages into build/deb
	@scripts/deb $(BUILD)/deb

clean: ## remove what was built
	@rm -rf $(BUILD) build-sanitize

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile

# Once, and again when the list of packages has changed.
$(BUILD)/deps.stamp: scripts/deps
	@scripts/deps
	@mkdir -p $(BUILD) && touch $@

$(BUILD)/build.ninja: | $(BUILD)/deps.stamp
	@meson setup $(BUILD) >$(BUILD)/setup.log || { cat $(BUILD)/setup.log; exit 1; }

.PHONY: all deps demo check check-sanitize fuzz check-kernels check-packages bench install deb clean help
