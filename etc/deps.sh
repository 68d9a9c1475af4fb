#!/bin/sh
# Debian packages that are missing: installed when we are root, else named.
#	deps.sh [build] [test] [peers] [lint]		(build alone by default)

build="gcc make bison pkg-config libc6-dev libtls-dev libssl-dev libevent-dev
    libdb5.3-dev libidn2-dev libunistring-dev libunbound-dev
    libjson-c-dev libseccomp-dev zlib1g-dev libcurl4-openssl-dev
    ca-certificates openssl"
# clients and servers on the other side that the tests use
test="perl python3 procps iproute2 strace curl swaks libnet-ssleay-perl
    gsasl microsocks mutt libsasl2-modules isync msmtp postfix unbound nsd
    ldnsutils
    neomutt fetchmail s-nail offlineimap3 exim4-daemon-light opensmtpd
    libgnutls-dane0 libidn12"
# what the benchmark compares with, beside Postfix
peers="dovecot-core dovecot-imapd dovecot-lmtpd dovecot-submissiond"
lint="clang libclang-rt-dev clang-tidy cppcheck mandoc"

[ $# -gt 0 ] || set -- build
want=
for group; do
	case $group in
	build)	want="$want $build" ;;
	test)	want="$want $test" ;;
	peers)	want="$want $peers" ;;
	lint)	want="$want $lint" ;;
	*)	echo "deps.sh: no group \"$group\"" >&2; exit 2 ;;
	esac
done

# Another system: its own packages; pkg-config will say what is missing.
command -v dpkg-query >/dev/null || exit 0

have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null |
    sed -n 's/^installed //p')
missing=
for p in $want; do
	case "
$have
" in
	*"
$p
"*)	;;
	*)	missing="$missing $p" ;;
	esac
done
# These conflict with Postfix: unpacked where their tests look for them, not
# installed; their libraries are.  Without one its test is passed over.
for p in exim4-daemon-light opensmtpd; do
	case $want in
	*$p*)	;;
	*)	continue ;;
	esac
	peer=build/peers/$p
	if [ ! -d $peer ] && mkdir -p $peer; then
		(cd $peer && apt-get download -q $p && dpkg -x ${p}_*.deb . &&
		    rm -f ./*.deb) || rm -rf $peer
	fi
	missing=$(echo "$missing" | sed "s/ $p//")
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
	echo "Packages are missing.  Install them with:" >&2
	echo "sudo apt-get install --no-install-recommends$missing" >&2
	exit 1
fi

# A server of the tests is not to be started on this machine for that.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
	trap 'rm -f $policy' EXIT INT TERM
fi
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
apt-get install -y -q --no-install-recommends $missing ||
    { apt-get update -q && apt-get install -y -q --no-install-recommends \
    $missing; }
