/*
 * Between the files of threads: nodes, and the forest that they are linked in.
 */
#ifndef THREAD_INT_H
#define THREAD_INT_H

#include "imapd/idtable.h"
#include "imapd/merge.h"
#include "imapd/thread.h"

#define UNSET	UINT32_MAX

/*
 * A message, or one that others name and nobody has ("dummy").  Nodes are named
 * by their index; 0 is none and, in the end, the root.
 */
struct node {
	uint32_t	 parent;	/* as linked by references */
	uint32_t	 kids;		/* how many; later, the last one */
	/* First a tree over paths to the root (forest.c), then the result. */
	union { uint32_t left, first; };
	union { uint32_t right, next; };
	union { uint32_t up, over; };	/* over: parent in the result */
	uint32_t	 number;	/* 0: dummy */
	uint32_t	 order;		/* of messages, by number */
	uint32_t	 subject;	/* 0: none */
	int64_t		 date;
	uint8_t		 reply;
	uint8_t		 dropped;
};

enum thread_phase {
	PHASE_CLEAR, PHASE_OVER, PHASE_COUNT, PHASE_PRUNE, PHASE_ROOTS,
	PHASE_SORT_ROOTS, PHASE_TABLE, PHASE_GATHER, PHASE_LEAST,
	PHASE_ALL, PHASE_SORT, PHASE_BY_SUBJECT, PHASE_BUILD, PHASE_DONE,
	PHASES
};

struct threads {
	enum thread_how		 how;
	struct node		*nodes;
	size_t			 n, cap;
	size_t			 messages, expected;
	struct idtable		 ids;		/* Message-IDs to nodes */
	struct idtable		 subjects;	/* to 1, 2, 3 ... */
	uint32_t		 nsubjects;
	struct buf		 tmp;

	enum thread_phase	 phase;
	size_t			 at;		/* in it */
	uint32_t		*list;		/* of nodes, being sorted */
	size_t			 nlist, all;	/* all: nodes when it was begun */
	struct merge		 merge;
	uint32_t		*who;		/* the node of a subject */

	uint32_t		 node;		/* being written */
	int			 rising;
};

/* Make parent the parent of child, which has none, unless that made a loop. */
void	 forest_link(struct threads *, uint32_t parent, uint32_t child);
/* Take it from its parent, if it has one. */
void	 forest_cut(struct threads *, uint32_t child);

/* A node of no message; 0 with errno. */
uint32_t node_new(struct threads *);

#endif
