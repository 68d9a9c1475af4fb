#!/usr/bin/env python3
"""Python's imaplib with UTF8=ACCEPT, and a client of IMAP4rev2, at a running suite."""
import imaplib

from imapbox import login
from suite import DOMAIN, PASSWORD, Suite, done, is_, ok

MAIL = "From: \u00fc@example.org\r\nSubject: Gr\u00fc\u00dfe\r\n\r\nStra\u00dfe\r\n".encode()


def ask(m, command):
    """The untagged octets, and the tagged answer without its tag."""
    tag = m._new_tag()
    m.send(tag + b" " + command + b"\r\n")
    got = b""
    while True:
        line = m.readline()
        if line == b"" or line.startswith(tag + b" "):
            return got.replace(b'"' + tag + b'"', b"TAG"), line[len(tag) + 1:].rstrip()
        got += line


def utf8_accept(s):
    """Names, APPEND UTF8, SEARCH and FETCH as imaplib does them."""
    m = login(s, "alice")
    is_(m.enable("UTF8=ACCEPT"), ("OK", [b"ENABLE completed"]), "ENABLE UTF8=ACCEPT")
    is_(m.create('"M\u00fcll/\u65e5\u672c"')[0], "OK", "CREATE of a name in UTF-8")
    is_(m.list('""', '"M\u00fcll/*"'),
        ("OK", ['(\\HasNoChildren) "/" "M\u00fcll/\u65e5\u672c"'.encode()]), "LIST")
    got, end = ask(m, 'APPEND "M\u00fcll/\u65e5\u672c" (\\Seen) UTF8 (~{%d+}\r\n'.encode()
                   % len(MAIL) + MAIL + b")")
    ok(end.startswith(b"OK [APPENDUID "), "APPEND UTF8: %s" % end)
    is_(m.select('"M\u00fcll/\u65e5\u672c"'), ("OK", [b"1"]), "SELECT")
    is_(m.search(None, "SUBJECT", '"GR\u00dc\u00dfE"'), ("OK", [b"1"]), "SEARCH in UTF-8")
    is_(m.fetch("1", "(BODY.PEEK[])")[1][0][1], MAIL, "the message as it came")
    is_(m.fetch("1", "(BINARY.PEEK[1])")[1][0][1], "Stra\u00dfe\r\n".encode(), "and its part")
    m.logout()


def rev2(s):
    """Announced before login; what a client that speaks nothing else meets."""
    m = imaplib.IMAP4("127.0.0.1", s.imap)
    ok(b"IMAP4rev1" in m.welcome and b" IMAP4rev2 " in m.welcome, "the greeting has both")
    ok(b" IMAP4rev2 " in ask(m, b"CAPABILITY")[0], "CAPABILITY before login")
    got, end = ask(m, b'LOGIN "alice@%s" "%s"' % (DOMAIN.encode(), PASSWORD.encode()))
    ok(end.startswith(b"OK [CAPABILITY IMAP4rev1 IMAP4rev2 "), "LOGIN")
    is_(ask(m, b"ENABLE IMAP4rev2")[0], b"* ENABLED IMAP4rev2\r\n", "ENABLE")
    got, end = ask(m, 'SELECT "M\u00fcll/\u65e5\u672c"'.encode())
    ok(b"RECENT" not in got and b"UNSEEN" not in got, "SELECT without RECENT")
    ok('* LIST (\\HasNoChildren) "/" "M\u00fcll/\u65e5\u672c"\r\n'.encode() in got, "with LIST")
    is_(ask(m, "SEARCH SUBJECT \"gr\u00fc\u00dfe\"".encode()),
        (b"* ESEARCH (TAG TAG) ALL 1\r\n", b"OK SEARCH completed"), "SEARCH")
    is_(ask(m, b"FETCH 1 FLAGS")[0], b"* 1 FETCH (FLAGS (\\Seen))\r\n", "no \\Recent")
    ok(ask(m, b"CHECK")[1].startswith(b"BAD "), "CHECK is no more")
    ok(b"SIZE %d DELETED 0)" % len(MAIL) in
       ask(m, 'STATUS "M\u00fcll/\u65e5\u672c" (SIZE DELETED)'.encode())[0], "STATUS")
    is_(ask(m, b"LOGOUT")[1], b"OK LOGOUT completed", "LOGOUT")


with Suite() as s:
    utf8_accept(s)
    rev2(s)
done()
