#!/usr/bin/env python3
"""
Letterlock beside Postfix and Dovecot, on this machine, in one run, as ratios:
messages accepted and stored, mail sent to others, what a long queue costs, TLS
handshakes, logins, IMAP work, and what an idle session costs.
	bench.py [--quick] [messages] [relay] [queue] [handshakes] [logins] [imap]
	    [idle]
Words choose parts; without any, all are run.
"""
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "wire")]
import queuebench  # noqa: E402
import suite  # noqa: E402
from peers import Peers, available  # noqa: E402
from suite import BUILD, DOMAIN, PASSWORD, Suite, certificate, free_ports, wait_for  # noqa: E402

QUICK = "--quick" in sys.argv
USERS = ["u%d" % i for i in range(8)]
FIRST = ["f%d" % i for i in range(64)]		# log in once each
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


def load(port, n, *options, users=USERS, times=3, before=None):
    """New connections a second, by loginload; the best of some runs."""
    best = 0
    for _ in range(times):
        if before:
            before()
        r = subprocess.run([BUILD + "/regress/bench/loginload", "-n", str(n), "-p", PASSWORD,
                            "-u", ",".join("%s@%s" % (u, DOMAIN) for u in users)] +
                           list(options) + [str(port)], capture_output=True, text=True)
        if r.returncode != 0:
            sys.exit("loginload %s: %s%s" % (" ".join(options), r.stdout, r.stderr))
        best = max(best, json.loads(r.stdout)["rate"])
    return best


def client_key(s):
    """A certificate whose key is that of the first user."""
    pem = s.dir + "/client.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=u0",
                    "-keyout", s.dir + "/client.key", "-out", pem],
                   check=True, stderr=subprocess.DEVNULL)
    with open(pem) as f:
        crt = f.read()
    with open(s.dir + "/client.key") as f:
        key = f.read()
    s.ctl("tlspubkey", "add", "--no-imap-preauth", "u0@" + DOMAIN, "bench", input=crt)
    with open(pem, "w") as f:
        f.write(crt + key)
    return pem


def logins(s, p):
    n = 1000 if QUICK else 4000

    def both(name, *options, less=1, theirs=True):
        tls = "-t" in options
        row(name, load(s.imaps if tls else s.imap, n // less, *options),
            load(p.imaps if tls else p.imap, n // less, *options) if theirs else 0)
    for c in ("1", "16"):
        both("LOGIN + LOGOUT, %s at once" % c, "-c", c)
        both("LOGIN + LOGOUT, TLS, %s at once" % c, "-c", c, "-t", less=4)

    def forget():
        old = s.kill("auth")
        wait_for(lambda: s.pid("auth") not in (None, old) and s.answers([s.imap]))
    row("PLAIN, first", load(s.imap, len(FIRST), "-m", "plain", users=FIRST, before=forget),
        load(p.imap, len(FIRST), "-m", "plain", users=FIRST, before=p.forget))
    both("PLAIN, repeated", "-m", "plain")
    both("PLAIN, repeated, TLS", "-m", "plain", "-t", less=4)
    both("SCRAM-SHA-256", "-m", "scram", less=4)
    both("EXTERNAL, TLS", "-m", "external", "-t", "-k", client_key(s), less=4, theirs=False)


class OwnKey(Suite):
    """The suite, but with a front that has the private key itself."""

    def start(self, timeout=60):
        bin, saved = self.dir + "/bin", suite.BUILD
        os.mkdir(bin)
        for f in ("authd", "smtpd", "queued", "letterctl", "regress/bench/imapd"):
            shutil.copy(BUILD + "/" + f, bin)
        shutil.copy(self.dir + "/mail.key", bin + "/key.pem")
        suite.BUILD = bin
        super().start(timeout)
        suite.BUILD = saved


def handshakes(p):
    """Until the greeting is there.  By turns, so that all have the same weather."""
    n = 500 if QUICK else 1500
    for kind in ("P-256", "RSA-2048"):
        made = []
        for c in (Suite, OwnKey):
            s = c(CONF, start=False)
            if kind != "P-256":
                rsa(s.dir)
            s.start()
            made.append(s)
        best = {}
        for _ in range(5):
            for i, port in enumerate((made[0].imaps, made[1].imaps, p.imaps)):
                best.setdefault(i, []).append(load(port, n, "-t", "-m", "greeting", times=1))
        for s in made:
            s.stop()
        keys, own, theirs = (max(best[i]) for i in range(3))
        row("TLS handshakes %s, keys process" % kind, keys, theirs if kind == "P-256" else 0)
        row("TLS handshakes %s, key in process" % kind, own, theirs if kind == "P-256" else 0)
        print("%-44s %12.3f" % ("keys process / key in process, %s" % kind, keys / own), flush=True)


def rsa(path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
                    "-subj", "/CN=localhost", "-keyout", path + "/mail.key",
                    "-out", path + "/mail.crt"], check=True, stderr=subprocess.DEVNULL)


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


def messages(s, p):
    scale = 4 if QUICK else 1
    for c, ours, theirs in ((1, 4000, 800), (16, 16000, 2000), (64, 16000, 2000)):
        a, b = smtp(s, c, ours // scale), smtp(p, c, theirs // scale)
        row("4 KB messages accepted, %d connections" % c, a[0], b[0])
        row("4 KB messages stored, %d connections" % c, a[1], b[1])


def commands(s, p):
    a, b = imap(s), imap(p)
    for k in a:
        row(k, a[k], b[k])


def idles(s, p):
    print("%-44s %12s %12s %8s" % ("KiB", "", "", "theirs/ours"))
    n = 200 if QUICK else 1000
    row("an idle session, IMAP", idle(s, "IMAP", n), idle(p, "IMAP", 200), True)
    row("an idle session, IMAP, TLS", idle(s, "IMAP, TLS", n), idle(p, "IMAP, TLS", 200), True)
    row("an idle session, SMTP", idle(s, "SMTP", n), idle(p, "SMTP", 40), True)


def relay(s, p):
    with tempfile.TemporaryDirectory() as d:
        os.chmod(d, 0o755)
        queuebench.relay(d, row, 2000 if QUICK else 10000)


def queue(s, p):
    def say(name, v):
        print("%-44s %12.2f" % (name, v), flush=True)
    queuebench.dead(say, 5000 if QUICK else 50000)
    queuebench.waiting(say, 100000)
    if not QUICK:
        queuebench.waiting(say, 1000000, "-d", "1000", "-l", "300")


# IMAP needs the messages to be there.
PARTS = {
    "messages": messages,
    "relay": relay,
    "queue": queue,
    "handshakes": lambda s, p: handshakes(p),
    "logins": logins,
    "imap": commands,
    "idle": idles,
}


def main():
    words = [a for a in sys.argv[1:] if a != "--quick"]
    if not set(words) <= set(PARTS):
        sys.exit("bench: the parts are " + ", ".join(PARTS))
    if not available():
        sys.exit("bench: needs root, Postfix and Dovecot")
    if "imap" in words and "messages" not in words:
        words.append("messages")
    with tempfile.TemporaryDirectory() as d, Ours(CONF, accounts=USERS + FIRST) as s:
        os.chmod(d, 0o755)
        certificate(d)
        p = Peers(d + "/peer", d, *free_ports(3))
        p.start()
        try:
            time.sleep(1)
            print("%-44s %12s %12s %8s" % ("a second", "Letterlock", "Postfix+Dov.", "ratio"))
            for name, part in PARTS.items():
                if not words or name in words:
                    part(s, p)
        finally:
            p.stop()


main()
