#!/usr/bin/env python3
"""IMAP as hostile, as careless and as thorough clients speak it: each command in each
state, names, patterns, literals, FETCH and SEARCH, two sessions."""
import re
import socket

from raw import Imap, imap_step
from suite import DOMAIN, PASSWORD, Suite, diag, done, is_, ok, wait_for

ALICE, BOB = "alice@" + DOMAIN, "bob@" + DOMAIN
OK, NO, BAD = rb"OK ", rb"NO ", rb"BAD "

PLAIN = (b"Date: Mon, 7 Feb 1994 21:52:25 -0800 (PST)\r\nFrom: Fred Foobar <foobar@Blurdybloop.example>\r\n"
         b"Subject: afternoon meeting\r\nTo: mooch@owatagu.example, \"Joe Q. Public\" <joe@x.example>\r\n"
         b"Message-Id: <B27397-0100000@Blurdybloop.example>\r\nMIME-Version: 1.0\r\n"
         b"Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\nHello Joe, do you think we can meet at 3:30 tomorrow?\r\n")
INNER = (b"From: inner@x.example\r\nSubject: inner\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=i\r\n\r\n"
         b"--i\r\nContent-Type: text/plain\r\n\r\ninner text\r\n--i\r\nContent-Type: text/html\r\n\r\n<p>inner</p>\r\n--i--\r\n")
NESTED = (b"From: outer@x.example\r\nTo: alice@letterlock.test\r\nSubject: outer\r\nMIME-Version: 1.0\r\n"
          b"Content-Type: multipart/mixed; boundary=\"o o\"\r\n\r\npreamble\r\n"
          b"--o o\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\ncaf=C3=A9\r\n"
          b"--o o\r\nContent-Type: message/rfc822\r\nContent-Description: forwarded\r\n\r\n" + INNER +
          b"\r\n--o o\r\nContent-Type: image/png; name=a.png\r\nContent-Transfer-Encoding: base64\r\n"
          b"Content-Disposition: attachment; filename=a.png\r\nContent-ID: <c@x>\r\n\r\nAAAA\r\n--o o--\r\nepilogue\r\n")


def rows(c, table):
    for name, cmd, want, *untagged in table:
        ok(imap_step(c, name, cmd, want, untagged[0] if untagged else None), name)


# ---- before login ----

BEFORE = [
    ("CAPABILITY", b"CAPABILITY", OK, [rb"\* CAPABILITY IMAP4rev1 IMAP4rev2 "]),
    ("NOOP", b"NOOP", OK, []),
    ("ID", b'ID ("name" "x" "version" NIL)', OK, [rb"\* ID \("]),
    ("ID NIL", b"ID NIL", OK, [rb"\* ID "]),
    ("small letters", b"noop", OK, []),
    ("H1 an empty literal", [b"LOGIN {0}", b' ""'], rb"(NO \[AUTHENTICATIONFAILED\]|BAD) "),
    ("LOGIN of nobody", b"LOGIN nobody@letterlock.test x", rb"NO \[AUTHENTICATIONFAILED\] "),
]
WRONG_BEFORE = [b"SELECT INBOX", b"EXAMINE INBOX", b"CREATE x", b"DELETE x", b"RENAME x y", b"SUBSCRIBE x", b"UNSUBSCRIBE x",
                b'LIST "" *', b'LSUB "" *', b"STATUS INBOX (MESSAGES)", b"CHECK", b"CLOSE", b"EXPUNGE", b"SEARCH ALL", b"FETCH 1 FLAGS",
                b"STORE 1 FLAGS ()", b"COPY 1 x", b"MOVE 1 x", b"UID FETCH 1 FLAGS", b"IDLE", b"NAMESPACE", b"ENABLE CONDSTORE", b"UNSELECT",
                b"APPEND INBOX {3+}\r\nabc", b"XYZZY", b""]
# Nobody is told "+", and what follows is no command.
LITERALS = [b"4294967295", b"99999999999999999999", b"-1", b"5 ", b"+5", b"9223372036854775808", b"1000000"]


def before(s):
    c = Imap(s.imap)
    ok(re.match(rb"\* OK \[CAPABILITY IMAP4rev1 [^\]]*\] ", c.greeting), "a greeting")
    rows(c, BEFORE)
    c.close()
    for w in WRONG_BEFORE:
        c = Imap(s.imap)
        ok(imap_step(c, "before login", w, rb"(BAD|NO) ", []) and imap_step(c, "then", b"NOOP", OK, []),
           "C20 before login: %s" % w.decode().split("\r")[0])
        c.close()
    for size in LITERALS:
        c = Imap(s.imap)
        ok(imap_step(c, "literal", b"LOGIN {%s}" % size, rb"(BAD|NO \[TOOBIG\]) ", []) and imap_step(c, "then", b"NOOP", OK, []),
           "H1 LOGIN {%s}" % size.decode())
        c.close()
    for name, octets in [("H2", b"LOGIN {8192+}\r\n" + b"x LOGOUT\r\n" * 819 + b"xx x\r\n"),
                         ("H3", b"LOGIN {100000+}\r\n" + (b"x LOGOUT\r\n" * 10000) + b" {12+}\r\nx LOGOUT\r\n!!\r\n")]:
        c = Imap(s.imap)
        c.send(b"a " + octets + b"b NOOP\r\n")
        got = c.until(b"b")
        ok(got[-1] == b"" and got[0].startswith((b"* BYE", b"a BAD", b"a NO")) or
           got[0].startswith((b"a BAD ", b"a NO ")) and got[1].startswith(b"b OK") and len(got) == 2,
           name + " a literal that is refused is no command") or diag(got)
        c.close()
    c = Imap(s.imap)
    ok(c.cmd([b"LOGIN {007}", b"alice@x wrong"])[1].startswith((b"NO", b"BAD")), "H1 LOGIN {007}")
    ok(c.cmd(b"ID " + b"(" * 8000)[1].startswith(b"BAD"), "H5 8000 parentheses")
    c.close()
    for bad in (b"ID ((", b"ID )", b"ID (\"a\" ", b"ID (\"a\" \"b\") x", b'LOGIN "a\\x" b', b'LOGIN "a', b'LOGIN "\xff" b',
                b"LOGIN a", b"LOGIN a b c", b"AUTHENTICATE", b"\x00NOOP", b"NOOP x", b"STARTTLS x", b"NOOP ", b" NOOP"):
        c = Imap(s.imap)
        ok(c.cmd(bad)[1].startswith(b"BAD ") and c.cmd(b"NOOP")[1].startswith(b"OK "), "H5 before login: %r" % bad)
        c.close()
    c = Imap(s.imap)
    ok(c.cmd([b"ID (\"a\" {10}", b"0123456789)"])[1].startswith(b"OK"), "ID with a literal")
    is_([r[:5] for r in c.cmd(b"LOGOUT")[0]], [b"* BYE"], "LOGOUT before login")
    is_(c.rest(), b"", "and the end")
    c = Imap(s.imap)
    got = b""
    for i in range(30):
        c.send(b"a XYZZY\r\n")
    got = c.rest()
    ok(b"* BYE " in got, "bad commands before login come to an end")
    for junk in (b"GET / HTTP/1.0\r\n\r\n", b"EHLO x\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n", b"\r\n\r\n\r\n\r\n\r\n",
                 b"\n" * 1000, b"a" * 100000):
        c = Imap(s.imap)
        c.send(junk)
        c.send(b"\r\nz LOGOUT\r\n")
        got = c.rest()
        ok(got.startswith((b"* BAD ", b"* BYE", b"GET BAD", b"EHLO BAD")), "no IMAP: %r" % junk[:20]) or diag(got[:200])
        c.close()


# ---- logged in, nothing selected ----

WRONG_AUTH = [b"CHECK", b"CLOSE", b"EXPUNGE", b"SEARCH ALL", b"FETCH 1 FLAGS", b"STORE 1 FLAGS ()", b"COPY 1 INBOX", b"MOVE 1 INBOX",
              b"UID FETCH 1 FLAGS", b"UID SEARCH ALL", b"UID EXPUNGE 1", b"UNSELECT", b"XYZZY", b"UID NOOP", b"UID"]
AUTH = [
    ("C20 LOGIN again", b"LOGIN %s %s" % (ALICE.encode(), PASSWORD.encode()), NO, []),
    ("C20 LOGIN with literals", [b"LOGIN {2}", b"aa {2}", b"bb"], NO),
    ("C20 AUTHENTICATE again", b"AUTHENTICATE PLAIN", NO, []),
    ("C20 AUTHENTICATE with a response", b"AUTHENTICATE PLAIN AGEAYg==", NO, []),
    ("C20 STARTTLS", b"STARTTLS", rb"(NO|BAD) ", []),
    ("CAPABILITY", b"CAPABILITY", OK, [rb"\* CAPABILITY IMAP4rev1 IMAP4rev2 (?!.*AUTH=)(?!.*STARTTLS)(?!.*LOGINDISABLED)"]),
    ("NAMESPACE", b"NAMESPACE", OK, [rb'\* NAMESPACE \(\("" "/"\)\) \(\("Other Users/" "/"\)\) NIL\r\n']),
    ("ENABLE of nothing known", b"ENABLE XYZZY", OK, [rb"\* ENABLED\s*\r\n"]),
    ("ENABLE alone", b"ENABLE", BAD, []),
    ("ID", b'ID ("name" "x")', OK, [rb"\* ID "]),
    ("LIST root", b'LIST "" ""', OK, [rb'\* LIST \(\\Noselect\) "/" ""\r\n']),
    ("LIST *", b'LIST "" *', OK, (rb'\* LIST \([^)]*\) "/" "?INBOX"?\r\n',)),
    ("LIST %", b'LIST "" "%"', OK, (rb'\* LIST \([^)]*\) "/" "?INBOX"?\r\n',)),
    ("LIST inbox", b'LIST "" inbox', OK, [rb'\* LIST \([^)]*\) "/" "?INBOX"?\r\n']),
    ("LIST InB%", b'LIST "" InBo%', OK),
    ("LIST of none", b'LIST "" nothere', OK, []),
    ("LSUB", b'LSUB "" *', OK, (rb"\* LSUB \([^)]*\) \"/\" ",)),
    ("special uses", b'LIST "" *', OK, (rb".*\\Archive", rb".*\\Drafts", rb".*\\Junk", rb".*\\Sent", rb".*\\Trash")),
    ("SELECT of none", b"SELECT nothere", NO, []),
    ("EXAMINE of none", b"EXAMINE nothere", NO, []),
    ("SELECT of nothing", b"SELECT", BAD, []),
    ('SELECT ""', b'SELECT ""', rb"(NO|BAD) ", []),
    ("STATUS of none", b"STATUS nothere (MESSAGES)", NO, []),
    ("STATUS", b"STATUS inbox (messages RECENT UIDNEXT UIDVALIDITY UNSEEN)", OK,
     [rb'\* STATUS "?INBOX"? \(MESSAGES 0 RECENT 0 UIDNEXT 1 UIDVALIDITY [1-9]\d* UNSEEN 0\)\r\n']),
    ("STATUS of nothing", b"STATUS INBOX ()", BAD, []),
    ("STATUS of what is none", b"STATUS INBOX (XYZZY)", BAD, []),
    ("STATUS without parentheses", b"STATUS INBOX MESSAGES", BAD, []),
    ("APPEND to none", [b"APPEND nothere {3}", b"abc"], rb"NO \[TRYCREATE\] ", []),
    ("H15 APPEND too large", b"APPEND INBOX {99999999999}", rb"(NO \[TOOBIG\]|BAD) ", []),
    ("APPEND of nothing", b"APPEND INBOX", BAD, []),
    ("APPEND of a string", b'APPEND INBOX "x"', BAD, []),
    ("APPEND with a bad date", [b'APPEND INBOX "99-Foo-1994 00:00:00 +0000" {3+}\r\nabc'], BAD, []),
    ("CREATE", b"CREATE one", OK, []),
    ("CREATE again", b"CREATE one", rb"NO \[ALREADYEXISTS\] ", []),
    ("CREATE below", b"CREATE a/b/c", OK, []),
    ("CREATE with a separator behind", b"CREATE folder/", OK, []),
    ("LIST folder", b'LIST "" folder*', OK, [rb'\* LIST \([^)]*\) "/" "?folder"?\r\n']),
    ("LIST a parent", b'LIST "" a%', OK, (rb'\* LIST \([^)]*\) "/" "?a"?\r\n',)),
    ("LIST with a reference", b"LIST a/ %", OK, [rb'\* LIST \([^)]*\) "/" "?a/b"?\r\n']),
    ("LIST with a reference and *", b"LIST a/b *", OK, [rb'\* LIST \([^)]*\) "/" "?a/b"?\r\n', rb'\* LIST \([^)]*\) "/" "?a/b/c"?\r\n']),
    ("LIST %/%", b'LIST "" a/%/c', OK, [rb'\* LIST \([^)]*\) "/" "?a/b/c"?\r\n']),
    ("CREATE INBOX", b"CREATE inbox", NO, []),
    ("CREATE below INBOX", b"CREATE Inbox/sub", OK, []),
    ("SELECT below INBOX", b"EXAMINE INBOX/sub", OK),
    ("and out again", b"CLOSE", OK, []),
    ("DELETE INBOX", b"DELETE INBOX", NO, []),
    ("DELETE of none", b"DELETE nothere", NO, []),
    ("DELETE with children", b"DELETE a", rb"(NO|OK) ", []),
    ("its child stays", b'LIST "" a/b/c', OK, [rb"\* LIST "]),
    ("RENAME", b"RENAME one two", OK, []),
    ("RENAME of none", b"RENAME one three", NO, []),
    ("RENAME onto another", b"RENAME two folder", rb"NO \[ALREADYEXISTS\] ", []),
    ("RENAME onto itself", b"RENAME two two", rb"(NO|OK) ", []),
    ("RENAME below itself", b"RENAME two two/in", rb"(NO|OK) ", []),
    ("RENAME of a tree", b"RENAME a z/y", OK, []),
    ("the whole tree went", b'LIST "" z*', OK, (rb'.*z/y/b/c',)),
    ("nothing is left", b'LIST "" a*', OK, None),
    ("SUBSCRIBE", b"SUBSCRIBE two", OK, []),
    ("LSUB of it", b'LSUB "" two', OK, [rb'\* LSUB \([^)]*\) "/" "?two"?\r\n']),
    ("UNSUBSCRIBE", b"UNSUBSCRIBE two", OK, []),
    ("LSUB without it", b'LSUB "" two', OK, []),
    ("LSUB %", [b'LSUB "" %'], OK, (rb"\* LSUB ",)),
    ("a name in a literal", [b"CREATE {5}", b"liter"], OK, []),
    ("a name quoted", b'CREATE "with \\"quotes\\" and \\\\"', OK, []),
    ("H18 it comes back quoted", b'LIST "" with*', OK, [rb'\* LIST \([^)]*\) "/" ("with \\"quotes\\" and \\\\"|\{\d+\}\r\nwith "quotes" and \\)\r\n']),
    ("a name with spaces and braces", b'CREATE "x {5} (y) %s"' % b"", OK, []),
    ("H18 it too", b'LIST "" "x *"', OK, [rb'\* LIST \([^)]*\) "/" ("x \{5\} \(y\) "|\{\d+\}\r\n)']),
]
# H10: names are data.
NAMES = [(b'"../../etc/x"', None), (b'"/abs"', None), (b'"a//b"', None), (b'"a/../b"', None), (b'"."', None), (b'".."', None),
         (b'"~user"', None), (b'"#shared"', None), (b'"%"', None), (b'"*"', None), (b'" lead"', None), (b'"trail "', None),
         (b'"' + b"/".join([b"d"] * 1000) + b'"', rb"(NO|BAD) "), (b'"' + b"n" * 5000 + b'"', rb"(NO|BAD) "), (b'"a\0b"', BAD), (b'"a\rb"', BAD),
         (b'"a\x01b"', rb"(NO|BAD) "), (b'""', rb"(NO|BAD) "), (b'"/"', rb"(NO|BAD) "), (b'"\x7f"', rb"(NO|BAD) "), (b'"a\\b"', BAD), (b'"a"b', BAD)]
# H11: modified UTF-7, what is no canonical form of anything.
MUTF7 = [(b"&", 0), (b"&AGEA", 0), (b"&AGE-", 0), (b"&AGE-&AGI-", 0), (b"&2AA-", 0), (b"&AAA-", 0), (b"&Jjo", 0), (b"&Jjo!-", 0), (b"&JjoA-", 0),
         (b"&U,BTFw-&ZeVnLIqe-", 0), (b"\xc3\xa9", 0), (b"&3ADYAA-", 0), (b"&-", 1), (b"&Jjo-", 1), (b"x&-y", 1), (b"&2D3eAA-", 1), (b"&AOk-", 1),
         (b"&AGUDAQ-", None), (b"e&AwE-", None)]


def authenticated(s):
    c = Imap(s.imap, ALICE, PASSWORD)
    for w in WRONG_AUTH:
        ok(imap_step(c, "not selected", w, rb"(BAD|NO) ", []), "C20 nothing selected: %s" % w.decode())
    rows(c, AUTH)
    c.send(b"y" * 300 + b" NOOP\r\n")
    is_(c.response(), b"* BAD malformed tag\r\n", "a tag of 300 octets")
    for i in range(100):
        if not c.cmd(b"XYZZY")[1].startswith(b"BAD"):
            break
        if i % 10 == 0:
            c.cmd(b"NOOP")
    ok(c.cmd(b"NOOP")[1].startswith(b"OK"), "bad commands among good ones end nothing")
    for i in range(30):
        c.send(b"a XYZZY\r\n")
    ok(b"* BYE " in c.rest(), "one after the other they do")
    c.close()
    c = Imap(s.imap, BOB, PASSWORD)
    before = sorted(c.cmd(b'LIST "" *')[0])
    for n, want in NAMES:
        u, t = c.cmd(b"CREATE " + n)
        good = re.match(want or rb"(OK|NO) ", t)
        if good and t.startswith(b"OK"):
            u, l = c.cmd(b'LIST "" *')
            good = c.cmd(b"DELETE " + n)[1].startswith(b"OK")
            for left in re.findall(rb'"/" ("?)(.*)\1\r\n', b"".join(x for x in c.cmd(b'LIST "" *')[0] if x not in before)):
                good = c.cmd(b'DELETE "%s"' % left[1])[1].startswith(b"OK") and good
        ok(good, "H10 CREATE %.30r" % n) or diag(t)
    c.close()
    c = Imap(s.imap, BOB, PASSWORD)
    for n, want in MUTF7:
        t = c.cmd(b"CREATE " + n)[1]
        ok(want is None or (t.startswith(b"OK") if want else t.startswith((b"BAD", b"NO"))), "H11 CREATE %s" % n) or diag(t)
    got = [x for x in c.cmd(b'LIST "" *')[0] if x not in before]
    is_(len(got), len(set(got)), "H11 no name is there twice")
    good = 1
    for n in re.findall(rb'"/" ("?)(.*)\1\r\n', b"".join(got)):
        good = good and c.cmd(b'STATUS "%s" (MESSAGES)' % n[1])[1].startswith(b"OK")
        good = good and c.cmd(b'DELETE "%s"' % n[1])[1].startswith(b"OK")
    ok(good, "H11 whatever LIST says can be said back")
    is_(sorted(c.cmd(b'LIST "" *')[0]), before, "and everything is removed")
    c.send(b'p LIST "" "' + b"%" * 2000 + b"*%" * 1000 + b'"\r\n')
    ok(c.until(b"p")[-1].startswith(b"p OK"), "H12 a pattern of wildcards")
    ok(c.cmd(b'LIST "" "' + b"*a" * 2000 + b'"')[1].startswith((b"OK", b"BAD", b"NO")), "H12 and of another kind")
    c.close()


# ---- selected ----

def fill(s):
    c = Imap(s.imap, ALICE, PASSWORD)
    ok(c.append(b"INBOX", PLAIN, b'(\\Seen $Label) "17-Jul-1996 02:44:25 -0700" ').startswith(b"OK [APPENDUID "), "APPEND with flags and date")
    ok(c.append(b"INBOX", NESTED, b'() " 7-Feb-1994 21:52:25 +0000" ').startswith(b"OK"), "APPEND with no flags and a short day")
    ok(c.append(b"INBOX", b"Subject: third\r\n\r\nthree\r\n").startswith(b"OK"), "APPEND with nothing")
    u, t = c.cmd([b"APPEND INBOX (\\Flagged) {%d}" % len(PLAIN), PLAIN + b" (\\Draft) {25}", b"Subject: fourth\r\n\r\nfour\r\n"])
    ok(re.match(rb"OK \[APPENDUID \d+ 4:5\] ", t), "MULTIAPPEND") or diag(t)
    u, t = c.cmd([b"APPEND INBOX {3}", b"abc {99999999999}"])
    ok(t.startswith((b"NO [TOOBIG]", b"BAD")), "H15 MULTIAPPEND with a second message too large") or diag(t)
    ok(c.cmd(b"STATUS INBOX (MESSAGES UIDNEXT)")[0][0].endswith(b"(MESSAGES 5 UIDNEXT 6)\r\n"), "H15 all or nothing")
    u, t = c.cmd([b"APPEND INBOX (\\Recent) {3}", b"abc"])
    ok(t.startswith((b"BAD", b"NO", b"OK")), "APPEND with \\Recent")
    if t.startswith(b"OK"):
        diag("\\Recent was taken")
    c.close()


ENV1 = (rb'\("Mon, 7 Feb 1994 21:52:25 -0800 \(PST\)" "afternoon meeting" (\(\("Fred Foobar" NIL "foobar" "Blurdybloop.example"\)\) ?){3}'
        rb'\(\(NIL NIL "mooch" "owatagu.example"\)\("Joe Q. Public" NIL "joe" "x.example"\)\) NIL NIL NIL '
        rb'"<B27397-0100000@Blurdybloop.example>"\)')
BS1 = rb'(?i:\("TEXT" "PLAIN" \("CHARSET" "US-ASCII"\) NIL NIL "7BIT" 55 1)'

SELECTED = [
    ("SELECT", b"SELECT inbox", rb"OK \[READ-WRITE\] ", (rb"\* FLAGS \(", )),
    ("C21 FETCH 0", b"FETCH 0 FLAGS", BAD, []),
    ("C21 FETCH 2^32", b"FETCH 4294967296 FLAGS", BAD, []),
    ("C21 FETCH -1", b"FETCH -1 FLAGS", BAD, []),
    ("C21 STORE 2^32", b"STORE 4294967296 +FLAGS (\\Seen)", BAD, []),
    ("C21 FETCH beyond", b"FETCH 99 FLAGS", rb"(BAD|NO|OK) ", []),
    ("C21 UID FETCH beyond", b"UID FETCH 1000:2000 FLAGS", OK, []),
    ("C21 UID FETCH 4294967295:*", b"UID FETCH 4294967295:* UID", OK, [rb"\* 5 FETCH \(UID 5\)"]),
    ("C21 UID FETCH *", b"UID FETCH * UID", OK, [rb"\* 5 FETCH \(UID 5\)"]),
    ("C21 *:2 backwards", b"FETCH 3:2 UID", OK, [rb"\* 2 FETCH", rb"\* 3 FETCH"]),
    ("FETCH *", b"FETCH * UID", OK, [rb"\* 5 FETCH \(UID 5\)"]),
    ("FETCH a set", b"FETCH 1,3:4,2 UID", OK, [rb"\* \d FETCH"] * 4),
    ("FETCH overlapping", b"FETCH 1:3,2:4 UID", OK, [rb"\* \d FETCH"] * 4),
    ("FETCH bad sets", b"FETCH 1: UID", BAD, []), ("FETCH 1,", b"FETCH 1, UID", BAD, []), ("FETCH ,1", b"FETCH ,1 UID", BAD, []),
    ("FETCH 1::2", b"FETCH 1::2 UID", BAD, []), ("FETCH **", b"FETCH ** UID", BAD, []),
    ("FETCH nothing", b"FETCH 1", BAD, []), ("FETCH ()", b"FETCH 1 ()", BAD, []), ("FETCH of none", b"FETCH 1 XYZZY", BAD, []),
    ("FETCH FLAGS", b"FETCH 1 FLAGS", OK, [rb"\* 1 FETCH \(FLAGS \(\\Seen(?=[^)]*\$Label)[^)]*\)\)\r\n"]),
    ("FETCH in parentheses", b"FETCH 1 (UID FLAGS INTERNALDATE RFC822.SIZE)", OK,
     [rb'\* 1 FETCH \(UID 1 FLAGS \([^)]*\) INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE %d\)\r\n' % len(PLAIN)]),
    ("INTERNALDATE of a short day", b"FETCH 2 INTERNALDATE", OK, [rb'.*INTERNALDATE "( |0)7-Feb-1994 21:52:25 \+0000"\)']),
    ("ENVELOPE", b"FETCH 1 ENVELOPE", OK, [rb"\* 1 FETCH \(ENVELOPE " + ENV1 + rb"\)\r\n"]),
    ("BODYSTRUCTURE", b"FETCH 1 BODYSTRUCTURE", OK, [rb"\* 1 FETCH \(BODYSTRUCTURE " + BS1 + rb" NIL NIL NIL( NIL)?\)\)\r\n"]),
    ("BODY", b"FETCH 1 BODY", OK, [rb"\* 1 FETCH \(BODY " + BS1 + rb"\)\)\r\n"]),
    ("ALL", b"FETCH 1 ALL", OK, [rb"\* 1 FETCH \(FLAGS .*INTERNALDATE .*RFC822.SIZE .*ENVELOPE "]),
    ("FAST", b"FETCH 1 FAST", OK, [rb"\* 1 FETCH \(FLAGS .*INTERNALDATE .*RFC822.SIZE \d+\)"]),
    ("FULL", b"FETCH 1 FULL", OK, [rb"\* 1 FETCH \(FLAGS .*INTERNALDATE .*RFC822.SIZE .*ENVELOPE .*BODY "]),
    ("a macro in parentheses", b"FETCH 1 (ALL)", BAD, []),
    ("BODY.PEEK[]", b"FETCH 1 BODY.PEEK[]", OK, [rb"\* 1 FETCH \(BODY\[\] \{%d\}\r\n" % len(PLAIN) + re.escape(PLAIN) + rb"\)\r\n"]),
    ("RFC822.HEADER", b"FETCH 1 RFC822.HEADER", OK, [rb"\* 1 FETCH \(RFC822.HEADER \{\d+\}\r\nDate: .*\r\n\r\n\)\r\n"]),
    ("HEADER.FIELDS", b"FETCH 1 BODY.PEEK[HEADER.FIELDS (subject TO)]", OK,
     [rb"\* 1 FETCH \(BODY\[HEADER.FIELDS \(\"?subject\"? \"?TO\"?\)\] \{\d+\}\r\nSubject: afternoon meeting\r\nTo: .*\r\n\r\n\)\r\n"]),
    ("HEADER.FIELDS.NOT", b"FETCH 1 BODY.PEEK[HEADER.FIELDS.NOT (date from subject to message-id)]", OK,
     [rb".*\{\d+\}\r\nMIME-Version: 1.0\r\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\n\)\r\n"]),
    ("HEADER.FIELDS of none", b"FETCH 1 BODY.PEEK[HEADER.FIELDS (x-none)]", OK, [rb".*\{2\}\r\n\r\n\)\r\n"]),
    ("HEADER.FIELDS ()", b"FETCH 1 BODY.PEEK[HEADER.FIELDS ()]", BAD, []),
    ("TEXT", b"FETCH 3 BODY.PEEK[TEXT]", OK, [rb"\* 3 FETCH \(BODY\[TEXT\] (\{7\}\r\nthree\r\n)\)\r\n"]),
    ("partial", b"FETCH 1 BODY.PEEK[]<0.5>", OK, [rb'\* 1 FETCH \(BODY\[\]<0> (\{5\}\r\nDate:|"Date:")\)\r\n']),
    ("H13 partial beyond", b"FETCH 1 BODY.PEEK[]<99999.5>", OK, [rb'\* 1 FETCH \(BODY\[\]<99999> ("|\{0\}\r\n)']),
    ("H13 partial of 0", b"FETCH 1 BODY.PEEK[]<0.0>", BAD, []),
    ("H13 partial overflow", b"FETCH 1 BODY.PEEK[]<4294967295.4294967295>", rb"(OK|BAD) "),
    ("H13 partial more than overflow", b"FETCH 1 BODY.PEEK[]<99999999999999999999.1>", BAD, []),
    ("H13 partial without a length", b"FETCH 1 BODY.PEEK[]<1>", BAD, []),
    ("H13 a deep section", b"FETCH 1 BODY.PEEK[" + b".".join([b"1"] * 1000) + b"]", rb"(OK|BAD|NO) "),
    ("section 0", b"FETCH 1 BODY.PEEK[0]", BAD, []),
    ("section 1 of one part", b"FETCH 1 BODY.PEEK[1]", OK, [rb".*BODY\[1\] \{55\}\r\nHello Joe.*"]),
    ("section of none", b"FETCH 1 BODY.PEEK[7]", OK, [rb'\* 1 FETCH \(BODY\[7\] (NIL|"")\)\r\n']),
    ("section 1.MIME", b"FETCH 2 BODY.PEEK[1.MIME]", OK,
     [rb".*\{\d+\}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\)\r\n"]),
    ("section MIME alone", b"FETCH 2 BODY.PEEK[MIME]", BAD, []),
    ("section 2.HEADER", b"FETCH 2 BODY.PEEK[2.HEADER]", OK, [rb".*\{\d+\}\r\nFrom: inner@x.example\r\n.*boundary=i\r\n\r\n\)\r\n"]),
    ("section 2.TEXT", b"FETCH 2 BODY.PEEK[2.TEXT]", OK, [rb".*\{\d+\}\r\n--i\r\n.*--i--"]),
    ("section 2.1", b"FETCH 2 BODY.PEEK[2.1]", OK, [rb".*\{10\}\r\ninner text\)\r\n"]),
    ("section 2.2.MIME", b"FETCH 2 BODY.PEEK[2.2.MIME]", OK, [rb".*\{\d+\}\r\nContent-Type: text/html\r\n\r\n\)\r\n"]),
    ("section 2.HEADER.FIELDS", b"FETCH 2 BODY.PEEK[2.HEADER.FIELDS (Subject)]", OK, [rb".*\{18\}\r\nSubject: inner\r\n\r\n\)\r\n"]),
    ("section 2", b"FETCH 2 BODY.PEEK[2]", OK, [rb".*\{%d\}\r\n" % len(INNER) + re.escape(INNER) + rb"\)\r\n"]),
    ("section 3", b"FETCH 2 BODY.PEEK[3]<1.2>", OK, [rb'.*BODY\[3\]<1> (\{2\}\r\nAA|"AA")\)\r\n']),
    ("BODYSTRUCTURE nested", b"FETCH 2 BODYSTRUCTURE", OK,
 [rb'(?i)\* 2 FETCH \(BODYSTRUCTURE \(\("TEXT" "PLAIN" \("CHARSET" "utf-8"\) NIL NIL "QUOTED-PRINTABLE" 9 \d+ .*'
      rb'\("MESSAGE" "RFC822" NIL NIL "forwarded" "7BIT" %d \(NIL "inner" .*"ALTERNATIVE".*"IMAGE" "PNG" \("NAME" "a.png"\) "<c@x>" NIL "BASE64" 4.*'
      rb'\("ATTACHMENT" \("FILENAME" "a.png"\)\).*"MIXED" \("BOUNDARY" "o o"\)' % len(INNER)]),
    ("BODY[] is seen", b"FETCH 3 BODY[TEXT]<0.1>", OK, (rb"\* 3 FETCH ", )),
    ("and was", b"FETCH 3 FLAGS", OK, [rb"\* 3 FETCH \(FLAGS \([^)]*\\Seen"]),
    ("RFC822", b"FETCH 4 RFC822", OK, (rb"\* 4 FETCH \(.*RFC822 \{%d\}\r\n" % len(PLAIN), )),
    ("RFC822.TEXT", b"FETCH 3 RFC822.TEXT", OK, [rb".*RFC822.TEXT \{7\}\r\nthree\r\n\)"]),
    ("UID FETCH answers with UID", b"UID FETCH 2 FLAGS", OK, [rb"\* 2 FETCH \((?=.*UID 2).*FLAGS"]),
    ("many items", b"FETCH 1 (" + b" ".join([b"ENVELOPE"] * 10000) + b")", rb"(OK|BAD|NO) "),
    # STORE
    ("STORE", b"STORE 2 FLAGS (\\Answered)", OK, [rb"\* 2 FETCH \(.*FLAGS \([^)]*\\Answered"]),
    ("STORE +", b"STORE 2 +FLAGS (\\Flagged $Junk2)", OK, (rb"\* 2 FETCH \(.*FLAGS \((?=[^)]*\\Answered)(?=[^)]*\\Flagged)[^)]*\$Junk2", )),
    ("STORE -", b"STORE 2 -FLAGS (\\Answered)", OK, [rb"\* 2 FETCH \(.*FLAGS \((?![^)]*Answered)"]),
    ("STORE silent", b"STORE 2 +FLAGS.SILENT (\\Draft)", OK, []),
    ("STORE without parentheses", b"STORE 2 +FLAGS \\Seen \\Draft", OK, [rb"\* 2 FETCH "]),
    ("STORE ()", b"STORE 2 FLAGS ()", OK, [rb"\* 2 FETCH \(.*FLAGS \((\\Recent)?\)"]),
    ("STORE \\Recent", b"STORE 2 +FLAGS (\\Recent)", rb"(BAD|NO) ", []),
    ("STORE \\Foo", b"STORE 2 +FLAGS (\\Foo)", rb"(BAD|NO) ", []),
    ("STORE of none", b"STORE 2 XFLAGS (\\Seen)", BAD, []),
    ("STORE beyond", b"STORE 99 +FLAGS (\\Seen)", rb"(BAD|NO|OK) ", []),
    ("UID STORE beyond", b"UID STORE 99 +FLAGS (\\Seen)", OK, []),
    ("a keyword in another case", b"STORE 1 +FLAGS ($LABEL)", OK, [rb"(?!.*\$label.*\$label)"]),
    # SEARCH
    ("SEARCH ALL", b"SEARCH ALL", OK, [rb"\* SEARCH 1 2 3 4 5\r\n"]),
    ("SEARCH of nothing", b"SEARCH", BAD, []),
    ("SEARCH of none", b"SEARCH XYZZY", BAD, []),
    ("SEARCH sequence", b"SEARCH 2:*", OK, [rb"\* SEARCH 2 3 4 5\r\n"]),
    ("SEARCH UID", b"SEARCH UID 1:2,5", OK, [rb"\* SEARCH 1 2 5\r\n"]),
    ("UID SEARCH", b"UID SEARCH 1:2", OK, [rb"\* SEARCH 1 2\r\n"]),
    ("SEARCH no hit", b"SEARCH SUBJECT nothinglikethis", OK, [rb"\* SEARCH\r\n"]),
    ("SEARCH FROM", b"SEARCH FROM foobar", OK, [rb"\* SEARCH 1 4\r\n"]),
    ("SEARCH TO", b'SEARCH TO "joe q. public"', OK, [rb"\* SEARCH 1 4\r\n"]),
    ("SEARCH SUBJECT", b"SEARCH SUBJECT AFTERNOON", OK, [rb"\* SEARCH 1 4\r\n"]),
    ("SEARCH BODY decoded", [b"SEARCH CHARSET UTF-8 BODY {5}", "café".encode()], OK, [rb"\* SEARCH 2\r\n"]),
    ("SEARCH TEXT", b"SEARCH TEXT inner", OK, [rb"\* SEARCH 2\r\n"]),
    ("SEARCH HEADER", b"SEARCH HEADER Message-ID B27397", OK, [rb"\* SEARCH 1 4\r\n"]),
    ("SEARCH HEADER that is there", b'SEARCH HEADER Message-ID ""', OK, [rb"\* SEARCH 1 4\r\n"]),
    ("SEARCH flags", b"SEARCH SEEN UNANSWERED UNDELETED KEYWORD $Label", OK, [rb"\* SEARCH 1\r\n"]),
    ("SEARCH NOT", b"SEARCH NOT SUBJECT meeting", OK, [rb"\* SEARCH 2 3 5\r\n"]),
    ("SEARCH OR", b"SEARCH OR SUBJECT third SUBJECT fourth", OK, [rb"\* SEARCH 3 5\r\n"]),
    ("SEARCH nested", b"SEARCH (OR (NOT SUBJECT meeting) 1) UNKEYWORD $none", OK, [rb"\* SEARCH 1 2 3 5\r\n"]),
    ("SEARCH dates", b"SEARCH BEFORE 1-Jan-1997", OK, [rb"\* SEARCH 1 2\r\n"]),
    ("SEARCH ON", b"SEARCH ON 17-Jul-1996", OK, [rb"\* SEARCH 1\r\n"]),
    ("SEARCH SINCE", b"SEARCH SINCE 18-Jul-1996", OK, [rb"\* SEARCH 3 4 5\r\n"]),
    ("SEARCH SENTON", b'SEARCH SENTON "7-Feb-1994"', OK, [rb"\* SEARCH 1 4\r\n"]),
    ("SEARCH SENTBEFORE", b"SEARCH SENTBEFORE 8-Feb-1994", OK, [rb"\* SEARCH 1 4\r\n"]),
    ("SEARCH sizes", b"SEARCH SMALLER 100", OK, [rb"\* SEARCH 3 5\r\n"]),
    ("SEARCH LARGER", b"SEARCH LARGER 500", OK, [rb"\* SEARCH 2\r\n"]),
    ("SEARCH NEW OLD RECENT", b"SEARCH OR NEW OLD", OK, [rb"\* SEARCH"]),
    ("SEARCH DRAFT", b"SEARCH DRAFT", OK, [rb"\* SEARCH 5\r\n"]),
    ("SEARCH a charset", b"SEARCH CHARSET US-ASCII ALL", OK, [rb"\* SEARCH 1 2 3 4 5\r\n"]),
    ("SEARCH a small one", b"SEARCH CHARSET iso-8859-1 ALL", OK, [rb"\* SEARCH 1 2 3 4 5\r\n"]),
    ("SEARCH no charset", b"SEARCH CHARSET x-klingon ALL", rb"NO \[BADCHARSET", []),
    ("SEARCH bad UTF-8", [b"SEARCH CHARSET UTF-8 SUBJECT {2}", b"\xff\xfe"], rb"(NO|BAD|OK) "),
    ("SEARCH a bad date", b"SEARCH ON 31-Feb-1996", BAD, []),
    ("SEARCH an open group", b"SEARCH (ALL", BAD, []),
    ("SEARCH an empty group", b"SEARCH ()", BAD, []),
    ("SEARCH OR of one", b"SEARCH OR ALL", BAD, []),
    ("SEARCH beyond", b"SEARCH 1:99", rb"(OK|BAD|NO) "),
    ("H6 NOT deep", b"SEARCH " + b"NOT (" * 5000 + b"ALL" + b")" * 5000, rb"(BAD|NO) ", []),
    ("H6 OR deep", b"SEARCH " + b"OR ALL " * 5000 + b"ALL", rb"(BAD|NO|OK) "),
    ("H6 NOT NOT", b"SEARCH " + b"NOT " * 10000 + b"ALL", rb"(BAD|NO|OK) "),
    # COPY, MOVE
    ("COPY", b"COPY 1:2 Archive", rb"OK \[COPYUID \d+ 1:2 1:2\] ", []),
    ("COPY to none", b"COPY 1 nothere", rb"NO \[TRYCREATE\] ", []),
    ("UID COPY of none", b"UID COPY 900 Archive", OK, []),
    ("H16 COPY to itself", b"COPY 5 INBOX", rb"OK \[COPYUID \d+ 5 6\] ", (rb"\* 6 EXISTS", )),
    ("MOVE", b"MOVE 6 Archive", OK, (rb"\* OK \[COPYUID \d+ 6 3\] ", rb"\* 6 EXPUNGE")),
    ("MOVE to none", b"MOVE 1 nothere", rb"NO \[TRYCREATE\] ", []),
    ("UID MOVE of none", b"UID MOVE 900 Archive", OK, []),
    ("UID EXPUNGE", b"STORE 1,3 +FLAGS.SILENT (\\Deleted)", OK, []),
    ("UID EXPUNGE of one", b"UID EXPUNGE 3", OK, [rb"\* 3 EXPUNGE\r\n"]),
    ("EXPUNGE", b"EXPUNGE", OK, [rb"\* 1 EXPUNGE\r\n"]),
    ("EXPUNGE of nothing", b"EXPUNGE", OK, []),
    ("EXPUNGE with an argument", b"EXPUNGE 1", BAD, []),
    ("CHECK", b"CHECK", OK, []),
    ("SELECT of none unselects", b"SELECT nothere", NO),
    ("nothing is selected", b"FETCH 1 FLAGS", rb"(BAD|NO) ", []),
    ("EXAMINE", b"EXAMINE INBOX", rb"OK \[READ-ONLY\] ", (rb"\* (FLAGS|\d+ EXISTS)", )),
    ("read-only STORE", b"STORE 1 +FLAGS (\\Deleted)", NO, []),
    ("read-only EXPUNGE", b"EXPUNGE", NO, []),
    ("read-only MOVE", b"MOVE 1 Archive", NO, []),
    ("read-only BODY[] is not seen", b"FETCH 1 BODY[TEXT]", OK, [rb"\* 1 FETCH "]),
    ("read-only flags", b"FETCH 1 FLAGS", OK, [rb"\* 1 FETCH \(FLAGS \((?![^)]*Seen)"]),
    ("read-only CLOSE", b"CLOSE", OK, []),
    ("SELECT again", b"SELECT INBOX", OK),
    ("C20 LOGIN selected", b"LOGIN a b", NO, []),
    ("a flag for CLOSE", b"STORE 1 +FLAGS.SILENT (\\Deleted)", OK, []),
    ("CLOSE", b"CLOSE", OK, []),
    ("it expunged", b"STATUS INBOX (MESSAGES)", OK, [rb".*\(MESSAGES 2\)"]),
    ("SELECT for UNSELECT", b"SELECT INBOX", OK),
    ("a flag for UNSELECT", b"STORE 1 +FLAGS.SILENT (\\Deleted)", OK, []),
    ("UNSELECT", b"UNSELECT", OK, []),
    ("it did not", b"STATUS INBOX (MESSAGES)", OK, [rb".*\(MESSAGES 2\)"]),
    ("RENAME INBOX", b"RENAME INBOX old-inbox", OK, []),
    ("INBOX is empty", b"STATUS INBOX (MESSAGES)", OK, [rb".*\(MESSAGES 0\)"]),
    ("the messages are there", b"STATUS old-inbox (MESSAGES)", OK, [rb".*\(MESSAGES 2\)"]),
    ("an empty mailbox", b"SELECT INBOX", OK, (rb"\* 0 EXISTS\r\n", )),
    ("C21 FETCH 1 of none", b"FETCH 1 FLAGS", rb"(BAD|NO|OK) ", []),
    ("C21 FETCH * of none", b"FETCH * FLAGS", rb"(BAD|NO|OK) ", []),
    ("C21 FETCH 1:* of none", b"FETCH 1:* FLAGS", rb"(BAD|NO|OK) ", []),
    ("C21 UID FETCH 1:* of none", b"UID FETCH 1:* FLAGS", OK, []),
    ("C21 SEARCH *", b"SEARCH *", rb"(BAD|NO|OK) "),
    ("C21 COPY * of none", b"COPY * Archive", rb"(BAD|NO|OK) ", []),
    ("LOGOUT", b"LOGOUT", OK, [rb"\* BYE "]),
]

# What SELECT says, RFC 3501 section 6.3.1.
MUST = [rb"\* FLAGS \((?=.*\\Answered)(?=.*\\Flagged)(?=.*\\Deleted)(?=.*\\Seen)(?=.*\\Draft).*\)", rb"\* 5 EXISTS", rb"\* \d+ RECENT",
        rb"\* OK \[UNSEEN 2\]", rb"\* OK \[PERMANENTFLAGS \(.*\\\*\)\]", rb"\* OK \[UIDNEXT 6\]", rb"\* OK \[UIDVALIDITY [1-9]\d*\]"]


def selected(s):
    fill(s)
    c = Imap(s.imap, ALICE, PASSWORD)
    u = c.cmd(b"EXAMINE INBOX")[0]
    for m in MUST:
        if m.startswith(rb"\* OK \[PERMANENTFLAGS"):
            m = rb"\* OK \[PERMANENTFLAGS \("
        ok(any(re.match(m, r) for r in u), "EXAMINE says %s" % m.decode())
    u = c.cmd(b"SELECT INBOX")[0]
    for m in MUST:
        ok(any(re.match(m, r) for r in u), "SELECT says %s" % m.decode()) or diag(u)
    rows(c, SELECTED)
    is_(c.rest(), b"", "the end")


# Of 1 to 5, 2 and 4 go: from below or from above.
EXPUNGED = [[b"* 2 EXPUNGE\r\n", b"* 3 EXPUNGE\r\n"], [b"* 4 EXPUNGE\r\n", b"* 2 EXPUNGE\r\n"]]


def two(s):
    a, b = Imap(s.imap, BOB, PASSWORD), Imap(s.imap, BOB, PASSWORD)
    for i in range(5):
        a.append(b"INBOX", b"Subject: m%d\r\n\r\nbody %d\r\n" % (i, i))
    a.cmd(b"SELECT INBOX")
    b.cmd(b"SELECT INBOX")
    a.cmd(b"STORE 2,4 +FLAGS.SILENT (\\Deleted)")
    ok(a.cmd(b"EXPUNGE")[0] in EXPUNGED, "H17 EXPUNGE renumbers as it goes")
    u, t = b.cmd(b"FETCH 1:5 UID")
    ok(not any(b"EXPUNGE" in r for r in u), "H17 no EXPUNGE during FETCH")
    is_([re.search(rb"UID (\d)", r).group(1) for r in u if b"UID" in r], [b"1", b"2", b"3", b"4", b"5"], "H17 the other session counts on")
    u, t = b.cmd(b"FETCH 2 BODY.PEEK[TEXT]")
    ok(b"body 1" in b"".join(u) or t.startswith(b"NO"), "H17 a message that is gone is there or said to be gone") or diag(u)
    ok(t.startswith((b"OK", b"NO")), "H17 and the session lives")
    u, t = b.cmd(b"STORE 2 +FLAGS (\\Seen)")
    ok(not any(b"EXPUNGE" in r for r in u) and t.startswith((b"OK", b"NO")), "H17 STORE of one that is gone") or diag(u, t)
    u, t = b.cmd(b"SEARCH ALL")
    ok(not any(b"EXPUNGE" in r for r in u), "H17 no EXPUNGE during SEARCH")
    u, t = b.cmd(b"UID FETCH 1:* UID")
    u2 = b.cmd(b"NOOP")[0]
    ok([r for r in u + u2 if b"EXPUNGE" in r] in EXPUNGED, "H17 then it is told") or diag(u, u2)
    is_([re.search(rb"\* (\d) FETCH \(UID (\d)", r).groups() for r in b.cmd(b"FETCH 1:* UID")[0]],
        [(b"1", b"1"), (b"2", b"3"), (b"3", b"5")], "H17 and counts as the other")
    b.send(b"i IDLE\r\n")
    b.response()
    a.append(b"INBOX", b"Subject: new\r\n\r\n")
    ok(b.response().startswith(b"* 4 EXISTS"), "IDLE tells of a message")
    got = [b.response()] if not b.quiet(0.3) else []
    ok(all(b"RECENT" in g for g in got), "and RECENT")
    a.cmd(b"STORE 1 +FLAGS (\\Flagged)")
    ok(re.match(rb"\* 1 FETCH \(.*FLAGS \([^)]*\\Flagged", b.response()), "of a flag")
    a.cmd(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
    b.response()
    a.cmd(b"EXPUNGE")
    is_(b.response(), b"* 1 EXPUNGE\r\n", "of a removal")
    b.send(b"done\r\n")
    ok(b.until(b"i")[-1].startswith(b"i OK"), "done in small letters")
    b.send(b"j IDLE\r\n")
    b.response()
    b.send(b"k NOOP\r\n")
    ok(b.until(b"j")[-1].startswith((b"j BAD", b"")), "C20 within IDLE nothing but DONE")
    b.close()
    b = Imap(s.imap, BOB, PASSWORD)
    b.cmd(b"SELECT INBOX")
    b.send(b"l IDLE\r\n")
    b.response()
    b.send(b"x" * 5000)
    got = b.rest()
    ok(b"BYE" in got or b"l BAD" in got, "C22 5 kB within IDLE")
    b = Imap(s.imap, BOB, PASSWORD)
    b.cmd(b"SELECT INBOX")
    b.send(b"a STORE 1 +FLAGS (\\Deleted)\r\nb EXPUNGE\r\nc FETCH 1:* FLAGS\r\nd SELECT Archive\r\ne FETCH 1 FLAGS\r\nf NOOP\r\n")
    text = b"".join(b.until(b"f"))
    tags = re.findall(rb"(?m)^([a-f]) ", text)
    is_(tags, [b"a", b"b", b"c", b"d", b"e", b"f"], "C19 commands of one group in their order")
    ok(re.search(rb"\* 1 EXPUNGE\r\n(.*\r\n)*b OK", text) and text.index(b"EXPUNGE") < text.index(b"c OK"), "C19 STORE, then EXPUNGE")
    a.cmd(b"CREATE gone")
    u0 = a.cmd(b"STATUS gone (UIDVALIDITY)")[0][0]
    a.cmd(b"DELETE gone")
    a.cmd(b"CREATE gone")
    ok(a.cmd(b"STATUS gone (UIDVALIDITY)")[0][0] != u0, "H17 another UIDVALIDITY for a mailbox made again")
    a.append(b"gone", b"x: y\r\n\r\n")
    a.cmd(b"SELECT gone")
    a.cmd(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
    a.cmd(b"EXPUNGE")
    ok(b"APPENDUID" in a.append(b"gone", b"x: y\r\n\r\n") and a.cmd(b"UID SEARCH ALL")[0] == [b"* SEARCH 2\r\n"], "H17 no UID twice")
    b.cmd(b"SELECT gone")
    a.cmd(b"CLOSE")
    a.cmd(b"DELETE gone")
    u, t = b.cmd(b"NOOP")
    ok(t == b"" or b"BYE" in b"".join(u) + t or t.startswith((b"OK", b"NO")), "H17 the selected mailbox is deleted")
    a.append(b"INBOX", b"x: recent\r\n\r\n")
    d, e = Imap(s.imap, BOB, PASSWORD), Imap(s.imap, BOB, PASSWORD)
    r1 = b"".join(d.cmd(b"SELECT INBOX")[0])
    r2 = b"".join(e.cmd(b"SELECT INBOX")[0])
    ok(not re.search(rb"\* 0 RECENT", r1) and re.search(rb"\* 0 RECENT", r2), "H17 \\Recent for one session alone") or diag(r1, r2)
    for x in (a, b, d, e):
        x.close()


def cut(s):
    """Disconnects within a command leave nothing."""
    c = Imap(s.imap, BOB, PASSWORD)
    n = c.cmd(b"STATUS Drafts (MESSAGES)")[0][0]
    for octets in (b"a APPEND Drafts {100}\r\n", b"a APPEND Drafts {100+}\r\n" + b"x" * 50, b"a APPEND Drafts {10+}\r\n0123456789",
                   b"a APPEND Drafts {10+}\r\n0123456789 {10+}\r\n01234"):
        d = Imap(s.imap, BOB, PASSWORD)
        d.send(octets)
        d.quiet(0.05)
        d.close()
    is_(c.cmd(b"STATUS Drafts (MESSAGES)")[0][0], n, "H15 a connection that ends within APPEND leaves no message")
    for i in range(200):
        c.send(b"a%d STATUS INBOX (MESSAGES)\r\n" % i)
    ok(c.until(b"a199")[-1].startswith(b"a199 OK"), "200 commands in a row")
    c.send(b"x NOOP\ny NOOP\r\n")
    ok(c.until(b"y")[-1].startswith(b"y "), "a bare LF at the end of a command")
    u, t = c.cmd(b"APPEND INBOX {20000+}\r\n" + b"\0" * 20000)
    ok(t.startswith((b"NO", b"BAD", b"OK")) and c.cmd(b"NOOP")[1].startswith(b"OK"), "APPEND with NULs")
    c.close()


def logs(s):
    text = s.logged()
    ok(not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text), "I7 no controls in the log")
    ok("Sanitizer" not in text and "runtime error" not in text, "nothing of the sanitizers")


def processes(s):
    return {(r["role"], r["instance"]): r["pid"] for r in s.rows("status") if r["role"] != "relay"}


CONF = "limits { connections-address 1000 connections-prefix 1000 }\n"

with Suite(conf=CONF) as suite:
    pids = processes(suite)
    before(suite)
    authenticated(suite)
    selected(suite)
    two(suite)
    cut(suite)
    is_(processes(suite), pids, "P: no process was started again")
    logs(suite)
done()
