#!/usr/bin/env python3
"""Hard cases of outgoing mail, by row: replies that are none (C16, C17), DNS (J),
proxies, connections and servers (L), what reaches a report (O6)."""
import os
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "../wire"))
from rig import A, AAAA, MX, OK, TLSA, Worker, a, mx  # noqa: E402
from smtpsink import Sink  # noqa: E402
from suite import certificate, diag, done, free_ports, is_, ok  # noqa: E402

PORT, OTHER = free_ports(2)
CERT = tempfile.mkdtemp(prefix="letterlock-cert-")
certificate(CERT)
TAKEN = ("ok", 250, "2.0.0")
NONE = ("temp", 0, "4.5.0")
CUT = ("temp", 0, "4.4.2")
places = []


def place(**server):
    """A server at an address of its own."""
    places.append(Sink(host="127.9.1.%d" % (len(places) + 1), port=PORT, **server))
    return places[-1]


def known(w, name, *sinks):
    """Its servers, by preference."""
    w.dns[name, MX] = (OK, [mx(10 * (k + 1), "mx%d.%s" % (k, name)) for k in range(len(sinks))])
    for k, s in enumerate(sinks):
        w.dns["mx%d.%s" % (k, name), A] = (OK, [a(s.listener.getsockname()[0])])


def reset(data, *pieces):
    """The end of a message is answered like this, then the connection is reset."""
    def end(message, session):
        for p in pieces:
            session.sock.sendall(p)
        session.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return None
    return {"END": end}


def split(message, session):
    session.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for b in b"250 2.0.0 ta":
        session.sock.sendall(bytes([b]))
    return "ken"


def parting(reply):
    """The last word, and closed at once, whatever was sent ahead."""
    def say(args, session):
        session.sock.sendall(reply)
        session.sock.shutdown(socket.SHUT_WR)
        return None
    return say


#	row	what			server			result
REPLIES = (
    ("C16", "10,000 lines", {"EHLO": "\n".join(["250-x"] * 9999 + ["250 x"])}, NONE),
    ("C16", "a line of 1 MB", {"EHLO": "250-sink\n250 " + "x" * 1000000}, None),
    ("C16", "lines for ever", {"EHLO": "\n".join(["250-x"] * 200000)}, NONE),
    ("C16", "the code changes", {"EHLO": "250-x\n550 y"}, NONE),
    ("C16", "10,000 lines in the end", {"END": "\n".join(["250-x"] * 9999 + ["250 x"])}, NONE),
    ("C17", "250 without a text", {"RCPT": "250"}, TAKEN),
    ("C17", "25", {"RCPT": "25"}, NONE),
    ("C17", "2500", {"RCPT": "2500 x"}, NONE),
    ("C17", "a space before", {"RCPT": " 250"}, NONE),
    ("C17", "a tab behind", {"RCPT": "250\t"}, NONE),
    ("C17", "999", {"RCPT": "999 x"}, NONE),
    ("C17", "a code alone", {"RCPT": "5.7.2"}, NONE),
    ("C17", "nothing behind the code", {"RCPT": "550 5.7.2"}, ("no", 550, "5.7.2")),
    ("C17", "an enhanced code cut off", {"RCPT": "550 5.7"}, ("no", 550, "5.0.0")),
    ("L10", "250, then a reset", reset("END", b"250 2.0.0 taken\r\n"), TAKEN),
    ("L10", "half of a 250, then a reset", reset("END", b"250 2.0.0 tak"), CUT),
    ("L10", "250 in pieces", {"END": split}, TAKEN),
    ("L10", "250 with a text of 1 MB", {"END": "250 " + "x" * 1000000}, TAKEN),
    ("L11", "421 to MAIL", {"MAIL": "421 4.3.2 going"}, ("temp", 421, "4.3.2")),
    ("L11", "421 to RCPT", {"RCPT": "421 4.3.2 going"}, ("temp", 421, "4.3.2")),
    ("L11", "421 to DATA", {"DATA": "421 4.3.2 going"}, ("temp", 421, "4.3.2")),
    ("L11", "421 to the end", {"END": "421 4.3.2 going"}, ("temp", 421, "4.3.2")),
    ("L11", "greylisted", {"RCPT": "451 4.7.1 later"}, ("temp", 451, "4.7.1")),
    ("L11", "a reply of another kind to DATA", {"DATA": "250 what"}, None),
    ("L11", "MAIL refused and closed", {"MAIL": parting(b"550 5.7.1 not you\r\n")}, ("no", 550, "5.7.1")),
    ("L11", "RCPT refused and closed", {"RCPT": parting(b"550 5.1.1 nobody\r\n")}, ("no", 550, "5.1.1")),
    ("L13", "SIZE 0", {"EHLO": "250-sink\n250 SIZE 0"}, TAKEN),
    ("L13", "SIZE alone", {"EHLO": "250-sink\n250 SIZE"}, TAKEN),
    ("L13", "SIZE x", {"EHLO": "250-sink\n250 SIZE x"}, TAKEN),
    ("L13", "SIZE 10", {"EHLO": "250-sink\n250 SIZE 10"}, ("no", 0, "5.3.4")),
    ("L13", "a SIZE beyond numbers", {"EHLO": "250-sink\n250 SIZE 99999999999999999999999"}, TAKEN),
)
#	a first server, whether another one is asked behind it, and the result
TURNS = (
    ("L11", "421 at once", {"greeting": "421 4.3.2 busy"}, True, TAKEN),
    ("L11", "450 at once", {"greeting": "450 4.3.2 busy"}, True, TAKEN),
    ("L11", "554 at once", {"greeting": "554 5.7.1 go away"}, False, ("no", 554, "5.7.1")),
    ("L11", "421 to EHLO", {"replies": {"EHLO": "421 4.3.2 busy"}}, True, TAKEN),
    ("L11", "421 in a transaction", {"replies": {"RCPT": "421 4.3.2 busy"}}, False, ("temp", 421, "4.3.2")),
    ("L11", "greylisted", {"replies": {"RCPT": "451 4.7.1 later"}}, False, ("temp", 451, "4.7.1")),
    ("L11", "a greeting that is none", {"greeting": "SSH-2.0"}, True, TAKEN),
)


def direct(more="", port=PORT, private=True):
    return Worker("%stransport \"t\" direct port %d %s\n" % (
        "allow-private-addresses\n" if private else "", port, more), "t")


def one(w, dest, *rcpts, **kw):
    r = w.wait(w.relay(dest, rcpts or ["u@" + dest], **kw))
    if r is None:
        diag(w.logged()[-3000:])
        return []
    return r.short()


def replies(w):
    wants = []
    for n, (row, what, server, want) in enumerate(REPLIES):
        s = place(ext=["8BITMIME", "PIPELINING"], replies=server)
        known(w, "r%d.example" % n, s)
        wants.append((row + " " + what, want, w.relay("r%d.example" % n, ["u@r%d.example" % n]), s))
    for (name, want, _, s), r in zip(wants, w.wait(*[x[2] for x in wants])):
        if want is None:		# bounded, and for now
            ok(r and r.short()[0][0] == "temp" or s.messages and r.short() == [TAKEN], name + ": it ends") or diag(r and r.short())
        else:
            is_(r and r.short(), [want], name)
        ok(r and all(len(x[4]) <= 1024 and all(" " <= c <= "~" for c in x[4]) for x in r.results),
           name + ": a short text without controls")
        ok(len(s.sessions) <= 1, name + ": asked once")


def turns(w):
    for n, (row, what, server, more, want) in enumerate(TURNS):
        first, second = place(**server), place()
        known(w, "t%d.example" % n, first, second)
        is_(one(w, "t%d.example" % n), [want], "%s %s" % (row, what))
        is_((len(first.sessions), len(second.sessions)), (1, int(more)),
            "%s %s: the next one is %sasked" % (row, what, "" if more else "not "))


def dns(w):
    s = place()
    addr = s.listener.getsockname()[0]
    known(w, "alias.example", s)
    w.canonical["mx0.alias.example", A] = "real.elsewhere.example"
    is_(one(w, "alias.example"), [TAKEN], "J1 a CNAME where a mail server is")
    w.canonical["whole.example", MX] = "other.example"
    w.dns["other.example", A] = w.dns["whole.example", A] = (OK, [a(addr)])
    is_((one(w, "whole.example"), s.messages[-1]["rcpts"]), ([TAKEN], ["u@whole.example"]),
        "J1 a CNAME at the domain: the recipient stays as it is")
    w.dns["null.example", MX] = (OK, [mx(0, "")])
    is_(one(w, "null.example"), [("no", 556, "5.1.10")], "J2 null MX")
    known(w, "mixed.example", s)
    w.dns["mixed.example", MX][1].append(mx(0, ""))
    is_(one(w, "mixed.example"), [TAKEN], "J2 a null MX among others says nothing")
    w.dns["rdata.example", MX] = (OK, [b"\0", b"\0\1", b"", b"\0\1\xc0\0", b"\0\1\x3fx"])
    is_(one(w, "rdata.example")[0][0], "temp", "J6 MX records that are none")
    w.dns["a.example", A], w.dns["a.example", AAAA] = (OK, [b"\x7f", b"", addr.encode()]), (OK, [b"x"])
    is_(one(w, "a.example")[0][2], "5.4.4", "J6 addresses that are none")
    w.silent.add(("hung.example", MX))
    w.relay("hung.example", ["u@hung.example"])
    w.until(lambda: ("hung.example", MX) in w.asked)
    is_(one(w, "alias.example"), [TAKEN], "J10 while nobody answers about one domain another goes out")
    six = Sink(host="::1", port=PORT)
    w.dns["six.example", MX] = (OK, [mx(1, "v6.six.example")])
    w.dns["v6.six.example", AAAA] = (OK, [a("::1")])
    is_((one(w, "six.example"), len(six.messages)), ([TAKEN], 1), "J11 IPv6 alone")
    w.dns["both.example", AAAA], w.dns["both.example", A] = (OK, [a("2001:db8::1")]), (OK, [a(addr)])
    is_(one(w, "both.example"), [TAKEN], "J11 IPv6 broken, IPv4 works")


PRIVATE = ("127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.0.1",
           "100.64.0.1", "::1", "::", "fe80::1", "fc00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
           "224.0.0.1", "255.255.255.255", "ff02::1")


def private():
    with direct(private=False) as w:
        for n, addr in enumerate(PRIVATE):
            w.dns["p%d.example" % n, AAAA if ":" in addr else A] = (OK, [a(addr)])
            is_(one(w, "p%d.example" % n), [("no", 0, "5.4.4")], "J3 %s is not gone to" % addr)
        w.dns["localhost", A] = (OK, [a("127.0.0.1")])
        is_(one(w, "localhost"), [("no", 0, "5.4.4")], "J3 nor localhost")
        w.dns["loop.example", MX] = (OK, [mx(5, "ME.Example"), mx(9, "elsewhere.example")])
        is_(one(w, "loop.example"), [("no", 0, "5.4.6")], "J3 our own name: a loop")


def many():
    """J5: a flood of servers, of which a few are asked."""
    s = Sink(host="0.0.0.0", port=OTHER, greeting="421 4.3.2 busy")
    with direct("no-ipv6", OTHER) as w:
        w.dns["many.example", MX] = (OK, [mx(k % 3, "m%d.many.example" % k) for k in range(100)])
        for k in range(100):
            w.dns["m%d.many.example" % k, A] = (OK, [a("127.9.2.%d" % (k % 250 + 1))])
        is_(one(w, "many.example"), [("temp", 421, "4.3.2")], "J5 100 mail servers")
        ok(1 < len(s.sessions) <= 5, "J5 five are asked at most") or diag(len(s.sessions))
        ok(len([x for x in w.asked if x[1] == A]) <= 10, "J5 and ten looked for")
        hosts = {x[0] for x in w.asked if x[1] == A}
        ok(all(int(h[1:h.index(".")]) % 3 == 0 for h in hosts), "J5 the preferred ones")
        before = len(s.sessions)
        w.dns["wide.example", A] = (OK, [a("127.9.3.%d" % k) for k in range(1, 101)])
        is_(one(w, "wide.example"), [("temp", 421, "4.3.2")], "J5 100 addresses")
        ok(len(s.sessions) - before <= 5, "J5 five are tried at most")
    s.close()


def tlsa(w):
    """J7: no TLSA record is read beyond its end; of those that say nothing none counts."""
    s = place(cert=CERT)
    clear = place()
    rows = [b"", b"\3", b"\3\1", b"\3\1\1", b"\3\1\1" + bytes(16), b"\0\0\1" + bytes(32), b"\1\0\1" + bytes(32),
            b"\xff\1\1" + bytes(32), b"\3\2\1" + bytes(32), b"\3\1\x09" + bytes(32), b"\3\1\2" + bytes(32)]
    sets = [[r] for r in rows] + [rows, rows * 9]
    for n, records in enumerate(sets):
        for server, want in (s, [TAKEN]), (clear, [("temp", 0, "4.7.5")]):
            name = "j7%s%d.example" % ("s" if server is s else "c", n)
            known(w, name, server)
            owner = "_%d._tcp.mx0.%s" % (PORT, name)
            w.dns[owner, TLSA] = (OK, records)
            w.secure |= {(owner, TLSA), (name, MX), ("mx0." + name, A), ("mx0." + name, AAAA)}
            is_(one(w, name), want, "J7 %s: TLS is needed, whoever signed%s" % (
                "record %d octets, %s" % (len(records[0]), records[0][:3].hex()) if len(records) == 1 else
                "%d such" % len(records), "" if server is s else ", and not there"))


def reuse(w):
    """L6: a connection is for one policy."""
    s = place(cert=CERT, ext=["8BITMIME"])
    known(w, "reuse.example", s)
    got, made = w.at_once(s, lambda: [one(w, "reuse.example", requiretls=k) for k in (0, 2)])
    is_(got, [[TAKEN]] * 2, "L6 with a policy and without")
    ok(len(s.sessions) >= 2 and made == 0, "L6 have a connection each, which is used again") or diag(len(s.sessions), made)
    is_(one(w, "reuse.example", requiretls=1), [("no", 554, "5.7.30")], "L6 and one that wants more does not ride along")
    s = place(replies={"RCPT": lambda arg, x: "450 4.2.1 later" if "<two" in arg else
                       "550 5.1.1 no" if "<three" in arg else "250 ok"})
    known(w, "three.example", s)
    is_(one(w, "three.example", *["%s@three.example" % k for k in ("one", "two", "three")]),
        [TAKEN, ("temp", 450, "4.2.1"), ("no", 550, "5.1.1")], "L8 three recipients, three outcomes")
    evil = "550-5.1.1 a\n550-5.1.1 X-Evil: \0\xff\x1b[2J<b>\n550 5.1.1 " + "y" * 3000
    s = place(replies={"RCPT": evil})
    known(w, "o6.example", s)
    r = w.wait(w.relay("o6.example", ["u@o6.example"]))
    ok(r and r.short() == [("no", 550, "5.1.1")] and len(r.results[0][4]) <= 1024 and
       all(" " <= c <= "~" for c in r.results[0][4]), "O6 what a server says: one line, bounded, without controls") or diag(r and r.short(), r and r.results[0][4])


def old(s):
    """A server that knows nothing newer than TLS 1.1."""
    def context():
        warnings.simplefilter("ignore")		# Python finds them too old as well
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        c.minimum_version, c.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        c.set_ciphers("ALL:@SECLEVEL=0")
        c.load_cert_chain(CERT + "/mail.crt", CERT + "/mail.key")
        return c
    s.context = context
    return s


def tls(w):
    """Appendix A.5: whom TLS that is only opportunistic takes, and whom it does not."""
    expired = tempfile.mkdtemp(prefix="letterlock-cert-")
    subprocess.run("openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=elsewhere.example "
                   "-keyout mail.key -out req && openssl x509 -req -in req -signkey mail.key -days -1 -out mail.crt",
                   shell=True, cwd=expired, check=True, stderr=subprocess.DEVNULL)
    for name, s, how in (("expired", place(cert=expired), "unverified"), ("old", old(place(cert=CERT)), "TLS failed")):
        known(w, name + ".example", s)
        r = w.wait(w.relay(name + ".example", ["u@%s.example" % name]))
        ok(r and r.short() == [TAKEN] and r.tls.endswith(how), "A.5 %s: %s" % (name, how)) or diag(r and (r.short(), r.tls))
        with direct("tls required") as strict:
            known(strict, name + ".example", s)
            is_(one(strict, name + ".example"), [TAKEN] if name == "expired" else [("temp", 0, "4.7.5")],
                "A.5 %s, where TLS is required" % name)


class Proxy:
    """Says what it is told, then is the server behind it."""

    def __init__(self, target):
        self.target, self.script, self.serves, self.asked, self.served = target, [], False, [], 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            c = self.listener.accept()[0]
            self.served += 1
            threading.Thread(target=self.run, args=(c, list(self.script), self.serves), daemon=True).start()

    def run(self, c, script, serves):
        try:
            for say in script:
                self.asked.append(c.recv(1000))
                for piece in say if isinstance(say, list) else [say]:
                    c.sendall(piece)
            if serves:
                self.be(c)
        except OSError:
            pass
        finally:
            c.close()

    def be(self, c):
        t = socket.create_connection(self.target)
        t.recv(1000)		# the greeting is in the script
        threading.Thread(target=self.pump, args=(c, t), daemon=True).start()
        self.pump(t, c)

    def pump(self, x, y):
        try:
            while True:
                d = x.recv(65536)
                if not d:
                    return y.shutdown(socket.SHUT_WR)
                y.sendall(d)
        except OSError:
            pass


GREET = b"220 sink ESMTP\r\n"
V4 = b"\5\0\0\1\x7f\0\0\1\0\x19"
PROXIES = [("L1", "no method", [b"\5\xff"]), ("L1", "version 4", [b"\4\0"]), ("L1", "one octet", [b"\5"]),
           ("L1", "a login nobody offered", [b"\5\2extra"]), ("L1", "nothing", [b""]),
           ("L1", "method 1", [b"\5\1"])] + \
          [("L2", "reply %d" % k, [b"\5\0", bytes([5, k]) + V4[2:]]) for k in list(range(1, 9)) + [9, 0xff]] + \
          [("L2", "an address of kind 9", [b"\5\0", b"\5\0\0\x09" + bytes(30)]),
           ("L2", "an address cut off", [b"\5\0", V4[:6]]),
           ("L2", "a name cut off", [b"\5\0", b"\5\0\0\3\xffabc"]),
           ("L2", "version 4 in the reply", [b"\5\0", b"\4" + V4[1:]])]
GOOD = [("L2", "the greeting in the same piece", [b"\5\0", V4 + GREET]),
        ("L2", "IPv6", [b"\5\0", b"\5\0\0\4" + bytes(18) + GREET]),
        ("L2", "an empty name", [b"\5\0", b"\5\0\0\3\0\0\x19" + GREET]),
        ("L2", "a name of 255 octets", [b"\5\0", b"\5\0\0\3\xff" + b"n" * 255 + b"\0\x19" + GREET]),
        ("L2", "octet by octet", [[b"\5", b"\0"], [bytes([x]) for x in V4 + GREET]])]


def proxies():
    s = place()
    addr = s.listener.getsockname()[0]
    p = Proxy((addr, PORT))
    conf = ('allow-private-addresses\ntransport "t" socks address 127.0.0.1 port %d remote-port %d '
            'remote-ips { 192.0.2.1 } remote-hostname "out.example"' % (p.port, PORT))
    with Worker(conf + "\n", "t") as w:
        for n, (row, what, script) in enumerate(PROXIES + GOOD):
            name = "s%d.example" % n
            known(w, name, s)
            before, good = (len(s.sessions), p.served), n >= len(PROXIES)
            p.script, p.serves = script, good
            got = one(w, name)
            ok(got == [TAKEN] if good else got and got[0][:2] == ("temp", 0) and got[0][2] in ("4.4.1", "4.7.8"),
               "%s %s: %s" % (row, what, "taken" if good else "put off")) or diag(got)
            is_((len(s.sessions) - before[0], p.served - before[1]), (int(good), 1),
                "%s %s: %s" % (row, what, "through it" if good else "asked once, and nothing goes around it"))
    with Worker(conf + " remote-dns\n", "t") as w:
        p.script, p.serves, p.asked = GOOD[0][2], True, []
        for dest, host in (("b\u00fccher.example", None), ("xn--bcher-kva.example", b"mx.xn--bcher-kva.example"),
                           ("local.example", b"localhost")):
            w.dns[dest, MX] = (OK, [mx(10, (host or b"x").decode())])
            got = one(w, dest)
            if host is None:
                is_(got, [("no", 0, "5.1.2")], "L3 a destination is never beyond ASCII here")
                continue
            is_((got, p.asked[-1]), ([TAKEN], b"\5\1\0\3" + bytes([len(host)]) + host + struct.pack(">H", PORT)),
                "L3 %s: by its name alone" % host.decode())
            ok(not any(x[0] == host.decode() for x in w.asked), "L3 and we do not ask for it")
        got = one(w, ".".join(["x" * 60] * 5) + ".example")
        is_(got, [("no", 0, "5.1.2")], "L3 a name of over 255 octets is none")
        got = one(w, "[%s]" % addr)
        is_((got, p.asked[-1][:4]), ([TAKEN], b"\5\1\0\1"), "L3 an address is an address")
    with Worker(conf.replace("allow-private-addresses\n", "") + "\n", "t") as w:
        before = p.served
        is_((one(w, "[127.0.0.1]"), p.served), ([("no", 0, "5.4.4")], before), "L3 nor is a proxy a way to private ones")
    with Worker(conf.replace("allow-private-addresses\n", "") + " remote-dns\n", "t") as w:
        p.script, p.serves, p.asked = GOOD[0][2], True, []
        for n, host in enumerate(("localhost", "mx.localhost", "10.0.0.5", "127.1", "intranet")):
            w.dns["own%d.example" % n, MX] = (OK, [mx(10, host)])
            is_((one(w, "own%d.example" % n), p.asked), ([("no", 0, "5.4.4")], []), "L3 by the name %s neither" % host)
        w.dns["both.example", MX] = (OK, [mx(10, "10.0.0.5"), mx(20, "mx.both.example")])
        is_((one(w, "both.example"), [x[5:-2] for x in p.asked if x[5:]]), ([TAKEN], [b"mx.both.example"]),
            "L3 another server of the domain has its turn")


with direct() as worker:
    replies(worker)
    turns(worker)
    dns(worker)
    tlsa(worker)
    reuse(worker)
    tls(worker)
private()
many()
proxies()
done()
