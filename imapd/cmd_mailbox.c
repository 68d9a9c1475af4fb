/*
 * CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE: RFC 3501 sections 6.3.3 to
 * 6.3.7.  Names are data: what they may be says mailbox_check_name().
 */
#include <errno.h>

#include "imapd/cmd.h"
#include "imapd/parse/write.h"
#include "imapd/place.h"

#define USES_MAX	16	/* named in a CREATE */

static void		 close_selected(struct session *,
			    const struct mailbox *);
static enum step	 done(struct session *, const struct account *, int);
static int		 parameters(struct cursor *, uint32_t *, int *);
static int		 use_free(const struct account *, uint32_t);

/* What account.h did, or its errno. */
static enum step
done(struct session *s, const struct account *a, int rc)
{
	if (rc == -1)
		return (session_no(s, errno));
	session_hold(s, a->seq);
	return (session_replyf(s, "OK %s completed", s->command->name));
}

/* A separator at the end says that there will be more below; so what. */
static void
trim(struct span *name)
{
	if (name->n > 1 && name->p[name->n - 1] == MAILBOX_SEPARATOR)
		name->n--;
}

/*
 * SP "(" "USE" SP "(" uses ")" ")", RFC 6154 section 3.  *none: one that no
 * mailbox can have; \All and \Flagged would be no mailboxes of their own.
 */
static int
parameters(struct cursor *c, uint32_t *uses, int *none)
{
	struct span	 flag;
	uint32_t	 use;
	int		 n;

	if (cur_sp(c) == -1 || cur_char(c, '(') == -1 ||
	    cur_is(c, "USE") == -1 || cur_sp(c) == -1 ||
	    cur_char(c, '(') == -1)
		return (-1);
	for (n = 0; cur_peek(c) != ')'; n++) {
		if (n == USES_MAX || (n > 0 && cur_sp(c) == -1) ||
		    cur_char(c, '\\') == -1 || cur_atom(c, &flag) == -1)
			return (-1);
		use = use_by_name(span_of(flag.p - 1, flag.n + 1));
		if (use == 0 || use == USE_ALL || use == USE_FLAGGED)
			*none = 1;
		*uses |= use;
	}
	return (cur_char(c, ')') == -1 ? -1 : cur_char(c, ')'));
}

/* One use a mailbox, one mailbox a use. */
static int
use_free(const struct account *a, uint32_t use)
{
	size_t	 i;

	if ((use & (use - 1)) != 0)
		return (0);
	for (i = 0; i < a->nmailboxes; i++)
		if ((a->mailboxes[i]->uses & use) != 0)
			return (0);
	return (1);
}

/*
 * RFC 6855 section 3: no new name has what ends a line or is a control, U+0080 to
 * U+009F, U+2028, U+2029.  Names that there are stay.
 */
static int
is_new_name(struct span name)
{
	size_t	 i;

	for (i = 0; i + 1 < name.n; i++)
		if ((name.p[i] == 0xc2 && name.p[i + 1] < 0xa0) ||
		    (i + 2 < name.n && name.p[i] == 0xe2 && name.p[i + 1] ==
		    0x80 && (name.p[i + 2] & 0xfe) == 0xa8))
			return (0);
	return (1);
}

enum step
cmd_create(struct session *s, struct cursor *c)
{
	struct mailbox	*mb;
	struct place	 w;
	struct cursor	 at;
	struct span	 name, old;
	struct buf	 id = { 0 };
	uint32_t	 use = 0;
	int		 none = 0;

	if (cur_sp(c) == -1)
		return (session_syntax(s, c));
	at = *c;
	if (cur_mailbox(c, &name) == -1 ||
	    (cur_peek(c) == ' ' && parameters(c, &use, &none) == -1) ||
	    cur_end(c) == -1)
		return (session_syntax(s, c));
	old = cmd_old_name(s, at, name);
	trim(&name);
	(void)place_find(s, name, &w);
	if (none || (use != 0 && (w.other || !use_free(s->account, use))))
		return (session_reply(s, "NO [USEATTR] no mailbox can have "
		    "that use, another has it, or they are more than one"));
	if (!cmd_writable(s))
		return (STEP_DONE);
	if (w.mb == NULL && !is_new_name(w.name))
		return (session_no(s, EINVAL));
	if (w.other && mailbox_check_name(w.name) == -1)
		return (session_no(s, errno));
	if ((w.mb == NULL && place_may_create(s, &w) == -1) ||
	    mailbox_create(w.account, w.name, use, &mb) == -1)
		return (done(s, NULL, -1));
	session_hold(s, w.account->seq);
	if (old.n > 0)
		cmd_list_write(s, name, old);
	objectid_write(&id, OBJECTID_MAILBOX, mb->id);
	(void)session_replyf(s, "OK [MAILBOXID (%s)] CREATE completed",
	    buf_cstr(&id));
	buf_free(&id);
	return (STEP_DONE);
}

/* Nothing is selected any more if it was this. */
static void
close_selected(struct session *s, const struct mailbox *mb)
{
	if (s->state != ST_SELECTED || s->seen.view->mb != mb)
		return;
	session_unselect(s);
	(void)buf_adds(session_out(s), "* OK [CLOSED] closed\r\n");
}

/*
 * What is below stays, and the name is then one that cannot be selected.  Such
 * a name itself cannot be deleted (RFC 3501 section 6.3.4).
 */
enum step
cmd_delete(struct session *s, struct cursor *c)
{
	struct place	 w;
	struct span	 name;

	if (cmd_one_mailbox(c, &name) == -1)
		return (session_syntax(s, c));
	trim(&name);
	if (place_need(s, name, RIGHT_DELETE, &w) == -1) {
		if (errno == ENOENT && place_has_children(s, name))
			return (session_reply(s,
			    "NO [HASCHILDREN] there are mailboxes below"));
		return (session_no(s, w.mb == NULL ? ENOENT : EACCES));
	}
	/* RFC 3501 leaves open what becomes of who has it selected: it hears
	 * that this is over, whatever comes of the rest. */
	if (w.mb != w.account->inbox)
		close_selected(s, w.mb);
	return (done(s, w.account, mailbox_delete(w.mb)));
}

/*
 * What another shares stays with it: x there, and k on what is nearest above
 * the new name.
 */
static int
may_rename(struct session *s, const struct place *from,
    const struct place *to)
{
	errno = from->mb == NULL ? ENOENT : EACCES;
	if ((from->rights & RIGHT_DELETE) == 0)
		return (-1);
	if (from->account != to->account) {
		errno = EXDEV;
		return (-1);
	}
	if (mailbox_check_name(to->name) == -1)
		return (-1);
	errno = EEXIST;
	return (to->mb != NULL ? -1 : place_may_create(s, to));
}

enum step
cmd_rename(struct session *s, struct cursor *c)
{
	struct place	 a, b;
	struct cursor	 at;
	struct span	 from, to, old;
	int		 was_inbox;

	if (cur_sp(c) == -1 || cur_mailbox(c, &from) == -1 || cur_sp(c) == -1)
		return (session_syntax(s, c));
	at = *c;
	if (cur_mailbox(c, &to) == -1 || cur_end(c) == -1)
		return (session_syntax(s, c));
	old = cmd_old_name(s, at, to);
	trim(&from);
	trim(&to);
	if (!cmd_writable(s))
		return (STEP_DONE);
	(void)place_find(s, from, &a);
	(void)place_find(s, to, &b);
	if ((a.other || b.other) && may_rename(s, &a, &b) == -1)
		return (session_no(s, errno));
	if (b.mb == NULL && !is_new_name(b.name))
		return (session_no(s, EINVAL));
	was_inbox = a.mb != NULL && a.mb == a.account->inbox;
	if (mailbox_rename(a.account, a.name, b.name) == -1) {
		/* It may be what he does not see that is in the way. */
		if (a.other && (errno == EEXIST || errno == EINVAL))
			errno = EACCES;
		return (done(s, NULL, -1));
	}
	/* What it had selected is not the INBOX any more. */
	if (was_inbox)
		close_selected(s, a.mb);
	if (old.n > 0)
		cmd_list_write(s, to, old);
	return (done(s, a.account, 0));
}

enum step
cmd_subscribe(struct session *s, struct cursor *c)
{
	struct place	 w;
	struct span	 name;

	if (cmd_one_mailbox(c, &name) == -1)
		return (session_syntax(s, c));
	trim(&name);
	if (!cmd_writable(s))
		return (STEP_DONE);
	/* Only what exists: a slip of the pen is seen at once. */
	if (place_find(s, name, &w) == -1 && !place_has_children(s, name))
		return (session_no(s, ENOENT));
	return (done(s, s->account, account_subscribe(s->account, name, 1)));
}

enum step
cmd_unsubscribe(struct session *s, struct cursor *c)
{
	struct span	 name;

	if (cmd_one_mailbox(c, &name) == -1)
		return (session_syntax(s, c));
	trim(&name);
	return (done(s, s->account, account_subscribe(s->account, name, 0)));
}
