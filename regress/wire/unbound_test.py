#!/usr/bin/env python3
"""DNS as it is on a real network: zones with nsd, asked through unbound.  MX in
order, a CNAME, addresses alone, no such domain, no mail wanted, and the resolver
away for a while."""
import email
import imaplib
import os
import shutil
import smtplib
import subprocess
import tempfile

from smtpsink import Sink
from suite import DOMAIN, PASSWORD, Suite, diag, done, free_ports, ok, run, skip, wait_for

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


class Servers:
    """nsd and unbound, with all they keep in a directory of their own."""

    def __init__(self):
        self.dir = d = tempfile.mkdtemp(prefix="letterlock-dns-")
        os.chmod(d, 0o755)
        self.zone_port, self.port = free_ports(2)
        self.write("far.example", ZONE)
        self.write("nsd.conf", """server:
\tip-address: 127.0.0.1@%d
\tusername: ""
\tchroot: ""
\tzonesdir: "%s"
\tdatabase: ""
\tpidfile: "%s/nsd.pid"
\txfrdfile: "%s/xfrd"
\txfrdir: "%s"
\tzonelistfile: "%s/zones"
\tserver-count: 1
remote-control:
\tcontrol-enable: no
zone:
\tname: far.example
\tzonefile: far.example
""" % (self.zone_port, d, d, d, d, d))
        self.write("unbound.conf", """server:
\tinterface: 127.0.0.1@%d
\tdo-daemonize: no
\tusername: ""
\tchroot: ""
\tdirectory: "%s"
\tpidfile: ""
\tuse-syslog: no
\tdo-not-query-localhost: no
\tmodule-config: "iterator"
\tcache-max-ttl: 0
remote-control:
\tcontrol-enable: no
stub-zone:
\tname: "far.example"
\tstub-addr: 127.0.0.1@%d
""" % (self.port, d, self.zone_port))
        self.nsd = self.spawn("nsd", "-d", "-c", d + "/nsd.conf")
        self.unbound = None
        self.start()

    def write(self, name, text):
        with open(self.dir + "/" + name, "w") as f:
            f.write(text)

    def spawn(self, name, *args):
        log = open("%s/%s.log" % (self.dir, name), "ab")
        return subprocess.Popen([run(name)] + list(args), stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def start(self):
        self.unbound = self.spawn("unbound", "-d", "-c", self.dir + "/unbound.conf")

    def away(self):
        self.unbound.terminate()
        self.unbound.wait(10)

    def stop(self):
        for p in self.unbound, self.nsd:
            p.terminate()
            p.wait(10)
        shutil.rmtree(self.dir, ignore_errors=True)


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
    d = wait_for(look, 20)
    m = email.message_from_bytes(d) if d else None
    return m.get_payload()[1].as_string() if m and m.get_content_type() == "multipart/report" else ""


def arrives(s, sink, to):
    submit(s, to)
    if not ok(wait_for(lambda: any("for " + to in repr(m) for m in sink.messages), 20), "mail for %s arrives" % to):
        diag(s.ctl("queue", "list"))
        diag(s.logged()[-2000:])


if not run("nsd") or not run("unbound"):
    skip("nsd and unbound are not here")
    done()
servers = Servers()
try:
    sink = Sink()
    conf = ('resolver 127.0.0.1@%d\nallow-private-addresses\nretry first { 0, 2s, 4s, 6s, 8s, 10s, 12s }\n'
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
        ok(wait_for(lambda: [r for r in s.rows("queue", "list") if r["attempts"] >= 1], 60),
           "the resolver is away: it is tried again")
        servers.start()
        ok(wait_for(lambda: any("for x@late" in repr(m) for m in sink.messages), 60),
           "and arrives when it is back")
        ok(wait_for(lambda: not s.rows("queue", "list"), 10), "nothing is left")
finally:
    servers.stop()
done()
