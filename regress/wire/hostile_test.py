#!/usr/bin/env python3
"""Only auth vouches: an smtpd and a front that were taken over say everything
that is malformed, out of order or forged on all their links.  Whoever hears it
lives, closes the link or says no, and writes down who it was; logins through
other processes go on all the while, and nobody is let in who did not log in."""
import hashlib
import os
import re
import socket
import ssl
import struct
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

from hostile import LONG, REPLY, TYPES, Hostiles, encode
from raw import Imap, Raw
from hard_auth import b64, plain
from suite import DOMAIN, PASSWORD, diag, done, ok, wait_for

ALICE = "alice@" + DOMAIN
SMTP, SUBMISSION, SUBMISSIONS, IMAP, IMAPS = range(5)
OK, BAD_CREDENTIALS, MALFORMED, UNKNOWN_MECH, NEEDS_TLS, DISABLED, UNAVAILABLE, ABORTED = range(1, 9)
IN = ("\0%s\0%s" % (ALICE, PASSWORD)).encode()
LOGIN_HERE = {"front": IMAP, "smtpd": SUBMISSION}


def pair(role):
    """The ends of a session's pair, as that role makes it: ours, and what to give away."""
    kind = socket.SOCK_STREAM if role == "front" else socket.SOCK_SEQPACKET
    a, b = socket.socketpair(socket.AF_UNIX, kind)
    a.settimeout(LONG)
    return a, b


def vouched(ours, secs=0.1):
    """Did a store or queued get the other end?  It was closed, or is there still."""
    ours.settimeout(secs)
    try:
        return ours.recv(100) != b""
    except socket.timeout:
        return True
    except OSError:
        return False


def unvouched(ours):
    """Nobody did: it is closed, or will be."""
    return not vouched(ours, LONG)


class Conn:
    """A connection that auth knows of."""
    number = 0

    def __init__(self, h, listener=None, tls=False):
        Conn.number += 1
        self.n, self.h, self.auth = Conn.number, h, h.link("auth")
        self.client, self.sock = h.connect(LOGIN_HERE[h.role] if listener is None else listener)
        self.opened = self.auth.ask("M_CONN_OPEN", number=self.n, fd=self.sock.fileno())
        if tls:
            self.tls()

    def tls(self):
        return self.auth.put("M_CONN_TLS", conn=self.n, version="TLSv1.3", cipher="x", exporter=b"e" * 32)

    def send_start(self, mech="PLAIN", initial=IN, fd=None, id=None, **more):
        self.ours, theirs = pair(self.h.role)
        self.auth.id += 1
        fields = {"tag": "" if more.get("certificate") else "a1", "has_initial": initial is not None}
        fields.update(more)
        self.auth.put("M_SASL_START", conn=self.n, mech=mech, initial=initial, id=id or self.auth.id,
                      fd=theirs.fileno() if fd is None else fd, **fields)
        theirs.close()
        return id or self.auth.id

    def start(self, *args, **more):
        """The outcome, None when the link ended."""
        a = self.auth.answer("M_SASL_START", self.send_start(*args, **more))
        self.said = a
        return a and a["outcome"]

    def close(self):
        self.auth.put("M_CONN_CLOSED", number=self.n)
        self.client.close()
        self.sock.close()


# ---- what ends a link, and him who said it --------------------------------------------------

def number(n):
    return struct.pack(">Q", n)


def open_with(payload, fds):
    def fn(h, l):
        l.raw("M_CONN_OPEN", payload, 7, fds)
    return fn


def twice(what):
    def fn(h, l):
        c = Conn(h)
        what(c)
        what(c)
    return fn


def as_conn(fn, **how):
    return lambda h, l: fn(Conn(h, **how))


def session(**more):
    """A forged word of auth: this descriptor is alice's."""
    def fn(h, l):
        a, b = pair(h.role)
        h.forged = a
        l.put("M_SESSION", fd=b.fileno(), id=9, account=1, name="alice", address=ALICE, mech="PLAIN",
              remote="127.0.0.1", proto=h.role == "front", tls=1, **more)
        b.close()
    return fn


def say(kind, fd=None, **fields):
    return lambda h, l: l.put(kind, fd=fd, id=11, **fields)


def flood(h, l):
    """Far more requests than credit allows: exchanges whose store does not answer."""
    for i in range(9000):
        Conn.number += 1
        if not l.put("M_DNS", name="x%d.slow.example" % i, type=1, id=Conn.number):
            break


def same_id(c):
    """Back to back, while the first password is compared."""
    d = Conn(c.h)
    with c.h.suite.asleep("auth"):	# it finds both at once; nobody else may wake it
        for x in c, d:
            x.send_start(initial=b"\0nobody@x\0slow", id=77)


def pipe_fd():
    r, w = os.pipe()
    os.close(w)
    return r


def two_signatures(h, l):
    """A second request before the first is answered: keys sleeps meanwhile."""
    with h.suite.asleep("keys"):
        for i in 1, 2, 3:
            l.put("M_SIGN", id=i, op=2, hash=672, data=b"x" * 100)


# ---- keys of clients ---------------------------------------------------------------------------

KEYS = (("alice", ALICE, ()), ("later", ALICE, ("--no-imap-preauth",)), ("bob", "bob@" + DOMAIN, ()),
        ("removed", ALICE, ()), ("stranger", None, ()))
NONE, LATENT, PREAUTH, REFUSED = range(4)
UNDER_TLS = {"front": IMAPS, "smtpd": SUBMISSIONS}
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def key_id(s, name):
    spki = subprocess.run("openssl x509 -in %s/%s.crt -pubkey -noout | openssl pkey -pubin -outform DER" % (s.dir, name),
                          shell=True, capture_output=True, check=True).stdout
    return hashlib.sha256(spki).digest()


class KeyConn(Conn):
    """A connection whose client showed a key, in a handshake that is real."""

    def __init__(self, h, name, version=V13, listener=None):
        listener = UNDER_TLS[h.role] if listener is None else listener
        super().__init__(h, listener)
        ctx = ssl.create_default_context(cafile=h.suite.ca)
        ctx.minimum_version = ctx.maximum_version = version
        ctx.load_cert_chain("%s/%s.crt" % (h.suite.dir, name), "%s/%s.key" % (h.suite.dir, name))
        t = threading.Thread(target=self.shake, args=(ctx, self.client.dup()))
        t.start()
        self.facts = h.handshake(listener, self.sock)
        t.join()
        assert isinstance(self.facts, dict) and self.facts["has_key"], self.facts
        self.key, self.record = self.facts["key"], self.facts["record"]

    def shake(self, ctx, sock):
        sock.settimeout(LONG)
        try:
            ctx.wrap_socket(sock, server_hostname="localhost").close()
        except (OSError, ValueError):
            pass

    def tls(self):
        f = self.facts
        return self.auth.put("M_CONN_TLS", conn=self.n, version=f["version"], cipher="x", exporter=f["exporter"],
                             unique=f["unique"], end_point=f["end_point"])

    def tell(self, key=None, record=None):
        self.auth.id += 1
        self.auth.put("M_CONN_KEY", conn=self.n, key=self.key if key is None else key,
                      record=self.record if record is None else record, id=self.auth.id)
        return self.auth.id

    def identity(self, *args, **more):
        a = self.auth.answer("M_CONN_KEY", self.tell(*args, **more))
        return a and a["identity"]

    def let_in(self, s):
        """By EXTERNAL or by the key alone?  Then it counts as a login."""
        for how in ({"mech": "EXTERNAL", "initial": b""}, {"mech": "EXTERNAL", "initial": ALICE.encode()},
                    {"mech": "", "initial": None, "certificate": 1}):
            more = dict(how)
            mech, initial = more.pop("mech"), more.pop("initial")
            rc = self.start(mech, initial, **more)
            if rc == OK or rc is None or not unvouched(self.ours):
                s.logins += rc == OK
                return True
        return False


def proven(fn, name="alice", version=V13, tls=True, **how):
    def do(h, l):
        c = KeyConn(h, name, version, **how)
        if tls:
            c.tls()
        fn(c)
    return do


def changed(octets, at):
    """One bit of it, so far from its start."""
    i = int(len(octets) * at)
    return octets[:i] + bytes([octets[i] ^ 1]) + octets[i + 1:]


def certificate_and(**more):
    def fn(c):
        c.identity()
        c.send_start(**dict({"mech": "", "initial": None, "certificate": 1}, **more))
    return fn


BOTH = ("front", "smtpd")
LIES = "malformed CONN_KEY"
WRONG = [("a proof with a bit changed, TLS 1.%d, at %d %%" % (v - V12 + 2, at * 100), v,
          lambda c, at=at: {"record": changed(c.record, at)})
         for v in (V12, V13) for at in (0.01, 0.5, 0.99)] + [
    ("a proof that another key signed", V13, lambda c: {"key": key_id(c.h.suite, "bob")}),
    ("a proof without its end", V13, lambda c: {"record": c.record[:-1]}),
    ("a proof and an octet", V13, lambda c: {"record": c.record + b"x"}),
    ("a proof of nothing", V13, lambda c: {"record": b"\0" * 2000}),
]
PROOFS = [
    ("a proof that is too long",	BOTH, "auth", proven(lambda c: c.tell(record=c.record + b"x" * 12288)), LIES),
    ("a key of 31 octets",		BOTH, "auth", proven(lambda c: c.tell(key=c.key[:31])), LIES),
    ("a key before TLS",		BOTH, "auth", proven(lambda c: c.tell(), tls=False), LIES),
    ("a key twice",			BOTH, "auth", proven(lambda c: (c.identity(), c.tell())), LIES),
    ("a key in an exchange",		BOTH, "auth", proven(lambda c: (c.send_start("PLAIN", None), c.tell())), LIES),
    ("a key alone, and a mechanism",	BOTH, "auth", proven(certificate_and(mech="EXTERNAL")), "malformed SASL_START"),
    ("a key alone, and a name",		BOTH, "auth", proven(certificate_and(initial=ALICE)), "malformed SASL_START"),
    ("a key alone, and a tag",		BOTH, "auth", proven(certificate_and(tag="a1")), "malformed SASL_START"),
    ("a key alone, and LOGIN",		BOTH, "auth", proven(certificate_and(login_command=1)), "malformed SASL_START"),
]


def proofs(s, h):
    """What is no proof costs the identity, and nothing else: a client may be the cause."""
    role = h.role
    for v in V12, V13:
        c = KeyConn(h, "alice", v)
        c.tls()
        ok(c.identity() == (PREAUTH if role == "front" else LATENT), "%s: a key that is proven, %s" % (role, c.facts["version"].decode()))
        ok(c.let_in(s), "%s: lets in" % role)
        c.close()
    for what, v, wrong in WRONG:
        c = KeyConn(h, "alice", v)
        c.tls()
        good = ok(c.identity(**wrong(c)) == NONE, "%s: %s is no identity" % (role, what))
        ok(not c.let_in(s) and good, "%s: %s does not let in" % (role, what))
        c.close()
    ok("sends what does not prove the client key" in s.logged(), "%s: which is in the log" % role)
    used, theirs = KeyConn(h, "alice"), KeyConn(h, "alice")
    used.tls()
    ok(used.identity() != NONE, "%s: a proof is used" % role)
    o, x = s.get("smtpd" if role == "front" else "front"), s.get(role)
    rows = (("no proof", "alice", {"record": b""}), ("a proof that was used", "alice", {"record": used.record}),
            ("a proof of another kind of process", "alice", {"record": KeyConn(o, "alice").record}),
            ("a proof of another process of its kind", "alice", {"record": KeyConn(x, "alice").record}),
            ("a key that is not registered", "stranger", {}),
            ("a key that is not registered, under another's proof", "stranger", {"record": theirs.record}))
    for what, name, more in rows:
        c = KeyConn(h, name)
        c.tls()
        good = ok(c.identity(**more) == NONE, "%s: %s is no identity" % (role, what))
        ok(not c.let_in(s) and good, "%s: %s does not let in" % (role, what))
        if c.auth.gone:
            diag("the link ended")
            return
        c.close()
    used.close()
    s.put(o)
    s.put(x)
    c = Conn(h, UNDER_TLS[role], tls=True)
    ok(not KeyConn.let_in(c, s), "%s: nobody is let in by a key that was not told" % role)
    c.close()

    c = KeyConn(h, "removed")
    c.tls()
    ok(c.identity() in (PREAUTH, LATENT), "%s: a key that is to be removed" % role)
    with open(s.dir + "/removed.crt") as f:
        text = f.read()
    finger = [r for r in s.rows("tlspubkey", "list") if r["name"] == "removed"][0]["fingerprint"]
    s.ctl("tlspubkey", "remove", finger)
    ok(not c.let_in(s), "%s: lets nobody in when it is" % role)
    s.ctl("tlspubkey", "add", ALICE, "removed", input=text)
    c.close()
    c = KeyConn(h, "alice")
    c.tls()
    c.identity()
    s.ctl("account", "disable", "alice", "closed")
    rc = c.start("", None, certificate=1)
    ok(rc == DISABLED and unvouched(c.ours), "%s: nor does one of an account that is disabled" % role)
    s.ctl("account", "enable", "alice")
    c.close()
    if role == "smtpd":
        return
    for what, name, listener in (("no-imap-preauth", "later", IMAPS), ("STARTTLS", "alice", IMAP)):
        c = KeyConn(h, name, listener=listener)
        c.tls()
        ok(c.identity() == LATENT, "front: %s: an identity" % what)
        ok(c.start("", None, certificate=1) == BAD_CREDENTIALS and unvouched(c.ours), "front: %s: is no PREAUTH" % what)
        ok(c.start("EXTERNAL", b"bob@" + DOMAIN.encode()) == BAD_CREDENTIALS and unvouched(c.ours),
           "front: %s: nor bob's" % what)
        c.close()


ENDS = [
    # name, of whom, on the link to, what, and the reason in the log
    ("a type that nobody knows",	BOTH, "auth", lambda h, l: l.raw(999, b"x", 5), "may not send unknown message"),
    ("half a header",			BOTH, "auth", lambda h, l: l.s.send(b"\0\0\0"), "no message"),
    ("a short number",			BOTH, "auth", open_with(number(1)[:7], [0]), "malformed CONN_OPEN"),
    ("an octet too much",		BOTH, "auth", open_with(number(1) + b"x", [0]), "malformed CONN_OPEN"),
    ("a start without payload",		BOTH, "auth", lambda h, l: l.raw("M_SASL_START", b"", 8, [0]), "malformed SASL_START"),
    ("a length that lies",		BOTH, "auth", lambda h, l: l.raw("M_SASL_STEP", number(1) + b"\xff\xff\xff\xff", 8),
					"malformed SASL_STEP"),
    ("a name that is too long",		BOTH, "auth", as_conn(lambda c: c.send_start("X" * 600)), "malformed SASL_START"),
    ("a descriptor where none belongs",	BOTH, "auth", lambda h, l: l.put("M_CONN_CLOSED", fd=0, number=1), "malformed CONN_CLOSED"),
    ("an answer to no question",	BOTH, "auth", lambda h, l: l.raw(TYPES["M_SESSION"] | REPLY, b"x", 5), "SESSION answer"),
    ("TLS twice",			BOTH, "auth", twice(Conn.tls), "malformed CONN_TLS"),
    ("a connection's number twice",	BOTH, "auth",
     twice(lambda c: c.auth.put("M_CONN_OPEN", fd=c.sock.fileno(), number=c.n + 5000, id=c.n)), "malformed CONN_OPEN"),
    ("an exchange inside another",	BOTH, "auth", twice(lambda c: c.send_start(initial=None)), "malformed SASL_START"),
    ("TLS in an exchange",		BOTH, "auth", as_conn(lambda c: (c.send_start(initial=None), c.tls())), "malformed CONN_TLS"),
    ("a number of a request that is open", BOTH, "auth", as_conn(same_id), "malformed SASL_START"),
    ("a pipe for a session",		BOTH, "auth", as_conn(lambda c: c.send_start(fd=pipe_fd())), "malformed SASL_START"),
    ("a file for a session",		BOTH, "auth",
     as_conn(lambda c: c.send_start(fd=os.open("/dev/null", os.O_RDWR))), "malformed SASL_START"),
    ("a clear socket as a session under TLS", ("front",), "auth",
     as_conn(lambda c: c.send_start(fd=c.sock.fileno(), plain_socket=1), tls=True), "malformed SASL_START"),
    ("the client's socket as a submission", ("smtpd",), "auth",
     as_conn(lambda c: c.send_start(fd=c.sock.fileno(), plain_socket=1)), "malformed SASL_START"),
    ("a login on port 25",		("smtpd",), "auth", as_conn(lambda c: c.send_start(), listener=SMTP), "malformed SASL_START"),
    ("a question of queued's",		BOTH, "auth", say("M_MAY_USE", account=1, address=ALICE), "may not send MAY_USE"),
    ("a question of smtpd's",		("front",), "auth", say("M_RCPT", text=ALICE), "may not send RCPT"),
    ("a request of letterctl's",	BOTH, "auth", say("M_CTL", verb="account list"), "may not send CTL"),
    ("a session to auth",		BOTH, "auth", session(), "may not send SESSION"),
    ("the end of others' sessions",	BOTH, "auth", say("M_END_SESSIONS", account=2), "may not send END_SESSIONS"),
    ("a claim that is auth's",		BOTH, "auth", say("M_KEY_CLAIM", digest=b"x"), "may not send KEY_CLAIM"),
    ("lookup: more than credit allows",	("smtpd",), "lookup", flood, "DNS"),
    ("keys: a second question",		BOTH, "keys", two_signatures, "malformed SIGN"),
    ("keys: a claim",			BOTH, "keys", say("M_KEY_CLAIM", digest=b"x", role=5, instance=0), "may not send KEY_CLAIM"),
    ("keys: half a question",		BOTH, "keys", lambda h, l: l.raw("M_SIGN", b"x" * 9, 3), "malformed SIGN"),
    ("keys: a login",			BOTH, "keys", say("M_SASL_STEP", conn=1), "may not send SASL_STEP"),
    ("queued: a forged login",		("smtpd",), "queued", session(), "may not send SESSION"),
    ("queued: a submission without one", ("smtpd",), "queued", say("M_SUB_MAIL", **{"from": ALICE}), "may not send SUB_MAIL"),
    ("queued: a body of no slot",	("smtpd",), "queued",
     lambda h, l: l.raw("M_QUEUE_COMMIT", encode("c_commit", id=b"not a slot's", size=5, **{"from": "x@y"}), 6), "QUEUE_COMMIT"),
    ("queued: the end of sessions",	("smtpd",), "queued", say("M_END_SESSIONS", account=1), "may not send END_SESSIONS"),
    ("queued: mail for a relay",	("smtpd",), "queued", say("M_RELAY", destination="x.example"), "may not send RELAY"),
    ("queued: keys that may go",	("smtpd",), "queued", lambda h, l: l.raw("M_SETTLED", b"\0\0\0\0", 4), "may not send SETTLED"),
    ("store: a forged login",		("smtpd",), "store", session(), "may not send SESSION"),
    ("store: an account to remove",	("smtpd",), "store", say("M_ACCOUNT_GONE", account=1), "may not send ACCOUNT_GONE"),
    ("store: the end of sessions",	("smtpd",), "store", say("M_END_SESSIONS", account=1), "may not send END_SESSIONS"),
    ("store: keys that may go",		("smtpd",), "store", lambda h, l: l.raw("M_SETTLED", b"\0\0\0\0", 4), "may not send SETTLED"),
    ("store: half a delivery",		("smtpd",), "store", lambda h, l: l.raw("M_DELIVER", b"x" * 30, 4, [0]), "malformed DELIVER"),
    ("lookup: a name that is too long",	("smtpd",), "lookup", say("M_DNS", name="x" * 1025, type=1), "malformed DNS"),
    ("lookup: a login",			("smtpd",), "lookup", say("M_SASL_STEP", conn=1), "may not send SASL_STEP"),
]


def ending(s, row):
    """One of them, by a process that did nothing yet.  [] or what is wrong."""
    name, role, to, fn, reason = row
    wrong = []
    h = s.get(role)
    l = h.link(to)
    h.forged = None
    fn(h, l)
    if not l.ended():
        wrong.append("the link stays")
    who = "%s %d" % (h.role, h.instance)
    if not wait_for(lambda: re.search(r"warning: link to %s closed: .*%s" % (who, re.escape(reason)), s.logged())):
        wrong.append("no line for %s about %r" % (who, reason))
    if h.forged and not unvouched(h.forged):
        wrong.append("the forged session is there")
    if not s.answers_logins():
        wrong.append("others cannot log in")
    return ["%s, %s: %s" % (name, role, w) for w in wrong]


def endings(s):
    rows = [(name, r, to, fn, reason) for name, roles, to, fn, reason in ENDS + PROOFS for r in roles]
    with ThreadPoolExecutor(8) as pool:
        for row, wrong in zip(rows, pool.map(lambda r: ending(s, r), rows)):
            ok(not wrong, "%s by %s" % row[:2])
            diag(*wrong)


# ---- what is answered with no ---------------------------------------------------------------

def refusals(s, h):
    role, auth = h.role, h.link("auth")
    listener = LOGIN_HERE[role]

    def opened(fd):
        Conn.number += 1
        a = auth.ask("M_CONN_OPEN", number=Conn.number, **({} if fd is None else {"fd": fd}))
        return a and a["allowed"]

    c = Conn(h, listener)
    ok(c.opened["allowed"] and c.opened["listener"] == listener and
       c.opened["port"] == c.client.getsockname()[1], "%s: a real connection is taken for what it is" % role)
    ok(c.start() == OK, "%s: and a real password too" % role)
    s.logins += 1
    ok(vouched(c.ours), "%s: then the session is there" % role)
    ok(c.start() in (MALFORMED, None) and unvouched(c.ours), "%s: a second login on it is not" % role)
    if auth.gone:
        return
    c.close()

    a, b = pair(role)
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    new = socket.socket()
    other = socket.create_connection(("127.0.0.1", s.smtp))
    wrong = []
    for what, fd in (("a pipe", pipe_fd()), ("a folder", os.open("/", os.O_RDONLY)), ("a file", os.open("/dev/null", 0)),
                     ("a pair", a.fileno()), ("a datagram socket", u.fileno()), ("a new socket", new.fileno()),
                     ("the listening socket", h.listeners[listener].fileno()), ("the client's end", c_client(h)),
                     ("a client of another server", other.fileno()), ("nothing", None)):
        if opened(fd) != 0:
            wrong.append(what)
    ok(not wrong, "%s: what is no connection of ours is none" % role)
    diag(*wrong)
    # the other role's listener: its connections are nothing to this one
    o = s.get("smtpd" if role == "front" else "front")
    for i in o.listeners:
        client, sock = o.connect(i)
        if opened(sock.fileno()) != 0:
            wrong.append(i)
        client.close()
    ok(not wrong, "%s: a connection of another process's listener is refused" % role)
    diag(*wrong)
    s.put(o)

    for kind, fields in (("M_SASL_STEP", {"data": IN}), ("M_SASL_ABORT", {})):
        a = auth.ask(kind, **dict(fields, **{"conn" if kind == "M_SASL_STEP" else "number": 424242}))
        ok(a and a["outcome"] in (UNAVAILABLE, ABORTED), "%s: %s of no connection" % (role, kind))
    c = Conn(h, listener)
    c.n = 434343
    ok(c.start() == UNAVAILABLE and unvouched(c.ours), "%s: a login on a connection that was never opened" % role)
    c = Conn(h, listener)
    a = auth.ask("M_SASL_STEP", conn=c.n, data=IN)
    ok(a is None or a["outcome"] == UNAVAILABLE, "%s: a step before the start" % role)
    if auth.gone:
        return
    c.close()
    ok(c.start() == UNAVAILABLE and unvouched(c.ours), "%s: a login on a connection that is closed" % role)

    # others' connections are named by numbers that mean nothing here
    o = s.get(role)
    c = Conn(o, listener)
    auth.put("M_CONN_CLOSED", number=c.n)
    a = auth.ask("M_SASL_STEP", conn=c.n, data=IN)
    ok(a and a["outcome"] == UNAVAILABLE, "%s: another's connection is not there" % role)
    ok(c.start(initial=None) not in (None, UNAVAILABLE), "%s: and stays" % role)
    c.close()
    s.put(o)

    c = Conn(h, listener, tls=True)
    ok(c.start("EXTERNAL", b"") in (BAD_CREDENTIALS, UNKNOWN_MECH) and unvouched(c.ours),
       "%s: EXTERNAL without a key" % role)
    ok(c.start("EXTERNAL", ALICE.encode()) in (BAD_CREDENTIALS, UNKNOWN_MECH) and unvouched(c.ours),
       "%s: EXTERNAL without a key, by name" % role)
    c.close()


def c_client(h):
    client, sock = h.connect(LOGIN_HERE[h.role])
    return client.detach()


def keys(s, h):
    """Signing: only for what is theirs, only what a TLS server signs."""
    l = h.link("keys")
    for name, fields in (("a key that is not there", {"key": b"k" * 32, "op": 2, "hash": 672, "data": b" " * 64}),
                         ("no key", {"op": 2, "hash": 672, "data": b" " * 64 + b"TLS 1.3, server CertificateVerify\0" + b"x" * 32})):
        a = l.ask("M_SIGN", **fields)
        ok(a and a["result"] == 1 and a["signature"] == b"", "%s: keys: %s" % (h.role, name))
    key = s.key_id
    for name, op, data in (
            ("a client's text", 2, b" " * 64 + b"TLS 1.3, client CertificateVerify\0" + b"x" * 32),
            ("a text of its own", 2, b"Letterlock owes me a thousand"),
            ("no text", 2, b""),
            ("a certificate", 2, b"\x30\x82\x01\x00" + b"x" * 256),
            ("the right text for another kind of key", 3,
             b" " * 64 + b"TLS 1.3, server CertificateVerify\0" + b"x" * 32)):
        a = l.ask("M_SIGN", key=key, op=op, hash=672, data=data)
        ok(a and a["result"] == 1 and a["signature"] == b"", "%s: keys: %s is not signed" % (h.role, name))
    a = l.ask("M_SIGN", key=key, op=2, hash=672, data=b" " * 64 + b"TLS 1.3, server CertificateVerify\0" + b"x" * 32)
    ok(a and a["result"] == 0 and a["signature"], "%s: keys: what a TLS server signs is" % h.role)


# ---- what the parent is told ------------------------------------------------------------------

def parent(s):
    """It may say of itself that it is ready; it orders nobody about."""
    before = {(r["role"], r["instance"]): r["pid"] for r in s.rows("status")}
    told = [("M_DO_STOP", b""), ("M_DO_RELOAD", b""), ("M_DO_LOGFILE", b""), ("M_WORKER_START", encode("c_text", text="x"))]
    told += [("M_END_PEER", encode("c_link", role=r, instance=0, generation=g)) for r in (0, 2, 3, 7, 8) for g in (0, 1, 2 ** 63)]
    told += [("M_LINK_LOST", encode("c_link", role=r, instance=90, generation=1)) for r in (0, 2, 200)]
    for i, (kind, payload) in enumerate(told):
        h = s.get(BOTH[i % 2])
        h.parent(kind, payload, 5)
        if h.link("auth").lives():
            s.put(h)
    wait_for(lambda: s.answers_logins())
    after = {(r["role"], r["instance"]): r["pid"] for r in s.rows("status")}
    gone = [k for k in before if k[0] not in BOTH and after.get(k) != before[k]]
    ok(not gone, "nobody is ended or reloaded at the word of a wire process")
    diag(*gone)


class Counted(Hostiles):
    """Logins through the real processes, counted: those that the log must have."""
    logins = failed = 0

    def one(self, submission):
        """None: a stand-in took the connection, which it may, and closed it."""
        c = (Raw if submission else Imap)(self.submission if submission else self.imap, **({"greet": False} if submission else {}))
        try:
            if not (c.line() if submission else c.greeting):
                return None
            if submission:
                c.say("EHLO client.example\r\n")
                return c.say("AUTH PLAIN " + b64(plain(ALICE, PASSWORD)) + "\r\n").startswith("235")
            return c.cmd(b'LOGIN %s "%s"' % (ALICE.encode(), PASSWORD.encode()))[1].startswith(b"OK")
        finally:
            c.close()

    def answers_logins(self):
        for submission in 0, 1:
            good = wait_for(lambda: {True: "yes", False: "no"}.get(self.one(submission)))
            with self.counting:
                self.logins += good == "yes"
                self.failed += good != "yes"
        return good == "yes"

    counting = threading.Lock()


LIMITS = """
limits { connections-address 10000 connections-prefix 10000 }
"""


def main(s):
    s.key_id = key_id(s, "mail")
    for name, address, flags in KEYS:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-subj", "/CN=x", "-keyout", "%s/%s.key" % (s.dir, name), "-out", "%s/%s.crt" % (s.dir, name)],
                       check=True, capture_output=True)
        if address:
            with open("%s/%s.crt" % (s.dir, name)) as f:
                s.ctl("tlspubkey", "add", *flags, address, name, input=f.read())
    roles = ("auth", "keys", "lookup", "store", "queued", "control")
    pids = {(r["role"], r["instance"]): r["pid"] for r in s.rows("status") if r["role"] in roles}
    for role in BOTH:
        h = s.get(role)
        refusals(s, h)
        keys(s, h)
        proofs(s, h)
        s.put(h)
    endings(s)
    parent(s)
    after = {(r["role"], r["instance"]): r["pid"] for r in s.rows("status") if r["role"] in roles}
    ok(pids == after, "auth and all others that were spoken to live")
    diag(*[(k, pids[k], after.get(k)) for k in pids if pids[k] != after.get(k)])
    ok(s.failed == 0, "others logged in all the while, %d times" % s.logins)
    seen = len(re.findall(r"auth\[\d+\]: info: login from ", s.logged()))
    ok(seen == s.logins, "auth let in those %d and nobody else (%d)" % (s.logins, seen))
    ok(wait_for(lambda: all(r["state"] == "ready" for r in s.rows("status"))), "the suite is well")


with Counted(conf=LIMITS, instances=12) as s:
    main(s)
done()
