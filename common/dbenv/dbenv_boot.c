/*
 * Which boot of the system the environment was last certain under.  What was
 * committed and not flushed is lost with the system, not with the process: who
 * lets some of it be seen asks here at the next start.
 */
#include <sys/types.h>
#ifndef __linux__
#include <sys/sysctl.h>
#include <sys/time.h>
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dbenv_int.h"

#define BOOT_NEW	BOOT_NAME ".new"

static void	 read_file(int, const char *, char *, size_t);
static void	 this_boot(char *, size_t);
static int	 write_new(struct dbenv *);
static int	 record(struct dbenv *);

/* Its first line; "" when there is none. */
static void
read_file(int dir, const char *name, char *to, size_t max)
{
	ssize_t	 n = -1;
	int	 fd;

	to[0] = '\0';
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1)
		return;
	n = read(fd, to, max - 1);
	close(fd);
	to[n > 0 ? n : 0] = '\0';
	to[strcspn(to, "\n")] = '\0';
}

#ifdef __linux__
static void
this_boot(char *to, size_t max)
{
	read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", to, max);
}
#else
static void
this_boot(char *to, size_t max)
{
	int		 mib[] = { CTL_KERN, KERN_BOOTTIME };
	struct timeval	 tv;
	size_t		 n = sizeof(tv);

	to[0] = '\0';
	if (sysctl(mib, 2, &tv, &n, NULL, 0) == 0)
		snprintf(to, max, "%lld", (long long)tv.tv_sec);
}
#endif

void
dbenv_boot_read(struct dbenv *env)
{
	char	 was[sizeof(env->boot)];

	this_boot(env->boot, sizeof(env->boot));
	read_file(env->dirfd, BOOT_NAME, was, sizeof(was));
	env->certain = env->boot[0] != '\0' && strcmp(was, env->boot) == 0;
}

/* From any thread, the process about to end. */
void
dbenv_boot_forget(struct dbenv *env)
{
	if (env->dirfd != -1)
		(void)unlinkat(env->dirfd, BOOT_NAME, 0);
}

int
dbenv_uncertain(const struct dbenv *env)
{
	return (!env->certain);
}

static int
write_new(struct dbenv *env)
{
	int	 fd, e;

	fd = openat(env->dirfd, BOOT_NEW, O_WRONLY | O_CREAT | O_TRUNC |
	    O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return (-1);
	if ((geteuid() == 0 && env->conf.uid != 0 &&
	    fchown(fd, env->conf.uid, env->conf.gid) == -1) ||
	    dprintf(fd, "%s\n", env->boot) < 0 || fsync(fd) == -1) {
		e = errno;
		close(fd);
		errno = e;
		return (-1);
	}
	return (close(fd));
}

static int
record(struct dbenv *env)
{
	return (write_new(env) == -1 || renameat(env->dirfd, BOOT_NEW,
	    env->dirfd, BOOT_NAME) == -1 || fsync(env->dirfd) == -1 ? -1 : 0);
}

/* A full disk: removals and reads go on, so this does as well. */
int
dbenv_certain(struct dbenv *env)
{
	int	 e;

	if (dbenv_turn_end(env) == -1)
		return (-1);
	if (env->certain)
		return (0);
	if (dbenv_flush_now(env) == -1)
		return (-1);
	e = record(env) == 0 ? 0 : errno;
	if (e == ENOSPC && dbenv_reserve_free(env))
		e = record(env) == 0 ? 0 : errno;
	if (e == 0) {
		env->certain = 1;
		return (0);
	}
	if (e != ENOSPC)
		return (dbenv_fail(env, e, BOOT_NAME));
	(void)unlinkat(env->dirfd, BOOT_NEW, 0);
	dbenv_line(env, DBENV_LOG_WARN, "%s/%s: disk full: the next start has "
	    "to be careful", env->home, BOOT_NAME);
	return (0);
}
