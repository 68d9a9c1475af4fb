/*
 * "letterctl acl": lists of rights, RFC 4314, for an administrator.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/grant.h"
#include "imapd/place.h"
#include "imapd/store_ctl.h"

#define BY	"an administrator"	/* for the log */

/* A change under way: auth is asked for the name, then the disk. */
struct granting {
	struct ctl_job		 job;		/* first */
	struct account		*account;	/* of the mailbox; held */
	uint64_t		 mailbox;
	char			*rights;
	int			 negative;
	struct naming		*naming;	/* or NULL */
	struct dbenv_wait	 wait;
	int			 waiting;
};

static void	 finish(struct granting *, int, const char *);
static void	 stop(struct ctl_job *);

/* ---- listing -------------------------------------------------------------------- */

/* Number k of what a list says: identifiers, then those that take. */
static struct json_object *
row(const struct mailbox *mb, size_t k)
{
	const struct acl_entry	*e = &mb->acl[k / 2];
	struct json_object	*o;
	struct buf		 id = { 0 }, rights = { 0 };
	uint32_t		 has = k % 2 == 0 ? e->give : e->take;

	if (has == 0)
		return (NULL);
	o = json_object_new_object();
	(void)buf_addf(&id, "%s%s", k % 2 == 0 ? "" : "-", e->name);
	acl_write(&rights, has);
	row_str(o, "mailbox", span_str(mb->name));
	row_str(o, "identifier", span_buf(&id));
	row_str(o, "rights", span_buf(&rights));
	buf_free(&id);
	buf_free(&rights);
	return (o);
}

/* Rows of one mailbox, from number *k on: 0, or -1: the page is full. */
static int
rows(struct page *page, const struct mailbox *mb, uint64_t *k)
{
	struct json_object	*o;

	for (; *k < 2 * mb->nacl; (*k)++)
		if ((o = row(mb, (size_t)*k)) != NULL &&
		    page_row(page, o) == -1)
			return (-1);
	*k = 0;
	return (0);
}

/* The cursor: number of the row in its mailbox, ":", the mailbox. */
void
ctl_acl_list(struct ctl_ask *a)
{
	struct page	 page = { 0 };
	struct account	*acc;
	struct span	 name = a->cursor, number;
	struct buf	 next = { 0 };
	uint64_t	 k = 0;
	size_t		 i = 0;
	int		 one = a->nargs > 3;

	if ((acc = ctl_account(a)) == NULL)
		return;
	if (a->cursor.n != 0 && (span_split(&name, ':', &number) == 0 ||
	    span_num(number, UINT32_MAX, &k) == -1)) {
		page_error(a->peer, a->imsg->id, "malformed cursor");
		account_put(acc);
		return;
	}
	if (one && mailbox_called(acc, a->args[3].arg) == NULL) {
		page_error(a->peer, a->imsg->id, "no such mailbox");
		account_put(acc);
		return;
	}
	if (one)
		name = span_str(mailbox_called(acc, a->args[3].arg)->name);
	i = mailbox_lower(acc, name);
	/* The list may have changed meanwhile. */
	if (i < acc->nmailboxes && !span_eqs(name, acc->mailboxes[i]->name))
		k = 0;
	for (; i < acc->nmailboxes; i++)
		if (rows(&page, acc->mailboxes[i], &k) == -1 || one)
			break;
	if (i < acc->nmailboxes && (!one || k > 0))
		(void)buf_addf(&next, "%llu:%s", (unsigned long long)k,
		    acc->mailboxes[i]->name);
	page_answer(a->peer, a->imsg->id, &page, span_str(""),
	    span_buf(&next));
	buf_free(&next);
	account_put(acc);
}

/* ---- changes ---------------------------------------------------------------------- */

static void
finish(struct granting *x, int status, const char *text)
{
	if (x->naming != NULL)
		x->naming->done = NULL;
	if (x->waiting)
		dbenv_unwait(x->account->part->env, &x->wait);
	ctl_job_end(&x->job, status, text);
	account_put(x->account);
	free(x->rights);
	free(x);
}

static void
stop(struct ctl_job *j)
{
	finish((struct granting *)(void *)j, 1, "given up");
}

static void
on_flushed(struct dbenv_wait *w, int error)
{
	struct granting	*x = w->arg;

	x->waiting = 0;
	finish(x, error != 0, error != 0 ? strerror(error) : "done");
}

/* It was changed, if errno is 0: done when that is on disk. */
static void
settle(struct granting *x, int error)
{
	struct account	*a = x->account;

	if (error != 0) {
		finish(x, 1, error == EMLINK ? "the list is full" :
		    error == ENOENT ? "no such mailbox" :
		    error == EAGAIN ? "that account is leaving" :
		    strerror(error));
		return;
	}
	x->wait.done = on_flushed;
	x->wait.arg = x;
	if (dbenv_wait(a->part->env, a->seq, &x->wait) == 1)
		finish(x, 0, "done");
	else
		x->waiting = 1;
}

static void
on_name(struct naming *n, enum naming_result result, uint64_t account,
    struct span name)
{
	struct granting	*x = n->arg;
	struct mailbox	*mb;

	x->naming = NULL;
	if (result == NAMING_AWAY) {
		finish(x, 1, "auth does not answer; try again");
		return;
	}
	if (result == NAMING_NO) {
		finish(x, 1, "there is no such account in that partition: "
		    "letterctl account add --near makes one");
		return;
	}
	if (account != 0 && account == x->account->id) {
		finish(x, 1, "the owner has all rights");
		return;
	}
	if ((mb = mailbox_by_id(x->account, x->mailbox)) == NULL)
		errno = ENOENT;
	settle(x, mb == NULL || grant_set(x->job.store, mb, account, name,
	    span_str(x->rights), x->negative, BY) == -1 ? errno : 0);
}

static void
ask(struct granting *x, struct span who)
{
	struct store	*st = x->job.store;
	struct naming	 any = { .arg = x }, *n;

	if (span_eqs(who, ACL_ANYONE)) {
		on_name(&any, NAMING_HERE, 0, who);
		return;
	}
	if ((n = calloc(1, sizeof(*n))) == NULL) {
		finish(x, 1, strerror(ENOMEM));
		return;
	}
	n->done = on_name;
	n->arg = x;
	n->partition = x->account->part->num;
	x->naming = n;
	if (st->named(n, who) == 0) {
		on_name(n, NAMING_AWAY, 0, who);
		free(n);
	}
}

static void
delete(struct granting *x, struct mailbox *mb, struct span who)
{
	int	 rc;

	if (span_caseeqs(who, x->account->name))
		finish(x, 1, "the owner has all rights");
	else if ((rc = grant_delete(x->job.store, mb, who, x->negative,
	    BY)) == 0)
		finish(x, 1, "it is not in the list");
	else
		settle(x, rc == -1 ? errno : 0);
}

/* "acl set" with rights, or "acl delete". */
void
ctl_acl_set(struct ctl_ask *a)
{
	int		 set = span_eqs(a->verb, "acl set");
	struct granting	*x = NULL;
	struct account	*acc;
	struct mailbox	*mb = NULL;
	struct span	 who, rights = span_of("", 0);
	const char	*why = NULL;
	uint32_t	 none = 0;

	if ((acc = ctl_account(a)) == NULL)
		return;
	if (a->nargs != (set ? 6 : 5))
		why = "malformed request";
	else if ((mb = mailbox_called(acc, a->args[3].arg)) == NULL)
		why = "no such mailbox";
	else if (set && acl_modify(rights = a->args[5].arg, &none) == -1)
		why = "rights are letters of lrswipkxtea, with + or - in "
		    "front to add or to take away";
	else if (set && !dbenv_writable(acc->part->env))
		why = "the disk is full";
	if (why != NULL || (x = calloc(1, sizeof(*x))) == NULL ||
	    (x->rights = span_dup(rights)) == NULL) {
		free(x);
		page_error(a->peer, a->imsg->id, "%s", why != NULL ? why :
		    strerror(ENOMEM));
		account_put(acc);
		return;
	}
	who = a->args[4].arg;
	x->account = acc;
	x->mailbox = mb->id;
	x->negative = grant_negative(&who);
	ctl_job_begin(&x->job, a->store, a->peer, a->imsg->id, stop);
	if (set)
		ask(x, who);
	else
		delete(x, mb, who);
}
