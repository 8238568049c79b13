#!/bin/sh
# Which isolation a build gets where the strongest is refused: on an ordinary machine, where none
# is left, and in containers made of the tools root, where `landlock` is, started by an ordinary
# user (`user`), by root of a user namespace that maps no other (`mapped`) and by root (`root`).
# What a kernel lacks is played by refusing system calls (strace).
# shellcheck disable=SC2016 # inner shells expand; messages quote with backquotes
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/functional/project.sh
. "$(dirname "$0")/project.sh"

PATH=$PATH:/usr/sbin:/sbin # chroot
need_namespaces
copy_programs

make_project
stage who <<-'END'
	summary: Whose the step is
	run: id -u >"$OUT/uid"
	provides: who
	exports:
	  uid: uid
END
minsys build -q --out "$work/reference" || exit 1

# said TEXT...: all of these were.
said() {
	for text; do
		says "$work/log" "$text" || return 1
	done
}
first_line() {
	grep -v '^+' "$work/log" | head -n 1 >"$work/line"
	says "$work/line" "$1"
}

# ---- On an ordinary machine, nothing is left ----

# no_namespaces STATUS OPTION...: a build in a user namespace that lets no other be made.
mkdir -m 777 "$work/user"
no_namespaces() {
	expected=$1
	shift
	rm -rf "$work/user/store"
	status "$expected" as_user env MINSYS_CACHE="$work/user/store" unshare -Ur sh -c \
		'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"' sh \
		"$BIN/minsys" build -C "$project" --mirror "$mirror" --out "$work/user/out" "$@" \
		>"$work/log" 2>&1
}
nothing_ran() {
	[ -z "$(find "$1/results" "$1/logs" "$1/actions" -type f 2>/dev/null)" ] && ! grep building "$work/log"
}
why_no_userns='isolation `userns` does not work here: make namespaces (clone): No space left on device'
if [ ! -e /etc/minsys-tools-root ]; then
	ok 'no user namespaces, no tools root: no build' no_namespaces 3
	ok 'why, for both, and what to do' said "$why_no_userns; run \`sudo sysctl user.max_user_namespaces=" \
		'isolation `landlock` does not work here: `/` is not the tools root' 'a container made of it'
	ok 'nothing ran' nothing_ran "$work/user/store"
	ok 'userns that is asked for' no_namespaces 3 --isolation=userns
	ok 'is refused, and nothing else tried' test "$(grep -c 'isolation `' "$work/log")" = 1
	ok 'nothing ran' nothing_ran "$work/user/store"
	ok 'landlock that is asked for' no_namespaces 3 --isolation landlock
	ok 'is refused' said 'isolation `landlock` does not work here: `/` is not the tools root'
fi
ok 'what there is not cannot be asked for' status 2 minsys build --isolation=none

# ---- Containers ----

minsys root "$work/image" >"$work/log" 2>&1 || {
	cat "$work/log"
	exit 1
}
mkdir -p "$work/image/minsys/bin" "$work/image/minsys/store" "$work/image/proc" \
	"$work/image/dev" "$work/image/tmp"
cp "$BIN/minsys" "$BIN/minsys-sandbox" "$work/image/minsys/bin"
cp -R "$project" "$work/image/minsys/project"
rm -rf "$work/image/minsys/project/out"
for part in downloads format unpacked; do
	cp -R "$MINSYS_CACHE/$part" "$work/image/minsys/store"
done

# new_container FORM: as a fresh image has it.
new_container() {
	form=$1
	container=$work/$form
	rm -rf "$container"
	cp -R "$work/image" "$container"
	chmod 1777 "$container/tmp"
	[ "$form" = root ] || [ "$(id -u)" != 0 ] || chown -R 65534:65534 "$container"
}
set_up='
	cd "$0" && mount -t proc proc proc && mount -t tmpfs -o mode=755 tmpfs dev || exit 1
	for device in null zero full random urandom; do
		: >dev/$device && mount --bind /dev/$device dev/$device || exit 1
	done
	ln -s /proc/self/fd dev/fd && ln -s fd/1 dev/stdout && ln -s fd/2 dev/stderr || exit 1'
# A process in a chroot may make no user namespace, whoever it is.
run_user="$set_up"'
	exec unshare --user --map-user=1000 --map-group=1000 --root=. --wd=/ "$@"'
run_mapped="$set_up"'
	echo 0 >/proc/sys/user/max_user_namespaces && exec chroot . "$@"'
run_root="$set_up"'
	exec chroot . "$@"'

# inside STATUS WORD...: minsys in the container, by way of $tracer.
tracer=
inside() {
	expected=$1
	shift
	set -- /minsys/bin/minsys "$@" -C /minsys/project
	# shellcheck disable=SC2086 # words of a command
	case $form in
	user) set -- as_user $tracer unshare -Ur --mount --pid --fork sh -c "$run_user" "$container" "$@" ;;
	mapped) set -- as_user $tracer unshare -Ur --mount --pid --fork sh -c "$run_mapped" "$container" "$@" ;;
	root) set -- $tracer unshare --mount --pid --fork sh -c "$run_root" "$container" "$@" ;;
	esac
	(
		MINSYS_CACHE=/minsys/store
		status "$expected" "$@" >"$work/log" 2>&1
	) || {
		cat "$work/log"
		return 1
	}
}
# builds STATUS OPTION...: the same, for a build in a fresh container.
builds() {
	new_container "$form"
	expected=$1
	shift
	inside "$expected" build --offline "$@"
}
# recorded TEXT: each result in the store says that this was its isolation.
recorded() {
	for result in "$container"/minsys/store/results/*; do
		grep -q "^isolation $1" "$result" || {
			cat "$result"
			return 1
		}
	done
}
same_files() {
	cmp "$work/reference/loud" "$container/minsys/project/out/minsys/loud"
}
no_step_ran() {
	nothing_ran "$container/minsys/store"
}
uid_of_step() {
	new_container "$form"
	inside 0 build who --offline --out /minsys/project/who &&
		cat "$container/minsys/project/who/uid" >"$work/uid"
}

run_form() {
	form=$1
	weaker=' in its weaker form'
	[ "$form" != root ] || weaker=
	case $form in
	user) why='only root can give a step a uid of its own' ;;
	mapped) why='this user namespace maps too few ids' ;;
	esac
	manifest=$work/$form/minsys/project/out/minsys/manifest.json
	ok "$form: a build" builds 0
	ok "$form: has isolation landlock" first_line 'isolation: landlock ('
	ok "$form: because userns is refused" first_line \
		'isolation `userns` does not work here: make namespaces (clone): '
	ok "$form: makes the same bits" same_files
	ok "$form: the manifest says so" says "$manifest" "\"isolation\": \"landlock${weaker:+ weaker}\""
	ok "$form: and why" grep -q '"isolation_reason": ".*isolation `userns` does not work here' "$manifest"
	if [ "$form" = root ]; then
		ok "$form: nothing of a weaker form" status 1 grep 'weaker form' "$work/log" "$manifest"
		ok "$form: each record says so" recorded 'landlock: isolation `userns`'
	else
		ok "$form: in its weaker form" first_line "the weaker form: $why"
		ok "$form: which the manifest says" \
			grep -q "\"isolation_reason\": \"the weaker form: $why" "$manifest"
		ok "$form: and each record" recorded "landlock weaker: the weaker form: $why"
	fi
	ok "$form: another build has nothing to do" inside 0 build --offline
	ok "$form: and the results are known for what they were" grep -q '"isolation_reason": ".*userns' "$manifest"

	if [ "$form" = root ]; then
		ok "$form: landlock that is asked for" builds 0 --isolation=landlock
		ok "$form: is told so" first_line 'asked for)'
		ok "$form: and recorded" grep -q '"isolation_reason": ".*asked for"' "$manifest"
	else
		ok "$form: landlock that is asked for" builds 3 --isolation=landlock
		ok "$form: never comes to its weaker form" no_step_ran
		ok "$form: and why is said" said "holds only in its weaker form here: $why" \
			'--isolation=auto is content with that'
	fi
	ok "$form: userns that is asked for" builds 3 --isolation=userns
	ok "$form: never comes to less" no_step_ran
	ok "$form: and why is said" said 'isolation `userns` does not work here'
	ok "$form: doctor" inside 0 doctor
	ok "$form: says the same" grep -qx "a build can run here, with isolation landlock$weaker" "$work/log"

	ok "$form: whose a step is" uid_of_step
	case $form in
	user) ok "$form: the caller's" test "$(cat "$work/uid")" = 1000 ;;
	mapped) ok "$form: the caller's" test "$(cat "$work/uid")" = 0 ;;
	root) ok "$form: nobody's" test "$(cat "$work/uid")" -ge 1879048192 ;;
	esac

	another_root() {
		new_container "$form"
		sed -i 's/^....../000000/' "$container/etc/minsys-tools-root"
		inside 3 build --offline && no_step_ran
	}
	ok "$form: another tools root" another_root
	ok "$form: is refused" said 'is not the tools root that toolchain/root.lock describes'
	if command -v strace >/dev/null; then
		run_refusals
	else
		skip "$form: refused system calls" 'strace is not installed'
	fi
}

# refused INJECTION: no build comes of it.
refused() {
	tracer="strace -f -qq -o /dev/null -e inject=$1"
	builds 3 && no_step_ran
	result=$?
	tracer=
	return "$result"
}
run_refusals() {
	least='3 is needed where a step has the caller'
	[ "$form" != root ] || least='2 is needed'
	ok "$form: a kernel without Landlock" refused landlock_create_ruleset:error=ENOSYS
	ok "$form: why, and what to do" said 'isolation `userns` does not work here' \
		'isolation `landlock` does not work here: ask for the kernel'\''s Landlock: Function not implemented; a kernel from 5.19 on with CONFIG_SECURITY_LANDLOCK is needed'
	ok "$form: one where it is off" refused landlock_create_ruleset:error=EOPNOTSUPP
	ok "$form: what to do" said 'add `landlock` to `lsm=`'
	ok "$form: a container that refuses it" refused landlock_create_ruleset:error=EPERM
	ok "$form: what to do" said 'a policy that allows Landlock'
	ok "$form: the first Landlock" refused landlock_create_ruleset:retval=1:when=1
	ok "$form: is too old" said "this kernel's Landlock has ABI 1, and ABI $least"
	if [ "$form" = root ]; then
		tracer='strace -f -qq -o /dev/null -e inject=landlock_create_ruleset:retval=2:when=1'
		ok "$form: the second is enough for a step with a uid of its own" builds 0
		tracer=
	else
		ok "$form: the second" refused landlock_create_ruleset:retval=2:when=1
		ok "$form: is too old" said "has ABI 2, and ABI $least"
		tracer='strace -f -qq -o /dev/null -e inject=landlock_create_ruleset:retval=5:when=1'
		ok "$form: the fifth is enough" builds 0
		tracer=
		ok "$form: and lets signals out, which is said" first_line 'send signals to the caller'
	fi
	# What this kernel does not know is asked for where one says that it does.
	for later in 9 10; do
		[ "$abi" -lt "$later" ] || continue
		ok "$form: the rights of ABI $later" refused "landlock_create_ruleset:retval=$later:when=1"
		ok "$form: are asked for" said 'make a Landlock ruleset: Invalid argument'
	done
	ok "$form: rules that cannot be enforced" refused landlock_restrict_self:error=EPERM
	ok "$form: are no isolation" said 'enforce the Landlock ruleset: Operation not permitted'
	ok "$form: a kernel without seccomp" refused seccomp:error=EINVAL
	ok "$form: why, and what to do" said 'isolation `landlock` does not work here: load the system call filter (seccomp): Invalid argument; a kernel with CONFIG_SECCOMP_FILTER is needed'
}

abi=$("$BIN/minsys-attack" landlock)
if [ "$abi" -ge 6 ]; then
	run_form user
	run_form mapped
	if [ "$(id -u)" = 0 ]; then
		run_form root
	else
		skip 'a container that root started' 'not root'
	fi
else
	skip 'containers' "this kernel's Landlock has ABI $abi, and 6 is needed"
fi

# Where user namespaces can be had, but no filter of system calls.
if command -v strace >/dev/null; then
	no_filter() {
		rm -rf "$work/user/store"
		status 3 as_user env MINSYS_CACHE="$work/user/store" strace -f -qq -o /dev/null \
			-e inject=seccomp:error=EINVAL "$BIN/minsys" build -C "$project" \
			--mirror "$mirror" --out "$work/user/out" >"$work/log" 2>&1 &&
			nothing_ran "$work/user/store"
	}
	ok 'namespaces without a filter are no isolation' no_filter
	ok 'and the filter is what is named' said \
		'isolation `userns` does not work here: load the system call filter (seccomp): Invalid argument; a kernel with CONFIG_SECCOMP_FILTER is needed'
	ok 'and nothing about namespaces' status 1 grep 'own policy' "$work/log"
	# As AppArmor does it, which lets a namespace be made and nothing be done in it.
	no_mounts() {
		rm -rf "$work/user/store"
		status 3 as_user env MINSYS_CACHE="$work/user/store" strace -f -qq -o /dev/null \
			-e inject="$1":error=EACCES "$BIN/minsys" build -C "$project" \
			--mirror "$mirror" --out "$work/user/out" >"$work/log" 2>&1 &&
			nothing_ran "$work/user/store" && said 'isolation `userns` does not work here' \
			': Permission denied; ' 'own policy'
	}
	ok 'namespaces in which nothing can be mounted neither' no_mounts fsopen
	ok 'nor attributes of mounts be set' no_mounts mount_setattr
fi
finish
