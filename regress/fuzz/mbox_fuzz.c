/*
 * An mbox of anything: read in two ways it is the same, and what was read is
 * written and read again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mbox.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct copy {
	struct buf		 b;
	struct mbox_writer	 w;
	int			 rewrite;
	uint8_t			 last;
	struct buf		 one;
	struct mbox_meta	 m;
	struct buf		 flags, mailbox, mark;
};

static int
on_begin(void *arg, const struct mbox_meta *m)
{
	struct copy	*c = arg;

	c->m = *m;
	buf_reset(&c->one);
	buf_reset(&c->flags);
	buf_reset(&c->mailbox);
	buf_reset(&c->mark);
	(void)buf_add_span(&c->mark, m->mark);
	(void)buf_add_span(&c->flags, m->flags);
	(void)buf_add_span(&c->mailbox, m->mailbox);
	return (0);
}

static int
on_octets(void *arg, struct span s)
{
	return (buf_add_span(&((struct copy *)arg)->one, s));
}

static int
on_end(void *arg)
{
	struct copy	*c = arg;

	if (!c->rewrite) {
		(void)buf_put_str(&c->b, span_buf(&c->flags));
		(void)buf_put_str(&c->b, span_buf(&c->mailbox));
		return (buf_put_str(&c->b, span_buf(&c->one)));
	}
	c->m.flags = span_buf(&c->flags);
	c->m.mailbox = span_buf(&c->mailbox);
	c->m.mark = span_buf(&c->mark);
	c->m.noeol = c->one.n > 0 && c->one.p[c->one.n - 1] != '\n';
	(void)mbox_begin(&c->w, &c->b, span_of("", 0), &c->m);
	(void)mbox_octets(&c->w, &c->b, span_buf(&c->one));
	return (mbox_end(&c->w, &c->b));
}

static int
read_all(struct copy *c, struct span s, size_t n)
{
	static const struct mbox_ops	 ops = { on_begin, on_octets, on_end };
	struct mbox_reader		 r;
	struct span			 part;
	int				 rc = 0;

	mbox_reader_init(&r, &ops, c);
	while (s.n > 0 && rc == 0) {
		(void)span_take(&s, s.n < n ? s.n : n, &part);
		rc = mbox_feed(&r, &part);
	}
	if (rc == 0)
		rc = mbox_feed_end(&r);
	mbox_reader_free(&r);
	return (rc);
}

static void
drop(struct copy *c)
{
	buf_free(&c->b);
	buf_free(&c->one);
	buf_free(&c->flags);
	buf_free(&c->mailbox);
	buf_free(&c->mark);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct copy	 a = { 0 }, b = { 0 }, out = { 0 }, again = { 0 };
	int		 rc;

	rc = read_all(&a, span_of(p, n), n == 0 ? 1 : n);
	if (read_all(&b, span_of(p, n), 3) != rc ||
	    (rc == 0 && !span_eq(span_buf(&a.b), span_buf(&b.b))))
		abort();
	out.rewrite = 1;
	if (rc == 0 && read_all(&out, span_of(p, n), n == 0 ? 1 : n) == 0) {
		/* Bare LFs are none by now, so all must come back. */
		if (read_all(&again, span_buf(&out.b), 7) == -1 ||
		    !span_eq(span_buf(&a.b), span_buf(&again.b)))
			abort();
	}
	drop(&a);
	drop(&b);
	drop(&out);
	drop(&again);
	return (0);
}
