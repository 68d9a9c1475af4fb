/*
 * A partition that was salvaged, its records of different ages: no message is
 * left out or written over, no UID and no modification sequence is given twice.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imapd/account.h"
#include "imapd/ending.h"
#include "imaptest.h"

#define STAGED	20010u

static uint8_t	 id[16];

static struct mailbox *
inbox(void)
{
	struct account	*a = account_find(t_part, 1);

	if (a == NULL)
		exit(1);
	account_put(a);
	return (a->inbox);
}

static void
deliver_one(void)
{
	char	 text[64];

	id[0]++;
	snprintf(text, sizeof(text), "Subject: %u\r\n\r\nx\r\n", id[0]);
	CHECK(t_deliver(id, text, strlen(text), (uint64_t[]){ 1 }, 1) ==
	    RESULT_OK, "message %u", id[0]);
}

static void
put_state(const struct mailbox *mb, const struct mbstate *st)
{
	uint8_t	 k[16];

	CHECK(part_put(t_part->state, key_u64_2(k, 1, mb->id), &c_mbstate,
	    st) == 0, "a state of another age");
}

/* As the slices of an import that never was committed. */
static void
stage_one(const struct mailbox *mb)
{
	struct buf	 v = { 0 };
	struct msgrec	 r;
	struct span	 val;
	uint8_t		 k[12];

	(void)buf_put_u64(&v, 1);
	CHECK(dbenv_get(t_part->index, key_msg(k, mb->id, 1), &val) == 0 &&
	    msgrec_get(val, &r) == 0 &&
	    body_ref(t_part->bodies, r.body, 1) == 0 &&
	    msgrec_write(t_part, key_msg(k, mb->id, STAGED), &r) == 0 &&
	    dbenv_put(t_part->dead, key_msg(k, mb->id, STAGED),
	    span_buf(&v)) == 0, "something staged");
	buf_free(&v);
}

/* As "letterctl salvage" leaves it. */
static void
reopen(void)
{
	static char	 dir[128];
	char		 path[160];
	int		 fd;

	snprintf(dir, sizeof(dir), "%s", t_dir());
	t_close();
	snprintf(path, sizeof(path), "%s/boot", dir);
	CHECK(unlink(path) == 0, "no boot");
	snprintf(path, sizeof(path), "%s/salvaged", dir);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	CHECK(fd != -1, "%s", path);
	close(fd);
	t_open(dir);
}

/* How often the body of a message is referred to. */
static uint32_t
refs(uint32_t uid)
{
	struct body_info	 info;
	struct msgrec		 r;
	struct span		 val;
	uint8_t			 k[12];

	if (dbenv_get(t_part->index, key_msg(k, inbox()->id, uid),
	    &val) == -1 || msgrec_get(val, &r) == -1 || body_stat(t_part->bodies, r.body, &info) == -1)
		return (0);
	return (info.refs);
}

static void
messages(const struct mailbox *mb, unsigned n, uint64_t modseq)
{
	struct dbenv_iter	 it;
	struct span		 key, val;
	struct msgrec		 r;
	unsigned		 have = 0, wrong = 0;
	uint8_t			 k[8];

	dbenv_iter_init(&it, t_part->index, key_u64(k, mb->id),
	    key_u64(k, mb->id));
	while (dbenv_iter_next(&it, &key, &val) == 1) {
		have++;
		wrong += msgrec_get(val, &r) == -1 ||
		    r.modseq <= modseq || key_uid(key) > n;
	}
	dbenv_iter_free(&it);
	CHECK(have == n && wrong == 0, "%u messages, their flags told anew: "
	    "%u, %u not", n, have, wrong);
}

/* The state is older than the last of three messages. */
static void
older_state(void)
{
	struct mbstate	 st, was;

	t_open(NULL);
	deliver_one();
	deliver_one();
	t_settle();
	st = inbox()->st;
	deliver_one();
	t_settle();
	was = inbox()->st;
	stage_one(inbox());
	put_state(inbox(), &st);
	reopen();
	CHECK(inbox()->st.messages == 3 && inbox()->st.unseen == 3 &&
	    inbox()->st.octets == was.octets, "it is a message: %u",
	    inbox()->st.messages);
	CHECK(inbox()->st.uidnext >= was.uidnext + 100000 &&
	    inbox()->st.modseq > was.modseq + 100000 &&
	    inbox()->st.floor > was.modseq, "numbers go on well above");
	t_settle();
	CHECK(t_count(t_part->dead) == 0 && t_count(t_part->gone) == 0 &&
	    !ending_busy(t_part) && refs(1) == 1 && refs(3) == 1,
	    "what was staged is gone, its reference as well: %u", refs(1));
	messages(inbox(), 3, was.modseq);
	CHECK(t_count(t_part->late) == 0, "no mark is left");
	deliver_one();
	t_settle();
	CHECK(inbox()->st.messages == 4 && refs(3) == 1 &&
	    inbox()->st.uidnext > was.uidnext + 100000 && refs(4) == 0,
	    "the next one is written over none");
	t_close();
	t_remove();
}

/* Nothing tells how far the numbers had gone. */
static void
no_state(void)
{
	struct mbstate	 was;
	uint8_t		 k[16];

	t_open(NULL);
	deliver_one();
	t_settle();
	was = inbox()->st;
	stage_one(inbox());
	CHECK(dbenv_del(t_part->state, key_u64_2(k, 1, inbox()->id)) == 0,
	    "the state is lost");
	reopen();
	t_settle();
	CHECK(inbox()->st.messages == 1 &&
	    inbox()->st.uidnext > was.uidnext + 100000,
	    "one message, UIDNEXT %u", inbox()->st.uidnext);
	messages(inbox(), 1, was.modseq);
	t_close();
	t_remove();
}

/* "dead" is older than the mailbox, or its removal is half on disk. */
static void
dead_and_there(void)
{
	uint8_t	 k[8];

	t_open(NULL);
	deliver_one();
	t_settle();
	CHECK(dbenv_put(t_part->dead, key_u64(k, inbox()->id),
	    span_of("", 0)) == 0, "a mailbox that is there is to go");
	reopen();
	t_settle();
	CHECK(inbox()->st.messages == 1 && refs(1) == 1 &&
	    t_count(t_part->dead) == 0, "it stays");
	t_close();
	t_remove();
}

int
main(void)
{
	older_state();
	no_state();
	dead_and_there();
	return (t_done());
}
