#!/usr/bin/env python3
"""Mail from elsewhere and to elsewhere: Maildirs, and accounts at other IMAP servers."""
import os
import re
import signal
import socket
import ssl
import subprocess
import tempfile
import threading

from imapbox import everything, login, stream
from suite import BUILD, DOMAIN, PASSWORD, Suite, diag, done, is_, ok, wait_for

ONE = b"From: a@remote.example\r\nSubject: one\r\n\r\nFrom here\r\n>From there\r\n.\r\nno end"
TWO = b"Subject: two\r\n\r\nbody\r\n"
LARGE = b"Subject: large\r\n\r\n" + b"0123456789abcdef" * 5 * 4096 + b"\r\n"


def filled(got):
    return {k: v for k, v in got.items() if v}


def put(path, octets, when):
    with open(path, "wb") as f:
        f.write(octets)
    os.utime(path, (when, when))


def maildir(s, tmp):
    """A Maildir as others leave it, with what must not be followed."""
    root = tmp + "/in"
    for sub in "", ".Lists.caf&AOk-", "plain/deep", ".bad&name", ".none.at all":
        for d in "cur", "new", "tmp":
            os.makedirs(os.path.join(root, sub, d))
    put(root + "/cur/1577869200.b.host:2,S", b"Subject: one\n\nx\n", 1577869200)
    put(root + "/cur/999.a.host,S=5:2,FRa", b"Subject: zero\n\nno end", 999)
    put(root + "/new/1577869300.c.host", b"Subject: two\r\n\r\nFrom x\r\n", 1577869300)
    put(root + "/dovecot-keywords", b"0 $Label\n1 other\n99 x\n", 1)
    put(root + "/.Lists.caf&AOk-/cur/5.x:2,DFPRST", LARGE.replace(b"\r\n", b"\n"), 5)
    put(root + "/plain/deep/new/7.y", b"Subject: deep\n\n", 7)
    os.symlink("/etc/passwd", root + "/cur/8.link:2,S")
    os.mkfifo(root + "/cur/9.fifo:2,S")
    os.symlink("/", root + "/.link")
    r = stream(s, "import", "maildir", "bob", root)
    is_((r.returncode, r.stdout.strip()), (1, b"5 messages"), "a Maildir is imported, and what is left out is told")
    ok(b"8.link" in r.stderr and b"9.fifo" in r.stderr and b"bad&name" in r.stderr and b"not all" in r.stderr, "by name") \
        or diag(r.stderr)
    got = filled(everything(s, "bob"))
    date = rb'INTERNALDATE "01-Jan-2020 09:00:00 +0000"'
    is_(got["INBOX"], [([r"$Label", r"\Answered", r"\Flagged"], rb'INTERNALDATE "01-Jan-1970 00:16:39 +0000"',
                        b"Subject: zero\r\n\r\nno end"),
                       ([r"\Seen"], date, b"Subject: one\r\n\r\nx\r\n"),
                       ([], rb'INTERNALDATE "01-Jan-2020 09:01:40 +0000"', b"Subject: two\r\n\r\nFrom x\r\n")],
        "in the order of delivery, with flags, keywords and dates")
    is_([(f, b) for f, d, b in got["Lists/caf&AOk-"]],
        [(["$Forwarded", r"\Answered", r"\Deleted", r"\Draft", r"\Flagged", r"\Seen"], LARGE)], "a folder of it")
    is_([b for f, d, b in got["plain/deep"]], [b"Subject: deep\r\n\r\n"], "and a plain directory")
    is_(len(got), 3, "nothing else")
    m = login(s, "bob")
    ok(any(b'"/" plain/deep' in l for l in m.lsub()[1]), "the new ones are subscribed to")
    ok(any(b'"/" "none/at all"' in l for l in m.lsub()[1]), "also the one without messages")
    m.logout()

    out = tmp + "/out"
    r = stream(s, "export", "maildir", "bob", out)
    is_((r.returncode, r.stdout.strip()), (0, b"5 messages"), "an account as a Maildir")
    empty = [".Archive", ".Drafts", ".Junk", ".Sent", ".Trash", ".none.at all"]
    is_(sorted(os.listdir(out)), sorted(empty + [".Lists.caf&AOk-", ".plain.deep", "cur", "dovecot-keywords", "new",
                                                 "subscriptions", "tmp"]), "its folders, also without messages")
    ok(all(sorted(os.listdir(os.path.join(out, d))) == ["cur", "new", "tmp"] for d in empty), "each one whole")
    os.makedirs(root + "/.Plain é/cur")
    os.makedirs(root + "/fs&AOk-/R&D/cur")
    put(root + "/fs&AOk-/R&D/cur/1.z:2,S", b"Subject: fs\n\n", 7)
    r = stream(s, "import", "maildir", "heidi", root, "plain/deep", "Plain é", "fsé/R&D")
    is_((r.returncode, r.stdout.strip()), (1, b"2 messages"), "some mailboxes of one") or diag(r.stderr)
    have = everything(s, "heidi")
    is_(sorted(filled(have)), ["fs&AOk-/R&-D", "plain/deep"], "and no others, with names as file systems have them")
    ok('"Plain &AOk-"' in have, "also in UTF-8")
    r = stream(s, "import", "maildir", "heidi", root, "plain/deep", "nowhere")
    ok(r.returncode == 1 and b"1 of the 2 mailboxes are not there" in r.stderr, "one that is not there is told") or diag(r.stderr)
    names = open(out + "/subscriptions").read().split("\n")
    ok(len(names) == len(set(names)) and "none.at all" in names, "each once in the list")
    ok(any(n.endswith(":2,FRa") for n in os.listdir(out + "/cur")) and os.listdir(out + "/tmp") == [], "its flags")
    ok(stream(s, "export", "maildir", "bob", out).returncode == 1, "never into one that is there")
    r = stream(s, "import", "maildir", "carol", out)
    is_((r.returncode, r.stdout.strip()), (0, b"5 messages"), "which can be imported")
    is_(filled(everything(s, "carol")), got, "the same again")
    is_(sorted(everything(s, "carol")), sorted(everything(s, "bob")), "with the folders without messages")
    ok(stream(s, "import", "maildir", "carol", tmp + "/none").returncode == 1, "a directory that is not there")
    ok(stream(s, "import", "maildir", "carol", "/usr/lib").returncode == 1, "one that is no Maildir")
    ok(stream(s, "import", "maildir", "nobody", out).returncode == 1, "no such account")


def dots(s, tmp):
    """Names that a Maildir has one for."""
    m = login(s, "judy")
    for i, name in enumerate(("a.b", "a_b", "a_b_2", "a_b/c", "a.b/c")):
        m.create(name)
        if i != 3:
            m.append(name, "($Label%d)" % i, None, b"Subject: %d\r\n\r\nx\r\n" % i)
    m.logout()
    out = tmp + "/dots"
    r = stream(s, "export", "maildir", "judy", out)
    is_((r.returncode, r.stdout.strip()), (0, b"4 messages"), "names that come to the same") or diag(r.stderr)
    found = {}
    for d in os.listdir(out):
        if d.startswith(".a"):
            found[d] = (open(out + "/" + d + "/dovecot-keywords").read().split()[1:] if
                        os.path.exists(out + "/" + d + "/dovecot-keywords") else [], len(os.listdir(out + "/" + d + "/cur")))
    is_(sorted(found.values()), [([], 0)] + [(["$Label%d" % i], 1) for i in (0, 1, 2, 4)], "each has a folder of its own") or diag(found)
    is_([found[d] for d in (".a_b", ".a_b_2", ".a_b.c")], [(["$Label1"], 1), (["$Label2"], 1), ([], 0)],
        "and those that can their own name") or diag(found)
    names = open(out + "/subscriptions").read().split("\n")[:-1]
    ok(len(names) == len(set(names)) and all("." + n in found for n in names if n.startswith("a")), "which is in the list") or diag(names)
    ok(all(b"%s is written as a_b" % n in r.stderr for n in (b"a.b", b"a.b/c")), "and is told") or diag(r.stderr)


def resumed(s, tmp):
    """A Maildir of which some was brought in already."""
    root = tmp + "/resume"
    for sub in "", ".Other":
        for d in "cur", "new", "tmp":
            os.makedirs(os.path.join(root, sub, d))
    for i in range(3):
        put(root + "/new/%d.a" % i, b"Subject: %d\n\n" % i, i)
    put(root + "/.Other/cur/1.o:2,S", b"Subject: other\n\n", 1)
    os.mkfifo(root + "/cur/0.b")

    def run(*options):
        r = stream(s, "import", "maildir", *options, "kate", root)
        return r.returncode, r.stdout.strip(), b"not the same files" in r.stderr
    is_(run("--resume"), (1, b"4 messages", False), "import maildir --resume")
    is_(run("--resume"), (0, b"0 messages", False), "again, nothing")
    for i in range(3):
        os.rename(root + "/new/%d.a" % i, root + "/cur/%d.a:2,FS" % i)
    put(root + "/new/9.a", b"Subject: 9\n\n", 9)
    is_(run("--resume"), (0, b"1 messages", False), "what is new, behind what has flags now")
    is_([b.split()[1] for f, d, b in everything(s, "kate")["INBOX"]], [b"0", b"1", b"2", b"9"], "each once")
    os.unlink(root + "/cur/1.a:2,FS")
    put(root + "/new/10.a", b"Subject: 10\n\n", 10)
    put(root + "/.Other/new/2.o", b"Subject: other 2\n\n", 2)
    is_(run("--resume"), (1, b"1 messages", True), "one that is missing is told, other mailboxes go on")
    os.unlink(root + "/cur/0.b")
    is_(run(), (0, b"6 messages", False), "without it, all")
    is_(stream(s, "import", "maildir", "--resume", "kate").returncode, 2, "no directory")


def forms(s, tmp):
    """Folders whose names are others to IMAP: each is where a client finds it."""
    root = tmp + "/forms"
    folders = ("", ".Inbox", "inbox", ".Inbox.sub", "INBOX/sub", ".Entwu&Awg-rfe", "Entw\u00fcrfe", "u\u0308")
    for i, sub in enumerate(folders):
        for d in "cur", "new", "tmp":
            os.makedirs(os.path.join(root, sub, d))
        put(os.path.join(root, sub, "new/1.x"), b"Subject: %d\n\n" % i, i)
    wanted = {"INBOX": [b"0", b"1", b"2"], "INBOX/sub": [b"3", b"4"], "Entw&APw-rfe": [b"5", b"6"], "&APw-": [b"7"]}

    def found(user):
        return {k: sorted(b.split()[1] for f, d, b in v) for k, v in everything(s, user).items() if v}

    def run(*args):
        r = stream(s, "import", "maildir", *args)
        return r.returncode, r.stdout.strip(), r.stderr
    is_(run("--resume", "leo", root), (0, b"8 messages", b""), "folders that are the same mailbox")
    is_(found("leo"), wanted, "go together, under the name that clients have")
    names = sorted(everything(s, "leo"))
    ok(not any(n.lower() in ("inbox", "inbox/sub") and n[:5] != "INBOX" for n in names), "there are no others") or diag(names)
    is_(run("--resume", "leo", root), (0, b"0 messages", b""), "again, nothing")
    for i, sub in enumerate(folders):
        put(os.path.join(root, sub, "new/2.x"), b"Subject: %d\n\n" % (i + 10), i)
    is_(run("--resume", "leo", root), (0, b"8 messages", b""), "what is new in each")
    is_(len(everything(s, "leo")["INBOX"]), 6, "each message once")
    for bad in b".a..b", b".50% off", b".Other Users.x", b"Latin\xfc", b"line\nend":
        os.makedirs(os.path.join(root.encode(), bad, b"cur"))
        put(os.path.join(root.encode(), bad, b"cur/1.x:2,"), b"Subject: bad\n\n", 1)
    rc, out, err = run("--resume", "leo", root)
    is_((rc, out), (1, b"0 messages"), "what can be no mailbox is left out") or diag(err)
    for bad in b"a//b", b"50% off", b"Other Users/x", b"Latin", b"line":
        ok(re.search(bad + b".*: no mailbox can have that name here", err), "%r is told" % bad) or diag(err)
    r = stream(s, "import", "mbox", "mia", data=stream(s, "export", "mbox", "leo").stdout)
    is_((r.returncode, r.stdout.strip(), everything(s, "mia")), (0, b"16 messages", everything(s, "leo")),
        "what was exported is imported under the same names")
    is_(run("nora", root, "inbox", "Entwu\u0308rfe")[:2], (0, b"10 messages"), "those that are named, in any form")
    rc, out, err = run("nora", root, "nowhere", "INBOX", "Inbox")
    ok(rc == 1 and out == b"6 messages" and b"2 of the 3" in err, "of those named each counts once") or diag(rc, out, err)
    r = stream(s, "import", "mbox", "nora", "inbox/u\u0308", data=b"From a Fri Jul 14 02:40:00 2017\nA: b\n\nx\n")
    is_((r.returncode, len(everything(s, "nora").get("INBOX/&APw-", []))), (0, 1), "and the mailbox of an mbox")
    for bad in "a%", "Other Users/x", "":
        r = stream(s, "import", "mbox", "nora", bad, data=b"From a Fri Jul 14 02:40:00 2017\nA: b\n\nx\n")
        ok(r.returncode == 1 and b"not a possible name" in r.stderr, "no mailbox can be %r" % bad) or diag(r)
        octets = b"From x Thu Jan  1 00:00:00 1970\nX-Letterlock: date=0 zone=0 flags=() noeol=0 mailbox=%s\nA: 1\n\nx\n\n"
        r = stream(s, "import", "mbox", "nora", data=octets % b"" + octets % (bad or "Entw\udcfcrfe").encode(errors="surrogateescape"))
        ok(r.returncode == 1 and b"its mailbox has a name that none can have here, at message 2" in r.stderr,
           "which is what is said") or diag(r)
    is_(len(everything(s, "nora")["INBOX"]), 12 + 3, "what came before it is whole")


THUNDERBIRD = b"""From - Fri Jul 14 02:40:00 2017
X-Mozilla-Status: 0005
X-Mozilla-Status2: 00000000
X-Mozilla-Keys: $label1 later
Subject: bird

hello
"""
INTERNAL = b"""From MAILER-DAEMON Fri Jul 14 02:40:00 2017
From: Mail System Internal Data <MAILER-DAEMON@x>
Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA
X-IMAP: 1500000000 0000000010
Status: RO

This text is part of the internal format of your mail folder.

"""


def mboxes(s):
    """What other programs keep in an mbox, and one that is broken off."""
    octets = INTERNAL + THUNDERBIRD + b"\nFrom a Fri Jul 14 02:40:01 2017\nStatus: RO\nX-Status: A\nX-Keywords: red) \"x\" blue\n" \
        b"Subject: large\n\n" + b"a line of text\n" * 20000
    r = stream(s, "import", "mbox", "frank", "Old", data=octets)
    is_((r.returncode, r.stdout.strip()), (0, b"2 messages"), "an mbox of other programs") or diag(r.stderr)
    got = everything(s, "frank")["Old"]
    is_([(f, d) for f, d, b in got],
        [(["$label1", r"\Flagged", r"\Seen", "later"], rb'INTERNALDATE "14-Jul-2017 02:40:00 +0000"'),
         ([r"\Answered", r"\Seen", "blue"], rb'INTERNALDATE "14-Jul-2017 02:40:01 +0000"')],
        "with their flags and keywords, without what is no message")
    is_(len(got[1][2]), len(octets.split(b":01 2017\n")[1].replace(b"\n", b"\r\n")), "nothing is taken out of a message")
    long = INTERNAL[:-1] + b"a line of text\n" * 6000 + b"\n"
    for name, first, n in (("Mailed", THUNDERBIRD + b"\n", 3), ("Kept", b"", 1)):
        r = stream(s, "import", "mbox", "frank", name, data=first + long + THUNDERBIRD)
        is_((r.returncode, r.stdout.strip()), (0, b"%d messages" % n), "%s: what looks like it" % name) or \
            diag(r.stdout, r.stderr)
        got = everything(s, "frank")[name]
        is_([b for f, d, b in got][-1], THUNDERBIRD.split(b"\n", 1)[1].replace(b"\n", b"\r\n"), "%s: what follows it" % name)
        is_(got[-1][0], ["$label1", r"\Flagged", r"\Seen", "later"], "%s: with its flags" % name)
        ok(name == "Kept" or len(got[1][2]) > 90000, "%s: it is a message behind another" % name)
    for sig in signal.SIGKILL, signal.SIGINT:
        p = subprocess.Popen([BUILD + "/letterctl", "-s", s.dir + "/control.sock", "import", "mbox", "frank", "Cut"],
                             stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        p.stdin.write(b"From a Fri Jul 14 02:40:00 2017\nSubject: whole\n\nx\n\nFrom a Fri Jul 14 02:40:00 2017\n"
                      b"Subject: not whole\n\nhalf")
        p.stdin.flush()
        wait_for(lambda: "Cut" in everything(s, "frank"))
        p.send_signal(sig)
        p.wait()
        p.stdin.close()
    # what they left may still be on its way out, and then this is refused
    whole = b"From a Fri Jul 14 02:40:00 2017\nSubject: all\n\nx\n"
    wait_for(lambda: b"another import is under way" not in stream(s, "import", "mbox", "frank", "Cut", data=whole).stderr)
    is_([b for f, d, b in everything(s, "frank")["Cut"]], [b"Subject: all\r\n\r\nx\r\n"],
        "an import that is broken off leaves nothing in the mailbox, least of all half a message")
    # Takeout, Mailman, neither: then the Date field; else when it is imported
    sent = b"Date: Thu, 13 Jul 2017 00:00:00 +0200\n"
    large = b"A: b\n" + sent + b"\n" + b"a line of text\n" * 6000
    octets = b"\n".join((b"From 16@xxx Tue Mar 31 08:25:30 +0000 2020\n" + sent + b"\nFrom here on\n\nFrom there\n",
                         b"From user at example.com  Fri Jul 14 02:40:00 2017\n" + sent + b"\nx\n",
                         b"From x 2017-07-14 02:40:00\n" + sent + b"\nx\n", b"From x 02:40:00\n" + large,
                         b"From x 02:40:00\nSubject: x\n\n" + sent))
    r = stream(s, "import", "mbox", "frank", "Dates", data=octets)
    is_((r.returncode, r.stdout.strip()), (0, b"5 messages"), "From_ lines of other programs") or diag(r.stderr)
    got = everything(s, "frank")["Dates"]
    is_([d[14:-1].decode() for f, d, b in got[:4]], ["31-Mar-2020 08:25:30 +0000", "14-Jul-2017 02:40:00 +0000"] +
        ["13-Jul-2017 00:00:00 +0200"] * 2, "their dates, or when they were sent")
    ok(b"-2017 " not in got[4][1], "but not what the text says") or diag(got[4])
    is_(got[0][2], (sent + b"\nFrom here on\n\nFrom there\n").replace(b"\n", b"\r\n"), "what only looks like one is text")
    for bad, what in (b"no mbox\n", "no mbox"), (b"From x\n", "no mbox"):
        r = stream(s, "import", "mbox", "frank", data=bad)
        is_(r.returncode, 1 if bad[0:1] == b"n" else 0, "what is none: %r" % bad) or diag(r)


def marks(s):
    """With an account's annotations used up, how far an import came is kept with what it brought."""
    def octets(key, first, last):
        return b"".join(b"From x Thu Jan  1 00:00:00 1970\nX-Letterlock: date=0 zone=0 mark=%016x:7,%d flags=() noeol=0 mailbox=Marked\n"
                        b"A: %d\n\nx\n\n" % (key, i, i) for i in range(first, last + 1))
    m = login(s, "ivan")
    for i in range(10):
        m.xatom("SETMETADATA", '"" (%s)' % " ".join('/private/comment/c%d "x"' % (i * 100 + n) for n in range(100)))
    is_(m.xatom("SETMETADATA", '"" (/private/comment/more "x")')[0], "NO", "an account has as many annotations as it may")
    for key in range(3):
        r = stream(s, "import", "mbox", "ivan", data=octets(key, 1, 3))
        is_((r.returncode, r.stdout.strip()), (0, b"3 messages"), "an import with marks, %d" % key) or diag(r.stderr)
        value = m.xatom("GETMETADATA", '"" /private/vendor/letterlock/import/%016x' % key)
        ok(b"7,3" in str(m.response("METADATA")).encode(), "its mark is there") or diag(value)
    r = stream(s, "import", "mbox", "ivan", data=octets(4, 1, 3) + octets(5, 1, 2))
    is_((r.returncode, r.stdout.strip()), (0, b"5 messages"), "with marks of two sources of a mailbox") or diag(r.stderr)
    for key, last in (4, b"7,3"), (5, b"7,2"):
        m.xatom("GETMETADATA", '"" /private/vendor/letterlock/import/%016x' % key)
        ok(last in str(m.response("METADATA")).encode(), "each is there, %d" % key)
    is_(m.xatom("SETMETADATA", '"" (/private/comment/c1 NIL)')[0], "OK", "a mark takes no room of the user's")
    is_(m.xatom("SETMETADATA", '"" (/private/comment/more "x")')[0], "OK", "there is room for one")
    is_(m.xatom("SETMETADATA", '"" (/private/comment/more2 "x")')[0], "NO", "and no more")
    m.logout()
    is_(len(everything(s, "ivan")["Marked"]), 14, "each message once")


def from_imap(s, host, user, *names, to="dave", password=PASSWORD, options=()):
    return stream(s, "import", "imap", *options, "--ca", s.ca, to, host, user, *names,
                  data=password.encode() + b"\n")


def ours(s):
    """From a real server: this one."""
    m = login(s, "alice")
    m.create("Lists/caf&AOk-")
    for i in range(120):
        m.append("INBOX", r"(\Seen $Label)" if i % 2 else None, '"01-Jan-2020 10:00:%02d +0100"' % (i % 60), ONE)
    m.append("Lists/caf&AOk-", r"(\Flagged)", None, LARGE)
    host = "localhost:%d" % s.imaps
    user = "alice@" + DOMAIN
    r = from_imap(s, host, user, password="wrong")
    ok(r.returncode == 1 and b"login" in r.stderr + b"login", "a wrong password") or diag(r.stderr)
    r = from_imap(s, host, user, "INBOX", "Lists/café")
    is_((r.returncode, r.stdout.strip()), (0, b"121 messages"), "two mailboxes of another server") or diag(r.stderr)
    is_(filled(everything(s, "dave")), filled(everything(s, "alice")), "with flags and dates")
    ok(r"\Seen" not in everything(s, "alice")["INBOX"][0][0], "which are not marked there")
    m.append("INBOX", None, None, TWO)
    m.logout()
    r = from_imap(s, "localhost:%d" % s.imap, user, options=("--starttls", "--exclude", "Junk"))
    is_((r.returncode, r.stdout.strip()), (0, b"1 messages"), "the next time what is new, with STARTTLS") or diag(r.stderr)
    is_([b for f, d, b in everything(s, "dave")["INBOX"][-1:]], [TWO], "is there")
    ok(from_imap(s, host, user, "Nowhere").returncode == 1, "a mailbox that is not there")
    r = from_imap(s, host, user, options=("--ca", "/nonexistent"))
    ok(r.returncode == 2 and b"/nonexistent: No such file" in r.stderr, "authorities that are not there") or diag(r)
    bad = stream(s, "import", "imap", "dave", host, user, data=PASSWORD.encode() + b"\n")
    ok(bad.returncode == 1 and b"certificate" in bad.stderr, "an authority that is not trusted") or diag(bad.stderr)


class Scripted(threading.Thread):
    """Another kind of server: ".", a prefix, literals, its own order; it breaks."""

    def __init__(self, s):
        super().__init__(daemon=True)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(s.ca, s.dir + "/mail.key")
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.breaks = 0			# after so many messages
        self.stalls = 0			# in the middle of the one behind them
        self.stalled = False
        self.pad = b""
        self.asked = []
        self.spaces = b'(("INBOX." ".")) NIL NIL'
        self.more = b""			# mailboxes
        self.start()

    def run(self):
        while True:
            c, _ = self.sock.accept()
            try:
                self.serve(self.tls.wrap_socket(c, server_side=True))
            except OSError:
                pass

    def message(self, uid):
        body = b"Subject: %d\r\n\r\n%s" % (uid, self.pad + b"x" * (uid % 7) + b"\r\n" * (uid % 3))
        if uid == 3:
            return b"* 3 FETCH (UID 3 FLAGS (\\Recent) INTERNALDATE \" 1-Feb-2020 00:00:00 +0000\" BODY[] NIL)\r\n"
        if uid == 4:
            return b"* 4 FETCH (BODY[] \"a: \\\"b\\\"\" FLAGS (\\Flagged Junk) UID 4 INTERNALDATE \" 1-Feb-2020 00:00:00 +0000\")\r\n"
        return b"* %d FETCH (BODY[] {%d}\r\n%s UID %d INTERNALDATE \" 1-Feb-2020 00:00:00 +0000\" FLAGS (\\Recent \\Seen))\r\n" % (
            uid, len(body), body, uid)

    def serve(self, c):
        f = c.makefile("rb")
        sent = 0
        c.sendall(b"* OK [CAPABILITY IMAP4rev1 NAMESPACE] hello\r\n")
        for line in f:
            tag, word, *rest = line.split()
            word = word.upper()
            out = b""
            if word == b"LOGIN" and b"{" in line:
                raise OSError
            if word == b"NAMESPACE":
                out = b"* NAMESPACE " + self.spaces + b"\r\n"
            elif word == b"LIST":
                out = b"* LIST (\\Noselect) \".\" top\r\n* LIST () \".\" INBOX\r\n* LIST (\\HasNoChildren) \".\" {11}\r\nINBOX.a\"b.c\r\n" \
                    b"* LIST (\\Flagged) \".\" INBOX.Starred\r\n* LIST () \".\" \"INBOX.none\"\r\n" + self.more
            elif word == b"EXAMINE" and b"none" in line:
                c.sendall(tag + b" NO not now\r\n")
                continue
            elif word == b"EXAMINE":
                self.of = 0 if b"empty" in line else 130 if b"INBOX\"" in line or line.endswith(b"INBOX\r\n") else 1
                out = b"* FLAGS ()\r\n* %d EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n" % self.of
            elif rest[:1] == [b"SEARCH"]:
                low = int(rest[2].split(b":")[0])
                out = b"* SEARCH" + b"".join(b" %d" % i for i in range(max(min(low, self.of), 1), self.of + 1)) + b"\r\n"
            elif rest[:1] == [b"FETCH"]:
                uids = [int(u) for u in rest[1].split(b",")]
                self.asked += uids
                if 60 in uids and not self.pad:
                    uids.reverse()
                for u in uids:
                    if self.stalls and sent == self.stalls:
                        c.sendall(self.message(u)[:-10])
                        self.stalled = True
                        f.read()
                    if self.breaks and sent == self.breaks:
                        raise OSError
                    c.sendall(self.message(u))
                    sent += 1
            c.sendall(out + tag + b" OK done\r\n")


def strange(s):
    p = Scripted(s)
    p.breaks = 27
    r = from_imap(s, "localhost:%d" % p.port, "u", to="erin")
    ok(r.returncode == 1 and b"25 messages" in r.stdout or b"26 messages" in r.stdout, "a connection that breaks") or diag(r)
    n = len(everything(s, "erin")["INBOX"])
    p.breaks = 0
    p.asked = []
    r = from_imap(s, "localhost:%d" % p.port, "u", to="erin")
    ok(p.asked[0] == n + 2, "goes on where it was") or diag(n, p.asked[:3])
    is_(r.returncode, 1, "a mailbox that cannot be opened is told") or diag(r)
    got = filled(everything(s, "erin"))
    is_(sorted(got), ['"a\\"b/c"', "INBOX"], "names without prefix, with / between")
    subjects = [re.search(rb"Subject: (\d+)", b) for f, d, b in got["INBOX"]]
    is_(sorted(int(m.group(1)) for m in subjects if m), [1, 2] + list(range(5, 131)), "each message once")
    is_([(f, b) for f, d, b in got["INBOX"] if not b.startswith(b"Subject")], [(["Junk", r"\Flagged"], b'a: "b"')], "a quoted one too")
    ok(b"UID 3 is empty" in r.stderr or n >= 2, "one that cannot be had is told")


def others(s):
    """What is not the account's own, what cannot be, and what is empty."""
    p = Scripted(s)
    p.spaces = b'(("INBOX." ".")("Old." ".")) (("Other." ".")("~" "/" "X-KEY" ("a" "b") "Y" ("c"))) (("" "."))'
    p.more = b"".join(b'* LIST () "." "%s"\r\n' % n for n in (
        b"INBOX.50% off", b"INBOX.a..b", b"INBOX.Other Users.x", b"INBOX." + b"n" * 490, b"INBOX.empty", b"Old.y", b"Other.bob.z",
        b"~carl.z", b"public"))
    r = from_imap(s, "localhost:%d" % p.port, "u", to="oscar")
    is_((r.returncode, r.stdout.strip()), (1, b"131 messages"), "mailboxes that cannot be do not end an import") or diag(r)
    for name in b"50% off", b"a//b", b"Other Users/x", b"n" * 490:
        ok(re.search(re.escape(name[:50]) + b".*: no mailbox can have that name here", r.stderr), "%r is told" % name[:20]) \
            or diag(r.stderr)
    got = everything(s, "oscar")
    new = {k: len(v) for k, v in got.items() if k not in ("Archive", "Drafts", "Junk", "Sent", "Trash")}
    is_(new, {"INBOX": 129, '"a\\"b/c"': 1, "empty": 0, "Old/y": 1}, "the others, also without messages, not what others share")
    m = login(s, "oscar")
    ok(any(b'"/" empty' in l for l in m.lsub()[1]), "subscribed to")
    m.logout()
    r = from_imap(s, "localhost:%d" % p.port, "u", "~carl/z", "public", "empty", to="oscar")
    is_((r.returncode, r.stdout.strip()), (0, b"2 messages"), "but where it is named") or diag(r)
    r = from_imap(s, "localhost:%d" % p.port, "u", "public", "50% off", to="oscar")
    is_((r.returncode, r.stdout.strip()), (1, b"0 messages"), "one that is named and cannot be") or diag(r)


def broken_off(s):
    """In the middle of a message: what is whole stays, and it goes on with that one."""
    p = Scripted(s)
    p.stalls = 55		# of the second command: most of the first one's is here
    p.pad = b"0123456789abcde\n" * 2000
    r = subprocess.Popen([BUILD + "/letterctl", "-s", s.dir + "/control.sock", "import", "imap", "--ca", s.ca, "grace",
                          "localhost:%d" % p.port, "u", "INBOX"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)
    r.stdin.write(b"x\n")
    r.stdin.close()
    wait_for(lambda: p.stalled)
    os.killpg(r.pid, signal.SIGKILL)
    r.wait()
    n = wait_for(lambda: len(everything(s, "grace").get("INBOX", [])))
    p.stalls = 0
    p.asked = []
    from_imap(s, "localhost:%d" % p.port, "u", "INBOX", to="grace")
    got = everything(s, "grace")["INBOX"]
    ok(n and p.asked[0] > 1, "killed, it goes on behind what is whole") or diag(n, p.asked[:3])
    subjects = [re.search(rb"Subject: (\d+)", b) for f, d, b in got]
    is_(sorted(int(m.group(1)) for m in subjects if m), [1, 2] + list(range(5, 131)), "and has each message once")


with Suite(accounts=("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "kate", "leo", "mia", "nora", "oscar")) as s, tempfile.TemporaryDirectory() as tmp:
    maildir(s, tmp)
    dots(s, tmp)
    resumed(s, tmp)
    forms(s, tmp)
    ours(s)
    strange(s)
    others(s)
    broken_off(s)
    mboxes(s)
    marks(s)
done()
