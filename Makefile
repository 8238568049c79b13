# minsys: a hermetic build pipeline for minimal Linux systems. `make help` lists the targets.
CC ?= gcc
CFLAGS ?= -O2 -g
WARNINGS = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla \
	-Wwrite-strings -Werror
ALL_CFLAGS = -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Isrc $(WARNINGS) $(CFLAGS)
OBJ = out/obj

unit_tests = $(patsubst tests/unit/%.c,$(OBJ)/unit/%,$(wildcard tests/unit/*/test_*.c))
base = $(patsubst src/%.c,$(OBJ)/%.o,$(wildcard src/base/*.c))

.PHONY: all check format clean help
all: $(base)

help:
	@echo 'all      build everything'
	@echo 'check    run the tests'
	@echo 'format   lay the source out with clang-format'
	@echo 'clean    remove out/'

check: $(unit_tests)
	clang-format --dry-run -Werror $(wildcard src/*/*.[ch] tests/unit/*/*.c)
	set -e; for t in $(unit_tests); do $$t; done

format:
	clang-format -i $(wildcard src/*/*.[ch] tests/unit/*/*.c)

$(OBJ)/%.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -c -o $@ $<

$(OBJ)/unit/%: tests/unit/%.c $(base)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -o $@ $^ -lcmocka

clean:
	rm -rf out

-include $(base:.o=.d) $(addsuffix .d,$(unit_tests))
