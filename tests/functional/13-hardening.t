#!/bin/sh
# What the Makefile asks the compiler and the linker for, in the programs as they are.
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"

# elf PROGRAM TEXT: a line of what readelf says of its headers and its dynamic section.
elf() {
	readelf -hldW "$BIN/$1" >"$work/elf" || return 1
	grep -qE -- "$2" "$work/elf" && return
	echo "no line has '$2' in:"
	cat "$work/elf"
	return 1
}
elf_not() {
	readelf -hldW "$BIN/$1" >"$work/elf" && ! grep -E -- "$2" "$work/elf"
}
is_position_independent() {
	elf "$1" 'Type: +DYN' && elf "$1" 'FLAGS_1.* PIE' && elf_not "$1" TEXTREL
}
is_static() {
	elf_not "$1" 'INTERP|NEEDED'
}
is_read_only_when_relocated() {
	elf "$1" GNU_RELRO && elf "$1" BIND_NOW
}
# The columns behind the sizes are a segment's rights.
has_no_writable_code() {
	elf "$1" '^  GNU_STACK .* RW  ' && elf "$1" '^  LOAD .* R E ' && elf_not "$1" ' R?WE '
}
# code PROGRAM FUNCTION TEXT: an instruction of that function of ours. A static program has in it what
# its libraries were compiled with too, so that names in it say nothing.
code() {
	objdump -d --no-show-raw-insn --disassemble="$2" "$BIN/$1" >"$work/code" || return 1
	grep -qE "$3" "$work/code" && return
	echo "$2() has no '$3':"
	sed 1,5d "$work/code"
	return 1
}
has_checks() {
	code "$1" err_errno '<__stack_chk_fail' && code "$1" err_errno '<_+v?snprintf_chk'
}
# The program as a whole is not marked for it (NT_GNU_PROPERTY_TYPE_0), as Debian compiles its C
# library without: what is ours can be looked at in code alone.
marks_targets_of_jumps() {
	code "$1" main '' && grep -A1 '<main>:' "$work/code" | grep -qE "$2" && return
	echo "main begins otherwise:"
	grep -A3 '<main>:' "$work/code"
	return 1
}

for program in minsys minsys-sandbox minsys-image minsys-cpp minsys-fetch minsys-attack; do
	ok "$program is position-independent" is_position_independent "$program"
	[ "$program" = minsys-fetch ] || ok "$program is static" is_static "$program"
	ok "$program: tables are read-only" is_read_only_when_relocated "$program"
	ok "$program: nothing is writable and executable" has_no_writable_code "$program"
	ok "$program: stack and copies are checked" has_checks "$program"
	case $(uname -m) in
	x86_64) ok "$program: CET's marks" marks_targets_of_jumps "$program" 'endbr64' ;;
	aarch64) ok "$program: BTI's marks" marks_targets_of_jumps "$program" 'bti|paciasp' ;;
	esac
done
finish
