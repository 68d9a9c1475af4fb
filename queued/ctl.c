/*
 * letterctl's requests: decoded, handed to their verb, answered.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive.h"
#include "queued/ctl.h"

static LIST_HEAD(, ctl)	 requests = LIST_HEAD_INITIALIZER(requests);
static size_t		 nrequests;

static const struct verb {
	const char	*name;
	size_t		 min, max;	/* arguments */
	void		(*run)(struct ctl *);
} verbs[] = {
	{ "queue list",		0, CTL_WORDS, ctl_list },
	{ "queue show",		1, CTL_WORDS, ctl_show },
	{ "queue dump",		1, 1, ctl_dump },
	{ "queue hold",		0, CTL_WORDS, ctl_hold },
	{ "queue release",	0, CTL_WORDS, ctl_release },
	{ "queue kick",		0, CTL_WORDS, ctl_kick },
	{ "queue schedule",	1, CTL_WORDS, ctl_schedule },
	{ "queue transport",	1, CTL_WORDS, ctl_transport },
	{ "queue requiretls",	1, CTL_WORDS, ctl_requiretls },
	{ "queue drop",		0, CTL_WORDS, ctl_drop },
	{ "queue fail",		0, CTL_WORDS, ctl_fail },
	{ "queue holdrule list", 0, 0, ctl_rule_list },
	{ "queue holdrule add",	1, 6, ctl_rule_add },
	{ "queue holdrule remove", 1, 1, ctl_rule_remove },
	{ "queue retired list",	0, CTL_WORDS, ctl_retired_list },
	{ "queue retired show",	1, CTL_WORDS, ctl_retired_show },
	{ "suppression list",	0, 2, ctl_suppress_list },
	{ "suppression add",	2, 3, ctl_suppress_add },
	{ "suppression remove",	2, 2, ctl_suppress_remove },
	{ "suppression lookup",	2, 2, ctl_suppress_lookup },
	{ "mtasts list",	0, 0, ctl_sts_list },
	{ "mtasts show",	1, 1, ctl_sts_show },
	{ "mtasts forget",	1, 1, ctl_sts_forget },
	{ "mtasts refresh",	1, 1, ctl_sts_refresh },
	{ "route explain",	2, 4, ctl_route },
	{ "submissions list",	0, 0, ctl_submissions },
	{ "submissions end",	1, 1, ctl_submissions_end },
	{ "verify queue",	0, 0, ctl_verify },
};

static void
ctl_free(struct ctl *c)
{
	LIST_REMOVE(c, entry);
	nrequests--;
	dbenv_unwait(q.env, &c->wait);
	page_free(&c->page);
	db_msg_free(&c->of);
	if (c->ev != NULL)
		event_free(c->ev);
	if (c->fd != -1)
		close(c->fd);
	codec_free(&c_ctl, &c->m);
	buf_free(&c->octets);
	buf_free(&c->text);
	buf_free(&c->cursor);
	buf_free(&c->missing);
	buf_free(&c->bad);
	buf_free(&c->value);
	free(c->changed);
	free(c);
}

void
ctl_error(struct ctl *c, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	page_verror(c->peer, c->id, fmt, ap);
	va_end(ap);
	ctl_free(c);
}

void
ctl_done(struct ctl *c)
{
	if (c->missing.n > 0 && c->cursor.n == 0) {
		ctl_error(c, "%s%snot there: %s", c->text.n == 0 ? "" :
		    buf_cstr(&c->text), c->text.n == 0 ? "" : "; ",
		    buf_cstr(&c->missing));
		return;
	}
	page_answer(c->peer, c->id, &c->page, span_buf(&c->text),
	    span_buf(&c->cursor));
	ctl_free(c);
}

static void
on_flushed(struct dbenv_wait *w, int error)
{
	struct ctl	*c = w->arg;

	if (error != 0)
		ctl_error(c, "queue: not written: %s", strerror(error));
	else
		ctl_done(c);
}

void
ctl_done_flushed(struct ctl *c)
{
	c->wait.done = on_flushed;
	c->wait.arg = c;
	if (dbenv_wait(q.env, dbenv_seq(q.env), &c->wait) == 1)
		on_flushed(&c->wait, 0);
}

struct span
ctl_arg(const struct ctl *c, size_t i)
{
	const struct msg_ctl_arg	*v = c->m.args.v;

	return (i < c->m.args.n ? v[i].arg : span_of(NULL, 0));
}

struct span
ctl_last(struct ctl *c)
{
	struct span	 last = ctl_arg(c, c->m.args.n - 1);

	if (c->m.args.n > 0)
		c->m.args.n--;
	return (last);
}

int
ctl_flag(struct ctl *c, const char *name)
{
	struct msg_ctl_arg	*v = c->m.args.v;
	size_t			 i;

	for (i = 0; i < c->m.args.n; i++)
		if (span_eqs(v[i].arg, name))
			break;
	if (i == c->m.args.n)
		return (0);
	c->m.args.n--;
	memmove(v + i, v + i + 1, (c->m.args.n - i) * sizeof(*v));
	return (1);
}

void
ctl_down(struct peer *p)
{
	struct ctl	*c;

	LIST_FOREACH(c, &requests, entry)
		if (c->peer == p)
			c->peer = NULL;
}

int
on_ctl(struct peer *p, struct imsg *im)
{
	struct ctl	*c;
	struct span	 s;
	size_t		 i;

	if (nrequests >= CTL_MAX || (c = calloc(1, sizeof(*c))) == NULL)
		return (-1);
	LIST_INSERT_HEAD(&requests, c, entry);
	nrequests++;
	c->peer = p;
	c->id = im->id;
	c->fd = -1;
	buf_add_span(&c->octets, im->data);
	s = span_buf(&c->octets);
	if (codec_get(&s, &c_ctl, &c->m) == -1 || s.n != 0) {
		ctl_free(c);
		return (-1);
	}
	if (span_eqs(c->m.verb, "backup queue")) {
		archive_backup(p, im, q.env, q.bodies, "queue");
		im->data.n = 0;
		ctl_free(c);
		return (0);
	}
	im->data.n = 0;
	c->fd = im->fd;
	im->fd = -1;
	for (i = 0; i < nitems(verbs); i++)
		if (span_eqs(c->m.verb, verbs[i].name))
			break;
	if (i == nitems(verbs))
		ctl_error(c, "the queue has no such command");
	else if (c->m.args.n < verbs[i].min || c->m.args.n > verbs[i].max)
		ctl_error(c, "wrong number of arguments");
	else
		verbs[i].run(c);
	return (0);
}
