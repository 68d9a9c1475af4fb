/*
 * "letterctl verify": pages, records, bodies of a partition, whether each message
 * has its body, and each entry of a list of rights what finds it.  One partition a page of the answer; pages and large
 * bodies are read by helper threads, the rest in slices.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/move.h"
#include "imapd/part.h"
#include "imapd/sharing.h"
#include "imapd/store_ctl.h"

#define SLICE_RECORDS	200
#define WAITING_MAX	10000	/* damaged bodies whose messages are looked for */

/* What is wrong with such a body; and its message was found. */
enum { BODY_SUM = 1, BODY_MISSING, BODY_TOLD = 4 };
static const char *const	 body_problems[] = { [BODY_SUM] =
				    "body checksum", [BODY_MISSING] =
				    "body is missing" };

enum stage_of { PAGES, RECORDS, BODIES, MESSAGES, SHARES };

struct verify {
	struct ctl_job		 job;		/* first */
	struct part		*part;
	size_t			 index;		/* of the part */
	int			 stage;
	struct dbenv_verify	 v;
	struct dbenv_db		*db;		/* whose records are read */
	struct buf		 from;
	struct body_check	 check;
	uint64_t		 body;
	struct move_map		 waiting;	/* damaged bodies */
	uint64_t		 references;	/* that bodies say they have */
	uint64_t		 counted;	/* messages that have one */
	uint64_t		 seq;		/* when that was begun */
	uint64_t		 owned, owner;	/* the mailbox asked for last */
	int			 busy;		/* a helper has v or check */
	int			 given_up;
	pthread_mutex_t		 lock;		/* of page and nbad */
	struct page		 page;
	uint64_t		 nbad;
};

static int	 run(struct work *);
static void	 bad(struct dbenv_verify *, const char *, uint32_t,
		    struct span);
static void	 pages_done(struct dbenv_verify *, int);
static void	 body_done(struct body_check *, int);
static void	 tell(struct verify *, const char *, uint32_t, struct span,
		    const char *, struct span);
static void	 tell_body(struct verify *, uint64_t, int, struct span);
static int	 records(struct verify *);
static int	 bodies(struct verify *);
static int	 messages(struct verify *);
static void	 finish(struct verify *, const char *);
static void	 stop(struct ctl_job *);

static void
drop(struct verify *x)
{
	page_free(&x->page);
	buf_free(&x->from);
	free(x->waiting.v);
	pthread_mutex_destroy(&x->lock);
	free(x);
}

static void
finish(struct verify *x, const char *why)
{
	struct store	*st = x->job.store;
	struct buf	 text = { 0 };
	char		 next[32] = "";

	if (x->index + 1 < st->nparts)
		snprintf(next, sizeof(next), "%zu", x->index + 1);
	(void)buf_addf(&text, "mail/%02u: %llu checked, %llu bad", x->part->num,
	    (unsigned long long)x->v.checked, (unsigned long long)x->nbad);
	if (x->stage == PAGES)
		buf_adds(&text, "; records are not read, since that would "
		    "end the process");
	if (why != NULL)
		page_error(x->job.peer, x->job.id, "%s", why);
	else
		page_answer(x->job.peer, x->job.id, &x->page, span_buf(&text),
		    span_str(next));
	buf_free(&text);
	store_unwork(st, &x->job.work);
	LIST_REMOVE(&x->job, entry);
	drop(x);
}

static void
stop(struct ctl_job *j)
{
	struct verify	*x = (struct verify *)(void *)j;

	if (x->busy)
		x->given_up = 1;	/* its helper ends first */
	else
		finish(x, "given up");
}

static struct json_object *
row_of(unsigned part, const char *problem)
{
	struct json_object	*o = json_object_new_object();
	char			 name[32];

	snprintf(name, sizeof(name), "mail/%02u", part);
	row_str(o, "environment", span_str(name));
	row_str(o, "problem", span_str(problem));
	return (o);
}

/* Those that could not even be opened. */
static uint64_t
tell_away(const struct store *st, struct page *page)
{
	struct json_object	*o;
	size_t			 i;

	for (i = 0; i < st->naway; i++) {
		o = row_of(st->away[i], "it cannot be opened: restore it");
		row_str(o, "database", span_str(""));
		row_str(o, "key", span_str(""));
		row_str(o, "message", span_str(""));
		(void)page_row(page, o);
	}
	return (st->naway);
}

/* ---- whose it is ---------------------------------------------------------------- */

/* The account that has a mailbox, 0: none has. */
static uint64_t
owner_of(struct verify *x, uint64_t mailbox)
{
	struct dbenv_iter	 it;
	struct span		 key, val;
	uint64_t		 account = 0, id = 0;
	int			 rc;

	if (x->owned == mailbox)	/* damage stands together */
		return (x->owner);
	dbenv_iter_init(&it, x->part->mailbox, span_of("", 0), span_of("", 0));
	while (id != mailbox && (rc = dbenv_iter_next(&it, &key, &val)) != 0)
		if ((rc == -1 && errno != EILSEQ) ||
		    span_get_u64(&key, &account) == -1 ||
		    span_get_u64(&key, &id) == -1)
			break;
	dbenv_iter_free(&it);
	x->owned = mailbox;
	x->owner = id == mailbox ? account : 0;
	return (x->owner);
}

static void
add_account(struct part *p, uint64_t id, struct buf *b)
{
	struct rec_account	 r;
	uint8_t			 k[8];

	if (part_get(p->account, key_u64(k, id), &c_rec_account, &r) == 0)
		(void)buf_add_span(b, r.name);
	else
		(void)buf_addf(b, "account #%llu", (unsigned long long)id);
}

static void
add_mailbox(struct verify *x, uint64_t account, uint64_t id, struct buf *b)
{
	struct part		*p = x->part;
	struct rec_mailbox	 r;
	uint8_t			 k[16];

	if (account == 0)
		account = owner_of(x, id);
	if (account != 0)
		add_account(p, account, b);
	if (account != 0 && part_get(p->mailbox, key_u64_2(k, account, id),
	    &c_rec_mailbox, &r) == 0) {
		(void)buf_addc(b, ' ');
		(void)buf_add_span(b, r.name);
	} else
		(void)buf_addf(b, " mailbox #%llu", (unsigned long long)id);
}

/* Of a record, by its key: "bob INBOX UID 7", or as much of that as it says. */
static void
name_of(struct verify *x, const char *name, struct span key, struct buf *b)
{
	static const struct {
		const char	*name;
		int		 account, mailbox, uid;	/* the key has */
	} keys[] = {
		{ "index", 0, 1, 1 }, { "gone", 0, 1, 1 },
		{ "vanished", 0, 1, 0 }, { "mailbox", 1, 1, 0 },
		{ "state", 1, 1, 0 }, { "acl", 1, 1, 0 },
		{ "late", 1, 1, 0 }, { "account", 1, 0, 0 },
		{ "sub", 1, 0, 0 }, { "annotation", 1, 0, 0 },
	};
	uint64_t	 account = 0, mailbox;
	uint32_t	 uid;
	size_t		 i;

	for (i = 0; i < nitems(keys) && strcmp(keys[i].name, name) != 0; i++)
		continue;
	if (i == nitems(keys) || (keys[i].account &&
	    span_get_u64(&key, &account) == -1))
		return;
	if (!keys[i].mailbox || span_get_u64(&key, &mailbox) == -1)
		add_account(x->part, account, b);
	else
		add_mailbox(x, account, mailbox, b);
	if (keys[i].uid && span_get_u32(&key, &uid) == 0)
		(void)buf_addf(b, " UID %u", uid);
}

/* By any thread. */
static void
tell(struct verify *x, const char *db, uint32_t page, struct span key,
    const char *problem, struct span whose)
{
	struct json_object	*o = row_of(x->part->num, problem);
	struct buf		 text = { 0 };

	row_str(o, "database", span_str(db));
	if (page != 0)
		row_num(o, "page", page);
	(void)buf_add_hex(&text, key);
	row_str(o, "key", span_buf(&text));
	row_str(o, "message", whose);
	buf_free(&text);
	pthread_mutex_lock(&x->lock);
	x->nbad++;
	(void)page_row(&x->page, o);	/* as many as a page has room for */
	pthread_mutex_unlock(&x->lock);
}

/* Of a record: by the loop alone. */
static void
tell_record(struct verify *x, const char *db, struct span key,
    const char *problem)
{
	struct buf	 whose = { 0 };

	name_of(x, db, key, &whose);
	tell(x, db, 0, key, problem, span_buf(&whose));
	buf_free(&whose);
}

static void
bad(struct dbenv_verify *v, const char *db, uint32_t page, struct span key)
{
	if (page != 0)
		tell(v->arg, db, page, key, "page checksum", span_of("", 0));
	else
		tell_record(v->arg, db, key, "record checksum");
}

/* key: of the message, in the index; or empty. */
static void
tell_body(struct verify *x, uint64_t body, int what, struct span key)
{
	struct buf	 whose = { 0 };
	uint8_t		 k[8];

	if (key.n > 0)
		name_of(x, "index", key, &whose);
	tell(x, "body", 0, key_u64(k, body), body_problems[what],
	    span_buf(&whose));
	buf_free(&whose);
}

/* Whose it is is known when the messages are read. */
static void
body_bad(struct verify *x, int what)
{
	if (x->waiting.n >= WAITING_MAX || move_map_set(&x->waiting, x->body,
	    (uint64_t)what) == -1)
		tell_body(x, x->body, what, span_of("", 0));
}

static void
body_of(struct verify *x, uint64_t body, struct span key)
{
	int	 what = (int)move_map_get(&x->waiting, body);

	if (what == 0)
		return;
	tell_body(x, body, what & ~BODY_TOLD, key);
	(void)move_map_set(&x->waiting, body, (uint64_t)(what | BODY_TOLD));
}

/* Those that no message has. */
static void
bodies_left(struct verify *x)
{
	size_t	 i;

	for (i = 0; i < x->waiting.cap; i++)
		if (x->waiting.v[2 * i] != 0 &&
		    (x->waiting.v[2 * i + 1] & BODY_TOLD) == 0)
			tell_body(x, x->waiting.v[2 * i],
			    (int)x->waiting.v[2 * i + 1], span_of("", 0));
}

static void
go_on(struct verify *x, int error)
{
	x->busy = 0;
	if (error != 0 || x->given_up)
		finish(x, x->given_up ? "given up" : strerror(error));
	else
		store_work(x->job.store, &x->job.work);
}

static void
pages_done(struct dbenv_verify *v, int error)
{
	struct verify	*x = v->arg;

	if (error == 0 && v->nbad > 0 && !x->given_up) {
		x->busy = 0;
		finish(x, NULL);
		return;
	}
	x->stage = RECORDS;
	x->db = dbenv_db_next(x->part->env, NULL);
	go_on(x, error);
}

/* A slice of the records of one database after the other. */
static int
records(struct verify *x)
{
	int	 rc;

	if (x->db == NULL) {
		x->stage = BODIES;
		x->seq = dbenv_seq(x->part->env);
		return (1);
	}
	if ((rc = dbenv_verify_records(x->db, &x->v, &x->from,
	    SLICE_RECORDS)) == -1)
		return (-1);
	if (rc == 0) {
		buf_reset(&x->from);
		x->db = dbenv_db_next(x->part->env, x->db);
	}
	return (1);
}

static void
body_done(struct body_check *c, int error)
{
	struct verify	*x = c->arg;

	if (error == EILSEQ || error == ENOENT)
		body_bad(x, error == EILSEQ ? BODY_SUM : BODY_MISSING);
	x->v.checked++;
	go_on(x, error == EILSEQ || error == ENOENT ? 0 : error);
}

/* One after the other; a helper reads it. */
static int
bodies(struct verify *x)
{
	struct body_info	 info;
	uint8_t			 k[8];

	if (body_next(x->part->bodies, x->body, &x->body) == -1) {
		if (errno != ENOENT)
			return (-1);
		x->stage = MESSAGES;
		buf_reset(&x->from);
		return (1);
	}
	if (body_stat(x->part->bodies, x->body, &info) == -1) {
		tell(x, "bodyref", 0, key_u64(k, x->body), strerror(errno),
		    span_of("", 0));
		return (1);
	}
	x->references += info.refs;
	x->check.done = body_done;
	x->check.arg = x;
	x->busy = 1;
	body_check(x->part->bodies, x->body, &x->check);
	return (0);
}

/*
 * A body with more references than messages is never removed, one with fewer is
 * removed too early.  Only where nothing was written meanwhile is it known.
 */
static int
compare(struct verify *x)
{
	struct dbenv_iter	 it;
	struct span		 key, val;
	struct buf		 text = { 0 };
	int			 rc;

	dbenv_iter_init(&it, x->part->gone, span_of("", 0), span_of("", 0));
	while ((rc = dbenv_iter_next(&it, &key, &val)) == 1)
		x->counted++;
	dbenv_iter_free(&it);
	if (rc == -1 || x->references == x->counted ||
	    dbenv_seq(x->part->env) != x->seq)
		return (rc == -1 && errno != EILSEQ ? -1 : 0);
	(void)buf_addf(&text, "%llu references to bodies, %llu messages",
	    (unsigned long long)x->references,
	    (unsigned long long)x->counted);
	tell(x, "bodyref", 0, span_of("", 0), buf_cstr(&text),
	    span_of("", 0));
	buf_free(&text);
	return (0);
}

/* Does each message have a body? */
static int
messages(struct verify *x)
{
	struct body_info	 info;
	struct dbenv_iter	 it;
	struct msgrec		 r;
	struct span		 key, val;
	int			 n, rc = 0;

	dbenv_iter_init(&it, x->part->index, span_buf(&x->from),
	    span_of("", 0));
	for (n = 0; n < SLICE_RECORDS &&
	    (rc = dbenv_iter_next(&it, &key, &val)) != 0; n++) {
		if (rc == -1 && errno != EILSEQ)
			break;
		buf_reset(&x->from);
		(void)buf_add_span(&x->from, key);
		(void)buf_addc(&x->from, 0);	/* behind it */
		x->v.checked++;
		if (rc == -1)
			continue;	/* was told with the records */
		if (msgrec_get(val, &r) == -1)
			tell_record(x, "index", key, "record is malformed");
		else if (body_stat(x->part->bodies, r.body, &info) == -1)
			tell_record(x, "index", key, "message without a body");
		else {
			x->counted++;
			body_of(x, r.body, key);
		}
		rc = 1;
	}
	dbenv_iter_free(&it);
	return (rc);
}

static void
bad_share(void *arg, const char *db, struct span key, const char *problem)
{
	tell_record(arg, db, key, problem);
}

static int
run(struct work *w)
{
	struct verify	*x = (struct verify *)(void *)w;
	int		 rc;

	switch (x->stage) {
	case RECORDS:
		rc = records(x);
		break;
	case BODIES:
		rc = bodies(x);
		return (rc == -1 ? (finish(x, strerror(errno)), 0) : rc);
	case SHARES:
		if ((rc = sharing_verify(x->part, &x->from, SLICE_RECORDS,
		    bad_share, x)) == 0) {
			finish(x, NULL);
			return (0);
		}
		break;
	default:
		rc = messages(x);
		if (rc == 0)
			bodies_left(x);
		if (rc == 0 && (rc = compare(x)) == 0) {
			buf_reset(&x->from);
			x->stage = SHARES;
			rc = 1;
		}
	}
	if (rc == -1) {
		finish(x, strerror(errno));
		return (0);
	}
	return (1);
}

void
ctl_verify(struct ctl_ask *a)
{
	struct page	 page = { 0 };
	struct verify	*x;
	uint64_t	 i = 0;

	if (a->cursor.n != 0 &&
	    span_num(a->cursor, UINT32_MAX, &i) == -1) {
		page_error(a->peer, a->imsg->id, "malformed cursor");
		return;
	}
	if (i >= a->store->nparts) {
		(void)tell_away(a->store, &page);
		page_answer(a->peer, a->imsg->id, &page, span_str(""),
		    span_str(""));
		return;
	}
	if ((x = calloc(1, sizeof(*x))) == NULL) {
		page_error(a->peer, a->imsg->id, "no memory");
		return;
	}
	x->part = a->store->parts[i];
	x->index = i;
	pthread_mutex_init(&x->lock, NULL);
	x->job.work.run = run;
	x->v.bad = bad;
	x->v.done = pages_done;
	x->v.arg = x;
	if (i == 0)
		x->nbad = tell_away(a->store, &x->page);
	ctl_job_begin(&x->job, a->store, a->peer, a->imsg->id, stop);
	x->busy = 1;
	if (dbenv_verify_pages(x->part->env, &x->v) == -1) {
		x->busy = 0;
		finish(x, strerror(errno));
	}
}
