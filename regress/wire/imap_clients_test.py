#!/usr/bin/env python3
"""What programs that people use say, command by command, and what they get to hear:
Thunderbird, Apple Mail, Outlook, K-9, FairEmail, Roundcube.  The commands are as these
programs send them; only names and texts are made up."""
import re
import zlib

from raw import Imap, imap_step
from suite import DOMAIN, PASSWORD, Suite, done, is_, ok

ALICE = "alice@" + DOMAIN
OK = rb"OK "
D = rb"\d+"
HEADER = (b"From: Bob <bob@letterlock.test>\r\nTo: alice@letterlock.test\r\nSubject: %s\r\n"
          b"Date: Wed, 25 Nov 2026 10:00:00 +0000\r\nMessage-ID: <%s@client.example>\r\n"
          b"Content-Type: text/plain; charset=us-ascii\r\nX-Priority: 3\r\nX-Other: not asked for\r\n\r\n")
FIELDS = (b"From To Cc Bcc Subject Date Message-ID Priority X-Priority References Newsgroups In-Reply-To "
          b"Content-Type Reply-To")


def message(name):
    return HEADER % (name, name) + b"Text of " + name + b".\r\n"


def selected(n, *more):
    """SELECT's answers for n messages, of which the first is not seen."""
    return [rb"\* FLAGS \(\\Answered \\Flagged \\Deleted \\Seen \\Draft.*\)", rb"\* %d EXISTS" % n, rb"\* " + D + rb" RECENT"] + \
        ([rb"\* OK \[UNSEEN 1\]"] if n else []) + [
            rb"\* OK \[PERMANENTFLAGS \(\\Answered \\Flagged \\Deleted \\Seen \\Draft.* \\\*\)\]",
            rb"\* OK \[UIDVALIDITY " + D + rb"\]", rb"\* OK \[UIDNEXT " + D + rb"\]", rb"\* OK \[HIGHESTMODSEQ " + D + rb"\]",
            rb"\* OK \[MAILBOXID \(F[0-9a-f]{16}\)\]"] + list(more)


def literal(s):
    return rb"\{%d\}\r\n" % len(s) + re.escape(s)


def run(c, who, table):
    for cmd, want, untagged in table:
        first = cmd if isinstance(cmd, bytes) else cmd[0]
        ok(imap_step(c, who, cmd, want, untagged), "%s: %s" % (who, first.decode().split("\r")[0]))


def fill(s, user, names=(b"one", b"two", b"three")):
    c = Imap(s.imap, user + "@" + DOMAIN, PASSWORD)
    for n in names:
        assert c.append(b"INBOX", message(n)).startswith(b"OK")
    c.close()


def asked_for(name):
    """The fields of a message that are asked for, in its own order."""
    return HEADER.replace(b"X-Other: not asked for\r\n", b"") % (name, name)


def thunderbird(s):
    fill(s, "alice")
    c = Imap(s.imap)
    sent = message(b"sent")
    run(c, "Thunderbird", [
        (b"capability", OK, [rb"\* CAPABILITY IMAP4rev1 "]),
        (b"login \"%s\" \"%s\"" % (ALICE.encode(), PASSWORD.encode()), rb"OK \[CAPABILITY .* CONDSTORE .*COMPRESS=DEFLATE", []),
        (b'ID ("name" "Thunderbird" "version" "140.0")', OK, [rb'\* ID \("name" "Letterlock"\)']),
        (b"namespace", OK, [rb'\* NAMESPACE \(\("" "/"\)\) ']),
        (b'list (subscribed) "" "*" return (special-use)', OK, None),
        (b'list "" "INBOX"', OK, [rb'\* LIST \([^)]*\) "/" INBOX']),
        (b'select "INBOX" (CONDSTORE)', rb"OK \[READ-WRITE\]", selected(3)),
        (b"UID fetch 1:* (FLAGS)", OK, [rb"\* %d FETCH \(UID %d FLAGS \(\\Recent\) MODSEQ \(%d\)\)|\* %d FETCH \(UID %d FLAGS \(\\Recent\)\)"
                                        % (i, i, i + 1, i, i) for i in (1, 2, 3)]),
        (b"UID fetch 1:3 (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (%s)])" % FIELDS, OK,
         [rb"\* %d FETCH \(UID %d FLAGS \(\\Recent\) RFC822.SIZE %d BODY\[HEADER.FIELDS \(%s\)\] %s\)|"
          rb"\* %d FETCH \(UID %d RFC822.SIZE %d FLAGS \(\\Recent\)( MODSEQ \(\d+\))? BODY\[HEADER.FIELDS \(%s\)\] %s\)"
          % ((i, i, len(message(n)), FIELDS, literal(asked_for(n))) * 2) for i, n in ((1, b"one"), (2, b"two"), (3, b"three"))]),
        (b'getquotaroot "INBOX"', OK, (rb"\* QUOTAROOT INBOX",)),
        (b'IDLE', rb"\+ ", None)])
    c.n -= 1
    c.send(b"DONE\r\n")
    ok(c.until(b"t%d" % (c.n + 1))[-1].startswith(b"t%d OK" % (c.n + 1)), "Thunderbird: DONE")
    c.n += 1
    run(c, "Thunderbird", [
        (b"UID fetch 2 (UID RFC822.SIZE BODY.PEEK[])", OK,
         [rb"\* 2 FETCH \(UID 2 RFC822.SIZE %d BODY\[\] %s\)" % (len(message(b"two")), literal(message(b"two")))]),
        (b"uid store 2 +Flags (\\Seen)", OK, [rb"\* 2 FETCH \(UID 2 FLAGS \(\\Seen \\Recent\) MODSEQ \(5\)\)"]),
        (b"noop", OK, []),
        (b"UID fetch 1:* (FLAGS) (CHANGEDSINCE 4)", OK, [rb"\* 2 FETCH \(UID 2 FLAGS \(\\Seen \\Recent\) MODSEQ \(5\)\)"]),
        (b"uid copy 1 \"Archive\"", rb"OK \[COPYUID \d+ 1 1\]", []),
        (b"uid move 3 \"Trash\"", OK, [rb"\* OK \[COPYUID \d+ 3 1\]", rb"\* 3 EXPUNGE"]),
        ([b"append \"Sent\" (\\Seen) {%d}" % len(sent), sent], rb"OK \[APPENDUID \d+ 1\]", []),
        (b'STATUS "Sent" (UIDNEXT MESSAGES UNSEEN RECENT)', OK,
         [rb'\* STATUS Sent \(MESSAGES 1 RECENT 1 UIDNEXT 2 UNSEEN 0\)|\* STATUS Sent \(UIDNEXT 2 MESSAGES 1 UNSEEN 0 RECENT 1\)']),
        (b"uid store 1 +Flags (\\Deleted)", OK, [rb"\* 1 FETCH \(UID 1 FLAGS \(\\Deleted \\Recent\) MODSEQ"]),
        (b"expunge", OK, [rb"\* 1 EXPUNGE"]),
        (b"close", OK, []),
        (b"logout", OK, [rb"\* BYE "])])
    c.close()


def outlook(s):
    """RFC 3501 and nothing else; the capability again after everything."""
    fill(s, "bob")
    c = Imap(s.imap)
    run(c, "Outlook", [
        (b"CAPABILITY", OK, [rb"\* CAPABILITY IMAP4rev1 "]),
        (b"LOGIN bob@letterlock.test %s" % PASSWORD.encode(), OK, []),
        (b"CAPABILITY", OK, [rb"\* CAPABILITY IMAP4rev1 "]),
        (b'LIST "" ""', OK, [rb'\* LIST \(\\Noselect\) "/" ""']),
        (b'LIST "" "INBOX"', OK, [rb'\* LIST \([^)]*\) "/" INBOX']),
        (b'LSUB "" "*"', OK, None),
        (b'LIST "" "%"', OK, (rb'\* LIST \([^)]*\) "/" ',)),
        (b'SELECT "INBOX"', rb"OK \[READ-WRITE\]", selected(3)),
        (b"FETCH 1:3 (UID FLAGS)", OK, [rb"\* %d FETCH \(UID %d FLAGS \(\\Recent\)\)" % (i, i) for i in (1, 2, 3)]),
        (b"UID FETCH 1:3 (UID FLAGS RFC822.SIZE RFC822.HEADER)", OK,
         [rb"\* %d FETCH \(UID %d FLAGS \(\\Recent\) RFC822.SIZE %d RFC822.HEADER %s\)"
          % (i, i, len(message(n)), literal(HEADER % (n, n))) for i, n in ((1, b"one"), (2, b"two"), (3, b"three"))]),
        (b"UID FETCH 1 (UID FLAGS BODY.PEEK[])", OK,
         [rb"\* 1 FETCH \(UID 1 FLAGS \(\\Recent\) BODY\[\] %s\)" % literal(message(b"one"))]),
        (b"UID STORE 1 +FLAGS (\\Seen)", OK, [rb"\* 1 FETCH \(UID 1 FLAGS \(\\Seen \\Recent\)\)"]),
        (b"UID STORE 2 +FLAGS.SILENT (\\Deleted)", OK, []),
        (b"EXPUNGE", OK, [rb"\* 2 EXPUNGE"]),
        (b"NOOP", OK, []),
        (b"UID SEARCH UNSEEN", OK, [rb"\* SEARCH 3\r\n"]),
        (b"LOGOUT", OK, [rb"\* BYE "])])
    c.close()


def apple(s):
    c = Imap(s.imap, "carol@" + DOMAIN, PASSWORD)
    draft = message(b"draft")
    run(c, "Apple Mail", [
        (b'ID ("name" "Mac OS X Mail" "version" "16.0" "vendor" "Apple Inc.")', OK, [rb"\* ID "]),
        (b'LIST "" "*"', OK, (rb'\* LIST \([^)]*\\Archive[^)]*\) "/" Archive', rb'\* LIST \([^)]*\\Drafts[^)]*\) "/" Drafts')),
        (b'ENABLE CONDSTORE', OK, [rb"\* ENABLED CONDSTORE"]),
        (b"SELECT INBOX (CONDSTORE)", OK, selected(3)),
        (b"FETCH 1:3 (FLAGS UID MODSEQ)", OK,
         [rb"\* %d FETCH \(UID %d FLAGS \(\\Recent\) MODSEQ \(%d\)\)|\* %d FETCH \(FLAGS \(\\Recent\) UID %d MODSEQ \(%d\)\)"
          % (i, i, i + 1, i, i, i + 1) for i in (1, 2, 3)]),
        (b"UID FETCH 1:3 (INTERNALDATE UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (date subject from content-type to cc "
         b"message-id in-reply-to references list-id)])", OK, [rb"\* %d FETCH \(.*UID %d.*BODY\[HEADER.FIELDS " % (i, i) for i in (1, 2, 3)]),
        (b"UID FETCH 2 (BODYSTRUCTURE BODY.PEEK[HEADER])", OK,
         [rb'\* 2 FETCH \(UID 2 BODYSTRUCTURE \("text" "plain" \("charset" "us-ascii"\) NIL NIL "7bit" 14 1 NIL NIL NIL NIL\) '
          rb'BODY\[HEADER\] %s\)' % literal(HEADER % (b"two", b"two"))]),
        (b"UID FETCH 2 BODY.PEEK[1]<0.5>", OK, [rb"\* 2 FETCH \(UID 2 BODY\[1\]<0> \{5\}\r\nText \)"]),
        ([b'APPEND Drafts (\\Draft \\Seen $NotJunk) "25-Nov-2026 10:00:00 +0000" {%d}' % len(draft), draft],
         rb"OK \[APPENDUID \d+ 1\]", []),
        (b"UID MOVE 2 Junk", OK, [rb"\* OK \[COPYUID \d+ 2 1\]", rb"\* 2 EXPUNGE"]),
        (b"CHECK", OK, []),
        (b"CLOSE", OK, [])])
    c.close()


def k9(s):
    c = Imap(s.imap, "dave@" + DOMAIN, PASSWORD)
    run(c, "K-9", [
        (b'LIST (SPECIAL-USE) "" "*"', OK, [rb'\* LIST \([^)]*\\(Archive|Drafts|Junk|Sent|Trash)'] * 5),
        (b'LIST (SUBSCRIBED) "" "*"', OK, None),
        (b'SELECT "INBOX"', OK, selected(3)),
        (b"UID SEARCH 1:* NOT DELETED", OK, [rb"\* SEARCH 1 2 3\r\n"]),
        (b"UID FETCH 1,2,3 (UID FLAGS)", OK, [rb"\* %d FETCH \(UID %d FLAGS \(\\Recent\)\)" % (i, i) for i in (1, 2, 3)]),
        (b"UID FETCH 1,2,3 (UID INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (date subject from content-type to cc reply-to "
         b"message-id references in-reply-to list-unsubscribe X-K9mail-Identity)])", OK, [rb"\* %d FETCH \(UID %d INTERNALDATE " % (i, i) for i in (1, 2, 3)]),
        (b"UID FETCH 3 (UID BODYSTRUCTURE)", OK, [rb'\* 3 FETCH \(UID 3 BODYSTRUCTURE \("text" "plain"']),
        (b"UID FETCH 3 (UID BODY.PEEK[TEXT])", OK, [rb"\* 3 FETCH \(UID 3 BODY\[TEXT\] \{16\}\r\nText of three\.\r\n\)"]),
        (b"UID STORE 3 +FLAGS.SILENT (\\Seen)", OK, []),
        (b"UID SEARCH HEADER MESSAGE-ID \"three@client.example\"", OK, [rb"\* SEARCH 3\r\n"]),
        (b"UID STORE 1 +FLAGS.SILENT (\\Deleted)", OK, []),
        (b"UID EXPUNGE 1", OK, [rb"\* 1 EXPUNGE"]),
        (b"IDLE", rb"\+ ", None)])
    c.send(b"DONE\r\n")
    ok(b" OK " in c.until(b"t%d" % c.n)[-1], "K-9: DONE")
    c.close()


def fairemail(s):
    c = Imap(s.imap, "erin@" + DOMAIN, PASSWORD)
    run(c, "FairEmail", [
        (b"ENABLE UTF8=ACCEPT", OK, [rb"\* ENABLED UTF8=ACCEPT"]),
        (b'LIST "" * RETURN (SUBSCRIBED CHILDREN SPECIAL-USE)', OK, (rb'\* LIST \([^)]*\\Subscribed[^)]*\) "/" "INBOX"',)),
        (b"STATUS INBOX (MESSAGES UNSEEN)", OK, [rb'\* STATUS "INBOX" \(MESSAGES 3 UNSEEN 3\)']),
        (b"SELECT INBOX", OK, selected(3)),
        (b'UID SEARCH SINCE 1-Jan-2020', OK, [rb"\* SEARCH 1 2 3\r\n"]),
        (b"FETCH 1:3 (UID FLAGS)", OK, [rb"\* %d FETCH \(UID %d FLAGS \(\\Recent\)\)" % (i, i) for i in (1, 2, 3)]),
        (b"FETCH 3 (ENVELOPE INTERNALDATE RFC822.SIZE FLAGS BODYSTRUCTURE UID)", OK, [rb'\* 3 FETCH \(.*ENVELOPE \("Wed, 25 Nov 2026 10:00:00 \+0000" "three"']),
        (b"FETCH 3 (BODY.PEEK[1])", OK, [rb"\* 3 FETCH \(BODY\[1\] \{16\}\r\nText of three\.\r\n\)"]),
        (b"COMPRESS DEFLATE", OK, [])])
    z, d = zlib.compressobj(1, zlib.DEFLATED, -15), zlib.decompressobj(-15)
    got = b""

    def say(octets):
        c.send(z.compress(octets) + z.flush(zlib.Z_SYNC_FLUSH))

    def until(end):
        nonlocal got
        while end not in got and c.more():
            got += d.decompress(c.buf)
            c.buf = b""
        out, got = got.split(end)[0], b""
        return out

    say(b"i IDLE\r\n")
    until(b"+ idling\r\n")
    other = Imap(s.imap, "erin@" + DOMAIN, PASSWORD)
    other.append(b"INBOX", message(b"four"))
    is_(until(b"RECENT\r\n").split(b"\r\n")[0], b"* 4 EXISTS", "FairEmail: it idles, compressed, and hears of a message")
    other.cmd(b"SELECT INBOX")
    other.cmd(b"STORE 1 +FLAGS (\\Flagged)")
    is_(until(b")\r\n"), b"* 1 FETCH (UID 1 FLAGS (\\Flagged \\Recent)", "FairEmail: and of flags")
    other.close()
    say(b"DONE\r\n")
    ok(until(b"\r\n").startswith(b"i OK "), "FairEmail: DONE")
    c.close()


def roundcube(s):
    c = Imap(s.imap, "frank@" + DOMAIN, PASSWORD)
    run(c, "Roundcube", [
        (b"ID (name Roundcube)", rb"(OK|BAD) ", None),
        (b'ID ("name" "Roundcube Webmail" "version" "1.6.0")', OK, [rb"\* ID "]),
        (b"NAMESPACE", OK, [rb'\* NAMESPACE \(\("" "/"\)\) ']),
        (b'LIST (SUBSCRIBED) "" "*" RETURN (SPECIAL-USE)', OK, None),
        (b"STATUS INBOX (UNSEEN)", OK, [rb"\* STATUS INBOX \(UNSEEN 3\)"]),
        (b"SELECT INBOX", OK, selected(3)),
        (b"UID SORT RETURN (ALL) (REVERSE SUBJECT) UTF-8 ALL UNDELETED", OK, [rb'\* ESEARCH \(TAG "t\d+"\) UID ALL 2(:|,)3,1\r\n']),
        (b"UID FETCH 1:3 (UID RFC822.SIZE FLAGS INTERNALDATE BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (DATE FROM TO SUBJECT CONTENT-TYPE "
         b"CC REPLY-TO LIST-POST DISPOSITION-NOTIFICATION-TO X-PRIORITY)])", OK, [rb"\* %d FETCH \(UID %d .*BODY\[HEADER.FIELDS " % (i, i) for i in (1, 2, 3)]),
        (b"UID FETCH 2 (BODY[1])", OK, None),
        (b"UID STORE 2 +FLAGS.SILENT (\\Seen)", OK, []),
        (b"UID SEARCH RETURN (COUNT) UNSEEN", OK, [rb'\* ESEARCH \(TAG "t\d+"\) UID COUNT 2\r\n']),
        (b'UID SEARCH RETURN (ALL) CHARSET UTF-8 OR HEADER SUBJECT "two" HEADER FROM "nobody"', OK, [rb'\* ESEARCH \(TAG "t\d+"\) UID ALL 2\r\n']),
        (b"GETQUOTAROOT INBOX", OK, (rb"\* QUOTAROOT INBOX",)),
        (b"UID MOVE 1 Trash", OK, [rb"\* OK \[COPYUID ", rb"\* 1 EXPUNGE"]),
        (b"LOGOUT", OK, [rb"\* BYE "])])
    c.close()


USERS = ("alice", "bob", "carol", "dave", "erin", "frank")

with Suite(accounts=USERS) as suite:
    for u in USERS[2:]:
        fill(suite, u)
    thunderbird(suite)
    outlook(suite)
    apple(suite)
    k9(suite)
    fairemail(suite)
    roundcube(suite)
done()
