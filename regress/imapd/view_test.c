/*
 * Several sessions of one mailbox against a simple model: each session's list of
 * UIDs is changed only by what it is told, and after each command it must be
 * able to name every message by its number, find the flags the model has, and
 * agree with the mailbox when nothing is left to be told.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/account.h"
#include "imapd/session.h"
#include "imaptest.h"

#define SESSIONS	4
#define ROUNDS		1200
#define MODEL_MAX	4000

/* The mailbox as it should be. */
static struct {
	uint32_t	 uid;
	unsigned	 flags;
} model[MODEL_MAX];
static size_t		 nmodel;
static uint32_t		 uidnext;

/* A client: what it was told. */
static struct client {
	uint32_t	 uids[MODEL_MAX];	/* 0: not known yet */
	size_t		 n;
	int		 idle;
	unsigned	 tag;
} clients[SESSIONS];

static uint32_t		 seed = 20261125;
static unsigned		 wrong;

static unsigned
pick(unsigned n)
{
	seed = seed * 1103515245 + 12345;
	return ((seed >> 16) % n);
}

static void
bad(int i, const char *what, const char *line)
{
	wrong++;
	if (wrong < 10)
		printf("# session %d: %s: %s\n", i, what, line);
}

/* An untagged line. */
static void
told(int i, const char *line)
{
	struct client	*c = &clients[i];
	unsigned	 n, uid;
	char		 word[16];

	if (sscanf(line, "* %u FETCH (UID %u ", &n, &uid) == 2 ||
	    (sscanf(line, "* %u FETCH", &n) == 1 &&
	    strstr(line, " UID ") != NULL &&
	    sscanf(strstr(line, " UID "), " UID %u", &uid) == 1)) {
		if (n == 0 || n > c->n)
			bad(i, "a number that it does not have", line);
		else if (c->uids[n - 1] == 0)
			c->uids[n - 1] = uid;
		else if (c->uids[n - 1] != uid)
			bad(i, "another message under that number", line);
		if (n > 1 && n <= c->n && c->uids[n - 2] != 0 &&
		    c->uids[n - 2] >= uid)
			bad(i, "UIDs do not ascend", line);
	} else if (sscanf(line, "* %u %15s", &n, word) != 2)
		return;
	else if (strcmp(word, "EXISTS") == 0) {
		if (n < c->n || n > MODEL_MAX)
			bad(i, "fewer than before", line);
		else
			while (c->n < n)
				c->uids[c->n++] = 0;
	} else if (strcmp(word, "EXPUNGE") == 0) {
		if (n == 0 || n > c->n) {
			bad(i, "expunges what it does not have", line);
			return;
		}
		c->n--;
		memmove(&c->uids[n - 1], &c->uids[n],
		    (c->n - (n - 1)) * sizeof(c->uids[0]));
	}
}

/* Send, and hear until the answer. */
static void
command(int i, const char *text)
{
	char		 line[256], tag[16];
	const char	*got;

	if (clients[i].idle) {
		t_send(i, "DONE\r\n", 6);
		while ((got = t_line(i)) != NULL && got[0] == '*')
			told(i, got);
		if (got == NULL || strstr(got, " OK IDLE") == NULL)
			bad(i, "IDLE ended", got == NULL ? "-" : got);
		clients[i].idle = 0;
	}
	snprintf(tag, sizeof(tag), "t%u", clients[i].tag++);
	snprintf(line, sizeof(line), "%s %s\r\n", tag, text);
	t_send(i, line, strlen(line));
	while ((got = t_line(i)) != NULL &&
	    strncmp(got, tag, strlen(tag)) != 0) {
		if (got[0] == '+')
			return;
		told(i, got);
	}
	if (got == NULL || strncmp(got + strlen(tag), " OK", 3) != 0)
		bad(i, text, got == NULL ? "nothing" : got);
}

/* Everything of the model that is deleted goes. */
static void
model_expunge(const struct client *c)
{
	size_t	 i, k = 0;

	(void)c;
	for (i = 0; i < nmodel; i++)
		if ((model[i].flags & MF_DELETED) == 0)
			model[k++] = model[i];
	nmodel = k;
}

static void
append(int i)
{
	command(i, "APPEND INBOX {5+}\r\nabcde");
	model[nmodel].uid = uidnext++;
	model[nmodel++].flags = 0;
}

static void
deliver_one(void)
{
	static uint8_t	 id[16];
	uint64_t	 a = 1;

	id[0]++;
	id[1] += id[0] == 0;
	(void)t_deliver(id, "A: b\r\n\r\nc\r\n", 11, &a, 1);
	model[nmodel].uid = uidnext++;
	model[nmodel++].flags = 0;
}

static void
flag(int i, int deleted)
{
	char	 text[64];
	size_t	 k;

	if (nmodel == 0)
		return;
	k = pick((unsigned)nmodel);
	snprintf(text, sizeof(text), "UID STORE %u +FLAGS%s (%s)",
	    model[k].uid, pick(2) ? ".SILENT" : "", deleted ? "\\Deleted" :
	    "\\Seen");
	command(i, text);	/* whoever does not count it passes over it */
}

/* What is on disk and in the view, asked by a fresh session. */
static void
model_read(void)
{
	struct account	*a = account_find(t_part, 1);
	struct view	*v = a->inbox->view;
	size_t		 i;

	if (v != NULL)
		(void)view_need(v);
	for (i = 0; i < nmodel && v != NULL; i++)
		if (view_find(v, model[i].uid) == NULL)
			bad(0, "a message of the model is missing", "");
		else
			model[i].flags = view_find(v, model[i].uid)->flags;
	if (v != NULL && v->n != nmodel)
		bad(0, "more messages than in the model", "");
	account_put(a);
}

/* After NOOP it has what the model has, and each number is right. */
static void
compare(int i)
{
	struct client	*c = &clients[i];
	size_t		 k;

	command(i, "NOOP");
	command(i, "FETCH 1:* (UID FLAGS)");
	if (c->n != nmodel) {
		bad(i, "another number of messages", "");
		return;
	}
	for (k = 0; k < nmodel; k++)
		if (c->uids[k] != model[k].uid) {
			bad(i, "another message than in the model", "");
			return;
		}
}

static void
open_one(int i)
{
	clients[i].n = 0;
	clients[i].idle = 0;
	t_login(i, 1);
	(void)t_line(i);
	command(i, "SELECT INBOX");
}

static void
step(int i)
{
	struct account	*a;

	switch (pick(14)) {
	case 13:		/* as when all of them rest for a while */
		a = account_find(t_part, 1);
		if (a->inbox->view != NULL)
			view_rest(a->inbox->view);
		account_put(a);
		break;
	case 0:
	case 1:
		append(i);
		break;
	case 2:
		deliver_one();
		break;
	case 3:
	case 4:
		flag(i, 1);
		break;
	case 5:
		flag(i, 0);
		break;
	case 6:
		/* It may not know of all that is deleted. */
		command(i, "NOOP");
		model_read();
		command(i, "EXPUNGE");
		model_expunge(&clients[i]);
		break;
	case 7:
		command(i, "FETCH 1:* (UID)");
		break;
	case 8:
		command(i, "NOOP");
		break;
	case 9:
		if (!clients[i].idle) {
			command(i, "IDLE");
			clients[i].idle = 1;
		}
		break;
	case 10:
		t_logout(i);
		t_settle();
		open_one(i);
		break;
	case 11:
		command(i, "FETCH 1:* (FLAGS UID BODY.PEEK[])");
		break;
	default:
		compare(i);
	}
}

int
main(void)
{
	int	 i, r;

	t_open(NULL);
	uidnext = 1;
	for (i = 0; i < SESSIONS; i++)
		open_one(i);
	for (r = 0; r < ROUNDS && wrong == 0; r++)
		step((int)pick(SESSIONS));
	CHECK(wrong == 0 && r == ROUNDS, "%d random commands by %d sessions",
	    r, SESSIONS);
	model_read();
	for (i = 0; i < SESSIONS; i++)
		compare(i);
	CHECK(wrong == 0, "all agree at the end, on %zu messages", nmodel);
	for (i = 0; i < SESSIONS; i++)
		t_logout(i);
	t_settle();
	t_close();
	t_open(t_dir());
	open_one(0);
	compare(0);
	CHECK(wrong == 0, "and after a restart");
	t_close();
	t_remove();
	return (t_done());
}
