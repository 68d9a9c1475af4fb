#!/usr/bin/env python3
"""The file system of the queue and of all mail becomes read-only under the running
suite, as after an error of the disk; or somebody removes the queue's files.  Nothing is
accepted that is not kept, the log says why, nothing ends for good, and what was
accepted is there when the suite is started again."""
import os
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "wire"))
sys.path.insert(0, HERE)
from smtplib import SMTP, SMTPException  # noqa: E402
from suite import DOMAIN, PASSWORD, Suite, diag, done, is_, ok, skip, wait_for  # noqa: E402
from thin import fetch_all  # noqa: E402

ALICE = "alice@" + DOMAIN
BREAK = "/sys/fs/ext4/%s/trigger_fs_error"
CONF = """
partitions 1
processes store 1
processes smtpd 1
processes front 1
cache 8m
disk-reserve 8m
transport "later" fail code 451 text "later"
route transport "later"
"""


def send(s, subject, port=None, to=ALICE):
    """Was it accepted?  The code of what was not."""
    try:
        with SMTP("127.0.0.1", port or s.smtp, timeout=60) as c:
            if port:
                c.login(ALICE, PASSWORD)
            c.ehlo("x.example")
            for line in ("MAIL FROM:<%s>" % ALICE, "RCPT TO:<%s>" % to, "DATA"):
                code = c.docmd(line)[0]
                if code >= 400:
                    return code
            c.send("From: %s\r\nSubject: %s\r\n\r\nx\r\n.\r\n" % (ALICE, subject))
            return c.getreply()[0]
    except (OSError, SMTPException):
        return 421


def subjects(s):
    return sorted(l[9:] for m in fetch_all(s, "alice") for l in m.splitlines() if l.startswith("Subject: "))


def mounted(d):
    """A file system of its own; the device's name, or None."""
    image, root = d + "/image", d + "/fs"
    os.mkdir(root)
    with open(image, "wb") as f:
        f.truncate(400 << 20)
    if subprocess.run(["mkfs.ext4", "-q", "-e", "remount-ro", image], capture_output=True).returncode != 0 or \
            subprocess.run(["mount", "-o", "loop", image, root], capture_output=True).returncode != 0:
        return None
    os.chmod(root, 0o755)
    with open("/proc/mounts") as f:
        dev = os.path.basename([l.split()[0] for l in f if l.split()[1] == root][0])
    if not os.access(BREAK % dev, os.W_OK):
        unmount(root)
        return None
    return dev


def unmount(root):
    """Nobody uses it any more; the kernel may see that a moment later."""
    ok(wait_for(lambda: subprocess.run(["umount", root], capture_output=True).returncode == 0), "unmounted")


def told(s, why):
    """Who wants to store something is told no; the log has the reason when that was looked for."""
    return wait_for(lambda: send(s, "why", s.submission, "y@later.example") in (421, 451, 452, 454) and why in s.logged())


def readonly(s, dev):
    taken = ["r%d" % n for n in range(5) if send(s, "r%d" % n) == 250]
    is_(len(taken), 5, "there is a disk: all are taken")
    is_(send(s, "out", s.submission, "x@later.example"), 250, "and one for elsewhere")
    with open(BREAK % dev, "w") as f:
        f.write("1")
    codes = [send(s, "ro%d" % n) for n in range(5)]
    taken += ["ro%d" % n for n in range(5) if codes[n] == 250]
    ok(set(codes) <= {421, 450, 451, 452} and 250 not in codes, "read-only: not now") or diag(codes)
    ok(send(s, "sub", s.submission, "y@later.example") in (421, 451, 452, 454), "nor a submission")
    ok(told(s, "its file system is read-only"), "the log says why") or \
        diag(s.logged()[-5000:])
    is_(s.proc.poll(), None, "the suite is there")
    ok(s.ctl_run("status").returncode == 0, "and answers letterctl")
    return taken


def again(s, taken):
    s.start()
    ok(wait_for(lambda: subjects(s) == sorted(taken)), "what was accepted is there, and nothing else") or \
        diag(subjects(s), taken)
    is_([r["to"] for r in s.rows("queue", "list")], ["x@later.example"], "in the queue too")


def removed(s):
    subprocess.run("rm -rf %s/state/queue/*" % s.dir, shell=True, check=True)
    code = wait_for(lambda: send(s, "gone", s.submission, "z@later.example") in (451, 452))
    ok(code, "the queue's files are removed: a submission is refused for now")
    ok(told(s, "its files were removed"), "the log says why") or diag(s.logged()[-3000:])
    is_(s.proc.poll(), None, "the suite is there")
    s.kill("queued", sig=signal.SIGKILL)
    ok(wait_for(lambda: send(s, "new", s.submission, "n@later.example") == 250),
       "with a new queue mail is taken again")
    is_([r["to"] for r in s.rows("queue", "list")], ["n@later.example"], "into it")


def main():
    with tempfile.TemporaryDirectory(prefix="letterlock-ro-") as d:
        os.chmod(d, 0o755)
        dev = mounted(d) if os.geteuid() == 0 else None
        if dev is None:
            skip("a file system that can break needs root, and ext4")
        else:
            os.mkdir(d + "/suite")
            s = Suite(CONF, start=False, dir=d + "/suite")
            with open(s.conf) as f:
                conf = f.read()
            s.write_conf(conf.replace(d + "/suite/state", d + "/fs/state"))
            try:
                s.start()
                s.ctl("account", "add", "alice", ALICE, input=PASSWORD + "\n")
                taken = readonly(s, dev)
                s.stop()
                unmount(d + "/fs")
                subprocess.run(["e2fsck", "-fy", d + "/image"], capture_output=True)
                subprocess.run(["mount", "-o", "loop", d + "/image", d + "/fs"], check=True)
                again(s, taken)
            finally:
                s.stop()
                subprocess.run(["umount", "-l", d + "/fs"])
    with Suite(CONF, accounts=("alice",)) as s:
        removed(s)
    done()


main()
