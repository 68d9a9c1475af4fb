/*
 * letterctl's requests to auth: decoding, answers in pages, listings.  A
 * change is answered when it is on disk.  What is kept of a request is wiped: it
 * may hold a password.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "archive.h"
#include "authd/auth_ctl.h"
#include "log.h"

#define VERIFY_SLICE	2000	/* records checked in a go */
#define LIST_OCTETS	2000	/* of addresses in one row of a list */
#define SHOW_OCTETS	4000	/* and when it is shown alone */

static LIST_HEAD(, ctl)	 requests = LIST_HEAD_INITIALIZER(requests);
static size_t		 nrequests;

static void	 ctl_free(struct ctl *);
static int	 arguments(struct ctl *, const struct ctl_verb *);
static const struct ctl_verb	*verb_named(struct span);
static void	 flushed(struct dbenv_wait *, int);
static struct json_object	*describe(const struct account *, size_t);
static void	 list(struct ctl *);
static void	 show(struct ctl *);
static void	 locate(struct ctl *);
static void	 routes(struct ctl *);
static void	 verify_auth(struct ctl *);
static void	 verify_cursor(struct ctl *, struct dbenv_db *, struct span);
static void	 verify_records(struct ctl *);
static void	 verify_bad(struct dbenv_verify *, const char *, uint32_t,
		    struct span);
static void	 bad_rows(struct ctl *);
static void	 verify_done(struct dbenv_verify *, int);

static const struct ctl_verb	 listings[] = {
	{ "account list", 0, 0, "", list, NULL },
	{ "account show", 1, 1, "NAME", show, NULL },
	{ "account locate", 1, 1, "NAME", locate, NULL },
	{ "account moves", 0, 0, "", ctl_account_moves, NULL },
	{ "account route list", 1, 1, "NAME", routes, NULL },
	{ "logins", 0, 15, CTL_LOGINS_USAGE, ctl_logins, CTL_FILTERS },
	{ "verify auth", 0, 0, "", verify_auth, NULL },
};

/* ---- requests ---------------------------------------------------------------- */

static void
ctl_free(struct ctl *q)
{
	LIST_REMOVE(q, entry);
	nrequests--;
	codec_free(&c_ctl, &q->m);
	buf_freezero(&q->octets);
	buf_freezero(&q->password);
	buf_free(&q->text);
	buf_free(&q->bad);
	page_free(&q->page);
	buf_free(&q->cursor);
	explicit_bzero(q, sizeof(*q));
	free(q);
}

void
ctl_error(struct ctl *q, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	page_verror(q->peer, q->id, fmt, ap);
	va_end(ap);
	ctl_free(q);
}

void
ctl_done(struct ctl *q)
{
	page_answer(q->peer, q->id, &q->page, span_buf(&q->text),
	    span_buf(&q->cursor));
	ctl_free(q);
}

void
ctl_link_down(struct peer *p)
{
	struct ctl	*q;

	LIST_FOREACH(q, &requests, entry)
		if (q->peer == p)
			q->peer = NULL;
}

/*
 * Arguments, with the flag of the verb in front of them; a password, which is
 * last, may begin with anything.  0, or -1: not so many, or another flag.
 */
static int
arguments(struct ctl *q, const struct ctl_verb *v)
{
	const struct msg_ctl_arg	*a = q->m.args.v;
	size_t				 i = 0;
	int				 filters;

	filters = v->flag != NULL && strcmp(v->flag, CTL_FILTERS) == 0;
	if (v->flag != NULL && q->m.args.n >= 2 &&
	    span_eqs(a[0].arg, v->flag)) {
		q->flag = a[1].arg;
		i = 2;
	}
	if (!filters && i < q->m.args.n && q->m.args.n > v->min &&
	    span_caseprefix(a[i].arg, "--"))
		return (-1);
	if (q->m.args.n - i < v->min || q->m.args.n - i > v->max)
		return (-1);
	for (; i < q->m.args.n; i++)
		q->args[q->nargs++] = a[i].arg;
	return (0);
}

static const struct ctl_verb *
verb_named(struct span name)
{
	size_t	 i;

	for (i = 0; i < nitems(listings); i++)
		if (span_eqs(name, listings[i].name))
			return (&listings[i]);
	for (i = 0; i < ctl_nchanges; i++)
		if (span_eqs(name, ctl_changes[i].name))
			return (&ctl_changes[i]);
	for (i = 0; i < ctl_nkeys; i++)
		if (span_eqs(name, ctl_keys[i].name))
			return (&ctl_keys[i]);
	for (i = 0; i < ctl_nsecrets; i++)
		if (span_eqs(name, ctl_secrets[i].name))
			return (&ctl_secrets[i]);
	return (NULL);
}

int
on_ctl(struct peer *p, struct imsg *m)
{
	const struct ctl_verb	*v;
	struct ctl		*q;

	if (nrequests >= CTL_MAX || (q = calloc(1, sizeof(*q))) == NULL)
		return (-1);
	LIST_INSERT_HEAD(&requests, q, entry);
	nrequests++;
	q->peer = p;
	q->id = m->id;
	buf_add_span(&q->octets, m->data);
	m->data = span_buf(&q->octets);
	if (imsg_get(m, &c_ctl, &q->m) == -1) {
		memset(&q->m, 0, sizeof(q->m));
		ctl_free(q);
		return (-1);
	}
	if (span_eqs(q->m.verb, "backup auth")) {
		archive_backup(p, m, auth.db.env, NULL, "auth");
		ctl_free(q);
		return (0);
	}
	if ((v = verb_named(q->m.verb)) == NULL)
		ctl_error(q, "no such command");
	else if (arguments(q, v) == -1)
		ctl_error(q, "usage: %s %s", v->name, v->usage);
	else
		v->run(q);
	return (0);
}

int
ctl_account(struct ctl *q, struct span name)
{
	if (userdb_by_name(&auth.db, name, &q->account) == 0)
		return (0);
	if (errno == ENOENT)
		ctl_error(q, "no account %s", log_esc(name));
	else
		ctl_error(q, "accounts cannot be read: %s",
		    dbenv_error(auth.db.env));
	return (-1);
}

static void
flushed(struct dbenv_wait *w, int error)
{
	struct ctl	*q = w->arg;

	if (error != 0) {
		ctl_error(q, "nothing was changed: %s", strerror(error));
		return;
	}
	if (q->after != NULL)
		q->after(q);
	ctl_done(q);
}

void
ctl_commit(struct ctl *q, int rc, void (*after)(struct ctl *))
{
	if (rc == -1) {
		dbenv_abort(auth.db.env);
		userdb_recount(&auth.db);
		ctl_error(q, "nothing was changed: %s", strerror(errno));
		return;
	}
	if (dbenv_commit(auth.db.env) == -1) {
		userdb_recount(&auth.db);
		ctl_error(q, "nothing was changed: %s", strerror(errno));
		return;
	}
	log_info("uid %u: %.*s: %s", q->m.uid, (int)q->m.verb.n,
	    (const char *)q->m.verb.p, buf_cstr(&q->text));
	q->after = after;
	q->wait.done = flushed;
	q->wait.arg = q;
	if (dbenv_wait(auth.db.env, dbenv_seq(auth.db.env), &q->wait) == 1)
		flushed(&q->wait, 0);
}

/* ---- listings ----------------------------------------------------------------- */

/* An account, with as many of its addresses as fit. */
static struct json_object *
describe(const struct account *a, size_t max)
{
	struct json_object	*o = json_object_new_object(),
				*v = json_object_new_array();
	struct buf		 all = { 0 };
	struct span		 s, one;
	int			 more;

	row_str(o, "name", span_str(a->name));
	row_num(o, "partition", a->partition);
	more = userdb_addresses(&auth.db, a->id, max, &all);
	for (s = span_buf(&all); s.n > 0;) {
		(void)span_split(&s, '\0', &one);
		json_object_array_add(v, json_object_new_string_len(
		    (const char *)one.p, (int)one.n));
	}
	if (more != 0)
		json_object_array_add(v, json_object_new_string("..."));
	json_object_object_add(o, "addresses", v);
	row_str(o, "disabled", span_str(a->disabled));
	row_num(o, "created_at", a->created);
	buf_free(&all);
	return (o);
}

static void
list(struct ctl *q)
{
	struct account	 a;
	uint64_t	 id = 0;

	if (q->m.cursor.n > 0 &&
	    span_num(q->m.cursor, UINT64_MAX, &id) == -1) {
		ctl_error(q, "malformed cursor");
		return;
	}
	while (userdb_next(&auth.db, id, &a) == 0) {
		if (page_row(&q->page, describe(&a, LIST_OCTETS)) == -1) {
			buf_addf(&q->cursor, "%llu", (unsigned long long)a.id);
			break;
		}
		id = a.id + 1;
	}
	ctl_done(q);
}

static void
show(struct ctl *q)
{
	static const enum scram_hash	 hashes[] = { SCRAM_SHA_256,
					    SCRAM_SHA_1 };
	static const char *const	 names[] = { "SCRAM-SHA-256",
					    "SCRAM-SHA-1" };
	struct scram_secret		 s;
	struct sasl_cram_secret		 cram;
	struct msg_limits		 l;
	struct json_object		*o, *v;
	struct buf			 b = { 0 };
	struct span			 lines, line;
	size_t				 i;

	if (ctl_account(q, q->args[0]) == -1)
		return;
	o = describe(&q->account, SHOW_OCTETS);
	row_num(o, "id", q->account.id);
	row_num(o, "password_serial", q->account.serial);
	v = json_object_new_array();
	for (i = 0; i < nitems(hashes); i++)
		if (userdb_verifier(&auth.db, q->account.id, hashes[i],
		    &s) == 0)
			json_object_array_add(v,
			    json_object_new_string(names[i]));
	if (userdb_cram(&auth.db, q->account.id, &cram) == 0)
		json_object_array_add(v, json_object_new_string("CRAM-MD5"));
	explicit_bzero(&s, sizeof(s));
	explicit_bzero(&cram, sizeof(cram));
	json_object_object_add(o, "verifiers", v);
	if (limits_get(&auth.db, q->account.id, &l) == 0) {
		if (l.octets != 0)
			row_num(o, "quota", l.octets - 1);
		if (l.messages != 0)
			row_num(o, "quota_messages", l.messages - 1);
	}
	if (q->account.user != 0)
		row_num(o, "local_user", q->account.user - 1);
	v = json_object_new_array();
	(void)userdb_routes(&auth.db, q->account.id, &b);
	for (lines = span_buf(&b); lines.n > 0 && b.n < 3000;) {
		(void)span_split(&lines, '\n', &line);
		json_object_array_add(v, json_object_new_string_len(
		    (const char *)line.p, (int)line.n));
	}
	json_object_object_add(o, "routes", v);
	buf_free(&b);
	(void)page_row(&q->page, o);
	ctl_done(q);
}

/* For control alone, which hands a request on to the store of an account. */
static void
locate(struct ctl *q)
{
	if (ctl_account(q, q->args[0]) == -1)
		return;
	buf_addf(&q->text, "%llu %u %s", (unsigned long long)q->account.id,
	    q->account.partition, q->account.name);
	ctl_done(q);
}

static void
routes(struct ctl *q)
{
	struct json_object	*o;
	struct buf		 b = { 0 };
	struct span		 lines, line;
	uint64_t		 n = 0, from = 0;

	if (q->m.cursor.n > 0 &&
	    span_num(q->m.cursor, UINT32_MAX, &from) == -1) {
		ctl_error(q, "malformed cursor");
		return;
	}
	if (ctl_account(q, q->args[0]) == -1)
		return;
	(void)userdb_routes(&auth.db, q->account.id, &b);
	for (lines = span_buf(&b); lines.n > 0;) {
		(void)span_split(&lines, '\n', &line);
		if (++n <= from)
			continue;
		o = json_object_new_object();
		row_num(o, "number", n);
		row_str(o, "route", line);
		if (page_row(&q->page, o) == -1) {
			buf_addf(&q->cursor, "%llu",
			    (unsigned long long)n - 1);
			break;
		}
	}
	buf_free(&b);
	ctl_done(q);
}

/* ---- verify -------------------------------------------------------------------- */

/* Lines "database page key", from the helper thread or the loop. */
static void
verify_bad(struct dbenv_verify *v, const char *db, uint32_t page,
    struct span key)
{
	struct ctl	*q = v->arg;

	q->bad.max = PAGE_OCTETS / 2;
	buf_addf(&q->bad, "%s %u ", db, page);
	buf_add_hex(&q->bad, key);
	buf_addc(&q->bad, '\n');
}

static void
bad_rows(struct ctl *q)
{
	struct json_object	*o;
	struct span		 lines, line, word;
	uint64_t		 number;

	for (lines = span_buf(&q->bad); lines.n > 0;) {
		(void)span_split(&lines, '\n', &line);
		o = json_object_new_object();
		row_str(o, "environment", span_str("auth"));
		(void)span_split(&line, ' ', &word);
		row_str(o, "database", word);
		(void)span_split(&line, ' ', &word);
		if (line.n == 0 && span_num(word, UINT32_MAX, &number) == 0)
			row_num(o, "page", number);
		row_str(o, "key", line);
		row_str(o, "problem", span_str(line.n > 0 ?
		    "record checksum" : "page checksum"));
		(void)page_row(&q->page, o);
	}
}

static void
verify_done(struct dbenv_verify *v, int error)
{
	struct ctl	*q = v->arg;

	if (error != 0) {
		ctl_error(q, "auth: %s", strerror(error));
		return;
	}
	bad_rows(q);
	if (v->nbad > 0) {
		buf_addf(&q->text, "auth: %llu checked, %llu bad; records are "
		    "not read, since that would end the process",
		    (unsigned long long)v->checked,
		    (unsigned long long)v->nbad);
		ctl_done(q);
		return;
	}
	verify_cursor(q, dbenv_db_next(auth.db.env, NULL), span_of("", 0));
	ctl_done(q);
}

/* Where the next slice begins: "records bad database:key". */
static void
verify_cursor(struct ctl *q, struct dbenv_db *db, struct span key)
{
	buf_addf(&q->cursor, "%llu %llu %s:",
	    (unsigned long long)q->verify.checked,
	    (unsigned long long)q->verify.nbad, dbenv_db_name(db));
	buf_add_span(&q->cursor, key);
}

/* A page of the answer is a slice. */
static void
verify_records(struct ctl *q)
{
	struct dbenv_db	*db = NULL;
	struct span	 key = q->m.cursor, name, n;
	struct buf	 from = { 0 };
	int		 rc;

	(void)span_split(&key, ' ', &n);
	rc = span_num(n, UINT64_MAX, &q->verify.checked);
	(void)span_split(&key, ' ', &n);
	if (rc == 0)
		rc = span_num(n, UINT64_MAX, &q->verify.nbad);
	(void)span_split(&key, ':', &name);
	while (rc == 0 && (db = dbenv_db_next(auth.db.env, db)) != NULL)
		if (span_eqs(name, dbenv_db_name(db)))
			break;
	if (db == NULL) {
		ctl_error(q, "malformed cursor");
		return;
	}
	buf_add_span(&from, key);
	rc = dbenv_verify_records(db, &q->verify, &from, VERIFY_SLICE);
	if (rc == -1) {
		buf_free(&from);
		ctl_error(q, "auth: %s", dbenv_error(auth.db.env));
		return;
	}
	bad_rows(q);
	if (rc == 0) {
		buf_reset(&from);
		db = dbenv_db_next(auth.db.env, db);
	}
	if (db != NULL)
		verify_cursor(q, db, span_buf(&from));
	else
		buf_addf(&q->text, "auth: %llu checked, %llu bad",
		    (unsigned long long)q->verify.checked,
		    (unsigned long long)q->verify.nbad);
	buf_free(&from);
	ctl_done(q);
}

static void
verify_auth(struct ctl *q)
{
	q->verify.bad = verify_bad;
	q->verify.done = verify_done;
	q->verify.arg = q;
	if (q->m.cursor.n > 0)
		verify_records(q);
	else
		(void)dbenv_verify_pages(auth.db.env, &q->verify);
}
