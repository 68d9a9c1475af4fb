#!/usr/bin/env python3
"""Relaying through a server that wants a login: two suites, one of which is the
other's smarthost; each mechanism, the strongest by itself, and what goes wrong."""
import email
import imaplib
import re
import smtplib
import tempfile

from suite import DOMAIN, PASSWORD, Suite, diag, done, is_, ok, wait_for

ALICE = "alice@" + DOMAIN
SECRET = "swordfish at sea"
MECHS = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "PLAIN", "LOGIN"]
HOST = 'transport "outbox" deliver account "bob"\nroute transport "outbox"\n'


def transport(name, kind, port, *options):
    return 'transport "%s" %s host "localhost" port %d %s\nroute to "%s.example" transport "%s"\n' % (
        name, kind, port, " ".join(options), name, name)


def submit(s, to):
    c = smtplib.SMTP("127.0.0.1", s.submission)
    c.login(ALICE, PASSWORD)
    c.sendmail(ALICE, [to], "From: %s\r\nTo: %s\r\nSubject: to %s\r\n\r\nx\r\n" % (ALICE, to, to))
    c.quit()


def subjects(s, user):
    m = imaplib.IMAP4("127.0.0.1", s.imap)
    m.login(user + "@" + DOMAIN, PASSWORD)
    m.select("INBOX", readonly=True)
    d = m.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
    m.logout()
    return [email.message_from_bytes(x[1])["Subject"] for x in d if isinstance(x, tuple)]


def arrives(s, to):
    return wait_for(lambda: "to " + to in subjects(s, "bob"))


def logins(s):
    return re.findall(r"login from 127\.0\.0\.1: submission (\S+) account alice", s.logged())


def last(s, to):
    return next((r.get("last") or "" for r in s.rows("queue", "list") if r["to"] == to), "")


def main():
    with tempfile.TemporaryDirectory() as d, Suite(HOST, dir=d) as host:
        host.ctl("account", "password", "alice", input=SECRET + "\n")
        conf = "allow-private-addresses\n"
        for m in MECHS:
            name = m.lower()
            conf += transport(name, "submission", host.submission, "verify no", 'auth "relay"',
                              "mechanisms { %s }" % name)
        conf += transport("best", "submission", host.submission, "verify no", 'auth "relay"')
        conf += transport("implicit", "submissions", host.submissions, "verify no", 'auth "relay"')
        conf += transport("verified", "submission", host.submission, 'auth "relay"')
        conf += transport("clear", "submission", host.submission, "tls off", 'auth "relay"')
        conf += transport("plainclear", "submission", host.submission, "tls off", 'auth "relay"',
                          "mechanisms { plain }")
        conf += transport("wrong", "submission", host.submission, "verify no", 'auth "wrong"')
        conf += transport("unset", "submission", host.submission, "verify no", 'auth "unset"')
        conf += transport("cram", "submission", host.submission, "verify no", 'auth "relay"',
                          "mechanisms { cram-md5 }")
        with Suite(conf) as s:
            scenario(s, host)
    done()


def scenario(s, host):
    r = s.ctl_run("secret", "set", "relay", ALICE, input=SECRET + "\n")
    ok(r.returncode == 0 and "secret relay set" in r.stdout, "secret set") or diag(r.stdout, r.stderr)
    s.ctl_run("secret", "set", "wrong", ALICE, input="not the password\n")
    rows = s.rows("secret", "list")
    is_([(x["name"], x["user"]) for x in rows], [("relay", ALICE), ("wrong", ALICE)], "secret list")
    ok(SECRET not in str(rows), "without the secret")
    r = s.ctl_run("secret", "remove", "relay")
    ok(r.returncode != 0 and "uses it" in r.stderr, "a secret in use is not removed")
    for m in MECHS:
        to = "x@%s.example" % m.lower()
        submit(s, to)
        ok(arrives(host, to), "%s: delivered" % m) or diag(last(s, to), s.logged()[-2000:])
        is_(logins(host)[-1:], [m], "%s: by that" % m)
    for name, mech in (("best", "SCRAM-SHA-256-PLUS"), ("implicit", "SCRAM-SHA-256-PLUS"), ("clear", "SCRAM-SHA-256"),
                       ("plainclear", "PLAIN")):
        to = "x@%s.example" % name
        submit(s, to)
        ok(arrives(host, to), "%s: delivered" % name) or diag(last(s, to))
        is_(logins(host)[-1:], [mech], "%s: by the strongest that will do" % name)
    floors = dict(zip(*[next(x for x in s.rows("secret", "list") if x["name"] == "relay")[k]
                        for k in ("transports", "strongest")]))
    is_((floors["best"], floors["plain"], floors["verified"]), ("SCRAM-SHA-256-PLUS", "PLAIN", "-"),
        "the strongest that ever let in is remembered")
    for name, why in (("verified", "certificate"), ("wrong", "4.7.8"), ("unset", "there is no secret"),
                      ("cram", "no mechanism that will do")):
        to = "x@%s.example" % name
        submit(s, to)
        ok(wait_for(lambda: why in last(s, to)), "%s: put off, and why" % name) or diag(last(s, to))
    ok("transport wrong: login to" in s.logged(), "a refused login shouts")
    ok(SECRET not in s.logged() and "not the password" not in s.logged(), "no secret in the log")

    # nothing weaker than before, until that is allowed
    conf = open(s.conf).read()
    port = re.search(r'transport "best" .*?port (\d+)', conf).group(1)
    before = open(host.conf).read()
    open(host.conf, "w").write(before.replace("submission tls optional allow-cleartext-auth",
                                              "submission tls optional allow-cleartext-auth "
                                              "mechanisms { scram-sha-1, plain }"))
    is_(port, str(host.submission), "the same server")
    host.stop()
    host.start()
    submit(s, "y@best.example")
    ok(wait_for(lambda: "4.7.8" in last(s, "y@best.example")), "a server that offers less: put off")
    ok("somebody may be in between" in s.logged(), "and that is said loudly")
    s.ctl("secret", "relax", "best")
    s.ctl("queue", "kick", "--to", "y@best.example")
    ok(arrives(host, "y@best.example"), "relaxed: delivered") or diag(last(s, "y@best.example"))
    is_(logins(host)[-1:], ["SCRAM-SHA-1"], "by what is there")
    r = s.ctl_run("secret", "remove", "none")
    ok(r.returncode != 0 and "no secret none" in r.stderr, "removing what is not there")


if __name__ == "__main__":
    main()
