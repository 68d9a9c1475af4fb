/*
 * Rules of what is held as it comes into the queue, kept on disk, read at the
 * start.  See admin.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "queued/admin.h"
#include "queued/route.h"

static struct holdrule	*rules;		/* in the order of their numbers */
static size_t		 nrules;

static int	 insert(uint32_t, const struct rec_holdrule *);
static void	 rule_free(struct holdrule *);
static int	 domain_is(const char *, struct span);

static void
rule_free(struct holdrule *r)
{
	free(r->account);
	free(r->from);
	free(r->to);
}

static int
insert(uint32_t id, const struct rec_holdrule *rec)
{
	struct holdrule	*v, r = { .id = id, .created = rec->created };

	r.account = span_dup(rec->account);
	r.from = span_dup(rec->from);
	r.to = span_dup(rec->to);
	if (r.account == NULL || r.from == NULL || r.to == NULL ||
	    (v = reallocarray(rules, nrules + 1, sizeof(*v))) == NULL) {
		rule_free(&r);
		return (-1);
	}
	rules = v;
	rules[nrules++] = r;
	return (0);
}

int
holdrules_start(void)
{
	struct dbenv_iter	 it;
	struct rec_holdrule	 rec;
	struct span		 key, val;
	uint32_t		 id;
	int			 rc;

	while (nrules > 0)
		rule_free(&rules[--nrules]);
	dbenv_iter_init(&it, q.holdrule, span_of(NULL, 0), span_of(NULL, 0));
	while ((rc = dbenv_iter_next(&it, &key, &val)) != 0) {
		if (rc == -1 || span_get_u32(&key, &id) == -1 ||
		    codec_get(&val, &c_rec_holdrule, &rec) == -1) {
			log_error("queue: a hold rule cannot be read: "
			    "letterctl verify");
			if (key.n == 0 && rc == -1)
				break;
			continue;
		}
		if (insert(id, &rec) == -1) {
			dbenv_iter_free(&it);
			log_error("queue: no memory for hold rules");
			return (-1);
		}
	}
	dbenv_iter_free(&it);
	return (0);
}

static int
domain_is(const char *pattern, struct span address)
{
	struct buf	 domain = { 0 };
	int		 is;

	if (pattern[0] == '\0')
		return (1);
	address_route_domain(address, &domain);
	is = route_pattern_matches(pattern, domain.n == 0 ? "" :
	    buf_cstr(&domain));
	buf_free(&domain);
	return (is);
}

int
holdrule_is(const struct holdrule *r, const struct rec_msg *m,
    const struct rec_rcpt *rcpt)
{
	if (m->account == 0 && (m->flags & MF_REPORT) == 0)
		return (0);
	return ((r->account[0] == '\0' || span_eqs(m->name, r->account)) &&
	    domain_is(r->from, m->from) && domain_is(r->to, rcpt->address));
}

int
holdrules_hold(const struct rec_msg *m, const struct rec_rcpt *rcpt)
{
	size_t	 i;

	for (i = 0; i < nrules; i++)
		if (holdrule_is(&rules[i], m, rcpt))
			return (1);
	return (0);
}

const struct holdrule *
holdrule_after(uint32_t id)
{
	size_t	 i;

	for (i = 0; i < nrules; i++)
		if (rules[i].id > id)
			return (&rules[i]);
	return (NULL);
}

const struct holdrule *
holdrule_find(const char *account, const char *from, const char *to)
{
	size_t	 i;

	for (i = 0; i < nrules; i++)
		if (strcmp(rules[i].account, account) == 0 &&
		    strcmp(rules[i].from, from) == 0 &&
		    strcmp(rules[i].to, to) == 0)
			return (&rules[i]);
	return (NULL);
}

/* Numbers are not used again: "remove 3" is never another rule's. */
const struct holdrule *
holdrule_add(const char *account, const char *from, const char *to)
{
	struct rec_holdrule	 rec = { .created = q_now() };
	struct buf		 key = { 0 };
	uint64_t		 id;
	int			 rc = -1;

	if (nrules >= HOLDRULES_MAX) {
		errno = ENOSPC;
		return (NULL);
	}
	rec.account = span_str(account);
	rec.from = span_str(from);
	rec.to = span_str(to);
	if (db_begin() == -1)
		return (NULL);
	if ((id = db_count("holdrules", 1)) < UINT32_MAX) {
		buf_put_u32(&key, (uint32_t)id);
		rc = db_record_put(q.holdrule, span_buf(&key), &c_rec_holdrule,
		    &rec);
	}
	buf_free(&key);
	if (db_end(rc) == -1 || insert((uint32_t)id, &rec) == -1)
		return (NULL);
	return (&rules[nrules - 1]);
}

int
holdrule_remove(uint32_t id)
{
	struct buf	 key = { 0 };
	size_t		 i;
	int		 rc;

	for (i = 0; i < nrules; i++)
		if (rules[i].id == id)
			break;
	if (i == nrules) {
		errno = ENOENT;
		return (-1);
	}
	if (db_begin() == -1)
		return (-1);
	buf_put_u32(&key, id);
	rc = db_end(dbenv_del(q.holdrule, span_buf(&key)));
	buf_free(&key);
	if (rc == -1)
		return (-1);
	rule_free(&rules[i]);
	nrules--;
	memmove(rules + i, rules + i + 1, (nrules - i) * sizeof(*rules));
	return (0);
}
