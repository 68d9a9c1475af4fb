AUTH_ALL := $(AUTH) regress/auth/rig.c
TESTS += regress/auth/address_test regress/auth/userdb_test
SRCS.regress/auth/address_test := authd/auth_address.c
SRCS.regress/auth/userdb_test := authd/auth_address.c authd/auth_known.c \
    authd/auth_userdb.c
TESTS += regress/auth/role_test
SRCS.regress/auth/role_test := $(AUTH_ALL)
FUZZ += regress/fuzz/authlink_fuzz
SRCS.regress/fuzz/authlink_fuzz := $(AUTH_ALL)
# the rig stands in for common/proc.c, also where that is not in an archive
LIBS.regress/fuzz/authlink_fuzz := -Wl,-z,muldefs
