#!/usr/bin/env python3
"""Hostile use of what an administrator has: the control socket, the configuration, key
files, directories, a second start, a reload of what is wrong."""
import array
import os
import random
import re
import signal
import socket
import stat
import subprocess
import tempfile

from suite import BUILD, DOMAIN, PASSWORD, Suite, certificate, diag, done, is_, ok, skip, wait_for

AUTHD = BUILD + "/authd"


def processes(s):
    return {(r["role"], r["instance"]): r["pid"] for r in s.rows("status") if r["role"] != "relay"}


def connect(s):
    c = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    c.settimeout(60)
    c.connect(s.dir + "/control.sock")
    return c


def packets(s):
    """P1, P2, P6, P9: what is no request costs its connection alone."""
    random.seed(5)
    sizes = [0, 1, 3, 4, 7, 8, 11, 12, 15, 16, 17, 100, 4095, 16383, 16384, 16385, 65536, 200000]
    for n in sizes:
        for fill in (b"\0", b"\xff", None):
            c = connect(s)
            data = fill * n if fill else random.randbytes(n)
            try:
                c.send(data)
                c.settimeout(0.05)
                c.recv(70000)
            except OSError:
                pass
            c.close()
        ok(s.ctl_run("status").returncode == 0, "P1 packets of %d octets" % n)
    fds = [os.open(p, os.O_RDONLY) for p in ("/dev/null", "/", "/etc/passwd")] + list(os.pipe())
    for n in (1, 5, 250):
        c = connect(s)
        try:
            c.sendmsg([b"\0" * 32], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", (fds * 50)[:n]))])
        except OSError:
            pass
        c.close()
    for f in fds:
        os.close(f)
    ok(s.ctl_run("status").returncode == 0, "P6 descriptors that nobody asked for")
    held = []
    for i in range(200):
        try:
            held.append(connect(s))
        except OSError:
            break
    for c in held:
        c.close()
    ok(wait_for(lambda: s.ctl_run("status").returncode == 0), "R7 200 connections, then it answers")
    st = os.stat(s.dir + "/control.sock")
    is_(stat.S_IMODE(st.st_mode), 0o660, "R7 the socket is for its owner and group")
    c = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        c.connect(s.dir + "/control.sock")
        ok(False, "R7 no stream to the control socket")
    except OSError:
        ok(True, "R7 no stream to the control socket")
    c.close()


HEAD = 'hostname "mail.x.test"\nstate "/tmp/nothere"\n'
# (name, octets, line of the error or None: any)
CONFIGS = [
    ("an unknown word", HEAD + "frobnicate yes\n", 3), ("a duplicate", HEAD + 'hostname "b"\n', 3), ("a bad type", HEAD + "partitions many\n", 3),
    ("out of range", HEAD + "partitions 1000000\n", 3), ("beyond 64 bits", HEAD + "partitions 99999999999999999999999\n", 3), ("negative", HEAD + "partitions -1\n", 3),
    ("a brace that is missing", HEAD + 'domain "x.test" {\n case-sensitive yes\n', None), ("one too many", HEAD + "}\n", 3),
    ("a string that does not end", HEAD + 'log "abc\n', 3), ("a missing include", HEAD + 'include "/nothere/x"\n', 3), ("NUL", HEAD.encode() + b"lo\0g stderr\n", 3),
    ("CRLF", (HEAD + "log stderr\n").replace("\n", "\r\n"), 1), ("a line of 1 MB", HEAD + "log " + "x" * 1000000 + "\n", None), ("not UTF-8", HEAD.encode() + b'log "\xff"\n', 3),
    ("a control", HEAD.encode() + b"log \x01\n", 3), ("no host name", 'state "/tmp/x"\n', None), ("a macro that is none", HEAD + "log $nothing\n", 3),
    ("an unknown transport", HEAD + 'route transport "none"\n', 3), ("a bad address", HEAD + "listen on 999.1.1.1 port 25 smtp\n", 3),
    ("a bad port", HEAD + "listen on 127.0.0.1 port 99999 smtp\n", 3), ("no certificate", HEAD + "listen on 127.0.0.1 port 2525 smtp tls required\n", 3),
    ("a certificate that is not there", HEAD + 'certificate "a" cert "/nothere" key "/nothere"\n', None), ("a bad domain", HEAD + 'domain "x..y"\n', 3),
    ("a bad limit", HEAD + "limits { junk nothing }\n", 3), ("an unknown limit", HEAD + "limits { frob 1 }\n", 3), ("a time without end", HEAD + "retry every 999999999999999d\n", 3),
    ("a deep block", HEAD + "{" * 100000 + "\n", None), ("a macro of itself", HEAD + "a = $a\n", 3),
]


def check(text, extra=()):
    d = tempfile.mkdtemp(prefix="letterlock-")
    p = d + "/l.conf"
    with open(p, "wb") as f:
        f.write(text if isinstance(text, bytes) else text.encode())
    r = subprocess.run([AUTHD, "-n", "-f", p] + list(extra), capture_output=True, timeout=180)
    err = (r.stderr + r.stdout).decode(errors="replace")
    os.unlink(p)
    os.rmdir(d)
    return r.returncode, err, p


def configs():
    for name, text, line in CONFIGS:
        rc, err, p = check(text)
        good = rc == 1 and re.search(r"(?m)^(authd: )?%s:%s: " % (re.escape(p), line or r"\d+"), err)
        ok(good and "Sanitizer" not in err, "R1 " + name) or diag("%d %s" % (rc, err[:500]))
        ok(not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", err), "R1 %s, printed without controls" % name)
    d = tempfile.mkdtemp(prefix="letterlock-")
    for a, b in (("a", "b"), ("b", "a")):
        with open("%s/%s" % (d, a), "w") as f:
            f.write(('hostname "x.test"\n' if a == "a" else "") + 'include "%s/%s"\n' % (d, b))
    r = subprocess.run([AUTHD, "-n", "-f", d + "/a"], capture_output=True, text=True, timeout=180)
    ok(r.returncode == 1 and re.search(r":\d+: ", r.stderr), "R1 files that include each other") or diag(r.stderr[:300])
    for p in ("a", "b"):
        os.unlink("%s/%s" % (d, p))
    os.rmdir(d)
    r = subprocess.run([AUTHD, "-n", "-f", "/nothere"], capture_output=True, text=True)
    ok(r.returncode == 1 and "/nothere" in r.stderr, "R1 no configuration")
    r = subprocess.run([AUTHD, "-n", "-f", "/"], capture_output=True, text=True)
    ok(r.returncode == 1, "R1 a directory for one")


def keys(s):
    """R5: files that are not to be used as keys; the suite that runs goes on."""
    with open(s.conf) as f:
        good = f.read()
    d = tempfile.mkdtemp(prefix="letterlock-", dir=s.dir)
    os.chmod(d, 0o755)
    certificate(d)
    key = d + "/mail.key"

    def mode(m):
        return lambda p: (os.system("cp %s %s" % (key, p)), os.chmod(p, m))

    cases = [("0644", mode(0o644)), ("0640", mode(0o640)), ("a link", lambda p: os.symlink(key, p)), ("a second name", lambda p: os.link(key, p)),
             ("a FIFO", lambda p: os.mkfifo(p, 0o600)), ("a directory", lambda p: os.mkdir(p, 0o700)), ("empty", lambda p: (open(p, "w").close(), os.chmod(p, 0o600))),
             ("garbage", lambda p: (open(p, "w").write("x" * 1000), os.chmod(p, 0o600))), ("another certificate's", lambda p: (os.system("cp %s/mail.key %s" % (s.dir, p)), os.chmod(p, 0o600))),
             ("a device", lambda p: os.symlink("/dev/zero", p))]
    pids = processes(s)
    for i, (name, make) in enumerate(cases):
        p = "%s/bad%d.key" % (d, i)
        make(p)
        s.write_conf(good + '\ncertificate "other" cert "%s/mail.crt" key "%s"\n' % (d, p))
        r = s.ctl_run("reload")
        ok(r.returncode != 0 and p in r.stderr + r.stdout, "R5 a key that is %s" % name) or diag(r.returncode, r.stderr + r.stdout)
        if name == "a second name":
            os.unlink(p)
    s.write_conf(good + "frobnicate\n")
    r = s.ctl_run("reload")
    ok(r.returncode != 0 and re.search(r"letterlock.conf:\d+: ", r.stderr + r.stdout), "G9 a reload of what is wrong says where") or diag(r.stderr)
    s.write_conf(good)
    is_(s.ctl_run("reload").returncode, 0, "and of what is right goes on")
    is_(processes(s), pids, "R5 no process was started again")


def twice(s):
    r = subprocess.run([AUTHD, "-d", "-f", s.conf], capture_output=True, text=True, timeout=180)
    ok(r.returncode != 0 and r.stderr, "R8 a second start ends with a word") or diag(r.stderr)
    ok(s.ctl_run("status").returncode == 0 and os.path.exists(s.dir + "/control.sock"), "R8 and the first goes on")
    r = s.ctl_run("account", "add", "eve", "eve@" + DOMAIN, "secret", input="x\n")
    ok(r.returncode != 0, "R6 no password among the arguments")
    for args in (["account", "show", "nothere"], ["account", "add", "a/b", "x@" + DOMAIN], ["account", "add", "", "y@" + DOMAIN], ["account", "add", "..", "y@" + DOMAIN],
                 ["address", "add", "alice", "bob@" + DOMAIN], ["address", "add", "alice", "not an address"], ["account", "add", "x\ny", "z@" + DOMAIN],
                 ["queue", "show", "../../x"], ["queue", "drop", "nothere"], ["sessions", "end", "99999"], ["nothing"], [], ["account"],
                 ["account", "add", "n" * 5000, "m@" + DOMAIN], ["account", "add", "long", "m" * 5000 + "@" + DOMAIN]):
        r = s.ctl_run(*args, input=PASSWORD + "\n")
        ok(r.returncode != 0 and r.stderr and not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", r.stderr), "letterctl %.40s" % " ".join(args).replace("\n", "?")) or diag(r.returncode, r.stderr)
    r = s.ctl_run("account", "add", "empty", "empty@" + DOMAIN, input="\n")
    ok(r.returncode != 0, "an empty password is none") or diag(r.stdout)


def storms(s):
    pids = processes(s)
    for i in range(50):
        os.kill(s.proc.pid, signal.SIGHUP)
        os.kill(s.proc.pid, signal.SIGCHLD)
    ok(wait_for(lambda: s.ctl_run("status").returncode == 0 and processes(s) == pids), "P15 signals one after the other")
    ok(wait_for(lambda: s.ctl_run("reload").returncode == 0), "P15 and then a reload")


configs()
with Suite() as suite:
    before = processes(suite)
    packets(suite)
    keys(suite)
    twice(suite)
    storms(suite)
    is_(processes(suite), before, "no process was started again")
    log = suite.logged()
    ok("Sanitizer" not in log and "runtime error" not in log, "nothing of the sanitizers")
done()
