#!/minsys/busybox sh
# What attack.Dockerfile runs as root: things around a step that it must not reach, then the table.
# /results/table is what table.sh prints, /results/harm `unharmed` or what was done.
# shellcheck shell=dash
set -eu
mkdir -p /results /srv/host /srv/store /minsys/in /minsys/other
echo secret >/srv/host/file
echo input >/minsys/in/file
echo other >/minsys/other/file
# Anybody may write these, so that nothing but the sandbox keeps a step from it.
chmod 777 /usr/bin/busybox /minsys/in /minsys/other /srv/host
chmod 666 /minsys/in/file /minsys/other/file
chmod 1777 /tmp
modes() {
	stat -c '%n %u %g %a %s' /minsys/in/file /usr/bin/busybox /srv/host/file /minsys/other/file
}
before=$(modes)
# What a container of Docker's lacks, and the table has rows for.
for device in 'kmsg 1 11' 'tty 5 0'; do
	name=${device%% *}
	# shellcheck disable=SC2086 # a type, a major and a minor number
	[ -e "/dev/$name" ] || mknod -m 666 "/dev/$name" c ${device#* }
done

export SANDBOX=/minsys/bin/minsys-sandbox HOST_SOCKET=@attacked-stream \
	HOST_DGRAM_SOCKET=@attacked-dgram HOST_QUEUE=/attacked
/minsys/attack serve "$HOST_SOCKET" "$HOST_DGRAM_SOCKET" /minsys/in/socket "$HOST_QUEUE" >/served &
server=$!
until [ -s /served ]; do :; done
read -r HOST_PORT HOST_PID </served
export HOST_PORT HOST_PID
# attack.c signals everyone only where process 1 says, without a newline, that this is a place made for it.
printf attack >/proc/1/comm
/minsys/busybox sh /minsys/table.sh landlock >/results/table

{
	[ "$before" = "$(modes)" ] || modes
	[ "$(cat /srv/host/file /minsys/in/file /minsys/other/file | tr '\n' ' ')" = 'secret input other ' ] ||
		echo 'a file was written to'
	[ -z "$(ls -A /tmp)" ] || ls -A /tmp
	kill "$server" || echo 'the server is gone'
} >/results/harm
[ -s /results/harm ] || echo unharmed >/results/harm
