#!/usr/bin/env python3
"""Every process of a running suite has given up what authd(8) says: as /proc sees it."""
import os
import re

from suite import Suite, diag, done, is_, ok, wait_for

DIRECTORY = {"control": "empty", "auth": "auth", "keys": "empty", "lookup": "empty",
             "smtpd": "empty", "front": "empty", "store": "mail", "queued": "queue",
             "relay": "empty"}
LISTENS = {"smtpd": 3, "front": 2}


def status(pid):
    with open("/proc/%d/status" % pid) as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def listening():
    """Inodes of TCP sockets that listen."""
    inodes = set()
    for name in "/proc/net/tcp", "/proc/net/tcp6":
        with open(name) as f:
            for line in list(f)[1:]:
                v = line.split()
                if v[3] == "0A":
                    inodes.add("socket:[%s]" % v[9])
    return inodes


def tcp():
    inodes = set()
    for name in "/proc/net/tcp", "/proc/net/tcp6":
        with open(name) as f:
            inodes.update("socket:[%s]" % line.split()[9] for line in list(f)[1:])
    return inodes


def limit(pid, name):
    with open("/proc/%d/limits" % pid) as f:
        for line in f:
            if line.startswith(name):
                return line[len(name):].split()[:2]
    return None


def check(row, users, state, may_be_open):
    role, pid = row["role"], row["pid"]
    name = "%s %d" % (role, row["instance"])
    st = status(pid)
    root = os.geteuid() == 0
    if root:
        uid = users[role]
        is_(st["Uid"].split(), [uid] * 4, "%s: user" % name)
        is_(st["Gid"].split(), [uid] * 4, "%s: group" % name)
        is_(st["Groups"].split(), [uid], "%s: no other groups" % name)
        is_(os.readlink("/proc/%d/root" % pid), "%s/%s" % (state, DIRECTORY[role]),
            "%s: root directory" % name)
        is_(st["CapEff"].strip("0") + st["CapPrm"].strip("0") + st["CapAmb"].strip("0"), "",
            "%s: no capability" % name)
        is_(os.readlink("/proc/%d/cwd" % pid), "%s/%s" % (state, DIRECTORY[role]),
            "%s: working directory" % name)
        is_(os.stat("/proc/%d/environ" % pid).st_uid, 0, "%s: not dumpable" % name)
    is_(st["NoNewPrivs"], "1", "%s: no new privileges" % name)
    is_(st["Seccomp"], "2", "%s: system calls are filtered" % name)
    is_(limit(pid, "Max core file size"), ["0", "0"], "%s: no core dump" % name)
    if role == "smtpd" and not os.environ.get("SANITIZE"):
        size = limit(pid, "Max file size")[0]
        ok(size == "unlimited" or 0 < int(size) < 1 << 32, "%s: files are bounded" % name)
    if not root:
        return
    # the connections that the start was watched by may not have ended here yet
    looks = []

    def as_it_should():
        looks.append(descriptors(role, pid, state, may_be_open))
        return not looks[-1][0] and looks[-1][1] == LISTENS.get(role, 0)
    wait_for(as_it_should)
    strange, n = looks[-1]
    ok(not strange, "%s: no strange descriptors" % name)
    diag("\n".join(strange))
    is_(n, LISTENS.get(role, 0), "%s: listens where it should" % name)


def descriptors(role, pid, state, may_be_open):
    """Those that are not to be open, and how many listen."""
    listens, any_tcp = listening(), tcp()
    own = "%s/%s/" % (state, DIRECTORY[role])
    strange, n = [], 0
    for fd in os.listdir("/proc/%d/fd" % pid):
        try:
            to = os.readlink("/proc/%d/fd/%s" % (pid, fd))
        except FileNotFoundError:
            continue
        n += to in listens
        if to in any_tcp and to not in listens and role not in ("lookup", "relay"):
            strange.append(to + " (TCP)")
        if not re.match(r"socket:|anon_inode:|/dev/null|/memfd:|pipe:", to) and \
                not (role in ("auth", "store", "queued") and (to + "/").startswith(own)) and \
                not (role == "smtpd" and to == state + "/queue/slot/new (deleted)") and \
                to not in may_be_open and not (role == "keys" and to.endswith(".key")):
            strange.append(to)
    return strange, n


def connections(pid):
    any_tcp = tcp() - listening()
    strange = []
    for fd in os.listdir("/proc/%d/fd" % pid):
        try:
            to = os.readlink("/proc/%d/fd/%s" % (pid, fd))
        except FileNotFoundError:
            continue
        if to in any_tcp:
            strange.append(to)
    return strange


def parent(s, pid):
    st = status(pid)
    is_(st["Uid"].split()[0], str(os.geteuid()), "parent: user")
    if os.geteuid() != 0:		# of what it has open nobody else may know
        is_(os.stat("/proc/%d/fd" % pid).st_uid, 0, "parent: not dumpable")
        return
    # the kernel's list is read in pieces, and others change it meanwhile
    ok(wait_for(lambda: not connections(pid)), "parent: no connection is its own")


def run(s):
    users = dict(re.findall(r'^user (\w+) "(\d+)"', open(s.conf).read(), re.M))
    rows = s.rows("status")
    ok(len(rows) >= 9, "processes are listed")
    may = [s.dir + "/log"]
    for row in rows:
        if row["role"] == "parent":
            parent(s, row["pid"])
            continue
        check(row, users, s.dir + "/state", may)
        ok("seccomp" in row["cage"] and "no-new-privs" in row["cage"] and
           (os.geteuid() != 0 or "chroot" in row["cage"]),
           "%s %d: status says so" % (row["role"], row["instance"]))


if __name__ == "__main__":
    with Suite() as s:
        run(s)
        # Born again, it is in its cage again.
        for role in "auth", "smtpd", "store":
            old = s.kill(role, 0)
            wait_for(lambda: s.pid(role, 0) not in (None, 0, old) and
                     all(r["state"] == "ready" for r in s.rows("status")))
        run(s)
    done()
