#!/usr/bin/env python3
"""The thinnest path: SMTP in, store, IMAP out; submission to a local account."""
import imaplib
import smtplib
import subprocess

from suite import DOMAIN, PASSWORD, Suite, done, is_, ok, wait_for

MESSAGE = ("From: Someone <someone@remote.example>\r\nTo: alice@letterlock.test\r\n"
           "Subject: thin\r\nMessage-ID: <1@remote.example>\r\n\r\nA line.\r\n.dot\r\n")


def fetch_all(s, user, mailbox="INBOX"):
    m = imaplib.IMAP4("127.0.0.1", s.imap)
    m.login(user + "@" + DOMAIN, PASSWORD)
    m.select(mailbox, readonly=True)
    typ, data = m.search(None, "ALL")
    out = []
    for n in data[0].split():
        typ, d = m.fetch(n, "(BODY.PEEK[])")
        out.append(d[0][1].decode())
    m.logout()
    return out


with Suite() as s:
    c = smtplib.SMTP("127.0.0.1", s.smtp)
    is_(c.ehlo("remote.example")[0], 250, "EHLO")
    is_(c.sendmail("someone@remote.example", ["alice@" + DOMAIN], MESSAGE), {},
        "a message for alice is accepted")
    try:
        c.sendmail("someone@remote.example", ["nobody@" + DOMAIN], MESSAGE)
        ok(False, "an unknown recipient is refused")
    except smtplib.SMTPRecipientsRefused as e:
        is_(e.recipients["nobody@" + DOMAIN][0], 550, "an unknown recipient is refused")
    try:
        c.sendmail("someone@remote.example", ["x@elsewhere.example"], MESSAGE)
        ok(False, "no relaying")
    except smtplib.SMTPRecipientsRefused as e:
        ok(e.recipients["x@elsewhere.example"][0] in (550, 554), "no relaying")
    c.quit()

    got = fetch_all(s, "alice")
    is_(len(got), 1, "one message in alice's INBOX")
    ok(got and got[0].endswith("\r\n\r\nA line.\r\n.dot\r\n"), "its body is as it was sent")
    ok(got and "Received: " in got[0] and got[0].startswith("Return-Path: <someone@remote.example>"),
       "with Return-Path and Received")

    c = smtplib.SMTP("127.0.0.1", s.submission)
    c.login("alice@" + DOMAIN, PASSWORD)
    is_(c.sendmail("alice@" + DOMAIN, ["bob@" + DOMAIN],
                   MESSAGE.replace("someone@remote.example", "alice@" + DOMAIN)), {},
        "a submission for bob is accepted")
    c.quit()
    got = wait_for(lambda: fetch_all(s, "bob"))
    ok(got and len(got) == 1, "and bob has it")

    r = subprocess.run(["curl", "-sS", "--cacert", s.ca, "imaps://localhost:%d/INBOX" % s.imaps,
                        "-u", "alice@%s:%s" % (DOMAIN, PASSWORD), "-X", "SEARCH ALL"],
                       capture_output=True, text=True)
    is_(r.stdout.strip(), "* SEARCH 1", "curl over IMAPS")
done()
