/*
 * Names of mailboxes.  See place.h.
 */
#include <errno.h>
#include <string.h>

#include "imapd/parse/write.h"
#include "imapd/place.h"

#define PREFIX	OTHER_USERS "/"

/* "Other Users/NAME" and what is behind the next separator: 1, 0 it is another
 * name. */
static int
split(struct span name, struct span *owner, struct span *inner)
{
	const uint8_t	*sep;

	*owner = *inner = span_of("", 0);
	if (name.n < sizeof(PREFIX) - 1 ||
	    memcmp(name.p, PREFIX, sizeof(PREFIX) - 1) != 0)
		return (0);
	*owner = span_of(name.p + sizeof(PREFIX) - 1,
	    name.n - (sizeof(PREFIX) - 1));
	if (owner->n == 0 ||
	    (sep = memchr(owner->p, MAILBOX_SEPARATOR, owner->n)) == NULL)
		return (1);
	*inner = span_of(sep + 1, owner->n - (size_t)(sep + 1 - owner->p));
	owner->n = (size_t)(sep - owner->p);
	if (span_caseeqs(*inner, "INBOX"))
		*inner = span_str("INBOX");
	return (1);
}

/* Kept until the command's end; a command looks up two names at most. */
static struct account *
hold(struct session *s, uint64_t id)
{
	struct account	*a;

	if (id == 0)
		return (NULL);
	if ((a = account_find(s->account->part, id)) == NULL)
		return (NULL);
	account_put(s->looked[0]);
	s->looked[0] = s->looked[1];
	s->looked[1] = a;
	return (a);
}

void
place_drop(struct session *s)
{
	account_put(s->looked[0]);
	account_put(s->looked[1]);
	s->looked[0] = s->looked[1] = NULL;
}

uint32_t
place_rights(const struct session *s, const struct mailbox *mb)
{
	return (sharing_rights(mb, s->account->id));
}

uint32_t
place_selected(const struct session *s)
{
	return (place_rights(s, s->seen.view->mb));
}

/* An own mailbox comes first: it may be older than the namespace. */
int
place_find(struct session *s, struct span name, struct place *w)
{
	struct span	 owner, inner;

	memset(w, 0, sizeof(*w));
	w->account = s->account;
	w->name = name;
	if ((w->mb = mailbox_named(s->account, name)) == NULL &&
	    split(name, &owner, &inner)) {
		w->other = 1;
		w->name = inner;
		w->account = hold(s, sharing_owner(s->account->part,
		    s->account->id, owner));
		if (w->account != NULL) {
			session_hold(s, w->account->seq);
			w->mb = mailbox_named(w->account, w->name);
		}
	}
	if (w->mb != NULL)
		w->rights = place_rights(s, w->mb);
	if ((w->rights & RIGHT_LOOKUP) != 0)
		return (0);
	w->mb = NULL;
	w->rights = 0;
	errno = ENOENT;
	return (-1);
}

int
place_need(struct session *s, struct span name, uint32_t rights,
    struct place *w)
{
	if (place_find(s, name, w) == -1)
		return (-1);
	if ((w->rights & rights) == rights)
		return (0);
	errno = EACCES;
	return (-1);
}

int
place_still(const struct session *s, const struct mailbox *mb,
    uint32_t rights, uint32_t *has)
{
	*has = place_rights(s, mb);
	errno = (*has & RIGHT_LOOKUP) == 0 ? ENOENT : EACCES;
	return ((*has & rights) == rights && *has != 0 ? 0 : -1);
}

/* The first from position i on that is seen and, if base is given, below it. */
static const struct mailbox *
seen_from(const struct session *s, const struct account *a, size_t i,
    const struct span *base)
{
	const struct mailbox	*mb;

	for (; i < a->nmailboxes; i++) {
		mb = a->mailboxes[i];
		if (base != NULL && !mailbox_is_under(mb->name, *base))
			return (NULL);
		if ((place_rights(s, mb) & RIGHT_LOOKUP) != 0)
			return (mb);
	}
	return (NULL);
}

int
place_below(const struct session *s, const struct account *owner,
    struct span inner)
{
	if (owner == s->account)
		return (mailbox_has_children(owner, inner));
	if (inner.n == 0)
		return (seen_from(s, owner, 0, NULL) != NULL);
	return (seen_from(s, owner, mailbox_first_under(owner, inner),
	    &inner) != NULL);
}

int
place_has_children(struct session *s, struct span name)
{
	struct account	*a;
	struct buf	 b = { 0 };
	struct span	 owner, inner;
	int		 rc;

	if (mailbox_has_children(s->account, name))
		return (1);
	if (span_eqs(name, OTHER_USERS)) {
		rc = place_next_other(s, span_of("", 0), &b) == 1;
		buf_free(&b);
		return (rc);
	}
	if (!split(name, &owner, &inner) ||
	    (a = hold(s, sharing_owner(s->account->part, s->account->id,
	    owner))) == NULL)
		return (0);
	return (place_below(s, a, inner));
}

struct account *
place_account(struct session *s, struct span name)
{
	struct account	*a;
	struct span	 owner, inner;
	size_t		 i;

	if (!split(name, &owner, &inner) || inner.n != 0 ||
	    (a = hold(s, sharing_owner(s->account->part, s->account->id,
	    owner))) == NULL)
		return (NULL);
	session_hold(s, a->seq);
	for (i = 0; i < a->nmailboxes; i++)
		if ((place_rights(s, a->mailboxes[i]) & RIGHT_READ) != 0)
			return (a);
	return (NULL);
}

/* What is nearest above says whether, even where it is not seen. */
int
place_may_create(struct session *s, const struct place *w)
{
	const struct mailbox	*mb = NULL;
	uint32_t		 rights;
	size_t			 n;

	if (!w->other)
		return (0);
	errno = ENOENT;
	if (w->account == NULL || seen_from(s, w->account, 0, NULL) == NULL)
		return (-1);
	errno = EACCES;
	for (n = w->name.n; n > 0 && mb == NULL; n--)
		if (w->name.p[n - 1] == MAILBOX_SEPARATOR)
			mb = mailbox_named(w->account, span_of(w->name.p,
			    n - 1));
	rights = mb == NULL ? 0 : place_rights(s, mb);
	if ((rights & RIGHT_CREATE) == 0 ||
	    (w->mb == NULL && mailbox_named(w->account, w->name) != NULL))
		return (-1);
	return (0);
}

static void
join(struct buf *b, struct span owner, struct span inner)
{
	buf_reset(b);
	(void)buf_adds(b, PREFIX);
	(void)buf_add_span(b, owner);
	(void)buf_addc(b, MAILBOX_SEPARATOR);
	(void)buf_add_span(b, inner);
}

/* The first that is seen of one owner, behind a name of it. */
static int
next_of(struct session *s, struct span owner, struct span after,
    struct buf *name)
{
	const struct mailbox	*mb;
	struct account		*a;

	if ((a = hold(s, sharing_owner(s->account->part, s->account->id,
	    owner))) == NULL)
		return (0);
	session_hold(s, a->seq);
	if ((mb = seen_from(s, a, mailbox_behind(a, after), NULL)) == NULL)
		return (0);
	join(name, owner, span_str(mb->name));
	return (buf_failed(name) ? -1 : 1);
}

int
place_next_other(struct session *s, struct span after, struct buf *name)
{
	struct span	 owner, inner;
	struct buf	 from = { 0 }, next = { 0 };
	int		 rc = 0;

	(void)split(after, &owner, &inner);
	(void)buf_add_span(&from, owner);
	if (owner.n > 0)
		rc = next_of(s, owner, inner, name);
	while (rc == 0) {
		buf_reset(&next);
		if ((rc = sharing_next(s->account->part, s->account->id,
		    span_buf(&from), &next)) != 1)
			break;
		buf_reset(&from);
		(void)buf_add_span(&from, span_buf(&next));
		rc = buf_failed(&from) ? -1 : next_of(s, span_buf(&from),
		    span_of("", 0), name);
	}
	buf_free(&from);
	buf_free(&next);
	return (rc);
}

void
place_join(const struct session *s, const struct account *owner,
    struct span inner, struct buf *b)
{
	if (owner != s->account)
		(void)buf_addf(b, PREFIX "%s%s", owner->name,
		    inner.n > 0 ? "/" : "");
	(void)buf_add_span(b, inner);
}

void
place_name(const struct session *s, const struct mailbox *mb, struct buf *b)
{
	place_join(s, mb->account, span_str(mb->name), b);
}

void
place_write(const struct session *s, const struct mailbox *mb, struct buf *b)
{
	struct buf	 name = { 0 };

	place_name(s, mb, &name);
	mailbox_write(b, span_buf(&name), s->enabled & ENABLED_UTF8);
	buf_free(&name);
}

uint32_t
place_flags(uint32_t rights)
{
	uint32_t	 flags = 0;

	if ((rights & RIGHT_SEEN) != 0)
		flags |= MF_SEEN;
	if ((rights & RIGHT_DELETED) != 0)
		flags |= MF_DELETED;
	if ((rights & RIGHT_WRITE) != 0)
		flags |= MF_ALL & ~(MF_SEEN | MF_DELETED);
	return (flags);
}
