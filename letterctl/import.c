/*
 * The pipe between what reads mail elsewhere and the service.  See import.h.
 */
#include <sys/wait.h>
#include <openssl/evp.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl.h"
#include "log.h"
#include "mboxname.h"
#include "letterctl/import.h"


struct import_out {
	struct mbox_writer	 w;
	struct buf		 b;
	int			 fd;
	uint64_t		 messages, total;	/* total 0: not known */
	const char		*mailbox;
	size_t			 told;		/* columns on the terminal */
	time_t			 when;
	int			 missed;
};

/* The child that reads mail elsewhere. */
struct producer {
	pid_t	 pid;
	int	 ended, status;
};
#define EXIT_PART	4	/* of it: what it wrote is whole, not all it should */

static void	 drain(struct import_out *, size_t);
static void	 tell(struct import_out *);
static void	 clear(struct import_out *, int);
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
	o->messages++;
	tell(o);
}

/* Once a second, for who watches. */
static void
tell(struct import_out *o)
{
	time_t	 now = time(NULL);
	int	 n;

	if (now == o->when || !isatty(STDERR_FILENO))
		return;
	o->when = now;
	n = fprintf(stderr, "\r%llu", (unsigned long long)o->messages);
	if (o->total > 0)
		n += fprintf(stderr, " of %llu", (unsigned long long)o->total);
	n += fprintf(stderr, " messages");
	if (o->mailbox != NULL)
		n += fprintf(stderr, ", %.40s", log_escs(o->mailbox));
	clear(o, n);
}

/* What a longer line left behind it. */
static void
clear(struct import_out *o, int n)
{
	size_t	 had = o->told;

	o->told = n > 0 ? (size_t)n : 0;
	fprintf(stderr, "%*s\r", had > o->told ? (int)(had - o->told) : 0, "");
	fflush(stderr);
}

void
import_at(struct import_out *o, const char *mailbox, uint64_t more)
{
	o->mailbox = mailbox;
	o->total += more;
}

void
import_folder(struct import_out *o, const char *mailbox)
{
	struct mbox_meta	 m = { .mailbox = span_str(mailbox), .only = 1 };

	(void)mbox_begin(&o->w, &o->b, span_of("", 0), &m);
	(void)mbox_end(&o->w, &o->b);
	drain(o, IMPORT_PIECE);
}

int
import_is(const char *mailbox, const char *name)
{
	struct buf	 a = { 0 }, b = { 0 };
	int		 rc;

	rc = strcmp(mailbox, name) == 0 ||
	    (mailbox_normal(&a, span_str(mailbox)) == 0 &&
	    mailbox_normal(&b, span_str(name)) == 0 &&
	    span_eq(span_buf(&a), span_buf(&b)));
	buf_free(&a);
	buf_free(&b);
	return (rc);
}

int
import_can_be(struct import_out *o, const char *mailbox)
{
	struct buf	 b = { 0 };
	int		 rc;

	if ((rc = mailbox_own_name(&b, span_str(mailbox))) == -1) {
		warnx("%s: no mailbox can have that name here, left out",
		    log_escs(mailbox));
		import_missed(o);
	}
	buf_free(&b);
	return (rc);
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
	if (o.told > 0)
		clear(&o, fprintf(stderr, "\r"));
	exit(rc == -1 || o.missed ? EXIT_PART : EXIT_OK);
}

static void
take_mark(void *arg, struct span text)
{
	(void)buf_add_span(arg, text);
}

int
import_mark(const char *account, struct buf *source, char key[IMPORT_KEY],
    struct buf *value)
{
	struct msg_ctl_arg	 args[2] = { { .arg = span_str(account) } };
	struct ctl_ask		 a = { .verb = "import mark", .args = args,
				    .nargs = 2, .stream = -1,
				    .text = take_mark, .arg = value };
	struct ctl		*ctl;
	uint8_t			 md[EVP_MAX_MD_SIZE];
	int			 i, rc;

	if (buf_failed(source) || EVP_Digest(source->p, source->n, md, NULL,
	    EVP_sha256(), NULL) != 1)
		errx(EXIT_AWAY, "no memory");
	for (i = 0; i < IMPORT_KEY / 2; i++)
		snprintf(key + 2 * i, 3, "%02x", md[i]);
	if ((ctl = ctl_open(socket_path)) == NULL)
		return (-1);
	args[1].arg = span_str(key);
	rc = ctl_ask(ctl, &a);
	ctl_close(ctl);
	return (rc == EXIT_OK ? 0 : -1);
}

/* The last message is whole, whatever is missing behind it. */
static int
whole(void *arg)
{
	struct producer	*p = arg;

	while (waitpid(p->pid, &p->status, 0) == -1 && errno == EINTR)
		continue;
	p->ended = 1;
	return (WIFEXITED(p->status) && (WEXITSTATUS(p->status) == EXIT_OK ||
	    WEXITSTATUS(p->status) == EXIT_PART) ? 0 : -1);
}

int
import_run(const char *account, int (*produce)(void *, struct import_out *),
    void *arg)
{
	struct msg_ctl_arg	 name = { .arg = span_str(account) };
	struct ctl_ask		 a = { .verb = "import mbox", .args = &name,
				    .nargs = 1, .in = 1,
				    .text = ctl_json ? NULL : say };
	struct producer		 p = { 0 };
	struct ctl		*ctl;
	int			 fds[2], rc;

	if ((ctl = ctl_open(socket_path)) == NULL)
		return (EXIT_AWAY);
	if (pipe2(fds, O_CLOEXEC) == -1 || (p.pid = fork()) == -1)
		err(EXIT_AWAY, NULL);
	if (p.pid == 0) {		/* where it asks it connects itself */
		ctl_close(ctl);
		close(fds[0]);
		child(fds[1], produce, arg);
	}
	close(fds[1]);
	a.stream = fds[0];
	a.whole = whole;
	a.arg = &p;
	rc = ctl_ask(ctl, &a);
	close(fds[0]);
	ctl_close(ctl);
	if (!p.ended)
		(void)whole(&p);
	if (rc == EXIT_OK && (!WIFEXITED(p.status) ||
	    WEXITSTATUS(p.status) != EXIT_OK)) {
		warnx("not all of it was imported");
		rc = EXIT_REFUSED;
	}
	return (rc);
}
