/*
 * What "letterctl sessions list" and "sessions end" ask of smtpd: connections
 * without a login.  Those with one are sessions of queued's.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "smtpd.h"

#define ROWS	64		/* in one page */
#define OCTETS	12000

struct page {
	struct msg_ctl_row	 rows[ROWS];
	json_object		*objects[ROWS];
	size_t			 n, octets;
};

static int	 add(struct page *, const struct conn *);
static void	 list(struct page *, struct span, struct msg_ctl_page *,
		    char *, size_t);
static void	 end(const struct msg_ctl *, struct msg_ctl_page *);

/* -1: the page is full. */
static int
add(struct page *pg, const struct conn *c)
{
	json_object	*o;
	const char	*text;

	if (pg->n == ROWS || pg->octets > OCTETS ||
	    (o = json_object_new_object()) == NULL)
		return (-1);
	json_object_object_add(o, "id", json_object_new_string(c->s.id));
	json_object_object_add(o, "protocol", json_object_new_string(
	    kind_name((enum conf_kind)c->s.listener->kind)));
	json_object_object_add(o, "remote",
	    json_object_new_string(c->s.remote));
	json_object_object_add(o, "helo",
	    json_object_new_string(c->s.helo == NULL ? "" : c->s.helo));
	json_object_object_add(o, "tls", json_object_new_boolean(c->s.tls));
	json_object_object_add(o, "since_at", json_object_new_int64(c->since));
	json_object_object_add(o, "messages",
	    json_object_new_int64((int64_t)c->s.accepted));
	json_object_object_add(o, "state",
	    json_object_new_string(session_state_name(c->s.state)));
	text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);
	pg->rows[pg->n].json = span_str(text);
	pg->octets += pg->rows[pg->n].json.n;
	pg->objects[pg->n++] = o;
	return (0);
}

/* The cursor is the number of the last one shown. */
static void
list(struct page *pg, struct span cursor, struct msg_ctl_page *r, char *room,
    size_t n)
{
	const struct conn	*c;
	uint64_t		 last = 0;

	if (cursor.n > 0 && span_num(cursor, UINT64_MAX, &last) == -1) {
		r->status = 1;
		r->text = span_str("malformed cursor");
		return;
	}
	TAILQ_FOREACH(c, &conns, entry) {
		if (c->number <= last || c->s.account != NULL)
			continue;
		if (add(pg, c) == -1) {
			r->more = 1;
			snprintf(room, n, "%llu", (unsigned long long)last);
			r->cursor = span_str(room);
			return;
		}
		last = c->number;
	}
}

/* Those named that are here: letterctl asks everybody. */
static void
end(const struct msg_ctl *q, struct msg_ctl_page *r)
{
	const struct msg_ctl_arg	*a = q->args.v;
	struct conn			*c, *next;
	size_t				 i;

	if (q->args.n == 0) {
		r->status = 1;
		r->text = span_str("an id is missing");
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
		r->text = span_str("ended");
		conn_end(c, "4.3.2", "ended by an administrator");
	}
}

int
control_on_ctl(struct peer *p, struct imsg *m)
{
	struct msg_ctl_page	 r = { 0 };
	struct msg_ctl		 q;
	struct page		*pg;
	char			 room[24];
	size_t			 i;

	if (imsg_get(m, &c_ctl, &q) == -1)
		return (-1);
	if ((pg = calloc(1, sizeof(*pg))) == NULL) {
		r.status = 1;
		r.text = span_str("no memory");
	} else if (span_eqs(q.verb, "connections list"))
		list(pg, q.cursor, &r, room, sizeof(room));
	else if (span_eqs(q.verb, "connections end"))
		end(&q, &r);
	else {
		r.status = 1;
		r.text = span_str("no such command");
	}
	if (pg != NULL) {
		r.rows.v = pg->rows;
		r.rows.n = pg->n;
	}
	(void)peer_reply(p, M_CTL, m->id, &c_ctl_page, &r, -1);
	for (i = 0; pg != NULL && i < pg->n; i++)
		json_object_put(pg->objects[i]);
	free(pg);
	codec_free(&c_ctl, &q);
	return (0);
}
