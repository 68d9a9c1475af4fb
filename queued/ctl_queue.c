/*
 * Listings of the queue: a row a recipient; one message with its attempts.
 */
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "queued/attempt.h"
#include "queued/ctl.h"

static const char *
state_name(uint64_t msg, uint32_t n, const struct rec_rcpt *r)
{
	static const char	*const names[] = { "queued", "failed",
				    "delivered", "relayed" };

	if (attempt_running(msg, n))
		return ((r->flags & RF_DROP) != 0 ? "active, to be removed" :
		    (r->flags & RF_FAIL) != 0 ? "active, to be given up" :
		    "active");
	if (r->state == RS_QUEUED && (r->flags & RF_HELD) != 0)
		return ("held");
	return (r->state < nitems(names) ? names[r->state] : "?");
}

static void
last_reply(struct buf *b, uint32_t code, struct span enhanced,
    struct span text, struct span host)
{
	if (code != 0)
		buf_addf(b, "%u ", code);
	if (enhanced.n > 0) {
		buf_add_span(b, enhanced);
		buf_addc(b, ' ');
	}
	buf_add_span(b, text);
	if (host.n > 0) {
		buf_adds(b, " (");
		buf_add_span(b, host);
		buf_addc(b, ')');
	}
}

static void
rcpt_row(struct json_object *o, uint64_t msg, uint32_t n,
    const struct rec_rcpt *r)
{
	struct buf	 last = { 0 };
	char		 id[Q_ID];

	if (r->attempts > 0)
		last_reply(&last, r->code, r->enhanced, r->text, r->host);
	row_str(o, "id", span_str(q_id(id, msg, n)));
	row_str(o, "to", r->address);
	row_str(o, "domain", r->dest.n > 0 ? r->dest :
	    address_domain(r->address));
	row_num(o, "attempts", r->attempts);
	row_num(o, "next_at", r->state == RS_QUEUED &&
	    (r->flags & RF_HELD) == 0 ? q_clock(r->next) : 0);
	row_num(o, "last_at", q_clock(r->last));
	row_str(o, "state", span_str(state_name(msg, n, r)));
	row_bool(o, "held", (r->flags & RF_HELD) != 0);
	row_bool(o, "local", r->kind == RK_LOCAL);
	row_bool(o, "possible_duplicate", (r->flags & RF_DUPLICATE) != 0);
	row_str(o, "transport", r->transport);
	if (r->pin.n > 0)
		row_str(o, "pinned", r->pin);
	if (r->tls != 0)
		row_str(o, "requiretls", span_str(r->tls == 1 +
		    REQUIRETLS_NO ? "no" : "yes"));
	row_str(o, "last", span_buf(&last));
	buf_free(&last);
}

static void
msg_row(struct json_object *o, const struct rec_msg *m)
{
	row_num(o, "created_at", q_clock(m->arrival));
	row_str(o, "from", m->from);
	row_str(o, "account", m->name);
	row_num(o, "size", m->size);
	row_str(o, "session", m->session);
	row_str(o, "remote", m->remote);
	if (m->requiretls != REQUIRETLS_NONE && !json_object_object_get_ex(o,
	    "requiretls", NULL))
		row_str(o, "requiretls", span_str(m->requiretls ==
		    REQUIRETLS_NO ? "no" : "yes"));
	if (m->release != 0)
		row_num(o, "release_at", q_clock(m->release));
	if (m->future.n > 0)
		row_str(o, "future", m->future);
}

struct json_object *
ctl_row(const struct rec_msg *m, uint64_t msg, uint32_t n,
    const struct rec_rcpt *r)
{
	struct json_object	*o = json_object_new_object();

	if (o != NULL) {
		rcpt_row(o, msg, n, r);
		msg_row(o, m);
	}
	return (o);
}

static int
list_one(struct ctl *c, uint64_t msg, uint32_t n, struct span record)
{
	struct json_object	*o;
	struct rec_rcpt		 r;

	if (db_rcpt_decode(record, &r) == -1)
		return (0);
	if (c->of.num != msg) {
		db_msg_free(&c->of);
		if (db_msg(msg, &c->of) == -1) {
			c->of.num = 0;
			return (0);
		}
	}
	if (!filter_matches(&c->filter, &c->of.r, msg, n, &r))
		return (0);
	return ((o = ctl_row(&c->of.r, msg, n, &r)) == NULL ||
	    page_row(&c->page, o) == -1);
}

void
ctl_list(struct ctl *c)
{
	ctl_listing(c, q.rcpt, list_one);
}

/* ---- one message -------------------------------------------------------------- */

static struct json_object *
attempt_row(const struct rec_attempt *a)
{
	static const char	*const results[] = { "delivered", "failed",
				    "deferred" };
	struct json_object	*o = json_object_new_object();
	struct buf		 last = { 0 };

	if (o == NULL)
		return (NULL);
	last_reply(&last, a->code, a->enhanced, a->text, span_of(NULL, 0));
	row_num(o, "began_at", q_clock(a->began));
	row_num(o, "ended_at", q_clock(a->ended));
	row_str(o, "result", span_str(results[a->result % 3]));
	row_str(o, "transport", a->transport);
	row_str(o, "host", a->host);
	row_str(o, "address", a->address);
	row_str(o, "tls", a->tls);
	row_str(o, "reply", span_buf(&last));
	buf_free(&last);
	return (o);
}

/* In the order in which they were made. */
static int
earlier(const void *x, const void *y)
{
	struct json_object	*a, *b, *const *p = x, *const *s = y;
	int64_t			 i = 0, k = 0;

	if (json_object_object_get_ex(*p, "began_at", &a))
		i = json_object_get_int64(a);
	if (json_object_object_get_ex(*s, "began_at", &b))
		k = json_object_get_int64(b);
	return (i < k ? -1 : i > k);
}

struct json_object *
ctl_attempts(uint64_t msg, uint32_t n)
{
	struct json_object	*l = json_object_new_array();
	struct dbenv_iter	 it;
	struct rec_attempt	 a;
	struct span		 key, val;
	uint8_t			 k[12];

	if (l == NULL)
		return (NULL);
	dbenv_iter_init(&it, q.attempt, span_of(NULL, 0), key_rcpt(k, msg,
	    n));
	while (dbenv_iter_next(&it, &key, &val) == 1)
		if (codec_get(&val, &c_rec_attempt, &a) == 0)
			json_object_array_add(l, attempt_row(&a));
	dbenv_iter_free(&it);
	json_object_array_sort(l, earlier);
	return (l);
}

static int
show_one(struct ctl *c, uint64_t msg, uint32_t only, uint32_t *n)
{
	struct json_object	*o;
	struct q_msg		 m;
	struct q_rcpt		 r;
	uint64_t		 at = msg;
	int			 full = 0;

	if (db_msg(msg, &m) == -1)
		return (0);
	for (; !full && db_rcpt_next(&at, *n, &r) == 0; (*n)++) {
		*n = r.n;
		if (at != msg || (only != 0 && *n != only)) {
			db_rcpt_free(&r);
			break;
		}
		if ((o = ctl_row(&m.r, msg, *n, &r.r)) != NULL)
			json_object_object_add(o, "results",
			    ctl_attempts(msg, *n));
		db_rcpt_free(&r);
		if ((full = o == NULL || page_row(&c->page, o) == -1))
			break;
	}
	db_msg_free(&m);
	return (full);
}

void
ctl_show(struct ctl *c)
{
	ctl_showing(c, show_one);
}
