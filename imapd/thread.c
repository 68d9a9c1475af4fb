/*
 * Threads of messages.  See thread.h.  Numbers in comments are the steps of RFC
 * 5256 section 3, REFERENCES.
 *
 * No list of siblings is sorted by itself: all nodes are sorted once, by date,
 * and then hung in that order under their parents.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/thread_int.h"
#include "msgid.h"

#define ID_MIN		5		/* octets of "<a@b>" */

static int	 subject(struct threads *, const struct thread_message *,
		    struct node *);
static int	 valid(struct threads *, struct span *, struct span *);
static uint32_t	 own(struct threads *, struct span);
static uint32_t	 named(struct threads *, struct span, int *);
static int	 reference(struct threads *, struct span *, size_t *,
		    uint32_t *);
static int	 references(struct threads *, const struct thread_message *,
		    uint32_t);

struct threads *
threads_new(enum thread_how how, size_t expected)
{
	struct threads	*t;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return (NULL);
	t->how = how;
	t->expected = expected;
	if (idtable_init(&t->subjects, expected) == -1 ||
	    (how == THREAD_REFERENCES &&
	    idtable_init(&t->ids, expected) == -1) ||
	    (node_new(t), t->n != 1)) {
		threads_free(t);
		errno = ENOMEM;
		return (NULL);
	}
	t->phase = how == THREAD_REFERENCES ? PHASE_CLEAR : PHASE_ALL;
	return (t);
}

void
threads_free(struct threads *t)
{
	if (t == NULL)
		return;
	idtable_free(&t->ids);
	idtable_free(&t->subjects);
	merge_end(&t->merge);
	buf_free(&t->tmp);
	free(t->nodes);
	free(t->list);
	free(t->who);
	free(t);
}

size_t
threads_size(const struct threads *t)
{
	size_t	 n = t->cap * sizeof(*t->nodes) + t->tmp.cap +
		    (t->ids.size + t->subjects.size) * sizeof(*t->ids.slots);

	if (t->list != NULL)
		n += t->n * sizeof(*t->list);
	if (t->who != NULL)
		n += (size_t)t->nsubjects * sizeof(*t->who);
	if (t->merge.from != NULL)
		n += merge_size(t->merge.n);
	return (n);
}

uint32_t
node_new(struct threads *t)
{
	struct node	*more;
	size_t		 cap;

	if (t->n == t->cap) {
		cap = t->cap == 0 ? 64 : t->cap * 2;
		if (t->n >= UINT32_MAX / 4 || (more = reallocarray(t->nodes,
		    cap, sizeof(*more))) == NULL) {
			errno = ENOMEM;
			return (0);
		}
		t->nodes = more;
		t->cap = cap;
	}
	memset(&t->nodes[t->n], 0, sizeof(*t->nodes));
	return ((uint32_t)t->n++);
}

static int
subject(struct threads *t, const struct thread_message *m, struct node *n)
{
	uint32_t	*id;

	n->reply = (uint8_t)(m->reply != 0);
	if (m->subject.n == 0)
		return (0);
	switch (idtable_get(&t->subjects, m->subject, &id)) {
	case -1:
		return (-1);
	case 0:
		*id = ++t->nsubjects;
		break;
	}
	n->subject = *id;
	return (0);
}

/* The next Message-ID that is one, as it is compared; 1, 0: none, -1. */
static int
valid(struct threads *t, struct span *value, struct span *id)
{
	size_t	 i;

	while (msgid_next(value, id)) {
		for (i = 0; i < id->n && id->p[i] > ' ' && id->p[i] != '"' &&
		    id->p[i] != '\\' && id->p[i] != '(' && id->p[i] != ')'; i++)
			;
		if (i < id->n) {
			buf_reset(&t->tmp);
			if (msgid_normal(&t->tmp, *id) == -1)
				return (-1);
			*id = span_buf(&t->tmp);
		}
		if (span_find(*id, '@') > 0 &&
		    id->p[id->n - 1] != '@')
			return (1);
	}
	return (0);
}

/* The node of a message that comes: it may be one that was named before. */
static uint32_t
own(struct threads *t, struct span value)
{
	uint32_t	*at, node;
	struct span	 id;
	int		 rc;

	if (t->how != THREAD_REFERENCES)
		return (node_new(t));
	if ((rc = valid(t, &value, &id)) == 0)
		return (node_new(t));
	if (rc == -1 || (rc = idtable_get(&t->ids, id, &at)) == -1)
		return (0);
	if (rc == 1 && *at != 0 && t->nodes[*at].number != 0)
		return (node_new(t));		/* the first one has it */
	if (*at == 0 && (node = node_new(t)) != 0)
		*at = node;
	return (*at);
}

/* The node that an id names, made when there is none; 0 none, *rc is -1 with
 * errno. */
static uint32_t
named(struct threads *t, struct span id, int *rc)
{
	uint32_t	*at, node;

	*rc = 0;
	if (t->n - t->messages > t->expected * THREAD_ABSENT +
	    THREAD_ABSENT_MIN) {
		if (idtable_find(&t->ids, id, &node))
			return (node);
		return (0);
	}
	if ((*rc = idtable_get(&t->ids, id, &at)) == -1)
		return (0);
	*rc = 0;
	if (*at == 0 && (*at = node_new(t)) == 0)
		*rc = -1;
	return (*at);
}

/* 1.A: from one to the next, and on from *last; 1, 0 that was all, -1. */
static int
reference(struct threads *t, struct span *value, size_t *skip, uint32_t *last)
{
	struct span	 id;
	uint32_t	 ref;
	int		 rc;

	if ((rc = valid(t, value, &id)) != 1)
		return (rc);
	if (*skip > 0) {
		(*skip)--;
		return (1);
	}
	if ((ref = named(t, id, &rc)) == 0)
		return (rc == -1 ? -1 : 1);
	if (*last != 0 && t->nodes[ref].parent == 0)
		forest_link(t, *last, ref);
	*last = ref;
	return (1);
}

/* 1.A and 1.B */
static int
references(struct threads *t, const struct thread_message *m, uint32_t node)
{
	struct span	 value = m->references, id;
	uint32_t	 last = 0;
	size_t		 n = 0, skip = 0;
	int		 rc;

	if (value.n > THREAD_REFS * ID_MIN) {
		while ((rc = valid(t, &value, &id)) == 1)
			n++;
		if (rc == -1)
			return (-1);
		skip = n > THREAD_REFS ? n - THREAD_REFS : 0;
		value = m->references;
	}
	for (n = 0; (rc = reference(t, &value, &skip, &last)) == 1; n++)
		;
	value = m->in_reply_to;
	if (rc == 0 && n == 0)			/* the first one alone */
		rc = reference(t, &value, &skip, &last);
	if (rc == -1)
		return (-1);
	if (t->nodes[node].parent != last || last == 0) {
		forest_cut(t, node);
		if (last != 0)
			forest_link(t, last, node);
	}
	return (0);
}

int
threads_add(struct threads *t, const struct thread_message *m)
{
	struct node	*n;
	uint32_t	 node;

	if ((node = own(t, m->id)) == 0) {
		errno = ENOMEM;
		return (-1);
	}
	n = &t->nodes[node];
	n->number = m->number;
	n->order = (uint32_t)++t->messages;
	n->date = m->date;
	if (subject(t, m, n) == -1 || (t->how == THREAD_REFERENCES &&
	    references(t, m, node) == -1)) {
		errno = ENOMEM;
		return (-1);
	}
	return (0);
}
