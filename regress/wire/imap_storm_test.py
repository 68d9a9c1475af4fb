#!/usr/bin/env python3
"""Many clients at random on shared mailboxes of the running suite, each with its
own model of what it was told (regress/imapd/storm.h), among them guests from another
account: once undisturbed, once while stores are killed.  Whatever a store has acknowledged is there once, and
clients that come back with what they remember end with what there is.
    imap_storm_test.py [SECONDS of each]"""
import os
import random
import subprocess
import sys
import time

from suite import BUILD, DOMAIN, PASSWORD, Suite, diag, done, is_, ok, run, wait_for

SECONDS = int(sys.argv[1]) if len(sys.argv) > 1 else 2
SEED = int(os.environ.get("SEED", "5"))
CONF = "limits {\n\tconnections-address 1000\n}\n"


def storm(s, user, seed, *more):
    return subprocess.Popen([BUILD + "/regress/imapd/stress_test", "-p", str(s.imap), "-u", "%s@%s" % (user, DOMAIN),
                             "-g", "guest-%s@%s" % (user, DOMAIN), "-w", PASSWORD, "-n", "400", "-s", str(seed), "-t", str(SECONDS)] + list(more),
                            stdout=subprocess.PIPE, text=True)


def end(p, name):
    out = p.communicate(timeout=SECONDS + 600)[0]
    if not ok(p.returncode == 0, name):
        diag(out[-4000:])
    diag(*[l for l in out.splitlines() if " - seed " in l])


def calm(s):
    end(storm(s, "alice", SEED), "a storm")


WRITES = "pwrite64,fdatasync,fsync,link,linkat,unlink,unlinkat,ftruncate,rename,renameat2"


def store_of(s, user):
    """The number of the store that has this account."""
    stores = [r for r in s.rows("status") if r["role"] == "store"]
    return s.rows("account", "show", user)[0]["partition"] % len(stores)


def at_writes(s):
    """A store dies at one of its writes, each time a later one, whatever command it belongs to."""
    which = store_of(s, "carol")
    p = storm(s, "carol", SEED + 2, "-c")
    kills, begun = 0, time.monotonic()
    while p.poll() is None and time.monotonic() < begun + SECONDS:
        pid = wait_for(lambda: s.pid("store", which))
        n = random.randint(30, 300)
        st = subprocess.Popen(["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(pid), "-e", "trace=" + WRITES, "-e",
                               "inject=%s:signal=KILL:when=%d" % (WRITES, n)],
                              stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        kills += wait_for(lambda: p.poll() is not None or not os.path.exists("/proc/%d" % pid)) is not None
        st.kill()
        st.wait()
    end(p, "a storm in which stores die at their writes")
    ok(kills > 0, "%d were killed" % kills)


def killed(s):
    """Stores die at random moments; each comes back before the next one goes."""
    which = store_of(s, "bob")
    p = storm(s, "bob", SEED + 1, "-c")
    kills, begun = 0, time.monotonic()
    while p.poll() is None and time.monotonic() < begun + SECONDS:
        time.sleep(random.uniform(0.3, 1.2))
        pid = s.pid("store", which)
        try:
            if pid:
                os.kill(pid, 9)
                kills += 1
        except ProcessLookupError:	# of the one before: it took its time to end
            pass
    end(p, "a storm in which stores die")
    ok(kills > 0, "%d were killed" % kills)


def main():
    random.seed(SEED)
    with Suite(CONF, accounts=("alice", "bob", "carol")) as s:
        for user in "alice", "bob", "carol":
            s.ctl("account", "add", "--near", user, "guest-" + user, "guest-%s@%s" % (user, DOMAIN), input=PASSWORD + "\n")
        calm(s)
        killed(s)
        if os.geteuid() == 0 and run("strace"):
            at_writes(s)
        is_(s.rows("verify"), [], "verify finds nothing wrong")
        is_([l for l in s.logged().splitlines() if "AddressSanitizer" in l or "runtime error" in l], [],
            "no sanitizer complains")
    done()


main()
