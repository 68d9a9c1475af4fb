#!/usr/bin/env python3
"""Hostile and unusual SMTP: the end of data, groups, lines, addresses, parameters, chunks."""
import re
import time

from raw import Raw, smtp_row
from suite import DOMAIN, PASSWORD, Suite, diag, done, is_, ok, wait_for
from thin import fetch_all

E = (b"EHLO c.example\r\n", "250 ")
H = (b"HELO c.example\r\n", "250 mail.letterlock.test$")
M = (b"MAIL FROM:<a@c.example>\r\n", "250 2.1.0 ")
M8 = (b"MAIL FROM:<a@c.example> SMTPUTF8\r\n", "250 2.1.0 ")
R = (b"RCPT TO:<alice@letterlock.test>\r\n", "250 2.1.5 ")
RB = (b"RCPT TO:<nobody@letterlock.test>\r\n", "550 5.1.1 ")
D = (b"DATA\r\n", "354 ")
N = (b"NOOP\r\n", "250 2.0.0 ")
Q = (b"QUIT\r\n", ["221 2.0.0 ", None])
OK = "250 2"
BAD = "503 5.5.1 "

AFTER = (b"MAIL FROM:<smug@x.example>\r\nRCPT TO:<alice@letterlock.test>\r\nDATA\r\n"
         b"Subject: smuggled\r\n\r\nx\r\n.\r\n")


def mail(path):
    return b"MAIL FROM:" + path + b"\r\n"


def rcpt(path):
    return b"RCPT TO:" + path + b"\r\n"


# What does not end a message and makes it be refused.
DIRTY = [
    ("A1.2", b"\n.\n"), ("A1.3", b"\n.\r\n"), ("A1.4", b"\r\n.\n"), ("A1.5", b"\r.\r"), ("A1.6", b"\r.\n"),
    ("A1.7", b"\n.\r"), ("A1.8", b"\r.\r\n"), ("A1.9", b"\r\n.\rX"), ("A1.10", b"\r\n.\r\r\n"),
    ("A1.11a", b"\r\r\n.\r\r\n"), ("A1.11b", b"\r\n.\r\r\r\n"), ("A1.12", b"\r\n\0.\r\n"),
    ("A1.13", b"\r\n.\0\r\n"), ("A1.14b", b"\r\n.\x0b\n"), ("A1.14c", b"\r\n.\x0c\n"),
    ("A11a", b"\n\n"), ("A11b", b"\r\n\n"), ("A11c", b"\n\r\n"), ("A11d", b"\r\r"), ("D12", b"\r\nX: a\rBcc: x"),
]
# What does not end it either, and is content.
CLEAN = [
    ("A1.14a", b"\r\n.\x85\r\n", b"\r\n\x85\r\n"), ("A1.15a", b"\r\n. \r\n", b"\r\n \r\n"),
    ("A1.15b", b"\r\n.\t\r\n", b"\r\n\t\r\n"), ("A1.16", b"\r\n..\r\n", b"\r\n.\r\n"),
    ("A1.17", b"\r\n...\r\n", b"\r\n..\r\n"), ("A12", b"\r\nFrom evil Thu\r\n>From x\r\n", b"\r\nFrom evil Thu\r\n>From x\r\n"),
]


def ends(s):
    for name, seq in DIRTY:
        for how in ("whole", "split"):
            c = Raw(s.smtp)
            for l in (E, M, R, D):
                c.say(l[0])
            data = b"Subject: first\r\n\r\ntext" + seq + AFTER
            at = len(data) - len(AFTER)
            if how == "split":
                for i in range(at - len(seq) - 1, at + 1):
                    c.send(data[i:i + 1] if i >= at - len(seq) else data[:i + 1])
                data = data[at + 1:]
            c.send(data)
            got = c.rest()
            ok(re.fullmatch(rb"550 5\.5\.2 [^\r\n]*\r\n", got), "%s %s: refused at the real end" % (name, how)) or diag(got)
            c.close()
    is_(fetch_all(s, "alice"), [], "A1: none of them is there")
    for name, seq, stored in CLEAN:
        data = b"Subject: %s\r\n\r\ntext" % name.encode() + seq + b"end"
        smtp_row(s.smtp, name, [E, M, R, D, (data + b"\r\n.\r\n", OK), N, Q])
        got = fetch_all(s, "alice")[-1].encode(errors="surrogateescape")
        ok(got.endswith(b"\r\n\r\ntext" + stored + b"end\r\n"), name + ": stored as it is") or diag(repr(got[-80:]))
    smtp_row(s.smtp, "A2 an empty message ends", [E, M, R, D, (b".\r\n", "(250 2|554 5)"), N, Q])
    for n in (1, 512, 1024, 4096, 8192, 16384, 65536):
        c = Raw(s.smtp)
        for l in (E, M, R, D):
            c.say(l[0])
        c.send(b"x" * (n - 1) + b"\r")
        c.quiet(0.02)
        c.send(b"\n.\r\n")
        ok(c.reply().startswith(OK), "A4 CR is the %dth octet" % n)
        c.close()
    c = Raw(s.smtp)
    for l in (E, M, R, D):
        c.say(l[0])
    long = (b"y" * 4095 + b".") * 512
    c.send(long)
    c.quiet(0.05)
    c.send(b".\r\n")
    c.send(b".\r\n")
    ok(c.reply().startswith(OK), "A5 a line of 2 MB with dots")
    c.close()
    ok(fetch_all(s, "alice")[-1].encode().endswith(long + b".\r\n"), "A5 is stored whole") or diag(fetch_all(s, "alice")[-1][-30:])
    for n in (998, 1000, 2000, 100000):
        smtp_row(s.smtp, "D4 a line of %d" % n, [E, M, R, D, (b"Subject: D4\r\n\r\n" + b"z" * n + b"\r\n.\r\n", OK)])
        ok(fetch_all(s, "alice")[-1].endswith("\r\n\r\n" + "z" * n + "\r\n"), "D4 %d whole" % n)
    for name, m in [("folded first", b" x\r\n\r\nb\r\n"), ("space before the colon", b"Subject : x\r\n\r\nb\r\n"),
                    ("no colon", b"nothing\r\n\r\nb\r\n"), ("no header", b"\r\nb\r\n"), ("header only", b"Subject: x\r\n"),
                    ("a colon first", b": x\r\n\r\nb\r\n")]:
        smtp_row(s.smtp, "D13 " + name, [E, M, R, D, (m + b".\r\n", "(250 2|55[04] 5)"), N])


BIN = b"b\0\r\n.\r\nMAIL FROM:<x@x>\r\n012345"

ROWS = [
    # 5.B over clear text
    ("B8 STARTTLS with an argument", [E, (b"STARTTLS foo\r\n", "501 5.5.4 "), N]),
    ("B8 STARTTLS in a transaction", [E, M, (b"STARTTLS\r\n", BAD), R]),
    ("B8 STARTTLS before EHLO", [(b"STARTTLS\r\n", "(220|503) ")]),
    ("B17 GET", [(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", ["554 5.5.0 ", None])]),
    ("B17 POST with a session in it", [(b"POST / HTTP/1.1\r\nEHLO x\r\nMAIL FROM:<a@b>\r\n", ["554 5.5.0 ", None])]),
    ("B17 a header", [E, (b"User-Agent: x\r\n", ["554 5.5.0 ", None])]),
    ("B17 CONNECT", [E, (b"CONNECT x:25 HTTP/1.0\r\n", ["554 5.5.0 ", None])]),
    # 5.C
    ("C1 DATA after MAIL too large", [E, (b"MAIL FROM:<a@c.example> SIZE=99999999999\r\n", "552 5.3.4 "),
                                      (b"DATA\r\n", BAD), (b"RCPT TO:<alice@letterlock.test>\r\n", BAD), M, R, D]),
    ("C2 no transaction after a refusal", [E, M, R, D, (b"Received: x\r\n" * 101 + b"\r\n.\r\n", "554 5.4.6 "), R[:1] + (BAD,),
                                           (b"DATA\r\n", BAD), M, R, D]),
    ("C5 BDAT without MAIL", [E, (b"BDAT 27\r\nMAIL FROM:<a@c.example>\r\n01", BAD), N, Q]),
    ("C5 BDAT before EHLO", [(b"BDAT 9\r\nRSET\r\nxyz", "503 5.5.1 "), N]),
    ("C5 BDAT after MAIL alone", [E, M, (b"BDAT 5 LAST\r\nQUIT\r\nRCPT TO:<alice@letterlock.test>\r\n".replace(b"QUIT\r\n", b"QUIT\n"), [BAD, "250 2.1.5"])]),
    ("C5 BDAT with recipients refused", [E, M, RB, (b"BDAT 6\r\nQUIT\r\n", "554 5.5.1 "), N]),
    ("C6 BDAT 2^64-1", [E, M, R, (b"BDAT 18446744073709551615\r\n", ["501 5.5.4 ", None])]),
    ("C6 BDAT -1", [E, M, R, (b"BDAT -1\r\n", ["501 5.5.4 ", None])]),
    ("C6 BDAT 0x10", [E, M, R, (b"BDAT 0x10\r\n", ["501 5.5.4 ", None])]),
    ("C6 BDAT +1", [E, M, R, (b"BDAT +1\r\n", ["501 5.5.4 ", None])]),
    ("C6 BDAT 10 LAST x", [E, M, R, (b"BDAT 10 LAST x\r\n", ["501 5.5.4 ", None])]),
    ("C6 BDAT alone", [E, M, R, (b"BDAT\r\n", ["501 5.5.4 ", None])]),
    ("C6 last in small letters", [E, M, R, (b"bdat 6 last\r\na\r\nb\r\n", OK), N]),
    ("C7 BDAT 0 LAST", [E, M, R, (b"BDAT 0 LAST\r\n", "(250 2|55[0-9] 5)"), N]),
    ("C7 BDAT 0, then the rest", [E, M, R, (b"BDAT 0\r\n", OK), (b"BDAT 3 LAST\r\nx\r\n", OK)]),
    ("C7 RSET within chunks", [E, M, R, (b"BDAT 3\r\nx\r\n", OK), (b"RSET\r\n", "250 2.0.0"), (b"DATA\r\n", BAD), M]),
    ("C7 DATA within chunks", [E, M, R, (b"BDAT 3\r\nx\r\n", OK), (b"DATA\r\n", BAD), (b"BDAT 0 LAST\r\n", OK)]),
    ("C7 MAIL within chunks", [E, M, R, (b"BDAT 3\r\nx\r\n", OK), M[:1] + (BAD,), R[:1] + (BAD,), (b"BDAT 0 LAST\r\n", OK)]),
    ("C7 EHLO within chunks", [E, M, R, (b"BDAT 3\r\nx\r\n", OK), E, (b"BDAT 3\r\nx\r\n", BAD), M]),
    ("C8 chunks in one group", [E, M, R, (b"BDAT 3\r\nx\r\nBDAT 3\r\ny\r\nBDAT 0 LAST\r\n", [OK, OK, OK])]),
    ("A6 no end of data in a chunk", [E, M, R, (b"BDAT 24 LAST\r\nS: x\r\n\r\n.\r\nMAIL FROM:<\r\n", OK), N]),
    ("A7 a bare LF in a chunk", [E, M, R, (b"BDAT 4 LAST\r\na\nb\n", ["55[0-9] 5.[56].", None])]),
    ("A7 a CR split from its LF", [E, M, R, (b"BDAT 2\r\na\r", OK), (b"BDAT 1 LAST\r\n\n", OK), N]),
    ("A7 a CR at the end of the chunks", [E, M, R, (b"BDAT 2 LAST\r\na\r", ["55[0-9] 5.[56].", None])]),
    ("BINARYMIME by BDAT", [E, (b"MAIL FROM:<a@c.example> BODY=BINARYMIME\r\n", OK), R,
                            (b"BDAT %d LAST\r\n" % len(BIN) + BIN, OK), N]),
    ("E15 BINARYMIME needs BDAT", [E, (b"MAIL FROM:<a@c.example> BODY=BINARYMIME\r\n", OK), R, (b"DATA\r\n", BAD), N]),
    ("C10 DATA and its message", [E, M, R, (b"DATA\r\nSubject: x\r\n\r\n.\r\n", ["554 5.5.0 ", None])]),
    ("C10 EHLO and MAIL", [(b"EHLO x.example\r\nMAIL FROM:<a@b.example>\r\n", ["554 5.5.0 ", None])]),
    ("C10 QUIT and more", [E, (b"QUIT\r\nNOOP\r\n", ["(554 5.5.0|221) ", None])]),
    ("C11 all recipients refused", [E, (M[0] + RB[0] + RB[0] + b"DATA\r\n", [OK, "550 5.1.1", "550 5.1.1", "554 5.5.1 "]), N]),
    ("C11 a group", [E, (M[0] + RB[0] + R[0] + b"DATA\r\n", [OK, "550 5.1.1", "250 2.1.5", "354 "]), (b".\r\n", OK)]),
    ("C12 RSET", [E, M, R, (b"RSET\r\n", "250 2.0.0 "), R[:1] + (BAD,), (b"DATA\r\n", BAD), M, R, D]),
    ("C12 EHLO", [E, M, R, E, R[:1] + (BAD,), M]),
    ("C12 HELO", [E, M, R, H, R[:1] + (BAD,), M]),
    ("C12 nested MAIL", [E, M, M[:1] + (BAD,), R, M[:1] + (BAD,), D]),
    ("C13 VRFY within a transaction", [E, M, R, (b"VRFY x\r\n", "252 2."), D, (b".\r\n", OK)]),
    ("C15 parameters after HELO", [H, (b"MAIL FROM:<a@c.example> SIZE=10 BODY=8BITMIME\r\n", "(555 5.5.4|250) ")]),
    ("DATA with an argument", [E, M, R, (b"DATA x\r\n", "501 5.5.4 "), D]),
    ("RSET with an argument", [E, (b"RSET x\r\n", "501 5.5.4 ")]),
    ("QUIT with an argument", [E, (b"QUIT x\r\n", "501 5.5.4 "), N]),
    ("trailing spaces", [E, (b"NOOP  \r\n", OK), (b"RSET \r\n", OK), (b"MAIL FROM:<a@c.example> \r\n", OK), R, (b"DATA \r\n", "354 ")]),
    ("NOOP with an argument", [E, (b"NOOP what ever\r\n", OK)]),
    ("HELP", [(b"HELP\r\n", "214 2.0.0 "), E, (b"HELP MAIL\r\n", "214 2.0.0 ")]),
    ("VRFY", [E, (b"VRFY alice\r\n", "252 2."), (b"VRFY\r\n", "501 5.5.4 ")]),
    ("EXPN", [E, (b"EXPN list\r\n", "50[02] 5.5."), N]),
    ("TURN, ETRN, SEND", [E, (b"TURN\r\n", "50[02] 5.5."), (b"ETRN x\r\n", "50[02] 5.5."), (b"SEND FROM:<a@b>\r\n", "50[02] 5.5.")]),
    ("XCLIENT", [E, (b"XCLIENT ADDR=1.2.3.4\r\n", "50[02] 5.5."), N]),
    ("AUTH on port 25", [E, (b"AUTH PLAIN\r\n", BAD), N]),
    ("an empty line", [E, (b"\r\n", "500 5.5.2 "), N]),
    ("small letters", [(b"ehlo c.example\r\n", "250 "), (b"mail from:<a@c.example> size=10 body=8bitmime\r\n", OK),
                       (b"rcpt to:<ALICE@LetterLock.TEST>\r\n", OK), (b"data\r\n", "354 "), (b".\r\n", OK), (b"quit\r\n", ["221 ", None])]),
    # 5.D
    ("D2 EHLO with 3000 octets", [(b"EHLO " + b"a" * 3000 + b"\r\n", "501 5.5."), E]),
    ("D2 EHLO with NUL", [(b"EHLO a\0b\r\n", "501 5.5."), E]),
    ("D2 EHLO with DEL", [(b"EHLO a\x7fb\r\n", "501 5.5."), E]),
    ("D2 EHLO with 8 bits", [(b"EHLO a\xffb\r\n", "501 5.5."), E]),
    ("D2 EHLO with a CR", [(b"EHLO a\rb\r\n", "501 5.5."), E]),
    ("D2 EHLO alone", [(b"EHLO\r\n", "501 5.5.4 "), E]),
    ("EHLO with a literal", [(b"EHLO [192.0.2.1]\r\n", "250 "), (b"EHLO [IPv6:2001:db8::1]\r\n", "250 "), M]),
    ("EHLO with a bad literal", [(b"EHLO [IPv6:%eth0]\r\n", "501 5.5."), (b"EHLO [999.1.1.1]\r\n", "501 5.5.")]),
    ("EHLO with an underscore", [(b"EHLO my_pc\r\n", "250 ")]),
    ("a line of 5000", [E, (b"NOOP " + b"n" * 5000 + b"\r\n", "500 5.5.2 "), N]),
    ("a line of 1 MB", [E, (b"MAIL FROM:<" + b"n" * 1000000 + b"@x>\r\n", "500 5.5.2 "), N, M]),
    ("D1 a line that is too long with a command in it", [E, (b"NOOP " + b"n" * 4091 + b"\r" + b"QUIT" * 2000 + b"\r\n", "500 5.5.2 "), N]),
    ("D7 UTF-8 sender without SMTPUTF8", [E, (mail("<é@x.example>".encode()), "553 5.6.7 "), M]),
    ("D7 UTF-8 domain without SMTPUTF8", [E, (mail("<a@bücher.example>".encode()), "553 5.6.7 "), M]),
    ("D7 UTF-8 recipient without SMTPUTF8", [E, M, (rcpt("<é@letterlock.test>".encode()), "553 5.6.7 "), R]),
    ("D8 truncated", [E, (b"MAIL FROM:<\xc3@x.example> SMTPUTF8\r\n", "5(01|53) 5."), M8]),
    ("D8 overlong", [E, (b"MAIL FROM:<a\xc0\xaeb@x.example> SMTPUTF8\r\n", "5(01|53) 5."), M8]),
    ("D8 a surrogate", [E, (b"MAIL FROM:<\xed\xa0\x80@x.example> SMTPUTF8\r\n", "5(01|53) 5."), M8]),
    ("D8 beyond Unicode", [E, (b"MAIL FROM:<\xf4\x90\x80\x80@x.example> SMTPUTF8\r\n", "5(01|53) 5."), M8]),
    ("D8 in the domain", [E, (b"MAIL FROM:<a@x\xff.example> SMTPUTF8\r\n", "5(01|53) 5."), M8]),
    ("D8 truncated recipient", [E, M8, (b"RCPT TO:<\xe2\x82@letterlock.test>\r\n", "5(01|53) 5."), R]),
    ("SMTPUTF8 with a value", [E, (b"MAIL FROM:<a@c.example> SMTPUTF8=1\r\n", "501 5.5.4 "), M]),
    # SIZE
    ("D5 SIZE=0", [E, (b"MAIL FROM:<a@c.example> SIZE=0\r\n", OK)]),
    ("D5 SIZE too many digits", [E, (b"MAIL FROM:<a@c.example> SIZE=99999999999999999999\r\n", "(552 5.3.4|501 5.5.4) ")]),
    ("D5 SIZE more than 20 digits", [E, (b"MAIL FROM:<a@c.example> SIZE=999999999999999999999\r\n", "501 5.5.4 ")]),
    ("D5 SIZE=-1", [E, (b"MAIL FROM:<a@c.example> SIZE=-1\r\n", "501 5.5.4 ")]),
    ("D5 SIZE=", [E, (b"MAIL FROM:<a@c.example> SIZE=\r\n", "501 5.5.4 ")]),
    ("D5 SIZE", [E, (b"MAIL FROM:<a@c.example> SIZE\r\n", "501 5.5.4 ")]),
    ("D5 SIZE=1k", [E, (b"MAIL FROM:<a@c.example> SIZE=1k\r\n", "501 5.5.4 ")]),
    # 5.E
    ("E1 a shell", [E, (mail(b"<;for i in 0 1 2;do read r;done;sh;exit 0;>"), "5(01|53) 5.1.7 ")]),
    ("E1 no domain", [E, (mail(b"<alice>"), "5(01|53) 5.1.7 "), (mail(b"<postmaster>"), "5(01|53) 5.1.7 ")]),
    ("E2 SQL", [E, (mail(b"<\"x'/**/UNION/**/SELECT/**/X'00'--\"@a.example>"), OK)]),
    ("E2 backquotes", [E, (mail(b"<`id`@a.example>"), OK), (b"RSET\r\n", OK), (mail(b"<$(id)@a.example>"), "501 5.1.7 ")]),
    ("E2 formats", [E, (mail(b"<%n%s@a.example>"), OK), (rcpt(b"<%n%s%x@letterlock.test>"), "550 5.1.1 "),
                    (rcpt(b"<%{rcpt}@letterlock.test>"), "550 5.1.1 "), R]),
    ("E2 paths", [E, (mail(b"<../../etc/passwd@a.example>"), "501 5.1.7 "), M,
                  (rcpt(b"<\"../../etc/passwd\"@letterlock.test>"), "550 5.1.1 "), (rcpt(b"</etc/passwd@letterlock.test>"), "550 5.1.1 ")]),
    ("E2 options", [E, (mail(b"<-oQ/tmp@a.example>"), OK), (rcpt(b"<--@letterlock.test>"), "550 5.1.1 "),
                    (rcpt(b"<|sh@letterlock.test>"), "550 5.1.1 ")]),
    ("E3 a > in quotes", [E, (mail(b"<\"a>b\"@c.example>"), OK), (rcpt(b"<\"x>y\"@letterlock.test>"), "550 5.1.1 ")]),
    ("E3 an @ in quotes", [E, M, (rcpt(b"<\"a@b\"@letterlock.test>"), "550 5.1.1 "), (rcpt(b"<\"alice\"@letterlock.test>"), OK)]),
    ("E3 empty quotes", [E, (mail(b"<\"\"@c.example>"), "(250 2|501 5.1.7)")]),
    ("E3 quoted pairs", [E, M, (rcpt(b"<\"a\\lice\"@letterlock.test>"), OK), (rcpt(b"<\"\\\"@letterlock.test>"), "501 5.1.3 ")]),
    ("E4 unterminated", [E, (mail(b"\"unterminated@x>"), "501 5.1.7 "), (mail(b"<\"unterminated@x>"), "501 5.1.7 ")]),
    ("E4 <a@b", [E, (mail(b"<a@b.example"), "501 5.1.7 ")]),
    ("E4 a@b>", [E, (mail(b"a@b.example>"), "501 5.1.7 ")]),
    ("E4 a@b", [E, (mail(b"a@b.example"), "501 5.1.7 ")]),
    ("E4 <<a@b>>", [E, (mail(b"<<a@b.example>>"), "501 5.1.7 ")]),
    ("E4 spaces inside", [E, (mail(b"< a@b.example >"), "501 5.1.7 ")]),
    ("E4 junk behind", [E, (mail(b"<a@b.example>junk"), "501 5.[15]."), (mail(b"<a@b.example> =x"), "501 5.[15].")]),
    ("E4 a space before", [E, (b"MAIL FROM: <a@b.example>\r\n", OK), (b"RCPT TO: <alice@letterlock.test>\r\n", OK)]),
    ("E4 nothing", [E, (b"MAIL\r\n", "501 5.5.4 "), (b"MAIL FROM:\r\n", "501 5."), (b"MAIL TO:<a@b>\r\n", "501 5.5.4 "), (b"MAIL FROM\r\n", "501 5.5.4 "),
                    M, (b"RCPT\r\n", "501 5.5.4 "), (b"RCPT FROM:<a@b>\r\n", "501 5.5.4 ")]),
    ("E5 a source route", [E, (mail(b"<@a.example,@b.example:user@c.example>"), OK),
                           (rcpt(b"<@letterlock.test:x@elsewhere.example>"), "(550 5.7.1|501)"),
                           (rcpt(b"<@elsewhere.example:alice@letterlock.test>"), "(250|501)"),
                           (rcpt(b"<a:alice@letterlock.test>"), "501 5.1.3 ")]),
    ("E6 percent and bang", [E, M, (rcpt(b"<x%elsewhere.example@letterlock.test>"), "550 5.1.1 "),
                             (rcpt(b"<elsewhere.example!x@letterlock.test>"), "550 5.1.1 "),
                             (rcpt(b"<alice%letterlock.test@elsewhere.example>"), "550 5.7.1 "),
                             (rcpt(b"<x@elsewhere.example@letterlock.test>"), "501 5.1.3 ")]),
    ("E7 literals", [E, M, (rcpt(b"<x@[192.0.2.1]>"), "550 5."), (rcpt(b"<x@[IPv6:2001:db8::1]>"), "550 5."),
                     (rcpt(b"<x@[IPv6:::ffff:10.0.0.1]>"), "550 5."), (rcpt(b"<x@[0.0.0.0]>"), "550 5.")]),
    ("E7 malformed literals", [E, M] + [(rcpt(b"<x@%s>" % l), "501 5.1.3 ") for l in (
        b"[1.2.3]", b"[IPv6:%eth0]", b"[x]", b"[IPv6:1:2:3:4:5:6:7:8:9]", b"[]", b"[127.0.0.1", b"[127.0.0.1]x", b"[256.1.1.1]", b"[01.2.3.4]")]),
    ("E9 domains", [E, M] + [(rcpt(b"<x@%s>" % l), "5(01|50) 5.") for l in (
        b"x..y", b".x", b"-x", b"x_y", b"*", b"localhost", b"x.123", b"1.2.3.4", b"", b"x-.y", b"a" * 64 + b".example",
        b".".join([b"a" * 50] * 6))]),
    ("E9 a dot at the end", [E, M, (rcpt(b"<alice@letterlock.test.>"), OK)]),
    ("local parts", [E, M] + [(rcpt(b"<%s@letterlock.test>" % l), w) for l, w in (
        (b".alice", "501"), (b"alice.", "501"), (b"al..ice", "501"), (b"a" * 65, "5(01|50) 5.1."), (b"a" * 300, "501 5.1.3"), (b"a" * 64, "550 5.1.1"),
        (b"a(b)c", "501"), (b"a,b", "501"), (b"a;b", "501"), (b"a\\b", "501"), (b"a b", "501"), (b"a\tb", "501"), (b"\"a\tb\"", "501"))]),
    ("E10 postmaster", [E, M, (rcpt(b"<postmaster>"), OK), (rcpt(b"<PostMaster>"), OK), (rcpt(b"<postmaster@letterlock.test>"), OK),
                        (rcpt(b"<POSTMASTER@LETTERLOCK.TEST>"), OK), (rcpt(b"<abuse>"), "501 5.1.3 ")]),
    ("E11 the null sender", [E, (mail(b"<>"), OK), R, (rcpt(b"<bob@letterlock.test>"), OK), (rcpt(b"<>"), "501 5.1.3 "), D, (b".\r\n", OK)]),
    ("E12 case and plus", [E, M, (rcpt(b"<ALICE@LETTERLOCK.TEST>"), OK), (rcpt(b"<alice+../../x@letterlock.test>"), "501 5.1.3 "),
                           (rcpt(b"<alice+/./x@letterlock.test>"), OK), (rcpt(b"<alice+@letterlock.test>"), OK),
                           (rcpt(b"<alice+%00@letterlock.test>"), OK), (rcpt(b"<+x@letterlock.test>"), "550 5.1.1 ")]),
    ("E14 AUTH", [E, (b"MAIL FROM:<a@b.example> AUTH=<x+0Aroot>\r\n", "501 5.5.4 "), (b"MAIL FROM:<a@b.example> AUTH=x+0Aroot\r\n", "501 5.5.4 "),
                  (b"MAIL FROM:<a@b.example> AUTH=\r\n", "501 5.5.4 "), (b"MAIL FROM:<a@b.example> AUTH=<>\r\n", OK), (b"RSET\r\n", OK),
                  (b"MAIL FROM:<a@b.example> AUTH=x+40y.example\r\n", OK)]),
    ("E15 parameters", [E, (b"MAIL FROM:<a@b.example> X=y\r\n", "555 5.5.4 "), (b"MAIL FROM:<a@b.example> SIZE=1 SIZE=2\r\n", "501 5.5.4 "),
                        (b"MAIL FROM:<a@b.example> BODY=9BIT\r\n", "501 5.5.4 "), (b"MAIL FROM:<a@b.example> X=" + b"y" * 3000 + b"\r\n", "555 5.5.4 "),
                        (b"MAIL FROM:<a@b.example> SIZE=1=2\r\n", "501 5.5.4 "), M,
                        (b"RCPT TO:<alice@letterlock.test> X=y\r\n", "555 5.5.4 "), (b"RCPT TO:<alice@letterlock.test> SIZE=1\r\n", "555 5.5.4 ")]),
    ("DSN parameters", [E, (b"MAIL FROM:<a@b.example> RET=HDRS ENVID=QQ+2B314159\r\n", OK),
                        (b"RCPT TO:<alice@letterlock.test> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;alice+40x.example\r\n", OK),
                        (b"RCPT TO:<bob@letterlock.test> NOTIFY=NEVER\r\n", OK), D, (b".\r\n", OK)]),
    ("DSN parameters malformed", [E, (b"MAIL FROM:<a@b.example> RET=ALL\r\n", "501 5.5.4 "), (b"MAIL FROM:<a@b.example> ENVID=\r\n", "501 5.5.4 "),
                                  (b"MAIL FROM:<a@b.example> ENVID=a+0Ab\r\n", "501 5.5.4 "), (b"MAIL FROM:<a@b.example> ENVID=a+zz\r\n", "501 5.5.4 "),
                                  (b"MAIL FROM:<a@b.example> ENVID=" + b"a" * 101 + b"\r\n", "501 5.5.4 "),
                                  (b"MAIL FROM:<a@b.example> RET=FULL RET=HDRS\r\n", "501 5.5.4 "), M,
                                  (b"RCPT TO:<alice@letterlock.test> NOTIFY=NEVER,DELAY\r\n", "501 5.5.4 "),
                                  (b"RCPT TO:<alice@letterlock.test> NOTIFY=\r\n", "501 5.5.4 "),
                                  (b"RCPT TO:<alice@letterlock.test> NOTIFY=SOON\r\n", "501 5.5.4 "),
                                  (b"RCPT TO:<alice@letterlock.test> ORCPT=nothing\r\n", "501 5.5.4 "),
                                  (b"RCPT TO:<alice@letterlock.test> ORCPT=rfc822;a+0Db\r\n", "501 5.5.4 "), R]),
    ("O1 unknown, and others' domains", [E, M, RB, (rcpt(b"<x@elsewhere.example>"), "550 5.7.1 ")]),
]


def before_greeting(s):
    c = Raw(s.smtp, greet=False)
    c.send(b"EHLO x.example\r\n")
    got = c.reply()
    ok(got.startswith("554 5.5.0 ") or got.startswith("220 "), "C9 talks first") or diag(got)
    c.close()


def bdat_too_large(s):
    c = Raw(s.smtp)
    for l in (E, M, R):
        c.say(l[0])
    n = 60 << 20
    c.send(b"BDAT %d\r\n" % n)
    block = b"DATA\r\nQUIT\r\n" * 5461 + b"pad\n"
    for i in range(0, n, len(block)):
        c.send(block[:min(len(block), n - i)])
    ok(c.reply().startswith("552 5.3.4 "), "C1 a chunk larger than a message may be is passed over")
    ok(c.say(b"DATA\r\n").startswith(BAD), "C1 and then there is no transaction")
    ok(c.say(R[0]).startswith(BAD), "C1 for RCPT neither")
    ok(c.say(M[0]).startswith(OK), "C1 a new one begins")
    c.close()


def many_chunks(s):
    c = Raw(s.smtp)
    for l in (E, M, R):
        c.say(l[0])
    c.send(b"BDAT 1\r\nx" * 20000)
    got = [c.reply()[:3]]
    while got[-1] == "250":
        got.append(c.reply()[:3])
    ok(got[-1] in ("421", "452"), "C4 chunks of one octet end after %d" % len(got)) or diag(got[-1])
    c.close()


def recipients(s):
    c = Raw(s.smtp)
    c.say(E[0])
    c.say(M[0])
    c.send(b"".join(rcpt(b"<alice+%d@letterlock.test>" % i) for i in range(1005)))
    got = [c.reply()[:9] for i in range(1005)]
    is_((got.count("250 2.1.5"), got[1000:]), (1000, ["452 4.5.3"] * 5), "E16 1000 recipients, then 452")
    ok(c.say(b"DATA\r\n").startswith("354"), "E16 the message goes to those")
    ok(c.say(b"Subject: thousand\r\n\r\n.\r\n").startswith(OK), "E16 it is taken")
    n = wait_for(lambda: len([m for m in fetch_all(s, "bob") if "thousand" in m]) == 0)
    ok(n, "E16 nobody else has it")
    c.close()
    c = Raw(s.smtp)
    c.say(E[0])
    c.say(M[0])
    c.send(b"".join(rcpt(b"<nobody%d@letterlock.test>" % i) for i in range(1000)))
    got = [r.split(b" ")[0] for r in c.rest().splitlines()]
    ok(got[-1] == b"421" and set(got[:-1]) == {b"550"}, "E16 refused ones are errors: 421 after %d" % len(got))
    c.close()


def processes(s):
    return {(r["role"], r["instance"]): r["pid"] for r in s.rows("status") if r["role"] != "relay"}


def logs(s):
    text = s.logged()
    ok(not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text), "I7 no controls in the log")
    ok("ERROR" not in text.upper().replace("ERRORS", "").replace("TOO MANY ERROR", ""), "no errors of ours in the log") or \
        diag("\n".join([l for l in text.splitlines() if "error" in l.lower()][:10]))
    ok("Sanitizer" not in text and "runtime error" not in text, "nor of the sanitizers")


CONF = 'limits { errors 40 connections-address 1000 connections-prefix 1000 }\n'

with Suite(conf=CONF) as suite:
    pids = processes(suite)
    ends(suite)
    for name, steps in ROWS:
        smtp_row(suite.smtp, name, steps)
    before_greeting(suite)
    bdat_too_large(suite)
    many_chunks(suite)
    recipients(suite)
    is_(processes(suite), pids, "P: no process was started again")
    logs(suite)
done()
