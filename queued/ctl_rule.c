/*
 * letterctl queue holdrule: what is held as it comes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "queued/admin.h"
#include "queued/ctl.h"

struct wanted {
	struct buf	 account;
	char		*from, *to;
};

static int	 wanted_parse(struct ctl *, struct wanted *, struct buf *);
static void	 wanted_free(struct wanted *);

static void
wanted_free(struct wanted *w)
{
	buf_free(&w->account);
	free(w->from);
	free(w->to);
}

/* A pattern as routes have them, once. */
static int
pattern(struct span v, char **out, struct buf *why)
{
	char	*s = span_dup(v);
	int	 rc = -1;

	if (s == NULL || *out != NULL)
		buf_adds(why, s == NULL ? "no memory" : "given twice");
	else
		rc = conf_pattern(s, out, why);
	free(s);
	return (rc);
}

static int
wanted_parse(struct ctl *c, struct wanted *w, struct buf *why)
{
	struct span	 name, v;
	size_t		 i;
	int		 all = ctl_flag(c, "--all");

	if (all != (c->m.args.n == 0) || c->m.args.n % 2 != 0) {
		buf_adds(why, "say which mail: --account, --sender-domain, "
		    "--recipient-domain, or --all");
		return (-1);
	}
	for (i = 0; i < c->m.args.n; i += 2) {
		name = ctl_arg(c, i);
		v = ctl_arg(c, i + 1);
		if (span_eqs(name, "--sender-domain")) {
			if (pattern(v, &w->from, why) == -1)
				return (-1);
		} else if (span_eqs(name, "--recipient-domain")) {
			if (pattern(v, &w->to, why) == -1)
				return (-1);
		} else if (span_eqs(name, "--account") && v.n > 0 &&
		    v.n <= MSG_NAME_MAX && w->account.n == 0)
			buf_add_span(&w->account, v);
		else {
			buf_adds(why, "a rule has --account, --sender-domain "
			    "and --recipient-domain, each at most once");
			return (-1);
		}
	}
	return (0);
}

/*
 * The rule first, so that nothing slips between; then what is there already, in
 * pages.
 */
void
ctl_rule_add(struct ctl *c)
{
	const struct holdrule	*r;
	struct wanted		 w = { 0 };
	struct buf		 why = { 0 };
	const char		*account, *from, *to;

	if (wanted_parse(c, &w, &why) == -1) {
		ctl_error(c, "%s", buf_cstr(&why));
		buf_free(&why);
		wanted_free(&w);
		return;
	}
	account = w.account.n == 0 ? "" : buf_cstr(&w.account);
	from = w.from == NULL ? "" : w.from;
	to = w.to == NULL ? "" : w.to;
	r = holdrule_find(account, from, to);
	if (c->m.cursor.n == 0 && r != NULL)
		ctl_error(c, "rule %u says that already", r->id);
	else if (c->m.cursor.n > 0 && r == NULL)
		ctl_error(c, "the rule was removed meanwhile");
	else if (r == NULL && (r = holdrule_add(account, from, to)) == NULL) {
		if (errno == ENOSPC)
			ctl_error(c, "there are %d rules already",
			    HOLDRULES_MAX);
		else
			ctl_error(c, "queue: %s", dbenv_error(q.env));
	} else {
		if (c->m.cursor.n == 0)
			log_info("hold rule %u: account=%s sender-domain=%s "
			    "recipient-domain=%s", r->id, log_escs(account),
			    from, to);
		ctl_hold_by(c, r);
	}
	wanted_free(&w);
}

void
ctl_rule_remove(struct ctl *c)
{
	uint64_t	 id;

	if (span_num(ctl_arg(c, 0), UINT32_MAX, &id) == -1)
		ctl_error(c, "a rule is named by its number");
	else if (holdrule_remove((uint32_t)id) == -1) {
		if (errno == ENOENT)
			ctl_error(c, "there is no rule %llu",
			    (unsigned long long)id);
		else
			ctl_error(c, "queue: %s", dbenv_error(q.env));
	} else {
		log_info("hold rule %llu removed", (unsigned long long)id);
		buf_addf(&c->text, "removed; what is held stays so: "
		    "letterctl queue release");
		ctl_done_flushed(c);
	}
}

/* The cursor is the number of the last one shown. */
void
ctl_rule_list(struct ctl *c)
{
	const struct holdrule	*r;
	struct json_object	*o;
	uint64_t		 last = 0;

	if (c->m.cursor.n > 0 &&
	    span_num(c->m.cursor, UINT32_MAX, &last) == -1) {
		ctl_error(c, "malformed cursor");
		return;
	}
	for (; (r = holdrule_after((uint32_t)last)) != NULL; last = r->id) {
		if ((o = json_object_new_object()) == NULL)
			break;
		row_num(o, "number", r->id);
		row_num(o, "created_at", q_clock(r->created));
		row_str(o, "account", span_str(r->account));
		row_str(o, "sender_domain", span_str(r->from));
		row_str(o, "recipient_domain", span_str(r->to));
		if (page_row(&c->page, o) == -1) {
			buf_addf(&c->cursor, "%llu",
			    (unsigned long long)last);
			break;
		}
	}
	ctl_done(c);
}
