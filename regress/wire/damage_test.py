#!/usr/bin/env python3
"""A partition that cannot be opened keeps nobody else from the mail."""
import imaplib
import os
import shutil
import smtplib

from suite import DOMAIN, PASSWORD, Suite, diag, done, is_, ok, wait_for

USERS = ["u%d" % i for i in range(8)]


def login(s, user):
    """None, or what was said against it."""
    m = imaplib.IMAP4("127.0.0.1", s.imap)
    try:
        m.login(user + "@" + DOMAIN, PASSWORD)
        m.logout()
    except (imaplib.IMAP4.error, imaplib.IMAP4.abort) as e:
        return str(e)


def send(s, user, text):
    c = smtplib.SMTP("127.0.0.1", s.smtp)
    c.sendmail("x@remote.example", [user + "@" + DOMAIN], "Subject: %s\r\n\r\nx\r\n" % text)
    c.quit()


def count(s, user):
    m = imaplib.IMAP4("127.0.0.1", s.imap)
    m.login(user + "@" + DOMAIN, PASSWORD)
    n = int(m.select(readonly=True)[1][0])
    m.logout()
    return n


def selected(s, user):
    try:
        return count(s, user)
    except (imaplib.IMAP4.error, imaplib.IMAP4.abort, OSError, ValueError) as e:
        return e


def restart(s):
    s.proc.terminate()
    s.proc.wait()
    s.start()


def damage(path):
    with open(path, "r+b") as f:
        f.write(b"\xa5" * 4096)


with Suite(accounts=USERS) as s:
    part = {r["name"]: "%02d" % r["partition"] for r in s.rows("account", "list")}
    bad = part[USERS[0]]
    here = [u for u in USERS if part[u] == bad]
    there = [u for u in USERS if part[u] != bad]
    ok(here and there, "accounts in several partitions")
    for u in USERS:
        send(s, u, "before")
    s.proc.terminate()
    s.proc.wait()
    home = s.dir + "/state/mail/" + bad
    shutil.copytree(home, s.dir + "/whole")
    damage(home + "/index.db")
    s.start()
    ok("UNAVAILABLE" in str(login(s, here[0])), "its accounts: NO [UNAVAILABLE]")
    is_([login(s, u) for u in there], [None] * len(there), "the others are served")
    send(s, here[0], "meanwhile")
    send(s, there[0], "meanwhile")
    is_(count(s, there[0]), 2, "and get their mail")
    wait_for(lambda: len(s.rows("queue", "list")) == 1)
    is_(len(s.rows("queue", "list")), 1, "mail for it waits in the queue")
    rows = [r["problem"] for r in s.rows("verify") if r["environment"] == "mail/" + bad]
    is_(rows, ["it cannot be opened: restore it"], "verify says so")
    r = s.ctl_run("backup", s.dir + "/copy")
    ok(r.returncode != 0, "no backup without it: " + r.stderr.strip())
    # of the same thing twice: it is not tried again by itself
    shutil.copy(s.dir + "/whole/index.db", home + "/index.db")
    st = os.stat(home + "/index.db")
    with open(home + "/panic", "w") as f:
        f.write("1000 Berkeley DB panicked: page 7\n1030 Berkeley DB panicked: page 7\n")
    os.chown(home + "/panic", st.st_uid, st.st_gid)
    restart(s)
    ok("UNAVAILABLE" in str(login(s, here[0])), "after two panics of the same")
    os.unlink(home + "/panic")
    restart(s)
    wait_for(lambda: login(s, here[0]) is None)
    wait_for(lambda: count(s, here[0]) == 2, timeout=40)
    is_(count(s, here[0]), 2, "restored: all of its mail is there")
    # a page that panics, each time somebody looks
    s.proc.terminate()
    s.proc.wait()
    with open(home + "/index.db", "r+b") as f:
        size = len(f.read())
        for at in range(4096 + 3000, size, 4096):
            f.seek(at)
            octet = f.read(1)[0]
            f.seek(at)
            f.write(bytes([octet ^ 1]))
    s.start()
    wait_for(lambda: "UNAVAILABLE" in str(selected(s, here[0])), timeout=30, step=0.5)
    with open(home + "/panic") as f:
        lines = f.read().splitlines()
    ok(len(lines) == 2 and "index: read" in lines[1] and "page 1" in lines[1],
       "it panicked twice of that page") or diag(*lines)
    wait_for(lambda: login(s, there[0]) is None, timeout=20)
    is_(count(s, there[0]), 2, "and then the others are served")
done()
