#!/usr/bin/env python3
"""IMAP sessions at a running suite: hand-over, pipelining, large messages, IDLE, limits, ends."""
import imaplib
import smtplib
import socket
import ssl
import time

from suite import DOMAIN, PASSWORD, Suite, done, is_, ok, wait_for


class Client:
    """A line at a time."""

    def __init__(self, s, tls=False):
        self.sock = socket.create_connection(("127.0.0.1", s.imaps if tls else s.imap), 60)
        if tls:
            self.sock = ssl.create_default_context(cafile=s.ca).wrap_socket(
                self.sock, server_hostname="localhost")
        self.file = self.sock.makefile("rb")
        self.greeting = self.line()

    def send(self, text):
        self.sock.sendall(text if isinstance(text, bytes) else text.encode())

    def line(self):
        return self.file.readline().decode()

    def until(self, tag):
        """Everything up to the tagged answer."""
        out = []
        while True:
            line = self.line()
            out.append(line)
            if line == "" or line.startswith(tag + " "):
                return out

    def ask(self, text, tag="x"):
        self.send("%s %s\r\n" % (tag, text))
        return self.until(tag)

    def login(self, user="alice"):
        return self.ask("LOGIN %s@%s %s" % (user, DOMAIN, PASSWORD))[-1]


def deliver(s, to, text):
    with smtplib.SMTP("127.0.0.1", s.smtp) as c:
        c.sendmail("someone@remote.example", [to + "@" + DOMAIN], text)


with Suite() as s:
    for tls in False, True:
        name = "under TLS" if tls else "in clear"
        c = Client(s, tls)
        ok(c.login().startswith("x OK [CAPABILITY IMAP4rev1 "), "login " + name)
        is_(c.ask("NOOP")[-1], "x OK NOOP completed\r\n", "a command " + name)
        is_(c.ask("LOGOUT"), ["* BYE until next time\r\n", "x OK LOGOUT completed\r\n"],
            "LOGOUT " + name)
        is_(c.line(), "", "and the connection ends")

        # what stands behind the login command in the same packet is the session's
        c = Client(s, tls)
        c.send("a LOGIN alice@%s {10+}\r\n%s\r\nb NOOP\r\nc LIST \"\" INBOX\r\n" %
               (DOMAIN, PASSWORD))
        ok(c.until("a")[-1].startswith("a OK "), "pipelined login " + name)
        is_(c.until("b"), ["b OK NOOP completed\r\n"], "and the command behind it")
        is_(c.until("c")[0], '* LIST (\\HasNoChildren) "/" INBOX\r\n', "and the next")

        # a message of 9 MiB, back as it went
        big = b"Subject: big\r\n\r\n" + bytes(range(33, 97)) * 147456 + b"\r\n"
        c.send(b"d APPEND Drafts {%d+}\r\n" % len(big) + big + b"\r\n")
        ok(" OK [APPENDUID " in c.until("d")[-1], "a large message " + name)
        c.ask("SELECT Drafts")
        c.send("e FETCH * BODY.PEEK[]\r\n")
        ok(c.line().endswith("{%d}\r\n" % len(big)), "its size")
        is_(c.file.read(len(big)) == big, True, "its octets")
        c.until("e")

        # news within 50 ms of the acknowledgement; the best of some tries
        c.ask("SELECT INBOX")
        c.send("f IDLE\r\n")
        is_(c.line(), "+ idling\r\n", "IDLE " + name)
        times = []
        for i in range(50):
            deliver(s, "alice", "Subject: news\r\n\r\n%d\r\n" % i)
            t = time.monotonic()
            while not c.line().endswith(" EXISTS\r\n"):
                pass
            c.line()
            times.append(time.monotonic() - t)
            if len(times) >= 5 and min(times) < 0.05:
                break
        ok(min(times) < 0.05, "news during IDLE after %.1f ms" % (min(times) * 1000))
        c.send("DONE\r\n")
        is_(c.until("f")[-1], "f OK IDLE terminated\r\n", "DONE")
        c.sock.close()

    # a half-closed connection gets its answers
    c = Client(s)
    c.login()
    c.send("a SELECT INBOX\r\nb UID SEARCH ALL\r\n")
    c.sock.shutdown(socket.SHUT_WR)
    ok(c.until("b")[-1].startswith("b OK "), "answers after the client's end")
    is_(c.line(), "", "then ours")

    # nobody waits for a client that does not read
    c = Client(s)
    c.login()
    c.ask("SELECT Drafts")
    c.send(b"".join(b"z%d FETCH 1:* BODY.PEEK[]\r\n" % i for i in range(200)))
    d = Client(s)
    d.login()
    t = time.monotonic()
    for i in range(50):
        d.ask("NOOP")
    ok(time.monotonic() - t < 30, "others are served beside one that does not read")
    c.sock.close()

    # too many bad commands, too long a line
    c = Client(s)
    c.login()
    c.send("a BAD\r\n" * 30)
    ok(c.until("zzz")[-2].startswith("* BYE too many bad commands"), "BYE after bad commands")
    c = Client(s)
    c.login()
    ok(c.ask("NOOP " + "x" * 70000)[-1].startswith("x BAD "), "a line of 70,000 octets")
    is_(c.ask("NOOP")[-1], "x OK NOOP completed\r\n", "and the session lives")
    c.sock.close()

    # the sessions of a store that is killed end; it comes back with everything
    c = Client(s)
    c.login()
    c.ask("SELECT INBOX")
    n = int(c.ask("STATUS Drafts (MESSAGES)")[0].split()[-1].rstrip(")"))
    for r in s.rows("status"):
        if r["role"] == "store":
            s.kill("store", r["instance"])
    is_(c.line(), "", "a store is killed: its sessions end")

    def again():
        try:
            m = imaplib.IMAP4("127.0.0.1", s.imap)
            m.login("alice@" + DOMAIN, PASSWORD)
            return m
        except (imaplib.IMAP4.error, OSError):
            return None
    m = wait_for(again)
    ok(m, "it is back")
    is_(int(m.status("Drafts", "(MESSAGES)")[1][0].split()[-1].rstrip(b")")), n,
        "with what it had")
    m.logout()

    # removal of an account ends its sessions
    c = Client(s)
    c.login("bob")
    s.ctl("account", "remove", "bob")
    ok(c.line().startswith("* BYE"), "the account is removed: BYE")

    s.own = False
    for i in range(5):		# the machine may stand still for the seconds there are
        c = Client(s)
        c.login()
        killed = s.logged().count("does not end")
        s.stop()
        bye = c.line()
        if s.logged().count("does not end") == killed:
            break
        s.start()
    ok("BYE" in bye, "an orderly stop says BYE")
    s.own = True
done()
