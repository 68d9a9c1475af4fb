#!/usr/bin/env python3
"""TLS of the running suite: what it agrees to, certificates by name, new ones by
a reload, handshakes without keys, channel bindings as a real client has them."""
import imaplib
import os
import smtplib
import socket
import ssl
import subprocess
import warnings

from suite import DOMAIN, PASSWORD, Suite, diag, done, free_ports, is_, ok, run, skip, wait_for

warnings.simplefilter("ignore", DeprecationWarning)
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def make(path, name, *newkey):
    subprocess.run(["openssl", "req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=" + name,
                    "-addext", "subjectAltName=DNS:" + name, "-keyout", path + ".key",
                    "-out", path + ".crt", "-newkey", *newkey],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.chmod(path + ".key", 0o600)


P256 = ("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")


def connect(port, version=None, name="localhost", ciphers=None, cert=None):
    """A TLS connection; an exception when there is none."""
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname = False
    c.verify_mode = ssl.CERT_NONE
    if version:
        c.minimum_version = c.maximum_version = version
    if ciphers:
        c.set_ciphers(ciphers)
    if cert:
        c.load_cert_chain(cert + ".crt", cert + ".key")
    raw = socket.create_connection(("127.0.0.1", port), 120)
    try:
        return c.wrap_socket(raw, server_hostname=name)
    except BaseException:
        raw.close()
        raise


def refused(*args, **kwargs):
    try:
        connect(*args, **kwargs).close()
        return False
    except (ssl.SSLError, ConnectionError):
        return True


def subject(der):
    pem = ssl.DER_cert_to_PEM_cert(der)
    r = subprocess.run(["openssl", "x509", "-noout", "-subject", "-nameopt", "multiline"],
                       input=pem, capture_output=True, text=True)
    return r.stdout.split("= ")[-1].strip()


def agreed(s):
    for version in V12, V13:
        for name, want in (("localhost", "localhost"), ("rsa.letterlock.test", "rsa.letterlock.test"),
                           ("ed.letterlock.test", "ed.letterlock.test"), ("other.example", "localhost"),
                           (None, "localhost")):
            with connect(s.imaps, version, name) as c:
                is_(subject(c.getpeercert(True)), want, "%s, %s: its certificate" % (c.version(), name))
                ok(c.recv(100).startswith(b"* OK"), "%s, %s: greeting" % (c.version(), name))
                # Tickets of TLS 1.3 come with the first octets at the latest.
                ok(not c.session.has_ticket, "%s, %s: no session ticket" % (c.version(), name))
    ok(refused(s.imaps, V12, "rsa.letterlock.test", "AES128-GCM-SHA256:@SECLEVEL=0"),
       "no TLS without forward secrecy")
    ok(refused(s.imaps, V12, "rsa.letterlock.test", "ECDHE-RSA-AES128-SHA:@SECLEVEL=0"),
       "no TLS without AEAD")
    ok(refused(s.imaps, ssl.TLSVersion.TLSv1_1, "rsa.letterlock.test", "ALL:@SECLEVEL=0"),
       "no TLS 1.1")
    with connect(s.submissions, V13) as c:
        ok(c.recv(100).startswith(b"220 "), "submissions: greeting")
    with smtplib.SMTP("127.0.0.1", s.smtp) as c:
        c.starttls()
        is_(c.ehlo("client.example")[0], 250, "STARTTLS on port 25")


def asked(port, *more):
    """Does the server ask for a client's certificate?"""
    r = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % port, "-tls1_2", *more],
                       stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180)
    return "Client Certificate Types" in r.stdout


def client_certificates(s, port):
    """Any key will do for a handshake, and nobody is asked without need."""
    ok(asked(s.imaps) and asked(s.submissions), "clients that log in are asked for a certificate")
    ok(not asked(s.smtp, "-starttls", "smtp"), "not on port 25")
    ok(asked(port), "where the configuration says so it is asked")
    for key in P256, ("rsa:2048",), ("ed25519",), ("ec", "-pkeyopt", "ec_paramgen_curve:P-521"):
        make(s.dir + "/client", "client.example", *key)
        for version in V12, V13:
            with connect(port, version, cert=s.dir + "/client") as c:
                ok(c.recv(100).startswith(b"* "), "%s with a key of kind %s" % (c.version(), key[-1]))


def at_once(s, cert=None):
    """A command in the same segment as the last octets of the handshake."""
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.check_hostname, ctx.verify_mode = False, ssl.CERT_NONE
    if cert:
        ctx.load_cert_chain(cert + ".crt", cert + ".key")
    come, go = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls, got = ctx.wrap_bio(come, go), b""
    with socket.create_connection(("127.0.0.1", s.imaps), 120) as c:

        def more():
            d = c.recv(65536)
            come.write(d) if d else come.write_eof()
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                c.sendall(go.read())
                more()
        tls.write(b"a LOGOUT\r\n")
        c.sendall(go.read())
        try:
            while b"a OK" not in got:
                try:
                    got += tls.read(4096)
                except ssl.SSLWantReadError:
                    more()
        except (ssl.SSLError, OSError) as e:
            diag(e)
    ok(got.startswith(b"* OK") and b"a OK" in got, "a command right behind the handshake is answered" +
       (", with a key that auth is asked about" if cert else ""))


def bindings(s):
    if not run("gsasl"):
        return skip("no gsasl")
    for proto, port in ("--imap", s.imap), ("--smtp", s.submission):
        for mech in "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS":
            for prio in "NORMAL:-VERS-ALL:+VERS-TLS1.3", "NORMAL:-VERS-ALL:+VERS-TLS1.2":
                r = subprocess.run(["gsasl", proto, "--connect=localhost:%d" % port, "--starttls",
                                    "-m", mech, "-a", "alice@" + DOMAIN, "-p", PASSWORD,
                                    "--x509-ca-file=" + s.ca, "--priority=" + prio, "--quiet"],
                                   stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180)
                if not ok(r.returncode == 0, "%s %s with %s" % (proto, mech, prio[-7:])):
                    diag(r.stdout[-800:] + r.stderr[-800:])


def renewed(s):
    old = connect(s.imaps, V13)
    old.recv(1000)
    half = socket.create_connection(("127.0.0.1", s.imaps))
    make(s.dir + "/mail", "renewed.letterlock.test", *P256)
    r = s.ctl_run("reload")
    is_(r.returncode, 0, "a reload with a new key")
    diag(r.stderr)
    with connect(s.imaps, V13) as c:
        is_(subject(c.getpeercert(True)), "renewed.letterlock.test", "the new certificate")
    old.sendall(b"a noop\r\n")
    ok(b"a OK" in old.recv(1000), "a connection from before goes on")
    old.close()
    half.close()
    make(s.dir + "/other", "x", *P256)
    os.rename(s.dir + "/mail.key", s.dir + "/mail.key.keep")
    os.rename(s.dir + "/other.key", s.dir + "/mail.key")
    r = s.ctl_run("reload")
    ok(r.returncode != 0 and "does not belong" in r.stderr + r.stdout, "a key that does not fit is refused")
    diag(r.stderr)
    os.chmod(s.dir + "/mail.key", 0o644)
    ok(s.ctl_run("reload").returncode != 0, "a key that all may read is refused")
    os.unlink(s.dir + "/mail.key")
    ok(s.ctl_run("reload").returncode != 0, "a key that is not there is refused")
    with connect(s.imaps, V12) as c:
        is_(subject(c.getpeercert(True)), "renewed.letterlock.test", "and all is as before")
    os.rename(s.dir + "/mail.key.keep", s.dir + "/mail.key")


def without_keys(s):
    with connect(s.imaps) as before:
        before.recv(1000)
        os.kill(s.pid("keys"), 19)		# it does not answer
        ok(refused(s.imaps), "keys does not answer: a handshake fails")
        before.sendall(b"a noop\r\n")
        ok(b"a OK" in before.recv(1000), "sessions go on")
        with smtplib.SMTP("127.0.0.1", s.smtp) as c:
            is_(c.ehlo("client.example")[0], 250, "port 25 goes on")
        old = s.kill("keys")
        ok(wait_for(lambda: s.pid("keys") not in (None, 0, old)), "keys is started again")
        ok(wait_for(lambda: not refused(s.imaps)), "and handshakes work again")
        for port in s.smtp, s.submission:
            with smtplib.SMTP("127.0.0.1", port) as c:
                ok(wait_for(lambda: starttls(port)), "STARTTLS on port %s works again" %
                   ("25" if port == s.smtp else "587"))


def starttls(port):
    try:
        with smtplib.SMTP("127.0.0.1", port) as c:
            c.starttls()
            return True
    except (ssl.SSLError, smtplib.SMTPException, OSError):
        return False


def where_keys_are(s):
    """Nobody but keys, and the parent which opens it, has a key file."""
    if os.geteuid() != 0:
        return skip("needs root")
    holders = set()
    for row in s.rows("status"):
        for fd in os.listdir("/proc/%d/fd" % row["pid"]):
            try:
                if os.readlink("/proc/%d/fd/%s" % (row["pid"], fd)).endswith(".key"):
                    holders.add(row["role"])
            except FileNotFoundError:
                pass
    ok(holders <= {"keys", "parent"}, "key files are open in keys alone")


CONF = """
certificate "rsa" cert "{dir}/rsa.crt" key "{dir}/rsa.key"
certificate "ed" cert "{dir}/ed.crt" key "{dir}/ed.key"
listen on 127.0.0.1 port {port} imap tls implicit client-certificates ignore-unknown
"""

with Suite(start=False) as s:
    make(s.dir + "/rsa", "rsa.letterlock.test", "rsa:2048")
    make(s.dir + "/ed", "ed.letterlock.test", "ed25519")
    more = free_ports(1)[0]
    s.write_conf(s.base + CONF.format(dir=s.dir, port=more))
    s.start()
    s.ctl("account", "add", "alice", "alice@" + DOMAIN, input=PASSWORD + "\n")
    agreed(s)
    client_certificates(s, more)
    at_once(s)
    at_once(s, s.dir + "/client")
    bindings(s)
    where_keys_are(s)
    renewed(s)
    without_keys(s)
    with imaplib.IMAP4("127.0.0.1", s.imap) as m:
        is_(m.login("alice@" + DOMAIN, PASSWORD)[0], "OK", "the suite is well")
done()
