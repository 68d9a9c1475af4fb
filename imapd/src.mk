IMAP_FRONT := imapd/front.c imapd/front_auth.c imapd/front_conn.c \
	imapd/front_relay.c
IMAP_PARSERS := imapd/parse/cursor.c imapd/parse/fetch.c imapd/parse/lex.c \
	imapd/parse/list.c imapd/parse/notify.c imapd/parse/search.c imapd/parse/seqset.c \
	imapd/parse/multisearch.c imapd/parse/sort.c \
	imapd/parse/write.c
# everything of the store that works without processes
IMAP_STORE := $(IMAP_PARSERS) imapd/account.c imapd/acl.c imapd/annotation.c imapd/batch.c imapd/cmd.c \
	imapd/cmd_any.c imapd/append_in.c imapd/cmd_append.c imapd/cmd_copy.c \
	imapd/cmd_expunge.c imapd/cmd_fetch.c imapd/cmd_fetch_body.c \
	imapd/cmd_list.c imapd/cmd_mailbox.c imapd/cmd_metadata.c imapd/cmd_notify.c imapd/cmd_quota.c \
	imapd/cmd_search.c imapd/cmd_select.c imapd/cmd_status.c imapd/cmd_store.c \
	imapd/deliver.c imapd/ending.c imapd/intake.c imapd/known.c imapd/late.c imapd/left.c imapd/letter.c imapd/look.c \
	imapd/gone.c imapd/mailbox.c imapd/names.c imapd/match.c imapd/move.c imapd/move_in.c imapd/move_out.c \
	imapd/notify.c imapd/notify_event.c imapd/notify_tell.c imapd/part.c imapd/qresync.c imapd/quota.c imapd/ready.c imapd/repair.c \
	imapd/section.c imapd/seen.c imapd/sharing.c imapd/session.c imapd/session_in.c \
	imapd/stage.c imapd/store.c imapd/targets.c imapd/vanished.c \
	imapd/view.c
IMAP_STORE += imapd/session_reply.c imapd/session_tell.c imapd/cmd_search_partial.c imapd/cmd_uidbatches.c imapd/limited.c
IMAP_STORE += imapd/filter.c imapd/filter_make.c imapd/flags.c
IMAP_STORE += imapd/msgrec.c
IMAP_THREAD := imapd/forest.c imapd/idtable.c imapd/merge.c imapd/thread.c \
	imapd/thread_tree.c
IMAP_STORE += imapd/cmd_multisearch.c imapd/sources.c imapd/memuse.c imapd/datecache.c imapd/cmd_sort.c imapd/cmd_thread.c imapd/results.c imapd/sortkey.c \
	$(IMAP_THREAD)
IMAP_STORE += imapd/cmd_acl.c imapd/grant.c imapd/place.c imapd/sharing_repair.c
IMAP_CTL := imapd/ctl_acl.c imapd/ctl_export.c imapd/ctl_import.c imapd/ctl_verify.c \
	imapd/store_ctl.c
PROGS += imapd
SRCS.imapd := imapd/main.c imapd/store_role.c $(IMAP_CTL) $(IMAP_STORE) \
	$(IMAP_FRONT)
MAN += man/imapd.8

# regress: a store without processes
IMAP_TEST := regress/imapd/imaptest.c $(IMAP_STORE)
TESTS += regress/imapd/capability_test regress/imapd/condstore_test regress/imapd/copy_test regress/imapd/deliver_test \
	regress/imapd/fetch_test regress/imapd/flags_test regress/imapd/known_test \
	regress/imapd/list_test regress/imapd/mbox_test regress/imapd/metadata_test regress/imapd/notify_test regress/imapd/objectid_test regress/imapd/binary_test regress/imapd/preview_test regress/imapd/rev2_test regress/imapd/utf8_test regress/imapd/replace_test regress/imapd/quota_test \
	regress/imapd/search_test \
	regress/imapd/session_test regress/imapd/view_test \
	regress/crash/late_crash_test regress/crash/store_crash_test regress/crash/verb_crash_test
SRCS.regress/imapd/capability_test := $(IMAP_TEST)
SRCS.regress/imapd/condstore_test := $(IMAP_TEST)
SRCS.regress/imapd/copy_test := $(IMAP_TEST)
SRCS.regress/imapd/deliver_test := $(IMAP_TEST)
SRCS.regress/imapd/fetch_test := $(IMAP_TEST)
TESTS += regress/imapd/filter_test
SRCS.regress/imapd/filter_test := $(IMAP_TEST)
SRCS.regress/imapd/flags_test := $(IMAP_TEST)
SRCS.regress/imapd/known_test := $(IMAP_TEST)
SRCS.regress/imapd/list_test := $(IMAP_TEST)
SRCS.regress/imapd/objectid_test := $(IMAP_TEST)
SRCS.regress/imapd/preview_test := $(IMAP_TEST)
SRCS.regress/imapd/replace_test := $(IMAP_TEST)
SRCS.regress/imapd/binary_test := $(IMAP_TEST)
SRCS.regress/imapd/rev2_test := $(IMAP_TEST)
SRCS.regress/imapd/utf8_test := $(IMAP_TEST)
SRCS.regress/imapd/metadata_test := $(IMAP_TEST)
SRCS.regress/imapd/notify_test := $(IMAP_TEST)
SRCS.regress/imapd/quota_test := $(IMAP_TEST)
SRCS.regress/imapd/search_test := $(IMAP_TEST)
SRCS.regress/imapd/session_test := $(IMAP_TEST)
SRCS.regress/imapd/sort_test := $(IMAP_TEST)
SRCS.regress/imapd/view_test := $(IMAP_TEST)
TESTS += regress/imapd/turns_test
SRCS.regress/imapd/turns_test := $(IMAP_TEST)
SRCS.regress/crash/store_crash_test := $(IMAP_TEST)
SRCS.regress/crash/late_crash_test := $(IMAP_TEST)
SRCS.regress/crash/verb_crash_test := $(IMAP_TEST)
FUZZ += regress/fuzz/imapmatch_fuzz regress/fuzz/imapsection_fuzz \
	regress/fuzz/mbox_fuzz regress/fuzz/session_fuzz
SRCS.regress/fuzz/imapmatch_fuzz := $(IMAP_TEST)
SRCS.regress/fuzz/imapsection_fuzz := $(IMAP_TEST)
SRCS.regress/fuzz/session_fuzz := $(IMAP_TEST) regress/imapd/told.c
PROGS += regress/imapd/deliver_bench
SRCS.regress/imapd/deliver_bench := regress/imapd/deliver_bench.c $(IMAP_TEST)
TESTS += regress/imapd/acl_test
SRCS.regress/imapd/acl_test := $(IMAP_TEST)
TESTS += regress/imapd/rights_test
SRCS.regress/imapd/rights_test := imapd/acl.c common/buf/buf.c
TESTS += regress/imapd/late_test regress/imapd/msgrec_test regress/imapd/qresync_test regress/imapd/stress_test regress/imapd/undone_test regress/imapd/repair_test
SRCS.regress/imapd/late_test := $(IMAP_TEST)
SRCS.regress/imapd/msgrec_test := $(IMAP_TEST)
SRCS.regress/imapd/qresync_test := $(IMAP_TEST)
SRCS.regress/imapd/undone_test := $(IMAP_TEST)
SRCS.regress/imapd/repair_test := $(IMAP_TEST)
SRCS.regress/imapd/stress_test := $(IMAP_TEST) regress/imapd/storm.c \
	regress/imapd/storm_acl.c regress/imapd/storm_check.c \
	regress/imapd/storm_look.c regress/imapd/storm_notify.c \
	regress/imapd/storm_say.c \
	regress/imapd/told.c regress/imapd/world.c
TESTS += regress/imapd/uidonly_test regress/imapd/uidbatches_test regress/imapd/partial_test \
	regress/imapd/messagelimit_test
SRCS.regress/imapd/messagelimit_test := $(IMAP_TEST)
SRCS.regress/imapd/uidonly_test := $(IMAP_TEST)
SRCS.regress/imapd/uidbatches_test := $(IMAP_TEST)
SRCS.regress/imapd/partial_test := $(IMAP_TEST)
TESTS += regress/imapd/sort_test regress/imapd/thread_test
SRCS.regress/imapd/thread_test := $(IMAP_TEST)
FUZZ += regress/fuzz/thread_fuzz
SRCS.regress/fuzz/thread_fuzz := $(IMAP_THREAD) imapd/parse/write.c
TESTS += regress/imapd/multisearch_test
SRCS.regress/imapd/multisearch_test := $(IMAP_TEST)
PROGS += regress/imapd/sort_bench
SRCS.regress/imapd/sort_bench := regress/imapd/sort_bench.c $(IMAP_TEST)
TESTS += regress/imapd/between_test regress/imapd/latekill_test
SRCS.regress/imapd/between_test := $(IMAP_TEST)
SRCS.regress/imapd/latekill_test := $(IMAP_TEST) regress/imapd/told.c
TESTS += regress/imapd/import_test regress/imapd/export_test
SRCS.regress/imapd/import_test := $(IMAP_TEST) regress/imapd/jobtest.c imapd/ctl_import.c
SRCS.regress/imapd/export_test := $(IMAP_TEST) regress/imapd/jobtest.c imapd/ctl_export.c
TESTS += regress/imapd/sorting_test
SRCS.regress/imapd/sorting_test := $(IMAP_TEST)
FRONTRIG := $(IMAP_FRONT) $(IMAP_PARSERS) regress/imapd/frontrig.c
# the rig stands in for common/proc.c and doors.c, and looks at what io.c is asked
FRONTRIG_LIBS := -Wl,-z,muldefs -Wl,--wrap=io_new,--wrap=io_free \
	-Wl,--wrap=io_finish,--wrap=io_release,--wrap=io_set,--wrap=io_tls_server
TESTS += regress/imapd/front_test
SRCS.regress/imapd/front_test := $(FRONTRIG)
LIBS.regress/imapd/front_test := $(FRONTRIG_LIBS)
FUZZ += regress/fuzz/front_fuzz
SRCS.regress/fuzz/front_fuzz := $(FRONTRIG)
LIBS.regress/fuzz/front_fuzz := $(FRONTRIG_LIBS)
