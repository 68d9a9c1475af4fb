/*
 * Trust anchors: read once, before the cage, and kept as lines for libunbound.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lookup.h"

#define ANCHORS_MAX	65536	/* octets of a file */

static int	 word(struct span *, struct span *);
static int	 is_anchor(struct span, struct span *);
static int	 trusted(struct span);

static int
word(struct span *s, struct span *w)
{
	size_t	 n = 0;

	*s = span_trim(*s);
	while (n < s->n && s->p[n] != ' ' && s->p[n] != '\t')
		n++;
	*w = span_of(s->p, n);
	s->p += n;
	s->n -= n;
	return (n > 0);
}

/* owner [ttl] [IN] DS|DNSKEY data */
static int
is_anchor(struct span s, struct span *owner)
{
	struct span	 w;
	uint64_t	 n;
	int		 i;

	if (!word(&s, owner))
		return (0);
	for (i = 0; i < 3 && word(&s, &w); i++) {
		if (span_caseeqs(w, "DS") || span_caseeqs(w, "DNSKEY"))
			return (word(&s, &w));
		if (!span_caseeqs(w, "IN") && span_num(w, UINT32_MAX, &n) == -1)
			return (0);
	}
	return (0);
}

/* unbound-anchor's state of a key, RFC 5011: valid or missing, not pending or
 * revoked.  Without one it is the administrator's word. */
static int
trusted(struct span comment)
{
	static const char	 mark[] = ";;state=";
	size_t			 i;

	for (i = 0; i + sizeof(mark) - 1 < comment.n; i++)
		if (memcmp(comment.p + i, mark, sizeof(mark) - 1) == 0)
			return (comment.p[i + sizeof(mark) - 1] == '2' ||
			    comment.p[i + sizeof(mark) - 1] == '3');
	return (1);
}

int
anchor_parse(struct span file, struct buf *lines, char **owner)
{
	struct span	 line, record, first;
	int		 more = 1;

	*owner = NULL;
	while (more) {
		more = span_split(&file, '\n', &line);
		record = line;
		if (span_split(&line, ';', &record) && !trusted(span_of(
		    line.p - 1, line.n + 1)))
			continue;
		if (record.n > 0 && record.p[record.n - 1] == '\r')
			record.n--;
		record = span_trim(record);
		if (record.n == 0)
			continue;
		if (memchr(record.p, 0, record.n) != NULL ||
		    !is_anchor(record, &first)) {
			errno = EINVAL;
			goto err;
		}
		if (*owner == NULL && (*owner = span_dup(first)) == NULL)
			goto err;
		buf_add_span(lines, record);
		buf_addc(lines, '\n');
	}
	if (*owner != NULL && !buf_failed(lines))
		return (0);
	errno = EINVAL;
err:
	free(*owner);
	*owner = NULL;
	return (-1);
}

int
anchor_read(const char *path, struct buf *lines, char **owner, struct buf *why)
{
	struct buf	 b = { .max = ANCHORS_MAX };
	struct stat	 st;
	uint8_t		*p;
	ssize_t		 n = -1;
	int		 fd, rc = -1;

	*owner = NULL;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd == -1 || fstat(fd, &st) == -1) {
		buf_addf(why, "%s: %s", path, strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		buf_addf(why, "%s: not a regular file", path);
	} else {
		while ((p = buf_reserve(&b, 4096)) != NULL &&
		    (n = read(fd, p, 4096)) > 0)
			buf_commit(&b, (size_t)n);
		if (n == 0)
			rc = anchor_parse(span_buf(&b), lines, owner);
		if (rc == -1)
			buf_addf(why, "%s: has to hold DS or DNSKEY records, "
			    "one a line, and nothing else", path);
	}
	if (fd != -1)
		close(fd);
	buf_free(&b);
	return (rc);
}
