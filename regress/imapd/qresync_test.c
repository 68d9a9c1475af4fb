/*
 * QRESYNC, RFC 7162: VANISHED in the place of EXPUNGE, what a client that comes
 * back is told, the records of what vanished and their end.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "imapd/vanished.h"
#include "imaptest.h"

#define LINES	128

/* NOLINTBEGIN(bugprone-suspicious-missing-comma): the macro's literals meet. */

/* SELECT's answers up to HIGHESTMODSEQ; UNSEEN is always the first. */
#define OPENED(n, exists)						\
	"S" n ": * FLAGS ~", "S" n ": * " exists " EXISTS", "S" n ": * ~",	\
	"S" n ": * OK [UNSEEN ~", "S" n ": * OK [PERM~",			\
	"S" n ": * OK [UIDV~", "S" n ": * OK [UIDN~"

/* Six messages of which two go: the records begin at 9. */
static const char *const begin[] = {
	"O1",
	"C1: a APPEND INBOX {1+}", "C1= a\r\n", "S1: a OK ~",
	"C1: a APPEND INBOX {1+}", "C1= b\r\n", "S1: a OK ~",
	"C1: a APPEND INBOX {1+}", "C1= c\r\n", "S1: a OK ~",
	"C1: a APPEND INBOX {1+}", "C1= d\r\n", "S1: a OK ~",
	"C1: a APPEND INBOX {1+}", "C1= e\r\n", "S1: a OK ~",
	"C1: a APPEND INBOX {1+}", "C1= f\r\n", "S1: a OK ~",
	"C1: b SELECT INBOX (QRESYNC (1 1))", "S1: b BAD QRESYNC is not ~",
	"C1: c ENABLE QRESYNC", "S1: * ENABLED QRESYNC", "S1: c OK ~",
	"C1: d SELECT INBOX", OPENED("1", "6"), "S1: * OK [HIGHESTMODSEQ 7] ~",
	"S1: d OK ~",
	"C1: e STORE 2,4 +FLAGS.SILENT (\\Deleted)",
	"S1: * 2 FETCH (UID 2 MODSEQ (8))",
	"S1: * 4 FETCH (UID 4 MODSEQ (8))", "S1: e OK ~",
	"C1: f EXPUNGE", "S1: * VANISHED 2,4",
	"S1: f OK [HIGHESTMODSEQ 9] EXPUNGE completed",
	"C1: g EXPUNGE", "S1: g OK EXPUNGE completed",
	"C1: h UID EXPUNGE 1:*", "S1: h OK EXPUNGE completed",
	NULL
};

static const char *const fetching[] = {
	"C1: a UID FETCH 1:* (UID) (CHANGEDSINCE 7 VANISHED)",
	"S1: * VANISHED (EARLIER) 2,4", "S1: a OK ~",
	"C1: b UID FETCH 1:* (UID) (VANISHED CHANGEDSINCE 6)",
	"S1: * VANISHED (EARLIER) 2,4", "S1: * 4 FETCH (UID 6 MODSEQ (7))",
	"S1: b OK ~",
	"C1: c UID FETCH 3:5 (UID) (CHANGEDSINCE 1 VANISHED)",
	"S1: * VANISHED (EARLIER) 4", "S1: * 2 FETCH (UID 3 MODSEQ (4))",
	"S1: * 3 FETCH (UID 5 MODSEQ (6))", "S1: c OK ~",
	"C1: d UID FETCH 1:* (UID) (CHANGEDSINCE 9 VANISHED)", "S1: d OK ~",
	"C1: e FETCH 1:* (UID) (CHANGEDSINCE 9 VANISHED)", "S1: e BAD ~",
	"C1: f UID FETCH 1:* (UID) (VANISHED)", "S1: f BAD ~",
	"C1: g UID FETCH 1:* (UID) (CHANGEDSINCE 9 VANISHED FROB)",
	"S1: g BAD ~",
	"O2", "C2: h SELECT INBOX", OPENED("2", "4"),
	"S2: * OK [HIGHESTMODSEQ 9] ~", "S2: h OK ~",
	"C2: i UID FETCH 1:* (UID) (CHANGEDSINCE 9 VANISHED)", "S2: i BAD ~",
	"X2",
	NULL
};

/* What a session has not been told of it is told once, and not as EARLIER. */
static const char *const pending[] = {
	"O2", "C2: a ENABLE CONDSTORE QRESYNC",
	"S2: * ENABLED CONDSTORE QRESYNC", "S2: a OK ~",
	"C2: b SELECT INBOX", OPENED("2", "4"),
	"S2: * OK [HIGHESTMODSEQ 9] ~", "S2: b OK ~",
	"O3", "C3: c SELECT INBOX", OPENED("3", "4"),
	"S3: * OK [HIGHESTMODSEQ 9] ~", "S3: c OK ~",
	"C1: d UID STORE 3,6 +FLAGS.SILENT (\\Deleted)",
	"S1: * 2 FETCH (UID 3 MODSEQ (10))",
	"S1: * 4 FETCH (UID 6 MODSEQ (10))", "S1: d OK ~",
	"C1: e UID EXPUNGE 3:6", "S1: * VANISHED 3,6",
	"S1: e OK [HIGHESTMODSEQ 11] EXPUNGE completed",
	"C2: f UID FETCH 1:* (UID) (CHANGEDSINCE 7 VANISHED)",
	"S2: * VANISHED (EARLIER) 2,4",
	"S2: * 2 FETCH (UID 3 MODSEQ (10))",
	"S2: * 4 FETCH (UID 6 MODSEQ (10))", "S2: * VANISHED 3,6",
	"S2: f OK ~",
	/* "*" is the highest there was */
	"C2: g UID FETCH 5:* (UID) (CHANGEDSINCE 9 VANISHED)",
	"S2: * VANISHED (EARLIER) 6", "S2: g OK ~",
	"C3: h NOOP", "S3: * 4 EXPUNGE", "S3: * 2 EXPUNGE", "S3: h OK ~",
	"C1: i UID MOVE 5 Archive", "S1: * OK [COPYUID ~",
	"S1: * VANISHED 5", "S1: i OK [HIGHESTMODSEQ 12] MOVE completed",
	"C2: j IDLE", "S2: + idling", "S2: * VANISHED 5",
	"C1: k MOVE 1 INBOX", "S1: * OK [COPYUID ~", "S1: * VANISHED 1",
	"S1: * 1 EXISTS", "S1: * ~",
	"S1: k OK [HIGHESTMODSEQ 13] MOVE completed",
	"X3", "X2",
	NULL
};

/* UID 7 is all there is. */
static const char *const selecting[] = {
	"C1: a SELECT INBOX (QRESYNC (UIDV 8))", "S1: * OK [CLOSED] ~",
	OPENED("1", "1"), "S1: * OK [HIGHESTMODSEQ 13] ~",
	"S1: * VANISHED (EARLIER) 1:6",
	"S1: * 1 FETCH (UID 7 FLAGS ~ MODSEQ (13))", "S1: a OK [READ-WRITE] ~",
	/* in any order, RFC 7162 section 7 */
	"C1: b EXAMINE INBOX (CONDSTORE QRESYNC (UIDV 9 5,3:1,2))",
	"S1: * OK [CLOSED] ~",
	OPENED("1", "1"), "S1: * OK [HIGHESTMODSEQ 13] ~",
	"S1: * VANISHED (EARLIER) 1,3,5", "S1: b OK [READ-ONLY] ~",
	"C1: c SELECT INBOX (QRESYNC (UIDV 11 5:9 (1 1)))",
	"S1: * OK [CLOSED] ~",
	OPENED("1", "1"), "S1: * OK [HIGHESTMODSEQ 13] ~",
	"S1: * VANISHED (EARLIER) 5",
	"S1: * 1 FETCH (UID 7 FLAGS ~ MODSEQ (13))", "S1: c OK [READ-WRITE] ~",
	/* all up to date; another mailbox of this name */
	"C1: d SELECT INBOX (QRESYNC (UIDV 13))", "S1: * OK [CLOSED] ~",
	OPENED("1", "1"), "S1: * OK [HIGHESTMODSEQ 13] ~", "S1: d OK ~",
	"C1: e SELECT INBOX (QRESYNC (7 1))", "S1: * OK [CLOSED] ~",
	OPENED("1", "1"), "S1: * OK [HIGHESTMODSEQ 13] ~", "S1: e OK ~",
	"C1: f SELECT INBOX (QRESYNC (0 1))", "S1: f BAD ~",
	"C1: f SELECT INBOX (QRESYNC (1 0))", "S1: f BAD ~",
	"C1: f SELECT INBOX (QRESYNC (1 1 1:*))", "S1: f BAD ~",
	"C1: f SELECT INBOX (QRESYNC (1 1 $))", "S1: f BAD ~",
	"C1: f SELECT INBOX (QRESYNC (1 1 5:*,2))", "S1: f BAD ~",
	"C1: f SELECT INBOX (QRESYNC (1 1 5 (2,1 1,2)))", "S1: f BAD ~",
	"C1: f SELECT INBOX (QRESYNC (1 1 5 (1:2 2:1)))", "S1: f BAD ~",
	"C1: f SELECT INBOX (QRESYNC (1 1 2 (1 1,2)))", "S1: f BAD ~",
	"C1: f SELECT INBOX (QRESYNC (1 1 2 (1)))", "S1: f BAD ~",
	"C1: f SELECT INBOX (QRESYNC (1 1 ))", "S1: f BAD ~",
	"C1: f SELECT INBOX (QRESYNC (1 1) QRESYNC (1 1))", "S1: f BAD ~",
	"C1: f SELECT INBOX (QRESYNC 1 1)", "S1: f BAD ~",
	"C1: f SELECT INBOX (QRESYNC (1 1)", "S1: f BAD ~",
	"C1: g NOOP", "S1: g OK ~",
	NULL
};

/* Below the floor: all that does not exist, but for what surely agrees. */
static const char *const below[] = {
	"C1: a APPEND INBOX {1+}", "C1= h\r\n", "S1: * 2 EXISTS", "S1: * ~",
	"S1: a OK ~",
	"C1: b UID STORE 8 +FLAGS.SILENT (\\Deleted)",
	"S1: * 2 FETCH (UID 8 MODSEQ (15))", "S1: b OK ~",
	"C1: c EXPUNGE", "S1: * VANISHED 8",
	"S1: c OK [HIGHESTMODSEQ 16] ~",
	"C1: d UID FETCH 1:20 (UID) (CHANGEDSINCE 14 VANISHED)",
	"S1: * VANISHED (EARLIER) 1:6,8", "S1: d OK ~",
	"C1: e UID FETCH 2,3,5:7 (UID) (CHANGEDSINCE 14 VANISHED)",
	"S1: * VANISHED (EARLIER) 2:3,5:6", "S1: e OK ~",
	"C1: f UID FETCH 1:* (UID) (CHANGEDSINCE 15 VANISHED)",
	"S1: * VANISHED (EARLIER) 8", "S1: f OK ~",
	"C1: g SELECT INBOX (QRESYNC (UIDV 14 1:8 (1 7)))",
	"S1: * OK [CLOSED] ~",
	OPENED("1", "1"), "S1: * OK [HIGHESTMODSEQ 16] ~",
	"S1: * VANISHED (EARLIER) 8", "S1: g OK ~",
	"C1: h SELECT INBOX (QRESYNC (UIDV 14 1:8 (1,7 1,7)))",
	"S1: * OK [CLOSED] ~",
	OPENED("1", "1"), "S1: * OK [HIGHESTMODSEQ 16] ~",
	"S1: * VANISHED (EARLIER) 1:6,8", "S1: h OK ~",
	NULL
};

/*
 * Section 6: a removal is not told by what has numbers of messages, but higher
 * mod-sequences are; who comes back with what it was told to keep hears of it.
 */
static const char *const withheld[] = {
	"O2", "C2: a ENABLE QRESYNC", "S2: * ENABLED QRESYNC", "S2: a OK ~",
	"C2: b SELECT INBOX", OPENED("2", "4"),
	"S2: * OK [HIGHESTMODSEQ 9] ~", "S2: b OK ~",
	"C1: c UID STORE 3 +FLAGS.SILENT (\\Deleted)",
	"S1: * 2 FETCH (UID 3 MODSEQ (10))", "S1: c OK ~",
	"C1: d EXPUNGE", "S1: * VANISHED 3", "S1: d OK [HIGHESTMODSEQ 11] ~",
	"C2: e STORE 1 +FLAGS.SILENT (\\Flagged)",
	"S2: * 1 FETCH (UID 1 MODSEQ (12))",
	"S2: * OK [HIGHESTMODSEQ 10] ~", "S2: e OK ~",
	"C1: f UID STORE 5 +FLAGS.SILENT (\\Deleted)",
	"S1: * 2 FETCH (UID 5 MODSEQ (13))",
	"S1: * 1 FETCH (UID 1 FLAGS ~ MODSEQ (12))", "S1: f OK ~",
	"C1: g EXPUNGE", "S1: * VANISHED 5", "S1: g OK [HIGHESTMODSEQ 14] ~",
	"C2: h FETCH 1 FLAGS", "S2: * 1 FETCH (FLAGS ~",
	"S2: * OK [HIGHESTMODSEQ 10] ~", "S2: h OK ~",
	"C2: i FETCH 9 FLAGS", "S2: * OK [HIGHESTMODSEQ 10] ~", "S2: i BAD ~",
	"C2: j EXAMINE INBOX", "S2: * OK [HIGHESTMODSEQ 10] ~",
	"S2: * OK [CLOSED] ~", OPENED("2", "2"),
	"S2: * OK [HIGHESTMODSEQ 14] ~", "S2: j OK ~",
	"C2: k EXAMINE INBOX (QRESYNC (UIDV 10))", "S2: * OK [CLOSED] ~",
	OPENED("2", "2"), "S2: * OK [HIGHESTMODSEQ 14] ~",
	"S2: * VANISHED (EARLIER) 3,5",
	"S2: * 1 FETCH (UID 1 FLAGS ~ MODSEQ (12))", "S2: k OK ~",
	/* told at once, or not what it needs */
	"C1: l UID MOVE 1 Archive", "S1: * OK [COPYUID ~", "S1: * VANISHED 1",
	"S1: l OK [HIGHESTMODSEQ 15] ~",
	"C2: m UID FETCH 6 FLAGS", "S2: * 2 FETCH (UID 6 FLAGS ~",
	"S2: * VANISHED 1", "S2: m OK ~",
	/* nor by a UID SEARCH with numbers of messages */
	"C1: n UID STORE 6 +FLAGS.SILENT (\\Deleted)",
	"S1: * 1 FETCH (UID 6 MODSEQ (16))", "S1: n OK ~",
	"C1: o EXPUNGE", "S1: * VANISHED 6", "S1: o OK [HIGHESTMODSEQ 17] ~",
	"C2: p UID SEARCH OR SEEN NOT 1:*", "S2: * SEARCH",
	"S2: * OK [HIGHESTMODSEQ 16] ~", "S2: p OK ~",
	"C2: q UID SORT (DATE) UTF-8 1", "S2: * SORT 6",
	"S2: * OK [HIGHESTMODSEQ 16] ~", "S2: q OK ~",
	"C2: r UID SEARCH SEEN", "S2: * SEARCH", "S2: * VANISHED 6",
	"S2: r OK ~",
	"X2",
	NULL
};

/* NOLINTEND(bugprone-suspicious-missing-comma) */

static struct mailbox *
inbox(void)
{
	struct account	*a = account_find(t_part, 1);

	account_put(a);
	return (a->inbox);
}

/* With the mailbox's UIDVALIDITY for UIDV. */
static void
script(const char *name, const char *const *lines)
{
	static char	 room[LINES][160];
	const char	*put[LINES], *p;
	size_t		 i;

	for (i = 0; i < LINES - 1 && lines[i] != NULL; i++) {
		put[i] = lines[i];
		if ((p = strstr(lines[i], "UIDV ")) == NULL)
			continue;
		snprintf(room[i], sizeof(room[i]), "%.*s%u%s",
		    (int)(p - lines[i]), lines[i], inbox()->uidvalidity,
		    p + 4);
		put[i] = room[i];
	}
	put[i] = NULL;
	t_script(name, put);
}

static size_t
records(uint64_t *first)
{
	struct dbenv_iter	 it;
	struct span		 key, val, k;
	uint8_t			 p[8];
	size_t			 n = 0;

	*first = 0;
	dbenv_iter_init(&it, t_part->vanished, key_u64(p, inbox()->id),
	    key_u64(p, inbox()->id));
	while (dbenv_iter_next(&it, &key, &val) == 1) {
		k = span_of(key.p + 8, 8);
		if (n++ == 0)
			(void)span_get_u64(&k, first);
	}
	dbenv_iter_free(&it);
	return (n);
}

/* A command in many slices: as one, while there is room in a record. */
static void
slices(void)
{
	struct mailbox	*mb = inbox();
	uint64_t	 floor = 0, first;
	uint32_t	 uids[200], uid = 0;
	size_t		 i, k, n, was = records(&first);

	for (i = 1; i <= 20; i++) {
		for (k = 0; k < 50; k++)
			uids[k] = ++uid;
		CHECK(vanished_put(mb, i == 1 ? 0 : 100 + i - 1, 100 + i, uids,
		    50, &floor) == 0, "slice %zu", i);
	}
	n = records(&first);
	CHECK(n == was + 1, "a run in slices is one, not %zu", n - was);
	CHECK(mb->nvanished == n, "%zu counted", mb->nvanished);
	for (i = 1; i <= 4; i++) {
		for (k = 0; k < 50; k++)
			uids[k] = uid += 2;
		CHECK(vanished_put(mb, i == 1 ? 0 : 200 + i - 1, 200 + i, uids,
		    50, &floor) == 0, "slice %zu", i);
	}
	CHECK(records(&first) == n + 3, "200 runs in slices are three, not %zu",
	    records(&first) - n);
	/* one that is not there, or of another command */
	uids[0] = uid += 2;
	CHECK(vanished_put(mb, 150, 300, uids, 1, &floor) == 0 &&
	    records(&first) == n + 4, "none is taken in");
	CHECK(mb->nvanished == n + 4, "%zu counted", mb->nvanished);
}

/* What one command, with these UIDs, leaves. */
static uint64_t
vanish(uint64_t modseq, size_t n, uint32_t step)
{
	static uint32_t	 uids[1000];
	uint64_t	 floor = 0;
	size_t		 i;

	for (i = 0; i < n; i++)
		uids[i] = (uint32_t)(i + 1) * step;
	CHECK(vanished_put(inbox(), 0, modseq, uids, n, &floor) == 0,
	    "%zu vanished", n);
	return (floor);
}

/* Ten thousand of them, or ninety days. */
static void
ends(void)
{
	struct buf	 v = { 0 };
	struct mailbox	*mb;
	uint64_t	 first;
	uint8_t		 k[18] = { 0 };

	t_open(NULL);
	t_script("begin", begin);
	mb = inbox();
	CHECK(records(&first) == 1 && first == 9, "one record a command");
	CHECK(vanish(20, 10, 1) == 0 && records(&first) == 2, "a run is one");
	CHECK(vanish(21, 200, 2) == 0 && records(&first) == 5,
	    "200 runs are three");
	CHECK(mb->nvanished == 5, "%zu counted", mb->nvanished);
	vanished_undone(mb);
	CHECK(vanish(22, 1, 1) == 0 && mb->nvanished == 6 &&
	    records(&first) == 6, "counted anew");
	mb->nvanished = VANISHED_RECORDS - 1;
	CHECK(vanish(23, 1, 1) == 0 && records(&first) == 7 && first == 9,
	    "as many as may be");
	CHECK(vanish(24, 1, 1) == 9 && records(&first) == 7 && first == 20,
	    "the oldest goes");
	mb->nvanished = 7;
	(void)key_u64_2(k, mb->id, 20);
	(void)buf_put_u64(&v, store_time() - VANISHED_S - 1);
	CHECK(dbenv_put(t_part->vanished, span_of(k, sizeof(k)),
	    span_buf(&v)) == 0, "one is old");
	CHECK(vanish(25, 1, 1) == 20 && records(&first) == 7 && first == 21,
	    "that goes as well");
	buf_free(&v);
	slices();
	t_close();
	t_remove();
}

/* A damaged record is as one that is not there. */
static void
damaged(void)
{
	struct buf	 v = { 0 };
	struct seqset	 out;
	struct range	 all = { 1, 100 };
	struct seqset	 asked = { .r = &all, .n = 1 };
	struct seen	 seen = { 0 };
	uint8_t		 k[18] = { 0 };

	t_open(NULL);
	t_script("begin", begin);
	seen_open(&seen, inbox()->view);
	CHECK(vanished_since(&seen, 8, &asked, 0, &out) == 0 && out.n == 2 &&
	    out.r[0].lo == 2 && out.r[1].hi == 4, "two of a record");
	seqset_free(&out);
	(void)key_u64_2(k, inbox()->id, 9);
	(void)buf_put_u64(&v, store_time());
	(void)buf_put_u32(&v, 7);
	CHECK(dbenv_put(t_part->vanished, span_of(k, sizeof(k)),
	    span_buf(&v)) == 0, "it is cut off");
	CHECK(vanished_since(&seen, 8, &asked, 2, &out) == 0 && out.n == 1 &&
	    out.r[0].lo == 4 && out.r[0].hi == 4,
	    "all that is not there, above 2");
	seqset_free(&out);
	buf_free(&v);
	seen_close(&seen);
	t_close();
	t_remove();
}

static unsigned	 nflags;

static void
no_news(struct seen *n)
{
	(void)n;
}

static void
tell_one(struct seen *n, uint32_t a, uint32_t b)
{
	(void)n;
	(void)a;
	(void)b;
}

static void
tell_vanished(struct seen *n, const uint32_t *uids, size_t k)
{
	(void)n;
	(void)uids;
	(void)k;
}

static void
tell_flags(struct seen *n, const struct msgrec *r)
{
	(void)n;
	(void)r;
	nflags++;
}

/*
 * A client takes it that below a mod-sequence that it was told nothing is
 * missing: flags wait for a message that came before they changed and is not
 * flushed, and so do earlier changes of the same message.
 */
static void
in_order(void)
{
	static const char *const	 flushed[] = { "O2", "C2: a APPEND Sent {1+}",
					    "C2= a\r\n", "S2: a OK ~", NULL };
	static const struct seen_teller	 teller = { tell_one, tell_vanished,
					    tell_flags, tell_one };
	struct seen			 seen = { .news = no_news };
	struct msgrec			 three, added;
	struct view			*v;
	uint64_t			 now;

	t_open(NULL);
	t_script("begin", begin);
	t_settle();
	v = inbox()->view;
	three = *view_find(v, 3);
	added = *view_find(v, 5);
	added.uid = 7;
	now = dbenv_committed(t_part->env);
	seen_open(&seen, v);
	view_flags(v, &three, now, 0, 1);
	CHECK(seen_news(&seen, 0), "flags that are committed are told");
	CHECK(view_add(v, &added, now + 1) == 0 && seen_news(&seen, 0),
	    "whatever comes after them");
	view_flags(v, &three, now + 1, 0, 1);
	CHECK(!seen_news(&seen, 0), "not if they change again after it");
	seen_tell(&seen, &teller, 1);
	CHECK(nflags == 0 && seen.maxuid == 6, "nothing is told then");
	t_script("flushed", flushed);
	CHECK(seen_news(&seen, 0), "until that is flushed");
	seen_tell(&seen, &teller, 1);
	CHECK(nflags == 2 && seen.maxuid == 7, "then all is");
	seen_close(&seen);
	t_close();
	t_remove();
}

static void
say(const char *line)
{
	t_send(1, line, strlen(line));
	t_settle();
	t_drain(1);
}

/* What a client that knew all of it is told. */
static const char *const once_more[] = {
	"O2", "C2: a ENABLE QRESYNC", "S2: * ENABLED QRESYNC", "S2: a OK ~",
	"C2: b SELECT INBOX (QRESYNC (UIDV 2))", "S2: * FLAGS ~",
	"S2: * 0 EXISTS", "S2: * ~", "S2: * OK [PERM~", "S2: * OK [UIDV~",
	"S2: * OK [UIDN~", "S2: * OK [HIGHESTMODSEQ ~",
	"S2: * VANISHED (EARLIER) 1:480", "S2: b OK ~",
	NULL
};

/* EXPUNGE, MOVE and CLOSE of so many that they go in slices: a record each. */
static void
long_ones(void)
{
	static const char *const	 begins[] = {
		"O1", "C1: a ENABLE QRESYNC", "S1: * ENABLED QRESYNC",
		"S1: a OK ~", "C1: b APPEND INBOX {1+}", "C1= a\r\n",
		"S1: b OK ~", NULL
	};
	static const char *const	 closes[] = {
		"C1: a UID STORE 1:* +FLAGS.SILENT (\\Deleted)", NULL
	};
	static const char *const	 closed[] = {
		"C1: b CLOSE", "S1: b OK CLOSE completed", "C1: c CLOSE",
		"S1: c BAD ~", "C1: d SELECT INBOX", NULL
	};
	uint64_t	 first;
	int		 i;

	t_open(NULL);
	t_script("begins", begins);
	say("a SELECT INBOX\r\n");
	for (i = 0; i < 5; i++)
		say("b UID COPY 1:* INBOX\r\n");	/* 32 */
	for (i = 0; i < 14; i++)
		say("b UID COPY 1:32 INBOX\r\n");	/* 480 */
	say("c UID STORE 1:160 +FLAGS.SILENT (\\Deleted)\r\n");
	say("d EXPUNGE\r\n");
	CHECK(records(&first) == 1, "EXPUNGE: %zu records", records(&first));
	say("e UID MOVE 161:320 Archive\r\n");
	CHECK(records(&first) == 2, "MOVE: %zu records", records(&first));
	t_script("closes", closes);
	t_settle();
	t_drain(1);
	t_script("closed", closed);
	t_settle();
	t_drain(1);
	CHECK(records(&first) == 3, "CLOSE: %zu records", records(&first));
	script("once more", once_more);
	t_close();
	t_remove();
}

int
main(void)
{
	t_open(NULL);
	t_account[2] = t_account[3] = 1;
	t_script("begin", begin);
	t_script("fetching", fetching);
	t_script("pending", pending);
	script("selecting", selecting);
	inbox()->st.floor = 15;
	script("below", below);
	t_close();
	t_remove();
	t_open(NULL);
	t_script("begin", begin);
	script("withheld", withheld);
	t_close();
	t_remove();
	ends();
	damaged();
	long_ones();
	in_order();
	return (t_done());
}
