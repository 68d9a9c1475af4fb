/*
 * After "letterctl salvage": records that were lost are missed by others.  What
 * can be told from those others is written again; a message whose body is lost
 * goes; a body that no message has any more becomes a file in "orphans"; counters
 * and references are counted anew.  Each change is logged.
 *
 *	lost		made from
 *	account		the keys of its mailboxes
 *	mailbox		the key of its state; its name is gone
 *	state		its messages; UIDVALIDITY is the mailbox's
 *	INBOX		nothing: an empty one
 *
 * What is there may be older than what clients saw last: new UIDs begin well
 * above, and all flags are told anew (late_start() does, for each mark).
 */
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imapd/account.h"
#include "imapd/filter.h"
#include "imapd/repair.h"
#include "imapd/sharing.h"
#include "imapd/store.h"
#include "log.h"

#define GROUP		500		/* writes in one transaction */
#define STEP		1000000		/* above all that was given out: UIDs
					 * and modification sequences */
#define ORPHANS		"orphans"	/* bodies without a message */

struct box {
	uint64_t	 account, id;
	int		 has_mailbox, has_state, inbox;
	int		 dead;			/* "dead" says that it goes */
	uint32_t	 staged;		/* from here on, stage.h; 0 */
	uint32_t	 uidvalidity;
	struct mbstate	 st;
	struct mbstate	 count;		/* what is there */
	uint32_t	 last;		/* highest UID */
};

struct repair {
	struct part	*p;
	struct box	*boxes;		/* by mailbox */
	size_t		 n;
	uint64_t	*bodies;	/* one for each reference */
	size_t		 nbodies;
	unsigned	 writes;	/* in the open group */
};

static int	 group_end(struct repair *);
static int	 group(struct repair *);

static int
group_end(struct repair *x)
{
	if (x->writes == 0)
		return (0);
	x->writes = 0;
	if (dbenv_commit(x->p->env) == -1)
		return (-1);
	return (dbenv_turn_end(x->p->env));
}

static int
group(struct repair *x)
{
	if (x->writes >= GROUP && group_end(x) == -1)
		return (-1);
	return (x->writes++ == 0 ? dbenv_begin(x->p->env) : 0);
}

/* Room for one more; sizes double. */
static void *
grow(void *v, size_t n, size_t size)
{
	if ((n & (n - 1)) != 0)
		return (v);
	return (reallocarray(v, n == 0 ? 1 : 2 * n, size));
}

/* ---- what is there ------------------------------------------------------------ */

static struct box *
box_find(struct repair *x, uint64_t id)
{
	size_t	 lo = 0, hi = x->n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (x->boxes[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return (lo < x->n && x->boxes[lo].id == id ? &x->boxes[lo] : NULL);
}

static struct box *
box_new(struct repair *x, struct span key)
{
	struct box	*nv, *b;
	size_t		 i;
	uint64_t	 account, id;

	if (span_get_u64(&key, &account) == -1 ||
	    span_get_u64(&key, &id) == -1) {
		errno = EILSEQ;
		return (NULL);
	}
	if ((b = box_find(x, id)) != NULL)
		return (b);
	if ((nv = grow(x->boxes, x->n, sizeof(*nv))) == NULL)
		return (NULL);
	x->boxes = nv;
	for (i = x->n; i > 0 && nv[i - 1].id > id; i--)
		continue;
	memmove(nv + i + 1, nv + i, (x->n - i) * sizeof(*nv));
	x->n++;
	memset(&nv[i], 0, sizeof(*nv));
	nv[i].account = account;
	nv[i].id = id;
	return (&nv[i]);
}

/* Both databases have the same keys. */
static int
read_boxes(struct repair *x)
{
	struct dbenv_iter	 it;
	struct rec_mailbox	 r;
	struct span		 key, val;
	struct box		*b;
	int			 rc;

	dbenv_iter_init(&it, x->p->mailbox, span_of("", 0), span_of("", 0));
	while ((rc = dbenv_iter_next(&it, &key, &val)) == 1) {
		if ((b = box_new(x, key)) == NULL ||
		    codec_get(&val, &c_rec_mailbox, &r) == -1)
			break;
		b->has_mailbox = 1;
		b->uidvalidity = r.uidvalidity;
		b->inbox = span_eqs(r.name, "INBOX");
	}
	dbenv_iter_free(&it);
	if (rc != 0)
		return (-1);
	dbenv_iter_init(&it, x->p->state, span_of("", 0), span_of("", 0));
	while ((rc = dbenv_iter_next(&it, &key, &val)) == 1) {
		if ((b = box_new(x, key)) == NULL ||
		    codec_get(&val, &c_mbstate, &b->st) == -1)
			break;
		b->has_state = 1;
	}
	dbenv_iter_free(&it);
	return (rc);
}

/* The same from "dead": mailboxes to remove, and what is staged. */
static int
read_dead(struct repair *x)
{
	struct dbenv_iter	 it;
	struct span		 key, val, k;
	struct box		*b;
	uint64_t		 id;
	uint32_t		 uid;
	int			 rc;

	dbenv_iter_init(&it, x->p->dead, span_of("", 0), span_of("", 0));
	while ((rc = dbenv_iter_next(&it, &key, &val)) == 1) {
		k = key;
		if (span_get_u64(&k, &id) == -1 ||
		    (b = box_find(x, id)) == NULL)
			continue;
		uid = key_uid(key);
		if (key.n == 8)
			b->dead = 1;
		else if (uid != 0 && (b->staged == 0 || uid < b->staged))
			b->staged = uid;
	}
	dbenv_iter_free(&it);
	return (rc);
}

static int
refer(struct repair *x, uint64_t body)
{
	uint64_t	*nv;

	if ((nv = grow(x->bodies, x->nbodies, sizeof(*nv))) == NULL)
		return (-1);
	x->bodies = nv;
	nv[x->nbodies++] = body;
	return (0);
}

/* Staged and never committed: it goes, and then gives its reference back. */
static int
leave(struct repair *x, struct span key, uint64_t body)
{
	struct buf	 v = { 0 };
	int		 rc = -1;

	if (buf_put_u64(&v, body) == 0 && group(x) == 0 &&
	    dbenv_put(x->p->gone, key, span_buf(&v)) == 0)
		rc = dbenv_del(x->p->index, key);
	buf_free(&v);
	return (rc);
}

/* One message: is its body there? */
static int
message(struct repair *x, struct span key, uint64_t mailbox,
    const struct msgrec *r)
{
	struct body_info	 info;
	struct box		*b = box_find(x, mailbox);
	uint32_t		 uid = key_uid(key);

	if (body_stat(x->p->bodies, r->body, &info) == -1) {
		log_error("partition %02u: mailbox %016llx: message with UID "
		    "%u is lost", x->p->num, (unsigned long long)mailbox, uid);
		if (group(x) == -1)
			return (-1);
		return (dbenv_del(x->p->index, key));
	}
	if (b == NULL)		/* of one that is "dead": goes later */
		return (refer(x, r->body));
	if (b->staged != 0 && uid >= b->staged &&
	    !(b->has_state && uid < b->st.uidnext))
		return (leave(x, key, r->body));
	/* above UIDNEXT: its record is newer than the state's */
	b->count.messages++;
	b->count.unseen += (r->flags & MF_SEEN) == 0;
	b->count.deleted += (r->flags & MF_DELETED) != 0;
	b->count.octets += r->size;
	if (uid > b->last)
		b->last = uid;
	if (r->modseq > b->count.modseq)
		b->count.modseq = r->modseq;
	return (refer(x, r->body));
}

static int
read_messages(struct repair *x)
{
	struct dbenv_iter	 it;
	struct span		 key, val, k;
	struct msgrec		 r;
	uint64_t		 mailbox, body;
	int			 rc;

	dbenv_iter_init(&it, x->p->index, span_of("", 0), span_of("", 0));
	while ((rc = dbenv_iter_next(&it, &key, &val)) == 1) {
		k = key;
		if (span_get_u64(&k, &mailbox) == -1 ||
		    msgrec_get(val, &r) == -1 ||
		    message(x, key, mailbox, &r) == -1)
			break;
	}
	dbenv_iter_free(&it);
	if (rc != 0)
		return (-1);
	dbenv_iter_init(&it, x->p->gone, span_of("", 0), span_of("", 0));
	while ((rc = dbenv_iter_next(&it, &key, &val)) == 1)
		if (span_get_u64(&val, &body) == 0 && refer(x, body) == -1)
			break;
	dbenv_iter_free(&it);
	return (rc);
}

/* ---- what is written again ----------------------------------------------------- */

static int
put_mailbox(struct repair *x, uint64_t account, uint64_t id, const char *name,
    uint32_t uidvalidity)
{
	struct rec_mailbox	 r = { .uidvalidity = uidvalidity };
	uint8_t			 k[16];

	r.name = span_str(name);
	r.keywords = span_of("", 0);
	r.created = store_time();
	if (group(x) == -1)
		return (-1);
	return (part_put(x->p->mailbox, key_u64_2(k, account, id),
	    &c_rec_mailbox, &r));
}

static int
agrees(const struct mbstate *st, const struct mbstate *count)
{
	return (st->messages == count->messages &&
	    st->unseen == count->unseen && st->deleted == count->deleted &&
	    st->octets == count->octets && st->modseq >= count->modseq);
}

/* UIDs and modification sequences that nobody can have seen. */
static int
step(struct repair *x, struct box *b)
{
	struct mbstate	*st = &b->st;
	struct buf	 v = { 0 };
	struct span	 val;
	uint64_t	 ceiling;
	uint8_t		 k[16];
	int		 rc = -1;

	if (!b->has_state || st->uidnext <= b->last)
		st->uidnext = b->last + 1;
	if (!b->has_state)
		st->recent = st->uidnext;
	if (st->uidnext < UINT32_MAX / 2)	/* in time they would end */
		st->uidnext += STEP;
	if (b->count.modseq > st->modseq)
		st->modseq = b->count.modseq;
	(void)key_u64_2(k, b->account, b->id);
	if (dbenv_get(x->p->late, span_of(k, 16), &val) == 0) {
		if (span_get_u64(&val, &ceiling) == 0 &&
		    ceiling > st->modseq)
			st->modseq = ceiling;
	} else if (errno != ENOENT)
		return (-1);
	/* what vanished without a record is asked for in whole */
	st->modseq += STEP;
	st->floor = st->modseq;
	if (buf_put_u64(&v, st->modseq) == 0)
		rc = dbenv_put(x->p->late, span_of(k, 16), span_buf(&v));
	buf_free(&v);
	return (rc);
}

/* It stays, with all its messages. */
static int
undead(struct repair *x, struct box *b)
{
	uint8_t	 k[12];

	if (b->dead && dbenv_del(x->p->dead, key_u64(k, b->id)) == -1)
		return (-1);
	if (b->staged != 0 && dbenv_del(x->p->dead, key_msg(k, b->id,
	    b->staged)) == -1)
		return (-1);
	return (0);
}

/* UIDVALIDITY is a new one where it was lost. */
static int
mend_box(struct repair *x, struct box *b)
{
	struct mbstate	*st = &b->st;
	char		 name[64];
	uint8_t		 k[16];

	if (!b->has_mailbox) {
		snprintf(name, sizeof(name), "Salvaged %016llx",
		    (unsigned long long)b->id);
		log_error("partition %02u: the name of mailbox %016llx is lost: "
		    "it is \"%s\" now", x->p->num, (unsigned long long)b->id,
		    name);
		b->uidvalidity = (uint32_t)store_time();
		if (put_mailbox(x, b->account, b->id, name,
		    b->uidvalidity) == -1)
			return (-1);
	}
	if (!b->has_state || !agrees(st, &b->count))
		log_warn("partition %02u: mailbox %016llx: %u messages, "
		    "counted anew", x->p->num, (unsigned long long)b->id,
		    b->count.messages);
	if (group(x) == -1 || step(x, b) == -1 || undead(x, b) == -1)
		return (-1);
	st->messages = b->count.messages;
	st->unseen = b->count.unseen;
	st->deleted = b->count.deleted;
	st->octets = b->count.octets;
	return (part_put(x->p->state, key_u64_2(k, b->account, b->id),
	    &c_mbstate, st));
}

/* Everything of an account hangs on its record and its INBOX. */
static int
mend_account(struct repair *x, uint64_t account)
{
	struct rec_account	 r = { .uidvalidity = 0 };
	struct mbstate		 st = { .uidnext = 1, .recent = 1,
				    .modseq = 1 };
	uint32_t		 uidvalidity = (uint32_t)store_time();
	uint64_t		 id;
	uint8_t			 k[16];
	size_t			 i;
	int			 inbox = 0;

	for (i = 0; i < x->n; i++) {
		if (x->boxes[i].account != account)
			continue;
		inbox |= x->boxes[i].inbox;
		if (x->boxes[i].uidvalidity > uidvalidity)
			uidvalidity = x->boxes[i].uidvalidity;
	}
	if (part_get(x->p->account, key_u64(k, account), &c_rec_account,
	    &r) == -1) {
		if (errno != ENOENT)
			return (-1);
		log_error("partition %02u: the record of account %llu is lost "
		    "and made again", x->p->num, (unsigned long long)account);
		r.name = span_of("", 0);
		r.created = store_time();
	} else if (inbox)
		return (0);
	r.uidvalidity = r.uidvalidity > uidvalidity ? r.uidvalidity :
	    uidvalidity;
	if (!inbox) {
		log_error("partition %02u: account %llu gets a new INBOX",
		    x->p->num, (unsigned long long)account);
		r.uidvalidity++;
	}
	if (group(x) == -1 || part_put(x->p->account, key_u64(k, account),
	    &c_rec_account, &r) == -1)
		return (-1);
	if (inbox)
		return (0);
	arc4random_buf(&id, sizeof(id));
	if (put_mailbox(x, account, id, "INBOX", r.uidvalidity) == -1)
		return (-1);
	return (part_put(x->p->state, key_u64_2(k, account, id), &c_mbstate,
	    &st));
}

static int
mend_accounts(struct repair *x)
{
	uint64_t	*v;
	size_t		 i, j, n;
	int		 rc = 0;

	if ((v = calloc(x->n + 1, sizeof(*v))) == NULL)
		return (-1);
	for (i = n = 0; i < x->n; i++) {
		for (j = 0; j < n && v[j] != x->boxes[i].account; j++)
			continue;
		if (j == n)
			v[n++] = x->boxes[i].account;
	}
	for (i = 0; i < n && rc == 0; i++)
		rc = mend_account(x, v[i]);
	free(v);
	return (rc);
}

static int
by_number(const void *a, const void *b)
{
	uint64_t	 x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x < y ? -1 : x > y);
}

/* Whose it was nobody knows: a file for the administrator. */
static int
orphan(struct repair *x, uint64_t id)
{
	static uint8_t	 room[BODY_SLICE];
	struct stat	 sb;
	char		 name[64];
	uint64_t	 off;
	ssize_t		 n, k = 0;
	int		 dir = dbenv_dirfd(x->p->env), fd;

	/* not yet in the cage: to whom the directory belongs */
	if (fstat(dir, &sb) == -1 ||
	    (mkdirat(dir, ORPHANS, 0700) == -1 && errno != EEXIST) ||
	    (geteuid() == 0 && fchownat(dir, ORPHANS, sb.st_uid, sb.st_gid,
	    AT_SYMLINK_NOFOLLOW) == -1))
		return (-1);
	snprintf(name, sizeof(name), ORPHANS "/%016llx.eml",
	    (unsigned long long)id);
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW |
	    O_CLOEXEC, 0600);
	if (fd == -1)
		return (-1);
	for (off = 0; (n = body_read(x->p->bodies, id, off, room,
	    sizeof(room))) > 0; off += (uint64_t)n)
		if ((k = write(fd, room, (size_t)n)) != n)
			break;
	if (n != 0 || fsync(fd) == -1 || (geteuid() == 0 &&
	    fchown(fd, sb.st_uid, sb.st_gid) == -1)) {
		close(fd);
		return (-1);
	}
	close(fd);
	log_error("partition %02u: a message is nobody's: it is in %s",
	    x->p->num, name);
	return (0);
}

/* References as they are; a body without one goes. */
static int
mend_bodies(struct repair *x)
{
	uint64_t	 id = 0;
	uint32_t	 n;
	size_t		 i = 0;

	if (x->nbodies > 0)
		qsort(x->bodies, x->nbodies, sizeof(*x->bodies), by_number);
	while (body_next(x->p->bodies, id, &id) == 0 && id != 0) {
		while (i < x->nbodies && x->bodies[i] < id)
			i++;
		for (n = 0; i < x->nbodies && x->bodies[i] == id; i++)
			n++;
		if ((n == 0 && orphan(x, id) == -1) || group(x) == -1 ||
		    body_set_refs(x->p->bodies, id, n) == -1)
			return (-1);
	}
	return (errno == ENOENT ? 0 : -1);
}

/* Of bodies that are lost. */
static int
mend_filters(struct repair *x)
{
	uint64_t	 at = 0;
	int		 rc;

	do {
		if (group_end(x) == -1 || group(x) == -1)
			return (-1);
		rc = filter_sweep(x->p, &at, GROUP);
	} while (rc == 1);
	return (rc);
}

int
part_repair(struct part *p)
{
	struct repair	 x = { .p = p };
	size_t		 i;
	int		 rc = -1;

	log_warn("partition %02u was salvaged: making its records agree",
	    p->num);
	if (read_boxes(&x) == 0 && read_dead(&x) == 0 &&
	    read_messages(&x) == 0) {
		for (i = 0, rc = 0; i < x.n && rc == 0; i++)
			rc = mend_box(&x, &x.boxes[i]);
		if (rc == 0)
			rc = mend_accounts(&x) == -1 ||
			    mend_bodies(&x) == -1 ||
			    mend_filters(&x) == -1 || group_end(&x) == -1 ||
			    sharing_repair(p) == -1 ||
			    dbenv_salvaged_done(p->env) == -1 ? -1 : 0;
	}
	free(x.boxes);
	free(x.bodies);
	return (rc);
}
