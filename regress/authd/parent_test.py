#!/usr/bin/env python3
"""The parent with roles that do no work: birth, links, death, reload, stop."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../wire"))
from suite import BUILD, USERS, certificate, diag, done, free_ports, is_, ok, wait_for  # noqa: E402

CONF = """
hostname "mail.letterlock.test"
state "{dir}/state"
control "{dir}/control.sock"
log "{dir}/letterlock.log"
processes smtpd 2 front 1 store 2
partitions 4
certificate "mail" cert "{dir}/mail.crt" key "{dir}/mail.key"
listen on 127.0.0.1 port {p[0]} smtp tls optional
listen on 127.0.0.1 port {p[1]} imap tls implicit
listen on socket "{dir}/submit" submission
transport "t1" direct
transport "stage" deliver account "outbox"
domain "letterlock.test"
"""

# who is linked with whom, for these processes
LINKS = {
    "control": "auth lookup smtpd front store queued", "auth":
    "control keys smtpd front store queued relay", "keys": "auth smtpd front relay",
    "lookup": "control smtpd queued relay", "smtpd": "control auth lookup store queued",
    "front": "control auth", "store": "control auth smtpd queued",
    "queued": "control auth lookup smtpd store relay", "relay": "auth lookup queued"}
COUNT = {"smtpd": 2, "store": 2}


class Parent:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="letterlock-")
        os.chmod(self.dir, 0o755)
        self.bin = self.dir + "/bin"
        os.mkdir(self.bin)
        shutil.copy(BUILD + "/regress/authd/authd", self.bin)
        for p in "smtpd", "imapd", "queued":
            shutil.copy(BUILD + "/regress/authd/role", self.bin + "/" + p)
        certificate(self.dir)
        self.ports = free_ports(3)
        self.text = CONF.format(dir=self.dir, p=self.ports)
        if os.geteuid() == 0:
            self.text += USERS
        self.write(self.text)

    def write(self, text):
        with open(self.dir + "/letterlock.conf", "w") as f:
            f.write(text)

    def authd(self, *args):
        return [self.bin + "/authd", "-f", self.dir + "/letterlock.conf", *args]

    def ctl(self, *args):
        return subprocess.run([BUILD + "/letterctl", "-s", self.dir + "/control.sock", *args],
                              capture_output=True, text=True)

    def rows(self):
        return [json.loads(x) for x in self.ctl("status", "--json").stdout.splitlines()
                if x.startswith("{")]

    def row(self, role, inst=0):
        for r in self.rows():
            if r["role"] == role and r["instance"] == inst:
                return r
        return None

    def ready(self):
        rows = self.rows()
        return rows and all(r["state"] == "ready" for r in rows)

    def up(self):
        return self.ready() and self.row("relay")

    def log(self):
        try:
            with open(self.dir + "/letterlock.log") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def linked(self, of, since=0):
        """The peers whose link the process names in the log, as "role inst"."""
        have = set()
        for m in re.finditer(r"^\S+ %s[^\n]*: info: (no )?link to (\S+ \d+)$" % re.escape(of),
                             self.log()[since:], re.M):
            (have.discard if m.group(1) else have.add)(m.group(2))
        return have


def expected(role):
    want = set()
    for peer in LINKS[role].split():
        # the link to keys of these is no peer of theirs
        for i in range(COUNT.get(peer, 1)):
            want.add("%s %d" % (peer, i))
    return want


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


p = Parent()
r = subprocess.run(p.authd("-n"), capture_output=True, text=True)
is_((r.returncode, r.stderr), (0, "configuration OK\n"), "the configuration is right")

r = subprocess.run(p.authd(), capture_output=True, text=True, timeout=180)
is_(r.returncode, 0, "authd comes up in the background")
said = r.stderr
ok(wait_for(p.up), "every process is ready")
rows = p.rows()
is_(sorted(x["role"] for x in rows if x["role"] != "parent"),
    sorted("control keys auth lookup store store queued smtpd smtpd front relay".split()),
    "all roles are there, and the worker that queued asked for")
is_(p.row("relay")["name"], "t1", "it is the worker of that transport")
ok("asks for a worker of no transport: stage" in said + p.log(), "there is none for deliver")

for role in "auth", "keys", "lookup", "smtpd", "front", "store", "queued", "relay":
    name = "relay t1" if role == "relay" else role
    row = p.row(role)
    ok(wait_for(lambda: expected(role) <= p.linked("%s[%d]" % (name, row["pid"]))),
       "%s has its links" % role)

for role in "control", "keys", "auth", "lookup", "store", "queued", "smtpd", "front", "relay":
    before = p.row(role)["pid"]
    at = len(p.log())
    os.kill(before, signal.SIGKILL)
    ok(wait_for(lambda: (p.row(role) or {"pid": 0})["pid"] not in (0, before) and p.up()),
       "%s is killed and there again" % role)
    if role == "control":
        continue
    name = "relay t1" if role == "relay" else role
    pid = p.row(role)["pid"]
    if not ok(wait_for(lambda: expected(role) <= p.linked("%s[%d]" % (name, pid))),
              "... with all its links"):
        diag(expected(role) - p.linked("%s[%d]" % (name, pid)))
    if role != "keys":
        other = "queued" if role != "queued" else "store"
        if role in LINKS[other].split():
            opid = p.row(other)["pid"]
            ok(wait_for(lambda: "%s 0" % role in p.linked("%s[%d]" % (other, opid), at)),
               "... and %s with it" % other)

for n in range(3):
    old = p.row("front")["pid"]
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: p.row("front")["pid"] not in (0, old))
t = time.monotonic()
old = p.row("front")["pid"]
os.kill(old, signal.SIGKILL)
ok(wait_for(lambda: (lambda r: r["state"] == "ready" and r["pid"] != old)(p.row("front")))
   and time.monotonic() - t > 3, "one that dies again and again is started more slowly")

# reload
pids = {(x["role"], x["instance"]): x["pid"] for x in p.rows()}
p.write(p.text.replace("port %d imap" % p.ports[1], "port %d imap" % p.ports[2]))
r = p.ctl("reload")
is_((r.returncode, r.stdout.strip()), (0, "reloaded, generation 2"), "reload")
ok(wait_for(lambda: ":%04X" % p.ports[2] in open("/proc/net/tcp").read()), "listens anew")
ok(":%04X 00000000:0000 0A" % p.ports[1] not in open("/proc/net/tcp").read()
   or wait_for(lambda: not any(":%04X 00000000:0000 0A" % p.ports[1] in line
                               for line in open("/proc/net/tcp"))), "and not where it did")
is_({(x["role"], x["instance"]): x["pid"] for x in p.rows()}, pids, "nobody was started again")
p.write(p.text.replace("mail.letterlock", "refuse.letterlock"))
r = p.ctl("reload")
ok(r.returncode != 0 and "queued 0: this name is refused" in r.stderr, "one no: all is as before")
p.write(p.text + "bogus\n")
r = p.ctl("reload")
ok(r.returncode != 0 and 'unknown "bogus"' in r.stderr, "an error in the file: so too")
p.write(p.text.replace("smtpd 2", "smtpd 3"))
r = p.ctl("reload")
ok(r.returncode != 0 and "needs a restart" in r.stderr, "what needs a restart is said")
p.write(p.text + "disk-reserve 65m\n")
r = p.ctl("reload")
ok(r.returncode != 0 and '"disk-reserve" has changed: that needs a restart' in r.stderr, "of what databases are opened with too")
p.write(p.text.replace('transport "t1" direct\n', ""))
r = p.ctl("reload")
is_(r.returncode, 0, "a transport goes")
ok(wait_for(lambda: p.row("relay") is None), "and its worker with it")
p.write(p.text)
os.kill(p.row("parent")["pid"], signal.SIGHUP)
ok(wait_for(lambda: "reloaded, generation 4" in p.log()), "SIGHUP reloads")

# who is believed, what is refused
def misbehave(name, ended=()):
    """
    Who was started again, and what the log says.  Another reload is answered when
    the parent has heard all that was sent before.
    """
    at = len(p.log())
    before = {(x["role"], x["instance"]): x["pid"] for x in p.rows()}

    def others():
        return sorted("%s %d" % (x["role"], x["instance"]) for x in p.rows()
                      if x["pid"] not in (0, before.get((x["role"], x["instance"]))))
    p.write(p.text.replace("mail.letterlock", name + ".letterlock"))
    p.ctl("reload")
    wait_for(lambda: set(ended) <= set(others()))
    p.write(p.text)
    wait_for(lambda: p.ready() and p.ctl("reload").returncode == 0)
    wait_for(p.ready)
    return others(), p.log()[at:]


who, _ = misbehave("blame")
is_(who, [], "the less trusted cannot have the more trusted ended")
who, said = misbehave("end", ["smtpd 1"])
is_(who, ["smtpd 1"], "the more trusted can have the less trusted ended")
ok("smtpd 1 is ended at the word of store 0" in said, "and the log says so")
who, _ = misbehave("slander")
is_(who, [], "but not one that it has no link with, nor for a link of before")
who, said = misbehave("forbidden", ["smtpd 0"])
is_(who, ["smtpd 0"], "who sends what it may not is ended, nobody else")
ok("link to smtpd 0 closed: may not send WORKER_START" in said, "and the log says why")
who, said = misbehave("malformed", ["smtpd 0"])
is_(who, ["smtpd 0"], "who sends what is malformed is ended, nobody else")
ok("link to smtpd 0 closed: malformed LINK_LOST" in said, "and the log says why")
who, said = misbehave("drop")
is_(who, [], "links are lost: nobody is ended for it")
ok("link to queued 0 closed: for the test" in said, "they were lost")
for role in "store", "lookup", "auth":
    pid = p.row(role)["pid"]
    ok(wait_for(lambda: "queued 0" in p.linked("%s[%d]" % (role, pid))), "%s has a new one" % role)
is_(p.ctl("reload").returncode, 0, "all is well again")

# a program that was replaced while authd runs
with open(BUILD + "/stamp.h") as f:
    stamp = re.search(r'STAMP\s+"([^"]+)"', f.read()).group(1).encode()
with open(p.bin + "/imapd", "rb") as f:
    program = f.read()
os.unlink(p.bin + "/imapd")
with open(p.bin + "/imapd", "wb") as f:
    f.write(program.replace(b"-" + stamp, b"-" + b"x" * len(stamp)))
os.chmod(p.bin + "/imapd", 0o755)
os.kill(p.row("front")["pid"], signal.SIGKILL)
ok(wait_for(lambda: "front 0 cannot come up: its program is of another build" in p.log()),
   "a program of another build is named")
os.unlink(p.bin + "/imapd")
with open(p.bin + "/imapd", "wb") as f:
    f.write(program)
os.chmod(p.bin + "/imapd", 0o755)
ok(wait_for(p.ready), "and its own comes up again")

# a second instance, the log, the end
r = subprocess.run(p.authd("-d"), capture_output=True, text=True)
ok(r.returncode == 1 and "is in use by another authd, process %d" % p.row("parent")["pid"]
   in r.stderr, "a second instance is refused")
os.rename(p.dir + "/letterlock.log", p.dir + "/old.log")
p.ctl("log", "reopen")
p.ctl("log", "level", "debug")
os.kill(p.row("store")["pid"], signal.SIGKILL)
ok(wait_for(lambda: ": debug: store 0 started" in p.log()), "a new log file, and its level")
wait_for(p.ready)
pids = [x["pid"] for x in p.rows()]
r = p.ctl("stop")
is_(r.returncode, 0, "stop")
ok(wait_for(lambda: not any(alive(x) for x in pids)), "all processes end")
ok(not os.path.exists(p.dir + "/control.sock") and not os.path.exists(p.dir + "/submit"),
   "its sockets are gone")

# death of the parent
proc = subprocess.Popen(p.authd("-d"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
is_(proc.stdout.readline(), b"ready\n", "in the foreground it says ready")
wait_for(p.ready)
pids = [x["pid"] for x in p.rows()]
proc.kill()
proc.wait()
ok(wait_for(lambda: not any(alive(x) for x in pids)), "the parent is killed: nobody outlives it")
theirs = os.open(p.dir + "/letterlock.conf", os.O_RDONLY)
proc = subprocess.Popen(p.authd("-d"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, pass_fds=[theirs])
is_(proc.stdout.readline(), b"ready\n", "and it comes up again at once")
fds = "/proc/%d/fd/" % proc.pid


def leads_to(path):
    try:
        return os.readlink(path)
    except FileNotFoundError:       # closed meanwhile
        return ""


ok(not any(leads_to(fds + f).endswith("/letterlock.conf") for f in os.listdir(fds)), "it keeps no descriptor of who started it")
os.close(theirs)
proc.terminate()
is_(proc.wait(60), 0, "SIGTERM ends it orderly")

# a role that cannot come up
with open(p.bin + "/queued", "w") as f:
    f.write("#!/bin/sh\nexit 3\n")
r = subprocess.run(p.authd("-d"), capture_output=True, text=True, timeout=180)
ok(r.returncode == 1 and "queued 0 cannot come up" in r.stderr,
   "a role that does not come up ends everything")
r = subprocess.run(p.authd(), capture_output=True, text=True, timeout=180)
ok(r.returncode == 1 and "queued 0 cannot come up" in r.stderr, "in the background too")
os.chmod(p.dir + "/state/queue", 0o755)
r = subprocess.run(p.authd("-d"), capture_output=True, text=True, timeout=180)
ok(r.returncode == 1 and "queue: mode 0755 gives others more than 0700" in r.stderr,
   "a directory that others may read is refused")
shutil.rmtree(p.dir, ignore_errors=True)
done()
