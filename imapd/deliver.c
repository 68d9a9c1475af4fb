/*
 * Local delivery.  See deliver.h.  What is on disk when: intake.h and body.h
 * for large bodies; everything else is one command of one group.
 */
#include <sys/queue.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/batch.h"
#include "imapd/deliver.h"
#include "imapd/intake.h"
#include "imapd/quota.h"
#include "log.h"

#define DELIVER_ID	16
#define DELIVER_KEY	(DELIVER_ID + 8 + 4)
#define LINE_MAX_	(MSG_ADDR_MAX + 64)

struct delivery {
	struct intake		 in;
	struct part		*part;
	uint8_t			 id[DELIVER_ID];
	char			*session;	/* of smtpd, for the log */
	struct account		**accounts;	/* each once */
	size_t			 n;
	size_t			 prefix;	/* octets of Return-Path */
	struct dbenv_wait	 wait;
	deliver_fn		 done;
	void			*arg;
	size_t			 stored;	/* without those who had it */
	uint64_t		 size;		/* as the sender says */
	LIST_ENTRY(delivery)	 entry;
};

static void	 finish(struct delivery *, int);
static void	 on_intake(struct intake *, int);
static void	 on_flushed(struct dbenv_wait *, int);
static int	 accounts(struct delivery *, const struct msg_deliver *);
static int	 begin(struct delivery *, const struct msg_deliver *, int);
static int	 fits(const struct delivery *, const uint8_t [MSG_RCPTS_MAX]);
static void	 commit(struct delivery *);
static int	 store_all(struct delivery *);

static LIST_HEAD(, delivery)	 pending = LIST_HEAD_INITIALIZER(pending);

/* What an error is to who sends. */
static const struct {
	int		 error;
	uint8_t		 result;
	uint32_t	 code;
	const char	*enhanced, *text;
} answers[] = {
	{ 0,		RESULT_OK,	250, "2.0.0", "stored" },
	{ EDQUOT,	RESULT_TEMP,	452, "4.2.2", "mailbox full" },
	{ ENOSPC,	RESULT_TEMP,	452, "4.3.1", "not enough storage" },
	{ EBUSY,	RESULT_TEMP,	451, MSG_MOVING, "the account is being "
	    "moved" },
	{ ENOMEM,	RESULT_TEMP,	451, "4.3.0", "no memory" },
	{ ENOENT,	RESULT_TEMP,	451, "4.3.0", "no such partition" },
	{ -1,		RESULT_TEMP,	451, "4.3.0", "cannot be stored now" },
};

static void
answer(int error, deliver_fn done, void *arg)
{
	struct msg_stored	 m = { 0 };
	size_t			 i;

	for (i = 0; answers[i].error != error && answers[i].error != -1; i++)
		continue;
	m.result = answers[i].result;
	m.code = answers[i].code;
	m.enhanced = span_str(answers[i].enhanced);
	m.text = span_str(answers[i].text);
	done(arg, &m);
}

/* The one answer, and everything is given back. */
static void
finish(struct delivery *d, int error)
{
	size_t	 i;

	if (error != 0)
		log_warn("%s: not delivered: %s", d->session == NULL ? "-" :
		    log_escs(d->session), strerror(error));
	answer(error, d->done, d->arg);
	for (i = 0; i < d->n; i++)
		account_put(d->accounts[i]);
	if (d->in.part != NULL)
		intake_free(&d->in);
	if (d->part != NULL)
		dbenv_unwait(d->part->env, &d->wait);
	LIST_REMOVE(d, entry);
	free(d->accounts);
	free(d->session);
	free(d);
}

void
deliver_stop(void)
{
	struct delivery	*d;

	while ((d = LIST_FIRST(&pending)) != NULL)
		finish(d, ECANCELED);
}

/* Everybody's account; one that is new is made. */
static int
accounts(struct delivery *d, const struct msg_deliver *m)
{
	const struct msg_deliver_rcpt	*r = m->rcpts.v;
	struct account			*a;
	size_t				 i, k;

	if ((d->accounts = calloc(m->rcpts.n + 1, sizeof(a))) == NULL)
		return (-1);
	for (i = 0; i < m->rcpts.n; i++) {
		for (k = 0; k < d->n && d->accounts[k]->id != r[i].account;
		    k++)
			continue;
		if (k < d->n)
			continue;	/* by two addresses: once */
		if ((a = account_get(d->part, r[i].account,
		    r[i].name)) == NULL)
			return (-1);
		d->accounts[d->n++] = a;
	}
	return (0);
}

/* Returns as intake_start(). */
static int
begin(struct delivery *d, const struct msg_deliver *m, int fd)
{
	struct buf	 prefix = { .max = LINE_MAX_ };
	int		 rc;

	if (accounts(d, m) == -1)
		return (-1);
	(void)buf_adds(&prefix, "Return-Path: <");
	(void)buf_add_span(&prefix, m->from);
	(void)buf_adds(&prefix, ">\r\n");
	if (buf_failed(&prefix)) {
		buf_free(&prefix);
		errno = ENOMEM;
		return (-1);
	}
	d->prefix = prefix.n;
	d->in.done = on_intake;
	d->in.arg = d;
	rc = intake_start(&d->in, d->part, fd, span_buf(&prefix),
	    m->size, m->size + prefix.n);
	buf_free(&prefix);
	return (rc);
}

void
deliver(struct store *st, const struct msg_deliver *m, int fd,
    deliver_fn done, void *arg)
{
	struct delivery	*d;
	int		 rc;

	if ((d = calloc(1, sizeof(*d))) == NULL) {
		answer(ENOMEM, done, arg);
		return;
	}
	LIST_INSERT_HEAD(&pending, d, entry);
	d->size = m->size;
	d->done = done;
	d->arg = arg;
	memcpy(d->id, m->id, sizeof(d->id));
	if ((d->session = span_dup(m->session)) == NULL)
		finish(d, errno);
	else if ((d->part = store_part(st, m->partition)) == NULL)
		finish(d, ENOENT);
	else if ((rc = begin(d, m, fd)) == -1)
		finish(d, errno);
	else if (rc == 1)
		commit(d);	/* else a large one is copied first */
}

static void
on_intake(struct intake *in, int error)
{
	struct delivery	*d = in->arg;

	if (error != 0)
		finish(d, error);
	else
		commit(d);
}

/* Has everybody room for it who does not have it yet? */
static int
fits(const struct delivery *d, const uint8_t has[MSG_RCPTS_MAX])
{
	size_t	 i;

	for (i = 0; i < d->n; i++)
		if (!has[i] &&
		    quota_over(d->accounts[i], intake_size(&d->in), 1))
			return (0);
	return (1);
}

/* While a large one was read an account may have been undone. */
static int
all_there(const struct delivery *d)
{
	size_t	 i;

	for (i = 0; i < d->n; i++)
		if (d->accounts[i]->id == 0)
			return (0);
	return (1);
}

static struct span
delivery_key(uint8_t k[DELIVER_KEY], const struct delivery *d, size_t i)
{
	uint32_t	 crc = d->in.crc;
	int		 n;

	memcpy(k, d->id, DELIVER_ID);
	(void)key_u64(k + DELIVER_ID, d->accounts[i]->id);
	for (n = DELIVER_KEY - 1; n >= DELIVER_ID + 8; n--, crc >>= 8)
		k[n] = (uint8_t)crc;
	return (span_of(k, DELIVER_KEY));
}

/* In the open command: who has the key already has the message. */
static int
put_keys(struct delivery *d, uint64_t now, uint8_t has[MSG_RCPTS_MAX])
{
	struct buf	 when = { 0 };
	uint8_t		 k[DELIVER_KEY];
	size_t		 i;
	int		 rc = 0;

	(void)buf_put_u64(&when, now);
	d->stored = 0;
	for (i = 0; i < d->n && rc == 0; i++) {
		rc = dbenv_add(d->part->key, delivery_key(k, d, i),
		    span_buf(&when));
		has[i] = rc == -1 && errno == EEXIST;
		if (has[i])
			rc = 0;
		else
			d->stored++;
	}
	buf_free(&when);
	return (rc);
}

static int
store_all(struct delivery *d)
{
	struct msgrec	 body = { .date = store_time() }, r;
	uint8_t		 has[MSG_RCPTS_MAX] = { 0 };
	size_t		 i;

	if (put_keys(d, body.date, has) == -1)
		return (-1);
	if (d->stored == 0)
		return (0);
	if (!fits(d, has)) {
		errno = EDQUOT;
		return (-1);
	}
	if (intake_put(&d->in, (uint32_t)d->stored, &body) == -1)
		return (-1);
	for (i = 0; i < d->n; i++) {
		r = body;
		if (!has[i] && batch_add(d->accounts[i]->inbox, &r) == -1)
			return (-1);
	}
	return (0);
}

static void
commit(struct delivery *d)
{
	struct dbenv	*env = d->part->env;

	/* What is stored is what was meant, or nothing. */
	if (intake_size(&d->in) != d->size + d->prefix) {
		finish(d, EMSGSIZE);
		return;
	}
	if (!all_there(d)) {
		finish(d, EAGAIN);
		return;
	}
	if (batch_begin(d->part) == -1) {
		finish(d, errno);
		return;
	}
	if (store_all(d) == -1) {
		batch_abort();
		finish(d, errno);
		return;
	}
	if (batch_commit() == -1) {
		finish(d, errno);
		return;
	}
	d->wait.done = on_flushed;
	d->wait.arg = d;
	if (dbenv_wait(env, dbenv_seq(env), &d->wait) == 1)
		on_flushed(&d->wait, 0);
}

static void
on_flushed(struct dbenv_wait *w, int error)
{
	struct delivery	*d = w->arg;
	size_t		 i;

	for (i = 0; error == 0 && log_enabled(LOG_LEVEL_DEBUG) && i < d->n;
	    i++)
		log_debug("%s: delivered to %s, %llu octets%s",
		    log_escs(d->session), log_escs(d->accounts[i]->name),
		    (unsigned long long)intake_size(&d->in),
		    d->stored == 0 ? " (had it already)" : "");
	finish(d, error);
}

/* A late write, nobody waits for it. */
void
deliver_settled(struct store *st, const struct msg_settled *m)
{
	struct part	*p;
	struct span	 key, val;

	if ((p = store_part(st, m->partition)) == NULL)
		return;
	while (dbenv_next(p->key, span_of(m->id, DELIVER_ID), &key,
	    &val) == 0 && key.n == DELIVER_KEY &&
	    memcmp(key.p, m->id, DELIVER_ID) == 0)
		if (dbenv_del(p->key, key) == -1)
			break;
}
