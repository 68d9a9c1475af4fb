/*
 * The command lexer.  See lex.h.
 */
#include <stdlib.h>
#include <string.h>

#include "lex.h"

enum state {
	LINE,		/* reading a line */
	KEEPING,	/* a literal into the text, left octets to go */
	STREAMING,	/* a literal to the caller */
	SWALLOWING,	/* a literal of a refused command */
	REST,		/* the rest of a line of a refused command */
	DONE
};

#define TAIL	32	/* octets that hold an announced literal */

static enum lex_event	 line(struct lex *, struct span *);
static enum lex_event	 line_end(struct lex *);
static enum lex_event	 literal(struct lex *, uint64_t, int);
static enum lex_event	 refuse(struct lex *, const char *);
static enum lex_event	 keep(struct lex *, struct span *);
static enum lex_event	 stream(struct lex *, struct span *);
static enum lex_event	 swallow(struct lex *, struct span *);
static void		 begin_rest(struct lex *, size_t);
static enum lex_event	 rest(struct lex *, struct span *);
static enum lex_event	 rest_end(struct lex *, struct span, int);
static int		 announced(struct span, int, uint64_t *, int *);

void
lex_init(struct lex *l, const struct lex_limits *limits)
{
	memset(l, 0, sizeof(*l));
	l->limits = *limits;
}

void
lex_next(struct lex *l)
{
	buf_freezero(&l->text);
	free(l->streamed);
	l->streamed = NULL;
	l->nstreamed = 0;
	l->start = l->line = l->kept = 0;
	l->nliterals = 0;
	l->left = l->skip = 0;
	l->refused = NULL;
	l->lost = 0;
	l->state = LINE;
}

void
lex_free(struct lex *l)
{
	lex_next(l);
}

struct span
lex_command(const struct lex *l)
{
	return (span_buf(&l->text));
}

int
lex_begun(const struct lex *l)
{
	return (l->text.n != 0 || l->state != LINE);
}

/*
 * Does a line, or the end that was kept of one (cut), end with a literal: "{"
 * digits ["+"] "}", RFC 7888?  1 yes; 0 no; -1 it looks like one but its size
 * is none.
 */
static int
announced(struct span s, int cut, uint64_t *size, int *nonsync)
{
	size_t	 i, digits;

	*nonsync = 0;
	if (s.n == 0 || s.p[s.n - 1] != '}')
		return (0);
	i = s.n - 1;
	*nonsync = i > 0 && s.p[i - 1] == '+';
	if (*nonsync)
		i--;
	for (digits = 0; i > 0 && s.p[i - 1] >= '0' && s.p[i - 1] <= '9';
	    digits++)
		i--;
	if (i == 0 && cut)	/* any number of zeros may be in front */
		return (-1);
	if (i == 0 || s.p[i - 1] != '{')
		return (0);
	if (digits == 0 || span_num(span_of(s.p + i, digits), INT64_MAX,
	    size) == -1)
		return (-1);
	return (1);
}

/* The command is refused; what the client sends of it yet is swallowed. */
static enum lex_event
refuse(struct lex *l, const char *why)
{
	if (l->refused == NULL)
		l->refused = why;
	if (buf_failed(&l->text))	/* nor is what the line ended with */
		l->lost = 1;
	l->state = DONE;
	return (LEX_BAD);
}

static enum lex_event
literal(struct lex *l, uint64_t size, int nonsync)
{
	enum lex_policy	 policy = LEX_KEEP;
	size_t		*more;

	if (++l->nliterals > l->limits.count) {
		l->refused = "too many literals";
		policy = LEX_REFUSE;
	} else if (l->policy != NULL)
		policy = l->policy(l->arg, span_buf(&l->text), size, nonsync);
	if (policy == LEX_KEEP && (size > l->limits.literal ||
	    size > l->limits.literals - l->kept)) {
		l->refused = "[TOOBIG] literal too large";
		policy = LEX_REFUSE;
	}
	if (policy == LEX_STREAM && (l->nstreamed == LEX_STREAMS ||
	    (more = reallocarray(l->streamed, l->nstreamed + 1,
	    sizeof(*more))) == NULL)) {
		l->refused = "too many messages in one command";
		policy = LEX_REFUSE;
	} else if (policy == LEX_STREAM) {
		l->streamed = more;
		l->streamed[l->nstreamed++] = l->text.n + 2;
	}
	if (policy == LEX_REFUSE) {
		if (l->refused == NULL)
			l->refused = "literal refused";
		if (!nonsync)	/* the client waits: it sends no more */
			return (refuse(l, l->refused));
		l->skip = size;
		l->state = SWALLOWING;
		return (LEX_MORE);
	}
	buf_adds(&l->text, "\r\n");
	l->left = size;
	l->state = policy == LEX_KEEP ? KEEPING : STREAMING;
	if (policy == LEX_KEEP)
		l->kept += size;
	l->start = l->text.n;
	return (nonsync ? LEX_MORE : LEX_CONTINUE);
}

/* A whole line is in the text, without its CRLF. */
static enum lex_event
line_end(struct lex *l)
{
	struct span	 s = span_of(l->text.p + l->start,
			    l->text.n - l->start);
	uint64_t	 size;
	int		 nonsync, rc;

	if (buf_failed(&l->text))
		l->refused = "[UNAVAILABLE] no memory";
	else if (span_find(s, '\0') != -1)
		l->refused = "NUL in a command";
	else if (span_find(s, '\r') != -1)
		l->refused = "bare CR in a command";
	else if ((rc = announced(s, 0, &size, &nonsync)) == -1)
		l->refused = "malformed literal size";
	if (l->refused != NULL)
		return (rest_end(l, s, 0));
	if (rc == 1)
		return (literal(l, size, nonsync));
	l->state = DONE;
	return (LEX_COMMAND);
}

static enum lex_event
line(struct lex *l, struct span *in)
{
	ptrdiff_t	 at = span_find(*in, '\n');
	size_t		 n = at == -1 ? in->n : (size_t)at + 1;

	if (l->line + n > l->limits.line) {
		l->refused = "command line too long";
		begin_rest(l, l->text.n - l->start);
		return (rest(l, in));
	}
	buf_add(&l->text, in->p, n);
	l->line += n;
	in->p += n;
	in->n -= n;
	if (at == -1)
		return (LEX_MORE);
	buf_truncate(&l->text, l->text.n - 1);
	if (l->text.n > l->start && l->text.p[l->text.n - 1] == '\r')
		buf_truncate(&l->text, l->text.n - 1);
	return (line_end(l));
}

static enum lex_event
keep(struct lex *l, struct span *in)
{
	size_t	 n = in->n < l->left ? in->n : (size_t)l->left;

	if (n > 0 && buf_add(&l->text, in->p, n) == -1)
		l->refused = "[UNAVAILABLE] no memory";
	in->p += n;
	in->n -= n;
	l->left -= n;
	if (l->left > 0)
		return (LEX_MORE);
	l->start = l->text.n;
	l->state = LINE;
	if (l->refused != NULL)
		begin_rest(l, 0);
	return (LEX_MORE);
}

static enum lex_event
stream(struct lex *l, struct span *in)
{
	size_t	 n = in->n < l->left ? in->n : (size_t)l->left;

	l->data = span_of(in->p, n);
	in->p += n;
	in->n -= n;
	l->left -= n;
	if (l->left == 0) {
		l->start = l->text.n;
		l->state = LINE;
	}
	return (LEX_DATA);
}

static enum lex_event
swallow(struct lex *l, struct span *in)
{
	size_t	 n = in->n < l->skip ? in->n : (size_t)l->skip;

	in->p += n;
	in->n -= n;
	l->skip -= n;
	if (l->skip == 0)
		begin_rest(l, 0);
	return (LEX_MORE);
}

/* From here on the line is only looked at for its end; "seen" octets of it are
 * in the text already. */
static void
begin_rest(struct lex *l, size_t seen)
{
	l->start = l->text.n - (seen < TAIL ? seen : TAIL);
	l->state = REST;
}

/*
 * The rest of a refused command.  It may announce more non-synchronising
 * literals, so its end must be looked at: TAIL octets are kept for that, behind
 * the text.
 */
static enum lex_event
rest(struct lex *l, struct span *in)
{
	ptrdiff_t	 at = span_find(*in, '\n');
	size_t		 n = at == -1 ? in->n : (size_t)at, from;
	struct span	 s;
	enum lex_event	 e;
	int		 cut;

	from = n > TAIL ? n - TAIL : 0;
	if (from > 0)
		buf_truncate(&l->text, l->start);
	buf_add(&l->text, in->p + from, n - from);
	if (l->text.n - l->start > TAIL) {
		from = l->text.n - l->start - TAIL;
		memmove(l->text.p + l->start, l->text.p + l->start + from,
		    TAIL);
		buf_truncate(&l->text, l->start + TAIL);
	}
	in->p += n;
	in->n -= n;
	if (at == -1)
		return (LEX_MORE);
	in->p++;
	in->n--;
	s = span_of(l->text.p + l->start, l->text.n - l->start);
	cut = s.n == TAIL;
	if (s.n > 0 && s.p[s.n - 1] == '\r')
		s.n--;
	e = rest_end(l, s, cut);
	buf_truncate(&l->text, l->start);
	return (e);
}

/* The end of a line of a refused command, s: what the client sends behind it,
 * unasked, goes with it. */
static enum lex_event
rest_end(struct lex *l, struct span s, int cut)
{
	uint64_t	 size;
	int		 nonsync, rc;

	rc = announced(s, cut, &size, &nonsync);
	if (rc == 1 && nonsync) {
		l->skip = size;
		l->state = SWALLOWING;
		return (LEX_MORE);
	}
	if (rc == -1 && nonsync)
		l->lost = 1;
	return (refuse(l, l->refused));
}

enum lex_event
lex_step(struct lex *l, struct span *in)
{
	enum lex_event	 e;

	for (;;) {
		/* A literal of no octets needs none. */
		if (in->n == 0 && !(l->left == 0 && l->skip == 0 &&
		    (l->state == KEEPING || l->state == SWALLOWING ||
		    l->state == STREAMING)))
			return (LEX_MORE);
		switch ((enum state)l->state) {
		case LINE:
			e = line(l, in);
			break;
		case KEEPING:
			e = keep(l, in);
			break;
		case STREAMING:
			e = stream(l, in);
			break;
		case SWALLOWING:
			e = swallow(l, in);
			break;
		case REST:
			e = rest(l, in);
			break;
		default:
			return (LEX_MORE);
		}
		if (e != LEX_MORE)
			return (e);
	}
}
