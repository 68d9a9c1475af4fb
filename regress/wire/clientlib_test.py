#!/usr/bin/env python3
"""The client libraries against servers: each mechanism on IMAP and submission,
over TLS 1.2 and 1.3, client certificates, and what is never said to whom; then
against Dovecot, if it is there."""
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import threading

from suite import BUILD, DOMAIN, Suite, certificate, diag, done, free_ports, is_, ok, run, skip, wait_for

ALICE = "alice@" + DOMAIN
PASSWORD = "a word of hers"
MECHS = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "CRAM-MD5",
         "PLAIN", "LOGIN")
VERSIONS = (("TLSv1.2", ["tls12=1"]), ("TLSv1.3", []))


class Result:
    def __init__(self, protocol, host, port, *words):
        r = subprocess.run([BUILD + "/regress/wire/clientlib", protocol, host, str(port)] + list(words),
                           capture_output=True, text=True, errors="replace", timeout=90)
        self.out, self.rc, self.err = r.stdout, r.returncode, r.stderr
        self.words = dict(re.findall(r"(?m)^([a-z-]+) (.*)$", r.stdout))

    def get(self, *names):
        return tuple(self.words.get(n) for n in names)


def check(r, want, name):
    """What it says of itself; a value that begins with ~ is a pattern."""
    got = {k: r.words.get(k) for k in want}
    good = r.rc >= 0 and all(re.search(v[1:], got[k] or "") if v is not None and v.startswith("~") else got[k] == v
                             for k, v in want.items())
    if not ok(good, name):
        diag("want %r" % want, r.out, r.err)
    return good


def listeners(s):
    """protocol, port, how TLS begins."""
    return (("imap", s.imap, "start"), ("imap", s.imaps, "implicit"),
            ("smtp", s.submission, "start"), ("smtp", s.submissions, "implicit"))


def mechanisms(s):
    who = ["ca=" + s.ca, "user=" + ALICE, "password=" + PASSWORD]
    for protocol, port, tls in listeners(s):
        for version, more in VERSIONS:
            where = "%s, TLS %s, %s" % (protocol, tls, version)
            to = [protocol, "localhost", port, "tls=" + tls] + who + more
            done_ = {"session": "ok", "logout": "ok", "tls": version, "login": None}
            for mech in MECHS:
                check(Result(*to, "mech=" + mech), dict(done_, mech=mech), "%s: %s" % (where, mech))
            check(Result(*to), dict(done_, mech=MECHS[0]), "%s: the strongest by itself" % where)
            r = Result(*to[:-1 - len(more)], "password=wrong", *more)
            check(r, {"session": "~(?i)authentication|given up", "mech": MECHS[0], "login": "~invalid-proof",
                      "logout": None}, "%s: wrong password" % where)
            ok(PASSWORD not in r.out, "%s: the trace is without it" % where)
    r = Result("imap", "localhost", s.imap, "tls=start", "command=1", *who)
    check(r, {"command": "ok", "select": "ok", "logout": "ok", "mech": "none"}, "imap: LOGIN, the command")
    ok(PASSWORD not in r.out and ALICE not in r.out.split("S: a3")[0], "which the trace shows without its words") or diag(r.out)


def names(s):
    """Of certificates; the server must not hear of a login."""
    before = s.logged().count("login from")
    who = ["user=" + ALICE, "password=" + PASSWORD]
    for protocol, port, tls in listeners(s):
        for version, more in VERSIONS:
            to = [protocol, "localhost", port, "tls=" + tls] + who + more
            where = "%s, TLS %s, %s" % (protocol, tls, version)
            at = "failed" if tls == "implicit" else "session"
            check(Result(*to, "ca=" + s.ca, "name=other.example"),
                  {at: "~other.example: .*(mismatch|name)"}, "%s: wrong name refused" % where)
            check(Result(*to, "ca=/nowhere"), {at: "~localhost: "}, "%s: unknown authority refused" % where)
    check(Result("imap", "127.0.0.1", s.imaps, "tls=implicit", "ca=" + s.ca, *who),
          {"session": "ok"}, "an address that the certificate has")
    is_(s.logged().count("login from"), before + 1, "only that one logged in")
    for protocol, port, tls in listeners(s):
        to = [protocol, "localhost", port, "tls=" + tls, "ca=/nowhere", "unverified=1"] + who
        check(Result(*to, "mech=PLAIN"), {"session": "~.", "login": "~no mechanism", "mech": "none"},
              "%s, TLS %s: PLAIN is not for whoever it is" % (protocol, tls))
        check(Result(*to), {"session": "ok", "mech": MECHS[0]}, "%s, TLS %s: SCRAM is" % (protocol, tls))


def in_clear(s):
    who = ["tls=off", "user=" + ALICE, "password=" + PASSWORD]
    for protocol, port in (("imap", s.imap), ("smtp", s.submission)):
        to = [protocol, "localhost", port] + who
        check(Result(*to), {"session": "~TLS|encrypt|secur", "mech": "none"}, "%s in clear: no login" % protocol)
        check(Result(*to, "clear=1"), {"session": "ok", "mech": "SCRAM-SHA-256", "tls": "no"},
              "%s in clear: SCRAM where it is allowed" % protocol)
        check(Result(*to, "clear=1", "mech=PLAIN"), {"session": "~.", "mech": "none"},
              "%s in clear: but no PLAIN" % protocol)
        check(Result(*to, "clear=1", "cleartext=1", "mech=PLAIN"), {"session": "ok", "mech": "PLAIN"},
              "%s in clear: PLAIN where that is allowed too" % protocol)


def keys(s):
    stem = s.dir + "/client"
    s.ctl("tlspubkey", "gen", stem)
    cert = open(stem + ".cert.pem").read()
    for protocol, port, tls in listeners(s):
        r = Result(protocol, "localhost", port, "tls=" + tls, "ca=" + s.ca, "cert=" + stem + ".pem")
        check(r, {"session": "~.", "mech": "none", "login": "~offers no EXTERNAL"},
              "%s, TLS %s: a key that nobody knows" % (protocol, tls))
    s.ctl("tlspubkey", "add", "--no-imap-preauth", ALICE, input=cert)
    for how in ("cert=" + stem + ".pem", "key=" + stem + ".key.pem"):
        for protocol, port, tls in listeners(s):
            for version, more in VERSIONS:
                to = [protocol, "localhost", port, "tls=" + tls, "ca=" + s.ca, how] + more
                where = "%s, TLS %s, %s, %s" % (protocol, tls, version, how.split("=")[0])
                check(Result(*to), {"session": "ok", "mech": "EXTERNAL", "tls": version, "login": None,
                                    "logout": "ok"}, "%s: EXTERNAL" % where)
                if how.startswith("key") and not more:
                    check(Result(*to, "authzid=bob@" + DOMAIN),
                          {"session": "~(?i)authentication|credentials", "mech": "EXTERNAL"},
                          "%s: EXTERNAL as another" % where)
    fingerprint = s.rows("tlspubkey", "list")[0]["fingerprint"]
    s.ctl("tlspubkey", "remove", fingerprint)
    s.ctl("tlspubkey", "add", ALICE, input=cert)
    for version, more in VERSIONS:
        to = ["imap", "localhost", s.imaps, "tls=implicit", "ca=" + s.ca, "cert=" + stem + ".pem"] + more
        check(Result(*to), {"session": "ok", "preauth": "1", "logged-in": "1", "mech": "none", "select": "ok",
                            "tls": version, "logout": "ok"}, "imap, %s: PREAUTH" % version)
    check(Result("imap", "localhost", s.imap, "tls=start", "ca=" + s.ca, "cert=" + stem + ".pem"),
          {"session": "ok", "preauth": "0", "mech": "EXTERNAL", "select": "ok"}, "imap: no PREAUTH after STARTTLS")


class Liar:
    """A server that says what it was told to, and keeps what it hears."""

    def __init__(self, *says):
        self.heard = b""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, args=(says,), daemon=True)
        self.thread.start()

    def serve(self, says):
        c = self.listener.accept()[0]
        c.settimeout(60)
        f = c.makefile("rb")
        try:
            for text in says:
                c.sendall(text)
                self.heard += f.readline()
            while True:
                line = f.readline()
                self.heard += line
                if not line:
                    break
        except OSError:
            pass
        c.close()

    def all(self):
        self.thread.join(60)
        self.listener.close()
        return self.heard


def liars(s):
    ehlo = b"220 hi\r\n", b"250-x\r\n250 AUTH PLAIN LOGIN\r\n"
    cases = (
        ("imap", "STARTTLS taken away", (b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi\r\n",), "not offered"),
        ("imap", "PREAUTH", (b"* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n",), "PREAUTH in clear"),
        ("imap", "STARTTLS refused", (b"* OK [CAPABILITY STARTTLS AUTH=PLAIN] hi\r\n", b"a1 NO no\r\n"), "refused"),
        ("imap", "an injection", (b"* OK [CAPABILITY STARTTLS] hi\r\n",
                                  b"a1 OK go\r\n* CAPABILITY AUTH=PLAIN\r\n"), "injection"),
        ("imap", "no TLS behind STARTTLS", (b"* OK [CAPABILITY STARTTLS] hi\r\n", b"a1 OK go\r\n",
                                            b"* OK surprise\r\n"), "TLS"),
        ("smtp", "STARTTLS taken away", ehlo, "TLS"),
        ("smtp", "STARTTLS refused", (b"220 hi\r\n", b"250-x\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n",
                                      b"454 4.7.0 no\r\n"), "no"),
    )
    for protocol, name, says, why in cases:
        liar = Liar(*says)
        r = Result(protocol, "127.0.0.1", liar.port, "tls=start", "ca=" + s.ca, "user=" + ALICE,
                   "password=" + PASSWORD, "clear=1", "cleartext=1")
        check(r, {"session": "~" + why, "mech": "none"}, "%s: %s" % (protocol, name))
        heard = liar.all()
        ok(b"AUTH" not in heard and PASSWORD.encode() not in heard and b"YWxpY2" not in heard,
           "%s: %s: and it heard no login" % (protocol, name)) or diag(heard)


def local(s):
    user = pwd.getpwuid(os.geteuid()).pw_name
    s.ctl("account", "local-user", "alice", user)
    r = Result("smtp", s.dir + "/submit", "-", "login=0", "from=" + ALICE, "to=bob@" + DOMAIN)
    check(r, {"peer": s.dir + "/submit", "session": "ok", "message": "~^250 2", "logout": "ok"}, "the local socket")
    check(Result("smtp", s.dir + "/nothing", "-"), {"failed": "~No such file"}, "a socket that is none")


DOVECOT = """
base_dir = {d}/dovecot
log_path = {d}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{d}/mail.crt
ssl_key = <{d}/mail.key
mail_location = maildir:{d}/mail/%n
first_valid_uid = 1
auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {d}/users
}}
userdb {{
  driver = static
  args = uid=mail gid=mail home={d}/mail/%n
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
"""


def dovecot():
    if os.geteuid() != 0 or not run("dovecot") or not os.path.exists("/usr/lib/dovecot/imap"):
        skip("no Dovecot here")
        return
    d = tempfile.mkdtemp(prefix="letterlock-dovecot-")
    os.chmod(d, 0o755)
    os.mkdir(d + "/mail")
    shutil.chown(d + "/mail", "mail", "mail")
    certificate(d)
    imap, imaps = free_ports(2)
    with open(d + "/users", "w") as f:
        f.write("alice:{PLAIN}%s\n" % PASSWORD)
    with open(d + "/dovecot.conf", "w") as f:
        f.write(DOVECOT.format(d=d, imap=imap, imaps=imaps))
    p = subprocess.Popen(["dovecot", "-F", "-c", d + "/dovecot.conf"], stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
    try:
        if wait_for(lambda: p.poll() is not None or socket.socket().connect_ex(("127.0.0.1", imaps)) == 0) \
                and p.poll() is None:
            with_dovecot(d, imap, imaps)
        else:
            skip("Dovecot does not start")
    finally:
        p.terminate()
        p.wait()
        shutil.rmtree(d, ignore_errors=True)


def with_dovecot(d, imap, imaps):
    who = ["ca=" + d + "/mail.crt", "user=alice", "password=" + PASSWORD]
    for port, tls in ((imap, "start"), (imaps, "implicit")):
        to = ["imap", "localhost", port, "tls=" + tls] + who
        for mech in ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"):
            check(Result(*to, "mech=" + mech), {"session": "ok", "mech": mech, "select": "ok", "logout": "ok",
                                                "login": None}, "Dovecot, TLS %s: %s" % (tls, mech))
        check(Result(*to), {"session": "ok", "mech": "SCRAM-SHA-256"}, "Dovecot, TLS %s: the strongest" % tls)
        check(Result(*to, "command=1"), {"command": "ok", "select": "ok"}, "Dovecot, TLS %s: LOGIN command" % tls)
    check(Result("imap", "localhost", imap, "tls=start", *who[:2], "password=wrong"),
          {"session": "~AUTHENTICATIONFAILED", "mech": "SCRAM-SHA-256"}, "Dovecot: wrong password")


def main():
    with Suite(start=False) as s:
        s.write_conf(re.sub(r"(?m)^(listen .* (imap|submission) .*)$", r"\1 mechanisms { %s }" %
                            ", ".join(("EXTERNAL",) + MECHS), s.base) +
                     'listen on socket "%s/submit" submission\n' % s.dir)
        s.start()
        for a in ("alice", "bob"):
            s.ctl("account", "add", a, "%s@%s" % (a, DOMAIN), input=PASSWORD + "\n")
        mechanisms(s)
        names(s)
        in_clear(s)
        keys(s)
        liars(s)
        local(s)
    dovecot()
    done()


main()
