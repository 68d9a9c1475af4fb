#!/usr/bin/env python3
"""Is everything documented?  Public names have a page, components a tested
example, commands and configuration words stand in their pages, references
lead somewhere."""
import glob
import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BUILD", "build")
os.chdir(TOP)
sys.path.insert(0, TOP + "/regress/wire")
from suite import diag, done, ok  # noqa: E402


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def public(header):
    """Names of functions that a header declares."""
    t = re.sub(r"/\*.*?\*/", "", read(header), flags=re.S)
    t = re.sub(r"^#.*?(?<!\\)$", "", t, flags=re.M)
    t = re.sub(r"__attribute__\s*\(\(.*?\)\)(?=\s*;)", "", t, flags=re.S)
    while re.search(r"\{[^{}]*\}", t):
        t = re.sub(r"\{[^{}]*\}", "", t)
    names = []
    for d in t.split(";"):
        m = re.match(r"^[\w\s\*]*?[\s\*](\w+) ?\(.*\)$", " ".join(d.split()))
        if m and "typedef" not in d and "static" not in d:
            names.append(m.group(1))
    return names


pages = {os.path.basename(p): read(p) for p in glob.glob("man/*.[0-9]")}
named = set()
for name, text in pages.items():
    named.update(re.findall(r"^\.Nm (\w+)", text, flags=re.M))

mk = "".join(read(p) for p in glob.glob("*/src.mk") + glob.glob("*/*/src.mk"))
for d in sorted(glob.glob("common/*/")):
    c = d.split("/")[1]
    if c == "compat":       # what a system lacks, for the daemons alone
        continue
    headers = [h for h in glob.glob(d + "*.h") if not h.endswith("_int.h")]
    missing = sorted(n for h in headers for n in public(h) if n not in named)
    if not ok(not missing, "%s: every public name has a page" % c):
        diag("without: " + " ".join(missing))
    ok(os.path.exists(d + "example.c") and os.path.exists(d + "example.out") and
       re.search(r"\bcommon/%s/example\b" % c, mk), "%s: an example that is run" % c)

for p in sorted(pages):
    ok(re.search(r"\bman/%s\b" % re.escape(p), mk) or p.endswith((".7", "letterctl.8")),
       "%s is installed" % p)
    bad = []
    for n, s in re.findall(r"^\.Xr (\S+) (\d)", pages[p], flags=re.M):
        ours = "%s.%s" % (n, s) in pages
        if not ours and not re.match(r"(chroot|unveil|pledge|landlock|seccomp|syslog|mutt|swaks|curl|"
                                     r"unbound|unbound-anchor|connect|crontab|openssl|iconv|iconv_open|resolv.conf|hosts)$", n):
            bad.append("%s(%s)" % (n, s))
    if not ok(not bad, "%s: references lead somewhere" % p):
        diag(" ".join(bad))

ok(re.search(r"\bman/letterlock\.7\b", mk) and re.search(r"\bman/letterctl\.8\b", mk),
   "letterlock(7) and letterctl(8) are installed")

ctl = re.sub(r"\\?\s*\n", " ", pages["letterctl.8"])
ctl = re.sub(r"\s+", " ", ctl)
usage = subprocess.run([BUILD + "/letterctl"], capture_output=True, text=True).stderr
commands = re.findall(r"letterctl ((?:[a-z-]+ ?)+)", usage)
ok(len(commands) > 30, "letterctl lists its commands")
missing = [c.strip() for c in commands if not re.search(r"\.It (Xo \.)?Ic %s( |$)" % re.escape(c.strip()).replace("error", "Cm error"), ctl)]
if not ok(not missing, "each of them stands in letterctl(8)"):
    diag("missing: " + ", ".join(missing))

conf = pages["letterlock.conf.5"]
words = set(re.findall(r'\{ "([a-z][a-z0-9-]+)",\s*[A-Z_0-9]+,\s*" [a-z]', read("authd/parse.y")))
missing = sorted(w for w in words if not re.search(r"\b%s\b" % re.escape(w), conf))
ok(len(words) > 40, "the configuration has its words")
if not ok(not missing, "each of them stands in letterlock.conf(5)"):
    diag("missing: " + " ".join(missing))

readme = read("README.md")
ok("make localserve" in readme and "make check" in readme, "README shows the two commands")
done()
