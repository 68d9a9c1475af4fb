#!/bin/sh
# What tools say about the source; silence is success.
#	CPPFLAGS="..." BUILD=build lint.sh

: "${BUILD:=build}"
cores=$(nproc 2>/dev/null || echo 2)
rc=0
sources=$(git ls-files '*.c' 2>/dev/null || find . -name '*.c')
manuals=$(ls man/*.[0-9] 2>/dev/null)

make -s BUILD="$BUILD" "$BUILD/stamp.h" || exit 1

echo "== mandoc"
# A page of ours that another page names exists.
for m in $manuals; do
	mandoc -T lint -W warning "$m" || rc=1
done

echo "== cppcheck"
# shellcheck disable=SC2086
cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr -j "$cores" \
    --enable=warning,portability --suppress=missingIncludeSystem \
    --suppress-xml=regress/cppcheck.xml \
    -D_GNU_SOURCE -D__linux__ -DSTATEDIR='""' -DRUNDIR='""' \
    -DSYSCONFDIR='""' -I. -Icommon $(for d in common/*/; do echo "-I$d"; done) \
    -Iregress -Iauthd $sources || rc=1

echo "== clang-tidy"
# shellcheck disable=SC2086
echo $sources | tr ' ' '\n' | eval xargs -P "$cores" -n 8 \
    clang-tidy --quiet '--warnings-as-errors=\*' 2>/dev/null -- \
    >"$BUILD/tidy.out" || rc=1
cat "$BUILD/tidy.out"

[ $rc = 0 ] && echo "lint: clean"
exit $rc
