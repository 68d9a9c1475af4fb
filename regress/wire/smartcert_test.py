#!/usr/bin/env python3
"""Relaying with a client certificate, whose key never leaves authd: keys: EXTERNAL at
another suite, servers of another make, and certificates that are not liked."""
import os
import re
import ssl
import subprocess
import tempfile

from smarthost_test import ALICE, HOST, SECRET, arrives, last, logins, subjects, submit, transport
from smtpsink import Sink
from suite import BUILD, Suite, certificate, diag, done, free_ports, is_, ok, wait_for

KINDS = {"p256": ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
         "p384": ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1"),
         "rsa": ("-newkey", "rsa:2048"), "ed": ("-newkey", "ed25519")}
VERSIONS = {"12": ssl.TLSVersion.TLSv1_2, "13": ssl.TLSVersion.TLSv1_3}


def make(path, name, kind="p256"):
    """A certificate for a client, and the line that declares it."""
    crt, key = path + "/%s.crt" % name, path + "/%s.key" % name
    subprocess.run(("openssl", "req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=" + name,
                    "-keyout", key, "-out", crt) + KINDS[kind], check=True, capture_output=True)
    os.chmod(key, 0o600)
    return 'certificate "%s" cert "%s" key "%s"\n' % (name, crt, key)


def read(path):
    with open(path) as f:
        return f.read()


def put_off(s, name, why, to=None):
    to = to or "x@%s.example" % name
    submit(s, to)
    ok(wait_for(lambda: re.search(why, last(s, to))), "%s: put off, and why" % name) or \
        diag(last(s, to), s.logged()[-3000:])
    ok(re.search(r"error.*transport %s: " % name, s.logged()), "%s: it shouts" % name) or \
        diag(s.logged()[-3000:])


def external(args, session):
    return "235 2.7.0 in" if args == "EXTERNAL =" else "535 5.7.8 no"


def peers(d):
    """Servers of another make: OpenSSL asks for each kind of key in each version."""
    sinks, conf = {}, ""
    for kind in KINDS:
        conf += make(d, kind, kind)
        for v, version in VERSIONS.items():
            name = kind + v
            s = sinks[name] = Sink(cert=d, ask=d + "/%s.crt" % kind, version=version,
                                   tls_ext=["AUTH EXTERNAL PLAIN"], replies={"AUTH": external})
            conf += transport(name, "submission", s.port, "verify no", 'certificate "%s"' % kind)
    for name, options in {"dislikes": {"ask": d + "/rsa.crt"}, "asksnot": {}}.items():
        for v, version in VERSIONS.items():
            s = sinks[name + v] = Sink(cert=d, version=version, tls_ext=["AUTH EXTERNAL"], replies={"AUTH": external},
                                       **options)
            conf += transport(name + v, "submission", s.port, "verify no", 'certificate "p256"')
    s = sinks["nologin"] = Sink(cert=d, ask=d + "/p256.crt", tls_ext=["AUTH EXTERNAL"])
    conf += transport("nologin", "smtp", s.port, "tls required", "verify no", 'certificate "p256"')
    s = sinks["refuses"] = Sink(cert=d, ask=d + "/p256.crt", tls_ext=["AUTH EXTERNAL"],
                                replies={"AUTH": "535 5.7.8 who?"})
    conf += transport("refuses", "submission", s.port, "verify no", 'certificate "p256"')
    return sinks, conf


def main():
    strict = free_ports(1)[0]
    host_conf = HOST + "listen on 127.0.0.1 port %d submission tls required client-certificates strict\n" % strict
    with tempfile.TemporaryDirectory() as d, tempfile.TemporaryDirectory() as h, Suite(host_conf, dir=h) as host:
        os.chmod(d, 0o755)
        certificate(d)
        host.ctl("account", "password", "alice", input=SECRET + "\n")
        conf = "allow-private-addresses\n" + make(d, "client") + make(d, "stranger")
        host.ctl("tlspubkey", "add", ALICE, input=read(d + "/client.crt"))
        port = host.submission
        mine = 'certificate "client"'
        conf += transport("ext", "submission", port, "verify no", mine)
        conf += transport("implicit", "submissions", host.submissions, "verify no", mine)
        conf += transport("plainsmtp", "smtp", port, "tls required", "verify no", mine, "mechanisms external")
        conf += transport("both", "submission", port, "verify no", mine, 'auth "relay"')
        conf += transport("order", "submission", port, "verify no", mine, 'auth "relay"',
                          "mechanisms { scram-sha-256, external }")
        conf += transport("stranger", "submission", port, "verify no", 'certificate "stranger"')
        conf += transport("known", "submission", port, "verify no", 'certificate "stranger"', 'auth "relay"')
        conf += transport("strict", "submission", strict, "verify no", 'certificate "stranger"')
        sinks, more = peers(d)
        with Suite(conf + more) as s:
            s.ctl_run("secret", "set", "relay", ALICE, input=SECRET + "\n")
            suites(s, host)
            foreign(s, sinks, d)
            configuration(s, d)
    done()


def suites(s, host):
    for name, mech in (("ext", "EXTERNAL"), ("implicit", "EXTERNAL"), ("plainsmtp", "EXTERNAL"), ("both", "EXTERNAL"),
                       ("order", "SCRAM-SHA-256"), ("known", "SCRAM-SHA-256-PLUS")):
        to = "x@%s.example" % name
        submit(s, to)
        ok(arrives(host, to), "%s: delivered" % name) or diag(last(s, to), s.logged()[-2000:])
        is_(logins(host)[-1:], [mech], "%s: by that" % name)
    put_off(s, "stranger", r"4\.7\.8.*no mechanism that will do.*certificate was shown")
    put_off(s, "strict", r"421 4\.7\.8")

    # the key is taken away there
    key = host.rows("tlspubkey", "list")[0]["fingerprint"]
    host.ctl("tlspubkey", "remove", key)
    put_off(s, "ext", r"4\.7\.8", "y@ext.example")
    put_off(s, "both", r"4\.7\.8", "y@both.example")
    ok(re.search("transport both: the server offers less than EXTERNAL", s.logged()),
       "and nothing weaker takes its place")
    s.ctl("secret", "relax", "both")
    s.ctl("queue", "kick", "--to", "y@both.example")
    ok(arrives(host, "y@both.example"), "until that is allowed") or diag(last(s, "y@both.example"))
    is_(logins(host)[-1:], ["SCRAM-SHA-256-PLUS"], "by the strongest that is left")
    host.ctl("tlspubkey", "add", ALICE, input=read(s_cert(s)))
    s.ctl("queue", "kick", "--to", "y@ext.example")
    ok(arrives(host, "y@ext.example"), "the key is back: delivered") or diag(last(s, "y@ext.example"))

    # another certificate, by a reload
    s.write_conf(read(s.conf).replace('certificate "stranger"\nroute to "stranger.', 'certificate "client"\nroute to "stranger.'))
    s.ctl("reload")
    s.ctl("queue", "kick", "--to", "x@stranger.example")
    ok(arrives(host, "x@stranger.example"), "a reload with another certificate: delivered") or \
        diag(last(s, "x@stranger.example"), s.logged()[-2000:])
    s.kill("keys")
    ok(wait_for(lambda: all(r["state"] == "ready" for r in s.rows("status"))), "keys is killed and comes back")
    submit(s, "z@ext.example")

    def again():
        s.ctl("queue", "kick", "--to", "z@ext.example")
        return "to z@ext.example" in subjects(host, "bob")
    ok(wait_for(again, step=0.2), "and signs for the worker again") or diag(last(s, "z@ext.example"))


def s_cert(s):
    return re.search(r'certificate "client" cert "([^"]+)"', read(s.conf)).group(1)


def foreign(s, sinks, d):
    for kind in KINDS:
        der = ssl.PEM_cert_to_DER_cert(read(d + "/%s.crt" % kind))
        for v in VERSIONS:
            name = kind + v
            submit(s, "x@%s.example" % name)
            k = sinks[name]
            ok(wait_for(lambda: k.messages), "%s: delivered" % name) or \
                diag(last(s, "x@%s.example" % name), s.logged()[-2000:])
            got = k.messages and k.messages[0]["session"]
            ok(got and "AUTH EXTERNAL =" in got.commands and got.peer == der,
               "%s: by EXTERNAL, with our certificate" % name)
    submit(s, "x@nologin.example")
    k = sinks["nologin"]
    ok(wait_for(lambda: k.messages), "kind smtp: the certificate is shown") or diag(last(s, "x@nologin.example"))
    ok(not any(c.startswith("AUTH") for c in k.sessions[0].commands), "without a login that nobody asked for")
    for v in VERSIONS:
        put_off(s, "dislikes" + v, r"4\.7\.5 .*TLS with|TLS with")
        ok("transport dislikes%s: localhost[127.0.0.1] may not like our certificate" % v in s.logged(),
           "TLS 1.%s: a certificate that is refused is told from other trouble" % v[1])
        put_off(s, "asksnot" + v, r"4\.7\.8.*the server did not ask for our certificate")
    put_off(s, "refuses", r"535|4\.7\.8")
    ok(all(not k.messages for n, k in sinks.items() if n[:4] in ("disl", "asks", "refu")), "nothing went there")


def check(s, text):
    path = s.dir + "/other.conf"
    with open(path, "w") as f:
        f.write(text)
    r = subprocess.run([BUILD + "/authd", "-n", "-f", path], capture_output=True, text=True)
    return r.returncode, r.stderr


def configuration(s, d):
    text = read(s.conf)
    line = 1 + text[:text.index('certificate "client" cert')].count("\n")
    rc, err = check(s, text.replace(d + "/client.key", d + "/stranger.key"))
    ok(rc != 0 and "other.conf:%d: " % line in err and "does not belong to the certificate" in err,
       "authd -n: a key that does not fit, by file and line") or diag(rc, err)
    rc, err = check(s, text.replace(d + "/client.crt", d + "/none.crt"))
    ok(rc != 0 and "other.conf:%d: " % line in err and "none.crt" in err, "authd -n: a file that is not there") or \
        diag(rc, err)
    s.write_conf(text.replace(d + "/client.key", d + "/stranger.key"))
    r = s.ctl_run("reload")
    ok(r.returncode != 0 and "does not belong" in r.stderr, "a reload with it changes nothing") or diag(r.stdout, r.stderr)
    s.write_conf(text)
    ok("BEGIN PRIVATE" not in s.logged() and SECRET not in s.logged(), "nothing secret in the log")


if __name__ == "__main__":
    main()
