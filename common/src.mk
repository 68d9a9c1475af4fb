LIB += common/archive.c common/clientcert.c common/codec.c common/conf.c common/conf_route.c common/dblog.c common/deflate.c common/doors.c common/imapcap.c common/imsg.c common/imsg_ask.c common/io.c common/log.c common/mbox.c common/mbox_flags.c common/mbox_from.c common/mboxname.c common/msg.c common/mutf7.c common/page.c common/proc.c common/sandbox.c common/siphash.c common/tlsctx.c common/tlskey.c common/tlskey_high.c common/tlskey_low.c
LIB += common/tlsproof.c common/compat/exchange.c
LIB += common/authconn.c common/offer.c
FUZZ += regress/fuzz/deflate_fuzz
TESTS += regress/imsg/authconn_test regress/imsg/imsg_test regress/conf/route_test regress/sandbox/sandbox_test
TESTS += regress/siphash/siphash_test
