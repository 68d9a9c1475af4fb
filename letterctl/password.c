/*
 * Passwords: typed unseen at a terminal, new ones twice, else a line of standard
 * input; never an argument, which everybody can see.
 */
#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "ctl.h"

#define PASSWORD_MAX	1024	/* octets */

static void	 on_signal(int);
static ssize_t	 read_octet(int, uint8_t *);
static int	 read_line(int, struct buf *);
static int	 ask(int, const char *, struct buf *);

static const int		 signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
static volatile sig_atomic_t	 caught;
static const sigset_t		*heard;		/* while it waits, or NULL */

static void
on_signal(int sig)
{
	caught = sig;
}

/* A signal ends it also when it comes before anything is waited for. */
static ssize_t
read_octet(int fd, uint8_t *o)
{
	struct pollfd	 p = { .fd = fd, .events = POLLIN };

	if (heard != NULL && ppoll(&p, 1, NULL, heard) == -1)
		return (-1);
	return (read(fd, o, 1));
}

static int
read_line(int fd, struct buf *b)
{
	uint8_t	 o;
	ssize_t	 n;

	while ((n = read_octet(fd, &o)) == 1 && o != '\n')
		if (buf_addc(b, o) == -1) {
			warnx("password too long");
			return (-1);
		}
	if (caught)
		return (-1);
	if (n == -1 || (n == 0 && b->n == 0)) {
		warnx("no password on standard input");
		return (-1);
	}
	if (b->n > 0 && b->p[b->n - 1] == '\r')
		buf_truncate(b, b->n - 1);
	return (0);
}

static int
ask(int tty, const char *prompt, struct buf *b)
{
	struct sigaction	 was[nitems(signals)];
	struct sigaction	 on = { .sa_handler = on_signal };
	struct termios		 old, quiet;
	sigset_t		 set, before;
	size_t			 i;
	int			 rc;

	if (tcgetattr(tty, &old) == -1) {
		warn("terminal");
		return (-1);
	}
	quiet = old;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	sigemptyset(&set);
	for (i = 0; i < nitems(signals); i++) {
		sigaddset(&set, signals[i]);
		(void)sigaction(signals[i], &on, &was[i]);
	}
	(void)sigprocmask(SIG_BLOCK, &set, &before);
	heard = &before;
	(void)dprintf(tty, "%s: ", prompt);
	(void)tcsetattr(tty, TCSAFLUSH, &quiet);
	rc = read_line(tty, b);
	(void)tcsetattr(tty, TCSAFLUSH, &old);
	(void)dprintf(tty, "\n");
	heard = NULL;
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	for (i = 0; i < nitems(signals); i++)
		(void)sigaction(signals[i], &was[i], NULL);
	if (caught)		/* now that the terminal is as it was */
		(void)raise(caught);
	return (rc);
}

int
read_password(struct buf *b, int is_new)
{
	struct buf	 again = { .max = PASSWORD_MAX };
	int		 tty, rc = -1;

	b->max = PASSWORD_MAX;
	if (!isatty(STDIN_FILENO))
		return (read_line(STDIN_FILENO, b));
	if ((tty = open("/dev/tty", O_RDWR | O_CLOEXEC)) == -1) {
		warn("/dev/tty");
		return (-1);
	}
	if (!is_new)
		rc = ask(tty, "Password", b);
	else if (ask(tty, "Password", b) == 0 &&
	    ask(tty, "Again", &again) == 0) {
		if (span_eq(span_buf(b), span_buf(&again)))
			rc = 0;
		else
			warnx("they differ");
	}
	close(tty);
	buf_freezero(&again);
	return (rc);
}
