/*
 * Routes of the configuration and of accounts.  See route.h.
 */
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "queued/queued.h"
#include "queued/route.h"

#define ROUTES_MAX	1000	/* of an account */
#define KEPT		64	/* accounts remembered */
#define KEPT_S		2	/* for so many seconds */

struct kept {
	uint64_t		 account;
	uint64_t		 until;
	struct account_routes	 routes;
};

struct asking {
	uint64_t	 account;
	routes_fn	 fn;
	void		*arg;
};

static struct kept	 kept[KEPT];

static int	 on_routes(void *, struct peer *, struct imsg *);
static void	 keep(uint64_t, struct span);
static void	 forget(struct kept *);
static const struct conf_route	*first(const struct list *, const char *,
		    const char *, uint32_t);

/*
 * "example.org" itself; ".example.org" that and all below; "." no domain at
 * all.
 */
int
route_pattern_matches(const char *pattern, const char *domain)
{
	size_t	 n = strlen(domain), k;

	if (strcmp(pattern, ".") == 0)
		return (n == 0);
	if (pattern[0] != '.')
		return (strcmp(pattern, domain) == 0);
	if (strcmp(pattern + 1, domain) == 0)
		return (1);
	k = strlen(pattern);
	return (n > k && strcmp(domain + n - k, pattern) == 0);
}

static int
matches(const struct list *patterns, const char *domain)
{
	char	*const *p = patterns->v;
	size_t	 i;

	for (i = 0; i < patterns->n; i++)
		if (route_pattern_matches(p[i], domain))
			return (1);
	return (patterns->n == 0);
}

static const struct conf_route *
first(const struct list *l, const char *from, const char *to, uint32_t attempts)
{
	CONF_EACH(struct conf_route, r, l)
		if (attempts >= r->attempts && matches(&r->from, from) &&
		    matches(&r->to, to))
			return (r);
	return (NULL);
}

void
route_choose(const struct conf *c, const struct list *account,
    const char *from, const char *to, uint32_t attempts,
    struct route_choice *out)
{
	const struct conf_domain	*d;
	const struct conf_route		*r = NULL;

	if (account != NULL) {
		r = first(account, from, to, attempts);
		out->source = "account";
	}
	if (r == NULL && (d = conf_domain(c, span_str(from))) != NULL) {
		r = first(&d->routes, from, to, attempts);
		out->source = "domain";
	}
	if (r == NULL) {
		r = first(&c->routes, from, to, attempts);
		out->source = "global";
	}
	if (r == NULL)
		out->source = "none";
	out->transport = r == NULL || r->transport[0] == '\0' ? "default" :
	    r->transport;
	out->text = r == NULL ? "" : r->text;
}

int
route_rejects(const struct conf *c)
{
	CONF_EACH(struct conf_transport, t, &c->transports)
		if (t->reject_early)
			return (1);
	return (0);
}

static void
forget(struct kept *k)
{
	struct list	*l = &k->routes.list;
	size_t		 i;

	for (i = 0; i < l->n; i++)
		codec_free(&c_conf_route, (struct conf_route *)l->v + i);
	free(l->v);
	memset(k, 0, sizeof(*k));
}

/* One more line.  0 or -1. */
static int
keep_line(struct list *l, struct span line, struct buf *why)
{
	struct conf_route	*v, r;

	buf_reset(why);
	if (l->n == ROUTES_MAX) {
		buf_adds(why, "too many");
		return (-1);
	}
	if (conf_route_parse(line, &r, why) == -1)
		return (-1);
	if ((v = reallocarray(l->v, l->n + 1, sizeof(*v))) == NULL) {
		buf_adds(why, "no memory");
		codec_free(&c_conf_route, &r);
		return (-1);
	}
	l->v = v;
	v[l->n++] = r;
	return (0);
}

/* Lines that do not parse were refused when they were added: this is damage, or
 * of another version.  Without such a one mail could take a way that it must
 * not. */
static void
keep(uint64_t account, struct span text)
{
	struct kept		*k = &kept[account % KEPT];
	struct buf		 why = { 0 };
	struct span		 line;

	forget(k);
	k->account = account;
	k->until = proc_now_ms() + KEPT_S * 1000;
	while (text.n > 0 && !k->routes.unreadable) {
		span_split(&text, '\n', &line);
		line = span_trim(line);
		if (line.n > 0 && keep_line(&k->routes.list, line, &why) ==
		    -1) {
			log_error("account %llu: its route \"%s\": %s; its "
			    "mail waits", (unsigned long long)account,
			    log_esc(line), buf_cstr(&why));
			k->routes.unreadable = 1;
		}
	}
	buf_free(&why);
}

static int
on_routes(void *arg, struct peer *p, struct imsg *m)
{
	struct asking	*a = arg;
	struct msg_text	 t;
	int		 rc = 0;

	(void)p;
	if (m != NULL && (rc = imsg_get(m, &c_text, &t)) == 0) {
		keep(a->account, t.text);
		a->fn(a->arg, &kept[a->account % KEPT].routes);
	} else
		a->fn(a->arg, NULL);
	free(a);
	return (rc);
}

void
routes_forget(uint64_t account)
{
	if (kept[account % KEPT].account == account)
		kept[account % KEPT].until = 0;
}

int
routes_of(uint64_t account, const struct account_routes **routes,
    routes_fn fn, void *arg)
{
	struct msg_number	 n = { account };
	struct kept		*k = &kept[account % KEPT];
	struct asking		*a;

	if (k->account == account && k->until > proc_now_ms()) {
		*routes = &k->routes;
		return (1);
	}
	if ((a = calloc(1, sizeof(*a))) == NULL)
		return (-1);
	a->account = account;
	a->fn = fn;
	a->arg = arg;
	if (peer_ask(proc_peer(ROLE_AUTH, 0), M_ACCOUNT_ROUTES, &c_number, &n,
	    -1, on_routes, a) == 0) {
		free(a);
		return (-1);
	}
	return (0);
}
