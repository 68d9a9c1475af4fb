/*
 * The list of an account's mailboxes: making, removing, renaming, subscribing,
 * keywords.  Each change is one command; memory follows when it is committed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/account.h"
#include "imapd/annotation.h"
#include "imapd/ending.h"
#include "imapd/late.h"
#include "imapd/mailbox_int.h"
#include "imapd/notify.h"
#include "imapd/sharing.h"
#include "imapd/store.h"
#include "imapd/view.h"

#define RENAMES_TOLD	500	/* mailboxes of one RENAME, to NOTIFY */

static int	 insert(struct account *, struct mailbox *);
static void	 extract(struct account *, struct mailbox *);
static int	 write_dead(struct mailbox *);
static int	 rename_inbox(struct account *, struct span);

static const struct {
	uint32_t	 use;
	const char	*name;
} uses[] = {
	{ USE_ARCHIVE,	"\\Archive" },
	{ USE_DRAFTS,	"\\Drafts" },
	{ USE_JUNK,	"\\Junk" },
	{ USE_SENT,	"\\Sent" },
	{ USE_TRASH,	"\\Trash" },
	{ USE_FLAGGED,	"\\Flagged" },
	{ USE_ALL,	"\\All" },
};

const char *
use_name(uint32_t use)
{
	size_t	 i;

	for (i = 0; i < nitems(uses); i++)
		if (uses[i].use == use)
			return (uses[i].name);
	return (NULL);
}

uint32_t
use_by_name(struct span s)
{
	size_t	 i;

	for (i = 0; i < nitems(uses); i++)
		if (span_caseeqs(s, uses[i].name))
			return (uses[i].use);
	return (0);
}

int
account_write(struct account *a)
{
	struct rec_account	 r = { 0 };
	uint8_t			 k[8];

	r.name = span_str(a->name);
	r.uidvalidity = a->uidvalidity;
	r.created = a->created;
	return (part_put(a->part->account, key_u64(k, a->id), &c_rec_account,
	    &r));
}

static struct span
sub_key(struct buf *k, const struct account *a, struct span name)
{
	(void)buf_put_u64(k, a->id);
	(void)buf_add_span(k, name);
	return (span_buf(k));
}

int
account_write_sub(struct account *a, struct span name, int on)
{
	struct buf	 k = { 0 };
	int		 rc;

	(void)sub_key(&k, a, name);
	if (buf_failed(&k))
		rc = -1;
	else if (on)
		rc = dbenv_put(a->part->sub, span_buf(&k), span_of("", 0));
	else
		rc = dbenv_del(a->part->sub, span_buf(&k));
	buf_free(&k);
	return (rc);
}

/*
 * UIDVALIDITY is never used twice in an account, so that no name ever means
 * other messages under the same UIDs (RFC 3501 section 2.3.1.1).
 */
int
mailbox_write_new(struct account *a, struct span name, uint32_t use,
    uint64_t *idp)
{
	struct rec_mailbox	 r = { 0 };
	struct mbstate		 st = { 0 };
	uint64_t		 id;
	uint8_t			 k[16];

	do {
		arc4random_buf(&id, sizeof(id));
	} while (id == 0);
	if ((uint32_t)store_time() > a->uidvalidity)
		a->uidvalidity = (uint32_t)store_time();
	else
		a->uidvalidity++;
	r.name = name;
	r.uidvalidity = a->uidvalidity;
	r.uses = use;
	r.created = store_time();
	st.uidnext = 1;
	st.recent = 1;
	st.modseq = 1;
	if (idp != NULL)
		*idp = id;
	(void)key_u64_2(k, a->id, id);
	if (part_put(a->part->mailbox, span_of(k, 16), &c_rec_mailbox,
	    &r) == -1)
		return (-1);
	return (part_put(a->part->state, span_of(k, 16), &c_mbstate, &st));
}

int
mailbox_put(const struct mailbox *mb, struct span name, uint32_t use,
    struct span new_keyword)
{
	struct rec_mailbox	 r = { 0 };
	struct buf		 words = { 0 };
	uint8_t			 k[16];
	size_t			 i;
	int			 rc;

	for (i = 0; i < mb->nkeywords; i++) {
		if (i > 0)
			(void)buf_addc(&words, ' ');
		(void)buf_adds(&words, mb->keywords[i]);
	}
	if (new_keyword.n > 0) {
		if (i > 0)
			(void)buf_addc(&words, ' ');
		(void)buf_add_span(&words, new_keyword);
	}
	r.name = name;
	r.uidvalidity = mb->uidvalidity;
	r.uses = use;
	r.created = mb->created;
	r.keywords = span_buf(&words);
	rc = buf_failed(&words) ? -1 :
	    part_put(mb->account->part->mailbox,
	    key_u64_2(k, mb->account->id, mb->id), &c_rec_mailbox, &r);
	buf_free(&words);
	return (rc);
}

void
mailbox_drop_keywords(struct mailbox *mb)
{
	while (mb->nkeywords > 0)
		free(mb->keywords[--mb->nkeywords]);
	free(mb->keywords);
	mb->keywords = NULL;
}

int
mailbox_note_keyword(struct mailbox *mb, struct span word)
{
	char	**nv;

	if ((nv = reallocarray(mb->keywords, mb->nkeywords + 1,
	    sizeof(*nv))) == NULL)
		return (-1);
	mb->keywords = nv;
	if ((nv[mb->nkeywords] = span_dup(word)) == NULL)
		return (-1);
	mb->nkeywords++;
	return (0);
}

int
mailbox_keyword(const struct mailbox *mb, struct span word)
{
	size_t	 i;

	for (i = 0; i < mb->nkeywords; i++)
		if (span_caseeqs(word, mb->keywords[i]))
			return ((int)i);
	return (-1);
}

int
mailbox_keyword_add(struct mailbox *mb, struct span word)
{
	struct dbenv	*env = mb->account->part->env;
	int		 i;

	if ((i = mailbox_keyword(mb, word)) != -1)
		return (i);
	if (mb->nkeywords >= KEYWORDS_MAX || word.n > KEYWORD_MAX) {
		errno = EMLINK;
		return (-1);
	}
	if (dbenv_begin(env) == -1)
		return (-1);
	if (mailbox_put(mb, span_str(mb->name), mb->uses, word) == -1 ||
	    mailbox_note_keyword(mb, word) == -1) {
		dbenv_abort(env);
		return (-1);
	}
	if (dbenv_commit(env) == -1) {
		free(mb->keywords[--mb->nkeywords]);
		return (-1);
	}
	mb->seq = dbenv_seq(env);
	mb->account->seq = mb->seq;
	return ((int)mb->nkeywords - 1);
}

void
mailbox_free(struct mailbox *mb)
{
	if (mb == NULL)
		return;
	mailbox_drop_keywords(mb);
	sharing_drop(mb);
	free(mb->name);
	free(mb);
}

void
mailbox_detach(struct mailbox *mb)
{
	if (mb->view == NULL) {
		mailbox_free(mb);
		return;
	}
	mb->removed = 1;
	view_gone(mb->view, 1);
}

static int
insert(struct account *a, struct mailbox *mb)
{
	struct mailbox	**nv;
	size_t		  i;

	if ((nv = reallocarray(a->mailboxes, a->nmailboxes + 1,
	    sizeof(*nv))) == NULL)
		return (-1);
	a->mailboxes = nv;
	i = mailbox_lower(a, span_str(mb->name));
	memmove(nv + i + 1, nv + i, (a->nmailboxes - i) * sizeof(*nv));
	nv[i] = mb;
	a->nmailboxes++;
	return (0);
}

static void
extract(struct account *a, struct mailbox *mb)
{
	size_t	 i;

	for (i = 0; i < a->nmailboxes && a->mailboxes[i] != mb; i++)
		continue;
	if (i == a->nmailboxes)
		return;
	a->nmailboxes--;
	memmove(a->mailboxes + i, a->mailboxes + i + 1,
	    (a->nmailboxes - i) * sizeof(*a->mailboxes));
}

/* Put into memory what mailbox_write_new() wrote. */
static struct mailbox *
mailbox_apply_new(struct account *a, struct span name, uint32_t use,
    uint64_t id)
{
	struct mailbox	*mb;

	if ((mb = calloc(1, sizeof(*mb))) == NULL ||
	    (mb->name = span_dup(name)) == NULL) {
		free(mb);
		return (NULL);
	}
	mb->account = a;
	mb->id = id;
	mb->uidvalidity = a->uidvalidity;
	mb->uses = use;
	mb->created = store_time();
	mb->st.uidnext = 1;
	mb->st.recent = 1;
	mb->st.modseq = 1;
	mb->seq = a->seq = dbenv_seq(a->part->env);
	if (sharing_apply_new(mb) == -1 || insert(a, mb) == -1) {
		mailbox_free(mb);
		return (NULL);
	}
	return (mb);
}

int
mailbox_create(struct account *a, struct span name, uint32_t use,
    struct mailbox **mbp)
{
	struct dbenv	*env = a->part->env;
	uint64_t	 id;

	*mbp = NULL;
	if (mailbox_check_name(name) == -1)
		return (-1);
	if (mailbox_named(a, name) != NULL) {
		errno = EEXIST;
		return (-1);
	}
	if (a->nmailboxes >= a->part->store->limits.mailboxes) {
		errno = EMLINK;
		return (-1);
	}
	if (dbenv_begin(env) == -1)
		return (-1);
	if (mailbox_write_new(a, name, use, &id) == -1 ||
	    sharing_write_new(a, name, id) == -1 ||
	    account_write(a) == -1) {
		dbenv_abort(env);
		return (-1);
	}
	/* Memory first: it can be taken back, a commit cannot. */
	if ((*mbp = mailbox_apply_new(a, name, use, id)) == NULL) {
		dbenv_abort(env);
		errno = ENOMEM;
		return (-1);
	}
	if (dbenv_commit(env) == -1) {
		extract(a, *mbp);
		mailbox_free(*mbp);
		*mbp = NULL;
		return (-1);
	}
	notify_name(*mbp);
	return (0);
}

static int
write_dead(struct mailbox *mb)
{
	struct part	*p = mb->account->part;
	uint8_t		 k[16], kd[8];

	(void)key_u64_2(k, mb->account->id, mb->id);
	if (annotation_remove_all(mb->account, &mb->id) == -1 ||
	    late_remove(mb) == -1 || sharing_write_removed(mb) == -1 ||
	    dbenv_del(p->mailbox, span_of(k, 16)) == -1 ||
	    dbenv_del(p->state, span_of(k, 16)) == -1)
		return (-1);
	return (dbenv_put(p->dead, key_u64(kd, mb->id), span_of("", 0)));
}

int
mailbox_delete(struct mailbox *mb)
{
	struct account	*a = mb->account;
	uint64_t	 id = mb->id;

	if (mb == a->inbox) {
		errno = EPERM;
		return (-1);
	}
	if (dbenv_begin(a->part->env) == -1)
		return (-1);
	if (write_dead(mb) == -1) {
		dbenv_abort(a->part->env);
		return (-1);
	}
	if (dbenv_commit(a->part->env) == -1)
		return (-1);
	a->seq = dbenv_seq(a->part->env);
	extract(a, mb);
	notify_name(mb);
	mailbox_detach(mb);
	return (ending_add(a->part, id, a->seq));
}

/*
 * RFC 3501 section 6.3.5: the messages move to the new name and the INBOX is
 * left empty.  So the mailbox takes the name and a fresh one becomes INBOX;
 * sessions that had it selected are lost, they would never hear of new mail.
 */
static int
rename_inbox(struct account *a, struct span to)
{
	struct dbenv	*env = a->part->env;
	struct mailbox	*old = a->inbox, *mb;
	uint64_t	 id;
	char		*name;

	if (a->nmailboxes >= a->part->store->limits.mailboxes) {
		errno = EMLINK;
		return (-1);
	}
	if ((name = span_dup(to)) == NULL || dbenv_begin(env) == -1) {
		free(name);
		return (-1);
	}
	/* RFC 5464 section 4.1: what is noted of the INBOX is of both. */
	if (mailbox_write_new(a, span_str("INBOX"), old->uses, &id) == -1 ||
	    annotation_copy(a, old->id, id) == -1 ||
	    mailbox_put(old, to, 0, span_of("", 0)) == -1 ||
	    account_write(a) == -1 ||
	    (mb = mailbox_apply_new(a, span_str("INBOX"), old->uses,
	    id)) == NULL) {
		dbenv_abort(env);
		free(name);
		return (-1);
	}
	if (dbenv_commit(env) == -1) {
		extract(a, mb);
		mailbox_free(mb);
		free(name);
		return (-1);
	}
	extract(a, old);
	free(old->name);
	old->name = name;
	old->uses = 0;
	old->seq = a->seq;
	a->inbox = mb;
	if (old->view != NULL)
		view_gone(old->view, SEEN_RENAMED);
	if (insert(a, old) == -1)
		return (-1);
	notify_name(old);
	/* To others there is no INBOX any more: its rights went along. */
	notify_had(old);
	notify_rights(mb);
	notify_messages(mb, EVENT_EXPUNGE);
	return (0);
}

/* The new name of what is, or is under, from; the caller frees it. */
static char *
renamed(const char *name, struct span from, struct span to)
{
	struct buf	 b = { 0 };
	char		*s = NULL;

	(void)buf_add_span(&b, to);
	(void)buf_adds(&b, name + from.n);
	if (!buf_failed(&b) && mailbox_check_name(span_buf(&b)) == 0)
		s = span_dup(span_buf(&b));
	buf_free(&b);
	return (s);
}

/* Does the list have name, but for those that are renamed themselves? */
static int
taken(const struct account *a, const char *name, struct span from)
{
	struct mailbox	*mb = mailbox_named(a, span_str(name));

	return (mb != NULL && !span_eqs(from, mb->name) &&
	    !mailbox_is_under(mb->name, from));
}

static int
by_name(const void *x, const void *y)
{
	const struct mailbox *const *a = x, *const *b = y;

	return (strcmp((*a)->name, (*b)->name));
}

/* Their names are new; the list is sorted, then it is told who was what: of that
 * many, more are too much for one turn of the loop. */
static void
resort(struct account *a, char *const *old, struct span from, struct span to)
{
	struct mailbox	*mb;
	char		*name;
	size_t		 i, n = 0;
	int		 shared = 0;

	qsort(a->mailboxes, a->nmailboxes, sizeof(*a->mailboxes), by_name);
	if (LIST_EMPTY(&a->part->notifies))
		return;
	for (i = 0; i < a->nmailboxes; i++) {
		n += old[i] != NULL;
		shared |= a->mailboxes[i]->nacl > 0;
	}
	if (n > RENAMES_TOLD) {
		notify_undone(a, shared);
		return;
	}
	for (i = 0; i < a->nmailboxes; i++) {
		if (old[i] == NULL)
			continue;
		if ((name = renamed(old[i], from, to)) == NULL ||
		    (mb = mailbox_named(a, span_str(name))) == NULL)
			notify_undone(a, 1);
		else
			notify_renamed(mb, old[i], to.n);
		free(name);
	}
}

int
mailbox_rename(struct account *a, struct span from, struct span to)
{
	struct dbenv	*env = a->part->env;
	struct mailbox	*mb;
	char		**names, *name;
	size_t		 i, n = 0;
	int		 e = 0;

	if (mailbox_check_name(to) == -1)
		return (-1);
	if (mailbox_named(a, to) != NULL) {
		errno = EEXIST;
		return (-1);
	}
	if (span_eqs(from, "INBOX"))
		return (rename_inbox(a, to));
	if ((names = calloc(a->nmailboxes + 1, sizeof(*names))) == NULL ||
	    dbenv_begin(env) == -1) {
		free(names);
		return (-1);
	}
	for (i = 0; i < a->nmailboxes && e == 0; i++) {
		mb = a->mailboxes[i];
		if (!span_eqs(from, mb->name) && !mailbox_is_under(mb->name, from))
			continue;
		n++;
		errno = EEXIST;
		if ((names[i] = renamed(mb->name, from, to)) == NULL ||
		    taken(a, names[i], from) ||
		    mailbox_put(mb, span_str(names[i]), mb->uses,
		    span_of("", 0)) == -1)
			e = errno;
	}
	if (e == 0 && n == 0)
		e = ENOENT;
	if (e != 0)
		dbenv_abort(env);
	else if (dbenv_commit(env) == -1)
		e = errno;
	for (i = 0; e == 0 && i < a->nmailboxes; i++) {
		mb = a->mailboxes[i];
		if (names[i] == NULL)
			continue;
		name = mb->name;
		mb->name = names[i];
		names[i] = name;
		mb->seq = dbenv_seq(env);
	}
	if (e == 0) {
		a->seq = dbenv_seq(env);
		resort(a, names, from, to);
	}
	for (i = 0; i < a->nmailboxes; i++)
		free(names[i]);
	free(names);
	errno = e;
	return (e == 0 ? 0 : -1);
}

int
account_subscribe(struct account *a, struct span name, int on)
{
	struct dbenv	*env = a->part->env;
	char		**nv, *copy;
	size_t		 i;

	if (on && mailbox_check_form(name) == -1)
		return (-1);
	if (account_subscribed(a, name) == !!on)
		return (0);
	if (on && a->nsubs >= a->part->store->limits.mailboxes) {
		errno = EMLINK;
		return (-1);
	}
	if ((nv = reallocarray(a->subs, a->nsubs + 1, sizeof(*nv))) == NULL)
		return (-1);
	a->subs = nv;
	if ((copy = span_dup(name)) == NULL || dbenv_begin(env) == -1)
		goto err;
	if (account_write_sub(a, name, on) == -1) {
		dbenv_abort(env);
		goto err;
	}
	if (dbenv_commit(env) == -1)
		goto err;
	a->seq = dbenv_seq(env);
	i = account_sub_lower(a, name);
	if (on) {
		memmove(nv + i + 1, nv + i, (a->nsubs - i) * sizeof(*nv));
		nv[i] = copy;
		a->nsubs++;
		notify_subscription(a, copy);
		return (0);
	}
	free(nv[i]);
	a->nsubs--;
	memmove(nv + i, nv + i + 1, (a->nsubs - i) * sizeof(*nv));
	notify_subscription(a, copy);
	free(copy);
	return (0);
err:
	free(copy);
	return (-1);
}
