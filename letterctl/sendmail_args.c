/*
 * The arguments of sendmail(8), as programs have given them for forty years.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include <unistd.h>

#include "letterctl/sendmail.h"

#define ENVID_MAX	100	/* octets, RFC 3461 section 4.4 */

static int	 plain(struct span);
static int	 add(struct sendmail_list *, struct span, struct span);
static int	 argument(struct sendmail_list *, const char *, struct buf *);
static int	 set_sender(struct sendmail_args *, const char *, struct buf *);
static int	 set_notify(struct sendmail_args *, const char *, struct buf *);
static int	 set_envid(struct sendmail_args *, const char *, struct buf *);
static int	 set_mode(struct sendmail_args *, const char *, struct buf *);
static int	 set_ret(struct sendmail_args *, const char *, struct buf *);
static int	 set_option(struct sendmail_args *, const char *, struct buf *);

/* Flags that take a value and mean something. */
static const struct {
	int	 flag;
	int	(*set)(struct sendmail_args *, const char *, struct buf *);
} flags[] = {
	{ 'f', set_sender },
	{ 'r', set_sender },
	{ 'N', set_notify },
	{ 'V', set_envid },
	{ 'R', set_ret },
	{ 'b', set_mode },
	{ 'o', set_option },
};

void
sendmail_list_free(struct sendmail_list *l)
{
	size_t	 i;

	for (i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	l->v = NULL;
	l->n = 0;
}

/* No controls and no spaces: it will stand in a command. */
static int
plain(struct span s)
{
	size_t	 i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] == 0x7f)
			return (0);
	return (s.n > 0);
}

static int
add(struct sendmail_list *l, struct span local, struct span host)
{
	struct buf	 b = { .max = 1024 };
	char		**v, *a;
	size_t		 i;

	if (host.n > 0)
		address_write_spec(&b, local, host);
	else
		buf_add_span(&b, local);
	a = buf_failed(&b) ? NULL : span_dup(span_buf(&b));
	buf_free(&b);
	if (a == NULL)
		return (-1);
	for (i = 0; i < l->n; i++)
		if (strcmp(l->v[i], a) == 0) {
			free(a);
			return (0);
		}
	if (l->n == SENDMAIL_RECIPIENTS ||
	    (v = reallocarray(l->v, l->n + 1, sizeof(*v))) == NULL) {
		free(a);
		return (-1);
	}
	l->v = v;
	l->v[l->n++] = a;
	return (0);
}

int
sendmail_addresses(struct sendmail_list *l, struct span s, struct buf *why)
{
	struct address_list	 al;
	struct address		 a;
	int			 rc;

	address_begin(&al, s);
	while ((rc = address_next(&al, &a)) == 1) {
		if (a.kind != ADDRESS_MAILBOX)
			continue;
		if (a.local.n == 0 || (a.host.n > 0 && !plain(a.host)) ||
		    (a.host.n == 0 && !plain(a.local))) {
			buf_adds(why, "not an address: ");
			buf_add_escaped(why, s);
			rc = -1;
			break;
		}
		if (add(l, a.local, a.host) == -1) {
			buf_addf(why, "too many recipients (at most %d), or "
			    "one too long", SENDMAIL_RECIPIENTS);
			rc = -1;
			break;
		}
	}
	address_end(&al);
	return (rc);
}

/* One on the command line, where nothing is folded. */
static int
argument(struct sendmail_list *l, const char *v, struct buf *why)
{
	const char	*p;

	for (p = v; *p != '\0'; p++)
		if ((*p >= 0 && *p < ' ') || *p == 0x7f) {
			buf_adds(why, "a control character in an address");
			return (-1);
		}
	return (sendmail_addresses(l, span_str(v), why));
}

static int
set_sender(struct sendmail_args *a, const char *v, struct buf *why)
{
	struct sendmail_list	 l = { NULL, 0 };

	free(a->sender);
	a->sender = NULL;
	a->null_sender = *v == '\0' || strcmp(v, "<>") == 0;
	if (a->null_sender)
		return (0);
	if (argument(&l, v, why) == -1 || l.n != 1) {
		if (why->n == 0)
			buf_adds(why, "-f takes one address");
		sendmail_list_free(&l);
		return (-1);
	}
	a->sender = l.v[0];
	free(l.v);
	return (0);
}

static int
set_notify(struct sendmail_args *a, const char *v, struct buf *why)
{
	static const struct {
		const char	*name;
		unsigned	 bit;
	} words[] = {
		{ "never", SMTPCLIENT_NOTIFY_NEVER },
		{ "success", SMTPCLIENT_NOTIFY_SUCCESS },
		{ "failure", SMTPCLIENT_NOTIFY_FAILURE },
		{ "delay", SMTPCLIENT_NOTIFY_DELAY },
	};
	struct span	 s = span_str(v), w;
	size_t		 i;
	int		 more;

	a->notify = 0;
	do {
		more = span_split(&s, ',', &w);
		for (i = 0; i < nitems(words); i++)
			if (span_caseeqs(span_trim(w), words[i].name))
				break;
		if (i == nitems(words)) {
			a->notify = 0;
			break;
		}
		a->notify |= words[i].bit;
	} while (more);
	if (a->notify == 0 || ((a->notify & SMTPCLIENT_NOTIFY_NEVER) != 0 &&
	    a->notify != SMTPCLIENT_NOTIFY_NEVER)) {
		buf_adds(why, "-N takes never, or a list of success, failure "
		    "and delay");
		return (-1);
	}
	return (0);
}

/* RFC 3461 section 4: xtext. */
static int
set_envid(struct sendmail_args *a, const char *v, struct buf *why)
{
	const char	*p;

	buf_reset(&a->envid);
	for (p = v; *p != '\0'; p++)
		if (*p < ' ' || *p > '~') {
			buf_adds(why, "-V takes printable ASCII");
			return (-1);
		} else if (*p == '+' || *p == '=' || *p == ' ')
			buf_addf(&a->envid, "+%02X", (unsigned)*p);
		else
			buf_addc(&a->envid, *p);
	if (a->envid.n == 0 || a->envid.n > ENVID_MAX) {
		buf_addf(why, "-V takes up to %d octets", ENVID_MAX);
		return (-1);
	}
	return (0);
}

static int
set_ret(struct sendmail_args *a, const char *v, struct buf *why)
{
	if (strcasecmp(v, "full") == 0)
		a->ret = 1;
	else if (strcasecmp(v, "hdrs") == 0)
		a->ret = 2;
	else {
		buf_adds(why, "-R takes full or hdrs");
		return (-1);
	}
	return (0);
}

/* Of all that sendmail could be, this delivers mail. */
static int
set_mode(struct sendmail_args *a, const char *v, struct buf *why)
{
	(void)a;
	if (strcmp(v, "m") == 0)
		return (0);
	buf_adds(why, "-bm is the only mode there is");
	return (-1);
}

/* -oi is -i; the rest concerns programs that are not this one. */
static int
set_option(struct sendmail_args *a, const char *v, struct buf *why)
{
	(void)why;
	if (strcmp(v, "i") == 0)
		a->dots = 1;
	return (0);
}

int
sendmail_args(struct sendmail_args *a, int argc, char **argv, struct buf *why)
{
	size_t	 i;
	int	 ch;

	memset(a, 0, sizeof(*a));
	opterr = 0;
	while ((ch = getopt(argc, argv,
	    "A:B:C:F:GL:N:O:R:UV:b:f:h:imno:p:r:tv")) != -1) {
		for (i = 0; i < nitems(flags); i++)
			if (flags[i].flag == ch &&
			    flags[i].set(a, optarg, why) == -1)
				return (EX_USAGE);
		switch (ch) {
		case 'C':
			a->conf = optarg;
			break;
		case 'F':
			a->name = optarg;
			break;
		case 'i':
			a->dots = 1;
			break;
		case 't':
			a->from_header = 1;
			break;
		case 'v':
			a->verbose = 1;
			break;
		case '?':
			buf_addf(why, "-%c is no flag, or lacks its value",
			    optopt > ' ' && optopt < 0x7f ? optopt : '?');
			return (EX_USAGE);
		default:
			break;		/* accepted; see sendmail(8) */
		}
	}
	for (; optind < argc; optind++)
		if (argument(&a->rcpts, argv[optind], why) == -1)
			return (EX_USAGE);
	if (a->rcpts.n == 0 && !a->from_header) {
		buf_adds(why, "no recipients");
		return (EX_USAGE);
	}
	return (0);
}

void
sendmail_args_free(struct sendmail_args *a)
{
	free(a->sender);
	buf_free(&a->envid);
	sendmail_list_free(&a->rcpts);
}
