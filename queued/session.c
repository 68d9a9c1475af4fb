/*
 * Sessions of submission: auth hands over a descriptor with the account that
 * it stands for; what arrives there is that account's.  They end with the
 * descriptor, or when auth says so.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "queued/admin.h"
#include "queued/session.h"

#define SESSIONS_MAX	20000
#define SESSIONS_ACCOUNT 500	/* of one account */

struct sessions		 sessions = LIST_HEAD_INITIALIZER(sessions);
static size_t		 nsessions;
static uint64_t		 last_id;

static void	 on_down(struct peer *, const char *);
static void	 session_free(struct session *);

static struct peer_ops	 ops = { .down = on_down };

static void
session_free(struct session *s)
{
	struct question	*k;

	submit_reset(s);
	LIST_FOREACH(k, &s->questions, entry)
		k->s = NULL;
	LIST_REMOVE(s, entry);
	nsessions--;
	free(s->name);
	free(s->address);
	free(s->remote);
	free(s->mech);
	buf_free(&s->key);
	free(s);
}

static void
on_down(struct peer *p, const char *why)
{
	(void)why;
	session_free(peer_arg(p));
}

static struct session *
session_new(const struct msg_session *m)
{
	struct session	*s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return (NULL);
	LIST_INSERT_HEAD(&sessions, s, entry);
	nsessions++;
	LIST_INIT(&s->questions);
	s->wfd = s->rfd = -1;
	s->instance = m->instance;
	s->id = ++last_id;
	s->account = m->account;
	s->name = span_dup(m->name);
	s->address = span_dup(m->address);
	s->remote = span_dup(m->remote);
	s->mech = span_dup(m->mech);
	buf_add_span(&s->key, m->key);
	s->serial = m->password_serial;
	s->conn = m->conn;
	s->since = q_now();
	s->listener = m->listener;
	s->tls = m->tls;
	if (s->name == NULL || s->address == NULL || s->remote == NULL ||
	    s->mech == NULL || buf_failed(&s->key)) {
		session_free(s);
		return (NULL);
	}
	return (s);
}

static int
too_many(uint64_t account)
{
	const struct session	*s;
	size_t			 n = 0;

	LIST_FOREACH(s, &sessions, entry)
		n += s->account == account;
	return (nsessions >= SESSIONS_MAX || n >= SESSIONS_ACCOUNT);
}

int
on_session(struct peer *p, struct imsg *im)
{
	struct msg_session	 m;
	struct msg_result	 r = { .result = RESULT_TEMP };
	struct session		*s = NULL;

	if (imsg_get(im, &c_session, &m) == -1)
		return (-1);
	if (im->fd == -1 || m.proto != SASL_SUBMISSION)
		r.text = span_str("no descriptor came with the session");
	else if (too_many(m.account))
		r.text = span_str("too many sessions of this account");
	else if ((s = session_new(&m)) == NULL)
		r.text = span_str("no memory");
	else {
		ops.rules = submit_rules;
		ops.nrules = submit_nrules;
		s->peer = peer_new(proc_base(), im->fd, ROLE_SESSION,
		    (unsigned)s->id, &ops, s);
		im->fd = -1;
		if (s->peer == NULL) {
			session_free(s);
			r.text = span_str("no memory");
		} else
			r.result = RESULT_OK;
	}
	if (r.result == RESULT_OK)
		log_info("submission session %llu: account %s, address <%s>, "
		    "connection %llu, from %s",
		    (unsigned long long)s->id, log_escs(s->name),
		    log_escs(s->address), (unsigned long long)s->conn,
		    log_escs(s->remote));
	(void)peer_reply(p, M_SESSION, im->id, &c_result, &r, -1);
	return (0);
}

void
session_end(struct session *s, const char *why)
{
	struct msg_text	 t = { span_str(why) };
	struct peer	*p = s->peer;

	log_info("submission session %llu of %s ended: %s",
	    (unsigned long long)s->id, log_escs(s->name), log_escs(why));
	(void)peer_put(p, M_SUB_END, &c_text, &t, -1);
	session_free(s);
	peer_free(p);
}

/* All that is said must be so; a password's age matters to who used one. */
static int
matches(const struct session *s, const struct msg_end_sessions *m)
{
	return ((m->account == 0 || m->account == s->account) &&
	    (m->key.n == 0 || span_eq(m->key, span_buf(&s->key))) &&
	    (m->serial_below == 0 || (s->key.n == 0 &&
	    s->serial < m->serial_below)) &&
	    (m->session == 0 || m->session == s->id));
}

int
on_end_sessions(struct peer *p, struct imsg *im)
{
	struct msg_end_sessions	 m;
	struct msg_number	 n = { 0 };
	struct session		*s, *next;
	char			*why;

	if (imsg_get(im, &c_end_sessions, &m) == -1)
		return (-1);
	why = span_dup(m.why);
	for (s = LIST_FIRST(&sessions); s != NULL; s = next) {
		next = LIST_NEXT(s, entry);
		if (!matches(s, &m))
			continue;
		session_end(s, why == NULL || *why == '\0' ?
		    "this login has ended" : why);
		n.number++;
	}
	free(why);
	(void)peer_reply(p, M_END_SESSIONS, im->id, &c_number, &n, -1);
	if (m.account != 0 && m.key.n == 0)	/* removed, perhaps */
		suppress_account(m.account);
	return (0);
}

void
sessions_end(const char *why)
{
	struct session	*s;

	while ((s = LIST_FIRST(&sessions)) != NULL)
		session_end(s, why);
}
