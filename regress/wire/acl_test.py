#!/usr/bin/env python3
"""Mailboxes shared between accounts, with the suite running: who can be named, what
another sees, what goes with an account."""
import imaplib
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from suite import DOMAIN, PASSWORD, Suite, diag, done, is_, ok  # noqa: E402


def login(s, name):
    m = imaplib.IMAP4("127.0.0.1", s.imap)
    m.login(name + "@" + DOMAIN, PASSWORD)
    return m


def add(s, name, *near):
    r = s.ctl_run("account", "add", *near, name, name + "@" + DOMAIN, input=PASSWORD + "\n")
    ok(r.returncode == 0, "account add " + name) or diag(r.stderr)


def place(s, name):
    return [r["partition"] for r in s.rows("account", "list") if r["name"] == name][0]


def refused(m, who):
    typ, text = m.setacl("Work", who, "lr")
    return typ + " " + text[0].decode()


with Suite("partitions 4\n", accounts=("alice",)) as s:
    add(s, "near", "--near", "alice")
    is_(place(s, "near"), place(s, "alice"), "near in the same partition")
    for i in range(4):
        add(s, "far%d" % i)
    away = [n for n in ("far0", "far1", "far2", "far3") if place(s, n) != place(s, "alice")]
    ok(away, "somebody is elsewhere")
    a = login(s, "alice")
    a.create("Work")
    for who in away[0], "nobody":
        text = refused(a, who)
        ok("[CANNOT]" in text and "letterctl account add --near alice" in text, "SETACL for " + who) or diag(text)
    is_(a.setacl("Work", "NEAR", "lrswite")[0], "OK", "SETACL for one that nobody has used yet")
    ok(b"near lrswited" in a.getacl("Work")[1][0], "it stands in the list")
    is_(a.append("Work", None, None, b"Subject: one\r\n\r\nx\r\n")[0], "OK", "a message")

    n = login(s, "near")
    ok(b'(("Other Users/" "/"))' in n.namespace()[1][0], "NAMESPACE")
    ok(b'"Other Users/alice/Work"' in n.list()[1][-1], "LIST")
    is_(n.select('"Other Users/alice/Work"')[1], [b"1"], "SELECT")
    a.select("Work")
    n.store("1", "+FLAGS", "(\\Flagged)")
    a.noop()
    ok(b"\\Flagged" in a.fetch("1", "FLAGS")[1][0], "flags are told to the other")
    n.copy("1", "INBOX")
    is_(n.select("INBOX")[1], [b"1"], "what was copied")
    for who in "lr", "":
        is_(a.setacl("Work", "near", '"%s"' % who)[0], "OK", "less rights")
    typ, text = n.select('"Other Users/alice/Work"')
    ok(typ == "NO" and b"[NONEXISTENT]" in text[0], "nothing is there any more") or diag(text)
    is_(a.setacl("Work", "near", "lr")[0], "OK", "SETACL")
    n.select('"Other Users/alice/Work"', readonly=True)
    r = s.ctl_run("account", "remove", "near")
    ok(r.returncode == 0, "account remove")
    ok(b"near" not in a.getacl("Work")[1][0], "no list names it")
    add(s, "near", "--near", "alice")
    n = login(s, "near")
    ok(not [x for x in n.list()[1] if b"Other Users" in x], "a new one with that name has nothing of it")
    a.setacl("Work", "near", "lr")
    n.select('"Other Users/alice/Work"', readonly=True)
    r = s.ctl_run("account", "remove", "alice")
    ok(r.returncode == 0, "its owner is removed")
    try:
        n.noop()
        ok(False, "the session of a guest ends")
    except (imaplib.IMAP4.abort, OSError):
        ok(True, "the session of a guest ends")
    n = login(s, "near")
    ok(not [x for x in n.list()[1] if b"Other Users" in x], "nothing is left of what it shared")
    is_(s.rows("verify"), [], "verify finds nothing")
done()
