#!/usr/bin/env python3
"""A hundred clients ask for everything of a large mailbox and read none of it: what is
held for them is bounded, others are served, and who begins to read gets all of it."""
import os
import re
import socket
import ssl

from imapbox import login
from suite import DOMAIN, PASSWORD, Suite, diag, done, is_, ok, sanitized, skip, wait_for

CLIENTS = 100
DOUBLED = 6
BOUND = 1024		# KiB held for each; the answer has 25 MB
TEXT = b"Subject: a message\r\n\r\n" + b"so many words that are the same ones\r\n" * 100


class Deaf:
    """Reads what it must to log in, in small pieces, and nothing of the answer."""

    def __init__(self, s, tls):
        self.s = socket.socket()
        self.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.s.settimeout(60)
        self.s.connect(("127.0.0.1", s.imaps if tls else s.imap))
        if tls:
            self.s = ssl.create_default_context(cafile=s.ca).wrap_socket(self.s, server_hostname="localhost")
        self.f = self.s.makefile("rb", 512)
        self.f.readline()
        self.cmd(b"LOGIN alice@%s %s" % (DOMAIN.encode(), PASSWORD.encode()))
        self.cmd(b"SELECT INBOX")

    def cmd(self, text):
        self.s.sendall(b"x " + text + b"\r\n")
        while True:
            l = self.f.readline()
            if l.startswith(b"x ") or not l:
                return l

    def ask(self):
        self.s.sendall(b"y FETCH 1:* (UID ENVELOPE BODY.PEEK[])\r\n")
        return self.f.readline().startswith(b"* 1 FETCH ")

    def rest(self):
        """How many messages come after all."""
        n, last = 1, b""
        while not last.startswith(b"y "):
            last = self.f.readline()
            if not last:
                return None
            n += b"ENVELOPE" in last[:80]
        return n


def held(s):
    """KiB that stores and fronts have for themselves."""
    n = 0
    for r in s.rows("status"):
        if r["role"] in ("store", "front"):
            with open("/proc/%d/smaps_rollup" % r["pid"]) as f:
                n += int(re.search(r"Private_Dirty: +(\d+)", f.read()).group(1))
    return n


def settled(s):
    """When it grows no more."""
    seen = [held(s)]

    def still():
        seen.append(held(s))
        return len(seen) > 10 and max(seen[-8:]) - min(seen[-8:]) < 256
    wait_for(still, 60, 0.1)
    return seen[-1]


with Suite(conf="limits {\n\tconnections-address 1000\n\tconnections-prefix 1000\n}\n") as s:
    m = login(s, "alice")
    for i in range(100):
        m.append("INBOX", None, None, TEXT)
    m.select("INBOX")
    for i in range(DOUBLED):
        m.copy("1:*", "INBOX")
        m.noop()
    n = int(m.select("INBOX")[1][0])
    m.fetch("1:*", "(UID FLAGS)")
    is_(n, 100 << DOUBLED, "messages in the mailbox")
    clients = [Deaf(s, i % 2 == 1) for i in range(CLIENTS)]
    may_see = os.geteuid() == 0		# what another process has
    before = held(s) if may_see else 0
    ok(all([c.ask() for c in clients]), "%d ask for all of them" % CLIENTS)
    if may_see:
        after = settled(s)
        ok(sanitized() or after - before < BOUND * CLIENTS, "at most %d KiB are held for each" % BOUND)
        diag("%d KiB for each" % ((after - before) / CLIENTS))
    else:
        skip("at most %d KiB are held for each: only root sees that" % BOUND)
    for what in ("alice", "bob"):
        o = login(s, what)
        ok(o.append("INBOX", None, None, TEXT)[0] == "OK" and o.select("INBOX")[0] == "OK" and
           o.fetch("1", "(BODY[])")[1][0][1] == TEXT and o.store("1", "+FLAGS", "\\Flagged")[0] == "OK",
           "%s is served meanwhile" % what)
        o.logout()
    for i in (0, 1):
        is_(clients[i].rest(), n, "who reads gets all of it, %s" % ("TLS" if i else "in clear"))
    for c in clients:
        c.f.close()
        c.s.close()
    m.logout()
    ok(wait_for(lambda: not s.rows("sessions", "list")), "they end")
    is_({r["state"] for r in s.rows("status") if r["role"] in ("store", "front")}, {"ready"}, "all is well")
done()
