AUTH_ALL := $(AUTH) regress/auth/rig.c
TESTS += regress/auth/address_test regress/auth/userdb_test
SRCS.regress/auth/address_test := authd/auth_address.c
SRCS.regress/auth/userdb_test := authd/auth_address.c authd/auth_known.c \
    authd/auth_tlskey.c authd/auth_userdb.c authd/auth_userdb_verifier.c
AUTH_CLIENTS := $(AUTH_ALL) regress/auth/clients.c
TESTS += regress/auth/conn_test regress/auth/login_test regress/auth/rcpt_test \
    regress/auth/ctl_test regress/auth/hostile_test \
    regress/auth/upgrade_test regress/auth/tells_test
SRCS.regress/auth/conn_test := $(AUTH_CLIENTS)
SRCS.regress/auth/login_test := $(AUTH_CLIENTS)
SRCS.regress/auth/rcpt_test := $(AUTH_CLIENTS)
SRCS.regress/auth/ctl_test := $(AUTH_CLIENTS)
SRCS.regress/auth/hostile_test := $(AUTH_CLIENTS)
FUZZ += regress/fuzz/authlink_fuzz
SRCS.regress/fuzz/authlink_fuzz := $(filter-out authd/auth_proof.c,$(AUTH_ALL))
# the rig stands in for common/proc.c, also where that is not in an archive
LIBS.regress/fuzz/authlink_fuzz := -Wl,-z,muldefs
TESTS += regress/auth/tlskey_test
SRCS.regress/auth/tlskey_test := authd/auth_address.c authd/auth_known.c \
    authd/auth_tlskey.c authd/auth_userdb.c authd/auth_userdb_verifier.c
SRCS.regress/auth/upgrade_test := $(AUTH_CLIENTS)
SRCS.regress/auth/tells_test := $(AUTH_CLIENTS)
# with a proof of its own
TESTS += regress/auth/key_test
SRCS.regress/auth/key_test := $(filter-out authd/auth_proof.c,$(AUTH_CLIENTS))
TESTS += regress/auth/proof_test
SRCS.regress/auth/proof_test := authd/auth_proof.c regress/auth/shake.c
FUZZ += regress/fuzz/proof_fuzz
SRCS.regress/fuzz/proof_fuzz := authd/auth_proof.c
