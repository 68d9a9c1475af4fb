#!/usr/bin/env python3
"""Delivery by LMTP: a reply for each recipient, through a socket in a directory
that is all the worker sees, and over the network; Dovecot if it is there."""
import os
import shutil
import smtplib
import socket
import subprocess
import tempfile
import threading

from suite import DOMAIN, PASSWORD, Suite, diag, done, free_ports, is_, ok, run, skip, wait_for

ALICE = "alice@" + DOMAIN


class Lmtp:
    """Says no to nobody@ at RCPT, 452 to full@ and 550 to gone@ at the end."""

    def __init__(self, where):
        self.messages, self.commands = [], []
        if isinstance(where, str):
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(where)
            os.chmod(where, 0o666)
            self.listener.listen(5)
        else:
            self.listener = socket.create_server(("127.0.0.1", where))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            threading.Thread(target=self.guarded, args=(self.listener.accept()[0],), daemon=True).start()

    def guarded(self, c):
        try:
            self.one(c, c.makefile("rb"))
        except OSError:
            pass
        c.close()

    def one(self, c, f):
        rcpts = []
        c.sendall(b"220 lmtp\r\n")
        for line in f:
            word = line.decode().strip()
            self.commands.append(word)
            verb = word.split(" ")[0].upper()
            if verb == "LHLO":
                c.sendall(b"250-lmtp\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 ENHANCEDSTATUSCODES\r\n")
            elif verb == "RCPT":
                if "nobody@" in word:
                    c.sendall(b"550 5.1.1 nobody here\r\n")
                else:
                    rcpts.append(word.split("<")[1].split(">")[0])
                    c.sendall(b"250 2.1.5 ok\r\n")
            elif verb == "DATA" and not rcpts:
                c.sendall(b"503 5.5.1 no recipients\r\n")
            elif verb == "DATA":
                c.sendall(b"354 go\r\n")
                text = b""
                for line in f:
                    if line == b".\r\n":
                        break
                    text += line
                self.messages.append((list(rcpts), text))
                for r in rcpts:
                    c.sendall(b"452 4.2.2 mailbox full\r\n" if "full@" in r else
                              b"550 5.2.1 closed\r\n" if "gone@" in r else b"250 2.0.0 stored\r\n")
                rcpts = []
            elif verb == "QUIT":
                c.sendall(b"221 bye\r\n")
                return
            elif verb in ("MAIL", "RSET", "NOOP"):
                rcpts = []
                c.sendall(b"250 2.1.0 ok\r\n")
            else:
                c.sendall(b"500 5.5.2 what?\r\n")


def submit(s, *to):
    c = smtplib.SMTP("127.0.0.1", s.submission)
    c.login(ALICE, PASSWORD)
    c.sendmail(ALICE, list(to), "From: %s\r\nSubject: to %s\r\n\r\n.dot\r\n" % (ALICE, to[0]))
    c.quit()


def dovecot(d, port):
    """Its LMTP alone; the process, or None."""
    if not run("dovecot"):
        return None
    os.mkdir(d + "/dovecot")
    os.mkdir(d + "/mail")
    shutil.chown(d + "/mail", "nobody", "nogroup")
    with open(d + "/dovecot.conf", "w") as f:
        f.write("""
base_dir = {d}/dovecot
log_path = {d}/dovecot.log
protocols = lmtp
ssl = no
mail_location = maildir:{d}/mail/%n
mail_uid = nobody
mail_gid = nogroup
first_valid_uid = 1
default_internal_user = dovecot
default_login_user = dovenull
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={d}/mail/%n
}}
passdb {{
  driver = static
  args = password=x
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {port}
  }}
}}
""".format(d=d, port=port))
    p = subprocess.Popen(["dovecot", "-F", "-c", d + "/dovecot.conf"], stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
    if wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0):
        return p
    p.kill()
    p.wait()
    return None


def main():
    d = tempfile.mkdtemp(prefix="letterlock-lmtp-")
    os.chmod(d, 0o755)
    for x in ("/run", "/other"):
        os.mkdir(d + x, 0o755)
        os.chmod(d + x, 0o755)
    port, dport = free_ports(2)
    conf = 'allow-private-addresses\n' \
        'transport "here" lmtp socket "%s/run/lmtp"\ntransport "net" lmtp host "127.0.0.1" port %d\n' \
        'transport "dovecot" lmtp host "127.0.0.1" port %d\n' \
        'route to "here.example" transport "here"\nroute to "dovecot.example" transport "dovecot"\n' \
        'route transport "net"\n' % (d, port, dport)
    here, net, other = Lmtp(d + "/run/lmtp"), Lmtp(port), Lmtp(d + "/other/lmtp")
    try:
        with Suite(conf) as s:
            scenario(s, here, net, d, dport)
            another_socket(s, conf, here, other, d)
    finally:
        shutil.rmtree(d, ignore_errors=True)
    done()


def scenario(s, here, net, d, dport):
    to = ["%s@here.example" % x for x in ("one", "full", "nobody", "gone", "two")]
    submit(s, *to)
    ok(wait_for(lambda: here.messages), "socket: a message arrives") or diag(s.logged()[-3000:])
    ok(here.commands[0].startswith("LHLO "), "socket: by LHLO")
    is_(here.messages[0][0], ["one@here.example", "full@here.example", "gone@here.example", "two@here.example"],
        "socket: all in one transaction")
    ok(b"\r\n..dot\r\n" in here.messages[0][1], "socket: dots are doubled")
    left = wait_for(lambda: (lambda r: r if len(r) == 1 else None)(s.rows("queue", "list")))
    is_([r["to"] for r in left or []], ["full@here.example"], "L12 socket: what was refused for now waits")
    ok(left and "mailbox full" in left[0]["last"], "socket: and says why")
    log = s.logged()
    ok("delivered to=<one@here.example>" in log and "delivered to=<two@here.example>" in log, "socket: delivered")
    ok("failed to=<gone@here.example>" in log and "failed to=<nobody@here.example>" in log,
       "socket: refused for good, at RCPT and at the end")
    rows = [r for r in s.rows("status") if r["role"] == "relay" and r.get("name") == "here"]
    if os.geteuid() == 0 and ok(rows, "a worker of its own"):
        root = "/proc/%d/root" % rows[0]["pid"]
        is_(os.readlink(root), d + "/run", "whose root is the socket's directory")
    elif os.geteuid() != 0:
        skip("a root of its own needs root")
    submit(s, "a@net.example", "b@net.example")
    ok(wait_for(lambda: net.messages), "host: a message arrives") or diag(s.logged()[-2000:])
    submit(s, "nobody@net.example")
    ok(wait_for(lambda: "failed to=<nobody@net.example>" in s.logged()), "host: nobody taken")
    is_(len(net.messages), 1, "host: and nothing sent")
    p = dovecot(d, dport) if os.geteuid() == 0 else None
    if p is None:
        skip("no Dovecot here")
        return
    submit(s, "x@dovecot.example")
    ok(wait_for(lambda: os.path.isdir(d + "/mail/x/new") and os.listdir(d + "/mail/x/new")),
       "Dovecot has it") or diag(s.logged()[-2000:], open(d + "/dovecot.log").read()[-2000:])
    p.terminate()
    p.wait()


def workers(s, name):
    return [r["pid"] for r in s.rows("status") if r["role"] == "relay" and r.get("name") == name]


def another_socket(s, conf, here, other, d):
    """A reload names the same file in another directory."""
    n, old = len(here.messages), workers(s, "here")
    s.write_conf(s.base + conf.replace(d + "/run/lmtp", d + "/other/lmtp"))
    is_(s.ctl_run("reload").returncode, 0, "another socket: reloaded")
    ok(wait_for(lambda: not set(old) & set(workers(s, "here"))), "another socket: the worker ends")
    submit(s, "moved@here.example")
    ok(wait_for(lambda: other.messages), "another socket: a message arrives") or diag(s.logged()[-2000:])
    is_(len(here.messages), n, "another socket: and none at the former")


main()
