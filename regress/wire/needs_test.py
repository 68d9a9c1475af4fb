#!/usr/bin/env python3
"""What a caged process needs from outside was opened before: charsets, names in
DNS, a database that was left by a crash."""
import imaplib
import smtplib
import socketserver
import threading

from dns import Dns, a, mx
from suite import DOMAIN, PASSWORD, Suite, diag, done, is_, ok, wait_for

ALICE = "alice@" + DOMAIN


class Sink(socketserver.StreamRequestHandler):
    """A mail server that takes everything."""
    got = []

    def handle(self):
        self.wfile.write(b"220 sink ESMTP\r\n")
        for line in self.rfile:
            verb = line.split(b" ")[0].strip().upper()
            if verb == b"DATA":
                self.wfile.write(b"354 go\r\n")
                text = b""
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    text += line
                self.got.append(text)
            self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
            if verb == b"QUIT":
                return


def serve():
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Sink)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def login(s):
    m = imaplib.IMAP4("127.0.0.1", s.imap)
    m.login(ALICE, PASSWORD)
    if m.select("INBOX")[0] != "OK":
        raise imaplib.IMAP4.error("SELECT")
    return m


def charset(s, coding, word):
    """Searched in its own charset, found in another."""
    m = login(s)
    text = ("Subject: %s\r\nContent-Type: text/plain; charset=%s\r\n\r\n" % (coding, coding)).encode()
    m.append("INBOX", None, None, text + word.encode(coding) + b"\r\n")
    m.literal = word.encode("utf-8")
    found = m.search("UTF-8", "SUBJECT", coding, "TEXT")[1][0].split()
    is_(len(found), 1, "a charset: %s" % coding)
    m.logout()


def submit(s, to, subject):
    with smtplib.SMTP("127.0.0.1", s.submission) as c:
        c.login(ALICE, PASSWORD)
        c.sendmail(ALICE, [to], "From: %s\r\nSubject: %s\r\n\r\nx\r\n" % (ALICE, subject))


def sent(subject):
    return any(subject.encode() in t for t in Sink.got)


def names(s, d):
    submit(s, "x@direct.example", "by-mx")
    ok(wait_for(lambda: sent("by-mx")), "a name in DNS: MX, then A")
    ok(("direct.example", "MX") in d.asked and ("mx.direct.example", "A") in d.asked,
       "the name server was asked")
    submit(s, "x@alias.example", "by-alias")
    ok(wait_for(lambda: sent("by-alias")), "a name that is another's alias")
    submit(s, "x@nowhere.example", "by-nothing")
    ok(wait_for(lambda: any(x == ("nowhere.example", "MX") for x in d.asked)), "a name that is not")
    d.zone["later.example", "MX"] = None
    submit(s, "x@later.example", "by-failure")
    ok(wait_for(lambda: any(x == ("later.example", "MX") for x in d.asked)) and not sent("by-failure"),
       "a name server that fails")


def recovered(s):
    for role in "store", "auth", "queued", "lookup", "keys":
        old = s.kill(role, 0)
        ok(wait_for(lambda: s.pid(role, 0) not in (None, 0, old) and
                    all(r["state"] == "ready" for r in s.rows("status"))), "%s is born again" % role)
    m = wait_for(lambda: try_login(s))
    is_(len(m.search(None, "SUBJECT", "KOI8-R")[1][0].split()), 1, "a recovery: the mail is there")
    m.logout()
    charset(s, "ISO-8859-2", "žluťoučký")
    submit(s, "x@direct.example", "after-all")
    ok(wait_for(lambda: sent("after-all")), "and mail leaves again")


def reloaded(s):
    """Another resolver, by a reload: in the cage."""
    other = Dns({("reloaded.example", "MX"): [mx(10, "mx.reloaded.example")],
                 ("mx.reloaded.example", "A"): [a("127.0.0.1")]})
    with open(s.conf) as f:
        text = f.read()
    s.write_conf(text.replace("@%d" % d.port, "@%d" % other.port))
    r = s.ctl_run("reload")
    is_(r.returncode, 0, "a reload with another resolver")
    diag(r.stderr)
    submit(s, "x@reloaded.example", "after-reload")
    ok(wait_for(lambda: sent("after-reload")), "it is the one that is asked")
    s.write_conf(s.base + 'trust-anchor "/nonexistent"\n')
    r = s.ctl_run("reload")
    ok(r.returncode != 0 and "restart" in r.stderr, "another trust anchor needs a restart")


def try_login(s):
    try:
        return login(s)
    except (imaplib.IMAP4.error, OSError) as e:
        diag(e)
        return None


CONF = """
resolver 127.0.0.1@%d
allow-private-addresses
transport "out" direct port %d
route transport "out"
"""

d = Dns({("direct.example", "MX"): [mx(10, "mx.direct.example")],
         ("mx.direct.example", "A"): [a("127.0.0.1")],
         ("alias.example", "CNAME"): [b"\6direct\7example\0"],
         ("example", "SOA"): [b""]})
with Suite(conf=CONF % (d.port, serve())) as s:
    for coding, word in (("KOI8-R", "привет"), ("ISO-2022-JP", "日本語"), ("Big5", "中文"),
                         ("windows-1252", "naïve"), ("EUC-KR", "한국어")):
        charset(s, coding, word)
    names(s, d)
    recovered(s)
    reloaded(s)
done()
