SENDMAIL := letterctl/sendmail.c letterctl/sendmail_args.c letterctl/sendmail_conf.c letterctl/sendmail_keep.c letterctl/sendmail_message.c letterctl/sendmail_send.c
PROGS += letterctl
SRCS.letterctl := letterctl/backup.c letterctl/ctl.c letterctl/dnsask.c letterctl/dnscheck.c letterctl/dnsdkim.c letterctl/dnsfacts.c letterctl/dnstexts.c letterctl/export.c letterctl/export_maildir.c letterctl/gen.c letterctl/ids.c letterctl/import.c letterctl/import_imap.c letterctl/import_maildir.c letterctl/import_names.c letterctl/list.c letterctl/main.c letterctl/password.c letterctl/quickstart.c letterctl/salvage.c $(SENDMAIL) letterctl/tlspubkey.c imapd/parse/cursor.c imapd/parse/lex.c
MAN += man/letterctl.8 man/sendmail.8 man/letterlock.7
SCRIPTS += regress/docs/docs_test.py regress/docs/install_test.sh
