# The only commands anybody must know: run · phone · test · bench · check. `make soak` goes on where the suite stops,
# `make release` builds the shipped binary,
# `make deps` alone installs what a fresh Debian 12 machine with Rust 1.95 and Node 20 lacks.

DATA   ?= ./data
DATA_PHONE ?= ./phone
LISTEN ?= 127.0.0.1:8080

STAMPS := build/stamps
CARGO  := cargo
CONSOLE_SOURCES := $(shell find server/console -path '*/node_modules' -prune -o -path '*/dist' -prune -o -type f -print)

RUN_PACKAGES  := build-essential pkg-config
TEST_PACKAGES := libssl-dev openssl chromium fonts-noto-cjk poppler-utils openjdk-17-jdk-headless maven python3-venv qpdf \
                 zbar-tools libharfbuzz-bin

.PHONY: run phone test bench peers soak matrix fuzz schemathesis check release deps clean console
.DEFAULT_GOAL := run

run: $(STAMPS)/run-packages console
	@echo '==> building (the first time takes some minutes: the document engine is large)'
	$(CARGO) build --locked --bins
	exec target/debug/nuanfang-demo --data $(DATA) --listen $(LISTEN)

# The phone's screens in a window of its size, beside `make run`. INVITATION="URL CODE" is filled in for who is new; PHONE_LANGUAGE is zh or en.
PHONE_LANGUAGE ?= zh
phone: $(STAMPS)/run-packages $(STAMPS)/test-packages
	@echo '==> building the phone (the first time takes some minutes)'
	exec ./android/phone.sh --data $(DATA_PHONE) --language $(PHONE_LANGUAGE) $(if $(INVITATION),--invitation "$(INVITATION)")

# The suite compiles the phone's Kotlin under the same rules by itself.
test: deps console
	@./scripts/check.sh
	@./scripts/test.sh

check: deps console
	@./scripts/check.sh
	@echo '==> the phone (Kotlin, warnings are errors)'
	@./android/build.sh test-compile

# The phone of three figures stands on an encrypted store and can't be linked with the server; the simulator's phone and server
# are built with what breaks promises on purpose: each is built by itself.
bench: deps console
	$(CARGO) build --locked --release -p nuanfang-bench-phone
	$(CARGO) build --locked --release -p nuanfang-simulation
	$(CARGO) run --locked --release --bin nuanfang-bench

# B1's batches sent to two other servers in the same run, docs/peers.md.
peers: deps console
	$(CARGO) build --locked --release --bin nuanfang-bench
	./tests/peers/run.sh target/release/nuanfang-bench

# What takes longer than a suite may: every index of the crash sweep, the lying network a thousand times, a thousand kills of
# phones and server, a day of two thousand phones, seeds for MINUTES, a quarter of an hour, a store of ten million operations and
# a million of them lost and brought again, and the release before the last change of what travels, or OLD, beside this one. What
# they counted is printed at the end and stands in target/soak.json.
MINUTES ?= 15
# A rescue file meets no other release in the matrix.
soak: OLD ?= $(shell git log -1 --format=%h -- core/src/wire ':!core/src/wire/rescue.rs')~1
soak: deps console
	python3 scripts/soak.py $(MINUTES) $(OLD)

# Phones of another release with this server and the other way round: `make matrix OLD=<commit>`.
matrix: deps console
	./scripts/matrix.sh $(OLD)

# Inputs that coverage chooses, MINUTES for each target of tests/fuzz (`make fuzz MINUTES=2`).
fuzz: $(STAMPS)/run-packages
	./scripts/fuzz.sh $(MINUTES)

# Requests made from the API's own descriptions against a server with a played day.
schemathesis: deps console
	$(CARGO) build --locked --bins
	./tests/schemathesis/run.sh target/debug

# 64 MB at most, fonts and console included (B19-binary).
RELEASE_BYTES := 64000000
release: $(STAMPS)/run-packages console
	$(CARGO) build --locked --release --bin nuanfang
	@ls -l target/release/nuanfang
	@test $$(stat -c %s target/release/nuanfang) -le $(RELEASE_BYTES) || \
		{ echo 'target/release/nuanfang is larger than $(RELEASE_BYTES) bytes'; exit 1; }

deps: $(STAMPS)/run-packages $(STAMPS)/test-packages $(STAMPS)/tools

# One package manager call, only for what is missing.
$(STAMPS)/run-packages:
	@./scripts/install-packages.sh $(RUN_PACKAGES)
	@mkdir -p $(@D) && touch $@

$(STAMPS)/test-packages:
	@./scripts/install-packages.sh $(TEST_PACKAGES)
	@mkdir -p $(@D) && touch $@

$(STAMPS)/tools: scripts/install-tools.sh
	@./scripts/install-tools.sh
	@mkdir -p $(@D) && touch $@

console: server/console/dist/index.html

server/console/dist/index.html: $(STAMPS)/console-modules $(CONSOLE_SOURCES)
	@echo '==> building the console'
	cd server/console && npm run --silent build
	@touch $@

$(STAMPS)/console-modules: server/console/package-lock.json
	@echo '==> installing the console'"'"'s packages'
	cd server/console && npm ci --no-audit --no-fund --silent
	@mkdir -p $(@D) && touch $@

clean:
	rm -rf target build server/console/dist server/console/node_modules android/*/target
