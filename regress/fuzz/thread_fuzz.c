/*
 * Threads of any messages that refer to each other in any way: every message is
 * in the answer exactly once, its parentheses match, and the same messages give
 * the same answer.  Each octet pair of the input is a message or a reference.
 */
#include <stdlib.h>
#include <string.h>

#include "imapd/thread.h"

#define MOST	2000

int		 LLVMFuzzerTestOneInput(const uint8_t *, size_t);
static void	 threads(const uint8_t *, size_t, enum thread_how, struct buf *,
		    uint32_t *);
static void	 check(const struct buf *, uint32_t);

/* A message: its id, date and subject by the first octets, then references
 * until an octet below 64. */
static void
threads(const uint8_t *p, size_t n, enum thread_how how, struct buf *out,
    uint32_t *messages)
{
	struct thread_message	 m;
	struct threads		*t;
	struct buf		 id = { 0 }, refs = { 0 }, subject = { 0 };
	size_t			 i = 0;
	int			 rc;

	if ((t = threads_new(how, 10)) == NULL)
		abort();
	*messages = 0;
	while (i + 3 <= n && *messages < MOST) {
		memset(&m, 0, sizeof(m));
		buf_reset(&id);
		buf_reset(&refs);
		buf_reset(&subject);
		if (p[i] != 0)
			(void)buf_addf(&id, "<%u@x>", p[i] % 64);
		m.date = p[i + 1] % 8;
		m.reply = p[i + 2] & 1;
		if (p[i + 2] / 2 % 8 != 0)
			(void)buf_addf(&subject, "s%u", p[i + 2] / 2 % 8);
		for (i += 3; i < n && p[i] >= 64; i++)
			(void)buf_addf(&refs, "<%u@x> ", p[i] % 64);
		i++;
		m.number = ++*messages;
		m.id = span_buf(&id);
		m.subject = span_buf(&subject);
		if (m.date & 1)
			m.in_reply_to = span_buf(&refs);
		else
			m.references = span_buf(&refs);
		if (threads_add(t, &m) == -1)
			abort();
	}
	while ((rc = threads_step(t)) == 1)
		;
	if (rc == -1)
		abort();
	while (threads_write(t, out) == 1)
		;
	threads_free(t);
	buf_free(&id);
	buf_free(&refs);
	buf_free(&subject);
}

static void
check(const struct buf *b, uint32_t messages)
{
	uint8_t		*seen;
	uint32_t	 v, n = 0;
	size_t		 i;
	int		 depth = 0;

	if ((seen = calloc(messages + 1, 1)) == NULL)
		abort();
	for (i = 0; i < b->n; i++) {
		if (b->p[i] == '(')
			depth++;
		else if (b->p[i] == ')') {
			if (depth-- == 0 || b->p[i - 1] == '(')
				abort();
		} else if (b->p[i] >= '0' && b->p[i] <= '9') {
			for (v = 0; b->p[i] >= '0' && b->p[i] <= '9'; i++)
				v = v * 10 + b->p[i] - '0';
			i--;
			if (depth == 0 || v == 0 || v > messages || seen[v])
				abort();
			seen[v] = 1;
			n++;
		} else if (b->p[i] != ' ' || b->p[i - 1] < '0')
			abort();
	}
	if (depth != 0 || n != messages)
		abort();
	free(seen);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const enum thread_how	 hows[] = { THREAD_REFERENCES,
	    THREAD_ORDEREDSUBJECT };
	struct buf	 a = { 0 }, b = { 0 };
	uint32_t	 messages;
	size_t		 i;

	for (i = 0; i < nitems(hows); i++) {
		buf_reset(&a);
		buf_reset(&b);
		threads(p, n, hows[i], &a, &messages);
		check(&a, messages);
		threads(p, n, hows[i], &b, &messages);
		if (!span_eq(span_buf(&a), span_buf(&b)))
			abort();
	}
	buf_free(&a);
	buf_free(&b);
	return (0);
}
