#!/usr/bin/env python3
"""Exim as the next hop: Debian's, unpacked beside the system, because its package and
Postfix's exclude each other."""
import os
import re
import shutil
import smtplib
import subprocess
import tempfile

from dns import Dns, a, mx
from suite import BUILD, DOMAIN, PASSWORD, Suite, diag, done, free_ports, is_, ok, skip, wait_for

EXIM = os.path.abspath(BUILD + "/../build/peers/exim4-daemon-light/usr/sbin/exim4")
ALICE = "alice@" + DOMAIN
UID = 64990
CONF = """
exim_path = {exim}
spool_directory = {d}/spool
log_file_path = {d}/log/%slog
pid_file_path = {d}/pid
keep_environment =
primary_hostname = mx.exim.example
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
host_lookup =
acl_smtp_rcpt = rcpt
acl_smtp_data = all
begin acl
rcpt:
  deny local_parts = nobody
       message = no such user here
  defer local_parts = later
       message = come back
  accept
all:
  accept
begin routers
r:
  driver = accept
  transport = t
begin transports
t:
  driver = appendfile
  file = {d}/box/all
  user = {uid}
  group = {uid}
  envelope_to_add
  batch_max = 100
"""


class Exim:
    def __init__(self):
        self.d = d = tempfile.mkdtemp(prefix="letterlock-exim-")
        os.chmod(d, 0o755)
        for sub in "spool", "log", "box":
            os.mkdir(d + "/" + sub)
            os.chown(d + "/" + sub, UID, UID)
        self.port = free_ports(1)[0]
        with open(d + "/conf", "w") as f:
            f.write(CONF.format(exim=EXIM, d=d, port=self.port, uid=UID))
        # it will not begin without its user, whom this system does not have
        for name, line in (("passwd", "Debian-exim:x:%d:%d::/nonexistent:/usr/sbin/nologin\n"), ("group", "Debian-exim:x:%d:\n")):
            with open("/etc/" + name) as f, open(d + "/" + name, "w") as to:
                to.write(f.read() + line % ((UID,) * line.count("%d")))
        script = "mount --bind {0}/passwd /etc/passwd && mount --bind {0}/group /etc/group && exec {1} -C {0}/conf -bdf".format(d, EXIM)
        self.proc = subprocess.Popen(["unshare", "-m", "sh", "-c", script], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def up(self):
        def greets():
            try:
                smtplib.SMTP("127.0.0.1", self.port).quit()
                return True
            except (OSError, smtplib.SMTPException):
                return False
        return wait_for(greets)

    def box(self):
        try:
            with open(self.d + "/box/all", "rb") as f:
                return f.read()
        except FileNotFoundError:
            return b""

    def stop(self):
        self.proc.terminate()
        self.proc.wait()
        shutil.rmtree(self.d, ignore_errors=True)


def submit(s, to, subject, body):
    with smtplib.SMTP("127.0.0.1", s.submission) as c:
        c.login(ALICE, PASSWORD)
        c.sendmail(ALICE, to, ("From: %s\r\nSubject: %s\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                               "Content-Transfer-Encoding: 8bit\r\n\r\n%s" % (ALICE, subject, body)).encode(),
                   mail_options=["BODY=8BITMIME"])


def outcome(s, who):
    m = re.search(r".*to=<%s@exim\.example>.*" % who, s.logged())
    return m and m.group()


def play(s, e):
    dots = "".join(".%s\r\n..\r\n.\r\n" % i for i in range(200)) + "ä line\r\nFrom here\r\n"
    submit(s, ["x%d@exim.example" % i for i in range(30)], "thirty", dots)
    submit(s, ["one@exim.example", "nobody@exim.example", "later@exim.example"], "mixed", "x\r\n")
    submit(s, ["big@exim.example"], "big", "0123456789abcdef" * 4 * 1000 + "\r\n" + "line of it\r\n" * 200000)
    for who in ["x%d" % i for i in range(30)] + ["one", "big"]:
        got = wait_for(lambda: outcome(s, who))
        ok(got and " 250 " in got and "tls=TLS" in got, who + ": taken, under TLS") or diag(got)
    got = wait_for(lambda: outcome(s, "nobody"))
    ok(got and "550" in got and "no such user here" in got, "nobody: refused, in Exim's words") or diag(got)
    got = wait_for(lambda: outcome(s, "later"))
    ok(got and "deferred" in got and "come back" in got, "later: waits") or diag(got)
    text = dots.replace("\r\n", "\n").replace("\nFrom here", "\n>From here").encode()
    ok(wait_for(lambda: e.box().count(b"Subject: thirty") == 1 and text in e.box()), "each octet came, dots and all") or \
        diag(e.box()[:600])
    ok(wait_for(lambda: e.box().count(b"line of it\n") == 200000), "the large one too")
    wait_for(lambda: b"Subject: mixed" in e.box())
    is_(e.box().count(b"Subject: mixed"), 1, "once")


def runs(*cmd):
    """Does the program begin at all, with all its libraries?"""
    try:
        return subprocess.run(cmd, capture_output=True).returncode != 127
    except OSError:
        return False


if os.geteuid() != 0 or not runs(EXIM, "-bV") or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
    skip("Exim is not there, or this is not root")
    done()
    raise SystemExit
e = Exim()
try:
    ok(e.up(), "Exim is there")
    names = Dns({("exim.example", "MX"): [mx(10, "mx.exim.example")], ("mx.exim.example", "A"): [a("127.0.0.1")]})
    with Suite(conf='resolver 127.0.0.1@%d\nallow-private-addresses\ntransport "out" direct port %d no-ipv6\n'
                    'route transport "out"\nretry first { 1h }\n' % (names.port, e.port)) as s:
        play(s, e)
finally:
    e.stop()
done()
