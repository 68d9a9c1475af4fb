#!/bin/sh
# make install DESTDIR=: everything is where init, man and people look for it,
# with this installation's paths, and a configuration is never written over.

: "${BUILD:=build}"
d=$(mktemp -d) || exit 1
trap 'rm -rf "$d"' EXIT
n=0 failed=0
ok() {
	n=$((n + 1))
	if "$@"; then
		echo "ok $n - $what"
	else
		echo "not ok $n - $what"
		failed=1
	fi
}
install_it() {
	env -u MAKEFLAGS -u MAKELEVEL make -s install BUILD="$BUILD" \
	    DESTDIR="$d" PREFIX=/opt/mail SYSCONFDIR=/etc/opt/mail
}

what="make install"
ok install_it
for p in authd smtpd imapd queued letterctl; do
	what="$p is installed"
	ok test -x "$d/opt/mail/sbin/$p"
done
what="sendmail is a link to letterctl"
ok test "$(readlink "$d/opt/mail/sbin/sendmail")" = letterctl
for m in man7/letterlock.7 man5/letterlock.conf.5 man8/authd.8 man8/smtpd.8 \
    man8/imapd.8 man8/queued.8 man8/letterctl.8 man8/sendmail.8 man3/scram.3 man3/buf.3; do
	what="$m is installed"
	ok test -s "$d/opt/mail/share/man/$m"
done
unit=$d/opt/mail/lib/systemd/system/letterlock.service
what="the systemd unit names the program"
ok grep -q '^ExecStart=/opt/mail/sbin/authd -d -f /etc/opt/mail/' "$unit"
what="no placeholder is left"
ok sh -c "! grep -rq '@[a-z]*dir@' '$d/opt' '$d/etc'"
what="a user for each role"
ok sh -c "for u in ctl auth keys dns smtp imap mail queue relay; do
	grep -q \"^u _lock\$u \" '$d/opt/mail/lib/sysusers.d/letterlock.conf' ||
	exit 1; done"
what="nothing of the tests is installed"
ok sh -c "! find '$d' -name '*test*' -o -name smtpload | grep -q ."
what="the configuration is left to quickstart, which writes over none"
ok sh -c "test -d '$d/etc/opt/mail' && ! test -e '$d/etc/opt/mail/letterlock.conf'"
echo '# mine' >"$d/etc/opt/mail/letterlock.conf"
ln -sf /somebody/elses "$d/opt/mail/sbin/sendmail"
what="again"
ok install_it
what="another sendmail stays"
ok test "$(readlink "$d/opt/mail/sbin/sendmail")" = /somebody/elses
what="the configuration is as it was"
ok grep -q '^# mine$' "$d/etc/opt/mail/letterlock.conf"

# The sample.
what="the sample names this installation's directory"
ok grep -q '"/etc/opt/mail/mail.crt"' \
    "$d/opt/mail/share/letterlock/letterlock.conf"
what="the sample can be read"
ok sh -c "'$BUILD/authd' -nn -f '$d/opt/mail/share/letterlock/letterlock.conf' >/dev/null"
echo "1..$n"
exit $failed
