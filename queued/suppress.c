/*
 * Whom an account does not write to any more: addresses that failed for good,
 * at once or several times in a row, and those that administrators say.
 * Addresses that differ in what many servers pass over are one: the key is
 * without tag and dots, in lower case.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "log.h"
#include "queued/admin.h"

#define ADDRESS_MAX	480	/* octets of the address in a key */
#define SWEEP		1000	/* records looked at in one transaction */

static int	 put(struct span, const struct rec_suppress *);
static int	 count_failure(const struct q_msg *, const struct rec_rcpt *,
		    struct span, struct rec_suppress *);

/* Up to a tag, without dots.  A local part with quotes is what it is. */
static void
base_of(struct buf *b, struct span local)
{
	size_t	 i, from = b->n;

	for (i = 0; i < local.n && (local.p[0] == '"' ||
	    (local.p[i] != '+' && local.p[i] != '-')); i++)
		if (local.p[i] != '.' || local.p[0] == '"')
			buf_addc(b, tolower(local.p[i]));
	if (b->n > from)
		return;
	for (i = 0; i < local.n; i++)	/* nothing would be left of it */
		buf_addc(b, tolower(local.p[i]));
}

int
suppress_key(struct buf *b, uint64_t account, struct span address)
{
	struct span	 domain = address_domain(address);
	size_t		 from;

	buf_put_u64(b, account);
	from = b->n;
	if (domain.n == 0 || domain.n >= address.n)
		return (-1);
	base_of(b, span_of(address.p, address.n - domain.n - 1));
	buf_addc(b, '@');
	if (address_destination(address, b) == -1)
		return (-1);
	return (buf_failed(b) || b->n - from > ADDRESS_MAX ? -1 : 0);
}

int
suppress_at_once(uint32_t code, struct span enhanced)
{
	static const uint32_t	 codes[] = { 521, 550, 551, 553, 556 };
	static const char	*const texts[] = { "5.1.1", "5.1.2", "5.1.3",
				    "5.1.6", "5.2.1", "5.7.1" };
	size_t			 i;

	if (code / 100 != 5)
		return (0);
	for (i = 0; i < nitems(codes); i++)
		if (code == codes[i])
			return (1);
	for (i = 0; i < nitems(texts); i++)
		if (span_eqs(enhanced, texts[i]))
			return (1);
	return (0);
}

static int
put(struct span key, const struct rec_suppress *s)
{
	return (db_record_put(q.suppress, key, &c_rec_suppress, s));
}

static int
get(struct span key, struct rec_suppress *s, struct buf *octets)
{
	struct span	 val;

	memset(s, 0, sizeof(*s));
	if (dbenv_get(q.suppress, key, &val) == -1)
		return (errno == ENOENT ? 0 : -1);
	buf_reset(octets);
	if (buf_add_span(octets, val) == -1)
		return (-1);
	val = span_buf(octets);
	if (codec_get(&val, &c_rec_suppress, s) == -1) {
		errno = EILSEQ;
		return (-1);
	}
	return (1);
}

int
suppress_get(uint64_t account, struct span address, struct rec_suppress *s,
    struct buf *octets)
{
	struct buf	 key = { 0 };
	int		 rc = 0;

	if (suppress_key(&key, account, address) == 0)
		rc = get(span_buf(&key), s, octets);
	buf_free(&key);
	if (rc == -1 && errno == EILSEQ)
		rc = 0;			/* verify tells of it */
	return (rc == 1 ? s->listed : rc);
}

int
suppress_add(uint64_t account, const struct rec_suppress *s)
{
	struct rec_suppress	 was;
	struct buf		 key = { 0 }, octets = { 0 };
	int			 rc = -1, had;

	if (suppress_key(&key, account, s->address) == -1)
		errno = EINVAL;
	else if ((had = get(span_buf(&key), &was, &octets)) != -1 &&
	    (had == 1 || db_count("suppressed", 1) != UINT64_MAX))
		rc = put(span_buf(&key), s);
	buf_free(&key);
	buf_free(&octets);
	return (rc);
}

int
suppress_remove(uint64_t account, struct span address)
{
	struct rec_suppress	 s;
	struct buf		 key = { 0 }, octets = { 0 };
	int			 rc = 0;

	if (suppress_key(&key, account, address) == 0 &&
	    (rc = get(span_buf(&key), &s, &octets)) == 1) {
		rc = s.listed;
		if (dbenv_del(q.suppress, span_buf(&key)) == -1 ||
		    db_count("suppressed", -1) == UINT64_MAX)
			rc = -1;
	}
	buf_free(&key);
	buf_free(&octets);
	return (rc);
}

/* One more; s is what was known, listed 0. */
static int
count_failure(const struct q_msg *m, const struct rec_rcpt *r,
    struct span key, struct rec_suppress *s)
{
	struct buf	 why = { .max = Q_TEXT_MAX };
	char		 id[Q_ID];
	uint64_t	 now = q_now();
	int		 rc;

	if (s->failures == 0 && (rc = db_count("suppressed", 0) <
	    SUPPRESS_MAX ? db_count("suppressed", 1) != UINT64_MAX : -2) < 1) {
		if (rc == -2)
			log_warn("account %s: no room to suppress <%s>",
			    log_esc(m->r.name), log_esc(r->address));
		return (rc == -2 ? 0 : -1);
	}
	s->failures++;
	s->last = now;
	s->name = m->r.name;
	s->address = r->address;
	s->listed = s->failures >= SUPPRESS_AFTER ||
	    suppress_at_once(r->code, r->enhanced);
	buf_addf(&why, "%s: %u ", q_id(id, m->num, 0), r->code);
	buf_add_span(&why, r->enhanced);
	buf_addc(&why, ' ');
	buf_add_span(&why, span_of(r->text.p, r->text.n < Q_TEXT_MAX - 64 ?
	    r->text.n : Q_TEXT_MAX - 64));
	s->reason = span_buf(&why);
	if (s->listed) {
		s->since = now;
		log_info("%s: account %s: <%s> is suppressed from now on",
		    q_id(id, m->num, 0), log_esc(m->r.name),
		    log_esc(r->address));
	}
	rc = put(key, s);
	buf_free(&why);
	return (rc);
}

int
suppress_result(const struct q_msg *m, const struct rec_rcpt *r,
    uint8_t result)
{
	struct rec_suppress	 s;
	struct buf		 key = { 0 }, octets = { 0 };
	int			 rc = 0;

	if (m->r.account == 0 || suppress_key(&key, m->r.account,
	    r->address) == -1) {
		buf_free(&key);
		return (0);
	}
	rc = get(span_buf(&key), &s, &octets);
	if (rc == -1 && errno == EILSEQ)
		rc = 0;			/* verify tells of it */
	else if (rc != -1 && result == RESULT_NO && !s.listed)
		rc = count_failure(m, r, span_buf(&key), &s);
	else if (rc == 1 && result == RESULT_OK && !s.listed)
		rc = dbenv_del(q.suppress, span_buf(&key)) == -1 ||
		    db_count("suppressed", -1) == UINT64_MAX ? -1 : 0;
	buf_free(&key);
	buf_free(&octets);
	return (rc == -1 ? -1 : 0);
}

void
suppress_sweep(void)
{
	static struct buf	 at;
	struct dbenv_iter	 it;
	struct rec_suppress	 s;
	struct span		 key, val;
	uint64_t		 now = q_now();
	size_t			 i;
	int			 rc = 0, k = 0;

	if (db_begin() == -1)
		return;
	dbenv_iter_init(&it, q.suppress, span_buf(&at), span_of(NULL, 0));
	for (i = 0; rc == 0 && i < SWEEP && (k = dbenv_iter_next(&it, &key,
	    &val)) == 1; i++) {
		buf_reset(&at);
		buf_add_span(&at, key);
		if (codec_get(&val, &c_rec_suppress, &s) == -1 || s.listed ||
		    s.last + SUPPRESS_KEPT > now)
			continue;
		if (dbenv_del(q.suppress, span_buf(&at)) == -1 ||
		    db_count("suppressed", -1) == UINT64_MAX)
			rc = -1;
	}
	dbenv_iter_free(&it);
	if (k != 1)		/* from the start, the next time */
		buf_reset(&at);
	if (db_end(rc) == -1)
		log_warn("queue: %s", dbenv_error(q.env));
}
