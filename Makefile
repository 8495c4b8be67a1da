# kelp: `make run` to see it, `make test` to check it, `make help` for the rest.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build

# From git where there is one, else the release in cmd/kelp/version.go.
VERSION ?= $(shell git describe --tags --dirty 2>/dev/null || \
	{ c=$$(git rev-parse --short HEAD 2>/dev/null) && echo "$$(sed -n 's/^const release = "\(.*\)"/\1/p' cmd/kelp/version.go)-$$c"; })
LDFLAGS := -s -w $(if $(VERSION),-X main.version=$(VERSION))

# The SIMD kernels need an experiment of the toolchain; without it the plain
# twins run. An experiment that is set by hand stays.
ifeq ($(origin GOEXPERIMENT),undefined)
GOEXPERIMENT := $(shell GOEXPERIMENT=simd go list simd/archsimd >/dev/null 2>&1 && echo simd)
endif
export GOEXPERIMENT

# The same settings for builds, checks and tests, so that each dependency is
# compiled once; only the race detector needs cgo.
export CGO_ENABLED := 0
export GOFLAGS := $(GOFLAGS) -trimpath

# The race detector needs a C compiler. KELP_TEST_STRICT=1 demands everything.
RACE := $(if $(shell command -v gcc || command -v clang),-race,$(if $(KELP_TEST_STRICT),-race))

LISTEN ?= 127.0.0.1:7411
DATA ?= kelp-data
FUZZ_EACH ?= 120
FUZZ_STRANGERS ?= 600
# storage, whose tests take longest, runs beside all others. The tests of the root,
# check-tidy, have been run before.
PKGS = $(shell go list ./... | grep -v -e '/e2e$$' -e '/storage$$' -e '/kelpdb/kelp$$')

.PHONY: build build-failpoint image run test torture fuzz sweep soak bench bench-quick test-peers diff bench-kernels bench-load bench-restart sim clean help \
	check-format check-vet check-lint check-tidy check-builds test-unit test-plain test-fuzz test-waits test-e2e

## build: bin/kelp, static, with the web page where Node is there
build: page
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/kelp ./cmd/kelp

# The page, built anew when its sources or its lock have changed. Without Node the
# binary says how to build it; KELP_TEST_STRICT=1 demands it.
PAGE = ui/dist/app/index.html
NODE_MODULES = ui/node_modules/.package-lock.json
HAVE_NODE := $(shell .ci/have-node && echo yes)
.PHONY: page test-ui
page: $(if $(HAVE_NODE)$(KELP_TEST_STRICT),$(PAGE))
$(PAGE): $(NODE_MODULES) $(shell find ui/src -type f) ui/index.html ui/package.json ui/tsconfig.json ui/vite.config.ts
	cd ui && npm run --silent build -- --logLevel warn

$(NODE_MODULES): ui/package-lock.json ui/.npmrc
	cd ui && npm ci --loglevel=error
	touch $@

## image: bin/kelp-image.tar, a container image of bin/kelp alone, for docker load or podman load
image: build
	@go run ./deploy/image/kelpimage -kelp bin/kelp -out bin/kelp-image.tar -version '$(VERSION)'

# The same with places in storage where it kills itself if told to: for tests.
build-failpoint:
	@go build -trimpath -tags failpoint -o bin/kelp-failpoint ./cmd/kelp

## run: build, start kelp with 4 leaves and the demo shop, ask one question, keep serving (LISTEN=, DATA=)
run: build
	@.ci/up bin/kelp '$(LISTEN)' '$(DATA)'

## test: every check; KELP_TEST_STRICT=1 turns skipped tests into failures
#
# Fuzzing goes by the clock, so it takes what test-plain and test-e2e leave of the
# processors: those wait for disks, kills and timeouts for half of their time. What
# test-waits has does little else, and runs beside test-plain.
test:
	@before=$$(ls -d /dev/shm/kelp-test-* 2>/dev/null || true); \
	step() { echo "== $$1"; $(MAKE) --no-print-directory "$$@"; }; \
	for check in check-format check-vet check-lint check-tidy check-builds test-unit; do step "$$check"; done; \
	said=$$(mktemp -d) fuzz='' waits=''; trap 'kill $$fuzz $$waits 2>/dev/null || true; rm -rf "$$said"' EXIT; \
	nice -n 19 $(MAKE) --no-print-directory test-fuzz >"$$said/fuzz" 2>&1 & fuzz=$$!; \
	$(MAKE) --no-print-directory test-waits >"$$said/waits" 2>&1 & waits=$$!; \
	status=0; step test-plain || status=$$?; \
	wait $$waits || status=$$?; echo "== test-waits, beside it"; cat "$$said/waits"; \
	[ $$status -ne 0 ] || step test-ui || status=$$?; \
	[ $$status -ne 0 ] || step test-e2e BESIDE='$(WAITS)' || status=$$?; \
	wait $$fuzz || status=$$?; echo "== test-fuzz, beside these"; cat "$$said/fuzz"; \
	[ $$status -eq 0 ] || exit $$status; \
	.ci/leftovers "$$before"; \
	echo "== all checks passed"

check-format:
	@bad=$$(gofmt -l $$(go list -f '{{.Dir}}' ./...)); \
	if [ -n "$$bad" ]; then echo "run gofmt -w on:"; echo "$$bad"; exit 1; fi

check-vet:
	@go vet ./...
	@go vet -tags failpoint ./storage
	@go vet -tags peers ./query/exec ./bench/side

check-lint:
	@go tool staticcheck ./...

check-tidy:
	@go test -count=1 .

# Builds with and without the SIMD kernels, and for a developer's laptop, whose
# memory and files are not Linux's; nobody runs that one, and unoptimised it takes
# three fifths of the time.
check-builds:
	@go build ./...
	@GOEXPERIMENT= go build ./...
	@GOEXPERIMENT= GOOS=darwin GOARCH=arm64 go build -gcflags='all=-N -l' ./...

# Packages have 20 minutes each: on a busy machine Go would end the largest after 10.
GOTEST = .ci/gotest -timeout 20m

# Kills and long histories of storage run in full length once: below, without the race
# detector, which makes them several times as long, and without SIMD, of which they
# know nothing.
test-unit:
	@$(if $(RACE),CGO_ENABLED=1) $(GOTEST) $(RACE) $(if $(RACE),-short) ./storage & storage=$$!; \
	status=0; $(if $(RACE),CGO_ENABLED=1) $(GOTEST) $(RACE) $(PKGS) || status=$$?; \
	wait $$storage && exit $$status

# The plain twins of the SIMD kernels are what other machines run. Only the
# packages that have twins are tested twice, and bench/sim, whose ten thousand leaves
# are too many for the race detector.
TWINS = $(shell grep -rl 'goexperiment' --include='*.go' . | xargs -n 1 dirname | sort -u)
test-plain:
	@GOEXPERIMENT= $(GOTEST) ./storage & storage=$$!; \
	status=0; GOEXPERIMENT= $(GOTEST) $(filter-out ./storage,$(TWINS)) ./bench/sim || status=$$?; \
	wait $$storage && exit $$status

test-fuzz:
	@.ci/fuzz 6 150

# Of the end-to-end tests those that mostly wait; test-e2e leaves out what BESIDE names.
WAITS = ^(TestSlowBodies|TestTorture)$$
BESIDE ?=
test-waits: build build-failpoint
	@$(GOTEST) -count=1 -run '$(WAITS)' ./e2e

# The page's own logic, and the page in a browser against the built binary.
test-ui: build
	@if [ -n "$(HAVE_NODE)$(KELP_TEST_STRICT)" ]; then cd ui && KELP_BIN=$(CURDIR)/bin/kelp npm test --silent; \
	else echo "SKIP test-ui: no Node 20.19 or later with npm; apt-get install nodejs npm, or https://nodejs.org"; fi

test-e2e: build build-failpoint
	@$(GOTEST) -count=1 $(if $(BESIDE),-skip '$(BESIDE)') ./e2e

## torture: KILLS (1000) kill -9 of a server under load, by the clock and at failpoints, held against a model; 45 minutes (SEED=)
KILLS ?= 1000
SEED ?= 0
torture: build build-failpoint
	go test -count=1 -timeout 2h -v ./e2e -run 'TestTorture$$' -args -kills $(KILLS) -seed $(SEED)

## soak: a million small and 3,000 full blocks turned over at retention's edge, then SOAK_FOR=10m of 24 clients asking while rows come in: nothing may grow, nothing get slower
SOAK_FOR ?= 10m
soak: build
	KELP_SOAK=1 nice go test ./storage -count=1 -run TestLifeInFastMotion -timeout 2h -v
	go test ./e2e -count=1 -run 'TestQuerySoak$$' -timeout 1h -v -args -soakfor $(SOAK_FOR)

## fuzz: what reads strangers' bytes for FUZZ_STRANGERS seconds each (600), every other target for FUZZ_EACH (120)
fuzz:
	@.ci/fuzz $(FUZZ_EACH) 0 $(FUZZ_STRANGERS)

## sweep: flips one bit of every SWEEP of a small store (8: one of each byte, 1: all of them), and 10,000 of one of 100 MB
SWEEP ?= 8
sweep:
	GOGC=400 KELP_SWEEP=$(SWEEP) go test -count=1 -timeout 6h -v -run '^TestFlips$$' ./leaf
	KELP_SWEEP_MIB=100 KELP_SWEEP_FLIPS=10000 go test -count=1 -timeout 2h -v -run '^TestFlipsOfLargeArena$$' ./storage

## bench: kelp beside DuckDB and ClickHouse on 10 million rows, a page into bench/results; needs node (BENCH_FLAGS=)
BENCH_FLAGS ?=
PEERS = bench/peers/node_modules/.package-lock.json
bench: build $(PEERS)
	go run ./bench/side/kelpbench -kelp bin/kelp $(BENCH_FLAGS)

## test-peers: small runs of that benchmark, whose answers must agree; installs the peers, 600 MB
test-peers: build $(PEERS)
	KELP_BIN=$(CURDIR)/bin/kelp .ci/gotest -count=1 -tags peers -run Peers ./bench/side

## diff: thousands of random queries, of kelp against the oracle and against DuckDB; needs node (DIFF_ROUNDS=100 DIFF_SEED=)
DIFF_ROUNDS ?= 100
DIFF_SEED ?= 0
diff: $(PEERS)
	go test -count=1 -timeout 2h -v -tags peers ./query/exec -run '^TestEngineAgainst(Oracle|DuckDB)$$' -args -diffrounds $(DIFF_ROUNDS) -diffseed $(DIFF_SEED)

## bench-quick: the same on 1 million rows, in two minutes
bench-quick: build $(PEERS)
	go run ./bench/side/kelpbench -kelp bin/kelp -rows 1000000 -loads 2 -rounds 5 -patience 3s $(BENCH_FLAGS)

# Versions and checksums are those of the lock, which names the binaries of
# Linux on x86-64 alone; `npm ci` would want those of every other system in it.
$(PEERS): bench/peers/package-lock.json
	cd bench/peers && npm install --no-save
	touch $@

## bench-kernels: the benchmarks beside the code, ten times each, for benchstat (BENCH=regexp PKG=./...)
BENCH ?= .
PKG ?= ./...
bench-kernels:
	go test -run '^$$' -bench '$(BENCH)' -benchmem -count 10 $(PKG)

## bench-load: 10 million reference events into a server of its own, and three questions
bench-load: build
	@.ci/bench-load bin/kelp

## bench-restart: from exec to the last byte of two answers, half the table unmerged; 6 GB of disk and 2 of memory (RESTART_FLAGS=)
bench-restart: build
	@mkdir -p bin && go build -o bin/kelprestart ./bench/restart/kelprestart
	@bin/kelprestart -kelp bin/kelp -rows 10000000,40000000 $(RESTART_FLAGS)

## sim: the fan-out of up to 10,000 leaves in virtual time, into docs/tail.md and its plot; some minutes
sim:
	go run ./bench/sim/kelpsim -docs docs

## clean: remove what was built (not data)
clean:
	rm -rf bin ui/dist/app
	go clean -testcache

## help: this list
help:
	@sed -n 's/^## //p' Makefile
