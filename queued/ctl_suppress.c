/*
 * letterctl suppression: whom an account does not write to.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "queued/admin.h"
#include "queued/ctl.h"

static void	 with_account(struct ctl *,
		    int (*)(void *, struct peer *, struct imsg *));
static int	 account_of(struct ctl *, struct imsg *, int *);
static int	 on_add(void *, struct peer *, struct imsg *);
static int	 on_remove(void *, struct peer *, struct imsg *);
static int	 on_lookup(void *, struct peer *, struct imsg *);

static struct json_object *
row(const struct rec_suppress *s)
{
	struct json_object	*o = json_object_new_object();

	if (o == NULL)
		return (NULL);
	row_str(o, "account", s->name);
	row_str(o, "address", s->address);
	row_num(o, "since_at", q_clock(s->since));
	row_num(o, "failures", s->failures);
	row_str(o, "reason", s->reason);
	return (o);
}

static int
digit(uint8_t c)
{
	return (c >= '0' && c <= '9' ? c - '0' :
	    c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1);
}

static int
unhex(struct buf *b, struct span s)
{
	size_t	 i;

	if (s.n % 2 != 0)
		return (-1);
	for (i = 0; i < s.n; i += 2) {
		if (digit(s.p[i]) == -1 || digit(s.p[i + 1]) == -1)
			return (-1);
		buf_addc(b, digit(s.p[i]) * 16 + digit(s.p[i + 1]));
	}
	return (buf_failed(b) ? -1 : 0);
}

/* The cursor is the key, in hexadecimal, of the next one. */
void
ctl_suppress_list(struct ctl *c)
{
	struct dbenv_iter	 it;
	struct json_object	*o;
	struct rec_suppress	 s;
	struct span		 key, val, account = { 0 };
	struct buf		 from = { 0 };
	size_t			 looked = 0;
	int			 rc, full = 0;

	if (c->m.args.n > 0) {
		if (!span_eqs(ctl_arg(c, 0), "--account") ||
		    c->m.args.n != 2) {
			ctl_error(c, "suppression list [--account NAME]");
			return;
		}
		account = ctl_arg(c, 1);
	}
	if (unhex(&from, c->m.cursor) == -1) {
		buf_free(&from);
		ctl_error(c, "malformed cursor");
		return;
	}
	dbenv_iter_init(&it, q.suppress, span_buf(&from), span_of(NULL, 0));
	buf_free(&from);
	while (!full && (rc = dbenv_iter_next(&it, &key, &val)) != 0) {
		if (rc == -1 || codec_get(&val, &c_rec_suppress, &s) == -1) {
			if (key.n == 0)
				break;
			continue;
		}
		if (++looked > CTL_SCAN)
			full = 1;
		else if (s.listed && (account.n == 0 ||
		    span_eq(s.name, account)) && ((o = row(&s)) == NULL ||
		    page_row(&c->page, o) == -1))
			full = 1;
		if (full)
			buf_add_hex(&c->cursor, key);
	}
	dbenv_iter_free(&it);
	ctl_done(c);
}

/* Which account is that?  An address that can be in no list ends it here. */
static void
with_account(struct ctl *c, int (*fn)(void *, struct peer *, struct imsg *))
{
	struct msg_text	 t = { ctl_arg(c, 0) };
	struct buf	 key = { 0 };
	int		 ok = suppress_key(&key, 0, ctl_arg(c, 1)) == 0;

	buf_free(&key);
	if (!ok || ctl_arg(c, 1).n > MSG_ADDR_MAX)
		ctl_error(c, "that is no address to send to");
	else if (t.text.n > MSG_NAME_MAX ||
	    peer_ask(proc_peer(ROLE_AUTH, 0), M_ACCOUNT_NAMED, &c_text, &t, -1,
	    fn, c) == 0)
		ctl_error(c, "auth is being restarted; try again");
}

/* 0 with c->account, or -1: answered.  *rc is for the link. */
static int
account_of(struct ctl *c, struct imsg *m, int *rc)
{
	struct msg_rcpt	 w;

	*rc = 0;
	if (m == NULL || imsg_get(m, &c_rcpt, &w) == -1) {
		*rc = m == NULL ? 0 : -1;
		ctl_error(c, "auth is being restarted; try again");
		return (-1);
	}
	if (w.result != RESULT_OK) {
		ctl_error(c, "there is no account \"%s\"",
		    log_esc(ctl_arg(c, 0)));
		return (-1);
	}
	c->account = w.account;
	return (0);
}

static void
flush(struct ctl *c, const char *done)
{
	log_info("account %s: <%s> is %s its suppression list",
	    log_esc(ctl_arg(c, 0)), log_esc(ctl_arg(c, 1)), done);
	ctl_done_flushed(c);
}

static int
on_add(void *arg, struct peer *p, struct imsg *m)
{
	struct ctl		*c = arg;
	struct rec_suppress	 s;
	struct buf		 octets = { 0 };
	int			 rc, had;

	(void)p;
	if (account_of(c, m, &rc) == -1)
		return (rc);
	had = suppress_get(c->account, ctl_arg(c, 1), &s, &octets);
	if (had == 1) {
		ctl_error(c, "%s is on the list already, as %s",
		    log_esc(ctl_arg(c, 1)), log_esc(s.address));
		buf_free(&octets);
		return (rc);
	}
	buf_free(&octets);
	memset(&s, 0, sizeof(s));
	s.listed = 1;
	s.since = s.last = q_now();
	s.name = ctl_arg(c, 0);
	s.address = ctl_arg(c, 1);
	s.reason = ctl_arg(c, 2).n > 0 ? ctl_arg(c, 2) :
	    span_str("added by the administrator");
	if (db_begin() == -1 || db_end(suppress_add(c->account, &s)) == -1) {
		ctl_error(c, "queue: %s", dbenv_error(q.env));
		return (rc);
	}
	buf_adds(&c->text, "added");
	flush(c, "on");
	return (rc);
}

void
ctl_suppress_add(struct ctl *c)
{
	if (ctl_arg(c, 2).n > Q_TEXT_MAX / 2)
		ctl_error(c, "a reason has up to %d octets", Q_TEXT_MAX / 2);
	else
		with_account(c, on_add);
}

static int
on_remove(void *arg, struct peer *p, struct imsg *m)
{
	struct ctl	*c = arg;
	int		 rc, was = -1;

	(void)p;
	if (account_of(c, m, &rc) == -1)
		return (rc);
	if (db_begin() == 0) {
		was = suppress_remove(c->account, ctl_arg(c, 1));
		if (db_end(was == -1 ? -1 : 0) == -1)
			was = -1;
	}
	if (was == -1)
		ctl_error(c, "queue: %s", dbenv_error(q.env));
	else if (was == 0)
		ctl_error(c, "%s is not on the list", log_esc(ctl_arg(c, 1)));
	else {
		buf_adds(&c->text, "removed");
		flush(c, "off");
	}
	return (rc);
}

void
ctl_suppress_remove(struct ctl *c)
{
	with_account(c, on_remove);
}

static int
on_lookup(void *arg, struct peer *p, struct imsg *m)
{
	struct ctl		*c = arg;
	struct rec_suppress	 s;
	struct json_object	*o;
	struct buf		 octets = { 0 };
	int			 rc, is;

	(void)p;
	if (account_of(c, m, &rc) == -1)
		return (rc);
	is = suppress_get(c->account, ctl_arg(c, 1), &s, &octets);
	if (is == -1)
		ctl_error(c, "queue: %s", dbenv_error(q.env));
	else {
		if (is == 1 && (o = row(&s)) != NULL)
			(void)page_row(&c->page, o);
		buf_adds(&c->text, is == 1 ? "on the list" :
		    "not on the list");
		ctl_done(c);
	}
	buf_free(&octets);
	return (rc);
}

void
ctl_suppress_lookup(struct ctl *c)
{
	with_account(c, on_lookup);
}
