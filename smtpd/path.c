/*
 * The address grammar of SMTP.  See path.h.
 */
#include <sys/socket.h>
#include <arpa/inet.h>
#include <string.h>

#include "address.h"
#include "path.h"
#include "utf8.h"

static int	 is_atext(int);
static int	 is_alnum(int);
static int	 take(struct span *, int);
static int	 route(struct span *);
static int	 dot_string(struct span *, struct buf *);
static int	 quoted_string(struct span *, struct buf *);
static int	 take_domain(struct span *, int *, struct span *);
static int	 mailbox(struct span *, unsigned, struct buf *, struct path *);

static int
is_alnum(int c)
{
	return ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z'));
}

static int
is_atext(int c)
{
	return (c >= 0x80 || is_alnum(c) ||
	    (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL));
}

static int
take(struct span *s, int c)
{
	if (s->n == 0 || *s->p != c)
		return (-1);
	s->p++;
	s->n--;
	return (0);
}

/* ---- domains ------------------------------------------------------------ */

int
path_literal(struct span s)
{
	char	 text[INET6_ADDRSTRLEN];
	uint8_t	 addr[sizeof(struct in6_addr)];
	int	 family = AF_INET;

	if (s.n < 2 || s.p[0] != '[' || s.p[s.n - 1] != ']')
		return (-1);
	s = span_of(s.p + 1, s.n - 2);
	if (span_caseprefix(s, "IPv6:")) {
		family = AF_INET6;
		s = span_of(s.p + 5, s.n - 5);
	}
	if (s.n == 0 || s.n >= sizeof(text) || memchr(s.p, '\0', s.n) != NULL)
		return (-1);
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	return (inet_pton(family, text, addr) == 1 ? 0 : -1);
}

int
path_domain(struct span s, int *utf8)
{
	struct span	 label;
	size_t		 i, digits = 0;
	int		 more;

	if (s.n == 0 || s.n > PATH_DOMAIN_MAX)
		return (-1);
	if (s.p[0] == '[')
		return (path_literal(s));
	do {
		more = span_split(&s, '.', &label);
		if (label.n == 0 || label.n > PATH_LABEL_MAX ||
		    label.p[0] == '-' || label.p[label.n - 1] == '-')
			return (-1);
		for (i = 0, digits = 0; i < label.n; i++) {
			digits += label.p[i] >= '0' && label.p[i] <= '9';
			if (label.p[i] >= 0x80 && utf8 != NULL)
				*utf8 = 1;
			else if (!is_alnum(label.p[i]) && label.p[i] != '-' &&
			    label.p[i] != '_')
				return (-1);
		}
	} while (more);
	/* Numbers alone are an address without its brackets. */
	return (digits == label.n ? -1 : 0);
}

int
path_digits(struct span s, int dots)
{
	size_t	 i;

	for (i = 0; i < s.n; i++)
		if ((s.p[i] < '0' || s.p[i] > '9') && (!dots || s.p[i] != '.'))
			return (-1);
	return (s.n == 0 ? -1 : 0);
}

/* Up to "," ": ">" or the end; a dot at its end is not part of it. */
static int
take_domain(struct span *s, int *utf8, struct span *out)
{
	size_t	 i = 0;

	if (s->n > 0 && s->p[0] == '[') {
		while (i < s->n && s->p[i] != ']' && s->p[i] != '>')
			i++;
		if (i < s->n && s->p[i] == ']')
			i++;
	} else
		while (i < s->n && memchr(",:> ", s->p[i], 4) == NULL)
			i++;
	(void)span_take(s, i, out);
	if (out->n > 1 && out->p[out->n - 1] == '.' && out->p[0] != '[')
		out->n--;
	return (path_domain(*out, utf8));
}

/* ---- local parts -------------------------------------------------------- */

static int
dot_string(struct span *s, struct buf *local)
{
	size_t	 i;

	for (i = 0; i < s->n && (is_atext(s->p[i]) || s->p[i] == '.'); i++)
		if (s->p[i] == '.' && (i == 0 || s->p[i - 1] == '.'))
			return (-1);
	if (i == 0 || s->p[i - 1] == '.')
		return (-1);
	buf_add(local, s->p, i);
	s->p += i;
	s->n -= i;
	return (0);
}

static int
quoted_string(struct span *s, struct buf *local)
{
	int	 c;

	if (take(s, '"') == -1)
		return (-1);
	while (s->n > 0) {
		c = *s->p++;
		s->n--;
		if (c == '"')
			return (0);
		if (c == '\\') {
			if (s->n == 0 || s->p[0] >= 0x80)
				return (-1);
			c = *s->p++;
			s->n--;
		}
		if (c < 0x20 || c == 0x7f)
			return (-1);
		buf_addc(local, c);
	}
	return (-1);
}

/* "@one,@two:", RFC 5321 appendix C: understood and left out. */
static int
route(struct span *s)
{
	struct span	 d;
	int		 utf8;

	while (take(s, '@') == 0) {
		if (take_domain(s, &utf8, &d) == -1)
			return (-1);
		if (take(s, ':') == 0)
			return (0);
		if (take(s, ',') == -1)
			return (-1);
	}
	return (-1);
}

static int
mailbox(struct span *s, unsigned flags, struct buf *out, struct path *path)
{
	uint8_t		 room[PATH_LOCAL_MAX + 1];
	struct buf	 local = { room, 0, sizeof(room), PATH_LOCAL_MAX, 0 };
	struct span	 host;
	size_t		 i;

	if ((s->n > 0 && s->p[0] == '"' ? quoted_string(s, &local) :
	    dot_string(s, &local)) == -1 || buf_failed(&local))
		return (-1);
	if ((flags & PATH_POSTMASTER) != 0 && s->n > 0 && s->p[0] == '>' &&
	    span_caseeqs(span_buf(&local), "postmaster"))
		return (buf_adds(out, "postmaster"));
	if (take(s, '@') == -1 || take_domain(s, &path->utf8, &host) == -1 ||
	    !utf8_valid(span_buf(&local)) || !utf8_valid(host))
		return (-1);
	for (i = 0; i < local.n; i++)
		path->utf8 |= room[i] >= 0x80;
	return (address_write_spec(out, span_buf(&local), host));
}

int
path_parse(struct span *s, unsigned flags, struct buf *out, struct path *path)
{
	size_t	 was = out->n;

	path->utf8 = path->null = 0;
	(void)take(s, ' ');
	if (take(s, '<') == -1)
		return (-1);
	if (take(s, '>') == 0) {
		path->null = 1;
		if ((flags & PATH_NULL) == 0)
			return (-1);
	} else if ((s->n > 0 && s->p[0] == '@' && route(s) == -1) ||
	    mailbox(s, flags, out, path) == -1 || take(s, '>') == -1) {
		buf_truncate(out, was);
		return (-1);
	}
	if (s->n > 0 && s->p[0] != ' ') {
		buf_truncate(out, was);
		return (-1);
	}
	return (buf_failed(out) ? -1 : 0);
}

/* ---- parameters --------------------------------------------------------- */

int
path_param(struct span *s, struct span *key, struct span *value)
{
	size_t	 i = 0;

	while (take(s, ' ') == 0)
		continue;
	*value = span_of(NULL, 0);
	if (s->n == 0)
		return (0);
	while (i < s->n && (is_alnum(s->p[i]) || (i > 0 && s->p[i] == '-')))
		i++;
	if (i == 0)
		return (-1);
	(void)span_take(s, i, key);
	if (take(s, '=') == 0) {
		for (i = 0; i < s->n && s->p[i] > 0x20 && s->p[i] != '=' &&
		    s->p[i] != 0x7f; i++)
			continue;
		if (i == 0)
			return (-1);
		(void)span_take(s, i, value);
		if (!utf8_valid(*value))
			return (-1);
	}
	return (s->n > 0 && s->p[0] != ' ' ? -1 : 1);
}

static int
hex(int c)
{
	if (c >= '0' && c <= '9')
		return (c - '0');
	return (c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1);
}

int
path_xtext(struct span s)
{
	int	 c;

	if (s.n == 0)
		return (-1);
	while (s.n > 0) {
		c = *s.p++;
		s.n--;
		if (c <= 0x20 || c >= 0x7f || c == '=')
			return (-1);
		if (c != '+')
			continue;
		if (s.n < 2 || hex(s.p[0]) == -1 || hex(s.p[1]) == -1)
			return (-1);
		c = hex(s.p[0]) * 16 + hex(s.p[1]);
		if (c < 0x20 || c >= 0x7f)
			return (-1);
		s.p += 2;
		s.n -= 2;
	}
	return (0);
}

int
path_orcpt(struct span s, int utf8)
{
	struct span	 type;
	size_t		 i;

	if (s.n > PATH_ORCPT_MAX || span_split(&s, ';', &type) == 0 ||
	    type.n == 0 || s.n == 0)
		return (-1);
	for (i = 0; i < type.n; i++)
		if (!is_alnum(type.p[i]) && type.p[i] != '-')
			return (-1);
	if (!span_caseeqs(type, "utf-8"))
		return (path_xtext(s));
	/* RFC 6533: xtext with \x{...}, or UTF-8 as it is */
	for (i = 0; i < s.n; i++)
		if (s.p[i] <= 0x20 || s.p[i] == 0x7f || s.p[i] == '=' ||
		    (s.p[i] >= 0x80 && !utf8))
			return (-1);
	return (utf8_valid(s) ? 0 : -1);
}
