"""Smarthosts that are scripts, each for a case of a login: one message has a recipient for
each of them, and what the queue records of each is known."""
import atexit
import base64
import hashlib
import hmac
import os
import re
import shutil
import smtplib
import tempfile

from smarthost_test import ALICE, transport
from smtpsink import Sink
from suite import PASSWORD, Suite, certificate, diag, done, is_, ok, wait_for

cert = tempfile.mkdtemp(prefix="letterlock-cert-")
atexit.register(shutil.rmtree, cert, True)
USER, SECRET = "relay-user", "swordfish at sea"
MECHS = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN"]
ALL = "AUTH " + " ".join(reversed(MECHS))
NONE = "4.7.8 .*no mechanism that will do is offered"
CUT = r"4\.4\.2 "
TLS = r"4\.7\.5 "


def b64(x):
    return base64.b64encode(x if isinstance(x, bytes) else x.encode()).decode()


def ask(s, challenge):
    """One challenge, one answer; None is the client's "*"."""
    s.say("334 " + b64(challenge))
    line = s.line()
    return None if line == b"*" else base64.b64decode(line)


# ---- servers of the mechanisms


def plain(s, initial):
    return initial == ("\0%s\0%s" % (USER, SECRET)).encode()


def login(s, initial):
    user = initial if initial is not None else ask(s, "Username:")
    return user == USER.encode() and ask(s, "Password:") == SECRET.encode()


def cram(s, initial):
    challenge = "<1.2@sink>"
    want = "%s %s" % (USER, hmac.new(SECRET.encode(), challenge.encode(), "md5").hexdigest())
    return initial is None and ask(s, challenge) == want.encode()


def scram(digest, plus, twist=lambda what, x: x):
    """The server of RFC 5802; twist changes what it says: "first", "final" and "end"."""
    def run(s, initial):
        s.gs2, _, bare = initial.decode().partition(",,")
        nonce = re.search(",r=(.*)", bare).group(1) + b64(os.urandom(9))
        first = twist("first", "r=%s,s=%s,i=4096" % (nonce, b64(b"salt of sixteen.")))
        answer = ask(s, first)
        if answer is None:
            return False
        f = dict(x.split("=", 1) for x in answer.decode().split(","))
        salted = hashlib.pbkdf2_hmac(digest, SECRET.encode(), b"salt of sixteen.", 4096)
        h = lambda k, m: hmac.new(k, m, digest).digest()
        msg = ("%s,%s,%s" % (bare, first, answer.decode().rpartition(",p=")[0])).encode()
        key = bytes(a ^ b for a, b in zip(base64.b64decode(f["p"]), h(hashlib.new(
            digest, h(salted, b"Client Key")).digest(), msg)))
        bound = base64.b64decode(f["c"])
        head = (s.gs2 + ",,").encode()
        if key != h(salted, b"Client Key") or not bound.startswith(head) or (len(bound) > len(head)) != plus:
            return False
        if plus and s.gs2 == "p=tls-unique" and bound[len(head):] != s.sock.get_channel_binding("tls-unique"):
            return False
        final = twist("final", "v=" + b64(h(h(salted, b"Server Key"), msg)))
        return final is None or ask(s, final) == b""
    return run


SERVERS = {"PLAIN": plain, "LOGIN": login, "CRAM-MD5": cram,
           "SCRAM-SHA-256-PLUS": scram("sha256", True), "SCRAM-SHA-256": scram("sha256", False),
           "SCRAM-SHA-1-PLUS": scram("sha1", True), "SCRAM-SHA-1": scram("sha1", False)}


def auth(servers=SERVERS):
    def run(args, s):
        mech, _, initial = args.partition(" ")
        s.mech, s.secure = mech, s.tls
        data = None if initial == "" else base64.b64decode(initial.replace("=", "", initial == "="))
        return "235 2.7.0 in" if servers[mech](s, data) else "535 5.7.8 no"
    return run


def twisted(what, change):
    return auth({"SCRAM-SHA-256": scram("sha256", False, lambda w, x: change(x) if w == what else x)})


# ---- the cases


class Case:
    """want: the mechanism by which it is delivered, or what is recorded; either: it may
    be delivered by that as well, within TLS."""

    def __init__(self, name, announced, options, want, flag=None, kind="submission", implicit=False, loud=True,
                 said=None, either=None, **server):
        self.name, self.want, self.flag, self.loud, self.said = name, want, flag, loud, said
        self.either = either
        replies = dict(server.pop("replies", {}))
        replies.setdefault("AUTH", auth())
        if "off" not in options:
            server.setdefault("cert", cert)
        if announced is not None and "cert" in server:
            server.setdefault("tls_ext", announced)
            server.setdefault("ext", [])
        server.setdefault("ext", announced or [])
        self.sink = Sink(replies=replies, implicit=implicit, **server)
        options = ["verify no"] * ("off" not in options) + ['auth "relay"'] + ([options] if options else [])
        self.conf = transport(name, kind, self.sink.port, *options)
        self.to = "x@%s.example" % name

    def settled(self, rows):
        """Is anything known of it?"""
        return self.sink.messages or rows.get(self.to)

    def look(self, s, rows):
        text, first = rows.get(self.to, ""), self.sink.sessions[0] if self.sink.sessions else None
        got = self.sink.messages and self.sink.messages[0]["session"]
        if self.either and got:
            ok(got.mech == self.either and got.secure, "%s: delivered by %s" % (self.name, self.either))
            return
        if self.want in MECHS:
            ok(len(self.sink.messages) == 1 and self.sink.messages[0]["session"].mech == self.want,
               "%s: delivered by %s" % (self.name, self.want)) or diag(text, first and first.commands)
            if self.flag and first:
                is_(first.gs2, self.flag, "%s: and says %s" % (self.name, self.flag))
            return
        ok(self.to in rows and re.match(self.want, text) and not self.sink.messages,
           "%s: put off, %s" % (self.name, self.want)) or diag(text or "not queued any more", first and first.commands)
        if self.loud:
            ok(re.search(r"error: transport %s: " % self.name, s.logged()), self.name + ": it shouts")
        lines = sum((x.commands for x in self.sink.sessions), [])
        if self.said is not None:
            ok(not any(x.startswith(self.said) for x in lines), "%s: no %s" % (self.name, self.said or "word")) or \
                diag(lines)


def states(s):
    return {r["to"]: r.get("last") or "" for r in s.rows("queue", "list")}


def run(s, cases):
    submit(s, *[x.to for x in cases])
    rows = [{}]

    def settled():
        rows[0] = states(s)
        return all(x.settled(rows[0]) for x in cases)
    wait_for(settled, step=0.1)
    for x in cases:
        x.look(s, rows[0])


def submit(s, *to):
    c = smtplib.SMTP("127.0.0.1", s.submission)
    c.login(ALICE, PASSWORD)
    c.sendmail(ALICE, to, "From: %s\r\nSubject: x\r\n\r\nx\r\n" % ALICE)
    c.quit()


def scenario(cases, more=lambda s, cases: None):
    certificate(cert)
    cases = list(cases())
    with Suite("allow-private-addresses\n" + "".join(x.conf for x in cases)) as s:
        s.ctl_run("secret", "set", "relay", USER, input=SECRET + "\n")
        run(s, cases)
        more(s, cases)
        ok(SECRET not in s.logged() and b64(SECRET) not in s.logged() and
           b64("\0%s\0%s" % (USER, SECRET)) not in s.logged(), "no secret in the log")
        ok(wait_for(lambda: all(r["state"] == "ready" for r in s.rows("status"))), "all processes are well")
    done()
