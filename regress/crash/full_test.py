#!/usr/bin/env python3
"""A full disk: new mail is refused for the time being, nothing that was taken
is lost, what is there can be read and removed, and when there is space again
all goes on by itself."""
import errno
import imaplib
import os
import shutil
import smtplib
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "wire"))
from suite import DOMAIN, PASSWORD, Suite, diag, done, is_, ok, skip, wait_for  # noqa: E402

ALICE = "alice@" + DOMAIN
CONF = """
partitions 2
processes store 1
processes smtpd 1
processes front 1
cache 8m
disk-reserve 8m
"""


def free(path):
    v = os.statvfs(path)
    return v.f_bavail * v.f_frsize


def fill(path, leave):
    """A file that takes all but so many octets."""
    def filled():
        n = free(path) - leave
        try:
            if n > 0:
                os.posix_fallocate(f.fileno(), 0, n)
        except OSError as e:
            if e.errno != errno.ENOSPC:
                raise
            return False        # something else was written meanwhile
        return True

    with open(path + "/filler", "wb") as f:
        ok(wait_for(filled), "the disk is full")


def send(s, n):
    """The reply code for the message."""
    try:
        c = smtplib.SMTP("127.0.0.1", s.smtp, timeout=60)
        c.sendmail("x@remote.example", [ALICE],
                   "From: x@remote.example\r\nSubject: m%d\r\n\r\n%s" % (n, "x" * 70 + "\r\n"))
        c.quit()
        return 250
    except smtplib.SMTPRecipientsRefused as e:
        return e.recipients[ALICE][0]
    except smtplib.SMTPResponseException as e:
        return e.smtp_code


def imap(s):
    m = imaplib.IMAP4("127.0.0.1", s.imap)
    m.login(ALICE, PASSWORD)
    m.select("INBOX")
    return m


def subjects(s):
    m = imap(s)
    d = m.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
    m.logout()
    return sorted(int(x[1].split(b"m")[1]) for x in d if isinstance(x, tuple))


def main():
    with tempfile.TemporaryDirectory() as d:
        if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512m,mode=755", "none", d],
                                               capture_output=True).returncode != 0:
            skip("a file system of its own needs root")
            done()
        try:
            with Suite(CONF, dir=d) as s:
                scenario(s, d)
        finally:
            subprocess.run(["umount", "-l", d])
    done()


def scenario(s, d):
    taken = [n for n in range(20) if send(s, n) == 250]
    is_(len(taken), 20, "there is space: all are taken")
    fill(d, 4 << 20)
    codes = []
    until = time.monotonic() + 60       # it looks at the disk twice a second
    while codes[-20:].count(452) < 20 and time.monotonic() < until:
        codes.append(send(s, 100 + len(codes)))
        if codes[-1] == 250:
            taken.append(99 + len(codes))
    ok(set(codes) <= {250, 451, 452} and codes[-20:].count(452) == 20, "full: 452")
    diag({c: codes.count(c) for c in codes})
    m = imap(s)
    until = time.monotonic() + 60       # the store looks on its own
    typ = "OK"
    while typ == "OK" and time.monotonic() < until:
        taken.append(10000 + len(taken))
        typ, data = m.append("INBOX", None, None, b"Subject: m%d\r\n\r\nx\r\n" % taken[-1])
    taken.pop()
    is_(typ, "NO", "full: APPEND is refused")
    is_(m.copy("1", "Archive")[0], "NO", "full: COPY is refused")
    ok(len(m.fetch("1", "(BODY.PEEK[])")[1][0][1]) > 70, "full: mail can be read")
    is_(m.store("1", "+FLAGS", "\\Deleted")[0], "OK", "full: mail can be marked for removal")
    is_(m.expunge()[0], "OK", "full: mail can be removed")
    m.logout()
    taken.remove(0)
    refused(s, d)
    ok(wait_for(lambda: set(subjects(s)) <= set(taken) and
                len(subjects(s)) + len(s.rows("queue", "list")) == len(taken)),
       "full: what was taken is there or in the queue, and nothing else")
    is_([r["role"] for r in s.rows("status") if r["state"] != "ready"], [], "all processes run")
    os.unlink(d + "/filler")
    ok(wait_for(lambda: send(s, 1000) == 250), "space again: mail is taken")
    taken.append(1000)
    ok(wait_for(lambda: sorted(set(subjects(s))) == sorted(taken)), "and all is there")
    again(s, d)
    ok(sorted(set(subjects(s))) == sorted(taken), "with everything there still")
    got = subjects(s)
    fill(d, 1 << 20)
    s.kill("store")
    ok(wait_for(lambda: subjects_or_none(s) == got), "full, and the store killed: it recovers")


MBOX = "".join("From a Fri Jul 14 02:40:00 2017\nSubject: i%d\n\n%s\n" % (i, "0123456789abcde\n" * 100) for i in range(500))


def place(s):
    return [r["partition"] for r in s.rows("account", "list") if r["name"] == "alice"][0]


def box(s, name):
    return [r["messages"] for r in s.rows("mailbox", "list", "alice") if r["name"] == name]


def refused(s, d):
    """What an administrator does meanwhile."""
    r = s.ctl_run("import", "mbox", "alice", "Imported", input=MBOX)
    ok(r.returncode == 1 and "disk is full" in r.stderr, "full: no import") or diag(r)
    was = place(s)
    r = s.ctl_run("account", "move", "alice", str(1 - was))
    ok(r.returncode == 1 and ("disk is full" in r.stderr or "No space left" in r.stderr), "full: an account does not move") or diag(r)
    is_(place(s), was, "and is where it was")
    r = s.ctl_run("backup", d + "/backup")
    ok(r.returncode == 1 and "No space left" in r.stderr and "not complete" in r.stderr, "full: a backup says so") or diag(r)
    shutil.rmtree(d + "/backup")


def again(s, d):
    r = s.ctl_run("import", "mbox", "alice", "Imported", input=MBOX)
    is_((r.returncode, r.stdout.strip()), (0, "500 messages"), "an import") or diag(r.stderr)
    is_(box(s, "Imported"), [500], "is there once")
    was = place(s)
    tries = []

    def moved():            # each partition looks at the disk twice a second
        tries.append(s.ctl_run("account", "move", "alice", str(1 - was)))
        return tries[-1].returncode == 0
    wait_for(moved)
    is_((place(s), box(s, "Imported")), (1 - was, [500]), "a move") or diag(tries[-1])
    r = s.ctl_run("backup", d + "/backup")
    is_(r.returncode, 0, "and a backup") or diag(r.stderr)
    shutil.rmtree(d + "/backup")


def subjects_or_none(s):
    try:
        return subjects(s)
    except (OSError, imaplib.IMAP4.error):
        return None


main()
