/*
 * The transaction of a submission session.  auth is asked at MAIL and again at
 * COMMIT what the account may send as, for the envelope and for each author
 * that the stored header names: smtpd's word is not needed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "queued/route.h"
#include "queued/session.h"

#define RCPTS_MAX	10000	/* whatever the listener allows */

static int	 on_mail(struct peer *, struct imsg *);
static int	 on_mail_allowed(void *, struct peer *, struct imsg *);
static int	 on_rcpt(struct peer *, struct imsg *);
static int	 on_rcpt_known(void *, struct peer *, struct imsg *);
static void	 on_rcpt_routes(void *, const struct account_routes *);
static int	 on_data(struct peer *, struct imsg *);
static int	 on_commit(struct peer *, struct imsg *);
static int	 on_reset(struct peer *, struct imsg *);
static void	 on_read(struct intake *, int);
static void	 ask_author(struct session *);
static int	 on_author(void *, struct peer *, struct imsg *);
static void	 on_stored(struct intake *, int);

const struct msg_rule	 submit_rules[] = {
	{ M_SUB_MAIL,	PEER(ROLE_SESSION),	MSG_BODY,	on_mail },
	{ M_SUB_RCPT,	PEER(ROLE_SESSION),	MSG_BODY,	on_rcpt },
	{ M_SUB_DATA,	PEER(ROLE_SESSION),	MSG_EMPTY,	on_data },
	{ M_SUB_COMMIT,	PEER(ROLE_SESSION),	MSG_BODY,	on_commit },
	{ M_SUB_RESET,	PEER(ROLE_SESSION),	MSG_EMPTY,	on_reset },
};
const size_t		 submit_nrules = nitems(submit_rules);

/* ---- questions -------------------------------------------------------------- */

struct question *
question_new(struct session *s, uint32_t req)
{
	struct question	*k;

	if ((k = calloc(1, sizeof(*k))) == NULL)
		return (NULL);
	k->s = s;
	k->req = req;
	k->turn = s->turn;
	LIST_INSERT_HEAD(&s->questions, k, entry);
	return (k);
}

void
question_free(struct question *k)
{
	if (k->s != NULL)
		LIST_REMOVE(k, entry);
	free(k->address);
	free(k->orcpt);
	free(k);
}

void
submit_reset(struct session *s)
{
	intake_free(s->in);
	s->in = NULL;
	if (s->rfd != -1)
		slot_file_put(s->instance, s->wfd, s->rfd);
	s->wfd = s->rfd = -1;
	authors_free(&s->authors);
	s->state = SS_IDLE;
	s->turn++;
}

static int
reply(struct session *s, uint32_t type, uint32_t id, enum result result,
    uint32_t code, const char *enhanced, struct span text)
{
	struct msg_result	 r = { .result = (uint8_t)result, .code = code,
				    .enhanced = span_str(enhanced),
				    .text = text };

	(void)peer_reply(s->peer, type, id, &c_result, &r, -1);
	return (0);
}

static int
bad_state(struct session *s, uint32_t type, uint32_t id)
{
	return (reply(s, type, id, RESULT_NO, 503, "5.5.1",
	    span_str("not now")));
}

static int
away(struct session *s, uint32_t type, uint32_t id)
{
	return (reply(s, type, id, RESULT_TEMP, 451, "4.3.0",
	    span_str("try again later")));
}

/* ---- MAIL ------------------------------------------------------------------- */

static int
mail_ok(struct session *s, uint32_t id)
{
	s->state = SS_MAIL;
	return (reply(s, M_SUB_MAIL, id, RESULT_OK, 250, "2.1.0",
	    span_str("sender ok")));
}

static int
on_mail(struct peer *p, struct imsg *im)
{
	struct session		*s = peer_arg(p);
	struct msg_sub_mail	 m;
	struct msg_may_use	 u = { .account = s->account };
	struct question		*k;
	struct intake		*in;

	if (imsg_get(im, &c_sub_mail, &m) == -1)
		return (-1);
	if (s->state != SS_IDLE)
		return (bad_state(s, M_SUB_MAIL, im->id));
	if (!dbenv_writable(q.env))
		return (reply(s, M_SUB_MAIL, im->id, RESULT_TEMP, 452, "4.3.1",
		    span_str("no space left here, try again later")));
	if ((in = s->in = intake_new()) == NULL)
		return (away(s, M_SUB_MAIL, im->id));
	in->arg = s;
	in->m.account = s->account;
	in->m.name = intake_keep(in, span_str(s->name));
	in->m.remote = intake_keep(in, span_str(s->remote));
	in->m.from = intake_keep(in, m.from);
	in->m.envid = intake_keep(in, m.envid);
	in->m.session = intake_keep(in, m.session);
	in->m.ret = m.ret;
	in->m.utf8 = m.utf8;
	in->m.bodytype = m.body;
	in->m.requiretls = m.requiretls != 0 ? REQUIRETLS_ALL :
	    REQUIRETLS_NONE;
	if (m.hold > 0) {
		in->m.release = q_now() + (m.hold < MSG_HOLD_MAX ? m.hold :
		    MSG_HOLD_MAX);
		in->m.future = intake_keep(in, m.future);
	}
	u.address = m.from;	/* none: receipts and the like are nobody's */
	u.key = span_buf(&s->key);
	if ((k = question_new(s, im->id)) == NULL || peer_ask(
	    proc_peer(ROLE_AUTH, 0), M_MAY_USE, &c_may_use, &u, -1,
	    on_mail_allowed, k) == 0) {
		if (k != NULL)
			question_free(k);
		submit_reset(s);
		return (away(s, M_SUB_MAIL, im->id));
	}
	s->state = SS_MAIL_WAIT;
	return (0);
}

static int
on_mail_allowed(void *arg, struct peer *p, struct imsg *m)
{
	struct question		*k = arg;
	struct session		*s = k->s;
	struct msg_result	 r;
	int			 rc = msg_get_result(m, &r);

	(void)p;
	if (s != NULL && k->turn != s->turn) {
		(void)bad_state(s, M_SUB_MAIL, k->req);
	} else if (s != NULL && r.result == RESULT_OK) {
		(void)mail_ok(s, k->req);
	} else if (s != NULL) {
		if (r.result == RESULT_NO && r.code == 525)
			(void)reply(s, M_SUB_MAIL, k->req, RESULT_NO, 525,
			    "5.7.13", r.text);
		else if (r.result == RESULT_NO)
			(void)reply(s, M_SUB_MAIL, k->req, RESULT_NO, 550,
			    "5.7.1", span_str("this account may not send "
			    "with that address"));
		else
			(void)away(s, M_SUB_MAIL, k->req);
		submit_reset(s);
	}
	question_free(k);
	return (rc);
}

/* ---- RCPT ------------------------------------------------------------------- */

static uint32_t
rcpts_limit(const struct session *s)
{
	const struct conf	*c = proc_conf();
	uint32_t		 n = RCPTS_MAX;

	if (s->listener < c->listeners.n)
		n = ((struct conf_listener *)c->listeners.v)
		    [s->listener].limits.recipients;
	return (n < RCPTS_MAX ? n : RCPTS_MAX);
}

static int
on_rcpt(struct peer *p, struct imsg *im)
{
	struct session		*s = peer_arg(p);
	struct msg_commit_rcpt	 m;
	struct msg_text		 t;
	struct question		*k;

	if (imsg_get(im, &c_commit_rcpt, &m) == -1)
		return (-1);
	if (s->state != SS_MAIL)
		return (bad_state(s, M_SUB_RCPT, im->id));
	if (s->in->n >= rcpts_limit(s))
		return (reply(s, M_SUB_RCPT, im->id, RESULT_TEMP, 452, "4.5.3",
		    span_str("too many recipients")));
	t.text = m.address;
	if ((k = question_new(s, im->id)) == NULL)
		return (away(s, M_SUB_RCPT, im->id));
	k->address = span_dup(m.address);
	k->orcpt = span_dup(m.orcpt);
	k->notify = m.notify;
	if (k->address == NULL || k->orcpt == NULL || peer_ask(
	    proc_peer(ROLE_AUTH, 0), M_RCPT, &c_text, &t, -1, on_rcpt_known,
	    k) == 0) {
		question_free(k);
		return (away(s, M_SUB_RCPT, im->id));
	}
	return (0);
}

/* The same address twice is one recipient. */
static int
have(const struct intake *in, struct span address)
{
	size_t	 i;

	for (i = 0; i < in->n; i++)
		if (span_eq(in->rcpts[i].address, address))
			return (1);
	return (0);
}

static int
add_rcpt(struct session *s, struct question *k, const struct msg_rcpt *w)
{
	struct span	 address = span_str(k->address);
	struct buf	 dest = { 0 };
	struct rec_rcpt	*r = NULL;

	if (w->result == RESULT_TEMP || (w->result == RESULT_NO && w->local))
		return (reply(s, M_SUB_RCPT, k->req, (enum result)w->result,
		    w->result == RESULT_NO ? 550 : 451, w->result ==
		    RESULT_NO ? "5.1.1" : "4.3.0", w->text.n > 0 ? w->text :
		    span_str(w->result == RESULT_NO ? "no such address here" :
		    "try again later")));
	/* Whose it is when it is to leave, auth says then. */
	if ((w->result == RESULT_NO || s->in->m.release > 0) &&
	    address_destination(address, &dest) == -1) {
		buf_free(&dest);
		return (reply(s, M_SUB_RCPT, k->req, RESULT_NO, 553, "5.1.2",
		    span_str("there can be no mail for such a domain")));
	}
	if (!have(s->in, address) && (r = intake_rcpt(s->in)) != NULL) {
		r->address = intake_keep(s->in, address);
		r->orcpt = intake_keep(s->in, span_str(k->orcpt));
		r->notify = k->notify;
		r->kind = w->result != RESULT_OK ? RK_REMOTE :
		    s->in->m.release > 0 ? RK_UNKNOWN : RK_LOCAL;
		if (r->kind == RK_LOCAL) {
			r->account = w->account;
			r->partition = w->partition;
			r->name = intake_keep(s->in, w->name);
		} else
			r->dest = intake_keep(s->in, span_buf(&dest));
	}
	buf_free(&dest);
	if (s->in->failed)
		return (away(s, M_SUB_RCPT, k->req));
	return (reply(s, M_SUB_RCPT, k->req, RESULT_OK, 250, "2.1.5",
	    span_str("recipient ok")));
}

/* Would it go to a transport that refuses at once?  Then it is refused now. */
static int
reject_early(struct session *s, const struct question *k,
    const struct list *routes)
{
	const struct conf_transport	*t;
	struct route_choice		 c;
	struct buf			 from = { 0 }, to = { 0 };

	address_route_domain(s->in->m.from, &from);
	address_route_domain(span_str(k->address), &to);
	route_choose(proc_conf(), routes, buf_cstr(&from), buf_cstr(&to), 0,
	    &c);
	buf_free(&from);
	buf_free(&to);
	t = conf_transport(proc_conf(), c.transport);
	if (t == NULL || t->kind != TRANSPORT_FAIL || !t->reject_early)
		return (0);
	log_info("session %s: account %s: recipient <%s> refused: route to "
	    "transport \"%s\"", log_esc(s->in->m.session), log_escs(s->name),
	    log_escs(k->address), t->name);
	(void)reply(s, M_SUB_RCPT, k->req, t->code / 100 == 4 ? RESULT_TEMP :
	    RESULT_NO, t->code, t->code / 100 == 4 ? "4.7.0" : "5.7.0",
	    span_str(t->message[0] != '\0' ? t->message :
	    "no mail is sent there"));
	return (1);
}

static void
on_rcpt_routes(void *arg, const struct account_routes *routes)
{
	static const struct msg_rcpt	 foreign = { .result = RESULT_NO };
	struct question			*k = arg;
	struct session			*s = k->s;

	if (s != NULL && (k->turn != s->turn || s->state != SS_MAIL))
		(void)bad_state(s, M_SUB_RCPT, k->req);
	else if (s != NULL && (routes == NULL || routes->unreadable))
		(void)away(s, M_SUB_RCPT, k->req);
	else if (s != NULL && !reject_early(s, k, &routes->list))
		(void)add_rcpt(s, k, &foreign);
	question_free(k);
}

static void
ask_routes(struct question *k)
{
	const struct account_routes	*routes;

	switch (routes_of(k->s->account, &routes, on_rcpt_routes, k)) {
	case 1:
		on_rcpt_routes(k, routes);
		break;
	case -1:
		on_rcpt_routes(k, NULL);
		break;
	}
}

static int
on_rcpt_known(void *arg, struct peer *p, struct imsg *m)
{
	struct question	*k = arg;
	struct session	*s = k->s;
	struct msg_rcpt	 w = { .result = RESULT_TEMP };
	int		 rc = 0;

	(void)p;
	if (m != NULL && imsg_get(m, &c_rcpt, &w) == -1) {
		memset(&w, 0, sizeof(w));
		w.result = RESULT_TEMP;
		rc = -1;
	}
	if (s != NULL && (k->turn != s->turn || s->state != SS_MAIL))
		(void)bad_state(s, M_SUB_RCPT, k->req);
	else if (s != NULL && w.result == RESULT_NO && !w.local &&
	    route_rejects(proc_conf())) {
		ask_routes(k);
		return (rc);
	}
	else if (s != NULL)
		(void)add_rcpt(s, k, &w);
	question_free(k);
	return (rc);
}

/* ---- DATA and COMMIT -------------------------------------------------------- */

static int
on_data(struct peer *p, struct imsg *im)
{
	struct session	*s = peer_arg(p);
	struct msg_slot	 m = { 0 };
	int		 wfd = -1;

	if (s->state == SS_MAIL && s->in->n > 0 && dbenv_writable(q.env)) {
		if (slot_file_get(s->instance, &s->wfd, &s->rfd) == -1 ||
		    (wfd = fcntl(s->wfd, F_DUPFD_CLOEXEC, 3)) == -1) {
			log_warn("no file for a message: %s", strerror(errno));
		} else {
			arc4random_buf(s->slot, sizeof(s->slot));
			s->state = SS_DATA;
			memcpy(m.id, s->slot, sizeof(m.id));
		}
	}
	(void)peer_reply(p, M_SUB_DATA, im->id, &c_slot, &m, wfd);
	return (0);
}

static int
on_reset(struct peer *p, struct imsg *im)
{
	struct session	*s = peer_arg(p);

	(void)im;
	if (s->state != SS_COMMIT)	/* the answer to that ends it */
		submit_reset(s);
	return (0);
}

/* The transaction is over in any case. */
static void
commit_answer(struct session *s, const struct msg_stored *m)
{
	(void)peer_reply(s->peer, M_SUB_COMMIT, s->req, &c_stored, m, -1);
	submit_reset(s);
}

static void
commit_error(struct session *s, int error)
{
	struct msg_stored	 m = { 0 };

	log_warn("session %s: not queued: %s",
	    s->in == NULL ? "-" : log_esc(s->in->m.session), strerror(error));
	stored_error(&m, error);
	commit_answer(s, &m);
}

static void
commit_refuse(struct session *s, uint32_t code, const char *enhanced,
    struct span text)
{
	struct msg_stored	 m = { .result = RESULT_NO, .code = code };

	log_warn("session %s: account %s: refused: %s",
	    log_esc(s->in->m.session), log_escs(s->name), log_esc(text));
	m.enhanced = span_str(enhanced);
	m.text = text;
	commit_answer(s, &m);
}

static uint64_t
largest(const struct session *s)
{
	const struct conf	*c = proc_conf();
	uint64_t		 n = 50 * 1024 * 1024;

	if (s->listener < c->listeners.n)
		n = ((struct conf_listener *)c->listeners.v)
		    [s->listener].limits.message_size;
	return (n + 65536);
}

static int
on_commit(struct peer *p, struct imsg *im)
{
	struct session		*s = peer_arg(p);
	struct msg_sub_commit	 m;
	struct intake_body	 b = { 0 };

	if (imsg_get(im, &c_sub_commit, &m) == -1)
		return (-1);
	if (s->state != SS_DATA || memcmp(m.id, s->slot, sizeof(m.id)) != 0)
		return (-1);
	s->state = SS_COMMIT;
	s->req = im->id;
	memcpy(s->in->m.id, s->slot, sizeof(s->slot));
	s->in->m.size = m.size + m.received.n;
	b.fd = s->rfd;
	b.max = largest(s);
	b.prefix = m.received;
	b.feed = authors_feed;
	b.arg = &s->authors;
	intake_read(s->in, &b, on_read);
	return (0);
}

static void
on_read(struct intake *in, int error)
{
	struct session	*s = in->arg;

	if (error == 0 && in->m.size != in->body_size)
		error = EIO;
	if (error != 0)
		commit_error(s, error);
	else if (authors_find(&s->authors) == -1)
		commit_refuse(s, 550, "5.7.1", span_str("the header does not "
		    "say plainly who wrote this: one From field with "
		    "addresses, at most one Sender"));
	else {
		if (in->m.requiretls == REQUIRETLS_NONE &&
		    authors_tls_no(&s->authors))
			in->m.requiretls = REQUIRETLS_NO;
		ask_author(s);
	}
}

/* The envelope's sender first, then every author of the header. */
static void
ask_author(struct session *s)
{
	struct msg_may_use	 u = { .account = s->account,
				    .key = span_buf(&s->key) };
	struct question		*k;
	size_t			 i = s->authors.asked;

	if (i == 0 && s->in->m.from.n == 0)
		i = s->authors.asked = 1;
	if (i > s->authors.n) {
		intake_store(s->in, on_stored);
		return;
	}
	u.address = i == 0 ? s->in->m.from : span_str(s->authors.v[i - 1]);
	if ((k = question_new(s, s->req)) == NULL || peer_ask(
	    proc_peer(ROLE_AUTH, 0), M_MAY_USE, &c_may_use, &u, -1, on_author,
	    k) == 0) {
		if (k != NULL)
			question_free(k);
		commit_error(s, EAGAIN);
	}
}

static int
on_author(void *arg, struct peer *p, struct imsg *m)
{
	struct question		*k = arg;
	struct session		*s = k->s;
	struct msg_result	 r;
	int			 rc = msg_get_result(m, &r);

	(void)p;
	if (s == NULL || k->turn != s->turn) {
		question_free(k);
		return (rc);
	}
	question_free(k);
	if (r.result == RESULT_OK) {
		s->authors.asked++;
		ask_author(s);
	} else if (r.result == RESULT_TEMP)
		commit_error(s, EAGAIN);
	else if (r.code == 525)		/* not that account, whatever it says */
		commit_refuse(s, 525, "5.7.13", r.text);
	else
		commit_refuse(s, 550, "5.7.1", span_str(s->authors.asked == 0 ?
		    "this account may not send with that address" :
		    "this account may not write in the name that From or "
		    "Sender says"));
	return (rc);
}

static void
on_stored(struct intake *in, int error)
{
	struct session		*s = in->arg;
	struct msg_stored	 m = { .result = RESULT_OK, .code = 250 };
	struct buf		 text = { 0 };
	char			 id[Q_ID];

	if (error != 0) {
		commit_error(s, error);
		return;
	}
	s->messages++;
	q_id(id, in->num, 0);
	log_info("%s: queued from=<%s> account=%s size=%llu recipients=%zu "
	    "session=%s remote=%s", id, log_esc(in->m.from), log_escs(s->name),
	    (unsigned long long)in->m.size, in->n, log_esc(in->m.session),
	    log_esc(in->m.remote));
	buf_addf(&text, "queued as %s", id);
	m.enhanced = span_str("2.0.0");
	m.text = span_buf(&text);
	m.queueid = span_str(id);
	commit_answer(s, &m);
	buf_free(&text);
}
