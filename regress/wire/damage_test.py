#!/usr/bin/env python3
"""A partition that cannot be opened keeps nobody else from the mail."""
import imaplib
import os
import shutil
import subprocess
import smtplib

from suite import DOMAIN, PASSWORD, Suite, diag, done, is_, ok, wait_for

USERS = ["u%d" % i for i in range(8)]


def login(s, user):
    """None, or what was said against it."""
    m = imaplib.IMAP4("127.0.0.1", s.imap)
    try:
        m.login(user + "@" + DOMAIN, PASSWORD)
        m.logout()
    except (imaplib.IMAP4.error, OSError) as e:
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


def damage(path, at=0):
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(b"\xa5" * 4096)


def stop(s):
    s.proc.terminate()
    s.proc.wait()


def flip(path, at):
    with open(path, "r+b") as f:
        f.seek(at)
        octet = f.read(1)[0]
        f.seek(at)
        f.write(bytes([octet ^ 1]))


def salvaged(s, home, here, bad):
    """What is damaged is left out, the rest is there again."""
    other = next(d for d in sorted(os.listdir(os.path.dirname(home))) if d != bad)
    r = s.ctl_run("salvage", os.path.dirname(home) + "/" + other)
    ok(r.returncode == 1 and "in use" in r.stderr and "as it was" in r.stderr, "not what is open") or diag(r.stderr)
    kept = s.dir + "/kept"
    subprocess.run(["cp", "-a", home, kept], check=True)
    r = s.ctl_run("salvage", home)
    ok("index.db: page 1 is damaged" in r.stderr and r.returncode == 1, "salvage names the pages") or diag(r.stdout, r.stderr)
    old = [d for d in os.listdir(os.path.dirname(home)) if d.startswith(bad + ".damaged-")]
    is_(len(old), 1, "and leaves what was there beside it")
    same = subprocess.run(["diff", "-r", kept, os.path.dirname(home) + "/" + old[0]], capture_output=True)
    is_(same.stdout, b"", "as it was")
    restart(s)			# nothing but sums was wrong
    is_([count(s, u) for u in here], [2] + [1] * (len(here) - 1), "each has the mail it had") or diag(r.stdout, r.stderr)
    ok(r"was salvaged" in s.logged(), "the log says so")
    is_([r for r in s.rows("verify") if r["environment"] == "mail/" + bad], [], "and nothing is wrong with it")
    # the index of all messages is lost, but no message
    stop(s)
    damage(home + "/index.db", 4096)
    r = s.ctl_run("salvage", home)
    s.start()
    is_([count(s, u) for u in here], [0] * len(here), "without an index nobody has a message") or diag(r.stdout, r.stderr)
    orphans = os.listdir(home + "/orphans")
    is_(len(orphans), len(here) + 1, "which are in files then")
    send(s, here[0], "after")
    is_(count(s, here[0]), 1, "and mail is delivered as before")
    # the names of mailboxes, and what accounts there are
    stop(s)
    damage(home + "/mailbox.db", 4096)
    damage(home + "/account.db", 4096)
    r = s.ctl_run("salvage", home)
    s.start()
    is_(login(s, here[0]), None, "without names one can log in") or diag(r.stdout, r.stderr)
    rows = {r["name"]: r["messages"] for r in s.rows("mailbox", "list", here[0])}
    is_((rows.get("INBOX"), sorted(rows.values())[-1], len(rows)), (0, 1, 7), "to an INBOX, and mailboxes with other names") or diag(rows)
    ok(all(n == "INBOX" or n.startswith("Salvaged ") for n in rows), "that say what they are")


def compacted(s, home, here):
    m = imaplib.IMAP4("127.0.0.1", s.imap)
    m.login(here[0] + "@" + DOMAIN, PASSWORD)
    m.create("Big")
    for i in range(60):
        m.append("Big", None, None, b"Subject: x\r\n\r\n" + os.urandom(30000).hex().encode() + b"\r\n")
    m.append("Big", None, None, b"Subject: large\r\n\r\n" + b"0123456789abcde\n" * 10000)
    m.select("Big")
    m.store("1:59", "+FLAGS", "\\Deleted")
    m.expunge()
    want = m.fetch("1:*", "(UID BODY.PEEK[])")
    m.logout()
    stop(s)
    before = os.stat(home + "/body.db").st_size
    r = s.ctl_run("compact", home)
    is_(r.returncode, 0, "compact") or diag(r.stdout, r.stderr)
    ok(os.stat(home + "/body.db").st_size < before / 4, "makes the files smaller")
    s.start()
    m = imaplib.IMAP4("127.0.0.1", s.imap)
    m.login(here[0] + "@" + DOMAIN, PASSWORD)
    m.select("Big")
    is_(m.fetch("1:*", "(UID BODY.PEEK[])"), want, "and nothing is missing")
    m.logout()
    stop(s)
    flip(home + "/index.db", 4096 + 3000)
    r = s.ctl_run("compact", home)
    ok(r.returncode == 1 and "damaged" in r.stderr, "what is damaged is not compacted") or diag(r.stderr)
    is_([d for d in os.listdir(os.path.dirname(home)) if d.endswith((".new", ".work"))], [], "nothing is left behind")
    for what in "queue", "auth":
        r = s.ctl_run("compact", s.dir + "/state/" + what)
        is_(r.returncode, 0, "compact of " + what) or diag(r.stderr)
    s.start()
    is_(login(s, USERS[-1]), None, "and all works as before")


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
    wait_for(lambda: count(s, here[0]) == 2)
    is_(count(s, here[0]), 2, "restored: all of its mail is there")
    # a page that is read when the partition is opened
    stop(s)
    shutil.rmtree(s.dir + "/whole")
    shutil.copytree(home, s.dir + "/whole", copy_function=shutil.copy2)
    size = os.stat(home + "/bodyref.db").st_size
    for at in range(4096 + 3000, size, 4096):
        flip(home + "/bodyref.db", at)
    s.start()
    is_(count(s, there[0]), 2, "a page that panics at the start keeps nobody else from the mail either")
    ok("UNAVAILABLE" in str(login(s, here[0])), "its accounts have to wait")
    stop(s)
    st = os.stat(home)
    shutil.rmtree(home)
    shutil.copytree(s.dir + "/whole", home, copy_function=shutil.copy2)
    for top, dirs, files in os.walk(home):
        for name in [top] + [top + "/" + f for f in files]:
            os.chown(name, st.st_uid, st.st_gid)
    s.start()
    is_(count(s, here[0]), 2, "restored, all is there again")
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
    wait_for(lambda: "UNAVAILABLE" in str(selected(s, here[0])), step=0.5)
    with open(home + "/panic") as f:
        lines = f.read().splitlines()
    ok(len(lines) == 2 and "index: read" in lines[1] and "page 1" in lines[1],
       "it panicked twice of that page") or diag(*lines)
    wait_for(lambda: login(s, there[0]) is None)
    is_(count(s, there[0]), 2, "and then the others are served")
    salvaged(s, home, here, bad)
    compacted(s, home, here)
done()
