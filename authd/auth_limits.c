/*
 * What an account may keep, where that is another limit than the
 * configuration's.  Stores learn it when their link comes up, all of it, and at
 * each change; they remember it while they run.
 */
#include <errno.h>
#include <string.h>

#include "authd/auth.h"
#include "authd/auth_ctl.h"
#include "log.h"

static const struct field f_limits[] = {
	F_U64(msg_limits, account), F_U64(msg_limits, octets),
	F_U64(msg_limits, messages),
};
static const struct codec c_rec_limits = CODEC(msg_limits, f_limits);

static int	 amount(struct span, uint64_t *);
static void	 write_limit(struct buf *, uint64_t);
static void	 tell(struct ctl *);

/* All 0 when it has none of its own. */
int
limits_get(struct userdb *u, uint64_t account, struct msg_limits *l)
{
	uint8_t	 k[8];

	if (userdb_read(u->limits, key64(k, account), &c_rec_limits, l) == 0)
		return (0);
	if (errno != ENOENT)
		return (-1);
	memset(l, 0, sizeof(*l));
	l->account = account;
	return (0);
}

static int
limits_put(struct userdb *u, const struct msg_limits *l)
{
	uint8_t	 k[8];

	key64(k, l->account);
	if (l->octets != 0 || l->messages != 0)
		return (userdb_write(u->limits, span_of(k, 8), &c_rec_limits,
		    l));
	if (dbenv_del(u->limits, span_of(k, 8)) == -1 && errno != ENOENT)
		return (-1);
	return (0);
}

/* The store whose partition the account is in. */
static struct peer *
store_of(uint64_t account)
{
	struct account	 a;

	if (userdb_get(&auth.db, account, &a) == -1)
		return (NULL);
	return (proc_peer(ROLE_STORE, a.partition % proc_count(ROLE_STORE)));
}

/* In pieces; the first makes it forget what it knew. */
void
auth_tell_limits(struct peer *p)
{
	struct msg_limits	 v[MSG_RCPTS_MAX];
	struct msg_limits_list	 m = { .whole = 1 };
	struct span		 key, val;
	uint64_t		 id = 0;
	uint8_t			 k[8];
	int			 rc;

	m.limits.v = v;
	do {
		rc = dbenv_next(auth.db.limits, key64(k, id), &key, &val);
		if (rc == 0) {
			id = unkey64(key) + 1;
			if (codec_get(&val, &c_rec_limits,
			    &v[m.limits.n]) == 0 &&
			    store_of(v[m.limits.n].account) == p)
				m.limits.n++;
		}
		if (m.limits.n < nitems(v) && rc == 0)
			continue;
		if (m.whole || m.limits.n > 0)
			(void)peer_put(p, M_LIMITS, &c_limits_list, &m, -1);
		m.whole = 0;
		m.limits.n = 0;
	} while (rc == 0);
}

void
auth_tell_limits_of(uint64_t account)
{
	struct msg_limits	 l;
	struct msg_limits_list	 m = { .whole = 0 };

	if (limits_get(&auth.db, account, &l) == -1)
		return;
	m.limits.v = &l;
	m.limits.n = 1;
	(void)peer_put(store_of(account), M_LIMITS, &c_limits_list, &m, -1);
}

static void
tell(struct ctl *q)
{
	auth_tell_limits_of(q->account.id);
}

/* A number, with K, M, G, T for 1024 and so on; "none"; "default". */
static int
amount(struct span s, uint64_t *v)
{
	static const char	 units[] = "KMGT";
	const char		*u;
	unsigned		 shift = 0;

	*v = 0;
	if (span_caseeqs(s, "default"))
		return (0);
	*v = 1;
	if (span_caseeqs(s, "none"))
		return (0);
	if (s.n > 1 && (u = memchr(units, s.p[s.n - 1] & ~0x20, 4)) != NULL) {
		shift = 10 * (unsigned)(u - units + 1);
		s.n--;
	}
	if (span_num(s, (UINT64_MAX >> 1) >> shift, v) == -1 || *v == 0)
		return (-1);
	*v = (*v << shift) + 1;
	return (0);
}

static void
write_limit(struct buf *b, uint64_t v)
{
	if (v == 0)
		buf_adds(b, "default");
	else if (v == 1)
		buf_adds(b, "none");
	else
		buf_addf(b, "%llu", (unsigned long long)v - 1);
}

/* "[--messages NUMBER|none|default] NAME [SIZE|none|default]" */
void
ctl_quota(struct ctl *q)
{
	struct msg_limits	 l;

	if (ctl_room(q) == -1 || ctl_account(q, q->args[0]) == -1)
		return;
	if (limits_get(&auth.db, q->account.id, &l) == -1) {
		ctl_error(q, "%s", dbenv_error(auth.db.env));
		return;
	}
	if (q->nargs < 2 && q->flag.n == 0) {
		ctl_error(q, "what may account %s keep?", q->account.name);
		return;
	}
	if ((q->nargs > 1 && amount(q->args[1], &l.octets) == -1) ||
	    (q->flag.n > 0 && amount(q->flag, &l.messages) == -1)) {
		ctl_error(q, "a limit is a number, which may end in K, M, G or "
		    "T, or it is none or default");
		return;
	}
	if (ctl_begin(q) == -1)
		return;
	buf_addf(&q->text, "account %s may keep: octets ", q->account.name);
	write_limit(&q->text, l.octets);
	buf_adds(&q->text, ", messages ");
	write_limit(&q->text, l.messages);
	ctl_commit(q, limits_put(&auth.db, &l), tell);
}
