"""Postfix with Dovecot behind it, from Debian's packages, on loopback, with all
they keep in a directory of their own: what the benchmark compares with.  Both
as durable as they are by default, Dovecot with mdbox, its fastest format."""
import os
import re
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "wire")]
import postfix  # noqa: E402

POSTFIX = """myhostname = peer.test
mynetworks = 127.0.0.0/8
virtual_mailbox_domains = letterlock.test
virtual_transport = lmtp:unix:{d}/lmtp
local_recipient_maps =
smtpd_recipient_restrictions = permit_mynetworks, reject
smtpd_client_connection_count_limit = 0
lmtp_destination_concurrency_limit = 50
default_process_limit = 100
"""

DOVECOT = """base_dir = {d}/run
log_path = {d}/dovecot.log
protocols = imap lmtp
listen = 127.0.0.1
ssl = {ssl}
ssl_cert = <{cert}/mail.crt
ssl_key = <{cert}/mail.key
disable_plaintext_auth = no
default_client_limit = 20000
default_process_limit = 2000
mail_location = mdbox:{d}/mail/%n
mail_uid = mail
mail_gid = mail
first_valid_uid = 1
mail_max_userip_connections = 20000
auth_cache_size = 10M
auth_mechanisms = plain login scram-sha-256
passdb {{
  driver = static
  args = password=letterlock
}}
userdb {{
  driver = static
  args = uid=mail gid=mail home={d}/mail/%n allow_all_users=yes
}}
service imap-login {{
  process_min_avail = 2
  service_count = 0
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service imap {{
  service_count = 100
  process_limit = 4000
}}
service lmtp {{
  process_min_avail = 2
  unix_listener {d}/lmtp {{
    mode = 0666
  }}
}}
service stats {{
  client_limit = 20000
}}
"""


def available():
    return os.geteuid() == 0 and all(shutil.which(p, path=os.environ["PATH"] + ":/usr/sbin")
                                     for p in ("postfix", "dovecot", "doveadm"))


class Peers:
    """Postfix on port smtp, Dovecot on imap and imaps."""

    def __init__(self, directory, cert, smtp, imap, imaps):
        self.d, self.smtp, self.imap, self.imaps = directory, smtp, imap, imaps
        postfix.configure(directory, smtp, POSTFIX.format(d=directory))
        with open(directory + "/master.cf") as f:
            master = re.sub(r"(?m)^lmtp +unix.*", "lmtp unix - - n - 50 lmtp", f.read())
        with open(directory + "/master.cf", "w") as f:
            f.write(master)
        for s in ("mail", "run"):
            os.makedirs(directory + "/" + s)
        for s in ("", "/queue", "/data", "/mail"):
            os.chmod(directory + s, 0o755)
        shutil.chown(directory + "/mail", "mail", "mail")
        with open(directory + "/dovecot.conf", "w") as f:
            f.write(DOVECOT.format(d=directory, cert=cert, ssl="yes", imap=imap, imaps=imaps))

    def start(self):
        subprocess.run(["dovecot", "-c", self.d + "/dovecot.conf"], check=True)
        postfix.command(self.d, "start").check_returncode()

    def forget(self):
        """The cache of logins."""
        subprocess.run(["doveadm", "-c", self.d + "/dovecot.conf", "auth", "cache", "flush"],
                       check=True, stdout=subprocess.DEVNULL)

    def pids(self):
        with open(self.d + "/run/master.pid") as f:
            return [int(f.read())]

    def stored(self):
        """How many messages there are in all mailboxes."""
        n = 0
        for u in os.listdir(self.d + "/mail"):
            r = subprocess.run(["doveadm", "-c", self.d + "/dovecot.conf", "mailbox", "status", "-u", u,
                                "messages", "INBOX"], capture_output=True, text=True)
            n += sum(map(int, re.findall(r"messages=(\d+)", r.stdout)))
        return n

    def stop(self):
        postfix.command(self.d, "stop")
        subprocess.run(["doveadm", "-c", self.d + "/dovecot.conf", "stop"], stderr=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while os.path.exists(self.d + "/run/master.pid") and time.monotonic() < end:
            time.sleep(0.1)
