#!/usr/bin/env python3
"""A relay worker against servers that behave, refuse, lie, stall and vanish."""
import os
import signal
import socket
import struct
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "../wire"))
from rig import (A, AAAA, BOGUS, M_RELAY, MX, NODATA, OK, TEMPFAIL, Worker, a,  # noqa: E402
                 mx, string)
from smtpsink import Sink  # noqa: E402
from suite import certificate, diag, done, free_ports, is_, ok, wait_for  # noqa: E402

CERT = tempfile.mkdtemp(prefix="letterlock-cert-")
certificate(CERT)


def direct(port, more="", private=True):
    return "%stransport \"t\" direct port %d %s\n" % (
        "allow-private-addresses\n" if private else "", port, more)


def worker(port, more="", **kw):
    w = Worker(direct(port, more, kw.pop("private", True)), "t", **kw)
    w.dns[("x.example", MX)] = (OK, [mx(10, "mx.x.example")])
    w.dns[("mx.x.example", A)] = (OK, [a("127.0.0.1")])
    return w


def smarthost(port, more="tls off", host="127.0.0.1", **kw):
    return Worker('transport "t" smtp host "%s" port %d %s\n' % (host, port, more), "t", **kw)


def one(w, *rcpts, dest="x.example", **kw):
    """One delivery; what became of it, or None."""
    r = w.wait(w.relay(dest, rcpts or ["u@x.example"], **kw))
    if r is None:
        diag(w.logged()[-3000:])
    return r


# ---- delivering

sink = Sink(ext=["PIPELINING", "8BITMIME", "SIZE 1000000", "DSN", "SMTPUTF8"])
with worker(sink.port) as w:
    r = one(w, "u@x.example", "v@x.example", body=b"A: b\r\n\r\n.dot\r\n", ret=1, envid="e+2B1",
            notify=6, orcpt="rfc822;u@x.example")
    is_(r.short(), [("ok", 250, "2.0.0")] * 2, "two recipients in one transaction")
    is_((r.host, r.address, r.tls, r.dsn), ("mx.x.example", "127.0.0.1", "clear: no STARTTLS offered", 1),
        "by whom, where, without TLS, with DSN")
    is_(sink.messages[0]["data"], b"A: b\r\n\r\n.dot\r\n", "the body as it is")
    is_(sink.sessions[0].commands[:4],
        ["EHLO me.example", "MAIL FROM:<a@me.example> SIZE=14 RET=FULL ENVID=e+2B1",
         "RCPT TO:<u@x.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;u@x.example",
         "RCPT TO:<v@x.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;u@x.example"],
        "introduced by our name, with what DSN asks for")
    r, made = w.at_once(sink, lambda: [one(w) for _ in range(3)])
    is_([x.short() for x in r], [[("ok", 250, "2.0.0")]] * 3, "three more messages")
    is_(made, 0, "through the same connection")
    is_(w.asked.count(("x.example", MX)), 1, "DNS is asked once meanwhile")
    r = one(w, "u@b\u00fccher.example", utf8=1, frm="\u00e9@b\u00fccher.example")
    is_([c for c in sink.sessions[-1].commands if c != "QUIT"][-3:-1],
        ["MAIL FROM:<\u00c3\u00a9@b\u00c3\u00bccher.example> SIZE=15 SMTPUTF8",
         "RCPT TO:<u@xn--bcher-kva.example>"], "beyond ASCII, and in A-labels where that will do")
    before = len([s for s in sink.sessions if "QUIT" in s.commands])
    ids = [w.relay("x.example", ["u%d@x.example" % k]) for k in range(40)]
    got = w.wait(*ids)
    is_([g.short() for g in got], [[("ok", 250, "2.0.0")]] * 40, "forty at once")
    ok(1 < len(sink.sessions) - before <= 10, "through more connections, at most ten")
    is_(sorted(m["rcpts"][0] for m in sink.messages[-40:]),
        sorted("u%d@x.example" % k for k in range(40)), "each arrives once")
    lines = b"A: b\r\n\r\n" + b"".join(b"." * 70 + b"\r\n" for _ in range(13000))
    r = one(w, body=lines)
    ok(r.short() == [("ok", 250, "2.0.0")] and sink.messages[-1]["data"] == lines,
       "a megabyte of dots")
    ok(w.until(lambda: all("QUIT" in s.commands for s in sink.sessions)),
       "idle connections are ended with QUIT")

# ---- recipients

sink = Sink(replies={"RCPT": lambda arg, s: "550 5.1.1 no \x1b[2Jone" if "bad" in arg else
                     "451 4.7.1 later" if "grey" in arg else "250 2.1.5 ok"})
with worker(sink.port) as w:
    r = one(w, "u@x.example", "bad@x.example", "grey@x.example")
    is_(r.short(), [("ok", 250, "2.0.0"), ("no", 550, "5.1.1"), ("temp", 451, "4.7.1")],
        "each recipient has its own result")
    is_(r.results[1][4], "no ?[2Jone", "the server's text is made harmless")
    r, made = w.at_once(sink, lambda: [one(w, *x).short() for x in (("bad@x.example",), ())])
    is_(r[0], [("no", 550, "5.1.1")], "all refused")
    is_(r[1], [("ok", 250, "2.0.0")], "and the connection is still good")
    is_(made, 0, "it is the same one")

sink = Sink(replies={"RCPT": lambda arg, s: "452 4.5.3 many" if s.rcpts else "250 ok"})
with worker(sink.port) as w:
    is_(one(w, "1@x.example", "2@x.example", "3@x.example").short(), [("ok", 250, "2.0.0")] * 3,
        "too many at once go one after another")
    is_([m["rcpts"] for m in sink.messages],
        [["1@x.example"], ["2@x.example"], ["3@x.example"]], "in transactions of their own")

sink = Sink(ext=["PIPELINING", "SIZE 10"])
with worker(sink.port) as w:
    is_(one(w).short(), [("no", 0, "5.3.4")], "too large")
    is_(one(w, body=b"\r\n\xc3\xa9\r\n", bodytype=1).short(), [("no", 0, "5.6.3")], "8-bit")
    is_(one(w, body=b"x\r\n", frm="\u00e9@x", utf8=1).short(), [("no", 0, "5.6.7")],
        "internationalized")
    is_(one(w, requiretls=1).short(), [("no", 554, "5.7.30")], "REQUIRETLS")

# ---- servers that fail

for text, want in (("421 4.3.2 busy", ("temp", 421, "4.3.2")), ("554 5.7.1 go", ("no", 554, "5.7.1")),
                   ("SSH-2.0-x", ("temp", 0, "4.5.0"))):
    sink = Sink(greeting=text)
    with worker(sink.port) as w:
        is_(one(w).short(), [want], "greeting: " + text)

for verb, want in (("EHLO", "4.4.2"), ("MAIL", "4.4.2"), ("RCPT", "4.4.2"), ("DATA", "4.4.2"),
                   ("END", "4.4.2")):
    sink = Sink(replies={verb: None})
    with worker(sink.port) as w:
        is_(one(w).short(), [("temp", 0, want)], "cut after " + verb)

sink = Sink(cut_after=100000)
with worker(sink.port) as w:
    is_(one(w, body=b"x" * 70 + b"\r\n" * 200000).short(), [("temp", 0, "4.4.2")],
        "cut in the middle of the data")
    is_(sink.messages, [], "nothing was delivered")

sink = Sink(slow=0.01, replies={"EHLO": "502 what", "HELO": "250 sink"})
with worker(sink.port) as w:
    is_(one(w).short(), [("ok", 250, "2.0.0")], "a slow server that knows HELO only")

# A kept connection that ends: the next message has another.
n = [0]


def once(m, s):
    n[0] += 1
    return "250 ok"


sink = Sink(replies={"END": once, "MAIL": lambda arg, s: None if n[0] == 1 and
                     s is sink.sessions[0] else "250 ok"})
with worker(sink.port) as w:
    is_(one(w).short(), [("ok", 250, "2.0.0")], "a message")
    is_(one(w).short(), [("ok", 250, "2.0.0")], "the kept connection is cut: a new one takes it")
    is_(len(sink.sessions), 2, "at once")

sink = Sink()
with worker(sink.port) as w:
    r = one(w, size=1000)
    is_(r.short(), [("temp", 0, "4.3.0")], "a body shorter than it should be")
    is_(sink.messages, [], "is not delivered")
    is_(one(w, fd=False).short(), [("temp", 0, "4.3.0")], "a body that did not arrive")

# ---- where to

dead = free_ports(1)[0]
sink = Sink()
with worker(sink.port) as w:
    w.dns[("x.example", MX)] = (OK, [mx(10, "no.x.example"), mx(20, "mx.x.example")])
    w.dns[("no.x.example", A)] = (OK, [a("127.1.2.3")])
    r = one(w)
    is_((r.short(), r.host), ([("ok", 250, "2.0.0")], "mx.x.example"), "the second MX")
    w.dns[("null.example", MX)] = (OK, [mx(0, "")])
    is_(one(w, dest="null.example").short(), [("no", 556, "5.1.10")], "null MX")
    is_(one(w, dest="none.example").short(), [("no", 0, "5.1.2")], "no such domain")
    w.dns[("t.example", MX)] = (TEMPFAIL, [])
    is_(one(w, dest="t.example").short(), [("temp", 0, "4.4.3")], "DNS fails")
    w.dns[("b.example", MX)] = (BOGUS, [])
    is_(one(w, dest="b.example").short(), [("temp", 0, "4.4.3")], "DNSSEC fails")
    w.dns[("a.example", A)] = (OK, [a("127.0.0.1")])
    r = one(w, dest="A.Example")
    is_((r.short(), r.host), ([("ok", 250, "2.0.0")], "a.example"), "no MX: the domain itself")
    w.dns[("e.example", MX)] = (OK, [mx(1, "e1.example")])
    is_(one(w, dest="e.example").short(), [("no", 0, "5.4.4")], "an MX without an address")
    w.dns[("e1.example", A)] = (TEMPFAIL, [])
    is_(one(w, dest="e.example").short(), [("temp", 0, "4.4.3")], "or with one that is not known now")
    w.dns[("us.example", MX)] = (OK, [mx(10, "ME.example"), mx(10, "mx.x.example")])
    is_(one(w, dest="us.example").short(), [("no", 0, "5.4.6")], "we are its best MX: a loop")
    w.dns[("us2.example", MX)] = (OK, [mx(5, "mx.x.example"), mx(10, "me.example")])
    is_(one(w, dest="us2.example").short(), [("ok", 250, "2.0.0")], "better than us: fine")
    r = one(w, dest="[127.0.0.1]")
    is_((r.short(), r.host), ([("ok", 250, "2.0.0")], "[127.0.0.1]"), "an address literal")
    is_(one(w, dest="x..y").short(), [("no", 0, "5.1.2")], "no domain at all")
    w.dns[("six.example", AAAA)] = (OK, [a("::1")])
    r = one(w, dest="six.example")
    is_(r.short(), [("temp", 0, "4.4.1")], "IPv6 where nobody listens")
    w.dns[("both.example", AAAA)] = (OK, [a("::1")])
    w.dns[("both.example", A)] = (OK, [a("127.0.0.1")])
    is_([one(w, dest="both.example").short() for _ in range(4)], [[("ok", 250, "2.0.0")]] * 4,
        "both families: the one that works")


def two(four, six):
    """Two servers on one port, one a family."""
    for _ in range(20):
        try:
            f = Sink(**four)
            return f, Sink(host="::1", port=f.port, **six)
        except OSError:
            f.close()


policy = {"replies": {"RCPT": "550 5.7.1 not from your address"}}
for four, six, want, text in (
        (policy, {}, "ok", "refused for policy by one family"),
        ({}, {"greeting": "554 5.7.1 no PTR"}, "ok", "refused at the greeting"),
        (policy, policy, "no", "refused by both")):
    f, x = two(four, six)
    with worker(f.port) as w:
        w.dns[("both.example", AAAA)] = (OK, [a("::1")])
        w.dns[("both.example", A)] = (OK, [a("127.0.0.1")])
        is_([[r[0] for r in one(w, dest="both.example").short()] for _ in range(8)], [[want]] * 8,
            text + (": the other one takes it" if want == "ok" else ""))
        ok(len(f.sessions) + len(x.sessions) <= 16, "each is asked once a message at most")

with worker(sink.port, "no-ipv4") as w:
    is_(one(w).short(), [("no", 0, "5.4.4")], "no-ipv4")
    ok(("mx.x.example", A) not in w.asked, "is not even asked for")
with worker(dead) as w:
    r = one(w)
    ok(r.short() == [("temp", 0, "4.4.1")] and "refused" in r.results[0][4], "nobody listens")
with worker(sink.port, "source 127.0.0.9 helo \"other.example\"") as w:
    is_(one(w).short(), [("ok", 250, "2.0.0")], "source and helo")
    s = sink.sessions[-1]
    is_(s.commands[0], "EHLO other.example", "another name")
for addr in "127.0.0.1", "10.1.2.3", "192.168.1.1", "169.254.1.1", "0.0.0.0":
    with worker(sink.port, private=False) as w:
        w.dns[("mx.x.example", A)] = (OK, [a(addr)])
        is_(one(w).short(), [("no", 0, "5.4.4")], "%s is refused" % addr)
        if addr == "127.0.0.1":
            is_(one(w, dest="[127.0.0.1]").short(), [("no", 0, "5.4.4")], "also as a literal")
            is_(one(w, dest="[IPv6:::ffff:127.0.0.1]").short(), [("no", 0, "5.4.4")],
                "also within IPv6")
with worker(sink.port, lookup=False) as w:
    is_(one(w).short(), [("temp", 0, "4.4.3")], "lookup is away")
with worker(sink.port) as w:
    w.delay_dns = True
    i = w.relay("x.example", ["u@x.example"])
    w.until(lambda: w.asked)
    w.lookup.close()
    w.lookup = None
    is_(w.wait(i).short(), [("temp", 0, "4.4.3")], "lookup dies with our question")

# ---- TLS

sink = Sink(cert=CERT)
with worker(sink.port) as w:
    r = one(w)
    ok(r.short() == [("ok", 250, "2.0.0")] and r.tls.startswith("TLSv1.") and
       sink.messages[0]["tls"], "STARTTLS when it is offered, whoever signed")
    is_(sink.sessions[0].commands[:3], ["EHLO me.example", "STARTTLS", "EHLO me.example"],
        "EHLO is said again")
    is_(sink.tls_names, ["mx.x.example"], "with the server's name")
    is_(one(w, requiretls=1).short(), [("no", 554, "5.7.30")], "REQUIRETLS needs more than that")

sink = Sink(cert=CERT, broken_tls=True)
with worker(sink.port) as w:
    r = one(w)
    ok(r.short() == [("ok", 250, "2.0.0")] and r.tls == "clear: TLS failed" and len(sink.sessions) == 2,
       "TLS that fails: again in clear at once")
with worker(sink.port, "tls required") as w:
    is_(one(w).short(), [("temp", 0, "4.7.5")], "unless it is required")
    is_(len(sink.messages), 1, "nothing leaves in clear")

for text in "454 4.7.0 not now", "500 what", "502 5.5.1 no":
    sink = Sink(cert=CERT, replies={"STARTTLS": text})
    with worker(sink.port) as w:
        is_(one(w).short(), [("ok", 250, "2.0.0")], "STARTTLS refused, %s: in clear" % text)
    with worker(sink.port, "tls required") as w:
        is_(one(w).short(), [("temp", 0, "4.7.5")], "unless it is required: later")

sink = Sink()
with worker(sink.port, "tls required") as w:
    is_(one(w).short(), [("temp", 0, "4.7.5")], "STARTTLS stripped")
    ok(not any(c.startswith("MAIL") for c in sink.sessions[0].commands), "and nothing is said")

sink = Sink(cert=CERT, inject=b"250-evil\r\n250 AUTH LOGIN\r\n250 ok\r\n250 ok\r\n354 go\r\n")
with worker(sink.port, "tls required") as w:
    r = one(w)
    # Either it came in one piece and is forgotten, or TLS chokes on it.
    ok(r.short() in ([("ok", 250, "2.0.0")], [("temp", 0, "4.7.5")]),
       "B10: replies injected behind the 220")
    ok(all(m["tls"] for m in sink.messages) and
       len(sink.messages) == (r.short()[0][0] == "ok"), "only what TLS carried counts")

sink = Sink(cert=CERT, tls_ext=["SIZE 1000"], ext=["PIPELINING", "DSN", "SIZE 1"])
with worker(sink.port) as w:
    r = one(w)
    ok(r.short() == [("ok", 250, "2.0.0")] and r.dsn == 0,
       "what the server said before TLS is forgotten")

with worker(sink.port, "tls off") as w:
    one(w)
    ok("STARTTLS" not in sink.sessions[-1].commands, "tls off")

# ---- a smarthost

sink = Sink(cert=CERT, implicit=True)
with smarthost(sink.port, "tls implicit verify no") as w:
    r = one(w, "u@far.example", dest="far.example")
    ok(r.short() == [("ok", 250, "2.0.0")] and r.tls.startswith("TLS"), "implicit TLS")
    r, made = w.at_once(sink, lambda: [one(w, "u@" + d, dest=d).short() for d in ("far.example", "other.example")])
    ok(r == [[("ok", 250, "2.0.0")]] * 2 and made == 0,
       "all destinations share its connection")
    is_(w.asked, [], "and DNS is not asked")
before = len(sink.messages)
with smarthost(sink.port, "tls implicit") as w:
    r = one(w)
    ok(r.short() == [("temp", 0, "4.7.5")] and len(sink.messages) == before,
       "a certificate nobody signed is refused")
    diag(r.results[0][4])
sink = Sink(ext=["REQUIRETLS"])
with smarthost(sink.port, host="relay.example") as w:
    w.dns[("relay.example", A)] = (OK, [a("127.0.0.1")])
    r = one(w)
    is_((r.short(), r.host), ([("ok", 250, "2.0.0")], "relay.example"), "by name, in clear")
    ok(("relay.example", MX) not in w.asked, "without MX")
    is_(one(w, requiretls=1).short(), [("no", 554, "5.7.30")], "no REQUIRETLS in clear")
with smarthost(sink.port, host="gone.example") as w:
    is_(one(w).short(), [("temp", 0, "4.4.4")], "a smarthost without an address is no bounce")

# ---- limits

gate = [False]


def wait_gate(m, s):
    wait_for(lambda: gate[0])
    return "250 ok"


sink = Sink(replies={"END": wait_gate})
with worker(sink.port, "connections 2") as w:
    ids = [w.relay("x.example", ["u@x.example"]) for _ in range(6)]
    w.until(lambda: len(sink.sessions) >= 2)
    w.until(lambda: False, 0.3)
    is_(len(sink.sessions), 2, "connections to one destination")
    gate[0] = True
    is_([r.short() for r in w.wait(*ids)], [[("ok", 250, "2.0.0")]] * 6, "the others wait")

# An idle connection is kept for 5 s, and whoever waited for that would need as
# long each time; a machine that stands still now and then does not.
for took in range(5):
    gate[0] = False
    sink = Sink(replies={"END": wait_gate})
    with worker(sink.port, "connections-total 2") as w:
        for k in range(4):
            w.dns[("d%d.example" % k, A)] = (OK, [a("127.0.0.1")])
        ids = [w.relay("d%d.example" % k, ["u@x.example"]) for k in range(4)]
        w.until(lambda: len(sink.sessions) >= 2)
        w.until(lambda: False, 0.3)
        connected = len(sink.sessions)
        gate[0] = True
        t = time.monotonic()
        results = [r.short() for r in w.wait(*ids)]
        took = time.monotonic() - t
    if took < 4:
        break
is_(connected, 2, "connections in all")
is_(results, [[("ok", 250, "2.0.0")]] * 4, "other destinations wait")
ok(took < 4, "an idle connection makes room")

sink = Sink()
with worker(sink.port, "recipients 2") as w:
    is_(one(w, *["%d@x.example" % k for k in range(5)]).short(), [("ok", 250, "2.0.0")] * 5,
        "five recipients")
    is_([len(m["rcpts"]) for m in sink.messages], [2, 2, 1], "at most two in a transaction")
    long = Sink(replies={"RCPT": "550 5.1.1 " + "x" * 900})
with worker(long.port) as w:
    r = one(w, *["%d@x.example" % k for k in range(100)])
    ok(r.short() == [("no", 550, "5.1.1")] * 100 and all(x[4].startswith("xxxx") for x in r.results),
       "a hundred results with long texts fit into an answer")

# ---- the end

sink = Sink()
with worker(sink.port) as w:
    one(w)
    w.queued.close()
    w.queued = None
    is_(w.ended(), 0, "it ends with its link to queued")
with worker(sink.port) as w:
    one(w)
    w.parent.close()
    w.parent = None
    is_(w.ended(), 0, "it ends with its parent")
with worker(sink.port) as w:
    w.raw(struct.pack(">IIQ", M_RELAY, 7, 7) + string("a") + b"junk", b"x")
    is_(w.ended(), 0, "a malformed request closes the link")
    ok("malformed" in w.logged() or "closed" in w.logged(), "and is logged")


def said(w, dest):
    """What becomes of one; None when nobody is there any more."""
    try:
        return w.queued and w.wait(w.relay(dest, ["v@" + dest])).short()
    except (OSError, AttributeError):
        return None


# It has 4 s to stop, in which a machine may stand still.
for took in range(5):
    gate[0] = False
    sink = Sink(replies={"END": wait_gate})
    with worker(sink.port) as w:
        i = w.relay("x.example", ["u@x.example"])
        w.until(lambda: sink.sessions and "DATA" in sink.sessions[0].commands)
        t = time.monotonic()
        w.send_stop()
        wait_for(lambda: said(w, "nowhere.example") in (None, [("temp", 0, "4.3.2")]))
        refused = said(w, "x.example")
        gate[0] = True
        finished = w.wait(i)
        finished = finished and finished.short()
        status = w.ended()
        took = time.monotonic() - t
    if took < 3:
        break
is_(refused, [("temp", 0, "4.3.2")], "while it stops it takes nothing")
is_(finished, [("ok", 250, "2.0.0")], "but finishes what is under way")
is_(status, 0, "then it ends")
gate[0] = False
sink = Sink(replies={"END": wait_gate})
with worker(sink.port) as w:
    i = w.relay("x.example", ["u@x.example"])
    w.until(lambda: sink.sessions and "DATA" in sink.sessions[0].commands)
    w.send_stop()
    is_(w.ended(30), 0, "at the latest after a few seconds")
gate[0] = True
with worker(Sink().port) as w:
    w.send_stop()
    is_(w.ended(), 0, "an idle one ends at once")
done()
