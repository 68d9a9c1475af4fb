#!/usr/bin/env python3
"""DANE (RFC 7672) on real DNS: zones signed with ldnsutils, served by nsd, asked
through a validating unbound, validated once more by ourselves; servers with the
certificates, one address each."""
import email
import hashlib
import imaplib
import os
import re
import shutil
import smtplib
import ssl
import subprocess
import tempfile

from realdns import NEEDS, RealDns, sign, signature
from smtpsink import Sink
from suite import DOMAIN, PASSWORD, Suite, certificate, diag, done, free_ports, is_, ok, run, skip, wait_for

ALICE = "alice@" + DOMAIN
PORT = free_ports(1)[0]
OWN = "_%d._tcp.mx" % PORT
DIR = tempfile.mkdtemp(prefix="letterlock-dnssec-")
for d in "ee", "ta", "other":
    os.mkdir(DIR + "/" + d)


def openssl(*args):
    return subprocess.run(["openssl"] + list(args), check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def key_hash(crt):
    pub = openssl("x509", "-in", crt, "-noout", "-pubkey")
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(
        pub.decode().replace("PUBLIC KEY", "CERTIFICATE"))).hexdigest()


def authority(d, name):
    """A certificate for name by an authority of its own, behind it in the file."""
    certificate(d, "ca.example")
    os.rename(d + "/mail.key", d + "/ca.key")
    os.rename(d + "/mail.crt", d + "/ca.crt")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=" + name,
            "-keyout", d + "/mail.key", "-out", d + "/req")
    with open(d + "/ext", "w") as f:
        f.write("subjectAltName=DNS:%s\n" % name)
    openssl("x509", "-req", "-in", d + "/req", "-CA", d + "/ca.crt", "-CAkey", d + "/ca.key", "-set_serial", "7",
            "-days", "30", "-extfile", d + "/ext", "-out", d + "/mail.crt")
    with open(d + "/mail.crt", "a") as f, open(d + "/ca.crt") as ca:
        f.write(ca.read())


certificate(DIR + "/ee")
authority(DIR + "/ta", "mx.ta.example")
authority(DIR + "/other", "mx.elsewhere.example")
GOOD = "3 1 1 " + key_hash(DIR + "/ee/mail.crt")
WRONG = "3 1 1 " + 64 * "0"
PKIX = "1 1 1 " + key_hash(DIR + "/ee/mail.crt")
NOBODY = "3 1 9 " + 64 * "0"
TA = "2 1 1 " + key_hash(DIR + "/ta/ca.crt")
OTHER = "2 1 1 " + key_hash(DIR + "/other/ca.crt")
EE = DIR + "/ee"
REQ = {"tls_ext": ["PIPELINING", "REQUIRETLS"]}

#	name	TLSA at _PORT._tcp.mx	server	what comes of it
ROWS = (
    ("good", [GOOD], {"cert": EE}, "dane"),
    ("both", [WRONG, GOOD], {"cert": EE}, "dane"),
    ("ta", [TA], {"cert": DIR + "/ta"}, "dane"),
    ("taname", [OTHER], {"cert": DIR + "/other"}, "4.7.5"),
    ("wrong", [WRONG], {"cert": EE}, "4.7.5"),
    ("strip", [GOOD], {}, "4.7.5"),
    ("broken", [GOOD], {"cert": EE, "broken_tls": True}, "4.7.5"),
    ("bogus", [GOOD], {"cert": EE}, "4.4.3"),
    ("unsigned", [GOOD], {"cert": EE}, "4.4.3"),
    ("bogusmx", [GOOD], {"cert": EE}, "4.4.3"),
    ("bogusa", [GOOD], {"cert": EE}, "4.4.3"),
    ("forged", [], {"cert": EE}, "4.4.3"),
    ("pkix", [PKIX, NOBODY], {"cert": EE}, "unverified, no TLSA record can be used"),
    ("pkixclear", [PKIX], {}, "4.7.5"),
    ("none", [], {"cert": EE}, "unverified"),
    ("noneclear", [], {}, "clear: no STARTTLS offered"),
    ("alias", [], {"cert": EE}, "dane"),
    ("aliaswrong", [], {"cert": EE}, "4.7.5"),
    ("shared", [], {"cert": EE}, "dane"),
    ("req", [GOOD], dict(REQ, cert=EE), "dane"),
    ("reqpkix", [PKIX], dict(REQ, cert=EE), "5.7.30"),
    ("no", [WRONG], {"cert": EE}, "unverified, TLS-Required: No"),
    # zones of their own
    ("insecure", [WRONG], {"cert": EE}, "unverified"),
    ("expired", [GOOD], {"cert": EE}, "4.4.3"),
    ("hashed", [GOOD], {"cert": EE}, "dane"),
    ("hashednone", [], {}, "clear: no STARTTLS offered"),
)
OWN_ZONE = ("insecure", "expired", "hashed", "hashednone")
HEAD = "$ORIGIN {0}.\n$TTL 60\n@ IN SOA ns.example. hostmaster.example. 1 3600 600 86400 60\n@ IN NS ns.example.\n"


def address(name):
    return "127.7.1.%d" % (10 + [r[0] for r in ROWS].index(name))


def records(name, tlsa, at):
    """The usual ones: a domain, its server, that one's TLSA."""
    under = "" if at == "@" else "." + at
    out = "%s IN MX 10 mx%s\n" % (at, under)
    if name not in ("alias", "aliaswrong"):
        out += "mx%s IN A %s\n" % (under, address(name))
    for t in tlsa:
        out += "%s%s IN TLSA %s\n" % (OWN, under, t)
    return out


def zones():
    ds, out = "", {}
    text = HEAD.format("example") + "ns IN A 127.0.0.1\n"
    for name, tlsa, _, _ in ROWS:
        if name not in OWN_ZONE:
            text += records(name, tlsa, name)
            continue
        z = name + ".example"
        out[z] = HEAD.format(z) + records(name, tlsa, "@")
        text += "%s IN NS ns\n" % name
        if name != "insecure":
            out[z], d = sign(z, out[z], DIR, expired=name == "expired", nsec3=name.startswith("hashed"))
            ds += d
    for name, t in ("alias", GOOD), ("aliaswrong", WRONG):
        # RFC 7672 section 2.2.2: where the CNAME leads comes first
        text += "mx.{0} IN CNAME real.{0}\nreal.{0} IN A {1}\n{3}.real.{0} IN TLSA {2}\n".format(
            name, address(name), t, OWN[:-3])
    text += "%s.shared IN CNAME keys.shared\nkeys.shared IN TLSA %s\n" % (OWN, GOOD)
    text, root = sign("example", text + ds, DIR)
    with open(DIR + "/anchor", "w") as f:
        f.write(root)

    def spoil(m):
        return ("B" if m[0][0] == "A" else "A") + m[0][1:]

    text = signature(text, OWN + ".bogus.example", "TLSA", spoil)
    text = signature(text, OWN + ".unsigned.example", "TLSA", None)
    text = signature(text, "bogusmx.example", "MX", spoil)
    text = signature(text, "mx.bogusa.example", "A", spoil)
    # who says that there is none is not to be believed
    text = signature(text, "mx.forged.example", "NSEC", spoil)
    out["example"] = text
    return out


def submit(s, name):
    to = "x@%s.example" % name
    c = smtplib.SMTP("127.0.0.1", s.submission)
    c.login(ALICE, PASSWORD)
    c.sendmail(ALICE, [to], "From: %s\r\nSubject: for %s\r\n%s\r\nA line.\r\n" % (
        ALICE, to, "TLS-Required: No\r\n" if name == "no" else ""))
    c.quit()


def outcome(s, name):
    """How it was secured, or the code it is put off or refused with."""
    m = re.search(r": (delivered|deferred|failed|expired) to=<x@%s\.example> .*? transport=out .*? tls=(.*?) attempt=\d+ "
                  r"delay=\S+ \d+ (\S+)" % name, s.logged())
    if m is None:
        return None
    how = m[2].strip('"')
    return re.sub(r"^TLSv1\.\d \S+ ", "", how) if m[1] == "delivered" else m[3]


def reports(s):
    m = imaplib.IMAP4("127.0.0.1", s.imap)
    m.login(ALICE, PASSWORD)
    m.select("INBOX", readonly=True)
    d = m.fetch("1:*", "(BODY.PEEK[])")[1]
    m.logout()
    return [email.message_from_bytes(x[1]) for x in d if isinstance(x, tuple)]


def play(s, sinks):
    for name, _, _, want in ROWS:
        submit(s, name)
    for to in "x@req.example", "x@reqpkix.example":
        ok(wait_for(lambda: [r for r in s.rows("queue", "list", "--to", to) if r["attempts"]]), to + " waits")
        s.ctl("queue", "requiretls", "--to", to, "yes")
        s.ctl("queue", "transport", "--to", to, "out")
        s.ctl("queue", "kick", "--to", to)
    for name, _, _, want in ROWS:
        got = wait_for(lambda: outcome(s, name))
        if not is_(got, want, name + ": " + want):
            diag(*[l for l in s.logged().splitlines() if name + ".example" in l][-5:])
        taken = "." not in want
        is_([m["tls"] for m in sinks[name].messages], [not want.startswith("clear")] if taken else [],
            "%s: %s" % (name, "taken, and how" if taken else "nothing left"))
    submit(s, "nowhere")
    r = wait_for(lambda: [m for m in reports(s) if "x@nowhere.example" in m.as_string()])
    ok(r and "Status: 5.1.2" in r[0].as_string(), "NXDOMAIN with its denial: 5.1.2")
    ok(any("Status: 5.7.30" in m.as_string() and "x@reqpkix.example" in m.as_string() for m in reports(s)),
       "reqpkix: reported as 5.7.30")
    ok("DNS: answers are validated, from example" in s.logged(), "validated by ourselves")


if not all(map(run, NEEDS)) or not run("ldns-signzone"):
    skip("nsd, unbound and ldnsutils are not all here")
    done()
servers = RealDns(zones(), anchor=DIR + "/anchor")
try:
    os.chmod(DIR, 0o755)
    sinks = {name: Sink(host=address(name), port=PORT, **dict({"ext": ["PIPELINING"]}, **server))
             for name, _, server, _ in ROWS}
    conf = ('resolver 127.0.0.1@%d\nallow-private-addresses\nretry first { 0, 1h }\n'
            'transport "out" direct port %d no-ipv6\ntransport "wait" fail code 450\n'
            'route to { "req.example", "reqpkix.example" } transport "wait"\nroute transport "out"\n' % (servers.port, PORT))
    with Suite(conf + 'trust-anchor "%s/anchor"\n' % DIR) as s:
        play(s, sinks)
    with Suite(conf) as s:
        submit(s, "wrong")
        is_(wait_for(lambda: outcome(s, "wrong")), "unverified", "without a trust anchor DANE is off")
finally:
    servers.stop()
    shutil.rmtree(DIR, ignore_errors=True)
done()
