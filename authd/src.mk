PROGS += authd
PARSE := authd/check.c authd/lex.c authd/parse.y authd/parse_act.c \
    authd/parse_transport.c authd/print.c authd/values.c
PARENT := $(PARSE) authd/child.c authd/control.c authd/control_log.c \
    authd/files.c authd/link.c authd/main.c authd/parent.c authd/place.c \
    authd/reload.c authd/status.c authd/worker.c
KEYS := authd/keys.c authd/keys_raw.c authd/keys_seen.c authd/keys_sign.c
AUTH := authd/auth.c authd/auth_address.c authd/auth_conn.c authd/auth_ctl.c \
    authd/auth_ctl_account.c authd/auth_ctl_key.c authd/auth_ctl_logins.c authd/auth_exchange.c \
    authd/auth_identity.c authd/auth_known.c authd/auth_limits.c authd/auth_logins.c authd/auth_move.c \
    authd/auth_proof.c authd/auth_rcpt.c authd/auth_relay.c authd/auth_route.c \
    authd/auth_secret.c authd/auth_sessions.c authd/auth_tlskey.c \
    authd/auth_upgrade.c authd/auth_userdb.c authd/auth_userdb_verifier.c \
    authd/auth_verify.c authd/auth_vouch.c
LOOKUP := authd/lookup.c authd/lookup_anchor.c authd/lookup_answer.c authd/lookup_ctl.c \
    authd/lookup_https.c authd/lookup_resolver.c authd/lookup_sts.c
SRCS.authd := $(PARENT) $(AUTH) $(KEYS) $(LOOKUP)
LIBS.authd := -lunbound -lcurl

# regress: the parent, with roles that do no work
PROGS += regress/authd/authd regress/authd/role
SRCS.regress/authd/authd := $(PARENT) regress/authd/dummy.c
SRCS.regress/authd/role := regress/authd/dummy.c regress/authd/role.c
SCRIPTS += regress/authd/parent_test.py
SCRIPTS += regress/conf/conf_test.sh
FUZZ += regress/fuzz/conffile_fuzz regress/fuzz/confwire_fuzz
SRCS.regress/fuzz/conffile_fuzz := $(PARSE)
MAN += man/authd.8 man/letterlock.conf.5
TESTS += regress/tlsctx/tlsctx_test regress/tlsctx/low_test \
    regress/tlsctx/seen_test
SRCS.regress/tlsctx/seen_test := authd/keys_seen.c
SRCS.regress/tlsctx/tlsctx_test := $(KEYS)
SRCS.regress/tlsctx/low_test := authd/keys_raw.c
TESTS += regress/lookup/lookup_test
SRCS.regress/lookup/lookup_test := $(filter-out authd/lookup_https.c,$(LOOKUP))
LIBS.regress/lookup/lookup_test := -lunbound
FUZZ += regress/fuzz/sign_fuzz regress/fuzz/dns_fuzz
SRCS.regress/fuzz/sign_fuzz := authd/keys_sign.c
SRCS.regress/fuzz/dns_fuzz := authd/lookup_answer.c
TESTS += regress/authd/log_test
SRCS.regress/authd/log_test := authd/control_log.c
