/*
 * libunbound on our event loop: it recurses or forwards, validates and caches.
 * No thread, no file: what it needs is given to it.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unbound.h>
#include <unbound-event.h>

#include "log.h"
#include "lookup.h"
#include "proc.h"

struct resolver {
	struct ub_ctx	*ctx;
	struct event	*reap;		/* it may not end within a callback */
	size_t		 open;
	int		 ended;
};

struct question {
	struct resolver	*r;
	resolver_fn	 fn;
	void		*arg;
	char		*name;		/* for the log */
};

static int	 options(struct ub_ctx *, const struct conf *);
static int	 anchors(struct ub_ctx *, const struct buf *);
static int	 first_question(struct resolver *);
static void	 local_names(struct ub_ctx *);
static void	 on_answer(void *, int, void *, int, int, char *, int);
static void	 on_reap(evutil_socket_t, short, void *);

static int
options(struct ub_ctx *ctx, const struct conf *c)
{
	static const char *const	 set[][2] = {
		{ "edns-buffer-size:", "1232" },
		{ "msg-cache-size:", "16m" },
		{ "rrset-cache-size:", "32m" },
		{ "key-cache-size:", "4m" },
		{ "cache-max-ttl:", "86400" },
		{ "cache-max-negative-ttl:", "900" },
		{ "outgoing-range:", "512" },
		{ "num-queries-per-thread:", "1024" },
		{ "target-fetch-policy:", "0 0 0 0 0" },
		{ "harden-below-nxdomain:", "yes" },
	};
	size_t				 i;

	for (i = 0; i < nitems(set); i++)
		if (ub_ctx_set_option(ctx, set[i][0], set[i][1]) != 0) {
			log_warn("libunbound does not know \"%s\"", set[i][0]);
			return (-1);
		}
	if (c->resolvers.n == 0)
		return (0);
	/* A forwarder on this machine is asked too. */
	if (ub_ctx_set_option(ctx, "do-not-query-localhost:", "no") != 0)
		return (-1);
	CONF_EACH(char *, r, &c->resolvers)
		if (ub_ctx_set_fwd(ctx, *r) != 0)
			return (-1);
	return (0);
}

static int
anchors(struct ub_ctx *ctx, const struct buf *lines)
{
	struct span	 s = span_buf(lines), line;
	char		*text;
	int		 rc = 0;

	while (rc == 0 && span_split(&s, '\n', &line)) {
		if ((text = span_dup(line)) == NULL)
			return (-1);
		rc = ub_ctx_add_ta(ctx, text);
		free(text);
	}
	return (rc == 0 ? 0 : -1);
}

/* What a forwarder may know and libunbound would not ask it for. */
static void
local_names(struct ub_ctx *ctx)
{
	static const char *const	 zones[] = { "test.", "home.arpa.",
	    "10.in-addr.arpa.", "168.192.in-addr.arpa.",
	    "254.169.in-addr.arpa.", "d.f.ip6.arpa.",
	    "8.e.f.ip6.arpa.", "9.e.f.ip6.arpa.", "a.e.f.ip6.arpa.",
	    "b.e.f.ip6.arpa." };
	char				 name[32];
	size_t				 i;

	for (i = 0; i < nitems(zones); i++)
		(void)ub_ctx_zone_remove(ctx, zones[i]);
	for (i = 16; i < 32; i++) {
		snprintf(name, sizeof(name), "%zu.172.in-addr.arpa.", i);
		(void)ub_ctx_zone_remove(ctx, name);
	}
}

static void
on_first(void *arg, int rcode, void *packet, int n, int sec, char *why,
    int limited)
{
	(void)packet;
	(void)n;
	(void)sec;
	(void)why;
	(void)limited;
	*(int *)arg = rcode;
}

/* Answered without the network; libunbound makes itself ready by it. */
static int
first_question(struct resolver *r)
{
	int	 rcode = -1, id, rc;

	rc = ub_resolve_event(r->ctx, "localhost", DNS_A, 1, &rcode, on_first,
	    &id);
	return (rc == 0 && rcode == 0 ? 0 : -1);
}

struct resolver *
resolver_new(const struct conf *c, const struct buf *lines, struct buf *why)
{
	struct resolver	*r;

	if ((r = calloc(1, sizeof(*r))) == NULL ||
	    (r->ctx = ub_ctx_create_event(proc_base())) == NULL ||
	    (r->reap = event_new(proc_base(), -1, 0, on_reap, r)) == NULL)
		buf_adds(why, "no memory for a resolver");
	else if (ub_ctx_debugout(r->ctx, NULL) != 0 ||
	    options(r->ctx, c) == -1)
		buf_adds(why, "libunbound does not take its settings");
	else if (anchors(r->ctx, lines) == -1 || first_question(r) == -1)
		buf_addf(why, "%s: libunbound does not take this",
		    c->trust_anchor[0] != '\0' ? c->trust_anchor :
		    "resolver");
	else {
		if (c->resolvers.n > 0)
			local_names(r->ctx);
		return (r);
	}
	if (r != NULL && r->ctx != NULL)
		ub_ctx_delete(r->ctx);
	if (r != NULL && r->reap != NULL)
		event_free(r->reap);
	free(r);
	return (NULL);
}

static void
on_reap(evutil_socket_t fd, short what, void *arg)
{
	struct resolver	*r = arg;

	(void)fd;
	(void)what;
	if (r->open > 0)
		return;
	ub_ctx_delete(r->ctx);
	event_free(r->reap);
	free(r);
}

void
resolver_end(struct resolver *r)
{
	if (r == NULL)
		return;
	r->ended = 1;
	event_active(r->reap, EV_TIMEOUT, 0);
}

/* sec: 0 insecure, 1 bogus, 2 secure */
static void
on_answer(void *arg, int rcode, void *packet, int n, int sec, char *why,
    int limited)
{
	struct question	*q = arg;
	struct resolver	*r = q->r;
	enum dns_status	 status = DNS_TEMPFAIL;

	(void)limited;
	if (sec == 1) {
		status = DNS_BOGUS;
		log_info("DNS: %s: bogus: %s", log_escs(q->name),
		    why == NULL ? "" : log_escs(why));
	} else if ((rcode == 0 || rcode == 3) && packet != NULL && n > 0)
		status = DNS_OK;
	q->fn(q->arg, status, sec == 2, span_of(packet, status == DNS_OK ?
	    (size_t)n : 0));
	free(q->name);
	free(q);
	r->open--;
	if (r->ended && r->open == 0)
		event_active(r->reap, EV_TIMEOUT, 0);
}

int
resolver_ask(struct resolver *r, const char *name, uint16_t type,
    resolver_fn fn, void *arg)
{
	struct question	*q;
	int		 id;

	if ((q = calloc(1, sizeof(*q))) == NULL ||
	    (q->name = strdup(name)) == NULL) {
		free(q);
		return (-1);
	}
	q->r = r;
	q->fn = fn;
	q->arg = arg;
	r->open++;
	if (ub_resolve_event(r->ctx, name, type, 1, q, on_answer, &id) == 0)
		return (0);
	r->open--;
	free(q->name);
	free(q);
	return (-1);
}
