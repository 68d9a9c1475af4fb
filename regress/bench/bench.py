#!/usr/bin/env python3
"""
Letterlock beside Postfix and Dovecot, on this machine, in one run, as ratios:
messages accepted and stored, logins, IMAP work, and what an idle session costs.
	bench.py [--quick]
"""
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "wire")]
from peers import Peers, available  # noqa: E402
from suite import BUILD, DOMAIN, PASSWORD, Suite, certificate, free_ports  # noqa: E402

QUICK = "--quick" in sys.argv
USERS = ["u%d" % i for i in range(8)]
RCPTS = ",".join("%s@%s" % (u, DOMAIN) for u in USERS)
CONF = """
limits {
	connections 20000
	connections-address 20000
	connections-prefix 20000
}
"""


TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
TLS.check_hostname = False
TLS.verify_mode = ssl.CERT_NONE


class Imap:
    """As little client as can be, so that the server is what is measured."""

    def __init__(self, port, tls=False):
        self.s = socket.create_connection(("127.0.0.1", port), 60)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.s = TLS.wrap_socket(self.s)
        self.s.recv(4096)

    def cmd(self, text):
        self.s.sendall(b"t " + text + b"\r\n")
        size, tail = 0, b""
        while True:
            d = self.s.recv(1 << 20)
            if not d:
                raise EOFError(text)
            size += len(d)
            tail = (tail + d)[-2000:]
            if tail.endswith(b"\r\n"):
                last = tail[:-2].rsplit(b"\r\n", 1)[-1]
                if last.startswith(b"t "):
                    if not last.startswith(b"t OK"):
                        raise RuntimeError(last)
                    return size

    def login(self, user):
        self.cmd(b"LOGIN %s@%s %s" % (user.encode(), DOMAIN.encode(), PASSWORD.encode()))


def rate(f, n, times=3):
    best = 0
    for _ in range(times):
        t = time.perf_counter()
        f()
        best = max(best, n / (time.perf_counter() - t))
    return best


def smtp(server, connections, messages):
    """Accepted, and accepted and stored, a second."""
    before = server.stored()
    t = time.perf_counter()
    r = subprocess.run([BUILD + "/regress/bench/smtpload", "-c", str(connections), "-m", str(messages),
                        "-t", RCPTS, str(server.smtp)], capture_output=True, text=True)
    if r.returncode != 0:
        sys.exit("smtpload: " + r.stdout + r.stderr)
    while server.stored() < before + messages:
        if time.perf_counter() - t > 120:
            sys.exit("not all messages were stored")
        time.sleep(0.02)
    return json.loads(r.stdout)["rate"], messages / (time.perf_counter() - t)


def logins(server, tls):
    def some():
        for i in range(50):
            c = Imap(server.imaps if tls else server.imap, tls)
            c.login(USERS[i % len(USERS)])
            c.cmd(b"LOGOUT")
            c.s.close()
    return rate(some, 50)


def imap(server):
    """One mailbox, that of the first user."""
    c = Imap(server.imap)
    c.login(USERS[0])
    c.cmd(b"SELECT INBOX")
    n = 0
    c.s.sendall(b"t STATUS INBOX (MESSAGES)\r\n")
    text = c.s.recv(4096).decode()
    n = int(text.split("MESSAGES ")[1].split(")")[0])
    megabytes = c.cmd(b"FETCH 1:* BODY.PEEK[]") / 1e6
    out = {}
    out["SELECT"] = rate(lambda: [c.cmd(b"SELECT INBOX") for _ in range(50)], 50)
    out["FETCH 1:* (UID FLAGS), messages"] = rate(lambda: c.cmd(b"FETCH 1:* (UID FLAGS)"), n)
    every = b"FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)"
    out["FETCH ENVELOPE BODYSTRUCTURE, messages"] = rate(lambda: c.cmd(every), n)
    out["FETCH BODY.PEEK[], MB"] = rate(lambda: c.cmd(b"FETCH 1:* BODY.PEEK[]"), megabytes)
    out["SEARCH BODY, no match, messages"] = rate(lambda: c.cmd(b'SEARCH BODY "zebra crossing"'), n)
    out["STORE of one message"] = rate(lambda: [c.cmd(b"STORE %d +FLAGS (\\Seen)" % i) and
                                                c.cmd(b"STORE %d -FLAGS (\\Seen)" % i)
                                                for i in range(1, 51)], 100)
    return out


def tree(roots):
    kids = {}
    for p in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % p) as f:
                kids.setdefault(int(f.read().rsplit(")", 1)[1].split()[1]), []).append(int(p))
        except OSError:
            pass
    out, todo = [], list(roots)
    while todo:
        p = todo.pop()
        out.append(p)
        todo += kids.get(p, [])
    return out


def memory(roots):
    """Proportional set size of all processes, KiB: shared pages count once."""
    n = 0
    for p in tree(roots):
        try:
            with open("/proc/%d/smaps_rollup" % p) as f:
                n += sum(int(l.split()[1]) for l in f if l.startswith("Pss:"))
        except OSError:
            pass
    return n


def idle(server, kind, n):
    conns = []

    def more(k):
        for i in range(k):
            if kind == "SMTP":
                s = socket.create_connection(("127.0.0.1", server.smtp), 60)
                s.recv(4096)
                s.sendall(b"EHLO x\r\n")
                s.recv(4096)
                conns.append(s)
                continue
            c = Imap(server.imaps if kind == "IMAP, TLS" else server.imap, kind == "IMAP, TLS")
            c.login(USERS[i % len(USERS)])
            c.cmd(b"SELECT INBOX")
            c.s.sendall(b"x IDLE\r\n")
            c.s.recv(4096)
            conns.append(c.s)
    more(50)
    time.sleep(1)
    before = memory(server.pids())
    more(n)
    time.sleep(2)
    after = memory(server.pids())
    for s in conns:
        s.close()
    time.sleep(1)
    return (after - before) / n


class Ours(Suite):
    def pids(self):
        return [self.proc.pid]

    def stored(self):
        return sum(r["messages"] for u in USERS for r in self.rows("mailbox", "list", u)
                   if r["name"] == "INBOX")


rows = []


def row(name, ours, theirs, less=False):
    ratio = (theirs / ours if less else ours / theirs) if ours > 0 and theirs else 0
    rows.append((name, ours, theirs, ratio))
    print("%-44s %12.1f %12.1f %8.2f" % (name, ours, theirs, ratio), flush=True)


def main():
    if not available():
        sys.exit("bench: needs root, Postfix and Dovecot")
    with tempfile.TemporaryDirectory() as d, Ours(CONF, accounts=USERS) as s:
        os.chmod(d, 0o755)
        certificate(d)
        p = Peers(d + "/peer", d, *free_ports(3))
        p.start()
        try:
            time.sleep(1)
            print("%-44s %12s %12s %8s" % ("a second", "Letterlock", "Postfix+Dov.", "ratio"))
            scale = 4 if QUICK else 1
            for c, ours, theirs in ((1, 4000, 800), (16, 16000, 2000), (64, 16000, 2000)):
                a, b = smtp(s, c, ours // scale), smtp(p, c, theirs // scale)
                row("4 KB messages accepted, %d connections" % c, a[0], b[0])
                row("4 KB messages stored, %d connections" % c, a[1], b[1])
            row("LOGIN + LOGOUT", logins(s, False), logins(p, False))
            row("LOGIN + LOGOUT, TLS", logins(s, True), logins(p, True))
            a, b = imap(s), imap(p)
            for k in a:
                row(k, a[k], b[k])
            print("%-44s %12s %12s %8s" % ("KiB", "", "", "theirs/ours"))
            n = 200 if QUICK else 1000
            row("an idle session, IMAP", idle(s, "IMAP", n), idle(p, "IMAP", 200), True)
            row("an idle session, IMAP, TLS", idle(s, "IMAP, TLS", n), idle(p, "IMAP, TLS", 200), True)
            row("an idle session, SMTP", idle(s, "SMTP", n), idle(p, "SMTP", 40), True)
        finally:
            p.stop()


main()
