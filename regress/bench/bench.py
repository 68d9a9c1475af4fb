#!/usr/bin/env python3
"""
Letterlock beside Postfix and Dovecot, on this machine, in one run, as ratios:
messages accepted and stored, mail sent to others, what a long queue costs, TLS
handshakes, logins, IMAP work, what others notice of a search, and what an idle
session costs.  Parts: messages, relay, queue, handshakes, logins, imap, beside,
idle; without any, all are run.
"""
import argparse
import base64
import json
import os
import random
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "wire")]
import queuebench  # noqa: E402
import suite  # noqa: E402
from peers import Peers, available  # noqa: E402
from suite import BUILD, DOMAIN, PASSWORD, Suite, certificate, free_ports, wait_for  # noqa: E402



def arguments():
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("--quick", action="store_true", help="less of each")
    a.add_argument("--messages", type=int, default=0, metavar="N", help="IMAP work with so many of mixed sizes")
    a.add_argument("parts", nargs="*", metavar="PART")
    return a.parse_args()


ASKED = arguments()
QUICK = ASKED.quick
MESSAGES = ASKED.messages
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


SIZES = (1, 2, 2, 3, 3, 4, 4, 6, 8, 12, 20, 60)	# KiB, mixed


_r = random.Random(1)
WORDS = [b"".join(_r.choice((b"ka", b"to", b"mi", b"re", b"sun", b"el")) for _ in range(3)) for _ in range(500)]
LINES = b"".join(b" ".join(_r.choices(WORDS, k=10)) + b"\r\n" for _ in range(2000))
BASE64 = base64.encodebytes(_r.randbytes(98304)).replace(b"\n", b"\r\n")


def mixed(i):
    """Message i: text, the larger ones with an attachment."""
    r = random.Random(i)
    size = r.choice(SIZES) * 1024
    at = LINES.index(b"\n", r.randrange(100000)) + 1
    text = LINES[at:LINES.index(b"\n", at + min(size, 8192)) + 1]
    head = (b"From: Sender %d <s%d@example.com>\r\nTo: u0@letterlock.test\r\nSubject: message %d about %s\r\n"
            b"Date: Mon, 02 Jan 2023 10:%02d:%02d +0000\r\nMessage-ID: <m%d@example.com>\r\nMIME-Version: 1.0\r\n"
            % (i % 500, i % 500, i, r.choice(WORDS), i // 60 % 60, i % 60, i))
    if size <= 8192:
        return head + b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + text
    at = r.randrange(500) * 78
    return (head + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n" +
            text + b"\r\n--b\r\nContent-Type: application/octet-stream; name=a\r\n"
            b"Content-Transfer-Encoding: base64\r\n\r\n" + BASE64[at:at + size // 78 * 78] + b"--b--\r\n")


def fill(port, user, n, name=b"INBOX"):
    """n messages of mixed sizes, by MULTIAPPEND where there is such a thing."""
    c = Imap(port)
    c.login(user)
    for i in range(0, n, 50):
        all = [mixed(k) for k in range(i, min(i + 50, n))]
        c.cmd(b"APPEND " + name + b"".join(b" {%d+}\r\n" % len(m) + m for m in all))
    c.s.close()


def append(port, n):
    """On one connection, one after the other."""
    c = Imap(port)
    c.login(USERS[1])
    text = b"Subject: x\r\n\r\n" + b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n" * 62
    return rate(lambda: [c.cmd(b"APPEND INBOX {%d+}\r\n" % len(text) + text) for _ in range(n)], n, 2)


FIELDS = b"FETCH 1:* (BODY.PEEK[HEADER.FIELDS (FROM TO CC SUBJECT DATE MESSAGE-ID)])"
EVERY = b"FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)"


def imap(server, name=b"INBOX"):
    """One mailbox, that of the first user: (row, a second), one after the other."""
    c = Imap(server.imap)
    c.login(USERS[0])
    c.cmd(b"SELECT " + name)
    c.s.sendall(b"t STATUS %s (MESSAGES)\r\n" % name)
    n = int(c.s.recv(4096).decode().split("MESSAGES ")[1].split(")")[0])
    many = 3 if n < 50000 else 1

    def each(text, command, times=many):
        return text + ", messages", rate(lambda: c.cmd(command), n, times)

    def flags():
        c.cmd(b"STORE 1:* +FLAGS.SILENT (\\Flagged)")
        c.cmd(b"STORE 1:* -FLAGS.SILENT (\\Flagged)")

    def one():
        for i in range(200):
            c.cmd(b"STORE %d +FLAGS (\\Seen)" % (i % n + 1))
            c.cmd(b"STORE %d -FLAGS (\\Seen)" % (i % n + 1))
    yield "APPEND, one connection", append(server.imap, 100 if QUICK else 1000)
    yield "SELECT", rate(lambda: [c.cmd(b"SELECT " + name) for _ in range(200)], 200)
    yield each("FETCH UID FLAGS", b"FETCH 1:* (UID FLAGS)")
    yield each("FETCH ENVELOPE BODYSTRUCTURE, first", EVERY, 1)
    yield each("FETCH ENVELOPE BODYSTRUCTURE, again", EVERY)
    yield each("FETCH six header fields", FIELDS)
    megabytes = c.cmd(b"FETCH 1:* BODY.PEEK[]") / 1e6
    yield "FETCH BODY.PEEK[], MB", rate(lambda: c.cmd(b"FETCH 1:* BODY.PEEK[]"), megabytes, many)
    yield each("SEARCH SUBJECT, first", b'SEARCH SUBJECT "zebra"', 1)
    yield each("SEARCH SUBJECT, again", b'SEARCH SUBJECT "zebra"')
    yield each("SORT DATE", b"SORT (DATE) UTF-8 ALL")
    yield each("SORT SUBJECT", b"SORT (SUBJECT) UTF-8 ALL")
    yield each("THREAD REFERENCES", b"THREAD REFERENCES UTF-8 ALL")
    yield each("SEARCH BODY, no match", b'SEARCH BODY "zebra crossing"')
    # two octets: all are read
    yield "SEARCH BODY, plain scan, MB", rate(lambda: c.cmd(b'SEARCH BODY "zq"'), megabytes, many)
    yield "STORE 1:*, messages", rate(flags, 2 * n, many)
    yield "STORE of one message", rate(one, 400)
    c.s.close()


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


IDLE = {"IMAP": [], "IMAP, TLS": ["-t"], "IMAP, TLS, COMPRESS": ["-t", "-z"]}


def idle_imap(server, options, n):
    """By idleload: n of them, besides those that were there before; and who holds them."""
    p = subprocess.Popen([BUILD + "/regress/bench/idleload", "-n", str(len(FIRST)), "-p", PASSWORD,
                          "-u", ",".join("%s@%s" % (u, DOMAIN) for u in FIRST)] + options +
                         [str(server.imaps if "-t" in options else server.imap)],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def wait():
        if p.stdout.readline() != "idle\n":
            sys.exit("idleload did not hold its sessions")
        time.sleep(1)
        return memory(server.pids())
    before = wait()
    p.stdin.write("%d\n" % n)
    p.stdin.flush()
    after = wait()
    return (after - before) / n, p


def idle_smtp(server, n):
    conns = []

    def more(k):
        for i in range(k):
            s = socket.create_connection(("127.0.0.1", server.smtp), 60)
            s.recv(4096)
            s.sendall(b"EHLO x\r\n")
            s.recv(4096)
            conns.append(s)
        time.sleep(1)
        return memory(server.pids())
    before = more(50)
    after = more(n)
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
    name = b"INBOX"
    if MESSAGES:
        name = b"mixed"
        for server in s, p:
            c = Imap(server.imap)
            c.login(USERS[0])
            c.cmd(b"CREATE mixed")
            fill(server.imap, USERS[0], MESSAGES, name)
    # By turns, so that both have the same weather.
    for (what, ours), (_, theirs) in zip(imap(s, name), imap(p, name)):
        row(what, ours, theirs)


def beside(s, p):
    """What others notice while one session searches all bodies, in the same store."""
    n = MESSAGES or (5000 if QUICK else 100000)
    out = []
    for server in s, p:
        c, noop, stop = Imap(server.imap), Imap(server.imap), threading.Event()
        for x in c, noop:
            x.login(USERS[0])
        c.cmd(b"CREATE beside")
        fill(server.imap, USERS[0], n, b"beside")
        c.cmd(b"SELECT beside")
        quiet = append(server.imap, 200)

        def search():
            while not stop.is_set():
                c.cmd(b'SEARCH BODY "zq"')  # too short for a filter
        t = threading.Thread(target=search)
        t.start()
        took = []
        for _ in range(500):
            began = time.perf_counter()
            noop.cmd(b"NOOP")
            took.append(time.perf_counter() - began)
            time.sleep(0.002)
        busy = append(server.imap, 200)
        stop.set()
        t.join()
        out.append((sorted(took)[494] * 1e3, busy / quiet))
    row("NOOP beside a search, 99 %, ms", out[0][0], out[1][0], True)
    row("APPEND beside a search / alone", out[0][1], out[1][1])


def idles(s, p):
    print("%-44s %12s %12s %8s" % ("KiB", "", "", "theirs/ours"))
    n = 1000 if QUICK else 10000
    for u in FIRST:
        fill(p.imap, u, 10)
    held = []
    for kind, options in IDLE.items():
        # What sessions before left free is not to be counted: another suite, and
        # theirs stay.  They have no COMPRESS without a plugin.
        with Ours(CONF, accounts=FIRST) as fresh:
            for u in FIRST:
                fill(fresh.imap, u, 10)
            ours, load = idle_imap(fresh, options, n)
            load.kill()
            load.wait()
        theirs = 0
        if "-z" not in options:
            theirs, load = idle_imap(p, options, 200 if QUICK else 500)
            held.append(load)
        row("%d idle sessions, %s" % (n, kind), ours, theirs, True)
    for load in held:
        load.kill()
        load.wait()
    row("an idle session, SMTP", idle_smtp(s, n // 10), idle_smtp(p, 40), True)


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
    "beside": beside,
    "idle": idles,
}


def main():
    words = ASKED.parts
    if not set(words) <= set(PARTS):
        sys.exit("bench: the parts are " + ", ".join(PARTS))
    if not available():
        sys.exit("bench: needs root, Postfix and Dovecot")
    if "imap" in words and "messages" not in words and not MESSAGES:
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
