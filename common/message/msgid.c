/*
 * Message-IDs.
 */
#include <string.h>

#include "msgid.h"

static size_t	 id_length(struct span);

/*
 * Behind "<": octets before its ">", or SIZE_MAX.  A ">" in quotes is the end
 * only if no other comes.
 */
static size_t
id_length(struct span s)
{
	size_t	 i, first = SIZE_MAX;
	int	 quoted = 0;

	for (i = 0; i < s.n && i < MSGID_MAX; i++) {
		if (s.p[i] == '\\' && quoted)
			i++;
		else if (s.p[i] == '"')
			quoted = !quoted;
		else if (s.p[i] == '>' && !quoted)
			return (i);
		else if (s.p[i] == '>' && first == SIZE_MAX)
			first = i;
		else if (s.p[i] == '<' && !quoted)
			break;
	}
	return (first);
}

int
msgid_next(struct span *v, struct span *id)
{
	ptrdiff_t	 at;
	size_t		 n;

	while ((at = span_find(*v, '<')) != -1) {
		v->p += at + 1;
		v->n -= (size_t)at + 1;
		if ((n = id_length(*v)) == SIZE_MAX)
			continue;
		*id = span_trim(span_of(v->p, n));
		v->p += n + 1;
		v->n -= n + 1;
		if (id->n > 0)
			return (1);
	}
	return (0);
}

int
msgid_normal(struct buf *b, struct span s)
{
	size_t	 i, depth = 0;
	int	 quoted = 0;

	for (i = 0; i < s.n; i++) {
		if (s.p[i] == '\\' && i + 1 < s.n && (quoted || depth > 0))
			i++;
		else if (s.p[i] == '"' && depth == 0) {
			quoted = !quoted;
			continue;
		} else if (s.p[i] == '(' && !quoted) {
			depth++;
			continue;
		} else if (s.p[i] == ')' && depth > 0) {
			depth--;
			continue;
		} else if (s.p[i] <= ' ' && (!quoted || s.p[i] != ' '))
			continue;
		if (depth == 0)
			buf_addc(b, s.p[i]);
	}
	return (buf_failed(b) ? -1 : 0);
}

int
msgid_write(struct buf *b, uint64_t t, const uint8_t random[16],
    const char *host)
{
	const char	*h;

	buf_addf(b, "<%llx.", (unsigned long long)t);
	buf_add_hex(b, span_of(random, 16));
	buf_addc(b, '@');
	for (h = host; *h != '\0'; h++)
		if ((*h >= '0' && *h <= '9') || (*h >= 'a' && *h <= 'z') ||
		    (*h >= 'A' && *h <= 'Z') || *h == '.' || *h == '-')
			buf_addc(b, *h);
	return (buf_addc(b, '>'));
}
