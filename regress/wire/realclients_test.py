#!/usr/bin/env python3
"""Programs from Debian that log in by every mechanism they know and by a key,
and what the suite then says they did."""
import imaplib
import os
import re
import smtplib
import ssl
import subprocess

from suite import DOMAIN, PASSWORD, Suite, diag, done, free_ports, is_, ok, run, skip

ALICE, BOB = "alice@" + DOMAIN, "bob@" + DOMAIN
PREAUTH = "tlsclientauth"
TEXT = "From: %s\nTo: %s\nSubject: %s\n\nHello.\n"


def logins(s):
    return re.findall(r"login from \S+: (\S+) (\S+) account alice", s.logged())


def try_it(s, name, args, mech, text="", rc=0):
    """Run it; it ends with rc, and the last login was by mech."""
    if not run(args[0]):
        skip("%s: no %s here" % (name, args[0]))
        return None
    before = len(logins(s))
    r = subprocess.run(args, input=text, capture_output=True, text=True, timeout=180, cwd=s.dir,
                       env=dict(os.environ, HOME=s.dir, TERM="xterm", MAILRC=s.dir + "/mailrc"))
    if not ok(r.returncode == rc, name):
        diag(" ".join(args), r.stdout[-1200:], r.stderr[-1200:], r.returncode)
    got = [m for _, m in logins(s)[before:]]
    is_(got[-1:], [mech] if mech else [], "%s: %s" % (name, mech or "no login"))
    return r.stdout


def rc_file(s, name, text):
    path = s.dir + "/" + name
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, 0o600)
    return path


def key(s):
    """A key of alice's: certificate, key, both."""
    stem = s.dir + "/client"
    s.ctl("tlspubkey", "gen", stem)
    s.ctl("tlspubkey", "add", ALICE, input=open(stem + ".cert.pem").read())
    return stem + ".cert.pem", stem + ".key.pem", stem + ".pem"


def gsasl(s, cert, k):
    for proto, port in (("--imap", s.imap), ("--smtp", s.submission)):
        base = ["gsasl", proto, "--connect=localhost:%d" % port, "--starttls", "--x509-ca-file=" + s.ca, "--quiet"]
        user = ["-a", ALICE, "-p", PASSWORD]
        for mech in ("SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN"):
            try_it(s, "gsasl %s %s" % (proto, mech), base + user + ["--no-cb", "-m", mech], mech)
        for mech in ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"):
            try_it(s, "gsasl %s %s" % (proto, mech), base + user + ["-m", mech], mech)
        for who in (ALICE, ""):
            try_it(s, "gsasl %s EXTERNAL for %r" % (proto, who), base + [
                "-m", "EXTERNAL", "-z", who, "--x509-cert-file=" + cert, "--x509-key-file=" + k], "EXTERNAL")


def curl(s, cert, k):
    base = ["curl", "-sS", "--cacert", s.ca, "--cert", cert, "--key", k]
    for url in ("imap://localhost:%d/INBOX" % s.nopre, "smtp://localhost:%d" % s.submission):
        imap = url.startswith("imap")
        more = ["-X", "NOOP"] if imap else ["--mail-from", ALICE, "--mail-rcpt", BOB, "-T", "-"]
        try_it(s, "curl EXTERNAL " + url[:4], base + ["--ssl-reqd", "-u", ALICE + ":", "--login-options", "AUTH=EXTERNAL",
                                                     url] + more, "EXTERNAL", (TEXT % (ALICE, BOB, "curl")).replace("\n", "\r\n"))
    out = try_it(s, "curl PREAUTH", base + ["imaps://localhost:%d/INBOX" % s.imaps, "-X", "STATUS INBOX (MESSAGES)"],
                 PREAUTH)
    ok(out is not None and "STATUS" in out, "curl PREAUTH: and reads")
    for url in ("imaps://localhost:%d/INBOX" % s.imaps_all, "smtps://localhost:%d" % s.submissions_all):
        more = ["-X", "NOOP"] if url.startswith("imap") else ["--mail-from", ALICE, "--mail-rcpt", BOB, "-T", "-"]
        try_it(s, "curl CRAM-MD5 " + url[:5], ["curl", "-sS", "--cacert", s.ca, "-u", ALICE + ":" + PASSWORD,
                                               "--login-options", "AUTH=CRAM-MD5", url] + more, "CRAM-MD5",
               (TEXT % (ALICE, BOB, "curl")).replace("\n", "\r\n"))


def msmtp(s, cert, k):
    base = ["msmtp", "--file=/dev/null", "--host=localhost", "--tls=on", "--tls-trust-file=" + s.ca, "--from=" + ALICE,
            "--user=" + ALICE]
    try_it(s, "msmtp EXTERNAL", base + ["--port=%d" % s.submission, "--tls-starttls=on", "--auth=external",
                                        "--tls-cert-file=" + cert, "--tls-key-file=" + k, BOB],
           "EXTERNAL", TEXT % (ALICE, BOB, "msmtp"))
    try_it(s, "msmtp CRAM-MD5", base + ["--port=%d" % s.submissions_all, "--tls-starttls=off", "--auth=cram-md5",
                                        "--passwordeval=echo " + PASSWORD, BOB], "CRAM-MD5", TEXT % (ALICE, BOB, "msmtp"))


def swaks(s, cert, k):
    base = ["swaks", "--server", "localhost", "--from", ALICE, "--to", BOB, "--body", "Hello.", "--auth-user", ALICE,
            "--auth-password", PASSWORD, "--tls-verify", "--tls-ca-path", s.ca]
    for mech in ("PLAIN", "LOGIN", "CRAM-MD5"):
        try_it(s, "swaks " + mech, base + ["--port", str(s.submissions_all), "--tlsc", "--auth", mech], mech)
    try_it(s, "swaks with a key and a password", base + ["--port", str(s.submission), "--tls", "--tls-cert", cert,
                                                         "--tls-key", k, "--auth", "PLAIN"], "PLAIN")


def mutts(s, both):
    for name in ("mutt", "neomutt"):
        tls = 'set ssl_ca_certificates_file="%s" certificate_file="%s" ssl_client_cert="%s"\n' % (s.ca, s.ca, both)
        rc = rc_file(s, name + "rc", tls + 'set from="%s" copy=no ssl_force_tls=yes sendmail_wait=0 '
                     'smtp_url="smtp://alice%%40%s@localhost:%d/" smtp_pass=""\n' % (ALICE, DOMAIN, s.external))
        try_it(s, name + " EXTERNAL", [name, "-n", "-F", rc, "-s", name, BOB], "EXTERNAL", "Hello.\n")
        rc = rc_file(s, name + "rc2", tls + 'set imap_user="%s" folder="imaps://localhost:%d/" '
                     'spoolfile="imaps://localhost:%d/INBOX" quit=yes move=no\n' % (ALICE, s.imaps, s.imaps))
        if run(name) and run("script"):
            try_it(s, name + " PREAUTH", ["script", "-qec", "%s -n -F %s -e 'push \"<exit>\"'" % (name, rc), "/dev/null"],
                   PREAUTH)


def mbsync(s, cert, k):
    for d in ("md/INBOX/cur", "md/INBOX/new", "md/INBOX/tmp", "state"):
        os.makedirs("%s/%s" % (s.dir, d), exist_ok=True)
    for name, port, kind, more in (("EXTERNAL", s.nopre, "STARTTLS", "AuthMechs EXTERNAL\n"),
                                   ("PREAUTH", s.imaps, "IMAPS", "")):
        rc = rc_file(s, "mbsyncrc", "IMAPAccount a\nHost localhost\nPort %d\nUser %s\nPass x\nSSLType %s\n"
                     "CertificateFile %s\nClientCertificate %s\nClientKey %s\n%s\nIMAPStore far\nAccount a\n\n"
                     "MaildirStore near\nPath %s/md/\nInbox %s/md/INBOX\n\nChannel c\nFar :far:\nNear :near:\n"
                     "SyncState %s/state/\n" % (port, ALICE, kind, s.ca, cert, k, more, s.dir, s.dir, s.dir))
        try_it(s, "mbsync " + name, ["mbsync", "-c", rc, "c"], name if name == "EXTERNAL" else PREAUTH)


def fetchmail(s, cert, k):
    rc = rc_file(s, "fetchmailrc", 'poll localhost service %d protocol IMAP auth external user "%s" password "x" '
                 'sslproto "auto" sslcertfile "%s" sslcert "%s" sslkey "%s" mda "cat >/dev/null"\n'
                 % (s.nopre, ALICE, s.ca, cert, k))
    try_it(s, "fetchmail EXTERNAL", ["fetchmail", "-f", rc, "-N", "--nosyslog", "-c"], "EXTERNAL", rc=1)


def snail(s, cert, k):
    user = "alice%%40%s" % DOMAIN
    rc_file(s, "mailrc", "set v15-compat tls-ca-file=%s smtp-use-starttls smtp-auth=external sendwait\n"
            "set mta=smtp://%s:x@localhost:%d\nset tls-config-pairs='Certificate=%s,PrivateKey=%s'\n"
            % (s.ca, user, s.submission, cert, k))
    try_it(s, "s-nail EXTERNAL", ["s-nail", "-:u", "-s", "s-nail", "-r", ALICE, BOB], "EXTERNAL", "Hello.\n")


def openssl(s, cert, k):
    for version in ("-tls1_2", "-tls1_3"):
        r = subprocess.run(["openssl", "s_client", "-connect", "localhost:%d" % s.imaps, "-quiet", "-CAfile", s.ca, "-cert",
                            cert, "-key", k, version], input="a LOGOUT\r\n", capture_output=True, text=True, timeout=180)
        ok(r.stdout.startswith("* PREAUTH"), "openssl %s: PREAUTH" % version) or diag(r.stdout, r.stderr[-500:])


def python(s):
    ctx = ssl.create_default_context(cafile=s.ca)
    for mech in ("LOGIN", "CRAM-MD5"):
        c = smtplib.SMTP_SSL("localhost", s.submissions_all, context=ctx)
        c.ehlo()
        c.user, c.password = ALICE, PASSWORD
        try:
            code = c.auth(mech, getattr(c, "auth_" + mech.lower().replace("-", "_")))[0]
        except smtplib.SMTPException as e:
            code = e
        is_(code, 235, "smtplib " + mech)
        c.quit()
    m = imaplib.IMAP4_SSL("localhost", s.imaps_all, ssl_context=ctx)
    is_(m.login_cram_md5(ALICE, PASSWORD)[0], "OK", "imaplib CRAM-MD5")
    m.logout()


def main():
    nopre, imaps_all, submissions_all, external = free_ports(4)
    with Suite("listen on 127.0.0.1 port %d imap tls required\n"
               "listen on 127.0.0.1 port %d imap tls implicit mechanisms { CRAM-MD5, PLAIN, LOGIN }\n"
               "listen on 127.0.0.1 port %d submission tls implicit mechanisms { CRAM-MD5, PLAIN, LOGIN }\n"
               "listen on 127.0.0.1 port %d submission tls required mechanisms { EXTERNAL }\n"
               % (nopre, imaps_all, submissions_all, external)) as s:
        s.external = external
        s.nopre, s.imaps_all, s.submissions_all = nopre, imaps_all, submissions_all
        cert, k, both = key(s)
        gsasl(s, cert, k)
        curl(s, cert, k)
        msmtp(s, cert, k)
        swaks(s, cert, k)
        mutts(s, both)
        mbsync(s, cert, k)
        fetchmail(s, cert, k)
        snail(s, cert, k)
        openssl(s, cert, k)
        python(s)
    done()


main()
