#!/bin/sh
# What attack.Dockerfile runs as root: the table. /results/table is what `minsys-attack run` prints.
set -eu
# What a container of Docker's lacks, and the table has rows for.
for device in 'kmsg 1 11' 'tty 5 0'; do
	name=${device%% *}
	# shellcheck disable=SC2086 # a type, a major and a minor number
	[ -e "/dev/$name" ] || mknod -m 666 "/dev/$name" c ${device#* }
done
mkdir /results
/minsys/bin/minsys-attack run landlock /minsys/bin/minsys-sandbox >/results/table
