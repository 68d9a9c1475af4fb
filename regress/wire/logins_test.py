#!/usr/bin/env python3
"""The log of logins and its filters; fail2ban's filter against the lines of a real log."""
import configparser
import imaplib
import re

from hard_auth import ImapAuth, Smtp, plain
from suite import DOMAIN, PASSWORD, TOP, Suite, diag, done, is_, ok

ALICE = "alice@" + DOMAIN
EVIL = '" baduser: failed login from 192.0.2.9: x'


def regexes():
    """The filter, with fail2ban's words replaced as it replaces them."""
    c = configparser.RawConfigParser(strict=True)
    c.read(TOP + "/etc/fail2ban/filter.d/letterlock.conf")
    d = c["Definition"]
    pre = d["prefregex"].replace("<F-CONTENT>", "(?P<content>").replace("</F-CONTENT>", ")")
    fail = [re.compile(r.strip().replace("<ADDR>", r"(?P<addr>(?:\d{1,3}\.){3}\d{1,3}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*)"))
            for r in d["failregex"].splitlines() if r.strip()]
    return re.compile(pre), fail


def found(text):
    """The addresses that fail2ban would count, of lines without their times."""
    pre, fail = regexes()
    out = []
    for line in text:
        m = pre.search(line)
        for f in fail if m else []:
            n = f.search(m.group("content"))
            if n:
                out.append((n.group("addr"), line))
                break
    return out


def rows(s, *filters):
    return s.rows("logins", *filters)


with Suite() as s:
    s.ctl("account", "disable", "bob", "on leave")
    for P, user, password in ((Smtp, ALICE, PASSWORD), (Smtp, ALICE, "wrong-one"), (ImapAuth, ALICE, "wrong-one"),
                              (Smtp, "nobody@" + DOMAIN, "x"), (Smtp, EVIL, "x"), (Smtp, "bob@" + DOMAIN, PASSWORD)):
        c = P(s)
        c.begin("PLAIN", plain(user, password))
        c.close()
    c = Smtp(s)
    c.begin("PLAIN")
    c.raw("*")
    c.close()
    all_ = rows(s)
    is_(sorted(r["result"] for r in all_), ["aborted", "badpassword", "badpassword", "baduser", "baduser", "logindisabled", "ok"],
        "what happened")
    ok(all(r["local"] == r["remote"] == "127.0.0.1" and r["first_at"] <= r["last_at"] and r["key"] == "" for r in all_),
       "from where, to where, when")
    ok(all(r["tls"] == "" for r in all_), "without TLS")
    is_(len(rows(s, "alice")), 3, "of one account")
    is_(len(rows(s, "-")), 3, "of nobody")
    is_({r["protocol"] for r in rows(s, "alice", "--failed", "yes")}, {"submission", "imap"}, "what failed")
    is_([r["result"] for r in rows(s, "--failed", "no")], ["ok"], "what did not")
    is_(len(rows(s, "--protocol", "imap", "--result", "badpassword")), 1, "by protocol and result")
    is_(len(rows(s, "--address", ALICE, "--mechanism", "plain", "--remote", "127.0.0.1")), 3, "by address, mechanism and remote")
    is_(len(rows(s, "--remote", "192.0.2.1")), 0, "by another remote")
    is_((len(rows(s, "--days", "1")), len(rows(s, "alice", "--days", "1"))), (7, 3), "of the last day")
    for ident in '("name" "Probe" "version" "1.2" "os" NIL)', '("name" "%s")' % ("x" * 300), "NIL":
        m = imaplib.IMAP4("127.0.0.1", s.imap)
        ok(m.xatom("ID", ident)[0] == "OK", "ID")
        m.login(ALICE, PASSWORD)
        m.logout()
    is_(sorted({r["agent"] for r in rows(s, "--protocol", "imap", "--result", "ok")}), ["", "Probe 1.2"],
        "what an IMAP client said of itself")
    for bad in (("--failed", "maybe"), ("--color", "red"), ("--days", "x"), ("alice", "--failed")):
        r = s.ctl_run("logins", *bad)
        ok(r.returncode != 0, "%s is refused" % " ".join(bad)) or diag(r.stdout)
    text = [l.split(" ", 1)[1] for l in s.logged().splitlines() if re.match(r"\d{4}-", l)]
    hits = found(text)
    is_([a for a, _ in hits], ["127.0.0.1"] * 4, "fail2ban counts four failures, of that address") or diag(*text)
    ok(not any("bob@" in l or "aborted" in l or "192.0.2.9" == a for a, l in hits), "and nothing that a client wrote")
    as_syslog = ["mail.example.org letterlock: " + re.sub(r"^(\S+ )info: ", r"\1", l) for l in text]
    is_(len(found(as_syslog)), 4, "in syslog's form too")
    is_([a for a, _ in found(["auth[7]: info: connection from 2001:db8::7 refused: too many failed logins from your address, try again later",
                              "auth[7]: info: failed login from 192.0.2.1: imap PLAIN user \"x\" error: too many failed logins",
                              "auth[7]: info: failed login from local: submission EXTERNAL user \"x\" badcreds: no",
                              "smtpd[7]: info: failed login from 192.0.2.1: imap PLAIN user \"x\" baduser: no"])],
        ["2001:db8::7", "192.0.2.1"], "who goes on is counted, other roles' lines are not")
done()
