/*
 * What a client sends: octets to commands, DONE, messages of APPEND.
 */
#include <string.h>

#include "imapd/append.h"
#include "imapd/session.h"
#include "io.h"

#define IDLE_LINE	64		/* "DONE" and what may stand around it */

static struct span	 input(struct session *);
static void		 consume(struct session *, size_t);
static int		 idle(struct session *);
static int		 more(struct session *);
static void		 refused(struct session *);

/* What came with the login command goes first. */
static struct span
input(struct session *s)
{
	if (s->pending.n > 0)
		return (span_buf(&s->pending));
	return (io_in(s->io));
}

static void
consume(struct session *s, size_t n)
{
	if (n == 0)
		return;
	if (s->pending.n == 0) {
		io_drain(s->io, n);
		return;
	}
	buf_drain(&s->pending, n);
	if (s->pending.n == 0)
		buf_freezero(&s->pending);
}

/* RFC 2177: nothing but DONE ends it, anything else is BAD and ends it too. */
static int
idle(struct session *s)
{
	struct span	 in = input(s), line;
	size_t		 had = in.n;

	if (span_split(&in, '\n', &line) == 0) {
		if (had <= IDLE_LINE)
			return (more(s));
		session_bye(s, "expected DONE");
		return (-1);
	}
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	if (span_caseeqs(line, "DONE"))
		(void)session_reply(s, "OK IDLE terminated");
	else {
		s->bad++;
		(void)session_reply(s, "BAD expected DONE");
	}
	consume(s, had - in.n);
	s->phase = PHASE_FLUSH;
	return (1);
}

/* A text that begins with a response code is a NO. */
static void
refused(struct session *s)
{
	struct cursor	 c;
	const char	*why = s->lex.refused == NULL ? "malformed command" :
			    s->lex.refused;

	cursor_init(&c, &s->lex, &s->scratch, 0);
	s->tag = span_str("*");
	if (cur_tag(&c, &s->tag) == -1 || cur_sp(&c) == -1)
		s->tag = span_str("*");
	if (why[0] != '[')
		s->bad++;
	(void)session_replyf(s, "%s %s", why[0] == '[' ? "NO" : "BAD", why);
	s->phase = PHASE_FLUSH;
}

/* What is there is not enough: read on, if that was stopped. */
static int
more(struct session *s)
{
	if (s->paused) {
		s->paused = 0;
		io_resume(s->io);
	}
	return (0);
}

/* 1: something was done or is to do; 0: more is needed; -1: it is gone. */
int
session_input(struct session *s)
{
	struct span	 in;
	enum lex_event	 e;
	size_t		 had;

	if (s->bad > s->store->limits.bad) {
		session_bye(s, "too many bad commands");
		return (-1);
	}
	for (;;) {
		if (s->phase == PHASE_IDLE)
			return (idle(s));
		in = input(s);
		had = in.n;
		e = lex_step(&s->lex, &in);
		if (e == LEX_DATA)
			append_data(s, s->lex.data);
		consume(s, had - in.n);
		switch (e) {
		case LEX_MORE:
			if (input(s).n == 0)
				return (more(s));
			break;
		case LEX_CONTINUE:
			(void)io_printf(s->io, "+ OK\r\n");
			break;
		case LEX_DATA:
			break;
		case LEX_COMMAND:
			return (1);
		case LEX_BAD:
			if (s->lex.lost) {
				session_bye(s, s->lex.refused);
				return (-1);
			}
			refused(s);
			return (1);
		}
	}
}
