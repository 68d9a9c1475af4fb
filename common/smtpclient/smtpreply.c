/*
 * Replies of an SMTP server.  See smtpreply.h.
 */
#include <string.h>

#include "smtpreply.h"

static int	 line_code(struct span *, unsigned *, int *);
static size_t	 enhanced_length(struct span);
static int	 finish_line(struct smtpreply *);
static void	 keep_text(struct smtpreply *, struct span);

void
smtpreply_reset(struct smtpreply *r)
{
	r->code = 0;
	r->enhanced[0] = r->text[0] = '\0';
	r->ntext = 0;
	r->lines = 0;
	r->octets = 0;
	r->last = 0;
	r->why = NULL;
	buf_free(&r->line);
}

void
smtpreply_free(struct smtpreply *r)
{
	buf_free(&r->line);
}

void
smtpreply_clean(char *s, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		if (s[i] < 0x20 || s[i] > 0x7e)
			s[i] = '?';
}

/* Three digits and what follows them; -1 malformed. */
static int
line_code(struct span *s, unsigned *code, int *last)
{
	const uint8_t	*p = s->p;

	if (s->n < 3 || p[0] < '2' || p[0] > '5' || p[1] < '0' ||
	    p[1] > '9' || p[2] < '0' || p[2] > '9')
		return (-1);
	*code = (unsigned)(p[0] - '0') * 100 + (unsigned)(p[1] - '0') * 10 +
	    (unsigned)(p[2] - '0');
	*last = s->n == 3 || p[3] == ' ';
	if (!*last && p[3] != '-')
		return (-1);
	s->p += s->n == 3 ? 3 : 4;
	s->n -= s->n == 3 ? 3 : 4;
	return (0);
}

/* Octets of an enhanced code at the front, RFC 2034 section 4; 0: none. */
static size_t
enhanced_length(struct span s)
{
	size_t	 i, digits = 0, dots = 0;

	if (s.n < 5 || (s.p[0] != '2' && s.p[0] != '4' && s.p[0] != '5') ||
	    s.p[1] != '.')
		return (0);
	for (i = 1; i < s.n && s.p[i] != ' '; i++) {
		if (s.p[i] == '.') {
			if (dots++ == 2 || (dots == 2 && digits == 0))
				return (0);
			digits = 0;
		} else if (s.p[i] < '0' || s.p[i] > '9' || ++digits > 3)
			return (0);
	}
	return (dots == 2 && digits > 0 ? i : 0);
}

static void
keep_text(struct smtpreply *r, struct span s)
{
	size_t	 n;

	if (s.n == 0)
		return;
	if (r->ntext > 0 && r->ntext < SMTPREPLY_TEXT)
		r->text[r->ntext++] = ' ';
	n = SMTPREPLY_TEXT - r->ntext;
	if (n > s.n)
		n = s.n;
	memcpy(r->text + r->ntext, s.p, n);
	smtpreply_clean(r->text + r->ntext, n);
	r->ntext += n;
	r->text[r->ntext] = '\0';
}

/* One whole line is in r->line.  1: the last one. */
static int
finish_line(struct smtpreply *r)
{
	struct span	 s = span_buf(&r->line);
	unsigned	 code;
	size_t		 n;
	int		 last;

	if (s.n > 0 && s.p[s.n - 1] == '\r')
		s.n--;
	if (line_code(&s, &code, &last) == -1) {
		r->why = "a line that is no reply";
		return (-1);
	}
	if (r->lines > 0 && code != r->code) {
		r->why = "a reply whose code changes";
		return (-1);
	}
	r->code = code;
	if (r->each != NULL)
		r->each(r->arg, r->lines, s);
	/* Its class is that of the reply, or it is just text. */
	n = enhanced_length(s);
	if (n > 0 && s.p[0] == '0' + code / 100) {
		if (r->enhanced[0] == '\0') {
			memcpy(r->enhanced, s.p, n);
			r->enhanced[n] = '\0';
		}
		s.p += n;
		s.n -= n;
	}
	keep_text(r, span_trim(s));
	r->lines++;
	buf_reset(&r->line);
	return (last);
}

/* What is known of a line that is too long: its code, when it is the last. */
static void
judge_long(struct smtpreply *r)
{
	struct span	 s = span_buf(&r->line);
	unsigned	 code;
	int		 last;

	r->why = "a reply that is too long";
	if (s.n >= 4 && line_code(&s, &code, &last) == 0 && last &&
	    (r->lines == 0 || code == r->code)) {
		r->code = code;
		r->last = 1;
	}
}

enum smtpreply_status
smtpreply_parse(struct smtpreply *r, struct span *in)
{
	size_t		 max = r->line_max == 0 ? SMTPREPLY_LINE : r->line_max;
	ptrdiff_t	 lf;
	size_t		 n;
	int		 rc;

	while (in->n > 0) {
		lf = span_find(*in, '\n');
		n = lf == -1 ? in->n : (size_t)lf;
		r->octets += n;
		if (r->line.n + n > max ||
		    r->octets > SMTPREPLY_OCTETS ||
		    r->lines >= SMTPREPLY_LINES) {
			if (n > 8)
				n = 8;
			if (r->line.n < 8)
				buf_add(&r->line, in->p, n);
			judge_long(r);
			return (SMTPREPLY_BAD);
		}
		if (buf_add(&r->line, in->p, n) == -1) {
			r->why = "no memory";
			return (SMTPREPLY_BAD);
		}
		in->p += n;
		in->n -= n;
		if (lf == -1)
			break;
		in->p++;
		in->n--;
		if ((rc = finish_line(r)) == -1)
			return (SMTPREPLY_BAD);
		if (rc == 1)
			return (SMTPREPLY_DONE);
	}
	return (SMTPREPLY_MORE);
}
