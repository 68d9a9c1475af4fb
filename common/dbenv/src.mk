LIB += common/dbenv/dbenv_open.c common/dbenv/dbenv_netfs.c \
	common/dbenv/dbenv_boot.c common/dbenv/dbenv_txn.c common/dbenv/dbenv_db.c \
	common/dbenv/dbenv_thread.c common/dbenv/dbenv_backup.c \
	common/dbenv/dbenv_page.c common/dbenv/dbenv_salvage.c \
	common/dbenv/dbenv_verify.c common/dbenv/dbenv_locks.c
FUZZ += regress/fuzz/dbpage_fuzz
TESTS += regress/dbenv/dbenv_test regress/dbenv/damage_test \
	regress/dbenv/full_test regress/dbenv/cage_test regress/dbenv/salvage_test regress/dbenv/locks_test \
	regress/crash/db_crash_test
EXAMPLES += common/dbenv/example
MAN += man/dbenv.3
