/*
 * Pages of recipients: those that a filter lets through, and those that were
 * named.  What is kept between two pages is in the cursor.
 */
#include <errno.h>

#include "queued/ctl.h"

/* ---- listings: the cursor is the recipient to go on with ------------------- */

static int
listing_begin(struct ctl *c, uint64_t *msg, uint32_t *n)
{
	struct buf	 why = { 0 };

	*msg = 0;
	*n = 0;
	if (filter_parse(&c->m, &c->filter, &why) == 0 &&
	    (c->m.cursor.n == 0 || q_id_parse(c->m.cursor, msg, n) == 0))
		return (0);
	ctl_error(c, "%s", why.n > 0 ? buf_cstr(&why) : "malformed cursor");
	buf_free(&why);
	return (-1);
}

/* Records from there on, of that message alone where ids are named.  1: the
 * page is full, they go on there; 0. */
static int
piece(struct ctl *c, struct dbenv_db *db, ctl_list_fn fn, size_t *looked,
    uint64_t *msg, uint32_t *n)
{
	struct dbenv_iter	 it;
	struct span		 key, val;
	uint8_t			 k[12], p[8];
	int			 rc, full = 0;

	dbenv_iter_init(&it, db, key_rcpt(k, *msg, *n),
	    c->filter.nids == 0 ? span_of(NULL, 0) : key_msg(p, *msg));
	while (!full && (rc = dbenv_iter_next(&it, &key, &val)) != 0) {
		if (rc == -1 && errno != EILSEQ)
			break;
		if (key_rcpt_get(key, msg, n) == 0 && rc == 1)
			full = ++*looked > CTL_SCAN || fn(c, *msg, *n, val);
	}
	dbenv_iter_free(&it);
	return (full);
}

void
ctl_listing(struct ctl *c, struct dbenv_db *db, ctl_list_fn fn)
{
	uint64_t	 msg;
	uint32_t	 n;
	size_t		 looked = 0;
	int		 full = 0;

	if (listing_begin(c, &msg, &n) == -1)
		return;
	while (filter_seek(&c->filter, &msg, &n) &&
	    !(full = piece(c, db, fn, &looked, &msg, &n)) &&
	    c->filter.nids > 0) {
		if (++msg == 0)		/* the last that can be */
			break;
		n = 0;
	}
	if (full)
		buf_adds(&c->cursor, q_id((char[Q_ID]){ 0 }, msg, n));
	ctl_done(c);
}

/* ---- what was named ------------------------------------------------------------
 * The cursor: which argument, at which recipient, and what was not there:
 * "2 15 00000007, 00000008". */

void
ctl_missing(struct ctl *c, uint64_t msg, uint32_t n)
{
	if (c->missing.n > 0)
		buf_adds(&c->missing, ", ");
	buf_adds(&c->missing, q_id((char[Q_ID]){ 0 }, msg, n));
}

static int
showing_begin(struct ctl *c, size_t *i, uint32_t *n)
{
	struct span	 s = c->m.cursor, head;
	uint64_t	 msg, at = 0, next = 0;
	uint32_t	 only;
	size_t		 k;

	for (k = 0; k < c->m.args.n; k++)
		if (q_id_parse(ctl_arg(c, k), &msg, &only) == -1) {
			ctl_error(c, "an id reads 0000002a, or 0000002a.1");
			return (-1);
		}
	if (s.n > 0 && (span_split(&s, ' ', &head) == 0 ||
	    span_num(head, CTL_WORDS, &at) == -1 ||
	    span_split(&s, ' ', &head) == 0 ||
	    span_num(head, UINT32_MAX, &next) == -1)) {
		ctl_error(c, "malformed cursor");
		return (-1);
	}
	buf_add_span(&c->missing, s);
	*i = (size_t)at;
	*n = (uint32_t)next;
	return (0);
}

void
ctl_showing(struct ctl *c, ctl_show_fn fn)
{
	uint64_t	 msg;
	uint32_t	 n, only;
	size_t		 i, before;
	int		 full = 0, fresh;

	if (showing_begin(c, &i, &n) == -1)
		return;
	for (; i < c->m.args.n; i++, n = 0) {
		(void)q_id_parse(ctl_arg(c, i), &msg, &only);
		before = c->page.n;
		if ((fresh = n == 0))
			n = only;
		if ((full = fn(c, msg, only, &n)))
			break;
		if (fresh && c->page.n == before)
			ctl_missing(c, msg, only);
	}
	if (full || (c->missing.n > 0 && c->page.n > 0)) {
		buf_addf(&c->cursor, "%zu %u ", i, full ? n : 0);
		buf_add_span(&c->cursor, span_buf(&c->missing));
	}
	ctl_done(c);
}
