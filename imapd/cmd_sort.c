/*
 * SORT, RFC 5256, with ESEARCH answers (RFC 5267) and display names (RFC 5957):
 * what the search finds is kept, what it is sorted by is read from the
 * ready-made fields, then it is sorted and told, all in slices.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/cmd.h"
#include "imapd/look.h"
#include "imapd/merge.h"
#include "imapd/results.h"
#include "imapd/searching.h"
#include "imapd/sortkey.h"

#define TURN_US		500	/* in one slice */
#define TURN_MESSAGES	16	/* before looking at the clock */

struct sorting {
	struct sort		 args;
	struct results		 results;
	struct sort_table	 table;
	struct look		 look;		/* without a program */
	struct merge		 merge;
	struct memuse		 memory;	/* of table and merge */
	int			 needs_header;
	int			 needs_date;	/* and nothing else of it */
	int			 loaded, sorted, begun;
};

static int		 hit(void *, const struct msgrec *, uint32_t);
static void		 found(void *, unsigned);
static enum step	 sorting(struct session *);
static int		 load(struct session *, struct sorting *);
static int		 load_one(struct session *, struct sorting *);
static enum step	 answer(struct session *, struct sorting *);
static void		 forget(void *);

static const struct search_use	 use = { hit, sorting, found, forget };

enum step
cmd_sort(struct session *s, struct cursor *c)
{
	struct sorting	*g;

	if ((g = calloc(1, sizeof(*g))) == NULL)
		return (session_no(s, ENOMEM));
	if (cur_sp(c) == -1 || cur_sort(c, &g->args) == -1 ||
	    cur_end(c) == -1) {
		forget(g);
		return (session_syntax(s, c));
	}
	g->table.keys = g->args.keys;
	g->table.nkeys = g->args.nkeys;
	g->table.charsets = s->store->charsets;
	g->needs_header = sort_needs_header(g->args.keys, g->args.nkeys);
	g->needs_date = sort_needs_date(g->args.keys, g->args.nkeys);
	g->results.returns = g->args.search.returns;
	g->results.partial = g->args.search.partial;
	g->results.with_modseq = g->args.search.modseq;
	g->results.by_uid = s->uid;
	memuse_begin(&g->results.memory, s);
	memuse_begin(&g->memory, s);
	return (search_for(s, &g->args.search, &use, g));
}

static void
forget(void *arg)
{
	struct sorting	*g = arg;

	search_free(&g->args.search);
	results_free(&g->results);
	sort_table_free(&g->table);
	look_free(&g->look);
	merge_end(&g->merge);
	memuse_end(&g->memory);
	free(g);
}

static int
hit(void *arg, const struct msgrec *rec, uint32_t seq)
{
	struct sorting	*g = arg;

	return (results_add(&g->results, rec, seq));
}

static void
found(void *arg, unsigned failed)
{
	struct sorting	*g = arg;

	g->results.failed = failed;
}

static enum step
sorting(struct session *s)
{
	struct sorting	*g = s->data;
	uint64_t	 until = store_us() + TURN_US;
	int		 rc = 1;

	if (!g->loaded) {
		if ((rc = load(s, g)) == -1)
			return (results_no(s, &g->results, errno));
		if (rc == 1)
			return (STEP_AGAIN);
		g->loaded = 1;
		if (memuse_set(&g->memory, sort_table_size(&g->table) +
		    merge_size(g->table.n)) == -1 ||
		    merge_begin(&g->merge, g->table.n) == -1)
			return (results_no(s, &g->results, errno));
	}
	while (!g->sorted) {
		if (merge_step(&g->merge, sort_order, &g->table) == 0) {
			g->sorted = 1;
			g->results.order = g->merge.from;
		} else if (store_us() >= until)
			return (STEP_AGAIN);
	}
	return (answer(s, g));
}

/* What they are sorted by: 1 there is more, 0, or -1 with errno. */
static int
load(struct session *s, struct sorting *g)
{
	uint64_t	 until = store_us() + TURN_US;
	unsigned	 n = 0;
	int		 rc;

	while (g->table.n < g->results.n) {
		if (++n % TURN_MESSAGES == 0 && store_us() >= until)
			return (1);
		if ((rc = load_one(s, g)) != 0)
			return (rc);
	}
	return (0);
}

/*
 * A message that cannot be read is as one without a header.  Another session may
 * learn its date while this one is at work on it, which then goes on.
 */
static int
load_one(struct session *s, struct sorting *g)
{
	const struct hit	*r = &g->results.r[g->table.n];
	const struct msgrec	*rec;
	struct datecache	*dates = &s->seen.view->dates;
	struct sort_message	 m = { 0 };
	int			 rc;

	if ((rec = seen_rec(&s->seen, r->uid)) != NULL) {
		m.date = (int64_t)rec->date;
		m.size = rec->size;
		m.sent = m.date;
	}
	if (g->needs_header && rec != NULL && (g->look.busy ||
	    !g->needs_date || !datecache_find(dates, r->uid, &m.sent))) {
		if (!g->look.busy)
			look_begin(&g->look, s->account->part, rec, 0);
		if ((rc = look_fields(&g->look, &m.header)) == 1)
			return (1);
		if (rc == -1)
			g->results.failed++;
		else {
			m.sent = sort_sent(&m);
			datecache_add(dates, r->uid, m.sent,
			    s->seen.view->n);
		}
	}
	g->look.busy = 0;	/* it may have gone meanwhile */
	if (sort_add(&g->table, &m) == -1)
		return (-1);
	return (memuse_set(&g->memory, sort_table_size(&g->table)));
}

static enum step
answer(struct session *s, struct sorting *g)
{
	struct results	*l = &g->results;

	if (l->returns != RETURN_SAVE) {
		if (!g->begun) {
			g->begun = 1;
			if (l->returns == 0)
				(void)buf_adds(session_out(s), "* SORT");
			else
				esearch_begin(s, NULL);
		}
		if (results_write(s, l) == 1)
			return (STEP_AGAIN);
	}
	return (results_end(s, l));
}
