# SPDX-License-Identifier: GPL-2.0
# Two commands matter: "make" and "make check".  The rest is in "make help".

SHELL := /bin/bash
S := scripts

# Arguments of single targets
T ?=
VLEN ?= 256
SMP ?= 2
FROM ?=
TO ?=
REV ?=
N ?=
SEED ?=
export KDIR BUILD JOBS

.PHONY: all help deps base apply export build boot test check check-text check-each \
	check-long check-mutants mutate check-debug check-hosts check-configs check-base \
	vmm-check migrate qemu qemu-export qemu-migrate coverage fuzz bench mbox junit kselftest-tar clean distclean

all: build
	@$(S)/run-tests.sh -l all -v $(VLEN) -s $(SMP) series smoke

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

boot: build
	@$(S)/build.sh shell
	@$(S)/boot-shell.sh $(VLEN) $(SMP)

test: build
	@[ -n "$(T)" ] || { echo "error: make test T=NAME, names are in scripts/tests.list" >&2; exit 1; }
	@$(S)/run-tests.sh -l test -v $(VLEN) -s $(SMP) $(T)

# Sphinx is for this one only.
check: export WITH_SPHINX := 1
check: base
	@$(S)/check.sh

check-each: base
	@$(S)/check.sh each $(or $(FROM),1) $(TO)

check-text: export WITH_SPHINX := 1
check-text: base
	@$(S)/check.sh text

check-mutants mutate: build
	@$(S)/check-mutants.sh $(T)

check-hosts: apply
	@$(S)/check.sh hosts

check-configs: apply
	@$(S)/deps.sh clang
	@$(S)/check.sh configs

check-debug: build
	@VLEN=$(VLEN) SMP=$(SMP) $(S)/check-debug.sh $(T)

fuzz: build
	@$(S)/check-debug.sh fuzz $(or $(N),1000000) $(SEED)

check-long: build
	@$(S)/run-tests.sh -l long -m 6G -v $(VLEN) -s $(SMP) long

check-base:
	@$(S)/check-base.sh $(REV)

vmm-check: build
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

coverage: build
	@$(S)/coverage.sh

bench: build
	@$(S)/bench.sh

mbox: apply
	@$(S)/mbox.sh

junit:
	@$(S)/junit.sh

kselftest-tar: build
	@$(S)/build.sh kselftest-tar

clean:
	rm -rf build/obj* build/bench build/hook* build/kselftest* build/khdr* build/logs \
		build/stripped build/vmm/probe build/vmm/*.cpio build/*.config* build/*.list \
		build/initramfs.* build/init build/gen_init_cpio build/staged build/jobs build/passed build/check-base*

distclean:
	rm -rf build
