#!/usr/bin/env python3
"""Programs that people use, from Debian, against the running suite: they send,
they read, and what they sent is what is read."""
import email
import imaplib
import os
import re
import smtplib
import ssl
import subprocess

from suite import DOMAIN, PASSWORD, Suite, diag, done, is_, ok, wait_for

ALICE, BOB = "alice@" + DOMAIN, "bob@" + DOMAIN


def message(subject, sender=ALICE, to=BOB):
    return ("From: %s\r\nTo: %s\r\nSubject: %s\r\nDate: Wed, 25 Nov 2026 10:00:00 +0000\r\n"
            "Message-ID: <%s@client.example>\r\n\r\nHello.\r\n..dots\r\nEnd.\r\n"
            % (sender, to, subject, subject))


def context(s):
    return ssl.create_default_context(cafile=s.ca)


def login(s, user, tls=False):
    if tls:
        m = imaplib.IMAP4_SSL("localhost", s.imaps, ssl_context=context(s))
    else:
        m = imaplib.IMAP4("127.0.0.1", s.imap)
    m.login(user, PASSWORD)
    return m


def arrived(s, subject, user=BOB):
    """The message with that subject, once it is there."""
    def look():
        m = login(s, user)
        m.select("INBOX", readonly=True)
        found = m.search(None, "SUBJECT", subject)[1][0].split()
        d = m.fetch(found[-1], "(BODY.PEEK[])")[1][0][1] if found else None
        m.logout()
        return d
    return wait_for(look)


def program(s, name, args, text=None):
    """Run it; what it printed, None when it failed."""
    r = subprocess.run(args, input=text, capture_output=True, text=True, timeout=180, cwd=s.dir,
                       env=dict(os.environ, HOME=s.dir, TERM="xterm"))
    if not ok(r.returncode == 0, name):
        diag(" ".join(args))
        diag(r.stdout[-1500:] + r.stderr[-1500:])
        return None
    return r.stdout


def sent(s, subject, name):
    d = arrived(s, subject)
    if ok(d is not None, "%s: it arrives" % name):
        ok(b"Hello." in d and email.message_from_bytes(d)["Subject"] == subject,
           "%s: as it was sent" % name)


def curl(s):
    up = ["curl", "-sS", "--cacert", s.ca, "--mail-from", ALICE, "--mail-rcpt", BOB, "-T", "-"]
    user = ["-u", "%s:%s" % (ALICE, PASSWORD)]
    for name, url, more in (
            ("curl smtp, no login, port 25", "smtp://localhost:%d" % s.smtp, []),
            ("curl smtp, STARTTLS, PLAIN", "smtp://localhost:%d" % s.submission,
             user + ["--ssl-reqd", "--login-options", "AUTH=PLAIN"]),
            ("curl smtp, STARTTLS, LOGIN", "smtp://localhost:%d" % s.submission,
             user + ["--ssl-reqd", "--login-options", "AUTH=LOGIN"]),
            ("curl smtps", "smtps://localhost:%d" % s.submissions, user)):
        subject = name.replace(" ", "-").replace(",", "")
        program(s, name, up + more + [url], message(subject))
        sent(s, subject, name)
    for name, url, more in (
            ("curl imap", "imap://localhost:%d/INBOX" % s.imap, []),
            ("curl imap, STARTTLS", "imap://localhost:%d/INBOX" % s.imap, ["--ssl-reqd"]),
            ("curl imaps", "imaps://localhost:%d/INBOX" % s.imaps, []),
            ("curl imaps, AUTHENTICATE PLAIN", "imaps://localhost:%d/INBOX" % s.imaps,
             ["--login-options", "AUTH=PLAIN"])):
        out = program(s, name, ["curl", "-sS", "--cacert", s.ca, "-u", "%s:%s" % (BOB, PASSWORD),
                                "-X", "SEARCH ALL", url] + more)
        ok(out is not None and out.startswith("* SEARCH 1"), "%s: search" % name)
    out = program(s, "curl imaps, one message", ["curl", "-sS", "--cacert", s.ca, "-u", "%s:%s" % (BOB, PASSWORD),
                                                 "imaps://localhost:%d/INBOX;MAILINDEX=1" % s.imaps])
    ok(out is not None and "Hello." in out, "curl imaps, one message: its text")
    with open(s.dir + "/draft", "w") as f:
        f.write(message("a-draft"))
    program(s, "curl imaps, APPEND", ["curl", "-sS", "--cacert", s.ca, "-u", "%s:%s" % (BOB, PASSWORD), "-T",
                                      s.dir + "/draft", "imaps://localhost:%d/Drafts" % s.imaps])


def swaks(s):
    base = ["swaks", "--server", "localhost", "--from", ALICE, "--to", BOB, "--body", "Hello."]
    user = ["--auth-user", ALICE, "--auth-password", PASSWORD]
    for name, more in (
            ("swaks port 25", ["--port", str(s.smtp)]),
            ("swaks STARTTLS on port 25", ["--port", str(s.smtp), "--tls", "--tls-verify", "--tls-ca-path", s.ca]),
            ("swaks PLAIN in clear", ["--port", str(s.submission), "--auth", "PLAIN"] + user),
            ("swaks LOGIN within TLS", ["--port", str(s.submission), "--tls", "--auth", "LOGIN"] + user),
            ("swaks implicit TLS", ["--port", str(s.submissions), "--tlsc", "--auth", "PLAIN"] + user)):
        subject = name.replace(" ", "-")
        program(s, name, base + more + ["--header", "Subject: " + subject])
        sent(s, subject, name)


def msmtp(s):
    for mech in ("plain", "login", "scram-sha-1", "scram-sha-256"):
        subject = "msmtp-" + mech
        program(s, subject, ["msmtp", "--file=/dev/null", "--host=localhost", "--port=%d" % s.submission, "--tls=on",
                             "--tls-starttls=on", "--tls-trust-file=" + s.ca, "--from=" + ALICE, "--auth=" + mech,
                             "--user=" + ALICE, "--passwordeval=echo " + PASSWORD, BOB],
                message(subject).replace("\r\n", "\n"))
        sent(s, subject, subject)


def gsasl(s):
    for proto, port in (("--imap", s.imap), ("--smtp", s.submission)):
        for mech in ("SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"):
            for tls in ([], ["--starttls", "--x509-ca-file=" + s.ca]):
                if not tls and mech == "PLAIN":
                    continue
                program(s, "gsasl %s %s%s" % (proto, mech, " STARTTLS" if tls else ""),
                        ["gsasl", proto, "--connect=localhost:%d" % port, "-m", mech, "-a", ALICE, "-p", PASSWORD,
                         "--no-cb", "--quiet"] + (tls or ["--no-starttls"]), "")
        r = subprocess.run(["gsasl", proto, "--connect=localhost:%d" % port, "-m", "SCRAM-SHA-256", "-a", ALICE, "-p",
                            "wrong-password", "--no-cb", "--quiet", "--no-starttls"], input="",
                           capture_output=True, text=True, timeout=180)
        ok(r.returncode != 0, "gsasl %s: a wrong password is refused" % proto)


def mutt(s):
    with open(s.dir + "/muttrc", "w") as f:
        f.write('set ssl_ca_certificates_file="%s" certificate_file="%s" from="%s" realname="A" copy=no '
                'smtp_url="smtp://alice%%40%s@localhost:%d/" smtp_pass="%s" smtp_authenticators="scram-sha-256" ssl_force_tls=yes sendmail_wait=0\n'
                % (s.ca, s.ca, ALICE, DOMAIN, s.submission, PASSWORD))
    program(s, "mutt sends", ["mutt", "-n", "-F", s.dir + "/muttrc", "-s", "from-mutt", BOB], "Hello.\n")
    sent(s, "from-mutt", "mutt")
    with open(s.dir + "/muttrc", "a") as f:
        f.write('set imap_user="%s" imap_pass="%s" folder="imaps://localhost:%d/" '
                'spoolfile="imaps://localhost:%d/INBOX" mbox_type=mbox delete=yes move=no quit=yes\n'
                % (BOB, PASSWORD, s.imaps, s.imaps))
    copy = s.dir + "/copied"
    program(s, "mutt reads", ["script", "-qec", "mutt -n -F %s/muttrc -e 'push "
                              "\"<tag-pattern>~s from-mutt<enter><tag-prefix><copy-message>%s<enter><enter><quit>\"'"
                              % (s.dir, copy), "/dev/null"], "")
    if ok(wait_for(lambda: os.path.exists(copy)), "mutt reads: it copied a message to a file"):
        with open(copy) as f:
            ok("Hello." in f.read(), "mutt reads: with its text")


def mbsync(s):
    for d in ("/md", "/md/INBOX/cur", "/md/INBOX/new", "/md/INBOX/tmp", "/state"):
        os.makedirs(s.dir + d, exist_ok=True)
    with open(s.dir + "/mbsyncrc", "w") as f:
        f.write("IMAPAccount a\nHost localhost\nPort %d\nUser %s\nPass %s\nSSLType IMAPS\nCertificateFile %s\n\n"
                "IMAPStore far\nAccount a\n\nMaildirStore near\nPath %s/md/\nInbox %s/md/INBOX\nSubFolders Verbatim\n\n"
                "Channel c\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nExpunge Both\nSyncState %s/state/\n"
                % (s.imaps, BOB, PASSWORD, s.ca, s.dir, s.dir, s.dir))
    sync = ["mbsync", "-c", s.dir + "/mbsyncrc", "c"]
    program(s, "mbsync fetches", sync)
    box = s.dir + "/md/INBOX"

    def local():
        return sorted(os.listdir(box + "/cur") + os.listdir(box + "/new"))

    m = login(s, BOB)
    far = int(m.select("INBOX")[1][0])
    is_(len(local()), far, "mbsync: as many messages here as there")
    # one is read here, one removed there, one is new here
    gone = m.fetch("2", "(UID)")[1][0].split()[2].rstrip(b")").decode()
    one = [f for f in os.listdir(box + "/new") + os.listdir(box + "/cur") if not re.search(",U=%s(?![0-9])" % gone, f)][0]
    where = box + ("/new/" if os.path.exists(box + "/new/" + one) else "/cur/")
    name = one.split(":2,")[0] + ":2,FS"
    os.rename(where + one, box + "/cur/" + name)
    with open(box + "/new/local.1", "w") as f:
        f.write(message("made-here").replace("\r\n", "\n"))
    m.store("2", "+FLAGS", "\\Deleted")
    m.expunge()
    m.logout()
    program(s, "mbsync both ways", sync)
    m = login(s, BOB)
    is_(int(m.select("INBOX")[1][0]), far, "mbsync: one came, one went")
    ok(m.search(None, "SUBJECT", "made-here")[1][0], "mbsync: the one made here is there")
    ok(m.search(None, "FLAGGED SEEN")[1][0], "mbsync: the flags came")
    is_(len(local()), far, "mbsync: and the removed one is gone here")
    m.logout()


def python(s):
    c = smtplib.SMTP("localhost", s.submission)
    c.starttls(context=context(s))
    c.login(ALICE, PASSWORD)
    is_(c.sendmail(ALICE, [BOB], message("smtplib")), {}, "smtplib")
    c.quit()
    sent(s, "smtplib", "smtplib")
    c = smtplib.SMTP_SSL("localhost", s.submissions, context=context(s))
    try:
        c.login(ALICE, "not this one")
        ok(False, "smtplib: a wrong password")
    except smtplib.SMTPAuthenticationError as e:
        is_(e.smtp_code, 535, "smtplib: a wrong password")
    c.close()
    m = login(s, ALICE, tls=True)
    names = b" ".join(m.list()[1])
    for use in (b"\\Drafts", b"\\Sent", b"\\Archive", b"\\Junk", b"\\Trash"):
        is_(names.count(use), 1, "plain LIST shows %s once" % use.decode())
    m.logout()


with Suite() as suite:
    python(suite)
    curl(suite)
    swaks(suite)
    msmtp(suite)
    gsasl(suite)
    mutt(suite)
    mbsync(suite)
done()
