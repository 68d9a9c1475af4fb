#!/usr/bin/env python3
"""Two-way synchronisation of many messages by mbsync and offlineimap, with changes at
random on both sides: both end with the same.  SYNC_MESSAGES=20000 is for a long run."""
import imaplib
import os
import random
import re
import shutil
import subprocess
import zlib

from imapbox import stream
from suite import DOMAIN, PASSWORD, Suite, diag, done, is_, ok, skip

N = int(os.environ.get("SYNC_MESSAGES", "600"))
ROUNDS = 4
FOLDERS = ("INBOX", "Archive", "Work")
LETTERS = {"\\Draft": "D", "\\Flagged": "F", "\\Answered": "R", "\\Seen": "S"}
SEED = int(os.environ.get("SYNC_SEED", "1"))


def login(s, user):
    m = imaplib.IMAP4("127.0.0.1", s.imap)
    m.login(user + "@" + DOMAIN, PASSWORD)
    return m


def text(ident):
    body = "".join("line %d of %s\n" % (i, ident) for i in range(zlib.crc32(ident.encode()) % 40))
    return "Message-ID: <%s@sync>\nSubject: %s\nDate: Wed, 1 Jan 2020 00:00:00 +0000\nFrom: a@b.example\n\n%s" % (ident, ident, body)


def fill(s, user, rng):
    box = "".join("From x Wed Jan  1 00:00:00 2020\nX-Letterlock: date=1577836800 zone=0 flags=(%s) noeol=0 mailbox=%s\n%s\n" % (
        " ".join(f for f in LETTERS if rng.random() < 0.3), rng.choice(FOLDERS), text("m%d" % i)) for i in range(N))
    # together what is of one mailbox
    parts = {f: [] for f in FOLDERS}
    for p in re.split(r"(?m)^(?=From x )", box)[1:]:
        parts[re.search(r"mailbox=(\S+)", p).group(1)].append(p)
    r = stream(s, "import", "mbox", user, data="".join("".join(v) for v in parts.values()).encode())
    is_(r.stdout.strip(), b"%d messages" % N, "%s: filled" % user)


def far(s, user):
    """folder -> {Message-ID: letters}, as the server has it."""
    m = login(s, user)
    out = {}
    for f in FOLDERS:
        m.select(f, readonly=True)
        got = m.fetch("1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")[1]
        out[f] = {}
        for d in got:
            if isinstance(d, tuple):
                ident = re.search(rb"<(.*)@", d[1]).group(1).decode()
                flags = "".join(sorted(LETTERS[x.decode()] for x in imaplib.ParseFlags(d[0]) if x.decode() in LETTERS))
                out[f].setdefault(ident, []).append(flags)
    m.logout()
    return out


def files(root, f):
    for sub in "cur", "new":
        d = os.path.join(root, f, sub)
        for n in sorted(os.listdir(d)) if os.path.isdir(d) else ():
            yield sub, n


def near(root):
    """The same, as the Maildir has it."""
    out = {}
    for f in FOLDERS:
        out[f] = {}
        for sub, n in files(root, f):
            with open(os.path.join(root, f, sub, n), errors="replace") as fp:
                ident = re.search(r"(?mi)^Message-ID: <(.*)@", fp.read(4000)).group(1)
            flags = "".join(sorted(c for c in n.partition(":2,")[2] if c in LETTERS.values()))
            out[f].setdefault(ident, []).append(flags)
    return out


def change_far(s, user, rng, tag):
    m = login(s, user)
    for f in FOLDERS:
        n = int(m.select(f)[1][0])
        for k in range(min(n, N // 40)):
            uid = m.fetch(str(rng.randint(1, n)), "(UID)")[1][0].split()[2].rstrip(b")").decode()
            what = rng.random()
            if what < 0.5:
                m.uid("STORE", uid, rng.choice(("+FLAGS", "-FLAGS")), "(%s)" % rng.choice(list(LETTERS)))
            elif what < 0.7:
                m.uid("STORE", uid, "+FLAGS", "(\\Deleted)")
                m.expunge()
            elif what < 0.85:
                m.uid("MOVE", uid, rng.choice([x for x in FOLDERS if x != f]))
            else:
                m.append(f, "(\\Seen)", None, text("far-%s-%s-%d" % (tag, f, k)).replace("\n", "\r\n").encode())
            n = int(m.select(f)[1][0])
            if n == 0:
                break
    m.logout()


def change_near(root, rng, tag):
    for f in FOLDERS:
        have = list(files(root, f))
        for k, (sub, n) in enumerate(rng.sample(have, min(len(have), N // 40))):
            path = os.path.join(root, f, sub, n)
            what = rng.random()
            if what < 0.6:
                base, _, flags = n.partition(":2,")
                c = rng.choice("FRS")
                flags = "".join(sorted(set(flags) ^ {c}))
                os.rename(path, os.path.join(root, f, "cur", base + ":2," + flags))
            elif what < 0.8:
                os.unlink(path)
            else:
                with open(os.path.join(root, f, "new", "near.%s.%s.%d" % (tag, f, k)), "w") as fp:
                    fp.write(text("near-%s-%s-%d" % (tag, f, k)))


def mbsync(s, user, root):
    for d in "/state", "/md":
        os.makedirs(root + d)
    with open(root + "/rc", "w") as f:
        f.write("IMAPAccount a\nHost localhost\nPort %d\nUser %s@%s\nPass %s\nSSLType IMAPS\nCertificateFile %s\n\n"
                "IMAPStore far\nAccount a\n\nMaildirStore near\nPath %s/md/\nInbox %s/md/INBOX\nSubFolders Verbatim\n\n"
                "Channel c\nFar :far:\nNear :near:\nPatterns %s\nCreate Both\nExpunge Both\nSyncState %s/state/\n"
                % (s.imaps, user, DOMAIN, PASSWORD, s.ca, root, root, " ".join(FOLDERS), root))
    return ["mbsync", "-q", "-c", root + "/rc", "c"], root + "/md"


def offlineimap(s, user, root):
    with open(root + "/rc", "w") as f:
        f.write("[general]\naccounts = a\nmetadata = %s/meta\nui = quiet\n[Account a]\nlocalrepository = l\nremoterepository = r\n"
                "[Repository l]\ntype = Maildir\nlocalfolders = %s/md\n[Repository r]\ntype = IMAP\nremotehost = localhost\n"
                "remoteport = %d\nssl = yes\nsslcacertfile = %s\nremoteuser = %s@%s\nremotepass = %s\n"
                "folderfilter = lambda f: f in %r\n"
                % (root, root, s.imaps, s.ca, user, DOMAIN, PASSWORD, FOLDERS))
    return ["offlineimap", "-o", "-c", root + "/rc"], root + "/md"


def run(text, cmd):
    r = subprocess.run(cmd, capture_output=True, text=True, timeout=1800)
    return ok(r.returncode == 0, text) or diag((r.stdout + r.stderr)[-2000:])


def same(s, user, md, text):
    a, b = far(s, user), near(md)
    for f in FOLDERS:
        diff = {k: (a[f].get(k), b[f].get(k)) for k in set(a[f]) | set(b[f]) if sorted(a[f].get(k, [])) != sorted(b[f].get(k, []))}
        ok(not diff, "%s: %s, %d messages" % (text, f, len(a[f]))) or diag(dict(list(diff.items())[:5]))


def both(s, make, user):
    rng = random.Random(SEED)
    name = make.__name__
    if shutil.which(name) is None:
        skip(name + " is not here")
        return
    root = s.dir + "/" + name
    os.makedirs(root)
    fill(s, user, rng)
    cmd, md = make(s, user, root)
    run("%s: the first time" % name, cmd)
    same(s, user, md, "%s: all is here" % name)
    for i in range(ROUNDS):
        change_far(s, user, rng, str(i))
        change_near(md, rng, str(i))
        run("%s: round %d" % (name, i + 1), cmd)
    run("%s: and once more" % name, cmd)
    same(s, user, md, "%s: after %d rounds" % (name, ROUNDS))


with Suite() as s:
    both(s, mbsync, "alice")
    both(s, offlineimap, "bob")
done()
