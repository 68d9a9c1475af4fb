/*
 * Commands that need no mailbox: RFC 3501 section 6.1, RFC 2177 (IDLE), RFC
 * 2342 (NAMESPACE), RFC 2971 (ID), RFC 4978 (COMPRESS), RFC 5161 (ENABLE).
 */
#include <string.h>

#include "imapcap.h"
#include "imapd/cmd.h"
#include "io.h"

#define ID_PAIRS	30	/* RFC 2971 section 3.3 */

void
session_capability(const struct session *s, struct buf *b)
{
	(void)buf_adds(b, "CAPABILITY IMAP4rev1");
	imapcap_write(b, IMAPCAP_AFTER, s->limits.off);
	if (imapcap_on(s->limits.off, "APPENDLIMIT"))
		(void)buf_addf(b, "=%llu", (unsigned long long)s->limits.message);
	if (s->limits.messages != 0)
		(void)buf_addf(b, " MESSAGELIMIT=%u", s->limits.messages);
	else if (s->limits.saves != 0)
		(void)buf_addf(b, " SAVELIMIT=%u", s->limits.saves);
}

enum step
cmd_capability(struct session *s, struct cursor *c)
{
	struct buf	*out = session_out(s);

	if (cur_end(c) == -1)
		return (session_syntax(s, c));
	(void)buf_adds(out, "* ");
	session_capability(s, out);
	(void)buf_adds(out, "\r\n");
	return (session_reply(s, "OK CAPABILITY completed"));
}

/* RFC 4978 section 3: from behind the answer on; COMPRESSIONACTIVE is for other
 * layers. */
enum step
cmd_compress(struct session *s, struct cursor *c)
{
	if (cur_sp(c) == -1 || cur_is(c, "DEFLATE") == -1 || cur_end(c) == -1)
		return (session_syntax(s, c));
	if (s->compress != 0)
		return (session_reply(s, "BAD COMPRESS is on already"));
	s->compress = 1;
	return (session_reply(s, "OK DEFLATE active"));
}

enum step
cmd_noop(struct session *s, struct cursor *c)
{
	if (cur_end(c) == -1)
		return (session_syntax(s, c));
	return (session_reply(s, "OK NOOP completed"));
}

/* What was late is on disk as well. */
enum step
cmd_check(struct session *s, struct cursor *c)
{
	if (cur_end(c) == -1)
		return (session_syntax(s, c));
	session_hold(s, s->seen.view->mb->seq);
	session_hold(s, s->seen.view->mb->late);
	return (session_reply(s, "OK CHECK completed"));
}

enum step
cmd_logout(struct session *s, struct cursor *c)
{
	if (cur_end(c) == -1)
		return (session_syntax(s, c));
	session_unselect(s);
	(void)buf_adds(session_out(s), "* BYE until next time\r\n");
	s->over = 1;
	return (session_reply(s, "OK LOGOUT completed"));
}

/* What belongs before login, RFC 3501 section 6.2: whatever its arguments. */
enum step
cmd_too_late(struct session *s, struct cursor *c)
{
	(void)c;
	return (session_replyf(s, "NO %s: you are logged in already",
	    s->command->name));
}

enum step
cmd_namespace(struct session *s, struct cursor *c)
{
	if (cur_end(c) == -1)
		return (session_syntax(s, c));
	(void)buf_adds(session_out(s),
	    "* NAMESPACE ((\"\" \"/\")) ((\"Other Users/\" \"/\")) NIL\r\n");
	return (session_reply(s, "OK NAMESPACE completed"));
}

/* Taken, bounded, not believed. */
enum step
cmd_id(struct session *s, struct cursor *c)
{
	struct span	 v;
	int		 nil, n;

	if (cur_sp(c) == -1)
		return (session_syntax(s, c));
	if (cur_peek(c) == '(') {
		(void)cur_char(c, '(');
		for (n = 0; cur_peek(c) != ')'; n++)
			if (n == 2 * ID_PAIRS ||
			    (n > 0 && cur_sp(c) == -1) ||
			    cur_nstring(c, &v, &nil) == -1)
				return (session_syntax(s, c));
		(void)cur_char(c, ')');
	} else if (cur_is(c, "NIL") == -1)
		return (session_syntax(s, c));
	if (cur_end(c) == -1)
		return (session_syntax(s, c));
	(void)buf_adds(session_out(s), "* ID (\"name\" \"Letterlock\")\r\n");
	return (session_reply(s, "OK ID completed"));
}

/* A client that has a mailbox open does not know its state yet. */
void
cmd_condstore(struct session *s)
{
	const struct mailbox	*mb;

	if ((s->enabled & ENABLED_CONDSTORE) != 0)
		return;
	s->enabled |= ENABLED_CONDSTORE;
	if (s->state != ST_SELECTED)
		return;
	mb = s->seen.view->mb;
	session_hold_mailbox(s, mb);
	(void)buf_addf(session_out(s), "* OK [HIGHESTMODSEQ %llu] highest\r\n",
	    (unsigned long long)mb->st.modseq);
}

/* What is not known is passed over, RFC 5161 section 3.1. */
enum step
cmd_enable(struct session *s, struct cursor *c)
{
	static const struct {
		const char	*name;
		unsigned	 bit;
	} all[] = {
		{ "CONDSTORE",		ENABLED_CONDSTORE },
		{ "QRESYNC",		ENABLED_QRESYNC },
		{ "UTF8=ACCEPT",	ENABLED_ACCEPT },
		{ "IMAP4rev2",		ENABLED_REV2 },
		{ "UIDONLY",		ENABLED_UIDONLY },
	};
	struct span	 word;
	unsigned	 bits = 0;
	size_t		 i;

	do {
		if (cur_sp(c) == -1 || cur_atom(c, &word) == -1)
			return (session_syntax(s, c));
		for (i = 0; i < nitems(all); i++)
			if (span_caseeqs(word, all[i].name) &&
			    imapcap_on(s->limits.off, all[i].name))
				bits |= all[i].bit;
	} while (cur_peek(c) == ' ');
	if (cur_end(c) == -1)
		return (session_syntax(s, c));
	/* RFC 7162 section 3.2.3 */
	if ((bits & (ENABLED_CONDSTORE | ENABLED_QRESYNC)) != 0)
		cmd_condstore(s);
	s->enabled |= (uint8_t)bits;
	if ((bits & (ENABLED_ACCEPT | ENABLED_REV2)) != 0)
		s->enabled |= ENABLED_UTF8;
	(void)buf_adds(session_out(s), "* ENABLED");
	for (i = 0; i < nitems(all); i++)
		if ((bits & all[i].bit) != 0)
			(void)buf_addf(session_out(s), " %s", all[i].name);
	(void)buf_adds(session_out(s), "\r\n");
	return (session_reply(s, "OK ENABLE completed"));
}

enum step
cmd_idle(struct session *s, struct cursor *c)
{
	if (cur_end(c) == -1)
		return (session_syntax(s, c));
	(void)io_printf(s->io, "+ idling\r\n");
	s->last_out = store_now();
	s->phase = PHASE_IDLE;
	return (STEP_DONE);
}
