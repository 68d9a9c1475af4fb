/*
 * SEARCH with the return option PARTIAL, RFC 9394: what is found is kept, for
 * only then it is known which of it is asked for.
 */
#include <errno.h>
#include <stdlib.h>

#include "imapd/cmd.h"
#include "imapd/results.h"
#include "imapd/searching.h"

struct paging {
	struct results	 results;
	int		 begun;
};

static int		 hit(void *, const struct msgrec *, uint32_t);
static void		 found(void *, unsigned);
static enum step	 answer(struct session *);
static void		 forget(void *);

static const struct search_use	 use = { hit, answer, found, forget };

enum step
search_partial(struct session *s, struct search *program)
{
	struct paging	*g;

	if ((g = calloc(1, sizeof(*g))) == NULL) {
		if ((program->returns & RETURN_SAVE) != 0)
			seqset_free(&s->saved);
		search_free(program);
		return (session_no(s, ENOMEM));
	}
	g->results.returns = program->returns;
	g->results.partial = program->partial;
	g->results.with_modseq = program->modseq;
	g->results.by_uid = s->uid;
	memuse_begin(&g->results.memory, s);
	return (search_for(s, program, &use, g));
}

static int
hit(void *arg, const struct msgrec *rec, uint32_t seq)
{
	struct paging	*g = arg;

	if (results_add(&g->results, rec, seq) == -1)
		return (-1);
	return (results_enough(&g->results));
}

static void
found(void *arg, unsigned failed)
{
	struct paging	*g = arg;

	g->results.failed = failed;
}

static void
forget(void *arg)
{
	struct paging	*g = arg;

	results_free(&g->results);
	free(g);
}

static enum step
answer(struct session *s)
{
	struct paging	*g = s->data;
	struct results	*l = &g->results;

	if (!g->begun) {
		g->begun = 1;
		esearch_begin(s, NULL);
	}
	if (results_write(s, l) == 1)
		return (STEP_AGAIN);
	return (results_end(s, l));
}
