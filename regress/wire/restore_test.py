#!/usr/bin/env python3
"""A backup made while mail comes in, put in place of the state directory."""
import imaplib
import os
import re
import shutil
import smtplib
import subprocess
import threading

from suite import BUILD, DOMAIN, PASSWORD, Suite, diag, done, is_, ok


def subjects(s, user):
    m = imaplib.IMAP4("127.0.0.1", s.imap)
    m.login(user + "@" + DOMAIN, PASSWORD)
    m.select(readonly=True)
    data = m.search(None, "ALL")[1][0].split()
    got = [m.fetch(n, "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1][0][1].decode().strip()
           for n in data]
    m.logout()
    return got


def send(s, first, n):
    c = smtplib.SMTP("127.0.0.1", s.smtp)
    for i in range(first, first + n):
        # every tenth is large: a file of its own
        c.sendmail("x@remote.example", ["alice@" + DOMAIN],
                   "Subject: %d\r\n\r\n%s" % (i, "a line\r\n" * (20000 if i % 10 == 0 else 1)))
    c.quit()


def damaged(s, part, name, find):
    """One bit of a database is another; what verify says of it."""
    s.proc.terminate()
    s.proc.wait()
    with open("%s/state/mail/%s/%s.db" % (s.dir, part, name), "r+b") as f:
        data = f.read()
        places = find(data)
        for at in places:
            f.seek(at)
            f.write(bytes([data[at] ^ 1]))
    s.start()
    pid = s.pid("store", int(part) % len([r for r in s.rows("status") if r["role"] == "store"]))
    r = s.ctl_run("verify")
    is_(r.returncode, 1, "damage in %s: verify exits 1" % name)
    rows = [(x["environment"], x["database"], x.get("page"), x["problem"]) for x in s.rows("verify")]
    ok(pid in [x["pid"] for x in s.rows("status")], "and ends no process")
    return rows, places[0] // 4096


with Suite() as s:
    send(s, 0, 50)
    during = threading.Thread(target=send, args=(s, 100, 200))
    during.start()
    r = s.ctl_run("backup", s.dir + "/copy")
    is_(r.returncode, 0, "a backup while mail comes in") or diag(r.stderr)
    during.join()
    s.ctl("account", "add", "late", "late@" + DOMAIN, input=PASSWORD + "\n")
    s.proc.terminate()
    s.proc.wait()
    state, copy = s.dir + "/state", s.dir + "/copy"
    os.rename(state, state + ".old")
    shutil.copytree(copy, state)        # as letterlock(7) says
    for env in ["auth", "queue"] + ["mail/" + d for d in os.listdir(state + "/mail")]:
        st = os.stat(state + ".old/" + env)
        for top, dirs, files in os.walk(state + "/" + env):
            for name in [top] + [top + "/" + f for f in files]:
                os.chown(name, st.st_uid, st.st_gid)
    s.start()
    got = subjects(s, "alice")
    ok(all("Subject: %d" % i in got for i in range(50)), "all that was there before is back")
    is_(len(got), len(set(got)), "once")
    is_(sorted(r["name"] for r in s.rows("account", "list")), ["alice", "bob"],
        "accounts are those of then")
    r = s.ctl_run("verify")
    is_(r.returncode, 0, "nothing is damaged") or diag(r.stdout + r.stderr)
    ok(" 0 bad" in r.stdout and "checksum" not in r.stdout, "verify says so")
    ok(not os.path.exists(state + "/auth/restored"), "it is no copy any more")
    send(s, 1000, 5)
    is_(len(subjects(s, "alice")), len(got) + 5, "mail comes in again")

    part = "%02d" % s.rows("account", "show", "alice")[0]["partition"]
    rows, page = damaged(s, part, "body", lambda d: [m.start() for m in re.finditer(b"Subject: 7\r\n", d)])
    ok(("mail/" + part, "body", None, "body checksum") in rows, "and names the body") or diag(rows)
    whose = [x["message"] for x in s.rows("verify") if x["problem"] == "body checksum"]
    ok(len(whose) == 1 and re.fullmatch(r"alice INBOX UID \d+", whose[0]), "and the message") or diag(whose)
    m = imaplib.IMAP4("127.0.0.1", s.imap)
    m.login("alice@" + DOMAIN, PASSWORD)
    m.select(readonly=True)
    is_(m.uid("SEARCH", None, "SUBJECT", '"7"')[1][0].split()[0].decode(), whose[0].split()[-1], "which it is")
    m.logout()
    rows, page = damaged(s, part, "ready", lambda d: [len(d) // 8192 * 4096 + 4000])
    is_(rows, [("mail/" + part, "ready", page, "page checksum")], "and names the page")

    s.proc.terminate()
    s.proc.wait()
    os.chmod(state + "/auth/account.db", 0)
    r = subprocess.run([BUILD + "/authd", "-d", "-f", s.conf], capture_output=True, text=True, timeout=180)
    ok(r.returncode == 1 and re.search(r"auth 0 cannot come up: .*(recovery|denied)", r.stderr),
       "auth cannot come up: everything ends with its reason") or diag(r.stderr)
done()
