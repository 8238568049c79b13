# minsys: a hermetic build pipeline for minimal Linux systems. `make help` lists the targets.
ifeq ($(origin CC),default)
CC = gcc
endif
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
DOCKER_TESTS ?= tests/docker
O = out/obj
B = out/bin
WARNINGS = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla \
	-Wwrite-strings -Werror
# What makes a mistake in the programs harder to use; HARDENING= leaves it out, for sanitizers. The
# options that only one architecture has are taken where the compiler knows them.
known = $(shell $(CC) -Werror $(1) -x c -c -o /dev/null /dev/null 2>/dev/null && echo ' $(1)')
HARDENING := -fPIE -fstack-protector-strong -fstack-clash-protection \
	$(if $(filter -O1 -O2 -O3 -Os,$(CFLAGS)),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3) \
	$(call known,-fcf-protection=full)$(call known,-mbranch-protection=standard)
LINKING = -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code
# gcc 12 takes what has a cleanup attribute for uninitialized where it is not.
ANALYZER = -fanalyzer -Wno-analyzer-use-of-uninitialized-value
FLAGS = -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Isrc $(WARNINGS) -pthread $(HARDENING) \
	$(CFLAGS)

# By all processors, unless the caller has said by how many.
parallel = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

# A program is made of folders; of fetch/ and sandbox/, minsys takes only the half that runs them,
# and what `minsys doctor` tries out.
sources = $(foreach folder,$(1),$(wildcard src/$(folder)/*.c))
objects = $(patsubst src/%.c,$(O)/%.o,$(1))
clients = src/fetch/fetch.c src/fetch/news.c src/fetch/lock.c src/sandbox/sandbox.c src/sandbox/probe.c \
	src/sandbox/delegated.c
probed = src/sandbox/filter.c src/sandbox/ruleset.c src/sandbox/cgroup.c
minsys = $(call objects,$(call sources,plan store build cli) $(clients) $(probed))
minsys-fetch = $(call objects,$(filter-out $(clients),$(call sources,fetch)))
minsys-sandbox = $(call objects,$(filter-out $(clients),$(call sources,sandbox)))
minsys-image = $(call objects,$(call sources,image))
minsys-cpp = $(call objects,$(call sources,cpp))
# The attacks, which `minsys doctor --attack` runs. The builder image, which has no tests, lacks it.
minsys-attack = $(patsubst tests/sandbox/%.c,$(O)/attack/%.o,$(wildcard tests/sandbox/*.c))
minsys_LIBS = -static-pie -larchive -lacl -lyaml -ljansson -lcrypto -llzma -lzstd -lbz2 -lz
minsys-fetch_LIBS = -pie -lcurl -ljansson -lcrypto
minsys-sandbox_LIBS = -static-pie
minsys-image_LIBS = -static-pie -lext2fs -lcom_err -lz -lcrypto
minsys-cpp_LIBS = -static-pie -lcrypto
minsys-attack_LIBS = -static-pie
all_programs = minsys minsys-fetch minsys-sandbox minsys-image minsys-cpp minsys-attack
programs = $(foreach p,$(all_programs),$(if $($(p)),$(B)/$(p)))

unit_tests = $(patsubst tests/unit/%.c,$(O)/unit/%,$(wildcard tests/unit/*/test_*.c))
fuzz_targets = $(patsubst tests/fuzz/%.c,$(B)/%,$(wildcard tests/fuzz/*.c))
analyzed = $(wildcard src/*/*.c tests/sandbox/*.c)
formatted = $(wildcard src/*/*.[ch] tests/*/*.[ch] tests/unit/*/*.[ch])

# No rule but ours: make's own would compile tests/sandbox/table, which is data, from table.c.
.SUFFIXES:

.PHONY: all packages programs unit-tests fuzz fuzz-targets analysis boot check check-docker \
	check-long bench install format clean help
all: packages
	@$(MAKE) $(parallel) --no-print-directory programs
	$(B)/minsys build

help:
	@echo 'make           install what is missing, compile minsys, build the system'
	@echo 'make boot      boot it in QEMU (Ctrl-a x leaves)'
	@echo 'make check     prove it: unit tests, fuzzing, functional tests, the real pipeline'
	@echo 'make check-docker  the same of the Dockerfile, with an engine (DOCKER is its client)'
	@echo 'make check-long  what takes hours: the kernel twice, defconfig, Podman, every fault, fuzzing'
	@echo 'make fuzz      compile the fuzz targets to out/fuzz/'
	@echo 'make analysis  look for mistakes with clang-tidy and with gcc -fanalyzer'
	@echo 'make bench     measure it against a plain shell script of the same commands'
	@echo 'make install   install the programs below PREFIX ($(PREFIX))'
	@echo 'make programs  compile only'
	@echo 'make format    lay the source out with clang-format'
	@echo 'make clean     remove out/, kept edits too (the store stays)'

packages:
	@scripts/packages build

programs: $(programs)

boot:
	@scripts/packages boot
	$(B)/minsys boot

check:
	@scripts/packages build boot check
	@$(MAKE) $(parallel) --no-print-directory programs unit-tests
	tests/run.sh

check-docker:
	@scripts/packages build boot check check-docker
	@$(MAKE) $(parallel) --no-print-directory programs
	BIN=$(CURDIR)/$(B) MINSYS_REQUIRE=1 prove --timer --failures --comments $(DOCKER_TESTS)

check-long:
	@scripts/packages build boot check
	@$(MAKE) $(parallel) --no-print-directory programs unit-tests fuzz
	BIN=$(CURDIR)/$(B) prove --timer --failures --comments tests/long

bench:
	@scripts/packages build boot check
	@$(MAKE) $(parallel) --no-print-directory programs \
		$(addprefix $(O)/bench/,fill hash measure unpack)
	tests/bench/run.py
	tests/bench/sandbox.py

install: programs
	install -d $(DESTDIR)$(PREFIX)/bin
	install $(programs) $(DESTDIR)$(PREFIX)/bin
	@scripts/apparmor/install "$(DESTDIR)" "$(PREFIX)"

unit-tests: $(unit_tests)

# By clang, with objects of their own: libFuzzer follows what each input reaches.
fuzz:
	@$(MAKE) $(parallel) --no-print-directory CC=clang O=out/fuzz/obj B=out/fuzz HARDENING= \
		CFLAGS='-O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all' \
		fuzz-targets
fuzz-targets: $(fuzz_targets)

analysis: $(patsubst %,out/analysis/%.gcc,$(analyzed)) $(patsubst %,out/analysis/%.tidy,$(analyzed))

format:
	clang-format -i $(formatted)

clean:
	rm -rf out

define program
$(B)/$(1): $($(1)) $(O)/libbase.a
	@mkdir -p $$(@D)
	$(CC) $(FLAGS) $(LINKING) -o $$@ $($(1)) $(O)/libbase.a $($(1)_LIBS)
endef
$(foreach p,$(all_programs),$(eval $(call program,$(p))))

$(O)/libbase.a: $(call objects,$(call sources,base))
	rm -f $@
	ar rcs $@ $^

$(O)/%.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(FLAGS) -MMD -MP -c -o $@ $<

$(O)/attack/%.o: tests/sandbox/%.c
	@mkdir -p $(@D)
	$(CC) $(FLAGS) -Itests/sandbox -MMD -MP -c -o $@ $<

$(O)/attack/table.o: tests/sandbox/table

# The report's page is a part of the program.
$(O)/cli/page.o: $(wildcard src/cli/report/*)

# A unit test links the objects of every folder but the programs' own main files.
tested = $(filter-out %/main.o,$(foreach p,$(all_programs),$($(p))))
$(O)/libtested.a: $(tested)
	rm -f $@
	ar rcs $@ $^

$(O)/unit/%: tests/unit/%.c $(O)/libtested.a $(O)/libbase.a
	@mkdir -p $(@D)
	$(CC) $(FLAGS) -MMD -MP -o $@ $< $(O)/libtested.a $(O)/libbase.a -lcmocka $(tested_LIBS)
tested_LIBS = -larchive -lyaml -ljansson -lcurl -lext2fs -lcom_err -lz -lcrypto

# And a fuzz target those that read what others wrote.
$(O)/libfuzzed.a: $(call objects,$(call sources,base plan store build) $(clients) $(probed) \
		src/fetch/request.c src/fetch/archives.c src/image/devices.c src/image/faults.c)
	rm -f $@
	ar rcs $@ $^

out/fuzz/%: tests/fuzz/%.c $(O)/libfuzzed.a
	@mkdir -p $(O)/fuzz
	$(CC) $(FLAGS) -fsanitize=fuzzer -MMD -MP -MF $(O)/fuzz/$*.d -o $@ $< $(O)/libfuzzed.a \
		$(tested_LIBS)

# A file is looked at again when it, or any header, has changed.
out/analysis/%.gcc: % $(wildcard src/*/*.h tests/sandbox/*.h)
	@mkdir -p $(@D)
	gcc $(FLAGS) -Itests/sandbox $(ANALYZER) -c -o /dev/null $<
	@touch $@

out/analysis/%.tidy: % .clang-tidy $(wildcard src/*/*.h tests/sandbox/*.h)
	@mkdir -p $(@D)
	clang-tidy --quiet $< -- $(FLAGS) -Itests/sandbox 2>$@.log || { cat $@.log; false; }
	@touch $@

parts = $(filter-out %/main.o,$(minsys)) $(O)/libbase.a
$(O)/bench/%: tests/bench/%.c $(parts)
	@mkdir -p $(@D)
	$(CC) $(FLAGS) -MMD -MP -o $@ $< $(parts) $(minsys_LIBS)

-include $(shell find $(O) -name '*.d' 2>/dev/null)
