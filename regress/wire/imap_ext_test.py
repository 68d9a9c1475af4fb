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


def lists(m):
    """What iOS and K-9 ask when they begin."""
    lines = ask(m, 'LIST "" * RETURN (SPECIAL-USE STATUS (MESSAGES UIDNEXT UNSEEN SIZE))')[0]
    ok('* LIST (\\HasNoChildren \\Sent) "/" Sent' in lines, "LIST with its use")
    at = lines.index('* LIST (\\HasNoChildren) "/" INBOX')
    is_(lines[at + 1], "* STATUS INBOX (MESSAGES 5 UIDNEXT 6 UNSEEN 5 SIZE %d)" %
        sum(len(text(i)) for i in range(1, 6)), "and its STATUS behind it")
    is_(ask(m, 'LIST (SPECIAL-USE) "" (S% T%)')[0],
        ['* LIST (\\HasNoChildren \\Sent) "/" Sent', '* LIST (\\HasNoChildren \\Trash) "/" Trash'],
        "selection and two patterns")
    ask(m, "CREATE a/b")
    ask(m, "SUBSCRIBE a/b")
    is_(ask(m, 'LIST (SUBSCRIBED RECURSIVEMATCH) "" a%')[0],
        ['* LIST (\\NonExistent \\HasChildren) "/" a ("CHILDINFO" ("SUBSCRIBED"))'], "CHILDINFO")
    ok(ask(m, "CREATE sent (USE (\\Sent))")[1].startswith("NO [USEATTR] "), "a use twice")
    ask(m, "DELETE Sent")
    ok(ask(m, "CREATE sent (USE (\\Sent))")[1].startswith("OK "), "a use anew")
    is_(ask(m, 'LIST (SPECIAL-USE) "" s%')[0], ['* LIST (\\HasNoChildren \\Sent) "/" sent'],
        "is shown")


def condstore(m, s):
    """Two clients, one with stale knowledge: RFC 7162 section 3.1.3."""
    lines = ask(m, "SELECT INBOX (CONDSTORE)")[0]
    highest = [x for x in lines if "HIGHESTMODSEQ" in x]
    is_(len(highest), 1, "SELECT has HIGHESTMODSEQ")
    was = int(highest[0].split()[3].rstrip("]"))
    other = login(s)
    other.select("INBOX")
    ask(other, "STORE 2 +FLAGS.SILENT (\\Flagged)")
    lines, end = ask(m, "UID STORE 1:3 (UNCHANGEDSINCE %d) +FLAGS.SILENT (\\Seen)" % was)
    ok(end.startswith("OK [MODIFIED 2] "), "what another changed is named")
    ok([x for x in lines if x.startswith("* 1 FETCH (UID 1 MODSEQ (")], "the others are changed")
    lines = ask(m, "UID FETCH 1:* (FLAGS) (CHANGEDSINCE %d)" % was)[0]
    is_([x.split()[1] for x in lines], ["1", "2", "3"], "what changed since")
    now = int(ask(m, "SEARCH MODSEQ %d" % (was + 1))[0][0].split()[-1].rstrip(")"))
    ok(now > was, "it grows")
    is_(ask(m, "FETCH 1:* FLAGS (CHANGEDSINCE %d)" % now), ([], "OK FETCH completed"),
        "nothing changed since")
    ask(other, "STORE 3 FLAGS ()")
    ok("MODSEQ (%d)" % (now + 1) in ask(m, "NOOP")[0][0], "told with its mod-sequence")
    is_(ask(m, "STATUS INBOX (HIGHESTMODSEQ)")[0], ["* STATUS INBOX (HIGHESTMODSEQ %d)" % (now + 1)],
        "STATUS")
    other.logout()


with Suite() as s:
    m = login(s)
    caps = ask(m, "CAPABILITY")[0][0].split()
    for cap in "ESEARCH", "SEARCHRES", "WITHIN", "LIST-EXTENDED", "LIST-STATUS", "STATUS=SIZE", \
            "CREATE-SPECIAL-USE", "CONDSTORE", "QRESYNC", "QUOTA=RES-STORAGE", "QUOTA=RES-MESSAGE", "METADATA", \
            "LIST-METADATA", "COMPRESS=DEFLATE", "SAVEDATE", \
            "OBJECTID", "INPROGRESS", "NOTIFY", "ACL", "RIGHTS=kxte", "LIST-MYRIGHTS":
        ok(cap in caps, "announced: " + cap)
    for i in range(1, 6):
        m.append("INBOX", None, None, text(i))
    m.select("INBOX")
    esearch(m)
    lists(m)
    condstore(m, s)
    m.logout()
done()
