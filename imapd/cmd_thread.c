/*
 * THREAD, RFC 5256: what the search finds is read, field by field that is kept
 * ready, into threads (thread.h), which are made and told in slices.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "header.h"
#include "imapd/cmd.h"
#include "imapd/look.h"
#include "imapd/results.h"
#include "imapd/searching.h"
#include "imapd/sortkey.h"
#include "imapd/thread.h"

#define TURN_US		500	/* in one slice */
#define TURN_MESSAGES	16	/* before looking at the clock */

struct threading {
	struct thread_args	 args;
	struct results		 found;
	struct memuse		 memory;	/* of threads */
	struct threads		*threads;
	struct look		 look;		/* without a program */
	struct buf		 subject, tmp;
	size_t			 loaded;
	int			 made, begun;
};

static int		 hit(void *, const struct msgrec *, uint32_t);
static void		 found(void *, unsigned);
static enum step	 threading(struct session *);
static int		 load(struct session *, struct threading *, uint64_t);
static int		 load_one(struct session *, struct threading *);
static int		 add(struct session *, struct threading *,
			    const struct hit *, int64_t, struct span);
static void		 forget(void *);

static const struct search_use	 use = { hit, threading, found, forget };

enum step
cmd_thread(struct session *s, struct cursor *c)
{
	struct threading	*g;

	if ((g = calloc(1, sizeof(*g))) == NULL)
		return (session_no(s, ENOMEM));
	if (cur_sp(c) == -1 || cur_thread(c, &g->args) == -1 ||
	    cur_end(c) == -1) {
		forget(g);
		return (session_syntax(s, c));
	}
	g->found.by_uid = s->uid;
	memuse_begin(&g->found.memory, s);
	memuse_begin(&g->memory, s);
	return (search_for(s, &g->args.search, &use, g));
}

static void
forget(void *arg)
{
	struct threading	*g = arg;

	search_free(&g->args.search);
	results_free(&g->found);
	threads_free(g->threads);
	look_free(&g->look);
	buf_free(&g->subject);
	buf_free(&g->tmp);
	memuse_end(&g->memory);
	free(g);
}

static int
hit(void *arg, const struct msgrec *rec, uint32_t seq)
{
	struct threading	*g = arg;

	return (results_add(&g->found, rec, seq));
}

static void
found(void *arg, unsigned failed)
{
	struct threading	*g = arg;

	g->found.failed = failed;
}

static enum step
threading(struct session *s)
{
	struct threading	*g = s->data;
	uint64_t		 until = store_us() + TURN_US;
	int			 rc;

	if (g->threads == NULL && (g->threads = threads_new(g->args.how,
	    g->found.n)) == NULL)
		return (session_no(s, errno));
	if (g->loaded < g->found.n) {
		if ((rc = load(s, g, until)) == -1)
			return (session_no(s, errno));
		if (rc == 1)
			return (STEP_AGAIN);
	}
	while (!g->made) {
		if ((rc = threads_step(g->threads)) == -1 ||
		    memuse_set(&g->memory, threads_size(g->threads)) == -1)
			return (session_no(s, errno));
		g->made = rc == 0;
		if (store_us() >= until)
			return (STEP_AGAIN);
	}
	if (!g->begun)
		(void)buf_adds(session_out(s), g->found.n > 0 ? "* THREAD " :
		    "* THREAD");
	g->begun = 1;
	if (threads_write(g->threads, session_out(s)) == 1)
		return (STEP_AGAIN);
	(void)buf_adds(session_out(s), "\r\n");
	return (results_end(s, &g->found));
}

/* 1 there is more, 0, or -1 with errno. */
static int
load(struct session *s, struct threading *g, uint64_t until)
{
	unsigned	 n = 0;
	int		 rc;

	while (g->loaded < g->found.n) {
		if (++n % TURN_MESSAGES == 0 && store_us() >= until)
			return (1);
		if ((rc = load_one(s, g)) != 0)
			return (rc);
		g->loaded++;
	}
	return (0);
}

/* A message that cannot be read is as one without a header. */
static int
load_one(struct session *s, struct threading *g)
{
	const struct hit	*r = &g->found.r[g->loaded];
	const struct msgrec	*rec = seen_rec(&s->seen, r->uid);
	struct span		 fields = { 0 };
	int			 rc;

	if (rec != NULL) {
		if (!g->look.busy)
			look_begin(&g->look, s->account->part, rec, 0);
		if ((rc = look_fields(&g->look, &fields)) == 1)
			return (1);
		g->found.failed += rc == -1;
	}
	g->look.busy = 0;	/* it may have gone meanwhile */
	if (add(s, g, r, rec == NULL ? 0 : (int64_t)rec->date, fields) == -1)
		return (-1);
	return (memuse_set(&g->memory, threads_size(g->threads)));
}

static int
add(struct session *s, struct threading *g, const struct hit *r,
    int64_t date, struct span fields)
{
	struct thread_message	 m = { 0 };
	struct header_facts	 f;

	header_facts(fields, &f);
	m.number = g->found.by_uid ? r->uid : r->seq;
	m.date = sort_date(f.value[HDR_DATE], date);
	m.id = f.value[HDR_MESSAGE_ID];
	m.references = f.value[HDR_REFERENCES];
	m.in_reply_to = f.value[HDR_IN_REPLY_TO];
	buf_reset(&g->subject);
	if (sort_subject(&g->subject, f.value[HDR_SUBJECT],
	    s->store->charsets, &g->tmp, &m.reply) == -1)
		return (-1);
	m.subject = span_buf(&g->subject);
	return (threads_add(g->threads, &m));
}
