/*
 * Who is pinned to which transport: an index beside the recipients' records,
 * so that a new configuration need not look at all of them.  Its entries may
 * be old: the recipient gone, or pinned to another; a record says what is so.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "log.h"
#include "queued/change.h"

#define SWEEP	10000	/* entries looked at in an hour */

/* Name in lower case, NUL, message, recipient. */
static int
key(struct buf *k, const char *transport, uint64_t msg, uint32_t n)
{
	for (; *transport != '\0'; transport++)
		buf_addc(k, tolower((unsigned char)*transport));
	buf_addc(k, '\0');
	buf_put_u64(k, msg);
	buf_put_u32(k, n);
	return (buf_failed(k) ? -1 : 0);
}

static int
key_get(struct span s, struct span *name, uint64_t *msg, uint32_t *n)
{
	return (span_split(&s, '\0', name) == 1 &&
	    span_get_u64(&s, msg) == 0 && span_get_u32(&s, n) == 0 &&
	    s.n == 0 ? 0 : -1);
}

int
pin_put(const char *transport, uint64_t msg, uint32_t n)
{
	struct buf	 k = { 0 };
	int		 rc = -1;

	if (key(&k, transport, msg, n) == 0)
		rc = dbenv_put(q.pin, span_buf(&k), span_str("-"));
	else
		errno = ENOMEM;
	buf_free(&k);
	return (rc);
}

/* Is it so still? */
static int
holds(struct span name, uint64_t msg, uint32_t n)
{
	struct q_rcpt	 r;
	int		 rc;

	if (db_rcpt(msg, n, &r) == -1)
		return (0);
	rc = r.r.state == RS_QUEUED && span_caseeq(r.r.pin, name);
	db_rcpt_free(&r);
	return (rc);
}

int
pins_check(const struct conf *c, struct buf *why)
{
	struct dbenv_iter	 it;
	struct span		 k, val, name;
	struct buf		 t = { 0 };
	char			 id[Q_ID];
	uint64_t		 msg;
	uint32_t		 n;
	int			 rc = 0;

	dbenv_iter_init(&it, q.pin, span_of(NULL, 0), span_of(NULL, 0));
	while (rc == 0 && dbenv_iter_next(&it, &k, &val) == 1) {
		if (key_get(k, &name, &msg, &n) == -1)
			continue;
		buf_reset(&t);
		buf_add_span(&t, name);
		if (span_eqs(name, "default") || buf_cstr(&t) == NULL ||
		    conf_transport(c, buf_cstr(&t)) != NULL ||
		    !holds(name, msg, n))
			continue;
		buf_addf(why, "%s in the queue is pinned to transport \"%s\", "
		    "which would be gone: letterctl queue transport "
		    "--transport %s -", q_id(id, msg, n), log_esc(name),
		    buf_cstr(&t));
		rc = -1;
	}
	dbenv_iter_free(&it);
	buf_free(&t);
	return (rc);
}

void
pins_sweep(void)
{
	struct dbenv_iter	 it;
	struct span		 k, val, name;
	uint64_t		 msg;
	uint32_t		 n;
	size_t			 i;

	if (db_begin() == -1)
		return;
	dbenv_iter_init(&it, q.pin, span_of(NULL, 0), span_of(NULL, 0));
	for (i = 0; i < SWEEP && dbenv_iter_next(&it, &k, &val) == 1; i++)
		if (key_get(k, &name, &msg, &n) == -1 || !holds(name, msg, n))
			if (dbenv_del(q.pin, k) == -1 && errno != ENOENT)
				break;
	dbenv_iter_free(&it);
	if (db_end(0) == -1)
		log_warn("queue: %s", dbenv_error(q.env));
}
