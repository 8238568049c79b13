#!/bin/sh
# The real pipeline twice, kernel and all.
KERNEL_TWICE=1 exec "$(dirname "$0")/../functional/60-pipeline.t"
