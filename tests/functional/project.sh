# shellcheck shell=sh
# A project small enough to be built a hundred times in a test: its tools root is one package that
# holds a static BusyBox, its only source a tarball of two files. Everything is "downloaded" from
# a folder, $mirror. Sourced after tap.sh.

# shellcheck disable=SC2154 # from tap.sh
mirror=$work/mirror
project=$work/project
MINSYS_CACHE=$work/store
export MINSYS_CACHE

sha256_of() {
	sha256sum "$1" | cut -d' ' -f1
}

# The package: BusyBox under the names that the stages use.
make_tools_package() {
	mkdir -p "$work/deb/data/usr/bin" "$work/deb/data/etc" "$mirror/pool"
	cp /bin/busybox "$work/deb/data/usr/bin/busybox"
	for name in sh cat cp mkdir ls sleep sed grep echo rm touch chmod sort wc ln dd yes head \
		true false mknod mkfifo setsid kill seq od tr env id stat awk cmp cut mv tail; do
		ln -s busybox "$work/deb/data/usr/bin/$name"
	done
	echo 2.0 >"$work/deb/debian-binary"
	tar -C "$work/deb/data" --sort=name --owner=0 --group=0 -cJf "$work/deb/data.tar.xz" .
	tar -C "$work/deb" -czf "$work/deb/control.tar.gz" debian-binary
	(cd "$work/deb" && ar rcD "$mirror/pool/tools.deb" debian-binary control.tar.gz data.tar.xz)
}

make_source() {
	mkdir -p "$work/source/hello-1.0"
	echo "hello, ${1:-world}" >"$work/source/hello-1.0/greeting"
	echo 'a file that is left out' >"$work/source/hello-1.0/excluded"
	tar -C "$work/source" --sort=name --owner=0 --group=0 --mtime=@1 -czf \
		"$mirror/pool/hello-1.0.tar.gz" hello-1.0
}

write_sources() {
	cat >"$project/stages/sources.yaml" <<-END
		hello:
		  version: "1.0"
		  license: MIT
		  origins:
		    - pool: pool/hello-1.0.tar.gz
		      sha256: $(sha256_of "$mirror/pool/hello-1.0.tar.gz")
		  exclude: [excluded]
	END
}

# stage NAME <<END: write a stage file.
stage() {
	mkdir -p "$project/stages/$1"
	cat >"$project/stages/$1/stage.yaml"
}

make_project() {
	make_tools_package
	make_source
	mkdir -p "$project/stages" "$project/toolchain" "$project/targets/here"
	write_sources
	cat >"$project/targets/here/target.yaml" <<-END
		summary: This machine
		env:
		  SOURCE_DATE_EPOCH: "1000000000"
	END
	cat >"$project/toolchain/root.yaml" <<-END
		suite: bookworm
		packages: [tools]
	END
	cat >"$project/toolchain/root.lock" <<-END
		snapshot: 20260101T000000Z
		suite: bookworm
		packages:
		  - {name: tools, version: "1", path: pool/tools.deb, size: $(stat -c %s "$mirror/pool/tools.deb"), sha256: $(sha256_of "$mirror/pool/tools.deb")}
	END
	stage first <<-'END'
		summary: Copies the greeting
		sources: [hello]
		run: |
		  cp /minsys/src/hello/greeting "$OUT/text"
		provides: first
	END
	stage second <<-'END'
		summary: Shouts it
		needs: [first]
		files: [suffix]
		run: |
		  { tr a-z A-Z </minsys/first/text; cat /minsys/stage/second/suffix; } >"$OUT/loud"
		provides: second
		exports:
		  loud: loud
	END
	echo '!' >"$project/stages/second/suffix"
}

# minsys with the project and the mirror at hand.
minsys() {
	"$BIN/minsys" "$@" -C "$project" --mirror "$mirror"
}
