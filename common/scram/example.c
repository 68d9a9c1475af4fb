/*
 * One SCRAM-SHA-256-PLUS exchange, both sides in one program, bound to what
 * would be one TLS connection.
 */
#include <stdio.h>

#include "scram.h"

static void
show(const char *who, struct span m)
{
	printf("%s: %.*s\n", who, (int)m.n, (const char *)m.p);
}

/* What a server does with one message. */
static enum scram_status
serve(struct scram_server *s, const struct scram_secret *secret,
    struct span in, struct span *out)
{
	enum scram_status	 st;

	st = scram_server_step(s, in, out);
	if (st == SCRAM_LOOKUP) {
		show("server looks up", scram_server_name(s));
		if (scram_server_set_secret(s, secret) == -1)
			return (SCRAM_ERROR);
		st = scram_server_step(s, span_str(""), out);
	}
	return (st);
}

int
main(void)
{
	const struct scram_bindings	 tls = { {
	    [SCRAM_TLS_EXPORTER] = span_str("32 octets that TLS 1.3 exported.")
	    } };
	struct scram_secret		 secret;
	struct scram_client		*c;
	struct scram_server		*s;
	struct span			 to_client = span_str(""), to_server;
	enum scram_status		 cs, ss = SCRAM_ERROR;

	/* once, when the password is set; a fixed salt for a fixed output */
	if (scram_derive(&secret, SCRAM_SHA_256, span_str("pencil"),
	    span_str("0123456789abcdef"), 4096) == -1)
		return (1);

	c = scram_client_new(SCRAM_SHA_256, span_str("bob@example.org"),
	    span_str(""), span_str("pencil"), 1, 0, &tls);
	s = scram_server_new(SCRAM_SHA_256, 1, 1, &tls);
	if (c == NULL || s == NULL)
		return (1);
	/* only here: real ones are random */
	(void)scram_client_set_nonce(c, "client-nonce");
	(void)scram_server_set_nonce(s, "server-nonce");

	for (;;) {
		cs = scram_client_step(c, to_client, &to_server);
		to_client = span_str("");
		if (cs == SCRAM_WORK) {
			scram_client_work(c);
			continue;
		}
		if (cs != SCRAM_MORE)
			break;
		show("client", to_server);
		ss = serve(s, &secret, to_server, &to_client);
		show("server", to_client);
	}
	printf("client %s, server %s, bound by %s\n",
	    cs == SCRAM_DONE ? "content" : scram_client_error(c),
	    ss == SCRAM_DONE ? "content" : scram_server_error(s),
	    scram_server_binding(s));
	printf("PLAIN with the same secret: %s\n",
	    scram_verify(&secret, span_str("pencil")) == 1 ? "yes" : "no");
	scram_client_free(c);
	scram_server_free(s);
	return (0);
}
