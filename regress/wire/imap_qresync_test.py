#!/usr/bin/env python3
"""Clients that remember a mailbox (RFC 7162) change it, go and come back in all
the ways there are, while stores are killed: what each has learned is what a
client that asks for everything is told."""
import os
import random
import re
import socket

from suite import DOMAIN, PASSWORD, Suite, diag, done, is_, ok, wait_for

SEED = int(os.environ.get("SEED", "7162"))
STEPS = 450
FLAGS = ["\\Seen", "\\Answered", "\\Flagged", "\\Draft", "$one", "$two"]


class Gone(Exception):
    """The store went away."""


def numbers(text):
    """The UIDs of a set."""
    for part in text.split(","):
        lo, _, hi = part.partition(":")
        yield from range(int(lo), int(hi or lo) + 1)


def as_set(uids):
    """Written short."""
    out = []
    for u in sorted(uids):
        if out and out[-1][1] == u - 1:
            out[-1][1] = u
        else:
            out.append([u, u])
    return ",".join("%d" % a if a == b else "%d:%d" % (a, b) for a, b in out)


class Raw:
    """A connection that is logged in."""

    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), 120)
        self.file = self.sock.makefile("rb")
        self.n = 0
        try:
            self.line()
            self.ask("LOGIN alice@%s %s" % (DOMAIN, PASSWORD))
        except Gone:
            self.close()
            raise

    def line(self):
        try:
            line = self.file.readline()
        except OSError as e:
            raise Gone from e
        if not line.endswith(b"\r\n") or line.startswith(b"* BYE"):
            raise Gone
        return line[:-2].decode()

    def ask(self, command, more=b""):
        """Untagged lines, and the tagged one, which must be OK."""
        self.n += 1
        tag = "t%d" % self.n
        try:
            self.sock.sendall(("%s %s\r\n" % (tag, command)).encode() + more)
        except OSError as e:
            raise Gone from e
        lines = []
        while True:
            line = self.line()
            if line.startswith(tag + " "):
                if not line.startswith(tag + " OK"):
                    if "[UNAVAILABLE]" in line:
                        raise Gone
                    raise RuntimeError("%s: %s" % (command, line))
                return lines + [line]
            lines.append(line)

    def close(self):
        self.file.close()
        self.sock.close()


class Client:
    """What it remembers of the mailbox stays when its connection ends."""

    def __init__(self, port, name):
        self.port, self.name = port, name
        self.flags = {}         # UID: its flags
        self.order = []         # UIDs by sequence number; 0: not asked for yet
        self.validity = self.modseq = 0
        self.seen = 0           # the highest modseq in any answer
        self.raw = None
        self.wrong = []

    def bad(self, text):
        self.wrong.append("%s: %s" % (self.name, text))

    def take(self, lines, opening=False):
        for line in lines:
            for m in re.finditer(r"HIGHESTMODSEQ (\d+)|MODSEQ \((\d+)\)", line):
                self.seen = max(self.seen, int(m.group(1) or m.group(2)))
            m = re.match(r"\* (\d+) FETCH \(UID (\d+)(?: FLAGS \(([^)]*)\))?", line)
            if m:
                self.fetched(int(m.group(1)), int(m.group(2)), m.group(3), opening)
            elif line.startswith("* VANISHED (EARLIER) "):
                for uid in numbers(line.split()[3]):
                    if not opening and uid in self.order:
                        self.bad("UID %d vanished earlier, and is counted" % uid)
                    self.flags.pop(uid, None)
            elif line.startswith("* VANISHED "):
                for uid in numbers(line.split()[2]):
                    self.vanished(uid)
            elif re.match(r"\* \d+ EXPUNGE", line):
                self.bad(line)
            elif re.match(r"\* \d+ EXISTS", line):
                self.exists = int(line.split()[1])
                if not opening:
                    self.order += [0] * (self.exists - len(self.order))

    def vanished(self, uid):
        self.flags.pop(uid, None)
        at = 0
        while at < len(self.order) and self.order[at] != uid:
            at += 1
        if at < len(self.order) and self.order[at] == uid:
            del self.order[at]
        elif 0 in self.order:       # one that it has not asked for
            last = max([i for i, u in enumerate(self.order) if 0 < u < uid], default=-1)
            if last + 1 < len(self.order) and self.order[last + 1] == 0:
                del self.order[last + 1]
            else:
                self.bad("UID %d vanished, and has no place" % uid)
        else:
            self.bad("UID %d vanished, and was not there" % uid)

    def fetched(self, seq, uid, flags, opening):
        if not opening:
            if seq > len(self.order):
                self.bad("%d is too much" % seq)
                return
            if self.order[seq - 1] not in (0, uid):
                self.bad("%d is UID %d and not %d" % (seq, uid, self.order[seq - 1]))
            self.order[seq - 1] = uid
        if flags is not None:
            self.flags[uid] = frozenset(flags.split()) - {"\\Recent"}

    def ask(self, command, more=b""):
        lines = self.raw.ask(command, more)
        self.take(lines)
        return lines

    def noop(self):
        """Everything is told; what is new is fetched.  Now its state is of one moment."""
        self.ask("NOOP")
        if 0 in self.order:
            known = self.order[:self.order.index(0)]
            self.ask("UID FETCH %d:* (FLAGS MODSEQ)" % (max(known, default=0) + 1))
        if 0 in self.order:
            self.bad("not all of them are told: %s" % self.order)
        self.modseq = max(self.modseq, self.seen)

    def open(self, way):
        """Log in and open the mailbox in one of these ways."""
        self.raw = Raw(self.port)
        self.raw.ask("ENABLE QRESYNC")
        what, then = "", None
        if self.modseq > 0 and way < 4:
            what = " (QRESYNC (%d %d" % (self.validity, self.modseq)
            uids = sorted(self.flags)
            if way in (1, 2) and uids:
                what += " " + as_set(uids)
            if way in (2, 3) and uids:
                some = sorted(random_of(uids))
                what += " (%s %s)" % (as_set([uids.index(u) + 1 for u in some]), as_set(some))
            what += "))"
        elif self.modseq > 0:
            then = "UID FETCH 1:* (FLAGS) (CHANGEDSINCE %d VANISHED)" % self.modseq
        lines = self.raw.ask("SELECT INBOX" + what)
        self.validity = int(re.search(r"UIDVALIDITY (\d+)", "".join(lines)).group(1))
        self.take(lines, True)
        if then:
            self.take(self.raw.ask(then), True)
        # of its own known ones it was told; what came since is asked for
        self.order = sorted(self.flags)
        if len(self.order) > self.exists:
            self.bad("way %d: %d messages, %d known" % (way, self.exists, len(self.order)))
        self.order += [0] * (self.exists - len(self.order))
        self.noop()

    def close(self):
        if self.raw:
            self.raw.close()
        self.raw = None


def random_of(uids):
    return RANDOM.sample(uids, RANDOM.randint(1, min(len(uids), 20)))


def act(c):
    """One of what people do."""
    known = [u for u in c.order if u]
    what = RANDOM.randint(0, 11)
    if what < 3 or not known:
        c.ask("APPEND INBOX {3+}", b"abc\r\n")
    elif what < 7:
        c.ask("UID STORE %s %sFLAGS%s (%s)" % (as_set(random_of(known)), RANDOM.choice(["", "+", "-"]),
              RANDOM.choice(["", ".SILENT"]), " ".join(RANDOM.sample(FLAGS, RANDOM.randint(0, 3)))))
        # a silent one tells it no flags
        c.ask("UID FETCH 1:* (FLAGS)")
    elif what < 9:
        some = as_set(random_of(known)[:3])
        c.ask("UID STORE %s +FLAGS (\\Deleted)" % some)
        c.ask("UID EXPUNGE %s" % some)
    elif what < 10:
        c.ask("UID MOVE %s Archive" % as_set(random_of(known)[:2]))
    elif what < 11:
        c.ask("UID COPY %s INBOX" % as_set(random_of(known)[:4]))
    else:
        c.ask("UID FETCH 1:* (FLAGS) (CHANGEDSINCE %d VANISHED)" % max(1, c.modseq))


def everything(port):
    """As one who knows nothing is told."""
    raw = Raw(port)
    raw.ask("EXAMINE INBOX")
    out = {}
    for line in raw.ask("UID FETCH 1:* (FLAGS)"):
        m = re.match(r"\* \d+ FETCH \(UID (\d+) FLAGS \(([^)]*)\)", line)
        if m:
            out[int(m.group(1))] = frozenset(m.group(2).split()) - {"\\Recent"}
    raw.close()
    return out


def patient(what):
    """Again, while the store is on its way back."""
    def try_it():
        try:
            what()
        except (Gone, OSError):
            return False
        return True
    return wait_for(try_it)


def reopen(c, way):
    def once():
        c.close()
        c.open(way)
    patient(once)


def step(c, suite):
    """A client acts, looks, goes or comes."""
    try:
        if c.raw is None:
            reopen(c, RANDOM.randint(0, 4))
        elif RANDOM.random() < 0.08:
            c.close()
        elif RANDOM.random() < 0.3:
            c.noop()
        else:
            act(c)
    except Gone:
        c.close()


def compare(clients, port, text):
    """Those that are there look; those that are not come back."""
    for c in clients:
        if c.raw is None:
            reopen(c, RANDOM.randint(0, 4))
        try:
            c.noop()
        except Gone:
            reopen(c, 0)
    for c in clients:           # what the coming of others has changed: nothing
        patient(c.noop)
    told = {}
    patient(lambda: told.update(everything(port)))
    for c in clients:
        for w in c.wrong[:5]:
            diag(w)
        differ = [u for u in set(told) | set(c.flags) if told.get(u) != c.flags.get(u)]
        for u in differ[:5]:
            diag("%s: UID %d: %s, told %s" % (c.name, u, c.flags.get(u), told.get(u)))
        ok(not c.wrong and not differ and c.order == sorted(told),
           "%s: %s: %d messages" % (text, c.name, len(told)))


def kill(suite, power):
    """A mere kill, or one that looks like a loss of power."""
    if power:
        for dir, _, files in os.walk(suite.dir):
            if "boot" in files and os.path.basename(os.path.dirname(dir)) == "mail":
                with open(os.path.join(dir, "boot"), "w", encoding="ascii") as f:
                    f.write("another\n")
    for row in suite.rows("status"):
        if "store" in str(row):
            suite.kill("store", row.get("instance"))


def main():
    with Suite() as s:
        diag("SEED=%d" % SEED)
        clients = [Client(s.imap, "client %d" % i) for i in range(1, 5)]
        for c in clients:
            c.open(0)
        for n in range(STEPS):
            step(RANDOM.choice(clients), s)
            if n % 100 == 99:
                compare(clients, s.imap, "after %d steps" % (n + 1))
            if n in (130, 230, 330):
                kill(s, n != 230)
        is_([c.name for c in clients if c.modseq < 1000000], [],
            "a loss of power moved the modification sequences")


RANDOM = random.Random(SEED)
main()
done()
