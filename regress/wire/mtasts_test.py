#!/usr/bin/env python3
"""MTA-STS (RFC 8461): policies from an HTTPS server, what they ask of mail servers, how
long they hold."""
import http.server
import json
import os
import re
import shutil
import signal
import smtplib
import ssl
import subprocess
import tempfile
import threading

from dns import Dns, a, mx, txt
from smtpsink import Sink
from suite import DOMAIN, PASSWORD, Suite, certificate, diag, done, free_ports, is_, ok, skip, wait_for

ALICE = "alice@" + DOMAIN
PORT = free_ports(1)[0]
WEB, WRONG_NAME, GOOD, BAD, CLEAR = ("127.7.1.%d" % i for i in range(1, 6))
DIR = tempfile.mkdtemp(prefix="letterlock-sts-")
NAMES = ("enforce", "badcert", "clear", "other", "testing", "none", "norecord", "redirect", "missing", "html", "large",
         "name", "broken", "silent", "later")


def make_certificates():
    """An authority, its server for every name of the test; and another that nobody knows."""
    for d in "good", "bad":
        os.mkdir(DIR + "/" + d)
        certificate(DIR + "/" + d)
    names = ",".join("DNS:mta-sts.%s.test,DNS:mx.%s.test" % (n, n) for n in NAMES if n != "name")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "30", "-subj", "/CN=test", "-addext", "subjectAltName=" + names,
                    "-keyout", DIR + "/good/mail.key", "-out", DIR + "/good/mail.crt"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.chmod(DIR, 0o755)


def policy(mode, host, age=86400):
    return "version: STSv1\r\nmode: %s\r\nmx: %s\r\nmax_age: %d\r\n" % (mode, host, age)


# What the web server says: status, type, text; and where mail goes then.
PAGES = {
    "enforce": (200, "text/plain; charset=utf-8", policy("enforce", "*.enforce.test")),
    "badcert": (200, "text/plain", policy("enforce", "mx.badcert.test")),
    "clear": (200, "text/plain", policy("enforce", "mx.clear.test")),
    "other": (200, "text/plain", policy("enforce", "mx.elsewhere.test")),
    "testing": (200, "text/plain", policy("testing", "mx.elsewhere.test")),
    "none": (200, "text/plain", policy("none", "mx.elsewhere.test")),
    "norecord": (200, "text/plain", policy("enforce", "mx.elsewhere.test")),
    "redirect": (301, "text/plain", policy("enforce", "mx.elsewhere.test")),
    "missing": (404, "text/plain", policy("enforce", "mx.elsewhere.test")),
    "html": (200, "text/html", policy("enforce", "mx.elsewhere.test")),
    "large": (200, "text/plain", policy("enforce", "mx.elsewhere.test") + "x: y\n" * 20000),
    "name": (200, "text/plain", policy("enforce", "mx.elsewhere.test")),
    "broken": (200, "text/plain", "version: STSv1\nmode: enforce\n"),
    "later": (404, "text/plain", ""),
}
WHERE = {"badcert": BAD, "clear": CLEAR, "testing": BAD}


class Web(http.server.BaseHTTPRequestHandler):
    asked = []

    def do_GET(self):
        n = self.headers["Host"].split(".")[1]
        Web.asked.append(n)
        code, kind, text = PAGES[n]
        self.send_response(code if self.path == "/.well-known/mta-sts.txt" else 500)
        self.send_header("Content-Type", kind)
        if code == 301:
            self.send_header("Location", "https://mta-sts.enforce.test/.well-known/mta-sts.txt")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


def web(host, cert):
    server = Server((host, 443), Web)
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.load_cert_chain(cert + "/mail.crt", cert + "/mail.key")
    server.socket = ctx.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def zone():
    z = {}
    for n in NAMES:
        z[n + ".test", "MX"] = [mx(10, "mx.%s.test" % n)]
        z["mx.%s.test" % n, "A"] = [a(WHERE.get(n, GOOD))]
        z["mta-sts.%s.test" % n, "A"] = [a(WRONG_NAME if n == "name" else WEB)]
        if n != "norecord":
            z["_mta-sts.%s.test" % n, "TXT"] = [txt("v=STSv1; id=1;")]
    z["_mta-sts.silent.test", "TXT"] = None
    return z


def submit(s, name):
    with smtplib.SMTP("127.0.0.1", s.submission) as c:
        c.login(ALICE, PASSWORD)
        c.sendmail(ALICE, ["x@%s.test" % name], "From: %s\r\nSubject: %s\r\n\r\nx\r\n" % (ALICE, name))


def outcome(s, name, n=1):
    """How the n-th attempt for it was logged."""
    def lines():
        return re.findall(r"to=<x@%s\.test>.*" % name, s.logged())
    wait_for(lambda: len(lines()) >= n)
    return (lines() + [""] * n)[n - 1]


ROWS = (
    ("enforce", r" tls=.*\bmta-sts\b.* 250 ", "a policy is kept to: verified"),
    ("badcert", r" 4\.7\.5 .*", "a certificate that nobody vouches for: not now"),
    ("clear", r" 4\.7\.\d+ .*", "a server without TLS: not now"),
    ("other", r" 4\.7\.5 no mail server of other\.test is one that its MTA-STS policy names", "a server that is not named: not now"),
    ("testing", r"mta-sts is tested.* 250 ", "a policy that is tested asks for nothing"),
    ("none", r"unverified.* 250 ", "none asks for nothing"),
    ("norecord", r"unverified.* 250 ", "without a record there is no policy"),
    ("redirect", r"unverified.* 250 ", "a redirection is not followed"),
    ("missing", r"unverified.* 250 ", "no page"),
    ("html", r"unverified.* 250 ", "another kind of page"),
    ("large", r"unverified.* 250 ", "a page too large"),
    ("name", r"unverified.* 250 ", "a web server of another name"),
    ("broken", r"unverified.* 250 ", "a text that is no policy"),
    ("silent", r" 4\.4\.3 no answer from DNS about an MTA-STS policy", "DNS does not say: not now"),
)


def table(s):
    for name, _, _ in ROWS:
        submit(s, name)
    for name, want, text in ROWS:
        got = outcome(s, name)
        ok(re.search(want, got), "%s: %s" % (name, text)) or diag(got)
    ok(re.search(r"MTA-STS: the policy of html\.test: it is no text/plain", s.logged()), "why there is none is in the log")
    ok("MTA-STS: the policy of large.test: it has more than 65536 octets" in s.logged(), "too large too") or \
        diag(*re.findall("MTA-STS: the policy of .*", s.logged()))
    ok("norecord" not in Web.asked, "without a record nobody is asked")


CHECKED = (
    ("badcert", "ok", "the policy's mode is enforce", None),
    ("other", "error", "does not name mx.other.test", "https://mta-sts.other.test/.well-known/mta-sts.txt\tmx: mx.other.test"),
    ("testing", "warning", "mode is testing", "\tmx: mx.testing.test"),
    ("testing", "warning", "does not name mx.testing.test", None),
    ("none", "warning", "mode is none", ""),
    ("redirect", "error", "/.well-known/mta-sts.txt cannot be had: ", ""),
    ("name", "error", "/.well-known/mta-sts.txt cannot be had: ", ""),
    ("broken", "error", "/.well-known/mta-sts.txt cannot be had: ", ""),
    ("norecord", "warning", "has no record", "_mta-sts.norecord.test."),
    ("silent", "error", "no answer about _mta-sts.silent.test", ""),
)


def dnscheck(s, name):
    """What is said of it, level and text, and what to publish."""
    rows = [json.loads(x) for x in s.ctl_run("dnscheck", name + ".test", "--json").stdout.splitlines()]
    return ([(r["level"], r["text"]) for r in rows if r.get("about") == "MTA-STS"],
            [r["publish"] for r in rows if "mta-sts" in r.get("publish", "")])


def checked(s):
    """letterctl dnscheck."""
    for name, level, text, record in CHECKED:
        said, published = dnscheck(s, name)
        ok(any(x[0] == level and text in x[1] for x in said) and (
            record is None or any(record in p for p in published) or (record == "" and not published)),
           "dnscheck: %s: %s" % (name, text)) or diag(said, published)
    is_(dnscheck(s, "badcert")[1], [], "dnscheck: nothing to publish")
    old = PAGES["missing"]
    PAGES["missing"] = (200, "text/plain", policy("enforce", "mx.missing.test"))
    said = dnscheck(s, "missing")[0]
    ok(("ok", "the policy's mode is enforce") in said, "dnscheck: fetched at once, though it failed just now") or diag(said)
    PAGES["missing"] = old


def kept(s, names, good):
    """A policy holds, whatever becomes of record and server, and whoever dies."""
    asked = len(Web.asked)
    submit(s, "enforce")
    ok(" 250 " in outcome(s, "enforce", 2), "another message")
    is_(Web.asked[asked:].count("enforce"), 0, "what is kept is not fetched again")
    PAGES["enforce"] = (404, "text/plain", "")
    names.zone["_mta-sts.enforce.test", "TXT"] = [txt("v=STSv1; id=2;")]
    names.zone["enforce.test", "MX"] = [mx(10, "mx.clear.test")]
    s.restart("queued")
    s.restart("lookup")
    submit(s, "enforce")
    got = outcome(s, "enforce", 3)
    ok("4.7.5 no mail server of enforce.test" in got, "it still holds: its page is gone, another server is named") or diag(got)
    ok(Web.asked.count("enforce") == 2, "another id: it was asked for") or diag(Web.asked)
    # one that was not there is there with another id, once five minutes are over or lookup is new
    submit(s, "later")
    ok("unverified" in outcome(s, "later"), "none yet")
    PAGES["later"] = (200, "text/plain", policy("enforce", "mx.later.test"))
    s.restart("lookup")
    seen = []

    def then():
        for r in s.rows("status"):      # they remember, too
            if r["role"] == "relay" and r["pid"]:
                try:
                    os.kill(r["pid"], signal.SIGKILL)
                except ProcessLookupError:
                    pass
        submit(s, "later")
        seen.append(outcome(s, "later", 2 + len(seen)))
        return re.search(r"\bmta-sts\b.* 250 ", seen[-1])
    ok(wait_for(then), "and then it is") or diag(*seen)


def commands(s):
    """letterctl mtasts."""
    rows = {r["domain"]: r for r in s.rows("mtasts", "list")}
    is_(sorted(rows), ["badcert.test", "clear.test", "enforce.test", "later.test", "none.test", "other.test",
                       "testing.test"], "those that are kept")
    is_([rows[n + ".test"]["mode"] for n in ("enforce", "testing", "none")], ["enforce", "testing", "none"], "their modes")
    r = rows["enforce.test"]
    ok(abs(r["until_at"] - r["fetched_at"] - 86400) <= 1 and r["failed_at"] > 0 and rows["later.test"]["failed_at"] == 0,
       "until when, and that it could not be had again: %s" % r)
    is_(s.rows("mtasts", "show", "Enforce.Test")[0]["mx"], ["*.enforce.test"], "which servers")
    r = s.ctl_run("mtasts", "refresh", "enforce.test")
    ok(r.returncode == 1 and "the policy that is kept holds" in r.stderr, "it cannot be had: %s" % r.stderr)
    r = s.ctl_run("mtasts", "refresh", "x.test")
    ok(r.returncode == 1 and "publishes no policy" in r.stderr, "there is none: %s" % r.stderr)
    PAGES["other"] = (200, "text/plain", policy("testing", "mx.other.test", 604800))
    r = s.rows("mtasts", "refresh", "other.test")
    ok(r and r[0]["mode"] == "testing" and r[0]["max_age"] == 604800, "fetched although its record is the same: %s" % r)
    is_(s.ctl("mtasts", "forget", "enforce.test").strip(), "forgotten", "forgotten")
    ok(s.ctl_run("mtasts", "show", "enforce.test").returncode == 1, "it is")


make_certificates()
try:
    servers = web(WEB, DIR + "/good"), web(WRONG_NAME, DIR + "/bad")
except OSError:
    skip("port 443 is not ours")
    done()
    raise SystemExit
good = Sink(host=GOOD, port=PORT, cert=DIR + "/good")
bad = Sink(host=BAD, port=PORT, cert=DIR + "/bad")
clear = Sink(host=CLEAR, port=PORT)
names = Dns(zone())
CONF = """
resolver "127.0.0.1@%d"
allow-private-addresses
authorities "%s/good/mail.crt"
transport "out" direct port %d no-ipv6
route transport "out"
retry first { 600s } every 600s expire 1d delay-report 12h delay-again 12h
""" % (names.port, DIR, PORT)
with Suite(conf=CONF) as s:
    table(s)
    checked(s)
    kept(s, names, good)
    commands(s)
    is_(len(bad.messages), 1, "nothing but a test went where it must not")
    ok(not clear.messages, "nor in clear")
shutil.rmtree(DIR, ignore_errors=True)
done()
