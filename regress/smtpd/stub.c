/*
 * See stub.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "stub.h"

static struct stub *
of(struct session *s)
{
	return (s->arg);
}

static int
waits(struct session *s)
{
	of(s)->asked = s->state;
	return (0);
}

static int
op_file(struct session *s)
{
	if (of(s)->no_file)
		return (-1);
	buf_reset(&of(s)->message);
	return (waits(s));
}

static int
op_write(struct session *s, struct span octets)
{
	struct stub	*st = of(s);

	if (s->written != st->message.n)
		abort();
	if (st->no_room != 0 && st->message.n + octets.n >
	    (size_t)st->no_room)
		return (-1);
	return (buf_add_span(&st->message, octets));
}

static void
op_late(struct session *s)
{
	struct msg_stored	 m = { .result = RESULT_TEMP };

	session_on_stored(s, &m);
}

static void
op_drop(struct session *s)
{
	of(s)->dropped++;
	buf_reset(&of(s)->message);
}

static int
op_auth_start(struct session *s, struct span mech, int has_initial,
    struct span initial)
{
	struct stub	*st = of(s);

	(void)mech;
	if (st->no_auth)
		return (-1);
	st->outcome = !has_initial || span_eqs(initial, "more") ? SASL_MORE :
	    span_eqs(initial, "good") ? SASL_OK : SASL_BAD_CREDENTIALS;
	return (waits(s));
}

static int
op_auth_step(struct session *s, struct span data)
{
	struct stub	*st = of(s);

	st->outcome = span_eqs(data, "more") ? SASL_MORE :
	    span_eqs(data, "good") ? SASL_OK :
	    span_eqs(data, "disabled") ? SASL_DISABLED :
	    span_eqs(data, "enough") ? SASL_TOO_MANY : SASL_BAD_CREDENTIALS;
	return (waits(s));
}

static int
op_auth_abort(struct session *s)
{
	of(s)->outcome = SASL_ABORTED;
	return (waits(s));
}

static void
op_auth_cancel(struct session *s)
{
	(void)s;
}

/* The caller sets what comes of it. */
static int
op_auth_key(struct session *s)
{
	struct stub	*st = of(s);

	if (st->no_auth)
		return (-1);
	st->outcome = st->by_key;
	st->keys++;
	return (waits(s));
}

static const struct session_ops	 ops = { waits, waits, op_file, op_write,
    waits, op_late, op_drop, op_auth_start, op_auth_step, op_auth_abort,
    op_auth_cancel, op_auth_key };

static int
has(const struct buf *b, const char *word)
{
	return (b->n > 0 && memmem(b->p, b->n, word, strlen(word)) != NULL);
}

static void
answer_mail(struct stub *st)
{
	struct envelope		*e = &st->s.env;
	struct msg_result	 m = { .result = RESULT_OK };

	if (span_caseprefix(envelope_span(e, e->from, e->from_n), "foreign"))
		m.result = RESULT_NO;
	session_on_mail(&st->s, &m);
}

static void
answer_rcpt(struct stub *st)
{
	struct envelope		*e = &st->s.env;
	struct rcpt		*r = &e->rcpts[e->nrcpts];
	struct span		 a = envelope_span(e, r->address,
				    r->address_n), host = a;
	struct span		 local;
	struct msg_rcpt		 m = { .name = span_str("account") };
	struct msg_result	 res = { 0 };

	(void)span_split(&host, '@', &local);
	m.local = span_eqs(host, "here.example") ||
	    span_eqs(a, "postmaster");
	m.result = span_caseprefix(a, "temp") ? RESULT_TEMP :
	    m.local && !span_caseprefix(a, "nobody") ? RESULT_OK : RESULT_NO;
	if (session_is_mx(&st->s)) {
		session_on_rcpt(&st->s, &m);
		return;
	}
	res.result = m.result == RESULT_TEMP ? RESULT_TEMP :
	    span_caseprefix(a, "nobody") ? RESULT_NO : RESULT_OK;
	session_on_rcpt_result(&st->s, &res);
}

static void
answer_commit(struct stub *st)
{
	struct envelope		*e = &st->s.env;
	struct msg_stored	 m = { .result = RESULT_OK };
	size_t			 i;

	if (e->nrcpts == 0)
		abort();	/* nobody to have it */
	if (has(&st->message, "REFUSE"))
		m.result = RESULT_NO;
	else if (has(&st->message, "LATER"))
		m.result = RESULT_TEMP;
	else if (has(&st->message, "QUOTA")) {
		m.result = RESULT_NO;
		m.code = 552;
		m.enhanced = span_str("5.2.2");
	}
	if (m.result == RESULT_OK) {
		st->taken++;
		buf_addc(&st->stored, '<');
		buf_add_span(&st->stored, envelope_span(e, e->from,
		    e->from_n));
		buf_addc(&st->stored, '>');
		for (i = 0; i < e->nrcpts; i++) {
			buf_addc(&st->stored, ' ');
			buf_add_span(&st->stored, envelope_span(e,
			    e->rcpts[i].address, e->rcpts[i].address_n));
		}
		buf_adds(&st->stored, "\n");
		buf_add_span(&st->stored, span_buf(&st->message));
	}
	session_on_stored(&st->s, &m);
}

static void
answer_sasl(struct stub *st)
{
	struct msg_sasl	 m = { .outcome = (uint8_t)st->outcome,
			    .account = span_str("alice"),
			    .address = span_str("alice@here.example") };

	session_on_sasl(&st->s, &m);
}

/* What it waits for comes.  0: it does not. */
static int
answer(struct stub *st)
{
	enum session_state	 asked = st->asked;

	st->asked = S_END;
	if (asked != st->s.state && st->s.state != S_DELAY)
		return (0);
	switch (st->s.state) {
	case S_MAIL_WAIT:
		answer_mail(st);
		break;
	case S_RCPT_WAIT:
		answer_rcpt(st);
		break;
	case S_FILE_WAIT:
		session_on_file(&st->s, 0);
		break;
	case S_STORING:
		if (st->late)
			return (0);
		answer_commit(st);
		break;
	case S_AUTH_WAIT:
	case S_KEY_WAIT:
		answer_sasl(st);
		break;
	default:
		return (0);
	}
	return (1);
}

void
stub_init(struct stub *st, enum conf_kind kind, enum conf_tls tls)
{
	static char	 name[] = "mx.here.example";

	log_level(LOG_LEVEL_ERROR);
	memset(st, 0, sizeof(*st));
	st->by_key = SASL_OK;
	st->l.kind = (uint8_t)kind;
	st->l.tls = (uint8_t)tls;
	st->l.cleartext_auth = 1;
	st->l.mechs = 1u << MECH_PLAIN | 1u << MECH_LOGIN |
	    1u << MECH_SCRAM_SHA_256;
	st->l.hostname = name;
	st->l.limits = (struct conf_limits){ .message_size = 10000,
	    .recipients = 5, .commands = 200, .errors = 10, .junk = 20,
	    .line = 512, .timeout = 300, .login_timeout = 180,
	    .data_rate = 500, .login_failures = 3 };
	session_init(&st->s, &ops, st, &st->l, &st->out);
	strcpy(st->s.id, "t");
	strcpy(st->s.remote, "192.0.2.1");
	st->s.can_tls = tls != TLS_OFF;
}

void
stub_key(struct stub *st, int identity)
{
	struct msg_conn_identity	 m = { .identity = (uint8_t)identity };

	st->l.mechs |= 1u << MECH_EXTERNAL;
	st->s.can_tls = 0;
	st->s.tls_version = "TLSv1.3";
	st->s.tls_cipher = "AES";
	session_on_tls(&st->s);
	session_on_identity(&st->s, identity == -1 ? NULL : &m);
}

void
stub_free(struct stub *st)
{
	session_free(&st->s);
	buf_free(&st->out);
	buf_free(&st->message);
	buf_free(&st->stored);
}

void
stub_send(struct stub *st, const void *p, size_t n, size_t piece)
{
	const uint8_t	*at = p;
	struct span	 in;
	struct buf	 held = { 0 };
	size_t		 k;
	enum want	 want = WANT_READ;

	while (!st->closed && n > 0) {
		k = n < piece ? n : piece;
		buf_add(&held, at, k);
		at += k;
		n -= k;
		do {
			in = span_buf(&held);
			want = session_input(&st->s, &in);
			buf_drain(&held, held.n - in.n);
			if (want == WANT_TLS) {
				st->tls_begun = 1;
				buf_reset(&held);
				st->s.tls_version = "TLSv1.3";
				st->s.tls_cipher = "AES";
				session_on_tls(&st->s);
			}
			if (want == WANT_WRITE)
				st->out.n = 0;	/* all of it read */
		} while (want == WANT_TLS || want == WANT_WRITE ||
		    (want == WANT_PEER && answer(st)));
		st->closed = want == WANT_CLOSE;
		if (want == WANT_PEER)
			break;
		if (want == WANT_READ && held.n > 65536)
			abort();	/* it must take long lines away */
	}
	buf_free(&held);
}

void
stub_sends(struct stub *st, const char *s)
{
	stub_send(st, s, strlen(s), strlen(s));
}

const char *
stub_codes(struct stub *st)
{
	static char	 codes[4096];
	struct span	 s = span_buf(&st->out), l;
	size_t		 n = 0;

	codes[0] = '\0';
	while (span_split(&s, '\n', &l) == 1 && n + 8 < sizeof(codes))
		if (l.n >= 4 && l.p[3] == ' ')
			n += (size_t)snprintf(codes + n, sizeof(codes) - n,
			    "%s%.3s", n == 0 ? "" : " ", (const char *)l.p);
	buf_reset(&st->out);
	return (codes);
}
