/*
 * DATA and BDAT (RFC 3030): the message, straight to a file.
 */
#include <string.h>

#include "log.h"
#include "session.h"

#define SLICE	65536		/* octets taken at once */

static int	 begin(struct session *);
static void	 take(struct session *, struct buf *);
static void	 finished(struct session *);
static void	 skip_chunk(struct session *, uint64_t, int, const char *,
		    const char *);
static int	 chunk_size(struct session *, struct span);
static int	 data_octets(struct session *, struct span *);
static int	 chunk_octets(struct session *, struct span *);

/*
 * Octets on their way from a client to a file: within one call of data_input()
 * alone, so one for all sessions.
 */
static struct buf	 incoming, outgoing;

/* ---- beginning ---------------------------------------------------------- */

static int
begin(struct session *s)
{
	receive_begin(&s->rx);
	filter_begin(&s->filter, !session_is_mx(s));
	s->written = 0;
	s->full = s->too_big = 0;
	session_enter(s, S_FILE_WAIT, "data");
	return (s->ops->file(s));
}

void
cmd_data(struct session *s, struct span arg)
{
	if (s->state == S_START)
		session_reply(s, 503, "5.5.1", "EHLO first");
	else if (!session_may_send(s))
		return;
	else if (arg.n > 0)
		session_reply(s, 501, "5.5.4", "DATA takes no argument");
	else if (s->state == S_CHUNKS)
		session_reply(s, 503, "5.5.1", "not within BDAT");
	else if (s->state == S_MAIL && s->env.tried > 0)
		session_reply(s, 554, "5.5.1", "no valid recipients");
	else if (s->state != S_RCPT)
		session_reply(s, 503, "5.5.1", s->state == S_MAIL ?
		    "RCPT first" : "MAIL first");
	else if (s->env.body == 2)
		/* RFC 3030 section 3 */
		session_reply(s, 503, "5.5.1", "BINARYMIME needs BDAT");
	else if (s->more && session_is_mx(s)) {
		log_info("%s: %s: octets follow DATA", s->id, s->remote);
		session_refuse(s, 554, "5.5.0", "wait for the reply");
	} else {
		s->chunked = 0;
		if (begin(s) == -1)
			session_on_file(s, -1);
	}
}

/* A chunk is there whatever becomes of it: its octets are no commands. */
static void
skip_chunk(struct session *s, uint64_t n, int code, const char *enhanced,
    const char *text)
{
	/* Not to be swallowed for ever. */
	if (n > s->listener->limits.message_size * 2 + SLICE) {
		session_reply(s, code, enhanced, "%s", text);
		if (s->state != S_END)
			session_enter(s, S_END, "chunk too large to skip");
		return;
	}
	s->chunk = n;
	s->skip_code = (uint16_t)code;
	s->skip_enhanced = enhanced;
	s->skip_text = text;
	s->skip_back = (uint8_t)s->state;
	session_enter(s, S_SKIP, text);
}

/* "size [LAST]"; -1: malformed, the session is over. */
static int
chunk_size(struct session *s, struct span arg)
{
	struct span	 size;

	s->last = 0;
	arg = span_trim(arg);
	if (span_split(&arg, ' ', &size) == 1) {
		arg = span_trim(arg);
		s->last = span_caseeqs(arg, "LAST");
		if (!s->last)
			size.n = 0;
	}
	if (span_num(size, INT64_MAX, &s->chunk) == 0)
		return (0);
	/* How many octets are not commands?  Nobody knows. */
	session_reply(s, 501, "5.5.4", "BDAT size [LAST]");
	if (s->state != S_END)
		session_enter(s, S_END, "malformed BDAT");
	return (-1);
}

void
cmd_bdat(struct session *s, struct span arg)
{
	const struct conf_limits	*lim = &s->listener->limits;

	if (chunk_size(s, arg) == -1)
		return;
	if (s->state != S_START && !session_is_mx(s) && s->account == NULL &&
	    !s->client_key)
		skip_chunk(s, s->chunk, 530, "5.7.0", "log in first");
	else if (s->state == S_START || s->state == S_READY)
		skip_chunk(s, s->chunk, 503, "5.5.1",
		    s->state == S_START ? "EHLO first" : "MAIL first");
	else if (s->state == S_MAIL)
		skip_chunk(s, s->chunk, s->env.tried > 0 ? 554 : 503,
		    "5.5.1", s->env.tried > 0 ? "no valid recipients" :
		    "RCPT first");
	else if (s->chunk > lim->message_size || (s->state == S_CHUNKS &&
	    s->rx.size + s->chunk > lim->message_size)) {
		session_reset(s, "too large");
		skip_chunk(s, s->chunk, 552, "5.3.4",
		    "message too large");
	} else if (s->state == S_CHUNKS)
		session_enter(s, S_CHUNK, "BDAT");
	else {
		s->chunked = 1;
		if (begin(s) == -1)
			session_on_file(s, -1);
	}
}

void
session_on_file(struct session *s, int rc)
{
	int	 chunked;

	if (s->state != S_FILE_WAIT)
		return;
	if (rc == 0) {
		s->has_file = 1;
		session_enter(s, s->chunked ? S_CHUNK : S_DATA, "a file");
		if (!s->chunked)
			session_say(s, 354, NULL, "go ahead, end with a dot");
		return;
	}
	chunked = s->chunked;
	session_reset(s, "no file");
	if (chunked)
		skip_chunk(s, s->chunk, 452, "4.3.1",
		    "no room now, try again later");
	else
		session_say(s, 452, "4.3.1", "no room now, try again later");
}

/* ---- octets ------------------------------------------------------------- */

/* What a client sent, decoded, is in incoming: to the file, if it is wanted. */
static void
take(struct session *s, struct buf *in)
{
	struct filter_add	 add = { 0 };
	struct buf		*out = &outgoing;
	int			 edit = !session_is_mx(s);

	if (s->rx.size > s->listener->limits.message_size)
		s->too_big = 1;
	if (s->too_big || s->full)
		return;
	buf_reset(out);
	if (s->filter.body && !edit) {
		out = in;
	} else {
		if (!edit && s->written == 0)
			received_write(out, s);
		if (edit)
			received_add(s, &add);
		if (filter_feed(&s->filter, span_buf(in), out, &add) == -1)
			s->full = 1;
		if (!edit)
			buf_add_span(out, span_buf(in));
	}
	if (buf_failed(out) || s->full) {
		s->full = 1;
		return;
	}
	if (out->n > 0 && s->ops->write(s, span_buf(out)) == -1)
		s->full = 1;
	s->written += out->n;
}

/* The last octet is there. */
static void
finished(struct session *s)
{
	struct filter_add	 add = { 0 };

	buf_reset(&incoming);
	if (s->written == 0)
		take(s, &incoming);	/* an empty message */
	if (!session_is_mx(s))
		received_add(s, &add);
	buf_reset(&outgoing);
	if (!s->full && !s->too_big && filter_end(&s->filter, &outgoing,
	    &add) == 0 && outgoing.n > 0) {
		if (s->ops->write(s, span_buf(&outgoing)) == -1)
			s->full = 1;
		s->written += outgoing.n;
	}
	if (s->rx.dirty && s->env.body != 2) {
		log_info("%s: %s: bare CR, LF or NUL in a message", s->id,
		    s->remote);
		session_reset(s, "bare octets");
		session_reply(s, 550, s->chunked ? "5.6.0" : "5.5.2",
		    "bare CR, bare LF or NUL in the message");
		if (s->state != S_END)
			session_enter(s, S_END, "bare octets");
	} else if (s->too_big) {
		session_reset(s, "too large");
		session_reply(s, 552, "5.3.4", "message too large");
	} else if (s->full) {
		session_reset(s, "no room");
		session_say(s, 452, "4.3.1", "no room now, try again later");
	} else if (s->filter.received > SESSION_HOPS) {
		log_info("%s: %s: message loops", s->id, s->remote);
		session_reset(s, "loop");
		session_reply(s, 554, "5.4.6", "received too often: a loop");
	} else {
		session_enter(s, S_STORING, "whole");
		if (s->ops->commit(s) == -1) {
			session_reset(s, "nobody takes it");
			session_say(s, 451, "4.3.0", "try again later");
		}
	}
}

static int
data_octets(struct session *s, struct span *in)
{
	struct span	 slice;
	int		 rc;

	while (in->n > 0) {
		slice = span_of(in->p, in->n > SLICE ? SLICE : in->n);
		in->p += slice.n;
		in->n -= slice.n;
		buf_reset(&incoming);
		rc = receive_data(&s->rx, &slice, &incoming);
		in->p -= slice.n;	/* what follows the end */
		in->n += slice.n;
		if (rc == -1)
			s->full = 1;
		if (incoming.n > 0)
			take(s, &incoming);
		if (rc == 1) {
			finished(s);
			return (1);
		}
	}
	return (0);
}

static void
chunk_done(struct session *s, int more)
{
	if (!s->last) {
		if (s->full) {
			session_reset(s, "no room");
			session_say(s, 452, "4.3.1",
			    "no room now, try again later");
			return;
		}
		session_enter(s, S_CHUNKS, "chunk");
		session_say(s, 250, "2.0.0", "chunk taken");
		return;
	}
	if (more && session_is_mx(s)) {
		session_reset(s, "octets follow");
		session_refuse(s, 554, "5.5.0", "wait for the reply");
		return;
	}
	receive_chunks_end(&s->rx);
	finished(s);
}

static int
chunk_octets(struct session *s, struct span *in)
{
	struct span	 slice;
	size_t		 n;

	while (in->n > 0 && s->chunk > 0) {
		n = in->n > SLICE ? SLICE : in->n;
		if (n > s->chunk)
			n = (size_t)s->chunk;
		(void)span_take(in, n, &slice);
		s->chunk -= n;
		if (s->state == S_SKIP)
			continue;
		buf_reset(&incoming);
		if (receive_chunk(&s->rx, slice, &incoming) == -1)
			s->full = 1;
		take(s, &incoming);
	}
	if (s->chunk > 0)
		return (0);
	if (s->state == S_CHUNK) {
		chunk_done(s, in->n > 0);
		return (1);
	}
	session_enter(s, (enum session_state)s->skip_back, "skipped");
	session_reply(s, s->skip_code, s->skip_enhanced, "%s", s->skip_text);
	return (1);
}

int
data_input(struct session *s, struct span *in)
{
	int	 rc;

	rc = s->state == S_DATA ? data_octets(s, in) : chunk_octets(s, in);
	/* One large message must not leave its room to all that follow. */
	if (incoming.cap > 2 * SLICE)
		buf_freezero(&incoming);
	if (outgoing.cap > 2 * SLICE)
		buf_freezero(&outgoing);
	return (rc);
}

/* ---- the end ------------------------------------------------------------ */

void
session_on_stored(struct session *s, const struct msg_stored *m)
{
	if (s->state != S_STORING)
		return;
	/* The file is theirs now, whatever they answered. */
	s->has_file = 0;
	s->env.has_from = 0;
	if (m->result == RESULT_OK) {
		s->accepted++;
		s->commands = s->errors = s->junk = s->over = 0;
	}
	session_reset(s, m->result == RESULT_OK ? "stored" : "not stored");
	if (m->result == RESULT_OK)
		session_say(s, 250, "2.0.0", "%s accepted, %s.%u",
		    m->queueid.n > 0 ? log_esc(m->queueid) : "message",
		    s->id, s->transactions);
	else
		session_reply_result(s, m->result, m->code, m->enhanced,
		    m->text, m->result == RESULT_NO ? "refused" :
		    "try again later");
	if (s->close_after && s->state != S_END)
		session_end(s, "4.3.2", "shutting down");
}
