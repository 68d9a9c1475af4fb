#!/usr/bin/env python3
"""Direct delivery through SOCKS proxies: by address and by name, with and without
a password, a real one, hostile ones, and never around them."""
import shutil
import smtplib
import socket
import struct
import subprocess
import threading

from dns import Dns, a, mx
from smtpsink import Sink
from suite import DOMAIN, PASSWORD, Suite, diag, done, free_ports, is_, ok, skip, wait_for

ALICE = "alice@" + DOMAIN


class Proxy:
    """SOCKS 5 that connects to the sink whatever is asked, and remembers that."""

    def __init__(self, to, login=None, code=0, raw=None, cut=None):
        self.to, self.login, self.code, self.raw, self.cut = to, login, code, raw, cut
        self.asked, self.logins, self.served = [], [], 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            threading.Thread(target=self.guarded, args=(self.listener.accept()[0],), daemon=True).start()

    def guarded(self, c):
        try:
            self.one(c)
        except (OSError, EOFError):
            pass
        finally:
            c.close()

    def get(self, c, n):
        d = b""
        while len(d) < n:
            x = c.recv(n - len(d))
            if not x:
                raise EOFError
            d += x
        return d

    def one(self, c):
        self.served += 1
        if self.raw is not None:
            c.sendall(self.raw)
            c.recv(1000)
            return
        methods = self.get(c, self.get(c, 2)[1])
        if self.login:
            if 2 not in methods:
                c.sendall(b"\5\xff")
                return
            c.sendall(b"\5\2")
            user = self.get(c, self.get(c, 2)[1]).decode()
            password = self.get(c, self.get(c, 1)[0]).decode()
            self.logins.append((user, password))
            c.sendall(b"\1\0" if (user, password) == self.login else b"\1\1")
            if (user, password) != self.login:
                return
        else:
            c.sendall(b"\5\0")
        kind = self.get(c, 4)[3]
        if kind == 3:
            where = self.get(c, self.get(c, 1)[0]).decode()
        else:
            where = socket.inet_ntop(socket.AF_INET if kind == 1 else socket.AF_INET6,
                                     self.get(c, 4 if kind == 1 else 16))
        self.asked.append((kind, where, struct.unpack(">H", self.get(c, 2))[0]))
        if self.cut:
            c.sendall(b"\5\0\0\1\x7f")
            return
        code = self.code(where) if callable(self.code) else self.code
        if code:
            c.sendall(bytes([5, code, 0, 1, 0, 0, 0, 0, 0, 0]))
            return
        s = socket.create_connection(("127.0.0.1", self.to))
        # the reply and the greeting of the server in one piece
        greeting = s.recv(1000)
        c.sendall(b"\5\0\0\1\x7f\0\0\1\0\x19" + greeting)
        for x, y in ((c, s), (s, c)):
            threading.Thread(target=self.pump, args=(x, y), daemon=True).start()
        threading.Event().wait(300)

    def pump(self, x, y):
        try:
            while True:
                d = x.recv(65536)
                if not d:
                    break
                y.sendall(d)
            y.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def submit(s, to):
    c = smtplib.SMTP("127.0.0.1", s.submission)
    c.login(ALICE, PASSWORD)
    c.sendmail(ALICE, [to], "From: %s\r\nTo: %s\r\nSubject: to %s\r\n\r\nx\r\n" % (ALICE, to, to))
    c.quit()


def last(s, to):
    return next((r.get("last") or "" for r in s.rows("queue", "list") if r["to"] == to), "")


class There(Sink):
    """Behind the real proxy; who comes."""
    peers = []

    def run(self, s):
        self.peers.append(s.sock.getpeername()[0])
        Sink.run(self, s)


sink = Sink()
there = There(at=lambda point, session: at(point, session))
zone = {}
for d in "plain", "login", "wrong", "name", "refused", "rules", "cut", "http", "down", "real", "reallogin", "six":
    zone[("%s.example" % d, "MX")] = [mx(10, "mx1.%s.example" % d), mx(20, "mx2.%s.example" % d)]
    zone[("mx1.%s.example" % d, "A")] = [a("127.0.0.11" if not d.startswith("real") else "127.0.0.1")]
    zone[("mx2.%s.example" % d, "A")] = [a("127.0.0.12" if not d.startswith("real") else "127.0.0.1")]
    zone[("mx1.%s.example" % d, "AAAA")] = [a("::1")]
dns = Dns(zone)
proxies = {
    "plain": Proxy(sink.port),
    "login": Proxy(sink.port, login=("someone", "behind the proxy")),
    "wrong": Proxy(sink.port, login=("someone", "something else")),
    "name": Proxy(sink.port),
    "refused": Proxy(sink.port, code=lambda w: 5 if w == "127.0.0.11" else 0),
    "rules": Proxy(sink.port, code=2),
    "cut": Proxy(sink.port, cut=True),
    "http": Proxy(sink.port, raw=b"HTTP/1.0 400 Bad Request\r\n\r\n"),
    "six": Proxy(sink.port),
}
down_port, real_port = free_ports(2)
options = {"reallogin": 'auth "proxy"', "login": 'auth "proxy"', "wrong": 'auth "proxy"', "name": "remote-dns"}
CONF = "resolver 127.0.0.1@%d\nallow-private-addresses\n" % dns.port
for name in list(proxies) + ["down", "real", "reallogin"]:
    port = down_port if name == "down" else proxies[name].port if name in proxies else real_port
    CONF += 'transport "%s" socks address 127.0.0.1 port %d remote-port %d remote-ips { %s } ' \
        'remote-hostname "out.%s.example" %s\nroute to "%s.example" transport "%s"\n' % (
            name, port, there.port if name.startswith("real") else 2525, "2001:db8::1" if name == "six" else "192.0.2.9",
            name, options.get(name, ""), name, name)


def arrived(to):
    return wait_for(lambda: next((m for m in sink.messages if to in str(m)), None))


def delivered(s, name):
    to = "x@%s.example" % name
    submit(s, to)
    return ok(arrived("to " + to), "%s: delivered" % name) or diag(last(s, to), s.logged()[-2000:])


def put_off(s, name, why):
    to = "x@%s.example" % name
    submit(s, to)
    return ok(wait_for(lambda: why in last(s, to)), "%s: put off, and why" % name) or \
        diag(last(s, to), s.logged()[-2000:])


OUT = "127.0.0.66"	# where the real proxy comes from
stalled, gate = threading.Event(), threading.Event()


def at(point, session):
    if point == "DATA" and not gate.is_set():
        stalled.set()
        gate.wait(180)


def microsocks(*more):
    p = subprocess.Popen(["microsocks", "-i", "127.0.0.1", "-p", str(real_port), "-b", OUT] + list(more),
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", real_port)) == 0)
    return p


def end(p):
    p.kill()
    p.wait()


def real(s):
    """A real proxy, that is there, is away, wants a password, and dies under way."""
    to = "x@real.example"
    submit(s, to)
    ok(wait_for(lambda: "refused" in last(s, to)), "real: away: put off")
    p = microsocks()
    s.ctl("queue", "kick", "--to", to)
    ok(wait_for(lambda: len(there.messages) == 1), "real: it is there: delivered") or diag(last(s, to))
    end(p)
    p = microsocks("-u", "someone", "-P", "behind the proxy")
    submit(s, "y@real.example")
    ok(wait_for(lambda: "4.4.1" in last(s, "y@real.example") or "4.7.8" in last(s, "y@real.example")),
       "real: it wants a login and there is none: put off") or diag(last(s, "y@real.example"))
    submit(s, "x@reallogin.example")
    ok(wait_for(lambda: len(there.messages) == 2), "real: with a login: delivered") or diag(last(s, "x@reallogin.example"))
    end(p)
    gate.clear()
    p = microsocks()
    s.ctl("queue", "kick", "--to", "y@real.example")
    ok(stalled.wait(180), "real: a delivery is under way")
    end(p)
    ok(wait_for(lambda: "4.4.2" in last(s, "y@real.example")), "real: the proxy dies: put off") or \
        diag(last(s, "y@real.example"))
    gate.set()
    p = microsocks()
    s.ctl("queue", "kick", "--to", "y@real.example")
    ok(wait_for(lambda: [m for m in there.messages if m["rcpts"] == ["y@real.example"]]),
       "real: it is back: delivered") or diag(last(s, "y@real.example"))
    end(p)
    is_(set(there.peers), {OUT}, "real: nobody but the proxy ever came")


def main():
    gate.set()
    with Suite(CONF) as s:
        s.ctl("secret", "set", "proxy", "someone", input="behind the proxy\n")
        delivered(s, "plain")
        is_(proxies["plain"].asked[:1], [(1, "127.0.0.11", 2525)], "plain: the address of the first server, IPv4")
        ok(any("out.plain.example" in c for x in sink.sessions for c in map(str, x.commands)),
           "plain: introduced by remote-hostname")
        delivered(s, "login")
        is_(proxies["login"].logins, [("someone", "behind the proxy")], "login: user and password")
        delivered(s, "name")
        is_(proxies["name"].asked[:1], [(3, "mx1.name.example", 2525)], "name: the proxy is given the name")
        ok(not any(q[0].startswith("mx1.name") for q in dns.asked), "name: and nobody else is asked for it")
        delivered(s, "refused")
        is_([w for _, w, _ in proxies["refused"].asked], ["127.0.0.11", "127.0.0.12"],
            "refused: by one server, then the next one")
        delivered(s, "six")
        is_(proxies["six"].asked[:1], [(4, "::1", 2525)], "six: only the family of remote-ips")
        before = len(sink.messages)
        put_off(s, "wrong", "the proxy refuses the login")
        put_off(s, "rules", "rules do not allow it")
        is_(len(proxies["rules"].asked), 1, "rules: no other server is tried through it")
        put_off(s, "cut", "through proxy 127.0.0.1")
        put_off(s, "http", "does not speak SOCKS version 5")
        put_off(s, "down", "refused")
        is_(len(sink.messages), before, "and nothing went around a proxy")
        ok("transport wrong: proxy 127.0.0.1: the proxy refuses the login" in s.logged(), "a refused login shouts")
        ok("behind the proxy" not in s.logged(), "no password in the log")
        if shutil.which("microsocks"):
            real(s)
        else:
            skip("no microsocks here")
    done()


main()
