/*
 * What we write about a message: the Received field, RFC 5321 section 4.4, and
 * for submissions Date and Message-ID.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "date.h"
#include "msgid.h"
#include "session.h"

static const char	*date_now(time_t);

/* One second's date is the same for all messages in it. */
static const char *
date_now(time_t now)
{
	static char	 text[64];
	static time_t	 of = -1;
	struct tm	 tm;
	struct buf	 b = { (uint8_t *)text, 0, sizeof(text),
			    sizeof(text) - 1, 0 };
	int		 zone = 0;

	if (now == of)
		return (text);
	if (localtime_r(&now, &tm) != NULL)
		zone = (int)(tm.tm_gmtoff / 60);
	if (date_write(&b, now, zone) == -1) {
		b.n = 0;
		b.failed = 0;
		(void)date_write(&b, 0, 0);	/* a clock without a date */
	}
	text[b.n] = '\0';
	of = now;
	return (text);
}

/* RFC 3848, RFC 6531 section 4.3 */
static void
add_protocol(struct buf *b, const struct session *s)
{
	if (s->env.utf8)
		buf_adds(b, "UTF8SMTP");
	else
		buf_adds(b, s->esmtp ? "ESMTP" : "SMTP");
	if (!s->esmtp && !s->env.utf8)
		return;
	if (s->tls)
		buf_addc(b, 'S');
	if (s->account != NULL)
		buf_addc(b, 'A');
}

void
received_write(struct buf *b, const struct session *s)
{
	const struct envelope	*e = &s->env;

	buf_addf(b, "Received: from %s ", s->helo == NULL ? "unknown" :
	    s->helo);
	if (strchr(s->remote, ':') != NULL)
		buf_addf(b, "([IPv6:%s])", s->remote);
	else if (s->remote[0] >= '0' && s->remote[0] <= '9')
		buf_addf(b, "([%s])", s->remote);
	else
		buf_addf(b, "(%s)", s->remote);
	buf_addf(b, "\r\n\tby %s (Letterlock) with ", s->listener->hostname);
	add_protocol(b, s);
	buf_addf(b, " id %s.%u", s->id, s->transactions);
	if (s->tls)
		buf_addf(b, "\r\n\t(%s %s)", s->tls_version, s->tls_cipher);
	/* Nobody learns from it who else got the message. */
	if (e->nrcpts == 1) {
		buf_adds(b, "\r\n\tfor <");
		buf_add_span(b, envelope_span(e, e->rcpts[0].address,
		    e->rcpts[0].address_n));
		buf_addc(b, '>');
	}
	buf_addf(b, ";\r\n\t%s\r\n", date_now(time(NULL)));
}

void
received_add(const struct session *s, struct filter_add *add)
{
	static char	 id[MSGID_MAX + 3];
	struct buf	 b = { (uint8_t *)id, 0, sizeof(id), sizeof(id) - 1,
			    0 };
	uint8_t		 random[16];
	time_t		 now = time(NULL);

	arc4random_buf(random, sizeof(random));
	(void)msgid_write(&b, (uint64_t)now, random, s->listener->hostname);
	id[b.n] = '\0';
	add->date = date_now(now);
	add->message_id = id;
}
