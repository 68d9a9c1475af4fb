#!/usr/bin/env python3
"""What letterctl asks of the stores: mailboxes, sessions, export, import, backup, verify."""
import imaplib
import os
import array
import re
import select
import socket
import struct
import subprocess
import tempfile
import threading

from imapbox import everything, login, stream
from suite import BUILD, DOMAIN, PASSWORD, Suite, diag, done, is_, ok, wait_for

PLAIN = b"From: a@remote.example\r\nSubject: one\r\n\r\nFrom here\r\n>From there\r\n.\r\nno end"
LARGE = b"From: a@remote.example\r\nSubject: large\r\n\r\n" + b"0123456789abcdef" * 5 * 4096 + b"\r\n"


def request(verb, *args):
    def text(t):
        return struct.pack(">I", len(t)) + t.encode()
    return struct.pack(">II", 600, 1) + text(verb) + struct.pack(">I", len(args)) + b"".join(map(text, args)) + text("") + \
        struct.pack(">I", 0)


def stalled(s):
    """An export is answered when its reader has it, be that late."""
    c = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    c.connect(s.dir + "/control.sock")
    ours, theirs = socket.socketpair()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    c.sendmsg([request("export mbox", "alice")],
              [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [theirs.fileno()]))])
    theirs.close()
    select.select([ours], [], [])
    for i in range(20):		# meanwhile the store does much else
        s.rows("mailbox", "list", "alice")
    is_(select.select([c], [], [], 0)[0], [], "export: no answer while it is not read")
    got = b""
    while True:
        piece = ours.recv(65536)
        if not piece:
            break
        got += piece
    ours.close()
    answer = c.recv(65536)
    c.close()
    ok(b'"messages":4,"octets":%d,"damaged":0}' % len(got) in answer, "then it says how much there was") or diag(answer)
    is_(got, stream(s, "export", "mbox", "alice").stdout, "and that is all")


def cut(octets, tmp):
    """A service that says that it wrote more than came."""
    for n, row, rc in (0, b'{"messages":4,"octets":%d}' % len(octets), 0), \
            (1000, b'{"messages":4,"octets":%d}' % len(octets), 1), (0, None, 1), \
            (0, b'{"messages":5,"octets":%d}' % len(octets), 1), \
            (0, b'{"messages":4,"octets":%d,"damaged":1}' % len(octets), 1):
        for kind in "mbox", "maildir":
            if kind == "mbox" and row and b":5," in row:
                continue	# which it does not count
            path = tempfile.mkdtemp(dir=tmp)
            l = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            l.bind(path + "/s")
            l.listen(1)

            def serve():
                c, _ = l.accept()
                m, fds, _, _ = socket.recv_fds(c, 65536, 1)
                with socket.socket(fileno=fds[0]) as out:
                    out.sendall(octets[:len(octets) - n])
                rows = struct.pack(">I", 1 if row else 0) + (struct.pack(">I", len(row)) + row if row else b"")
                c.sendall(struct.pack(">I", 600 | 1 << 31) + m[4:8] + b"\0" + struct.pack(">I", 1) + b"x" + b"\0" +
                          struct.pack(">I", 0) + rows)
                c.recv(1)
            t = threading.Thread(target=serve)
            t.start()
            r = subprocess.run([BUILD + "/letterctl", "-s", path + "/s", "export", kind, "alice"] +
                               ([path + "/d", "INBOX"] if kind == "maildir" else []), capture_output=True)
            t.join()
            l.close()
            is_((r.returncode, b"not complete" in r.stderr), (rc, rc != 0), "export %s: %d octets are missing of %r" %
                (kind, n, row)) or diag(r.stderr)


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
    is_(stream(s, "export", "mbox", "alice", "Lists/cafe\u0301").stdout, one.stdout, "by its name in another form")
    ok(stream(s, "export", "mbox", "alice", "Nowhere").returncode != 0, "no such mailbox")
    ok(stream(s, "export", "mbox", "nobody").returncode != 0, "no such account")

    stalled(s)
    with tempfile.TemporaryDirectory() as tmp:
        cut(r.stdout, tmp)

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
