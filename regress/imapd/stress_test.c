/*
 * Sessions that do not wait for each other: commands at random, several at a
 * time, on two mailboxes.  Whatever comes in between, each client's numbers mean
 * the UIDs that they meant, EXPUNGE comes only when it may, every command gets
 * its answer, and in the end all see the same.
 */
#include <sys/socket.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imaptest.h"

#define CLIENTS		6
#define ROUNDS		6000
#define PIPELINE	6
#define COUNT_MAX	20000

static struct client {
	int		 fd;
	const char	*mailbox;
	struct buf	 in;
	uint32_t	 uids[COUNT_MAX];	/* 0: not known yet */
	uint32_t	 n;
	struct {
		unsigned	 tag;
		int		 quiet;		/* no EXPUNGE meanwhile */
	}		 queue[PIPELINE + 2];
	unsigned	 nqueue, tags;
	unsigned	 answers;
	int		 qresync;	/* VANISHED, not EXPUNGE */
	unsigned	 vanished;
} clients[CLIENTS];

static unsigned		 wrong;
static uint32_t		 seed = 12345;

static unsigned
pick(unsigned n)
{
	seed = seed * 1664525u + 1013904223u;
	return ((seed >> 8) % n);
}

static void
bad(const struct client *c, const char *why, const char *line)
{
	if (wrong++ < 10)
		printf("# client %d: %s: %s\n", (int)(c - clients), why, line);
}

static void
fetched(struct client *c, uint32_t seq, const char *line)
{
	const char	*p = strstr(line, "UID ");
	uint32_t	 uid;

	if (seq == 0 || seq > c->n)
		bad(c, "no such number", line);
	else if (p != NULL) {
		uid = (uint32_t)strtoul(p + 4, NULL, 10);
		if (c->uids[seq - 1] != 0 && c->uids[seq - 1] != uid)
			bad(c, "another UID", line);
		c->uids[seq - 1] = uid;
	}
}

static void
take_out(struct client *c, uint32_t at)
{
	c->n--;
	memmove(c->uids + at, c->uids + at + 1, (c->n - at) *
	    sizeof(c->uids[0]));
}

/* By its UID, or one that is not known yet between those around it. */
static void
gone(struct client *c, uint32_t uid, const char *line)
{
	uint32_t	 i, at = 0;

	c->vanished++;
	for (i = 0; i < c->n; i++)
		if (c->uids[i] == uid) {
			take_out(c, i);
			return;
		} else if (c->uids[i] != 0 && c->uids[i] < uid)
			at = i + 1;
	if (at < c->n && c->uids[at] == 0)
		take_out(c, at);
	else
		bad(c, "no such UID", line);
}

static void
vanished(struct client *c, const char *line)
{
	char		*p;
	unsigned long	 lo, hi;

	if (!c->qresync || c->nqueue == 0 || c->queue[0].quiet)
		bad(c, "not now", line);
	for (p = strchr(line + 2, ' '); p != NULL && *p != '\0';) {
		hi = lo = strtoul(p + 1, &p, 10);
		if (*p == ':')
			hi = strtoul(p + 1, &p, 10);
		for (; lo <= hi; lo++)
			gone(c, (uint32_t)lo, line);
	}
}

static void
untagged(struct client *c, const char *line)
{
	char		*word;
	uint32_t	 n = (uint32_t)strtoul(line + 2, &word, 10);

	if (strncmp(line, "* VANISHED ", 11) == 0)
		vanished(c, line);
	else if (strcmp(word, " EXISTS") == 0) {
		if (n < c->n || n > COUNT_MAX)
			bad(c, "fewer than before", line);
		else
			memset(c->uids + c->n, 0, (n - c->n) *
			    sizeof(c->uids[0]));
		c->n = n;
	} else if (strcmp(word, " EXPUNGE") == 0) {
		if (n == 0 || n > c->n) {
			bad(c, "no such number", line);
			return;
		}
		if (c->nqueue == 0 || c->queue[0].quiet || c->qresync)
			bad(c, "not now", line);
		take_out(c, n - 1);
	} else if (strncmp(word, " FETCH (", 8) == 0)
		fetched(c, n, line);
}

static void
take_line(struct client *c, const char *line)
{
	unsigned	 tag;
	char		 word[4];

	if (line[0] == '*' && line[1] == ' ') {
		untagged(c, line);
		return;
	}
	if (sscanf(line, "t%u %3s", &tag, word) != 2)
		return;			/* of a literal */
	if (c->nqueue == 0 || c->queue[0].tag != tag ||
	    strcmp(word, "BAD") == 0) {
		/* A number may have gone while the command was on its way. */
		if (strstr(line, "no message has that number") == NULL)
			bad(c, "unexpected answer", line);
	}
	c->answers++;
	if (c->nqueue > 0)
		memmove(c->queue, c->queue + 1, --c->nqueue *
		    sizeof(c->queue[0]));
}

static void
receive(struct client *c)
{
	char		 room[8192];
	struct span	 s, head;
	ssize_t		 n;

	while ((n = recv(c->fd, room, sizeof(room), MSG_DONTWAIT)) > 0)
		(void)buf_add(&c->in, room, (size_t)n);
	if (n == 0)
		bad(c, "closed", "");
	for (s = span_buf(&c->in); span_split(&s, '\n', &head) == 1;) {
		snprintf(room, sizeof(room), "%.*s", (int)(head.n > 0 ?
		    head.n - 1 : 0), (const char *)head.p);
		take_line(c, room);
		buf_drain(&c->in, head.n + 1);
		s = span_buf(&c->in);
	}
}

static void
command(int i, int quiet, const char *text)
{
	struct client	*c = &clients[i];
	char		 line[256];

	c->queue[c->nqueue].tag = ++c->tags;
	c->queue[c->nqueue++].quiet = quiet;
	snprintf(line, sizeof(line), "t%u %s\r\n", c->tags, text);
	t_send(i, line, strlen(line));
}

static void
anything(int i)
{
	struct client	*c = &clients[i];
	const char	*other = strcmp(c->mailbox, "INBOX") == 0 ?
			    "Archive" : "INBOX";
	char		 text[200], set[64];
	unsigned	 lo, hi, uid = pick(3) == 0;

	lo = c->n == 0 ? 1 : 1 + pick(c->n);
	hi = pick(4) == 0 && c->n > 0 ? 1 + pick(c->n) : lo;
	snprintf(set, sizeof(set), pick(30) == 0 ? "1:*" : "%u:%u", lo, hi);
	text[0] = '\0';
	if (uid)
		strcpy(text, "UID ");
	switch (pick(14)) {
	case 0:
	case 1:
	case 11:
		snprintf(text, sizeof(text), "APPEND %s (%s) {13+}\r\n"
		    "a: b\r\n\r\ntext\n", pick(2) == 0 ? c->mailbox : other,
		    pick(3) == 0 ? "\\Seen" : "");
		uid = 1;
		break;
	case 2:
	case 3:
		strcat(text, "FETCH ");
		strcat(text, set);
		strcat(text, " (UID FLAGS ENVELOPE BODY.PEEK[TEXT])");
		break;
	case 4:
		strcat(text, "FETCH ");
		strcat(text, set);
		strcat(text, " (UID BODY[])");
		break;
	case 5:
	case 6:
		strcat(text, "STORE ");
		strcat(text, set);
		strcat(text, pick(2) == 0 ? " +FLAGS (\\Deleted $k)" :
		    " -FLAGS.SILENT (\\Deleted \\Seen)");
		break;
	case 7:
		strcpy(text, "EXPUNGE");
		uid = 1;
		break;
	case 8:
		strcat(text, "SEARCH ");
		strcat(text, pick(2) == 0 ? "BODY text UNSEEN" : "DELETED");
		break;
	case 9:
		strcat(text, pick(2) == 0 ? "COPY " : "MOVE ");
		strcat(text, set);
		strcat(text, " ");
		strcat(text, pick(4) == 0 ? c->mailbox : other);
		uid = 1;
		break;
	case 10:
		snprintf(text, sizeof(text), "UID EXPUNGE %u:%u", pick(3000),
		    1 + pick(3000));
		if (strstr(text, " 0:") != NULL)
			strcpy(text, "NOOP");
		uid = 1;
		break;
	default:
		strcpy(text, "NOOP");
		uid = 1;
		break;
	}
	command(i, !uid, text);
}

static void
drain(void)
{
	unsigned	 i, round;
	unsigned	 open = 1;

	for (round = 0; round < 20000 && open > 0; round++) {
		t_loop();
		for (i = 0, open = 0; i < CLIENTS; i++) {
			receive(&clients[i]);
			open += clients[i].nqueue;
		}
		if (round % 100 == 99)
			t_settle();
	}
	CHECK(open == 0, "every command has its answer (%u have none)", open);
}

static void
compare(void)
{
	struct client	*c, *first;
	uint32_t	 k;
	int		 i;

	for (i = 0; i < CLIENTS; i++)
		command(i, 0, "NOOP");
	drain();
	for (i = 0; i < CLIENTS; i++) {
		memset(clients[i].uids, 0, sizeof(clients[i].uids));
		command(i, 0, "FETCH 1:* UID");
	}
	drain();
	for (i = 0; i < CLIENTS; i++) {
		c = &clients[i];
		first = &clients[strcmp(c->mailbox, "INBOX") == 0 ? 0 :
		    CLIENTS - 1];
		CHECK(c->n == first->n && memcmp(c->uids, first->uids,
		    c->n * sizeof(c->uids[0])) == 0,
		    "client %d sees what the others see, %u messages", i, c->n);
		for (k = 1; k < c->n; k++)
			if (c->uids[k] <= c->uids[k - 1])
				bad(c, "UIDs do not grow", "");
	}
}

int
main(void)
{
	struct pollfd	 p;
	char		 text[64];
	unsigned	 round, gone_ones;
	int		 i;

	t_open(NULL);
	for (i = 0; i < CLIENTS; i++) {
		clients[i].mailbox = i < 4 ? "INBOX" : "Archive";
		clients[i].fd = t_login(i, 1);
		(void)t_line(i);
		if ((clients[i].qresync = i % 3 == 2))
			command(i, 1, "ENABLE QRESYNC");
		snprintf(text, sizeof(text), "SELECT %s",
		    clients[i].mailbox);
		command(i, 1, text);
	}
	drain();
	for (round = 0; round < ROUNDS; round++) {
		i = (int)pick(CLIENTS);
		if (clients[i].nqueue < PIPELINE)
			anything(i);
		else {		/* flushes take their time */
			p.fd = dbenv_fd(t_part->env);
			p.events = POLLIN;
			(void)poll(&p, 1, 1);
		}
		t_loop();
		receive(&clients[pick(CLIENTS)]);
	}
	drain();
	compare();
	for (i = 0, round = gone_ones = 0; i < CLIENTS; i++) {
		round += clients[i].answers;
		gone_ones += clients[i].vanished;
	}
	CHECK(wrong == 0, "%u answers, %u wrong", round, wrong);
	CHECK(gone_ones > 10, "%u vanished", gone_ones);
	for (i = 0; i < CLIENTS; i++)
		buf_free(&clients[i].in);
	t_close();
	t_remove();
	return (t_done());
}
