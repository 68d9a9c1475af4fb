/*
 * A whole SMTP session from octets, with peers that answer at once.  Beyond not
 * crashing: nothing is taken without a sender and a recipient (stub.c aborts),
 * replies are whole lines with a code, and in pieces of another size a client
 * that does not pipeline against the rules gets the same ones.
 *
 * The first octet chooses: bit 0 submission, bit 1 logged in, bits 2 and 3
 * what fails.  Bit 1 without bit 0: a submission by the client's key, whose
 * login ends as bits 5 to 7 say.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "regress/smtpd/stub.h"

int		 LLVMFuzzerTestOneInput(const uint8_t *, size_t);
static void	 run(const uint8_t *, size_t, uint8_t, size_t, struct buf *);
static void	 replies(struct span);

/* Of a login by key. */
static const enum sasl_outcome	 outcomes[] = { SASL_OK, SASL_DISABLED,
    SASL_UNAVAILABLE, SASL_BAD_CREDENTIALS, SASL_OK, SASL_TOO_MANY, SASL_OK,
    SASL_OK };

static void
replies(struct span s)
{
	struct span	 l;

	while (s.n > 0) {
		if (span_split(&s, '\n', &l) == 0 || l.n < 5 ||
		    l.p[l.n - 1] != '\r' || l.p[0] < '2' || l.p[0] > '5' ||
		    (l.p[3] != ' ' && l.p[3] != '-'))
			abort();
	}
}

static void
run(const uint8_t *p, size_t n, uint8_t how, size_t piece, struct buf *stored)
{
	struct stub	 st;

	stub_init(&st, (how & 3) != 0 ? KIND_SUBMISSION : KIND_SMTP,
	    TLS_OPTIONAL);
	if ((how & 3) == 2) {
		stub_key(&st, IDENTITY_LATENT);
		st.by_key = outcomes[how >> 5];
	}
	session_greet(&st.s);
	if ((how & 3) == 3) {
		stub_sends(&st, "EHLO x\r\n");
		stub_sends(&st, "AUTH PLAIN Z29vZA==\r\n");
	}
	if ((how & 12) == 4)
		st.no_file = 1;
	if ((how & 12) == 8)
		st.no_room = 500;
	if ((how & 12) == 12)
		st.no_auth = 1;
	stub_send(&st, p, n, piece);
	replies(span_buf(&st.out));
	session_timeout(&st.s);
	buf_add_span(stored, span_buf(&st.stored));
	stub_free(&st);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct buf	 a = { 0 }, b = { 0 };

	if (n < 1 || n > 16384)
		return (0);
	run(p + 1, n - 1, p[0], SIZE_MAX, &a);
	run(p + 1, n - 1, p[0], 1 + (p[0] >> 4), &b);
	buf_free(&a);
	buf_free(&b);
	return (0);
}
