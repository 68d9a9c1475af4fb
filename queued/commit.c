/*
 * Messages from smtpd that no single store could take: the queue keeps them
 * and delivers, under the same delivery id.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "queued/queued.h"

#define RCPTS_MAX	20000	/* of one message, whatever smtpd's limit is */

static uint64_t	 largest(void);
static int	 add_rcpts(struct intake *, const struct msg_commit *);
static void	 on_read(struct intake *, int);
static void	 on_stored(struct intake *, int);
static void	 answer(struct intake *, int);

struct commit {
	struct peer	*peer;
	struct slot	*slot;
};

static uint64_t
largest(void)
{
	uint64_t	 n = 0;

	CONF_EACH(struct conf_listener, l, &proc_conf()->listeners)
		if (l->limits.message_size > n)
			n = l->limits.message_size;
	return (n + 65536);
}

void
stored_error(struct msg_stored *s, int error)
{
	s->result = RESULT_TEMP;
	switch (error) {
	case ENOSPC:
	case EDQUOT:
		s->code = 452;
		s->enhanced = span_str("4.3.1");
		s->text = span_str("no space left here, try again later");
		break;
	case EFBIG:
		s->result = RESULT_NO;
		s->code = 552;
		s->enhanced = span_str("5.3.4");
		s->text = span_str("message too large");
		break;
	default:
		s->code = 451;
		s->enhanced = span_str("4.3.0");
		s->text = span_str("not queued, try again later");
	}
}

static int
add_rcpts(struct intake *in, const struct msg_commit *m)
{
	const struct msg_commit_rcpt	*v = m->rcpts.v;
	struct rec_rcpt			*r;
	struct buf			 dest = { 0 };
	size_t				 i;

	if (in->n + m->rcpts.n > RCPTS_MAX)
		return (-1);
	for (i = 0; i < m->rcpts.n; i++) {
		if ((r = intake_rcpt(in)) == NULL)
			return (0);
		r->address = intake_keep(in, v[i].address);
		r->orcpt = intake_keep(in, v[i].orcpt);
		r->notify = v[i].notify;
		if (v[i].account != 0) {
			r->kind = RK_LOCAL;
			r->account = v[i].account;
			r->partition = v[i].partition;
			r->name = intake_keep(in, v[i].name);
			continue;
		}
		/* smtpd relays for nobody: auth says at the attempt */
		buf_reset(&dest);
		if (address_destination(v[i].address, &dest) == -1)
			return (-1);
		r->kind = RK_UNKNOWN;
		r->dest = intake_keep(in, span_buf(&dest));
	}
	buf_free(&dest);
	return (0);
}

static struct slot *
begin(struct peer *p, const struct msg_commit *m)
{
	struct slot	*s = slot_find(p, m->id);
	struct commit	*c;

	if (s == NULL || s->committing)
		return (NULL);
	if (s->in == NULL) {
		if ((s->in = intake_new()) == NULL ||
		    (c = calloc(1, sizeof(*c))) == NULL) {
			intake_free(s->in);
			s->in = NULL;
			return (NULL);
		}
		c->peer = p;
		c->slot = s;
		s->in->arg = c;
		s->in->own_arg = 1;
	}
	return (s);
}

int
on_queue_rcpts(struct peer *p, struct imsg *im)
{
	struct msg_commit	 m;
	struct slot		*s;
	int			 rc = -1;

	if (imsg_get(im, &c_commit, &m) == -1)
		return (-1);
	if ((s = begin(p, &m)) != NULL)
		rc = add_rcpts(s->in, &m);
	codec_free(&c_commit, &m);
	return (rc);
}

int
on_queue_commit(struct peer *p, struct imsg *im)
{
	struct intake_body	 body = { 0 };
	struct msg_commit	 m;
	struct intake		*in;
	struct slot		*s;
	int			 rc = -1;

	if (imsg_get(im, &c_commit, &m) == -1)
		return (-1);
	if ((s = begin(p, &m)) == NULL || add_rcpts(s->in, &m) == -1 ||
	    s->in->n == 0)
		goto out;
	rc = 0;
	in = s->in;
	s->committing = 1;
	s->req = im->id;
	s->shown = m.shown;
	memcpy(in->m.id, m.id, sizeof(in->m.id));
	in->m.size = m.size;
	in->m.from = intake_keep(in, m.from);
	in->m.envid = intake_keep(in, m.envid);
	in->m.session = intake_keep(in, m.session);
	in->m.remote = intake_keep(in, m.remote);
	in->m.ret = m.ret;
	in->m.utf8 = m.utf8;
	in->m.bodytype = m.body;
	in->m.requiretls = m.requiretls != 0 ? REQUIRETLS_ALL :
	    REQUIRETLS_NONE;
	if (!dbenv_writable(q.env)) {
		answer(in, ENOSPC);
		goto out;
	}
	body.fd = s->rfd;
	body.max = largest();
	body.size = m.size;
	intake_read(in, &body, on_read);
out:
	codec_free(&c_commit, &m);
	return (rc);
}

/* The octets are in; they must be those that smtpd counted. */
static void
on_read(struct intake *in, int error)
{
	if (error == 0 && in->m.size != in->body_size)
		error = EIO;
	if (error != 0)
		answer(in, error);
	else
		intake_store(in, on_stored);
}

static void
on_stored(struct intake *in, int error)
{
	answer(in, error);
}

static void
answer(struct intake *in, int error)
{
	struct commit		*c = in->arg;
	struct slot		*s = c->slot;
	struct peer		*p = c->peer;
	struct msg_stored	 m = { 0 };
	struct buf		 text = { 0 };
	char			 id[Q_ID];

	if (error == 0) {
		q_id(id, in->num, 0);
		log_info("%s: queued from=<%s> size=%llu recipients=%zu "
		    "session=%s remote=%s", id, log_esc(in->m.from),
		    (unsigned long long)in->m.size, in->n,
		    log_esc(in->m.session), log_esc(in->m.remote));
		m.result = RESULT_OK;
		m.code = 250;
		m.enhanced = span_str("2.0.0");
		buf_addf(&text, "queued as %s", id);
		m.text = span_buf(&text);
		m.queueid = span_str(id);
	} else {
		log_warn("session %s: not queued: %s",
		    log_esc(in->m.session), strerror(error));
		stored_error(&m, error);
	}
	(void)peer_reply(p, M_QUEUE_COMMIT, s->req, &c_stored, &m, -1);
	buf_free(&text);
	s->committing = 0;
	intake_free(s->in);
	s->in = NULL;
	if (error == 0)
		slot_taken(p, s, s->shown);
}
