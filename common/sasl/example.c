/*
 * A client chooses from what a server offers, and logs in; then somebody whom
 * the server does not know tries.
 */
#include <stdio.h>

#include "sasl.h"

static const struct sasl_facts	 facts = {	/* before TLS, all allowed */
	.mechs = SASL_ALL,
	.cleartext = 1,
};

/* What the caller of a server does: find the user's secret. */
static void
look_up(struct sasl_server *s)
{
	struct scram_secret	 secret;
	struct span		 name = sasl_server_name(s);
	int			 rc;

	if (span_eqs(name, "bob@example.org"))
		rc = scram_derive(&secret, sasl_server_hash(s),
		    span_str("pencil"), span_str("0123456789abcdef"), 4096);
	else
		rc = scram_secret_invent(&secret, sasl_server_hash(s),
		    span_str("a key of this installation"), name, 4096);
	if (rc == 0)
		(void)sasl_server_set_scram(s, &secret);
	printf("  server looks up %.*s\n", (int)name.n, (const char *)name.p);
}

/* A client's message in, the server's next one out. */
static enum sasl_step
serve(struct sasl_server *s, const struct span *in, struct span *out)
{
	enum sasl_step	 st;

	st = sasl_server_step(s, in, out);
	while (st == SASL_STEP_LOOKUP) {
		look_up(s);
		st = sasl_server_step(s, NULL, out);
	}
	return (st);
}

static void
log_in(const struct sasl_login *who)
{
	struct sasl_client	*c;
	struct sasl_server	*s;
	struct sasl_reply	 r;
	struct span		 out;
	enum sasl_mech		 m;
	enum sasl_step		 cs, ss = SASL_STEP_MORE;

	m = sasl_choose(who, sasl_offer(&facts), NULL, 0, SASL_MECHS);
	if (m == SASL_MECHS)
		return;
	c = sasl_client_new(m, who, 0);
	s = sasl_server_new(m, &facts);
	if (c == NULL || s == NULL)
		return;
	printf("%.*s by %s\n", (int)who->user.n, (const char *)who->user.p,
	    sasl_client_name(c));
	cs = sasl_client_step(c, NULL, &r);
	for (;;) {
		if (cs == SASL_STEP_WORK) {
			sasl_client_work(c);
			cs = sasl_client_step(c, NULL, &r);
			continue;
		}
		if (cs != SASL_STEP_MORE)
			break;
		ss = serve(s, r.present ? &r.data : NULL, &out);
		if (ss != SASL_STEP_MORE)
			break;
		cs = sasl_client_step(c, &out, &r);
	}
	if (cs != SASL_STEP_MORE)		/* it would send "*" */
		ss = sasl_server_abort(s);
	printf("  client: %s\n", ss == SASL_STEP_DONE &&
	    sasl_client_success(c) == 0 ? "in" : sasl_client_error(c));
	printf("  server: %s, %s: %s\n", sasl_step_names[ss],
	    sasl_why_names[sasl_server_why(s)], sasl_server_error(s));
	sasl_client_free(c);
	sasl_server_free(s);
}

int
main(void)
{
	const struct sasl_login	 bob = { .user = span_str("bob@example.org"),
	    .password = span_str("pencil") };
	const struct sasl_login	 eve = { .user = span_str("eve@example.org"),
	    .password = span_str("pencil") };
	int			 i;

	printf("offered:");
	for (i = 0; i < SASL_MECHS; i++)
		if (sasl_offer(&facts) & SASL_BIT(i))
			printf(" %s", sasl_mech_names[i]);
	putchar('\n');
	log_in(&bob);
	log_in(&eve);
	return (0);
}
