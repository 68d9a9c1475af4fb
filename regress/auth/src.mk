AUTH_ALL := $(AUTH) regress/auth/rig.c
TESTS += regress/auth/address_test regress/auth/userdb_test
SRCS.regress/auth/address_test := authd/auth_address.c
SRCS.regress/auth/userdb_test := authd/auth_address.c authd/auth_userdb.c
TESTS += regress/auth/role_test
SRCS.regress/auth/role_test := $(AUTH_ALL)
