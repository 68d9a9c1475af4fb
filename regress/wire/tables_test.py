#!/usr/bin/env python3
"""The decision tables of authentication, each row over the wire on IMAP, IMAPS,
submission and submissions, with TLS 1.2 and 1.3: what a client certificate makes
of a connection, what may follow it, and which SCRAM messages get in where."""
import base64
import collections
import ctypes
import hashlib
import hmac
import itertools
import re
import socket
import ssl
import subprocess
import warnings
from concurrent.futures import ThreadPoolExecutor

import _ssl

from hard_auth import Scram, b64, plain
from raw import Imap, Raw
from suite import DOMAIN, PASSWORD, Suite, diag, done, free_ports, ok, wait_for

warnings.simplefilter("ignore", DeprecationWarning)
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
VERSIONS = {"TLS 1.2": V12, "TLS 1.3": V13}
ANY = None

A1, A2, B1, C1 = ("%s@%s" % (n, DOMAIN) for n in ("alice", "alice.two", "bob", "carol"))
NOBODY = "nobody@" + DOMAIN
WHY = "closed until May"
# The certificates: its key's login address, and how it is registered.
CERTS = {"unknown": None, "known": (A1,), "later": (A1, "--no-imap-preauth"),
         "closed": (C1,), "closed later": (C1, "--no-imap-preauth")}
KINDS = ("imaps", "imap", "submissions", "submission", "smtp")
SETTINGS = ("ignore-unknown", "strict", "off")
MECHS = "external, scram-sha-256-plus, scram-sha-256, scram-sha-1-plus, scram-sha-1, cram-md5, plain, login"

# ---- the tables, first match --------------------------------------------------------------
# client certificate x setting x listener
CERTIFICATE = [
    # listener		certificate	setting			what comes of it
    ("smtp",		ANY,		ANY,			"not asked"),
    (ANY,		ANY,		"off",			"not asked"),
    (ANY,		"none",		ANY,			"nothing"),
    (ANY,		"unknown",	"ignore-unknown",	"nothing"),
    (ANY,		"unknown",	"strict",		"refused"),
    ("imaps",		"known",	ANY,			"preauth"),
    ("imaps",		"later",	ANY,			"external"),
    ("imap",		"known",	ANY,			"external"),
    ("imap",		"later",	ANY,			"external"),
    (ANY,		"closed",	ANY,			"disabled"),
    (ANY,		"closed later",	ANY,			"disabled"),
    (ANY,		"known",	ANY,			"logged in"),
    (ANY,		"later",	ANY,			"logged in"),
]

# what may follow an identity of account A: mechanism, name, password; the answers, and as whom
FOLLOW = [
    # what			mech		name	password	IMAP	SMTP	as
    ("EXTERNAL, empty",		"EXTERNAL",	"",	None,		"OK",	"235",	A1),
    ("EXTERNAL, the same",	"EXTERNAL",	A1,	None,		"OK",	"235",	A1),
    ("EXTERNAL, another of A",	"EXTERNAL",	A2,	None,		"OK",	"235",	A2),
    ("EXTERNAL, of B",		"EXTERNAL",	B1,	None,		"NO [AUTHENTICATIONFAILED]", "535 5.7.8", None),
    ("EXTERNAL, of nobody",	"EXTERNAL",	NOBODY,	None,		"NO [AUTHENTICATIONFAILED]", "535 5.7.8", None),
]
for _m in ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256", "SCRAM-SHA-1"):
    FOLLOW += [
        (_m + ", right",	_m,		A1,	PASSWORD,	"OK",	"235",	A1),
        (_m + ", another of A",	_m,		A2,	PASSWORD,	"OK",	"235",	A2),
        (_m + ", wrong",	_m,		A1,	"wrong",	"NO [AUTHENTICATIONFAILED]", "535 5.7.8", None),
        (_m + ", right for B",	_m,		B1,	PASSWORD,	"NO [AUTHENTICATIONFAILED]", "535 5.7.8", None),
    ]

# flag x mechanism x connection; with the extended master secret, which a handshake
# of today has, TLS 1.2 has an exporter too (RFC 9266 section 4.2)
FLAGS = ("n", "y", "p=tls-unique", "p=tls-exporter", "p=tls-server-end-point")
SCRAM = [
    # flag			-PLUS	connection	gets in
    ("n",			0,	ANY,		True),
    ("y",			0,	"clear",	True),
    ("y",			0,	ANY,		False),
    ("n",			1,	ANY,		False),
    ("y",			1,	ANY,		False),
    (ANY,			ANY,	"clear",	False),
    ("p=tls-unique",		ANY,	"TLS 1.2",	True),
    ("p=tls-unique",		ANY,	"TLS 1.3",	False),
    ("p=tls-exporter",		ANY,	ANY,		True),
    ("p=tls-server-end-point",	ANY,	ANY,		True),
]


def look_up(table, *keys):
    for row in table:
        if all(r is ANY or r == k for r, k in zip(row, keys)):
            return row[len(keys)]
    raise KeyError(keys)


# ---- clients ----------------------------------------------------------------------------------

def context(s, version, cert):
    c = ssl.create_default_context(cafile=s.ca)
    c.minimum_version = c.maximum_version = version
    if cert != "none":
        name = s.dir + "/" + cert.replace(" ", "-")
        c.load_cert_chain(name + ".crt", name + ".key")
    return c


class Smtp(Raw):
    def __init__(self, s, kind, port, version=None, cert="none"):
        super().__init__(port, greet=False)
        self.greeting = self.ehlo = ""
        if kind != "submissions":
            self.greeting = self.reply()
            self.ehlo = self.say("EHLO c.example\r\n")
        if version:
            if kind != "submissions":
                self.say("STARTTLS\r\n")
            self.s = context(s, version, cert).wrap_socket(self.s, server_hostname="localhost")
            if kind == "submissions":
                self.greeting = self.reply()
            self.ehlo = self.say("EHLO c.example\r\n")

    def mechs(self):
        m = re.search(r"^AUTH (.*)$", self.ehlo, re.M)
        return m.group(1).split() if m else []

    def mail(self):
        r = self.say("MAIL FROM:<%s>\r\n" % A1)
        if r.startswith("250"):
            self.say("RSET\r\n")
        return r

    def auth(self, mech, answers):
        """answers: a generator that is sent challenges, None first."""
        first = next(answers)
        r = self.say("AUTH %s%s\r\n" % (mech, "" if first is None else " " + (b64(first) or "=")))
        while r.startswith("334"):
            r = self.say(give(answers, r[4:]) + "\r\n")
        return r


class ImapTls(Imap):
    def __init__(self, s, kind, port, version=None, cert="none"):
        Raw.__init__(self, port, greet=False)
        self.n, self.greeting = 0, b""
        if kind == "imap":
            self.greeting = self.response()
        if version:
            if kind == "imap":
                self.cmd(b"STARTTLS")
            self.s = context(s, version, cert).wrap_socket(self.s, server_hostname="localhost")
            if kind == "imaps":
                self.greeting = self.response()

    def mechs(self):
        return re.findall(r"AUTH=(\S+)", b"".join(self.cmd(b"CAPABILITY")[0]).decode())

    def auth(self, mech, answers):
        first = next(answers)
        self.send("x AUTHENTICATE %s%s\r\n" % (mech, "" if first is None else " " + (b64(first) or "=")))
        while True:
            r = self.until(b"x")[-1]
            if not r.startswith(b"+"):
                return r.decode().rstrip()[2:]
            self.send(give(answers, r[2:]) + "\r\n")


def give(answers, challenge):
    try:
        return b64(answers.send(base64.b64decode(challenge)))
    except StopIteration:
        return "*"


def client(s, kind, *args):
    return (ImapTls if kind.startswith("imap") else Smtp)(s, kind, *args)


def said(mech, name, password):
    """What a client of that mechanism says."""
    if mech == "EXTERNAL":
        yield name
    elif mech == "PLAIN":
        yield plain(name, password)
    elif mech == "LOGIN":
        yield name
        yield password
    elif mech == "CRAM-MD5":
        challenge = yield None
        yield name + " " + hmac.new(password.encode(), challenge, "md5").hexdigest()
    else:
        c = Scram(name, password, "sha256" if "256" in mech else "sha1")
        challenge = yield c.first()
        challenge = yield c.final(challenge)
        assert challenge == c.v or challenge.startswith(b"e="), challenge
        yield ""


class Log:
    """Who should have been let in: auth's log must have those and no others."""

    def __init__(self):
        self.want = collections.Counter()

    def add(self, kind, mech, address):
        self.want["imap" if kind.startswith("imap") else "submission", mech, address] += 1

    def check(self, s, text):
        def got():
            return collections.Counter((m[0], m[1], m[2]) for m in re.findall(
                r"info: login from 127.0.0.1: (\S+) (\S+) account \S+ as (\S+)", s.logged()))
        ok(wait_for(lambda: got() == self.want), text)
        diag(*["%s: wanted %d, got %d" % (k, self.want[k], got()[k])
               for k in set(self.want) | set(got()) if self.want[k] != got()[k]])


def all_of(text, rows, fn):
    """Run fn over the rows, a few at a time; it returns what is wrong."""
    bad = []

    def one(row):
        try:
            wrong = fn(*row)
        except (OSError, AssertionError, IndexError, TypeError) as e:
            wrong = ["%s: %s" % (type(e).__name__, e)]
        bad.extend("%s: %s" % (", ".join(map(str, row)), w) for w in wrong)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(one, rows))
    ok(not bad and rows, "%s: %d rows" % (text, len(rows)))
    diag(*bad[:40])


def differ(checks):
    """[(what, got, pattern)] -> those that do not match."""
    return ["%s: %r, not %s" % c for c in checks if not re.match(c[2], c[1], re.S)]


# ---- A.1 ------------------------------------------------------------------------------------

def certificate(s, log, kind, setting, version, cert):
    what = look_up(CERTIFICATE, kind, cert, setting)
    c = client(s, kind, s.ports[kind, setting], VERSIONS[version], cert)
    wrong = (imap_certificate if kind.startswith("imap") else smtp_certificate)(s, log, c, kind, what)
    c.close()
    if what == "disabled" and not kind.startswith("imap"):	# three refusals are all that a connection has
        c = client(s, kind, s.ports[kind, setting], VERSIONS[version], cert)
        wrong += smtp_certificate(s, log, c, kind, what, True)
        c.close()
    return wrong


def imap_certificate(s, log, c, kind, what):
    implicit = kind == "imaps"
    if what == "refused":
        first = c.greeting if implicit else c.response()
        return differ([("greeting", first.decode(), r"\* BYE \[ALERT\] "), ("the end", c.rest().decode(), "$")])
    out = []
    greeting = {"preauth": r"\* PREAUTH \[CAPABILITY ", "nothing": r"\* OK \[CAPABILITY (?!.*AUTH=EXTERNAL)",
                "not asked": r"\* OK \[CAPABILITY (?!.*AUTH=EXTERNAL)"}.get(what, r"\* OK \[CAPABILITY .*AUTH=EXTERNAL ")
    if implicit:
        out.append(("greeting", c.greeting.decode(), greeting))
    if what == "preauth":
        log.add(kind, "tlsclientauth", A1)
        out += [("SELECT", c.cmd(b"SELECT INBOX")[1].decode(), "OK "),
                ("AUTHENTICATE", c.cmd(b"AUTHENTICATE EXTERNAL =")[1].decode(), r"NO (?!\[)"),
                ("LOGIN", c.cmd(b"LOGIN %s %s" % (A1.encode(), PASSWORD.encode()))[1].decode(), r"NO (?!\[)"),
                ("STARTTLS", c.cmd(b"STARTTLS")[1].decode(), r"NO (?!\[)")]
        return differ(out)
    known = what in ("external", "disabled")
    out += [("mechanisms", " ".join(c.mechs()), "EXTERNAL " if known else "(?!.*EXTERNAL)"),
            ("SELECT", c.cmd(b"SELECT INBOX")[1].decode(), "BAD "),
            ("STARTTLS", c.cmd(b"STARTTLS")[1].decode(), "BAD ")]
    if what == "external":
        out.append(("EXTERNAL", c.auth("EXTERNAL", said("EXTERNAL", "", None)), "OK "))
        out.append(("SELECT", c.cmd(b"SELECT INBOX")[1].decode(), "OK "))
        log.add(kind, "EXTERNAL", A1)
    elif what == "disabled":
        out += [("EXTERNAL", c.auth("EXTERNAL", said("EXTERNAL", "", None)), r"NO (?!\[).*" + WHY),
                ("right password", c.auth("PLAIN", said("PLAIN", C1, PASSWORD)), r"NO (?!\[).*" + WHY),
                ("wrong password", c.auth("PLAIN", said("PLAIN", C1, "x")), r"NO \[AUTHENTICATIONFAILED\] (?!.*%s)" % WHY)]
    else:
        out += [("EXTERNAL", c.auth("EXTERNAL", said("EXTERNAL", "", None)), r"NO \[AUTHENTICATIONFAILED\] "),
                ("PLAIN", c.auth("PLAIN", said("PLAIN", A1, PASSWORD)), "OK ")]
        log.add(kind, "PLAIN", A1)
    return differ(out)


def smtp_certificate(s, log, c, kind, what, mail=False):
    if what == "refused":
        first = c.greeting if kind == "submissions" else c.ehlo
        return differ([("greeting", first, "421 4.7.0 "), ("the end", c.rest().decode(), "$")])
    if kind == "smtp":
        return differ([("mechanisms", " ".join(c.mechs()), "$"), ("AUTH", c.say("AUTH EXTERNAL =\r\n"), "503 5.5.1 "),
                       ("MAIL", c.say("MAIL FROM:<x@example.org>\r\n"), "250 ")])
    external = lambda: c.auth("EXTERNAL", said("EXTERNAL", "", None))
    if what == "logged in":
        out = [("mechanisms", " ".join(c.mechs()), "EXTERNAL "), ("MAIL", c.mail(), "250 "), ("EXTERNAL", external(), "235 2.7.0 "),
               ("MAIL", c.mail(), "250 "), ("EXTERNAL again", external(), "503 5.5.1 ")]
        log.add(kind, "tlsclientauth", A1)
        log.add(kind, "EXTERNAL", A1)
    elif what == "disabled":
        out = [("mechanisms", " ".join(c.mechs()), "EXTERNAL "), ("MAIL" if mail else "EXTERNAL",
                                                                   c.mail() if mail else external(), "525 5.7.13 .*" + WHY),
               ("right password", c.auth("PLAIN", said("PLAIN", C1, PASSWORD)), "525 5.7.13 .*" + WHY),
               ("wrong password", c.auth("PLAIN", said("PLAIN", C1, "x")), "535 5.7.8 (?!.*%s)" % WHY)]
    else:
        out = [("mechanisms", " ".join(c.mechs()), "(?!.*EXTERNAL).*PLAIN"), ("MAIL", c.mail(), "530 5.7.0 "),
               ("EXTERNAL", external(), "535 5.7.8 "), ("PLAIN", c.auth("PLAIN", said("PLAIN", A1, PASSWORD)), "235 2.7.0 ")]
        log.add(kind, "PLAIN", A1)
    return differ(out)


def s_client(s, kind, port, version, *more):
    start = {"imap": ["-starttls", "imap"], "submission": ["-starttls", "smtp"], "smtp": ["-starttls", "smtp"]}.get(kind, [])
    r = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % port, "-CAfile", s.ca,
                        "-tls1_2" if version == "TLS 1.2" else "-tls1_3", *start, *more],
                       input="" if kind.startswith("imap") else "QUIT\r\n", capture_output=True, text=True, timeout=180)
    return r.stdout + r.stderr


def asked(s, log, kind, setting, version):
    """Who is asked for a certificate, and that any will do; and that nothing is
    resumed, so that no identity can be inherited (G2, G3)."""
    out = s_client(s, kind, s.ports[kind, setting], version)
    want = kind != "smtp" and setting != "off"
    wrong = []
    if bool(re.search("Requested Signature Algorithms|Client Certificate Types", out)) != want:
        wrong.append("asked" if not want else "not asked")
    if "Acceptable client certificate CA names" in out:
        wrong.append("a list of authorities")
    if not want:
        return wrong
    name = s.dir + "/known"
    session = "%s/session-%s-%s-%s" % (s.dir, kind, setting, version[-3:])
    cert = ["-cert", name + ".crt", "-key", name + ".key"]
    first = s_client(s, kind, s.ports[kind, setting], version, "-sess_out", session, *cert)
    if kind == "imaps":
        log.add(kind, "tlsclientauth", A1)
    if not re.search(r"^New, TLSv1", first, re.M) or "New Session Ticket arrived" in first or \
            re.search(r"Session-ID: \S|TLS session ticket:", first):
        wrong.append("there is something to resume")
    try:
        second = s_client(s, kind, s.ports[kind, setting], version, "-sess_in", session)
    except subprocess.TimeoutExpired:
        return wrong + ["hangs"]
    if "Reused" in second or ("Can't open session file" not in second and not re.search(r"^New, TLSv1", second, re.M)):
        wrong.append("resumed")
    return wrong


# ---- A.2 ------------------------------------------------------------------------------------

# listener, certificate: those whose connection is latent or logged in
IDENTITIES = (("imap", "known"), ("imaps", "later"), ("submission", "known"), ("submissions", "later"))


def follow(s, log, kind, cert, version, row):
    what, mech, name, password, imap, smtp, who = row
    c = client(s, kind, s.ports[kind, "ignore-unknown"], VERSIONS[version], cert)
    try:
        return (imap_follow if kind.startswith("imap") else smtp_follow)(log, c, kind, *row[1:])
    finally:
        c.close()


def imap_follow(log, c, kind, mech, name, password, imap, smtp, who):
    out = [(mech, c.auth(mech, said(mech, name, password)), re.escape(imap))]
    if who:
        log.add(kind, mech, who)
        out += [("a second login", c.auth("PLAIN", said("PLAIN", A1, PASSWORD)), r"NO (?!\[)"),
                ("STARTTLS", c.cmd(b"STARTTLS")[1].decode(), r"NO (?!\[)")]
    else:				# the identity stays
        out += [("STARTTLS", c.cmd(b"STARTTLS")[1].decode(), "BAD "),
                ("EXTERNAL then", c.auth("EXTERNAL", said("EXTERNAL", "", None)), "OK ")]
        log.add(kind, "EXTERNAL", A1)
    out.append(("SELECT", c.cmd(b"SELECT INBOX")[1].decode(), "OK "))
    return differ(out)


def smtp_follow(log, c, kind, mech, name, password, imap, smtp, who):
    out = [(mech, c.auth(mech, said(mech, name, password)), re.escape(smtp))]
    if who:
        log.add(kind, mech, who)
        out += [("a second AUTH", c.auth("PLAIN", said("PLAIN", A1, PASSWORD)), "503 5.5.1 ")]
    else:
        log.add(kind, "tlsclientauth", A1)
    out += [("STARTTLS", c.say("STARTTLS\r\n"), "503 5.5.1 "),
            ("MAIL", c.say("MAIL FROM:<%s>\r\n" % A1), "250 "),
            ("AUTH in it", c.say("AUTH EXTERNAL =\r\n"), "503 5.5.1 ")]
    return differ(out)


# ---- A.3 ------------------------------------------------------------------------------------

_lib = ctypes.CDLL(_ssl.__file__)


def exporter(sock):
    """RFC 9266, of the SSL inside: behind the object's head and its socket."""
    p = ctypes.c_void_p.from_address(id(sock._sslobj) + object.__basicsize__ + ctypes.sizeof(ctypes.c_void_p))
    out = ctypes.create_string_buffer(32)
    label = b"EXPORTER-Channel-Binding"
    rc = _lib.SSL_export_keying_material(p, out, ctypes.c_size_t(32), label, ctypes.c_size_t(len(label)), b"",
                                         ctypes.c_size_t(0), 1)
    assert rc == 1, "no exporter"
    return out.raw


def binding(sock, name):
    if not isinstance(sock, ssl.SSLSocket):
        return b"x" * 32
    if name == "tls-unique":
        return sock.get_channel_binding("tls-unique") or b"x" * 12
    if name == "tls-exporter":
        return exporter(sock)
    return hashlib.sha256(sock.getpeercert(True)).digest()


def bound(c, digest, gs2, data):
    """What SCRAM says with that header and that data."""
    k = Scram(A1, PASSWORD, digest, gs2=gs2)
    challenge = yield k.first()
    if not challenge.startswith(b"r="):
        yield ""
        return
    challenge = yield k.final(challenge, cbind=base64.b64encode(gs2.encode() + data).decode())
    if challenge.startswith(b"v="):
        assert challenge == k.v, "the server's signature"
    yield ""


def scram(s, log, kind, version, flag, plus, digest, other):
    implicit = kind.endswith("s")
    c = client(s, kind, s.ports[kind, "ignore-unknown"], VERSIONS.get(version))
    want = look_up(SCRAM, flag, plus, version) and not other
    mech = "SCRAM-SHA-%s%s" % ("256" if digest == "sha256" else "1", "-PLUS" if plus else "")
    data = b""
    if flag.startswith("p="):
        d = client(s, kind, s.ports[kind, "ignore-unknown"], VERSIONS.get(version)) if other else c
        data = binding(d.s, flag[2:])
        if other:
            if flag == "p=tls-server-end-point":	# the same certificate there
                data = hashlib.sha256(b"another certificate").digest()
            d.close()
    wrong = []
    if (mech in c.mechs()) != (not plus or version != "clear"):
        wrong.append("%s among %s" % (mech, c.mechs()))
    got = c.auth(mech, bound(c, digest, flag + ",,", data))
    if want:
        log.add(kind, mech, A1)
        wrong += differ([(mech, got, "OK " if kind.startswith("imap") else "235 2.7.0 ")])
    elif version == "clear" and plus:
        wrong += differ([(mech, got, r"NO \[PRIVACYREQUIRED\] " if kind.startswith("imap") else "538 5.7.11 ")])
    else:
        wrong += differ([(mech, got, r"NO \[AUTHENTICATIONFAILED\] " if kind.startswith("imap") else r"535 5.7.8 ")])
    c.close()
    assert not implicit or version != "clear"
    return wrong


# ---- ------------------------------------------------------------------------------------------

def conf(ports):
    out = ""
    for (kind, setting), port in ports.items():
        protocol = {"imaps": "imap tls implicit", "imap": "imap tls optional allow-cleartext-auth", "submissions":
                    "submission tls implicit", "submission": "submission tls optional allow-cleartext-auth",
                    "smtp": "smtp tls optional"}[kind]
        out += "listen on 127.0.0.1 port %d %s" % (port, protocol)
        out += "\n" if kind == "smtp" else " client-certificates %s mechanisms { %s }\n" % (setting, MECHS)
    return out


def prepare(s):
    for name, how in CERTS.items():
        path = s.dir + "/" + name.replace(" ", "-")
        # F27: dates, names and uses that would matter to anybody else
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "1", "-subj", "/CN=bob@%s/CN=root" % DOMAIN, "-addext", "extendedKeyUsage=codeSigning",
                        "-keyout", path + ".key", "-out", path + ".crt"], check=True, capture_output=True)
        if how:
            with open(path + ".crt") as f:
                s.ctl("tlspubkey", "add", *how[1:], how[0], name, input=f.read())
    s.ctl("address", "add", "alice", A2)
    for a in ("alice", "bob", "carol"):	# what CRAM-MD5 needs is kept since then
        s.ctl("account", "password", a, input=PASSWORD + "\n")
    s.ctl("account", "disable", "carol", WHY)


keys = [(k, t) for k in KINDS for t in SETTINGS if k != "smtp" or t == "off"]
ports = dict(zip(keys, free_ports(len(keys))))
with Suite(conf=conf(ports), accounts=("alice", "bob", "carol")) as s:
    s.ports = ports
    prepare(s)
    log = Log()
    all_of("a certificate", [(k, t, v, c) for k, t in keys for v in VERSIONS for c in ["none", *CERTS]],
           lambda *row: certificate(s, log, *row))
    log.check(s, "let in were those who should be")
    all_of("who is asked, and nothing to resume", [(k, t, v) for k, t in keys for v in VERSIONS],
           lambda *row: asked(s, log, *row))
    all_of("what may follow an identity", [(k, c, v, row) for (k, c) in IDENTITIES for v in VERSIONS for row in FOLLOW],
           lambda *row: follow(s, log, *row))
    log.check(s, "let in were those who should be, under the right address")
    all_of("SCRAM", [(k, v, f, p, d, 0) for k, v, f, p, d in itertools.product(
        ("imap", "submission"), ("clear", *VERSIONS), FLAGS, (0, 1), ("sha1", "sha256"))] + [
        (k, v, f, p, "sha256", 1) for k, v, f, p in itertools.product(
            ("imaps", "submissions"), VERSIONS, FLAGS[2:], (0, 1))], lambda *row: scram(s, log, *row))
    log.check(s, "let in were those who should be, by the right mechanism")
done()
