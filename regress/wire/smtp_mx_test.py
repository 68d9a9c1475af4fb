#!/usr/bin/env python3
"""Mail from outside on the wire: what ends a message, groups of commands, TLS, chunks, limits."""
import os
import select
import signal
import smtplib
import socket
import ssl
import time

from suite import DOMAIN, PASSWORD, Suite, done, is_, ok, wait_for
from thin import fetch_all

AFTER = (b"MAIL FROM:<smug@x.example>\r\nRCPT TO:<alice@letterlock.test>\r\nDATA\r\n"
         b"Subject: smuggled\r\n\r\nx\r\n.\r\n")


class Raw:
    """A connection without manners."""

    def __init__(self, port, greet=True):
        self.s = socket.create_connection(("127.0.0.1", port), 60)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.f = self.s.makefile("rb")
        if greet:
            self.reply()

    def send(self, data):
        self.s.sendall(data)

    def reply(self):
        """Code of the next reply, 0 at the end."""
        self.lines = ""
        while True:
            try:
                line = self.f.readline()
            except OSError:
                return 0
            if not line:
                return 0
            self.lines += line.decode(errors="replace")
            if line[3:4] != b"-":
                return int(line[:3])

    def tls(self, ca):
        ctx = ssl.create_default_context(cafile=ca)
        self.s = ctx.wrap_socket(self.s, server_hostname="localhost")
        self.f = self.s.makefile("rb")

    def drip(self, data, times):
        """Again and again, slowly, until something is said: is it?"""
        while times > 0 and not select.select([self.s], [], [], 0.2)[0]:
            self.send(data)
            times -= 1
        return times > 0

    def say(self, data):
        self.send(data if isinstance(data, bytes) else data.encode())
        return self.reply()

    def rest(self):
        """Codes of all that comes until the end."""
        out = []
        while True:
            c = self.reply()
            if c == 0:
                return out
            out.append(c)

    def envelope(self, rcpt="alice@letterlock.test"):
        return [self.say("EHLO x.example\r\n"), self.say("MAIL FROM:<a@x.example>\r\n"),
                self.say("RCPT TO:<%s>\r\n" % rcpt)]

    def close(self):
        self.s.close()


def smuggling(s):
    rows = [("LF.LF", b"\n.\n"), ("LF.CRLF", b"\n.\r\n"), ("CRLF.LF", b"\r\n.\n"), ("CR.CR", b"\r.\r"),
            ("CR.LF", b"\r.\n"), ("CRLF.CR X", b"\r\n.\rX"), ("CRLF.CRCRLF", b"\r\n.\r\r\n"),
            ("CRCRLF.CRCRLF", b"\r\r\n.\r\r\n"), ("NUL", b"\r\n\0.\r\n")]
    for name, seq in rows:
        for how in ("at once", "in octets", "with a pause"):
            c = Raw(s.smtp)
            c.envelope()
            c.say("DATA\r\n")
            data = b"Subject: first\r\n\r\ntext" + seq + AFTER
            if how == "at once":
                c.send(data)
            elif how == "in octets":
                for i in range(len(data)):
                    try:
                        c.send(data[i:i + 1])
                    except OSError:
                        break
            else:
                at = len(data) - len(AFTER)
                c.send(data[:at])
                time.sleep(0.05)
                c.send(data[at:])
            is_(c.rest(), [550], "%s does not end a message, %s" % (name, how))
            c.close()
    is_(len(fetch_all(s, "alice")), 0, "nothing of that was delivered")


def groups(s):
    # so that it does so however slow it is, nobody can greet it meanwhile
    pids = [r["pid"] for r in s.rows("status") if r["role"] == "smtpd"]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    c = Raw(s.smtp, greet=False)
    c.send(b"EHLO early.example\r\n")
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    is_(c.rest(), [554], "a client that talks first")
    c.close()
    c = Raw(s.smtp)
    c.send(b"EHLO x.example\r\nMAIL FROM:<a@x.example>\r\n")
    is_(c.rest(), [554], "EHLO with something behind it")
    c = Raw(s.smtp)
    c.envelope()
    c.send(b"DATA\r\nSubject: x\r\n\r\n.\r\n")
    is_(c.rest(), [554], "DATA with a message behind it")
    c = Raw(s.smtp)
    c.say("EHLO x.example\r\n")
    c.send(b"MAIL FROM:<a@x.example>\r\nRCPT TO:<nobody@letterlock.test>\r\n"
           b"RCPT TO:<x@elsewhere.example>\r\nDATA\r\n")
    is_([c.reply() for _ in range(4)], [250, 550, 550, 554], "a group without a valid recipient")
    c.close()
    c = Raw(s.smtp)
    is_(c.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), 554, "a browser")
    is_(c.rest(), [], "is sent away")


def tls(s):
    c = Raw(s.smtp)
    c.say("EHLO x.example\r\n")
    c.send(b"STARTTLS\r\nEHLO injected.example\r\n")
    is_(c.rest(), [554], "octets behind STARTTLS")
    c = Raw(s.smtp)
    c.envelope()
    is_(c.say("RSET\r\n"), 250, "RSET")
    is_(c.say("STARTTLS\r\n"), 220, "STARTTLS")
    c.tls(s.ca)
    is_(c.say("MAIL FROM:<a@x.example>\r\n"), 503, "after STARTTLS nothing from before counts")
    is_(c.say("EHLO x.example\r\n"), 250, "EHLO again")
    ok("STARTTLS" not in c.lines, "does not offer it again")
    is_(c.say("STARTTLS\r\n"), 503, "nor is it taken")
    c.send(b"MAIL FROM:<a@x.example>\r\nRCPT TO:<bob@letterlock.test>\r\n")
    is_([c.reply(), c.reply(), c.say("DATA\r\n"), c.say("Subject: tls\r\n\r\n.\r\n")], [250, 250, 354, 250],
        "a message over TLS")
    c.close()
    got = wait_for(lambda: fetch_all(s, "bob"))
    ok(got and " with ESMTPS id " in got[0] and "TLSv1" in got[0], "Received says so")


def chunks(s):
    c = Raw(s.smtp)
    c.envelope("bob@letterlock.test")
    body = b"Subject: chunks\r\n\r\n\r\n.\r\nnot the end\r\n"
    c.send(b"BDAT 20\r\n" + body[:20])
    is_(c.reply(), 250, "a chunk")
    c.send(b"BDAT %d LAST\r\n" % (len(body) - 20) + body[20:])
    is_(c.reply(), 250, "the last chunk")
    ok(fetch_all(s, "bob")[-1].endswith(body.decode()), "is the message, dots and all")
    c.send(b"BDAT 30\r\nMAIL FROM:<a@x.example>\r\nxxxxx")
    is_(c.reply(), 503, "a chunk that nobody asked for")
    is_(c.say("NOOP\r\n"), 250, "is swallowed to its end")
    big = b"Subject: big\r\n\r\n" + b"0123456789abcdef" * 4 * 1024 * 160 + b"\r\n"
    c.say("MAIL FROM:<a@x.example> SIZE=%d\r\n" % len(big))
    c.say("RCPT TO:<bob@letterlock.test>\r\n")
    c.send(b"BDAT %d LAST\r\n" % len(big) + big)
    is_(c.reply(), 250, "10 MB in one chunk")
    c.close()
    got = fetch_all(s, "bob")[-1]
    ok(got.endswith(big.decode()) and len(got) < len(big) + 1000, "and all of it is there")


def large(s):
    c = smtplib.SMTP("127.0.0.1", s.smtp)
    body = "Subject: dots\r\n\r\n" + "".join("." * (i % 5) + "line %d\r\n" % i for i in range(50000))
    is_(c.sendmail("a@x.example", ["alice@" + DOMAIN], body), {}, "a message with many dots")
    got = fetch_all(s, "alice")[-1]
    ok(got.endswith(body), "comes out as it went in")
    c.close()


def several(s):
    names = ["alice", "bob", "carol", "dave", "erin"]
    before = {n: len(fetch_all(s, n)) for n in names}
    c = smtplib.SMTP("127.0.0.1", s.smtp)
    is_(c.sendmail("a@x.example", [n + "@" + DOMAIN for n in names + ["alice"]], "Subject: all\r\n\r\n"), {},
        "five recipients")
    c.close()
    good = wait_for(lambda: all(len(fetch_all(s, n)) == before[n] + 1 for n in names))
    ok(good, "each has it once")


def utf8(s):
    s.ctl("address", "add", "bob", "b\u00f6b@" + DOMAIN)
    c = Raw(s.smtp)
    c.say("EHLO x.example\r\n")
    is_(c.say("MAIL FROM:<\u00e9@x.example>\r\n"), 553, "UTF-8 without SMTPUTF8")
    is_(c.say("MAIL FROM:<\u00e9@x.example> SMTPUTF8 BODY=8BITMIME\r\n"), 250, "with SMTPUTF8")
    is_(c.say("RCPT TO:<b\u00f6b@letterlock.test>\r\n"), 250, "a recipient in UTF-8")
    c.say("DATA\r\n")
    is_(c.say("Subject: \u00e9\r\n\r\n\u00e9\r\n.\r\n"), 250, "a message in UTF-8")
    c.close()
    ok(" with UTF8SMTP id " in fetch_all(s, "bob")[-1], "Received says so")


def loops(s):
    for n, want in ((100, 250), (101, 554)):
        c = Raw(s.smtp)
        c.envelope()
        c.say("DATA\r\n")
        is_(c.say("Received: x\r\n" * n + "Subject: s\r\n\r\n.\r\n"), want, "%d Received fields" % n)
        c.close()


def within(s, lines):
    """Where these lines lead to, on a connection that was not too slow for its timeout."""
    def there():
        c = Raw(s.smtp)
        try:
            if all(c.say(l) in (250, 354) for l in lines):
                return c
        except OSError:
            pass
        c.close()
        return None
    return wait_for(there)


def limits():
    conf = "limits { message-size 20000 recipients 3 errors 5 junk 5 commands 40 "
    with Suite(conf=conf + "}") as s:
        c = Raw(s.smtp)
        c.say("EHLO x.example\r\n")
        is_(c.say("MAIL FROM:<a@x.example> SIZE=20001\r\n"), 552, "SIZE over the limit")
        is_([c.say("MAIL FROM:<a@x.example>\r\n"), c.say("RCPT TO:<alice@letterlock.test>\r\n"),
             c.say("DATA\r\n"), c.say("x" * 30000 + "\r\n.\r\n")], [250, 250, 354, 552],
            "more octets than the limit")
        is_(c.say("NOOP\r\n"), 250, "the session goes on")
        c.close()
        c = Raw(s.smtp)
        c.send(b"XYZZY\r\n")
        is_(c.rest(), [500], "whose first word is none is sent away")
        c = Raw(s.smtp)
        c.say("EHLO x.example\r\n")
        c.send(b"XYZZY\r\n" * 10)
        is_(c.rest(), [500] * 6 + [421], "errors")
        c = Raw(s.smtp)
        c.say("EHLO x.example\r\n")
        c.send(b"NOOP\r\n" * 10)
        is_(c.rest(), [250] * 6 + [421], "commands that do nothing")
        s.write_conf(s.base + conf + "timeout 2 data-rate 100000 }")
        s.ctl("reload")
        c = within(s, ["EHLO x.example\r\n"])
        ok(c.drip(b"N", 150), "a command that comes an octet at a time has the time of one command")
        is_(c.rest(), [421], "then the connection ends")
        c = within(s, ["EHLO x.example\r\n", "MAIL FROM:<a@x.example>\r\n",
                       "RCPT TO:<alice@letterlock.test>\r\n", "DATA\r\n"])
        ok(c.drip(b"slow\r\n", 150), "a message slower than the least rate is cut off")
        is_(c.rest(), [421], "and the connection ends")
        is_(len(fetch_all(s, "alice")), 0, "and not delivered")


with Suite(accounts=("alice", "bob", "carol", "dave", "erin")) as suite:
    smuggling(suite)
    groups(suite)
    tls(suite)
    chunks(suite)
    large(suite)
    several(suite)
    utf8(suite)
    loops(suite)
limits()
done()
