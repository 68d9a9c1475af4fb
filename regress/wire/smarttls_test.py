#!/usr/bin/env python3
"""Table A.5 for smarthosts, through the running suite: what each transport demands of TLS,
with REQUIRETLS and with TLS-Required: No.  An authority of this test is all the system
knows, in a mount namespace of its own."""
import atexit
import os
import re
import shutil
import smtplib
import subprocess
import sys
import tempfile

from smarthost_test import ALICE, transport
from smartscript import SECRET, USER, auth
from smtpsink import Sink
from suite import PASSWORD, Suite, certificate, diag, done, is_, ok, skip, wait_for

AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
FAILS, NEVER = r"4\.7\.5 ", r"554 5\.7\.30 "
REQ = ["PIPELINING", "REQUIRETLS"]

# kind, what it says, the server's certificate, what else of the server; what becomes of a
# message, of one with REQUIRETLS, of one with TLS-Required: No: how it was secured, or why not
ROWS = {
    "sub": ("submission", "", "good", {}, " verified", NEVER, " verified"),
    "subreq": ("submission", "", "good", {"tls_ext": REQ}, " verified", " verified", " verified"),
    "subunknown": ("submission", "", "unknown", {"tls_ext": REQ}, FAILS, FAILS, FAILS),
    "subname": ("submission", "", "name", {"tls_ext": REQ}, FAILS, FAILS, FAILS),
    "sublax": ("submission", "verify no", "unknown", {"tls_ext": REQ}, " unverified", NEVER, " unverified"),
    "subclear": ("submission", "tls off", "good", {"ext": REQ}, "clear: tls off", NEVER, "clear: tls off"),
    "substrip": ("submission", "", None, {"ext": REQ}, FAILS, FAILS, FAILS),
    "imp": ("submissions", "", "good", {"ext": REQ, "implicit": True}, " verified", " verified", " verified"),
    "impnot": ("submissions", "", "good", {"implicit": True}, " verified", NEVER, " verified"),
    "impunknown": ("submissions", "", "unknown", {"ext": REQ, "implicit": True}, FAILS, FAILS, FAILS),
    "implax": ("submissions", "verify no", "name", {"ext": REQ, "implicit": True}, " unverified", NEVER, " unverified"),
    "smtp": ("smtp", "", "good", {"tls_ext": REQ}, " verified", " verified", " verified"),
    "smtpunknown": ("smtp", "", "unknown", {}, FAILS, FAILS, FAILS),
    "smtpstrip": ("smtp", "", None, {}, FAILS, FAILS, FAILS),
    "smtplax": ("smtp", "tls required verify no", "name", {"tls_ext": REQ}, " unverified", NEVER, " unverified"),
    "smtpopt": ("smtp", "tls optional", "unknown", {"tls_ext": REQ}, " unverified", NEVER, " unverified"),
    "smtpoptclear": ("smtp", "tls optional", None, {}, "clear: no STARTTLS offered", NEVER, "clear: no STARTTLS offered"),
    "smtpoff": ("smtp", "tls off", "good", {}, "clear: tls off", NEVER, "clear: tls off"),
    "smtpimp": ("smtp", "tls implicit", "good", {"ext": REQ, "implicit": True}, " verified", " verified", " verified"),
}
KINDS = (("may", (), ""), ("must", ["REQUIRETLS"], ""), ("need-not", (), "TLS-Required: No\r\n"))
LOGINS = {"PLAIN": "AUTH LOGIN PLAIN", "LOGIN": "AUTH LOGIN"}      # the default list, verified


def submit(s, kind, options=(), header=""):
    c = smtplib.SMTP("127.0.0.1", s.submission)
    if options:
        c.starttls()
    c.login(ALICE, PASSWORD)
    c.sendmail(ALICE, ["%s@%s.example" % (kind, n) for n in ROWS],
               "From: %s\r\n%sSubject: x\r\n\r\nx\r\n" % (ALICE, header), options)
    c.quit()


def outcome(s, to):
    """How its first attempt was secured, or why it came to nothing."""
    found = re.findall(r"(\S+) to=<%s> .*? tls=(.*?) attempt=\d delay=\S+ (?:0 )?(.*)" % to, s.logged())
    return next((tls if what == "delivered" else why for what, tls, why in found
                 if "4.4.1 not tried" not in why), None)


def row(s, sink, name, kind, want):
    to = "%s@%s.example" % (kind, name)
    got = wait_for(lambda: outcome(s, to))
    ok(got and (re.match(want, got) if want[0] != " " else re.search(want + "$", got)),
       "%s, %s: %s" % (name, kind, want.strip())) or diag(got, s.logged()[-1500:])
    m = [m for m in sink.messages if to in m["rcpts"]]
    is_(len(m), int(want in (" verified", " unverified") or want.startswith("clear")), "and is there, or not")
    if m:
        is_(("REQUIRETLS" in m[0]["args"]), kind == "must", "with REQUIRETLS only where it was asked for")


def logins(s, sinks):
    c = smtplib.SMTP("127.0.0.1", s.submission)
    c.login(ALICE, PASSWORD)
    c.sendmail(ALICE, ["x@%s.example" % m for m in LOGINS], "From: %s\r\nSubject: x\r\n\r\nx\r\n" % ALICE)
    c.quit()
    for m, sink in sinks.items():
        ok(wait_for(lambda: sink.messages) and sink.messages[0]["session"].mech == m,
           "%s by itself where the server is verified" % m) or diag(s.logged()[-1500:])


def main():
    d = tempfile.mkdtemp(prefix="letterlock-tls-")
    atexit.register(shutil.rmtree, d, True)
    os.chmod(d, 0o755)
    for name, host in (("good", "localhost"), ("unknown", "localhost"), ("name", "other.example")):
        os.mkdir(d + "/" + name)
        if name == "name":      # no other name, as certificate() has
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                            "-nodes", "-days", "30", "-subj", "/CN=" + host, "-addext", "subjectAltName=DNS:" + host,
                            "-keyout", d + "/name/mail.key", "-out", d + "/name/mail.crt"], check=True,
                           capture_output=True)
        else:
            certificate(d + "/" + name, host)
    with open(d + "/authorities", "w") as f:
        for name in "good", "name":
            with open(d + "/%s/mail.crt" % name) as c:
                f.write(c.read())
    if subprocess.run(["mount", "--bind", d + "/authorities", AUTHORITIES], capture_output=True).returncode != 0:
        skip("nothing can be mounted here")
        done()
    sinks, conf = {}, "allow-private-addresses\n"
    for name, (kind, options, cert, server, *_) in ROWS.items():
        sinks[name] = Sink(cert=cert and d + "/" + cert, **server)
        line = transport(name, kind, sinks[name].port, options)
        # another address would be another chance
        conf += line.replace("localhost", "127.0.0.1") if NEVER in ROWS[name] else line
    others = {m: Sink(cert=d + "/good", tls_ext=[line], replies={"AUTH": auth()}) for m, line in LOGINS.items()}
    for m, sink in others.items():
        conf += transport(m, "submission", sink.port, 'auth "relay"')
    with Suite(conf) as s:
        s.ctl_run("secret", "set", "relay", USER, input=SECRET + "\n")
        for i, (kind, options, header) in enumerate(KINDS):
            submit(s, kind, options, header)
            for name, r in ROWS.items():
                if i > 0 and r[4] == FAILS:      # nothing goes there for a while
                    s.ctl("queue", "kick", "--to", "%s@%s.example" % (kind, name))
            for name, r in ROWS.items():
                row(s, sinks[name], name, kind, r[4 + i])
        logins(s, others)
    done()


if os.geteuid() != 0 or not os.path.exists(AUTHORITIES):
    skip("only root has mounts of its own, and the system's authorities must be where Debian has them")
    done()
if sys.argv[1:] == ["inside"]:
    main()
elif subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
    skip("no mount namespaces here")
    done()
else:
    os.execvp("unshare", ["unshare", "-m", sys.executable, os.path.abspath(__file__), "inside"])
