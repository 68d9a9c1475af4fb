/*
 * Messages of those logged in: each session has a link of its own to queued,
 * which knows whose it is and decides.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "smtpd.h"

static int	 on_sub_end(struct peer *, struct imsg *);
static void	 on_down(struct peer *, const char *);
static int	 on_mail(void *, struct peer *, struct imsg *);
static int	 on_rcpt(void *, struct peer *, struct imsg *);
static int	 on_data(void *, struct peer *, struct imsg *);
static int	 on_commit(void *, struct peer *, struct imsg *);
static int	 ask(struct conn *, enum msg_type, const struct codec *,
		    const void *, reply_fn);

static const struct msg_rule	 rules[] = {
	{ M_SUB_END, PEER(ROLE_SESSION), MSG_BODY, on_sub_end },
};
static const struct peer_ops	 peer_ops = { rules, nitems(rules), on_down };

int
submit_begin(struct conn *c, int fd)
{
	struct peer	*p;

	if (fd == -1 || (p = peer_new(proc_base(), fd, ROLE_SESSION,
	    (unsigned)c->number, &peer_ops, c)) == NULL)
		return (-1);
	peer_free(c->link);	/* of the key, nothing is under way in it */
	c->link = p;
	return (0);
}

/* queued ends it: the account is gone, its password changed, ... */
static int
on_sub_end(struct peer *p, struct imsg *m)
{
	struct msg_text	 t;
	struct conn	*c = peer_arg(p);
	char		*why;

	if (imsg_get(m, &c_text, &t) == -1)
		return (-1);
	why = strdup(log_esc(t.text));
	conn_end(c, "4.7.0", why == NULL ? "ended" : why);
	free(why);
	return (0);
}

static void
on_down(struct peer *p, const char *why)
{
	struct conn			*c = peer_arg(p);
	static const struct msg_stored	 away = { .result = RESULT_TEMP };

	(void)why;
	if (c->link_ask != 0)
		peer_forget(p, c->link_ask);
	c->link_ask = 0;
	c->link = NULL;
	if (c->s.state == S_STORING)
		session_on_stored(&c->s, &away);
	conn_end(c, "4.3.2", "the queue is away");
}

static int
ask(struct conn *c, enum msg_type type, const struct codec *codec,
    const void *m, reply_fn fn)
{
	c->link_ask = peer_ask(c->link, type, codec, m, -1, fn, c);
	return (c->link_ask == 0 ? -1 : 0);
}

int
submit_mail(struct session *s)
{
	const struct envelope	*e = &s->env;
	struct msg_sub_mail	 m = { .ret = e->ret, .utf8 = e->utf8,
				    .body = e->body, .size = e->size,
				    .requiretls = e->requiretls,
				    .hold = e->hold };

	m.from = envelope_span(e, e->from, e->from_n);
	m.envid = envelope_span(e, e->envid, e->envid_n);
	m.session = span_str(s->id);
	m.future = envelope_span(e, e->future, e->future_n);
	return (ask(s->arg, M_SUB_MAIL, &c_sub_mail, &m, on_mail));
}

static int
on_mail(void *arg, struct peer *p, struct imsg *m)
{
	struct msg_result	 r;
	struct conn		*c = arg;
	int			 rc = msg_get_result(m, &r);

	(void)p;
	c->link_ask = 0;
	session_on_mail(&c->s, &r);
	conn_run(c);
	return (rc);
}

int
submit_rcpt(struct session *s)
{
	const struct envelope	*e = &s->env;
	const struct rcpt	*r = &e->rcpts[e->nrcpts];
	struct msg_commit_rcpt	 m = { .notify = r->notify };

	m.address = envelope_span(e, r->address, r->address_n);
	m.orcpt = envelope_span(e, r->orcpt, r->orcpt_n);
	return (ask(s->arg, M_SUB_RCPT, &c_commit_rcpt, &m, on_rcpt));
}

static int
on_rcpt(void *arg, struct peer *p, struct imsg *m)
{
	struct msg_result	 r;
	struct conn		*c = arg;
	int			 rc = msg_get_result(m, &r);

	(void)p;
	c->link_ask = 0;
	session_on_rcpt_result(&c->s, &r);
	conn_run(c);
	return (rc);
}

int
submit_file(struct session *s)
{
	return (ask(s->arg, M_SUB_DATA, NULL, NULL, on_data));
}

static int
on_data(void *arg, struct peer *p, struct imsg *m)
{
	struct msg_slot	 r;
	struct conn	*c = arg;
	int		 rc = 0;

	(void)p;
	c->link_ask = 0;
	if (m != NULL && imsg_get(m, &c_slot, &r) == -1)
		rc = -1;
	else if (m != NULL && m->fd != -1) {
		c->file = m->fd;
		m->fd = -1;
		memcpy(c->file_id, r.id, sizeof(c->file_id));
	}
	session_on_file(&c->s, c->file == -1 ? -1 : 0);
	conn_run(c);
	return (rc);
}

int
submit_write(struct session *s, struct span octets)
{
	struct conn	*c = s->arg;
	uint64_t	 off = s->written;
	ssize_t		 n;

	while (octets.n > 0) {
		n = pwrite(c->file, octets.p, octets.n, (off_t)off);
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
	return (0);
}

int
submit_commit(struct session *s)
{
	struct conn		*c = s->arg;
	struct msg_sub_commit	 m = { .size = s->written };
	struct buf		 received = { .max = MSG_TEXT_MAX };
	int			 rc;

	received_write(&received, s);
	m.received = span_buf(&received);
	memcpy(m.id, c->file_id, sizeof(m.id));
	close(c->file);		/* nothing is written any more */
	c->file = -1;
	rc = buf_failed(&received) ? -1 :
	    ask(c, M_SUB_COMMIT, &c_sub_commit, &m, on_commit);
	buf_free(&received);
	return (rc);
}

static int
on_commit(void *arg, struct peer *p, struct imsg *m)
{
	struct msg_stored	 r;
	struct conn		*c = arg;
	int			 rc = msg_get_stored(m, &r);

	(void)p;
	c->link_ask = 0;
	log_info("%s.%u: from %s: account %s, %llu octets: %s %s", c->s.id,
	    c->s.transactions, c->s.remote, log_escs(c->s.account),
	    (unsigned long long)c->s.written, r.result == RESULT_OK ?
	    "queued as" : "not queued:", log_esc(r.result == RESULT_OK ?
	    r.queueid : r.text));
	session_on_stored(&c->s, &r);
	conn_run(c);
	return (rc);
}

/* The queue decides and must not be doubted half way: its link ends if it does
 * not answer, and the client hears 4xx. */
void
submit_late(struct session *s)
{
	struct conn	*c = s->arg;

	if (c->link != NULL)
		peer_close(c->link, "no answer in time");
}

void
submit_drop(struct session *s)
{
	struct conn	*c = s->arg;

	if (c->file != -1)
		close(c->file);
	c->file = -1;
	(void)peer_send(c->link, M_SUB_RESET, NULL, -1);
}

void
submit_forget(struct conn *c)
{
	if (c->file != -1)
		close(c->file);
	c->file = -1;
	if (c->link_fd != -1)
		close(c->link_fd);
	c->link_fd = -1;
	if (c->link == NULL)
		return;
	if (c->link_ask != 0)
		peer_forget(c->link, c->link_ask);
	peer_free(c->link);
	c->link = NULL;
}
