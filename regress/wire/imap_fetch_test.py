#!/usr/bin/env python3
"""FETCH, SEARCH, STORE, COPY, MOVE, EXPUNGE over the wire: what Python's own parser
says of a message, two sessions at once, a large message and a reader that stops,
many messages."""
import email
import imaplib
import random
import re
import socket

from suite import (BUILD, DOMAIN, PASSWORD, Suite, diag, done, is_, ok, skip,
                   wait_for)

imaplib._MAXLINE = 10000000
ALICE, BOB = "alice@" + DOMAIN, "bob@" + DOMAIN


def login(s, user=ALICE, mailbox="INBOX", readonly=False):
    m = imaplib.IMAP4("127.0.0.1", s.imap, timeout=180)    # so that it cannot hang
    m.login(user, PASSWORD)
    if mailbox:
        m.select(mailbox, readonly=readonly)
    return m


def multiappend(m, mailbox, messages):
    """Many messages, some hundred a command."""
    for i in range(0, len(messages), 400):
        tag = "x%d" % i
        cmd = b"%s APPEND %s" % (tag.encode(), mailbox.encode())
        for t in messages[i:i + 400]:
            cmd += b" {%d+}\r\n%s" % (len(t), t)
        m.send(cmd + b"\r\n")
        while True:
            line = m.readline()
            if line.startswith(tag.encode()):
                break
        if b" OK " not in line:
            diag(line)
            return False
    return True


def literal(data):
    """The octets of the first literal of an answer."""
    for d in data:
        if isinstance(d, tuple):
            return d[1]
    return None


def parts(msg, path=()):
    """(numbers, part) of each leaf, RFC 3501 section 6.4.5."""
    if msg.is_multipart() and msg.get_content_maintype() != "message":
        for i, p in enumerate(msg.get_payload()):
            yield from parts(p, path + (i + 1,))
    else:
        yield path or (1,), msg


MULTI = (b"From: Alice <alice@example.org>\r\nTo: bob@example.net\r\nSubject: parts\r\n"
         b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"a\"\r\n\r\n"
         b"--a\r\nContent-Type: multipart/alternative; boundary=aa\r\n\r\n"
         b"--aa\r\nContent-Type: text/plain\r\n\r\nplain text\r\n"
         b"--aa\r\nContent-Type: text/html\r\n\r\n<p>text</p>\r\n--aa--\r\n"
         b"--a\r\nContent-Type: application/octet-stream; name=x.bin\r\n"
         b"Content-Transfer-Encoding: base64\r\n\r\nAAECAwQFBgc=\r\n"
         b"--a\r\n\r\nno header at all\r\n--a--\r\n")


def structure(s):
    m = login(s)
    m.append("INBOX", None, None, MULTI)
    m.select("INBOX")
    n = m.search(None, "SUBJECT", "parts")[1][0].decode()
    is_(literal(m.fetch(n, "(BODY.PEEK[])")[1]), MULTI, "a message comes back as it went")
    msg = email.message_from_bytes(MULTI)
    for path, p in parts(msg):
        name = ".".join(map(str, path))
        got = literal(m.fetch(n, "(BODY.PEEK[%s])" % name)[1])
        is_(got.decode().replace("\r\n", "\n"), p.get_payload(), "BODY[%s]" % name)
        got = literal(m.fetch(n, "(BODY.PEEK[%s.MIME])" % name)[1])
        is_(dict(email.message_from_bytes(got).items()), dict(p.items()), "BODY[%s.MIME]" % name)
    random.seed(7)
    bad = 0
    for _ in range(200):
        at, size = random.randrange(len(MULTI) + 20), random.randrange(1, 200)
        got = literal(m.fetch(n, "(BODY.PEEK[]<%d.%d>)" % (at, size))[1])
        bad += got != MULTI[at:at + size]
    is_(bad, 0, "200 windows are what a slice is")
    m.logout()


def two_sessions(s):
    m = login(s, mailbox=None)
    ok(multiappend(m, "INBOX", [b"Subject: n%d\r\n\r\nbody %d\r\n" % (i, i) for i in range(100)]),
       "100 messages")
    a, b = login(s), login(s)
    have = int(b.select("INBOX")[1][0])
    a.store("1:50", "+FLAGS.SILENT", "(\\Deleted)")
    # b asks for all while a removes half of them
    b.send(b"f1 FETCH 1:* (UID BODY.PEEK[])\r\n")
    a.expunge()
    uids, seqs = [], []
    while True:
        line = b.readline()
        if line.startswith(b"f1 "):
            break
        r = re.match(rb"\* (\d+) FETCH \(UID (\d+) BODY\[\] \{(\d+)\}", line)
        if r:
            seqs.append(int(r.group(1)))
            uids.append(int(r.group(2)))
            b.read(int(r.group(3)))
        elif b"EXPUNGE" in line:
            seqs.append(-1)
    ok(line.startswith(b"f1 OK"), "FETCH while another session expunges")
    is_(seqs, list(range(1, have + 1)), "every message that was counted, no EXPUNGE between")
    is_(uids, sorted(set(uids)), "each once")
    b.send(b"f2 NOOP\r\n")
    told = 0
    while True:
        line = b.readline()
        if line.startswith(b"f2 "):
            break
        told += b"EXPUNGE" in line
    is_(told, 50, "then it is told of all 50")
    is_(len(b.fetch("1:*", "(UID)")[1]), have - 50, "and counts what is left")

    # IDLE hears of another's changes at once
    b.send(b"i IDLE\r\n")
    b.readline()
    a.store("1", "+FLAGS.SILENT", "(\\Flagged $Seen2)")
    line = b.readline()
    ok(line.startswith(b"* FLAGS") and b"$Seen2" in line, "IDLE tells of a new keyword")
    line = b.readline()
    ok(b"FETCH" in line and b"\\Flagged" in line and b"$Seen2" in line, "and of a flag")
    b.send(b"DONE\r\n")
    while not b.readline().startswith(b"i OK"):
        pass
    for x in (a, b, m):
        x.logout()


def memory(s):
    """The largest resident set of any store process so far, KiB."""
    most = 0
    for r in s.rows("status"):
        if r["role"] == "store":
            with open("/proc/%d/status" % r["pid"]) as f:
                most = max(most, int(re.search(r"VmHWM:\s*(\d+)", f.read()).group(1)))
    return most


def large(s):
    m = login(s)
    line = b"0123456789abcdef" * 4 + b"\r\n"
    text = b"Subject: large\r\n\r\n" + b"".join(b"%08d " % i + line for i in range(280000))
    is_(m.append("INBOX", None, None, text)[0], "OK", "a message of %d MB" % (len(text) // 1000000))
    m.select("INBOX")
    n = m.search(None, "SUBJECT", "large")[1][0].decode()
    before = memory(s)
    got = literal(m.fetch(n, "(BODY.PEEK[])")[1])
    ok(got == text, "comes back as it went")
    is_(m.search(None, "BODY", '"00279999 0123"')[1][0].decode(), n, "its end is found")
    got = literal(m.fetch(n, "(BODY.PEEK[TEXT]<15000000.70>)")[1])
    is_(got, text[18 + 15000000:18 + 15000070], "a window far inside")

    # Somebody asks for it and does not read; others are served.
    idle = [login(s) for _ in range(4)]
    for x in idle:
        x.send(b"s FETCH %s BODY.PEEK[]\r\n" % n.encode())
    other = login(s)
    served = 0
    for _ in range(50):
        other.noop()
        served += other.fetch("1", "(FLAGS ENVELOPE)")[0] == "OK"
    is_(served, 50, "others are served meanwhile")
    if BUILD.endswith("san"):
        skip("sanitizers keep what was freed")
    else:
        ok(memory(s) - before < 8192, "and it was never in memory whole")
    diag("store: %d KiB more" % (memory(s) - before))
    for x in idle:
        x.sock.shutdown(socket.SHUT_RDWR)
    m.store(n, "+FLAGS", "(\\Deleted)")
    m.expunge()
    is_(m.search(None, "SUBJECT", "large")[1][0], b"", "it is gone")
    m.logout()
    other.logout()


MANY = 5000


def many(s):
    m = login(s, BOB, None)
    texts = [b"From: f%d@example.org\r\nTo: bob@example.net\r\nSubject: message %d\r\n"
             b"Date: Tue, 24 Nov 2026 10:%02d:00 +0000\r\nMessage-ID: <%d@example.org>\r\n\r\n"
             b"This is number %d.\r\n" % (i % 7, i, i % 60, i, i) for i in range(1, MANY + 1)]
    ok(multiappend(m, "INBOX", texts), "%d messages" % MANY)
    is_(int(m.select("INBOX")[1][0]), MANY, "SELECT counts them")

    def count(want, items, rng="1:*"):
        typ, data = m.fetch(rng, items)
        is_((typ, sum(1 for d in data if isinstance(d, tuple) or d[:1] != b")")), ("OK", want),
            "FETCH %s %s" % (rng, items))
    count(MANY, "(UID FLAGS)")
    count(MANY, "ENVELOPE")
    count(MANY, "BODYSTRUCTURE")
    count(MANY, "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    count(MANY, "(BODY.PEEK[])")
    is_(m.search(None, "SUBJECT", '"message 777"')[1][0], b"777", "SEARCH SUBJECT")
    is_(m.search(None, "BODY", '"number 4321."')[1][0], b"4321", "SEARCH BODY")
    is_(len(m.search(None, "FROM", "f3@")[1][0].split()), len(range(3, MANY + 1, 7)), "SEARCH FROM")
    is_(m.store("1:*", "+FLAGS", "(\\Flagged)")[0], "OK", "STORE 1:*")
    is_(len(m.search(None, "FLAGGED")[1][0].split()), MANY, "and all have the flag")
    typ, data = m.copy("1:*", "Archive")
    ok(typ == "OK" and b"COPYUID" in data[0], "COPY 1:*")
    is_(m.status("Archive", "(MESSAGES)")[1][0], b"Archive (MESSAGES %d)" % MANY, "are all there")
    is_(m._simple_command("MOVE", "1:2500", "Trash")[0], "OK", "MOVE 1:2500")
    is_(m.status("Trash", "(MESSAGES)")[1][0], b"Trash (MESSAGES 2500)", "are all there")
    is_(m.search(None, "ALL")[1][0].split()[-1], b"2500", "and the others are counted anew")
    m.store("1:*", "+FLAGS.SILENT", "(\\Deleted)")
    is_(m.expunge()[0], "OK", "EXPUNGE")
    is_(m.search(None, "ALL")[1][0], b"", "all are gone")
    m.select("Archive")
    is_(len(m.fetch("1:*", "(BODY.PEEK[TEXT])")[1]), 2 * MANY, "their copies are not")
    m.logout()


def restart(s):
    """What was said to be stored is there after the store was killed."""
    m = login(s, BOB, "Archive")
    m.store("1:10", "+FLAGS.SILENT", "(\\Answered)")
    m.store("11:20", "+FLAGS.SILENT", "(\\Deleted)")
    m.expunge()
    m.copy("1:600", "Junk")
    for r in [r for r in s.rows("status") if r["role"] == "store"]:
        s.kill("store", r["instance"])

    def again():
        try:
            return login(s, BOB, "Archive")
        except (imaplib.IMAP4.error, OSError):
            return None
    m = wait_for(again)
    ok(m is not None, "the store is back")
    is_(m.search(None, "ANSWERED")[1][0].split(), [b"%d" % i for i in range(1, 11)], "flags are kept")
    is_(m.search(None, "DELETED")[1][0], b"", "expunged ones are gone")
    is_(m.status("Junk", "(MESSAGES)")[1][0], b"Junk (MESSAGES 600)", "a staged copy is whole")
    m.logout()


with Suite() as suite:
    structure(suite)
    two_sessions(suite)
    large(suite)
    many(suite)
    restart(suite)
done()
