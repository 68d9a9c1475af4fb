#!/usr/bin/env python3
"""Messages that are hard to read, in by SMTP and APPEND, out by FETCH and SEARCH; what a
submission gets and loses."""
import re
import unicodedata

from hard_auth import b64, plain
from raw import Imap, Raw
from suite import DOMAIN, PASSWORD, Suite, diag, done, is_, ok, sanitized, wait_for

ALICE, BOB = "alice@" + DOMAIN, "bob@" + DOMAIN
H = b"From: a@b.example\r\nMIME-Version: 1.0\r\n"


def mixed(b, body, more=b""):
    return H + b"Content-Type: multipart/mixed; boundary=" + b + more + b"\r\n\r\n" + body


def deep(n):
    return H + b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(n)) + b"\r\nend\r\n"


def deep_rfc822(n):
    return H + b"Content-Type: message/rfc822\r\n\r\n" * n + b"Subject: last\r\n\r\nend\r\n"


def dated(d):
    return H + b"Date: " + d + b"\r\n\r\nx\r\n"


# (name, message, what BODYSTRUCTURE matches)
MESSAGES = [
    ("I1 100 deep", deep(100), None), ("I1 100000 deep", deep(100000), None), ("I1 message/rfc822 5000 deep", deep_rfc822(5000), None),
    ("I2 a million parts", mixed(b"b", b"--b\r\n\r\n" * 1000000), None),
    ("I3 a part that never ends", mixed(b"b", b"--b\r\nContent-Type: message/rfc822\r\n\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n--b--\r\n"), None),
    ("I5 10000 parameters", H + b"Content-Type: text/plain; " + b"".join(b"a%d=b;\r\n " % i for i in range(10000)) + b"z=z\r\n\r\nx\r\n", None),
    ("I5 parameters in pieces", H + b"Content-Type: text/plain; name*0*=utf-8''a%20; name*2=c; name*1=b; name*0=d; name*=''\r\n\r\nx\r\n", None),
    ("I6 no boundary", H + b"Content-Type: multipart/mixed\r\n\r\n--\r\n\r\nx\r\n", None),
    ("I6 an empty boundary", mixed(b'""', b"--\r\n\r\nx\r\n----\r\n"), None),
    ("I6 a boundary of 71", mixed(b"b" * 71, b"--" + b"b" * 71 + b"\r\n\r\nx\r\n--" + b"b" * 71 + b"--\r\n"), None),
    ("I6 a boundary of 2048", mixed(b"b" * 2048, b"--" + b"b" * 2048 + b"\r\n\r\nx\r\n"), None),
    ("I6 a boundary of 1 MB", mixed(b"b" * 1000000, b"--" + b"b" * 1000000 + b"\r\n\r\nx\r\n"), None),
    ("I6 boundaries that begin alike", mixed(b"b", b"--b\r\nContent-Type: multipart/mixed; boundary=b1\r\n\r\n--b1\r\n\r\nx\r\n--b1x\r\n\r\n--b1--\r\n--b\r\n\r\ny\r\n--b--\r\n"),
     rb'\(\(\("text" "plain".*"mixed".*\)\("text" "plain".*"mixed"'),
    ("I6 spaces behind a boundary", mixed(b"b", b"--b  \r\n\r\nx\r\n--b-- \t\r\n"), rb'\(\("text" "plain" .* "mixed"'),
    ("I6 parts behind the end", mixed(b"b", b"--b\r\n\r\nx\r\n--b--\r\n--b\r\n\r\ny\r\n"), rb'\(\("text" "plain" \("charset" "us-ascii"\) [^()]*\) "mixed"'),
    ("I6 a boundary at the very start", mixed(b"b", b"--b--\r\n"), None),
    ("I6 no part at all", mixed(b"b", b"nothing\r\n"), None),
    ("I7 encoded words", H + b"Subject: =?utf-8?q? =?utf-8?q?=C3?= =?x-unknown?b?QUJD?= =?" + b"c" * 10000 + b"?q?x?= =?utf-8?b?QUJ?=\r\n\r\nx\r\n", None),
    ("I7 a subject of 1 MB", H + b"Subject: " + b"=?utf-8?q?x" * 100000 + b"\r\n\r\nx\r\n", None),
    ("E17 many addresses", H + b"To: " + b", ".join(b"a%d@b.example" % i for i in range(100000)) + b"\r\n\r\nx\r\n", None),
    ("E17 comments deep", H + b"To: " + b"(" * 1000000 + b"\r\n\r\nx\r\n", None),
    ("E17 a quote that never ends", H + b'To: "abc <x@y.example>\r\n\r\nx\r\n', None),
    ("E17 a backslash at the end", H + b"To: (abc\\\r\nCc: \"x\\\r\n\r\nx\r\n", None),
    ("E17 groups", H + b"To: a:b,c;, undisclosed-recipients:;, x: y <z@w.example>;\r\n\r\nx\r\n", None),
    ("a header of 5 MB", H + b"X: " + b"y" * 5000000 + b"\r\n\r\nx\r\n", None),
    ("100000 header fields", H + b"".join(b"X-%d: y\r\n" % i for i in range(100000)) + b"\r\nx\r\n", None),
    ("8-bit in the header", H + b'Subject: \xff\xfe\xc3\r\nFrom: "\xe9" <a@b.example>\r\nContent-Type: text/"\xe9"\r\n\r\nx\r\n', None),
    ("H18 literals and ends in the header", H + b"Subject: {5}\r\nContent-Type: text/plain; name=\"a\\\"{5}\"\r\nContent-ID: \"\r\nContent-MD5: (\r\nContent-Language: a, (b) c\r\n\r\nx\r\n", None),
    ("bad transfer encoding", H + b"Content-Transfer-Encoding: base64\r\n\r\n!!!!=QUJD=\r\n====\r\n", None),
] + [("I8 Date: %s" % d.decode(), dated(d), None) for d in (
    b"Thu, 1 Jan 0000 00:00:00 +0000", b"1 Jan 9999 23:59:60 -9999", b"1 Jan 10000 00:00:00 +0000", b"1 Jan 1000000000000000000 00:00 +9999",
    b"32 Foo 2020 25:61:61 GMT", b"", b"(", b"31 Dec 1969 23:59:59 +0000", b"29 Feb 2023 12:00 EST", b"1 Jan 70 00:00 Z")]


def plain_text(head, body):
    return H + b"Subject: hostile\r\n" + head + b"\r\n" + body


INSIDE = b"From: in@b.example\r\nSubject: inside\r\n\r\nwithin\r\n"
B64 = b"Content-Transfer-Encoding: base64\r\n"
QP = b"Content-Transfer-Encoding: quoted-printable\r\n"
# (name, message, what BODYSTRUCTURE matches, a word of its text or None)
ODD = [
    ("no end of parts", mixed(b"b", b"--b\r\n\r\nfirst\r\n--b\r\n\r\nlastword"), rb'\(\("text" "plain" .*\)\("text" "plain" .*\) "mixed"', b"lastword"),
    ("one boundary within another", mixed(b"b", b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\ninnerword\r\n--b\r\n\r\nouter\r\n--c--\r\n--b--\r\n"),
     rb'\(\(\("text" "plain" .*"mixed" .*\)\("text" "plain" .*"mixed"', b"innerword"),
    ("10000 deep, each closed", mixed(b"b0", b"".join(b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (i, i + 1) for i in range(10000)) +
                                     b"".join(b"--b%d--\r\n" % i for i in range(10000, -1, -1))), None, None),
    ("100000 parts", mixed(b"b", b"--b\r\n\r\nx\r\n" * 100000 + b"--b--\r\n"), None, None),
    ("lines of the header without a colon", b"From a\r\nno colon here\r\n" + plain_text(b"neither here\r\n : empty\r\n:\r\n", b"colonword\r\n"), None, None),
    ("no header at all", b"\r\nheaderless\r\n", rb'\("text" "plain"', b"headerless"),
    ("nothing but blank lines", b"\r\n" * 1000, rb'\("text" "plain"', None),
    ("a header alone", H + b"Subject: alone", None, None),
    ("one octet", b"x", None, None),
    ("a field of 1 MiB", plain_text(b"X-Long: " + b"y" * (1 << 20) + b"\r\n", b"afterlong\r\n"), None, b"afterlong"),
    ("a field of 1 MiB, folded", plain_text(b"X-Long: a" + b"\r\n y" * (1 << 18) + b"\r\n", b"afterfold\r\n"), None, b"afterfold"),
    ("NUL in the header", plain_text(b"X: a\0b\r\nTo: a\0@b.example\r\n", b"nulword\r\n"), None, b"nulword"),
    ("NUL in the text", plain_text(b"", b"be\0fore nulbody\r\n\0\r\n"), None, b"nulbody"),
    ("bare CR", plain_text(b"X: a\rY: b\r\n", b"one\rtwo crword\r\r\n\r"), None, b"crword"),
    ("bare LF alone", (plain_text(b"Content-Type: multipart/mixed; boundary=b\r\n", b"--b\r\n\r\nlfword\r\n--b--\r\n")).replace(b"\r\n", b"\n"), None, b"lfword"),
    ("LF and CRLF by turns", plain_text(b"X: y\n", b"a\nb\r\nmixedword\n"), None, b"mixedword"),
    ("8-bit in every field", b"Subject: \xe4\xf6 \xff\r\nFrom: \xe4 <\xf6@b.example>\r\nTo: \xff\xfe\r\nDate: \xe4\r\nMessage-ID: <\xff@b>\r\nReferences: <\xfe@b>\r\nContent-Type: text/plain; name=\"\xe4\"\r\n\r\neightword\r\n", None, b"eightword"),
    ("10000 continuations of a parameter", plain_text(b"Content-Type: text/plain;" + b";".join(b"\r\n name*%d*=%%41" % i for i in range(10000)) + b"\r\n", b"contword\r\n"), None, b"contword"),
    ("continuations that begin anywhere", plain_text(b"Content-Type: text/plain; name*99999999999=a; name*-1=b; name**=c; *0=d; name*1*=x\r\n", b"anyword\r\n"), None, b"anyword"),
    ("base64 in pieces", plain_text(B64, b"Z29v\r\nZHdvcmQ=\r\n=Z\r\n\xffjunk*\r\n"), None, b"goodword"),
    ("base64 without an end", plain_text(B64, b"QUJDRE" * 10000 + b"Q"), None, None),
    ("quoted-printable out of shape", plain_text(QP, b"=\r\n=4\r\n=ZZ =3D=\r\nqpw=6Frd =\r\n=C3"), None, b"qpword"),
    ("quoted-printable that never ends a line", plain_text(QP, b"a=\r\n" * 100000), None, None),
    ("uuencode", plain_text(b"Content-Transfer-Encoding: x-uuencode\r\n", b"begin 644 x\r\n#86)C\r\n`\r\nend\r\n"), None, None),
    ("an encoding that nobody knows", plain_text(b"Content-Transfer-Encoding: x-" + b"y" * 5000 + b"\r\n", b"unknownenc\r\n"), None, None),
    ("a message in base64", plain_text(b"Content-Type: message/rfc822\r\n" + B64, b"RnJvbTogYUBiCgp4Cg==\r\n"), None, None),
    ("message/partial", plain_text(b"Content-Type: message/partial; id=\"a@b\"; number=2; total=3\r\n", INSIDE), rb'\("message" "partial" \("id" "a@b" "number" "2" "total" "3"\)', None),
    ("a digest", plain_text(b"Content-Type: multipart/digest; boundary=b\r\n", b"--b\r\n\r\n" + INSIDE + b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--\r\n"),
     rb'\(\("message" "rfc822" .* "inside" .*\)\("text" "plain".*"digest"', b"within"),
    ("a charset that nobody knows", plain_text(b"Content-Type: text/plain; charset=x-klingon\r\n", b"kl\xff asitstands\r\n"), None, b"asitstands"),
    ("a charset of 100 KB", plain_text(b"Content-Type: text/plain; charset=" + b"c" * 100000 + b"\r\n", b"longcharset\r\n"), None, b"longcharset"),
    ("types of nothing", plain_text(b"Content-Type: /\r\nContent-Type: ;;;;\r\nContent-Disposition: ;\r\nContent-Language: ,,\r\nContent-Location: \r\n", b"typeword\r\n"), None, None),
    ("HTML that never ends", plain_text(b"Content-Type: text/html\r\n", b"<div>" * 50000 + b"htmlword<" + b"!--" * 10000), None, b"htmlword"),
    ("a line of 2 MB", plain_text(b"", b"w" * 2000000 + b" lineword"), None, b"lineword"),
    ("10000 references", plain_text(b"References: " + b"\r\n ".join(b"<r%d@b.example>" % i for i in range(10000)) + b"\r\nMessage-ID: <m@b.example>\r\n", b"refword\r\n"), None, b"refword"),
    ("references to itself", plain_text(b"References: <me@b.example> <me@b.example>\r\nIn-Reply-To: <me@b.example>\r\nMessage-ID: <me@b.example>\r\n", b"selfword\r\n"), None, b"selfword"),
    ("Re: without end", H + b"Subject: " + b"Re: [x] " * 100000 + b"\r\n\r\nreword\r\n", None, b"reword"),
]
ITEMS = (b"BODY", b"BODYSTRUCTURE", b"ENVELOPE", b"PREVIEW", b"BODY.PEEK[1]", b"BODY.PEEK[1.1]", b"BODY.PEEK[2.1.MIME]", b"BODY.PEEK[1.HEADER]",
         b"BODY.PEEK[1.TEXT]<3.7>", b"BODY.PEEK[HEADER.FIELDS.NOT (SUBJECT)]", b"BINARY.PEEK[1]", b"BINARY.PEEK[1.1]<0.9>", b"BINARY.SIZE[1]", b"RFC822.SIZE")


TOKEN = re.compile(rb'"((?:[^"\\\r\n\0]|\\["\\])*)"|\{(\d+)\}\r\n|([() ])|([^\s()"{}]+(?:\[[^\]]*\](?:<\d+>)?)?)')


def parse(b):
    """An IMAP value and what follows it; raises if it is none."""
    stack, at = [[]], 0
    while True:
        m = TOKEN.match(b, at)
        at = m.end()
        if m.group(3) == b"(":
            stack.append([])
        elif m.group(3) == b")":
            stack[-2].append(stack.pop())
        elif m.group(2) is not None:
            at += int(m.group(2))
            stack[-1].append(b[m.end():at])
        elif m.group(3) is None:
            stack[-1].append(m.group(1) if m.group(1) is not None else m.group(4))
        if len(stack) == 1 and stack[0]:
            return stack[0][0], b[at:]


def well_formed(r, item):
    m = re.match(rb"\* \d+ FETCH \(" + item + rb" ", r)
    if not m:
        return False
    try:
        v, rest = parse(r[m.end():])
    except (AttributeError, IndexError):
        return False
    return rest == b")\r\n" and v


def send(s, message):
    c = Raw(s.smtp)
    for l in ("EHLO c.example\r\n", "MAIL FROM:<a@b.example> BODY=8BITMIME\r\n", "RCPT TO:<alice@letterlock.test>\r\n"):
        c.say(l)
    c.send(b"BDAT %d LAST\r\n" % len(message) + message)
    r = c.reply()
    c.close()
    return r


def mime(s):
    c = Imap(s.imap, ALICE, PASSWORD)
    c.cmd(b"SELECT INBOX")
    n = 0
    for i, (name, message, want) in enumerate(MESSAGES):
        if i % 2:
            r = send(s, message)
        else:
            u, t = c.cmd(b"APPEND INBOX {%d+}\r\n" % len(message) + message)
            r = t.decode()
        if not ok(re.match("250 2|OK ", r), name + ": taken"):
            diag(r)
            continue
        c.cmd(b"NOOP")
        u, t = c.cmd(b"FETCH * BODYSTRUCTURE")
        v = u and well_formed(u[-1], b"BODYSTRUCTURE")
        ok(v and t.startswith(b"OK"), name + ": BODYSTRUCTURE") or diag(u[-1][:300] if u else t)
        ok(len(u[-1]) < 8 << 20, name + ": of some size")
        if want:
            ok(re.search(rb"(?i)" + want, u[-1]), name + ": as it should be") or diag(u[-1][:400])
        u, t = c.cmd(b"FETCH * ENVELOPE")
        v = u and well_formed(u[-1], b"ENVELOPE")
        ok(v and len(v) == 10, name + ": ENVELOPE") or diag(u[-1][:300] if u else t)
        u, t = c.cmd(b"FETCH * RFC822.SIZE")
        size = int(re.search(rb"SIZE (\d+)", u[-1]).group(1))
        u, t = c.cmd(b"FETCH * BODY.PEEK[]")
        m = re.match(rb"\* \d+ FETCH \(BODY\[\] \{(\d+)\}\r\n", u[-1])
        ok(m and int(m.group(1)) == size and u[-1][m.end():m.end() + size].endswith(message), name + ": whole, as it came") or diag(u[-1][:200], t)
        for item in (b"BODY.PEEK[1.MIME]", b"BODY.PEEK[1.1.1.1.1]", b"BODY.PEEK[HEADER.FIELDS (SUBJECT)]", b"BODY.PEEK[2]<5.5>", b"BODY.PEEK[TEXT]<0.10>"):
            u, t = c.cmd(b"FETCH * " + item)
            if not t.startswith(b"OK"):
                ok(False, "%s: %s" % (name, item.decode()))
                diag(t)
    for key in (b"TEXT zzzzz", b"BODY zzzzz", b"SUBJECT zzzzz", b"TO zzzzz", b"SENTBEFORE 1-Jan-2000", b"SENTSINCE 1-Jan-9999", b"HEADER X zzzzz"):
        ok(c.cmd(b"SEARCH " + key)[1].startswith(b"OK"), "SEARCH %s among them" % key.decode())
    ok(c.cmd(b"FETCH 1:* (ENVELOPE BODYSTRUCTURE)")[1].startswith(b"OK"), "all of them again")
    c.close()


def fetched(r):
    """The whole of a FETCH response as a value, None if it is none."""
    m = re.match(rb"\* \d+ FETCH ", r)
    try:
        v, rest = parse(r[m.end():])
    except (AttributeError, IndexError):
        return None
    return v if rest == b"\r\n" else None


def section(c, name):
    u, t = c.cmd(b"FETCH * BODY.PEEK[%s]" % name)
    m = re.match(rb"\* \d+ FETCH \(BODY\[[^\]]*\] (?:\{(\d+)\}\r\n|\"\"|NIL)", u[-1])
    return u[-1][m.end():m.end() + int(m.group(1) or 0)] if m else None


def memory(s):
    """The most that a store had, in KiB."""
    most = 0
    for r in s.rows("status"):
        if r["role"] == "store":
            with open("/proc/%d/status" % r["pid"]) as f:
                most = max(most, int(re.search(r"VmHWM:\s+(\d+)", f.read()).group(1)))
    return most


def odd(s):
    c = Imap(s.imap, BOB, PASSWORD)
    c.cmd(b"CREATE odd")
    c.cmd(b"SELECT odd")
    n = 0
    for name, message, want, word in ODD:
        nul = b"\0" in message
        u, t = c.cmd(b"APPEND odd %s{%d+}\r\n" % (b"~" if nul else b"", len(message)) + message)
        if nul:			# no mailbox has one, RFC 3516 section 4.4
            ok(t.startswith(b"NO [UNKNOWN-CTE]"), "odd: %s: refused" % name)
            continue
        n += 1
        if not ok(t.startswith(b"OK "), "odd: %s: taken" % name):
            diag(t)
            continue
        wrong = []
        for item in ITEMS:
            u, t = c.cmd(b"FETCH * " + item)
            if t.startswith(b"NO [UNKNOWN-CTE]") or item.startswith(b"BINARY") and t.startswith(b"NO "):
                continue
            if not t.startswith(b"OK") or not u or fetched(u[-1]) is None or len(u[-1]) > len(message) * 4 + (1 << 20):
                wrong.append((item, t, u[-1][:200] if u else b""))
        ok(not wrong, "odd: %s: every item" % name) or diag(*wrong)
        if want:
            u = c.cmd(b"FETCH * BODYSTRUCTURE")[0]
            ok(re.search(rb"(?i)" + want, u[-1]), "odd: %s: as it should be" % name) or diag(u[-1][:500])
        is_(section(c, b""), message, "odd: %s: byte for byte" % name) if len(message) < 3000 else \
            ok(section(c, b"") == message, "odd: %s: byte for byte" % name)
        ok((section(c, b"HEADER") or b"") + (section(c, b"TEXT") or b"") == message, "odd: %s: header and text are all of it" % name)
        if word:
            ok(re.match(rb"\* SEARCH (.* )?%d\r\n" % n, b"".join(c.cmd(b"SEARCH TEXT " + word)[0])), "odd: %s: its text is found" % name)
    everyone = [b"%d" % i for i in range(1, n + 1)]
    for cmd, kind in ((b"SORT (SUBJECT) UTF-8 ALL", rb"\* SORT"), (b"SORT (FROM REVERSE DATE DISPLAYTO) UTF-8 ALL", rb"\* SORT"),
                      (b"THREAD REFERENCES UTF-8 ALL", rb"\* THREAD"), (b"THREAD ORDEREDSUBJECT UTF-8 ALL", rb"\* THREAD")):
        u, t = c.cmd(cmd)
        ok(t.startswith(b"OK") and re.match(kind, u[0]) and sorted(re.findall(rb"\d+", u[0]), key=int) == everyone, "odd: %s: each once" % cmd.decode()) or diag(t, u[:1])
    for key in (b"TEXT zzzzz", b"BODY zz", b"HEADER X-Long zzz", b"SENTBEFORE 1-Jan-2000"):
        ok(c.cmd(b"SEARCH " + key)[1].startswith(b"OK"), "odd: SEARCH %s" % key.decode())
    c.close()


def submit(s, message, sender=ALICE, params="", rcpts=(BOB,)):
    c = Raw(s.submission)
    c.say("EHLO c.example\r\n")
    c.say("AUTH PLAIN %s\r\n" % b64(plain(ALICE, PASSWORD)))
    got = [c.say("MAIL FROM:<%s>%s\r\n" % (sender, params))]
    got += [c.say("RCPT TO:<%s>\r\n" % r) for r in rcpts]
    if got[0].startswith("250"):
        got.append(c.say("DATA\r\n"))
        if got[-1].startswith("354"):
            got.append(c.say(message + b".\r\n"))
    c.close()
    return got


def arrived(s, word):
    def look():
        c = Imap(s.imap, BOB, PASSWORD)
        c.cmd(b"SELECT INBOX")
        ns = c.cmd(b"SEARCH SUBJECT " + word)[0][0].split()[2:]
        got = c.cmd(b"FETCH " + ns[-1] + b" BODY.PEEK[]")[0][0] if ns else b""
        c.close()
        return got
    return wait_for(look) or b""


F = b"From: Alice <alice@letterlock.test>\r\n"
SUBMISSIONS = [
    ("its own", F, ALICE, "250 2"), ("another's From", b"From: bob@letterlock.test\r\n", ALICE, "550 5.7.1 "),
    ("another's MAIL FROM", F, BOB, "550 5.7.1 "), ("a foreign MAIL FROM", F, "x@elsewhere.example", "550 5.7.1 "),
    ("a foreign From", b"From: x@elsewhere.example\r\n", ALICE, "550 5.7.1 "), ("no From", b"", ALICE, "55[0-9] 5."),
    ("two From", F + F, ALICE, "550 5.7.1 "), ("two in one From", b"From: alice@letterlock.test, bob@letterlock.test\r\n", ALICE, "550 5.7.1 "),
    ("From in other case", b"FROM: <ALICE@LetterLock.Test>\r\n", ALICE, "250 2"), ("From with a tag", b"From: alice+x@letterlock.test\r\n", ALICE, "250 2"),
    ("From in a comment", b"From: bob@letterlock.test (alice@letterlock.test)\r\n", ALICE, "550 5.7.1 "),
    ("From in its name", b'From: "alice@letterlock.test" <bob@letterlock.test>\r\n', ALICE, "550 5.7.1 "),
    ("From folded", b"From:\r\n Alice\r\n <alice@letterlock.test>\r\n", ALICE, "250 2"),
    ("From with a space before the colon", b"From : bob@letterlock.test\r\n", ALICE, "55[0-9] 5."),
    ("From behind the header", b"Subject: x\r\n\r\n" + F, ALICE, "55[0-9] 5."), ("From as a group", b"From: g: alice@letterlock.test;\r\n", ALICE, "(250|550) "),
    ("an empty From", b"From:\r\n", ALICE, "55[0-9] 5."), ("a null sender", F, "", "250 2"),
]


def submissions(s):
    for name, head, sender, want in SUBMISSIONS:
        got = submit(s, head + b"Subject: sub\r\n\r\nx\r\n", sender)
        ok(re.match(want, got[-1]) if want.startswith("250") or len(got) > 2 else re.match(want, got[0]), "submission: " + name) or diag(got)
    got = submit(s, F + b"Subject: changed\r\nBcc: hidden1@x.example,\r\n hidden2@x.example\r\nbcc: hidden3@x.example\r\nBCC:\r\n\r\nBcc: body\r\n")
    ok(got[-1].startswith("250"), "submission: with Bcc") or diag(got)
    m = arrived(s, b"changed")
    ok(b"hidden" not in m and b"Bcc: body\r\n" in m, "Bcc is gone, the body is not") or diag(m)
    ok(re.search(rb"(?m)^Date: \w{3}, +\d+ \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}\r$", m), "there is a Date")
    ok(len(re.findall(rb"(?mi)^Message-ID: <[^<>\s]+@[^<>\s]+>\r$", m)) == 1, "and a Message-ID")
    ok(b"\r\nReturn-Path: <alice@letterlock.test>\r\n" in b"\r\n" + m.split(b"}\r\n", 1)[1], "and a Return-Path at delivery") or diag(m[:200])
    submit(s, F + b"Subject: kept\r\nDate: Mon, 7 Feb 1994 21:52:25 -0800\r\nMessage-ID: <mine@x.example>\r\nReturn-Path: <x@y.example>\r\n\r\nx\r\n")
    m = arrived(s, b"kept")
    ok(m.count(b"\r\nDate:") == 1 and b"1994" in m and re.findall(rb"(?mi)^Message-ID: (.*)\r$", m) == [b"<mine@x.example>"], "what is there is kept") or diag(m)
    ok(len(re.findall(rb"(?mi)^Return-Path:", m)) == 1 and b"<x@y.example>" not in m, "but for a Return-Path")
    got = submit(s, b"Received: x\r\n" * 101 + F + b"\r\nx\r\n")
    ok(got[-1].startswith("554 5.4.6 "), "a loop at submission") or diag(got)
    got = submit(s, F + b"\r\nbare\nlf\r\n")
    ok(re.match("(550 5.5.2|250 )", got[-1]), "a bare LF at submission") or diag(got)
    got = submit(s, F + b"Subject: n\r\n\r\nx\r\n", rcpts=("nobody@" + DOMAIN, "bad address@x", BOB))
    is_([g[:9] for g in got[1:4]], ["550 5.1.1", "501 5.1.3", "250 2.1.5"], "recipients of a submission") or diag(got)
    c = Raw(s.submission)
    c.say("EHLO c.example\r\n")
    for l in ("MAIL FROM:<%s>\r\n" % ALICE, "RCPT TO:<%s>\r\n" % BOB, "DATA\r\n"):
        ok(c.say(l).startswith("530 5.7."), "not logged in: " + l.split()[0])
    c.send("BDAT 6\r\nQUIT\r\n")
    ok(c.reply().startswith("530 5.7.") and c.say("NOOP\r\n").startswith("250"), "not logged in: BDAT is passed over")
    c.close()


with Suite(conf="limits { connections-address 1000 connections-prefix 1000 }\n") as suite:
    pids = {(r["role"], r["instance"]): r["pid"] for r in suite.rows("status") if r["role"] != "relay"}
    submissions(suite)
    odd(suite)
    was = memory(suite)
    mime(suite)
    ok(sanitized() or memory(suite) < 512 << 10, "no store had more than 512 MiB")
    diag("%d KiB after the small ones, %d after all" % (was, memory(suite)))
    is_({(r["role"], r["instance"]): r["pid"] for r in suite.rows("status") if r["role"] != "relay"}, pids, "P: no process was started again")
    log = suite.logged()
    ok("Sanitizer" not in log and "runtime error" not in log, "nothing of the sanitizers")
done()
