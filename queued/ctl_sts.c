/*
 * letterctl mtasts: the policies that are kept.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "mtasts.h"
#include "queued/ctl.h"
#include "queued/sts.h"

static struct json_object *
row(struct span domain, const struct rec_sts *r, int whole)
{
	static struct mtasts_policy	 p;
	struct json_object		*o = json_object_new_object(), *l;
	struct buf			 why = { 0 };
	size_t				 i;

	if (o == NULL)
		return (NULL);
	if (mtasts_parse(r->text, &p, &why) == -1)
		memset(&p, 0, sizeof(p));
	buf_free(&why);
	row_str(o, "domain", domain);
	row_str(o, "mode", span_str(mtasts_mode_name(p.mode)));
	row_str(o, "id", r->id);
	row_num(o, "until_at", q_clock(r->fetched + r->max_age));
	row_num(o, "fetched_at", q_clock(r->fetched));
	row_num(o, "checked_at", q_clock(r->checked));
	row_num(o, "failed_at", q_clock(r->failed));
	row_num(o, "used_at", q_clock(r->used));
	row_num(o, "max_age", r->max_age);
	if (!whole || (l = json_object_new_array()) == NULL)
		return (o);
	for (i = 0; i < p.nmx; i++)
		json_object_array_add(l, json_object_new_string(p.mx[i]));
	json_object_object_add(o, "mx", l);
	return (o);
}

/* The cursor is the next domain. */
void
ctl_sts_list(struct ctl *c)
{
	struct dbenv_iter	 it;
	struct json_object	*o;
	struct rec_sts		 r;
	struct span		 key, val;
	size_t			 looked = 0;
	int			 rc, full = 0;

	dbenv_iter_init(&it, q.sts, c->m.cursor, span_of(NULL, 0));
	while (!full && (rc = dbenv_iter_next(&it, &key, &val)) != 0) {
		if (rc == -1 && errno != EILSEQ)
			break;
		if (rc == -1 || sts_decode(val, &r) == -1 || sts_is_over(&r))
			continue;
		full = ++looked > CTL_SCAN || (o = row(key, &r, 0)) == NULL ||
		    page_row(&c->page, o) == -1;
		if (full)
			buf_add_span(&c->cursor, key);
	}
	dbenv_iter_free(&it);
	ctl_done(c);
}

/* The domain that is meant, in c->value.  0, or -1: answered. */
static int
domain(struct ctl *c)
{
	struct buf	 b = { 0 };
	size_t		 i;
	int		 rc;

	buf_addf(&b, "x@");
	buf_add_span(&b, ctl_arg(c, 0));
	rc = address_destination(span_buf(&b), &c->value);
	buf_free(&b);
	if (rc == -1 || c->value.n == 0 || c->value.n > MSG_ADDR_MAX ||
	    c->value.p[0] == '[' || buf_cstr(&c->value) == NULL) {
		ctl_error(c, "that is no domain");
		return (-1);
	}
	for (i = 0; i < c->value.n; i++)
		c->value.p[i] = (uint8_t)tolower(c->value.p[i]);
	return (0);
}

static void
show(struct ctl *c)
{
	struct rec_sts	 r;

	if (!sts_kept(buf_cstr(&c->value), &r))
		ctl_error(c, "no policy of that domain is kept");
	else {
		(void)page_row(&c->page, row(span_buf(&c->value), &r, 1));
		ctl_done(c);
	}
}

void
ctl_sts_show(struct ctl *c)
{
	if (domain(c) == 0)
		show(c);
}

/* The next message fetches it again, if it is still published. */
void
ctl_sts_forget(struct ctl *c)
{
	struct rec_sts	 r;

	if (domain(c) == -1)
		return;
	if (!sts_kept(buf_cstr(&c->value), &r))
		ctl_error(c, "no policy of that domain is kept");
	else if (db_begin() == -1 ||
	    db_end(dbenv_del(q.sts, span_buf(&c->value))) == -1)
		ctl_error(c, "queue: %s", dbenv_error(q.env));
	else {
		log_warn("MTA-STS: the policy of %s was forgotten by the "
		    "administrator", log_esc(span_buf(&c->value)));
		buf_adds(&c->text, "forgotten");
		ctl_done_flushed(c);
	}
}

static void
on_refreshed(void *arg, enum sts_status status, struct span why)
{
	struct ctl	*c = arg;
	struct rec_sts	 r;
	const char	*kept = sts_kept(buf_cstr(&c->value), &r) ?
			    "; the policy that is kept holds" : "";

	switch (status) {
	case STS_POLICY:
	case STS_SAME:
		buf_adds(&c->text, "fetched");
		show(c);
		break;
	case STS_NONE:
		ctl_error(c, "that domain publishes no policy%s", kept);
		break;
	case STS_FAILED:
		ctl_error(c, "not fetched: %s%s", log_esc(why), kept);
		break;
	case STS_TEMPFAIL:
		ctl_error(c, "DNS does not say if there is a policy%s", kept);
		break;
	}
}

void
ctl_sts_refresh(struct ctl *c)
{
	if (domain(c) == 0 && sts_ask(buf_cstr(&c->value), 1, on_refreshed,
	    c) == -1)
		ctl_error(c, "too much is being asked; try again");
}
