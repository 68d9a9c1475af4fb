#!/usr/bin/env python3
"""What 200 idle sessions hold in memory, in clear, under TLS and compressed: far less
than one that is at work."""
import os
import re
import subprocess

from imapbox import login
from suite import BUILD, DOMAIN, Suite, diag, done, is_, ok, sanitized, skip, wait_for

SESSIONS = 200
USERS = ["u%d" % i for i in range(6)]
# KiB of each.  regress/bench measures; this is to notice what is forgotten.
BOUNDS = (("in clear", [], 12), ("TLS", ["-t"], 32), ("TLS, compressed", ["-t", "-z"], 40))


def private(s):
    """KiB that the suite's processes alone have written to."""
    n = 0
    for pid in {s.proc.pid} | {r["pid"] for r in s.rows("status") if r.get("pid")}:
        with open("/proc/%d/smaps_rollup" % pid) as f:
            n += int(re.search(r"Private_Dirty: +(\d+)", f.read()).group(1))
    return n


def idle(s, options):
    """The program that holds them, and KiB a session."""
    args = [BUILD + "/regress/bench/idleload"] + options + [
        "-n", "30", "-u", ",".join("%s@%s" % (u, DOMAIN) for u in USERS)]
    p = subprocess.Popen(args + [str(s.imaps if "-t" in options else s.imap)], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, text=True)
    p.stdout.readline()
    before = private(s)
    p.stdin.write("%d\n" % SESSIONS)
    p.stdin.flush()
    if p.stdout.readline() != "idle\n":
        return p, None
    return p, (private(s) - before) / SESSIONS


if os.geteuid() != 0 or sanitized():
    skip("needs root, and memory that is the programs' own")
    done()
with Suite(conf="limits {\n\tconnections-address 1000\n\tconnections-prefix 1000\n}\n", accounts=USERS) as s:
    for u in USERS:
        m = login(s, u)
        m.append("INBOX", None, None, b"Subject: x\r\n\r\n" + b"so many words\r\n" * 1500)
        m.logout()
    # All stay to the end: what one leaves behind is nothing that another gets.
    held = []
    for name, options, bound in BOUNDS:
        p, kib = idle(s, options)
        held.append(p)
        ok(kib is not None and kib <= bound, "%d idle sessions, %s: at most %d KiB each" % (SESSIONS, name, bound))
        diag("%s KiB" % kib)
    is_(len(s.rows("sessions", "list")), len(BOUNDS) * (SESSIONS + 30), "all of them are there")
    for p in held:
        p.stdin.close()
    is_([p.wait() for p in held], [0] * len(held), "until they end")
    ok(wait_for(lambda: not s.rows("sessions", "list")), "then none is")
done()
