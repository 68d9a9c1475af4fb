#!/usr/bin/env python3
"""Submission on the wire: logins, whose mail it is, what is added and taken away; the local socket."""
import base64
import os
import re
import smtplib
import socket
import ssl

from suite import DOMAIN, PASSWORD, Suite, done, is_, ok, wait_for
from thin import fetch_all

ALICE = "alice@" + DOMAIN
BOB = "bob@" + DOMAIN


def b64(s):
    return base64.b64encode(s.encode()).decode()


def talk(c, *lines):
    out = []
    for l in lines:
        c.putcmd(l)
        out.append(c.getreply()[0])
    return out


def logins(s):
    c = smtplib.SMTP("127.0.0.1", s.submission)
    c.ehlo()
    ok("PLAIN" in c.esmtp_features["auth"] and "SCRAM-SHA-256" in c.esmtp_features["auth"],
       "AUTH is announced")
    is_(talk(c, "MAIL FROM:<%s>" % ALICE, "RCPT TO:<%s>" % BOB, "DATA"), [530] * 3, "nothing before a login")
    good = b64("\0%s\0%s" % (ALICE, PASSWORD))
    is_(talk(c, "AUTH PLAIN " + b64("\0%s\0wrong" % ALICE)), [535], "a wrong password")
    is_(talk(c, "AUTH NONE", "AUTH PLAIN", "*"), [504, 334, 501], "no such mechanism; aborted")
    c.close()
    c = smtplib.SMTP("127.0.0.1", s.submission)
    c.ehlo()
    is_(talk(c, "auth plain " + good), [235], "PLAIN, in small letters")
    is_(talk(c, "AUTH PLAIN " + good, "STARTTLS"), [503, 503], "once is enough; TLS is too late")
    is_(talk(c, "EHLO again", "MAIL FROM:<%s>" % ALICE), [250, 250], "EHLO keeps the login")
    c.close()
    c = smtplib.SMTP("127.0.0.1", s.submission)
    c.ehlo()
    is_(talk(c, "AUTH LOGIN", b64(ALICE), b64(PASSWORD)), [334, 334, 235], "LOGIN")
    c.close()
    c = smtplib.SMTP("127.0.0.1", s.submission)
    c.ehlo()
    is_(talk(c, *["AUTH PLAIN " + b64("\0%s\0wrong" % ALICE)] * 3), [535] * 3, "three wrong passwords")
    is_(c.getreply()[0], 421, "are the end")
    c.close()
    c = smtplib.SMTP("127.0.0.1", s.smtp)
    c.ehlo()
    ok("auth" not in c.esmtp_features, "port 25 announces no AUTH")
    is_(talk(c, "AUTH PLAIN " + good), [503], "and takes none")
    c.close()


def whose(s):
    c = smtplib.SMTP("127.0.0.1", s.submission)
    c.login(ALICE, PASSWORD)

    def send(env, head, rcpt=BOB):
        try:
            c.sendmail(env, [rcpt], head + "Subject: whose\r\n\r\nx\r\n")
            return 250
        except smtplib.SMTPResponseException as e:
            return (e.smtp_code, e.smtp_error[:5])

    is_(send(BOB, "From: %s\r\n" % ALICE), (550, b"5.7.1"), "MAIL FROM of another")
    is_(send(ALICE, "From: %s\r\n" % BOB), (550, b"5.7.1"), "From of another")
    is_(send(ALICE, "From: %s\r\nFrom: %s\r\n" % (ALICE, BOB)), (550, b"5.7.1"), "two From")
    is_(send(ALICE, "")[0], 550, "no From")
    is_(send(ALICE, "From: Alice <%s>\r\n" % ALICE), 250, "one's own")
    is_(send(ALICE.upper(), "From: %s\r\n" % ALICE.upper()), 250, "in capitals")
    is_(send("<>", "From: %s\r\n" % ALICE), 250, "the null sender")
    c.quit()
    ok(wait_for(lambda: len(fetch_all(s, "bob")) == 3), "three of them arrive")


def changes(s):
    c = smtplib.SMTP_SSL("localhost", s.submissions, context=ssl.create_default_context(cafile=s.ca))
    c.login(ALICE, PASSWORD)
    c.sendmail(ALICE, [BOB], "From: %s\r\nSubject: bare\r\nBcc: secret@x.example,\r\n\tmore@x.example\r\n"
               "Return-Path: <x@y>\r\n\r\nBcc: stays\r\n" % ALICE)
    c.quit()
    got = wait_for(lambda: [m for m in fetch_all(s, "bob") if "Subject: bare" in m])
    ok(got, "a message over implicit TLS")
    head, body = got[0].split("\r\n\r\n", 1)
    ok(re.search(r"^Date: \w\w\w, ", head, re.M), "gets a Date")
    ok(re.search(r"^Message-ID: <\S+@mail.letterlock.test>", head, re.M), "gets a Message-ID")
    ok("secret" not in head and "more@" not in head and "x@y" not in head, "loses Bcc and Return-Path")
    ok(" with ESMTPSA id " in head and "(TLSv1" in head, "Received says TLS and login")
    is_(body, "Bcc: stays\r\n", "its body is untouched")
    is_(len(re.findall("^Received:", head, re.M)), 1, "one Received field")


def local(s):
    c = smtplib.SMTP()
    c.sock = socket.socket(socket.AF_UNIX)
    c.sock.connect(s.dir + "/submit")
    ok(c.getreply()[0] in (421, 530), "the local socket, for a user without an account")
    c.close()
    s.ctl("account", "local-user", "alice", os.geteuid())
    c = smtplib.SMTP()
    c.sock = socket.socket(socket.AF_UNIX)
    c.sock.connect(s.dir + "/submit")
    is_(c.getreply()[0], 220, "for one with an account")
    c.ehlo()
    is_(c.sendmail(ALICE, [BOB], "From: %s\r\nSubject: local\r\n\r\n" % ALICE), {}, "mail without a password")
    c.quit()
    got = wait_for(lambda: [m for m in fetch_all(s, "bob") if "Subject: local" in m])
    ok(got and " with ESMTPA id " in got[0], "arrives")


CONF = """
listen on socket "{dir}/submit" submission
"""

with Suite(start=False) as suite:
    suite.write_conf(suite.base + CONF.format(dir=suite.dir))
    suite.start()
    for a in ("alice", "bob"):
        suite.ctl("account", "add", a, "%s@%s" % (a, DOMAIN), input=PASSWORD + "\n")
    logins(suite)
    whose(suite)
    changes(suite)
    local(suite)
done()
