#!/usr/bin/env python3
"""What letterctl asks of the stores: mailboxes, sessions, export, import, backup, verify."""
import imaplib
import os
import re
import subprocess
import tempfile

from imapbox import everything, login, stream
from suite import BUILD, DOMAIN, PASSWORD, Suite, done, is_, ok, wait_for

PLAIN = b"From: a@remote.example\r\nSubject: one\r\n\r\nFrom here\r\n>From there\r\n.\r\nno end"
LARGE = b"From: a@remote.example\r\nSubject: large\r\n\r\n" + b"0123456789abcdef" * 5 * 4096 + b"\r\n"


def logged_in(s):
    try:
        login(s, "alice").logout()
        return True
    except (imaplib.IMAP4.error, OSError):
        return False


with Suite() as s:
    m = login(s, "alice")
    m.create("Lists/caf&AOk-")
    for i in range(3):
        m.append("INBOX", r"(\Seen $Label)" if i else None, '"01-Jan-2020 10:00:0%d +0100"' % i, PLAIN)
    m.append("Lists/caf&AOk-", r"(\Flagged)", None, LARGE)
    rows = {r["name"]: r for r in s.rows("mailbox", "list", "alice")}
    is_((rows["INBOX"]["messages"], rows["INBOX"]["unseen"], rows["INBOX"]["octets"]),
        (3, 1, 3 * len(PLAIN)), "mailbox list counts")
    is_(rows["Sent"]["special"], r"\Sent", "and says what is special")
    ok("Lists/café" in rows, "names are UTF-8")

    r = stream(s, "export", "mbox", "alice")
    is_(r.returncode, 0, "export")
    ok(r.stdout.startswith(b"From MAILER-DAEMON Wed Jan  1 09:00:00 2020\nX-Letterlock: "),
       "an mbox")
    ok(b"\n>From here\n>>From there\n" in r.stdout, "From_ lines are quoted")
    is_(r.stdout.count(b"\nX-Letterlock: "), 4, "all of the account")
    one = stream(s, "export", "mbox", "alice", "Lists/café")
    is_(one.stdout.count(b"\nX-Letterlock: "), 1, "one mailbox alone")
    ok(stream(s, "export", "mbox", "alice", "Nowhere").returncode != 0, "no such mailbox")
    ok(stream(s, "export", "mbox", "nobody").returncode != 0, "no such account")

    i = stream(s, "import", "mbox", "bob", data=r.stdout)
    is_((i.returncode, i.stdout.strip()), (0, b"4 messages"), "import into another account")
    a, b = everything(s, "alice"), everything(s, "bob")
    is_({k: v for k, v in b.items() if v}, {k: v for k, v in a.items() if v},
        "it has the same messages with the same flags and dates")
    i = stream(s, "import", "mbox", "bob", "Old", data=b"From x Thu Jan  1 00:00:00 1970\nA: b\n\nx\n\n" * 700)
    is_((i.returncode, i.stdout.strip()), (0, b"700 messages"), "an mbox of others, into one mailbox")
    is_(len(everything(s, "bob")["Old"]), 700, "they are there")
    i = stream(s, "import", "mbox", "bob", data=b"this is no mbox\n")
    ok(i.returncode == 1 and b"no mbox" in i.stderr, "what is no mbox is refused")

    wait_for(lambda: len([r for r in s.rows("sessions", "list") if r["protocol"] == "imap"]) == 1)
    rows = [r for r in s.rows("sessions", "list") if r["protocol"] == "imap"]
    is_([(r["account"], r["remote"], r["tls"]) for r in rows], [("alice", "127.0.0.1", False)],
        "sessions list")
    s.ctl("sessions", "end", rows[0]["id"])
    for gone in rows[0]["id"], "q999", "nobody's":
        r = s.ctl_run("sessions", "end", gone)
        is_((r.returncode, "no such session" in r.stderr), (1, True), "%s: no such session" % gone)
    try:
        m.noop()
        ok(False, "the session is ended")
    except (imaplib.IMAP4.abort, OSError) as e:
        ok("ended by the administrator" in str(e) or isinstance(e, imaplib.IMAP4.abort),
           "the session is ended")

    m = login(s, "alice")
    s.ctl("account", "quota", "--messages", "1K", "alice", "none")
    ok(wait_for(lambda: b"MESSAGE 4 1024" in m.getquota('""')[1][0]), "account quota: a session learns it")
    s.ctl("account", "quota", "--messages", "4", "alice")
    ok(wait_for(lambda: b"MESSAGE 4 4" in m.getquota('""')[1][0]), "and the next")
    is_(m.append("INBOX", None, None, PLAIN)[0], "NO", "account quota: no room")
    is_((s.rows("account", "show", "alice")[0]["quota"], s.rows("account", "show", "alice")[0]["quota_messages"]),
        (0, 4), "account show")
    stores = [r for r in s.rows("status") if r["role"] == "store"]
    s.kill("store", s.rows("account", "show", "alice")[0]["partition"] % len(stores))
    ok(wait_for(lambda: logged_in(s)), "it is back")
    m = login(s, "alice")
    ok(wait_for(lambda: b"MESSAGE 4 4" in m.getquota('""')[1][0]), "a store that was killed learns it")
    s.ctl("account", "quota", "--messages", "default", "alice", "default")
    ok(wait_for(lambda: m.append("INBOX", None, None, PLAIN)[0] == "OK"), "taken back, there is room")
    m.logout()

    bad = [r for r in s.rows("verify") if r["environment"].startswith("mail/")]
    is_(bad, [], "verify finds nothing")
    with tempfile.TemporaryDirectory() as d:
        s.ctl("backup", d + "/b")
        parts = sorted(os.listdir(d + "/b/mail"))
        ok(len(parts) == len(os.listdir(s.dir + "/state/mail")), "each partition is in the backup")
        ok(all("index.db" in os.listdir(d + "/b/mail/" + p) for p in parts), "with its databases")
done()
