#!/bin/sh
# Each fuzz target for an hour, two at once.
FUZZ_SECONDS=${FUZZ_SECONDS:-3600} exec "$(dirname "$0")/../fuzz/fuzz.t"
