#!/usr/bin/env python3
"""Mailboxes shared between accounts, with the suite running: who can be named, what
another sees, what goes with an account."""
import imaplib
import os
import shutil
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


def rights(s, *args):
    return [(r["mailbox"], r["identifier"], r["rights"]) for r in s.rows("acl", "list", *args)]


def fails(s, what, *args):
    r = s.ctl_run("acl", *args)
    ok(r.returncode == 1 and what in r.stderr, "acl %s: %s" % (" ".join(args), what)) or diag(r.returncode, r.stderr)


def administrator(s, a, n, away):
    """letterctl acl; near has INBOX and Work open."""
    n.unselect()
    is_(rights(s, "alice"), [("Work", "near", "lr")], "acl list")
    s.ctl("acl", "set", "alice", "Work", "NEAR", "+swite")
    is_(rights(s, "alice", "Work"), [("Work", "near", "lrswited")], "acl set +")
    s.ctl("acl", "set", "alice", "Work", "near", "-ite")
    s.ctl("acl", "set", "alice", "Work", "anyone", "l")
    s.ctl("acl", "set", "alice", "Work", "-near", "w")
    is_(rights(s, "alice", "Work"), [("Work", "anyone", "l"), ("Work", "near", "lrsw"), ("Work", "-near", "w")],
        "acl set, in the list's order")
    ok(b" anyone l near lrsw -near w" in a.getacl("Work")[1][0], "as GETACL says") or diag(a.getacl("Work"))
    ok(n.select('"Other Users/alice/Work"')[0] == "OK", "it is there")
    s.ctl("acl", "set", "alice", "Work", "near", "")
    try:
        n.noop()
        ok(False, "who may not read it any more is disconnected")
    except (imaplib.IMAP4.abort, OSError):
        ok(True, "who may not read it any more is disconnected")
    s.ctl("acl", "delete", "alice", "Work", "-near")
    s.ctl("acl", "delete", "alice", "Work", "anyone")
    is_(rights(s, "alice"), [], "acl delete")
    fails(s, "no such mailbox", "list", "alice", "None")
    fails(s, "no such mailbox", "set", "alice", "None", "near", "lr")
    fails(s, "lrswipkxtea", "set", "alice", "Work", "near", "q")
    fails(s, "--near", "set", "alice", "Work", away, "lr")
    fails(s, "--near", "set", "alice", "Work", "nobody", "lr")
    fails(s, "all rights", "set", "alice", "Work", "alice", "lr")
    fails(s, "all rights", "delete", "alice", "Work", "alice")
    fails(s, "not in the list", "delete", "alice", "Work", "near")
    ok(s.ctl_run("acl", "list", "nobody").returncode == 1, "an account that is not there")
    # more than a page, and more than one mailbox
    for i in range(60):
        a.create("Many/%02d" % i)
        a.setacl("Many/%02d" % i, "near", "lr")
        a.setacl("Many/%02d" % i, "-anyone", "w")
        a.setacl("Many/%02d" % i, "anyone", "i")
    is_(rights(s, "alice"), [("Many/%02d" % i, w, r) for i in range(60) for w, r in
                             (("anyone", "i"), ("-anyone", "w"), ("near", "lr"))], "pages of a list")
    # an account that nobody has used has a name, too
    add(s, "quiet", "--near", "alice")
    s.ctl("acl", "set", "quiet", "inbox", "near", "lrs")
    is_(rights(s, "quiet"), [("INBOX", "near", "lrs")], "of one that never logged in")
    n = login(s, "near")
    is_(n.select('"Other Users/quiet/INBOX"', readonly=True)[0], "OK", "its name")
    r = s.ctl_run("verify")
    ok(r.returncode == 0 and " 0 bad" in r.stdout, "verify") or diag(r.stdout, r.stderr)
    a.setacl("Work", "near", "lr")
    n.select('"Other Users/alice/Work"', readonly=True)
    backup(s)


def backup(s):
    """A copy has the lists of rights and what finds them."""
    before = rights(s, "alice")
    r = s.ctl_run("backup", s.dir + "/copy")
    is_(r.returncode, 0, "a backup") or diag(r.stderr)
    with Suite("partitions 4\n", start=False) as other:
        shutil.copytree(s.dir + "/copy", other.dir + "/state")
        for env in ["auth", "queue"] + ["mail/" + x for x in os.listdir(other.dir + "/state/mail")]:
            st = os.stat(s.dir + "/state/" + env)
            for top, dirs, files in os.walk(other.dir + "/state/" + env):
                for name in [top] + [top + "/" + f for f in files]:
                    os.chown(name, st.st_uid, st.st_gid)
        other.start()
        is_(rights(other, "alice"), before, "restored: acl list")
        m = login(other, "near")
        is_(m.select('"Other Users/alice/Work"', readonly=True)[1], [b"1"], "restored: what is shared is found")
        r = other.ctl_run("verify")
        ok(r.returncode == 0 and " 0 bad" in r.stdout, "restored: verify") or diag(r.stdout, r.stderr)


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
    administrator(s, a, n, away[0])
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
