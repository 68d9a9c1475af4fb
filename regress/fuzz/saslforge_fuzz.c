/*
 * SASL on a wire that somebody holds: a client and a server that know each
 * other's secret, and messages that are changed on their way as the input
 * says.  Left alone, the exchange succeeds on both sides; changed, it does on
 * neither, but for the few changes that mean nothing, see means_nothing().
 *
 * Octet 1 is the mechanism, octet 2 what is different from the start; then
 * mutations of 5 octets: message, kind, position (2), value.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "precis.h"
#include "sasl.h"

int		 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define must(ok) do {	\
	if (!(ok))	\
		abort();\
} while (0)

#define S(s)		{ (const uint8_t *)(s), sizeof(s) - 1 }
#define USER		"\xc3\xa9@x"
#define PASSWORD	"a \xc3\x85 b"
#define MUTATIONS_MAX	8
#define MESSAGES_MAX	8		/* of one exchange, both ways */

/* Octet 2. */
#define NO_INITIAL	0x01	/* the protocol has none */
#define TLS12		0x02	/* tls-unique instead of tls-exporter */
#define RELAYED		0x04	/* the server sees another connection */
#define STRIPPED	0x08	/* the client saw no -PLUS: it says "y" */
#define WRONG		0x10	/* the client has another password */
#define UNKNOWN		0x20	/* the server does not know the user */
#define AUTHZID		0x40	/* the client says who it wants to be */

enum kind { FLIP, SET, DELETE, INSERT, CUT, WORD, EARLIER, ANOTHER, CASE,
    KINDS };

struct mutation {
	uint8_t		 message, kind, value;
	uint16_t	 at;
};

/* What a forger would try to put in. */
static const struct span	 words[] = { S(","), S("="), S("\0"), S("*"),
    S(",x=1"), S(",m=1"), S(",y=2=3"), S("n,,"), S("y,,"), S("p=tls-unique,,"),
    S("p=tls-exporter,,"), S("p=tls-server-end-point,,"), S("a=eve@x,"),
    S(",a=eve@x"), S(",n=eve@x"), S(",r=x"), S(",i=4096"), S(",i=4097"),
    S(",s=QUJDREVGR0g="), S("e=other-error"), S("v="), S(",e=other-error"),
    S("eve@x"), S(USER), S(PASSWORD), S("e\xcc\x81"), S("\xc2\xa0"),
    S("\xe2\x84\xab"), S(" "), S("c=biws"), S("c=eSws"), S(",p=") };

static const struct scram_bindings	 tls13 = { {
    S("the exporter of this connection."), S(""), S("end-point") } };
static const struct scram_bindings	 tls12 = { {
    S(""), S("unique of it"), S("end-point") } };
static const struct scram_bindings	 tls13_other = { {
    S("the exporter of another one....."), S(""), S("end-point") } };
static const struct scram_bindings	 tls12_other = { {
    S(""), S("unique other"), S("end-point") } };

static struct scram_secret		 secrets[SCRAM_HASHES];
static struct sasl_cram_secret		 cram;

/* One exchange, as it goes. */
struct wire {
	enum sasl_mech		 mech;
	uint8_t			 facts;
	const struct mutation	*mutations;
	size_t			 n;
	size_t			 message;	/* the next one's number */
	struct buf		 sent[MESSAGES_MAX];
	struct buf		 got[MESSAGES_MAX];
	int			 changed, forged;
};

/* An exchange of each mechanism that went well, to be replayed. */
static struct wire			 before[SASL_MECHS];

static int
is_scram(enum sasl_mech m)
{
	return (m >= SASL_MECH_SCRAM_SHA_256_PLUS &&
	    m <= SASL_MECH_SCRAM_SHA_1);
}

static int
is_plus(enum sasl_mech m)
{
	return (m == SASL_MECH_SCRAM_SHA_256_PLUS ||
	    m == SASL_MECH_SCRAM_SHA_1_PLUS);
}

/* ---- changes that mean nothing ---------------------------------------------- */

/* Another way to write the name: canonically equivalent (RFC 8265 3.4). */
static int
same_name(struct span s)
{
	struct buf	 b = { 0 };
	int		 same = precis_name(&b, s) == PRECIS_OK &&
			    span_eqs(span_buf(&b), USER);

	buf_free(&b);
	return (same);
}

/* Another way to type the password: RFC 8265 4.2. */
static int
same_password(struct span s)
{
	struct buf	 b = { 0 };
	int		 same = precis_password(&b, s) == PRECIS_OK &&
			    span_eqs(span_buf(&b), PASSWORD);

	buf_free(&b);
	return (same);
}

static int
same_plain(struct span s)
{
	struct span	 authzid, authcid;

	return (span_split(&s, 0, &authzid) && span_split(&s, 0, &authcid) &&
	    (authzid.n == 0 || same_name(authzid)) && same_name(authcid) &&
	    same_password(s));
}

/* The digest is the last 32 octets, and says nothing about the name's form. */
static int
same_cram(struct span was, struct span is)
{
	return (is.n > 33 && is.p[is.n - 33] == ' ' && was.n > 32 &&
	    memcmp(is.p + is.n - 32, was.p + was.n - 32, 32) == 0 &&
	    same_name(span_of(is.p, is.n - 33)));
}

/*
 * Extensions behind the server's signature, which does not cover them (RFC 5802
 * section 7, server-final-message).
 */
static int
only_extensions(struct span was, struct span is)
{
	size_t	 i;

	if (is.n <= was.n || memcmp(is.p, was.p, was.n) != 0)
		return (0);
	for (i = was.n; i < is.n;) {
		if (is.n - i < 4 || is.p[i] != ',' || is.p[i + 2] != '=' ||
		    strchr("xyXY", is.p[i + 1]) == NULL || is.p[i + 1] == 0 ||
		    is.p[i + 3] == ',')
			return (0);
		for (i += 3; i < is.n && is.p[i] != ','; i++)
			if (is.p[i] == 0)
				return (0);
	}
	return (1);
}

static int
means_nothing(const struct wire *w, int from_server, struct span was,
    struct span is)
{
	switch (w->mech) {
	case SASL_MECH_PLAIN:
		return (!from_server && same_plain(is));
	case SASL_MECH_LOGIN:		/* a prompt may say anything */
		return (from_server || (w->message == 0 ? same_name(is) :
		    same_password(is)));
	case SASL_MECH_CRAM_MD5:
		return (!from_server && same_cram(was, is));
	case SASL_MECH_EXTERNAL:
		return (!from_server && (is.n == 0 || same_name(is)));
	default:
		return (from_server && was.n > 2 && was.p[0] == 'v' &&
		    only_extensions(was, is));
	}
}

/* ---- the wire ----------------------------------------------------------------- */

static void
splice(struct buf *b, size_t at, size_t drop, struct span put)
{
	struct buf	 new = { 0 };

	buf_add(&new, b->p, at);
	buf_add_span(&new, put);
	buf_add(&new, b->p + at + drop, b->n - at - drop);
	buf_free(b);
	*b = new;
}

static void
replace(struct buf *b, const struct buf *with)
{
	buf_reset(b);
	buf_add_span(b, span_buf(with));
}

static void
mutate(struct wire *w, struct buf *b, const struct mutation *m)
{
	size_t		 at = b->n == 0 ? 0 : m->at % b->n;
	uint8_t		 o = m->value;
	enum kind	 kind = (enum kind)(m->kind % KINDS);

	if (b->n == 0 && (kind == FLIP || kind == SET || kind == DELETE ||
	    kind == CASE))
		return;
	switch (kind) {
	case FLIP:
		b->p[at] ^= (uint8_t)(1u << (o % 8));
		break;
	case SET:
		b->p[at] = o;
		break;
	case DELETE:
		splice(b, at, o % (b->n - at) + 1, span_of(NULL, 0));
		break;
	case INSERT:
		splice(b, m->at % (b->n + 1), 0, span_of(&o, 1));
		break;
	case CUT:
		buf_truncate(b, at);
		break;
	case WORD:
		splice(b, m->at % (b->n + 1), 0,
		    words[o % (sizeof(words) / sizeof(words[0]))]);
		break;
	case EARLIER:
		if (w->message > 0)
			replace(b, &w->sent[o % w->message]);
		break;
	case ANOTHER:
		replace(b, &before[w->mech].sent[w->message]);
		break;
	default:
		if ((b->p[at] | 0x20) >= 'a' && (b->p[at] | 0x20) <= 'z')
			b->p[at] ^= 0x20;
		break;
	}
}

/*
 * Bring a message to the other side: what arrives.  PLAIN and LOGIN carry all
 * that the server asks for, so that whatever comes there must be the secret.
 */
static struct span
carry(struct wire *w, int from_server, struct span s)
{
	struct buf	*got, *sent;
	size_t		 i;
	int		 same = 0;

	must(w->message < MESSAGES_MAX);
	got = &w->got[w->message];
	sent = &w->sent[w->message];
	buf_add_span(sent, s);
	buf_add_span(got, s);
	for (i = 0; i < w->n; i++)
		if (w->mutations[i].message % MESSAGES_MAX == w->message)
			mutate(w, got, &w->mutations[i]);
	if (!span_eq(span_buf(got), span_buf(sent)))
		w->changed = 1;
	else if (!sasl_mech_cleartext(w->mech))
		same = 1;
	w->forged |= !same && !means_nothing(w, from_server, span_buf(sent),
	    span_buf(got));
	w->message++;
	return (span_buf(got));
}

/* ---- both sides ---------------------------------------------------------------- */

static enum sasl_step
answered(struct wire *w, struct sasl_server *s, enum sasl_step st,
    struct span *out)
{
	struct scram_secret	 secret;
	int			 known;

	while (st == SASL_STEP_LOOKUP || st == SASL_STEP_VERIFY) {
		known = span_eqs(sasl_server_name(s), USER) &&
		    (w->facts & UNKNOWN) == 0;
		if (st == SASL_STEP_VERIFY) {
			must(sasl_server_set_verdict(s, span_eqs(
			    sasl_server_password(s), PASSWORD), known) == 0);
		} else if (sasl_server_wants(s) == SASL_WANT_CRAM) {
			cram.invented = !known;
			must(sasl_server_set_cram(s, &cram) == 0);
		} else {
			secret = secrets[sasl_server_hash(s)];
			secret.invented = !known;
			must(sasl_server_set_scram(s, &secret) == 0);
		}
		st = sasl_server_step(s, NULL, out);
	}
	return (st);
}

static struct sasl_client *
new_client(struct wire *w)
{
	struct sasl_login	 l = { .user = span_str(USER), .tls = 1,
				    .password = span_str(PASSWORD) };
	int			 missed = (w->facts & STRIPPED) != 0 &&
				    is_scram(w->mech) && !is_plus(w->mech);

	l.bindings = w->facts & TLS12 ? tls12 : tls13;
	if (w->facts & WRONG)
		l.password = span_str("a A b");
	if (w->facts & AUTHZID)
		l.authzid = span_str(USER);
	return (sasl_client_new(w->mech, &l, missed));
}

static struct sasl_server *
new_server(struct wire *w)
{
	struct sasl_facts	 f = { .mechs = SASL_ALL, .tls = 1,
				    .external = span_str(USER) };

	if (w->facts & RELAYED)
		f.bindings = w->facts & TLS12 ? tls12_other : tls13_other;
	else
		f.bindings = w->facts & TLS12 ? tls12 : tls13;
	return (sasl_server_new(w->mech, &f));
}

/* Did both come to believe in it? */
static int
exchange(struct wire *w)
{
	struct sasl_client	*c = new_client(w);
	struct sasl_server	*s = new_server(w);
	struct sasl_reply	 r;
	struct span		 in, out = span_str("");
	enum sasl_step		 cs, ss = SASL_STEP_MORE;
	int			 absent, both;

	must(c != NULL && s != NULL);
	cs = sasl_client_step(c, NULL, &r);
	absent = !r.present;
	if (r.present && (w->facts & NO_INITIAL)) {
		ss = sasl_server_step(s, NULL, &out);
		must(ss == SASL_STEP_MORE);
	}
	while (cs == SASL_STEP_MORE || cs == SASL_STEP_WORK) {
		if (cs == SASL_STEP_WORK) {
			sasl_client_work(c);
			cs = sasl_client_step(c, NULL, &r);
			continue;
		}
		if (!absent)
			in = carry(w, 0, r.data);
		ss = sasl_server_step(s, absent ? NULL : &in, &out);
		ss = answered(w, s, ss, &out);
		absent = 0;
		if (ss != SASL_STEP_MORE)
			break;
		in = carry(w, 1, out);
		cs = sasl_client_step(c, &in, &r);
	}
	must(ss != SASL_STEP_ERROR && cs != SASL_STEP_ERROR);
	if (ss == SASL_STEP_MORE)
		ss = sasl_server_abort(s);
	/* EXTERNAL: the caller asks whose name it is, and so do we */
	both = ss == SASL_STEP_DONE && span_eqs(sasl_server_name(s), USER);
	must(ss != SASL_STEP_DONE || both || w->mech == SASL_MECH_EXTERNAL);
	both = both && sasl_client_success(c) == 0;
	sasl_client_free(c);
	sasl_server_free(s);
	return (both);
}

/* What is different from the start and must be noticed. */
static int
rightly(const struct wire *w)
{
	if (is_plus(w->mech) && (w->facts & RELAYED))
		return (0);
	if (is_scram(w->mech) && !is_plus(w->mech) && (w->facts & STRIPPED))
		return (0);
	if ((w->facts & UNKNOWN) && w->mech != SASL_MECH_EXTERNAL)
		return (0);
	return ((w->facts & WRONG) == 0 || w->mech == SASL_MECH_EXTERNAL ||
	    sasl_mech_cleartext(w->mech));
}

static void
forget(struct wire *w)
{
	size_t	 i;

	for (i = 0; i < MESSAGES_MAX; i++) {
		buf_free(&w->sent[i]);
		buf_free(&w->got[i]);
	}
}

static void
begin(void)
{
	struct span	 salt = span_str("saltsalt"), pw = span_str(PASSWORD);
	int		 i;

	for (i = 0; i < SCRAM_HASHES; i++)
		must(scram_derive(&secrets[i], (enum scram_hash)i, pw, salt,
		    SCRAM_ITERATIONS_MIN) == 0);
	must(sasl_cram_derive(&cram, pw) == 0);
	for (i = 0; i < SASL_MECHS; i++) {
		before[i].mech = (enum sasl_mech)i;
		must(exchange(&before[i]) && !before[i].changed);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static int	 begun;
	struct mutation	 m[MUTATIONS_MAX] = { { 0 } };
	struct span	 in = span_of(data, n);
	struct wire	 w = { .mutations = m };
	uint8_t		 mech;
	int		 both;

	if (!begun++)
		begin();
	if (span_get_u8(&in, &mech) == -1 || span_get_u8(&in, &w.facts) == -1)
		return (0);
	w.mech = (enum sasl_mech)(mech % SASL_MECHS);
	while (w.n < MUTATIONS_MAX && in.n >= 5) {
		(void)span_get_u8(&in, &m[w.n].message);
		(void)span_get_u8(&in, &m[w.n].kind);
		(void)span_get_u16(&in, &m[w.n].at);
		(void)span_get_u8(&in, &m[w.n].value);
		w.n++;
	}
	both = exchange(&w);
	must(!both || (!w.forged && rightly(&w)));
	must(both || w.changed || w.forged || !rightly(&w));
	forget(&w);
	return (0);
}
