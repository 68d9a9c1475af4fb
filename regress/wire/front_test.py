#!/usr/bin/env python3
"""imapd: front between its neighbours: descriptors, a reload in the middle, an
auth that is started again, the end."""
import imaplib
import os
import socket
import ssl
from base64 import b64encode

from suite import DOMAIN, PASSWORD, Suite, done, is_, ok, skip, wait_for

ALICE = "alice@" + DOMAIN


def context(s):
    c = ssl.create_default_context(cafile=s.ca)
    c.check_hostname = False
    return c


def descriptors(s):
    return len(os.listdir("/proc/%d/fd" % s.pid("front", 0)))


def settled(s):
    """How many descriptors, once connections of before are closed."""
    seen = []

    def still():
        seen.append(descriptors(s))
        return len(seen) > 20 and len(set(seen[-20:])) == 1
    wait_for(still)
    return seen[-1]


class Line:
    """A connection, line by line."""
    def __init__(self, s, port, tls):
        self.sock = socket.create_connection(("127.0.0.1", port), 60)
        if tls:
            self.sock = context(s).wrap_socket(self.sock)
        self.f = self.sock.makefile("rb")
        self.get()

    def get(self):
        return self.f.readline()

    def put(self, b):
        self.sock.sendall(b + b"\r\n")
        return self.get()

    def close(self):
        self.f.close()
        self.sock.close()


def no_leak(s):
    c = Line(s, s.imaps, True)
    may_see = os.geteuid() == 0		# what another process has open
    before = settled(s) if may_see else 0
    for i in range(3):
        ok(c.put(b"a AUTHENTICATE PLAIN").startswith(b"+"), "a challenge")
        ok(c.put(b"!").startswith(b"a BAD"), "malformed base64")
    if may_see:
        ok(wait_for(lambda: descriptors(s) <= before), "a login that fails leaves no descriptor")
    else:
        skip("a login that fails leaves no descriptor: only root sees them")
    c.close()


def tolerant(s):
    """What clients in the field write."""
    ir = b64encode(b"\0%s\0%s" % (ALICE.encode(), PASSWORD.encode()))
    for what, lines in (("two spaces", [b"AUTHENTICATE PLAIN  " + ir]),
                        ("more of them", [b"authenticate plain     " + ir + b" "]),
                        ("= for nothing", [b"AUTHENTICATE LOGIN =", b"="])):
        c = Line(s, s.imaps, True)
        got = c.put(b"a " + lines[0])
        for l in lines[1:]:
            ok(got.startswith(b"+ "), what + ": a challenge")
            got = c.put(l)
        ok(got.startswith(b"a NO [AUTHENTICATIONFAILED]" if "=" in what else b"a OK"), what)
        c.close()


def no_aborts_for_ever(s):
    """Each is a line in the log: so many, and the connection ends."""
    c = Line(s, s.imaps, True)
    n = 0
    while n < 100 and c.put(b"a AUTHENTICATE PLAIN").startswith(b"+"):
        c.put(b"*")
        n += 1
    ok(0 < n < 100, "aborted logins are counted")
    c.close()


def reload_between(s):
    c = imaplib.IMAP4("127.0.0.1", s.imap)
    d = socket.create_connection(("127.0.0.1", s.imaps), 60)
    ok("reloaded" in s.ctl("reload") or "reloaded" in s.logged(), "reloaded")
    is_(c.starttls(context(s))[0], "OK", "STARTTLS by who came before the reload")
    is_(c.login(ALICE, PASSWORD)[0], "OK", "and LOGIN")
    with context(s).wrap_socket(d) as t:
        ok(t.recv(100).startswith(b"* OK"), "TLS by who came before the reload")
    c.logout()


def auth_again(s):
    c = imaplib.IMAP4_SSL("127.0.0.1", s.imaps, ssl_context=context(s))
    m = Line(s, s.imaps, True)
    ok(m.put(b"a AUTHENTICATE LOGIN").startswith(b"+"), "in the middle of a login")
    before = s.kill("auth")
    front = s.pid("front", 0)
    ok(wait_for(lambda: s.pid("auth") not in (None, 0, before)), "auth is started again")

    def login():
        try:
            return c.login(ALICE, PASSWORD)[0] == "OK"
        except imaplib.IMAP4.error:
            return False
    ok(wait_for(login), "who was there can log in")
    ok(m.put(b"YQ==").startswith(b"a NO [UNAVAILABLE]"), "the login is over")
    is_(s.pid("front", 0), front, "nobody else ended")
    m.close()
    c.logout()


def stop(s):
    s.own = False
    for i in range(5):		# the machine may stand still for the seconds there are
        c = Line(s, s.imaps, True)
        ok(c.put(b"a LOGIN %s %s" % (ALICE.encode(), PASSWORD.encode())).startswith(b"a OK"), "LOGIN")
        killed = s.logged().count("does not end")
        s.stop()
        bye = c.get()
        if s.logged().count("does not end") == killed:
            break
        s.start()
    ok(bye.startswith(b"* BYE"), "who is logged in hears that it ends")
    ok(s.logged().count("does not end") == killed, "and nobody has to be killed")
    s.own = True


with Suite() as s:
    no_leak(s)
    tolerant(s)
    no_aborts_for_ever(s)
    reload_between(s)
    auth_again(s)
    stop(s)
    s.stop()
done()
