#!/usr/bin/env python3
"""The bounds of an IMAP connection: each at its value and one beyond, before login and
after; what is refused is swallowed, never executed, and takes no memory; nobody has to
wait behind another's costly commands."""
import os
import re
import socket
import threading

from hard_auth import ImapAuth, Scram, b64, plain
from imapbox import login
from raw import Imap
from suite import DOMAIN, PASSWORD, Suite, diag, done, is_, ok, sanitized, skip, wait_for

ALICE, BOB, LONG = "alice@" + DOMAIN, "bob@" + DOMAIN, "long@" + DOMAIN
LINE, LITERAL, LITERALS, COUNT, COMMANDS = 8192, 4096, 8192, 4, 200		# imapd/front.h
LINE_IN, LITERALS_IN, COUNT_IN = 65536, 1 << 20, 1000			# imapd/store.c
EVIL = b"x LOGOUT\r\n"
SECRET = "p" * 1024							# PRECIS_PASSWORD_MAX


def padded(n, before, after):
    """A command of n octets with its CRLF, "a" its tag."""
    return before + b"y" * (n - len(before) - len(after) - 2) + after + b"\r\n"


def said(c, octets, tag=b"a"):
    """What comes up to the tagged answer, a "+", or the end."""
    c.send(octets)
    return c.until(tag)


def answered(c, name, octets, want):
    """Everything in one go: the answer, no "+", and nothing of it was a command."""
    got = said(c, octets)
    after = said(c, b"z NOOP\r\n", b"z")
    ok(re.match(want, got[-1]) and len(after) == 1 and after[0].startswith(b"z OK "), name) or diag([g[:200] for g in got], after)
    c.close()


# ---- before login ----

def ids(*literals):
    """ID with these literals, non-synchronising."""
    return b'a ID ("n"' + b"".join(b" {%d+}\r\n%s" % (len(x), x) for x in literals) + b")\r\n"


def split(n):
    """Lines of n octets together, a literal between them."""
    first = b'a ID ("x" {1+}\r\n'
    return first + b"y" + padded(n - len(first), b' "n" "', b'")')


BEFORE = [
    ("a line of 8,192", padded(LINE, b'a ID ("x" "', b'")'), rb"a OK "),
    ("a line of 8,193", padded(LINE + 1, b'a ID ("x" "', b'")'), rb"a BAD command line too long"),
    ("a line of 1 MiB", padded(1 << 20, b"a NOOP ", b""), rb"a BAD command line too long"),
    ("8,192 around a literal", split(LINE), rb"a OK "),
    ("8,193 around a literal", split(LINE + 1), rb"a BAD command line too long"),
    ("a line too long that announces what was a command", padded(LINE + 50, b"a NOOP ", b" {10+}") + EVIL + b"\r\n", rb"a BAD command line too long"),
    ("a response at once that is too long", padded(LINE + 1, b"a AUTHENTICATE PLAIN ", b""), rb"a BAD command line too long"),
    ("a literal of 4,096", ids(b"v" * LITERAL), rb"a OK "),
    ("a literal of 4,097", ids(b"v" * (LITERAL + 1)), rb"a (NO|BAD) \[TOOBIG\]|a BAD "),
    ("a literal of 4,097 of commands", ids(EVIL * 410), rb"a (NO \[TOOBIG\]|BAD) "),
    ("literals of 8,192 together", ids(b"v" * 4096, b"w" * 4096), rb"a (OK|BAD (?!\[)) ?"),
    ("literals of 8,193 together", ids(b"v" * 4096, b"w" * 4096, b"x"), rb"a (NO|BAD) \[TOOBIG\]"),
    ("the third of three has commands", ids(b"v" * 4096, b"w" * 4096, EVIL), rb"a (NO|BAD) \[TOOBIG\]"),
    ("4 literals", ids(b"a", b"b", b"c"), rb"a OK "),
    ("5 literals", ids(b"a", b"b", b"c", b"d", EVIL), rb"a BAD too many literals"),
    ("100 literals", ids(*[EVIL] * 100), rb"a BAD too many literals"),
    ("a literal of 4 GiB", b"a LOGIN {4294967296}\r\n", rb"a (NO|BAD) \[TOOBIG\]"),
    ("a literal of 8 EiB", b"a LOGIN {9223372036854775807}\r\n", rb"a (NO|BAD) \[TOOBIG\]"),
    ("more than a number", b"a LOGIN {9223372036854775808}\r\n", rb"a BAD malformed literal size"),
    ("LITERAL- is LITERAL+", b"a ID (\"x\" {5-}\r\n", rb"a BAD "),
    ("a literal8 is none here", b"a ID (\"x\" ~{3+}\r\nabc)\r\n", rb"a BAD "),
    ("nested once", b"a ID ((\"x\" \"y\"))\r\n", rb"a BAD "),
    ("a tag of 255", b"a" * 255 + b" NOOP\r\n", rb"a{255} OK "),
    ("a tag of 256", b"a" * 256 + b" NOOP\r\n", rb"\* BAD "),
]


def before(s):
    for name, octets, want in BEFORE:
        c = Imap(s.imap)
        if name == "4 literals":		# one more, so that there is an even number
            octets = b'a ID ({1+}\r\nn {1+}\r\na {1+}\r\nb {1+}\r\nc)\r\n'
        if name.startswith("a tag"):
            c.send(octets)
            got = c.response()
            ok(re.match(want, got), "before login: " + name) or diag(got[:300])
            c.close()
        else:
            answered(c, "before login: " + name, octets, want)
    c = Imap(s.imap)
    c.send(b"a LOGIN {18446744073709551617+}\r\n" + EVIL)
    is_(c.rest(), b"* BYE malformed literal size\r\n", "before login: more than a number, not waiting")
    c.close()
    for tls in (None, s.ca):
        what = "TLS" if tls else "clear"
        c = Imap(s.imaps if tls else s.imap, tls=tls)
        got = said(c, b"a AUTHENTICATE PLAIN\r\n")
        is_(got[0][:1], b"+", "before login, %s: a challenge" % what)
        answered(c, "before login, %s: a response of 8,192" % what, b"Q" * 8188 + b"=x\r\n", rb"a BAD malformed")
        for n in (LINE + 1, 100000, 3 << 20):
            c = Imap(s.imaps if tls else s.imap, tls=tls)
            said(c, b"a AUTHENTICATE PLAIN\r\n")
            answered(c, "before login, %s: a response of %d" % (what, n), b"Q" * (n - 2) + b"\r\n", rb"a BAD malformed")
        c = Imap(s.imaps if tls else s.imap, tls=tls)
        c.send(b"".join(b"n%d NOOP\r\n" % i for i in range(COMMANDS + 50)))
        got = c.rest()
        ok(got.count(b" OK ") == COMMANDS and got.endswith(b"* BYE too many commands without a login\r\n"),
           "before login, %s: %d commands, then the end" % (what, COMMANDS)) or diag(got.count(b" OK "), got[-200:])
        c.close()
    c = Imap(s.imap)
    for i in range(COMMANDS // 2):
        said(c, b"a AUTHENTICATE PLAIN\r\n")
        said(c, b"*\r\n")
        said(c, b"a CAPABILITY\r\n")
    is_(said(c, b"a NOOP\r\n")[0], b"* BYE too many commands without a login\r\n", "before login: exchanges that are broken off count")
    c.close()


def largest(s):
    """What a login may need at most goes through."""
    c = Imap(s.imap)
    ok(c.cmd([b"LOGIN {%d}" % len(LONG), LONG.encode() + b" {1024}", SECRET.encode()])[1].startswith(b"OK"), "LOGIN with a password of 1,024")
    c.close()
    c = ImapAuth(s)
    ok(re.match(c.ok, c.begin("PLAIN", plain(LONG, SECRET, LONG))[0]), "PLAIN with a password of 1,024")
    c.close()
    for n, want in ((1000, ImapAuth.ok), (1100, "(NO|BAD) ")):
        c = ImapAuth(s)
        m = Scram(LONG, SECRET, nonce="r" * n, gs2="n,a=%s," % LONG)
        got = c.begin("SCRAM-SHA-256", m.first())
        if got[0] == "more":
            got = c.step(m.final(got[1]))
        if got[0] == "more":
            got = c.raw("")
        ok(re.match(want, got[0]), "SCRAM with a nonce of %d" % n) or diag(got)
        c.close()
    # As large as a name can be: nobody's, but heard.
    name = "=2C" * 512
    c = ImapAuth(s)
    first = "n,a=%s,n=%s,r=%s" % (name, name, "r" * 1000)
    c.begin("SCRAM-SHA-256")
    got = c.step(first)
    ok(len(b64(first)) < LINE and (got[0] == "more" or re.match("(NO|BAD) ", got[0])), "the largest response is none that is too long") or diag(got)
    ok(c.alive() if got[0] != "more" else c.raw("*")[0].startswith("BAD"), "and the connection lives")
    c.close()


# ---- memory ----

def held(s, role):
    """KiB that this process has written to, and that it has asked for."""
    with open("/proc/%d/smaps_rollup" % s.pid(role)) as f:
        dirty = int(re.search(r"Private_Dirty: +(\d+)", f.read()).group(1))
    with open("/proc/%d/status" % s.pid(role)) as f:
        return dirty, int(re.search(r"VmData:\s+(\d+)", f.read()).group(1))


def kept(s, role, name, clients, each):
    """They are all there, and what they said takes at most so many KiB each."""
    was = held(s, role)
    conns = [c() for c in clients]
    c = Imap(s.imap, ALICE if role == "store" else None, PASSWORD)
    for i in range(60):			# so many turns of its loop, and more
        c.cmd(b"NOOP")
    conns.append(c)
    grown = [(now - before) / len(conns) for now, before in zip(held(s, role), was)]
    ok(sanitized() or grown[0] < each and grown[1] < 2 * each, "%s: at most %d KiB each" % (name, each))
    diag("%.1f, %.1f KiB each" % tuple(grown))
    for c in conns:
        c.close()


def unread(s, octets):
    """Says it and reads nothing; gone on when all of it is with the other side."""
    c = Imap.__new__(Imap)
    c.s = socket.socket()
    c.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    c.s.settimeout(60)
    c.s.connect(("127.0.0.1", s.imap))
    c.buf, c.n = b"", 0
    c.greeting = c.response()
    c.send(octets)
    return c


def announced(port, user, octets):
    def go():
        c = Imap(port, user, PASSWORD if user else None)
        c.send(octets)
        return c
    return go


def memory(s):
    n = 40
    warm = [announced(s.imap, None, b"a ID (\"x\" {4096+}\r\n" + b"y" * 4000)() for i in range(n)]
    for c in warm:
        c.close()
    for name, octets, each in (
            ("4 GiB announced", b"a LOGIN {4294967296+}\r\n" + b"x" * 60000, 16),
            ("4 KiB announced", b"a LOGIN {4096}\r\n", 16),
            ("a line without an end", b"a NOOP " + b"x" * 200000, 24),
            ("a response without an end", b"a AUTHENTICATE PLAIN\r\n" + b"x" * 200000, 24)):
        kept(s, "front", "before login: " + name, [announced(s.imap, None, octets)] * n, each)
    kept(s, "front", "before login: answers that nobody reads", [lambda: unread(s, b"a CAPABILITY\r\n" * 199)] * n, 64)
    for name, octets, each in (
            ("1 MiB announced", b"a SEARCH TEXT {1048576}\r\n", 24),
            ("4 GiB announced", b"a SEARCH TEXT {4294967296+}\r\n" + b"x" * 60000, 64),
            ("a message of 50 MiB announced", b"a APPEND INBOX {50000000}\r\n", 64),
            ("a line without an end", b"a NOOP " + b"x" * 200000, 96)):
        kept(s, "store", "after login: " + name, [announced(s.imap, ALICE, octets)] * n, each)


# ---- after login ----

def search(depth, word=b"NOT (%s)"):
    out = b"ALL"
    for i in range(depth):
        out = word % out
    return b"SEARCH " + out


def many(n, item, sep=b" "):
    return sep.join(item % i if b"%d" in item else item for i in range(n))


# (name, octets, what comes); what is refused is refused whole
AFTER = [
    ("a line of 65,536", padded(LINE_IN, b'a SEARCH SUBJECT "', b'"'), rb"a OK "),
    ("a line of 65,537", padded(LINE_IN + 1, b'a SEARCH SUBJECT "', b'"'), rb"a BAD command line too long"),
    ("a literal of 1 MiB", b"a SEARCH SUBJECT {%d+}\r\n%s\r\n" % (LITERALS_IN, b"y" * LITERALS_IN), rb"a (OK|BAD|NO) "),
    ("a literal of 1 MiB and one", b"a SEARCH SUBJECT {%d+}\r\n%s\r\n" % (LITERALS_IN + 1, b"y" * (LITERALS_IN + 1)), rb"a NO \[TOOBIG\]"),
    ("commands in a literal that is refused", b"a SEARCH SUBJECT {1100000+}\r\n%s\r\n" % (EVIL * 110000), rb"a NO \[TOOBIG\]"),
    ("literals too large together", b"a SEARCH SUBJECT {1048570+}\r\n%s SUBJECT {10+}\r\n%s\r\n" % (b"y" * 1048570, EVIL), rb"a NO \[TOOBIG\]"),
    ("a literal of 4 GiB", b"a SEARCH SUBJECT {4294967296}\r\n", rb"a NO \[TOOBIG\]"),
    ("1,001 literals", b"a SEARCH " + b"SUBJECT {10+}\r\n%s " % EVIL * 1001 + b"ALL\r\n", rb"a (NO|BAD) "),
    ("APPEND to none, commands within", b"a APPEND nothere {1000+}\r\n%s\r\n" % (EVIL * 100), rb"a NO \[TRYCREATE\]"),
    ("APPEND too large, commands within", b"a APPEND INBOX {100000000}\r\n", rb"a NO \[TOOBIG\]"),
    ("APPEND with a bad flag, commands within", b"a APPEND INBOX (\\Foo) {1000+}\r\n%s\r\n" % (EVIL * 100), rb"a (BAD|NO) "),
    ("APPEND of 501 messages", b"a APPEND INBOX" + b" {1+}\r\nx" * 501 + b"\r\n", rb"a (BAD|NO) "),
    ("SEARCH 24 times two deep", b"a " + search(24) + b"\r\n", rb"a OK "),
    ("SEARCH 26 times two deep", b"a " + search(26) + b"\r\n", rb"a (BAD|NO) "),
    ("SEARCH OR 60 deep", b"a " + search(60, b"OR ALL %s") + b"\r\n", rb"a (BAD|NO) "),
    ("SEARCH of 900 keys", b"a SEARCH " + many(900, b"SEEN") + b"\r\n", rb"a OK "),
    ("SEARCH of 1,001 keys", b"a SEARCH " + many(1001, b"SEEN") + b"\r\n", rb"a (BAD|NO) "),
    ("SORT of 1,000 keys", b"a SORT (" + many(1000, b"DATE") + b") UTF-8 ALL\r\n", rb"a (OK|BAD|NO) "),
    ("SORT 60 deep", b"a SORT (DATE) UTF-8 " + search(60)[7:] + b"\r\n", rb"a (BAD|NO) "),
    ("THREAD 60 deep", b"a THREAD REFERENCES UTF-8 " + search(60)[7:] + b"\r\n", rb"a (BAD|NO) "),
    ("FETCH 1 ((", b"a FETCH 1 " + b"(" * 1000 + b"UID" + b")" * 1000 + b"\r\n", rb"a BAD "),
    ("FETCH of 64 sections", b"a FETCH 1 (" + many(64, b"BODY.PEEK[%d]") + b")\r\n", rb"a (OK|NO|BAD) "),
    ("FETCH of 65 sections", b"a FETCH 1 (" + many(65, b"BODY.PEEK[1.1]") + b")\r\n", rb"a (BAD|NO) "),
    ("FETCH of 257 fields", b"a FETCH 1 BODY.PEEK[HEADER.FIELDS (" + many(257, b"x%d") + b")]\r\n", rb"a (BAD|NO) "),
    ("FETCH 101 deep", b"a FETCH 1 BODY.PEEK[" + many(101, b"1", b".") + b"]\r\n", rb"a (BAD|NO) "),
    ("FETCH of 10,001 ranges", b"a FETCH " + many(10001, b"%d", b",").replace(b"0,", b"", 1) + b" UID\r\n", rb"a (BAD|OK|NO) "),
    ("STORE of 10,000 flags", b"a STORE 1 +FLAGS (" + many(6000, b"k%d") + b")\r\n", rb"a (BAD|NO) "),
    ("STORE of a keyword too long", b"a STORE 1 +FLAGS (" + b"k" * 65 + b")\r\n", rb"a (BAD|NO) "),
    ("LIST of 16 patterns", b'a LIST "" (' + many(16, b"x%d*") + b")\r\n", rb"a OK "),
    ("LIST of 17 patterns", b'a LIST "" (' + many(17, b"x%d*") + b")\r\n", rb"a (BAD|NO) "),
    ("LIST of parentheses", b'a LIST ' + b"(" * 1000 + b"\r\n", rb"a BAD "),
    ("LIST with a pattern of 60,000", b'a LIST "" "' + b"%*a" * 20000 + b'"\r\n', rb"a (OK|BAD|NO) "),
    ("LIST with a reference of 60,000", b'a LIST "' + b"%*a" * 20000 + b'" *\r\n', rb"a (OK|BAD|NO) "),
    ("STATUS of 5,000 items", b"a STATUS INBOX (" + many(5000, b"MESSAGES") + b")\r\n", rb"a (OK|BAD|NO) "),
    ("ENABLE of 5,000", b"a ENABLE " + many(5000, b"x%d") + b"\r\n", rb"a (OK|BAD|NO) "),
    ("GETMETADATA of 101", b'a GETMETADATA "" (' + many(101, b"/private/x%d") + b")\r\n", rb"a (BAD|NO) "),
    ("a tag of 255", None, None),
]


def after(s):
    for name, octets, want in AFTER:
        c = Imap(s.imap, ALICE, PASSWORD)
        if octets is None:
            for n, want in ((255, rb"a{255} OK "), (256, rb"\* BAD malformed tag")):
                c.send(b"a" * n + b" NOOP\r\n")
                got = c.response()
                ok(re.match(want, got), "after login: a tag of %d" % n) or diag(got[:300])
            c.close()
            continue
        c.cmd(b"SELECT INBOX")
        answered(c, "after login: " + name, octets, want)
    c = Imap(s.imap, ALICE, PASSWORD)
    is_(c.cmd(b"STATUS INBOX (MESSAGES)")[0][0], b"* STATUS INBOX (MESSAGES 1)\r\n", "after login: nothing was stored")
    c.close()


# ---- one and another ----

TIMES = 40
COSTLY = [
    ("SEARCH of all text", b"SEARCH BODY zq"), ("SORT", b"SORT (REVERSE SUBJECT FROM DATE) UTF-8 BODY zq"),
    ("THREAD", b"THREAD REFERENCES UTF-8 BODY zq"), ("FETCH of structure", b"FETCH 1:* (ENVELOPE BODYSTRUCTURE)"),
    ("STORE", b"STORE 1:* FLAGS (\\Seen $a)"), ("FETCH of bodies", b"FETCH 1:* BODY.PEEK[]<0.2000>"),
]


class Greedy(threading.Thread):
    """Wants the same over and over, and reads all that comes."""

    def __init__(self, s, cmd, times):
        super().__init__()
        self.c, self.finished, self.text, self.times = Imap(s.imap, BOB, PASSWORD), 0, cmd, times
        self.c.cmd(b"SELECT INBOX")

    def begin(self):
        self.c.send(b"".join(b"y%d " % i + self.text + b"\r\n" for i in range(self.times)))
        self.start()

    def run(self):
        tail = b""
        while self.c.more():
            text, self.c.buf = tail + self.c.buf, b""
            tail = text[text.rfind(b"\n") + 1:]
            self.finished += len(re.findall(rb"(?m)^y\d+ (?:OK|NO|BAD)[^\n]*\n", text))

    def end(self):
        self.c.s.shutdown(socket.SHUT_RDWR)
        self.join()
        self.c.close()


def fair(s):
    m = login(s, "bob")
    for i in range(50):
        m.append("INBOX", None, None, b"Subject: %d\r\nFrom: a@b.example\r\n\r\n" % i + b"so many words in a row, again\r\n" * 1000)
    m.select("INBOX")
    for i in range(3):
        m.copy("1:*", "INBOX")
        m.noop()
    m.logout()
    for name, cmd in COSTLY:
        for who in (ALICE, BOB):
            for times in TIMES, 4 * TIMES, 16 * TIMES:		# we may be slow to ask
                c, o = Greedy(s, cmd, times), Imap(s.imap, who, PASSWORD)
                o.cmd(b"SELECT INBOX")
                c.begin()
                good = all(o.cmd(b"NOOP")[1].startswith(b"OK") for i in range(3))
                n = c.finished
                o.close()
                c.end()
                if not good or n < times:
                    break
            ok(good and n < times, "%s without end: another %sis heard meanwhile" % (name, "" if who is ALICE else "session "))
            diag("%d of %d done" % (n, times))


CONF = """
limits { connections-address 1000 connections-prefix 1000 login-failures 100 }
processes front 1
processes store 1
"""

with Suite(conf=CONF) as suite:
    suite.ctl("account", "add", "long", LONG, input=SECRET + "\n")
    pids = {(r["role"], r["instance"]): r["pid"] for r in suite.rows("status") if r["role"] != "relay"}
    before(suite)
    largest(suite)
    a = Imap(suite.imap, ALICE, PASSWORD)
    a.append(b"INBOX", b"Subject: x\r\n\r\nx\r\n")
    a.close()
    after(suite)
    if os.geteuid() == 0:
        memory(suite)
    else:
        skip("what is held: only root sees that of another process")
    fair(suite)
    is_({(r["role"], r["instance"]): r["pid"] for r in suite.rows("status") if r["role"] != "relay"}, pids, "no process was started again")
    log = suite.logged()
    ok("Sanitizer" not in log and "runtime error" not in log, "nothing of the sanitizers")
done()
