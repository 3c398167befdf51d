# `make demo` shows what apreserve does, `make check` tests all of it. Both begin on a fresh machine.

# One directory for all of them, so that what one has built the others need not build again.
SCRATCH = .build
SWIFT_BUILD = swift build --scratch-path $(SCRATCH)

# Warnings are errors, in our own targets only (Package.swift). The setting is the same for everything
# here: another one would mean to build all anew.
export APRESERVE_WARNINGS = error

.PHONY: help manual dependencies build demo lint clients test check check-tools check-library check-deep check-asan check-tsan fuzz check-kernel record-kernel bench bench-host clean

help:
	@echo 'make build   build everything, in debug mode'
	@echo 'make demo    replay a capture of a real kernel on the simulated bus'
	@echo 'make check   build with warnings as errors, lint, and run all tests'
	@echo 'make check-deep   the proofs at length, with totals (DEEP_MINUTES=240, DEEP_SEED=1)'
	@echo 'make check-asan, make check-tsan   the tests under a sanitizer'
	@echo 'make soak    disturb a daemon without pause and measure it (SOAK_MINUTES=30); as root'
	@echo 'make fuzz    every parser for ten minutes (FUZZ_SECONDS=600)'
	@echo 'make mutate  whether the tests notice faults (MUTANTS=500, SEED=1, MODULES="Reservation Agent", AGAIN=1)'
	@echo 'make check-tools   run driverctl, mdevctl, lszcrypt and others on the mounted bus; as root'
	@echo 'make check-packages, make check-boot   the Debian packages: lintian, and in a container with systemd'
	@echo 'make check-varlinkctl   ask the daemon through systemd'\''s Varlink client'
	@echo 'make check-library   build and test another package that uses the simulated bus'
	@echo 'make check-kernel   play scenarios on real kernels in virtual machines'
	@echo 'make install  install it (PREFIX=/usr/local, DESTDIR=); make uninstall'
	@echo 'make deb     Debian packages, in .build/deb'
	@echo 'make sdk-s390x, make build-s390x, make deb ARCH=s390x   for the architecture of the mainframe'
	@echo 'make check-s390x   boot its kernel in QEMU and run the programs there'
	@echo 'make bench   measure, in release mode'
	@echo 'make bench-host   measure the daemon, in release mode; as root'
	@echo 'make manual   write the generated parts of the manual pages anew'
	@echo 'make clean   remove everything built'

dependencies:
	@packaging/install-build-dependencies

build: dependencies
	$(SWIFT_BUILD)

demo: build
	@echo
	@echo '--- a capture of a real kernel: boot, hot plug, cards off and on'
	$(SCRATCH)/debug/apreserve replay Tests/Captures/unequal-6.1-mask.events --rules rules/demo \
		--expect Tests/Captures/unequal-6.1-mask.expect
	@echo
	@echo '--- the same on a kernel with driver_override; its last line:'
	$(SCRATCH)/debug/apreserve replay Tests/Captures/unequal-7.2-override.events --rules rules/demo \
		--mechanism override --expect Tests/Captures/unequal-7.2-override.expect \
		> $(SCRATCH)/demo-override.txt
	@tail -n 1 $(SCRATCH)/demo-override.txt

lint:
	swift format lint --strict -r -p Sources Tests Package.swift

# Other programs that judge what the daemon says are asked where they can be had.
clients:
	@Tests/Tools/install-clients $(SCRATCH)/python

test: dependencies clients
	swift test --scratch-path $(SCRATCH) --disable-xctest

# The parts of the manual pages that are made of what the program says of itself.
manual: dependencies
	APRESERVE_UPDATE_MANUAL=1 swift test --scratch-path $(SCRATCH) --disable-xctest \
		--filter 'The manual pages'

# Linting first: it takes a second.
check: lint test

# The proofs at length, and optimised: random ones go from seed DEEP_SEED on until DEEP_MINUTES are
# shared out among them (hours where that says hours); those that can end run to their end. Each proof
# ends with its totals and the seeds it has tried, so that the next run can go on behind them.
DEEP_MINUTES = 240
DEEP_SEED = 1
DEEP_TESTS = ReservationTests|AgentTests|CrashTests|FuzzTests|KernelBedTests

check-deep: dependencies
	@echo 'seeds from $(DEEP_SEED) on, $(DEEP_MINUTES) minutes'
	APRESERVE_DEEP=$(DEEP_MINUTES) APRESERVE_SEED=$(DEEP_SEED) \
		swift test -c release -Xswiftc -enable-testing --scratch-path .build/deep \
		--disable-xctest --filter '$(DEEP_TESTS)'

# What is read by nobody's mistake, and what two threads touch at once. Leaks are not looked for: Swift keeps
# the case of an enumeration in spare bits of a pointer, where the leak detector does not see the pointer.
check-asan: dependencies
	ASAN_OPTIONS=detect_leaks=0 swift test --sanitize=address --scratch-path .build/asan --disable-xctest

check-tsan: dependencies
	TSAN_OPTIONS=suppressions=$(CURDIR)/Tests/thread-sanitizer.suppressions \
		swift test --sanitize=thread --scratch-path .build/tsan --disable-xctest

# Whether a daemon that everybody disturbs all the time grows, or ends, or forgets what the rules want.
SOAK_MINUTES = 30
SOAK_SEED = 1

.PHONY: soak
soak: dependencies
	swift build -c release --scratch-path $(SCRATCH) --product apreserve
	swift build -c release --scratch-path $(SCRATCH) --product apreserve-simfs
	Tests/Soak/soak --minutes $(SOAK_MINUTES) --seed $(SOAK_SEED) $(SCRATCH)/release

# Each parser that meets the outside, one after the other, from its corpus in Tests/Fuzz. New inputs
# go to .build/fuzz; an input that makes a parser fail stays in .build/fuzz/TARGET as crash-*.
FUZZ_SECONDS = 600
FUZZ_TARGETS = $(notdir $(wildcard Tests/Fuzz/Corpus/*))
FUZZ_PROGRAM = .build/fuzz/release/fuzz

fuzz: dependencies
	APRESERVE_FUZZER=1 swift build -c release --product fuzz --sanitize=fuzzer \
		-Xswiftc -parse-as-library --scratch-path .build/fuzz
	for target in $(FUZZ_TARGETS); do \
		mkdir -p .build/fuzz/found/$$target; \
		echo "--- $$target"; \
		APRESERVE_FUZZ=$$target SWIFT_BACKTRACE=enable=no $(FUZZ_PROGRAM) \
			-max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=10 -print_final_stats=1 \
			-artifact_prefix=.build/fuzz/found/$$target- \
			.build/fuzz/found/$$target Tests/Fuzz/Corpus/$$target \
			> .build/fuzz/found/$$target.log 2>&1 || { tail -n 20 .build/fuzz/found/$$target.log; exit 1; }; \
		grep -E 'number_of_executed_units|new_units_added' .build/fuzz/found/$$target.log; \
	done

# Whether the tests would notice a fault: mutants of modules, all in one copy of the sources, and the tests
# with one after the other. Those that no test notices are in .build/mutate/survivors, in the form in which
# Tests/Mutation/equivalent explains those that nothing can notice. AGAIN=1 runs only the survivors of the
# run before; MUTANTS=0 runs all.
MUTANTS = 100
SEED = 1
MODULES = Reservation Agent APBus ReservationRules
MUTATE_GOAL = 95
# The suites that need nothing of the machine.
MUTATE_SUITES = ReservationTests AgentTests APBusTests ReservationRulesTests \
	KernelBedTests SnapshotsTests ReportsTests ReplayTests
MUTATE_TOOL = --package-path Tests/Mutation --scratch-path .build/mutate/tool

.PHONY: mutate
mutate: dependencies
	swift test $(MUTATE_TOOL) --disable-xctest --quiet
	swift run $(MUTATE_TOOL) --quiet mutate --mutants $(MUTANTS) --seed $(SEED) --goal $(MUTATE_GOAL) \
		$(MODULES:%=--module %) $(MUTATE_SUITES:%=--suite %) $(if $(AGAIN),--again)

# Programs that know nothing of us, on the mounted bus.
check-tools: build
	Tests/Tools/check-tools $(SCRATCH)/debug .cache

# systemd's own client on the control socket; it is newer than the systemd of some machines.
.PHONY: check-varlinkctl
check-varlinkctl: build
	Tests/Tools/check-varlinkctl $(SCRATCH)/debug .cache/varlinkctl

# The programs as they are installed, in a directory of their own, since they are built with other options:
# the Swift library is in them, nothing is looked for beside them, and all addresses are resolved before
# they begin.
PACKAGE_BUILD = swift build -c release --scratch-path .build/package --static-swift-stdlib \
	--disable-local-rpath -Xlinker -z -Xlinker now -Xcc -fstack-protector-strong
BINARIES = .build/package/release

.PHONY: package-programs
package-programs: dependencies
	$(PACKAGE_BUILD) --product apreserve
	$(PACKAGE_BUILD) --product apreserve-simfs

# A package of somebody else that uses the library product: whether it offers what they need.
check-library: dependencies
	swift test --package-path Tests/LibraryExample --scratch-path .build/library --disable-xctest

# Where things go, what DESTDIR= and PREFIX= mean, and all other variables: packaging/install-files.
PREFIX = /usr/local
export DESTDIR PREFIX SYSCONFDIR ZSHDIR FISHDIR GENERATOR
COMPONENTS = apreserve simulator

.PHONY: install install-files uninstall
install: package-programs install-files

# Without building: of what is in BINARIES.
install-files:
	BINARIES="$(BINARIES)" packaging/install-files install $(COMPONENTS)

uninstall:
	BINARIES="$(BINARIES)" packaging/install-files uninstall $(COMPONENTS)

# Debian packages, in .build/deb. Those of another architecture are made of programs that were built for
# it: make deb ARCH=s390x DEB_BINARIES=DIR GENERATOR=FILE LIBRARIES=DIR
ARCH = $(shell dpkg --print-architecture)
DEB_BINARIES = $(BINARIES)
DEB_DIRECTORY = .build/deb
# The one of the program itself; the shell finds its version.
DEB = $(DEB_DIRECTORY)/apreserve_*_$(ARCH).deb

.PHONY: deb
ifeq ($(ARCH),s390x)
# Built here for there; what runs here makes the completions.
DEB_BINARIES = $(S390X_BINARIES)
GENERATOR = $(SCRATCH)/debug/apreserve
LIBRARIES = $(S390X_CACHE)/download/libraries
deb: build-s390x build
else ifeq ($(DEB_BINARIES),$(BINARIES))
deb: package-programs
endif
deb:
	@packaging/install-build-dependencies package
	packaging/build-deb "$(DEB_DIRECTORY)" "$(DEB_BINARIES)" $(ARCH) "$(or $(GENERATOR),$(DEB_BINARIES)/apreserve)" $(if $(LIBRARIES),"$(LIBRARIES)")

# The packages as they are: lintian finds no error, mandoc nothing in the pages, no file is empty, and the RPM
# packages have the same files.
.PHONY: check-packages check-boot boot-shell
check-packages: deb
	mandoc -T lint -W warning packaging/man/*
	lintian --fail-on error $(DEB_DIRECTORY)/*.changes
	Tests/Packages/check-files $(DEB_DIRECTORY)
	Tests/Packages/check-hardening $(BINARIES)
	Tests/Packages/check-rpm $(BINARIES) $(DEB_DIRECTORY)

# The packages in a container with systemd, on the simulated bus; as root.
check-boot: deb
	@packaging/install-build-dependencies boot
	Tests/Boot/check-boot $(DEB_DIRECTORY)

# The same container as it is behind its first boot, with a shell in it.
boot-shell: deb
	@packaging/install-build-dependencies boot
	PARTS=first-boot BOOT_SHELL=1 Tests/Boot/check-boot $(DEB_DIRECTORY)

# What the judge says is worth as much as the judge.
check-kernel: deb
	python3 -B Tests/KernelBed/judge_test.py
	Tests/KernelBed/check.py --program $(BINARIES)/apreserve --deb $(DEB) $(SCENARIOS)

record-kernel: deb
	Tests/KernelBed/check.py --program $(BINARIES)/apreserve --deb $(DEB) --record Tests/KernelBed/transcripts $(SCENARIOS)

# For the users' architecture, with an SDK that is built from Debian's packages (packaging/s390x/README.md).
export S390X_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/apreserve/s390x
S390X_BINARIES = $(SCRATCH)/s390x-programs

.PHONY: sdk-s390x build-s390x check-s390x
sdk-s390x:
	packaging/s390x/build-sdk

build-s390x: dependencies sdk-s390x
	packaging/s390x/build $(S390X_BINARIES)

check-s390x: build-s390x build
	packaging/s390x/check $(S390X_BINARIES) $(SCRATCH)/debug $(SCRATCH)/s390x-check

bench: dependencies
	swift build -c release --scratch-path $(SCRATCH) --product benchmarks
	$(SCRATCH)/release/benchmarks decisions
	$(SCRATCH)/release/benchmarks bus

# As root, since it injects uevents in a network namespace of its own.
bench-host: dependencies
	swift build -c release --scratch-path $(SCRATCH) --product apreserve
	swift run -c release --scratch-path $(SCRATCH) host-benchmarks

clean:
	rm -rf $(SCRATCH)
