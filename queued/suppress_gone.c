/*
 * Suppression lists of accounts that were removed go too: at once when auth
 * ends the sessions of one, and otherwise within hours, some accounts an hour.
 * Numbers of accounts are never given twice; names are.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "queued/admin.h"
#include "queued/session.h"

#define SLICE		1000	/* records removed in one transaction */
#define ACCOUNTS	32	/* looked at in an hour */

struct going {
	uint64_t	 account;
	size_t		 n;		/* removed so far */
};

static void	 forget(struct going *);

/* The first record of the account, or of the next that has any: 0, or -1. */
static int
first_of(uint64_t *account, struct rec_suppress *s)
{
	struct span	 key, val;
	uint8_t		 k[8];

	if (dbenv_next(q.suppress, key_msg(k, *account), &key, &val) == -1 &&
	    errno != EILSEQ)
		return (-1);
	if (span_get_u64(&key, account) == -1)
		return (-1);
	if (codec_get(&val, &c_rec_suppress, s) == -1)
		memset(s, 0, sizeof(*s));	/* nobody's name */
	return (0);
}

static void
on_slice(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	forget(arg);
}

/* Records of the account.  How many, or -1. */
static int
remove_slice(uint64_t account)
{
	struct span	 key, val, at;
	uint64_t	 of;
	uint8_t		 k[8];
	struct buf	 copy = { 0 };
	int		 n = 0, rc = 0;

	while (rc == 0 && n < SLICE) {
		if (dbenv_next(q.suppress, key_msg(k, account), &key, &val) ==
		    -1 && errno != EILSEQ) {
			rc = errno == ENOENT ? 1 : -1;
			break;
		}
		at = key;
		if (span_get_u64(&at, &of) == -1 || of != account)
			break;
		buf_reset(&copy);
		rc = buf_add_span(&copy, key) == -1 ||
		    dbenv_del(q.suppress, span_buf(&copy)) == -1 ? -1 : 0;
		n += rc == 0;
	}
	buf_free(&copy);
	if (rc != -1 && n > 0 && db_count("suppressed", -n) == UINT64_MAX)
		rc = -1;
	return (rc == -1 ? -1 : n);
}

static void
forget(struct going *g)
{
	static const struct timeval	 soon = { 0, 1000 };
	int				 n = -1;

	if (db_begin() == 0) {
		n = remove_slice(g->account);
		if (db_end(n == -1 ? -1 : 0) == -1)
			n = -1;
	}
	g->n += n > 0 ? (size_t)n : 0;
	if (n == SLICE && event_base_once(proc_base(), -1, EV_TIMEOUT,
	    on_slice, g, &soon) == 0)
		return;
	if (g->n > 0)
		log_info("account number %llu is gone: %zu addresses that it "
		    "did not write to are forgotten", (unsigned long long)
		    g->account, g->n);
	free(g);
}

static int
on_named(void *arg, struct peer *p, struct imsg *m)
{
	struct going	*g = arg;
	struct msg_rcpt	 w;

	(void)p;
	if (m == NULL || imsg_get(m, &c_rcpt, &w) == -1) {
		free(g);
		return (m == NULL ? 0 : -1);
	}
	if (w.result == RESULT_NO || (w.result == RESULT_OK &&
	    w.account != g->account))
		forget(g);
	else
		free(g);
	return (0);
}

/* Ask auth whether there still is an account of that name and number. */
static int
ask(uint64_t account, struct span name)
{
	struct msg_text	 t = { name };
	struct going	*g;

	if (name.n == 0 || name.n > MSG_NAME_MAX ||
	    (g = calloc(1, sizeof(*g))) == NULL)
		return (-1);
	g->account = account;
	if (peer_ask(proc_peer(ROLE_AUTH, 0), M_ACCOUNT_NAMED, &c_text, &t, -1,
	    on_named, g) != 0)
		return (0);
	free(g);
	return (-1);
}

void
suppress_account(uint64_t account)
{
	struct rec_suppress	 s;
	uint64_t		 of = account;

	if (first_of(&of, &s) == 0 && of == account)
		(void)ask(account, s.name);
}

void
suppress_accounts(void)
{
	static uint64_t		 next;
	struct rec_suppress	 s;
	int			 i;

	for (i = 0; i < ACCOUNTS; i++, next++) {
		if (first_of(&next, &s) == -1) {
			next = 0;
			break;
		}
		(void)ask(next, s.name);
	}
}
