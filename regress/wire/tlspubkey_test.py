#!/usr/bin/env python3
"""letterctl tlspubkey: what is taken for a key and what is said of it, and what stands
in the way of a key that would log in to nothing."""
import re
import ssl
import subprocess

from raw import Imap, Raw
from suite import DOMAIN, Suite, diag, done, is_, ok, wait_for

ALICE, SECOND, BOB = "alice@" + DOMAIN, "alice.two@" + DOMAIN, "bob@" + DOMAIN
KINDS = {"p256": ("ec", "ec_paramgen_curve:prime256v1"), "p384": ("ec", "ec_paramgen_curve:secp384r1"),
         "p521": ("ec", "ec_paramgen_curve:secp521r1"), "rsa": ("rsa", "rsa_keygen_bits:2048"),
         "ed": ("ed25519", None), "p224": ("ec", "ec_paramgen_curve:secp224r1"),
         "small": ("rsa", "rsa_keygen_bits:1024"), "ed448": ("ed448", None)}


def openssl(*args, input=None):
    return subprocess.run(("openssl",) + args, input=input, check=True, capture_output=True).stdout


def make(s, kind, subject="/CN=x"):
    """PEM of the private key, the certificate and the public key."""
    algorithm, option = KINDS[kind]
    key = openssl("genpkey", "-algorithm", algorithm, *(("-pkeyopt", option) if option else ()))
    path = s.dir + "/key.pem"
    with open(path, "wb") as f:
        f.write(key)
    cert = openssl("req", "-x509", "-key", path, "-subj", subject, "-days", "1")
    return [x.decode() for x in (key, cert, openssl("pkey", "-pubout", input=key))]


def fingerprint(public):
    der = openssl("pkey", "-pubin", "-outform", "DER", input=public.encode())
    b64 = openssl("base64", "-A", input=openssl("dgst", "-sha256", "-binary", input=der))
    return b64.decode().strip().rstrip("=").replace("+", "-").replace("/", "_")


def add(s, pem, *args):
    return s.ctl_run("tlspubkey", "add", *args, input=pem)


def refused(r, words, name, status=1):
    ok(r.returncode == status and re.search(words, r.stderr), name) or \
        diag(r.returncode, r.stdout, r.stderr)


def keys_taken(s):
    types = {"p256": "ecdsa-p256", "p384": "ecdsa-p384", "p521": "ecdsa-p521", "rsa": "rsa-2048",
             "ed": "ed25519"}
    for kind, want in types.items():
        _, cert, public = make(s, kind, "/CN=%s of alice" % kind)
        r = add(s, cert, ALICE)
        name = fingerprint(public)
        ok(r.returncode == 0 and r.stdout.startswith(name + ": "), "%s: registered" % kind) or \
            diag(r.stdout, r.stderr)
        row = s.rows("tlspubkey", "show", name)[0]
        is_((row["type"], row["name"], row["account"], row["address"], row["imap_preauth"]),
            (want, kind + " of alice", "alice", ALICE, True), "%s: shown" % kind)
        r = s.ctl_run("tlspubkey", "show", name)
        ok(cert in r.stdout, "%s: with its certificate" % kind) or diag(r.stdout, cert)
        is_(s.ctl_run("tlspubkey", "remove", name).returncode, 0, "%s: removed" % kind)
    for kind, why in (("p224", "curve"), ("small", "2048"), ("ed448", "Ed25519")):
        try:
            _, cert, public = make(s, kind)
        except subprocess.CalledProcessError:
            continue
        refused(add(s, public, ALICE), why, "%s: refused" % kind)


def names(s):
    _, cert, public = make(s, "ed", "/O=no common name")
    r = add(s, cert, ALICE)
    ok(re.search(r'"serial [0-9A-F]+"', r.stdout), "without a common name: the serial number") or diag(r.stdout)
    refused(add(s, cert, BOB), "already", "a second time: refused")
    refused(add(s, public, ALICE), "already", "and the public key alone: it is the same")
    s.ctl("tlspubkey", "remove", fingerprint(public))
    r = add(s, public, "--no-imap-preauth", ALICE.upper(), "name of mine")
    ok(r.returncode == 0 and "name of mine" in r.stdout and ALICE in r.stdout,
       "a public key with a name, and an address in another spelling") or diag(r.stdout, r.stderr)
    row = s.rows("tlspubkey", "list", "alice")[0]
    is_((row["name"], row["address"], row["imap_preauth"]), ("name of mine", ALICE, False), "is listed")
    r = s.ctl_run("tlspubkey", "show", row["fingerprint"])
    ok(public in r.stdout, "is shown as a public key") or diag(r.stdout)
    r = s.ctl_run("tlspubkey", "list")
    is_(r.stdout.split()[:6], ["fingerprint", "type", "name", "account", "address", "imap_preauth"],
        "a listing has its columns")
    is_(s.ctl_run("tlspubkey", "list", "bob").stdout, "", "bob has none")
    long = "\u00e4" * 100
    _, cert, public = make(s, "ed", "/CN=" + "b" * 64)
    ok("b" * 64 in add(s, cert, BOB).stdout, "a long common name")
    refused(s.ctl_run("tlspubkey", "update", fingerprint(public), "--name", long), "1 to 128", "but no longer")
    s.ctl("tlspubkey", "remove", fingerprint(public))
    s.ctl("tlspubkey", "remove", row["fingerprint"])


def not_keys(s):
    key, cert, public = make(s, "ed")
    refused(add(s, key + cert, ALICE), "private key", "a private key is not sent", 2)
    refused(add(s, "", ALICE), "PEM", "nothing", 2)
    refused(add(s, "certificate", ALICE), "PEM", "some text", 2)
    middle = cert.split("\n")
    refused(add(s, "\n".join(middle[:2] + middle[3:]), ALICE), "decode|PEM", "a certificate with a gap", 2)
    request = openssl("req", "-new", "-key", s.dir + "/key.pem", "-subj", "/CN=x").decode()
    refused(add(s, request + cert, ALICE), "CERTIFICATE REQUEST", "a request", 2)
    refused(add(s, cert, "nobody@" + DOMAIN), "no address of an account", "nobody's address")
    refused(add(s, cert, "alice"), "no address|not an address", "no address")
    refused(add(s, cert), "usage", "no argument", 2)
    refused(add(s, cert, "--imap", ALICE), "usage", "another flag", 2)
    refused(s.ctl_run("tlspubkey", "update", fingerprint(public), "--name"), "usage", "a name is missing", 2)
    refused(s.ctl_run("tlspubkey", "show", fingerprint(public)), "no key", "one that is not there")


def in_the_way(s):
    _, cert, public = make(s, "ed")
    key = fingerprint(public)
    s.ctl("address", "add", "alice", SECOND)
    add(s, cert, SECOND, "laptop")
    refused(s.ctl_run("address", "remove", "alice", SECOND), key + ".*laptop", "its address stays")
    with open(s.dir + "/letterlock.conf") as f:
        conf = f.read()
    s.write_conf(re.sub(r'domain "?%s"?' % re.escape(DOMAIN), 'domain "another.example"', conf))
    refused(s.ctl_run("reload"), key, "its domain stays")
    s.write_conf(conf)
    is_(s.ctl_run("reload").returncode, 0, "which is no reason against other changes")
    is_(s.ctl_run("tlspubkey", "update", key, "--address", ALICE, "--name", "desk",
        "--no-imap-preauth").returncode, 0, "another address")
    row = s.rows("tlspubkey", "show", key)[0]
    is_((row["name"], row["address"], row["imap_preauth"]), ("desk", ALICE, False), "name and flag too")
    is_(s.ctl_run("address", "remove", "alice", SECOND).returncode, 0, "then the former one may go")
    refused(s.ctl_run("tlspubkey", "update", key, "--address", BOB), "stays with its account",
            "not another account's")
    s.ctl("tlspubkey", "remove", key)


class Client(Imap):
    """Greeted."""

    def __init__(self, s, key, cert, old=0):
        Raw.__init__(self, s.imaps, greet=False)
        self.n = 0
        c = ssl.create_default_context(cafile=s.ca)
        if old:
            c.maximum_version = ssl.TLSVersion.TLSv1_2
            c.options |= old
        path = s.dir + "/both.pem"
        with open(path, "w") as f:
            f.write(key + cert)
        c.load_cert_chain(path)
        self.s = c.wrap_socket(self.s, server_hostname="localhost")
        self.greeting = self.response()


class Sender(Raw):
    """In by the key, amid a message."""

    def __init__(self, s, key, cert):
        super().__init__(s.submissions, greet=False)
        path = s.dir + "/both.pem"
        with open(path, "w") as f:
            f.write(key + cert)
        c = ssl.create_default_context(cafile=s.ca)
        c.load_cert_chain(path)
        self.s = c.wrap_socket(self.s, server_hostname="localhost")
        self.line()
        self.say("EHLO c.example\r\n")
        self.first = self.say("MAIL FROM:<%s>\r\n" % ALICE)


def ended(s):
    """In the store and in the queue, and nothing else."""
    for what, args in (("another address", ("update", "--address", SECOND)), ("removal", ("remove",))):
        key, cert, public = make(s, "p256")
        other, other_cert, other_public = make(s, "ed")
        name = fingerprint(public)
        s.ctl("address", "add", "alice", SECOND)
        add(s, cert, ALICE)
        add(s, other_cert, ALICE)
        c, d = Client(s, key, cert), Client(s, other, other_cert)
        e, f = Sender(s, key, cert), Sender(s, other, other_cert)
        ok(e.first.startswith("250 ") and f.first.startswith("250 "), what + ": both keys send")
        ok(c.greeting.startswith(b"* PREAUTH ") and d.greeting.startswith(b"* PREAUTH "), what + ": in by two keys")
        s.ctl("tlspubkey", args[0], name, *args[1:])
        ok(c.response().startswith(b"* BYE "), what + ": BYE")	# nothing was asked
        ok(e.reply().startswith("421 "), what + ": 421")
        ok(wait_for(lambda: [r["account"] for r in s.rows("sessions", "list")] == ["alice"] * 2), what + ": no process holds them")
        is_(d.cmd(b"NOOP")[1][:2], b"OK", what + ": the other key's session goes on")
        ok(f.say("RCPT TO:<%s>\r\n" % ALICE).startswith("250 "), what + ": and its message")
        for x in (c, d, e, f):
            x.close()
        s.ctl_run("tlspubkey", "remove", name)
        s.ctl("tlspubkey", "remove", fingerprint(other_public))
        s.ctl("address", "remove", "alice", SECOND)


NO_EMS = 1		# SSL_OP_NO_EXTENDED_MASTER_SECRET


def odd_handshakes(s):
    """A client can have a handshake that proves nothing, and harms itself alone."""
    key, cert, public = make(s, "p256")
    add(s, cert, ALICE)
    c = Client(s, key, cert, NO_EMS)
    ok(re.match(rb"\* OK \[CAPABILITY (?!.*EXTERNAL)", c.greeting), "TLS 1.2 without EMS: no identity") or \
        diag(c.greeting)
    c.close()
    r = subprocess.run(["openssl", "s_client", "-quiet", "-connect", "127.0.0.1:%d" % s.imaps, "-cert",
                        s.dir + "/both.pem", "-key", s.dir + "/both.pem", "-tls1_2", "-client_sigalgs",
                        "ECDSA+SHA224"], input=b"a logout\r\n", capture_output=True, timeout=180)
    ok(r.stdout.startswith(b"* OK "), "SHA-224: none either") or diag(r.stdout, r.stderr)
    ok("link to front" not in s.logged(), "and no process loses its link")
    c = Client(s, key, cert)
    ok(c.greeting.startswith(b"* PREAUTH "), "as others do it, it is known")
    c.close()
    s.ctl("tlspubkey", "remove", fingerprint(public))


with Suite() as s:
    keys_taken(s)
    names(s)
    not_keys(s)
    in_the_way(s)
    ended(s)
    odd_handshakes(s)
    _, cert, public = make(s, "ed")
    add(s, cert, BOB)
    s.ctl("account", "remove", "bob")
    is_(s.ctl_run("tlspubkey", "list").stdout, "", "an account takes its keys along")
    s.stop()
    is_(s.ctl_run("tlspubkey", "list").returncode, 3, "no service: status 3")
done()
