#!/bin/sh
# The power fails in the middle of a build: what was written until then is put together anew at
# each point, with and without what was not flushed, and the next build has to make of it what it
# makes of nothing.
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/functional/project.sh
. "$(dirname "$0")/project.sh"

[ -x /bin/busybox ] || skip_all '/bin/busybox (package busybox-static) is not installed'
need_namespaces
command -v strace >/dev/null || skip_all 'strace is not installed'
copy_programs
make_project
chmod -R a+rwX "$work"
calls=openat,openat2,write,pwrite64,ftruncate,copy_file_range,ioctl,fsync,fdatasync,syncfs
calls=$calls,rename,renameat,renameat2,mkdir,mkdirat,unlink,unlinkat,rmdir,symlinkat,linkat

recorded() {
	as_user strace -f -y -s 0 -e signal=none -e "trace=$calls" -o "$work/record" \
		"$BIN/minsys" build -C "$project" --mirror "$mirror" --isolation userns
}
ok 'a build is recorded' recorded
cp "$project/out/minsys/loud" "$work/expected"
(cd "$MINSYS_CACHE" && ls trees results) >"$work/expected-names"
chmod a+r "$work/expected" "$work/expected-names"

# What the store comes to has to be all of what it was, and nothing of it wrong.
cat >"$work/again" <<END
rm -rf "$project/out" &&
"$BIN/minsys" build -C "$project" --mirror "$mirror" --isolation userns &&
cmp "$project/out/minsys/loud" "$work/expected" &&
# A record that was being written stays beside its place until garbage collection.
(cd "\$MINSYS_CACHE" && ls trees results) | grep -v '[.]tmp\$' >"$work/names" &&
diff "$work/expected-names" "$work/names" &&
[ -z "\$(ls "\$MINSYS_CACHE/tmp")" ] &&
{ "$BIN/minsys" gc --verify >"$work/verified" 2>&1 || [ \$? = 1 ]; } || exit 1
# What only explains is not flushed, and may be damaged.
! grep -E '(downloads|trees|unpacked|actions|results)/' "$work/verified"
END
ok 'wherever it was cut, the next build makes all of it' as_user python3 \
	"$root/tests/fault/power_cut.py" "$work/record" "$MINSYS_CACHE" "$work" -- sh "$work/again"
sed -n '$s/^/# /p' "$work/.tap"

finish
