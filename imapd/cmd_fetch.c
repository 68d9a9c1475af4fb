/*
 * FETCH, RFC 3501 section 6.4.5: message by message, in slices.  What is
 * ready-made goes out as it stands; sections of bodies: cmd_fetch_body.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "date.h"
#include "imapd/batch.h"
#include "imapd/cmd.h"
#include "imapd/fetching.h"
#include "imapd/limited.h"
#include "imapd/parse/write.h"
#include "imapd/place.h"
#include "imapd/vanished.h"

#define TURN_US		500	/* in one slice */
#define TURN_STAGES	64	/* before looking at the clock */

static enum step	 fetching(struct session *);
static enum fetch_result next_message(struct session *, struct fetch *);
static enum fetch_result ready(struct session *, struct fetch *);
static enum fetch_result items(struct session *, struct fetch *);
static void		 renew(struct session *, struct fetch *);
static void		 mark_seen(struct session *, struct fetch *);

static enum fetch_result (*const stages[])(struct session *,
    struct fetch *) = {
	[FETCH_NEXT] = next_message,
	[FETCH_READY] = ready,
	[FETCH_ITEMS] = items,
	[FETCH_SECTION] = fetch_section,
	[FETCH_SELECT] = fetch_select,
	[FETCH_OCTETS] = fetch_octets,
};

int
fetch_plan(struct fetch *f)
{
	static const struct {
		uint32_t		 what;
		enum ready_section	 section;
	} made[] = {
		{ FETCH_ENVELOPE,	READY_ENVELOPE },
		{ FETCH_BODYSTRUCTURE,	READY_STRUCTURE },
		{ FETCH_BODY,		READY_BODY },
		{ FETCH_PREVIEW,	READY_TREE },
	};
	struct section		*x;
	size_t			 i;

	for (i = 0; i < nitems(made); i++)
		if ((f->items.what & made[i].what) != 0)
			f->need |= READY_BIT(made[i].section);
	for (i = 0; i < f->items.nsections; i++) {
		x = &f->items.sections[i];
		x->label = f->labels.n;
		section_write(&f->labels, x);
		x->labeln = f->labels.n - x->label;
		if (x->nparts > 0 || x->form == FORM_BINARY ||
		    x->form == FORM_BINARY_SIZE)
			f->need |= READY_BIT(READY_TREE);
		else if (x->kind == SECTION_FIELDS)
			f->need |= READY_BIT(READY_FIELDS);
		else if (x->kind != SECTION_ALL)
			f->need |= READY_HEAD;
	}
	return (buf_failed(&f->labels) ? -1 : 0);
}

/*
 * RFC 7162 section 3.2.6: what vanished is told first.  Here "*" is the highest
 * UID there was, so the set is read once more, from at.
 */
static int
vanished(struct session *s, struct cursor *at, uint64_t since)
{
	struct seqset	 set, gone;
	int		 rc;

	if (cur_seqset(at, &set) == -1)
		return (-1);
	if (set.saved)
		rc = targets_saved(&set, s);
	else {
		seqset_resolve(&set, s->seen.maxuid);
		rc = 0;
	}
	if (rc == 0 && (rc = vanished_since(&s->seen, since, &set, 0,
	    &gone)) == 0) {
		vanished_write(session_out(s), &gone, 1);
		seqset_free(&gone);
	}
	seqset_free(&set);
	return (rc);
}

enum step
cmd_fetch(struct session *s, struct cursor *c)
{
	struct cursor	 at;
	struct fetch	*f;

	if ((f = calloc(1, sizeof(*f))) == NULL)
		return (session_no(s, ENOMEM));
	if (cur_sp(c) == -1) {
		fetch_end(f);
		return (session_syntax(s, c));
	}
	at = *c;
	if (targets_read(&f->targets, s, c) == -1 ||
	    cur_sp(c) == -1 || cur_fetch(c, &f->items) == -1 ||
	    cur_end(c) == -1) {
		fetch_end(f);
		return (session_syntax(s, c));
	}
	if (f->items.vanished && (!s->uid ||
	    (s->enabled & ENABLED_QRESYNC) == 0)) {
		fetch_end(f);
		return (session_reply(s, "BAD VANISHED is for UID FETCH, "
		    "after ENABLE QRESYNC"));
	}
	if (f->items.partial.lo != 0 && !s->uid) {
		fetch_end(f);
		return (session_reply(s, "BAD PARTIAL is for UID FETCH"));
	}
	if (f->items.partial.lo != 0 && limited_all(s) != 0 &&
	    f->items.partial.hi - f->items.partial.lo >= limited_all(s)) {
		fetch_end(f);
		return (limited_refuse(s, limited_all(s), 0));
	}
	if (s->uid && (s->enabled & ENABLED_UIDONLY) == 0)
		f->items.what |= FETCH_UID;
	if ((f->items.what & FETCH_MODSEQ) != 0)
		cmd_condstore(s);
	if (fetch_plan(f) == -1) {
		fetch_end(f);
		return (session_no(s, ENOMEM));
	}
	session_tell_keywords(s);
	if (f->items.vanished && vanished(s, &at, f->items.since) == -1) {
		fetch_end(f);
		return (session_no(s, ENOMEM));
	}
	if (f->items.partial.lo != 0)
		targets_partial(&f->targets, &s->seen, &f->items.partial);
	limited_cut(s, &f->targets);
	return (session_begin(s, fetching, f, fetch_end));
}

void
fetch_end(void *arg)
{
	struct fetch	*f = arg;

	if (f == NULL)
		return;
	targets_free(&f->targets);
	fetch_free(&f->items);
	letter_close(&f->letter);
	buf_free(&f->slice);
	buf_free(&f->chosen);
	buf_free(&f->labels);
	free(f);
}

/*
 * Between two slices others may have changed the flags of the message at work,
 * or removed it: what is said, and changed, is as it is now.
 */
static void
renew(struct session *s, struct fetch *f)
{
	const struct msgrec	*r;

	if (f->gone || (f->stage != FETCH_READY && f->stage != FETCH_ITEMS))
		return;
	if ((r = view_find(s->seen.view, f->letter.rec.uid)) == NULL)
		f->gone = 1;
	else
		f->letter.rec = *r;
}

enum fetch_result
fetch_some(struct session *s, struct fetch *f)
{
	enum fetch_result	 r = FETCH_MORE;
	uint64_t		 until = store_us() + TURN_US;
	unsigned		 n = 0;

	renew(s, f);
	while (r == FETCH_MORE && session_room(s) &&
	    (++n % TURN_STAGES != 0 || store_us() < until))
		r = stages[f->stage](s, f);
	s->literal = f->stage > FETCH_ITEMS;
	targets_pause(&f->targets);
	return (r);
}

static enum step
fetching(struct session *s)
{
	struct fetch	*f = s->data;

	if (fetch_some(s, f) != FETCH_END)
		return (STEP_AGAIN);
	if (f->failed == 0 && f->unknown == 0)
		return (limited_reply(s, &f->targets));
	limited_tell(s, &f->targets);
	if (f->failed > 0)
		return (session_reply(s,
		    "NO [SERVERBUG] some messages could not be read"));
	return (session_reply(s,
	    "NO [UNKNOWN-CTE] some parts cannot be decoded"));
}

/* RFC 3501 section 6.4.5: \Seen is set by what is no PEEK. */
static void
mark_seen(struct session *s, struct fetch *f)
{
	struct msgrec	*rec = &f->letter.rec, now = *rec;
	struct part	*p = s->account->part;

	if (!f->items.sets_seen || f->gone || s->seen.readonly ||
	    (now.flags & MF_SEEN) != 0 || !dbenv_writable(p->env) ||
	    (place_selected(s) & RIGHT_SEEN) == 0)
		return;
	targets_pause(&f->targets);
	if (batch_begin(p) == -1)
		return;
	now.flags |= MF_SEEN;
	if (batch_flags(s->seen.view->mb, rec, &now,
	    s->seen.author) == -1) {
		batch_abort();
		return;
	}
	if (batch_commit() == -1)
		return;
	*rec = now;
	f->marked = 1;
}

static enum fetch_result
next_message(struct session *s, struct fetch *f)
{
	struct target	 t;

	if (!targets_next(&f->targets, &s->seen, &t))
		return (FETCH_END);
	if (t.rec->modseq <= f->items.since)
		return (FETCH_MORE);
	letter_open(&f->letter, s->account->part, t.rec);
	f->seq = t.seq;
	f->gone = t.gone;
	f->marked = 0;
	f->rev2 = (s->enabled & ENABLED_REV2) == 0 ||
	    (f->items.what & (FETCH_BODY | FETCH_BODYSTRUCTURE)) == 0;
	f->stage = FETCH_READY;
	return (FETCH_MORE);
}

/* One that cannot be read is left out, and the command says so. */
static enum fetch_result
ready(struct session *s, struct fetch *f)
{
	int	 rc = letter_need(&f->letter, f->need);

	(void)s;
	if (rc == 0 && !f->rev2) {
		f->rev2 = 1;
		rc = letter_rev2(&f->letter);
	}
	switch (rc) {
	case 0:
		f->stage = FETCH_ITEMS;
		return (FETCH_MORE);
	case 1:
		return (FETCH_LATER);
	default:
		f->failed++;
		f->stage = FETCH_NEXT;
		return (FETCH_MORE);
	}
}

static void
item(struct buf *b, int *any, const char *name)
{
	if ((*any)++ > 0)
		(void)buf_addc(b, ' ');
	(void)buf_adds(b, name);
}

static void
made(struct buf *b, int *any, const struct fetch *f, uint32_t what,
    const char *name, enum ready_section section)
{
	if ((f->items.what & what) == 0)
		return;
	item(b, any, name);
	(void)buf_add_span(b, ready_section(&f->letter.ready, section));
}

/* RFC 8514, RFC 8474; we have no threads. */
static void
rare(struct buf *b, int *any, uint32_t what, const struct msgrec *r)
{
	if ((what & FETCH_SAVEDATE) != 0 && r->saved != 0) {
		item(b, any, "SAVEDATE \"");
		(void)date_imap_write(b, (int64_t)r->saved, 0);
		(void)buf_addc(b, '"');
	} else if ((what & FETCH_SAVEDATE) != 0)
		item(b, any, "SAVEDATE NIL");
	if ((what & FETCH_EMAILID) != 0) {
		item(b, any, "EMAILID (");
		objectid_write(b, OBJECTID_EMAIL, r->email);
		(void)buf_addc(b, ')');
	}
	if ((what & FETCH_THREADID) != 0)
		item(b, any, "THREADID NIL");
}

/* RFC 8970 section 3.1.  0, or -1: the message cannot be read. */
static int
preview(struct session *s, struct fetch *f)
{
	buf_reset(&f->chosen);
	if ((f->items.what & FETCH_PREVIEW) == 0)
		return (0);
	return (message_preview(&f->chosen, f->letter.tree, &f->letter.source,
	    s->store->charsets, 0));
}

static enum fetch_result
items(struct session *s, struct fetch *f)
{
	struct buf	*b = session_out(s);
	const struct msgrec *r = &f->letter.rec;
	uint32_t	 what = f->items.what;
	int		 any = 0;

	if (!fetch_decodable(f)) {
		f->unknown++;
		f->stage = FETCH_NEXT;
		return (FETCH_MORE);
	}
	if (preview(s, f) == -1) {
		f->failed++;
		f->stage = FETCH_NEXT;
		return (FETCH_MORE);
	}
	mark_seen(s, f);
	session_write_fetch(s, b, f->seq, r->uid);
	if (f->marked && (s->enabled & ENABLED_CONDSTORE) != 0)
		what |= FETCH_MODSEQ | ((s->enabled & ENABLED_UIDONLY) != 0 ?
		    0 : FETCH_UID);	/* RFC 7162 section 3.2.4 */
	if ((what & FETCH_UID) != 0) {
		item(b, &any, "UID ");
		number_write(b, r->uid);
	}
	if ((what & FETCH_FLAGS) != 0 || f->marked) {
		item(b, &any, "");
		session_write_flags(s, b, r,
		    seen_recent(&s->seen, r->uid));
	}
	if ((what & FETCH_MODSEQ) != 0) {
		item(b, &any, "MODSEQ (");
		number_write(b, r->modseq);
		(void)buf_addc(b, ')');
	}
	if ((what & FETCH_INTERNALDATE) != 0) {
		item(b, &any, "INTERNALDATE \"");
		(void)date_imap_write(b, (int64_t)r->date, r->zone);
		(void)buf_addc(b, '"');
	}
	if ((what & FETCH_RFC822_SIZE) != 0) {
		item(b, &any, "RFC822.SIZE ");
		number_write(b, r->size);
	}
	if ((what & (FETCH_SAVEDATE | FETCH_EMAILID | FETCH_THREADID)) != 0)
		rare(b, &any, what, r);
	if ((what & FETCH_PREVIEW) != 0) {
		item(b, &any, "PREVIEW ");
		string_write(b, span_buf(&f->chosen));
	}
	made(b, &any, f, FETCH_ENVELOPE, "ENVELOPE ", READY_ENVELOPE);
	made(b, &any, f, FETCH_BODY, "BODY ", READY_BODY);
	made(b, &any, f, FETCH_BODYSTRUCTURE, "BODYSTRUCTURE ",
	    READY_STRUCTURE);
	if (f->items.nsections > 0 && any > 0)
		(void)buf_addc(b, ' ');
	f->section = 0;
	f->stage = FETCH_SECTION;
	return (FETCH_MORE);
}
