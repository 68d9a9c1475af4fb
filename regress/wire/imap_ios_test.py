#!/usr/bin/env python3
"""What iOS does where PARTIAL, UIDBATCHES, ENABLE, UIDONLY and ESEARCH are all there: it
never uses a number of a message, takes a mailbox in batches, searches in pages, idles while
another client changes things, goes away and comes back.  What it knows is what is there."""
import imaplib
import re
import socket

from imapbox import stream
from suite import DOMAIN, PASSWORD, Suite, done, is_, ok, wait_for

N = 1230
SIZE = 500
LIMIT = 1500
GATE = {"PARTIAL", "UIDBATCHES", "ENABLE", "UIDONLY", "ESEARCH"}
NUMBERS = re.compile(r"\* \d+ (FETCH|EXPUNGE)|\* SEARCH|\[UNSEEN ")


def numbers(text):
    """The UIDs of a set."""
    for part in text.split(","):
        lo, _, hi = part.partition(":")
        yield from range(int(lo), int(hi or lo) + 1)


class Phone:
    """A connection, and what it has learned: UID -> (flags, subject or None)."""

    def __init__(self, port, known=None):
        self.sock = socket.create_connection(("127.0.0.1", port), 120)
        self.file = self.sock.makefile("rb")
        self.n = 0
        self.uidonly = False
        self.known = {} if known is None else known
        self.exists = 0
        self.line()

    def line(self):
        line = self.file.readline()
        while re.search(rb"\{\d+\}\r\n$", line):
            line += self.file.read(int(line[line.rindex(b"{") + 1:-3])) + self.file.readline()
        text = line.rstrip(b"\r\n").decode()
        if self.uidonly and NUMBERS.match(text):
            ok(False, "a number: " + text)
        self.learn(text)
        return text

    def learn(self, text):
        m = re.match(r"\* (\d+) EXISTS$", text)
        if m:
            self.exists = int(m.group(1))
        m = re.match(r"\* VANISHED (\(EARLIER\) )?(\S+)$", text)
        if m:
            gone = [u for u in numbers(m.group(2)) if self.known.pop(u, None) is not None]
            self.exists -= 0 if m.group(1) else len(gone)
        m = re.match(r"\* (\d+) UIDFETCH \((.*)\)$", text, re.S)
        if m:
            flags = re.search(r"FLAGS \(([^)]*)\)", m.group(2))
            subject = re.search(r'ENVELOPE \((?:NIL|"[^"]*") "([^"]*)"', m.group(2))
            old = self.known.get(int(m.group(1)), (None, None))
            self.known[int(m.group(1))] = (
                frozenset(flags.group(1).split()) - {"\\Recent"} if flags else old[0],
                subject.group(1) if subject else old[1])

    def ask(self, command, want="OK"):
        """The untagged lines; the tagged one last, without its tag."""
        self.n += 1
        tag = "A%d" % self.n
        self.sock.sendall(("%s %s\r\n" % (tag, command)).encode())
        lines = []
        while not lines or not lines[-1].startswith(tag + " "):
            lines.append(self.line())
        lines[-1] = lines[-1][len(tag) + 1:]
        if not lines[-1].startswith(want):
            ok(False, "%s: %s" % (command, lines[-1]))
        return lines

    def one(self, command, begins):
        """What one untagged line says behind its tag."""
        found = [x for x in self.ask(command) if x.startswith(begins)]
        is_(len(found), 1, command)
        return found[0].partition('"A%d")' % self.n)[2].strip()

    def begin(self):
        self.ask("LOGIN alice@%s %s" % (DOMAIN, PASSWORD))
        caps = set(self.ask("CAPABILITY")[0].split())
        is_(GATE - caps, set(), "the gate is open")
        ok("MESSAGELIMIT=%d" % LIMIT in caps, "a limit is announced")
        self.ask('ID ("name" "iPhone Mail")')
        is_(self.ask("ENABLE CONDSTORE QRESYNC UIDONLY")[0],
            "* ENABLED CONDSTORE QRESYNC UIDONLY", "ENABLE")
        self.uidonly = True
        self.ask('LIST "" * RETURN (SPECIAL-USE STATUS (MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ))')

    def close(self):
        self.ask("LOGOUT")
        self.sock.close()


def opens(s):
    """Is the store back?"""
    m = imaplib.IMAP4("127.0.0.1", s.imap)
    try:
        return m.login("alice@" + DOMAIN, PASSWORD)[0] == "OK"
    except (imaplib.IMAP4.error, OSError):
        return False
    finally:
        m.shutdown()


def there(s):
    """UID -> flags, by a client without any of this."""
    m = imaplib.IMAP4("127.0.0.1", s.imap)
    m.login("alice@" + DOMAIN, PASSWORD)
    m.select("INBOX", readonly=True)
    data = m.fetch("1:*", "(UID FLAGS)")[1]
    m.logout()
    return {int(re.search(rb"UID (\d+)", d).group(1)):
            frozenset(f.decode() for f in imaplib.ParseFlags(d)) - {"\\Recent"} for d in data if d}


def agree(s, p, what):
    ok({u: f for u, (f, _) in p.known.items()} == there(s), what)
    is_(len(p.known), p.exists, what + ": as many")


def code(lines, name):
    return re.search(r"\[%s (\d+)\]" % name, "\n".join(lines)).group(1)


def take(p):
    """All of it, the newest first."""
    ranges = p.one("UIDBATCHES %d 1:2" % SIZE, "* UIDBATCHES").split(",")
    is_(len(ranges), 2, "two batches")
    ranges += p.one("UIDBATCHES %d 3:5" % SIZE, "* UIDBATCHES").split(",")
    is_(p.one("UIDBATCHES %d" % SIZE, "* UIDBATCHES").split(","), ranges, "in one go")
    is_(ranges[-1].split(":")[1], "1", "down to the first")
    sizes = []
    for r in ranges:
        got = p.ask("UID FETCH %s (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)" % r)
        sizes.append(len(got) - 1)
    is_(sizes, [SIZE, SIZE, N - 2 * SIZE], "full batches, but for the last")
    ok([p.known[u][1] for u in sorted(p.known)] == ["s%d" % i for i in range(N)], "every message")


def pages(p):
    """Searching from the end, page by page."""
    uid = sorted(p.known)
    is_(p.one("UID SEARCH RETURN (PARTIAL -1:-3) ALL", "* ESEARCH"),
        "UID PARTIAL (-1:-3 %d:%d)" % (uid[-3], uid[-1]), "the last three")
    is_(p.one("UID SEARCH RETURN (PARTIAL -4:-5) SUBJECT s12", "* ESEARCH"),
        "UID PARTIAL (-4:-5 %d:%d)" % (uid[-5], uid[-4]), "the next page of some")
    is_(p.one("UID SEARCH RETURN (PARTIAL 1:5) SUBJECT nowhere", "* ESEARCH"),
        "UID PARTIAL (1:5 NIL)", "of nothing")
    is_(p.one("UID SEARCH RETURN (COUNT) UNSEEN", "* ESEARCH"), "UID COUNT %d" % N, "all unread")
    lines = p.ask("UID FETCH 1:* (FLAGS) (PARTIAL -1:-2)")
    is_([x.split()[1] for x in lines[:-1]], [str(u) for u in uid[-2:]], "FETCH in pages")
    ok(p.ask("UID FETCH 1:* (FLAGS) (PARTIAL 1:%d)" % (LIMIT + 1), "NO")[-1].startswith(
        "NO [MESSAGELIMIT %d] " % LIMIT), "more than the limit")
    for command in ("FETCH 1 FLAGS", "SEARCH ALL", "STORE 1 +FLAGS (\\Seen)", "UID SEARCH 1:5"):
        ok(p.ask(command, "BAD")[-1].startswith("BAD [UIDREQUIRED] "), command)


def changes(s, p):
    """It reads, marks, moves; another one does too, while it idles."""
    uid = sorted(p.known)
    p.ask("UID FETCH %d BODY[TEXT]" % uid[-1])
    ok("\\Seen" in p.known[uid[-1]][0], "what was read is")
    p.ask("UID STORE %d:%d +FLAGS (\\Flagged)" % (uid[0], uid[600]))
    p.ask("UID MOVE %d:%d Archive" % (uid[10], uid[19]))
    p.ask("UID STORE %d,%d +FLAGS (\\Deleted)" % (uid[20], uid[22]))
    p.ask("UID EXPUNGE %d:%d" % (uid[20], uid[30]))
    agree(s, p, "after its own")
    p.sock.sendall(b"I IDLE\r\n")
    p.line()
    m = imaplib.IMAP4("127.0.0.1", s.imap)
    m.login("alice@" + DOMAIN, PASSWORD)
    m.select("INBOX")
    m.uid("STORE", "%d:%d" % (uid[100], uid[110]), "+FLAGS", "(\\Answered)")
    m.uid("STORE", str(uid[105]), "+FLAGS", "(\\Deleted)")
    m.expunge()
    m.append("INBOX", "(\\Draft)", None, b"Subject: late\r\n\r\n")
    m.logout()
    while not p.line().startswith("* %d EXISTS" % (N - 12)):
        pass
    p.sock.sendall(b"DONE\r\n")
    while not p.line().startswith("I OK"):
        pass
    p.ask("UID FETCH %d:* (FLAGS ENVELOPE)" % (uid[-1] + 1))
    agree(s, p, "after the other's")


def main():
    with Suite("message-limit %d\n" % LIMIT, accounts=("alice",)) as s:
        box = b"".join(b"From x Wed Jan  1 00:00:00 2020\nSubject: s%d\nFrom: a@b.example\n\nbody\n\n" % i
                       for i in range(N))
        is_(stream(s, "import", "mbox", "alice", "INBOX", data=box).stdout.strip(),
            b"%d messages" % N, "mail")
        p = Phone(s.imap)
        p.begin()
        lines = p.ask("SELECT INBOX (CONDSTORE)")
        ok(not any("UNSEEN" in x for x in lines), "no number is told")
        is_(p.exists, N, "all are there")
        valid = code(lines, "UIDVALIDITY")
        take(p)
        pages(p)
        changes(s, p)
        modseq = code(p.ask("EXAMINE INBOX"), "HIGHESTMODSEQ")
        p.close()

        m = imaplib.IMAP4("127.0.0.1", s.imap)
        m.login("alice@" + DOMAIN, PASSWORD)
        m.select("INBOX")
        uid = sorted(p.known)
        m.uid("STORE", "%d:%d" % (uid[40], uid[49]), "+FLAGS", "(\\Deleted)")
        m.uid("STORE", str(uid[50]), "-FLAGS", "(\\Flagged)")
        m.close()
        m.logout()
        s.kill("store")
        wait_for(lambda: opens(s))
        p = Phone(s.imap, p.known)
        p.begin()
        p.ask("SELECT INBOX (QRESYNC (%s %s))" % (valid, modseq))
        agree(s, p, "come back")
        p.close()
    done()


main()
