#!/bin/sh
# "make install": programs, manuals, sample configuration, what init needs, and
# the users of the roles when this installs into a running system as root.
# Environment: DESTDIR PREFIX SYSCONFDIR STATEDIR BUILD PROGS MAN

set -e
: "${PREFIX:=/usr/local}" "${SYSCONFDIR:=/etc/letterlock}" "${BUILD:=build}"
: "${STATEDIR:=/var/lib/letterlock}"
sbin=$DESTDIR$PREFIX/sbin
man=$DESTDIR$PREFIX/share/man
share=$DESTDIR$PREFIX/share/letterlock

install -d -m 755 "$sbin" "$share" "$DESTDIR$SYSCONFDIR"
for p in $PROGS; do
	case $p in
	*/*)	continue ;;		# of the tests
	esac
	install -m 755 "$BUILD/$p" "$sbin/$p"
done

# The command that programs run to send mail; a link of another package, or of
# the administrator, stays.  For /usr/sbin/sendmail see sendmail(8).
[ -e "$sbin/sendmail" ] || [ -L "$sbin/sendmail" ] ||
    ln -s letterctl "$sbin/sendmail"

for m in $MAN; do
	s=${m##*.}
	install -d -m 755 "$man/man$s"
	install -m 644 "$m" "$man/man$s/${m##*/}"
done

# The sample; "letterctl quickstart" or the administrator writes the
# configuration.
sed "s|/etc/letterlock|$SYSCONFDIR|g" etc/letterlock.conf \
    >"$share/letterlock.conf"
chmod 644 "$share/letterlock.conf"

# For init, with this installation's paths.
put() {
	install -d -m 755 "$(dirname "$DESTDIR$2")"
	sed -e "s|@sbindir@|$PREFIX/sbin|g" \
	    -e "s|@sysconfdir@|$SYSCONFDIR|g" "etc/$1" >"$DESTDIR$2"
	chmod "$3" "$DESTDIR$2"
}
case $(uname -s) in
Linux)
	put letterlock.service "$PREFIX/lib/systemd/system/letterlock.service" \
	    644
	put letterlock.sysusers "$PREFIX/lib/sysusers.d/letterlock.conf" 644
	put letterlock.openrc "$PREFIX/share/letterlock/openrc/letterlock" 755
	;;
FreeBSD)
	put letterlock.freebsd "$PREFIX/etc/rc.d/letterlock" 755
	;;
OpenBSD)
	put letterlock.openbsd /etc/rc.d/letterlock 755
	;;
esac
put fail2ban/filter.d/letterlock.conf \
    "$PREFIX/share/letterlock/fail2ban/filter.d/letterlock.conf" 644

# The users, unless this is for a package or not ours to make.
[ -z "$DESTDIR" ] && [ "$(id -u)" = 0 ] || exit 0
sed -n 's/^u \([^ ]*\) .*/\1/p' etc/letterlock.sysusers |
while read -r user; do
	id -u "$user" >/dev/null 2>&1 && continue
	if command -v useradd >/dev/null; then
		useradd --system --user-group --no-create-home \
		    --home-dir /nonexistent --shell /usr/sbin/nologin \
		    --comment Letterlock "$user"
	elif command -v pw >/dev/null; then
		pw useradd "$user" -d /nonexistent -s /usr/sbin/nologin \
		    -c Letterlock
	else
		echo "install: make the user $user" >&2
	fi
done
command -v systemctl >/dev/null && [ -d /run/systemd/system ] &&
    systemctl daemon-reload
exit 0
