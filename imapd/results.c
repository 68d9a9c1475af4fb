/*
 * Messages that were found.  See results.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/parse/write.h"
#include "imapd/place.h"
#include "imapd/results.h"
#include "imapd/searching.h"

#define SLICE	1000		/* numbers before looking for room */

static const struct hit *result(const struct results *, size_t);
static uint32_t	 number(const struct results *, size_t);
static void	 run(struct session *, struct results *);
static void	 one(struct session *, struct results *);
static void	 begin_partial(struct session *, struct results *);
static void	 rest(struct session *, const struct results *);
static uint64_t	 modseq(const struct results *);

void
esearch_begin(struct session *s, const struct mailbox *mb)
{
	struct buf	*out = session_out(s);

	(void)buf_adds(out, "* ESEARCH (TAG ");
	string_write(out, s->tag);
	if (mb != NULL) {
		(void)buf_adds(out, " MAILBOX ");
		place_write(s, mb, out);
		(void)buf_addf(out, " UIDVALIDITY %u", mb->uidvalidity);
	}
	(void)buf_adds(out, s->uid || mb != NULL ? ") UID" : ")");
}

int
results_add(struct results *l, const struct msgrec *rec, uint32_t seq)
{
	struct hit	*more;
	size_t		 cap;

	if (l->n == l->cap) {
		cap = l->cap == 0 ? 64 : l->cap * 2;
		if (memuse_set(&l->memory, cap * sizeof(*more)) == -1 ||
		    (more = reallocarray(l->r, cap, sizeof(*more))) == NULL)
			return (-1);
		l->r = more;
		l->cap = cap;
	}
	l->r[l->n].uid = rec->uid;
	l->r[l->n].seq = seq;
	l->r[l->n++].modseq = rec->modseq;
	return (0);
}

void
results_free(struct results *l)
{
	free(l->r);
	memuse_end(&l->memory);
	memset(l, 0, sizeof(*l));
}

/* The ith as they are told. */
static const struct hit *
result(const struct results *l, size_t i)
{
	return (&l->r[l->order == NULL ? i : l->order[i]]);
}

static uint32_t
number(const struct results *l, size_t i)
{
	return (l->by_uid ? result(l, i)->uid : result(l, i)->seq);
}

static void
run(struct session *s, struct results *l)
{
	struct buf	*out = session_out(s);

	if (l->lo == 0)
		return;
	if (l->any)
		(void)buf_addc(out, ',');
	l->any = 1;
	number_write(out, l->lo);
	if (l->hi != l->lo) {
		(void)buf_addc(out, ':');
		number_write(out, l->hi);
	}
	l->lo = 0;
}

/* In order, so a range stands for numbers that follow each other. */
static void
one(struct session *s, struct results *l)
{
	uint32_t	 n = number(l, l->at++);

	if (l->returns == 0) {
		(void)buf_addc(session_out(s), ' ');
		number_write(session_out(s), n);
	} else if (l->lo != 0 && l->hi + 1 == n)
		l->hi = n;
	else {
		run(s, l);
		l->lo = l->hi = n;
	}
}

/* RFC 9394 section 3.1: the range as it was asked for, and what there is of it. */
static void
begin_partial(struct session *s, struct results *l)
{
	struct buf	*out = session_out(s);

	(void)buf_adds(out, " PARTIAL (");
	partial_write(out, &l->partial);
	partial_of(&l->partial, l->n, &l->at, &l->to);
	(void)buf_adds(out, l->at < l->to ? " " : " NIL");
}

int
results_enough(const struct results *l)
{
	return ((l->returns & RETURN_PARTIAL) != 0 && !l->partial.from_end &&
	    l->order == NULL && l->n >= l->partial.hi &&
	    (l->returns & (RETURN_MAX | RETURN_COUNT)) == 0);
}

int
results_write(struct session *s, struct results *l)
{
	size_t	 i;

	if (!l->begun) {
		l->begun = 1;
		if (l->returns == 0)
			l->to = l->n;
		else if ((l->returns & RETURN_ALL) != 0 && l->n > 0) {
			(void)buf_adds(session_out(s), " ALL ");
			l->to = l->n;
		} else if ((l->returns & RETURN_PARTIAL) != 0)
			begin_partial(s, l);
	}
	for (i = 0; l->at < l->to; i++) {
		if (i == SLICE)
			return (1);
		one(s, l);
	}
	run(s, l);
	if ((l->returns & RETURN_PARTIAL) != 0)
		(void)buf_addc(session_out(s), ')');
	rest(s, l);
	return (0);
}

/* What is one number each. */
static void
rest(struct session *s, const struct results *l)
{
	struct buf	*out = session_out(s);
	uint64_t	 most;

	if ((l->returns & RETURN_MIN) != 0 && l->n > 0)
		(void)buf_addf(out, " MIN %u", number(l, 0));
	if ((l->returns & RETURN_MAX) != 0 && l->n > 0)
		(void)buf_addf(out, " MAX %u", number(l, l->n - 1));
	if ((l->returns & RETURN_COUNT) != 0)
		(void)buf_addf(out, " COUNT %zu", l->n);
	if (l->with_modseq && (most = modseq(l)) > 0)
		(void)buf_addf(out, l->returns == 0 ? " (MODSEQ %llu)" :
		    " MODSEQ %llu", (unsigned long long)most);
	(void)buf_adds(out, "\r\n");
}

/* Is the ith of those told, or saved?  RFC 5182 section 2.4, RFC 9394 section
 * 3.2. */
static int
counts(const struct results *l, size_t i)
{
	unsigned	 some = l->returns & (RETURN_MIN | RETURN_MAX |
			    RETURN_PARTIAL);
	size_t		 first, end;

	if (some == 0 || (l->returns & (RETURN_ALL | RETURN_COUNT)) != 0)
		return (1);
	if ((i == 0 && (some & RETURN_MIN) != 0) ||
	    (i == l->n - 1 && (some & RETURN_MAX) != 0))
		return (1);
	if ((some & RETURN_PARTIAL) == 0)
		return (0);
	partial_of(&l->partial, l->n, &first, &end);
	return (i >= first && i < end);
}

/* The highest of what is shown, RFC 4731 section 3.2. */
static uint64_t
modseq(const struct results *l)
{
	uint64_t	 most = 0;
	size_t		 i;

	for (i = 0; i < l->n; i++)
		if (counts(l, i) && result(l, i)->modseq > most)
			most = result(l, i)->modseq;
	return (most);
}

int
results_save(struct session *s, const struct results *l)
{
	struct seqset	 set = { 0 };
	uint32_t	 last = 0;
	uint8_t		*saved;
	size_t		 i;
	int		 rc = 0;

	if ((l->returns & RETURN_SAVE) == 0)
		return (0);
	seqset_free(&s->saved);
	if ((saved = calloc(1, l->n + 1)) == NULL)
		return (-1);
	for (i = 0; i < l->n; i++)
		if (counts(l, i))
			saved[result(l, i) - l->r] = 1;
	for (i = 0; i < l->n && rc == 0; i++)
		if (saved[i])
			rc = search_save(&set, &last, l->r[i].seq,
			    l->r[i].uid);
	free(saved);
	if (rc == -1) {
		seqset_free(&set);
		return (-1);
	}
	s->saved = set;
	return (0);
}

enum step
results_end(struct session *s, const struct results *l)
{
	const char	*name = s->command->name;

	if (results_save(s, l) == -1)
		return (session_reply(s, "NO [NOTSAVED] too many messages to "
		    "be remembered"));
	if (l->failed > 0)
		return (session_replyf(s, "OK %s completed, %u messages could "
		    "not be read", name, l->failed));
	return (session_replyf(s, "OK %s completed", name));
}

/* RFC 5182 section 2.1: NO to a search that should be saved saves nothing. */
enum step
results_no(struct session *s, const struct results *l, int error)
{
	if ((l->returns & RETURN_SAVE) != 0)
		seqset_free(&s->saved);
	return (session_no(s, error));
}
