# `make demo` shows what apreserve does, and `make check` tests it. Both work on a fresh machine.

# One directory for all targets, so that nothing is built twice.
SCRATCH = .build
SWIFT_BUILD = swift build --scratch-path $(SCRATCH)

# Warnings are errors, in the project's own targets only (Package.swift). The setting is the same for all targets, because
# another one would mean building everything again.
export APRESERVE_WARNINGS = error

.PHONY: help manual dependencies build demo lint clients test check check-tools check-library check-deep check-asan check-tsan fuzz check-kernel record-kernel bench bench-host clean

help:
	@echo 'usage: make TARGET'
	@echo '  build                  build everything in debug mode'
	@echo '  demo                   build, and replay the capture of a real kernel on the simulated bus'
	@echo '  check                  lint, build with warnings as errors, and run all tests'
	@echo '  install, uninstall     install (PREFIX=/usr/local, DESTDIR=), or remove what was installed'
	@echo '  deb, rpm               build Debian packages in .build/deb, RPM packages in .build/rpm'
	@echo '  lint                   check the layout of the sources and manual pages'
	@echo '  manual                 generate parts of the manual pages, and the JSON schemas'
	@echo '  check-packages         check the Debian and RPM packages'
	@echo '  check-boot             boot the packages in a container with systemd; as root'
	@echo '  check-distributions    the same on newer suites of Debian (BOOT_SUITES="trixie"); as root'
	@echo '  boot-shell             start a shell in that container; as root'
	@echo '  check-tools            run driverctl, mdevctl, lszcrypt and others on the mounted simulated bus; as root'
	@echo '  check-selinux          boot the packages with SELinux in enforcing mode in a virtual machine; as root'
	@echo '  check-libvirt          define and start node devices and virtual machines with libvirt there; as root'
	@echo '  check-ansible          check the Ansible collection, and roll rules out to containers; as root'
	@echo '  check-metrics          collect the metrics with Prometheus, and check alerts and dashboard'
	@echo '  check-varlinkctl       query the daemon with varlinkctl of systemd'
	@echo '  check-kernel           run scenarios on real kernels in virtual machines; as root'
	@echo '  record-kernel          the same, and keep what the kernels did as test data'
	@echo '  check-library          build and test a package that uses the simulated bus'
	@echo '  check-deep             run the property tests for hours (DEEP_MINUTES=240, DEEP_SEED=1)'
	@echo '  check-asan, check-tsan run the tests under a sanitizer'
	@echo '  fuzz                   fuzz every parser for ten minutes (FUZZ_SECONDS=600)'
	@echo '  soak                   disturb a daemon continuously and measure it (SOAK_MINUTES=30); as root'
	@echo '  mutate                 check whether the tests detect faults (MUTANTS=100, SEED=1, MODULES="Reservation Agent", AGAIN=1)'
	@echo '  bench                  run the benchmarks'
	@echo '  bench-host             run the benchmarks of the daemon; as root'
	@echo '  sdk-s390x, build-s390x build a Swift SDK for s390x, and the programs with it; also deb or rpm ARCH=s390x'
	@echo '  check-s390x            run the programs on an s390x kernel in QEMU'
	@echo '  check-s390x-packages   install the packages in an emulated s390x system; as root'
	@echo '  clean                  remove everything that was built'

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

lint: dependencies
	swift format lint --strict -r -p Sources Tests Package.swift
	mandoc -T lint -W warning packaging/man/*

# Clients of other projects that the tests use if they are available.
clients:
	@Tests/Tools/install-clients $(SCRATCH)/python

test: dependencies clients
	swift test --scratch-path $(SCRATCH) --disable-xctest

# The parts of the manual pages that are generated from the program's help and from the message catalog, and
# packaging/schema.
manual: dependencies
	APRESERVE_UPDATE_MANUAL=1 swift test --scratch-path $(SCRATCH) --disable-xctest \
		--filter 'The manual pages|The JSON schemas'

# Linting first: it takes a second.
check: lint test

# The property tests at length, in release mode. Random tests start with seed DEEP_SEED and share DEEP_MINUTES; exhaustive
# tests run to their end. Each test prints its totals and the seeds that it has tried, so that the next run can
# continue after them.
DEEP_MINUTES = 240
DEEP_SEED = 1
DEEP_TESTS = ReservationTests|AgentTests|CrashTests|FuzzTests|KernelBedTests

check-deep: dependencies
	@echo 'seeds from $(DEEP_SEED) on, $(DEEP_MINUTES) minutes'
	APRESERVE_DEEP=$(DEEP_MINUTES) APRESERVE_SEED=$(DEEP_SEED) \
		swift test -c release -Xswiftc -enable-testing --scratch-path .build/deep \
		--disable-xctest --filter '$(DEEP_TESTS)'

# Invalid memory accesses and data races. Leaks are not checked: Swift stores the case of an enumeration in spare bits of
# a pointer, which hides the pointer from the leak detector.
check-asan: dependencies
	ASAN_OPTIONS=detect_leaks=0 swift test --sanitize=address --scratch-path .build/asan --disable-xctest

check-tsan: dependencies
	TSAN_OPTIONS=suppressions=$(CURDIR)/Tests/thread-sanitizer.suppressions \
		swift test --sanitize=thread --scratch-path .build/tsan --disable-xctest

# Whether a daemon that is disturbed continuously grows, exits, or fails to hold the rules.
SOAK_MINUTES = 30
SOAK_SEED = 1

.PHONY: soak
soak: dependencies
	swift build -c release --scratch-path $(SCRATCH) --product apreserve
	swift build -c release --scratch-path $(SCRATCH) --product apreserve-simfs
	Tests/Soak/soak --minutes $(SOAK_MINUTES) --seed $(SOAK_SEED) $(SCRATCH)/release

# Each parser of external input, one after the other, starting from its corpus in Tests/Fuzz. New inputs are written to
# .build/fuzz/found/TARGET, and an input that makes a parser fail to .build/fuzz/found/TARGET-crash-*.
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

# Whether the tests detect faults: mutants of modules are built into one copy of the sources, and the tests run with one
# after the other. Mutants that no test detects are listed in .build/mutate/survivors, in the format of
# Tests/Mutation/equivalent, which explains the ones that no test can detect. AGAIN=1 runs only the survivors of the last
# run; MUTANTS=0 runs all mutants.
MUTANTS = 100
SEED = 1
MODULES = Reservation Agent APBus ReservationRules
MUTATE_GOAL = 95
# The suites that do not depend on the machine.
MUTATE_SUITES = ReservationTests AgentTests APBusTests ReservationRulesTests \
	KernelBedTests SnapshotsTests ReportsTests ReplayTests
MUTATE_TOOL = --package-path Tests/Mutation --scratch-path .build/mutate/tool

.PHONY: mutate
mutate: dependencies
	swift test $(MUTATE_TOOL) --disable-xctest --quiet
	swift run $(MUTATE_TOOL) --quiet mutate --mutants $(MUTANTS) --seed $(SEED) --goal $(MUTATE_GOAL) \
		$(MODULES:%=--module %) $(MUTATE_SUITES:%=--suite %) $(if $(AGAIN),--again)

# Tools of other projects on the mounted simulated bus.
check-tools: build
	Tests/Tools/check-tools $(SCRATCH)/debug .cache
	Tests/Tools/check-callout $(SCRATCH)/debug .cache

# libvirt's daemon there, with the callout of mdevctl and the hook.
.PHONY: check-libvirt
check-libvirt: build
	Tests/Tools/check-libvirt $(SCRATCH)/debug

# The Ansible collection: its documentation, linters, unit tests, and rollouts to three hosts, simulated and booted.
# ANSIBLE_PARTS selects some of this, see Tests/Ansible/check-ansible.
.PHONY: check-ansible
check-ansible: build deb
	@packaging/install-build-dependencies boot
	PARTS="$(ANSIBLE_PARTS)" Tests/Ansible/check-ansible $(SCRATCH)/debug $(DEB_DIRECTORY) .cache/ansible

# Prometheus, which collects the metrics of a daemon: the metrics, the exporter, the alerts, and the queries of the
# dashboard.
.PHONY: check-metrics
check-metrics: build
	Tests/Metrics/check-metrics $(SCRATCH)/debug .cache/prometheus

# The Varlink client of systemd, which some versions of systemd do not have yet.
.PHONY: check-varlinkctl
check-varlinkctl: build
	Tests/Tools/check-varlinkctl $(SCRATCH)/debug .cache/varlinkctl

# The programs as they are installed. They are built in a separate directory with other options: the Swift library is
# linked statically, there is no run path, and all symbols are resolved at start.
PACKAGE_BUILD = swift build -c release --scratch-path .build/package --static-swift-stdlib \
	--disable-local-rpath -Xlinker -z -Xlinker now -Xlinker --wrap=hypotf -Xcc -fstack-protector-strong
BINARIES = .build/package/release

.PHONY: package-programs
package-programs: dependencies
	$(PACKAGE_BUILD) --product apreserve
	$(PACKAGE_BUILD) --product apreserve-simfs

# A package that uses the library product as another project would.
check-library: dependencies
	swift test --package-path Tests/LibraryExample --scratch-path .build/library --disable-xctest

# packaging/install-files documents DESTDIR=, PREFIX= and the other variables, and knows where files are installed.
PREFIX = /usr/local
export DESTDIR PREFIX SYSCONFDIR ZSHDIR FISHDIR GENERATOR
COMPONENTS = apreserve simulator libvirt

.PHONY: install install-files uninstall selinux-module
install: package-programs $(if $(filter selinux,$(COMPONENTS)),selinux-module) install-files

# Without building: installs what is in BINARIES.
install-files:
	BINARIES="$(BINARIES)" packaging/install-files install $(COMPONENTS)

# The SELinux policy module, of the component selinux.
selinux-module:
	packaging/build-selinux .build/selinux

uninstall:
	BINARIES="$(BINARIES)" packaging/install-files uninstall $(COMPONENTS)

# Debian packages, in .build/deb. Packages of another architecture are made from programs that were built for it:
# make deb ARCH=s390x DEB_BINARIES=DIR GENERATOR=FILE LIBRARIES=DIR
ARCH = $(shell dpkg --print-architecture)
DEB_BINARIES = $(BINARIES)
DEB_DIRECTORY = .build/deb
# The package of the program itself; the shell expands the version.
DEB = $(DEB_DIRECTORY)/apreserve_*_$(ARCH).deb

.PHONY: deb
ifeq ($(ARCH),s390x)
# Cross-built programs; the native program generates the completions.
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

# RPM packages and the source package, in .build/rpm. ARCH is an architecture in Debian's terms, as above.
RPM_DIRECTORY = .build/rpm
RPM_ARCH = $(patsubst amd64,x86_64,$(patsubst arm64,aarch64,$(or $(ARCH),$(shell uname -m))))

.PHONY: rpm
ifeq ($(ARCH),s390x)
rpm: build-s390x build
else ifeq ($(DEB_BINARIES),$(BINARIES))
rpm: package-programs
endif
rpm:
	@packaging/install-build-dependencies package
	packaging/build-rpm "$(RPM_DIRECTORY)" "$(DEB_BINARIES)" $(RPM_ARCH) "$(or $(GENERATOR),$(DEB_BINARIES)/apreserve)"

# The packages: no errors of lintian and rpmlint, no empty files, the same files in both kinds of
# packages, and nothing newer needed than the floors.
.PHONY: check-packages check-boot boot-shell
check-packages: deb rpm
	lintian --fail-on error $(DEB_DIRECTORY)/*.changes
	rpmlint --config packaging/rpm/rpmlint.toml $(RPM_DIRECTORY)/*.rpm
	Tests/Packages/check-files $(DEB_DIRECTORY)
	Tests/Packages/check-hardening $(BINARIES)
	Tests/Packages/check-floors $(BINARIES)/apreserve $(BINARIES)/apreserve-simfs \
		$(wildcard $(S390X_BINARIES)/apreserve $(S390X_BINARIES)/apreserve-simfs) \
		$(DEB_DIRECTORY)/apreserve*_*.deb $(RPM_DIRECTORY)/apreserve*.rpm
	Tests/Packages/check-rpm $(BINARIES) $(RPM_DIRECTORY) $(DEB_DIRECTORY)

# The packages in a container with systemd on the simulated bus; as root.
check-boot: deb rpm
	@packaging/install-build-dependencies boot
	Tests/Boot/check-boot $(DEB_DIRECTORY) $(RPM_DIRECTORY)

# The same packages on newer suites of Debian.
BOOT_SUITES = trixie

.PHONY: check-distributions
check-distributions: deb rpm
	@packaging/install-build-dependencies boot
	for suite in $(BOOT_SUITES); do \
		BOOT_SUITE=$$suite Tests/Boot/check-boot $(DEB_DIRECTORY) $(RPM_DIRECTORY) || exit 1; \
	done

# The same container after its first boot, with a shell.
boot-shell: deb rpm
	@packaging/install-build-dependencies boot
	PARTS=first-boot BOOT_SHELL=1 Tests/Boot/check-boot $(DEB_DIRECTORY) $(RPM_DIRECTORY)

# The packages with SELinux in enforcing mode, on a kernel of the kernel bed. Where it cannot run it fails, and says why.
.PHONY: check-selinux
check-selinux: deb
	Tests/Selinux/check-selinux $(DEB_DIRECTORY)

# The judge and the recorder are tested first.
check-kernel: deb
	python3 -B Tests/KernelBed/judge_test.py
	python3 -B Tests/KernelBed/transcript_test.py
	Tests/KernelBed/check.py --program $(BINARIES)/apreserve --deb $(DEB) $(SCENARIOS)

record-kernel: deb
	Tests/KernelBed/check.py --program $(BINARIES)/apreserve --deb $(DEB) --record Tests/KernelBed/transcripts $(SCENARIOS)

# s390x, with an SDK that is built from Debian's packages (packaging/s390x/README.md).
export S390X_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/apreserve/s390x
S390X_BINARIES = $(SCRATCH)/s390x-programs

.PHONY: sdk-s390x build-s390x check-s390x check-s390x-packages
sdk-s390x:
	packaging/s390x/build-sdk

build-s390x: dependencies sdk-s390x
	packaging/s390x/build $(S390X_BINARIES)

check-s390x: build-s390x build
	packaging/s390x/check $(S390X_BINARIES) $(SCRATCH)/debug $(SCRATCH)/s390x-check

check-s390x-packages:
	@packaging/install-build-dependencies emulated
	$(MAKE) deb ARCH=s390x
	$(MAKE) rpm ARCH=s390x
	packaging/s390x/check-packages $(DEB_DIRECTORY) $(RPM_DIRECTORY) $(SCRATCH)/s390x-packages

bench: dependencies
	swift build -c release --scratch-path $(SCRATCH) --product benchmarks
	swift build -c release --scratch-path $(SCRATCH) --product apreserve
	$(SCRATCH)/release/benchmarks decisions
	$(SCRATCH)/release/benchmarks bus
	$(SCRATCH)/release/benchmarks fleet

# As root, because it injects uevents in a network namespace.
bench-host: dependencies
	swift build -c release --scratch-path $(SCRATCH) --product apreserve
	swift build -c release --scratch-path $(SCRATCH) --product apreserve-simfs
	swift run -c release --scratch-path $(SCRATCH) host-benchmarks

clean:
	rm -rf $(SCRATCH)
