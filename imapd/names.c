/*
 * Finding names in the two lists of an account that are kept in their order: its
 * mailboxes and what it is subscribed to.
 */
#include <string.h>

#include "imapd/mailbox_int.h"
#include "mboxname.h"

/* Does this name of a list stand before the place that is looked for? */
typedef int	 before_fn(const char *, struct span);

static before_fn before, not_behind, before_under;

/* As strcmp, of a C string and a span. */
static int
compare(const char *name, struct span s)
{
	size_t	 n = strlen(name), both = n < s.n ? n : s.n;
	int	 c;

	if (both > 0 && (c = memcmp(name, s.p, both)) != 0)
		return (c);
	return (n < s.n ? -1 : n > s.n);
}

static int
before(const char *name, struct span s)
{
	return (compare(name, s) < 0);
}

static int
not_behind(const char *name, struct span s)
{
	return (compare(name, s) <= 0);
}

/* Does it come before all that is under parent?  Names of others, as "a b" and
 * "a.b", may stand between the two. */
static int
before_under(const char *name, struct span parent)
{
	size_t	 n = strlen(name), both = n < parent.n ? n : parent.n;
	int	 c;

	if (both > 0 && (c = memcmp(name, parent.p, both)) != 0)
		return (c < 0);
	return (n <= parent.n ||
	    (unsigned char)name[parent.n] < MAILBOX_SEPARATOR);
}

static size_t
mailbox_place(const struct account *a, before_fn *is_before, struct span s)
{
	size_t	 lo = 0, hi = a->nmailboxes, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (is_before(a->mailboxes[mid]->name, s))
			lo = mid + 1;
		else
			hi = mid;
	}
	return (lo);
}

static size_t
sub_place(const struct account *a, before_fn *is_before, struct span s)
{
	size_t	 lo = 0, hi = a->nsubs, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (is_before(a->subs[mid], s))
			lo = mid + 1;
		else
			hi = mid;
	}
	return (lo);
}

size_t
mailbox_lower(const struct account *a, struct span name)
{
	return (mailbox_place(a, before, name));
}

size_t
mailbox_behind(const struct account *a, struct span name)
{
	return (mailbox_place(a, not_behind, name));
}

size_t
mailbox_first_under(const struct account *a, struct span parent)
{
	return (mailbox_place(a, before_under, parent));
}

size_t
account_sub_lower(const struct account *a, struct span name)
{
	return (sub_place(a, before, name));
}

size_t
account_sub_behind(const struct account *a, struct span name)
{
	return (sub_place(a, not_behind, name));
}

size_t
account_sub_under(const struct account *a, struct span parent)
{
	return (sub_place(a, before_under, parent));
}

int
mailbox_is_within(struct span name, struct span top)
{
	return (top.n == 0 || (name.n >= top.n &&
	    memcmp(name.p, top.p, top.n) == 0 &&
	    (name.n == top.n || name.p[top.n] == MAILBOX_SEPARATOR)));
}

int
mailbox_is_under(const char *name, struct span parent)
{
	struct span	 s = span_str(name);

	return (s.n > parent.n + 1 && mailbox_is_within(s, parent));
}

struct mailbox *
mailbox_named(const struct account *a, struct span name)
{
	size_t	 i = mailbox_lower(a, name);

	if (i < a->nmailboxes && span_eqs(name, a->mailboxes[i]->name))
		return (a->mailboxes[i]);
	return (NULL);
}

struct mailbox *
mailbox_called(const struct account *a, struct span name)
{
	struct mailbox	*mb = mailbox_named(a, name);
	struct buf	 b = { 0 };

	if (mb == NULL && mailbox_normal(&b, name) == 0)
		mb = mailbox_named(a, span_buf(&b));
	buf_free(&b);
	return (mb);
}

struct mailbox *
mailbox_by_id(const struct account *a, uint64_t id)
{
	size_t	 i;

	for (i = 0; i < a->nmailboxes; i++)
		if (a->mailboxes[i]->id == id)
			return (a->mailboxes[i]);
	return (NULL);
}

int
mailbox_has_children(const struct account *a, struct span name)
{
	size_t	 i = mailbox_first_under(a, name);

	return (i < a->nmailboxes &&
	    mailbox_is_under(a->mailboxes[i]->name, name));
}

int
account_subscribed(const struct account *a, struct span name)
{
	size_t	 i = account_sub_lower(a, name);

	return (i < a->nsubs && span_eqs(name, a->subs[i]));
}
