/*
 * What SEARCH, SORT, THREAD and UIDBATCHES say: any client's is of messages that
 * it knows; what the fresh one is told when all stands still is held against the
 * flags, modseqs and subjects that it has fetched.  See storm.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storm.h"

#define BATCH	500	/* the least of UIDBATCHES */
#define SOME	7	/* of PARTIAL */

static const struct key {
	const char	*key;
	uint32_t	 bits, want;
	uint64_t	 since;
} keys[] = {
	{ "DELETED",		TOLD_DELETED,	TOLD_DELETED, 0 },
	{ "UNSEEN",		TOLD_SEEN,	0, 0 },
	{ "FLAGGED DRAFT",	TOLD_FLAGGED | TOLD_DRAFT,
	    TOLD_FLAGGED | TOLD_DRAFT, 0 },
	{ "KEYWORD $k1",	1u << (TOLD_KEYWORD + 1),
	    1u << (TOLD_KEYWORD + 1), 0 },
	{ "UNKEYWORD $k1 ANSWERED", 1u << (TOLD_KEYWORD + 1) | TOLD_ANSWERED,
	    TOLD_ANSWERED, 0 },
	{ "ALL",		0,		0, 0 },
};

/* ---- answers ------------------------------------------------------------------ */

/* A number of an answer, or a UID: of a message that it knows, or may know. */
static void
take(struct storm_client *c, uint64_t n, int uid, struct span line)
{
	struct storm		*s = c->storm;
	const struct told	*t = &c->told;
	uint32_t		 i;

	if (c->i == STORM_FRESH) {
		if (s->nfound == s->capfound) {
			s->capfound = s->capfound * 2 + 64;
			s->found = reallocarray(s->found, s->capfound,
			    sizeof(*s->found));
			s->thread = reallocarray(s->thread, s->capfound,
			    sizeof(*s->thread));
			if (s->found == NULL || s->thread == NULL)
				abort();
		}
		s->thread[s->nfound] = s->threads;
		s->found[s->nfound++] = (uint32_t)n;
		return;
	}
	for (i = 0; uid && i < t->n; i++)
		if (t->m[i].uid == n || t->m[i].uid == 0)
			return;
	if (uid || n == 0 || n > t->n)
		storm_bad(c, "it finds what is not there", line);
}

/* "3,5:7", also from the highest down. */
static void
take_set(struct storm_client *c, struct span set, int uid, struct span line)
{
	struct span	 r, a;
	uint64_t	 x, y;

	while (set.n > 0) {
		(void)span_split(&set, ',', &r);
		(void)span_split(&r, ':', &a);
		if (span_num(a, UINT32_MAX, &x) == -1)
			return;		/* NIL */
		y = x;
		if (r.n > 0)
			(void)span_num(r, UINT32_MAX, &y);
		for (take(c, x, uid, line); x != y;) {
			x = x < y ? x + 1 : x - 1;
			take(c, x, uid, line);
		}
	}
}

/* Behind the tag: names and values. */
static void
esearch(struct storm_client *c, struct span s, struct span line)
{
	struct span	 name, v, set;
	uint64_t	 n;
	int		 uid = 0;

	while (s.n > 0) {
		(void)span_split(&s, ' ', &name);
		if (span_eqs(name, "UID")) {
			uid = 1;
			continue;
		}
		(void)span_split(&s, ' ', &v);
		if (span_eqs(name, "PARTIAL")) {
			(void)span_split(&s, ' ', &v);
			(void)span_split(&v, ')', &set);
			take_set(c, set, uid, line);
		} else if (span_eqs(name, "ALL"))
			take_set(c, v, uid, line);
		else if (span_eqs(name, "COUNT") &&
		    span_num(v, UINT32_MAX, &n) == 0 && c->i == STORM_FRESH)
			c->storm->count = n;
	}
}

static void
thread(struct storm_client *c, struct span s, int uid, struct span line)
{
	size_t		 i;
	unsigned	 depth = 0;
	uint64_t	 n = 0;

	for (i = 0; i <= s.n; i++) {
		if (i < s.n && s.p[i] >= '0' && s.p[i] <= '9') {
			n = n * 10 + s.p[i] - '0';
			continue;
		}
		if (n != 0)
			take(c, n, uid, line);
		n = 0;
		if (i < s.n && s.p[i] == '(' && depth++ == 0)
			c->storm->threads++;
		depth -= i < s.n && s.p[i] == ')';
	}
}

void
storm_found(struct storm_client *c, struct span line)
{
	struct span	 s = span_of(line.p + 2, line.n - 2), name, word;
	uint64_t	 n;
	int		 uid;

	uid = c->nqueue > 0 && strncmp(c->queue[0].text, "UID ", 4) == 0;
	(void)span_split(&s, ' ', &name);
	if (span_eqs(name, "THREAD"))
		thread(c, s, uid, line);
	else if (span_eqs(name, "ESEARCH") || span_eqs(name, "UIDBATCHES")) {
		(void)span_split(&s, '"', &word);
		(void)span_split(&s, '"', &word);
		if (s.n == 0 || s.p[0] != ')')
			return;		/* of other mailboxes */
		(void)span_split(&s, ' ', &word);
		if (span_eqs(name, "ESEARCH"))
			esearch(c, s, line);
		else if (c->i == STORM_FRESH)
			while (s.n > 0) {
				(void)span_split(&s, ',', &word);
				(void)span_split(&word, ':', &name);
				if (span_num(name, UINT32_MAX, &n) == 0)
					take(c, n, 1, line);
				if (span_num(word, UINT32_MAX, &n) == 0)
					take(c, n, 1, line);
			}
	} else if (span_eqs(name, "SEARCH") || span_eqs(name, "SORT"))
		while (s.n > 0 && s.p[0] != '(') {	/* (MODSEQ n) */
			(void)span_split(&s, ' ', &word);
			if (span_num(word, UINT32_MAX, &n) == 0)
				take(c, n, uid, line);
		}
}

/* ---- when all stands still ----------------------------------------------------- */

/* 0, -1 it was cut off. */
static int
ask(struct storm *s, const char *what)
{
	struct storm_client	*f = &s->clients[STORM_FRESH];

	s->nfound = s->threads = 0;
	s->count = UINT64_MAX;
	storm_say(f, SAY_ANY, strncmp(what, "UID ", 4) != 0, "%s", what);
	return (storm_drain(s) == -1 || f->fd == -1 ? -1 : 0);
}

static void
differ(struct storm *s, const char *what)
{
	storm_bad(&s->clients[STORM_FRESH], "not what it fetched",
	    span_str(what));
}

static int
is(const struct told_msg *m, const struct key *k)
{
	return ((m->flags & k->bits) == k->want && m->modseq >= k->since);
}

/* What is found, in the order of numbers. */
static int
by_key(struct storm *s, const struct key *k)
{
	const struct told	*t = &s->clients[STORM_FRESH].told;
	char			 text[128];
	uint32_t		 i;
	size_t			 n = 0;

	snprintf(text, sizeof(text), "SEARCH %s", k->key);
	if (ask(s, text) == -1)
		return (-1);
	for (i = 0; i < t->n; i++)
		if (is(&t->m[i], k) &&
		    (n >= s->nfound || s->found[n++] != i + 1))
			break;
	if (i < t->n || n != s->nfound)
		differ(s, text);
	return (0);
}

static int
by_flags(struct storm *s)
{
	return (by_key(s, &keys[storm_pick(s, nitems(keys))]));
}

/* The same as UIDs: how many, and some of them from either end. */
static int
partial(struct storm *s)
{
	const struct told	*t = &s->clients[STORM_FRESH].told;
	unsigned		 k = storm_pick(s, nitems(keys));
	int			 last = storm_pick(s, 2) == 0;
	char			 text[128];
	uint32_t		 i, n = 0, from = 1;

	for (i = 0; i < t->n; i++)
		n += is(&t->m[i], &keys[k]);
	snprintf(text, sizeof(text), "UID SEARCH RETURN (COUNT PARTIAL %s:%s%d)"
	    " %s", last ? "-1" : "1", last ? "-" : "", SOME, keys[k].key);
	if (ask(s, text) == -1)
		return (-1);
	if (last && n > SOME)
		from = n - SOME + 1;
	if (s->count != n || s->nfound != (n < SOME ? n : SOME)) {
		differ(s, text);
		return (0);
	}
	for (i = 0, n = 0; i < t->n; i++)
		if (is(&t->m[i], &keys[k]) && ++n >= from && n < from + SOME &&
		    s->found[n - from] != t->m[i].uid)
			differ(s, text);
	return (0);
}

static int
by_modseq(struct storm *s)
{
	const struct told	*t = &s->clients[STORM_FRESH].told;
	char			 text[64];
	struct key		 k = { text, 0, 0, 0 };

	if (t->n == 0)
		return (0);
	k.since = t->m[storm_pick(s, t->n)].modseq;
	snprintf(text, sizeof(text), "MODSEQ %llu",
	    (unsigned long long)k.since);
	return (by_key(s, &k));
}

/* All those with that text are found. */
static int
by_text(struct storm *s)
{
	const struct told	*t = &s->clients[STORM_FRESH].told;
	char			 text[64];
	uint32_t		 i, number;
	size_t			 k;

	if (t->n == 0)
		return (0);
	number = t->m[storm_pick(s, t->n)].number;
	snprintf(text, sizeof(text), "SEARCH SUBJECT n%u TEXT \" %u\"", number,
	    number);
	if (ask(s, text) == -1)
		return (-1);
	for (i = 0; i < t->n; i++) {
		for (k = 0; k < s->nfound && s->found[k] != i + 1; k++)
			continue;
		if (t->m[i].number == number && k == s->nfound)
			differ(s, text);
	}
	return (0);
}

/* As i;unicode-casemap has "n5" and "n10". */
static int
compare(uint32_t a, uint32_t b)
{
	char	 x[16], y[16];

	snprintf(x, sizeof(x), "%u", a);
	snprintf(y, sizeof(y), "%u", b);
	return (strcmp(x, y));
}

/* Each once. */
static int
all_once(const struct storm *s)
{
	const struct told	*t = &s->clients[STORM_FRESH].told;
	uint8_t			*had;
	size_t			 i;

	if (s->nfound != t->n || (had = calloc(1, t->n + 1)) == NULL)
		return (0);
	for (i = 0; i < s->nfound; i++)
		if (s->found[i] == 0 || s->found[i] > t->n ||
		    had[s->found[i]]++)
			break;
	free(had);
	return (i == s->nfound);
}

static int
sort(struct storm *s)
{
	const struct told	*t = &s->clients[STORM_FRESH].told;
	const char		*text;
	int			 down = storm_pick(s, 2) == 0, rc;
	uint32_t		 a, b;
	size_t			 i;

	text = down ? "SORT (REVERSE SUBJECT) UTF-8 ALL" :
	    "SORT RETURN (ALL COUNT) (SUBJECT) UTF-8 ALL";
	if (ask(s, text) == -1)
		return (-1);
	if (!all_once(s) || (!down && s->count != t->n)) {
		differ(s, text);
		return (0);
	}
	for (i = 1; i < s->nfound; i++) {
		a = s->found[i - 1];
		b = s->found[i];
		rc = compare(t->m[a - 1].number, t->m[b - 1].number);
		if (rc == 0 ? a > b : down ? rc < 0 : rc > 0)
			differ(s, text);
	}
	return (0);
}

/* Nothing refers to another: those of a subject are a thread. */
static int
threads(struct storm *s)
{
	const struct told	*t = &s->clients[STORM_FRESH].told;
	const char		*text;
	uint32_t		 number;
	size_t			 i, j;
	unsigned		 n = 0;

	text = storm_pick(s, 2) == 0 ? "THREAD REFERENCES UTF-8 ALL" :
	    "THREAD ORDEREDSUBJECT UTF-8 ALL";
	if (ask(s, text) == -1)
		return (-1);
	if (!all_once(s)) {
		differ(s, text);
		return (0);
	}
	for (i = 0; i < s->nfound; i++) {
		number = t->m[s->found[i] - 1].number;
		if (i > 0 && s->thread[i] == s->thread[i - 1]) {
			if (number != t->m[s->found[i - 1] - 1].number)
				differ(s, text);
			continue;
		}
		n++;		/* and none of it was there before */
		for (j = 0; j < i; j++)
			if (t->m[s->found[j] - 1].number == number)
				differ(s, text);
	}
	if (n != s->threads)
		differ(s, text);
	return (0);
}

/* From the newest down, each full but the last. */
static int
batches(struct storm *s)
{
	const struct told	*t = &s->clients[STORM_FRESH].told;
	uint32_t		 i, k, n, all = 0;

	if (ask(s, "UIDBATCHES 500") == -1)
		return (-1);
	for (k = 0; k + 1 < s->nfound; k += 2) {
		for (i = n = 0; i < t->n; i++)
			n += t->m[i].uid <= s->found[k] &&
			    t->m[i].uid >= s->found[k + 1];
		all += n;
		if (n == 0 || n > BATCH || (k + 2 < s->nfound &&
		    (n != BATCH || s->found[k + 2] >= s->found[k + 1])))
			differ(s, "UIDBATCHES 500");
	}
	if (all != t->n || s->nfound % 2 != 0)
		differ(s, "UIDBATCHES 500");
	return (0);
}

int
storm_searches(struct storm *s)
{
	static int (*const others[])(struct storm *) = { partial, by_modseq,
	    by_text, sort, threads, batches };
	unsigned	 k = storm_pick(s, nitems(others));

	return (by_flags(s) == -1 || others[k](s) == -1 ||
	    others[(k + 1) % nitems(others)](s) == -1 ? -1 : 0);
}
