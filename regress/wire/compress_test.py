#!/usr/bin/env python3
"""COMPRESS=DEFLATE (RFC 4978): in clear and under TLS, with IDLE, literals, silence, nonsense."""
import os
import socket
import ssl
import time
import zlib

from imapbox import login
from suite import DOMAIN, PASSWORD, Suite, diag, done, is_, ok, wait_for

BIG = b"Subject: big\r\n\r\n" + b"".join(b"line %d of a text that says the same\r\n" % i for i in range(60000))
NOISE = b"Subject: noise\r\n\r\n" + os.urandom(400000).hex().encode() + b"\r\n"


class Deflated:
    def __init__(self, s, tls):
        self.s = socket.create_connection(("127.0.0.1", s.imaps if tls else s.imap))
        if tls:
            self.s = ssl.create_default_context(cafile=s.ca).wrap_socket(self.s, server_hostname="localhost")
        self.s.settimeout(60)
        self.z = None
        self.have = b""
        self.raw = 0
        self.n = 0
        self.line()

    def more(self):
        got = self.s.recv(65536)
        if not got:
            raise EOFError
        self.raw += len(got)
        self.have += self.z[1].decompress(got) if self.z else got

    def line(self):
        while b"\n" not in self.have:
            self.more()
        l, self.have = self.have.split(b"\n", 1)
        return l.rstrip(b"\r")

    def octets(self, n):
        while len(self.have) < n:
            self.more()
        got, self.have = self.have[:n], self.have[n:]
        return got

    def send(self, octets, slices=0):
        if self.z:
            octets = self.z[0].compress(octets) + self.z[0].flush(zlib.Z_SYNC_FLUSH)
        for i in range(0, len(octets), slices or len(octets)):
            self.s.sendall(octets[i:i + (slices or len(octets))])

    def cmd(self, text, slices=0):
        """Lines, literals in place, and the tagged answer."""
        self.n += 1
        tag = b"c%d" % self.n
        self.send(tag + b" " + text + b"\r\n", slices)
        lines = []
        while True:
            l = self.line()
            while l.endswith(b"}"):
                l += b"\r\n" + self.octets(int(l[l.rindex(b"{") + 1:-1])) + self.line()
            if l.startswith(tag):
                return lines, l[len(tag) + 1:]
            lines.append(l)

    def begin(self):
        self.cmd(b"LOGIN alice@%s %s" % (DOMAIN.encode(), PASSWORD.encode()))
        got = self.cmd(b"COMPRESS DEFLATE")[1]
        self.z = zlib.compressobj(6, zlib.DEFLATED, -15), zlib.decompressobj(-15)
        self.raw = 0
        return got


def session(s, tls):
    what = "TLS" if tls else "clear"
    c = Deflated(s, tls)
    ok(c.begin().startswith(b"OK"), what + ": on")
    ok(b"COMPRESS=DEFLATE" in c.cmd(b"CAPABILITY")[0][0], what + ": announced")
    ok(c.cmd(b"COMPRESS DEFLATE")[1].startswith(b"BAD "), what + ": once")
    for slices in 0, 1, 7:
        ok(c.cmd(b"APPEND INBOX {%d+}\r\n%s" % (len(NOISE) if slices == 0 else 20, NOISE if slices == 0 else NOISE[:20]),
                 slices)[1].startswith(b"OK [APPENDUID"), "%s: a literal, in slices of %d" % (what, slices))
    ok(c.cmd(b"APPEND INBOX {%d+}\r\n%s" % (len(BIG), BIG))[1].startswith(b"OK"), what + ": a large one")
    c.cmd(b"SELECT INBOX")
    c.raw = 0
    n = len(c.cmd(b"SEARCH ALL")[0][0].split()) - 2
    got = c.cmd(b"FETCH %d BODY.PEEK[]" % n)[0][0]
    ok(BIG in got, what + ": comes back")
    ok(c.raw < len(BIG) / 5, what + ": smaller") or diag(c.raw, len(BIG))
    ok(NOISE in c.cmd(b"FETCH %d BODY.PEEK[]" % (n - 3))[0][0], what + ": noise too")
    # several at a time, and what others do while it idles
    c.send(b"".join(b"p%d NOOP\r\n" % i for i in range(200)))
    ok([c.line()[:6] for i in range(200)][-1].startswith(b"p199"), what + ": many at once")
    c.send(b"i IDLE\r\n")
    ok(c.line().startswith(b"+"), what + ": IDLE")
    m = login(s, "alice")
    m.append("INBOX", None, None, b"a: b\r\n\r\n")
    ok(b"EXISTS" in c.line(), what + ": tells")
    m.logout()
    return c


def rested(s, clients):
    """After silence the windows are gone here, not there: both ends refer to what was
    before."""
    time.sleep(11)		# of silence are enough, seen every 5 s
    for c, what in clients:
        c.send(b"DONE\r\n")
        while not c.line().startswith(b"i OK"):
            pass
        for i in range(3):
            ok(BIG in c.cmd(b"FETCH 1:* BODY.PEEK[]")[0][3], "%s: after silence, %d" % (what, i))
        ok(c.cmd(b"LOGOUT")[1].startswith(b"OK"), what + ": good bye")


def ended(c, what):
    try:
        while True:
            c.more()
    except (EOFError, OSError, zlib.error):
        ok(True, what)


def nonsense(s):
    for octets, what in ((b"\xff" * 100, "no DEFLATE"), (zlib.compress(b"x NOOP\r\n"), "with a header"),
                         (b"a NOOP\r\n" * 10, "no compression")):
        c = Deflated(s, False)
        c.begin()
        c.s.sendall(octets)
        ended(c, what + " ends the session")
    # much from little: a line that never ends, a literal that is none
    c = Deflated(s, True)
    c.begin()
    z = zlib.compressobj(9, zlib.DEFLATED, -15)
    try:
        c.s.sendall(z.compress(b"a" * 200000000 + b"\r\n") + z.flush(zlib.Z_SYNC_FLUSH))
    except OSError:
        pass
    ok(c.line().startswith(b"* BAD"), "200 MB in 200 KB: a line too long")
    is_({r["state"] for r in s.rows("status") if r["role"] == "store"}, {"ready"}, "and the store goes on")


with Suite() as s:
    clients = [(session(s, tls), tls and "TLS" or "clear") for tls in (False, True)]
    rested(s, clients)
    nonsense(s)
done()
