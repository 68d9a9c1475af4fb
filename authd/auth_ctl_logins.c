/*
 * "letterctl logins": the log of logins, of one account or of all, and filters.
 */
#include <string.h>

#include "authd/auth_ctl.h"

#define LOOK_MAX	5000	/* rows looked at for a page */
#define AGE_MAX		36500	/* days */

static int	 filter_word(struct ctl *, struct login_filter *, struct span,
		    struct span);

static const struct {
	const char	*name;
	size_t		 off;
} words[] = {
	{ "--address",	 offsetof(struct login_filter, address) },
	{ "--remote",	 offsetof(struct login_filter, remote) },
	{ "--protocol",	 offsetof(struct login_filter, protocol) },
	{ "--mechanism", offsetof(struct login_filter, mech) },
	{ "--result",	 offsetof(struct login_filter, result) },
};

/* 0; -1: answered. */
static int
filter_word(struct ctl *q, struct login_filter *f, struct span name,
    struct span value)
{
	uint64_t	 days;
	size_t		 i;

	for (i = 0; i < nitems(words); i++)
		if (span_eqs(name, words[i].name)) {
			memcpy((uint8_t *)f + words[i].off, &value,
			    sizeof(value));
			return (0);
		}
	if (span_eqs(name, "--days") && span_num(value, AGE_MAX, &days) == 0) {
		f->since = (uint64_t)time(NULL) - days * 86400;
		return (0);
	}
	if (span_eqs(name, "--failed") && (span_eqs(value, "yes") ||
	    span_eqs(value, "no"))) {
		f->failed = span_eqs(value, "yes") ? 1 : -1;
		return (0);
	}
	ctl_error(q, "usage: logins %s", CTL_LOGINS_USAGE);
	return (-1);
}

void
ctl_logins(struct ctl *q)
{
	struct buf		 from = { .max = DBENV_KEY_MAX }, at = { 0 };
	struct login_filter	 f = { 0 };
	struct json_object	*row = NULL;
	size_t			 i = q->nargs % 2, looked;
	int			 rc = 0;

	for (; i < q->nargs; i += 2)
		if (filter_word(q, &f, q->args[i], q->args[i + 1]) == -1)
			return;
	/* "-": those of nobody */
	if (q->nargs % 2 == 1) {
		if (!span_eqs(q->args[0], "-") &&
		    ctl_account(q, q->args[0]) == -1)
			return;
		f.account = &q->account.id;
	}
	buf_add_span(&from, q->m.cursor);
	for (looked = 0;; looked++) {
		buf_reset(&at);
		buf_add_span(&at, span_buf(&from));
		if (looked == LOOK_MAX) {
			buf_add_span(&q->cursor, span_buf(&at));
			break;
		}
		if ((rc = logins_next(&f, &from, &row)) <= 0)
			break;
		if (row != NULL && page_row(&q->page, row) == -1) {
			buf_add_span(&q->cursor, span_buf(&at));
			break;
		}
	}
	buf_free(&from);
	buf_free(&at);
	if (rc == -1)
		ctl_error(q, "logins cannot be read: %s",
		    dbenv_error(auth.db.env));
	else
		ctl_done(q);
}
