"""
Mail servers of others as next hops: unpacked beside the system, because their packages
exclude each other, and run with a passwd and group of their own in a mount namespace.
"""
import os
import re
import shutil
import smtplib
import subprocess
import tempfile

from suite import DOMAIN, PASSWORD, free_ports, wait_for

ALICE = "alice@" + DOMAIN


class Peer:
    """users: name to number.  setup: shell commands in the namespace.  command has {d} and {port}."""

    def __init__(self, name, conf, users, command, setup="true", **words):
        self.d = d = tempfile.mkdtemp(prefix="letterlock-%s-" % name)
        os.chmod(d, 0o755)
        self.port = free_ports(1)[0]
        self.words = dict(words, d=d, port=self.port)
        with open(d + "/conf", "w") as f:
            f.write(conf.format(**self.words))
        os.chmod(d + "/conf", 0o644)
        for file, line in (("passwd", "%s:x:%d:%d::/nonexistent:/bin/sh\n"), ("group", "%s:x:%d:\n")):
            with open("/etc/" + file) as f, open(d + "/" + file, "w") as to:
                to.write(f.read())
                for user, uid in users.items():
                    to.write(line % ((user,) + (uid,) * line.count("%d")))
        self.script = " && ".join(["mount --bind {d}/passwd /etc/passwd", "mount --bind {d}/group /etc/group", setup,
                                   "exec " + command]).format(**self.words)
        self.proc = None

    def mkdir(self, name, uid):
        os.mkdir(self.d + "/" + name)
        os.chown(self.d + "/" + name, uid, uid)

    def start(self):
        """Until it greets."""
        self.proc = subprocess.Popen(["unshare", "-m", "sh", "-c", self.script], stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL)

        def greets():
            try:
                smtplib.SMTP("127.0.0.1", self.port).quit()
                return True
            except (OSError, smtplib.SMTPException):
                return False
        return wait_for(greets)

    def box(self):
        """All that was delivered."""
        out = b""
        for f in os.listdir(self.d + "/box"):
            with open(self.d + "/box/" + f, "rb") as b:
                out += b.read()
        return out

    def stop(self):
        if self.proc is not None:
            self.proc.terminate()
            self.proc.wait()
        shutil.rmtree(self.d, ignore_errors=True)


def can_run(*cmd):
    """Are we root, and does the program begin at all, with all its libraries?"""
    try:
        return os.geteuid() == 0 and subprocess.run(cmd, capture_output=True).returncode != 127 and \
            subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0
    except OSError:
        return False


def submit(s, to, subject, body):
    with smtplib.SMTP("127.0.0.1", s.submission) as c:
        c.login(ALICE, PASSWORD)
        c.sendmail(ALICE, to, ("From: %s\r\nSubject: %s\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                               "Content-Transfer-Encoding: 8bit\r\n\r\n%s" % (ALICE, subject, body)).encode(),
                   mail_options=["BODY=8BITMIME"])


def outcome(s, address):
    m = re.search(r".*to=<%s>.*" % re.escape(address), s.logged())
    return m and m.group()
