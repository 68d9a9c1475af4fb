/*
 * SASL: whatever a client says, nobody gets in but bob with his password, or
 * with his key; whatever a server says, a client of SCRAM does not believe it.
 *
 * Octet 1 is the mechanism (with the top bit: the client's side), octet 2 the
 * facts; then messages: a length, 254 for none, 255 for "*", and the octets.
 */
#include <stdint.h>
#include <stdlib.h>

#include "precis.h"
#include "sasl.h"

int		 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define must(ok) do {	\
	if (!(ok))	\
		abort();\
} while (0)

#define CHALLENGE	"<challenge@sasl.invalid>"
#define DIGEST		"bob b76d6f318be89cd4bf539f3d50adbb47"

static const struct scram_bindings	 bound = { {
    { (const uint8_t *)"exporter", 8 }, { NULL, 0 }, { NULL, 0 } } };
static struct scram_secret		 secrets[SCRAM_HASHES];
static struct sasl_cram_secret		 cram;

/* Answer what the server asks of its caller. */
static enum sasl_step
answered(struct sasl_server *s, enum sasl_step st, struct span *out, int *good)
{
	int	 known;

	while (st == SASL_STEP_LOOKUP || st == SASL_STEP_VERIFY) {
		known = span_eqs(sasl_server_name(s), "bob");
		must(sasl_server_name(s).n > 0);
		if (st == SASL_STEP_VERIFY) {
			*good = known &&
			    span_eqs(sasl_server_password(s), "pw");
			must(sasl_server_set_verdict(s, *good, known) == 0);
		} else if (sasl_server_wants(s) == SASL_WANT_CRAM) {
			cram.invented = !known;
			must(sasl_server_set_cram(s, &cram) == 0);
		} else {
			must(sasl_server_wants(s) == SASL_WANT_SCRAM);
			must(sasl_server_set_scram(s,
			    &secrets[sasl_server_hash(s)]) == 0);
		}
		st = sasl_server_step(s, NULL, out);
	}
	return (st);
}

/* Next message; 0 at the end. */
static int
message(struct span *in, uint8_t *what, struct span *m)
{
	if (span_get_u8(in, what) == -1)
		return (0);
	*m = span_str("");
	if (*what < 254 && span_take(in, *what, m) == -1) {
		*m = *in;
		in->n = 0;
	}
	return (1);
}

static void
server(enum sasl_mech m, uint8_t facts, struct span in)
{
	struct sasl_facts	 f = { .mechs = SASL_ALL };
	struct sasl_server	*s;
	struct span		 r, out;
	enum sasl_step		 st = SASL_STEP_MORE;
	int			 good = 0, key = 0;
	uint8_t			 what;

	f.tls = facts & 1;
	if (facts & 2)
		f.bindings = bound;
	if (facts & 4)
		f.external = span_str("bob");
	s = facts & 8 ? sasl_server_new_command() : sasl_server_new(m, &f);
	must(s != NULL);
	key = m == SASL_MECH_EXTERNAL && (facts & 12) == 4;
	(void)sasl_server_set_nonce(s, CHALLENGE);
	while (st == SASL_STEP_MORE && message(&in, &what, &r)) {
		st = what == 255 ? sasl_server_abort(s) : sasl_server_step(s,
		    what == 254 ? NULL : &r, &out);
		st = answered(s, st, &out, &good);
		must(st != SASL_STEP_WORK && st != SASL_STEP_ERROR);
		if (m == SASL_MECH_CRAM_MD5 && (facts & 8) == 0)
			good = what < 254 && span_eqs(r, DIGEST);
	}
	must(st != SASL_STEP_DONE || good || key);
	must((st == SASL_STEP_DONE) == (sasl_server_why(s) == SASL_WHY_NONE &&
	    st != SASL_STEP_MORE));
	must(sasl_server_password(s).n == 0);
	sasl_server_free(s);
}

static void
client(enum sasl_mech m, uint8_t facts, struct span in)
{
	struct sasl_login	 l = { .tls = 1, .bindings = bound };
	struct sasl_client	*c;
	struct sasl_reply	 reply;
	struct span		 ch;
	enum sasl_step		 st;
	uint8_t			 what;
	int			 last = 0;

	l.user = span_str("bob");
	l.password = span_str("pw");
	must((c = sasl_client_new(m, &l, (facts & 1) &&
	    (m == SASL_MECH_SCRAM_SHA_256 || m == SASL_MECH_SCRAM_SHA_1))) !=
	    NULL);
	st = sasl_client_step(c, NULL, &reply);
	must(st == SASL_STEP_MORE);
	last = reply.last;
	while (st == SASL_STEP_MORE && message(&in, &what, &ch)) {
		if (what == 255)
			break;
		st = sasl_client_step(c, what == 254 ? NULL : &ch, &reply);
		must(st != SASL_STEP_WORK);	/* the nonce is random */
		last = st == SASL_STEP_MORE && reply.last;
	}
	must((sasl_client_success(c) == 0) == last);
	must(!last || m == SASL_MECH_EXTERNAL || m >= SASL_MECH_CRAM_MD5);
	sasl_client_free(c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static int	 begun;
	struct span	 in = span_of(data, n), salt = span_str("saltsalt");
	uint8_t		 what, facts;

	if (!begun++) {
		must(scram_derive(&secrets[SCRAM_SHA_1], SCRAM_SHA_1,
		    span_str("pw"), salt, SCRAM_ITERATIONS_MIN) == 0);
		must(scram_derive(&secrets[SCRAM_SHA_256], SCRAM_SHA_256,
		    span_str("pw"), salt, SCRAM_ITERATIONS_MIN) == 0);
		must(sasl_cram_derive(&cram, span_str("pw")) == 0);
	}
	if (span_get_u8(&in, &what) == -1 || span_get_u8(&in, &facts) == -1)
		return (0);
	if (what & 0x80)
		client((enum sasl_mech)((what & 0x7f) % SASL_MECHS), facts,
		    in);
	else
		server((enum sasl_mech)(what % SASL_MECHS), facts, in);
	return (0);
}
