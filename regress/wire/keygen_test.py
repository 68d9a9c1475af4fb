#!/usr/bin/env python3
"""letterctl tlspubkey gen: the files, who may read them, and that the commands
it prints do the same."""
import os
import re
import subprocess
import tempfile

from suite import BUILD, diag, done, is_, ok


def sh(d, command):
    return subprocess.run(["sh", "-c", command], cwd=d, capture_output=True, text=True, timeout=180)


def gen(d, *args, input=""):
    return subprocess.run([BUILD + "/letterctl", "tlspubkey", "gen"] + list(args), cwd=d, input=input,
                          capture_output=True, text=True, timeout=180)


def fingerprint(d, source):
    return sh(d, source + " | openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary"
              " | basenc --base64url | tr -d =").stdout.strip()


def shape(d, name):
    """Of a certificate: everything but key, dates, serial number and signature."""
    text = sh(d, "openssl x509 -in %s -noout -subject -issuer -text" % name).stdout
    return [re.search(p, text).group(0) for p in (r"subject=.*", r"issuer=.*", r"Version: .*", r"Public Key Algorithm: .*",
                                                  r"Signature Algorithm: .*")]


def one(d, name, *args, input=""):
    r = gen(d, *args, name, input=input)
    is_(r.returncode, 0, name + ": made") or diag(r.stderr)
    files = [name + x for x in (".key.pem", ".cert.pem", ".pem")]
    p12 = name + ".p12"
    if "--pkcs12" in args:
        files.append(p12)
    is_([f for f in sorted(os.listdir(d)) if f.startswith(name + ".")], sorted(files), name + ": these files")
    ok(all(os.stat(d + "/" + f).st_mode & 0o777 == 0o600 for f in files), name + ": for their owner alone")
    fp = re.search(r"^fingerprint: ([\w-]{43})$", r.stdout, re.M).group(1)
    is_(fingerprint(d, "openssl x509 -in %s.cert.pem -noout -pubkey" % name), fp, name + ": the fingerprint")
    is_(sh(d, "openssl verify -CAfile %s.cert.pem %s.cert.pem" % (name, name)).returncode, 0, name + ": signed by itself")
    ok("letterctl tlspubkey add ADDRESS < %s.cert.pem" % name in r.stdout, name + ": how to add it")
    if p12 in files:
        m = re.search(r"^password of %s: (\S+)$" % re.escape(p12), r.stdout, re.M)
        password = m.group(1) if m else input.strip()
        ok((m is None) == ("--password" in args), name + ": a password is printed if it was made")
        old = "-legacy " if "--legacy" in args else ""
        is_(fingerprint(d, "openssl pkcs12 %s-in %s -passin pass:%s -nodes -nocerts | openssl pkey -pubout" % (
            old, p12, password)), fp, name + ": PKCS#12 has the key")
        info = sh(d, "openssl pkcs12 %s-in %s -passin pass:%s -info -noout" % (old, p12, password)).stderr
        ok(("AES-256-CBC" in info) == (not old) and ("TripleDES" in info) == bool(old), name + ": its cipher") or diag(info)

    # again: nothing is written over
    before = {f: open(d + "/" + f, "rb").read() for f in files}
    r2 = gen(d, *args, name, input=input)
    ok(r2.returncode == 1 and "exists" in r2.stderr, name + ": a second time refused")
    os.unlink(d + "/%s.key.pem" % name)
    ok(gen(d, *args, name, input=input).returncode == 1 and not os.path.exists(d + "/%s.key.pem" % name),
       name + ": all or none")
    ok(all(open(d + "/" + f, "rb").read() == before[f] for f in files if not f.endswith(".key.pem")),
       name + ": and the others stay")

    # what it prints does the same
    other = d + "/other-" + name
    os.mkdir(other)
    commands = [x.strip() for x in re.findall(r"^    ((?:openssl|cat) .*)$", r.stdout, re.M)]
    out = ""
    for c in commands:
        c = c.replace("pkcs12 -export", "pkcs12 -export -passout pass:x")
        x = sh(other, c)
        ok(x.returncode == 0, name + ": " + c) or diag(x.stderr)
        out = x.stdout
    is_(sorted(os.listdir(other)), sorted(files), name + ": the same files by these commands")
    is_(out.strip(), fingerprint(other, "openssl x509 -in %s.cert.pem -noout -pubkey" % name),
        name + ": and a fingerprint of that form")
    is_(shape(other, name + ".cert.pem"), shape(d, name + ".cert.pem"), name + ": the same kind of certificate")


def main():
    with tempfile.TemporaryDirectory() as d:
        one(d, "plain")
        one(d, "phone", "--pkcs12")
        one(d, "old", "--type", "ecdsa-p256", "--pkcs12", "--legacy", "--password", input="a-word\n")
        for args in ((), ("--type", "rsa", "x"), ("--what", "x"), ("x", "y")):
            is_(gen(d, *args).returncode, 2, "usage: " + " ".join(args))
    done()


main()
