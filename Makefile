# SPDX-License-Identifier: GPL-2.0
# Two commands matter: "make" and "make check".  The rest is in "make help".

SHELL := /bin/bash
S := scripts
began := $(shell date +%s)

# One target after the other; the scripts run what can be run at a time.
.NOTPARALLEL:

# Arguments of single targets
T ?=
VLEN ?= 256
SMP ?= 2
FROM ?=
TO ?=
REV ?=
N ?=
SEED ?=
export KDIR BUILD JOBS QEMU FIRMWARE SEED AUTHOR MINUTES

.PHONY: all help deps base apply absorb first export build boot test check check-text check-each \
	check-long check-mutants mutate check-debug check-hosts check-configs check-base \
	check-install check-qemu check-stable firmware qemu-new qemu-faults vmm-check migrate \
	qemu qemu-export qemu-migrate coverage decoder prove fuzz bench bench-linux figures mbox \
	junit kselftest-tar clean distclean

all: args-all build
	@$(S)/run-tests.sh -l all -v $(VLEN) -s $(SMP) series hooked smoke
	@t=$$(($$(date +%s) - $(began))); echo "  $$((t / 60)) min $$((t % 60)) s"

# A wrong argument is an error before anything is fetched, applied or built.
args-%:
	@VLEN="$(VLEN)" SMP="$(SMP)" T="$(T)" FROM="$(FROM)" TO="$(TO)" N="$(N)" SEED="$(SEED)" $(S)/args.sh $*

help:
	@sed -n '/^Targets/,/^$$/p;/^Variables/,/^$$/p' README

deps:
	@$(S)/deps.sh

base: deps
	@$(S)/base.sh

apply: base
	@$(S)/apply.sh

export:
	@$(S)/export.sh

build: apply
	@$(S)/build.sh all

absorb: apply
	@$(S)/deps.sh absorb
	@$(S)/absorb.sh

first: apply
	@$(S)/build.sh first

boot: args-boot build
	@$(S)/build.sh shell
	@$(S)/boot-shell.sh $(VLEN) $(SMP)

test: args-test build
	@$(S)/run-tests.sh -l test -v $(VLEN) -s $(SMP) $(T)

# Sphinx is for this one only.
check: export WITH_SPHINX := 1
check: base
	@$(S)/check.sh

check-each: args-check-each base
	@$(S)/check.sh each $(or $(FROM),1) $(TO)

check-text: export WITH_SPHINX := 1
check-text: base
	@$(S)/check.sh text

check-mutants mutate: args-check-mutants build
	@$(S)/check-mutants.sh $(T)

check-hosts: apply
	@$(S)/check.sh hosts

check-qemu: apply
	@$(S)/check.sh qemu

check-configs: apply
	@$(S)/deps.sh clang
	@$(S)/check.sh configs

check-debug: args-check-debug build
	@VLEN=$(VLEN) SMP=$(SMP) $(S)/check-debug.sh $(T)

fuzz: args-fuzz build
	@$(S)/check-debug.sh fuzz $(or $(N),1000000) $(SEED)

check-long: args-check-long build
	@$(S)/run-tests.sh -l long -m 6G -v $(VLEN) -s $(SMP) long

check-base:
	@$(S)/check-base.sh $(REV)

check-stable: build
	@$(S)/check-stable.sh

check-install: args-check-install
	@$(S)/check-install.sh $(T)

qemu-faults: args-qemu-faults deps
	@$(S)/qemu-faults.sh $(T)

firmware: deps
	@$(S)/firmware.sh

qemu-new: deps
	@$(S)/qemu-newest.sh

vmm-check: args-vmm-check build
	@$(S)/vmm-check.sh -b -q $(T) || true
	@$(S)/vmm-check.sh $(T)
	@$(S)/vmm-check.sh -p $(T)

qemu: deps
	@$(S)/deps.sh qemu
	@$(S)/qemu.sh

qemu-export:
	@$(S)/qemu.sh export

qemu-migrate: build qemu
	@$(S)/qemu-migrate.sh

migrate: build
	@$(S)/migrate.sh

decoder: apply
	@$(S)/decoder.sh

prove: apply
	@$(S)/prove.sh $(T)

coverage: build
	@$(S)/coverage.sh

bench: build
	@$(S)/bench.sh

bench-linux: build
	@$(S)/bench-linux.sh

mbox: apply
	@$(S)/mbox.sh

junit:
	@$(S)/junit.sh

figures:
	@$(S)/figures.sh

kselftest-tar: build
	@$(S)/build.sh kselftest-tar

clean:
	rm -rf build/obj* build/bench build/bench-linux build/hook* build/kselftest* build/khdr* build/logs \
		build/stripped build/vmm/probe build/vmm/*.cpio build/*.config* build/*.list \
		build/initramfs.* build/init build/gen_init_cpio build/staged build/jobs build/passed build/check-base* \
		build/stable-*/obj* build/stable-*/hook build/syzkaller

distclean:
	rm -rf build
