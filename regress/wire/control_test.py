#!/usr/bin/env python3
"""The control socket and who speaks no letterctl there: control lives, and answers
those that do."""
import os
import socket
import struct

from suite import Suite, done, is_, ok, skip, wait_for

M_CTL, REPLY = 600, 0x80000000


def connect(s):
    c = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    c.settimeout(60)
    c.connect(s.dir + "/control.sock")
    return c


def text(b):
    return struct.pack(">I", len(b)) + b


def request(n, verb, *args):
    return struct.pack(">II", M_CTL, n) + text(verb) + struct.pack(">I", len(args)) + \
        b"".join(text(a) for a in args) + text(b"") + struct.pack(">I", 0)


def closed(c):
    try:
        return c.recv(65536) == b""
    except ConnectionResetError:
        return True


GARBAGE = [
    ("no header", b"\0\0"),
    ("a type that there is not", struct.pack(">II", 999, 1)),
    ("another's message", struct.pack(">II", 100, 1) + bytes(8)),
    ("an answer", struct.pack(">II", M_CTL | REPLY, 1)),
    ("no payload", struct.pack(">II", M_CTL, 1)),
    ("a length beyond the end", struct.pack(">III", M_CTL, 1, 0xffffffff) + b"x"),
    ("very many arguments", struct.pack(">II", M_CTL, 1) + text(b"status") + struct.pack(">I", 0xffffffff)),
    ("octets left over", request(1, b"status") + b"x"),
    ("a packet that is too long", struct.pack(">II", M_CTL, 1) + bytes(20000)),
]

with Suite() as s:
    pid = s.pid("control")
    for name, octets in GARBAGE:
        c = connect(s)
        c.send(octets)
        ok(closed(c), "%s: the connection ends" % name)
        c.close()

    c = connect(s)
    c.send(request(7, b"status"))
    kind, n = struct.unpack(">II", c.recv(65536)[:8])
    is_((kind, n), (M_CTL | REPLY, 7), "a request is answered")
    c.send(request(7, b"no such thing"))
    is_(c.recv(65536)[:8], struct.pack(">II", M_CTL | REPLY, 7), "its id is free again")
    c.close()

    # asks, and goes before the answer
    for i in range(50):
        c = connect(s)
        c.send(request(1, b"account list"))
        c.close()
    # asks, and never reads
    c = connect(s)
    c.settimeout(2)
    n = 0
    try:
        while n < 5000:
            n += 1
            c.send(request(n, b"account list"))
    except OSError:
        pass
    ok(wait_for(lambda: s.ctl_run("status").returncode == 0), "letterctl has its answers meanwhile")
    c.close()
    # descriptors that nobody asked for
    c = connect(s)
    fd = os.open("/dev/null", os.O_RDONLY)
    c.send(request(100, b"status"))
    c.recv(65536)
    may_see = os.geteuid() == 0		# what another process has open
    before = len(os.listdir("/proc/%d/fd" % pid)) if may_see else 0
    for i in range(20):
        socket.send_fds(c, [request(i + 1, b"status")], [fd])
        c.recv(65536)
    if may_see:
        ok(wait_for(lambda: len(os.listdir("/proc/%d/fd" % pid)) <= before), "descriptors are not kept")
    else:
        skip("descriptors are not kept: only root sees them")
    c.close()
    is_(s.pid("control"), pid, "it is the same process still")
done()
