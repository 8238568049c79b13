#!/bin/sh
# The Dockerfile in a real engine, as a user has it: no flag, no privilege. DOCKER is the client.
# Not part of `make check`, as not everyone has an engine; `make check-docker` runs it.
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/../functional/tap.sh"
# shellcheck source=tests/functional/attacks.sh
. "$(dirname "$0")/../functional/attacks.sh"

docker=${DOCKER:-docker}
"$docker" version >/dev/null 2>&1 || skip_all "no Docker engine answers to \`$docker version\`"
image=minsys-test-$$
trap '"$docker" image rm -f "$image" "$image-builder" >/dev/null 2>&1; clean_up' EXIT

# build NAME [OPTION]... CONTEXT: its log is $work/NAME.log, which a failure shows the end of.
build() {
	log=$work/$1.log
	shift
	"$docker" build --progress=plain "$@" >"$log" 2>&1 || {
		tail -n 60 "$log"
		return 1
	}
}
# last_run LOG STAGE: how the stage's last step went, CACHED or DONE.
last_run() {
	awk -v stage="[$2 " '
		index($0, stage) && / RUN / { number = $1 }
		$1 == number && ($2 == "CACHED" || $2 == "DONE") { how = $2 }
		END { print how }' "$work/$1.log"
}
# went LOG HOW STAGE...
went() {
	log=$1 how=$2
	shift 2
	for stage; do
		[ "$(last_run "$log" "$stage")" = "$how" ] || {
			echo "$stage: $(last_run "$log" "$stage"), expected $how"
			return 1
		}
	done
}

# ---- The same bits ----

# From nothing, as what is cached prints nothing.
ok 'a plain docker build' build whole --no-cache -o "$work/whole" "$root"
ok 'each step in a sandbox, and it says in which and why' \
	grep -q 'isolation: landlock (.*userns.*does not work here' "$work/whole.log"
ok 'it gives what its manifest says' "$root/scripts/verify" "$work/whole/minsys"
ok 'with the isolation that held' says "$work/whole/minsys/manifest.json" '"isolation": "landlock"'
reason_is_told() {
	grep '"isolation_reason": ".*namespaces' "$work/whole/minsys/manifest.json"
}
ok 'and the reason' reason_is_told
ok 'the same in isolation userns' "$BIN/minsys" build -C "$root" --isolation=userns --out "$work/userns"
ok 'gives the same bits' "$root/scripts/verify" "$work/whole/minsys" "$work/userns"
ok 'nothing else comes out' test "$(ls -A "$work/whole")" = minsys

# ---- Parts ----

# part TARGET PATH...: what `-o` gives is these, as in the whole.
part() {
	target=$1
	shift
	build "part-$target" --target "$target" -o "$work/$target" "$root" || return 1
	for path; do
		diff -r --no-dereference "$work/$target/minsys/$path" "$work/whole/minsys/$path" || return 1
	done
	"$root/scripts/verify" "$work/$target/minsys" &&
		[ "$(ls -A "$work/$target/minsys")" = "$(printf '%s\n' "$@" manifest.json | sort)" ]
}
ok 'the kernel alone' part kernel Image
ok 'the sysroot alone' part sysroot sysroot
ok 'the root file system alone' part rootfs devices rootfs
ok 'the target images is the whole' build images --target images -o "$work/images" "$root"
ok 'the same' "$root/scripts/verify" "$work/images/minsys" "$work/whole/minsys"

times_are() {
	build dated --build-arg SOURCE_DATE_EPOCH=1234567890 -o "$work/dated" "$root" &&
		"$root/scripts/verify" "$work/dated/minsys" "$work/whole/minsys" &&
		[ -z "$(find "$work/dated/minsys" ! -newermt @1234567889)" ] &&
		[ -z "$(find "$work/dated/minsys" -newermt @1234567890)" ]
}
ok 'SOURCE_DATE_EPOCH gives the times, and no other bit' times_are
ok 'and builds nothing again' went dated CACHED build-linux build-images

# ---- Booted ----

ok 'both images boot within the build' build boot --no-cache-filter boot-test --target boot-test "$root"
ok 'from the initramfs' grep -q 'from the initramfs: rootfs on / ' "$work/boot.log"
ok 'and from the disk' grep -q 'from the disk: /dev/root on / type ext3' "$work/boot.log"
ok 'an image that boots' build system --target system -t "$image" "$root"
interactive() {
	python3 "$root/tests/functional/console.py" 120 "$docker" run -it --rm "$image" "$@" <<-'END'
		expect ^/ # 
		send uname -m\n
		expect ^aarch64$
		send poweroff\n
		exit 0
	END
}
ok 'the system is there to type at' interactive
ok 'from the disk too' interactive ./run_disk.sh
# What the test of booting would say of a broken kernel.
does_not_boot() {
	status 7 "$docker" run --rm --network=none "$image" sh -c '
		truncate -s 4096 Image || exit
		timeout 20 ./run_initramfs.sh </dev/null >log
		[ $? = 124 ] && ! grep "This is minsys" log && exit 7'
}
ok 'a broken kernel does not boot' does_not_boot

# ---- What is built again ----

mkdir "$work/context"
for path in .dockerignore Dockerfile Makefile scripts src stages targets toolchain; do
	cp -R "$root/$path" "$work/context"
done
echo "Changed by $$." >>"$work/context/stages/rootfs/motd"
ok 'a change in a stage' build stage -o "$work/changed" "$work/context"
ok 'takes effect' says "$work/changed/minsys/rootfs/etc/motd" "Changed by $$."
ok 'and builds that stage and what follows' went stage DONE build-rootfs build-images
ok 'nothing else' went stage CACHED runner tools build-linux build-linux-headers build-sysroot \
	build-busybox build-minsys-image
sed -i "s/^#define VERSION \"/&changed-$$-/" "$work/context/src/cli/main.c"
ok 'a change of the runner' build runner --target builder -t "$image-builder" "$work/context"
ok 'compiles it, and makes the tools root of what is downloaded' went runner DONE runner tools
downloads_nothing() {
	build sources --target sources "$work/context" && went sources DONE sources &&
		! grep -hE 'files downloaded|: [0-9.]+ [kM]?B from ' "$work/runner.log" "$work/sources.log"
}
ok 'but downloads nothing' downloads_nothing

# ---- Never less than asked for ----

in_builder() {
	"$docker" run --rm --network=none "$@"
}
# shellcheck disable=SC2016 # messages quote with backquotes
less() {
	status 3 in_builder -v "$root/stages:/minsys/project/stages:ro" "$image-builder" \
		minsys build scripts --isolation=userns >"$work/less" 2>&1 &&
		says "$work/less" 'isolation `userns` does not work here' && ! grep building "$work/less"
}
ok 'a build asked for userns does not run with less' less

# ---- Under attack, in a step of a build ----

mkdir "$work/attack"
cp "$BIN/minsys-attack" "$root/tests/docker/attack.Dockerfile" "$root/tests/docker/under-attack.sh" \
	"$work/attack"
ok 'the attacks are run in a step of a build' build attack --no-cache \
	-f "$work/attack/attack.Dockerfile" --build-arg "BUILDER=$image-builder" -o "$work/attacked" \
	"$work/attack"
# The engine's own policy on devices comes first.
sed 's/^other|open read \/dev\/kmsg|EACCES|EPERM|/same|open read \/dev\/kmsg|EPERM|EPERM|/' \
	"$work/attacked/table" >"$work/table"
attack_results docker "$work/table"
finish
