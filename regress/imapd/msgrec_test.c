/*
 * Records of messages as octets: there and back, those of the schemas before,
 * and a store that has both.
 */
#include <errno.h>
#include <string.h>

#include "codec.h"
#include "imapd/store.h"
#include "imaptest.h"

#define OCTETS		55
#define OCTETS_BEFORE	58
#define CONSTANT	39	/* of those, a change of flags leaves alone */

/* As it was until schema 2. */
static const struct field f_before[] = {
	F_U32(msgrec, flags), F_U64(msgrec, keywords), F_U64(msgrec, modseq),
	F_U64(msgrec, date), F_U64(msgrec, saved), F_U64(msgrec, body),
	F_U64(msgrec, email), F_U32(msgrec, size), F_U16(msgrec, zone),
};
static const struct codec c_before = CODEC(msgrec, f_before);

static const struct msgrec recs[] = {
	{ 0 },
	{ .flags = MF_SEEN, .keywords = 1, .modseq = 2, .date = 3, .saved = 4,
	    .body = 5, .email = 6, .size = 7, .zone = 8 },
	{ .flags = MF_ALL, .keywords = UINT64_MAX, .modseq = INT64_MAX,
	    .date = 0x0123456789abcdef, .saved = 0xfedcba9876543210,
	    .body = UINT64_MAX, .email = UINT64_MAX - 1, .size = UINT32_MAX,
	    .zone = -720 },
	{ .flags = MF_DRAFT, .keywords = 0x8000000000000001,
	    .modseq = 0x0102030405060708, .date = 0x1112131415161718,
	    .saved = 0x2122232425262728, .body = 0x3132333435363738,
	    .email = 0x4142434445464748, .size = 0x51525354,
	    .zone = 0x6162 },
};

/* The last of them. */
static const uint8_t octets[OCTETS] = {
	0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18,
	0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28,
	0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38,
	0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48,
	0x51, 0x52, 0x53, 0x54, 0x61, 0x62,
	0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,
	0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,
	MF_DRAFT
};

static const char *const filling[] = {
	"O1",
	"C1: a APPEND INBOX (\\Seen $W) \"02-Jan-2020 03:04:05 -0600\" {3+}",
	"C1= abc\r\n", "S1: a OK ~",
	"C1: b APPEND INBOX (\\Draft) \"31-Dec-1999 23:59:59 +1400\" {5+}",
	"C1= abcde\r\n", "S1: b OK ~",
	"C1: c APPEND INBOX (\\Draft $W $H) \"02-Jan-2020 03:04:05 +0000\" {4+}",
	"C1= abcd\r\n", "S1: c OK ~",
	NULL
};

static const char *const read_before[] = {
	"R", "O1", "C1: a EXAMINE INBOX", "S1: * FLAGS ~", "S1: * 3 EXISTS",
	"S1: * ~", "S1: * OK ~", "S1: * OK ~", "S1: * OK ~", "S1: * OK ~",
	"S1: * OK [HIGHESTMODSEQ 4] ~", "S1: a OK ~",
	"C1: b FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE)",
	"S1: * 1 FETCH (UID 1 FLAGS (\\Seen \\Recent $W) INTERNALDATE "
	    "\"02-Jan-2020 03:04:05 -0600\" RFC822.SIZE 3)",
	"S1: * 2 FETCH (UID 2 FLAGS (\\Draft \\Recent) INTERNALDATE "
	    "\"31-Dec-1999 23:59:59 +1400\" RFC822.SIZE 5)",
	"S1: * 3 FETCH (UID 3 FLAGS (\\Draft \\Recent $W $H) "
	    "INTERNALDATE \"02-Jan-2020 03:04:05 +0000\" RFC822.SIZE 4)",
	"S1: b OK ~",
	"C1: c FETCH 1:* (BODY.PEEK[] MODSEQ)", "S1: * OK [HIGHESTMODSEQ 4] ~",
	"S1: * 1 FETCH (MODSEQ (2) BODY[] {3}", "S1: abc)",
	"S1: * 2 FETCH (MODSEQ (3) BODY[] {5}", "S1: abcde)",
	"S1: * 3 FETCH (MODSEQ (4) BODY[] {4}", "S1: abcd)", "S1: c OK ~",
	NULL
};

static const char *const changed[] = {
	"C1: d SELECT INBOX", "S1: * OK [CLOSED] ~", "S1: * FLAGS ~",
	"S1: * 3 EXISTS", "S1: * ~", "S1: * OK ~", "S1: * OK ~", "S1: * OK ~",
	"S1: * OK ~", "S1: * OK ~", "S1: d OK ~",
	"C1: e STORE 2 +FLAGS ($H)",
	"S1: * 2 FETCH (UID 2 FLAGS (\\Draft \\Recent $H) MODSEQ (5))",
	"S1: e OK ~",
	"R", "O1", "C1: f EXAMINE INBOX", "S1: * FLAGS ~", "S1: * 3 EXISTS",
	"S1: * ~", "S1: * OK ~", "S1: * OK ~", "S1: * OK ~", "S1: * OK ~",
	"S1: * OK [HIGHESTMODSEQ 5] ~", "S1: f OK ~",
	"C1: g FETCH 1:* (FLAGS RFC822.SIZE)",
	"S1: * 1 FETCH (FLAGS (\\Seen $W) RFC822.SIZE 3)",
	"S1: * 2 FETCH (FLAGS (\\Draft $H) RFC822.SIZE 5)",
	"S1: * 3 FETCH (FLAGS (\\Draft $W $H) RFC822.SIZE 4)",
	"S1: g OK ~",
	NULL
};

static int
same(const struct msgrec *a, const struct msgrec *b)
{
	return (a->flags == b->flags && a->keywords == b->keywords &&
	    a->modseq == b->modseq && a->date == b->date &&
	    a->saved == b->saved && a->body == b->body &&
	    a->email == b->email && a->size == b->size && a->zone == b->zone);
}

static void
there_and_back(void)
{
	struct buf	 b = { 0 };
	struct msgrec	 r;
	size_t		 i;

	for (i = 0; i < nitems(recs); i++) {
		buf_reset(&b);
		CHECK(msgrec_put(&b, &recs[i]) == 0 && b.n == OCTETS &&
		    msgrec_get(span_buf(&b), &r) == 0 && same(&r, &recs[i]),
		    "record %zu", i);
		buf_reset(&b);
		CHECK(codec_put(&b, &c_before, &recs[i]) == 0 &&
		    b.n == OCTETS_BEFORE && msgrec_get(span_buf(&b), &r) == 0 &&
		    same(&r, &recs[i]), "record %zu as it was before", i);
	}
	buf_reset(&b);
	CHECK(msgrec_put(&b, &recs[i - 1]) == 0 && b.n == sizeof(octets) &&
	    memcmp(b.p, octets, sizeof(octets)) == 0, "octets");
	buf_free(&b);
}

static void
other_lengths(void)
{
	static const uint8_t	 zero[2 * OCTETS_BEFORE];
	struct msgrec		 r;
	size_t			 n, taken = 0;

	for (n = 0; n < sizeof(zero); n++)
		if (msgrec_get(span_of(zero, n), &r) == 0)
			taken += n;
		else
			taken += errno == EBADMSG ? 0 : 1000;
	CHECK(taken == OCTETS + OCTETS_BEFORE, "other lengths are none");
}

/* What Berkeley DB logs begins where two records differ. */
static void
constant(void)
{
	struct buf	 a = { 0 }, b = { 0 };
	struct msgrec	 r = recs[3];

	r.flags ^= MF_ALL;
	r.modseq += 1000000;
	r.keywords ^= 0x00ffffffffffffff;
	CHECK(msgrec_put(&a, &recs[3]) == 0 && msgrec_put(&b, &r) == 0 &&
	    memcmp(a.p, b.p, CONSTANT) == 0, "flags and the like come last");
	buf_free(&a);
	buf_free(&b);
}

/* Everything as a store of schema 2 left it. */
static void
make_old(void)
{
	struct dbenv_iter	 it;
	struct dbenv_db		*db = NULL;
	struct span		 key, val;
	struct msgrec		 r;
	struct buf		 two = { 0 };
	int			 n = 0;

	dbenv_iter_init(&it, t_part->index, span_of("", 0), span_of("", 0));
	while (dbenv_iter_next(&it, &key, &val) == 1)
		n += val.n == OCTETS && msgrec_get(val, &r) == 0 &&
		    part_put(t_part->index, key, &c_before, &r) == 0;
	dbenv_iter_free(&it);
	CHECK(n == 3, "%d records", n);
	while ((db = dbenv_db_next(t_part->env, db)) != NULL)
		if (strcmp(dbenv_db_name(db), "schema") == 0)
			break;
	CHECK(buf_put_u32(&two, 2) == 0 && db != NULL &&
	    dbenv_put(db, span_str("version"), span_buf(&two)) == 0,
	    "schema 2");
	buf_free(&two);
}

/* Of each record, in the order of UIDs, or 0. */
static size_t
length(uint32_t uid)
{
	struct dbenv_iter	 it;
	struct span		 key, val;
	size_t			 n = 0;

	dbenv_iter_init(&it, t_part->index, span_of("", 0), span_of("", 0));
	while (n == 0 && dbenv_iter_next(&it, &key, &val) == 1)
		if (key_uid(key) == uid)
			n = val.n;
	dbenv_iter_free(&it);
	return (n);
}

static void
old_store(void)
{
	t_open(NULL);
	t_script("filling", filling);
	t_settle();
	make_old();
	t_script("read before", read_before);
	CHECK(length(1) == OCTETS_BEFORE && length(2) == OCTETS_BEFORE &&
	    length(3) == OCTETS_BEFORE, "reading changes none");
	t_script("changed", changed);
	CHECK(length(1) == OCTETS_BEFORE && length(2) == OCTETS &&
	    length(3) == OCTETS_BEFORE, "what changed is written anew");
	t_close();
	t_remove();
}

int
main(void)
{
	there_and_back();
	other_lengths();
	constant();
	old_store();
	return (t_done());
}
