#!/bin/sh
# What tools say about source and manuals; a word from one of them is failure.
#	BUILD=build lint.sh [FILE.c ...]

: "${BUILD:=build}"
export BUILD
cores=$(nproc 2>/dev/null || echo 2)
rc=0
[ $# -gt 0 ] || set -- $(git ls-files '*.c' 2>/dev/null ||
    find authd common imapd letterctl queued regress smtpd -name '*.c')
make -s BUILD="$BUILD" "$BUILD/stamp.h" || exit 1

# One group of files, as xargs starts it.
if [ "$1" = --tidy ]; then
	shift
	flags=
	for d in common/*/ regress/*/; do
		flags="$flags -iquote $d"
	done
	# shellcheck disable=SC2046,SC2086
	exec clang-tidy --quiet --warnings-as-errors='*' "$@" -- -std=c11 \
	    -D_GNU_SOURCE -DOPENSSL_SUPPRESS_DEPRECATED \
	    -DSTATEDIR='"/s"' -DRUNDIR='"/r"' -DSYSCONFDIR='"/c"' -I. \
	    -iquote common $flags -iquote regress "-I$BUILD" \
	    $(pkg-config --cflags libtls libevent json-c libseccomp) \
	    2>/dev/null
fi

if command -v mandoc >/dev/null; then
	echo "== mandoc"
	for m in man/*.[0-9]; do
		mandoc -T lint -W warning "$m" || rc=1
	done
fi

echo "== cppcheck"
# It reads no system headers; of these it needs the macros.
queue=$(echo '#include <sys/queue.h>' | cc -M -xc - | tr ' ' '\n' |
    grep 'sys/queue\.h$')
cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr -j "$cores" \
    --enable=warning,portability --suppress=missingIncludeSystem \
    --include="$queue" -D_GNU_SOURCE -D__linux__ -DSTATEDIR='""' \
    -DRUNDIR='""' -DSYSCONFDIR='""' -I. -Icommon \
    $(for d in common/*/; do echo "-I$d"; done) -Iregress "$@" || rc=1

echo "== clang-tidy"
printf '%s\n' "$@" | xargs -P "$cores" -n 4 sh regress/lint.sh --tidy || rc=1

[ $rc = 0 ] && echo "lint: clean"
exit $rc
