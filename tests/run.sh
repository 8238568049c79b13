#!/bin/sh
# `make check`: everything that is proven in under an hour. Ends with prove's summary.
set -eu
cd "$(dirname "$0")/.."

step() {
	printf '\n== %s\n' "$*"
}

step 'layout of the source'
find src tests -name '*.[ch]' -exec clang-format --dry-run -Werror {} +

step 'shell scripts'
# shellcheck disable=SC2046 # words on purpose: no name here has a space in it
shellcheck -x $(grep -lrE '^#!(/bin/sh|/minsys/busybox sh)' .ci scripts stages tests) \
	tests/functional/tap.sh

step 'folders include only what is below them'
tests/layers.sh

step 'clang compiles it without a warning'
make -s -j"$(nproc)" CC=clang O=out/clang/obj B=out/clang/bin programs

step 'static analysis'
make -s -j"$(nproc)" analysis

step 'the filter of system calls is one for arm64 too'
aarch64-linux-gnu-gcc -std=gnu17 -D_GNU_SOURCE -Isrc -Wall -Wextra -Werror -c -o /dev/null \
	src/sandbox/filter.c

step 'unit tests'
tests/unit.sh out/obj

step 'unit tests, under AddressSanitizer and UndefinedBehaviorSanitizer'
make -s -j"$(nproc)" O=out/sanitized B=out/sanitized/bin HARDENING= \
	CFLAGS='-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all' unit-tests
tests/unit.sh out/sanitized

step 'fuzz targets'
make -s -j"$(nproc)" fuzz
prove --timer --failures --comments tests/fuzz

step 'functional tests'
MINSYS_REQUIRE=1 BIN=$PWD/out/bin prove --timer --failures --comments "$@" tests/functional
