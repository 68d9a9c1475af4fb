#!/usr/bin/env python3
"""Clients with a certificate: IMAP's PREAUTH, EXTERNAL, mail without AUTH, keys that
are removed and accounts that are disabled; TLS 1.2 and 1.3, implicit and STARTTLS."""
import os
import re
import signal
import ssl
import subprocess

from hard_auth import b64, plain
from raw import Imap, Raw
from suite import DOMAIN, PASSWORD, Suite, diag, done, free_ports, is_, ok, wait_for

ALICE, OTHER, BOB = "alice@" + DOMAIN, "alice.two@" + DOMAIN, "bob@" + DOMAIN
VERSIONS = (("TLS 1.2", ssl.TLSVersion.TLSv1_2), ("TLS 1.3", ssl.TLSVersion.TLSv1_3))
# name, kind of key, login address or None, flags
KEYS = (("alice", "ec", ALICE, ()), ("later", "ed25519", ALICE, ("--no-imap-preauth",)),
        ("bob", "rsa", BOB, ()), ("gone", "ec", ALICE, ()), ("stranger", "ec", None, ()),
        ("old", "ec", OTHER, ()))
HOW = {"ec": ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
       "ed25519": ("-newkey", "ed25519"), "rsa": ("-newkey", "rsa:2048")}


def like(got, want, name):
    got = got.decode(errors="replace") if isinstance(got, bytes) else got
    return ok(re.match(want, got, re.S), name) or diag("got %r, want %r" % (got, want))


def run(*args):
    subprocess.run(args, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_key(s, name, kind):
    """A key and a certificate of it, which says nothing that matters."""
    path = s.dir + "/" + name
    run("openssl", "req", "-x509", *HOW[kind], "-nodes", "-days", "3", "-subj",
        "/CN=" + name, "-keyout", path + ".key", "-out", path + ".crt")


def register(s, name, address, flags=()):
    """Its fingerprint."""
    with open("%s/%s.crt" % (s.dir, name)) as f:
        r = s.ctl_run("tlspubkey", "add", *flags, address, name, input=f.read())
    ok(r.returncode == 0, "%s: registered" % name) or diag(r.stdout, r.stderr)
    der = subprocess.run("openssl x509 -in %s/%s.crt -pubkey -noout | openssl pkey -pubin "
                         "-outform DER | openssl dgst -sha256 -binary | base64" % (s.dir, name),
                         shell=True, check=True, capture_output=True, text=True).stdout
    return der.strip().rstrip("=").replace("+", "-").replace("/", "_")


def context(s, key, version):
    c = ssl.create_default_context(cafile=s.ca)
    c.minimum_version = c.maximum_version = version
    if key:
        c.load_cert_chain("%s/%s.crt" % (s.dir, key), "%s/%s.key" % (s.dir, key))
    return c


class Smtp(Raw):
    """Greeted, and greeting; port None: by STARTTLS."""

    def __init__(self, s, key, version, port=None):
        super().__init__(port or s.submission, greet=False)
        if port is None:
            self.reply()
            self.say("EHLO c.example\r\n")
            assert self.say("STARTTLS\r\n").startswith("220 ")
        self.s = context(s, key, version).wrap_socket(self.s, server_hostname="localhost")
        self.greeting = self.reply() if port else ""
        self.ehlo = self.say("EHLO c.example\r\n")

    def mechs(self):
        m = re.search(r"^AUTH (.*)$", self.ehlo, re.M)
        return m.group(1).split() if m else []

    def mail(self, sender=ALICE):
        return self.say("MAIL FROM:<%s>\r\n" % sender)

    def auth(self, mech, initial):
        return self.say("AUTH %s %s\r\n" % (mech, b64(initial) or "="))


class ImapKey(Imap):
    def __init__(self, s, key, version, port=None):
        Raw.__init__(self, port or s.imap, greet=False)
        self.n = 0
        if port is None:
            self.response()
            assert self.cmd(b"STARTTLS")[1].startswith(b"OK")
        self.s = context(s, key, version).wrap_socket(self.s, server_hostname="localhost")
        self.greeting = self.response() if port else b""

    def capability(self):
        return self.cmd(b"CAPABILITY")[0][0]

    def external(self, who=""):
        return self.cmd(b"AUTHENTICATE EXTERNAL %s" % (b64(who).encode() or b"="))[1]


# ---- IMAP -------------------------------------------------------------------


def imap_preauth(s, name, version):
    c = ImapKey(s, "alice", version, s.imaps)
    like(c.greeting, r"\* PREAUTH \[CAPABILITY IMAP4rev1 ", name + ": PREAUTH")
    like(c.cmd(b"SELECT INBOX")[1], "OK ", name + ": and a mailbox")
    like(c.cmd(b"LOGIN a b")[1], "NO (?!\\[)", name + ": LOGIN is too late")
    like(c.external(), "NO (?!\\[)", name + ": AUTHENTICATE is too late")
    like(c.cmd(b"STARTTLS")[1], "NO (?!\\[)", name + ": STARTTLS is too late")
    like(c.cmd(b"NOOP")[1], "OK ", name + ": it goes on")
    c.close()
    c = ImapKey(s, "old", version, s.imaps)
    like(c.greeting, r"\* PREAUTH ", name + ": by another key of the account")
    c.close()


def imap_latent(s, name, version):
    for what, key, port in (("no-imap-preauth", "later", s.imaps), ("STARTTLS", "alice", None),
                            ("STARTTLS and no-imap-preauth", "later", None)):
        what = "%s, %s" % (name, what)
        c = ImapKey(s, key, version, port)
        if port:
            like(c.greeting, r"\* OK \[CAPABILITY .* AUTH=EXTERNAL ", what + ": the greeting has EXTERNAL")
        like(c.capability(), r"\* CAPABILITY .* AUTH=EXTERNAL ", what + ": so does CAPABILITY")
        like(c.cmd(b"SELECT INBOX")[1], "BAD ", what + ": no mailbox before a login")
        like(c.external(BOB), r"NO \[AUTHENTICATIONFAILED\] ", what + ": not as bob")
        like(c.external(OTHER), "OK ", what + ": EXTERNAL with an address of the account")
        like(c.cmd(b"SELECT INBOX")[1], "OK ", what + ": logged in")
        c.close()
        c = ImapKey(s, key, version, port)
        like(c.cmd(b"LOGIN %s %s" % (BOB.encode(), PASSWORD.encode()))[1],
             r"NO \[AUTHENTICATIONFAILED\] ", what + ": not bob by password either")
        like(c.external(), "OK ", what + ": EXTERNAL with nothing")
        c.close()


def imap_without(s, name, version):
    for what, key in (("no certificate", None), ("a key that nobody knows", "stranger")):
        what = "%s, %s" % (name, what)
        c = ImapKey(s, key, version, s.imaps)
        like(c.greeting, r"\* OK \[CAPABILITY (?!.*EXTERNAL)", what + ": a greeting as ever")
        like(c.external(), r"NO \[AUTHENTICATIONFAILED\] ", what + ": no EXTERNAL")
        like(c.cmd(b"LOGIN %s %s" % (ALICE.encode(), PASSWORD.encode()))[1], "OK ",
             what + ": LOGIN")
        c.close()
    c = ImapKey(s, "stranger", version, s.strict_imaps)
    like(c.greeting, r"\* BYE \[ALERT\] ", name + ", strict: BYE to who is not known")
    is_(c.rest(), b"", name + ", strict: and the end")
    c.close()
    c = ImapKey(s, None, version, s.strict_imaps)
    like(c.greeting, r"\* OK ", name + ", strict: nothing is asked of who shows none")
    c.close()


# ---- submission -------------------------------------------------------------


def submit(s, name, version, port):
    c = Smtp(s, "alice", version, port)
    is_(c.mechs()[:1], ["EXTERNAL"], name + ": EXTERNAL is announced first")
    like(c.mail(BOB), "550 ", name + ": not another's address")
    like(c.mail(), "250 ", name + ": MAIL without AUTH")
    like(c.auth("EXTERNAL", ""), "503 5.5.1 ", name + ": no AUTH within it")
    like(c.say("RCPT TO:<%s>\r\n" % BOB), "250 ", name + ": RCPT")
    c.say("DATA\r\n")
    like(c.say("From: %s\r\nSubject: %s\r\n\r\nx\r\n.\r\n" % (ALICE, name)), "250 ", name + ": taken")
    like(c.auth("PLAIN", plain(ALICE, "wrong")), "535 5.7.8 ", name + ": a wrong password")
    like(c.auth("PLAIN", plain(BOB, PASSWORD)), "535 5.7.8 ", name + ": bob's password")
    like(c.mail(), "250 ", name + ": the key still counts")
    like(c.say("RSET\r\n"), "250 ", name + ": RSET")
    like(c.auth("PLAIN", plain(OTHER, PASSWORD)), "235 2.7.0 ", name + ": one AUTH may follow")
    like(c.auth("PLAIN", plain(ALICE, PASSWORD)), "503 5.5.1 ", name + ": and no second one")
    ok("AUTH" not in c.say("EHLO c.example\r\n"), name + ": none is announced any more")
    like(c.mail(), "250 ", name + ": MAIL after it")
    like(c.say("STARTTLS\r\n"), "503 5.5.1 ", name + ": STARTTLS is too late")
    c.close()
    for what, who, want in (("nothing", "", "235 "), ("another address", OTHER, "235 "),
                            ("bob's", BOB, "535 5.7.8 "), ("nobody's", "nobody@" + DOMAIN, "535 5.7.8 ")):
        c = Smtp(s, "later", version, port)
        like(c.auth("EXTERNAL", who), want, "%s: EXTERNAL with %s" % (name, what))
        like(c.mail(), "250 ", "%s: and MAIL" % name)
        c.close()


def delivered(s, name):
    """As bob finds it."""
    def found():
        c = ImapKey(s, "bob", ssl.TLSVersion.TLSv1_3, s.imaps)
        c.cmd(b"SELECT INBOX")
        u, _ = c.cmd(b'UID SEARCH SUBJECT "%s"' % name.encode())
        uid = re.search(rb"SEARCH (\d+)", u[0])
        text = b"".join(c.cmd(b"UID FETCH %s BODY[HEADER]" % uid.group(1))[0]) if uid else b""
        c.close()
        return text
    text = wait_for(found) or b""
    ok(b" with ESMTPSA id " in text, name + ": Received says ESMTPSA") or diag(text.decode())


def submit_without(s, name, version):
    for what, key in (("no certificate", None), ("a key that nobody knows", "stranger")):
        what = "%s, %s" % (name, what)
        c = Smtp(s, key, version, s.submissions)
        ok("EXTERNAL" not in c.mechs() and "PLAIN" in c.mechs(), what + ": EXTERNAL is not announced")
        like(c.mail(), "530 5.7.0 ", what + ": MAIL needs a login")
        like(c.auth("EXTERNAL", ""), "535 5.7.8 ", what + ": EXTERNAL fails")
        like(c.auth("PLAIN", plain(ALICE, PASSWORD)), "235 ", what + ": a password does")
        c.close()
    c = Smtp(s, "stranger", version, s.strict_submissions)
    like(c.greeting, "421 4.7.0 ", name + ", strict: 421 to who is not known")
    is_(c.ehlo, "", name + ", strict: and the end")
    c.close()


# ---- what changes meanwhile ---------------------------------------------------


def disabled(s, version):
    s.ctl("account", "disable", "alice", "ask the postmaster")
    c = Smtp(s, "alice", version, s.submissions)
    like(c.mail(), "525 5.7.13 .*ask the postmaster", "disabled: MAIL")
    like(c.auth("EXTERNAL", ""), "525 5.7.13 .*ask the postmaster", "disabled: EXTERNAL")
    c.close()
    c = ImapKey(s, "alice", version, s.imaps)
    like(c.greeting, r"\* OK ", "disabled: no PREAUTH, but a greeting")
    like(c.external(), r"NO (?!\[).*ask the postmaster", "disabled: EXTERNAL on IMAP")
    c.close()
    s.ctl("account", "enable", "alice")


def removed(s, version, fingerprint):
    m, used = (Smtp(s, "gone", version, s.submissions) for _ in range(2))
    i = ImapKey(s, "gone", version, s.imaps)
    like(i.greeting, r"\* PREAUTH ", "a key to be removed: PREAUTH")
    like(used.mail(), "250 ", "and MAIL")
    s.ctl("tlspubkey", "remove", fingerprint)
    like(m.mail(), "530 5.7.0 ", "removed: MAIL")
    like(i.response(), r"\* BYE ", "removed: its session ends")
    like(used.reply(), "421 ", "removed: its submission ends")
    for c in (m, used, i):
        c.close()
    c = ImapKey(s, "gone", version, s.imaps)
    like(c.greeting, r"\* OK \[CAPABILITY (?!.*EXTERNAL)", "removed: not known any more")
    c.close()


def known(s, version):
    c = ImapKey(s, "alice", version, s.imaps)
    c.close()
    return c.greeting.startswith(b"* PREAUTH ")


def auth_away(s, version):
    """A certificate and no auth is no reason for a bounce."""
    m, used = (Smtp(s, "alice", version, s.submissions) for _ in range(2))
    i = ImapKey(s, "later", version, s.imaps)
    like(used.mail(), "250 ", "MAIL before auth ends")
    before = s.kill("auth")
    ok(wait_for(lambda: s.pid("auth") not in (None, 0, before)), "auth is started again")

    def forgotten():
        return b"EXTERNAL" not in i.capability()
    ok(wait_for(forgotten), "EXTERNAL is not offered to whom it forgot")
    like(i.external(), r"NO \[UNAVAILABLE\] ", "EXTERNAL: not now")
    like(m.mail(), "421 4.7.0 ", "MAIL: on another connection")
    like(used.say("RSET\r\nMAIL FROM:<%s>\r\n" % ALICE), "250 ", "who is in stays in")
    like(used.reply(), "250 ", "and can send")
    ok(wait_for(lambda: known(s, version)), "a new connection is known again")
    for c in (m, used, i):
        c.close()


def auth_silent(s, version, dies):
    """auth does not say whose key it is: nobody waits for ever, or for one that died."""
    what = "auth dies" if dies else "auth is silent"
    raw = [Raw(port, greet=False) for port in (s.imap, s.submission)]
    raw[0].response()
    raw[0].send("a STARTTLS\r\n")
    raw[0].line()
    raw[1].reply()
    raw[1].say("STARTTLS\r\n")
    auth = s.pid("auth")
    os.kill(auth, signal.SIGSTOP)
    for c, first in zip(raw, ("b CAPABILITY\r\n", "EHLO c.example\r\n")):
        c.s = context(s, "alice", version).wrap_socket(c.s, server_hostname="localhost")
        c.send(first)
        ok(c.quiet(), what + ": nothing is answered before that is known")
    if dies:
        os.kill(auth, signal.SIGKILL)
    ok(b"EXTERNAL" not in raw[0].line() and raw[0].line().startswith(b"b OK"), what + ": IMAP goes on without")
    ehlo = raw[1].reply()
    ok("AUTH" in ehlo and "EXTERNAL" not in ehlo, what + ": SMTP goes on without")
    like(raw[1].say("MAIL FROM:<%s>\r\n" % ALICE), "421 4.7.0 ", what + ": MAIL: on another connection")
    for c in raw:
        c.close()
    if not dies:
        os.kill(auth, signal.SIGCONT)
    ok(wait_for(lambda: known(s, version)), what + ": and is back")


def others_away(s, version):
    """Without the parent nobody who was killed comes back."""
    m = Smtp(s, "alice", version, s.submissions)
    pids = [r["pid"] for r in s.rows("status") if r["role"] in ("store", "queued")]
    os.kill(s.proc.pid, signal.SIGSTOP)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)

    def refused():
        c = ImapKey(s, "alice", version, s.imaps)
        c.close()
        return c.greeting.startswith(b"* BYE [UNAVAILABLE] ")
    ok(wait_for(refused), "without a store: BYE [UNAVAILABLE]")
    like(m.mail(), "454 4.7.0 ", "without the queue: MAIL")
    like(m.auth("EXTERNAL", ""), "454 4.7.0 ", "without the queue: AUTH")
    os.kill(s.proc.pid, signal.SIGCONT)
    ok(wait_for(lambda: m.mail().startswith("250 ")), "with it: MAIL")
    m.close()


STRICT = """
listen on 127.0.0.1 port {0} imap tls implicit client-certificates strict
listen on 127.0.0.1 port {1} submission tls implicit client-certificates strict
"""
ports = free_ports(2)
with Suite(conf=STRICT.format(*ports)) as s:
    s.strict_imaps, s.strict_submissions = ports
    s.ctl("address", "add", "alice", OTHER)
    prints = {}
    for name, kind, address, flags in KEYS:
        make_key(s, name, kind)
        if address:
            prints[name] = register(s, name, address, flags)
    for name, version in VERSIONS:
        imap_preauth(s, name, version)
        imap_latent(s, name, version)
        imap_without(s, name, version)
        for what, port in (("implicit", s.submissions), ("STARTTLS", None)):
            what = "%s, %s" % (name, what)
            submit(s, what, version, port)
            delivered(s, what)
        submit_without(s, name, version)
    disabled(s, ssl.TLSVersion.TLSv1_3)
    removed(s, ssl.TLSVersion.TLSv1_3, prints["gone"])
    auth_away(s, ssl.TLSVersion.TLSv1_3)
    auth_silent(s, ssl.TLSVersion.TLSv1_3, False)
    auth_silent(s, ssl.TLSVersion.TLSv1_2, True)
    others_away(s, ssl.TLSVersion.TLSv1_3)
done()
