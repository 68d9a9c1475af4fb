/*
 * Messages from outside.  Recipients in one partition: its store takes the
 * message (unless a report of its delivery is wanted).  Several, or a store that is away, busy or full: the queue takes it,
 * under the same delivery id, so that nothing is delivered twice whatever the
 * store did with it meanwhile.  250 only when one of the two has it on disk.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authconn.h"
#include "log.h"
#include "smtpd.h"

#define GROUP	12000		/* octets of recipients in one message */
#define NOWHERE	UINT32_MAX

/* A message on its way; it outlives its connection. */
struct delivery {
	struct conn	*conn;		/* NULL: gone, or answered */
	struct slot	*slot;		/* NULL: queued's */
	uint32_t	 partition;	/* that a store may have taken it in */
	uint64_t	 size;
	unsigned	 store_asked : 1, queue_asked : 1;
};

static int	 on_rcpt(void *, struct peer *, struct imsg *);
static int	 on_store(void *, struct peer *, struct imsg *);
static int	 on_queue(void *, struct peer *, struct imsg *);
static int	 to_store(struct delivery *, const struct session *);
static int	 to_queue(struct delivery *, const struct session *);
static void	 answer(struct delivery *, const struct msg_stored *,
		    const char *);
static void	 over(struct delivery *);
static size_t	 group(const struct envelope *, size_t, struct msg_commit_rcpt *);
static void	 log_message(const struct session *, const struct delivery *,
		    const char *, struct span);

/* ---- recipients ----------------------------------------------------------- */

int
deliver_rcpt(struct session *s)
{
	struct conn		*c = s->arg;
	const struct envelope	*e = &s->env;
	const struct rcpt	*r = &e->rcpts[e->nrcpts];
	struct msg_text		 m;

	m.text = envelope_span(e, r->address, r->address_n);
	c->ask = peer_ask(authconn_peer(), M_RCPT, &c_text, &m, -1, on_rcpt, c);
	return (c->ask == 0 ? -1 : 0);
}

static int
on_rcpt(void *arg, struct peer *p, struct imsg *m)
{
	struct msg_rcpt	 r = { .result = RESULT_TEMP };
	struct conn	*c = arg;
	int		 rc = 0;

	(void)p;
	c->ask = 0;
	if (m != NULL && imsg_get(m, &c_rcpt, &r) == -1) {
		memset(&r, 0, sizeof(r));
		r.result = RESULT_TEMP;
		rc = -1;
	}
	session_on_rcpt(&c->s, &r);
	conn_run(c);
	return (rc);
}

/* ---- the file ------------------------------------------------------------- */

int
deliver_file(struct session *s)
{
	struct conn	*c = s->arg;

	if ((c->slot = slot_take()) == NULL)
		return (slot_wait(c));
	session_on_file(s, 0);
	return (0);
}

int
deliver_write(struct session *s, struct span octets)
{
	struct conn	*c = s->arg;
	uint64_t	 off = s->written;
	ssize_t		 n;

	while (octets.n > 0) {
		n = pwrite(c->slot->wfd, octets.p, octets.n, (off_t)off);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			log_warn("%s: writing a message: %s", s->id,
			    strerror(errno));
			return (-1);
		}
		octets.p += n;
		octets.n -= (size_t)n;
		off += (uint64_t)n;
	}
	if (off > c->slot->size)
		c->slot->size = off;
	return (0);
}

void
deliver_drop(struct session *s)
{
	struct conn	*c = s->arg;
	struct slot	*sl = c->slot;

	slot_unwait(c);
	c->slot = NULL;
	if (sl != NULL)
		slot_return(sl);
}

/* ---- to a store, or to the queue ------------------------------------------ */

static void
log_message(const struct session *s, const struct delivery *d,
    const char *what, struct span text)
{
	const struct envelope	*e = &s->env;
	char			 more[32] = "";

	if (!log_enabled(LOG_LEVEL_INFO))
		return;
	if (e->nrcpts > 1)
		snprintf(more, sizeof(more), " and %zu more", e->nrcpts - 1);
	log_info("%s.%u: from %s: <%s> to <%s>%s, %llu octets: %s%s%s", s->id,
	    s->transactions, s->remote,
	    log_esc(envelope_span(e, e->from, e->from_n)),
	    log_esc(envelope_span(e, e->rcpts[0].address,
	    e->rcpts[0].address_n)), more, (unsigned long long)d->size, what,
	    text.n > 0 ? " " : "", text.n > 0 ? log_esc(text) : "");
}

/* The client's answer. */
static void
answer(struct delivery *d, const struct msg_stored *m, const char *what)
{
	struct conn	*c = d->conn;

	if (c == NULL)
		return;
	log_message(&c->s, d, what, m->queueid.n > 0 || m->result == RESULT_OK ?
	    m->queueid : m->text);
	d->conn = NULL;
	c->delivery = NULL;
	c->late = 0;
	session_on_stored(&c->s, m);
	conn_run(c);
}

/* Nobody is asked any more: the slot goes back, if it is ours. */
static void
over(struct delivery *d)
{
	if (d->store_asked || d->queue_asked)
		return;
	if (d->slot != NULL)
		slot_settle(d->slot, d->partition);
	free(d);
}

static int
to_store(struct delivery *d, const struct session *s)
{
	const struct envelope	*e = &s->env;
	struct msg_deliver_rcpt	 rcpts[MSG_RCPTS_MAX];
	struct msg_deliver	 m = { .size = d->size };
	struct peer		*p;
	char			 id[64];
	size_t			 i, octets = 0;

	if (e->nrcpts > MSG_RCPTS_MAX || d->slot->stale)
		return (-1);
	m.partition = e->rcpts[0].partition;
	p = proc_peer(ROLE_STORE, m.partition % proc_conf()->nstore);
	for (i = 0; i < e->nrcpts; i++) {
		/* A report of success is queued's to write. */
		if (e->rcpts[i].partition != m.partition ||
		    (e->rcpts[i].notify & NOTIFY_SUCCESS) != 0)
			return (-1);
		rcpts[i].account = e->rcpts[i].account;
		rcpts[i].address = envelope_span(e, e->rcpts[i].address,
		    e->rcpts[i].address_n);
		rcpts[i].name = envelope_span(e, e->rcpts[i].name,
		    e->rcpts[i].name_n);
		octets += rcpts[i].address.n + rcpts[i].name.n + 16;
	}
	if (p == NULL || octets > GROUP)
		return (-1);
	memcpy(m.id, d->slot->id, sizeof(m.id));
	m.from = envelope_span(e, e->from, e->from_n);
	snprintf(id, sizeof(id), "%s.%u", s->id, s->transactions);
	m.session = span_str(id);
	m.rcpts.v = rcpts;
	m.rcpts.n = e->nrcpts;
	if (peer_ask_lend(p, M_DELIVER, &c_deliver, &m, d->slot->rfd,
	    on_store, d) == 0)
		return (-1);
	d->store_asked = 1;
	d->partition = m.partition;
	return (0);
}

/* As many recipients from the nth on as one message holds. */
static size_t
group(const struct envelope *e, size_t n, struct msg_commit_rcpt *out)
{
	const struct rcpt	*r;
	size_t			 i, octets = 0;

	for (i = 0; i < MSG_RCPTS_MAX && n + i < e->nrcpts; i++) {
		r = &e->rcpts[n + i];
		octets += r->address_n + r->orcpt_n + r->name_n + 32;
		if (octets > GROUP)
			break;
		out[i].address = envelope_span(e, r->address, r->address_n);
		out[i].orcpt = envelope_span(e, r->orcpt, r->orcpt_n);
		out[i].name = envelope_span(e, r->name, r->name_n);
		out[i].notify = r->notify;
		out[i].account = r->account;
		out[i].partition = r->partition;
	}
	return (i);
}

static int
to_queue(struct delivery *d, const struct session *s)
{
	const struct envelope	*e = &s->env;
	struct msg_commit_rcpt	 rcpts[MSG_RCPTS_MAX];
	struct msg_commit	 m = { .size = d->size, .ret = e->ret,
				    .utf8 = e->utf8, .body = e->body,
				    .requiretls = e->requiretls };
	struct peer		*p = proc_peer(ROLE_QUEUED, 0);
	char			 id[64];
	size_t			 n = 0;

	if (p == NULL || d->slot->stale)
		return (-1);
	if (s->rx.high && m.body == 0)
		m.body = 1;	/* whatever was said: it is not 7BIT */
	memcpy(m.id, d->slot->id, sizeof(m.id));
	snprintf(id, sizeof(id), "%s.%u", s->id, s->transactions);
	m.session = span_str(id);
	m.remote = span_str(s->remote);
	m.from = envelope_span(e, e->from, e->from_n);
	m.envid = envelope_span(e, e->envid, e->envid_n);
	m.shown = d->partition != NOWHERE;
	m.rcpts.v = rcpts;
	for (;;) {
		m.rcpts.n = group(e, n, rcpts);
		n += m.rcpts.n;
		if (n == e->nrcpts)
			break;
		if (m.rcpts.n == 0 || peer_put(p, M_QUEUE_RCPTS, &c_commit,
		    &m, -1) == -1)
			return (-1);
	}
	if (peer_ask(p, M_QUEUE_COMMIT, &c_commit, &m, -1, on_queue, d) == 0)
		return (-1);
	d->queue_asked = 1;
	return (0);
}

int
deliver_commit(struct session *s)
{
	struct conn	*c = s->arg;
	struct delivery	*d;

	if ((d = calloc(1, sizeof(*d))) == NULL)
		return (-1);
	d->slot = c->slot;
	d->size = s->written;
	d->partition = NOWHERE;
	d->conn = c;
	if (to_store(d, s) == -1 && to_queue(d, s) == -1) {
		free(d);	/* the slot goes with the transaction */
		return (-1);
	}
	c->slot = NULL;
	c->delivery = d;
	return (0);
}

static int
on_store(void *arg, struct peer *p, struct imsg *m)
{
	static const struct msg_stored	 away = { .result = RESULT_TEMP };
	struct msg_stored		 r;
	struct delivery			*d = arg;
	int				 rc = msg_get_stored(m, &r);

	(void)p;
	d->store_asked = 0;
	if (m != NULL && rc == 0 && r.result != RESULT_OK)
		d->partition = NOWHERE;
	if (r.result == RESULT_OK)
		answer(d, &r, "stored");
	else if (d->queue_asked || d->conn == NULL)
		;		/* the queue's answer counts, or nobody waits */
	else if (r.result == RESULT_NO)
		answer(d, &r, "refused:");
	else if (to_queue(d, &d->conn->s) == -1)
		answer(d, &away, "neither store nor queue");
	over(d);
	return (rc);
}

static int
on_queue(void *arg, struct peer *p, struct imsg *m)
{
	struct msg_stored	 r;
	struct delivery		*d = arg;
	int			 rc = msg_get_stored(m, &r);

	(void)p;
	d->queue_asked = 0;
	if (r.result == RESULT_OK) {
		slot_given(d->slot);
		d->slot = NULL;
		answer(d, &r, "queued as");
	} else
		answer(d, &r, "not queued:");
	over(d);
	return (rc);
}

void
deliver_late(struct session *s)
{
	static const struct msg_stored	 away = { .result = RESULT_TEMP };
	struct conn			*c = s->arg;
	struct delivery			*d = c->delivery;

	if (d == NULL)
		return;
	if (d->queue_asked || to_queue(d, s) == -1) {
		answer(d, &away, "no answer in time");
		return;
	}
	log_warn("%s: a store does not answer: queueing", s->id);
	c->late = 1;
}

void
deliver_forget(struct conn *c)
{
	deliver_drop(&c->s);
	if (c->delivery != NULL)
		c->delivery->conn = NULL;
	c->delivery = NULL;
}
