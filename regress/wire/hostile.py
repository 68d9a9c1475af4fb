"""
A suite some of whose smtpd and fronts are the test's: see hostile.c.  What may be
said is read from common/msg.h and common/msg.c.

    with Hostiles(conf) as s:
        h = s.get("front")
        h.link("auth").ask("M_CONN_OPEN", number=1, fd=fd)
"""
import array
import contextlib
import os
import queue
import re
import shutil
import signal
import socket
import struct
import threading

import suite
from suite import TOP

ROLES = ["parent", "control", "auth", "keys", "lookup", "smtpd", "front", "store", "queued", "relay"]
REPLY = 0x80000000
LONG = 120


# ---- messages -------------------------------------------------------------------------

def _types():
    text = re.sub(r"/\*.*?\*/", "", open(TOP + "/common/msg.h").read(), flags=re.S)
    body = re.search(r"enum msg_type \{(.*?)\};", text, re.S).group(1)
    out, n = {}, 0
    for item in body.split(","):
        m = re.match(r"\s*(M_\w+)\s*(?:=\s*(\d+))?\s*$", item)
        if m:
            n = int(m.group(2)) if m.group(2) else n
            out[m.group(1)] = n
            n += 1
    return out


def _codecs():
    text = open(TOP + "/common/msg.c").read()
    head = open(TOP + "/common/msg.h").read()
    raw = {}
    for name, body in re.findall(r"struct (msg_\w+) \{(.*?)\};", head, re.S):
        for field, size in re.findall(r"uint8_t (\w+)\[(\d+)\]", body):
            raw[name, field] = int(size)
    fields, out = {}, {}
    for name, body in re.findall(r"static const struct field (f_\w+)\[\] = \{(.*?)\};", text, re.S):
        fields[name] = [(kind, field, sub and sub.strip(" &"), raw.get((msg, field))) for kind, msg, field, _, sub in
                        re.findall(r"F_(\w+)\((\w+), (\w+)(?:, (\w+))?(?:, ([&\s\w]+))?\)", body)]
    for name, f in re.findall(r"const struct codec (c_\w+) =\s*CODEC\(\w+,\s*(f_\w+)\);", text):
        out[name] = fields[f]
    return out


TYPES, CODECS = _types(), _codecs()
NAMES = {v: k for k, v in TYPES.items()}
# what a request or notice carries, and its answer
CARRIES = {"M_CONN_OPEN": ("c_number", "c_conn_opened"), "M_CONN_TLS": ("c_conn_tls", None),
           "M_CONN_KEY": ("c_conn_key", "c_conn_identity"), "M_CONN_CLOSED": ("c_number", None),
           "M_SASL_START": ("c_sasl_start", "c_sasl"), "M_SASL_STEP": ("c_sasl_step", "c_sasl"),
           "M_SASL_ABORT": ("c_number", "c_sasl"), "M_RCPT": ("c_text", "c_rcpt"),
           "M_MAY_USE": ("c_may_use", "c_result"), "M_ACCOUNT_ROUTES": ("c_number", "c_text"),
           "M_ACCOUNT_NAMED": ("c_text", "c_rcpt"), "M_SESSION": ("c_session", "c_result"),
           "M_END_SESSIONS": ("c_end_sessions", "c_number"), "M_ACCOUNT_GONE": ("c_account", "c_result"),
           "M_KEY_CLAIM": ("c_key_claim", "c_result"), "M_SLOT_WANT": ("c_number", None),
           "M_SLOT_SETTLED": ("c_slots", None), "M_QUEUE_COMMIT": ("c_commit", "c_stored"),
           "M_SUB_MAIL": ("c_sub_mail", "c_result"), "M_DELIVER": ("c_deliver", "c_stored"),
           "M_RELAY": ("c_relay", "c_relay_done"), "M_DNS": ("c_dns", "c_dns_answer"), "M_CTL": ("c_ctl", "c_ctl_page"),
           "M_SIGN": ("c_sign", "c_signature"), "M_END_PEER": ("c_link", None), "M_LINK_LOST": ("c_link", None),
           "M_WORKER_START": ("c_text", None), "M_SLOT": ("c_slot", None), "M_LINK": ("c_link", None),
           "M_LISTENER": ("c_number", None), "M_BIRTH": ("c_birth", None), "M_FAILED": ("c_text", None)}
_INT = {"U8": ">B", "U16": ">H", "U32": ">I", "U64": ">Q"}


def encode(codec, **values):
    out = b""
    for kind, name, sub, size in CODECS[codec]:
        v = values.pop(name, None)
        if kind in _INT:
            out += struct.pack(_INT[kind], v or 0)
        elif kind == "RAW":
            out += (v or b"").ljust(size, b"\0")
        elif kind == "LIST":
            out += struct.pack(">I", len(v or [])) + b"".join(encode(sub, **e) for e in v or [])
        else:
            v = (v or b"") if isinstance(v, (bytes, type(None))) else v.encode()
            out += struct.pack(">I", len(v)) + v
    assert not values, values
    return out


def decode(codec, data):
    out, at = {}, 0
    for kind, name, sub, size in CODECS[codec]:
        if kind in _INT:
            n = struct.calcsize(_INT[kind])
            out[name] = struct.unpack_from(_INT[kind], data, at)[0]
        elif kind == "RAW":
            n = size
            out[name] = data[at:at + n]
        else:
            length = struct.unpack_from(">I", data, at)[0]
            if kind == "LIST":
                return out
            at, n = at + 4, length
            out[name] = data[at:at + n]
        at += n
    return out


def send(sock, data, fds=()):
    anc = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    try:
        sock.sendmsg([data], anc)
        return True
    except OSError:
        return False


def receive(sock):
    """(octets, descriptors); b"" at the end."""
    try:
        data, anc, _, _ = sock.recvmsg(20000, socket.CMSG_SPACE(16))
    except socket.timeout:
        raise
    except OSError:
        return b"", []
    fds = array.array("i")
    for level, kind, d in anc:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(d[:len(d) - len(d) % fds.itemsize])
    return data, list(fds)


class Link:
    """One end of a link, in the hands of the test."""

    def __init__(self, fd):
        self.s = socket.socket(fileno=fd)
        self.s.setblocking(True)
        self.s.settimeout(LONG)
        self.id = 1000
        self.answers = {}
        self.gone = False

    def raw(self, kind, payload=b"", id=0, fds=()):
        kind = TYPES.get(kind, kind)
        return send(self.s, struct.pack(">II", kind, id) + payload, fds)

    def put(self, kind, fd=None, id=0, **fields):
        return self.raw(kind, encode(CARRIES[kind][0], **fields), id, [] if fd is None else [fd])

    def next(self):
        """(type, id, payload), None at the end."""
        data, fds = receive(self.s)
        for fd in fds:
            os.close(fd)
        if not data:
            self.gone = True
            return None
        return struct.unpack(">II", data[:8]) + (data[8:],)

    def answer(self, kind, id):
        while id not in self.answers:
            m = self.next()
            if m is None:
                return None
            if m[0] & REPLY:
                self.answers[m[1]] = m[2]
        return decode(CARRIES[kind][1], self.answers.pop(id))

    def ask(self, kind, fd=None, **fields):
        """The answer, None when the link ended."""
        self.id += 1
        self.put(kind, fd, self.id, **fields)
        return self.answer(kind, self.id)

    def ended(self):
        """Does it end?"""
        try:
            while self.next() is not None:
                pass
            return True
        except socket.timeout:
            return False

    def lives(self):
        """Is it still there, as far as can be seen at once?"""
        self.s.settimeout(0.05)
        try:
            while self.next() is not None:
                pass
            return False
        except socket.timeout:
            return True
        finally:
            self.s.settimeout(LONG)


# ---- processes ----------------------------------------------------------------------------

class Hostile:
    """A process of the suite that does what the test says."""

    def __init__(self, sock, suite_):
        self.s, self.suite = sock, suite_
        self.links, self.listeners, self.handshakes = {}, {}, queue.Queue()
        self.ready = threading.Event()
        self.role = self.instance = None
        self.conns = 0
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            data, fds = receive(self.s)
            if not data:
                return
            kind, data = data[:1], data[1:]
            if kind in b"TE":
                self.handshakes.put((kind, data))
                continue
            what = NAMES.get(struct.unpack(">I", data[:4])[0])
            m = decode(CARRIES[what][0], data[8:]) if what in CARRIES else {}
            if what == "M_BIRTH":
                self.role, self.instance = ROLES[m["role"]], m["instance"]
            elif what == "M_LISTENER":
                self.listeners[m["number"]] = socket.socket(fileno=fds.pop())
            elif what == "M_LINK":
                self.links[ROLES[m["role"]], m["instance"]] = Link(fds.pop())
            elif what == "M_BIRTH_END":
                self.parent("M_READY")
            elif what == "M_STOP":
                self.s.close()
                return
            for fd in fds:
                os.close(fd)
            if {("auth", 0), ("keys", 0)} <= set(self.links) and \
                    (self.role == "front" or {("queued", 0), ("store", 0), ("lookup", 0)} <= set(self.links)):
                self.ready.set()

    def parent(self, kind, payload=b"", id=0):
        send(self.s, b"P" + struct.pack(">II", TYPES.get(kind, kind), id) + payload)

    def link(self, role, instance=0):
        return self.links[role, instance]

    def connect(self, i):
        """A client's connection to listener i: (client, accepted).  The real
        process would take it, so that one sleeps meanwhile."""
        l = self.listeners[i]
        l.setblocking(False)
        with self.suite.asleep(self.role):
            for _ in range(1000):
                c = socket.create_connection(l.getsockname()[:2], LONG)
                while True:
                    try:
                        a, peer = l.accept()
                    except BlockingIOError:
                        break
                    if peer[1] == c.getsockname()[1]:
                        a.setblocking(True)
                        return c, a
                    a.close()
                c.close()
        raise OSError("the other process is always faster")

    def handshake(self, i, sock):
        """Facts of a handshake by the suite's code, or a text."""
        send(self.s, b"H" + struct.pack(">I", i), [sock.fileno()])
        kind, data = self.handshakes.get(timeout=LONG)
        if kind == b"E":
            return data.decode()
        out = {"has_key": data[0]}
        at = 1
        for name in ("key", "record", "version", "exporter", "unique", "end_point"):
            n = struct.unpack_from(">I", data, at)[0]
            out[name] = data[at + 4:at + 4 + n]
            at += 4 + n
        return out

    def dead(self):
        return self.s.fileno() == -1


class Hostiles(suite.Suite):
    """instances: of each role, the first of which is real."""

    def __init__(self, conf="", instances=4, **more):
        self.lock, self.real = threading.Lock(), {}
        self.pool = {"smtpd": queue.Queue(), "front": queue.Queue()}
        self.bin = os.path.join(suite.BUILD, "hostile-%d" % os.getpid())
        os.mkdir(self.bin, 0o755)
        build = suite.BUILD
        for name, of in (("authd", "authd"), ("smtpd", "regress/wire/hostile"), ("imapd", "regress/wire/hostile")):
            shutil.copy2(os.path.join(build, of), os.path.join(self.bin, name))
        for name, of in (("letterctl", "letterctl"), ("queued", "queued"), ("smtpd.real", "smtpd"),
                         ("imapd.real", "imapd")):
            os.symlink(os.path.join(build, of), os.path.join(self.bin, name))
        self.orders = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.orders.bind(self.bin + "/hostile")
        self.orders.listen(64)
        threading.Thread(target=self.take, daemon=True).start()
        suite.BUILD = self.bin
        super().__init__(conf=conf + "processes smtpd %d\nprocesses front %d\n" % (instances, instances), **more)

    @contextlib.contextmanager
    def asleep(self, role):
        """The real one of that role."""
        with self.lock:
            if role not in self.real:
                self.real[role] = self.pid(role, 0)
            os.kill(self.real[role], signal.SIGSTOP)
            try:
                yield
            finally:
                os.kill(self.real[role], signal.SIGCONT)

    def take(self):
        while True:
            try:
                c, _ = self.orders.accept()
            except OSError:
                return
            h = Hostile(c, self)
            threading.Thread(target=self.ready, args=(h,), daemon=True).start()

    def ready(self, h):
        if h.ready.wait(180):
            self.pool[h.role].put(h)

    def get(self, role):
        while True:
            h = self.pool[role].get(timeout=180)
            if not h.dead() and h.link("auth").lives():
                return h

    def put(self, h):
        self.pool[h.role].put(h)

    def stop(self):
        super().stop()
        self.orders.close()
        shutil.rmtree(self.bin, ignore_errors=True)
