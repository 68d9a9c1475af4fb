/*
 * letterctl queue retired: what left the queue and is still remembered.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "queued/ctl.h"

static struct json_object *
row(uint64_t msg, uint32_t n, const struct rec_retired *r)
{
	struct json_object	*o = ctl_row(&r->m, msg, n, &r->r);

	if (o == NULL)
		return (NULL);
	json_object_object_del(o, "next_at");
	json_object_object_del(o, "held");
	row_str(o, "state", span_str(retired_names[r->how]));
	row_num(o, "ended_at", q_clock(r->ended));
	row_num(o, "until_at", q_clock(r->until));
	return (o);
}

/* From the cursor on, the message of the filter alone. */
void
ctl_retired_list(struct ctl *c)
{
	struct dbenv_iter	 it;
	struct json_object	*o;
	struct rec_retired	 r;
	struct span		 key, val;
	uint64_t		 msg;
	uint32_t		 n;
	size_t			 looked = 0;
	uint8_t			 k[12], p[8];
	int			 rc, full = 0;

	if (ctl_listing(c, &msg, &n) == -1)
		return;
	dbenv_iter_init(&it, q.retired, key_rcpt(k, msg, n),
	    c->filter.msg == 0 ? span_of(NULL, 0) : key_msg(p, c->filter.msg));
	while (!full && (rc = dbenv_iter_next(&it, &key, &val)) != 0) {
		if (key_rcpt_get(key, &msg, &n) == -1 || rc == -1 ||
		    db_retired_decode(val, &r) == -1) {
			if (key.n == 0)
				break;
			continue;
		}
		if (++looked > CTL_SCAN)
			full = 1;
		else if (filter_retired(&c->filter, msg, n, &r) &&
		    ((o = row(msg, n, &r)) == NULL ||
		    page_row(&c->page, o) == -1))
			full = 1;
	}
	dbenv_iter_free(&it);
	if (full)
		buf_adds(&c->cursor, q_id((char[Q_ID]){ 0 }, msg, n));
	ctl_done(c);
}

/* A page holds some recipients of the message; the cursor is the next one. */
void
ctl_retired_show(struct ctl *c)
{
	struct dbenv_iter	 it;
	struct json_object	*o;
	struct rec_retired	 r;
	struct span		 key, val;
	uint64_t		 msg, at;
	uint32_t		 n, only, from;
	uint8_t			 k[12], p[8];

	if (q_id_parse(ctl_arg(c, 0), &msg, &only) == -1 ||
	    (c->m.cursor.n > 0 && q_id_parse(c->m.cursor, &at, &from) == -1)) {
		ctl_error(c, "an id reads 0000002a, or 0000002a.1");
		return;
	}
	if (c->m.cursor.n == 0)
		from = only;
	dbenv_iter_init(&it, q.retired, key_rcpt(k, msg, from),
	    key_msg(p, msg));
	while (dbenv_iter_next(&it, &key, &val) == 1) {
		if (key_rcpt_get(key, &at, &n) == -1 ||
		    db_retired_decode(val, &r) == -1)
			continue;
		if (only != 0 && n != only)
			break;
		if ((o = row(msg, n, &r)) != NULL)
			json_object_object_add(o, "results",
			    ctl_attempts(msg, n));
		if (o == NULL || page_row(&c->page, o) == -1) {
			buf_adds(&c->cursor, q_id((char[Q_ID]){ 0 }, msg, n));
			break;
		}
	}
	dbenv_iter_free(&it);
	if (c->page.n == 0)
		ctl_error(c, "that is not remembered: never there, in the "
		    "queue still, or its time is over");
	else
		ctl_done(c);
}
