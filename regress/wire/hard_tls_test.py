#!/usr/bin/env python3
"""Where clear text ends and TLS begins, and how TLS ends; listeners without TLS and with
no other; bindings that are none; limits on connections, time and failures."""
import base64
import os
import re
import socket
import ssl
import warnings

from hard_auth import Scram, b64, plain
from raw import Imap, Raw
from suite import DOMAIN, PASSWORD, Suite, diag, done, free_ports, is_, ok, wait_for
from thin import fetch_all

ALICE, BOB = "alice@" + DOMAIN, "bob@" + DOMAIN


def ctx(s, **how):
    c = ssl.create_default_context(cafile=s.ca)
    c.check_hostname = False
    for k, v in how.items():
        setattr(c, k, v)
    return c


def secure(c, context, name="localhost"):
    """TLS on a connection, or why not."""
    try:
        c.s = context.wrap_socket(c.s, server_hostname=name)
        return ""
    except (ssl.SSLError, OSError) as e:
        return str(e) or "failed"


def injected(s):
    for port in (s.smtp, s.submission):
        for name, octets in (("B1", b"STARTTLS\r\nEHLO injected.example\r\n"), ("B1 without a CR", b"STARTTLS\nEHLO injected.example\n"),
                             ("B2", b"STARTTLS\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<alice@letterlock.test>\r\nDATA\r\n"),
                             ("B1 one octet", b"STARTTLS\r\nX")):
            c = Raw(port)
            c.say("EHLO c.example\r\n")
            c.send(octets)
            r = c.reply()
            if r.startswith("220"):
                if secure(c, ctx(s)) == "":
                    ok(c.quiet(0.3), name + " nothing from before TLS is answered within") or diag(c.buf)
                    ok(c.say("MAIL FROM:<a@b.example>\r\n").startswith("503 5.5.1"), name + " nor counts")
                else:
                    ok(True, name + " no TLS after that")
            else:
                ok(r.startswith("554 5.5.0") and c.reply() == "", name + " octets behind STARTTLS end it") or diag(r)
            c.close()
        c = Raw(port)
        c.say("EHLO c.example\r\n")
        c.say("STARTTLS\r\n")
        c.send(b"EHLO late.example\r\n")
        got = c.rest()
        ok(b"250" not in got and b"EHLO" not in got, "B5 clear text where TLS is to begin") or diag(got)
        c.close()
    for name, octets in (("B3", b"A STARTTLS\r\nINJ NOOP\r\n"), ("B3 without a CR", b"A STARTTLS\nINJ NOOP\n"),
                         ("B4", b"A STARTTLS\r\nB LOGIN alice@letterlock.test letterlock\r\nC APPEND INBOX {310}\r\n")):
        c = Imap(s.imap)
        c.send(octets)
        r = c.line()
        if not r.startswith(b"A OK") or secure(c, ctx(s)) != "":
            ok(b"INJ" not in c.rest(), name + " no TLS after that")
        else:
            ok(c.quiet(0.3), name + " nothing from before TLS is answered within") or diag(c.buf)
            u, t = c.cmd(b"SELECT INBOX")
            ok(t.startswith(b"BAD"), name + " nor is anybody logged in") or diag(t)
        c.close()
    c = Imap(s.imap)
    c.cmd(b"STARTTLS")
    c.send(b"B CAPABILITY\r\n")
    ok(b"CAPABILITY" not in c.rest(), "B5 clear text where TLS is to begin, IMAP")
    is_(fetch_all(s, "alice"), [], "nothing arrived by any of that")


def states(s):
    c = Raw(s.submission)
    c.say("EHLO c.example\r\n")
    c.say("STARTTLS\r\n")
    is_(secure(c, ctx(s)), "", "STARTTLS")
    ok(c.say("MAIL FROM:<%s>\r\n" % ALICE).startswith("503 5.5.1"), "B7 EHLO is forgotten")
    ok(c.say("AUTH PLAIN %s\r\n" % b64(plain(ALICE, PASSWORD))).startswith("503 5.5.1"), "B7 for AUTH too")
    r = c.say("EHLO c.example\r\n")
    ok("STARTTLS" not in r and "AUTH" in r, "B8 STARTTLS is not offered within TLS")
    ok(c.say("STARTTLS\r\n").startswith("503 5.5.1"), "B8 nor taken")
    ok(c.say("AUTH PLAIN %s\r\n" % b64(plain(ALICE, PASSWORD))).startswith("235 "), "a login within TLS")
    ok(c.say("MAIL FROM:<%s>\r\n" % ALICE).startswith("250 "), "and mail")
    c.close()
    c = Raw(s.submission)
    c.say("EHLO c.example\r\n")
    c.say("AUTH PLAIN %s\r\n" % b64(plain(ALICE, PASSWORD)))
    ok(c.say("STARTTLS\r\n").startswith("503 5.5.1"), "B8 STARTTLS after AUTH")
    c.close()
    c = Imap(s.imap)
    ok(b" STARTTLS" in c.greeting, "IMAP offers STARTTLS")
    c.cmd(b"STARTTLS")
    is_(secure(c, ctx(s)), "", "IMAP STARTTLS")
    ok(c.quiet(0.1), "no greeting again")
    cap = c.cmd(b"CAPABILITY")[0][0]
    ok(b"STARTTLS" not in cap and b"AUTH=PLAIN" in cap, "B8 STARTTLS is not offered within TLS, IMAP")
    ok(c.cmd(b"STARTTLS")[1].startswith(b"BAD"), "B8 nor taken")
    ok(c.cmd(b"LOGIN %s %s" % (ALICE.encode(), PASSWORD.encode()))[1].startswith(b"OK"), "a login within TLS, IMAP")
    ok(c.cmd(b"STARTTLS")[1].startswith((b"NO", b"BAD")), "B8 and after it")
    c.close()


def bare(port, tls_port):
    c = Raw(port)
    r = c.say("EHLO c.example\r\n")
    ok("STARTTLS" not in r, "B9 without a certificate STARTTLS is not offered")
    ok(re.match("(502|454) ", c.say("STARTTLS\r\n")), "B9 nor taken")
    ok(c.say("NOOP\r\n").startswith("250"), "B9 and all goes on")
    c.close()
    c = Imap(tls_port)
    ok(b"STARTTLS" not in c.greeting and c.cmd(b"STARTTLS")[1].startswith(b"BAD"), "B9 IMAP")
    ok(c.cmd(b"NOOP")[1].startswith(b"OK"), "B9 goes on")
    c.close()


def required(s, port, imap_port):
    c = Raw(port)
    r = c.say("EHLO c.example\r\n")
    ok("AUTH" not in r and "STARTTLS" in r, "F25 no AUTH before TLS")
    for mech in ("PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"):
        ok(c.say("AUTH %s\r\n" % mech).startswith("538 5.7.11 ") if mech != "x" else 0, "F25 AUTH %s" % mech)
        if mech == "LOGIN":
            c.close()
            c = Raw(port)
            c.say("EHLO c.example\r\n")
    c.close()
    c = Raw(port)
    c.say("EHLO c.example\r\n")
    ok(c.say("AUTH PLAIN %s\r\n" % b64(plain(ALICE, PASSWORD))).startswith("538 5.7.11 "), "F25 with the password at once")
    ok(re.match("530 5.7.[01] ", c.say("MAIL FROM:<%s>\r\n" % ALICE)), "F25 MAIL before TLS")
    c.send("AUTH PLAIN\r\n%s\r\n" % b64(plain(ALICE, PASSWORD)))
    ok([c.reply()[:3], c.reply()[:3]] == ["538", "500"], "F25 the password is not waited for")
    c.say("STARTTLS\r\n")
    is_(secure(c, ctx(s)), "", "then TLS")
    ok("AUTH" in c.say("EHLO c.example\r\n"), "and AUTH is there")
    c.close()
    c = Imap(imap_port)
    ok(b"LOGINDISABLED" in c.greeting and b"AUTH=" not in c.greeting, "F25 LOGINDISABLED")
    ok(c.cmd(b"LOGIN %s %s" % (ALICE.encode(), PASSWORD.encode()))[1].startswith(b"NO [PRIVACYREQUIRED]"), "F25 LOGIN")
    ok(c.cmd(b"AUTHENTICATE PLAIN " + b64(plain(ALICE, PASSWORD)).encode())[1].startswith(b"NO [PRIVACYREQUIRED]"), "F25 AUTHENTICATE")
    ok(c.cmd(b"AUTHENTICATE PLAIN")[1].startswith(b"NO [PRIVACYREQUIRED]"), "F25 the password is not waited for, IMAP")
    c.close()


def begin_in_tls(s, port):
    c = Raw(port, greet=False, tls=s.ca)
    c.reply()
    c.say("EHLO c.example\r\n")
    return c


def ends(s):
    n = len(fetch_all(s, "alice"))
    c = Raw(s.smtp)
    c.say("EHLO c.example\r\n")
    c.say("STARTTLS\r\n")
    secure(c, ctx(s))
    for l in ("EHLO c.example\r\n", "MAIL FROM:<a@b.example>\r\n", "RCPT TO:<alice@letterlock.test>\r\n"):
        c.say(l)
    c.send(b"BDAT 1000 LAST\r\n" + b"Subject: x\r\n\r\n" + b"y" * 100)
    try:
        c.s.settimeout(3)
        raw = c.s.unwrap()
    except (OSError, ValueError, ssl.SSLError):
        raw = socket.socket(fileno=c.s.detach())
    try:
        raw.sendall(b"z" * 900 + b"\r\nNOOP\r\n")
        raw.settimeout(60)
        got = raw.recv(1000)
    except OSError:
        got = b""
    ok(b"250" not in got, "B13 nothing is read behind close_notify") or diag(got)
    raw.close()
    for how in ("DATA\r\n", "BDAT 200 LAST\r\n"):
        c = Raw(s.smtp)
        c.say("EHLO c.example\r\n")
        c.say("STARTTLS\r\n")
        secure(c, ctx(s))
        for l in ("EHLO c.example\r\n", "MAIL FROM:<a@b.example>\r\n", "RCPT TO:<alice@letterlock.test>\r\n"):
            c.say(l)
        c.send(how)
        if how[0] == "D":
            c.reply()
        c.send("Subject: cut\r\n\r\nhalf")
        os.close(c.s.detach())
    c = Imap(s.imaps, ALICE, PASSWORD, tls=s.ca)
    c.send(b"a APPEND INBOX {100+}\r\nSubject: cut\r\n\r\n")
    os.close(c.s.detach())
    c = Imap(s.imaps, ALICE, PASSWORD, tls=s.ca)
    c.cmd(b"NOOP")
    is_(c.cmd(b"STATUS INBOX (MESSAGES)")[0][0], b"* STATUS INBOX (MESSAGES %d)\r\n" % n, "B14 a message that is cut off by TCP is none")
    c.close()


def handshakes(s):
    c = Raw(s.submissions, greet=False)
    c.send(b"EHLO plain.example\r\n")
    ok(b"250" not in c.rest(), "B17 clear text on a TLS port")
    c = Raw(s.imaps, greet=False)
    c.send(b"a CAPABILITY\r\n")
    ok(b"CAPABILITY" not in c.rest(), "B17 clear text on a TLS port, IMAP")
    for name, port, protos, good in (("B18 http/1.1 at IMAP", s.imaps, ["http/1.1"], False), ("B18 h2 at submission", s.submissions, ["h2"], False),
                                     ("B18 imap", s.imaps, ["http/1.1", "imap"], True), ("B18 no ALPN", s.imaps, None, True)):
        x = ctx(s)
        if protos:
            x.set_alpn_protocols(protos)
        c = Raw(port, greet=False)
        why = secure(c, x)
        if good:
            ok(why == "" and c.line().startswith(b"* OK"), name) or diag(why)
        else:
            ok(why or c.line() == b"", name + " is refused") or diag("taken")
        c.close()
    for v, good in ((ssl.TLSVersion.TLSv1_2, 1), (ssl.TLSVersion.TLSv1_3, 1)):
        c = Raw(s.submissions, greet=False)
        why = secure(c, ctx(s, minimum_version=v, maximum_version=v))
        ok(why == "" and c.reply().startswith("220"), "TLS %s" % v.name) or diag(why)
        c.close()
    c = Raw(s.submissions, greet=False)
    x = ctx(s)
    warnings.simplefilter("ignore")
    try:
        x.minimum_version, x.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        x.set_ciphers("ALL:@SECLEVEL=0")
        ok(secure(c, x) != "", "TLS 1.1 is refused")
    except (ssl.SSLError, ValueError):
        ok(True, "TLS 1.1 cannot even be asked for")
    c.close()
    for sni in ("a" * 63 + "." + "b" * 63 + "." + "c" * 63, "unknown.example", "127.0.0.1", "xn--bcher-kva.example", "LOCALHOST"):
        c = Raw(s.imaps, greet=False)
        why = secure(c, ctx(s), sni)
        ok(why == "" and c.line().startswith(b"* OK"), "G5 SNI %.20s" % sni) or diag(why)
        c.close()
    sess = None
    x = ctx(s)
    for i in range(2):
        sock = x.wrap_socket(socket.create_connection(("127.0.0.1", s.imaps)), server_hostname="localhost", session=sess)
        sock.recv(1000)
        if i == 1:
            is_(sock.session_reused, False, "G2 no session is resumed")
        sess = sock.session
        sock.close()
    # records and handshakes that are none
    for octets in (b"\x16\x03\x01\xff\xff" + b"x" * 1000, b"\x16\x03\x01\x00\x00", b"\x15\x03\x01\x00\x02\x02\x28", b"\x80\x2e\x01\x00\x02", b"\0" * 100):
        c = Raw(s.imaps, greet=False)
        c.send(octets)
        try:
            c.s.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        ok(b"* OK" not in c.rest(), "no TLS %r" % octets[:6])
        c.close()


def bindings(s):
    for what, mech, how, good in (
            ("F12 n with PLUS", "SCRAM-SHA-256-PLUS", dict(gs2="n,,"), 0), ("F12 y with PLUS", "SCRAM-SHA-256-PLUS", dict(gs2="y,,"), 0),
            ("F12 y where PLUS is offered", "SCRAM-SHA-256", dict(gs2="y,,"), 0), ("F12 n", "SCRAM-SHA-256", dict(gs2="n,,"), 1),
            ("F12 tls-unique in TLS 1.3", "SCRAM-SHA-256-PLUS", dict(gs2="p=tls-unique,,"), 0),
            ("F12 a type that is none", "SCRAM-SHA-256-PLUS", dict(gs2="p=foo,,"), 0),
            ("F12 tls-exporter with other data", "SCRAM-SHA-256-PLUS", dict(gs2="p=tls-exporter,,"), 0)):
        c = Raw(s.submissions, tls=s.ca)
        r = c.say("EHLO c.example\r\n")
        x = Scram(ALICE, PASSWORD, **how)
        r = c.say("AUTH %s %s\r\n" % (mech, b64(x.first())))
        if r.startswith("334 ") and base64.b64decode(r[4:]).startswith(b"r="):
            data = x.gs2.encode() + (b"x" * 32 if x.gs2[0] == "p" else b"")
            r = c.say(b64(x.final(base64.b64decode(r[4:]), cbind=b64(data))) + "\r\n")
        while r.startswith("334 "):
            r = c.say("\r\n")
        ok(re.match("235 " if good else "(535|501|504) 5", r), what) or diag(r)
        c.close()


def within(port, lines):
    """Where these lines lead to, on a connection that was not too slow for its timeout."""
    def there():
        c = Raw(port)
        if all(c.say(l).startswith("250") for l in lines):
            return c
        c.close()
        return None
    return wait_for(there)


def limits():
    conf = "limits { connections-address 5 login-failures-address 6 recipients 4 junk 8 errors 8 %s }\n"
    with Suite(start=False) as s:
        base = s.base.replace("limits { login-failures-address 10000 }", "")

        def timeouts(text):
            s.write_conf(base + conf % text)
            return s.ctl("reload")
        s.write_conf(base + conf % "")
        s.start()
        s.ctl("account", "add", "alice", ALICE, input=PASSWORD + "\n")
        open_ = []

        def greeted():		# those that looked whether it is up may still be counted
            while len(open_) < 5:
                c = Raw(s.smtp, greet=False)
                if not c.reply().startswith("220"):
                    return False
                open_.append(c)
            return True
        ok(wait_for(greeted), "Q2 five connections from one address")
        c = Raw(s.smtp, greet=False)
        ok(c.reply().startswith("421 4.7.0 ") and c.reply() == "", "Q2 a sixth connection from one address")
        ok(c.rest() == b"", "Q2 is over")
        for c in open_:
            c.close()
        open_ = []

        def five():
            while len(open_) < 5:
                c = Imap(s.imap)
                if not c.greeting.startswith(b"* OK"):
                    return False
                open_.append(c)
            return True
        ok(wait_for(five), "Q2 closed ones are not counted")
        ok(Imap(s.imap).greeting.startswith(b"* BYE"), "Q2 IMAP")
        for c in open_:
            c.close()
        del open_[:]
        ok(wait_for(five), "Q2 again")
        subs = [within(s.submission, ["NOOP\r\n"]) for i in range(5)]
        for port in (s.imaps, s.submissions):
            r = Raw(port, greet=False, tls=s.ca).line()
            ok(r.startswith((b"* BYE", b"421 4.7.0")), "Q2 within TLS it is told too") or diag(r)
        for c in subs:
            c.close()
        for c in open_:
            c.close()
        del open_[:]
        ok(wait_for(five), "Q2 those are not counted either")
        for c in open_:
            c.close()
        del open_[:]
        timeouts("timeout 2 login-timeout 2")
        ok(wait_for(five), "Q1 with short timeouts")
        for c in open_:
            ok(b"* BYE" in c.rest(), "Q1 nobody logs in: BYE")
        c = within(s.smtp, ["EHLO c.example\r\n"])
        ok(c.reply().startswith("421 4.4.2 ") and c.reply() == "", "Q1 no command: 421")
        c = within(s.smtp, ["EHLO c.example\r\n", "MAIL FROM:<a@b.example>\r\n", "RCPT TO:<alice@letterlock.test>\r\n"])
        c.send("BDAT 10000\r\nhalf")
        ok(c.reply().startswith("421 4.4.2 ") and c.reply() == "", "Q1 within a chunk")
        timeouts("")
        c = Raw(s.smtp)
        for l in ("EHLO c.example\r\n", "MAIL FROM:<a@b.example>\r\n"):
            c.say(l)
        got = [c.say("RCPT TO:<alice+%d@letterlock.test>\r\n" % i)[:9] for i in range(6)]
        is_(got, ["250 2.1.5"] * 4 + ["452 4.5.3"] * 2, "recipients beyond the limit")
        ok(c.say("DATA\r\n").startswith("354"), "the others get it")
        ok(c.say("Subject: four\r\n\r\n.\r\n").startswith("250"), "it is taken")
        c.close()
        for what in ("NOOP", "RSET", "HELP", "VRFY x"):
            c = Raw(s.smtp)
            c.say("EHLO c.example\r\n")
            got = [c.say(what + "\r\n")[:3] for i in range(9)]
            ok(got == got[:1] * 9 and c.reply().startswith("421 4.7.0") and c.reply() == "", "C14 %s again and again" % what) or diag(got)
            c.close()
        bad = 0
        for i in range(10):
            c = Raw(s.submission, greet=False)
            r = c.reply()
            if r.startswith("220"):
                c.say("EHLO c.example\r\n")
                r = c.say("AUTH PLAIN %s\r\n" % b64(plain(ALICE, "guess%d" % i)))
            if r.startswith("421"):
                break
            bad += r.startswith("535")
            c.close()
        ok(r.startswith("421 4.7.0") and bad <= 7, "F22 after %d guesses nobody logs in from there" % bad) or diag(r)
        ok(Imap(s.imap).greeting.startswith(b"* BYE") or
           not Imap(s.imap).cmd(b"LOGIN %s %s" % (ALICE.encode(), PASSWORD.encode()))[1].startswith(b"OK"), "F22 by IMAP neither")
        c = Raw(s.smtp)
        ok(c.say("EHLO c.example\r\n").startswith("250"), "F22 mail comes in as ever")
        c.close()


CONF = """
listen on 127.0.0.1 port {a} smtp tls off
listen on 127.0.0.1 port {b} imap tls off allow-cleartext-auth
listen on 127.0.0.1 port {c} submission tls required
listen on 127.0.0.1 port {d} imap tls required
limits {{ connections-address 1000 connections-prefix 1000 }}
"""

a, b, c, d = free_ports(4)
with Suite(conf=CONF.format(a=a, b=b, c=c, d=d)) as suite:
    pids = {(r["role"], r["instance"]): r["pid"] for r in suite.rows("status")}
    injected(suite)
    states(suite)
    bare(a, b)
    required(suite, c, d)
    ends(suite)
    handshakes(suite)
    bindings(suite)
    is_({(r["role"], r["instance"]): r["pid"] for r in suite.rows("status")}, pids, "P: no process was started again")
    ok("Sanitizer" not in suite.logged() and "runtime error" not in suite.logged(), "nothing of the sanitizers")
limits()
done()
