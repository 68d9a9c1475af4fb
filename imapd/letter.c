/*
 * Looking into stored messages.  See letter.h.
 */
#include <errno.h>
#include <string.h>

#include "imapd/letter.h"
#include "log.h"

static ssize_t	 source_read(void *, uint64_t, void *, size_t);
static int	 have(struct letter *, unsigned);
static int	 make(struct letter *);
static void	 keep(struct letter *);
static void	 stop(struct letter *);
static void	 complain(const struct letter *);

static ssize_t
source_read(void *arg, uint64_t at, void *to, size_t n)
{
	struct letter	*l = arg;

	return (body_read(l->part->bodies, l->rec.body, at, to, n));
}

static void
stop(struct letter *l)
{
	ready_free(l->build);
	l->build = NULL;
	mime_free(l->tree);
	l->tree = NULL;
	l->made = l->rev2 = 0;
}

void
letter_open(struct letter *l, struct part *p, const struct msgrec *r)
{
	stop(l);
	l->part = p;
	l->rec = *r;
	l->mailbox = 0;
	l->source.read = source_read;
	l->source.arg = l;
}

void
letter_close(struct letter *l)
{
	stop(l);
	ready_clear(&l->ready);
	buf_free(&l->slice);
	memset(l, 0, sizeof(*l));
}

int
letter_gone(const struct letter *l)
{
	struct span	 val;
	uint8_t		 k[12];

	return (l->mailbox != 0 && dbenv_get(l->part->index, key_msg(k,
	    l->mailbox, l->rec.uid), &val) == -1 && errno == ENOENT);
}

static void
complain(const struct letter *l)
{
	int	 e = errno, gone = letter_gone(l);

	errno = e;
	if (gone)
		return;
	log_error("partition %02u: UID %u, body %016llx: %s", l->part->num,
	    l->rec.uid, (unsigned long long)l->rec.body, errno == EILSEQ ?
	    "damaged" : strerror(errno));
}

static int
have(struct letter *l, unsigned sections)
{
	if (!l->made && ready_get(&l->ready, l->part, l->rec.body,
	    sections) == -1)
		return (-1);
	if ((sections & READY_BIT(READY_TREE)) == 0 || l->tree != NULL)
		return (0);
	l->tree = mime_load(ready_section(&l->ready, READY_TREE));
	return (l->tree == NULL ? -1 : 0);
}

int
letter_need(struct letter *l, unsigned sections)
{
	if (sections == 0)
		return (0);
	if (l->build == NULL) {
		if (have(l, sections) == 0)
			return (0);
		if (l->made || (errno != ENOENT && errno != EILSEQ &&
		    errno != EBADMSG) || (l->build = ready_begin()) == NULL) {
			complain(l);
			return (-1);
		}
		l->at = 0;
	}
	return (make(l));
}

int
letter_rev2(struct letter *l)
{
	static const char	 global[] = "\"message\" \"global\"";
	struct span		 s = ready_section(&l->ready, READY_STRUCTURE);

	if (s.n == 0 || memmem(s.p, s.n, global, sizeof(global) - 1) == NULL)
		return (0);
	stop(l);
	if ((l->build = ready_begin()) == NULL) {
		complain(l);
		return (-1);
	}
	ready_rev2(l->build);
	l->rev2 = 1;
	l->at = 0;
	return (1);
}

static int
make(struct letter *l)
{
	size_t	 n = LETTER_SLICE;

	if (l->at < l->rec.size) {
		if (n > l->rec.size - l->at)
			n = (size_t)(l->rec.size - l->at);
		buf_reset(&l->slice);
		if (letter_read(l, &l->slice, l->at, n) == -1 ||
		    ready_feed(l->build, span_buf(&l->slice)) == -1)
			return (-1);
		l->at += n;
		return (1);
	}
	if (ready_end(l->build) == -1 ||
	    ready_take(&l->ready, l->rec.body, l->build) == -1) {
		complain(l);
		return (-1);
	}
	if (!l->rev2)
		keep(l);
	stop(l);
	l->made = 1;
	return (1);
}

/* For the next time; it is not needed, so a failure is none. */
static void
keep(struct letter *l)
{
	struct dbenv	*env = l->part->env;

	if (letter_gone(l))
		return;
	log_warn("partition %02u: body %016llx: what is kept ready was made "
	    "anew", l->part->num, (unsigned long long)l->rec.body);
	if (!dbenv_writable(env) || dbenv_begin(env) == -1)
		return;
	if (ready_put(l->part, l->rec.body, l->build) == -1)
		dbenv_abort(env);
	else
		(void)dbenv_commit(env);
}

int
letter_read(struct letter *l, struct buf *b, uint64_t at, size_t n)
{
	uint8_t	*to;
	ssize_t	 got;

	if ((to = buf_reserve(b, n)) == NULL)
		return (-1);
	got = body_read(l->part->bodies, l->rec.body, at, to, n);
	if (got == (ssize_t)n) {
		buf_commit(b, n);
		return (0);
	}
	if (got >= 0)
		errno = EILSEQ;
	complain(l);
	return (-1);
}
