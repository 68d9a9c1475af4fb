#!/usr/bin/env python3
"""letterctl account move: nothing of an account changes but its place; whatever
is killed meanwhile, it is whole in one place."""
import imaplib
import os
import re
import signal
import smtplib
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from suite import BUILD, DOMAIN, PASSWORD, Suite, diag, done, is_, ok, wait_for  # noqa: E402

imaplib._MAXLINE = 1 << 26
for word in "SETACL", "DELETEACL", "SETMETADATA", "GETMETADATA", "ENABLE":
    imaplib.Commands[word] = ("AUTH", "SELECTED")
WANT = "(UID FLAGS MODSEQ INTERNALDATE EMAILID SAVEDATE RFC822.SIZE BODY.PEEK[])"


def login(s):
    m = imaplib.IMAP4("127.0.0.1", s.imap)
    m.login("alice@" + DOMAIN, PASSWORD)
    return m


def state(s):
    """All that a client can see."""
    m = login(s)
    names = sorted(x.decode() for x in m.list()[1])
    got = [names, sorted(m.lsub()[1])]
    got.append(m._simple_command("GETMETADATA", '""', "/private/comment") and m.untagged_responses.pop("METADATA", None))
    for name in names:
        box = name.split(' "/" ')[1]
        if "\\Noselect" in name:
            continue
        status = m.status(box, "(MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ MAILBOXID SIZE)")
        n = int(m.select(box, readonly=True)[1][0])
        got.append((box, status[1], m.fetch("1:*", WANT)[1] if n else []))
    m._simple_command("ENABLE", "QRESYNC")
    m._simple_command("EXAMINE", "INBOX", "(QRESYNC (%s 1))" % re.search(rb"UIDVALIDITY (\d+)", [x for x in got[3:] if x[0] == "INBOX"][0][1][0]).group(1).decode())
    got.append(m.untagged_responses.get("VANISHED"))
    m.logout()
    return got


def fill(s, n):
    m = login(s)
    for i in range(n):
        body = b"Subject: %d\r\n\r\n" % i + b"a line of text\r\n" * (15000 if i % 20 == 0 else i)
        m.append("INBOX", "(\\Seen kw%d)" % (i % 3) if i % 2 else "(\\Flagged)", None, body)
    m.create("Work/Deep")
    m.subscribe("Work/Deep")
    m.create("\"empty one\"")
    m._simple_command("SETMETADATA", '""', '(/private/comment "mine")')
    m.select("INBOX")
    m.copy("1:%d" % (n // 2), "Work/Deep")
    m.copy("1:5", "Archive")
    m.store("3:8", "+FLAGS", "(\\Deleted)")
    m.expunge()
    m.store("10:12", "+FLAGS", "(late)")
    m.logout()


def place(s):
    return [r["partition"] for r in s.rows("account", "list") if r["name"] == "alice"][0]


def move(s, part):
    """Until what an earlier try left behind is gone."""
    tries = []

    def tried():
        tries.append(s.ctl_run("account", "move", "alice", str(part)))
        return "try again later" not in tries[-1].stderr
    wait_for(tried)
    return tries[-1]


def send(s, subject):
    c = smtplib.SMTP("127.0.0.1", s.smtp)
    c.sendmail("x@remote.example", ["alice@" + DOMAIN], "Subject: %s\r\n\r\nhello\r\n" % subject)
    c.quit()


def arrived(s, subject, timeout=180, box="INBOX"):
    """How often; what waits in the queue is tried now."""
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        m = login(s)
        m.select(box, readonly=True)
        n = len(m.search(None, "SUBJECT", subject)[1][0].split())
        m.logout()
        if n:
            return n
        s.ctl_run("queue", "kick", "--account", "alice")
        s.ctl_run("queue", "kick", "--to", "alice@" + DOMAIN)
        time.sleep(0.2)
    return 0


def whole(s):
    m = login(s)
    m.logout()
    fill(s, 60)
    before = state(s)
    here = place(s)
    there = (here + 1) % 4
    idle = login(s)
    r = move(s, there)
    is_(r.returncode, 0, "moved") or diag(r.stderr)
    is_(place(s), there, "it is there")
    bye = idle.readline()
    ok(b"* BYE" in bye, "its sessions end") or diag(bye)
    after = state(s)
    for x, y in zip(before, after):
        is_(y, x, "as before: %s" % (x[0] if x else ""))
    send(s, "onward")
    is_(arrived(s, "onward"), 1, "mail arrives there, once")
    r = move(s, here)
    is_((r.returncode, place(s)), (0, here), "and back") or diag(r.stderr)
    is_(arrived(s, "onward"), 1, "with what arrived")
    for bad, part in (("the same", here), ("none", 99), ("no number", "x")):
        ok(s.ctl_run("account", "move", "alice", str(part)).returncode != 0, "to %s: refused" % bad)
    is_(place(s), here, "and it stays")
    return here


def deliveries(s, here):
    """Mail that comes meanwhile is not lost, and there once."""
    stop = []

    def flow():
        n = 0
        while not stop:
            send(s, "flow%d." % n)
            n += 1
        stop.append(n)
    t = threading.Thread(target=flow)
    t.start()
    r = move(s, (here + 1) % 4)
    stop.append(0)
    t.join()
    is_(r.returncode, 0, "moved while mail comes in") or diag(r.stderr)
    ok(wait_for(lambda: not s.rows("queue", "list")), "what waited for that is tried at once")
    lost = [n for n in range(stop[1]) if arrived(s, "flow%d." % n) != 1]
    is_(lost, [], "all of %d messages are there once" % stop[1])
    return (here + 1) % 4


def busy(s, here):
    """Who uses it is waited for; nobody new is let in, and mail waits."""
    there = (here + 1) % 4
    held = subprocess.Popen([BUILD + "/letterctl", "-s", s.dir + "/control.sock", "import", "mbox", "alice", "Held"],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    held.stdin.write(b"From x Thu Jan  1 00:00:00 1970\nSubject: held\n\nhello\n\n" * 3000)
    held.stdin.flush()
    ok(wait_for(lambda: "Held" in s.ctl("mailbox", "list", "alice")), "an import is at work")
    got = []
    t = threading.Thread(target=lambda: got.append(s.ctl_run("account", "move", "alice", str(there))))
    t.start()

    def refused():
        try:
            login(s).logout()
        except imaplib.IMAP4.error as e:
            return "[UNAVAILABLE]" in str(e)
    ok(wait_for(refused), "nobody logs in to an account that is about to move")
    c = smtplib.SMTP("127.0.0.1", s.submission)
    try:
        c.login("alice@" + DOMAIN, PASSWORD)
        is_("in", 454, "nor to submit mail")
    except smtplib.SMTPException as e:
        is_(getattr(e, "smtp_code", None), 454, "nor to submit mail")
    c.close()
    send(s, "waiting")
    ok(wait_for(lambda: "4.2.1" in str(s.rows("queue", "list"))), "mail for it waits") or diag(s.rows("queue", "list"))
    ok(not got, "while it is in use it does not move")
    held.stdin.close()
    out = held.stdout.read()
    is_(held.wait(), 0, "what was begun is done") or diag(out)
    t.join()
    is_((got[0].returncode, place(s)), (0, there), "then it moves") or diag(got[0].stderr)
    ok(wait_for(lambda: not s.rows("queue", "list")), "and its mail is delivered")
    is_((arrived(s, "waiting"), arrived(s, "held", box="Held")), (1, 3000), "with all that came")
    return there


def shares(s):
    a = login(s)
    a._simple_command("SETACL", "Work/Deep", "bob", "lr")
    near = s.ctl_run("account", "add", "--near", "alice", "carol", "carol@" + DOMAIN, input=PASSWORD + "\n")
    is_(near.returncode, 0, "an account beside it") or diag(near.stderr)
    a._simple_command("SETACL", "Work/Deep", "carol", "lr")
    a._simple_command("SETACL", "Archive", "anyone", "lr")
    where = place(s)
    r = move(s, (where + 1) % 4)
    ok(r.returncode != 0 and "\"Work/Deep\" with carol" in r.stderr and "\"Archive\" with anyone" in r.stderr,
       "what it shares keeps it, and is named") or diag(r.stderr)
    r = s.ctl_run("account", "move", "carol", str((where + 1) % 4))
    ok(r.returncode != 0 and "alice with it" in r.stderr, "as does what others share with it") or diag(r.stderr)
    login(s).logout()
    ok(True, "it is served on")
    a = login(s)
    a._simple_command("DELETEACL", "Work/Deep", "carol")
    a._simple_command("DELETEACL", "Archive", "anyone")
    a.logout()
    return where


def kills(s, here):
    before = state(s)
    n = len([r for r in s.rows("status") if r["role"] == "store"])
    for i, (role, instance) in enumerate((("store", here % n), ("store", (here + 1) % n), ("auth", 0)) * 2):
        there = (here + 1) % 4
        pid = wait_for(lambda: s.pid(role, instance))
        t = threading.Thread(target=lambda: s.ctl_run("account", "move", "alice", str(there)))
        t.start()
        time.sleep(0.004 * (i + 1))
        os.kill(pid, signal.SIGKILL)
        t.join()
        wait_for(lambda: s.pid(role, instance) not in (None, 0, pid) and s.ctl_run("account", "list").returncode == 0)
        now = retry(lambda: state(s))
        for x, y in zip(before, now):
            if x != y:
                diag(str(x)[:400], str(y)[:400])
        ok(now == before, "%s killed after %d ms: all is there, in partition %s" % (role, 4 * (i + 1), place(s)))
        r = move(s, here)
        if place(s) != here:
            diag(r.stderr)
    wait_for(lambda: place(s) == there or move(s, there).returncode == 0)
    is_(place(s), there, "it moves in the end")
    ok(state(s) == before, "and all is there")


def retry(fn):
    until = time.monotonic() + 120
    while True:
        try:
            return fn()
        except (imaplib.IMAP4.error, OSError, LookupError, TypeError):
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


with Suite("partitions 4\n") as suite:
    was = whole(suite)
    was = deliveries(suite, was)
    was = busy(suite, was)
    was = shares(suite)
    kills(suite, was)
    rows = suite.rows("verify")
    is_(rows, [], "verify finds nothing")
done()
