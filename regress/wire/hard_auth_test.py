#!/usr/bin/env python3
"""Hostile and unusual logins over SMTP and IMAP: the tables of AUTH and AUTHENTICATE,
base64, SCRAM out of order, names and passwords in several spellings, one client that
disturbs no other."""
import re
import threading
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import suite as tap
from hard_auth import ImapAuth, Scram, Smtp, b64, finish, plain
from raw import Raw
from suite import DOMAIN, PASSWORD, Suite, done, wait_for

ALICE, BOB, NOBODY = "alice@" + DOMAIN, "bob@" + DOMAIN, "nobody@" + DOMAIN
SHA = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-1": "sha1"}


local = threading.local()


def ok(cond, text):
    """A line of TAP, now or when the rows that run together are done."""
    if getattr(local, "said", None) is None:
        return tap.ok(cond, text)
    local.said.append((tap.ok, bool(cond), text))
    return bool(cond)


def diag(*what):
    for w in what:
        if getattr(local, "said", None) is None:
            tap.diag(w)
        else:
            local.said.append((tap.diag, w))


def is_(got, want_, text):
    return ok(got == want_, text) or diag("got %r" % (got,), "want %r" % (want_,))


def together(tasks):
    """Many at once, since every refusal waits for a while; their lines in order."""
    def one(task):
        local.said = []
        try:
            task()
        except Exception as e:
            ok(False, "no exception: %r" % e)
        return local.said
    with ThreadPoolExecutor(40) as pool:
        for said in pool.map(one, tasks):
            for fn, *args in said:
                fn(*args)


def want(name, got, pattern):
    """The reply to the last step."""
    r = got[0] if isinstance(got, tuple) else got
    ok(re.match(pattern, r), name) or diag("got %r, want %r" % (got, pattern))


def table(s, P):
    name = P.__name__
    rows = [
        ("F1 PLAIN", "PLAIN", plain(ALICE, PASSWORD), P.ok),
        ("F7 PLAIN, the same authzid", "PLAIN", plain(ALICE, PASSWORD, ALICE), P.ok),
        ("PLAIN in small letters", "plain", plain(ALICE, PASSWORD), P.ok),
        ("F20 a wrong password", "PLAIN", plain(ALICE, "wrong"), P.bad),
        ("F20 nobody", "PLAIN", plain(NOBODY, "wrong"), P.bad),
        ("F7 PLAIN, another's authzid", "PLAIN", plain(ALICE, PASSWORD, BOB), P.bad + r"|NO \[AUTHORIZATIONFAILED\]"),
        ("F7 PLAIN, nobody's authzid", "PLAIN", plain(ALICE, PASSWORD, "admin"), P.bad + r"|NO \[AUTHORIZATIONFAILED\]"),
        ("F5 one NUL", "PLAIN", "user\0pass", P.parameter),
        ("F5 no NUL", "PLAIN", "userpass", P.parameter),
        ("F5 three NULs", "PLAIN", "\0user\0pa\0ss", P.parameter),
        ("F5 an empty name", "PLAIN", plain("", "pass"), P.bad + "|" + P.malformed),
        ("F5 an empty password", "PLAIN", plain(ALICE, ""), P.bad + "|" + P.malformed),
        ("F5 nothing", "PLAIN", "", P.malformed + "|" + P.bad),
        ("F5 invalid UTF-8", "PLAIN", b"\0\xff\xfe\0pass", P.bad + "|" + P.malformed),
        ("F5 an invalid password", "PLAIN", b"\0" + ALICE.encode() + b"\0\xc3", P.bad + "|" + P.malformed),
        ("F5 controls in a password", "PLAIN", plain(ALICE, "a\x01b"), P.bad + "|" + P.malformed),
        ("an account's name", "PLAIN", plain("alice", PASSWORD), P.bad),
        ("no such mechanism", "KERBEROS_V4", None, P.unknown),
        ("EXTERNAL is not offered", "EXTERNAL", "", P.unknown + "|" + P.bad + "|" + P.tls),
        ("PLUS without TLS", "SCRAM-SHA-256-PLUS", "n,,n=x,r=12345678", P.unknown + "|" + P.tls),
    ]

    def at_once(what, mech, initial, pattern):
        c = P(s)
        want("%s %s" % (name, what), c.begin(mech, initial), pattern)
        ok(c.alive() or pattern == P.ok and P is ImapAuth, "%s %s, and the session goes on" % (name, what))
        c.close()

    def challenged(what, mech, initial, pattern):
        c = P(s)
        got = c.begin(mech)
        if got[0] == "more":
            is_(got[1], b"", "%s %s: an empty challenge" % (name, what))
            got = c.step(initial)
        want("%s %s, by a challenge" % (name, what), got, pattern)
        c.close()

    def garbage(text):
        c = P(s)
        want("%s F3 AUTH PLAIN %r" % (name, text), c.begin_raw("PLAIN " + text),
             P.parameter + "|" + P.bad if text == "=" else P.base64)
        ok(c.alive(), "%s F3 the session goes on" % name)
        c.close()
        if text == "=":
            return
        c = P(s)
        c.begin("PLAIN")
        want("%s F3 a response %r" % (name, text), c.raw(text), P.base64)
        ok(c.alive(), "%s F3 the session goes on" % name)
        want("%s F3 and can log in" % name, c.begin("PLAIN", plain(ALICE, PASSWORD)), P.ok)
        c.close()

    def aborts():
        c = P(s)
        c.begin("PLAIN")
        want(name + " F2 *", c.raw("*"), P.aborted)
        ok(c.alive(), name + " F2 the session goes on")
        c.begin("SCRAM-SHA-256", "n,,n=x,r=abcdefghij")
        want(name + " F2 * within SCRAM", c.raw("*"), P.aborted + "|" + P.bad)
        want(name + " F2 and then a login", c.begin("PLAIN", plain(ALICE, PASSWORD)), P.ok)
        want(name + " a second login", c.begin("PLAIN", plain(ALICE, PASSWORD)), "503 5.5.1 |NO ")
        c.close()

    def logins(what, steps, pattern):
        c = P(s)
        got = c.begin("LOGIN")
        prompts = []
        for x in steps:
            if got[0] == "more":
                prompts.append(got[1].lower().rstrip(b"\0"))
                got = c.step(x)
        want("%s LOGIN %s" % (name, what), got, pattern)
        if what == "F8":
            ok(prompts[0].startswith(b"user") and prompts[1].startswith(b"password"), name + " LOGIN's prompts") or diag(prompts)
        c.close()

    def login_at_once():
        c = P(s)
        got = c.begin("LOGIN", ALICE)
        is_(got[0], "more", name + " F8 LOGIN with a name at once")
        want(name + " F8 and the password", c.step(PASSWORD), P.ok)
        c.close()
        c = P(s)
        c.begin("LOGIN", ALICE)
        want(name + " F8 * instead of the password", c.raw("*"), P.aborted)
        ok(c.alive(), name + " F8 goes on")
        c.close()

    def long_lines():
        data = plain(NOBODY, "x" * (9216 - len(NOBODY) - 2))
        c = P(s)
        c.begin("PLAIN")
        want(name + " D3 12288 octets", c.raw(b64(data)), P.bad + "|" + P.malformed)
        ok(c.alive(), name + " D3 the session goes on")
        c.close()
        c = P(s)
        want(name + " D3 12288 octets at once", c.begin("PLAIN", data), P.bad + "|" + P.malformed)
        ok(c.alive(), name + " D3 the session goes on")
        c.close()
        for n in (20000, 1000000):
            c = P(s)
            c.begin("PLAIN")
            c.c.send(b"QUFB" * (n // 4) + b"\r\n")
            got = c.c.reply() if P is Smtp else c.c.response().decode()
            ok(re.match(r"500 5.5.6 |a BAD |a NO |\* BYE |501 ", got), "%s D3 %d octets" % (name, n)) or diag(got[:200])
            c.close()

    def command(user, password):
        c = P(s)
        want("IMAP LOGIN of %s" % user, c.login_command(user, password), P.bad)
        c.close()

    tasks = []
    for row in rows:
        tasks.append(lambda row=row: at_once(*row))
        if row[2]:
            tasks.append(lambda row=row: challenged(*row))
    for text in ("!!!!", "AHVz ZXI=", "QQ", "QQ=", "QQ===", "Q", "QUJ\x0bD", "QR==", "=", "==", "\x80\x81", "QQ==QQ==", "AHVzZXIAcGFzcw== x"):
        tasks.append(lambda text=text: garbage(text))
    for row in [("F8", [ALICE, PASSWORD], P.ok), ("F8 wrong", [ALICE, "wrong"], P.bad), ("F8 nobody", [NOBODY, "x"], P.bad),
                ("F8 an empty name", ["", "x"], P.bad + "|" + P.malformed), ("F8 empty", [ALICE, ""], P.bad + "|" + P.malformed)]:
        tasks.append(lambda row=row: logins(*row))
    tasks += [aborts, login_at_once, long_lines]
    if P is ImapAuth:
        tasks += [lambda: command(NOBODY, "x"), lambda: command(ALICE, "x")]
    return tasks


def scrams(s, P):
    name = P.__name__
    bad = P.bad + "|" + P.malformed + "|" + P.unknown + "|535 5.7.7 "
    either = P.ok + "|" + bad
    firsts = [
        ("F12 y where there is no PLUS", dict(gs2="y,,"), P.ok), ("F7 the same authzid", dict(gs2="n,a=%s," % ALICE), either),
        ("F7 another's authzid", dict(gs2="n,a=%s," % BOB), bad), ("F12 p= without TLS", dict(gs2="p=tls-exporter,,"), bad),
        ("F12 p=foo", dict(gs2="p=foo,,"), bad), ("F12 another flag", dict(gs2="x,,"), bad), ("F12 no flag", dict(gs2=",,"), bad),
        ("F14 an empty nonce", dict(nonce=""), bad), ("F14 a short nonce", dict(nonce="abc"), either),
        ("F14 a nonce of controls", dict(nonce="abcdefgh\x01"), bad), ("F14 a nonce beyond ASCII", dict(nonce="abcdefghé"), bad),
        ("F14 a long nonce", dict(nonce="n" * 9000), either), ("F15 m=", dict(gs2="n,,m=x,"), bad),
        ("F15 an extension behind", dict(after=",a=1,b=2"), either), ("F15 n= twice", dict(gs2="n,,n=x,"), bad),
        ("an = in the name", dict(name="a=b"), bad), ("an empty name", dict(gs2="n,,n=,r=abcdefghij,"), bad),
        ("F20 nobody", dict(user=NOBODY), P.bad), ("a wrong password", dict(password="wrong"), P.bad),
    ]
    finals = [
        ("F12 another c=", dict(cbind=b64("y,,"))), ("F12 no c=", dict(cbind="")), ("F12 c= of PLUS", dict(cbind=b64("p=tls-exporter,,x"))),
        ("F12 c= that is not base64", dict(cbind="!!")), ("F12 c= longer", dict(cbind=b64("n,,x"))),
        ("F14 another nonce", dict(nonce="abcdefghijklmnopqrstuvwxyz")),
        ("F17 p= of nothing", dict(proof=lambda p: b"")), ("F17 p= of 19", dict(proof=lambda p: p[:19])), ("F17 p= of 31", dict(proof=lambda p: p[:31])),
        ("F17 p= of 33", dict(proof=lambda p: p + b"x")), ("F17 p= of 6400", dict(proof=lambda p: p * 200)),
        ("F17 a bit of p=", dict(proof=lambda p: bytes([p[0] ^ 1]) + p[1:])), ("F15 m= in the final", dict(before="m=1,")),
    ]

    def right(mech, digest):
        c = P(s)
        x = Scram(ALICE, PASSWORD, digest)
        got = c.begin(mech, x.first())
        ok(got[1].startswith(b"r=" + x.nonce.encode()) and len(got[1].split(b",")[0]) > len(x.nonce) + 2, "%s %s server-first" % (name, mech))
        said, got = finish(c, c.step(x.final(got[1])))
        is_(said, x.v, "%s %s the server proves itself" % (name, mech))
        want("%s %s" % (name, mech), got, P.ok)
        c.close()

    def first(what, how, pattern):
        c = P(s)
        x = Scram(**dict(dict(user=ALICE, password=PASSWORD), **how))
        got = c.begin("SCRAM-SHA-256", x.first())
        if got[0] == "more" and got[1].startswith(b"r="):
            got = c.step(x.final(got[1]))
        said, got = finish(c, got)
        want("%s SCRAM %s" % (name, what), got, pattern)
        ok(pattern != bad or c.alive(), "%s SCRAM %s, goes on" % (name, what))
        c.close()

    def words(text):
        c = P(s)
        said, got = finish(c, c.begin("SCRAM-SHA-256", text))
        want("%s SCRAM F15 first %.25r" % (name, text), got, bad)
        c.close()

    def final(what, how):
        replies = []
        for user in (ALICE, NOBODY):
            c = P(s)
            x = Scram(user, PASSWORD)
            got = c.begin("SCRAM-SHA-256", x.first())
            said, got = finish(c, c.step(x.final(got[1], **how)))
            replies.append((said, got[0]))
            c.close()
        want("%s SCRAM %s" % (name, what), replies[0][1], bad)
        is_(replies[1][1], replies[0][1], "%s SCRAM %s: nobody is refused as somebody" % (name, what))

    def again():
        c, d = P(s), P(s)
        x = Scram(ALICE, PASSWORD)
        fin = x.final(c.begin("SCRAM-SHA-256", x.first())[1])
        finish(c, c.step(fin))
        d.begin("SCRAM-SHA-256", x.first())
        said, got = finish(d, d.step(fin))
        want(name + " SCRAM F17 a final again", got, bad)
        c.close()
        d.close()

    def invented():
        fs = []
        for user in (NOBODY, NOBODY, ALICE):
            c = P(s)
            x = Scram(user, "x")
            x.final(c.begin("SCRAM-SHA-256", x.first())[1])
            fs.append((x.f["s"], x.f["i"]))
            c.close()
        ok(fs[0] == fs[1] and fs[2][1] == fs[0][1] and len(fs[2][0]) == len(fs[0][0]), name + " SCRAM F20 an invented salt looks like one and stays")

    def same(mech, answers):
        got = []
        for u in (ALICE, NOBODY, "x@elsewhere.example", "carol@" + DOMAIN):
            c = P(s)
            r = c.begin(mech)
            n = 0
            for a in answers(u):
                r = c.step(a)
                n += 1
            got.append((n, r))
            c.close()
        is_(got, got[:1] * len(got), "%s %s F20 unknown, foreign, disabled and wrong: the same words" % (name, mech))

    def disabled():
        c = P(s)
        want(name + " a disabled account says why, to who knows the password", c.begin("PLAIN", plain("carol@" + DOMAIN, PASSWORD)),
             "525 5.7.13 closed for now|NO closed for now")
        c.close()

    tasks = [lambda row=row: right(*row) for row in SHA.items()]
    tasks += [lambda row=row: first(*row) for row in firsts]
    tasks += [lambda t=t: words(t) for t in ("n,,r=abcdefghij,n=x", "n,,n=x", "n,,", "", "n,n=x,r=abcdefghij", "n=x,r=abcdefghij", "\0",
                                             "n,,n=x,r=" + "a" * 8000 + "\0", "n" * 9000)]
    tasks += [lambda row=row: final(*row) for row in finals]
    tasks += [again, invented, lambda: same("PLAIN", lambda u: [plain(u, "x")]), lambda: same("LOGIN", lambda u: [u, "x"]), disabled]
    return tasks


NFC, NFD = "Å-motörhead", unicodedata.normalize("NFD", "Å-motörhead")


def spellings(s):
    s.ctl("account", "add", "ulf", "ülf@bücher.test", input=NFC + "\n")
    s.ctl("account", "add", "uta", "uta@" + DOMAIN, input=NFD + "\n")
    names = ["ülf@bücher.test", unicodedata.normalize("NFD", "ülf@bücher.test"), "ülf@xn--bcher-kva.test", "ÜLF@BÜCHER.TEST",
             "ülf@XN--BCHER-KVA.TEST", "ülf+tag@bücher.test", "Ülf@Bücher.Test"]
    for P in (Smtp, ImapAuth):
        for n in names:
            c = P(s)
            want("%s F30 %r" % (P.__name__, n), c.begin("PLAIN", plain(n, NFC)), P.ok)
            c.close()
        for n, p in ((names[0], NFD), ("uta@" + DOMAIN, NFC), ("uta@" + DOMAIN, NFD)):
            c = P(s)
            want("%s F30 a password in another form" % P.__name__, c.begin("PLAIN", plain(n, p)), P.ok)
            c.close()
            c = P(s)
            got = c.begin("LOGIN")
            for a in (n, p):
                got = c.step(a)
            want("%s F30 by LOGIN" % P.__name__, got, P.ok)
            c.close()
        c = P(s)
        x = Scram(names[0], NFC)
        said, got = finish(c, c.step(x.final(c.begin("SCRAM-SHA-256", x.first())[1])))
        want("%s F30 by SCRAM" % P.__name__, got, P.ok)
        c.close()
        c = P(s)
        said, got = finish(c, c.begin("SCRAM-SHA-256", Scram(names[1], NFC).first()))
        want("%s F30 by SCRAM the client composes" % P.__name__, got, P.bad + "|" + P.malformed)
        c.close()
        c = P(s)
        want("%s F30 a space more" % P.__name__, c.begin("PLAIN", plain("uta@" + DOMAIN, NFC + " ")), P.bad)
        c.close()
    c = ImapAuth(s)
    want("IMAP LOGIN in UTF-8", c.login_command("uta@" + DOMAIN, NFD), "OK ")
    c.close()
    c = Raw(s.smtp)
    c.say("EHLO c.example\r\n")
    c.say("MAIL FROM:<a@c.example> SMTPUTF8\r\n")
    for a in ("ülf@xn--bcher-kva.test", unicodedata.normalize("NFD", "ülf@bücher.test"), "ÜLF@BÜCHER.TEST"):
        ok(c.say("RCPT TO:<%s>\r\n" % a).startswith("250 2.1.5"), "a recipient %r" % a)
    c.close()


def undisturbed(s):
    """What one client sends is nothing to another whose login is under way."""
    for P in (Smtp, ImapAuth):
        waiting = []
        for i in range(10):
            c = P(s)
            x = Scram(BOB, PASSWORD)
            waiting.append((c, x, c.begin("SCRAM-SHA-256", x.first())[1]))
        for i in range(30):
            for text in ("!!!!", "QQ=", "\x80", "*"):
                c = P(s)
                c.begin("PLAIN")
                c.raw(text)
                c.close()
            c = P(s)
            c.c.send("AUTH SCRAM-SHA-256 bm8=\r\n" if P is Smtp else "a AUTHENTICATE SCRAM-SHA-256 bm8=\r\n")
            c.close()
        good = 0
        for c, x, first in waiting:
            said, got = finish(c, c.step(x.final(first)))
            good += bool(re.match(P.ok, got[0]))
            c.close()
        is_(good, 10, P.__name__ + " F3 ten logins under way, none disturbed by another's garbage")


def away(s):
    """auth dies within an exchange."""
    for P in (Smtp, ImapAuth):
        c = P(s)
        x = Scram(ALICE, PASSWORD)
        first = c.begin("SCRAM-SHA-256", x.first())[1]
        d = P(s)
        d.begin("PLAIN", plain(BOB, PASSWORD))
        s.kill("auth")
        said, got = finish(c, c.step(x.final(first)))
        want(P.__name__ + " F28 auth went away", got, P.away)

        def again():
            e = P(s)
            r = e.begin("PLAIN", plain(ALICE, PASSWORD))
            e.close()
            return re.match(P.ok, r[0])
        ok(wait_for(again), P.__name__ + " F28 and is back")
        ok(d.alive(), P.__name__ + " F28 who was logged in stays so")
        ok(wait_for(lambda: re.match(P.ok, c.begin("PLAIN", plain(ALICE, PASSWORD))[0]) or not c.alive()),
           P.__name__ + " F28 the connection is of use again, or ends")
        c.close()
        d.close()


def limits(s):
    """Three failures end a connection."""
    c = Smtp(s)
    got = [c.begin("PLAIN", plain(ALICE, "wrong"))[0][:3] for i in range(3)]
    is_((got, c.c.reply()[:9]), (["535"] * 3, "421 4.7.0"), "Smtp three failures, then 421")
    c.close()
    c = ImapAuth(s)
    got = [c.begin("PLAIN", plain(ALICE, "wrong"))[0][:2] for i in range(3)]
    c.c.send("a AUTHENTICATE PLAIN\r\n")
    ok(got == ["NO"] * 3 and c.c.response().startswith(b"* BYE"), "ImapAuth three failures, then BYE")
    c.close()


CONF = 'domain "bücher.test"\nlimits { connections-address 1000 connections-prefix 1000 login-failures-address 100000 }\n'

with Suite(start=False) as suite:
    suite.write_conf(suite.base.replace("limits { login-failures-address 10000 }", "") + CONF)
    suite.start()
    for a in ("alice", "bob", "carol"):
        suite.ctl("account", "add", a, "%s@%s" % (a, DOMAIN), input=PASSWORD + "\n")
    suite.ctl("account", "disable", "carol", "closed for now")
    for proto in (Smtp, ImapAuth):
        together(table(suite, proto) + scrams(suite, proto))
    spellings(suite)
    undisturbed(suite)
    limits(suite)
    away(suite)
    log = suite.logged()
    ok(not any(p in log for p in (NFC, NFD, "motörhead", b64(NFC), "\\0", b64(plain(ALICE, PASSWORD)))), "R6 no password in the log")
    ok(not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", log), "I7 no controls in the log")
    ok("Sanitizer" not in log and "runtime error" not in log, "nothing of the sanitizers")
done()
