#!/usr/bin/env python3
"""Real smarthosts that want a login: Dovecot's submission, and Postfix with Dovecot for
SASL; each mechanism of theirs, and our certificate, with which Postfix relays without a
login.  What they take goes on to a server of this test."""
import os
import re
import shutil
import smtplib
import subprocess
import tempfile

import postfix
from smarthost_test import transport
from smartcert_test import make
from smartscript import SECRET, USER, submit
from smtpsink import Sink
from suite import Suite, certificate, diag, done, free_ports, ok, run, skip, wait_for

MECHS = ["SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN"]

DOVECOT = """
base_dir = {d}/run
log_path = {d}/dovecot.log
auth_verbose = yes
auth_failure_delay = 0
protocols = submission
listen = 127.0.0.1
ssl = required
ssl_cert = <{d}/mail.crt
ssl_key = <{d}/mail.key
ssl_ca = <{d}/client.crt
ssl_require_crl = no
ssl_verify_client_cert = yes
auth_ssl_username_from_cert = yes
auth_mechanisms = external plain login cram-md5 scram-sha-1 scram-sha-256
passdb {{
  driver = static
  args = nopassword=y
  mechanisms = external
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {d}/users
  mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256
}}
userdb {{
  driver = static
  args = uid=mail gid=mail home={d}/mail/%n
}}
mail_location = maildir:{d}/mail/%n
first_valid_uid = 1
submission_relay_host = 127.0.0.1
submission_relay_port = {sink}
submission_relay_trusted = no
submission_host = dovecot.example
service submission-login {{
  inet_listener submission {{
    port = {port}
  }}
}}
service auth {{
  unix_listener {d}/sasl {{
    mode = 0666
  }}
}}
"""

MAIN = """myhostname = pf.postfix.example
mynetworks = 192.0.2.1
alias_maps =
relayhost = [127.0.0.1]:{sink}
smtpd_tls_security_level = encrypt
smtpd_tls_cert_file = {d}/mail.crt
smtpd_tls_key_file = {d}/mail.key
smtpd_tls_ask_ccert = yes
smtpd_tls_fingerprint_digest = sha256
relay_clientcerts = inline:{{ {fingerprint}=client }}
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {d}/sasl
smtpd_relay_restrictions = permit_sasl_authenticated, permit_tls_clientcerts, reject
"""


def write(path, text):
    with open(path, "w") as f:
        f.write(text)


def read(path):
    try:
        with open(path, errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def dovecot(d, port, sink):
    for sub in "run", "mail":
        os.mkdir(d + "/" + sub)
    shutil.chown(d + "/mail", "mail", "mail")
    write(d + "/users", "%s:{PLAIN}%s\n" % (USER, SECRET))
    write(d + "/dovecot.conf", DOVECOT.format(d=d, port=port, sink=sink))
    return subprocess.Popen(["dovecot", "-F", "-c", d + "/dovecot.conf"], stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


def start_postfix(d, port, sink):
    fp = subprocess.run(["openssl", "x509", "-in", d + "/client.crt", "-noout", "-fingerprint", "-sha256"],
                        capture_output=True, text=True, check=True).stdout.strip().partition("=")[2]
    postfix.configure(d, port, MAIN.format(d=d, sink=sink, fingerprint=fp), chroot=False)
    postfix.command(d, "start")


def answers(port):
    try:
        smtplib.SMTP("127.0.0.1", port, timeout=60).quit()
        return True
    except (OSError, smtplib.SMTPException):
        return False


def went(s, sink, name, text, log):
    """Is it at the last server, and by what did it log in?"""
    to = "x@%s.example" % name
    got = wait_for(lambda: [m for m in sink.messages if to in m["rcpts"]])
    ok(got, "%s: relayed" % name) or diag(s.ctl("queue", "list"), s.logged()[-1500:], log()[-1500:])
    if text:
        ok(wait_for(lambda: re.search(text, log(), re.I)), "%s: %s" % (name, text)) or diag(log()[-3000:])


def main():
    if os.geteuid() != 0 or not run("dovecot") or not os.path.exists("/usr/lib/dovecot/submission-login"):
        skip("Dovecot's submission needs root, or is not installed")
        done()
    d = tempfile.mkdtemp(prefix="letterlock-real-")
    os.chmod(d, 0o755)
    certificate(d)
    declared = make(d, "client")
    sink = Sink(ext=["PIPELINING", "8BITMIME", "SIZE 10000000", "DSN", "ENHANCEDSTATUSCODES"])
    dport, pport = free_ports(2)
    conf = "allow-private-addresses\n" + declared
    with_postfix = run("postfix")
    names = []
    for prefix, port in (("d", dport), ("p", pport)):
        for m in MECHS if prefix == "d" else MECHS[3:]:
            names.append((prefix + m.lower(), port, 'auth "relay" mechanisms ' + m.lower(), m))
        names.append((prefix + "best", port, 'auth "relay"', MECHS[0]))
        if prefix == "d":  # Postfix does not offer it
            names.append((prefix + "external", port, 'certificate "client"', "EXTERNAL"))
        names.append((prefix + "wrong", port, 'auth "wrong"', None))
    for name, port, options, _ in names:
        conf += transport(name, "submission", port, "verify no", options)
    conf += transport("pcert", "smtp", pport, "verify no", 'certificate "client"')
    conf += transport("pnocert", "smtp", pport, "verify no")
    peer = dovecot(d, dport, sink.port)
    try:
        with Suite(conf) as s:
            s.ctl_run("secret", "set", "relay", USER, input=SECRET + "\n")
            s.ctl_run("secret", "set", "wrong", USER, input="not it\n")
            ok(wait_for(lambda: answers(dport)), "Dovecot answers") or diag(read(d + "/dovecot.log"))
            if with_postfix:
                start_postfix(d, pport, sink.port)
                ok(wait_for(lambda: answers(pport)), "Postfix answers") or diag(postfix.log(d))
            else:
                skip("Postfix is not installed")
            names = [x for x in names if x[1] == dport or with_postfix]
            scenario(s, sink, d, names, with_postfix)
    finally:
        if with_postfix:
            postfix.command(d, "stop")
        peer.terminate()
        peer.wait()
        shutil.rmtree(d, ignore_errors=True)
    done()


def scenario(s, sink, d, names, with_postfix):
    more = ["pcert", "pnocert"] if with_postfix else []
    submit(s, *["x@%s.example" % n for n in [x[0] for x in names] + more])
    for name, port, _, mech in names:
        if mech is None:
            last = wait_for(lambda: next((r["last"] for r in s.rows("queue", "list", "--domain", name + ".example")
                                          if r.get("last")), None))
            ok(last and last.startswith("535 4.7.8 "), "%s: a wrong password is no bounce" % name) or diag(last)
            ok(re.search("error: transport %s: login to .* refused by SCRAM-SHA-256" % name, s.logged()),
               name + ": and shouts")
        elif name[0] == "d":
            went(s, sink, name, "user=<[^>]*>, method=" + mech, lambda: read(d + "/dovecot.log"))
        else:
            went(s, sink, name, "sasl_method=" + mech, lambda: postfix.log(d))
    if with_postfix:
        went(s, sink, "pcert", None, lambda: postfix.log(d))
        ok(wait_for(lambda: re.search("554 5.7.1 <x@pnocert.example>", postfix.log(d))),
           "without the certificate Postfix does not relay") or diag(postfix.log(d)[-1500:])


if __name__ == "__main__":
    main()
