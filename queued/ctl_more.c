/*
 * The rest of what letterctl asks: a message's octets, which route mail takes,
 * who is logged in to submit.
 */
#include <sys/socket.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "queued/ctl.h"
#include "queued/route.h"
#include "queued/session.h"

#define DUMP_SLICE	65536

static void	 on_room(evutil_socket_t, short, void *);
static int	 on_to(void *, struct peer *, struct imsg *);
static int	 on_from(void *, struct peer *, struct imsg *);
static void	 on_routes(void *, const struct account_routes *);

/* ---- queue dump ---------------------------------------------------------------- */

/* As fast as letterctl reads. */
static void
on_room(evutil_socket_t fd, short what, void *arg)
{
	struct ctl	*c = arg;
	uint8_t		 room[DUMP_SLICE];
	ssize_t		 n, k;

	(void)what;
	if ((n = body_read(q.bodies, c->body, c->off, room, sizeof(room))) ==
	    -1) {
		ctl_error(c, errno == ENOENT ? "the message has left the "
		    "queue meanwhile" : "the message cannot be read: "
		    "letterctl verify");
		return;
	}
	if (n == 0) {
		ctl_done(c);
		return;
	}
	k = send(fd, room, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (k == -1 && errno != EAGAIN && errno != EINTR)
		ctl_error(c, "letterctl went away");
	else if (k > 0)
		c->off += (uint64_t)k;
}

void
ctl_dump(struct ctl *c)
{
	struct q_msg	 m;
	uint64_t	 msg;
	uint32_t	 n;

	if (c->fd == -1 || q_id_parse(ctl_arg(c, 0), &msg, &n) == -1) {
		ctl_error(c, "an id reads 0000002a, or 0000002a.1");
		return;
	}
	if (db_msg(msg, &m) == -1) {
		ctl_error(c, "there is no such message in the queue");
		return;
	}
	c->body = m.r.body;
	db_msg_free(&m);
	if (evutil_make_socket_nonblocking(c->fd) == -1 || (c->ev = event_new(
	    proc_base(), c->fd, EV_WRITE | EV_PERSIST, on_room, c)) == NULL ||
	    event_add(c->ev, NULL) == -1)
		ctl_error(c, "no memory");
}

/* ---- route explain -------------------------------------------------------------- */

/* What a transport that refuses says, and when. */
static void
refusal(struct json_object *o, const char *name)
{
	const struct conf_transport	*t = conf_transport(proc_conf(), name);
	struct buf			 b = { 0 };

	if (t == NULL || t->kind != TRANSPORT_FAIL)
		return;
	buf_addf(&b, "%u %s", t->code, t->message);
	row_str(o, "refuses", span_trim(span_buf(&b)));
	row_bool(o, "reject_early", t->reject_early);
	buf_free(&b);
}

static void
explain(struct ctl *c, const char *transport, const char *source,
    const char *text, struct span account)
{
	struct json_object	*o = json_object_new_object();

	if (o != NULL) {
		row_str(o, "transport", span_str(transport));
		row_str(o, "source", span_str(source));
		row_str(o, "route", span_str(text));
		row_num(o, "attempts", c->attempts);
		row_str(o, "account", account);
		refusal(o, transport);
		(void)page_row(&c->page, o);
	}
	ctl_done(c);
}

/* The recipient is ours: no route is looked at. */
static int
on_to(void *arg, struct peer *p, struct imsg *m)
{
	struct ctl	*c = arg;
	struct msg_rcpt	 w;
	struct msg_text	 t = { ctl_arg(c, 0) };

	if (m == NULL || imsg_get(m, &c_rcpt, &w) == -1) {
		ctl_error(c, "auth is being restarted; try again");
		return (m == NULL ? 0 : -1);
	}
	if (w.result == RESULT_OK)
		explain(c, "local", "none", "", w.name);
	else if (w.result == RESULT_NO && w.local)
		ctl_error(c, "there is no such address here");
	else if (peer_ask(p, M_RCPT, &c_text, &t, -1, on_from, c) == 0)
		ctl_error(c, "auth is being restarted; try again");
	return (0);
}

/* Whose the sender is: that account's routes come first. */
static int
on_from(void *arg, struct peer *p, struct imsg *m)
{
	const struct account_routes	*routes;
	struct ctl			*c = arg;
	struct msg_rcpt			 w;

	(void)p;
	if (m == NULL || imsg_get(m, &c_rcpt, &w) == -1) {
		ctl_error(c, "auth is being restarted; try again");
		return (m == NULL ? 0 : -1);
	}
	if (w.result != RESULT_OK) {
		on_routes(c, NULL);
		return (0);
	}
	c->account = w.account;
	buf_add_span(&c->text, w.name);
	routes_forget(w.account);	/* who asks has just changed them */
	switch (routes_of(w.account, &routes, on_routes, c)) {
	case 1:
		on_routes(c, routes);
		break;
	case -1:
		ctl_error(c, "auth is being restarted; try again");
		break;
	}
	return (0);
}

static void
on_routes(void *arg, const struct account_routes *routes)
{
	struct route_choice	 ch;
	struct ctl		*c = arg;
	struct buf		 from = { 0 }, to = { 0 }, name = c->text;

	memset(&c->text, 0, sizeof(c->text));
	if (routes == NULL && c->account != 0) {
		ctl_error(c, "auth is being restarted; try again");
		buf_free(&name);
		return;
	}
	if (routes != NULL && routes->unreadable) {
		ctl_error(c, "the routes of account %s cannot be read: its "
		    "mail waits; the log says more", buf_cstr(&name));
		buf_free(&name);
		return;
	}
	address_route_domain(ctl_arg(c, 0), &from);
	address_route_domain(ctl_arg(c, 1), &to);
	route_choose(proc_conf(), routes == NULL ? NULL : &routes->list,
	    buf_cstr(&from), buf_cstr(&to), c->attempts, &ch);
	explain(c, ch.transport, ch.source, ch.text, span_buf(&name));
	buf_free(&from);
	buf_free(&to);
	buf_free(&name);
}

void
ctl_route(struct ctl *c)
{
	struct msg_text	 t = { ctl_arg(c, 1) };
	struct buf	 dest = { 0 };
	uint64_t	 n = 0;
	int		 ok;

	ok = address_destination(t.text, &dest) == 0 &&
	    ctl_arg(c, 0).n <= MSG_ADDR_MAX;
	buf_free(&dest);
	if (!ok)
		ctl_error(c, "that is no address to send to");
	else if (c->m.args.n > 2 && (!span_eqs(ctl_arg(c, 2), "--attempt") ||
	    span_num(ctl_arg(c, 3), 100000, &n) == -1))
		ctl_error(c, "--attempt is a number of attempts made");
	else {
		c->attempts = (uint32_t)n;
		if (peer_ask(proc_peer(ROLE_AUTH, 0), M_RCPT, &c_text, &t, -1,
		    on_to, c) == 0)
			ctl_error(c, "auth is being restarted; try again");
	}
}

/* ---- sessions ------------------------------------------------------------------ */

static struct json_object *
session_row(const struct session *s)
{
	static const char	*const states[] = { "idle", "mail", "mail",
				    "data", "commit" };
	struct json_object	*o = json_object_new_object();
	char			 id[32];

	if (o == NULL)
		return (NULL);
	snprintf(id, sizeof(id), "q%llu", (unsigned long long)s->id);
	row_str(o, "id", span_str(id));
	row_str(o, "protocol", span_str("submission"));
	row_str(o, "account", span_str(s->name));
	row_str(o, "address", span_str(s->address));
	row_str(o, "remote", span_str(s->remote));
	row_bool(o, "tls", s->tls);
	row_str(o, "mechanism", span_str(s->mech));
	row_num(o, "since_at", q_clock(s->since));
	row_num(o, "messages", s->messages);
	row_str(o, "state", span_str(states[s->state]));
	return (o);
}

/* The newest first; the cursor is the id of the last one shown. */
void
ctl_submissions(struct ctl *c)
{
	struct json_object	*o;
	const struct session	*s;
	uint64_t		 below = UINT64_MAX;

	if (c->m.cursor.n > 0 &&
	    span_num(c->m.cursor, UINT64_MAX, &below) == -1) {
		ctl_error(c, "malformed cursor");
		return;
	}
	LIST_FOREACH(s, &sessions, entry) {
		if (s->id >= below)
			continue;
		if ((o = session_row(s)) == NULL || page_row(&c->page, o) == -1) {
			buf_addf(&c->cursor, "%llu",
			    (unsigned long long)s->id + 1);
			break;
		}
	}
	ctl_done(c);
}

void
ctl_submissions_end(struct ctl *c)
{
	struct session	*s;
	struct span	 a = ctl_arg(c, 0);
	uint64_t	 id;

	/* letterctl asks everybody: another's id is no error */
	if (a.n < 2 || a.p[0] != 'q' || span_num(span_of(a.p + 1, a.n - 1),
	    UINT64_MAX, &id) == -1) {
		ctl_done(c);
		return;
	}
	LIST_FOREACH(s, &sessions, entry)
		if (s->id == id)
			break;
	if (s == NULL) {
		ctl_error(c, "there is no such session");
		return;
	}
	session_end(s, "ended by the administrator");
	buf_adds(&c->text, "ended");
	ctl_done(c);
}
