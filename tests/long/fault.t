#!/bin/sh
# All of functional/66-fault.t: every call, with each of its errors, not an even choice of them.
ALL_FAULTS=1 exec sh "$(dirname "$0")/../functional/66-fault.t"
