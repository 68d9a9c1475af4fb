#!/usr/bin/env python3
"""Each process of a running suite, as if it had been taken over: what it tries
from inside its cage, and what it can still do there because it needs it."""
import errno
import os
import signal
import smtplib

from inject import Taken, possible
from suite import DOMAIN, PASSWORD, Suite, diag, done, ok, skip, wait_for

AT_FDCWD = -100
O_DIRECTORY, O_PATH, O_CREAT_RDWR = 0o200000, 0o10000000, 0o102
INET, UNIX, NETLINK, STREAM, RAW = 2, 1, 16, 1, 3
PROT_RW, PROT_RX, PROT_RWX, ANON = 3, 5, 7, 0x22

FILES = {"auth", "store", "queued"}
NET = {"lookup", "relay"}
PAIRS = FILES | {"smtpd", "front"}
ALL = {"control", "auth", "keys", "lookup", "smtpd", "front", "store", "queued", "relay"}
NOBODY = set()

# What is tried, who can do it.  A result that is a descriptor is closed.
TRIES = [
    ("goes on",				ALL,	"getpid"),
    ("waits for events",		ALL,	"epoll_create1", 0),
    ("maps memory",			ALL,	"mmap", 0, 4096, PROT_RW, ANON, -1, 0),
    ("opens its directory",		FILES,	"openat", AT_FDCWD, b"{own}", O_DIRECTORY),
    ("makes a file in it",		FILES,	"openat", AT_FDCWD, b"{own}/taken", O_CREAT_RDWR, 0o600),
    ("makes a socket",			NET,	"socket", INET, STREAM, 0),
    ("makes a pair",			PAIRS,	"socketpair", UNIX, STREAM, 0, b"12345678"),
    ("reads /etc/passwd",		NOBODY,	"openat", AT_FDCWD, b"/etc/passwd", 0),
    ("reads the configuration",		NOBODY,	"openat", AT_FDCWD, b"{dir}/letterlock.conf", 0),
    ("reads a private key",		NOBODY,	"openat", AT_FDCWD, b"{dir}/mail.key", 0),
    ("reads above its directory",	NOBODY,	"openat", AT_FDCWD, b"../../mail.key", 0),
    ("reads /proc",			NOBODY,	"openat", AT_FDCWD, b"/proc/self/status", 0),
    ("finds a path",			NOBODY,	"openat", AT_FDCWD, b"/etc", O_PATH),
    ("makes a local socket",		NOBODY,	"socket", UNIX, STREAM, 0),
    ("makes a raw socket",		NOBODY,	"socket", INET, RAW, 1),
    ("makes a netlink socket",		NOBODY,	"socket", NETLINK, RAW, 0),
    ("executes",			NOBODY,	"execve", b"/bin/true", 0, 0),
    ("forks",				NOBODY,	"fork"),
    ("clones",				NOBODY,	"clone", signal.SIGCHLD, 0, 0, 0, 0),
    ("sends a signal",			NOBODY,	"kill", "parent", 0),
    ("traces",				NOBODY,	"ptrace", 16, "parent", 0, 0),
    ("reads another's memory",		NOBODY,	"process_vm_readv", "parent", 0, 0, 0, 0, 0),
    ("maps memory to execute",		NOBODY,	"mmap", 0, 4096, PROT_RWX, ANON, -1, 0),
    ("makes data executable",		NOBODY,	"mprotect", "stack", 4096, PROT_RX),
    ("becomes root",			NOBODY,	"setuid", 0),
    ("can be dumped",			NOBODY,	"prctl", 4, 1, 0, 0, 0),
    ("changes its root",		NOBODY,	"chroot", b"."),
    ("mounts",				NOBODY,	"mount", b"none", b".", b"tmpfs", 0, 0),
    ("unshares",			NOBODY,	"unshare", 0x10000000),
    ("makes a device",			NOBODY,	"mknodat", AT_FDCWD, b"{own}/dev", 0o20600, 0x103),
    ("makes a symbolic link",		NOBODY,	"symlinkat", b"/etc", AT_FDCWD, b"{own}/link"),
    ("sets the clock",			NOBODY,	"clock_settime", 0, b"\0" * 16),
    ("loads a module",			NOBODY,	"finit_module", 0, b"", 0),
    ("uses bpf",			NOBODY,	"bpf", 0, 0, 0),
    ("uses perf",			NOBODY,	"perf_event_open", 0, 0, -1, -1, 0),
    ("uses userfaultfd",		NOBODY,	"userfaultfd", 0),
    ("uses the keyring",		NOBODY,	"keyctl", 0, -3, 0),
    ("uses io_uring",			NOBODY,	"io_uring_setup", 1, b"\0" * 120),
]
DESCRIPTOR = {"epoll_create1", "openat", "socket"}


def take(s, row):
    role, pid = row["role"], row["pid"]
    name = "%s %d" % (role, row["instance"])
    own = "%02d" % row["instance"] if role == "store" else "."
    wrong, whole = [], False
    with Taken(pid) as t:
        words = {"parent": s.proc.pid, "stack": t.saved["rsp"] & ~4095}
        for what, who, call, *args in TRIES:
            args = [words.get(a, a) if isinstance(a, str) else
                    a.replace(b"{own}", own.encode()).replace(b"{dir}", s.dir.encode())
                    if isinstance(a, bytes) else a for a in args]
            rc = t.call(call, *args)
            if (rc >= 0) != (role in who):
                wrong.append("%s: %s: %s" % (name, what, errno.errorcode.get(-rc, rc)))
            if rc >= 0 and call in DESCRIPTOR:
                t.call("close", rc)
        whole = True
    ok(whole and not wrong, "%s: can do what it needs and nothing of %d other things" % (name, len(TRIES)))
    diag("\n".join(wrong))


def pids(s):
    return {(r["role"], r["instance"]): r["pid"] for r in s.rows("status")}


def leads_to(pid, fd):
    """Nowhere any more, when it was closed meanwhile: letterctl's connection, say."""
    try:
        return os.readlink("/proc/%d/fd/%s" % (pid, fd))
    except FileNotFoundError:
        return ""


def out_of_turn(s, role):
    """It sends what it may not on all its links but the parent's."""
    before = pids(s)
    pid = before[role, 0]
    sockets = [fd for fd in os.listdir("/proc/%d/fd" % pid) if leads_to(pid, fd).startswith("socket:")]
    with Taken(pid) as t:
        for fd in sockets:
            if int(fd) > 3:
                t.call("sendto", int(fd), b"\0\0\4\0\0\0\0", 8, 0x4040, 0, 0)
    ok(wait_for(lambda: pids(s).get((role, 0)) not in (None, 0, pid) and
                all(r["state"] == "ready" for r in s.rows("status"))),
       "%s that speaks out of turn is ended and started again" % role)
    after = pids(s)
    # a relay without work ends by itself, and no other comes in its place
    others = [k for k in before if k[0] != role and before[k] != after.get(k, before[k] if k[0] == "relay" else None)]
    ok(not others, "and nobody else")
    diag(others)


if not possible():
    skip("needs root, ptrace and x86-64")
    done()
with Suite(conf='transport "out" smtp host "127.0.0.1" port 9\nroute transport "out"\n') as s:
    # A worker of it is started when there is something to send.
    with smtplib.SMTP("127.0.0.1", s.submission) as c:
        c.login("alice@" + DOMAIN, PASSWORD)
        c.sendmail("alice@" + DOMAIN, ["x@elsewhere.example"],
                   "From: alice@%s\r\n\r\nx\r\n" % DOMAIN)
    ok(wait_for(lambda: any(r["role"] == "relay" and r["state"] == "ready" for r in s.rows("status"))),
       "a relay runs")
    for row in sorted(s.rows("status"), key=lambda r: r["role"] != "relay"):	# it ends when it has been idle
        if row["role"] != "parent":
            take(s, row)
    ok(wait_for(lambda: all(r["state"] == "ready" for r in s.rows("status"))), "the suite is well")
    for role in "smtpd", "front", "control":
        out_of_turn(s, role)
done()
