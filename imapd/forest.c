/*
 * The forest of messages while it is linked: is a message, however deep, under
 * another one?  Paths to the root are kept as splay trees (link-cut trees,
 * Sleator and Tarjan 1983), so that this costs log n on average whatever the
 * order in which hostile references come.  The usual case, a message that has no
 * children yet, costs nothing.
 */
#include "imapd/thread_int.h"

static int	 is_top(const struct node *, uint32_t);
static void	 rotate(struct node *, uint32_t);
static void	 splay(struct node *, uint32_t);
static void	 expose(struct node *, uint32_t);
static uint32_t	 root(struct node *, uint32_t);

/* Of its splay tree: up is then the next path's node. */
static int
is_top(const struct node *v, uint32_t x)
{
	uint32_t	 up = v[x].up;

	return (up == 0 || (v[up].left != x && v[up].right != x));
}

static void
rotate(struct node *v, uint32_t x)
{
	uint32_t	 y = v[x].up, z = v[y].up, mid;

	if (!is_top(v, y)) {
		if (v[z].left == y)
			v[z].left = x;
		else
			v[z].right = x;
	}
	if (v[y].left == x) {
		mid = v[x].right;
		v[y].left = mid;
		v[x].right = y;
	} else {
		mid = v[x].left;
		v[y].right = mid;
		v[x].left = y;
	}
	if (mid != 0)
		v[mid].up = y;
	v[y].up = x;
	v[x].up = z;
}

static void
splay(struct node *v, uint32_t x)
{
	uint32_t	 y;

	while (!is_top(v, x)) {
		y = v[x].up;
		if (!is_top(v, y))
			rotate(v, (v[y].left == x) == (v[v[y].up].left == y) ?
			    y : x);
		rotate(v, x);
	}
}

/* The path from the root to x becomes one tree, with x on top. */
static void
expose(struct node *v, uint32_t x)
{
	uint32_t	 y, last = 0;

	for (y = x; y != 0; y = v[y].up) {
		splay(v, y);
		v[y].right = last;
		last = y;
	}
	splay(v, x);
}

static uint32_t
root(struct node *v, uint32_t x)
{
	expose(v, x);
	while (v[x].left != 0)
		x = v[x].left;
	splay(v, x);
	return (x);
}

void
forest_link(struct threads *t, uint32_t parent, uint32_t child)
{
	struct node	*v = t->nodes;

	if (parent == child || (v[child].kids > 0 && v[parent].parent != 0 &&
	    root(v, parent) == child))
		return;
	/* It is the first of its path, so nothing is on its left. */
	expose(v, child);
	v[child].up = parent;
	v[child].parent = parent;
	v[parent].kids++;
}

void
forest_cut(struct threads *t, uint32_t child)
{
	struct node	*v = t->nodes;

	if (v[child].parent == 0)
		return;
	expose(v, child);
	v[v[child].left].up = 0;
	v[child].left = 0;
	v[v[child].parent].kids--;
	v[child].parent = 0;
}
