#!/usr/bin/env python3
"""letterctl dnscheck and dnsrecords: a domain with everything in place, and the
same with one thing wrong after the other.  (A resolver knows by itself that the
addresses for documentation have no names: these here are others.)"""
import base64
import json
import struct
import subprocess

from dns import Dns, a, mx, name, txt
from suite import DOMAIN, Suite, diag, done, is_, ok

HOST = "mail." + DOMAIN
POLICY = "v=spf1 ip4:5.6.7.1 ip4:5.6.7.8 ip4:5.6.7.9 mx -all"
CONF = """
resolver 127.0.0.1@%d
transport "out2" socks address 127.0.0.1 source 10.9.9.9 remote-ips { 5.6.7.9 } remote-hostname "out2.letterlock.test"
transport "out3" direct source 5.6.7.8 helo "out3.letterlock.test"
transport "same" direct source 5.6.7.1
transport "inside" direct source 10.0.0.1
transport "lists" lmtp socket "/run/lists/lmtp"
"""
RECORDS = """
letterlock.test.\tMX\t10 mail.letterlock.test.
letterlock.test.\tTXT\t"v=spf1 ip4:5.6.7.1 ip4:5.6.7.8 ip4:5.6.7.9 mx -all"
_dmarc.letterlock.test.\tTXT\t"v=DMARC1; p=reject"
_mta-sts.letterlock.test.\tTXT\t"v=STSv1; id=1"
_smtp._tls.letterlock.test.\tTXT\t"v=TLSRPTv1; rua=mailto:postmaster@letterlock.test"
mail.letterlock.test.\tA\t5.6.7.1
1.7.6.5.in-addr.arpa.\tPTR\tmail.letterlock.test.
out3.letterlock.test.\tA\t5.6.7.8
8.7.6.5.in-addr.arpa.\tPTR\tout3.letterlock.test.
out2.letterlock.test.\tA\t5.6.7.9
9.7.6.5.in-addr.arpa.\tPTR\tout2.letterlock.test.
mail.letterlock.test.\tTXT\t"v=spf1 a -all"
out3.letterlock.test.\tTXT\t"v=spf1 a -all"
out2.letterlock.test.\tTXT\t"v=spf1 a -all"
_25._tcp.mail.letterlock.test.\tTLSA\t3 1 1 {key}
_submissions._tcp.letterlock.test.\tSRV\t0 1 {s.submissions} mail.letterlock.test.
_submission._tcp.letterlock.test.\tSRV\t0 1 {s.submission} mail.letterlock.test.
_imaps._tcp.letterlock.test.\tSRV\t0 1 {s.imaps} mail.letterlock.test.
_imap._tcp.letterlock.test.\tSRV\t0 1 {s.imap} mail.letterlock.test.
"""
# what needs a web server is in mtasts_test.py
STS = "_mta-sts.letterlock.test.\tTXT\t\"v=STSv1; id=1\""
# more than a page of either
MANY = "".join('domain "d%d.example"\ntransport "t%d" direct\n' % (i, i) for i in range(150))


def srv(port, target):
    return struct.pack(">HHH", 0, 1, port) + name(target)


def good(s, tlsa):
    return {
        (HOST, "A"): [a("5.6.7.1")], (HOST, "TXT"): [txt("v=spf1 a -all")],
        ("out2." + DOMAIN, "A"): [a("5.6.7.9")], ("out2." + DOMAIN, "TXT"): [txt("v=spf1 a -all")],
        ("out3." + DOMAIN, "A"): [a("5.6.7.8")], ("out3." + DOMAIN, "TXT"): [txt("v=spf1 a -all")],
        ("1.7.6.5.in-addr.arpa", "PTR"): [name(HOST)], ("8.7.6.5.in-addr.arpa", "PTR"): [name("out3." + DOMAIN)],
        ("9.7.6.5.in-addr.arpa", "PTR"): [name("out2." + DOMAIN)],
        (DOMAIN, "MX"): [mx(10, HOST)], (DOMAIN, "TXT"): [txt("something else"), txt(POLICY)],
        ("_dmarc." + DOMAIN, "TXT"): [txt("v=DMARC1; p=reject")],
        ("_smtp._tls." + DOMAIN, "TXT"): [txt("v=TLSRPTv1; rua=mailto:x@letterlock.test")],
        ("_25._tcp." + HOST, "TLSA"): [tlsa],
        ("_submissions._tcp." + DOMAIN, "SRV"): [srv(s.submissions, HOST)],
        ("_submission._tcp." + DOMAIN, "SRV"): [srv(s.submission, HOST)],
        ("_imaps._tcp." + DOMAIN, "SRV"): [srv(s.imaps, HOST)],
        ("_imap._tcp." + DOMAIN, "SRV"): [srv(s.imap, "imap." + DOMAIN)], ("imap." + DOMAIN, "A"): [a("5.6.7.1")],
    }


servers = [Dns({}), Dns({})]


def check(s, *args):
    r = s.ctl_run("dnscheck", *(args or (DOMAIN,)), "--json")
    rows = [json.loads(x) for x in r.stdout.splitlines()]
    return r.returncode, rows


def bad(rows):
    return [(x["level"], x["about"], x["text"]) for x in rows if x.get("level", "ok") != "ok"]


def published(rows):
    return [x["publish"] for x in rows if "publish" in x]


# what is changed, and what is said: level, about, a piece of the text; a record to publish,
# "" for none but that of MTA-STS
WRONG = [
    ("no address", {(HOST, "A"): []}, "error", "host", "has no address", HOST + ".\tA"),
    ("no reverse name", {("1.7.6.5.in-addr.arpa", "PTR"): []}, "error", "reverse", "5.6.7.1 has no name",
     "1.7.6.5.in-addr.arpa.\tPTR\t" + HOST + "."),
    ("another reverse name", {("1.7.6.5.in-addr.arpa", "PTR"): [name("x.example")]}, "warning", "reverse",
     "has the name x.example", "1.7.6.5.in-addr.arpa.\tPTR"),
    ("the proxy's reverse name", {("9.7.6.5.in-addr.arpa", "PTR"): [name("x.example")]}, "warning", "reverse",
     "5.6.7.9 has the name x.example, not out2.letterlock.test", "9.7.6.5.in-addr.arpa.\tPTR"),
    ("a source's reverse name", {("8.7.6.5.in-addr.arpa", "PTR"): []}, "error", "reverse",
     "5.6.7.8 has no name", "8.7.6.5.in-addr.arpa.\tPTR\tout3.letterlock.test."),
    ("not back", {("out2." + DOMAIN, "A"): [a("5.6.7.10")]}, "error", "reverse",
     "does not have that address", "out2.letterlock.test.\tA\t5.6.7.9"),
    ("no MX", {(DOMAIN, "MX"): []}, "error", "MX", "names no mail server", DOMAIN + ".\tMX\t10 " + HOST),
    ("another's MX", {(DOMAIN, "MX"): [mx(10, "out2." + DOMAIN)]}, "warning", "MX", "are others", DOMAIN + ".\tMX"),
    ("null MX", {(DOMAIN, "MX"): [mx(0, "")]}, "error", "MX", "takes no mail", DOMAIN + ".\tMX"),
    ("MX without address", {(DOMAIN, "MX"): [mx(10, HOST), mx(20, "gone.example")]}, "error", "MX",
     "gone.example has no address", None),
    ("no SPF", {(DOMAIN, "TXT"): []}, "error", "SPF", "5.6.7.1 for letterlock.test: none", "v=spf1 ip4:5.6.7.1 "
     "ip4:5.6.7.8 ip4:5.6.7.9 mx -all"),
    ("SPF without the proxy", {(DOMAIN, "TXT"): [txt("v=spf1 mx -all")]}, "error", "SPF",
     "5.6.7.9 for letterlock.test: fail (mechanism -all of letterlock.test)", "ip4:5.6.7.9"),
    ("two SPF records", {(DOMAIN, "TXT"): [txt(POLICY), txt(POLICY)]}, "error", "SPF", "permerror (several records",
     "v=spf1"),
    ("SPF with a mistake", {(DOMAIN, "TXT"): [txt(POLICY + " nonsense")]}, "error", "SPF",
     'malformed term "nonsense"', "v=spf1"),
    ("no SPF for HELO", {(HOST, "TXT"): []}, "warning", "SPF", "5.6.7.1 for mail.letterlock.test: none",
     HOST + ".\tTXT\t\"v=spf1 a -all\""),
    ("no DMARC", {("_dmarc." + DOMAIN, "TXT"): []}, "warning", "DMARC", "has no record", "v=DMARC1; p=reject"),
    ("DMARC without p", {("_dmarc." + DOMAIN, "TXT"): [txt("v=DMARC1; sp=none; rua=mailto:x")]}, "error", "DMARC",
     "no p=", "v=DMARC1; p=reject"),
    ("DMARC with a mistake", {("_dmarc." + DOMAIN, "TXT"): [txt("v=DMARC1; p=all")]}, "error", "DMARC", "its p= is not",
     "v=DMARC1; p=reject"),
    ("no answer about policies", {("_dmarc." + DOMAIN, "TXT"): None, ("_imaps._tcp." + DOMAIN, "SRV"): None}, "error",
     "DMARC", "no answer about _dmarc", ""),
    ("two MTA-STS", {("_mta-sts." + DOMAIN, "TXT"): [txt("v=STSv1; id=1"), txt("v=STSv1; id=2")]}, "error", "MTA-STS",
     "several records", "_mta-sts"),
    ("MTA-STS with a mistake", {("_mta-sts." + DOMAIN, "TXT"): [txt("v=STSv1; id=2026-01-01")]}, "error", "MTA-STS",
     "is no record of MTA-STS", "_mta-sts.letterlock.test.\tTXT\t\"v=STSv1; id=1\""),
    ("no TLSRPT", {("_smtp._tls." + DOMAIN, "TXT"): []}, "warning", "TLSRPT", "has no record", "v=TLSRPTv1"),
    ("another key", {("_25._tcp." + HOST, "TLSA"): [b"\3\1\1" + bytes(32)]}, "error", "TLSA",
     "no record 3 1 1 for the key in use", "TLSA\t3 1 1"),
    ("no TLSA", {("_25._tcp." + HOST, "TLSA"): []}, "warning", "TLSA", "none; with a signed zone", "TLSA\t3 1 1"),
    ("no SRV", {("_imaps._tcp." + DOMAIN, "SRV"): []}, "warning", "SRV", "_imaps._tcp.letterlock.test: not there",
     "_imaps._tcp.letterlock.test.\tSRV\t0 1 "),
    ("SRV to another", lambda s: {("_imaps._tcp." + DOMAIN, "SRV"): [srv(s.imaps, "old.example.net")]}, "warning",
     "SRV", "is no service of this machine", "_imaps._tcp.letterlock.test.\tSRV\t0 1 "),
    ("no answer", {(DOMAIN, "TXT"): None}, "error", "SPF", "temperror", None),
]


def main():
    more = ""
    with Suite(MANY + CONF % servers[0].port, start=False) as s:
        # the same services at another address
        for line in s.base.splitlines():
            if line.startswith("listen on 127.0.0.1 "):
                more += line.replace("127.0.0.1", "127.0.0.2") + "\n"
        s.write_conf(open(s.conf).read() + more)
        s.start()
        spki = subprocess.run("openssl x509 -in %s/mail.crt -pubkey -noout | openssl pkey -pubin -outform DER | "
                              "openssl dgst -sha256 -binary" % s.dir, shell=True, capture_output=True).stdout
        zone = good(s, b"\3\1\1" + spki)
        servers[0].zone = zone
        code, rows = check(s)
        is_(bad(rows), [("warning", "TLSA", "_25._tcp.mail.letterlock.test: the key in use is there, but the zone is "
                         "not signed: nobody will look at it"),
                        ("warning", "DKIM", "nothing is signed here: name the selectors of who signs after "
                         "the domain"),
                        ("warning", "MTA-STS", "_mta-sts.letterlock.test has no record")], "all is in place")
        is_((code, published(rows)), (0, [STS]), "no error, nothing to publish but that")
        dkim(s)
        r = s.ctl_run("dnscheck", DOMAIN)
        ok(r.stdout.endswith("0 errors, 3 warnings\n"), "as text") or diag(r.stdout, r.stderr)
        code, rows = check(s, "nowhere.example")
        ok(code == 1 and ("error", "domain", "nowhere.example is not in the configuration") in bad(rows),
           "another domain")
        code, rows = check(s, "d149.example")
        ok(not any(x[1] == "domain" for x in bad(rows)), "the last of many domains") or diag(rows)
        r = s.ctl_run("dnscheck", "a b")
        ok(r.returncode == 2 and "is no domain" in r.stderr, "no domain")
        r = s.ctl_run("dnsrecords", DOMAIN)
        is_(sorted(x.split("publish")[1].strip() for x in r.stdout.splitlines()), sorted(RECORDS.format(
            s=s, key=spki.hex()).strip().splitlines()), "dnsrecords: all that it asks for, each once")
        s.ctl("stop")
        s.proc.wait()
    with Suite(CONF % servers[0].port) as s:
        for what, change, level, about, text, record in WRONG:
            fresh(s, {**good(s, b"\3\1\1" + spki), **(change(s) if callable(change) else change)})
            code, rows = check(s)
            if not ok(any(x[0] == level and x[1] == about and text in x[2] for x in bad(rows)),
                      "%s: %s" % (what, text)):
                diag(rows)
            ok(record is None or any(record in p for p in published(rows)) or (record == "" and published(rows) == [STS]),
               "%s: what to publish" % what) or diag(published(rows))
            ok(code == (1 if any(x[0] == "error" for x in bad(rows)) else 0), "%s: exit status" % what)
    done()


# selectors, their records, and what is said of them
DKIM = [
    ("rsa2048", ["v=DKIM1; k=rsa; p={2048}"], "ok", "there is a key"),
    ("plain", ["p={2048}"], "ok", "there is a key"),
    ("split", ["v=DKIM1;p = {spaced} ;"], "ok", "there is a key"),
    ("ed", ["v=DKIM1; k=ed25519; p=" + base64.b64encode(bytes(32)).decode()], "ok", "there is a key"),
    ("rsa1024", ["v=DKIM1; p={1024}"], "warning", "a key of 1024 bits"),
    ("rsa512", ["v=DKIM1; p={512}"], "error", "too short"),
    ("test", ["v=DKIM1; t=y; p={2048}"], "warning", "t=y"),
    ("old", ["v=DKIM1; p="], "error", "revoked"),
    ("nokey", ["v=DKIM1; k=rsa"], "error", "no p="),
    ("two", ["v=DKIM1; p={2048}", "v=DKIM1; p={1024}"], "error", "several records"),
    ("other", ["v=DKIM2; p={2048}"], "error", "not DKIM1"),
    ("dsa", ["v=DKIM1; k=dsa; p={2048}"], "error", "neither rsa nor ed25519"),
    ("noise", ["v=DKIM1; p=AAAA"], "error", "no key of RSA"),
    ("nobase64", ["v=DKIM1; p=*"], "error", "no base64"),
    ("short", ["v=DKIM1; k=ed25519; p=AAAA"], "error", "no key of Ed25519"),
    ("gone", [], "error", "there is no key"),
    ("away", None, "error", "no answer"),
]


def public_key(bits):
    der = subprocess.run("openssl genrsa %d 2>/dev/null | openssl pkey -pubout -outform DER" % bits, shell=True,
                         capture_output=True).stdout
    return base64.b64encode(der).decode()


def strings(text):
    return txt(*[text[i:i + 200] for i in range(0, len(text), 200)])


def dkim(s):
    keys = {str(bits): public_key(bits) for bits in (512, 1024, 2048)}
    keys["spaced"] = keys["2048"][:100] + " \t " + keys["2048"][100:]

    def filled(record):
        for k, v in keys.items():
            record = record.replace("{%s}" % k, v)
        return strings(record)
    for name, records, _, _ in DKIM:
        servers[0].zone[name + "._domainkey." + DOMAIN, "TXT"] = None if records is None else [filled(r) for r in records]
    rows = check(s, DOMAIN, *[x[0] for x in DKIM])[1]
    said = [(x["level"], x["text"]) for x in rows if x.get("about") == "DKIM"]
    for (name, _, level, text), got in zip(DKIM, said):
        ok(got[0] == level and got[1].startswith(name + "._domainkey.letterlock.test: ") and text in got[1],
           "DKIM: %s: %s" % (name, text)) or diag(*got)
    is_(len(said), len(DKIM), "DKIM: all of them")


def fresh(s, zone):
    """Another zone, by another server: nothing that is cached holds there."""
    with open(s.conf) as f:
        text = f.read()
    servers.reverse()
    servers[0].zone = zone
    s.write_conf(text.replace("@%d\n" % servers[1].port, "@%d\n" % servers[0].port))
    s.ctl("reload")


main()
