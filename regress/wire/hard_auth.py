"""SASL for tests: SCRAM with every part of it to be changed, exchanges over SMTP and
IMAP that go on whatever is said."""
import base64
import hashlib
import hmac
import os

from raw import Imap, Raw


def b64(x):
    return base64.b64encode(x if isinstance(x, bytes) else x.encode()).decode()


def plain(user, password, authzid=""):
    return "%s\0%s\0%s" % (authzid, user, password)


class Scram:
    """RFC 5802 with everything to be changed."""

    def __init__(self, user, password, digest="sha256", gs2="n,,", nonce=None, name=None, after=""):
        self.password, self.digest, self.gs2 = password, digest, gs2
        self.nonce = nonce if nonce is not None else b64(os.urandom(15))
        self.bare = "n=%s,r=%s%s" % (name or user.replace("=", "=3D").replace(",", "=2C"), self.nonce, after)

    def first(self):
        return self.gs2 + self.bare

    def final(self, server, cbind=None, nonce=None, proof=None, after="", before=""):
        server = server.decode()
        f = dict(x.split("=", 1) for x in server.split(","))
        self.f = f
        salted = hashlib.pbkdf2_hmac(self.digest, self.password.encode(), base64.b64decode(f["s"]), int(f["i"]))
        h = lambda k, m: hmac.new(k, m, self.digest).digest()
        key = h(salted, b"Client Key")
        without = "%sc=%s,r=%s%s" % (before, b64(self.gs2) if cbind is None else cbind, nonce or f["r"], after)
        msg = (self.bare + "," + server + "," + without).encode()
        sig = h(hashlib.new(self.digest, key).digest(), msg)
        self.v = b"v=" + b64(h(h(salted, b"Server Key"), msg)).encode()
        p = bytes(a ^ b for a, b in zip(key, sig))
        return without + ",p=" + b64(p if proof is None else proof(p))


def cram(user, password, challenge):
    """RFC 2195."""
    return "%s %s" % (user, hmac.new(password.encode(), challenge, "md5").hexdigest())


class Smtp:
    """An exchange over SMTP: begin() and step() say "more" with data, or the reply."""
    ok, bad, malformed, unknown, tls, away = "235 2.7.0 ", "535 5.7.8 ", "501 5.5.[0-9] ", "504 5.5.4 ", "538 5.7.11 ", "454 4.7.0 "
    aborted, parameter, base64 = "501 5.5.0 ", "501 5.5.4 ", "501 5.5.2 "

    def __init__(self, s, tls=False, source=None):
        self.c = Raw(s.submissions if tls else s.submission, tls=s.ca if tls else None, source=source)
        self.c.say("EHLO c.example\r\n")

    def got(self):
        r = self.c.reply()
        if r.startswith("334 "):
            return "more", base64.b64decode(r[4:])
        return r, b""

    def raw(self, line):
        self.c.send(line.encode("utf-8") + b"\r\n" if isinstance(line, str) else line + b"\r\n")
        return self.got()

    def begin(self, mech, initial=None):
        return self.raw("AUTH " + mech + ("" if initial is None else " " + (b64(initial) or "=")))

    def begin_raw(self, text):
        return self.raw("AUTH " + text)

    def step(self, data):
        return self.raw(b64(data))

    def login_command(self, user, password):
        return None

    def alive(self):
        return self.c.say("NOOP\r\n").startswith("250 ")

    def close(self):
        self.c.close()


class ImapAuth(Smtp):
    ok, bad, malformed, unknown = "OK ", r"NO \[AUTHENTICATIONFAILED\] ", "BAD ", "NO (?!\\[)"
    tls, away, aborted = r"NO \[PRIVACYREQUIRED\] ", r"NO \[UNAVAILABLE\] ", "BAD "
    parameter = base64 = "BAD "

    def __init__(self, s, tls=False, source=None):
        self.c = Imap(s.imaps if tls else s.imap, tls=s.ca if tls else None, source=source)

    def got(self):
        r = self.c.until(b"a")[-1]
        if r.startswith(b"+ "):
            return "more", base64.b64decode(r[2:])
        if r.startswith(b"+"):
            return "no space behind the +", b""
        return r[2:].decode(errors="replace"), b""

    def begin_raw(self, text):
        return self.raw("a AUTHENTICATE " + text)

    def begin(self, mech, initial=None):
        return self.raw("a AUTHENTICATE " + mech + ("" if initial is None else " " + (b64(initial) or "=")))

    def login_command(self, user, password):
        user, password = user.encode(), password.encode()
        u, t = self.c.cmd([b"LOGIN {%d}" % len(user), user + b" {%d}" % len(password), password])
        return t.decode()

    def alive(self):
        return self.c.cmd(b"NOOP")[1].startswith(b"OK")


def finish(c, got):
    """Past "e=" as a challenge; (text, the last reply)."""
    said = b""
    while got[0] == "more":
        said = got[1]
        got = c.step("")
    return said, got
