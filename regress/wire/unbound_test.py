#!/usr/bin/env python3
"""DNS as it is on a real network: zones with nsd, asked through unbound.  MX in
order, a CNAME, addresses alone, no such domain, no mail wanted, and the resolver
away for a while."""
import email
import imaplib
import smtplib

from realdns import NEEDS, RealDns
from smtpsink import Sink
from suite import DOMAIN, PASSWORD, Suite, diag, done, ok, run, skip, wait_for

ALICE = "alice@" + DOMAIN
ZONE = """$ORIGIN far.example.
$TTL 60
@       IN SOA ns hostmaster 1 3600 600 86400 60
@       IN NS ns
ns      IN A 127.0.0.1
@       IN MX 20 mx2
@       IN MX 10 mx1
mx1     IN A 127.1.1.1
mx2     IN A 127.0.0.1
alias   IN CNAME @
bare    IN A 127.0.0.1
null    IN MX 0 .
late    IN A 127.0.0.1
"""


def submit(s, to):
    c = smtplib.SMTP("127.0.0.1", s.submission)
    c.login(ALICE, PASSWORD)
    c.sendmail(ALICE, [to], "From: %s\r\nSubject: for %s\r\n\r\nA line.\r\n" % (ALICE, to))
    c.quit()


def report(s, count):
    """The status part of the count-th message of alice."""
    def look():
        m = imaplib.IMAP4("127.0.0.1", s.imap)
        m.login(ALICE, PASSWORD)
        n = int(m.select("INBOX", readonly=True)[1][0])
        d = m.fetch(str(count), "(BODY.PEEK[])")[1][0][1] if n >= count else None
        m.logout()
        return d
    d = wait_for(look)
    m = email.message_from_bytes(d) if d else None
    return m.get_payload()[1].as_string() if m and m.get_content_type() == "multipart/report" else ""


def arrives(s, sink, to):
    submit(s, to)
    if not ok(wait_for(lambda: any("for " + to in repr(m) for m in sink.messages)), "mail for %s arrives" % to):
        diag(s.ctl("queue", "list"))
        diag(s.logged()[-2000:])


if not all(map(run, NEEDS)):
    skip("nsd and unbound are not here")
    done()
servers = RealDns({"far.example": ZONE})
try:
    sink = Sink()
    conf = ('resolver 127.0.0.1@%d\nallow-private-addresses\nretry first { 0, 2s, 4s, 6s, 8s, 12s, 20s, 40s } every 60s\n'
            'transport "out" direct port %d\nroute transport "out"\n' % (servers.port, sink.port))
    with Suite(conf) as s:
        for to in ("x@far.example", "x@alias.far.example", "x@bare.far.example"):
            arrives(s, sink, to)
        for n, (to, status) in enumerate((("x@none.far.example", "Status: 5.1.2"),
                                          ("x@null.far.example", "Status: 5.1.10")), 1):
            submit(s, to)
            r = report(s, n)
            if not ok(status in r, "mail for %s comes back with %s" % (to, status)):
                diag(r)
        servers.away()
        submit(s, "x@late.far.example")
        ok(wait_for(lambda: [r for r in s.rows("queue", "list") if r["attempts"] >= 1]),
           "the resolver is away: it is tried again")
        servers.start()
        ok(wait_for(lambda: any("for x@late" in repr(m) for m in sink.messages)),
           "and arrives when it is back")
        ok(wait_for(lambda: not s.rows("queue", "list")), "nothing is left")
finally:
    servers.stop()
done()
