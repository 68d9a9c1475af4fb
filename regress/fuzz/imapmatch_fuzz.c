/*
 * SEARCH programs against messages.  The first line of the input is a program,
 * the rest is the message.  A program ends; it says the same whether fields are
 * kept ready or the header is read, at once or in slices, with a filter and
 * without one; and its NOT says the opposite.
 */
#include <stdlib.h>
#include <string.h>

#include "imapd/filter.h"
#include "imapd/match.h"
#include "imapd/ready.h"

int			 LLVMFuzzerTestOneInput(const uint8_t *, size_t);
static int		 keyword(void *, struct span);
static int		 uids(void *, struct seqset *, int);
static struct match	*compile(struct span, struct buf *);
static int		 run(struct match *, struct span,
			    const struct ready *, const struct mime *,
			    struct span, int);

enum { WHOLE = 1, SLICES = 2, FILTER = 4 };

static const struct msgrec	 rec = { .uid = 7, .flags = MF_SEEN,
				    .keywords = 2, .date = 1600000000,
				    .zone = -300, .size = 100 };

static int
keyword(void *arg, struct span name)
{
	(void)arg;
	return (name.n > 3 ? 1 : -1);
}

static int
uids(void *arg, struct seqset *set, int uid)
{
	(void)arg;
	(void)uid;
	seqset_resolve(set, 7);
	return (0);
}

static struct match *
compile(struct span program, struct buf *scratch)
{
	struct match_env	 env = { .keyword = keyword, .uids = uids,
				    .now = 1700000000 };
	struct cursor		 c;
	struct search		 s;
	struct match		*m;

	cursor_init_span(&c, program, scratch);
	if (cur_search(&c, &s) == -1)
		return (NULL);
	if (cur_end(&c) == -1) {
		search_free(&s);
		return (NULL);
	}
	if ((m = match_new(&s, &env)) == NULL)
		search_free(&s);
	return (m);
}

/* WHOLE: the fields that are kept ready may be used. */
static int
run(struct match *m, struct span msg, const struct ready *r,
    const struct mime *tree, struct span filter, int how)
{
	struct match_message	 x = { .rec = &rec };
	enum match_result	 rc;
	int			 steps = 0;

	x.source.read = message_source_span;
	x.source.arg = &msg;
	match_begin(m);
	for (;;) {
		if (steps++ > 1000000)
			abort();
		switch (rc = match_step(m, &x)) {
		case MATCH_NO:
		case MATCH_YES:
			return (rc == MATCH_YES);
		case MATCH_READY:
			if (x.ready)
				abort();
			x.ready = 1;
			x.fields = ready_section(r, READY_FIELDS);
			x.whole = (how & WHOLE) != 0 && (r->flags & READY_WHOLE) != 0;
			x.dated = (r->flags & READY_DATED) != 0;
			x.day = r->day;
			break;
		case MATCH_HEADER_WANTED:
			if (x.header.p != NULL)
				abort();
			x.header = span_of(msg.p, (size_t)r->header);
			x.header_long = (how & SLICES) != 0 ? r->header : 0;
			break;
		case MATCH_FILTER:
			if (x.filtered)
				abort();
			x.filtered = 1;
			if ((how & FILTER) != 0)
				x.filter = filter;
			break;
		case MATCH_TREE:
			if (x.tree != NULL)
				abort();
			x.tree = tree;
			break;
		case MATCH_LATER:
			break;
		case MATCH_ERROR:
			abort();
		}
	}
}

static void
both(struct span program, struct span msg, const struct ready *r,
    const struct mime *tree, struct span filter)
{
	struct buf	 sa = { 0 }, sb = { 0 }, text = { 0 };
	struct match	*a, *b;
	int		 yes, how;

	if ((a = compile(program, &sa)) != NULL) {
		yes = run(a, msg, r, tree, filter, WHOLE);
		for (how = 0; how <= (WHOLE | SLICES | FILTER); how++)
			if (run(a, msg, r, tree, filter, how) != yes)
				abort();
		(void)buf_adds(&text, "NOT (");
		(void)buf_add_span(&text, program);
		(void)buf_addc(&text, ')');
		/* Not with a CHARSET in front, nor when it is too deep. */
		if ((b = compile(span_buf(&text), &sb)) != NULL &&
		    run(b, msg, r, tree, filter, WHOLE | FILTER) == yes)
			abort();
		match_free(b);
	}
	match_free(a);
	buf_free(&sa);
	buf_free(&sb);
	buf_free(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct span		 msg = span_of(p, n), line;
	struct ready_build	*build;
	struct ready		 r = { 0 };
	struct mime		*tree;
	struct message_source	 src = { message_source_span, &msg };
	struct buf		 filter = { 0 };
	struct filter_build	*making;
	int			 rc;

	if (n > 16384 || span_split(&msg, '\n', &line) == 0 || line.n > 512)
		return (0);
	if ((build = ready_begin()) == NULL || ready_feed(build, msg) == -1 ||
	    ready_end(build) == -1 || ready_take(&r, 1, build) == -1 ||
	    (tree = mime_load(ready_section(&r, READY_TREE))) == NULL)
		abort();
	if ((making = filter_build_new(tree, &src, NULL)) == NULL)
		abort();
	while ((rc = filter_build_step(making, &filter)) == 1)
		continue;
	if (rc == -1)
		abort();
	filter_build_free(making);
	both(line, msg, &r, tree, filter_bits(span_buf(&filter), NULL));
	buf_free(&filter);
	mime_free(tree);
	ready_free(build);
	ready_clear(&r);
	return (0);
}
