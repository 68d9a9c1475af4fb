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
#define HOUR		3600	/* moments are as true as that: few writes */

static const struct field f_sts[] = {
	F_U64(rec_sts, fetched), F_U32(rec_sts, max_age),
	F_STR(rec_sts, id, 64), F_STR(rec_sts, text, MSG_STS_TEXT),
	F_U64(rec_sts, used), F_U64(rec_sts, checked), F_U64(rec_sts, failed),
};
static const struct field f_sts_1[] = {
	F_U64(rec_sts, fetched), F_U32(rec_sts, max_age),
	F_STR(rec_sts, id, 64), F_STR(rec_sts, text, MSG_STS_TEXT),
};
static const struct codec c_rec_sts = CODEC(rec_sts, f_sts);
static const struct codec c_sts_1 = CODEC(rec_sts, f_sts_1);

struct question {
	LIST_ENTRY(question)	 entry;
	struct peer		*peer;	/* NULL: no worker waits */
	uint32_t		 id;
	void			(*done)(void *, enum sts_status, struct span);
	void			*arg;
	int			 use;	/* mail wants to know */
	char			*domain;	/* lower case */
	struct buf		 text;	/* of the policy, when it is stored */
	struct dbenv_wait	 wait;
};

static LIST_HEAD(, question)	 questions = LIST_HEAD_INITIALIZER(questions);
static size_t			 nquestions;

static void	 on_stored(struct dbenv_wait *, int);
static int	 on_lookup(void *, struct peer *, struct imsg *);

/* ---- what is kept ------------------------------------------------------------ */

int
sts_decode(struct span val, struct rec_sts *r)
{
	struct span	 s = val;

	memset(r, 0, sizeof(*r));
	if (codec_get(&s, &c_rec_sts, r) == 0 && s.n == 0)
		return (0);
	memset(r, 0, sizeof(*r));
	if (codec_get(&val, &c_sts_1, r) == -1 || val.n != 0)
		return (-1);
	r->used = r->checked = r->fetched;
	return (0);
}

int
sts_is_over(const struct rec_sts *r)
{
	return (q_now() >= r->fetched + r->max_age);
}

int
sts_kept(const char *domain, struct rec_sts *r)
{
	struct span	 val;

	return (dbenv_get(q.sts, span_str(domain), &val) == 0 &&
	    sts_decode(val, r) == 0 && !sts_is_over(r));
}

int
sts_put(const char *domain, const struct rec_sts *r)
{
	struct buf	 b = { 0 };
	int		 rc = -1;

	if (codec_put(&b, &c_rec_sts, r) == 0 && db_begin() == 0)
		rc = db_end(dbenv_put(q.sts, span_str(domain), span_buf(&b)));
	buf_free(&b);
	return (rc);
}

/* It holds from now on. */
static int
store(const struct question *x, const struct msg_sts_answer *a)
{
	static struct mtasts_policy	 p;
	struct rec_sts			 r = { 0 }, was;
	struct buf			 b = { 0 };

	if (mtasts_parse(a->text, &p, &b) == -1) {
		log_error("lookup gives a policy that is none: %s",
		    buf_cstr(&b));
		buf_free(&b);
		errno = EILSEQ;
		return (-1);
	}
	buf_free(&b);
	r.fetched = r.checked = r.used = q_now();
	if (!x->use && sts_kept(x->domain, &was))
		r.used = was.used;
	r.max_age = p.max_age;
	r.id = a->id;
	r.text = a->text;
	return (sts_put(x->domain, &r));
}

/* Set a moment that is more than an hour old.  1 it was changed. */
static int
stamp(uint64_t *t)
{
	if (q_now() < *t + HOUR)
		return (0);
	*t = q_now();
	return (1);
}

/* What came of the question, when it brought no new policy. */
static void
note(const struct question *x, enum sts_status status)
{
	struct rec_sts	 r;
	struct buf	 octets = { 0 };
	int		 changed = 0;

	if (!sts_kept(x->domain, &r))
		return;
	/* the record is borrowed from what is written over */
	buf_add_span(&octets, r.id);
	buf_add_span(&octets, r.text);
	if (buf_failed(&octets)) {
		buf_free(&octets);
		return;
	}
	r.id.p = octets.p;
	r.text.p = octets.p + r.id.n;
	if (x->use)
		changed |= stamp(&r.used);
	if (status == STS_FAILED || status == STS_TEMPFAIL) {
		if (r.failed == 0)
			log_warn("MTA-STS: the policy of %s cannot be "
			    "confirmed; the one that is kept holds for %llu "
			    "more seconds", log_escs(x->domain), (unsigned long
			    long)(r.fetched + r.max_age - q_now()));
		changed |= stamp(&r.failed);
	} else {
		changed |= stamp(&r.checked) || r.failed != 0;
		r.failed = 0;
	}
	if (changed)
		(void)sts_put(x->domain, &r);
	buf_free(&octets);
}

/* ---- questions ----------------------------------------------------------------- */

static void
answer(struct question *x, enum sts_status status, struct span text)
{
	struct msg_sts_answer	 m = { .status = (uint8_t)status };

	m.id = span_of("", 0);
	m.text = text;
	if (x->done != NULL)
		x->done(x->arg, status, text);
	else if (x->peer != NULL)
		(void)peer_reply(x->peer, M_STS, x->id, &c_sts_answer, &m, -1);
	dbenv_unwait(q.env, &x->wait);
	LIST_REMOVE(x, entry);
	nquestions--;
	buf_free(&x->text);
	free(x->domain);
	free(x);
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
	if (a.status == STS_POLICY && store(x, &a) == 0) {
		(void)buf_add_span(&x->text, a.text);
		x->wait.done = on_stored;
		x->wait.arg = x;
		if (dbenv_wait(q.env, dbenv_seq(q.env), &x->wait) == 1)
			on_stored(&x->wait, 0);
	} else if (a.status == STS_POLICY && x->done != NULL)
		answer(x, STS_FAILED, span_str("it cannot be kept"));
	else if (a.status == STS_POLICY)
		answer(x, STS_POLICY, a.text);
	else {
		note(x, a.status);
		if (x->done != NULL)
			answer(x, a.status, a.text);
		else if (sts_kept(x->domain, &r))
			answer(x, STS_POLICY, r.text);
		else	/* section 3.3: what cannot be fetched is not there */
			answer(x, a.status == STS_TEMPFAIL ? STS_TEMPFAIL :
			    STS_NONE, span_of("", 0));
	}
	if (m != NULL && !bad)
		codec_free(&c_sts_answer, &a);
	return (bad ? -1 : 0);
}

static struct question *
question_new(struct span domain)
{
	struct question	*x;
	char		*c;

	if (nquestions >= OPEN_MOST || (x = calloc(1, sizeof(*x))) == NULL)
		return (NULL);
	if ((x->domain = span_dup(domain)) == NULL) {
		free(x);
		return (NULL);
	}
	for (c = x->domain; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	LIST_INSERT_HEAD(&questions, x, entry);
	nquestions++;
	return (x);
}

static void
ask(struct question *x, int anew)
{
	struct msg_sts	 m = { .id = span_of("", 0) };
	struct rec_sts	 r;

	m.domain = span_str(x->domain);
	/* In the second half of its time it is fetched again. */
	if (!anew && sts_kept(x->domain, &r) &&
	    q_now() < r.fetched + r.max_age / 2)
		m.id = r.id;
	if (peer_ask(proc_peer(ROLE_LOOKUP, 0), M_STS, &c_sts, &m, -1,
	    on_lookup, x) == 0)
		(void)on_lookup(x, NULL, NULL);
}

int
sts_ask(const char *domain, int anew,
    void (*done)(void *, enum sts_status, struct span), void *arg)
{
	struct question	*x;

	if ((x = question_new(span_str(domain))) == NULL)
		return (-1);
	x->done = done;
	x->arg = arg;
	ask(x, anew);
	return (0);
}

int
on_sts(struct peer *p, struct imsg *m)
{
	struct msg_sts_answer	 no = { .status = STS_TEMPFAIL };
	struct msg_sts		 s;
	struct question		*x;

	if (imsg_get(m, &c_sts, &s) == -1 || s.domain.n == 0)
		return (-1);
	if ((x = question_new(s.domain)) == NULL) {
		(void)peer_reply(p, M_STS, m->id, &c_sts_answer, &no, -1);
		return (0);
	}
	x->peer = p;
	x->id = m->id;
	x->use = 1;
	ask(x, 0);
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
