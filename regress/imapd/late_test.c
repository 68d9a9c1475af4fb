/*
 * Late changes of flags: a killed store forgets nothing and changes nothing; one
 * whose system went down, or whose flush failed, gives the messages of marked
 * mailboxes modification sequences that nobody has seen.
 */
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <db.h>

#include "imapd/late.h"
#include "imaptest.h"

#define MANY	4096		/* more than one transaction renumbers */

static const char *const filling[] = {
	"O1", "C1: a APPEND INBOX {3+}", "C1= abc\r\n", "S1: a OK ~",
	"C1: b APPEND INBOX {3+}", "C1= abc\r\n", "S1: b OK ~",
	"C1: c APPEND INBOX {3+}", "C1= abc\r\n", "S1: c OK ~",
	"C1: d SELECT INBOX (CONDSTORE)", "S1: * FLAGS ~", "S1: * 3 EXISTS",
	"S1: * 3 RECENT", "S1: * OK ~", "S1: * OK ~", "S1: * OK ~",
	"S1: * OK ~", "S1: * OK [HIGHESTMODSEQ 4] ~", "S1: d OK ~",
	"C1: e STORE 1 +FLAGS.SILENT (\\Flagged)",
	"S1: * 1 FETCH (UID 1 MODSEQ (5))", "S1: e OK ~",
	NULL
};

/* Its loss is what the second copy is about. */
static const char *const lost[] = {
	"C1: f STORE 2 +FLAGS.SILENT (\\Flagged)",
	"S1: * 2 FETCH (UID 2 MODSEQ (6))", "S1: f OK ~",
	"C1: g STORE 3 +FLAGS.SILENT (\\Flagged)",
	"S1: * 3 FETCH (UID 3 MODSEQ (7))", "S1: g OK ~",
	NULL
};

static const char *const unchanged[] = {
	"O1", "C1: a EXAMINE INBOX", "S1: * FLAGS ~", "S1: * 3 EXISTS",
	"S1: * ~", "S1: * OK ~", "S1: * OK ~", "S1: * OK ~", "S1: * OK ~",
	"S1: * OK [HIGHESTMODSEQ 7] ~", "S1: a OK ~",
	"C1: b FETCH 1:* (MODSEQ)", "S1: * OK [HIGHESTMODSEQ 7] ~",
	"S1: * 1 FETCH (MODSEQ (5))",
	"S1: * 2 FETCH (MODSEQ (6))", "S1: * 3 FETCH (MODSEQ (7))",
	"S1: b OK ~",
	NULL
};

static const char *const renumbered[] = {
	"O1", "C1: a STATUS INBOX (MESSAGES HIGHESTMODSEQ)",
	"S1: * STATUS INBOX (MESSAGES 3 HIGHESTMODSEQ 1000006)", "S1: a OK ~",
	"C1: b STATUS Archive (HIGHESTMODSEQ)",
	"S1: * STATUS Archive (HIGHESTMODSEQ 1)", "S1: b OK ~",
	"C1: c SELECT INBOX", "S1: * FLAGS ~", "S1: * 3 EXISTS",
	"S1: * ~", "S1: * OK ~", "S1: * OK ~", "S1: * OK ~", "S1: * OK ~",
	"S1: * OK [HIGHESTMODSEQ 1000006] ~", "S1: c OK ~",
	"C1: d FETCH 1:* (FLAGS) (CHANGEDSINCE 7)",
	"S1: * 1 FETCH (FLAGS (\\Flagged~ MODSEQ (1000006))",
	"S1: * 2 FETCH (FLAGS (~ MODSEQ (1000006))",
	"S1: * 3 FETCH (FLAGS (~ MODSEQ (1000006))", "S1: d OK ~",
	"C1: e STORE 1 -FLAGS.SILENT (\\Flagged)",
	"S1: * 1 FETCH (UID 1 MODSEQ (1000007))", "S1: e OK ~",
	NULL
};

static void
copy_dir(const char *to)
{
	char	 cmd[256];

	snprintf(cmd, sizeof(cmd), "cp -R '%s' '%s'", t_dir(), to);
	CHECK(system(cmd) == 0, "%s", cmd);
}

/* The system went down since. */
static void
other_boot(const char *dir)
{
	char	 path[256];
	FILE	*fp;

	snprintf(path, sizeof(path), "%s/boot", dir);
	if ((fp = fopen(path, "w")) != NULL) {
		fprintf(fp, "another\n");
		fclose(fp);
	}
	CHECK(fp != NULL, "%s", path);
}

static unsigned
marks(void)
{
	struct dbenv_iter	 it;
	struct span		 key, val;
	unsigned		 n = 0;

	dbenv_iter_init(&it, t_part->late, span_of("", 0), span_of("", 0));
	while (dbenv_iter_next(&it, &key, &val) == 1)
		n++;
	dbenv_iter_free(&it);
	return (n);
}

static struct mailbox *
inbox(void)
{
	struct account	*a = account_find(t_part, 1);

	if (a == NULL)
		exit(1);
	account_put(a);
	return (a->inbox);
}

static const char *
say(const char *text)
{
	static char	 last[128];
	const char	*line;

	t_send(1, text, strlen(text));
	last[0] = '\0';
	while ((line = t_line(1)) != NULL && line[0] == '*')
		continue;
	snprintf(last, sizeof(last), "%s", line == NULL ? "" : line);
	return (last);
}

/* Copies at two moments: what a kill leaves, and a loss of power. */
static void
images(char *killed, char *down)
{
	t_open(NULL);
	t_account[1] = 1;
	CHECK(!dbenv_uncertain(t_part->env), "a new one is certain");
	t_script("filling", filling);
	CHECK(marks() == 1, "one mark");
	CHECK(inbox()->ceiling == 1000005 &&
	    dbenv_flushed(t_part->env) >= inbox()->marked,
	    "the mark is on disk before the answer");
	t_settle();
	snprintf(down, 128, "%s.down", t_dir());
	copy_dir(down);
	t_script("lost", lost);
	CHECK(inbox()->late > inbox()->marked, "these were late");
	CHECK(marks() == 1, "one mark still");
	snprintf(killed, 128, "%s.killed", t_dir());
	copy_dir(killed);
	t_close();
	t_remove();
}

static void
after_kill(const char *dir)
{
	t_open(dir);
	CHECK(!dbenv_uncertain(t_part->env) && marks() == 0,
	    "after a kill nothing is marked");
	t_script("unchanged", unchanged);
	t_close();
	other_boot(dir);
	t_open(dir);
	t_script("closed in order", unchanged);
	t_close();
	t_remove();
}

static void
after_boot(const char *dir)
{
	other_boot(dir);
	t_open(dir);
	CHECK(!dbenv_uncertain(t_part->env) && marks() == 0,
	    "marks are dealt with");
	t_script("renumbered", renumbered);
	t_close();
	t_remove();
}

/* When it goes, and that it is set again. */
static void
the_mark(void)
{
	struct mailbox	*mb;
	uint64_t	 was;

	t_open(NULL);
	t_script("filling", filling);
	mb = inbox();
	mb->late_at = store_now();
	late_tick(mb);
	CHECK(mb->ceiling != 0 && marks() == 1, "it stays for some seconds");
	mb->late_at -= 100;
	late_tick(mb);
	CHECK(mb->ceiling == 0 && marks() == 0, "it goes");
	CHECK(strncmp(say("a STORE 1 FLAGS ()\r\n"), "a OK", 4) == 0,
	    "a change");
	CHECK(mb->ceiling != 0 && marks() == 1 &&
	    dbenv_flushed(t_part->env) >= mb->marked, "it is set again");
	was = mb->marked;
	mb->ceiling = mb->st.modseq + 1;
	CHECK(strncmp(say("b STORE 1 FLAGS (\\Seen)\r\n"), "b OK", 4) == 0 &&
	    mb->marked == was, "the last number of the range");
	CHECK(strncmp(say("c STORE 1 FLAGS ()\r\n"), "c OK", 4) == 0 &&
	    mb->marked > was && mb->ceiling == mb->st.modseq + LATE_RANGE &&
	    dbenv_flushed(t_part->env) >= mb->marked, "another range");
	CHECK(strncmp(say("d STORE 1 FLAGS (\\Seen)\r\n"), "d OK", 4) == 0 &&
	    strncmp(say("e CHECK\r\n"), "e OK", 4) == 0 &&
	    dbenv_flushed(t_part->env) >= mb->late, "CHECK flushes");
	CHECK(strncmp(say("f CREATE x\r\n"), "f OK", 4) == 0 &&
	    strncmp(say("g COPY 1 x\r\n"), "g OK", 4) == 0 &&
	    strncmp(say("h SELECT x\r\n"), "h OK", 4) == 0 &&
	    strncmp(say("i STORE 1 FLAGS ()\r\n"), "i OK", 4) == 0 &&
	    marks() == 2, "another mailbox, another mark");
	CHECK(strncmp(say("j UNSELECT\r\n"), "j OK", 4) == 0 &&
	    strncmp(say("k DELETE x\r\n"), "k OK", 4) == 0 && marks() == 1,
	    "it goes with its mailbox");
	t_close();
	t_remove();
}

static volatile int	 broken;	/* also for another thread */

static int
failing(int fd)
{
	if (!broken)
		return (fdatasync(fd) == 0 ? 0 : errno);
	return (EIO);
}

/* In a process of its own, which ends of it. */
static void
fail_flush(const char *dir)
{
	unsigned	 i;
	char		 cmd[64];

	if (freopen("/dev/null", "w", stdout) == NULL)
		_exit(2);
	db_env_set_func_fsync(failing);
	t_open(dir);
	t_login(1, 1);
	(void)t_line(1);
	(void)say("a SELECT INBOX\r\n");
	(void)say("b STORE 1 +FLAGS (\\Draft)\r\n");
	broken = 1;
	for (i = 0; ; i++) {
		snprintf(cmd, sizeof(cmd), "c STORE 2 FLAGS (k%u)\r\n", i % 9);
		(void)say(cmd);
	}
}

static void
failed_flush(void)
{
	char	 dir[128], boot[160];
	int	 status;
	pid_t	 pid;

	t_open(NULL);
	t_script("filling", filling);
	snprintf(dir, sizeof(dir), "%s", t_dir());
	t_close();
	fflush(stdout);
	if ((pid = fork()) == 0) {
		fail_flush(dir);
		_exit(2);
	}
	waitpid(pid, &status, 0);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1,
	    "a failed flush ends it");
	snprintf(boot, sizeof(boot), "%s/boot", dir);
	CHECK(access(boot, F_OK) == -1, "and the boot is forgotten");
	t_open(dir);
	CHECK(inbox()->st.modseq > LATE_RANGE && marks() == 0,
	    "and all is told anew: %llu",
	    (unsigned long long)inbox()->st.modseq);
	t_close();
	t_remove();
}

/* More than one slice, and no message is left out. */
static void
many(void)
{
	struct dbenv_iter	 it;
	struct span		 key, val;
	struct msgrec		 r;
	char			 dir[128];
	unsigned		 n, wrong = 0;
	uint8_t			 k[8];

	t_open(NULL);
	t_login(1, 1);
	(void)t_line(1);
	(void)say("a APPEND INBOX {3+}\r\nabc\r\n");
	(void)say("b SELECT INBOX\r\n");
	for (n = 1; n < MANY; n *= 2)
		(void)say("c COPY 1:* INBOX\r\n");
	CHECK(strncmp(say("d STORE 7 FLAGS (\\Seen)\r\n"), "d OK", 4) == 0,
	    "one of many");
	t_settle();
	snprintf(dir, sizeof(dir), "%s.down", t_dir());
	copy_dir(dir);
	t_close();
	t_remove();
	other_boot(dir);
	t_open(dir);
	n = 0;
	dbenv_iter_init(&it, t_part->index, key_u64(k, inbox()->id),
	    key_u64(k, inbox()->id));
	while (dbenv_iter_next(&it, &key, &val) == 1) {
		n++;
		wrong += msgrec_get(val, &r) == -1 ||
		    r.modseq != inbox()->st.modseq;
	}
	dbenv_iter_free(&it);
	CHECK(n == MANY && wrong == 0 && inbox()->st.messages == n,
	    "%u messages, %u wrong", n, wrong);
	t_close();
	t_remove();
}

int
main(void)
{
	char	 killed[128], down[128];

	images(killed, down);
	after_kill(killed);
	after_boot(down);
	the_mark();
	failed_flush();
	many();
	return (t_done());
}
