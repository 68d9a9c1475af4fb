#!/usr/bin/env python3
"""DANE (RFC 7672) and REQUIRETLS (RFC 8689) as a relay worker keeps them, row by
row: what DNS says about servers, what they offer, and what becomes of a message."""
import hashlib
import os
import ssl
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "../wire"))
from rig import A, BOGUS, MX, NODATA, OK, TEMPFAIL, TLSA, Worker, a, mx  # noqa: E402
from smtpsink import Sink  # noqa: E402
from suite import certificate, diag, done, is_, ok  # noqa: E402

CERT = tempfile.mkdtemp(prefix="letterlock-cert-")
certificate(CERT)
with open(CERT + "/mail.crt") as f:
    DER = ssl.PEM_cert_to_DER_cert(f.read())
KEY = subprocess.run("openssl x509 -in %s/mail.crt -noout -pubkey | openssl pkey -pubin -outform DER" % CERT,
                     shell=True, check=True, stdout=subprocess.PIPE).stdout
HOST, NAME = "mx.x.example", "x.example"


def tlsa(usage, selector, matching, data):
    return bytes([usage, selector, matching]) + data


GOOD = tlsa(3, 1, 1, hashlib.sha256(KEY).digest())
CERT512 = tlsa(3, 0, 2, hashlib.sha512(DER).digest())
WRONG = tlsa(3, 1, 1, bytes(32))
PKIX = tlsa(1, 1, 1, hashlib.sha256(KEY).digest())
SHORT = b"\3\1\1"
ALL = {(NAME, MX), (HOST, A)}
REQ = ["REQUIRETLS"]
TAKEN = [("ok", 250, "2.0.0")]


def later(code):
    return [("temp", 0, code)]


NEVER = [("no", 554, "5.7.30")]
#	 name				TLSA answer		secure		server	REQUIRETLS	result	TLS
ROWS = (
    ("good", (OK, [GOOD]), ALL, {"cert": CERT}, 0, TAKEN, " dane"),
    ("good, the whole certificate", (OK, [CERT512]), ALL, {"cert": CERT}, 0, TAKEN, " dane"),
    ("one of two", (OK, [WRONG, GOOD]), ALL, {"cert": CERT}, 0, TAKEN, " dane"),
    ("mismatching", (OK, [WRONG]), ALL, {"cert": CERT}, 0, later("4.7.5"), None),
    ("STARTTLS stripped", (OK, [GOOD]), ALL, {}, 0, later("4.7.5"), None),
    ("TLS broken: never in clear", (OK, [GOOD]), ALL, {"cert": CERT, "broken_tls": True}, 0, later("4.7.5"), None),
    ("bogus", (BOGUS, []), ALL, {"cert": CERT}, 0, later("4.4.3"), None),
    ("no answer", (TEMPFAIL, []), ALL, {"cert": CERT}, 0, later("4.4.3"), None),
    ("unusable", (OK, [PKIX, SHORT, b""]), ALL, {"cert": CERT}, 0, TAKEN, "unverified, no TLSA record can be used"),
    ("unusable, no STARTTLS", (OK, [PKIX]), ALL, {}, 0, later("4.7.5"), None),
    ("none", (NODATA, []), ALL, {"cert": CERT}, 0, TAKEN, "unverified"),
    ("none, no STARTTLS", (NODATA, []), ALL, {}, 0, TAKEN, "clear: no STARTTLS offered"),
    ("MX insecure", (OK, [WRONG]), {(HOST, A)}, {"cert": CERT}, 0, TAKEN, "unverified"),
    ("address insecure", (OK, [WRONG]), {(NAME, MX)}, {"cert": CERT}, 0, TAKEN, "unverified"),
    ("TLSA insecure", (OK, [WRONG]), None, {"cert": CERT}, 0, TAKEN, "unverified"),
    ("REQUIRETLS, good", (OK, [GOOD]), ALL, {"cert": CERT, "ext": REQ}, 1, TAKEN, " dane"),
    ("REQUIRETLS, only before TLS", (OK, [GOOD]), ALL, {"cert": CERT, "ext": REQ, "tls_ext": []}, 1, NEVER, None),
    ("REQUIRETLS, not offered", (OK, [GOOD]), ALL, {"cert": CERT}, 1, NEVER, None),
    ("REQUIRETLS, mismatching", (OK, [WRONG]), ALL, {"cert": CERT, "ext": REQ}, 1, later("4.7.5"), None),
    ("REQUIRETLS, unusable", (OK, [PKIX]), ALL, {"cert": CERT, "ext": REQ}, 1, NEVER, None),
    ("REQUIRETLS, bogus", (BOGUS, []), ALL, {"cert": CERT, "ext": REQ}, 1, later("4.4.3"), None),
    ("REQUIRETLS, nothing vouches", (NODATA, []), ALL, {"cert": CERT, "ext": REQ}, 1, NEVER, None),
    ("TLS-Required: No, mismatching", (OK, [WRONG]), ALL, {"cert": CERT}, 2, TAKEN, "unverified, TLS-Required: No"),
    ("TLS-Required: No, bogus, no STARTTLS", (BOGUS, []), ALL, {}, 2, TAKEN, "clear: no STARTTLS offered"),
    ("TLS-Required: No, TLS broken", (OK, [GOOD]), ALL, {"cert": CERT, "broken_tls": True}, 2, TAKEN,
     "clear: TLS failed"),
)


def worker(port, more=""):
    w = Worker('allow-private-addresses\ntransport "t" direct port %d no-ipv6 %s\n' % (port, more), "t")
    w.dns[NAME, MX] = (OK, [mx(10, HOST)])
    w.dns[HOST, A] = (OK, [a("127.0.0.1")])
    return w


def one(w, **kw):
    r = w.wait(w.relay(NAME, ["u@" + NAME], **kw))
    if r is None:
        diag(w.logged()[-3000:])
    return r


for name, answer, secure, server, requiretls, want, tls in ROWS:
    sink = Sink(**server)
    owner = "_%d._tcp.%s" % (sink.port, HOST)
    with worker(sink.port) as w:
        w.dns[owner, TLSA] = answer
        w.secure = ALL if secure is None else set(secure) | {(owner, TLSA)}
        r = one(w, requiretls=requiretls)
        is_(r and r.short(), want, name)
        if tls is not None:
            ok(r and (r.tls == tls or (r.tls.startswith("TLSv1.") and r.tls.endswith(tls))),
               "%s: %s is recorded" % (name, tls)) or diag(repr(r and r.tls))
        if secure is not None and secure != ALL:
            ok((owner, TLSA) not in w.asked, "%s: TLSA is not asked for" % name)
        is_(len(sink.messages), 1 if want == TAKEN else 0, "%s: taken or not" % name)
    sink.close()

# ---- names, and more hosts than one

sink = Sink(cert=CERT)
where, there = ("_%d._tcp.%s" % (sink.port, h) for h in (HOST, "real.y.example"))
for first, second, want, sni in (((OK, [GOOD]), (OK, [WRONG]), TAKEN, "real.y.example"),
                                 ((NODATA, []), (OK, [GOOD]), TAKEN, HOST),
                                 ((NODATA, []), (NODATA, []), TAKEN, HOST),
                                 ((NODATA, []), (OK, [WRONG]), later("4.7.5"), None),
                                 ((BOGUS, []), (OK, [GOOD]), later("4.4.3"), None)):
    with worker(sink.port) as w:
        w.canonical[HOST, A] = "real.y.example"
        w.dns[there, TLSA], w.dns[where, TLSA] = first, second
        w.secure = ALL | {(there, TLSA), (where, TLSA)}
        is_(one(w).short(), want, "where a CNAME leads first, then the host's own name")
        if sni is not None:
            is_(sink.tls_names[-1], sni, "the server is asked for the name that has the records, or its own")
with worker(sink.port) as w:
    w.dns[NAME, MX] = (OK, [mx(10, HOST), mx(20, "mx2.x.example")])
    w.dns["mx2.x.example", A] = (OK, [a("127.0.0.1")])
    w.dns[where, TLSA] = (BOGUS, [])
    w.secure = ALL
    r = one(w)
    is_((r.short(), r.host), (TAKEN, "mx2.x.example"), "a host whose TLSA is bogus is passed over")
with worker(sink.port) as w:
    w.dns[where, TLSA] = (OK, [WRONG])
    w.secure = ALL | {(where, TLSA)}
    is_([one(w).short() for _ in range(2)], [later("4.7.5")] * 2, "asked again it is no better")
with worker(sink.port, "tls off") as w:
    w.dns[where, TLSA] = (OK, [WRONG])
    w.secure = ALL | {(where, TLSA)}
    r = one(w)
    is_((r.short(), r.tls), (TAKEN, "clear: tls off"), "tls off is the administrator's word")
    is_(one(w, requiretls=1).short(), NEVER, "but not for REQUIRETLS")
done()
