#!/usr/bin/env python3
"""A full disk: new mail is refused for the time being, nothing that was taken
is lost, what is there can be read and removed, and when there is space again
all goes on by itself."""
import imaplib
import os
import smtplib
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "wire"))
from suite import DOMAIN, PASSWORD, Suite, diag, done, is_, ok, skip, wait_for  # noqa: E402

ALICE = "alice@" + DOMAIN
CONF = """
partitions 1
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
    n = free(path) - leave
    with open(path + "/filler", "wb") as f:
        if n > 0:
            os.posix_fallocate(f.fileno(), 0, n)


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
    codes = set()
    for n in range(100, 140):
        code = send(s, n)
        codes.add(code)
        if code == 250:
            taken.append(n)
    ok(codes <= {250, 452, 451} and 452 in codes, "full: 452")
    if not codes <= {250, 451, 452}:
        diag(codes)
    m = imap(s)
    typ, data = m.append("INBOX", None, None, b"Subject: m999\r\n\r\nx\r\n")
    is_(typ, "NO", "full: APPEND is refused")
    is_(m.copy("1", "Archive")[0], "NO", "full: COPY is refused")
    ok(len(m.fetch("1", "(BODY.PEEK[])")[1][0][1]) > 70, "full: mail can be read")
    is_(m.store("1", "+FLAGS", "\\Deleted")[0], "OK", "full: mail can be marked for removal")
    is_(m.expunge()[0], "OK", "full: mail can be removed")
    m.logout()
    taken.remove(0)
    is_(subjects(s), sorted(taken), "full: what was taken is there, and nothing else")
    is_([r["role"] for r in s.rows("status") if r["state"] != "ready"], [], "all processes run")
    os.unlink(d + "/filler")
    ok(wait_for(lambda: send(s, 200) == 250, 15), "space again: mail is taken")
    got = subjects(s)
    ok(set(taken) < set(got) and set(got) - set(taken) == {200}, "and all is there")
    fill(d, 1 << 20)
    s.kill("store")
    ok(wait_for(lambda: subjects_or_none(s) == got, 20), "full, and the store killed: it recovers")


def subjects_or_none(s):
    try:
        return subjects(s)
    except (OSError, imaplib.IMAP4.error):
        return None


main()
