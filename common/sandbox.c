/*
 * The cage.  sandbox_enter() is one list, and its order matters: limits need
 * root, chroot needs root, Landlock binds the calling thread alone and needs
 * no_new_privs, and the system call filter would forbid all that comes before
 * it.  Threads start after it and inherit everything.
 *
 * What a role may do is two tables: roles[] says what it has, calls[] what each
 * of those takes.
 */
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "sandbox.h"

#ifdef LETTERLOCK_SANITIZE
#define SANITIZED	1
#else
#define SANITIZED	0
#endif

#define DESCRIPTORS	262144	/* of roles with many sessions */
#define DESCRIPTORS_FEW	4096
#define FILE_SLACK	65536	/* octets beside a message: what we add */

/* What a role has. */
#define HAS_FILES	0x01u	/* its directory */
#define HAS_SOCKETS	0x02u	/* sockets of its own making */
#define HAS_CLIENTS	0x04u	/* accepts connections */
#define HAS_THREADS	0x08u
#define HAS_BODIES	0x10u	/* reads or writes descriptors it is given */
#define HAS_PAIRS	0x20u	/* makes socketpairs */
#define HAS_LOG		0x40u	/* writes a file it is given */
#define EVERYBODY	0x80u
#define SANITIZER	0x100u
#define HAS_UNIX	0x200u	/* its one transport is such a socket */

static const struct role_cage {
	const char	*dir;
	unsigned	 has;
} roles[ROLE_COUNT] = {
	[ROLE_CONTROL]	= { "empty", HAS_CLIENTS | HAS_LOG },
	[ROLE_AUTH]	= { "auth", HAS_FILES | HAS_THREADS | HAS_PAIRS |
			    HAS_BODIES },
	[ROLE_KEYS]	= { "empty", 0 },
	[ROLE_LOOKUP]	= { "empty", HAS_SOCKETS },
	[ROLE_SMTPD]	= { "empty", HAS_CLIENTS | HAS_BODIES | HAS_PAIRS },
	[ROLE_FRONT]	= { "empty", HAS_CLIENTS | HAS_PAIRS },
	[ROLE_STORE]	= { "mail", HAS_FILES | HAS_THREADS | HAS_BODIES |
			    HAS_PAIRS },
	[ROLE_QUEUED]	= { "queue", HAS_FILES | HAS_THREADS | HAS_BODIES |
			    HAS_PAIRS },
	[ROLE_RELAY]	= { "empty", HAS_SOCKETS | HAS_BODIES },
};

#define CALL(name, has)							\
	{ SCMP_SYS(name), (has), 0, { 0, SCMP_CMP_EQ, 0, 0 } }
/* If the argument of that number is the value. */
#define CALL_IS(name, has, arg, value)					\
	{ SCMP_SYS(name), (has), 1, { (arg), SCMP_CMP_EQ, (value), 0 } }
/* If these bits of the argument are so. */
#define CALL_BITS(name, has, arg, mask, value)				\
	{ SCMP_SYS(name), (has), 1,					\
	    { (arg), SCMP_CMP_MASKED_EQ, (mask), (value) } }
#define FCNTL(cmd)	CALL_IS(fcntl, EVERYBODY, 1, (cmd))

/* System calls, and who has them; a conditional one stands once a condition. */
static const struct call {
	int			 nr;
	unsigned		 has;
	unsigned		 nargs;
	struct scmp_arg_cmp	 arg;
} calls[] = {
	/* memory: never executable */
	CALL(brk, EVERYBODY), CALL(munmap, EVERYBODY),
	CALL(mremap, EVERYBODY), CALL(madvise, EVERYBODY),
	CALL_BITS(mmap, EVERYBODY, 2, PROT_EXEC, 0),
	CALL_BITS(mprotect, EVERYBODY, 2, PROT_EXEC, 0),
	/* descriptors it has */
	CALL(read, EVERYBODY), CALL(write, EVERYBODY),
	CALL(readv, EVERYBODY), CALL(writev, EVERYBODY),
	CALL(close, EVERYBODY), CALL(close_range, EVERYBODY),
	CALL(dup, EVERYBODY), CALL(dup2, EVERYBODY), CALL(dup3, EVERYBODY),
	CALL(lseek, EVERYBODY), CALL(fstat, EVERYBODY),
	CALL_BITS(newfstatat, EVERYBODY, 3, AT_EMPTY_PATH, AT_EMPTY_PATH),
	FCNTL(F_GETFL), FCNTL(F_SETFL), FCNTL(F_GETFD), FCNTL(F_SETFD),
	FCNTL(F_DUPFD), FCNTL(F_DUPFD_CLOEXEC), FCNTL(F_GET_SEALS),
	CALL_IS(ioctl, EVERYBODY, 1, FIONREAD),
	CALL_IS(ioctl, EVERYBODY, 1, TIOCOUTQ),
	CALL_IS(ioctl, EVERYBODY, 1, FIONBIO),
	/* links and connections it was given */
	CALL(recvmsg, EVERYBODY), CALL(sendmsg, EVERYBODY),
	CALL(recvfrom, EVERYBODY), CALL(sendto, EVERYBODY),
	CALL(shutdown, EVERYBODY), CALL(getsockopt, EVERYBODY),
	CALL(setsockopt, EVERYBODY), CALL(getsockname, EVERYBODY),
	CALL(getpeername, EVERYBODY),
	/* the event loop and the clock */
	CALL(epoll_wait, EVERYBODY), CALL(epoll_pwait, EVERYBODY),
	CALL(epoll_pwait2, EVERYBODY), CALL(epoll_ctl, EVERYBODY),
	CALL(epoll_create1, EVERYBODY), CALL(eventfd2, EVERYBODY),
	CALL(timerfd_create, EVERYBODY), CALL(timerfd_settime, EVERYBODY),
	CALL(poll, EVERYBODY), CALL(ppoll, EVERYBODY),
	CALL(pipe2, EVERYBODY), CALL(select, EVERYBODY),
	CALL(pselect6, EVERYBODY),
	CALL(clock_gettime, EVERYBODY), CALL(clock_getres, EVERYBODY),
	CALL(gettimeofday, EVERYBODY), CALL(time, EVERYBODY),
	CALL(nanosleep, EVERYBODY), CALL(clock_nanosleep, EVERYBODY),
	/* itself */
	CALL(exit, EVERYBODY), CALL(exit_group, EVERYBODY),
	CALL(getpid, EVERYBODY), CALL(gettid, EVERYBODY),
	CALL(getppid, EVERYBODY), CALL(getuid, EVERYBODY),
	CALL(geteuid, EVERYBODY), CALL(getgid, EVERYBODY),
	CALL(getegid, EVERYBODY), CALL(getrandom, EVERYBODY),
	CALL(futex, EVERYBODY), CALL(sched_yield, EVERYBODY),
	CALL(rt_sigreturn, EVERYBODY), CALL(rt_sigaction, EVERYBODY),
	CALL(rt_sigprocmask, EVERYBODY), CALL(restart_syscall, EVERYBODY),
	CALL(getrusage, EVERYBODY), CALL(sysinfo, EVERYBODY),
	CALL(uname, EVERYBODY), CALL(sched_getaffinity, EVERYBODY),
	CALL(getcpu, EVERYBODY), CALL(membarrier, EVERYBODY),
	CALL_IS(prlimit64, EVERYBODY, 2, 0),
	CALL_IS(prctl, EVERYBODY, 0, PR_SET_NAME),
	/* threads, never processes */
	CALL_BITS(clone, HAS_THREADS, 0, CLONE_THREAD, CLONE_THREAD),
	CALL(rseq, HAS_THREADS), CALL(set_robust_list, HAS_THREADS),
	CALL(get_robust_list, HAS_THREADS),
	CALL(set_tid_address, HAS_THREADS),
	CALL(sched_getparam, HAS_THREADS),
	CALL(sched_getscheduler, HAS_THREADS),
	/* clients */
	CALL(accept, HAS_CLIENTS), CALL(accept4, HAS_CLIENTS),
	CALL_IS(socketpair, HAS_PAIRS, 0, AF_UNIX),
	/* bodies */
	CALL(pread64, HAS_BODIES | HAS_FILES | HAS_LOG),
	CALL(pwrite64, HAS_BODIES | HAS_FILES),
	CALL(preadv, HAS_BODIES | HAS_FILES),
	CALL(pwritev, HAS_BODIES | HAS_FILES),
	CALL(ftruncate, HAS_BODIES | HAS_FILES),
	CALL(fallocate, HAS_BODIES | HAS_FILES),
	CALL(fadvise64, HAS_BODIES | HAS_FILES),
	CALL(sendfile, HAS_BODIES | HAS_FILES),
	CALL(copy_file_range, HAS_FILES),
	/* files, in its directory by chroot and Landlock */
	CALL(open, HAS_FILES), CALL(openat, HAS_FILES),
	CALL(newfstatat, HAS_FILES), CALL(stat, HAS_FILES),
	CALL(lstat, HAS_FILES), CALL(statx, HAS_FILES),
	CALL(access, HAS_FILES), CALL(faccessat, HAS_FILES),
	CALL(faccessat2, HAS_FILES), CALL(statfs, HAS_FILES),
	CALL(fstatfs, HAS_FILES), CALL(getdents64, HAS_FILES),
	CALL(fsync, HAS_FILES | HAS_LOG), CALL(fdatasync, HAS_FILES),
	CALL(sync_file_range, HAS_FILES), CALL(flock, HAS_FILES),
	CALL(unlink, HAS_FILES), CALL(unlinkat, HAS_FILES),
	CALL(rename, HAS_FILES), CALL(renameat, HAS_FILES),
	CALL(renameat2, HAS_FILES), CALL(link, HAS_FILES),
	CALL(linkat, HAS_FILES), CALL(mkdir, HAS_FILES),
	CALL(mkdirat, HAS_FILES), CALL(rmdir, HAS_FILES),
	CALL(fchmod, HAS_FILES), CALL(umask, HAS_FILES),
	CALL(getcwd, HAS_FILES), CALL(memfd_create, HAS_FILES),
	CALL_IS(fcntl, HAS_FILES, 1, F_SETLK),
	CALL_IS(fcntl, HAS_FILES, 1, F_SETLKW),
	CALL_IS(fcntl, HAS_FILES, 1, F_GETLK),
	CALL_IS(fcntl, HAS_FILES, 1, F_OFD_SETLK),
	CALL_IS(fcntl, HAS_FILES, 1, F_ADD_SEALS),
	/* the network */
	CALL_IS(socket, HAS_SOCKETS, 0, AF_INET),
	CALL_IS(socket, HAS_SOCKETS, 0, AF_INET6),
	CALL_IS(socket, HAS_UNIX, 0, AF_UNIX),
	CALL(connect, HAS_SOCKETS), CALL(bind, HAS_SOCKETS),
	CALL(sendmmsg, HAS_SOCKETS), CALL(recvmmsg, HAS_SOCKETS),
	/* address and undefined-behaviour sanitizers */
	CALL(sigaltstack, SANITIZER), CALL(readlink, SANITIZER),
	CALL(tgkill, SANITIZER), CALL(getrlimit, SANITIZER),
	CALL(set_robust_list, SANITIZER), CALL(rseq, SANITIZER),
};

static int	 limits(enum role, const struct conf *, int);
static int	 set_limit(int, rlim_t, int);
static int	 go_to(enum role, const struct conf *, int);
static int	 become(uid_t, gid_t);
static int	 landlock(enum role, const struct conf *, unsigned);
static int	 landlock_allow(int, uint64_t, const char *);
static int	 filter(unsigned);
static int	 prove(unsigned, int);

const char *
sandbox_directory(enum role role)
{
	return (role < ROLE_COUNT ? roles[role].dir : NULL);
}

int
sandbox_user(const char *name, uid_t *uid, gid_t *gid)
{
	struct passwd	*pw;
	uint64_t	 n;

	if ((pw = getpwnam(name)) != NULL) {
		*uid = pw->pw_uid;
		*gid = pw->pw_gid;
	} else if (span_num(span_str(name), UINT32_MAX - 1, &n) == 0) {
		*uid = (uid_t)n;
		*gid = (gid_t)n;
	} else
		return (-1);
	return (*uid == 0 ? -1 : 0);
}

uint64_t
sandbox_file_limit(enum role role, const struct conf *c)
{
	uint64_t	 largest = 0;

	if (role != ROLE_SMTPD)
		return ((roles[role].has & (HAS_FILES | HAS_LOG)) != 0 ?
		    UINT64_MAX : 0);
	CONF_EACH(struct conf_listener, l, &c->listeners)
		if (l->kind != KIND_IMAP && l->limits.message_size > largest)
			largest = l->limits.message_size;
	return (largest + FILE_SLACK);
}

static int
set_limit(int which, rlim_t n, int hard)
{
	struct rlimit	 r;

	if (getrlimit((__rlimit_resource_t)which, &r) == -1)
		return (-1);
	if (hard)
		r.rlim_max = n;
	if (n > r.rlim_max)
		n = r.rlim_max;
	r.rlim_cur = n;
	return (setrlimit((__rlimit_resource_t)which, &r));
}

static int
limits(enum role role, const struct conf *c, int privileged)
{
	uint64_t	 files = sandbox_file_limit(role, c);
	rlim_t		 fds = role == ROLE_CONTROL || role == ROLE_KEYS ?
			    DESCRIPTORS_FEW : DESCRIPTORS;

	if (set_limit(RLIMIT_CORE, 0, 1) == -1)
		return (-1);
	/* The kernel's own bound may be lower. */
	if ((!privileged || set_limit(RLIMIT_NOFILE, fds, 1) == -1) &&
	    set_limit(RLIMIT_NOFILE, fds, 0) == -1)
		return (-1);
	if (SANITIZED)
		return (0);	/* its reports go to files, its threads are many */
	/* The hard limit stays where the parent could not lift it again. */
	if (files != UINT64_MAX &&
	    set_limit(RLIMIT_FSIZE, files, privileged) == -1)
		return (-1);
	if ((roles[role].has & HAS_THREADS) == 0)
		return (set_limit(RLIMIT_NPROC, 0, 1));
	return (0);
}

/* A relay knows its own transport alone: the socket that this goes to. */
static const char *
socket_of(enum role role, const struct conf *c)
{
	const struct conf_transport	*t = c->transports.v;

	return (role == ROLE_RELAY && c->transports.n == 1 &&
	    *t->socket != '\0' ? t->socket : NULL);
}

/* Into the role's directory; as root it is all there is from now on. */
static int
go_to(enum role role, const struct conf *c, int privileged)
{
	const char	*s = socket_of(role, c);
	struct buf	 path = { 0 };
	int		 rc;

	if (s != NULL)
		buf_add(&path, s, (size_t)(strrchr(s, '/') - s));
	else
		buf_addf(&path, "%s/%s", c->state, roles[role].dir);
	rc = privileged ? chroot(buf_cstr(&path)) : 0;
	if (rc == 0)
		rc = chdir(privileged ? "/" : buf_cstr(&path));
	buf_free(&path);
	return (rc);
}

static int
become(uid_t uid, gid_t gid)
{
	if (setgroups(1, &gid) == -1 || setresgid(gid, gid, gid) == -1 ||
	    setresuid(uid, uid, uid) == -1)
		return (-1);
	if (setuid(0) != -1 || setgid(0) != -1) {
		errno = EPERM;
		return (-1);
	}
	return (0);
}

/* ---- Landlock ------------------------------------------------------------- */

/* Rights by version of the interface; the header may be older. */
#define FS_V1		((1ull << 13) - 1)
#define FS_REFER	(1ull << 13)	/* version 2 */
#define FS_TRUNCATE	(1ull << 14)	/* version 3 */
#define FS_IOCTL_DEV	(1ull << 15)	/* version 5 */

#define FS_OURS	(LANDLOCK_ACCESS_FS_WRITE_FILE |			\
    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |	\
    LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |	\
    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |		\
    FS_REFER | FS_TRUNCATE)

static int
landlock_allow(int ruleset, uint64_t rights, const char *path)
{
	struct landlock_path_beneath_attr	 a = { 0 };
	int					 rc;

	a.allowed_access = rights;
	a.parent_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (a.parent_fd == -1)
		return (-1);
	rc = (int)syscall(SYS_landlock_add_rule, ruleset,
	    LANDLOCK_RULE_PATH_BENEATH, &a, 0);
	close(a.parent_fd);
	return (rc);
}

/* Its directory and nothing else; a store its partitions. */
static int
landlock(enum role role, const struct conf *c, unsigned instance)
{
	struct landlock_ruleset_attr	 attr = { 0 };
	char				 part[16];
	long				 abi;
	unsigned			 p;
	int				 fd, rc = 0;

	abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);
	/* The first version forbids to link across directories. */
	if (abi < 2) {
		log_warn("no Landlock in this kernel");
		return (0);
	}
	attr.handled_access_fs = FS_V1 | FS_REFER |
	    (abi >= 3 ? FS_TRUNCATE : 0) | (abi >= 5 ? FS_IOCTL_DEV : 0);
	fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (fd == -1)
		return (-1);
	if (role == ROLE_STORE) {
		for (p = instance; rc == 0 && p < c->npartitions;
		    p += c->nstore) {
			snprintf(part, sizeof(part), "%02u", p);
			rc = landlock_allow(fd, FS_OURS &
			    attr.handled_access_fs, part);
		}
	} else if ((roles[role].has & HAS_FILES) != 0)
		rc = landlock_allow(fd, FS_OURS & attr.handled_access_fs, ".");
	if (rc == 0)
		rc = (int)syscall(SYS_landlock_restrict_self, fd, 0);
	close(fd);
	return (rc);
}

/* ---- system calls --------------------------------------------------------- */

static int
filter(unsigned more)
{
	unsigned		 has = more | EVERYBODY |
				    (SANITIZED ? SANITIZER : 0);
	scmp_filter_ctx		 ctx;
	const struct call	*k;
	int			 rc = 0;

	if ((ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM))) == NULL)
		return (-1);
	for (k = calls; rc == 0 && k < calls + nitems(calls); k++) {
		if ((k->has & has) == 0)
			continue;
		rc = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, k->nr,
		    k->nargs, &k->arg);
	}
	/* glibc tries it first and must be told to use clone. */
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS),
		    SCMP_SYS(clone3), 0);
	if (rc == 0)
		rc = seccomp_load(ctx);
	seccomp_release(ctx);
	if (rc != 0) {
		errno = -rc;
		return (-1);
	}
	return (0);
}

/* Try what must not work. */
static int
prove(unsigned has, int privileged)
{
	int	 fd;

	if ((fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC)) != -1) {
		close(fd);
		if (privileged || (has & HAS_FILES) == 0) {
			log_error("the cage is open: a file can be read");
			return (-1);
		}
		log_warn("without Landlock and root all files can be read");
	}
	if (((has & HAS_UNIX) == 0 &&
	    (fd = socket(AF_UNIX, SOCK_STREAM, 0)) != -1) ||
	    ((has & HAS_SOCKETS) == 0 &&
	    (fd = socket(AF_INET, SOCK_STREAM, 0)) != -1)) {
		close(fd);
		log_error("the cage is open: a socket can be made");
		return (-1);
	}
	if (setuid(0) != -1 && privileged) {
		log_error("the cage is open: root can be had");
		return (-1);
	}
	return (0);
}

static int
step(int rc, const char *what)
{
	if (rc == -1)
		log_error("cannot isolate itself: %s: %s", what,
		    strerror(errno));
	return (rc);
}

int
sandbox_enter(enum role role, const struct conf *c, int privileged,
    unsigned instance)
{
	unsigned	 has = roles[role].has |
			    (socket_of(role, c) != NULL ? HAS_UNIX : 0);
	uid_t		 uid = 0;
	gid_t		 gid = 0;

	/* Before chroot: behind it no name is known. */
	if (privileged && step(sandbox_user(c->users[role], &uid, &gid),
	    c->users[role]) == -1)
		return (-1);
	if (step(limits(role, c, privileged), "limits") == -1 ||
	    step(go_to(role, c, privileged), "directory") == -1)
		return (-1);
	if (privileged && step(become(uid, gid), "user") == -1)
		return (-1);
	if (step(prctl(PR_SET_DUMPABLE, 0), "not dumpable") == -1 ||
	    step(prctl(PR_SET_PDEATHSIG, SIGKILL), "end with parent") == -1 ||
	    step(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
	    "no new privileges") == -1 ||
	    step(landlock(role, c, instance), "Landlock") == -1 ||
	    step(filter(has), "system calls") == -1)
		return (-1);
	return (prove(has, privileged));
}
