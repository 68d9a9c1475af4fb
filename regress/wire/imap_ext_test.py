#!/usr/bin/env python3
"""IMAP extensions at a running suite, as clients use them."""
import imaplib

from suite import DOMAIN, PASSWORD, Suite, done, is_, ok


def text(n):
    return (b"From: alice@example.org\r\nSubject: number %d\r\n\r\nbody %d\r\n" % (n, n))


def login(s):
    m = imaplib.IMAP4("127.0.0.1", s.imap)
    m.login("alice@" + DOMAIN, PASSWORD)
    return m


def ask(m, command):
    """The untagged lines, and the tagged answer without its tag."""
    tag = m._new_tag()
    m.send(tag + b" " + command.encode() + b"\r\n")
    lines = []
    while True:
        line = m.readline().decode().rstrip("\r\n")
        if line == "":
            return lines, ""
        if line.startswith(tag.decode() + " "):
            return [x.replace('"%s"' % tag.decode(), "TAG") for x in lines], \
                line.split(" ", 1)[1]
        lines.append(line)


def esearch(m):
    """RFC 4731 section 3.1, RFC 5182 section 2, as iOS and others send them."""
    is_(ask(m, "UID SEARCH RETURN (ALL) 1:*")[0], ["* ESEARCH (TAG TAG) UID ALL 1:5"],
        "UID SEARCH RETURN (ALL)")
    is_(ask(m, "SEARCH RETURN (MIN COUNT) SUBJECT number NOT 1")[0],
        ["* ESEARCH (TAG TAG) MIN 2 COUNT 4"], "MIN COUNT")
    is_(ask(m, "SEARCH RETURN () FROM nobody")[0], ["* ESEARCH (TAG TAG)"], "nothing found")
    is_(ask(m, "SEARCH RETURN (SAVE) OR SUBJECT 2 SUBJECT 4"), ([], "OK SEARCH completed"),
        "SAVE alone says nothing")
    is_(ask(m, "FETCH $ UID")[0], ["* 2 FETCH (UID 2)", "* 4 FETCH (UID 4)"], "FETCH $")
    is_(ask(m, "UID SEARCH RETURN () $ NOT UID 4")[0], ["* ESEARCH (TAG TAG) UID ALL 2"], "$ AND")
    is_(ask(m, "SEARCH RETURN (COUNT) YOUNGER 86400")[0], ["* ESEARCH (TAG TAG) COUNT 5"],
        "YOUNGER")
    is_(ask(m, "SEARCH RETURN (COUNT) OLDER 86400")[0], ["* ESEARCH (TAG TAG) COUNT 0"], "OLDER")
    ok(ask(m, "SEARCH YOUNGER 0")[1].startswith("BAD "), "no interval")


with Suite() as s:
    m = login(s)
    caps = ask(m, "CAPABILITY")[0][0].split()
    for cap in "ESEARCH", "SEARCHRES", "WITHIN":
        ok(cap in caps, "announced: " + cap)
    for i in range(1, 6):
        m.append("INBOX", None, None, text(i))
    m.select("INBOX")
    esearch(m)
    m.logout()
done()
