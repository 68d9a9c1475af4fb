#!/usr/bin/env python3
"""
Kill letterctl, or a store, in the middle of what an administrator does: import,
account move, compact, salvage.  Nothing is half done, nothing is there twice, and
the same command works the next time.
	tools_crash_test.py [KILLS of each]
"""
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "wire"))
from imapbox import everything, login, stream  # noqa: E402
from suite import BUILD, DOMAIN, PASSWORD, Suite, diag, done, is_, ok, run, skip, wait_for  # noqa: E402

KILLS = int(sys.argv[1]) if len(sys.argv) > 1 else 1
SEED = os.environ.get("SEED", str(os.getpid()))
TRACED = run("strace") is not None
N = 150                         # messages
CHANGES = "pwrite64,write,fdatasync,link,linkat,unlink,unlinkat,ftruncate"


def text(i):
    return "From: a@remote.example\nSubject: %d\nMessage-ID: <%d@x>\n\n%s" % (i, i, "a line\n" * (12000 if i % 40 == 7 else i))


def traced(pid, calls, n):
    """This process dies at its Nth of these calls."""
    return subprocess.Popen(["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(pid), "-e", "trace=" + calls, "-e",
                             "inject=%s:signal=KILL:when=%d" % (calls, n)], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def command(s, *args, data=None):
    return subprocess.Popen([BUILD + "/letterctl", "-s", s.dir + "/control.sock"] + [str(a) for a in args],
                            stdin=subprocess.PIPE if data is not None else subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)


def instance(s, user):
    stores = [r for r in s.rows("status") if r["role"] == "store"]
    part = [r["partition"] for r in s.rows("account", "list") if r["name"] == user][0]
    return part % len(stores), part


def answers(s):
    def all_in():
        try:
            for user in "alice", "bob":
                login(s, user).logout()
            return all(r.get("state") == "ready" for r in s.rows("status"))
        except Exception:
            return False
    return wait_for(all_in)


def interrupted(s, user, what, *args, data=None):
    """A command, while letterctl or the store dies; did it say that it is done?"""
    p = command(s, *args, data=data)
    st = None
    if what == "letterctl":
        time.sleep(random.uniform(0, 0.15))
        p.kill()
    elif what == "store" or not TRACED or os.geteuid() != 0:
        time.sleep(random.uniform(0, 0.15))
        s.kill("store", instance(s, user)[0])
    else:
        st = traced(s.pid("store", instance(s, user)[0]), CHANGES, random.randint(1, 60))
    try:
        p.communicate(data, timeout=300)
    except BrokenPipeError:
        p.wait()
    if st:
        st.kill()
        st.wait()
    ok(answers(s), "%s: %s killed: all is back" % (" ".join(args[:2]), what))
    return p.returncode == 0


def bodies(s, user):
    return {f: [b for _, _, b in v] for f, v in everything(s, user).items() if v}


def want(folders):
    return {f: [text(i).replace("\n", "\r\n").encode() for i in v] for f, v in folders.items()}


def clean(s, user):
    m = login(s, user)
    for f in [x.decode().split(' "/" ')[1] for x in m.list()[1]]:
        if int((m.select(f)[1] or [b"0"])[0]):
            m.store("1:*", "+FLAGS.SILENT", "(\\Deleted)")
            m.expunge()
    m.logout()


def imports(s, kind, args, folders, data=None):
    """Each mailbox has all of it, or nothing."""
    whole = want(folders)
    for i in range(KILLS * 2):
        what = ("letterctl", "store", "write")[i % 3]
        said = interrupted(s, "alice", what, "import", kind, "alice", *args, data=data)
        got = bodies(s, "alice")
        half = {f: len(v) for f, v in got.items() if v != whole.get(f)}
        ok(half == {} and (not said or got == whole), "import %s: each mailbox is whole or empty" % kind) or diag(said, half)
        clean(s, "alice")
    r = stream(s, "import", kind, "alice", *args, data=(data or "").encode())
    ok(r.returncode == 0 and bodies(s, "alice") == whole, "import %s: all of it the next time" % kind) or diag(r.stderr)


def from_imap(s):
    """Broken off again and again, it goes on where it was: each message once, in order."""
    source = bodies(s, "alice")
    args = ["import", "imap", "--ca", s.ca, "bob", "localhost:%d" % s.imaps, "alice@" + DOMAIN]
    for i in range(KILLS * 3):
        interrupted(s, "bob", ("letterctl", "write", "store")[i % 3], *args, data=PASSWORD + "\n")
        got = bodies(s, "bob")
        ok(all(v == source[f][:len(v)] for f, v in got.items()), "import imap: what is there is the beginning, once") \
            or diag({f: (len(v), len(source.get(f, []))) for f, v in got.items()})
    r = wait_for(lambda: (lambda r: r if r.returncode == 0 else None)(stream(s, *args, data=(PASSWORD + "\n").encode())), step=0.5)
    ok(r is not None and bodies(s, "bob") == source, "import imap: all of it in the end, once")


def moves(s):
    """The account is whole in one place, and moves the next time."""
    before = everything(s, "alice")
    for i in range(KILLS * 2):
        here = instance(s, "alice")[1]
        there = (here + 1) % 4
        interrupted(s, "alice", ("write", "store", "letterctl")[i % 3], "account", "move", "alice", there)
        ok(everything(s, "alice") == before, "account move: all is there, in %s" % instance(s, "alice")[1])
    there = (instance(s, "alice")[1] + 1) % 4
    r = wait_for(lambda: (lambda r: r if r.returncode == 0 else None)(s.ctl_run("account", "move", "alice", there)), step=0.2)
    ok(r is not None and instance(s, "alice")[1] == there, "account move: it moves in the end")
    ok(everything(s, "alice") == before, "account move: with all it has")


def rewritten(s, tool, before):
    """compact or salvage: killed, the directory is as it was or anew."""
    home = "%s/state/mail/%02d" % (s.dir, instance(s, "alice")[1])
    top = os.path.dirname(home)
    kills = [("rename", 1), ("renameat2,rename", 1)]
    if tool == "salvage":
        kills.reverse()
    kills = (kills + [(None, 0)])[:KILLS] + [("pwrite64,write", random.randint(1, 400)) for _ in range(KILLS - 3)]
    for calls, n in kills:
        s.proc.terminate()
        s.proc.wait()
        cmd = [BUILD + "/letterctl", tool, home]
        if calls and TRACED:
            cmd = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + calls, "-e",
                   "inject=%s:signal=KILL:when=%d" % (calls, n)] + cmd
        p = subprocess.Popen(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
        if not (calls and TRACED):
            time.sleep(random.uniform(0, 0.2))
            os.killpg(p.pid, signal.SIGKILL)
        out = p.communicate(timeout=300)[0]
        ok(os.path.isdir(home), "%s, killed at %s: there is such a directory" % (tool, calls)) or diag(out, os.listdir(top))
        for d in os.listdir(top):
            if not re.fullmatch(r"\d\d", d):
                shutil.rmtree(os.path.join(top, d))
        s.start()
        ok(answers(s) and everything(s, "alice") == before, "%s, killed at %s: nothing is missing" % (tool, calls))


def main():
    random.seed(SEED)
    diag("SEED=" + SEED)
    with Suite("partitions 4\n") as s:
        box = "".join("From x Wed Jan  1 00:00:00 2020\nX-Letterlock: date=1577836800 zone=0 flags=(\\Seen) noeol=0 mailbox=%s\n%s\n" % (
            "INBOX" if i < N // 2 else "Work", text(i)) for i in range(N))
        folders = {"INBOX": list(range(N // 2)), "Work": list(range(N // 2, N))}
        root = s.dir + "/md"
        for f in folders:
            for d in "cur", "new", "tmp":
                os.makedirs("%s/%s/%s" % (root, "" if f == "INBOX" else ".Work", d))
            for i in folders[f]:
                with open("%s/%s/cur/%d.x:2,S" % (root, "" if f == "INBOX" else ".Work", 1577836800 + i), "w") as fp:
                    fp.write(text(i))
        imports(s, "maildir", [root], folders)
        clean(s, "alice")
        imports(s, "mbox", [], folders, data=box)
        from_imap(s)
        moves(s)
        if not TRACED:
            skip("there is no strace")
        before = everything(s, "alice")
        for tool in "compact", "salvage":
            rewritten(s, tool, before)
        is_(s.rows("verify"), [], "verify finds nothing wrong")
    done()


main()
