#!/bin/sh
# minsys-fetch against a server that misbehaves, on loopback. Nothing is downloaded from elsewhere;
# once the resolver is asked for a name, one that cannot exist.
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"

command -v python3 >/dev/null || skip_all 'python3, for the server, is not installed'
unset http_proxy https_proxy all_proxy HTTPS_PROXY ALL_PROXY no_proxy NO_PROXY

www=$work/www
log=$work/requests
mkdir "$www"
python3 "$root/tests/functional/httpd.py" "$www" "$log" "$work/port" &
server=$!
trap 'kill "$server" 2>/dev/null; clean_up' EXIT
for _ in $(seq 100); do
	[ -e "$work/port" ] && break
	sleep 0.1
done
base=http://127.0.0.1:$(cat "$work/port")

# apt as the tests want it: it knows one archive, or none, and leaves a trace when it is asked.
mkdir "$work/programs"
cat >"$work/programs/apt-get" <<END
#!/bin/sh
echo asked >>$work/apt-asked
[ ! -e $work/apt-knows ] || cat $work/apt-knows
END
printf '#!/bin/sh\n' >"$work/programs/apt-config"
chmod +x "$work"/programs/*
PATH=$work/programs:$PATH

seq 400000 >"$www/big"
big_size=$(wc -c <"$www/big")
big=$(sha256sum "$www/big" | cut -c1-64)
seq 1000 >"$www/small"
small=$(sha256sum "$www/small" | cut -c1-64)

# url PATH [SHA256] and pool PATH [SHA256]: origins; the digest is the big file's if not given.
url() {
	printf '{"url":"%s/%s","sha256":"%s"}' "$base" "$1" "${2-$big}"
}
pool() {
	printf '{"pool":"%s","sha256":"%s"}' "$1" "${2-$big}"
}
# file NAME SIZE ORIGIN...: a file of a request.
file() {
	printf '{"name":"%s","size":%s,"origins":[' "$1" "$2"
	shift 2
	separator=
	for origin; do
		printf '%s%s' "$separator" "$origin"
		separator=,
	done
	printf ']}'
}
# request FILE...
request() {
	printf '{"files":['
	separator_=
	for file; do
		printf '%s%s' "$separator_" "$file"
		separator_=,
	done
	printf ']}\n'
}
# begin: an empty folder, and nothing on record.
begin() {
	rm -rf "$work/folder" "$work/apt-asked"
	mkdir "$work/folder"
	: >"$log"
}
# fetch REQUEST [OPTION]...: quick to try again, slow to ask a second place unless told otherwise.
fetch() {
	printf '%s' "$1" >"$work/request"
	shift
	got=0
	MINSYS_FETCH_RETRY_MS=${RETRY_MS-20} MINSYS_FETCH_HEDGE_MS=${HEDGE_MS-20000} \
		MINSYS_FETCH_STALL_S=${STALL_S-10} \
		timeout 120 "$BIN/minsys-fetch" --folder "$work/folder" "$@" <"$work/request" \
		>"$work/answer" 2>"$work/errors" || got=$?
	tail -qn 20 "$work/answer" "$work/errors"
	return $got
}
fetch_big() {
	fetch "$(request "$(file big "$big_size" "$@")")"
}
is_whole() {
	[ "$(ls -A "$work/folder")" = "$big" ] && cmp "$work/folder/$big" "$www/big" &&
		[ "$(stat -c %a "$work/folder/$big")" = 644 ]
}
is_empty() {
	ls -A "$work/folder"
	[ -z "$(ls -A "$work/folder")" ]
}
has_no_whole_file() {
	ls -A "$work/folder"
	[ -z "$(find "$work/folder" -type f ! -name '*.part')" ]
}
# holds N: as many whole files.
holds() {
	ls -A "$work/folder"
	[ "$(find "$work/folder" -type f ! -name '*.part' | wc -l)" = "$1" ]
}
# asked N PATH: there were as many requests for the path.
asked() {
	tail -n 20 "$log"
	[ "$(grep -c "^/$2 " "$log")" = "$1" ]
}
resumed() {
	cat "$log"
	grep -q "^/$1 bytes=[1-9]" "$log"
}
# within SECONDS BEGAN: no more have passed. Far above what it takes, so that a busy machine passes,
# and below the minute that the server hangs for.
within() {
	echo "$(($(date +%s) - $2)) s, at most $1 expected"
	[ $(($(date +%s) - $2)) -le "$1" ]
}
# wait_for COMMAND...: for half a minute at most.
wait_for() {
	for _ in $(seq 300); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.1
	done
}
not() {
	! "$@"
}

begin
ok 'a file arrives' fetch_big "$(url ok/big)"
ok 'under its digest, whole' is_whole
ok 'the answer says where from' says "$work/answer" "\"origin\":0,\"url\":\"$base/ok/big\""
: >"$log"
ok 'what is there is not downloaded again' fetch_big "$(url ok/big)"
ok 'nothing was asked' asked 0 ok/big
ok 'the answer has no URL' not says "$work/answer" '"url"'

begin
ok 'a connection cut midway' fetch_big "$(url cut/big)"
ok 'is resumed' resumed cut/big
ok 'to a whole file' is_whole

begin
ok 'a cut, and no ranges after it' fetch_big "$(url cutnorange/big)"
ok 'gives a whole file' is_whole
begin
ok 'a cut each time, and no ranges' status 1 fetch_big "$(url alwayscutnorange/big)"
ok 'is tried 5 times after the first, which got further than any before' \
	asked 6 alwayscutnorange/big

begin
head -c 100000 "$www/big" >"$work/folder/$big.part"
ok 'an interrupted download of another run' fetch_big "$(url ok/big)"
ok 'is resumed where it ended' says "$log" '/ok/big bytes=100000-'
ok 'to a whole file' is_whole

begin
head -c 100000 /dev/zero >"$work/folder/$big.part"
ok 'one that holds something else' fetch_big "$(url ok/big)"
ok 'is begun anew' asked 2 ok/big
ok 'and whole' is_whole

begin
cat "$www/big" "$www/small" >"$work/folder/$big.part"
ok 'one that is too long' fetch_big "$(url ok/big)"
ok 'is begun anew and whole' is_whole

begin
cp "$www/big" "$work/folder/$big.part"
ok 'one that only lacks its name' fetch_big "$(url ok/big)"
ok 'gets it' is_whole
ok 'without a request' asked 0 ok/big

begin
head -c 100000 "$www/big" >"$work/folder/$big.part"
ok 'a server that sends another part than asked for' status 1 fetch_big "$(url part/big)"
ok 'is not believed' has_no_whole_file

begin
ok 'a length that is too long, with the size known' status 1 fetch_big "$(url long/big)"
ok 'is refused' says "$work/answer" "has $((big_size + 1)) bytes instead of $big_size"
ok 'a length that is too short' status 1 fetch_big "$(url short/big)"
ok 'is refused too' has_no_whole_file
ok 'no length, and too much' status 1 fetch_big "$(url endless/big)"
ok 'is refused as well' has_no_whole_file
ok 'a place that lies, then one that does not' \
	fetch_big "$(url short/big)" "$(url endless/big)" "$(url ok/big)"
ok 'gives a whole file' is_whole

begin
ok 'a length that is too long, the size unknown' \
	fetch "$(request "$(file big 0 "$(url long/big)")")"
ok 'does no harm when all is there' is_whole
begin
ok 'one that is too short' status 1 fetch "$(request "$(file big 0 "$(url short/big)")")"
ok 'leaves nothing' is_empty

begin
ok 'a wrong file' status 1 fetch_big "$(url wrong/big)"
wrong=$(python3 -c 'import sys; sys.stdout.buffer.write(bytes(b ^ 1 for b in open(sys.argv[1], "rb").read()))' \
	"$www/big" | sha256sum | cut -c1-64)
ok 'is told by both digests' says "$work/answer" "sha256 $wrong instead of $big"
ok 'and marked' says "$work/answer" '"wrong":true'
ok 'leaves nothing' is_empty
ok 'a wrong file, then the right one' fetch_big "$(url wrong/big)" "$(url ok/big)"
ok 'which is there' is_whole
ok 'and is the origin named' says "$work/answer" '"origin":1'

begin
ok 'the page of a hotel' status 1 fetch "$(request "$(file big 0 "$(url page/big)")")"
ok 'is called a web page' says "$work/answer" 'a web page'

# unpinned PATH: whatever it is, so that only the status tells.
unpinned() {
	fetch "$(request "$(file new 0 "{\"url\":\"$base/$1\",\"sha256\":null}")")"
}
begin
ok '300 with a page' status 1 unpinned 300/small
ok 'is not the file' says "$work/answer" 'the server says 300'
ok '206 without a question for a part' status 1 unpinned partial/small
ok 'is not either' says "$work/answer" 'the server says 206'
ok 'and nothing is left' is_empty

begin
ok '404, then another place' fetch_big "$(url 404/big)" "$(url ok/big)"
ok '404 is final' asked 1 404/big
begin
ok '500 twice' fetch_big "$(url 500twice/big)"
ok 'is tried again' asked 3 500twice/big
begin
ok '500 for ever' status 1 fetch_big "$(url 500/big)"
ok 'is tried 5 times' asked 5 500/big
begin
began=$(date +%s%N)
ok '429 with Retry-After' fetch_big "$(url 429/big)"
ok 'is obeyed' test $(($(date +%s%N) - began)) -ge 1000000000
begin
ok '429 for an hour' status 1 fetch_big "$(url 429long/big)"
ok 'is not' says "$work/answer" 'wants us to wait for 3600 s'

begin
STALL_S=1
ok 'a server that stalls' fetch_big "$(url stall/big)"
unset STALL_S
ok 'is asked for the rest' resumed stall/big

begin
STALL_S=1
began=$(date +%s)
ok 'a few bytes a second, then another place' fetch_big "$(url trickle/big)" "$(url ok/big)"
unset STALL_S
ok 'are left soon' within 30 "$began"
ok 'what came is kept' resumed ok/big
ok 'to a whole file' is_whole

begin
ok 'a redirection' fetch_big "$(url away/big)"
ok 'is followed' asked 1 ok/big
begin
ok 'one in circles' status 1 fetch_big "$(url round/big)"
ok 'one to a local file' status 1 fetch_big "$(url local/big)"
ok 'lead nowhere' is_empty

begin
HEDGE_MS=200
began=$(date +%s)
ok 'a server that never answers' fetch_big "$(url hang/big)" "$(url ok/big)"
ok 'is not waited for' within 30 "$began"
ok 'is left for another place' is_whole

# many HOST [AND_THERE]: 40 files that HOST does not give; with AND_THERE, the server does.
many() {
	separator=
	printf '{"files":['
	for i in $(seq 40); do
		sha256=$(cat "$www/many$i.sha256")
		printf '%s{"name":"%s","origins":[{"url":"http://%s/hang/many%s","sha256":"%s"}' \
			"$separator" "$i" "$1" "$i" "$sha256"
		[ -z "${2-}" ] || printf ',%s' "$(url "ok/many$i" "$sha256")"
		printf ']}'
		separator=,
	done
	printf ']}'
}
for i in $(seq 40); do
	echo "file $i" >"$www/many$i"
	sha256sum "$www/many$i" | cut -c1-64 >"$www/many$i.sha256"
done
# The hanging server must be another host than the good one: localhost is, by its name. The first
# few are asked for together, and later ones when the good one takes its time; never half of them.
begin
HEDGE_MS=1000
began=$(date +%s)
ok '40 files whose first host never answers' fetch "$(many "localhost:${base##*:}" there)"
ok 'are there' holds 40
ok 'soon' within 30 "$began"
ok 'and it was not asked for each' test "$(grep -c ^/hang/ "$log")" -lt 20
unset HEDGE_MS

# Neither a pause nor a second place asked late: both would take longer.
begin
RETRY_MS=60000
HEDGE_MS=60000
began=$(date +%s)
ok '40 files whose first host is down' fetch "$(many 127.0.0.1:1 there)"
ok 'are there' holds 40
ok 'soon' within 12 "$began"
unset RETRY_MS HEDGE_MS
begin
ok '40 files whose only host is down' status 1 fetch "$(many 127.0.0.1:1)"
ok 'are tried once more' says "$work/errors" 'trying again'
ok 'but not each' test "$(grep -c 'trying again' "$work/errors")" -le 8

# Two files, since the first of them must not condemn the host for the other.
begin
late=http://127.0.0.1:$(cat "$work/port.late")/ok
RETRY_MS=8000
fetch "$(request \
	"$(file big 0 "{\"url\":\"$late/big\",\"sha256\":\"$big\"}")" \
	"$(file small 0 "{\"url\":\"$late/small\",\"sha256\":\"$small\"}")")" >/dev/null &
fetching=$!
wait_for grep -q 'trying again' "$work/errors"
ok 'a host that is not there at first' \
	python3 -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1])' "$base/listen/"
ok 'is tried again' wait "$fetching"
ok 'and has both files' holds 2
unset RETRY_MS

begin
closed=$(url ok/big | sed 's/:[0-9][0-9]*/:1/')
ok 'a port that nobody listens at' fetch_big "$closed" "$(url ok/big)"
ok 'is no obstacle' is_whole
begin
ok 'a name that nobody knows' \
	fetch_big "$(url ok/big | sed 's/127.0.0.1:[0-9]*/host.invalid/')" "$(url ok/big)"
ok 'is none either' is_whole

begin
ok 'no place left' status 1 fetch "$(request "$(file 'musl 1.2.5' "$big_size" \
	"$(url 404/musl)" "$closed" "$(pool pool/main/m/musl/musl)")")"
ok 'names the source' says "$work/answer" 'musl 1.2.5 could not be downloaded'
ok 'the first place and its reason' says "$work/answer" "$base/404/musl: the server says 404"
ok 'the second' says "$work/answer" 'http://127.0.0.1:1/ok/big: Failed to connect'
ok 'that apt was of no help' says "$work/answer" \
	'pool/main/m/musl/musl: apt knows no Debian archive here'
ok 'and what to do' says "$work/answer" '--mirror'

# Neither the answer nor what is told meanwhile shows a password.
told() {
	cat "$work/answer" "$work/errors"
	! grep -q 'secret' "$work/answer" "$work/errors" && grep -qF "$1" "$work/answer" "$work/errors"
}
begin
with_password=$(url 500twice/small "$small" | sed 's,//,//user:secret@,')
ok 'a URL with a password' fetch "$(request "$(file small 0 "$with_password")")"
ok 'is told without it' told '//***@127.0.0.1'
ok 'nor is it part of a host' told 'from 127.0.0.1'
ok 'one without the file' status 1 fetch_big "$(url 404/big | sed 's,//,//user:secret@,')"
ok 'is told without it' told '//***@127.0.0.1'
ok 'one that cannot be' status 2 fetch_big "$(url ok/big | sed 's,http://,ftp://user:secret@,')"
ok 'is told without it' told 'ftp://***@127.0.0.1'
ok 'a mirror that cannot be' status 2 fetch '{"files":[]}' --mirror ftp://user:secret@host/
ok 'is told without it' told 'ftp://***@host/'

mkdir -p "$work/mirror/pool/main/b"
cp "$www/big" "$work/mirror/pool/main/b/big+1~x"
begin
ok 'a folder as mirror' fetch "$(request "$(file big "$big_size" \
	"$(url ok/big)" "$(pool pool/main/b/big+1~x)")")" --mirror "$work/mirror"
ok 'has the file' is_whole
ok 'comes before other origins' asked 0 ok/big
ok 'and apt is not asked' test ! -e "$work/apt-asked"
begin
ok 'a mirror without the file' fetch "$(request "$(file big "$big_size" \
	"$(pool pool/main/b/other)" "$(url ok/big)")")" --mirror "$work/mirror"
ok 'is no obstacle' is_whole
mkdir -p "$work/mirror/pool/main/w"
cp "$www/small" "$work/mirror/pool/main/w/big"
begin
ok 'a mirror with another file' fetch "$(request "$(file big 0 \
	"$(pool pool/main/w/big)" "$(url ok/big)")")" --mirror "$work/mirror"
ok 'is no obstacle' is_whole

cat >"$work/apt-knows" <<END
index|$base/404/|Other|Other
index|$base/404|Debian|Debian-Security
index|$base/ok/|Debian|Debian
END
begin
ok 'a pool path' fetch_big "$(pool big)"
ok 'is found at the archive that apt knows' says "$work/answer" "\"url\":\"$base/ok/big\""
ok 'at the main one first' asked 0 404/big
rm "$work/apt-knows"

begin
fetch "$(request "$(file 'new' 0 "{\"url\":\"$base/ok/small\",\"sha256\":null}")")" >/dev/null
ok 'a file without a pin gets its own digest' says "$work/answer" "\"sha256\":\"$small\""
ok 'as its name' cmp "$work/folder/$small" "$www/small"
begin
ok 'without a pin, a cut' \
	fetch "$(request "$(file 'new' 0 "{\"url\":\"$base/cut/many1\",\"sha256\":null}")")"
ok 'is begun anew' not resumed cut/many1
: >"$www/nothing"
begin
ok 'an empty file' fetch "$(request "$(file 'nothing' 0 "$(url ok/nothing \
	"$(sha256sum "$www/nothing" | cut -c1-64)")")")"
ok 'is one too' holds 1

begin
ok 'the same file twice' fetch "$(request "$(file one "$big_size" "$(url ok/big)")" \
	"$(file other "$big_size" "$(url ok/big)")")"
ok 'is downloaded once' asked 1 ok/big

begin
printf '%s' "$(request "$(file big "$big_size" "$(url slow/big)")")" >"$work/request"
"$BIN/minsys-fetch" --folder "$work/folder" <"$work/request" >"$work/first" 2>&1 &
first=$!
wait_for test -s "$log"
"$BIN/minsys-fetch" --folder "$work/folder" <"$work/request" >"$work/second" 2>&1 &
second=$!
ok 'of two runners, one ends well' wait $first
ok 'and so does the other' wait $second
ok 'the file is whole' is_whole
ok 'and was downloaded once' asked 1 slow/big

# A killed runner has written a part; the next one goes on with it.
begin
printf '%s' "$(request "$(file big "$big_size" "$(url drip/big)")")" >"$work/request"
"$BIN/minsys-fetch" --folder "$work/folder" <"$work/request" >"$work/first" 2>&1 &
first=$!
"$BIN/minsys-fetch" --folder "$work/folder" <"$work/request" >"$work/second" 2>&1 &
second=$!
wait_for test -s "$work/folder/$big.part"
kill -9 $first $second
wait $first $second 2>/dev/null
ok 'killed in the middle' test -s "$work/folder/$big.part"
ok 'nothing is there under its name' has_no_whole_file
ok 'the next one' fetch_big "$(url ok/big)"
ok 'goes on' resumed ok/big
ok 'to the end' is_whole

fetch_without_space() {
	# shellcheck disable=SC2016 # for the inner shell
	unshare -Urm sh -c 'mount -t tmpfs -o size=1m none "$1" && shift && "$@"; status=$?
		ls -A "$0" >"$0.left"; exit $status' "$work/folder" "$work/folder" \
		"$BIN/minsys-fetch" --folder "$work/folder" <"$work/request" >"$work/answer"
}
begin
if unshare -Urm mount -t tmpfs none "$work/folder" 2>/dev/null; then
	request "$(file big "$big_size" "$(url ok/big)")" >"$work/request"
	ok 'no space' status 1 fetch_without_space
	ok 'is told with what is needed' says "$work/answer" 'no space: 2.7 MB more are needed'
	ok 'before the disk is full' test ! -s "$work/folder.left"
	request "$(file big 0 "$(url endless/big)" "$(url ok/big)")" >"$work/request"
	ok 'no space, and no size known' status 1 fetch_without_space
	ok 'is told too' says "$work/answer" 'no space: more is needed'
	ok 'and keeps what came, for another time' says "$work/folder.left" "$big.part"
else
	skip 'no space' 'no user namespace with mounts can be made here'
fi

ok 'a request that makes no sense' status 2 fetch '{"files":[{}]}'
ok 'is told' says "$work/errors" 'a file has no'
ok 'an option that is none' status 2 fetch '{"files":[]}' --proxy x
ok 'no files at all' fetch '{"files":[]}'

finish
