/*
 * Which recipients letterctl means: "--name value" pairs, and durations.
 */
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "queued/admin.h"
#include "queued/ctl.h"

const char *const	 retired_names[RETIRED_COUNT] = { "delivered",
			    "failed", "removed" };

#define DURATION_MAX	(10 * 365 * 86400)	/* seconds */

/* An option, not an id. */
static int
is_name(struct span s)
{
	return (s.n > 2 && s.p[0] == '-' && s.p[1] == '-');
}

static int
yes_no(struct span s)
{
	if (span_eqs(s, "yes") || span_eqs(s, "true"))
		return (1);
	return (span_eqs(s, "no") || span_eqs(s, "false") ? 0 : -1);
}

int
duration_parse(struct span s, int64_t *out)
{
	static const struct {
		int	 unit;
		int64_t	 s;
	} units[] = { { 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 } };
	struct span	 digits;
	uint64_t	 n;
	int64_t		 total = 0;
	size_t		 i, u;
	int		 minus = s.n > 0 && s.p[0] == '-';

	if (minus)
		s = span_of(s.p + 1, s.n - 1);
	if (s.n == 0)
		return (-1);
	while (s.n > 0) {
		for (i = 0; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
			continue;
		digits = span_of(s.p, i);
		if (span_num(digits, DURATION_MAX, &n) == -1)
			return (-1);
		for (u = 0; i < s.n && u < nitems(units); u++)
			if (units[u].unit == s.p[i])
				break;
		if (u == nitems(units))
			return (-1);
		total += (int64_t)n * (i == s.n ? 1 : units[u].s);
		if (total > DURATION_MAX)
			return (-1);
		i += i < s.n;
		s = span_of(s.p + i, s.n - i);
	}
	*out = minus ? -total : total;
	return (0);
}

/* "<1h", ">2d". */
static int
compared(struct span s, int *how, int64_t *to)
{
	if (s.n < 2 || (s.p[0] != '<' && s.p[0] != '>'))
		return (-1);
	*how = s.p[0];
	return (duration_parse(span_of(s.p + 1, s.n - 1), to));
}

/* "451", or "4xx". */
static int
coded(struct span s, struct filter *f)
{
	uint64_t	 n;

	if (s.n == 3 && (s.p[0] == '4' || s.p[0] == '5') &&
	    (s.p[1] | 0x20) == 'x' && (s.p[2] | 0x20) == 'x') {
		f->class = (unsigned)s.p[0] - '0';
		return (0);
	}
	if (s.n != 3 || span_num(s, 599, &n) == -1 || n < 200)
		return (-1);
	f->code = (unsigned)n;
	return (0);
}

/* Of what left the queue.  1, 0: it is another, -1. */
static int
about_end(struct filter *f, struct span name, struct span v, struct buf *why)
{
	int	 i;

	if (span_eqs(name, "--result")) {
		for (i = 0; i < RETIRED_COUNT; i++)
			if (span_eqs(v, retired_names[i])) {
				f->result = i;
				return (1);
			}
		buf_adds(why, "--result is delivered, failed or removed");
		return (-1);
	}
	if (!span_eqs(name, "--ended"))
		return (0);
	if (compared(v, &f->ended, &f->ended_s) == 0)
		return (1);
	buf_adds(why, "--ended is \"<2h\" or \">1d\"");
	return (-1);
}

/* A message or recipient; any of those that are said.  0, or -1. */
static int
add_id(struct filter *f, struct span v, struct buf *why)
{
	struct filter_id	*id = &f->ids[f->nids];

	if (f->nids < FILTER_IDS && q_id_parse(v, &id->msg, &id->n) == 0) {
		f->nids++;
		return (0);
	}
	if (f->nids == FILTER_IDS)
		buf_addf(why, "at most %d ids", FILTER_IDS);
	else
		buf_adds(why, "an id reads 0000002a, or 0000002a.1 for one "
		    "recipient");
	return (-1);
}

static int
id_order(const void *x, const void *y)
{
	const struct filter_id	*a = x, *b = y;

	if (a->msg != b->msg)
		return (a->msg < b->msg ? -1 : 1);
	return (a->n < b->n ? -1 : a->n > b->n);
}

int
filter_seek(const struct filter *f, uint64_t *msg, uint32_t *n)
{
	const struct filter_id	*id;
	size_t			 i;

	if (f->nids == 0)
		return (1);
	for (i = 0; i < f->nids; i++) {
		id = &f->ids[i];
		if (id->msg == *msg && id->n == 0)
			return (1);
		if (id->msg > *msg || (id->msg == *msg && id->n >= *n)) {
			*msg = id->msg;
			*n = id->n;
			return (1);
		}
	}
	return (0);
}

static int
id_is(const struct filter *f, uint64_t msg, uint32_t n)
{
	size_t	 i;

	for (i = 0; i < f->nids; i++)
		if (f->ids[i].msg == msg && (f->ids[i].n == 0 ||
		    f->ids[i].n == n))
			return (1);
	return (f->nids == 0);
}

/* One of those that are not just a text.  1, 0: it is another, -1. */
static int
special(struct filter *f, struct span name, struct span v, struct buf *why)
{
	if (span_eqs(name, "--id")) {
		if (add_id(f, v, why) == 0)
			return (1);
	} else if (span_eqs(name, "--held")) {
		if ((f->held = yes_no(v)) != -1)
			return (1);
		buf_adds(why, "--held is yes or no");
	} else if (span_eqs(name, "--age")) {
		if (compared(v, &f->age, &f->age_s) == 0)
			return (1);
		buf_adds(why, "--age is \"<2h\" or \">1d\"");
	} else if (span_eqs(name, "--next")) {
		if (compared(v, &f->next, &f->next_s) == 0)
			return (1);
		buf_adds(why, "--next is \"<10m\" or \">4h\", from now");
	} else if (span_eqs(name, "--code")) {
		if (coded(v, f) == 0)
			return (1);
		buf_adds(why, "--code is 451, or 4xx or 5xx");
	} else
		return (0);
	return (-1);
}

/* A name and its value.  0, or -1. */
static int
one(struct filter *f, struct span name, struct span v, int retired,
    struct buf *why)
{
	struct {
		const char	*name;
		struct span	*to;
	} texts[] = {
		{ "--from", &f->from }, { "--to", &f->to },
		{ "--domain", &f->domain }, { "--account", &f->account },
		{ "--transport", &f->transport },
	};
	size_t	 k;
	int	 rc;

	rc = special(f, name, v, why);
	if (rc == 1 && retired && (f->held != -1 || f->next != 0))
		rc = 0;		/* nothing comes next */
	else if (rc == 0 && retired)
		rc = about_end(f, name, v, why);
	if (rc != 0)
		return (rc == 1 ? 0 : -1);
	for (k = 0; k < nitems(texts); k++)
		if (span_eqs(name, texts[k].name))
			break;
	if (k == nitems(texts) || v.n == 0) {
		buf_addf(why, "filters are %s, each with a value",
		    retired ? RETIRED_FILTERS : FILTERS);
		return (-1);
	}
	*texts[k].to = v;
	return (0);
}

/* What is said twice could not both be so: nobody means that. */
static int
said_before(const struct msg_ctl *m, size_t i, struct buf *why)
{
	const struct msg_ctl_arg	*v = m->args.v;
	size_t				 k;

	for (k = 0; k < i; k += is_name(v[k].arg) ? 2 : 1)
		if (span_eq(v[k].arg, v[i].arg) &&
		    !span_eqs(v[i].arg, "--id")) {
			buf_adds(why, log_esc(v[i].arg));
			buf_adds(why, " is there twice");
			return (1);
		}
	return (0);
}

int
filter_parse(const struct msg_ctl *m, struct filter *f, struct buf *why)
{
	const struct msg_ctl_arg	*v = m->args.v;
	size_t				 i;
	int				 retired;

	memset(f, 0, sizeof(*f));
	f->held = f->result = -1;
	f->any = m->args.n > 0;
	retired = span_eqs(m->verb, "queue retired list");
	for (i = 0; i < m->args.n; i++) {
		if (!is_name(v[i].arg)) {
			if (add_id(f, v[i].arg, why) == -1)
				return (-1);
			continue;
		}
		if (i + 1 == m->args.n) {
			buf_adds(why, "a filter is a name and a value");
			return (-1);
		}
		if (said_before(m, i, why) ||
		    one(f, v[i].arg, v[i + 1].arg, retired, why) == -1)
			return (-1);
		i++;
	}
	qsort(f->ids, f->nids, sizeof(f->ids[0]), id_order);
	return (0);
}

/* An address, or all of a domain: "@example.org". */
static int
address_is(struct span a, struct span want)
{
	if (want.n == 0)
		return (1);
	if (want.p[0] != '@')
		return (span_caseeq(a, want));
	return (span_caseeq(address_domain(a),
	    span_of(want.p + 1, want.n - 1)));
}

static int
domain_is(const struct rec_rcpt *r, struct span want)
{
	return (want.n == 0 || span_caseeq(r->dest, want) ||
	    span_caseeq(address_domain(r->address), want));
}

static int
compares(int how, int64_t seconds, int64_t to)
{
	return (how == 0 || (how == '<' ? seconds < to : seconds > to));
}

/* Where nobody said anything the enhanced code has the class. */
static int
code_is(const struct filter *f, const struct rec_rcpt *r)
{
	unsigned	 class = r->code / 100;

	if (class == 0 && r->enhanced.n > 0)
		class = (unsigned)r->enhanced.p[0] - '0';
	return ((f->code == 0 || f->code == r->code) &&
	    (f->class == 0 || f->class == class));
}

int
filter_matches(const struct filter *f, const struct rec_msg *m, uint64_t msg,
    uint32_t n, const struct rec_rcpt *r)
{
	int64_t	 now = (int64_t)q_now();

	return ((f->rule == NULL || holdrule_is(f->rule, m, r)) &&
	    id_is(f, msg, n) &&
	    (f->held == -1 || f->held == ((r->flags & RF_HELD) != 0)) &&
	    address_is(m->from, f->from) && address_is(r->address, f->to) &&
	    domain_is(r, f->domain) && code_is(f, r) &&
	    (f->account.n == 0 || span_eq(m->name, f->account)) &&
	    (f->transport.n == 0 || span_caseeq(r->pin.n > 0 ? r->pin :
	    r->transport, f->transport)) &&
	    compares(f->age, now - (int64_t)m->arrival, f->age_s) &&
	    compares(f->next, (int64_t)r->next - now, f->next_s));
}

int
filter_retired(const struct filter *f, uint64_t msg, uint32_t n,
    const struct rec_retired *r)
{
	return (filter_matches(f, &r->m, msg, n, &r->r) &&
	    (f->result == -1 || f->result == r->how) &&
	    compares(f->ended, (int64_t)q_now() - (int64_t)r->ended,
	    f->ended_s));
}
