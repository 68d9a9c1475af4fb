#!/usr/bin/env python3
"""
kill -9 of the workers, then of queued, at each point of an attempt, all points
at once: a server a point stalls there, with a transport and a message of its own.
Nothing is lost and nothing arrives in part; a message arrives twice only where
the answer to its end, or the word of it, was lost, and then the log says so.
"""
import os
import re
import signal
import smtplib
import socket
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "wire"))
from smtpsink import Sink  # noqa: E402
from suite import DOMAIN, PASSWORD, Suite, diag, done, is_, ok, wait_for  # noqa: E402

ALICE = "alice@" + DOMAIN
#	point	where its server stalls	how often the message arrives
POINTS = (
    ("connect", "CONNECT", 1),
    ("ehlo", "EHLO", 1),
    ("mail", "MAIL", 1),
    ("rcpt", "RCPT", 1),
    ("before354", "DATA", 1),
    ("body", "BODY", 1),
    ("dot", "END", 2),
    ("answered", "END", 2),     # the answer is in the socket, nobody read it
    ("lost", "END", 1),         # not taken: the server ends with the connection
)
BIG = "".join("%070d\r\n" % i for i in range(100000))


class Point:
    def __init__(self, name, where):
        self.name, self.where = name, where
        self.sink = Sink(ext=["8BITMIME"], at=self.at, replies={"END": self.end})
        # what a stalled server does not read does not fit into the kernel either
        self.sink.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.arm()

    def arm(self):
        """The next session stalls, which is a new one."""
        for x in self.sink.sessions:
            try:
                x.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.reached, self.gate = threading.Event(), threading.Event()
        self.session = None
        self.first = len(self.sink.messages)

    def at(self, point, session):
        if point == self.where and self.session is None:
            self.session = session
            self.reached.set()
            self.gate.wait()

    def end(self, message, session):
        """What is taken and not answered is taken nevertheless."""
        return None if self.name == "lost" and self.session in (None, session) else "250 2.0.0 taken"

    def arrived(self):
        return [m["data"] for m in self.sink.messages[self.first:]]


def body(point):
    return BIG if point == "body" else "A line.\r\n.dot\r\n"


def text(point, round_):
    to = "x@%s.example" % point
    return "From: %s\r\nTo: %s\r\nMessage-ID: <%s.%s@%s>\r\nSubject: %s\r\n\r\n%s" % (
        ALICE, to, point, round_, DOMAIN, round_, body(point))


def submit(s, point, round_):
    c = smtplib.SMTP("127.0.0.1", s.submission)
    c.login(ALICE, PASSWORD)
    c.sendmail(ALICE, ["x@%s.example" % point], text(point, round_))
    c.quit()


def pids(s, role):
    return {r["name"]: r["pid"] for r in s.rows("status") if r["role"] == role}


def lives(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def settled(s):
    rows = s.rows("queue", "list")
    return not rows and s.ctl_run("queue", "list").returncode == 0


def play(s, points, round_, victims):
    """All stall, the victims die, all go on."""
    for p in points.values():
        p.arm()
    for name in points:
        submit(s, name, round_)
    for p in points.values():
        ok(p.reached.wait(180), "%s: %s is reached" % (round_, p.name)) or diag(s.logged()[-3000:])
    dead, workers = victims(), list(pids(s, "relay").values())
    for pid in dead:
        os.kill(pid, signal.SIGSTOP)
    points["answered"].gate.set()
    ok(wait_for(points["answered"].arrived), round_ + ": the answer is on its way")
    for pid in dead:
        os.kill(pid, signal.SIGKILL)
    # a worker ends with queued; what it finished after that would be sent twice
    ok(wait_for(lambda: not any(map(lives, dead + workers))), round_ + ": they are dead, and all workers")
    for p in points.values():
        p.gate.set()
    if not ok(wait_for(lambda: settled(s), step=0.1), round_ + ": the queue runs empty"):
        diag(s.ctl("queue", "list"), s.logged()[-3000:])
    for name, _, times in POINTS:
        got = points[name].arrived()
        is_(len(got), times, "%s: killed at %s: it arrives %s" % (round_, name, "once" if times == 1 else "twice"))
        ok(all(d.endswith(b"\r\n\r\n" + body(name).encode()) and b"Message-ID: <%s.%s@" % (
            name.encode(), round_.encode()) in d for d in got),
           "%s: %s: whole, each time" % (round_, name))
        if times == 2:
            ok(re.search(r": possible duplicate to=<x@%s\.example>" % name, s.logged()) or re.search(
                r"to=<x@%s\.example> .*\(possible duplicate\)" % name, s.logged()),
               "%s: %s: the log says possible duplicate" % (round_, name))


def main():
    points = {name: Point(name, where) for name, where, _ in POINTS}
    conf = "allow-private-addresses\nretry first { 0, 1s, 2s, 3s, 4s, 5s } every 60s expire 1h\n"
    for p in points.values():
        conf += 'transport "%s" smtp host "127.0.0.1" port %d tls off\nroute to "%s.example" transport "%s"\n' % (
            p.name, p.sink.port, p.name, p.name)
    with Suite(conf) as s:
        play(s, points, "workers", lambda: list(pids(s, "relay").values()))
        play(s, points, "queued", lambda: list(pids(s, "queued").values()))
        is_(s.rows("verify"), [], "verify finds nothing wrong")
    done()


main()
