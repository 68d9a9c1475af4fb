#!/usr/bin/env python3
"""OpenSMTPD as the next hop: Debian's, unpacked beside the system, because its package
and Postfix's exclude each other."""
import os

from dns import Dns, a, mx
from peer import Peer, can_run, outcome, submit
from suite import BUILD, Suite, certificate, diag, done, is_, ok, skip, wait_for

TREE = os.path.abspath(BUILD + "/../build/peers/opensmtpd")
SMTPD = TREE + "/usr/sbin/smtpd"
BOXER = 64991
CONF = """
pki mx.smtpd.example cert "{d}/mail.crt"
pki mx.smtpd.example key "{d}/mail.key"
table everyone {{ "@" = "boxer" }}
listen on 127.0.0.1 port {port} tls pki mx.smtpd.example hostname "mx.smtpd.example"
action "box" mda "cat >`mktemp {d}/box/XXXXXXXX`" virtual <everyone>
match from any for rcpt-to "nobody@smtpd.example" reject
match from any for domain "smtpd.example" action "box"
"""
# it knows its directories by heart
SETUP = """for x in /var/spool /var/lib /run /usr/libexec; do mount -t tmpfs none $x || exit 1; done;
cp -a {tree}/usr/libexec/opensmtpd /usr/libexec; mkdir -p -m 711 /var/spool/smtpd /var/lib/opensmtpd/empty"""
USERS = {"opensmtpd": 64992, "opensmtpq": 64993, "boxer": BOXER}


def play(s, e):
    dots = "".join(".%s\r\n..\r\n.\r\n" % i for i in range(200)) + "ä line\r\nFrom here\r\n"
    thirty = ["x%d@smtpd.example" % i for i in range(30)]
    submit(s, thirty, "thirty", dots)
    submit(s, ["one@smtpd.example", "nobody@smtpd.example"], "mixed", "x\r\n")
    submit(s, ["big@smtpd.example"], "big", "line of it\r\n" * 200000)
    for who in thirty + ["one@smtpd.example", "big@smtpd.example"]:
        got = wait_for(lambda: outcome(s, who))
        # Debian 12's (6.8.0p2 with OpenSSL 3) offers STARTTLS, and every handshake fails: in clear then
        ok(got and " 250 " in got and ("tls=TLS" in got or "tls=clear: TLS failed" in got), who + ": taken") or diag(got)
    got = wait_for(lambda: outcome(s, "nobody@smtpd.example"))
    ok(got and " 550 " in got, "nobody: refused") or diag(got)
    text = dots.replace("\r\n", "\n").encode()
    ok(wait_for(lambda: e.box().count(text) == 30), "each octet came, dots and all, for each of them") or \
        diag(e.box()[:600])
    ok(wait_for(lambda: e.box().count(b"line of it\n") == 200000), "the large one too")
    ok(wait_for(lambda: b"Subject: mixed" in e.box()), "and that for both")
    is_(e.box().count(b"Subject: mixed"), 1, "once")
    ok(b"Final-Recipient" not in e.box() and wait_for(lambda: not s.rows("queue", "list")), "nothing is left")


if not can_run(SMTPD, "-h"):
    skip("OpenSMTPD is not there, or this is not root")
    done()
e = Peer("opensmtpd", CONF, USERS, SMTPD + " -d -f {d}/conf", SETUP, tree=TREE)
try:
    certificate(e.d, "mx.smtpd.example")
    e.mkdir("box", BOXER)
    ok(e.start(), "OpenSMTPD is there")
    names = Dns({("smtpd.example", "MX"): [mx(10, "mx.smtpd.example")], ("mx.smtpd.example", "A"): [a("127.0.0.1")]})
    with Suite(conf='resolver 127.0.0.1@%d\nallow-private-addresses\ntransport "out" direct port %d no-ipv6\n'
                    'route transport "out"\nretry first { 1h }\n' % (names.port, e.port)) as s:
        play(s, e)
finally:
    e.stop()
done()
