#!/bin/sh
# make install: the programs, and AppArmor's profile where AppArmor knows what is in it.
# shellcheck disable=SC2016 # inner shells expand; messages quote with backquotes
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"

# installs FOLDER [VARIABLE=VALUE]...: what is compiled already is installed below the folder.
installs() {
	folder=$1
	shift
	make -s -C "$root" -o programs install B="$BIN" DESTDIR="$folder" "$@"
}
profile=etc/apparmor.d/minsys-sandbox

[ -e /etc/apparmor.d/abi/4.0 ] || {
	ok 'a machine without AppArmor 4' installs "$work/without"
	ok 'gets the programs' test -x "$work/without/usr/local/bin/minsys-sandbox"
	ok 'and no profile' test ! -e "$work/without/etc"
}
mkdir -p "$work/with/etc/apparmor.d/abi"
: >"$work/with/etc/apparmor.d/abi/4.0"
ok 'one with it' installs "$work/with" PREFIX=/opt/minsys
ok 'gets the programs' test -x "$work/with/opt/minsys/bin/minsys"
ok 'and a profile for the path that they have there' says "$work/with/$profile" \
	'profile minsys-sandbox "/opt/minsys/bin/minsys-sandbox" flags=(unconfined) {'
ok 'which allows user namespaces' grep -qx ' *userns,' "$work/with/$profile"
ok 'in which nothing is left to fill in' status 1 grep @ "$work/with/$profile"
ok 'that anybody may read' test "$(stat -c %a "$work/with/$profile")" = 644
ok 'and nothing else' test "$(ls "$work/with/etc/apparmor.d")" = "abi
minsys-sandbox"
ok 'another time it is the same' installs "$work/with" PREFIX=/opt/minsys
no_profile() {
	installs "$work/odd" PREFIX='/opt/min*' >"$work/log" && says "$work/log" 'special character' &&
		[ ! -e "$work/odd/$profile" ]
}
mkdir -p "$work/odd/etc/apparmor.d/abi"
: >"$work/odd/etc/apparmor.d/abi/4.0"
ok 'a path that AppArmor would take for a pattern gets none' no_profile

# loads STATUS: the script, as root of a machine, made of namespaces, whose kernel has AppArmor. In
# /usr/sbin, which is not in PATH, is an apparmor_parser that ends with the status.
as_root='--mount'
[ "$(id -u)" = 0 ] || as_root='--user --map-root-user --mount'
loads() {
	rm -f "$work/loaded"
	# shellcheck disable=SC2086 # options in words
	unshare $as_root sh -euc 'for folder in /etc /sys /usr/sbin; do mount -t tmpfs none "$folder"; done
		mkdir -p /etc/apparmor.d/abi /sys/kernel/security/apparmor
		: >/etc/apparmor.d/abi/4.0
		printf "#!/bin/sh\n[ \"\$1\" = -r ] && cp \"\$2\" \"%s\" && exit %s\n" "$3" "$4" \
			>/usr/sbin/apparmor_parser
		chmod 755 /usr/sbin/apparmor_parser
		PATH=/usr/bin:/bin
		exec "$1" "" "$2"' sh "$root/scripts/apparmor/install" "$work/with/opt/minsys" \
		"$work/loaded" "$1" >"$work/log" 2>&1
}
# shellcheck disable=SC2086 # options in words
if unshare $as_root true 2>/dev/null; then
	ok 'on the machine itself it is loaded' loads 0
	ok 'for the path there' says "$work/loaded" "\"$work/with/opt/minsys/bin/minsys-sandbox\""
	ok 'and nothing is said' test ! -s "$work/log"
	ok 'a profile that cannot be loaded is an error' status 1 loads 1
	ok 'which says what to do' says "$work/log" \
		'run `sudo apparmor_parser -r /etc/apparmor.d/minsys-sandbox` to see why'
else
	skip 'loading it' 'no mount namespace can be made here'
fi

if command -v apparmor_parser >/dev/null && [ -e /etc/apparmor.d/abi/4.0 ]; then
	ok 'AppArmor can read it' apparmor_parser --skip-kernel-load --skip-cache "$work/with/$profile"
fi
finish
