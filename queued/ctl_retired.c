/*
 * letterctl queue retired: what left the queue and is still remembered.
 */
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

static int
list_one(struct ctl *c, uint64_t msg, uint32_t n, struct span record)
{
	struct json_object	*o;
	struct rec_retired	 r;

	if (db_retired_decode(record, &r) == -1 ||
	    !filter_retired(&c->filter, msg, n, &r))
		return (0);
	return ((o = row(msg, n, &r)) == NULL || page_row(&c->page, o) == -1);
}

void
ctl_retired_list(struct ctl *c)
{
	ctl_listing(c, q.retired, list_one);
}

static int
show_one(struct ctl *c, uint64_t msg, uint32_t only, uint32_t *n)
{
	struct dbenv_iter	 it;
	struct json_object	*o;
	struct rec_retired	 r;
	struct span		 key, val;
	uint64_t		 at;
	uint8_t			 k[12], p[8];
	int			 full = 0;

	dbenv_iter_init(&it, q.retired, key_rcpt(k, msg, *n),
	    key_msg(p, msg));
	while (!full && dbenv_iter_next(&it, &key, &val) == 1) {
		if (key_rcpt_get(key, &at, n) == -1 ||
		    db_retired_decode(val, &r) == -1)
			continue;
		if (only != 0 && *n != only)
			break;
		if ((o = row(msg, *n, &r)) != NULL)
			json_object_object_add(o, "results",
			    ctl_attempts(msg, *n));
		full = o == NULL || page_row(&c->page, o) == -1;
	}
	dbenv_iter_free(&it);
	return (full);
}

void
ctl_retired_show(struct ctl *c)
{
	ctl_showing(c, show_one);
}
