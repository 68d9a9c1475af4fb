"""
A running suite for the wire tests, and TAP.

    with Suite() as s:
        s.smtp, s.submission, s.submissions, s.imap, s.imaps   ports on 127.0.0.1
        s.ctl("account", "list")                               letterctl's output
        s.dir                                                  its directory

Accounts alice and bob with the password "letterlock" and addresses at
letterlock.test exist.  More configuration goes in with Suite(conf="...").
"""
import atexit
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, os.environ.get("BUILD", "build"))
PASSWORD = "letterlock"
DOMAIN = "letterlock.test"

_count = 0
_failed = 0


def ok(cond, text):
    """One line of TAP."""
    global _count, _failed
    _count += 1
    if not cond:
        _failed += 1
    print("%sok %d - %s" % ("" if cond else "not ", _count, text), flush=True)
    return bool(cond)


def diag(*texts):
    for text in texts:
        for line in str(text).splitlines():
            print("# " + line, flush=True)


def is_(got, want, text):
    if ok(got == want, text):
        return True
    diag("got %r" % (got,))
    diag("want %r" % (want,))
    return False


def skip(text):
    global _count
    _count += 1
    print("ok %d # skip %s" % (_count, text), flush=True)


def done():
    print("1..%d" % _count, flush=True)
    sys.exit(1 if _failed else 0)


def run(name):
    """Is there such a program?"""
    return shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")


def wait_for(what, timeout=180.0, step=0.02):
    """Until what() is true; its value, or None when time is up."""
    end = time.monotonic() + timeout
    while True:
        v = what()
        if v:
            return v
        if time.monotonic() > end:
            return None
        time.sleep(step)


def sanitized():
    """Built with AddressSanitizer, which keeps what was freed."""
    with open(BUILD + "/imapd", "rb") as f:
        return b"__asan_init" in f.read()


_held = []


def free_ports(n):
    """
    Ports on 127.0.0.1 that nobody listens on, and that are given to nobody else
    before this program ends: sockets that are bound and do not listen keep them.
    Whoever sets SO_REUSEADDR, as servers do, can listen there.
    """
    socks = [socket.socket() for _ in range(n)]
    for s in socks:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", 0))
    _held.extend(socks)
    return [s.getsockname()[1] for s in socks]


def certificate(path, name="localhost"):
    """A self-signed certificate and key in path/mail.crt and path/mail.key."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                    "-subj", "/CN=" + name, "-addext",
                    "subjectAltName=DNS:%s,DNS:mail.letterlock.test,IP:127.0.0.1" % name,
                    "-keyout", path + "/mail.key", "-out", path + "/mail.crt"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.chmod(path + "/mail.key", 0o600)


CONF = """
hostname "mail.letterlock.test"
state "{dir}/state"
control "{dir}/control.sock"
log "stderr"
certificate "mail" cert "{dir}/mail.crt" key "{dir}/mail.key"
listen on 127.0.0.1 port {smtp} smtp tls optional
listen on 127.0.0.1 port {submission} submission tls optional allow-cleartext-auth
listen on 127.0.0.1 port {submissions} submission tls implicit
listen on 127.0.0.1 port {imap} imap tls optional allow-cleartext-auth
listen on 127.0.0.1 port {imaps} imap tls implicit
domain "letterlock.test"
limits {{ login-failures-address 10000 }}
"""

USERS = """
user control "61101"
user auth "61102"
user keys "61103"
user lookup "61104"
user smtpd "61105"
user front "61106"
user store "61107"
user queued "61108"
user relay "61109"
"""


class Suite:
    def __init__(self, conf="", accounts=("alice", "bob"), start=True, dir=None, wrap=None):
        self.wrap = wrap or []
        self.proc = None
        self.own = dir is None
        self.dir = dir or tempfile.mkdtemp(prefix="letterlock-")
        os.chmod(self.dir, 0o755)
        (self.smtp, self.submission, self.submissions, self.imap,
         self.imaps) = free_ports(5)
        certificate(self.dir)
        text = CONF.format(dir=self.dir, smtp=self.smtp, submission=self.submission,
                           submissions=self.submissions, imap=self.imap, imaps=self.imaps)
        if os.geteuid() == 0:
            text += USERS
        self.write_conf(text + conf)
        self.base = text
        self.ca = self.dir + "/mail.crt"
        atexit.register(self.stop)
        if start:
            self.start()
            for a in accounts:
                self.ctl("account", "add", a, "%s@%s" % (a, DOMAIN), input=PASSWORD + "\n")

    def write_conf(self, text):
        self.conf = self.dir + "/letterlock.conf"
        with open(self.conf, "w") as f:
            f.write(text)

    def start(self, timeout=180):
        self.log = open(self.dir + "/log", "ab")
        self.proc = subprocess.Popen(self.wrap + [BUILD + "/authd", "-d", "-f", self.conf],
                                     stdout=self.log, stderr=self.log,
                                     stdin=subprocess.DEVNULL, start_new_session=True)
        ports = [self.smtp, self.submission, self.submissions, self.imap, self.imaps]
        if not wait_for(lambda: self.proc.poll() is not None or self.answers(ports), timeout) \
                or self.proc.poll() is not None:
            diag(self.logged()[-4000:])
            print("Bail out! the suite did not start", flush=True)
            self.stop()
            os._exit(1)

    def answers(self, ports):
        if subprocess.run([BUILD + "/letterctl", "-s", self.dir + "/control.sock", "status"],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
            return False
        for p in ports:
            try:
                socket.create_connection(("127.0.0.1", p), 1).close()
            except OSError:
                return False
        return all(r.get("state") == "ready" for r in self.rows("status"))

    def stop(self):
        if self.proc is not None and self.proc.poll() is None:
            self.proc.send_signal(signal.SIGTERM)
            try:
                self.proc.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(self.proc.pid, signal.SIGKILL)
                self.proc.wait()
        self.proc = None
        if self.own and os.path.isdir(self.dir) and not os.environ.get("KEEP"):
            shutil.rmtree(self.dir, ignore_errors=True)

    def kill(self, role=None, instance=None, sig=signal.SIGKILL):
        """Kill a role (or the parent), when it is there; the pid."""
        pid = self.proc.pid if role is None else wait_for(lambda: self.pid(role, instance))
        os.kill(pid, sig)
        return pid

    def restart(self, role, instance=None):
        """Kill a role, until another is in its place, and all that wait for it are ready."""
        old = self.kill(role, instance)

        def back():
            rows = [r for r in self.rows("status") if r["role"] != "relay"]
            return any(r["role"] == role for r in rows) and \
                all(r["pid"] != old and r["state"] == "ready" for r in rows)
        return wait_for(back)

    def pid(self, role, instance=None):
        for r in self.rows("status"):
            if r["role"] == role and (instance is None or r["instance"] == instance):
                return r["pid"]
        return None

    def logged(self):
        """
        The log.  What a process has said before a client could see an effect of
        it is there: control writes that before it answers letterctl.  What it
        says after the effect is waited for, with wait_log().
        """
        if self.proc is not None and self.proc.poll() is None:
            try:
                self.ctl_run("status")
            except subprocess.TimeoutExpired:
                pass        # control does not answer: what is there
        with open(self.dir + "/log", errors="replace") as f:
            return f.read()

    def wait_log(self, pattern, timeout=180, count=1):
        """
        Until the log has this regular expression so many times: the last match,
        or None when time is up.
        """
        def found():
            m = list(re.finditer(pattern, self.logged()))
            return m[-1] if len(m) >= count else None
        return wait_for(found, timeout)

    def ctl_run(self, *args, input=""):
        return subprocess.run([BUILD + "/letterctl", "-s", self.dir + "/control.sock"] +
                              [str(a) for a in args], input=input, capture_output=True,
                              text=True, timeout=300)

    def ctl(self, *args, input=""):
        r = self.ctl_run(*args, input=input)
        if r.returncode != 0:
            diag("letterctl %s: %d: %s" % (" ".join(map(str, args)), r.returncode, r.stderr))
        return r.stdout

    def rows(self, *args):
        r = self.ctl_run(*args, "--json")
        return [json.loads(l) for l in r.stdout.splitlines() if l.startswith("{")]

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()
        return False
