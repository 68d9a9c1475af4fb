/*
 * GETACL, SETACL, DELETEACL, LISTRIGHTS, MYRIGHTS: RFC 4314, RFC 8440.  An
 * identifier is the name of an account in the same partition, or "anyone": all
 * of them; with "-" in front, what is taken from it.  auth knows which names
 * there are.  The owner has all rights, and no list can say otherwise.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/cmd.h"
#include "imapd/grant.h"
#include "imapd/parse/write.h"
#include "imapd/place.h"

#define IDENTIFIER_MAX	512	/* octets */

struct asking {
	struct session	*session;
	struct account	*account;	/* of the mailbox */
	uint64_t	 mailbox;
	char		*name;		/* without "-" */
	char		*rights;	/* SETACL's */
	int		 negative;
	int		 list;		/* LISTRIGHTS */
	struct naming	*naming;	/* under way */
	int		 asked, answered;
	enum naming_result result;
	int		 error;
	int		 owner;
};

static enum step	 begin(struct session *, struct cursor *, int);
static enum step	 asking(struct session *);
static void		 forget(void *);

void
cmd_myrights_write(struct session *s, const struct mailbox *mb)
{
	struct buf	*b = session_out(s);

	(void)buf_adds(b, "* MYRIGHTS ");
	place_write(s, mb, b);
	(void)buf_addc(b, ' ');
	acl_write(b, place_rights(s, mb));
	(void)buf_adds(b, "\r\n");
}

enum step
cmd_myrights(struct session *s, struct cursor *c)
{
	struct place	 w;
	struct span	 name;

	if (cmd_one_mailbox(c, &name) == -1)
		return (session_syntax(s, c));
	if (place_find(s, name, &w) == -1)
		return (session_no(s, errno));
	session_hold(s, w.account->seq);
	cmd_myrights_write(s, w.mb);
	return (session_reply(s, "OK MYRIGHTS completed"));
}

/* One identifier and its rights. */
static void
entry_write(struct buf *b, const char *sign, const char *name,
    uint32_t rights)
{
	struct buf	 id = { 0 };

	if (rights == 0)
		return;
	(void)buf_addf(&id, "%s%s", sign, name);
	(void)buf_addc(b, ' ');
	astring_write(b, span_buf(&id), 0);
	(void)buf_addc(b, ' ');
	acl_write(b, rights);
	buf_free(&id);
}

enum step
cmd_getacl(struct session *s, struct cursor *c)
{
	const struct acl_entry	*e;
	struct buf		*b = session_out(s);
	struct place		 w;
	struct span		 name;
	size_t			 i;

	if (cmd_one_mailbox(c, &name) == -1)
		return (session_syntax(s, c));
	if (place_need(s, name, RIGHT_ADMIN, &w) == -1)
		return (session_no(s, errno));
	session_hold(s, w.account->seq);
	(void)buf_adds(b, "* ACL ");
	place_write(s, w.mb, b);
	entry_write(b, "", w.account->name, RIGHTS_ALL);
	for (i = 0; i < w.mb->nacl; i++) {
		e = &w.mb->acl[i];
		entry_write(b, "", e->name, e->give);
		entry_write(b, "-", e->name, e->take);
	}
	(void)buf_adds(b, "\r\n");
	return (session_reply(s, "OK GETACL completed"));
}

static enum step
owners(struct session *s)
{
	return (session_reply(s, "NO [CANNOT] the owner has all rights"));
}

/* RFC 4314 section 3 */
static enum step
nobody(struct session *s, struct cursor *c)
{
	c->error = "an identifier is not empty";
	return (session_syntax(s, c));
}

enum step
cmd_deleteacl(struct session *s, struct cursor *c)
{
	struct place	 w;
	struct span	 name, id;
	int		 negative, rc;

	if (cur_sp(c) == -1 || cur_mailbox(c, &name) == -1 ||
	    cur_sp(c) == -1 || cur_astring(c, &id) == -1 || cur_end(c) == -1)
		return (session_syntax(s, c));
	negative = grant_negative(&id);
	if (id.n == 0)
		return (nobody(s, c));
	if (place_need(s, name, RIGHT_ADMIN, &w) == -1)
		return (session_no(s, errno));
	if (span_caseeqs(id, w.account->name))
		return (owners(s));
	rc = grant_delete(s->store, w.mb, id, negative, s->account->name);
	session_hold(s, w.account->seq);
	if (rc == 0)
		return (session_reply(s, "OK there was none"));
	return (rc == -1 ? session_no(s, errno) :
	    session_reply(s, "OK DELETEACL completed"));
}

/* ---- with a name that auth knows -------------------------------------------------- */

static void
forget(void *arg)
{
	struct asking	*x = arg;

	if (x->naming != NULL)
		x->naming->done = NULL;
	free(x->name);
	free(x->rights);
	free(x);
}

/* The mailbox, if it is still there and the session may still. */
static struct mailbox *
mailbox_of(const struct asking *x)
{
	struct mailbox	*mb = mailbox_by_id(x->account, x->mailbox);

	if (mb != NULL && (place_rights(x->session, mb) & RIGHT_ADMIN) != 0)
		return (mb);
	return (NULL);
}

/* SETACL: at once when the answer is there, before the account can go. */
static int
set(struct asking *x, uint64_t account, struct span name)
{
	struct session	*s = x->session;
	struct mailbox	*mb = mailbox_of(x);

	errno = ENOENT;
	if (mb == NULL || grant_set(s->store, mb, account, name,
	    span_str(x->rights), x->negative, s->account->name) == -1)
		return (-1);
	session_hold(s, x->account->seq);
	return (0);
}

static void
answered(struct asking *x, enum naming_result result, uint64_t account,
    struct span name)
{
	x->answered = 1;
	x->result = result;
	x->owner = result == NAMING_HERE && account == x->account->id;
	if (result == NAMING_HERE && !x->list && !x->owner &&
	    set(x, account, name) == -1)
		x->error = errno;
}

static void
on_name(struct naming *n, enum naming_result result, uint64_t account,
    struct span name)
{
	struct asking	*x = n->arg;

	x->naming = NULL;
	answered(x, result, account, name);
	session_wake(x->session);
}

static void
ask(struct asking *x)
{
	struct store	*st = x->session->store;
	struct naming	*n;

	x->asked = 1;
	if (span_eqs(span_str(x->name), ACL_ANYONE)) {
		answered(x, NAMING_HERE, 0, span_str(ACL_ANYONE));
		return;
	}
	if (st->named == NULL || (n = calloc(1, sizeof(*n))) == NULL) {
		answered(x, NAMING_AWAY, 0, span_of("", 0));
		return;
	}
	n->done = on_name;
	n->arg = x;
	n->partition = x->account->part->num;
	x->naming = n;
	if (st->named(n, span_str(x->name)) == 0) {
		x->naming = NULL;
		free(n);
		answered(x, NAMING_AWAY, 0, span_of("", 0));
	}
}

/* RFC 4314 section 3.7: each right by itself, but for the owner. */
static enum step
list(struct session *s, const struct asking *x)
{
	struct buf	*b = session_out(s), id = { 0 };
	struct mailbox	*mb = mailbox_of(x);

	if (mb == NULL)
		return (session_no(s, ENOENT));
	(void)buf_addf(&id, "%s%s", x->negative ? "-" : "", x->name);
	(void)buf_adds(b, "* LISTRIGHTS ");
	place_write(s, mb, b);
	(void)buf_addc(b, ' ');
	astring_write(b, span_buf(&id), 0);
	(void)buf_adds(b, x->owner ? " lrswipkxteacd\r\n" :
	    " \"\" l r s w i p k x t e a c d\r\n");
	buf_free(&id);
	return (session_reply(s, "OK LISTRIGHTS completed"));
}

static enum step
asking(struct session *s)
{
	struct asking	*x = s->data;

	if (!x->asked)
		ask(x);
	if (!x->answered)
		return (STEP_WAIT);
	if (x->result == NAMING_AWAY)
		return (session_reply(s, "NO [UNAVAILABLE] try again later"));
	if (x->result == NAMING_NO)
		return (session_replyf(s, "NO [CANNOT] there is no such "
		    "account that mailboxes of %s can be shared with; an "
		    "administrator makes one by: letterctl account add --near "
		    "%s NAME ADDRESS", x->account->name, x->account->name));
	if (x->list)
		return (list(s, x));
	if (x->owner)
		return (owners(s));
	if (x->error != 0)
		return (session_no(s, x->error));
	return (session_reply(s, "OK SETACL completed"));
}

static enum step
begin(struct session *s, struct cursor *c, int is_list)
{
	struct asking	*x;
	struct place	 w;
	struct span	 name, id, rights = span_of("", 0);
	uint32_t	 none = 0;
	int		 negative;

	if (cur_sp(c) == -1 || cur_mailbox(c, &name) == -1 ||
	    cur_sp(c) == -1 || cur_astring(c, &id) == -1 ||
	    (!is_list && (cur_sp(c) == -1 || cur_astring(c, &rights) == -1)) ||
	    cur_end(c) == -1)
		return (session_syntax(s, c));
	negative = grant_negative(&id);
	if (id.n == 0)
		return (nobody(s, c));
	if (acl_modify(rights, &none) == -1) {
		c->error = "unknown right";
		return (session_syntax(s, c));
	}
	if (place_need(s, name, RIGHT_ADMIN, &w) == -1)
		return (session_no(s, errno));
	if (id.n > IDENTIFIER_MAX || memchr(id.p, '\0', id.n) != NULL)
		return (session_no(s, EINVAL));
	if (!is_list && !cmd_writable(s))
		return (STEP_DONE);
	if ((x = calloc(1, sizeof(*x))) == NULL)
		return (session_no(s, ENOMEM));
	x->session = s;
	x->list = is_list;
	x->account = w.account;
	x->mailbox = w.mb->id;
	x->negative = negative;
	if ((x->name = span_dup(id)) == NULL ||
	    (x->rights = span_dup(rights)) == NULL) {
		forget(x);
		return (session_no(s, ENOMEM));
	}
	return (session_begin(s, asking, x, forget));
}

enum step
cmd_setacl(struct session *s, struct cursor *c)
{
	return (begin(s, c, 0));
}

enum step
cmd_listrights(struct session *s, struct cursor *c)
{
	return (begin(s, c, 1));
}
