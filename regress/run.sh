#!/bin/sh
# Run tests under prove: run.sh [-j N] NAME ...  A name is a test program or a
# fuzz target or an example as the makefile knows it (below $BUILD), or a script.

: "${BUILD:=build}"
export BUILD

# One of them, as prove starts it.
if [ "$1" = --one ]; then
	t=$2
	case $t in
	*.py)
		exec timeout 900 python3 "$t"
		;;
	*.sh)
		exec timeout 900 sh "$t"
		;;
	*/example)
		echo 1..1
		out=${t#"$BUILD"/}.out
		timeout 60 "./$t" >"$t.got" 2>&1
		rc=$?
		if [ $rc = 0 ] && diff -u "$out" "$t.got" >"$t.diff"; then
			echo "ok 1 - ${out%.out} prints what it should"
			exit 0
		fi
		echo "not ok 1 - ${out%.out}: exit status $rc"
		sed 's/^/# /' "$t.diff"
		exit 1
		;;
	*/fuzz/*_fuzz)
		exec timeout 300 "./$t" "regress/fuzz/corpus/${t##*/}"
		;;
	*)
		exec timeout 900 "./$t"
		;;
	esac
fi

jobs=1
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
exec prove --timer -j "$jobs" --exec "sh regress/run.sh --one" "$@"
