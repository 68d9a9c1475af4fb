/*
 * Whose an address is: for recipients, for what a sender may write, for
 * routes.  Answers come in the same turn.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "authd/auth.h"
#include "authd/auth_tlskey.h"
#include "log.h"

static int	 catch_all(struct span, struct account *);
static int	 key_gone(uint64_t, struct span);
static int	 may_login(const struct msg_may_use *, struct account *,
		    struct msg_result *);
static int	 postmaster(const struct canon *, struct account *);
static void	 answer(struct peer *, struct imsg *, struct msg_rcpt *,
		    const struct account *, int);

static int
catch_all(struct span domain, struct account *a)
{
	struct buf	 b = { .max = CANON_MAX };
	int		 rc;

	buf_addc(&b, '@');
	buf_add_span(&b, domain);
	rc = userdb_at(&auth.db, span_buf(&b), a);
	buf_free(&b);
	return (rc);
}

/*
 * RFC 5321 section 4.5.1: postmaster is always somebody.  The account that has
 * that very address, else the one that the configuration names, else whoever
 * has all of that domain, or has it at another domain of ours; else the oldest
 * account, which is the administrator's own.
 */
static int
postmaster(const struct canon *c, struct account *a)
{
	const struct conf	*conf = proc_conf();
	struct canon		 other;
	struct buf		 b = { .max = CANON_MAX };
	int			 rc = 1;

	if (conf->postmaster[0] != '\0' && canon_address(span_str(
	    conf->postmaster), 0, &other) == 0 && other.domain != NULL)
		rc = userdb_at(&auth.db, canon_span(&other), a);
	if (rc == 1 && c->domain != NULL)
		rc = catch_all(canon_host(c), a);
	CONF_EACH(const struct conf_domain, d, &conf->domains) {
		if (rc != 1 || c->domain != NULL)
			break;
		buf_reset(&b);
		buf_addf(&b, "postmaster@%s", d->name);
		if ((rc = userdb_at(&auth.db, span_buf(&b), a)) == 1)
			rc = catch_all(span_str(d->name), a);
	}
	buf_free(&b);
	if (rc == 1 && userdb_next(&auth.db, 0, a) == 0)
		rc = 0;
	return (rc);
}

int
account_of(const struct canon *c, int login, struct account *a)
{
	int	 rc = 1;

	memset(a, 0, sizeof(*a));
	if (c->domain == NULL && (login || !c->postmaster ||
	    (!c->bare && !c->host)))
		return (1);
	if (c->domain != NULL)
		rc = userdb_at(&auth.db, canon_span(c), a);
	if (rc == 1 && c->postmaster && !login)
		rc = postmaster(c, a);
	else if (rc == 1)
		rc = catch_all(canon_host(c), a);
	return (rc);
}

/* rc as of account_of(). */
static void
answer(struct peer *p, struct imsg *m, struct msg_rcpt *r,
    const struct account *a, int rc)
{
	if (rc == 0) {
		r->result = RESULT_OK;
		r->account = a->id;
		r->partition = a->partition;
		r->name = span_str(a->name);
	} else if (rc == 1) {
		r->result = RESULT_NO;
		if (r->text.n == 0)
			r->text = span_str("no such account");
	} else {
		r->result = RESULT_TEMP;
		r->text = span_str("accounts cannot be read");
		log_error("accounts: %s", dbenv_error(auth.db.env));
	}
	(void)peer_reply(p, m->type, m->id, &c_rcpt, r, -1);
}

int
on_rcpt(struct peer *p, struct imsg *m)
{
	struct msg_rcpt	 r = { 0 };
	struct msg_text	 t;
	struct account	 a;
	struct canon	 c;
	struct buf	 b = { .max = MSG_ADDR_MAX };

	if (imsg_get(m, &c_text, &t) == -1 || t.text.n > MSG_ADDR_MAX)
		return (-1);
	if (canon_address(t.text, 0, &c) == -1) {
		r.text = span_str("not an address");
		answer(p, m, &r, NULL, 1);
		return (0);
	}
	canon_write(&b, &c);
	r.address = span_buf(&b);
	r.local = c.domain != NULL || c.bare || (c.host && c.postmaster);
	r.text = span_str(r.local ? "no such address here" : "");
	answer(p, m, &r, &a, account_of(&c, 0, &a));
	buf_free(&b);
	return (0);
}

int
on_account_named(struct peer *p, struct imsg *m)
{
	struct msg_rcpt	 r = { .local = 1 };
	struct msg_text	 t;
	struct account	 a;
	struct buf	 list = { 0 };
	struct span	 s, one = { 0 };
	int		 rc;

	if (imsg_get(m, &c_text, &t) == -1)
		return (-1);
	rc = userdb_by_name(&auth.db, t.text, &a) == 0 ? 0 :
	    errno == ENOENT ? 1 : -1;
	/* With an address of it, the first that is not for a whole domain. */
	if (rc == 0 && userdb_addresses(&auth.db, a.id, 4096, &list) != -1)
		for (s = span_buf(&list); s.n > 0 && r.address.n == 0;) {
			(void)span_split(&s, '\0', &one);
			if (one.n > 0 && one.p[0] != '@')
				r.address = one;
		}
	answer(p, m, &r, &a, rc);
	buf_free(&list);
	return (0);
}

/* Is the key still there that opened a session?  0, 1, -1. */
static int
key_gone(uint64_t account, struct span key)
{
	struct tlskey	 k;

	if (key.n != TLSKEY_ID)
		return (key.n != 0);
	if (tlskey_get(&auth.db, key.p, &k) == -1)
		return (errno == ENOENT ? 1 : -1);
	return (k.account != account);
}

/* What holds for all addresses.  0; 1: the answer says why not; -1. */
static int
may_login(const struct msg_may_use *q, struct account *who,
    struct msg_result *r)
{
	int	 rc;

	if (userdb_get(&auth.db, q->account, who) == -1)
		return (errno == ENOENT ? 0 : -1);
	if (who->disabled[0] != '\0')
		r->text = span_str(who->disabled);
	else if ((rc = key_gone(q->account, q->key)) == 1)
		r->text = span_str("the key of this login was removed");
	else
		return (rc);
	r->result = RESULT_NO;
	r->code = 525;
	r->enhanced = span_str("5.7.13");
	return (1);
}

/* queued asks at every MAIL, header From and COMMIT. */
int
on_may_use(struct peer *p, struct imsg *m)
{
	struct msg_result	 r = { .result = RESULT_OK };
	struct msg_may_use	 q;
	struct account		 who = { 0 }, a = { 0 };
	struct canon		 c;
	int			 rc;

	if (imsg_get(m, &c_may_use, &q) == -1)
		return (-1);
	if ((rc = may_login(&q, &who, &r)) == 1) {
		(void)peer_reply(p, M_MAY_USE, m->id, &c_result, &r, -1);
		return (0);
	}
	a.id = who.id;
	if (rc == 0 && q.address.n > 0)
		rc = canon_address(q.address, 0, &c) == -1 ? 1 :
		    account_of(&c, 0, &a);
	if (rc == -1) {
		r.result = RESULT_TEMP;
		r.code = 451;
		r.enhanced = span_str("4.3.0");
		r.text = span_str("accounts cannot be read");
	} else if (rc == 1 || who.id == 0 || a.id != who.id) {
		r.result = RESULT_NO;
		r.code = 550;
		r.enhanced = span_str("5.7.1");
		r.text = span_str("not an address of yours");
	}
	(void)peer_reply(p, M_MAY_USE, m->id, &c_result, &r, -1);
	return (0);
}

int
on_account_routes(struct peer *p, struct imsg *m)
{
	struct msg_number	 n;
	struct msg_text		 t;
	struct buf		 b = { 0 };

	if (imsg_get(m, &c_number, &n) == -1)
		return (-1);
	if (userdb_routes(&auth.db, n.number, &b) == -1) {
		log_error("accounts: %s", dbenv_error(auth.db.env));
		buf_reset(&b);
		/* is no route: with such a one queued lets mail wait */
		buf_adds(&b, "unreadable\n");
	}
	t.text = span_buf(&b);
	(void)peer_reply(p, M_ACCOUNT_ROUTES, m->id, &c_text, &t, -1);
	buf_free(&b);
	return (0);
}
