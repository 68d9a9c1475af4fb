#!/usr/bin/env python3
"""mutt, neomutt and curl as people use them, the real programs: a mailbox over TLS with
a header cache, CONDSTORE, QRESYNC, COMPRESS and IDLE; what they did is what is there, and
what others did meanwhile is what they see."""
import os
import pty
import re
import select
import subprocess

from imapbox import everything, login
from suite import DOMAIN, PASSWORD, Suite, diag, done, is_, ok, run, skip, wait_for

ALICE, BOB = "alice@" + DOMAIN, "bob@" + DOMAIN
N = 12
SEEN = r"\Seen"

RC = r'''
set ssl_ca_certificates_file="{ca}" certificate_file="{ca}" ssl_force_tls=yes
set from="{user}" realname="A" use_from=yes hostname="client.example" edit_headers=no
set imap_user="{user}" imap_pass="{password}" folder="imaps://localhost:{imaps}/"
set spoolfile="imaps://localhost:{imaps}/INBOX" record="=Sent" postponed="=Drafts" trash=""
set smtp_url="smtp://{smtp}@localhost:{submission}/" smtp_pass="{password}" sleep_time=0
set header_cache="{dir}/cache-{name}" message_cachedir="{dir}/bodies-{name}"
set mbox_type=mbox delete=yes move=no quit=yes confirmappend=no confirmcreate=no wait_key=no
set abort_unmodified=no abort_nosubject=no include=no editor="touch" sendmail_wait=0 copy=yes
set mail_check=60 timeout=600 sort=mailbox-order mark_old=no resolve=no mime_forward=no fcc_attach=yes
set imap_keepalive=300 imap_check_subscribed=no
'''
# With SMTP both choose SCRAM-SHA-256-PLUS by themselves, and then have no channel
# binding for it.
PROGRAMS = {
    "mutt": ("set imap_condstore=yes imap_qresync=yes imap_deflate=yes imap_poll_timeout=60 smtp_authenticators=\"scram-sha-256\"\n", ["-d", "2"], ".muttdebug0"),
    "neomutt": ("set imap_condstore=yes imap_qresync=yes imap_idle=yes smtp_authenticators=\"plain\"\n", ["-d", "2", "-l", "neolog"], "neolog0"),
}


def message(n):
    return ("From: Bob <%s>\r\nTo: %s\r\nSubject: number %d\r\nDate: Wed, 25 Nov 2026 10:00:%02d +0000\r\n"
            "Message-ID: <n%d@client.example>\r\n\r\nText of %d.\r\n" % (BOB, ALICE, n, n, n, n)).encode()


def look(s, user=None):
    return everything(s, user or "alice")


def subjects(box):
    return [re.search(rb"(?m)^Subject: ([^\r\n]*)", b).group(1).decode() for _, _, b in box]


class Program:
    def __init__(self, s, name):
        self.s, self.name = s, name
        more, self.args, log = PROGRAMS[name]
        self.rc = s.dir + "/" + name + "rc"
        self.log = s.dir + "/" + log
        for d in ("cache", "bodies"):
            os.makedirs("%s/%s-%s" % (s.dir, d, name), exist_ok=True)
        with open(self.rc, "w") as f:
            f.write(RC.format(ca=s.ca, user=ALICE, password=PASSWORD, imaps=s.imaps, submission=s.submission, dir=s.dir,
                              smtp=ALICE.replace("@", "%40"), name=name) + more)

    def keys(self, what, *keys):
        """Runs it on a terminal of its own, with these keys and the end; its log."""
        if os.path.exists(self.log):
            os.unlink(self.log)
        with open(self.rc + ".keys", "w") as f:
            f.write('source "%s"\npush "%s<exit>"\n' % (self.rc, "".join(keys)))
        cmd = "stty rows 40 cols 120; exec %s -n -F %s %s" % (self.name, self.rc + ".keys", " ".join(self.args))
        r = subprocess.run(["timeout", "120", "script", "-qec", cmd, "/dev/null"], stdin=subprocess.DEVNULL, capture_output=True, timeout=180, cwd=self.s.dir,
                           env=dict(os.environ, HOME=self.s.dir, TERM="xterm", LC_ALL="C", SHELL="/bin/sh"))
        with open(self.log, errors="replace") as f:
            text = f.read()
        bad = [l for l in text.splitlines() if re.search(r"\d< (a\d+|\*) (BAD|NO(?! \[(NONEXISTENT|TRYCREATE)\])|BYE (?!until))", l)]
        ok(r.returncode == 0 and not bad, "%s: %s" % (self.name, what)) or diag(r.returncode, r.stdout[-800:], *bad)
        return text

    def idles(self, what, arrive, subjects):
        """Stays at its index, on a terminal of its own, while messages arrive there."""
        if os.path.exists(self.log):
            os.unlink(self.log)
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(self.s.dir)
            # it looks at what has come once a second
            os.execvpe(self.name, [self.name, "-n", "-F", self.rc, "-e", "set timeout=1"] + self.args,
                       dict(os.environ, HOME=self.s.dir, TERM="xterm", LC_ALL="C", LINES="40", COLUMNS="120"))
        screen = bytearray()

        def shown(pattern):
            while select.select([fd], [], [], 0)[0]:
                try:
                    screen.extend(os.read(fd, 65536))
                except OSError:		# it is gone
                    break
            return re.search(pattern, screen)

        def logged(pattern):
            shown(b"")			# it may wait for its terminal
            if os.path.exists(self.log):
                with open(self.log, errors="replace") as f:
                    return re.search(pattern, f.read())

        idle = r"> a\d+ IDLE"
        ok(wait_for(lambda: logged(idle)), "%s: idles" % self.name)
        # another command may still be on its way: the first one shows that it is over
        for n, subject in enumerate(subjects):
            arrive(n)
            ok(wait_for(lambda: shown(subject.encode())), "%s: %s" % (self.name, what)) or diag(bytes(screen[-1500:]))
            idle = r"Fetching new mails(?s:.*)" + idle
            ok(wait_for(lambda: logged(idle)), "%s: and idles again" % self.name)
        ok(logged(r"(?s)Fetching new mails.*?> a\d+ IDLE((?!> DONE).)*Handling EXISTS"), "%s: because IDLE told it" % self.name)
        os.write(fd, b"x")
        ok(wait_for(lambda: shown(b"") and os.waitpid(pid, os.WNOHANG)[0]), "%s: ends" % self.name)
        os.close(fd)

    def saved(self, what, *keys):
        """The subjects of all it sees, and its flags of each, from a copy that it writes."""
        path = self.s.dir + "/" + self.name + "-copied"
        if os.path.exists(path):
            os.unlink(path)
        text = self.keys(what, *keys, "<tag-pattern>~A<enter><tag-prefix><copy-message>%s<enter>" % path)
        with open(path) as f:
            got = f.read()
        parts = re.split(r"(?m)^From .*\n", got)[1:]
        return text, [(re.search(r"(?m)^Subject: (.*)", p).group(1), "".join(re.findall(r"(?m)^X-Status: (.*)", p))) for p in parts]


def session(s, name):
    if not run(name) or not run("script"):
        skip("no %s here" % name)
        return
    m = login(s, "alice")
    for i in range(N):
        m.append("INBOX", None, None, message(i))
    p = Program(s, name)
    text, got = p.saved("opens INBOX and copies all of it")
    is_([x for x, _ in got], ["number %d" % i for i in range(N)], "%s: sees all of it" % name)
    ok(re.search(r"(?m)^(.*> )?a\d+ ENABLE QRESYNC", text), "%s: enables QRESYNC" % name)
    if name == "mutt":			# Debian's other one is built without
        ok("OK DEFLATE active" in text, "%s: compresses" % name)
    # a flag, an answer to one copied, one deleted; then the same again from its cache
    p.keys("flags, copies, deletes and syncs", "<first-entry><next-entry><flag-message><next-entry><copy-message>=copied<enter>"
           "<next-entry><delete-message><next-entry><clear-flag>N<sync-mailbox>")
    b = look(s)
    inbox = dict(zip(subjects(b["INBOX"]), (f for f, _, _ in b["INBOX"])))
    is_(sorted(inbox), sorted("number %d" % i for i in range(N) if i != 3), "%s: the deleted one is gone" % name)
    ok(r"\Flagged" in inbox["number 1"] and SEEN in inbox["number 4"] and r"\Flagged" not in inbox["number 0"], "%s: flags are kept" % name) or diag(inbox)
    is_([x for _, _, x in b.get("copied", [])], [message(2)], "%s: the copy, byte for byte" % name)
    # what others did meanwhile
    m.select("INBOX")
    m.store("1:3", "+FLAGS", r"(\Flagged)")
    m.store("5,7", "+FLAGS", r"(\Deleted)")
    m.expunge()
    m.append("INBOX", None, None, message(N))
    want = subjects(look(s)["INBOX"])
    text, got = p.saved("opens it again")
    is_([x for x, _ in got], want, "%s: sees what went and came" % name)
    is_(["F" in f for _, f in got[:4]], [True, True, True, False], "%s: and the flags" % name)
    ok(re.search(r"UID FETCH 1:\d+ \(FLAGS\) \(CHANGEDSINCE \d+ VANISHED\)", text),
       "%s: by QRESYNC" % name) or diag(*[l for l in text.splitlines() if "FETCH" in l][:5])
    ok(not re.search(r"FETCH 1:\S* \(.*HEADER", text), "%s: without all headers again" % name)
    # folders; the browser of the other one cannot be driven like this
    if name == "mutt":
        p.keys("makes, renames and removes a folder", "<change-folder>?<create-mailbox>made<enter><create-mailbox>other<enter><exit>"
               "<change-folder>=made<enter><change-folder>=INBOX<enter>")
        ok({"made", "other"} <= set(look(s)), "%s: folders are made" % name) or diag(list(look(s)))
    # messages of its own
    p.keys("postpones a message", "<mail>%s<enter>from %s<enter><postpone-message>" % (BOB, name))
    b = look(s)
    ok("from " + name in subjects(b["Drafts"]), "%s: it is among the drafts" % name) or diag(b["Drafts"])
    p.keys("recalls and sends it", "<recall-message><send-message>")
    ok(wait_for(lambda: "from " + name in subjects(look(s, "bob")["INBOX"])), "%s: it arrives" % name)
    b = look(s)
    ok("from " + name in subjects(b["Sent"]) and "from " + name not in subjects(b["Drafts"]), "%s: a copy is in Sent, the draft is gone" % name) or diag(b["Sent"], b["Drafts"])
    ok(all(SEEN in f for f, _, _ in b["Sent"]), "%s: that copy is seen" % name)
    p.keys("searches on the server", "<limit>=b 'Text of 8'<enter><tag-pattern>~A<enter><tag-prefix><set-flag>!<limit>~A<enter><sync-mailbox>")
    b = look(s)["INBOX"]
    flagged = [x for x, (f, _, _) in zip(subjects(b), b) if r"\Flagged" in f]
    ok("number 8" in flagged and "number 9" not in flagged, "%s: and flags what it found" % name) or diag(flagged)
    if name == "neomutt":		# Debian's mutt does not idle
        p.idles("a message that arrives is shown", lambda n: m.append("INBOX", None, None, message(50 + n)), ["number 50", "number 51"])
    for box in {"INBOX", "copied", "made", "other", "Sent"} & set(look(s)):
        m.select(box)
        m.store("1:*", "+FLAGS.SILENT", r"(\Deleted)")
        m.close()
        if box not in ("INBOX", "Sent"):
            m.delete(box)
    m.logout()


def curl(s):
    """(what, URL behind the server, more options, what is printed, what is there then)"""
    if not run("curl"):
        skip("no curl here")
        return
    m = login(s, "alice")
    for i in range(4):
        m.append("INBOX", None, None, message(i))
    m.logout()
    uid = lambda n: re.escape(message(n).decode())
    draft = s.dir + "/draft"
    with open(draft, "wb") as f:
        f.write(message(77))
    v = s.dir + "/uid"
    c = login(s, "alice")
    c.select("INBOX", readonly=True)
    uids = c.uid("SEARCH", "ALL")[1][0].split()
    validity = c.response("UIDVALIDITY")[1][0].decode()
    c.logout()
    u = uids[2].decode()
    rows = [
        ("one by UID", "INBOX;UID=" + u, [], uid(2)),
        ("one by number", "INBOX;MAILINDEX=2", [], uid(1)),
        ("with the right UIDVALIDITY", "INBOX;UIDVALIDITY=%s;UID=%s" % (validity, u), [], uid(2)),
        ("with another UIDVALIDITY", "INBOX;UIDVALIDITY=1234567;UID=" + u, [], None),
        ("a section", "INBOX;UID=%s;SECTION=TEXT" % u, [], r"Text of 2\.\r\n"),
        ("a section of the header", "INBOX;UID=%s;SECTION=HEADER.FIELDS%%20(SUBJECT)" % u, [], r"Subject: number 2\r\n\r\n"),
        ("a part of it", "INBOX;UID=%s;PARTIAL=0.5" % u, [], r"From:"),
        ("what is not there", "INBOX;UID=99999", [], None),
        ("a mailbox that is none", "nothere;UID=1", [], None),
        ("a search", "INBOX?SUBJECT%20%22number%203%22", [], r"\* SEARCH 4\r\n"),
        ("a search without a hit", "INBOX?SUBJECT%20nothing", [], r"\* SEARCH\r\n"),
        ("a list", "", [], r"(\* LIST \(.*\) \"/\" .*\r\n)+"),
        ("LSUB", "", ["-X", 'LSUB "" *'], r"(\* LSUB \(.*\) \"/\" .*\r\n)*"),
        ("STATUS", "", ["-X", "STATUS INBOX (MESSAGES UNSEEN)"], r"\* STATUS INBOX \(MESSAGES 4 UNSEEN \d\)\r\n"),
        ("EXAMINE", "", ["-X", "EXAMINE INBOX"], r"(?s).*\* 4 EXISTS\r\n.*"),
        ("CREATE", "", ["-X", "CREATE curled"], ""),
        ("COPY", "INBOX", ["-X", "COPY 1:2 curled"], ""),
        ("STORE", "INBOX", ["-X", "STORE 1 +FLAGS (\\Flagged \\Deleted)"], r"\* 1 FETCH \(FLAGS \(.*\\Flagged.*\)\)\r\n"),
        ("FETCH", "INBOX", ["-X", "FETCH 1:2 (UID FLAGS)"], r"\* 1 FETCH \(UID \d+ FLAGS \(.*\)\)\r\n\* 2 FETCH \(.*\)\r\n"),
        ("EXPUNGE", "INBOX", ["-X", "EXPUNGE"], r"\* 1 EXPUNGE\r\n(\* \d+ EXISTS\r\n)?"),
        ("an upload", "curled", ["-T", draft], ""),
        ("what was uploaded", "curled;MAILINDEX=3", [], uid(77)),
        ("an upload to none", "nothere", ["-T", draft], None),
        ("a command that is none", "", ["-X", "XYZZY"], None),
        ("by AUTHENTICATE PLAIN", "INBOX;MAILINDEX=1", ["--login-options", "AUTH=PLAIN"], uid(1)),
        ("by AUTHENTICATE PLAIN at once", "INBOX;MAILINDEX=1", ["--login-options", "AUTH=PLAIN", "--sasl-ir"], uid(1)),
        ("by AUTHENTICATE LOGIN", "INBOX;MAILINDEX=1", ["--login-options", "AUTH=LOGIN"], uid(1)),
        ("LOGOUT", "", ["-X", "NOOP"], ""),
    ]
    for tls in (True, False):
        url = "imaps://localhost:%d/" % s.imaps if tls else "imap://localhost:%d/" % s.imap
        for what, path, more, want in rows if tls else [r for r in rows if "by A" in r[0] or "upload" in r[0]]:
            r = subprocess.run(["curl", "-sS", "--cacert", s.ca, "-u", "%s:%s" % (ALICE, PASSWORD), url + path] +
                               ([] if tls else ["--ssl-reqd"]) + more, capture_output=True, timeout=120)
            out = r.stdout.decode()
            good = r.returncode != 0 if want is None else r.returncode == 0 and re.fullmatch(want, out)
            if not tls and what == "what was uploaded":
                good = r.returncode == 0
            ok(good, "curl%s: %s" % ("" if tls else " STARTTLS", what)) or diag(r.returncode, out[:500], r.stderr.decode()[:300], want)
    is_(subjects(look(s)["INBOX"]), ["number 1", "number 2", "number 3"], "curl: what it expunged is gone")


with Suite() as suite:
    session(suite, "mutt")
    session(suite, "neomutt")
    curl(suite)
    log = suite.logged()
    ok("Sanitizer" not in log and "runtime error" not in log, "nothing of the sanitizers")
done()
