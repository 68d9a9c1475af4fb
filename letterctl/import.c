/*
 * The pipe between what reads mail elsewhere and the service.  See import.h.
 */
#include <sys/wait.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ctl.h"
#include "letterctl/import.h"

#define TELL	500	/* messages between two words on the terminal */

struct import_out {
	struct mbox_writer	 w;
	struct buf		 b;
	int			 fd;
	uint64_t		 messages;
	int			 missed;
};

static void	 drain(struct import_out *, size_t);
static void	 child(int, int (*)(void *, struct import_out *), void *)
		    __attribute__((__noreturn__));

/* Write until no more than so much is left. */
static void
drain(struct import_out *o, size_t left)
{
	ssize_t	 n;

	if (buf_failed(&o->b))
		errx(EXIT_AWAY, "no memory");
	while (o->b.n > left) {
		n = write(o->fd, o->b.p, o->b.n);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)	/* the service's answer says why */
			_exit(EXIT_REFUSED);
		buf_drain(&o->b, (size_t)n);
	}
}

void
import_begin(struct import_out *o, const struct mbox_meta *m)
{
	(void)mbox_begin(&o->w, &o->b, span_of("", 0), m);
}

void
import_octets(struct import_out *o, struct span s)
{
	(void)mbox_octets(&o->w, &o->b, s);
	drain(o, IMPORT_PIECE);
}

void
import_end(struct import_out *o)
{
	(void)mbox_end(&o->w, &o->b);
	drain(o, IMPORT_PIECE);
	if (++o->messages % TELL == 0 && isatty(STDERR_FILENO))
		fprintf(stderr, "\r%llu messages\r",
		    (unsigned long long)o->messages);
}

void
import_folder(struct import_out *o, const char *mailbox)
{
	struct mbox_meta	 m = { .mailbox = span_str(mailbox), .only = 1 };

	(void)mbox_begin(&o->w, &o->b, span_of("", 0), &m);
	(void)mbox_end(&o->w, &o->b);
	drain(o, IMPORT_PIECE);
}

uint64_t
import_count(const struct import_out *o)
{
	return (o->messages);
}

void
import_missed(struct import_out *o)
{
	o->missed = 1;
}

static void
child(int fd, int (*produce)(void *, struct import_out *), void *arg)
{
	struct import_out	 o = { .fd = fd };
	int			 rc;

	rc = produce(arg, &o);
	drain(&o, 0);
	exit(rc == -1 || o.missed ? EXIT_REFUSED : EXIT_OK);
}

int
import_run(const char *account, int (*produce)(void *, struct import_out *),
    void *arg)
{
	struct msg_ctl_arg	 name = { .arg = span_str(account) };
	struct ctl_ask		 a = { .verb = "import mbox", .args = &name,
				    .nargs = 1, .in = 1,
				    .text = ctl_json ? NULL : say };
	struct ctl		*ctl;
	pid_t			 pid;
	int			 fds[2], rc, status;

	if ((ctl = ctl_open(socket_path)) == NULL)
		return (EXIT_AWAY);
	if (pipe2(fds, O_CLOEXEC) == -1 || (pid = fork()) == -1)
		err(EXIT_AWAY, NULL);
	if (pid == 0) {		/* where it asks it connects itself */
		ctl_close(ctl);
		close(fds[0]);
		child(fds[1], produce, arg);
	}
	close(fds[1]);
	a.stream = fds[0];
	rc = ctl_ask(ctl, &a);
	close(fds[0]);
	ctl_close(ctl);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		continue;
	if (rc == EXIT_OK && (!WIFEXITED(status) ||
	    WEXITSTATUS(status) != EXIT_OK)) {
		warnx("not all of it was imported");
		rc = EXIT_REFUSED;
	}
	return (rc);
}
