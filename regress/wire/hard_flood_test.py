#!/usr/bin/env python3
"""Hostile logins that need a configuration of their own: CRAM-MD5 out of shape and
for who has no verifier for it, octets that are no base64, a cache of passwords that
others would like to use, more passwords to compare than can be, handshakes that
never end."""
import re
import socket
from concurrent.futures import ThreadPoolExecutor

from hard_auth import ImapAuth, Smtp, b64, cram, plain
from raw import Imap, Raw
from suite import DOMAIN, PASSWORD, Suite, diag, done, is_, ok, wait_for

ALICE, BOB, NOBODY = "alice@" + DOMAIN, "bob@" + DOMAIN, "nobody@" + DOMAIN
CAROL, DAVE = "carol@" + DOMAIN, "dave@" + DOMAIN
BOTH = (Smtp, ImapAuth)


def try_cram(P, s, answer):
    """The reply to what answer(challenge) says, and how many steps there were."""
    c = P(s)
    got = c.begin("CRAM-MD5")
    steps = 0
    while got[0] == "more" and steps < 3:
        steps += 1
        got = c.step(answer(got[1]))
    c.close()
    return got[0], steps


def at_once(fn, rows):
    """fn of each row; together, since every refusal waits for a while."""
    with ThreadPoolExecutor(32) as pool:
        return list(pool.map(fn, rows))


def want(text, got, pattern):
    ok(re.match(pattern, got[0]), text) or diag("got %r, want %s" % (got, pattern))


def digest(c, user=ALICE, password=PASSWORD):
    return cram(user, password, c).split(" ")[-1]


def shapes(s):
    """F9: the digest is the 32 octets behind the last space, in lower case."""
    rows = [
        ("right", lambda c: cram(ALICE, PASSWORD, c), "ok"),
        ("a wrong password", lambda c: cram(ALICE, "x", c), "bad"),
        ("nobody", lambda c: cram(NOBODY, PASSWORD, c), "bad"),
        ("no digest", lambda c: ALICE, "no"),
        ("31 digits", lambda c: cram(ALICE, PASSWORD, c)[:-1], "no"),
        ("33 digits", lambda c: cram(ALICE, PASSWORD, c) + "0", "no"),
        ("no digits", lambda c: ALICE + " " + "g" * 32, "no"),
        ("upper case", lambda c: ALICE + " " + digest(c).upper(), "no"),
        ("two spaces", lambda c: ALICE + "  " + digest(c), "no"),
        ("no name", lambda c: " " + digest(c), "no"),
        ("a name with a space", lambda c: "al ice " + digest(c), "bad"),
        ("nothing", lambda c: "", "no"),
        ("a NUL behind it", lambda c: cram(ALICE, PASSWORD, c) + "\0", "no"),
        ("a NUL in the name", lambda c: "alice\0 " + digest(c), "no"),
        ("64 KiB", lambda c: "x" * 8000 + " " + digest(c), "no"),
    ]
    for P in BOTH:
        pattern = {"ok": P.ok, "bad": P.bad, "no": "%s|%s|%s" % (P.bad, P.malformed, P.parameter)}
        for (what, answer, how), got in zip(rows, at_once(lambda r: try_cram(P, s, r[1]), rows)):
            want("%s F9 %s" % (P.__name__, what), got, pattern[how])
        seen = []
        for i in range(2):
            try_cram(P, s, lambda c: seen.append(c) or cram(ALICE, "x", c))
        ok(seen[0] != seen[1], "%s F9 a challenge is never the same" % P.__name__)
        want("%s F9 an answer to another's challenge" % P.__name__,
             try_cram(P, s, lambda c: cram(ALICE, PASSWORD, seen[0])), P.bad)


def no_verifier(s):
    """F10: nothing but the words for a wrong password, until there is one."""
    for P in BOTH:
        is_(try_cram(P, s, lambda c: cram(BOB, PASSWORD, c)), try_cram(P, s, lambda c: cram(BOB, "wrong", c)),
            "%s F10 without a verifier the right password is a wrong one" % P.__name__)
    want("F10 PLAIN", Smtp(s).begin("PLAIN", plain(BOB, PASSWORD)), Smtp.ok)
    for P in BOTH:
        ok(wait_for(lambda: try_cram(P, s, lambda c: cram(BOB, PASSWORD, c))[0].startswith(P.ok)),
           "%s F10 which makes one" % P.__name__)


def no_base64(s):
    """F4: nothing but base64 goes further than the process that reads it."""
    good = b64(plain(ALICE, PASSWORD))
    texts = (good[:8] + "\t" + good[8:], good + "\t", good + "\0", good[:8] + "\x01" + good[8:], good[:8] + "\r" + good[8:],
             good + " " + good, good[:-1] + "é", "=" + good, good + "\tresp=x", "\t" + good)

    def one(row):
        P, text, later = row
        c = P(s)
        if later:
            c.begin_raw("PLAIN")
            got = c.raw(text)[0]
        else:
            got = c.begin_raw("PLAIN " + text)[0]
        c.close()
        return (not re.match(P.ok, got) and re.match("501 |BAD |500 |NO ", got)) or (P.__name__, text, got)
    rows = [(P, t, later) for P in BOTH for t in texts for later in (0, 1)]
    wrong = [w for w in at_once(one, rows) if isinstance(w, tuple)]
    ok(not wrong, "F4 octets that are no base64, %d rows" % len(rows))
    diag(*wrong)


def cached(s):
    """F24: a password that was right for one is right for nobody else, and not for
    long."""
    s.ctl("account", "password", "bob", input="another-one\n")
    for P in BOTH:
        for user, password, how in ((ALICE, PASSWORD, P.ok), (BOB, PASSWORD, P.bad), (BOB, "another-one", P.ok),
                                    (ALICE, "another-one", P.bad), (NOBODY, PASSWORD, P.bad), (ALICE, PASSWORD, P.ok)):
            c = P(s)
            want("%s F24 %s, %s" % (P.__name__, user, password), c.begin("PLAIN", plain(user, password)), how)
            c.close()
    s.ctl("account", "password", "bob", input=PASSWORD + "\n")
    for P in BOTH:
        c = P(s)
        want("%s F24 a former password" % P.__name__, c.begin("PLAIN", plain(BOB, "another-one")), P.bad)
        c.close()


def alive(s, m, x):
    """Others, who are logged in, who send mail, whose password is known."""
    good = m.cmd(b"NOOP")[1].startswith(b"OK")
    good = x.say("RSET\r\nMAIL FROM:<x@c.example>\r\n").startswith("250") and x.reply().startswith("250") and good
    good = x.say("RCPT TO:<%s>\r\n" % ALICE).startswith("250") and good
    return good


def flood(s):
    """F23: far more than can be compared; each has another password."""
    m, x = Imap(s.imap, ALICE, PASSWORD), Raw(s.smtp)
    x.say("EHLO c.example\r\n")
    many = []
    for i in range(320):
        for P in BOTH:
            c = P(s)
            many.append((P, c))
    for i, (P, c) in enumerate(many):
        c.c.send("%s PLAIN %s\r\n" % ("AUTH" if P is Smtp else "a AUTHENTICATE", b64(plain(BOB, "no-%d" % i))))
    answered, away = [], []
    for P, c in many:
        c.c.s.setblocking(False)

    def look():
        for P, c in many:
            if c in answered:
                continue
            try:
                got = c.c.s.recv(1000).decode()
            except BlockingIOError:
                continue
            answered.append(c)
            if re.match(P.away, got.replace("a ", "", 1) if P is ImapAuth else got):
                away.append(P)
        return Smtp in away and ImapAuth in away
    ok(wait_for(look), "F23 what is too much is refused for now, on SMTP and IMAP")
    diag("%d answered, %d of them with not now" % (len(answered), len(away)))
    ok(alive(s, m, x), "F23 others go on")
    for P in BOTH:
        c = P(s)			# greeted
        ok(c.alive(), "%s F23 who comes now is heard" % P.__name__)
        c.close()
    for P, source in ((Smtp, "127.0.0.2"), (ImapAuth, "127.0.1.1")):
        c = P(s, source=source)
        c.c.s.settimeout(60)		# its turn is next
        want("%s F23 a first login from %s" % (P.__name__, source), c.begin("PLAIN", plain(CAROL if P is Smtp else DAVE, PASSWORD)), P.ok)
        c.close()
    look()
    ok(len(answered) < len(many), "F23 all that while most of it waits")
    for P, c in many:
        c.close()


def half(s):
    """G4: handshakes that do not end are in nobody's way."""
    many = []
    for port in (s.imaps, s.submissions):
        for octets in (b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00", b"\x16\x03\x01\x40\x00" + b"\x01" * 1000):
            for i in range(20):
                c = socket.create_connection(("127.0.0.1", port))
                try:
                    c.sendall(octets)
                except OSError:
                    pass
                many.append(c)
    for P in BOTH:
        c = P(s, tls=True)
        want("%s G4 a login among 160 handshakes that stay" % P.__name__, c.begin("PLAIN", plain(ALICE, PASSWORD)), P.ok)
        c.close()
    for c in many:
        c.close()
    ok(wait_for(lambda: all(r["state"] == "ready" for r in s.rows("status"))), "G4 and all is well")


CONF = """
limits { connections-address 2000 connections-prefix 2000 }
processes smtpd 1
processes front 1
"""
LIST = " mechanisms { cram-md5, scram-sha-256, plain, login }"

with Suite(conf=CONF, accounts=("alice", "bob", "carol", "dave")) as s:
    base = re.sub(r"(listen on .* (?:submission|imap) .*)", r"\1" + LIST, s.base) + CONF
    s.write_conf(base)
    s.ctl("reload")
    c = Smtp(s)				# from now on there is one for alice
    want("alice by PLAIN", c.begin("PLAIN", plain(ALICE, PASSWORD)), Smtp.ok)
    c.close()
    ok(wait_for(lambda: try_cram(Smtp, s, lambda c: cram(ALICE, PASSWORD, c))[0].startswith("235")), "alice by CRAM-MD5")
    no_verifier(s)
    shapes(s)
    no_base64(s)
    cached(s)
    half(s)
    s.write_conf(base + "iterations 300000\n")
    s.ctl("reload")
    s.ctl("account", "password", "bob", input=PASSWORD + "\n")
    flood(s)
done()
