LIB += common/dbenv/dbenv_open.c common/dbenv/dbenv_netfs.c \
	common/dbenv/dbenv_txn.c common/dbenv/dbenv_db.c \
	common/dbenv/dbenv_thread.c common/dbenv/dbenv_backup.c \
	common/dbenv/dbenv_verify.c
TESTS += regress/dbenv/dbenv_test
