#!/usr/bin/env python3
"""Mail for other systems, through the running suite: DNS, a server that does
what the test wants, and a real Postfix on both sides."""
import email
import imaplib
import os
import shutil
import smtplib
import tempfile

import postfix
from dns import Dns, a, mx
from smtpsink import Sink
from suite import (DOMAIN, PASSWORD, Suite, certificate, diag, done, free_ports, is_, ok, run, skip,
                   wait_for)

ALICE = "alice@" + DOMAIN
TEXT = ("From: Alice <%s>\r\nTo: someone@remote.example\r\nBcc: secret@remote.example\r\n"
        "Subject: %s\r\n\r\nA line.\r\n.dot\r\n")

mode = {"rcpt": None, "end": None}
hold = {"gate": True}


def rcpt(args, session):
    if "nobody@" in args:
        return "550 5.1.1 no such user here"
    return mode["rcpt"] or "250 2.1.5 ok"


def end(message, session):
    wait_for(lambda: hold["gate"])
    return mode["end"] or "250 2.0.0 taken"


def inbox(s, user="alice"):
    m = imaplib.IMAP4("127.0.0.1", s.imap)
    m.login(user + "@" + DOMAIN, PASSWORD)
    m.select("INBOX", readonly=True)
    out = []
    for n in m.search(None, "ALL")[1][0].split():
        out.append(m.fetch(n, "(BODY.PEEK[])")[1][0][1])
    m.logout()
    return out


def report(s, count):
    """The newest of so many messages of alice, when it is a report."""
    got = wait_for(lambda: (lambda x: x if len(x) >= count else None)(inbox(s)))
    if not got:
        diag(s.logged()[-3000:])
        return None
    m = email.message_from_bytes(got[count - 1])
    if m.get_content_type() != "multipart/report":
        return None
    return m.get_payload()[1].as_string()


def submit(s, *to, subject="x", options=(), sender=ALICE, text=None):
    c = smtplib.SMTP("127.0.0.1", s.submission)
    c.login(ALICE, PASSWORD)
    r = c.sendmail(sender, list(to), text or TEXT % (ALICE, subject), options)
    c.quit()
    return r


def left(s):
    return len(s.rows("queue", "list"))


def empty(s, text):
    if not ok(wait_for(lambda: left(s) == 0), text):
        diag(s.ctl("queue", "list"))
        diag(s.logged()[-3000:])


cert = tempfile.mkdtemp(prefix="letterlock-cert-")
certificate(cert)
sink = Sink(ext=["PIPELINING", "8BITMIME", "SIZE 10000000", "SMTPUTF8", "DSN"], cert=cert,
            replies={"RCPT": rcpt, "END": end})
zone = {("remote.example", "MX"): [mx(10, "mx1.remote.example"), mx(20, "mx2.remote.example")],
        ("mx1.remote.example", "A"): [a("127.1.1.1")],
        ("mx2.remote.example", "A"): [a("127.0.0.1")],
        ("alone.example", "A"): [a("127.0.0.1")],
        ("b\u00fccher.example".encode("idna").decode(), "A"): [a("127.0.0.1")],
        ("null.example", "MX"): [mx(0, "")],
        ("postfix.example", "MX"): [mx(10, "pf.postfix.example")],
        ("pf.postfix.example", "A"): [a("127.0.0.1")]}
dns = Dns(zone)
pf_port, pf_smtp = free_ports(2)
CONF = """
resolver 127.0.0.1@%d
allow-private-addresses
transport "out" direct port %d
transport "smart" smtp host "127.0.0.1" port %d tls off
transport "pf" direct port %d
route to "smart.example" transport "smart"
route to "postfix.example" transport "pf"
route transport "out"
""" % (dns.port, sink.port, sink.port, pf_port)


MAIN = """myhostname = pf.postfix.example
mynetworks = 127.0.0.0/8
virtual_mailbox_domains = postfix.example
virtual_mailbox_base = {d}/mail
virtual_mailbox_maps = inline:{{ bob@postfix.example=bob/, carol@postfix.example=carol/ }}
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
alias_maps =
relayhost = [127.0.0.1]:{port}
smtp_tls_security_level = encrypt
smtpd_tls_security_level = may
smtpd_tls_received_header = yes
smtpd_tls_cert_file = {d}/mail.crt
smtpd_tls_key_file = {d}/mail.key
"""


class Postfix:
    """Debian's, under a directory of its own; or None."""

    def __init__(self, s):
        self.dir = d = tempfile.mkdtemp(prefix="letterlock-postfix-")
        os.chmod(d, 0o755)
        os.mkdir(d + "/mail")
        shutil.chown(d + "/mail", "nobody")
        for f in "mail.crt", "mail.key":
            shutil.copy(cert + "/" + f, d)
        postfix.configure(d, pf_port, MAIN.format(d=d, port=s.smtp))
        postfix.command(d, "start")
        self.there = wait_for(self.answers)

    def answers(self):
        try:
            c = smtplib.SMTP("127.0.0.1", pf_port, timeout=60)
            c.quit()
            return True
        except (OSError, smtplib.SMTPException):
            return False

    def mail(self, user):
        d = "%s/mail/%s/new" % (self.dir, user)
        out = []
        for f in sorted(os.listdir(d)) if os.path.isdir(d) else ():
            with open(d + "/" + f, "rb") as m:
                out.append(m.read())
        return out

    def log(self):
        return postfix.log(self.dir)

    def stop(self):
        postfix.command(self.dir, "stop")
        shutil.rmtree(self.dir, ignore_errors=True)


def outward(s):
    is_(submit(s, "u@remote.example", "v@remote.example", subject="first"), {},
        "a submission for another system is accepted")
    ok(wait_for(lambda: sink.messages), "and leaves")
    m = sink.messages[0]
    is_((m["from"], sorted(m["rcpts"]), m["tls"]),
        (ALICE, ["u@remote.example", "v@remote.example"], True),
        "in one transaction, by the second MX, under TLS")
    d = m["data"]
    ok(d.startswith(b"Received: ") and b"Subject: first" in d and b"\r\nDate: " in d and
       b"\r\nMessage-ID: " in d and d.endswith(b"\r\n\r\nA line.\r\n.dot\r\n"),
       "with Received, Date and Message-ID, the body as it was")
    ok(b"secret@" not in d, "without Bcc")
    ok(m["session"].commands[0] == "EHLO mail.letterlock.test", "introduced by our name")
    empty(s, "the queue is empty then")
    submit(s, "u@alone.example", "w@remote.example", "x@smart.example")
    ok(wait_for(lambda: len(sink.messages) == 4), "three destinations, a message each")
    is_(sorted(x["rcpts"][0] for x in sink.messages[1:]),
        ["u@alone.example", "w@remote.example", "x@smart.example"], "with its recipient")
    submit(s, "j\u00f6rg@b\u00fccher.example", options=["SMTPUTF8", "BODY=8BITMIME"],
           text=(TEXT % (ALICE, "\u00fc")).encode())
    ok(wait_for(lambda: len(sink.messages) == 5), "internationalized mail")
    ok("SMTPUTF8" in sink.messages[4]["args"], "is declared")
    empty(s, "the queue is empty again")


def refusals(s):
    n = len(inbox(s))
    submit(s, "nobody@remote.example", "u@remote.example")
    r = report(s, n + 1) or ""
    ok("Status: 5.1.1" in r and "550 5.1.1 no such user here" in " ".join(r.split()) and
       "nobody@remote.example" in r, "a refused recipient is reported")
    ok("Remote-MTA: dns; mx2.remote.example" in r, "with who said so")
    ok("u@remote.example" not in r, "the other one is not")
    submit(s, "u@null.example")
    ok("Status: 5.1.10" in (report(s, n + 2) or ""), "null MX: 5.1.10")
    submit(s, "u@no.such.domain.example")
    ok("Status: 5.1.2" in (report(s, n + 3) or ""), "no such domain: 5.1.2")
    empty(s, "nothing of that stays")


def later(s):
    n = len(sink.messages)
    mode["rcpt"] = "451 4.7.1 greylisted"
    submit(s, "u@remote.example", subject="grey")
    row = wait_for(lambda: [r for r in s.rows("queue", "list") if "greylisted" in str(r)])
    ok(row, "a temporary refusal stays in the queue and says why")
    mode["rcpt"] = None
    s.ctl("queue", "kick", "--domain", "remote.example")
    ok(wait_for(lambda: len(sink.messages) == n + 1), "and goes when it is tried again")
    empty(s, "then it is gone")

    hold["gate"] = False
    submit(s, "k@remote.example", subject="kill")
    waiting = wait_for(lambda: [x for x in sink.sessions if any("k@remote" in c for c in x.commands)])
    ok(waiting and wait_for(lambda: "DATA" in waiting[-1].commands), "a delivery is under way")
    pids = {r["pid"] for r in s.rows("status") if r["role"] == "relay" and r["pid"]}
    for pid in pids:
        os.kill(pid, 9)
    hold["gate"] = True
    ok(pids and wait_for(lambda: "it may have succeeded" in s.logged()), "its worker is killed")
    s.ctl("queue", "kick", "--domain", "remote.example")
    ok(wait_for(lambda: [m for m in sink.messages if "k@remote.example" in m["rcpts"]]),
       "the message is delivered nevertheless")
    empty(s, "then it is gone, too")


def reloaded(s):
    """A worker that is up takes the new configuration of its transport."""
    submit(s, "u@remote.example", subject="before")
    empty(s, "a worker is up")
    pid = [r["pid"] for r in s.rows("status") if r["role"] == "relay" and r["name"] == "out"]
    other = Sink()
    s.write_conf(s.base + CONF.replace('"out" direct port %d' % sink.port,
                                       '"out" direct port %d helo "other.letterlock.test"' %
                                       other.port))
    is_(s.ctl_run("reload").returncode, 0, "reload")
    submit(s, "u@remote.example", subject="after")
    ok(wait_for(lambda: other.messages), "the next message goes to the other port")
    is_(other.sessions[0].commands[0], "EHLO other.letterlock.test", "under the other name")
    is_([r["pid"] for r in s.rows("status") if r["role"] == "relay" and r["name"] == "out"], pid,
        "from the same process")


def to_postfix(s):
    if os.geteuid() != 0:
        skip("Postfix needs root")
        return
    if not run("postfix"):
        skip("Postfix is not installed")
        return
    p = Postfix(s)
    try:
        ok(p.there, "Postfix answers")
        submit(s, "bob@postfix.example", "carol@postfix.example", subject="to postfix")
        if not ok(wait_for(lambda: p.mail("bob") and p.mail("carol")), "Postfix has our mail"):
            diag(p.log())
        ok(b"Subject: to postfix" in (p.mail("bob") or [b""])[0] and
           b"using TLSv1" in (p.mail("bob") or [b""])[0], "under TLS")
        n = len(inbox(s))
        submit(s, "nobody@postfix.example")
        r = report(s, n + 1) or ""
        ok("Status: 5.1.1" in r, "an unknown user of Postfix is reported: 5.1.1")
        big = TEXT % (ALICE, "big") + "".join("%070d\r\n" % i for i in range(20000))
        submit(s, "bob@postfix.example", text=big)
        ok(wait_for(lambda: len(p.mail("bob")) == 2) and
           [m for m in p.mail("bob") if m.replace(b"\n", b"\r\n").endswith(big.encode()[-2000:])],
           "a large message")
        c = smtplib.SMTP("127.0.0.1", pf_port)
        c.sendmail("someone@postfix.example", [ALICE],
                   "From: someone@postfix.example\r\nSubject: from postfix\r\n\r\n.hello\r\n")
        c.quit()
        got = wait_for(lambda: [m for m in inbox(s) if b"Subject: from postfix" in m])
        if not ok(got, "mail of Postfix arrives"):
            diag(p.log())
        ok(got and b"TLS" in got[0].split(b"\r\n\r\n")[0] and b"\r\n\r\n.hello" in got[0],
           "under TLS")
    finally:
        p.stop()


with Suite(conf=CONF) as s:
    outward(s)
    refusals(s)
    later(s)
    reloaded(s)
    to_postfix(s)
done()
