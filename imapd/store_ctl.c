/*
 * What letterctl asks of a store.  See store_ctl.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive.h"
#include "imapd/account.h"
#include "imapd/place.h"
#include "imapd/session.h"
#include "imapd/store_ctl.h"
#include "log.h"

static void	 mailbox_list(struct ctl_ask *);
static void	 sessions_list(struct ctl_ask *);
static void	 sessions_end(struct ctl_ask *);
static void	 backup(struct ctl_ask *);

static LIST_HEAD(, ctl_job)	 jobs = LIST_HEAD_INITIALIZER(jobs);

static const struct {
	const char	*name;
	void		(*run)(struct ctl_ask *);
} verbs[] = {
	{ "mailbox list",	mailbox_list },
	{ "acl list",		ctl_acl_list },
	{ "acl set",		ctl_acl_set },
	{ "acl delete",		ctl_acl_set },
	{ "export mbox",	ctl_export },
	{ "import mbox",	ctl_import },
	{ "import mark",	ctl_import_mark },
	{ "backup mail",	backup },
	{ "verify mail",	ctl_verify },
	{ "sessions list",	sessions_list },
	{ "sessions end",	sessions_end },
};

/* ---- answers ---------------------------------------------------------------- */

static void
refuse(const struct ctl_ask *a, const char *why)
{
	page_error(a->peer, a->imsg->id, "%s", why);
}

void
ctl_job_begin(struct ctl_job *j, struct store *st, struct peer *p,
    uint32_t id, void (*stop)(struct ctl_job *))
{
	j->store = st;
	j->peer = p;
	j->id = id;
	j->stop = stop;
	LIST_INSERT_HEAD(&jobs, j, entry);
}

static void
leave(struct ctl_job *j)
{
	store_unwork(j->store, &j->work);
	LIST_REMOVE(j, entry);
}

void
ctl_job_end(struct ctl_job *j, int status, const char *text)
{
	if (status == 0) {
		ctl_job_done(j, NULL, text);
		return;
	}
	page_error(j->peer, j->id, "%s", text);
	leave(j);
}

void
ctl_job_done(struct ctl_job *j, struct page *page, const char *text)
{
	page_answer(j->peer, j->id, page, span_str(text), span_str(""));
	leave(j);
}

struct account *
ctl_account(const struct ctl_ask *a)
{
	struct account	*acc;
	struct part	*p;
	uint64_t	 id, num;

	if (a->nargs < 3 || span_num(a->args[0].arg, UINT64_MAX, &id) == -1 ||
	    span_num(a->args[1].arg, UINT32_MAX, &num) == -1) {
		refuse(a, "malformed request");
		return (NULL);
	}
	if ((p = store_part(a->store, (unsigned)num)) == NULL) {
		refuse(a, "that partition is not here");
		return (NULL);
	}
	if ((acc = account_get(p, id, a->args[2].arg)) == NULL)
		refuse(a, errno == EBUSY ? "the account is being moved" :
		    strerror(errno));
	return (acc);
}

/* ---- listings ----------------------------------------------------------------- */

static struct json_object *
mailbox_row(const struct mailbox *mb)
{
	struct json_object	*o = json_object_new_object();
	struct buf		 use = { 0 };
	uint32_t		 u;

	for (u = 1; u <= mb->uses; u <<= 1)
		if ((mb->uses & u) != 0 && use_name(u) != NULL)
			(void)buf_adds(&use, use_name(u));
	row_str(o, "name", span_str(mb->name));
	row_num(o, "messages", mb->st.messages);
	row_num(o, "unseen", mb->st.unseen);
	row_num(o, "octets", mb->st.octets);
	row_num(o, "uidnext", mb->st.uidnext);
	row_num(o, "uidvalidity", mb->uidvalidity);
	row_str(o, "special", span_buf(&use));
	buf_free(&use);
	return (o);
}

/* The cursor is the last name shown. */
static void
mailbox_list(struct ctl_ask *a)
{
	struct page	 page = { 0 };
	struct account	*acc;
	const char	*last = "";
	size_t		 i;

	if ((acc = ctl_account(a)) == NULL)
		return;
	for (i = mailbox_behind(acc, a->cursor); i < acc->nmailboxes; i++) {
		if (page_row(&page, mailbox_row(acc->mailboxes[i])) == -1)
			break;
		last = acc->mailboxes[i]->name;
	}
	page_answer(a->peer, a->imsg->id, &page, span_str(""),
	    span_str(i < acc->nmailboxes ? last : ""));
	account_put(acc);
}

static struct json_object *
session_row(const struct session *s)
{
	struct json_object	*o = json_object_new_object();
	struct buf		 name = { 0 };
	char			 id[32];

	snprintf(id, sizeof(id), "i%llu", (unsigned long long)s->id);
	row_str(o, "id", span_str(id));
	row_str(o, "protocol", span_str("imap"));
	row_str(o, "account", span_str(s->account->name));
	row_str(o, "address", span_str(s->address));
	row_str(o, "remote", span_str(s->remote));
	row_str(o, "mechanism", span_str(s->mech));
	row_bool(o, "tls", s->tls);
	row_num(o, "since_at", store_time() - (store_now() - s->since));
	row_str(o, "state", span_str(s->phase == PHASE_IDLE ?
	    "idle" : s->command != NULL ? s->command->name : "ready"));
	if (s->state == ST_SELECTED) {
		place_name(s, s->seen.view->mb, &name);
		row_str(o, "mailbox", span_buf(&name));
		buf_free(&name);
	}
	return (o);
}

/* In the order of their ids; the cursor is the last one shown. */
static void
sessions_list(struct ctl_ask *a)
{
	struct page	 page = { 0 };
	struct session	*s;
	uint64_t	 after = 0;
	char		 last[32] = "";

	if (a->cursor.n != 0 &&
	    span_num(a->cursor, UINT64_MAX, &after) == -1) {
		refuse(a, "malformed cursor");
		return;
	}
	TAILQ_FOREACH(s, &a->store->sessions, entry) {
		if (s->id <= after)
			continue;
		if (page_row(&page, session_row(s)) == -1)
			break;
		snprintf(last, sizeof(last), "%llu", (unsigned long long)s->id);
	}
	page_answer(a->peer, a->imsg->id, &page, span_str(""),
	    span_str(s != NULL ? last : ""));
}

/* An id that is not ours may be another's. */
static void
sessions_end(struct ctl_ask *a)
{
	struct session	*s;
	struct span	 id;
	uint64_t	 n;

	if (a->nargs != 1) {
		refuse(a, "one session is needed");
		return;
	}
	id = a->args[0].arg;
	if (id.n > 1 && id.p[0] == 'i' &&
	    span_num(span_of(id.p + 1, id.n - 1), UINT64_MAX, &n) == 0)
		TAILQ_FOREACH(s, &a->store->sessions, entry)
			if (s->id == n) {
				session_bye(s, "ended by the administrator");
				page_answer(a->peer, a->imsg->id, NULL,
				    span_str("ended"), span_str(""));
				return;
			}
	page_answer(a->peer, a->imsg->id, NULL, span_str(""), span_str(""));
}

/* One partition a page. */
static void
backup(struct ctl_ask *a)
{
	char		 dir[32], next[32];
	struct part	*p;
	uint64_t	 i = 0;

	if (a->store->naway > 0) {
		page_error(a->peer, a->imsg->id, "mail/%02u is damaged and "
		    "not open: there is no backup of it", a->store->away[0]);
		return;
	}
	if (a->cursor.n != 0 &&
	    span_num(a->cursor, UINT32_MAX, &i) == -1) {
		refuse(a, "malformed cursor");
		return;
	}
	if (i >= a->store->nparts) {
		refuse(a, "no partition here");
		return;
	}
	p = a->store->parts[i];
	snprintf(dir, sizeof(dir), "mail/%02u", p->num);
	snprintf(next, sizeof(next), "%llu", (unsigned long long)i + 1);
	archive_backup_next(a->peer, a->imsg, p->env, p->bodies, dir,
	    i + 1 < a->store->nparts ? next : "");
}

/* ---- requests ----------------------------------------------------------------- */

int
store_ctl(struct peer *p, struct imsg *m)
{
	struct ctl_ask	 a = { .store = store_self(), .peer = p, .imsg = m };
	struct msg_ctl	 c;
	size_t		 i;

	if (imsg_get(m, &c_ctl, &c) == -1)
		return (-1);
	a.verb = c.verb;
	a.args = c.args.v;
	a.nargs = c.args.n;
	a.cursor = c.cursor;
	for (i = 0; i < nitems(verbs); i++)
		if (span_eqs(c.verb, verbs[i].name))
			break;
	if (i < nitems(verbs))
		verbs[i].run(&a);
	else
		refuse(&a, "not possible here");
	codec_free(&c_ctl, &c);
	return (0);
}

void
store_ctl_down(struct peer *p)
{
	struct ctl_job	*j, *next;

	for (j = LIST_FIRST(&jobs); j != NULL; j = next) {
		next = LIST_NEXT(j, entry);
		if (j->peer == p) {
			j->peer = NULL;
			j->stop(j);
		}
	}
}

/* Those whose helper is at work end with the process. */
void
store_ctl_stop(void)
{
	struct ctl_job	*j, *next;

	for (j = LIST_FIRST(&jobs); j != NULL; j = next) {
		next = LIST_NEXT(j, entry);
		j->stop(j);
	}
}
