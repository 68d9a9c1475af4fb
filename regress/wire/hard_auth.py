"""SASL for tests: SCRAM with every part of it to be changed."""
import base64
import hashlib
import hmac
import os


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
