/*
 * Slots: files for bodies, each with a delivery id, handed to an smtpd
 * before it needs them.  The writing end and the reading end are descriptions
 * of their own; queued keeps a reading end.  Files are unlinked from the start,
 * so that none is ever left behind.
 */
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "queued/queued.h"
#include "queued/local.h"

#define SLOT_STOCK	32	/* given when an smtpd comes up */
#define SLOTS_MAX	2000	/* of one smtpd */
#define SLOTS_OCTETS	(1ull << 30)	/* in all of them; or four messages */
#define SLOTS_LOOK	200	/* ms from one look at their sizes to the next */
#define POOL_MAX	256	/* files kept for submissions of one smtpd */
#define SLOT_DIR	"slot"
#define SLOT_NAME	SLOT_DIR "/new"

static struct stock {
	struct slot	**v;		/* by number; NULL: none */
	size_t		  n;		/* places in use or used before */
	size_t		  have;
	uint64_t	  octets;	/* in all of them, when last looked at */
	uint64_t	  looked;	/* proc_now_ms() */
	struct {
		int	  wfd, rfd;
	} pool[POOL_MAX];		/* empty files of submissions */
	size_t		  npool;
} stocks[256];

static struct stock	*stock_of(struct peer *);
static void	 drop(struct stock *, size_t);
static int	 hand(struct peer *, const struct slot *);
static int	 give(struct peer *, struct stock *);
static uint64_t	 outstanding(struct stock *);
static struct slot *settled(struct stock *, const struct msg_slot *);

int
slot_start(void)
{
	if (mkdir(SLOT_DIR, 0700) == -1 && errno != EEXIST) {
		log_error("queue: %s: %s", SLOT_DIR, strerror(errno));
		return (-1);
	}
	return (0);
}

int
slot_file(int *wfd, int *rfd)
{
	*rfd = -1;
	(void)unlink(SLOT_NAME);	/* a crash may have left one */
	*wfd = open(SLOT_NAME, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (*wfd == -1)
		return (-1);
	*rfd = open(SLOT_NAME, O_RDONLY | O_CLOEXEC);
	if (unlink(SLOT_NAME) == -1 || *rfd == -1) {
		close(*wfd);
		if (*rfd != -1)
			close(*rfd);
		return (-1);
	}
	return (0);
}

static struct stock *
stock_of(struct peer *p)
{
	return (&stocks[peer_instance(p) % nitems(stocks)]);
}

static void
drop(struct stock *st, size_t i)
{
	intake_free(st->v[i]->in);
	close(st->v[i]->wfd);
	close(st->v[i]->rfd);
	free(st->v[i]);
	st->v[i] = NULL;
	st->have--;
}

/* Both ends of it, as it is. */
static int
hand(struct peer *p, const struct slot *s)
{
	struct msg_slot	 m = { .slot = s->num };
	int		 wfd, rfd;

	memcpy(m.id, s->id, sizeof(m.id));
	if ((wfd = fcntl(s->wfd, F_DUPFD_CLOEXEC, 3)) == -1)
		return (-1);
	if ((rfd = fcntl(s->rfd, F_DUPFD_CLOEXEC, 3)) == -1) {
		close(wfd);
		return (-1);
	}
	if (peer_put(p, M_SLOT, &c_slot, &m, wfd) == -1) {
		close(rfd);
		return (-1);
	}
	return (peer_put(p, M_SLOT_READ, &c_slot, &m, rfd));
}

static int
give(struct peer *p, struct stock *st)
{
	struct slot	*s;
	size_t		 i;

	for (i = 0; i < st->n && st->v[i] != NULL; i++)
		;
	if (i == SLOTS_MAX || (s = calloc(1, sizeof(*s))) == NULL)
		return (-1);
	if (slot_file(&s->wfd, &s->rfd) == -1) {
		free(s);
		return (-1);
	}
	arc4random_buf(s->id, sizeof(s->id));
	s->num = (uint32_t)i;
	st->v[i] = s;
	st->have++;
	if (i == st->n)
		st->n++;
	return (hand(p, s));
}

void
slots_up(struct peer *p)
{
	struct stock	*st = stock_of(p);
	int		 i;

	if (st->v == NULL && (st->v = calloc(SLOTS_MAX, sizeof(*st->v))) ==
	    NULL)
		return;
	for (i = 0; i < SLOT_STOCK; i++)
		if (give(p, st) == -1) {
			log_warn("no file for a message: %s", strerror(errno));
			return;
		}
}

void
slots_down(struct peer *p)
{
	struct stock	*st = stock_of(p);
	size_t		 i;

	for (i = 0; i < st->n; i++)
		if (st->v[i] != NULL)
			drop(st, i);
	free(st->v);
	while (st->npool > 0) {
		close(st->pool[--st->npool].wfd);
		close(st->pool[st->npool].rfd);
	}
	memset(st, 0, sizeof(*st));
}

struct slot *
slot_find(struct peer *p, const uint8_t id[16])
{
	struct stock	*st = stock_of(p);
	size_t		 i;

	for (i = 0; i < st->n; i++)
		if (st->v[i] != NULL && memcmp(st->v[i]->id, id, 16) == 0)
			return (st->v[i]);
	return (NULL);
}

static uint64_t
outstanding(struct stock *st)
{
	struct stat	 sb;
	size_t		 i;

	if (st->looked != 0 && proc_now_ms() - st->looked < SLOTS_LOOK)
		return (st->octets);
	st->octets = 0;
	st->looked = proc_now_ms();
	for (i = 0; i < st->n; i++)
		if (st->v[i] != NULL && fstat(st->v[i]->rfd, &sb) == 0)
			st->octets += (uint64_t)sb.st_blocks * 512;
	return (st->octets);
}

/* As many as there may be: who gets fewer asks again when it has need. */
int
on_slot_want(struct peer *p, struct imsg *m)
{
	struct stock		*st = stock_of(p);
	struct msg_number	 n;
	uint64_t		 most = SLOTS_OCTETS;

	if (imsg_get(m, &c_number, &n) == -1)
		return (-1);
	CONF_EACH(struct conf_listener, l, &proc_conf()->listeners)
		if (l->limits.message_size > most / 4)
			most = l->limits.message_size * 4;
	if (st->v == NULL || !dbenv_writable(q.env) || outstanding(st) > most)
		return (0);
	for (; n.number > 0 && st->have < SLOTS_MAX; n.number--)
		if (give(p, st) == -1)
			break;
	return (0);
}

/* What smtpd says it is done with; NULL: it cannot be. */
static struct slot *
settled(struct stock *st, const struct msg_slot *m)
{
	struct slot	*sl;

	if (m->slot >= st->n || (sl = st->v[m->slot]) == NULL ||
	    memcmp(sl->id, m->id, sizeof(sl->id)) != 0)
		return (NULL);
	/* A request that has no answer yet keeps it. */
	return (sl->in != NULL && sl->committing ? NULL : sl);
}

/* smtpd is done with them; they get new ids, the old ones mean nothing more. */
int
on_slot_settled(struct peer *p, struct imsg *m)
{
	struct msg_settled	 old[MSG_SLOTS_MAX];
	struct msg_slots	 r;
	struct msg_slot		*v;
	struct slot		*sl;
	size_t			 i, n = 0;
	uint8_t			 ids[MSG_SLOTS_MAX][16];
	int			 rc = 0;

	if (imsg_get(m, &c_slots, &r) == -1)
		return (-1);
	v = r.slots.v;
	arc4random_buf(ids, r.slots.n * sizeof(ids[0]));
	for (i = 0; i < r.slots.n; i++) {
		if ((sl = settled(stock_of(p), &v[i])) == NULL) {
			rc = -1;
			break;
		}
		intake_free(sl->in);
		sl->in = NULL;
		if (v[i].partition != UINT32_MAX) {
			memcpy(old[n].id, v[i].id, sizeof(old[n].id));
			old[n++].partition = v[i].partition;
		}
		memcpy(sl->id, ids[i], sizeof(sl->id));
		memcpy(v[i].id, ids[i], sizeof(v[i].id));
		v[i].partition = 0;
	}
	local_settled(old, n);
	if (rc == 0)
		(void)peer_put(p, M_SLOT_ID, &c_slots, &r, -1);
	codec_free(&c_slots, &r);
	return (rc);
}

/*
 * Its message is in the queue: smtpd closes its ends and gets another.  Making
 * files costs more than emptying them; but what a store was shown it may read
 * late, so that file is left alone.
 */
void
slot_taken(struct peer *p, struct slot *s, int shown)
{
	struct stock	*st = stock_of(p);
	int		 rc;

	if (shown || ftruncate(s->wfd, 0) == -1) {
		drop(st, s->num);
		rc = give(p, st);
	} else {
		arc4random_buf(s->id, sizeof(s->id));
		rc = hand(p, s);
	}
	if (rc == -1)
		log_warn("no file for a message: %s", strerror(errno));
}

/* ---- files of submissions -------------------------------------------------- */

/*
 * A file goes to sessions that came through the same smtpd only: that process
 * may have kept it, and then it spoils no mail but what passes through it
 * anyway.
 */
int
slot_file_get(unsigned inst, int *wfd, int *rfd)
{
	struct stock	*st = &stocks[inst % nitems(stocks)];

	if (st->npool == 0)
		return (slot_file(wfd, rfd));
	st->npool--;
	*wfd = st->pool[st->npool].wfd;
	(void)lseek(*wfd, 0, SEEK_SET);
	*rfd = st->pool[st->npool].rfd;
	return (0);
}

void
slot_file_put(unsigned inst, int wfd, int rfd)
{
	struct stock	*st = &stocks[inst % nitems(stocks)];

	if (st->v == NULL || st->npool == POOL_MAX ||
	    ftruncate(wfd, 0) == -1) {
		close(wfd);
		close(rfd);
		return;
	}
	st->pool[st->npool].wfd = wfd;
	st->pool[st->npool++].rfd = rfd;
}
