"""
A relay worker by itself: this process is its parent, queued and lookup, all at
once, over packets as common/imsg.h has them.
"""
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../wire"))
from suite import BUILD, USERS, certificate  # noqa: E402

M_LINK, M_STOP, M_READY, M_RELAY, M_DNS, M_STS, REPLY = 7, 12, 14, 400, 500, 501, 0x80000000
LOOKUP, QUEUED = 4, 8
OK, NODATA, NXDOMAIN, TEMPFAIL, BOGUS = range(5)
A, CNAME, MX, AAAA, TLSA = 1, 5, 15, 28, 52
RESULT = ("ok", "no", "temp")

# A child has its link to the parent as descriptor 3.  Here that is held, so that
# nothing of subprocess's own, nor a connection of a thread's, is in its place.
while os.open("/dev/null", os.O_RDONLY) < 3:
    pass


def string(s):
    s = s.encode("utf-8") if isinstance(s, str) else s
    return struct.pack(">I", len(s)) + s


def name(n):
    out = b""
    for label in n.rstrip(".").split("."):
        if label:
            out += bytes([len(label)]) + label.encode()
    return out + b"\0"


def mx(pref, host):
    return struct.pack(">H", pref) + name(host)


def a(addr):
    return socket.inet_pton(socket.AF_INET6 if ":" in addr else socket.AF_INET, addr)


class Reader:
    def __init__(self, data):
        self.data = data

    def num(self, n):
        v, self.data = int.from_bytes(self.data[:n], "big"), self.data[n:]
        return v

    def string(self):
        n = self.num(4)
        v, self.data = self.data[:n], self.data[n:]
        return v


class Answer:
    """msg_relay_done."""

    def __init__(self, data):
        r = Reader(data)
        self.id = r.num(8)
        self.host, self.address, self.tls = (r.string().decode() for _ in range(3))
        self.dsn = r.num(1)
        self.results = []
        for _ in range(r.num(4)):
            rid, res, code = r.num(8), RESULT[r.num(1)], r.num(4)
            self.results.append((rid, res, code, r.string().decode(), r.string().decode()))
        assert not r.data

    def short(self):
        return [(x[1], x[2], x[3]) for x in self.results]


class Worker:
    def __init__(self, conf, transport="default", hostname="me.example", lookup=True):
        self.dir = tempfile.mkdtemp(prefix="letterlock-relay-")
        os.chmod(self.dir, 0o755)
        os.makedirs(self.dir + "/state/empty")
        root = os.geteuid() == 0
        certificate(self.dir)
        with open(self.dir + "/conf", "w") as f:
            f.write('hostname "%s"\nstate "%s/state"\nlog "stderr"\n' % (hostname, self.dir))
            f.write('certificate "m" cert "%s/mail.crt" key "%s/mail.key"\n' % (self.dir, self.dir))
            f.write('listen on 127.0.0.1 port 25 smtp\n')
            f.write((USERS if root else "") + conf)
        self.parent, child = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # what is read before the child is there must find room
        self.parent.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        subprocess.run([BUILD + "/regress/relay/born", self.dir + "/conf", transport,
                        "1" if root else "0"], check=True, pass_fds=(3,),
                       preexec_fn=lambda: os.dup2(self.parent.fileno(), 3))
        # a pipe: the cage lets it write no file
        self.proc = subprocess.Popen([BUILD + "/queued", "-R", "relay"], stderr=subprocess.PIPE,
                                     pass_fds=(3,), preexec_fn=lambda: os.dup2(child.fileno(), 3))
        child.close()
        self.lines = []
        self.reader = threading.Thread(target=self.read_log, daemon=True)
        self.reader.start()
        self.dns, self.asked, self.answers, self.next = {}, [], {}, 1
        self.delay_dns, self.silent = False, set()
        self.secure, self.canonical = set(), {}
        self.queued = self.link(QUEUED)
        self.lookup = self.link(LOOKUP) if lookup else None

    def link(self, role):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for s in ours, theirs:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        m = struct.pack(">IIBIQ", M_LINK, 0, role, 0, 1) + string("") + struct.pack(">I", 0)
        socket.send_fds(self.parent, [m], [theirs.fileno()])
        theirs.close()
        return ours

    def relay(self, dest, rcpts, body=b"A: b\r\n\r\nhello\r\n", frm="a@me.example", utf8=0,
              bodytype=0, requiretls=0, envid="", ret=0, notify=0, orcpt="", size=None, fd=True):
        i = self.next
        self.next += 1
        rc = b"".join(struct.pack(">Q", k + 1) + string(r) + string(orcpt) +
                      struct.pack(">I", notify) for k, r in enumerate(rcpts))
        m = struct.pack(">IIQ", M_RELAY, i, i) + string(frm) + \
            struct.pack(">Q", len(body) if size is None else size) + string(dest) + \
            string(envid) + bytes([ret, utf8, bodytype, requiretls]) + \
            struct.pack(">I", len(rcpts)) + rc
        self.raw(m, body if fd else None)
        return i

    def at_once(self, sink, send):
        """
        What comes of send(), done twice, and how many new connections that needed
        the second time.  An idle one is kept for 5 s: on a machine that stands still
        for so long, again.
        """
        for _ in range(5):
            t = time.monotonic()
            send()
            before = len(sink.sessions)
            got = send()
            if time.monotonic() - t < 4:
                break
        return got, len(sink.sessions) - before

    def raw(self, m, body):
        if body is None:
            self.queued.send(m)
            return
        with tempfile.TemporaryFile() as f:
            f.write(body)
            f.flush()
            socket.send_fds(self.queued, [m], [f.fileno()])

    def turn(self, timeout=0.05):
        socks = [s for s in (self.parent, self.queued, self.lookup) if s is not None]
        for s in select.select(socks, [], [], timeout)[0]:
            try:
                data = s.recv(65536)
            except OSError:
                data = b""
            if not data:
                if s is self.queued:
                    self.queued = None
                elif s is self.lookup:
                    self.lookup = None
                else:
                    self.parent = None
                s.close()
                continue
            t, i = struct.unpack(">II", data[:8])
            if s is self.queued and t == M_RELAY | REPLY:
                assert i not in self.answers
                self.answers[i] = Answer(data[8:])
            elif s is self.queued and t == M_STS:	# no policy
                self.queued.send(struct.pack(">II", M_STS | REPLY, i) + b"\0" + string("") + string(""))
            elif s is self.lookup and t == M_DNS:
                self.answer_dns(i, Reader(data[8:]))

    def answer_dns(self, i, r):
        host, rtype = r.string().decode(), r.num(2)
        self.asked.append((host, rtype))
        if self.delay_dns or (host, rtype) in self.silent:
            return
        status, records = self.dns.get((host, rtype), (None, None))
        if status is None:
            status = NODATA if any(k[0] == host for k in self.dns) else NXDOMAIN
            records = []
        m = struct.pack(">II", M_DNS | REPLY, i) + bytes([status, (host, rtype) in self.secure or host in self.secure]) + struct.pack(">I", 60) + \
            string(self.canonical.get((host, rtype), host)) + struct.pack(">I", len(records)) + b"".join(string(x) for x in records)
        self.lookup.send(m)

    def wait(self, *ids, timeout=180):
        """The answers to these, in order; None for one that does not come."""
        end = time.monotonic() + timeout
        while any(i not in self.answers for i in ids) and time.monotonic() < end and \
                self.parent is not None and self.queued is not None:
            self.turn()
        got = [self.answers.get(i) for i in ids]
        return got[0] if len(got) == 1 else got

    def until(self, what, timeout=180):
        end = time.monotonic() + timeout
        while not what() and time.monotonic() < end:
            self.turn()
        return what()

    def read_log(self):
        for line in self.proc.stderr:
            self.lines.append(line.decode(errors="replace"))

    def logged(self):
        """What it has said so far; all of it when it has ended."""
        if self.proc.poll() is not None:
            self.reader.join()
        return "".join(self.lines)

    def send_stop(self):
        self.parent.send(struct.pack(">II", M_STOP, 0))

    def ended(self, timeout=180):
        """Its exit status, None while it runs."""
        try:
            return self.proc.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def close(self):
        if self.proc.poll() is None:
            self.proc.send_signal(signal.SIGKILL)
            self.proc.wait()
        for s in self.parent, self.queued, self.lookup:
            if s is not None:
                s.close()
        self.reader.join()
        self.proc.stderr.close()
        if not os.environ.get("KEEP"):
            shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
        return False
