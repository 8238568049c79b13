#!/bin/sh
# docs/walkthrough.md with the commands that compile a kernel: some five minutes on two processors.
export WALKTHROUGH_LONG=1 MINSYS_REQUIRE=1
exec "$(dirname "$0")/../functional/80-walkthrough.t"
