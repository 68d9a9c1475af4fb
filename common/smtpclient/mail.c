/*
 * One message: what the server must be able to do for it, transactions with as
 * many recipients as go into one, the body, and who gets which result.
 *
 * A transaction's commands are sent as far as the server allows (all of them
 * with PIPELINING) and its replies are matched in order: awaited and reply_at
 * walk behind sending and send_at over the same recipients.  A recipient that
 * was too many for this transaction (452, 552) is tried in the next one,
 * provided this one took somebody, so there are never more of them than
 * recipients.
 */
#include <stdlib.h>
#include <string.h>

#include "smtpclient_int.h"

#define SLICE		16384	/* octets of one read */
#define SCAN_ROUND	16	/* slices of a step */
#define ENVID_MAX	100	/* RFC 3461 section 4.4 */
#define ORCPT_MAX	500	/* section 4.2 */

static void	 refuse(struct smtpclient *, unsigned, const char *,
		    const char *);
static void	 refuse_rcpt(struct smtpclient_rcpt *, const char *,
		    const char *);
static void	 check_envelope(struct smtpclient *);
static void	 put_notify(struct buf *, unsigned);
static int	 needs_scan(struct smtpclient *);
static int	 able(struct smtpclient *);
static int	 able_utf8(struct smtpclient *);
static void	 next_transaction(struct smtpclient *);
static void	 over(struct smtpclient *);
static void	 put_mail(struct smtpclient *);
static void	 put_rcpt(struct smtpclient *, const struct smtpclient_rcpt *);
static void	 rcpt_reply(struct smtpclient *);
static void	 data_reply(struct smtpclient *);
static int	 too_many(const struct smtpreply *);
static void	 settle(struct smtpclient *);
static struct smtpclient_rcpt	*next_now(struct smtpclient *, size_t *);
static ssize_t	 read_body(struct smtpclient *, uint64_t, uint8_t *, size_t);

/* ---- before it begins ---------------------------------------------------- */

/* The whole message, for good. */
static void
refuse(struct smtpclient *c, unsigned code, const char *enhanced,
    const char *text)
{
	struct smtpclient_result	 r = { 0 };

	smtpclient_result_set(&r, SMTPCLIENT_PERM, code, enhanced, text);
	smtpclient_result_all(c, &r);
	free(r.text);
}

static void
refuse_rcpt(struct smtpclient_rcpt *p, const char *enhanced, const char *text)
{
	smtpclient_result_set(&p->result, SMTPCLIENT_PERM, 0, enhanced, text);
	p->progress = R_OVER;
}

/* Up to n octets that must be there; failing is the end of the session. */
static ssize_t
read_body(struct smtpclient *c, uint64_t off, uint8_t *p, size_t n)
{
	ssize_t	 got;

	if (n > c->msg->size - off)
		n = (size_t)(c->msg->size - off);
	got = c->msg->read(c->msg->arg, off, p, n);
	if (got > 0 && (size_t)got <= n)
		return (got);
	smtpclient_fail(c, SMTPCLIENT_FAIL_LOCAL, "4.3.0",
	    "the message cannot be read");
	return (-1);
}

/* Does anything depend on what the message consists of? */
static int
needs_scan(struct smtpclient *c)
{
	const struct smtpclient_message	*m = c->msg;

	if (m->utf8 && (c->ext & SMTPCLIENT_SMTPUTF8) == 0)
		return (1);
	switch (m->body) {
	case SMTPCLIENT_8BIT:
		return ((c->ext & SMTPCLIENT_8BITMIME) == 0);
	case SMTPCLIENT_BINARY:
		return (!c->use_bdat);
	default:
		return (1);
	}
}

/* Addresses beyond ASCII, RFC 6531 section 3.1. */
static int
able_utf8(struct smtpclient *c)
{
	struct smtpclient_message	*m = c->msg;
	int				 can, from8 = !scan_ascii(m->from);
	size_t				 i;

	can = (c->ext & SMTPCLIENT_SMTPUTF8) != 0;
	c->use_utf8 = can && (m->utf8 || from8);
	if (!can && (from8 || (m->utf8 && c->scan.header8))) {
		refuse(c, 0, "5.6.7", "the next server takes no "
		    "internationalized mail (SMTPUTF8)");
		return (0);
	}
	for (i = 0; i < m->nrcpts; i++) {
		if (m->rcpts[i].progress == R_OVER ||
		    scan_ascii(m->rcpts[i].address))
			continue;
		if (can)
			c->use_utf8 = 1;
		else
			refuse_rcpt(&m->rcpts[i], "5.6.7", "the next server "
			    "takes no internationalized addresses (SMTPUTF8)");
	}
	return (1);
}

/* Can this server take it?  Everything but the size of a line is known. */
static int
able(struct smtpclient *c)
{
	int	 eight = c->msg->body == SMTPCLIENT_8BIT || c->scan.any8;

	if (!able_utf8(c))
		return (0);
	if (c->msg->body == SMTPCLIENT_BINARY && !c->use_bdat) {
		if (c->scan.binary) {
			refuse(c, 0, "5.6.3",
			    "the next server takes no binary mail");
			return (0);
		}
		eight = c->scan.any8;
	}
	if (c->msg->body == SMTPCLIENT_8BIT &&
	    (c->ext & SMTPCLIENT_8BITMIME) == 0)
		eight = c->scan.any8;
	if (eight && !c->use_bdat && (c->ext & SMTPCLIENT_8BITMIME) == 0) {
		refuse(c, 0, "5.6.3", "the next server takes no 8-bit mail");
		return (0);
	}
	c->use_8bit = eight;
	return (1);
}

/* What is known without looking at the message. */
static void
check_envelope(struct smtpclient *c)
{
	struct smtpclient_message	*m = c->msg;
	size_t				 i;

	if (scan_address(m->from) == -1)
		refuse(c, 0, "5.1.7", "malformed sender address");
	else if (m->requiretls &&
	    (!c->tls || (c->ext & SMTPCLIENT_REQUIRETLS) == 0))
		refuse(c, 554, "5.7.30", "the next server does not support "
		    "REQUIRETLS, which the sender asked for");
	else if (c->size_max != 0 && m->size > c->size_max)
		refuse(c, 0, "5.3.4", "the message is larger than the next "
		    "server allows");
	for (i = 0; i < m->nrcpts; i++)
		if (m->rcpts[i].progress != R_OVER &&
		    (m->rcpts[i].address.n == 0 ||
		    scan_address(m->rcpts[i].address) == -1))
			refuse_rcpt(&m->rcpts[i], "5.1.3",
			    "malformed recipient address");
}

void
mail_begin(struct smtpclient *c)
{
	memset(&c->scan, 0, sizeof(c->scan));
	c->use_utf8 = c->use_8bit = c->answered = 0;
	c->use_bdat = c->msg->body == SMTPCLIENT_BINARY &&
	    (c->ext & SMTPCLIENT_CHUNKING) != 0 &&
	    (c->ext & SMTPCLIENT_BINARYMIME) != 0;
	check_envelope(c);
}

/* S_SCAN: a slice, or on to the first transaction. */
void
mail_send_scan(struct smtpclient *c)
{
	uint8_t	 slice[SLICE];
	ssize_t	 n;
	int	 i;

	if (needs_scan(c)) {
		for (i = 0; i < SCAN_ROUND && c->scan.off < c->msg->size; i++) {
			n = read_body(c, c->scan.off, slice, sizeof(slice));
			if (n == -1)
				return;
			scan_octets(&c->scan, span_of(slice, (size_t)n));
			c->scan.off += (uint64_t)n;
		}
		if (c->scan.off < c->msg->size)
			return;
		if (c->scan.cr)
			c->scan.binary = 1;
	}
	(void)able(c);
	next_transaction(c);
}

/* ---- transactions -------------------------------------------------------- */

/* Recipients for the next one; none: the message is over. */
static void
next_transaction(struct smtpclient *c)
{
	struct smtpclient_message	*m = c->msg;
	size_t				 i, start = c->out->n;
	unsigned			 n = 0, max = c->set.rcpts;

	if (c->rcpt_max != 0 && c->rcpt_max < max)
		max = c->rcpt_max;
	for (i = 0; i < m->nrcpts && n < max; i++)
		if (m->rcpts[i].progress == R_NEW) {
			m->rcpts[i].progress = R_NOW;
			n++;
		}
	if (n == 0) {
		c->msg = NULL;
		smtpclient_enter(c, S_READY);
		return;
	}
	if (c->mail_max != 0 && c->mails >= c->mail_max) {
		smtpclient_fail(c, SMTPCLIENT_FAIL_CLOSED, "4.5.3",
		    "the server takes no more messages in one session");
		return;
	}
	c->sending = c->awaited = P_MAIL;
	c->send_at = c->reply_at = 0;
	c->open = c->taken = 0;
	c->mail_ok = c->discard = 0;
	c->off = 0;
	memset(&c->dots, 0, sizeof(c->dots));
	c->mails++;
	smtpclient_enter(c, S_ENVELOPE);
	if (!c->need_rset)
		return;
	buf_adds(c->out, "RSET");
	smtpclient_line(c, start, 0);
	smtpclient_enter(c, S_RSET);
}

void
mail_rset(struct smtpclient *c)
{
	c->need_rset = 0;
	if (c->reply.code / 100 != 2)
		smtpclient_fail_reply(c, SMTPCLIENT_FAIL_HELLO);
	else
		smtpclient_enter(c, S_ENVELOPE);
}

/* All its replies are here. */
static void
over(struct smtpclient *c)
{
	struct smtpclient_message	*m = c->msg;
	size_t				 i;

	for (i = 0; i < m->nrcpts; i++)
		if (m->rcpts[i].progress == R_NOW)
			m->rcpts[i].progress = R_NEW;
	next_transaction(c);
}

/* The next recipient of this transaction from *at on; NULL: no more. */
static struct smtpclient_rcpt *
next_now(struct smtpclient *c, size_t *at)
{
	struct smtpclient_rcpt	*p;

	while (*at < c->msg->nrcpts) {
		p = &c->msg->rcpts[(*at)++];
		if (p->progress == R_NOW)
			return (p);
	}
	return (NULL);
}

static void
put_mail(struct smtpclient *c)
{
	static const char *const	 ret[] = { "", " RET=FULL",
					    " RET=HDRS" };
	struct smtpclient_message	*m = c->msg;
	size_t				 start = c->out->n;

	buf_adds(c->out, "MAIL FROM:<");
	buf_add_span(c->out, m->from);
	buf_addc(c->out, '>');
	if ((c->ext & SMTPCLIENT_SIZE) != 0 && m->size > 0)
		buf_addf(c->out, " SIZE=%llu", (unsigned long long)m->size);
	if (c->use_bdat)
		buf_adds(c->out, " BODY=BINARYMIME");
	else if (c->use_8bit)
		buf_adds(c->out, " BODY=8BITMIME");
	if (c->use_utf8)
		buf_adds(c->out, " SMTPUTF8");
	if (m->requiretls)
		buf_adds(c->out, " REQUIRETLS");
	if ((c->ext & SMTPCLIENT_DSN) != 0) {
		buf_adds(c->out, ret[m->ret < nitems(ret) ? m->ret : 0]);
		if (m->envid.n > 0 && scan_xtext(m->envid, ENVID_MAX, 0) == 0) {
			buf_adds(c->out, " ENVID=");
			buf_add_span(c->out, m->envid);
		}
	}
	smtpclient_line(c, start, 0);
}

static void
put_notify(struct buf *b, unsigned notify)
{
	static const struct {
		unsigned	 bit;
		const char	*name;
	} names[] = {
		{ SMTPCLIENT_NOTIFY_SUCCESS,	"SUCCESS" },
		{ SMTPCLIENT_NOTIFY_FAILURE,	"FAILURE" },
		{ SMTPCLIENT_NOTIFY_DELAY,	"DELAY" },
	};
	const char	*sep = "";
	size_t		 i;

	buf_adds(b, " NOTIFY=");
	if ((notify & SMTPCLIENT_NOTIFY_NEVER) != 0) {
		buf_adds(b, "NEVER");
		return;
	}
	for (i = 0; i < nitems(names); i++) {
		if ((notify & names[i].bit) == 0)
			continue;
		buf_addf(b, "%s%s", sep, names[i].name);
		sep = ",";
	}
}

static void
put_rcpt(struct smtpclient *c, const struct smtpclient_rcpt *p)
{
	size_t	 start = c->out->n;

	buf_adds(c->out, "RCPT TO:<");
	buf_add_span(c->out, p->address);
	buf_addc(c->out, '>');
	if ((c->ext & SMTPCLIENT_DSN) != 0) {
		if ((p->notify & 0x0f) != 0)
			put_notify(c->out, p->notify);
		if (p->orcpt.n > 0 &&
		    scan_xtext(p->orcpt, ORCPT_MAX, c->use_utf8) == 0) {
			buf_adds(c->out, " ORCPT=");
			buf_add_span(c->out, p->orcpt);
		}
	}
	smtpclient_line(c, start, 0);
}

/* S_ENVELOPE: as many commands as may be sent. */
void
mail_send_envelope(struct smtpclient *c)
{
	struct smtpclient_rcpt	*p;
	size_t			 start;

	while (c->sending != P_OVER && c->out->n < c->set.out_high) {
		if (c->open > 0 && ((c->ext & SMTPCLIENT_PIPELINING) == 0 ||
		    (c->sending == P_DATA && c->use_bdat)))
			return;
		if (c->sending == P_MAIL) {
			put_mail(c);
			c->sending = P_RCPT;
		} else if (c->sending == P_RCPT) {
			if ((p = next_now(c, &c->send_at)) == NULL) {
				c->sending = P_DATA;
				continue;
			}
			put_rcpt(c, p);
		} else if (c->open == 0 && c->taken == 0) {
			over(c);	/* nobody to send it to */
			return;
		} else if (c->use_bdat) {
			smtpclient_enter(c, S_CHUNKS);
			return;
		} else {
			start = c->out->n;
			buf_adds(c->out, "DATA");
			smtpclient_line(c, start, 0);
			c->sending = P_OVER;
		}
		c->open++;
	}
}

/* ---- replies ------------------------------------------------------------- */

/* Too many for one transaction, RFC 5321 section 4.5.3.1.10. */
static int
too_many(const struct smtpreply *r)
{
	const char	*e = r->enhanced;

	if (r->code == 452)
		return (1);
	/* What RFC 821 said; but not a full mailbox, nor a large message. */
	return (r->code == 552 && strncmp(e, "5.2.", 4) != 0 &&
	    strcmp(e, "5.3.4") != 0);
}

static void
rcpt_reply(struct smtpclient *c)
{
	struct smtpclient_rcpt	*p = next_now(c, &c->reply_at);

	if (p == NULL || !c->mail_ok)
		return;
	if (c->reply.code / 100 == 2) {
		p->progress = R_TAKEN;
		c->taken++;
	} else if (c->taken > 0 && too_many(&c->reply)) {
		;		/* stays R_NOW: the next transaction's */
	} else {
		smtpclient_result_reply(&p->result, &c->reply);
		if (too_many(&c->reply))
			p->result.outcome = SMTPCLIENT_TEMP;
		p->progress = R_OVER;
	}
}

/* One result for everybody that has none: of MAIL, DATA, the end of data. */
static void
settle(struct smtpclient *c)
{
	struct smtpclient_result	 r = { 0 };
	struct smtpclient_rcpt		*p;
	size_t				 i;

	smtpclient_result_reply(&r, &c->reply);
	if (r.outcome != SMTPCLIENT_OK) {
		smtpclient_result_all(c, &r);
		free(r.text);
		return;
	}
	for (i = 0; i < c->msg->nrcpts; i++) {
		p = &c->msg->rcpts[i];
		if (p->progress != R_TAKEN)
			continue;
		smtpclient_result_set(&p->result, r.outcome, r.code,
		    r.enhanced, r.text == NULL ? "" : r.text);
		p->progress = R_OVER;
	}
	free(r.text);
}

static void
data_reply(struct smtpclient *c)
{
	if (c->reply.code == 354) {
		/* It wants it although nobody is left: nothing, then. */
		c->discard = c->taken == 0;
		if (c->discard && c->set.lmtp) {
			/* No reply would follow: RFC 2033 forbids it. */
			smtpclient_fail_reply(c, SMTPCLIENT_FAIL_PROTOCOL);
			return;
		}
		smtpclient_enter(c, c->discard ? S_FINAL : S_BODY);
		if (c->discard)
			buf_adds(c->out, ".\r\n");
		return;
	}
	if (c->reply.code / 100 < 4) {
		smtpclient_fail_reply(c, SMTPCLIENT_FAIL_PROTOCOL);
		return;
	}
	c->need_rset = c->mail_ok;
	if (c->taken > 0)
		settle(c);
	over(c);
}

void
mail_envelope(struct smtpclient *c)
{
	if (c->open == 0) {		/* nothing was asked */
		smtpclient_fail_reply(c, SMTPCLIENT_FAIL_CLOSED);
		return;
	}
	c->open--;
	if (c->awaited == P_MAIL) {
		c->awaited = P_RCPT;
		c->mail_ok = c->reply.code / 100 == 2;
		c->need_rset = c->mail_ok;
		c->answered = 1;
		if (c->mail_ok)
			return;
		settle(c);
		/* Without pipelining this is all. */
		if (c->open == 0 && c->sending != P_OVER)
			over(c);
		return;
	}
	if (c->open == 0 && c->sending == P_OVER)
		data_reply(c);
	else
		rcpt_reply(c);
}

/* S_BODY: who answers before the end is refusing, and out of step. */
void
mail_body_reply(struct smtpclient *c)
{
	smtpclient_fail_reply(c, SMTPCLIENT_FAIL_CLOSED);
}

/* RFC 2033 section 4.2: one reply for each recipient that was taken, in their
 * order; none where none was. */
static void
final_lmtp(struct smtpclient *c)
{
	struct smtpclient_rcpt	*p;
	size_t			 i;

	for (i = 0; i < c->msg->nrcpts &&
	    c->msg->rcpts[i].progress != R_TAKEN; i++)
		continue;
	if (i == c->msg->nrcpts) {
		smtpclient_fail_reply(c, SMTPCLIENT_FAIL_PROTOCOL);
		return;
	}
	p = &c->msg->rcpts[i];
	smtpclient_result_reply(&p->result, &c->reply);
	p->progress = R_OVER;
	if (--c->taken == 0)
		over(c);
}

void
mail_final(struct smtpclient *c)
{
	c->need_rset = 0;
	if (c->reply.code / 100 == 3) {
		smtpclient_fail_reply(c, SMTPCLIENT_FAIL_PROTOCOL);
		return;
	}
	if (c->set.lmtp) {
		final_lmtp(c);
		return;
	}
	if (!c->discard)
		settle(c);
	over(c);
}

/* ---- the body ------------------------------------------------------------ */

void
mail_send_body(struct smtpclient *c)
{
	uint8_t	 slice[SLICE];
	ssize_t	 n;

	while (c->off < c->msg->size) {
		if (c->out->n >= c->set.out_high)
			return;
		if ((n = read_body(c, c->off, slice, sizeof(slice))) == -1)
			return;
		smtpclient_dots(&c->dots, span_of(slice, (size_t)n), c->out);
		c->off += (uint64_t)n;
	}
	smtpclient_dots_end(&c->dots, c->out);
	smtpclient_enter(c, S_FINAL);
}

/* BDAT, RFC 3030 section 2: as it is, in chunks. */
void
mail_send_chunks(struct smtpclient *c)
{
	uint8_t	 slice[SLICE];
	size_t	 start;
	ssize_t	 n;

	while (c->sending != P_OVER && c->out->n < c->set.out_high) {
		if (c->open > 0 && (c->ext & SMTPCLIENT_PIPELINING) == 0)
			return;
		n = 0;
		if (c->msg->size > 0 &&
		    (n = read_body(c, c->off, slice, sizeof(slice))) == -1)
			return;
		c->off += (uint64_t)n;
		start = c->out->n;
		buf_addf(c->out, "BDAT %zd%s", n,
		    c->off == c->msg->size ? " LAST" : "");
		smtpclient_line(c, start, 0);
		buf_add(c->out, slice, (size_t)n);
		c->open++;
		if (c->off == c->msg->size)
			c->sending = P_OVER;
	}
}

void
mail_chunk(struct smtpclient *c)
{
	if (c->open == 0) {
		smtpclient_fail_reply(c, SMTPCLIENT_FAIL_CLOSED);
		return;
	}
	c->open--;
	if (c->reply.code / 100 == 3) {
		smtpclient_fail_reply(c, SMTPCLIENT_FAIL_PROTOCOL);
		return;
	}
	if (c->reply.code / 100 != 2) {
		/* Refused: no more of it, and the rest of the replies. */
		if (!c->discard)
			settle(c);
		c->discard = 1;
		c->need_rset = 1;
		c->sending = P_OVER;
	}
	if (c->open > 0 || c->sending != P_OVER)
		return;
	if (!c->discard) {
		c->need_rset = 0;
		settle(c);
	}
	over(c);
}
