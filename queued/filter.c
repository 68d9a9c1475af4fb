/*
 * Which recipients letterctl means: "--name value" pairs.
 */
#include <string.h>

#include "queued/ctl.h"

static int
yes_no(struct span s)
{
	if (span_eqs(s, "yes") || span_eqs(s, "true"))
		return (1);
	return (span_eqs(s, "no") || span_eqs(s, "false") ? 0 : -1);
}

int
filter_parse(const struct msg_ctl *m, struct filter *f, struct buf *why)
{
	const struct msg_ctl_arg	*v = m->args.v;
	struct {
		const char	*name;
		struct span	*to;
	} texts[] = {
		{ "--from", &f->from }, { "--to", &f->to },
		{ "--domain", &f->domain }, { "--account", &f->account },
		{ "--transport", &f->transport },
	};
	size_t				 i, k;

	memset(f, 0, sizeof(*f));
	f->held = -1;
	for (i = 0; i < m->args.n; i += 2) {
		if (i + 1 == m->args.n) {
			buf_adds(why, "a filter is a name and a value");
			return (-1);
		}
		f->any = 1;
		if (span_eqs(v[i].arg, "--id")) {
			if (q_id_parse(v[i + 1].arg, &f->msg, &f->n) == -1) {
				buf_adds(why, "an id reads 0000002a, or "
				    "0000002a.1 for one recipient");
				return (-1);
			}
			continue;
		}
		if (span_eqs(v[i].arg, "--held")) {
			if ((f->held = yes_no(v[i + 1].arg)) == -1) {
				buf_adds(why, "--held is yes or no");
				return (-1);
			}
			continue;
		}
		for (k = 0; k < nitems(texts); k++)
			if (span_eqs(v[i].arg, texts[k].name))
				break;
		if (k == nitems(texts) || v[i + 1].arg.n == 0) {
			buf_adds(why, "filters are --id, --from, --to, "
			    "--domain, --account, --transport and --held, "
			    "each with a value");
			return (-1);
		}
		*texts[k].to = v[i + 1].arg;
	}
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

int
filter_matches(const struct filter *f, const struct rec_msg *m, uint64_t msg,
    uint32_t n, const struct rec_rcpt *r)
{
	return ((f->msg == 0 || f->msg == msg) && (f->n == 0 || f->n == n) &&
	    (f->held == -1 || f->held == ((r->flags & RF_HELD) != 0)) &&
	    address_is(m->from, f->from) && address_is(r->address, f->to) &&
	    domain_is(r, f->domain) &&
	    (f->account.n == 0 || span_eq(m->name, f->account)) &&
	    (f->transport.n == 0 || span_caseeq(r->transport, f->transport)));
}
