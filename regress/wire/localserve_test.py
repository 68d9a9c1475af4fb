#!/usr/bin/env python3
"""make localserve, as a newcomer uses it: the lines that it prints work, mail
for elsewhere stays here, the second start finds all again, and an interrupt
leaves no process behind.  As root, and as an ordinary user."""
import imaplib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile

from suite import BUILD, PASSWORD, TOP, diag, done, is_, ok, wait_for

ALICE, BOB = "alice@letterlock.test", "bob@letterlock.test"


def base_port():
    """N so that N+25, N+143, N+465, N+587 and N+993 are free."""
    for n in range(21000, 60000, 1100):
        try:
            for p in (25, 143, 465, 587, 993):
                with socket.socket() as s:
                    s.bind(("127.0.0.1", n + p))
            return n
        except OSError:
            continue
    raise SystemExit("no free ports")


class Serve:
    def __init__(self, directory, base, user=None):
        cmd = ["make", "-s", "localserve", "BUILD=" + os.path.relpath(BUILD, TOP), "DIR=" + directory,
               "PORTBASE=%d" % base]
        if user:        # the makefile would build, which is not theirs
            cmd = ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", "sh", "etc/localserve.sh",
                   "-b", BUILD, "-p", str(base), "-d", directory]
        self.out = open(directory + ".out", "w+")
        env = dict(os.environ, HOME=directory)
        env.pop("MAKEFLAGS", None)
        env.pop("MAKELEVEL", None)
        self.p = subprocess.Popen(cmd, cwd=TOP, stdout=self.out, stderr=subprocess.STDOUT, start_new_session=True,
                                  stdin=subprocess.DEVNULL, env=env)
        self.up = wait_for(lambda: "\nready\n" in self.said() or self.p.poll() is not None) and \
            self.p.poll() is None

    def said(self):
        with open(self.out.name) as f:
            return f.read()

    def processes(self):
        """Of its session, whatever became of their parents."""
        out = []
        for p in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/stat" % p) as f:
                    fields = f.read().rsplit(")", 1)[1].split()
                if int(fields[3]) == self.p.pid and fields[0] != "Z":
                    out.append(int(p))
            except OSError:
                pass
        return out

    def interrupt(self, sig):
        os.killpg(self.p.pid, sig)
        try:
            self.p.wait(60)
        except subprocess.TimeoutExpired:
            pass
        return wait_for(lambda: not self.processes())


def subjects(base, user):
    m = imaplib.IMAP4("127.0.0.1", base + 143)
    m.login(user, PASSWORD)
    m.select("INBOX", readonly=True)
    d = m.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
    m.logout()
    return [x[1].decode().strip() for x in d if isinstance(x, tuple)]


def first(directory, base, who):
    s = Serve(directory, base)
    if not ok(s.up, who + ": it serves"):
        diag(s.said())
        s.interrupt(signal.SIGKILL)
        return
    text = s.said()
    is_(text.rstrip().splitlines()[-1], "ready", who + ": the last line is ready")
    for name in ("swaks", "curl"):
        line = re.search(r"(?m)^%s .*" % name, text)
        r = subprocess.run(["sh", "-c", line.group(0)], capture_output=True, text=True, timeout=180, cwd=directory,
                           stdin=subprocess.DEVNULL) if line else None
        if not ok(r is not None and r.returncode == 0, who + ": the line for %s works" % name):
            diag(r and r.stdout + r.stderr)
    ok(wait_for(lambda: len(subjects(base, BOB)) == 1), who + ": swaks's message is there")
    for to, where in (("x@elsewhere.example", "outbox@letterlock.test"), ("nobody@letterlock.test", ALICE)):
        subprocess.run(["swaks", "--server", "localhost", "--port", str(base + 587), "--auth-user", BOB,
                        "--auth-password", PASSWORD, "--from", BOB, "--to", to, "--header", "Subject: for " + to],
                       capture_output=True, stdin=subprocess.DEVNULL)
        ok(wait_for(lambda: "Subject: for " + to in subjects(base, where)), "%s: mail for %s is %s's" % (who, to, where))
    r = subprocess.run([BUILD + "/letterctl", "-s", directory + "/control.sock", "status"], capture_output=True, text=True)
    ok(r.returncode == 0 and "ready" in r.stdout, who + ": letterctl")
    ok(s.interrupt(signal.SIGINT), who + ": Ctrl-C leaves no process")


def refused(directory, base, why, what):
    s = Serve(directory, base)
    said = [x for x in s.said().splitlines() if not x.startswith("make:")]
    if not ok(not s.up and len(said) <= 2 and why in said[0], what):
        diag(s.said())
    ok(wait_for(lambda: not s.processes()), what + ", and leaves no process")


def beside(directory, base):
    """A second one while the first serves; and the first is killed."""
    s = Serve(directory, base)
    ok(s.up, "served") or diag(s.said())
    with open(directory + "/letterlock.conf") as f:
        before = f.read()
    refused(directory, base + 1100, "is being served already", "a directory in use is refused")
    with open(directory + "/letterlock.conf") as f:
        is_(f.read(), before, "its configuration is as it was")
    refused(directory + "2", base, "port %d: Address already in use" % (base + 25), "a port in use is said")
    script = [p for p in s.processes() if b"localserve.sh" in open("/proc/%d/cmdline" % p, "rb").read()]
    for p in script:
        os.kill(p, signal.SIGKILL)
    ok(script and wait_for(lambda: not s.processes()), "SIGKILL of the script leaves no process")


def again(directory, base, who, user=None):
    s = Serve(directory, base, user)
    if ok(s.up, who + ": it serves"):
        ok(wait_for(lambda: subjects(base, BOB) is not None), who + ": mail can be read")
    else:
        diag(s.said())
    os.kill(s.p.pid, signal.SIGTERM)
    ok(wait_for(lambda: not s.processes()), who + ": SIGTERM leaves no process")


with tempfile.TemporaryDirectory() as d:
    os.chmod(d, 0o755)
    os.mkdir(d + "/a")
    base = base_port()
    me = "root" if os.geteuid() == 0 else "an ordinary user"
    first(d + "/a", base, me)
    again(d + "/a", base, me + ", again")
    beside(d + "/a", base)
    open(d + "/file", "w").close()
    refused(d + "/file", base, "cannot be made a directory", "a file is no directory")
    refused(d + "/c", 65000, "is no number up to 64542", "ports end at 65535")
    if os.geteuid() == 0 and shutil.which("setpriv"):
        os.mkdir(d + "/b")
        os.chown(d + "/b", 65534, 65534)
        again(d + "/b", base, "nobody", "65534")
done()
