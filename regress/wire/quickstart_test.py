#!/usr/bin/env python3
"""A new machine: quickstart writes what is needed, and its account can log in.
In a network of its own, where an ordinary user may listen on every port."""
import imaplib
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile

from suite import BUILD, diag, done, is_, ok, skip, wait_for

USER = 65534
if os.geteuid() != 0:
    skip("a network of its own needs root")
    done()
if "inside" not in sys.argv:
    os.execvp("unshare", ["unshare", "-n", sys.executable, os.path.abspath(__file__), "inside"])
try:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", "w") as f:
        f.write("0")
except (OSError, subprocess.CalledProcessError):
    skip("the network cannot be set up here")
    done()


def user(cmd):
    return ["setpriv", "--reuid", str(USER), "--regid", str(USER), "--clear-groups"] + cmd


with tempfile.TemporaryDirectory() as d:
    os.chown(d, USER, USER)
    os.chmod(d, 0o755)
    sock = d + "/control.sock"
    quick = [BUILD + "/letterctl", "-s", sock, "quickstart", "-d", d + "/etc", "-S", d + "/state", "you@example.org"]
    with socket.create_server(("0.0.0.0", 25)):
        r = subprocess.run(user(quick), capture_output=True, text=True, timeout=180, cwd=d)
    ok(r.returncode == 1 and "port 25" in r.stderr, "another server is there: it says so") or diag(r.stderr)
    is_(os.listdir(d + "/etc"), [], "and nothing of it stays")
    r = subprocess.run(user(quick), capture_output=True, text=True, timeout=180, cwd=d)
    if not ok(r.returncode == 0, "quickstart"):
        diag(r.stdout + r.stderr)
    for record in (r"(?m)^example\.org\.\tMX\t10 mail\.example\.org\.$", r"v=spf1", r"_dmarc\.example\.org",
                   r"_25\._tcp\.mail\.example\.org\.\tTLSA\t3 1 1 [0-9a-f]{64}", r"_imaps\._tcp\.example\.org"):
        ok(re.search(record, r.stdout), "it prints " + record)
    password = re.search(r"password (\S+)", r.stdout)
    ok(password and len(password.group(1)) >= 16, "and a password")
    is_(os.stat(d + "/etc/mail.key").st_mode & 0o777, 0o600, "the key is its owner's alone")
    again = subprocess.run(user(quick), capture_output=True, text=True, timeout=180, cwd=d)
    is_(again.returncode, 1, "nothing is written over")
    ok("letterlock.conf" in again.stderr, "and it says what is there")

    p = subprocess.Popen(user([BUILD + "/authd", "-d", "-f", d + "/etc/letterlock.conf"]), cwd=d,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    ok(p.stdout.readline() == b"ready\n", "the suite starts")
    c = ssl.create_default_context(cafile=d + "/etc/mail.crt")
    c.check_hostname = False

    def login():
        try:
            m = imaplib.IMAP4_SSL("127.0.0.1", 993, ssl_context=c)
            m.login("you@example.org", password.group(1))
            return m
        except (OSError, imaplib.IMAP4.error):
            return None
    m = wait_for(login)
    if ok(m is not None, "the account logs in, on port 993"):
        is_(m.select("INBOX")[0], "OK", "and has an INBOX")
        m.logout()
    p.send_signal(signal.SIGTERM)
    is_(p.wait(180), 0, "an orderly stop")
done()
