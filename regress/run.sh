#!/bin/sh
# Run tests under prove: run.sh [-j N] NAME ...  A name is a test program or a
# fuzz target or an example as the makefile knows it (below $BUILD), or a script.

: "${BUILD:=build}"
export BUILD

# One of them.
one() {
	case $1 in
	*.py)
		timeout 900 python3 "$1"
		;;
	*.sh)
		timeout 900 sh "$1"
		;;
	*/example)
		echo 1..1
		out=${1#"$BUILD"/}.out
		timeout 300 "./$1" >"$1.got" 2>&1
		rc=$?
		if [ $rc = 0 ] && diff -u "$out" "$1.got" >"$1.diff"; then
			echo "ok 1 - ${out%.out} prints what it should"
			return 0
		fi
		echo "not ok 1 - ${out%.out}: exit status $rc"
		sed 's/^/# /' "$1.diff"
		return 1
		;;
	*/fuzz/*_fuzz)
		timeout 900 "./$1" "regress/fuzz/corpus/${1##*/}"
		;;
	*)
		timeout 900 "./$1"
		;;
	esac
}

# One of them, as prove starts it.  prove tells the numbers of what failed and
# no more, so the names, and what the test said of them, go to stderr, and once
# more before the summary; all that the test printed stays in a file.
if [ "$1" = --one ]; then
	name=${2#"$BUILD"/}
	tap=$BUILD/regress-out/${name#regress/}.tap
	mkdir -p "${tap%/*}" || exit 1
	{ one "$2"; echo $? >"$tap.rc"; } | tee "$tap"
	rc=1
	read -r rc <"$tap.rc"
	rm -f "$tap.rc"
	awk -v name="$name" -v rc="$rc" '
	{ last = substr($0, 1, 200) }
	/^not ok/ { bad++ }
	/^(not )?ok/ { said = /^not/ }
	/^(not ok|#)/ && said && n++ < 100 { print name ": " $0 }
	END { if (rc && !bad) print name ": exit status " rc " after: " last }
	' "$tap" | tee -a "${FAILED:-/dev/null}" >&2
	exit "$rc"
fi

jobs=1 told=
if [ "$1" = -j ]; then
	jobs=$2
	shift 2
fi
n=$#
while [ "$n" -gt 0 ]; do
	case $1 in
	*.py | *.sh)	set -- "$@" "$1" ;;
	*)		set -- "$@" "$BUILD/$1" ;;
	esac
	shift
	n=$((n - 1))
done
set -- prove --timer -j "$jobs" --exec "sh regress/run.sh --one" "$@"
[ -t 1 ] && exec "$@"
own=$BUILD/regress-out/run.$$
export FAILED="$own/failed"
mkdir -p "$own" || exit 1
{ "$@"; echo $? >"$own/rc"; } | while IFS= read -r line; do
	case $line in
	"Test Summary Report" | Files=*)
		[ -s "$FAILED" ] && [ -z "$told" ] && cat "$FAILED"
		told=1
		;;
	esac
	printf '%s\n' "$line"
done
rc=1
read -r rc <"$own/rc"
rm -rf "$own"
exit "$rc"
