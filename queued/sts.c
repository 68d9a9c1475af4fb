/*
 * Policies of MTA-STS between workers and lookup.  See sts.h.
 *
 * Lookup is asked each time: it has the TXT record in its cache, and fetches only
 * what is new.  A policy that is kept holds until its time is over, whatever
 * becomes of record and server meanwhile (section 5.1), so it is on disk before
 * the first message goes by it.
 */
#include <sys/queue.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "mtasts.h"
#include "proc.h"
#include "queued/queued.h"
#include "queued/sts.h"

#define OPEN_MOST	1024	/* questions under way */
#define KEPT_MOST	100000	/* looked at in an hour */

struct rec_sts {
	uint64_t	 fetched;	/* q_now() */
	uint32_t	 max_age;
	struct span	 id, text;
};

static const struct field f_sts[] = {
	F_U64(rec_sts, fetched), F_U32(rec_sts, max_age),
	F_STR(rec_sts, id, 64), F_STR(rec_sts, text, MSG_STS_TEXT),
};
static const struct codec c_rec_sts = CODEC(rec_sts, f_sts);

struct question {
	LIST_ENTRY(question)	 entry;
	struct peer		*peer;	/* NULL: nobody waits any more */
	uint32_t		 id;
	char			*domain;	/* lower case */
	struct buf		 text;	/* of the policy, when it is stored */
	struct dbenv_wait	 wait;
};

static LIST_HEAD(, question)	 questions = LIST_HEAD_INITIALIZER(questions);
static size_t			 nquestions;

static int	 on_lookup(void *, struct peer *, struct imsg *);
static void	 on_stored(struct dbenv_wait *, int);

static void
answer(struct question *x, enum sts_status status, struct span text)
{
	struct msg_sts_answer	 m = { .status = (uint8_t)status };

	m.id = span_of("", 0);
	m.text = text;
	if (x->peer != NULL)
		(void)peer_reply(x->peer, M_STS, x->id, &c_sts_answer, &m, -1);
	dbenv_unwait(q.env, &x->wait);
	LIST_REMOVE(x, entry);
	nquestions--;
	buf_free(&x->text);
	free(x->domain);
	free(x);
}

static int
is_over(const struct rec_sts *r)
{
	return (q_now() >= r->fetched + r->max_age);
}

/* The one that is kept: 1; 0 there is none that still holds. */
static int
kept(const char *domain, struct rec_sts *r)
{
	struct span	 val;

	return (dbenv_get(q.sts, span_str(domain), &val) == 0 &&
	    codec_get(&val, &c_rec_sts, r) == 0 && !is_over(r));
}

/* It holds from now on. */
static int
store(const char *domain, const struct msg_sts_answer *a)
{
	static struct mtasts_policy	 p;
	struct rec_sts			 r = { .fetched = q_now() };
	struct buf			 b = { 0 };
	int				 rc = -1;

	if (mtasts_parse(a->text, &p, &b) == -1) {
		log_error("lookup gives a policy that is none: %s",
		    buf_cstr(&b));
		buf_free(&b);
		errno = EILSEQ;
		return (-1);
	}
	r.max_age = p.max_age;
	r.id = a->id;
	r.text = a->text;
	if (codec_put(&b, &c_rec_sts, &r) == 0 && db_begin() == 0)
		rc = db_end(dbenv_put(q.sts, span_str(domain), span_buf(&b)));
	buf_free(&b);
	return (rc);
}

static void
on_stored(struct dbenv_wait *w, int error)
{
	struct question	*x = w->arg;

	(void)error;		/* it is believed in any case */
	answer(x, STS_POLICY, span_buf(&x->text));
}

static int
on_lookup(void *arg, struct peer *p, struct imsg *m)
{
	struct msg_sts_answer	 a = { .status = STS_TEMPFAIL };
	struct question		*x = arg;
	struct rec_sts		 r;
	int			 bad;

	(void)p;
	bad = m != NULL && imsg_get(m, &c_sts_answer, &a) == -1;
	if (bad)
		a.status = STS_TEMPFAIL;
	if (a.status == STS_POLICY && store(x->domain, &a) == 0) {
		(void)buf_add_span(&x->text, a.text);
		x->wait.done = on_stored;
		x->wait.arg = x;
		if (dbenv_wait(q.env, dbenv_seq(q.env), &x->wait) == 1)
			on_stored(&x->wait, 0);
	} else if (a.status == STS_POLICY)
		answer(x, STS_POLICY, a.text);
	else if (kept(x->domain, &r))
		answer(x, STS_POLICY, r.text);
	else	/* RFC 8461 section 3.3: what cannot be fetched is not there */
		answer(x, a.status == STS_TEMPFAIL ? STS_TEMPFAIL : STS_NONE,
		    span_of("", 0));
	if (m != NULL && !bad)
		codec_free(&c_sts_answer, &a);
	return (bad ? -1 : 0);
}

int
on_sts(struct peer *p, struct imsg *m)
{
	struct msg_sts_answer	 no = { .status = STS_TEMPFAIL };
	struct msg_sts		 s, ask;
	struct question		*x = NULL;
	struct rec_sts		 r;
	char			*c;

	if (imsg_get(m, &c_sts, &s) == -1 || s.domain.n == 0)
		return (-1);
	if (nquestions >= OPEN_MOST || (x = calloc(1, sizeof(*x))) == NULL ||
	    (x->domain = span_dup(s.domain)) == NULL) {
		free(x);
		(void)peer_reply(p, M_STS, m->id, &c_sts_answer, &no, -1);
		return (0);
	}
	for (c = x->domain; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	x->peer = p;
	x->id = m->id;
	LIST_INSERT_HEAD(&questions, x, entry);
	nquestions++;
	ask.domain = span_str(x->domain);
	ask.id = span_of("", 0);
	/* In the second half of its time it is fetched again. */
	if (kept(x->domain, &r) && q_now() < r.fetched + r.max_age / 2)
		ask.id = r.id;
	if (peer_ask(proc_peer(ROLE_LOOKUP, 0), M_STS, &c_sts, &ask, -1,
	    on_lookup, x) == 0)
		(void)on_lookup(x, NULL, NULL);
	return (0);
}

void
sts_down(struct peer *p)
{
	struct question	*x;

	LIST_FOREACH(x, &questions, entry)
		if (x->peer == p)
			x->peer = NULL;
}

void
sts_sweep(void)
{
	struct dbenv_iter	 it;
	struct rec_sts		 r;
	struct span		 key, val;
	size_t			 n = 0;
	int			 rc;

	if (db_begin() == -1)
		return;
	dbenv_iter_init(&it, q.sts, span_of("", 0), span_of("", 0));
	while (n++ < KEPT_MOST &&
	    (rc = dbenv_iter_next(&it, &key, &val)) != 0) {
		if (rc == -1 && errno != EILSEQ)
			break;
		if ((rc == -1 || codec_get(&val, &c_rec_sts, &r) == -1 ||
		    is_over(&r)) && dbenv_del(q.sts, key) == -1)
			break;
	}
	dbenv_iter_free(&it);
	(void)db_end(0);
}
