/*
 * SCRAM: genuine exchanges with octets changed on the way, where both sides may
 * be content only if nothing was changed; and messages out of nothing.
 *
 * The first octet chooses: 0 and 1 change an exchange (SHA-1 and SHA-256), 2 is
 * a first and behind NUL a final message for a server, 3 messages with NUL
 * between for a client.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "scram.h"

int		 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define must(ok) do {	\
	if (!(ok))	\
		abort();\
} while (0)

enum { FIRST, OFFER, FINAL, VERDICT, MESSAGES };

struct wire {
	struct span	 edits;
	struct buf	 sent[MESSAGES];
	struct buf	 came[MESSAGES];
};

static struct scram_secret	 secrets[SCRAM_HASHES];
static const struct scram_bindings	 bound = { {
    { (const uint8_t *)"exporter", 8 }, { NULL, 0 }, { NULL, 0 } } };

/* One change: which message, what to do, where, with what. */
static void
edit(struct buf *b, const uint8_t e[4])
{
	size_t	 at = b->n == 0 ? 0 : e[2] % b->n;

	switch (e[1] % 5) {
	case 0:				/* change */
		if (b->n > 0)
			b->p[at] ^= e[3];
		break;
	case 1:				/* take out */
		if (b->n > 0) {
			memmove(b->p + at, b->p + at + 1, b->n - at - 1);
			b->n--;
		}
		break;
	case 2:				/* put in */
		must(buf_addc(b, 0) == 0);
		memmove(b->p + at + 1, b->p + at, b->n - at - 1);
		b->p[at] = e[3];
		break;
	case 3:				/* put behind */
		must(buf_addc(b, e[3]) == 0);
		break;
	default:			/* cut */
		b->n = at;
		break;
	}
}

/* Message i on its way, with the edits that are for it. */
static struct span
carry(struct wire *w, int i, struct span s)
{
	struct span	 edits = w->edits, e;

	buf_reset(&w->sent[i]);
	buf_reset(&w->came[i]);
	must(buf_add_span(&w->sent[i], s) == 0);
	must(buf_add_span(&w->came[i], s) == 0);
	while (span_take(&edits, 4, &e) == 0)
		if (e.p[0] % MESSAGES == i)
			edit(&w->came[i], e.p);
	return (span_buf(&w->came[i]));
}

static int
intact(const struct wire *w, int upto)
{
	int	 i;

	for (i = 0; i <= upto; i++)
		if (!span_eq(span_buf(&w->sent[i]), span_buf(&w->came[i])))
			return (0);
	return (1);
}

/* Does the offer ask for as little arithmetic as it did? */
static int
cheap(const struct wire *w)
{
	static const char	 end[] = ",i=4096";
	const struct buf	*c = &w->came[OFFER];
	size_t			 n = sizeof(end) - 1;

	return (c->n > n && memcmp(c->p + c->n - n, end, n) == 0);
}

/* Behind "v=..." extensions may stand that nobody signed. */
static int
same_verdict(const struct wire *w)
{
	const struct buf	*s = &w->sent[VERDICT], *c = &w->came[VERDICT];

	return (c->n >= s->n && memcmp(c->p, s->p, s->n) == 0 &&
	    (c->n == s->n || c->p[s->n] == ','));
}

static enum scram_status
server_goes(struct scram_server *s, struct span in, struct span *out)
{
	enum scram_status	 st;

	st = scram_server_step(s, in, out);
	if (st == SCRAM_LOOKUP) {
		must(scram_server_name(s).n > 0);
		if (scram_server_set_secret(s, &secrets[SCRAM_SHA_1]) == -1)
			must(scram_server_set_secret(s,
			    &secrets[SCRAM_SHA_256]) == 0);
		st = scram_server_step(s, span_str(""), out);
		must(st == SCRAM_MORE);
	}
	return (st);
}

static void
changed(enum scram_hash hash, struct span edits)
{
	struct scram_client	*c;
	struct scram_server	*s;
	struct wire		 w = { .edits = edits };
	struct span		 out;
	enum scram_status	 st;
	int			 i;

	c = scram_client_new(hash, span_str("b,b"), span_str("b,b"),
	    span_str("pw"), 1, 0, &bound);
	s = scram_server_new(hash, 1, 1, &bound);
	must(c != NULL && s != NULL);
	must(scram_client_set_nonce(c, "clientnonce") == 0);
	must(scram_server_set_nonce(s, "servernonce") == 0);
	must(scram_client_step(c, span_str(""), &out) == SCRAM_MORE);
	if (server_goes(s, carry(&w, FIRST, out), &out) != SCRAM_MORE)
		goto done;
	st = scram_client_step(c, carry(&w, OFFER, out), &out);
	if (st != SCRAM_WORK)
		goto done;
	if (!cheap(&w))
		goto done;
	scram_client_work(c);
	must(scram_client_step(c, span_str(""), &out) == SCRAM_MORE);
	st = server_goes(s, carry(&w, FINAL, out), &out);
	must((st == SCRAM_DONE) == intact(&w, FINAL));
	if (out.n == 0)
		goto done;
	st = scram_client_step(c, carry(&w, VERDICT, out), &out);
	must(st != SCRAM_DONE || (intact(&w, FINAL) && same_verdict(&w)));
	must(st == SCRAM_DONE || !intact(&w, VERDICT));
done:
	for (i = 0; i < MESSAGES; i++) {
		buf_free(&w.sent[i]);
		buf_free(&w.came[i]);
	}
	scram_client_free(c);
	scram_server_free(s);
}

static void
to_server(struct span in)
{
	struct scram_server	*s;
	struct span		 first, out;

	(void)span_split(&in, 0, &first);
	s = scram_server_new(SCRAM_SHA_256, 0, 0, &bound);
	must(s != NULL);
	if (server_goes(s, first, &out) == SCRAM_MORE)
		must(server_goes(s, in, &out) != SCRAM_DONE);
	must(scram_server_step(s, in, &out) == SCRAM_ERROR);
	scram_server_free(s);
}

static void
to_client(struct span in)
{
	struct scram_client	*c;
	struct span		 m, out;

	c = scram_client_new(SCRAM_SHA_256, span_str("bob"), span_str(""),
	    span_str("pw"), 0, 1, NULL);
	must(c != NULL && scram_client_set_nonce(c, "n") == 0);
	must(scram_client_step(c, span_str(""), &out) == SCRAM_MORE);
	while (in.n > 0) {
		(void)span_split(&in, 0, &m);
		must(scram_client_step(c, m, &out) != SCRAM_DONE);
	}
	scram_client_free(c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static int	 begun;
	struct span	 in = span_of(data, n), salt = span_str("saltsalt");
	uint8_t		 what;

	if (!begun++) {
		must(scram_derive(&secrets[SCRAM_SHA_1], SCRAM_SHA_1,
		    span_str("pw"), salt, SCRAM_ITERATIONS_MIN) == 0);
		must(scram_derive(&secrets[SCRAM_SHA_256], SCRAM_SHA_256,
		    span_str("pw"), salt, SCRAM_ITERATIONS_MIN) == 0);
	}
	if (span_get_u8(&in, &what) == -1)
		return (0);
	what %= 4;
	if (what < SCRAM_HASHES)
		changed((enum scram_hash)what, in);
	else if (what == 2)
		to_server(in);
	else
		to_client(in);
	return (0);
}
