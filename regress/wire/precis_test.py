#!/usr/bin/env python3
"""Names and passwords in every spelling that is the same, by every mechanism, over IMAP
and submission (RFC 8265, NFC, IDNA); and spellings that are not the same."""
import re
import unicodedata
from concurrent.futures import ThreadPoolExecutor

from hard_auth import ImapAuth, Scram, Smtp, cram, finish, plain
from suite import Suite, diag, done, is_, ok

NFC = lambda t: unicodedata.normalize("NFC", t)
NFD = lambda t: unicodedata.normalize("NFD", t)

NAME = "rené@bücher.test"
SET = NFD("café") + "\u00a0au lait"            # as it is set
SAME = ["café au lait", SET, "café\u00a0au\u3000lait", NFD("café au lait"), "cafe\u0301\u2002au\u202flait"]
OTHER = ["cafe au lait", "Café au lait", "café  au lait", "café au lait ", "café au ｌait", "café au",
         "café\u200bau lait", "café au lait\u0007", "caf\ue000 au lait", "café au lait\u00ad"]
NAMES = [NAME, NFD(NAME), "rené@BÜCHER.TEST", "rené@xn--bcher-kva.test", "RENÉ@XN--BCHER-KVA.TEST", "René+x@Bücher.test",
         "rené@ｂücher.test", NFD("rené") + "@xn--bcher-kva.test"]
NOT_NAMES = ["rene@bücher.test", "rené@bucher.test", "ｒené@bücher.test", "rené", "rené@xn--bcher-kv.test"]
MECHS = ("PLAIN", "LOGIN", "LOGIN command", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256")


def prepared(password):
    """What a client that knows RFC 8265 makes of it before it computes."""
    return NFC("".join(" " if unicodedata.category(c) == "Zs" else c for c in password))


def login(s, P, mech, name, password):
    """The last reply."""
    c = P(s)
    if mech == "PLAIN":
        got = c.begin(mech, plain(name, password))
    elif mech == "LOGIN":
        c.begin(mech)
        c.step(name)
        got = c.step(password)
    elif mech == "LOGIN command":
        got = c.login_command(name, password), b""
    elif mech == "CRAM-MD5":
        got = c.begin(mech)
        if got[0] == "more":
            got = c.step(cram(name, prepared(password), got[1]))
    else:
        x = Scram(name, prepared(password), "sha1" if mech == "SCRAM-SHA-1" else "sha256")
        got = c.begin(mech, x.first())
        if got[0] == "more" and got[1].startswith(b"r="):
            got = c.step(x.final(got[1]))
            if got[1].startswith(b"v="):
                ok(got[1] == x.v, "%s %s %a: the server proves itself" % (P.__name__, mech, name))
        got = finish(c, got)[1]
    c.close()
    return got[0].rstrip()


def every(s):
    for P in (Smtp, ImapAuth):
        for mech in MECHS:
            if mech == "LOGIN command" and P is Smtp:
                continue
            what = "%s %s " % (P.__name__, mech)
            for name in NAMES:
                got = login(s, P, mech, name, SAME[0])
                if mech.startswith("SCRAM") and name != NFC(name):
                    ok(re.match(P.bad + "|" + P.malformed, got), what + "%a is not NFC" % name) or diag(got)
                else:
                    ok(re.match(P.ok, got), what + "%a" % name) or diag(got)
            for password in SAME[1:]:
                got = login(s, P, mech, NAME, password)
                ok(re.match(P.ok, got), what + "%a" % password) or diag(got)


def none(s):
    """Each refusal takes its time, so they go together."""
    rows = []
    for P, mechs in ((Smtp, ("PLAIN", "CRAM-MD5")), (ImapAuth, ("LOGIN command", "SCRAM-SHA-256"))):
        for mech in mechs:
            rows.append((P, mech, NAME, "something else"))
            rows += [(P, mech, NAME, p) for p in OTHER if mech in ("PLAIN", "LOGIN command") or p.isprintable()]
            rows += [(P, mech, n, SAME[0]) for n in NOT_NAMES]
    with ThreadPoolExecutor(50) as pool:
        got = list(pool.map(lambda row: login(s, *row), rows))
    for P in (Smtp, ImapAuth):
        wrong = next(g for g, r in zip(got, rows) if r[0] is P)
        ok(re.match(P.bad, wrong), "%s a wrong password" % P.__name__) or diag(wrong)
        for g, r in zip(got, rows):
            if r[0] is P:
                is_(g, wrong, "%s %s %a, %a: the same words" % (P.__name__, *r[1:]))


def setting(s):
    """What cannot be a password is refused when it is set."""
    for password, why in (("pass\u0001word", "cannot be a password"), ("passwor\ue000", "cannot be a password"),
                          ("password\u00ad", "cannot be a password"), ("password\u200b", "cannot be a password"),
                          ("password\u0378", "cannot be a password"), ("password\u115f", "cannot be a password"),
                          (NFD("ééé") + "a", "at least 8"), ("1234567", "at least 8"), ("123456\u3000", "at least 8")):
        r = s.ctl_run("account", "password", "rene", input=password + "\n")
        ok(r.returncode == 1 and why in r.stderr, "%a %s" % (password, why)) or diag(r.stderr)
    is_(s.ctl_run("account", "password", "rene", input=NFD("éééé") + "\n").returncode, 0, "eight octets when prepared")
    ok(re.match(Smtp.ok, login(s, Smtp, "PLAIN", NAME, "éééé")), "is a password")
    ok(re.match(Smtp.ok, login(s, Smtp, "CRAM-MD5", NAME, "éééé")), "also for CRAM-MD5")
    ok(re.match(Smtp.bad, login(s, Smtp, "CRAM-MD5", NAME, SAME[0])), "the one before it is none any more")


ALL = "mechanisms { SCRAM-SHA-256, SCRAM-SHA-1, CRAM-MD5, PLAIN, LOGIN } allow-cleartext-auth"

with Suite(start=False) as suite:
    suite.write_conf(suite.base.replace("allow-cleartext-auth", ALL).replace("limits {", "limits { connections-address 1000") +
                     'domain "bücher.test"\n')
    suite.start()
    suite.ctl("account", "add", "rene", NAME, input=SET + "\n")
    is_(suite.rows("account", "show", "rene")[0]["verifiers"], ["SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5"], "what is stored")
    every(suite)
    none(suite)
    setting(suite)
done()
