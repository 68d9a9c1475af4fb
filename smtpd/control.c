/*
 * What "letterctl sessions list" and "sessions end" ask of smtpd: connections
 * without a login.  Those with one are sessions of queued's.
 */
#include <stdio.h>

#include "log.h"
#include "page.h"
#include "smtpd.h"

static struct json_object	*row(const struct conn *);
static void	 list(struct peer *, uint32_t, struct span);
static void	 end(struct peer *, uint32_t, const struct msg_ctl *);

static struct json_object *
row(const struct conn *c)
{
	struct json_object	*o = json_object_new_object();

	row_str(o, "id", span_str(c->s.id));
	row_str(o, "protocol",
	    span_str(kind_name((enum conf_kind)c->s.listener->kind)));
	row_str(o, "remote", span_str(c->s.remote));
	row_str(o, "helo", span_str(c->s.helo == NULL ? "" : c->s.helo));
	row_bool(o, "tls", c->s.tls);
	row_num(o, "since_at", (uint64_t)c->since);
	row_num(o, "messages", c->s.accepted);
	row_str(o, "state", span_str(session_state_name(c->s.state)));
	return (o);
}

/* The cursor is the number of the last one shown. */
static void
list(struct peer *p, uint32_t id, struct span cursor)
{
	const struct conn	*c;
	struct page		 page = { 0 };
	uint64_t		 last = 0;
	char			 next[24] = "";

	if (cursor.n > 0 && span_num(cursor, UINT64_MAX, &last) == -1) {
		page_error(p, id, "malformed cursor");
		return;
	}
	TAILQ_FOREACH(c, &conns, entry) {
		if (c->number <= last || c->s.account != NULL)
			continue;
		if (page_row(&page, row(c)) == -1) {
			snprintf(next, sizeof(next), "%llu",
			    (unsigned long long)last);
			break;
		}
		last = c->number;
	}
	page_answer(p, id, &page, span_str(""), span_str(next));
}

/* Those named that are here: letterctl asks everybody. */
static void
end(struct peer *p, uint32_t id, const struct msg_ctl *q)
{
	const struct msg_ctl_arg	*a = q->args.v;
	struct conn			*c, *next;
	const char			*said = "";
	size_t				 i;

	if (q->args.n == 0) {
		page_error(p, id, "an id is missing");
		return;
	}
	for (c = TAILQ_FIRST(&conns); c != NULL; c = next) {
		next = TAILQ_NEXT(c, entry);
		for (i = 0; i < q->args.n; i++)
			if (span_eqs(a[i].arg, c->s.id))
				break;
		if (i == q->args.n)
			continue;
		log_info("%s: ended by an administrator", c->s.id);
		said = "ended";
		conn_end(c, "4.3.2", "ended by an administrator");
	}
	page_answer(p, id, NULL, span_str(said), span_str(""));
}

int
control_on_ctl(struct peer *p, struct imsg *m)
{
	struct msg_ctl	 q;

	if (imsg_get(m, &c_ctl, &q) == -1)
		return (-1);
	if (span_eqs(q.verb, "connections list"))
		list(p, m->id, q.cursor);
	else if (span_eqs(q.verb, "connections end"))
		end(p, m->id, &q);
	else
		page_error(p, m->id, "no such command");
	codec_free(&c_ctl, &q);
	return (0);
}
