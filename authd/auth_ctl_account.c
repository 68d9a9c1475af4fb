/*
 * What letterctl changes: accounts, passwords, addresses, routes.  Everything
 * is checked first and written in one command of the database; a password is
 * derived by a helper thread before.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "authd/auth_ctl.h"
#include "log.h"
#include "precis.h"

#define PASSWORD_MIN	8	/* octets */
#define ROUTES_MAX	100	/* of an account */

static void	 account_add(struct ctl *);
static void	 account_add_now(struct ctl *);
static void	 account_remove(struct ctl *);
static void	 account_disable(struct ctl *);
static void	 account_enable(struct ctl *);
static void	 account_password(struct ctl *);
static void	 account_password_now(struct ctl *);
static void	 local_user(struct ctl *);
static void	 route_add(struct ctl *);
static void	 route_remove(struct ctl *);
static void	 address_add(struct ctl *);
static void	 address_remove(struct ctl *);
static int	 new_address(struct ctl *, struct span, struct canon *);
static int	 take_password(struct ctl *, struct span, void (*)(struct ctl *));

const struct ctl_verb	 ctl_changes[] = {
	{ "account add", 3, 3, "[--near ACCOUNT] NAME ADDRESS", account_add,
	  "--near" },
	{ "account remove", 1, 1, "NAME", account_remove, NULL },
	{ "account move", 2, 2, "NAME PARTITION", ctl_account_move, NULL },
	{ "account disable", 2, 2, "NAME TEXT", account_disable, NULL },
	{ "account enable", 1, 1, "NAME", account_enable, NULL },
	{ "account password", 2, 2, "[--end-sessions yes] NAME",
	  account_password, "--end-sessions" },
	{ "account quota", 1, 2, "[--messages NUMBER|none|default] NAME "
	  "[SIZE|none|default]", ctl_quota, "--messages" },
	{ "account local-user", 2, 2, "NAME USER|-", local_user, NULL },
	{ "account route add", 2, 2, "NAME ROUTE", route_add, NULL },
	{ "account route remove", 2, 2, "NAME NUMBER", route_remove, NULL },
	{ "address add", 2, 2, "NAME ADDRESS", address_add, NULL },
	{ "address remove", 2, 2, "NAME ADDRESS", address_remove, NULL },
};
const size_t	 ctl_nchanges = nitems(ctl_changes);

/* The command in the database; -1: answered. */
int
ctl_begin(struct ctl *q)
{
	if (dbenv_begin(auth.db.env) == 0)
		return (0);
	ctl_error(q, "nothing was changed: %s", dbenv_error(auth.db.env));
	return (-1);
}

int
ctl_room(struct ctl *q)
{
	if (dbenv_writable(auth.db.env))
		return (0);
	ctl_error(q, "the disk is full");
	return (-1);
}

/* ---- passwords -------------------------------------------------------------- */

static void
derive(struct dbenv_job *j)
{
	struct ctl	*q = j->arg;
	int		 h;

	q->derived = sasl_cram_derive(&q->cram, span_buf(&q->password)) == 0;
	for (h = 0; h < SCRAM_HASHES; h++)
		if (scram_secret_new(&q->secrets[h], (enum scram_hash)h,
		    span_buf(&q->password), q->iterations) == -1)
			q->derived = 0;
}

static void
derived(struct dbenv_job *j)
{
	struct ctl	*q = j->arg;

	if (q->derived)
		q->then(q);
	else
		ctl_error(q, "no memory");
}

/* Check it, and have it derived; -1: answered. */
static int
take_password(struct ctl *q, struct span password, void (*then)(struct ctl *))
{
	enum precis	 rc = precis_password(&q->password, password);

	if (rc != PRECIS_OK) {
		ctl_error(q, "this cannot be a password: %s",
		    precis_text(rc));
		return (-1);
	}
	if (q->password.n < PASSWORD_MIN) {
		ctl_error(q, "a password has at least %d octets",
		    PASSWORD_MIN);
		return (-1);
	}
	q->iterations = proc_conf()->iterations;
	q->then = then;
	q->job.run = derive;
	q->job.done = derived;
	q->job.arg = q;
	dbenv_job(auth.db.env, &q->job);
	return (0);
}

static int
set_verifiers(struct ctl *q)
{
	int	 h, rc = 0;

	for (h = 0; rc == 0 && h < SCRAM_HASHES; h++)
		rc = userdb_set_verifier(&auth.db, q->account.id,
		    &q->secrets[h]);
	if (rc == 0)
		rc = userdb_set_cram(&auth.db, q->account.id,
		    upgrade_cram_served() ? &q->cram : NULL);
	return (rc);
}

/* ---- addresses ---------------------------------------------------------------- */

/* One that may be given to an account; -1: answered. */
static int
new_address(struct ctl *q, struct span s, struct canon *c)
{
	struct account	 a;
	uint64_t	 id;

	if (canon_address(s, CANON_CATCHALL, c) == -1 || c->bare) {
		ctl_error(q, "%s: not an address", log_esc(s));
		return (-1);
	}
	if (c->domain == NULL) {
		ctl_error(q, "%.*s is no domain in the configuration: add "
		    "domain \"%.*s\" there first", (int)canon_host(c).n,
		    (const char *)canon_host(c).p, (int)canon_host(c).n,
		    (const char *)canon_host(c).p);
		return (-1);
	}
	if (c->cut) {
		ctl_error(q, "%s: at %s nothing counts from one of \"%s\" on; "
		    "that is the address %s", log_esc(s), c->domain->text,
		    c->domain->separators, c->text);
		return (-1);
	}
	if (userdb_address(&auth.db, canon_span(c), &id) == 0) {
		if (userdb_get(&auth.db, id, &a) == 0)
			ctl_error(q, "%s is an address of %s already", c->text,
			    a.name);
		else
			ctl_error(q, "%s is an address already", c->text);
		return (-1);
	}
	if (errno != ENOENT) {
		ctl_error(q, "%s", dbenv_error(auth.db.env));
		return (-1);
	}
	return (0);
}

static void
address_add(struct ctl *q)
{
	struct canon	 c;
	int		 rc;

	if (ctl_room(q) == -1 || ctl_account(q, q->args[0]) == -1 ||
	    new_address(q, q->args[1], &c) == -1 ||
	    ctl_key_uses(q, &c, 1) == -1 || ctl_begin(q) == -1)
		return;
	buf_addf(&q->text, "%s is an address of %s", c.text, q->account.name);
	rc = userdb_add_address(&auth.db, q->account.id, canon_span(&c));
	ctl_commit(q, rc, NULL);
}

static void
address_remove(struct ctl *q)
{
	struct canon	 c;
	uint64_t	 id;
	int		 rc;

	if (ctl_account(q, q->args[0]) == -1)
		return;
	if (canon_address(q->args[1], CANON_CATCHALL, &c) == -1 ||
	    userdb_address(&auth.db, canon_span(&c), &id) == -1 ||
	    id != q->account.id) {
		ctl_error(q, "%s is no address of %s", log_esc(q->args[1]),
		    q->account.name);
		return;
	}
	if (ctl_key_uses(q, &c, 0) == -1 || ctl_begin(q) == -1)
		return;
	buf_addf(&q->text, "%s is no address of %s any more", c.text,
	    q->account.name);
	rc = userdb_del_address(&auth.db, id, canon_span(&c));
	ctl_commit(q, rc, NULL);
}

/* ---- accounts ------------------------------------------------------------------ */

/* Name and partition of a new one, into q->account; -1: answered. */
static int
new_account(struct ctl *q)
{
	struct span	 near = q->flag;
	struct account	 a;
	struct buf	 name = { 0 };

	if (userdb_name(q->args[0], &name) == -1) {
		buf_free(&name);
		ctl_error(q, "%s: not a name for an account: at most %d "
		    "letters, digits, dots, dashes and such",
		    log_esc(q->args[0]), ACCOUNT_NAME);
		return (-1);
	}
	memset(&q->account, 0, sizeof(q->account));
	memcpy(q->account.name, name.p, name.n);
	buf_free(&name);
	if (userdb_by_name(&auth.db, q->args[0], &a) == 0) {
		ctl_error(q, "there is an account %s already", a.name);
		return (-1);
	}
	q->account.partition = userdb_partition(&auth.db,
	    proc_conf()->npartitions);
	if (near.n == 0)
		return (0);
	if (userdb_by_name(&auth.db, near, &a) == -1) {
		ctl_error(q, "no account %s to be near to", log_esc(near));
		return (-1);
	}
	q->account.partition = a.partition;
	return (0);
}

static void
account_add(struct ctl *q)
{
	struct canon	 c;

	if (ctl_room(q) == 0 && new_account(q) == 0 &&
	    new_address(q, q->args[1], &c) == 0)
		(void)take_password(q, q->args[2], account_add_now);
}

/* Time has passed: look again. */
static void
account_add_now(struct ctl *q)
{
	struct canon	 c;
	int		 rc;

	if (ctl_room(q) == -1 || new_account(q) == -1 ||
	    new_address(q, q->args[1], &c) == -1 ||
	    ctl_key_uses(q, &c, 1) == -1 || ctl_begin(q) == -1)
		return;
	rc = userdb_add(&auth.db, &q->account);
	if (rc == 0)
		rc = userdb_add_address(&auth.db, q->account.id,
		    canon_span(&c));
	if (rc == 0)
		rc = set_verifiers(q);
	buf_addf(&q->text, "account %s with the address %s in partition %02u",
	    q->account.name, c.text, q->account.partition);
	ctl_commit(q, rc, NULL);
}

static void
end_all(struct ctl *q, const char *why, uint64_t serial)
{
	struct msg_end_sessions	 e = { .account = q->account.id,
				    .serial_below = serial,
				    .why = span_str(why) };

	auth_end_sessions(&e);
}

static void
after_remove(struct ctl *q)
{
	end_all(q, "the account was removed", 0);
	auth_tell_gone();
}

static void
account_remove(struct ctl *q)
{
	int	 rc;

	if (ctl_account(q, q->args[0]) == -1)
		return;
	if (auth_moving() == q->account.id) {
		ctl_error(q, "account %s is being moved", q->account.name);
		return;
	}
	if (ctl_begin(q) == -1)
		return;
	buf_addf(&q->text, "account %s is removed, its mail follows",
	    q->account.name);
	rc = userdb_remove(&auth.db, &q->account);
	ctl_commit(q, rc, after_remove);
}

static void
after_disable(struct ctl *q)
{
	end_all(q, q->account.disabled, 0);
}

static void
account_disable(struct ctl *q)
{
	struct span	 why = q->args[1];
	size_t		 i;

	for (i = 0; i < why.n && why.p[i] >= 0x20 && why.p[i] < 0x7f; i++)
		continue;
	if (i < why.n || why.n == 0 || why.n > ACCOUNT_TEXT) {
		ctl_error(q, "the text is what users are told: 1 to %d "
		    "printable ASCII characters", ACCOUNT_TEXT);
		return;
	}
	if (ctl_account(q, q->args[0]) == -1 || ctl_begin(q) == -1)
		return;
	memset(q->account.disabled, 0, sizeof(q->account.disabled));
	memcpy(q->account.disabled, why.p, why.n);
	buf_addf(&q->text, "account %s: login is disabled; mail for it is "
	    "still delivered", q->account.name);
	ctl_commit(q, userdb_put(&auth.db, &q->account), after_disable);
}

static void
account_enable(struct ctl *q)
{
	if (ctl_account(q, q->args[0]) == -1)
		return;
	if (q->account.disabled[0] == '\0') {
		ctl_error(q, "account %s is not disabled", q->account.name);
		return;
	}
	if (ctl_begin(q) == -1)
		return;
	memset(q->account.disabled, 0, sizeof(q->account.disabled));
	buf_addf(&q->text, "account %s can log in again", q->account.name);
	ctl_commit(q, userdb_put(&auth.db, &q->account), NULL);
}

static void
account_password(struct ctl *q)
{
	if (q->flag.n > 0 && !span_eqs(q->flag, "yes") &&
	    !span_eqs(q->flag, "no"))
		ctl_error(q, "--end-sessions is yes or no");
	else if (ctl_room(q) == 0 && ctl_account(q, q->args[0]) == 0)
		(void)take_password(q, q->args[1], account_password_now);
}

static void
after_password(struct ctl *q)
{
	if (span_eqs(q->flag, "yes"))
		end_all(q, "the password was changed", q->account.serial);
}

static void
account_password_now(struct ctl *q)
{
	int	 rc;

	if (ctl_account(q, q->args[0]) == -1 || ctl_begin(q) == -1)
		return;
	q->account.serial++;
	buf_addf(&q->text, "account %s has a new password", q->account.name);
	rc = set_verifiers(q);
	if (rc == 0)
		rc = userdb_put(&auth.db, &q->account);
	ctl_commit(q, rc, after_password);
}

/* Whose mail that is which a user of this machine submits: letterctl knows the
 * number of a name. */
static void
local_user(struct ctl *q)
{
	struct account	 a;
	uint64_t	 uid = 0, user = 0;
	int		 rc;

	if (!span_eqs(q->args[1], "-")) {
		if (span_num(q->args[1], UINT32_MAX - 1, &uid) == -1) {
			ctl_error(q, "%s: not a user", log_esc(q->args[1]));
			return;
		}
		user = uid + 1;
	}
	if (ctl_account(q, q->args[0]) == -1)
		return;
	if (user != 0 && userdb_by_user(&auth.db, (uid_t)uid, &a) == 0 &&
	    a.id != q->account.id) {
		ctl_error(q, "user %llu is %s already",
		    (unsigned long long)uid, a.name);
		return;
	}
	if (ctl_begin(q) == -1)
		return;
	if (user == 0)
		buf_addf(&q->text, "account %s is no local user's",
		    q->account.name);
	else
		buf_addf(&q->text, "account %s is that of user %llu",
		    q->account.name, (unsigned long long)uid);
	rc = userdb_set_user(&auth.db, &q->account, user);
	ctl_commit(q, rc, NULL);
}

/* ---- routes ---------------------------------------------------------------------- */

static void
route_add(struct ctl *q)
{
	struct conf_route	 r;
	struct buf		 lines = { .max = ACCOUNT_ROUTES }, why = { 0 };
	struct span		 s = span_trim(q->args[1]);
	size_t			 i, n = 0;
	int			 rc;

	if (ctl_account(q, q->args[0]) == -1)
		return;
	for (i = 0; i < s.n && s.p[i] >= 0x20 && s.p[i] != 0x7f; i++)
		continue;
	if (i < s.n || conf_route_parse(s, &r, &why) == -1) {
		ctl_error(q, "%s", why.n == 0 ? "a route is one line" :
		    buf_cstr(&why));
		goto out;
	}
	rc = strcasecmp(r.transport, "default") != 0 &&
	    conf_transport(proc_conf(), r.transport) == NULL;
	if (rc)
		ctl_error(q, "there is no transport \"%s\"", r.transport);
	codec_free(&c_conf_route, &r);
	if (rc)
		goto out;
	rc = userdb_routes(&auth.db, q->account.id, &lines);
	for (i = 0; i < lines.n; i++)
		n += lines.p[i] == '\n';
	buf_add_span(&lines, s);
	buf_addc(&lines, '\n');
	if (rc == -1 || buf_failed(&lines) || n >= ROUTES_MAX) {
		ctl_error(q, "too many routes");
		goto out;
	}
	if (ctl_room(q) == -1 || ctl_begin(q) == -1)
		goto out;
	buf_addf(&q->text, "account %s: route %zu", q->account.name, n + 1);
	rc = userdb_set_routes(&auth.db, q->account.id, span_buf(&lines));
	ctl_commit(q, rc, NULL);
out:
	buf_free(&lines);
	buf_free(&why);
}

static void
route_remove(struct ctl *q)
{
	struct buf	 lines = { 0 }, left = { 0 };
	struct span	 s, line;
	uint64_t	 which, n = 0;
	int		 rc;

	if (ctl_account(q, q->args[0]) == -1)
		return;
	if (span_num(q->args[1], ROUTES_MAX, &which) == -1 || which == 0 ||
	    userdb_routes(&auth.db, q->account.id, &lines) == -1)
		which = 0;
	for (s = span_buf(&lines); s.n > 0;) {
		(void)span_split(&s, '\n', &line);
		if (++n == which)
			continue;
		buf_add_span(&left, line);
		buf_addc(&left, '\n');
	}
	if (which == 0 || which > n)
		ctl_error(q, "account %s has no route %s", q->account.name,
		    log_esc(q->args[1]));
	else if (ctl_begin(q) == 0) {
		buf_addf(&q->text, "account %s: route %llu is removed",
		    q->account.name, (unsigned long long)which);
		rc = userdb_set_routes(&auth.db, q->account.id,
		    span_buf(&left));
		ctl_commit(q, rc, NULL);
	}
	buf_free(&lines);
	buf_free(&left);
}
