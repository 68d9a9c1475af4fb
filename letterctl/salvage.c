/*
 * "letterctl salvage" and "letterctl compact": a directory with databases, of a
 * partition, the queue or the credentials, is written anew and takes the old
 * one's place.  Nothing else may have it open.  The work is done as the user whose
 * it is; as we are only the directories are made and renamed.
 */
#include <sys/stat.h>
#include <sys/wait.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "compat/exchange.h"
#include "ctl.h"
#include "dbenv_salvage.h"

struct places {
	char	 home[PATH_MAX], work[PATH_MAX], into[PATH_MAX],
		 old[PATH_MAX];
	int	 dir;			/* home, locked until the end */
	uid_t	 uid;
	gid_t	 gid;
};

static int	 places(struct places *, const char *, const char *);
static int	 make(const struct places *, const char *);
static int	 as_owner(const struct places *, int);
static int	 swap(struct places *);
static int	 write_anew(const char *, const char *, int);

static void
tell(void *arg, const char *text)
{
	(void)arg;
	fprintf(stderr, "lost: %s\n", text);
}

static int
names(struct places *p, const char *kind)
{
	time_t		 now = time(NULL);
	struct tm	 tm;
	char		 when[32];
	int		 a, b, c;

	if (gmtime_r(&now, &tm) == NULL ||
	    strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm) == 0)
		return (-1);
	a = snprintf(p->work, sizeof(p->work), "%s.work", p->home);
	b = snprintf(p->into, sizeof(p->into), "%s.new", p->home);
	c = snprintf(p->old, sizeof(p->old), "%s.%s-%s", p->home, kind, when);
	return (a < PATH_MAX && b < PATH_MAX && c < PATH_MAX ? 0 : -1);
}

static int
places(struct places *p, const char *path, const char *kind)
{
	struct stat	 sb;

	if (realpath(path, p->home) == NULL || (p->dir = open(p->home,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1 ||
	    fstat(p->dir, &sb) == -1) {
		warn("%s", path);
		return (-1);
	}
	p->uid = sb.st_uid;
	p->gid = sb.st_gid;
	if (names(p, kind) == -1) {
		warnx("%s: too long a path", path);
		return (-1);
	}
	return (0);
}

static int
make(const struct places *p, const char *path)
{
	if (mkdir(path, 0700) == -1) {
		warn("%s", path);
		if (errno == EEXIST)
			warnx("remove it, if no other is at work");
		return (-1);
	}
	if (geteuid() == 0 && chown(path, p->uid, p->gid) == -1) {
		warn("%s", path);
		return (-1);
	}
	return (0);
}

/* In the child: nothing of ours is left to whom the octets may belong. */
static void
child(const struct places *p, int strict)
{
	struct dbenv_salvage	 s = { .home = p->home, .dir = p->dir,
				    .work = p->work, .into = p->into,
				    .strict = strict, .say = tell };
	struct buf		 why = { 0 };

	if (geteuid() == 0 && (setgroups(1, &p->gid) == -1 ||
	    setgid(p->gid) == -1 || setuid(p->uid) == -1))
		err(EXIT_AWAY, "becoming user %u", (unsigned)p->uid);
	if (dbenv_salvage(&s, &why) == -1) {
		warnx("%s", buf_cstr(&why));
		_exit(EXIT_AWAY);
	}
	printf("%llu records, %llu lost, %llu octets of databases instead of "
	    "%llu\n", (unsigned long long)s.records,
	    (unsigned long long)s.lost, (unsigned long long)s.octets[1],
	    (unsigned long long)s.octets[0]);
	fflush(stdout);
	_exit(s.lost > 0 ? EXIT_REFUSED : EXIT_OK);
}

static int
as_owner(const struct places *p, int strict)
{
	pid_t	 pid;
	int	 status;

	fflush(NULL);
	if ((pid = fork()) == -1)
		err(EXIT_AWAY, "fork");
	if (pid == 0)
		child(p, strict);
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			err(EXIT_AWAY, "waitpid");
	if (!WIFEXITED(status)) {
		warnx("ended by signal %d", WTERMSIG(status));
		return (EXIT_AWAY);
	}
	return (WEXITSTATUS(status));
}

/* Killed in between it is the new one that is there, and what it was is called
 * ".new". */
static int
swap_at_once(struct places *p)
{
	if (exchange(p->home, p->into) == -1)
		return (-1);
	if (rename(p->into, p->old) == -1) {
		warn("%s", p->old);
		memcpy(p->old, p->into, sizeof(p->old));
	}
	return (0);
}

/* Where that cannot be there is no such directory between the two renames: a
 * service that starts then would make an empty one, hence it must not run. */
static int
swap(struct places *p)
{
	if (swap_at_once(p) == 0) {
		sync();
		return (0);
	}
	if (errno != ENOSYS && errno != EINVAL && errno != ENOTSUP) {
		warn("%s", p->home);
		return (-1);
	}
	if (rename(p->home, p->old) == -1) {
		warn("%s", p->home);
		return (-1);
	}
	if (rename(p->into, p->home) == -1) {
		warn("%s", p->into);
		if (rename(p->old, p->home) == -1)
			warn("%s is now %s", p->home, p->old);
		return (-1);
	}
	sync();
	return (0);
}

static int
write_anew(const char *path, const char *kind, int strict)
{
	struct places	 p;
	int		 rc = EXIT_AWAY;

	if (places(&p, path, kind) == -1 || make(&p, p.work) == -1)
		return (EXIT_REFUSED);
	if (make(&p, p.into) == 0) {
		rc = as_owner(&p, strict);
		if (rc != EXIT_AWAY && swap(&p) == -1)
			rc = EXIT_AWAY;
		if (rc == EXIT_AWAY && dbenv_remove(p.into) == -1)
			warn("%s", p.into);
	}
	if (dbenv_remove(p.work) == -1)
		warn("%s", p.work);
	if (rc == EXIT_AWAY) {
		warnx("%s is as it was", p.home);
		return (EXIT_REFUSED);
	}
	printf("what it was: %s\n", p.old);
	return (rc);
}

int
salvage(int argc, char **argv)
{
	(void)argc;
	return (write_anew(argv[0], "damaged", 0));
}

int
compact(int argc, char **argv)
{
	(void)argc;
	return (write_anew(argv[0], "before", 1));
}
