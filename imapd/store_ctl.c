/*
 * What letterctl asks of a store.  See store_ctl.h.
 */
#include <json-c/json.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive.h"
#include "imapd/account.h"
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
	{ "export",		ctl_export },
	{ "import",		ctl_import },
	{ "backup mail",	backup },
	{ "verify mail",	ctl_verify },
	{ "sessions list",	sessions_list },
	{ "sessions end",	sessions_end },
};

/* ---- answers ---------------------------------------------------------------- */

int
ctl_row(struct ctl_rows *r, struct json_object *o)
{
	const char	*s = json_object_to_json_string_ext(o,
			    JSON_C_TO_STRING_PLAIN);
	size_t		 n = s == NULL ? 0 : strlen(s);
	char		*copy = NULL;

	if (n > 0 && r->n < CTL_ROWS && r->octets + n <= CTL_OCTETS &&
	    (copy = strdup(s)) != NULL) {
		r->v[r->n++].json = span_of(copy, n);
		r->octets += n;
	}
	json_object_put(o);
	return (copy == NULL ? -1 : 0);
}

void
ctl_answer(struct peer *p, uint32_t id, struct ctl_rows *r, int status,
    const char *text, const char *cursor)
{
	struct msg_ctl_page	 page = { .status = (uint8_t)status };
	size_t			 i;

	page.text = span_str(text);
	if (r != NULL) {
		page.rows.v = r->v;
		page.rows.n = r->n;
	}
	if (cursor != NULL) {
		page.more = 1;
		page.cursor = span_str(cursor);
	}
	if (p != NULL)
		(void)peer_reply(p, M_CTL, id, &c_ctl_page, &page, -1);
	for (i = 0; r != NULL && i < r->n; i++)
		free((void *)(uintptr_t)r->v[i].json.p);
	if (r != NULL)
		r->n = 0;
}

static void
refuse(const struct ctl_ask *a, const char *why)
{
	ctl_answer(a->peer, a->imsg->id, NULL, 1, why, NULL);
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

void
ctl_job_end(struct ctl_job *j, int status, const char *text)
{
	ctl_answer(j->peer, j->id, NULL, status, text, NULL);
	store_unwork(j->store, &j->work);
	LIST_REMOVE(j, entry);
}

struct account *
ctl_account(const struct ctl_ask *a)
{
	struct account	*acc;
	struct part	*p;
	uint64_t	 id, num;
	char		 name[32];

	if (a->nargs < 2 || span_num(a->args[0].arg, UINT64_MAX, &id) == -1 ||
	    span_num(a->args[1].arg, UINT32_MAX, &num) == -1) {
		refuse(a, "malformed request");
		return (NULL);
	}
	if ((p = store_part(a->store, (unsigned)num)) == NULL) {
		refuse(a, "that partition is not here");
		return (NULL);
	}
	snprintf(name, sizeof(name), "#%llu", (unsigned long long)id);
	if ((acc = account_get(p, id, span_str(name))) == NULL)
		refuse(a, strerror(errno));
	return (acc);
}

/* ---- listings ----------------------------------------------------------------- */

static struct json_object *
string(struct span s)
{
	return (json_object_new_string_len((const char *)s.p, (int)s.n));
}

static void
add(struct json_object *o, const char *name, struct json_object *v)
{
	json_object_object_add(o, name, v);
}

static struct json_object *
number(uint64_t v)
{
	return (json_object_new_int64((int64_t)v));
}

static struct json_object *
mailbox_row(const struct mailbox *mb)
{
	struct json_object	*o = json_object_new_object();
	struct buf		 use = { 0 };
	uint32_t		 u;

	for (u = 1; u <= mb->uses; u <<= 1)
		if ((mb->uses & u) != 0 && use_name(u) != NULL)
			(void)buf_adds(&use, use_name(u));
	add(o, "name", json_object_new_string(mb->name));
	add(o, "messages", number(mb->st.messages));
	add(o, "unseen", number(mb->st.unseen));
	add(o, "octets", number(mb->st.octets));
	add(o, "uidnext", number(mb->st.uidnext));
	add(o, "uidvalidity", number(mb->uidvalidity));
	add(o, "special", json_object_new_string(buf_cstr(&use)));
	buf_free(&use);
	return (o);
}

/* The cursor is the last name shown. */
static void
mailbox_list(struct ctl_ask *a)
{
	struct ctl_rows	 rows = { 0 };
	struct account	*acc;
	const char	*last = NULL;
	size_t		 i = 0;

	if ((acc = ctl_account(a)) == NULL)
		return;
	if (a->cursor.n != 0) {
		i = mailbox_lower(acc, a->cursor);
		if (i < acc->nmailboxes &&
		    span_eqs(a->cursor, acc->mailboxes[i]->name))
			i++;
	}
	for (; i < acc->nmailboxes; i++) {
		if (ctl_row(&rows, mailbox_row(acc->mailboxes[i])) == -1)
			break;
		last = acc->mailboxes[i]->name;
	}
	ctl_answer(a->peer, a->imsg->id, &rows, 0, "",
	    i < acc->nmailboxes ? last : NULL);
	account_put(acc);
}

static struct json_object *
session_row(const struct session *s)
{
	struct json_object	*o = json_object_new_object();
	char			 id[32];

	snprintf(id, sizeof(id), "i%llu", (unsigned long long)s->id);
	add(o, "id", json_object_new_string(id));
	add(o, "protocol", json_object_new_string("imap"));
	add(o, "account", json_object_new_string(s->account->name));
	add(o, "address", json_object_new_string(s->address));
	add(o, "remote", json_object_new_string(s->remote));
	add(o, "mechanism", json_object_new_string(s->mech));
	add(o, "tls", json_object_new_boolean(s->tls));
	add(o, "since_at", number(store_time() - (store_now() - s->since)));
	add(o, "state", json_object_new_string(s->phase == PHASE_IDLE ?
	    "idle" : s->command != NULL ? s->command->name : "ready"));
	if (s->state == ST_SELECTED)
		add(o, "mailbox",
		    string(span_str(s->seen.view->mb->name)));
	return (o);
}

/* In the order of their ids; the cursor is the last one shown. */
static void
sessions_list(struct ctl_ask *a)
{
	struct ctl_rows	 rows = { 0 };
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
		if (ctl_row(&rows, session_row(s)) == -1)
			break;
		snprintf(last, sizeof(last), "%llu", (unsigned long long)s->id);
	}
	ctl_answer(a->peer, a->imsg->id, &rows, 0, "", s != NULL ? last :
	    NULL);
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
				ctl_answer(a->peer, a->imsg->id, NULL, 0,
				    "ended", NULL);
				return;
			}
	ctl_answer(a->peer, a->imsg->id, NULL, 0, "", NULL);
}

/* One partition a page. */
static void
backup(struct ctl_ask *a)
{
	char		 dir[32], next[32];
	struct part	*p;
	uint64_t	 i = 0;

	if (a->cursor.n != 0 &&
	    span_num(a->cursor, a->store->nparts - 1, &i) == -1) {
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
