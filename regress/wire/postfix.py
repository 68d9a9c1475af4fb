"""Debian's Postfix on loopback, with all that it keeps in a directory of its own:
for tests, and for what the benchmarks compare with."""
import glob
import os
import re
import shutil
import subprocess

MAIN = """compatibility_level = 3.6
queue_directory = {d}/queue
data_directory = {d}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
mydestination =
inet_interfaces = loopback-only
inet_protocols = ipv4
disable_dns_lookups = yes
maillog_file = {d}/postfix.log
maillog_file_prefixes = {d}
"""


def configure(d, port, more, chroot=True):
    """main.cf and master.cf of one that listens on a port; more: what this one needs besides,
    myhostname and mynetworks at least; chroot: as Debian has it."""
    for sub in "queue", "data":
        os.makedirs(d + "/" + sub)
    shutil.chown(d + "/data", "postfix")
    for f in glob.glob("/etc/postfix/dynamicmaps.cf*"):
        if os.path.isfile(f):
            shutil.copy(f, d)
    with open(d + "/main.cf", "w") as f:
        f.write(MAIN.format(d=d) + more)
    with open("/etc/postfix/master.cf") as f:
        master = f.read()
    if not chroot:
        master = re.sub(r"(?m)^(\w+ +(?:inet|unix) +\S+ +\S+ +)y", r"\1n", master)
    with open(d + "/master.cf", "w") as f:
        f.write(re.sub(r"(?m)^smtp +inet .*", "127.0.0.1:%d inet n - n - 100 smtpd" % port, master))


def command(d, verb):
    """start, reload or stop it."""
    return subprocess.run(["postfix", "-c", d, verb], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          env=dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin"))


def log(d):
    try:
        with open(d + "/postfix.log", errors="replace") as f:
            return f.read()
    except OSError:
        return ""
