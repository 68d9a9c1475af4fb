/*
 * SASL logins of the engines: the mechanism is chosen when the server offers,
 * with what the connection is at that moment.
 */
#include <stdio.h>
#include <string.h>

#include "netclient_int.h"

enum answer { SEND, SEND_EMPTY, ABORT };

static enum answer	 broken(struct netlogin *, const char *);
static enum answer	 go_on(struct netlogin *, const struct span *,
			    struct buf *);
static enum answer	 offer(struct netlogin *, struct span, struct buf *,
			    struct buf *);
static enum answer	 done(struct netlogin *);
static void		 refused(struct netlogin *, struct span);

static enum answer
broken(struct netlogin *l, const char *text)
{
	snprintf(l->text, sizeof(l->text), "%s", text);
	l->error = l->text;
	return (ABORT);
}

/* Advance by a challenge, NULL the first time. */
static enum answer
go_on(struct netlogin *l, const struct span *in, struct buf *out)
{
	struct sasl_reply	 r;
	enum sasl_step		 st;

	st = sasl_client_step(l->sasl, in, &r);
	if (st == SASL_STEP_WORK) {
		sasl_client_work(l->sasl);
		st = sasl_client_step(l->sasl, NULL, &r);
	}
	if (st != SASL_STEP_MORE)
		return (broken(l, sasl_client_error(l->sasl)));
	/* in one piece: growing would leave a password behind */
	(void)buf_reserve(out, r.data.n + 1);
	buf_add_span(out, r.data);
	return (r.present && r.data.n == 0 ? SEND_EMPTY : SEND);
}

static enum answer
offer(struct netlogin *l, struct span list, struct buf *mech, struct buf *out)
{
	uint32_t	 bits = sasl_mechs_parse(list);
	int		 missed;

	netlogin_clear(l);
	netclient_sasl(l->net, &l->who);
	l->used = sasl_choose(&l->who, bits, l->order, l->norder, SASL_MECHS);
	if (l->used == SASL_MECHS)
		return (broken(l, l->who.key && l->who.password.n == 0 ?
		    "the server does not know the key (it offers no EXTERNAL)" :
		    "no mechanism that the server offers can be used here"));
	missed = sasl_missed_plus(&l->who, l->used, bits, l->order, l->norder);
	l->sasl = sasl_client_new(l->used, &l->who, missed);
	if (l->sasl == NULL)
		return (broken(l, "name or password cannot be sent by this "
		    "mechanism"));
	buf_adds(mech, sasl_mech_names[l->used]);
	return (go_on(l, NULL, out));
}

static enum answer
done(struct netlogin *l)
{
	if (l->error != NULL)	/* it cannot have succeeded */
		return (ABORT);
	if (l->sasl == NULL || sasl_client_success(l->sasl) == -1)
		return (broken(l, l->sasl == NULL ? "no exchange" :
		    sasl_client_error(l->sasl)));
	return (SEND);
}

/* What we found wrong ourselves says more. */
static void
refused(struct netlogin *l, struct span text)
{
	struct buf	 b = { .max = sizeof(l->text) };

	if (l->error != NULL)
		return;
	if (text.n > sizeof(l->text) / 4 - 1)
		text.n = sizeof(l->text) / 4 - 1;
	buf_add_escaped(&b, text);
	(void)broken(l, b.n == 0 ? "refused" : buf_cstr(&b));
	buf_free(&b);
}

void
netlogin_clear(struct netlogin *l)
{
	sasl_client_free(l->sasl);
	l->sasl = NULL;
	l->used = SASL_MECHS;
	l->error = NULL;
}

enum smtpclient_sasl_answer
netlogin_smtp(void *arg, enum smtpclient_sasl_event ev, struct span data,
    struct buf *mech, struct buf *out)
{
	struct netlogin	*l = arg;
	enum answer	 a = SEND;

	if (ev == SMTPCLIENT_SASL_OFFER)
		a = offer(l, data, mech, out);
	else if (ev == SMTPCLIENT_SASL_CHALLENGE)
		a = l->sasl == NULL ? ABORT : go_on(l, &data, out);
	else if (ev == SMTPCLIENT_SASL_DONE)
		a = done(l);
	else
		refused(l, data);
	if (a == ABORT)
		return (SMTPCLIENT_SASL_ABORT);
	return (a == SEND_EMPTY ? SMTPCLIENT_SASL_SEND_EMPTY :
	    SMTPCLIENT_SASL_SEND);
}

enum imapclient_sasl_answer
netlogin_imap(void *arg, enum imapclient_sasl_event ev, struct span data,
    struct buf *mech, struct buf *out)
{
	struct netlogin	*l = arg;
	enum answer	 a = SEND;

	if (ev == IMAPCLIENT_SASL_OFFER)
		a = offer(l, data, mech, out);
	else if (ev == IMAPCLIENT_SASL_CHALLENGE)
		a = l->sasl == NULL ? ABORT : go_on(l, &data, out);
	else if (ev == IMAPCLIENT_SASL_DONE)
		a = done(l);
	else
		refused(l, data);
	if (a == ABORT)
		return (IMAPCLIENT_SASL_ABORT);
	return (a == SEND_EMPTY ? IMAPCLIENT_SASL_SEND_EMPTY :
	    IMAPCLIENT_SASL_SEND);
}
